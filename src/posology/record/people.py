"""Who may do what in a trial: sites and people, as facts of its record.

Rights are granted and withdrawn by events in the same chain as all else, so who had which right on which day can be
asked as of any moment. What a role may record is a rule of conduct (:mod:`posology.conduct.people_rules`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from annotated_doc import Doc

from posology.record.fact import NoSdtm, fact
from posology.record.facts import Text, TrialFact

Role = Literal["site", "medical monitor", "committee", "statistician", "data manager", "auditor", "administrator"]

_OF_THE_TRIAL = NoSdtm("who works on the trial is no datum of a subject")


@fact(
    verb="release-site",
    sdtm=_OF_THE_TRIAL,
    example='--on 2013-06-03 --site 0401 --name "General Hospital" --training "visit of 2013-05-28"',
)
class SiteReleased(TrialFact):
    """A site may enter patients from this day on: trained, and with its rights in order."""

    site: Annotated[Text, Doc("The site's number.")]
    name: Annotated[Text, Doc("The site's name.")]
    training: Annotated[Text, Doc("What shows that its people are trained.")]


@fact(verb="close-site", sdtm=_OF_THE_TRIAL, example='--on 2014-02-01 --site 0401 --why "No patients"')
class SiteClosed(TrialFact):
    """A site takes no new patients from this day on."""

    site: Annotated[Text, Doc("The site's number.")]
    why: Annotated[Text, Doc("Why.")]


@fact(
    verb="grant-access",
    sdtm=_OF_THE_TRIAL,
    example='--on 2013-06-03 --account cmeyer --name "Dr C. Meyer" --role "medical monitor" --organisation Sponsor',
)
class AccessGranted(TrialFact):
    """A person may work on the trial from this day on, in a role.

    From the first grant on, nobody records anything without a right to. Who records names the account as the author.
    """

    account: Annotated[Text, Doc("The account's name, which stands as author of what the person records.")]
    name: Annotated[Text, Doc("The person's name, as printed beside a signature.")]
    role: Annotated[Role, Doc("What the person may do.")]
    organisation: Annotated[Text, Doc("For whom the person works.")]
    site: Annotated[str | None, Doc("The site whose patients a person of the role site sees and enters.")] = None

    def __post_init__(self) -> None:
        if (self.role == "site") != bool(self.site):
            raise ValueError(
                "a person of the role site has a site, and only such a person: give --site with --role site"
            )


@fact(verb="withdraw-access", sdtm=_OF_THE_TRIAL, example='--on 2014-02-01 --account cmeyer --why "Left the company"')
class AccessWithdrawn(TrialFact):
    """A person works on the trial no longer, from this day on."""

    account: Annotated[Text, Doc("The account's name.")]
    why: Annotated[Text, Doc("Why.")]
