"""Tumour responses and the rules they are derived by: words shared by RECIST 1.1, iRECIST and the investigator's
reading.

Eisenhauer EA, Therasse P, Bogaerts J, et al. New response evaluation criteria in solid tumours: revised RECIST
guideline (version 1.1). Eur J Cancer 2009;45:228-247.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

import numpy as np

from posology.shared.arrays import Bools, Ints

MM_TOLERANCE = 1e-9
NEVER = -1


class Response(IntEnum):
    """A response: of the target lesions, of the others, or overall.

    ABSENT: no assessment; NONE: no such lesions; ND: a visit at which no assessment was done; UPD: progression not yet
    confirmed (iRECIST), of which PD is then the confirmed kind; NED: no evidence of disease, in a patient without any
    lesion at the baseline.
    """

    ABSENT = 0
    NONE = 1
    NE = 2
    PD = 3
    SD = 4
    NON_CR_NON_PD = 5
    PR = 6
    CR = 7
    ND = 8
    UPD = 9
    NED = 10

    @property
    def text(self) -> str:
        """The response as it is written."""
        return {"ABSENT": "MISSING", "NON_CR_NON_PD": "non-CR/non-PD", "UPD": "iUPD"}.get(self.name, self.name)

    @property
    def immune_text(self) -> str:
        """The response as iRECIST writes it."""
        names = {"CR": "iCR", "PR": "iPR", "SD": "iSD", "PD": "iCPD", "NON_CR_NON_PD": "non-iCR/non-iUPD"}
        return names.get(self.name, self.text)

    @staticmethod
    def read(text: str) -> Response:
        """Return the response that a text names, in RECIST's words or iRECIST's, whatever the case.

        Raises
        ------
        ValueError
            for a text that names none.

        Examples
        --------
        >>> Response.read("Non-CR/Non-PD").name, Response.read("iCPD").name
        ('NON_CR_NON_PD', 'PD')
        """
        word = text.strip().upper()
        if word not in WORDS:
            known = ", ".join(sorted({r.text for r in WORDS.values()}))
            raise ValueError(f"{text!r} is no response by RECIST 1.1 or iRECIST; known are {known}")
        return WORDS[word]


_READ = [
    Response.CR,
    Response.PR,
    Response.SD,
    Response.NON_CR_NON_PD,
    Response.PD,
    Response.UPD,
    Response.NE,
    Response.ND,
    Response.NED,
]
WORDS = {form.upper(): r for r in _READ for form in (r.text, r.immune_text)} | {
    "NOT EVALUABLE": Response.NE,
    "NOT DONE": Response.ND,
    "MISSING": Response.ABSENT,
}
Criteria = Literal["RECIST 1.1", "iRECIST", "CA-125", "RECIST 1.1 and CA-125"]

_CRITERIA: dict[str, Criteria] = {
    "RECIST": "RECIST 1.1",
    "RECIST11": "RECIST 1.1",
    "RECISTV11": "RECIST 1.1",
    "RECISTVERSION11": "RECIST 1.1",
    "IRECIST": "iRECIST",
    "CA125": "CA-125",
    "GCIG": "CA-125",
    "GCIGCA125": "CA-125",
    "GCIGCA1252011": "CA-125",
    "RECIST11CA125": "RECIST 1.1 and CA-125",
    "RECIST11ANDCA125": "RECIST 1.1 and CA-125",
    "RECIST11ANDGCIG": "RECIST 1.1 and CA-125",
    "RECIST11GCIG": "RECIST 1.1 and CA-125",
}


def criteria_named(category: str | None, result: str = "") -> Criteria | None:
    """Return the criteria by which a recorded response was judged; None for those that are not known here.

    Parameters
    ----------
    category
        what the record says of the criteria (SDTM: RSCAT); where nothing is said it is RECIST 1.1, or iRECIST if the
        response is in its words.
    result
        the response.

    Examples
    --------
    >>> criteria_named("RECIST 1.1"), criteria_named(None, "iUPD"), criteria_named("IMWG"), criteria_named("RECIST 1.1 - CA125")
    ('RECIST 1.1', 'iRECIST', None, 'RECIST 1.1 and CA-125')
    """
    if not (category or "").strip():
        word = result.strip().upper()
        return "iRECIST" if word.startswith(("I", "NON-I")) else "RECIST 1.1"
    return _CRITERIA.get(re.sub(r"[^A-Z0-9]", "", (category or "").upper()))


STABLE = (Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD)  # no progression, and evaluable


class Reason(IntEnum):
    """Why a response is not evaluable."""

    NONE = 0
    NOT_ASSESSED = 1
    NO_BASELINE = 2
    BASELINE_UNMEASURED = 3
    TARGET_MISSING = 4
    OTHER_MISSING = 5
    BAD_DATA = 6
    NO_LESIONS = 7
    ALL_NOT_EVALUABLE = 8
    TOO_EARLY = 9

    @property
    def text(self) -> str:
        """The reason in words; empty where the response is evaluable."""
        return {
            "NONE": "",
            "NOT_ASSESSED": "no assessment after the baseline",
            "NO_BASELINE": "no baseline assessment",
            "BASELINE_UNMEASURED": "a target lesion was not measured at baseline",
            "TARGET_MISSING": "a target lesion was not evaluated",
            "OTHER_MISSING": "a non-target lesion was not evaluated",
            "BAD_DATA": "the data contradict themselves: see the findings",
            "NO_LESIONS": "no lesions at baseline",
            "ALL_NOT_EVALUABLE": "no assessment was evaluable",
            "TOO_EARLY": "stable only before the minimum interval from the start",
        }[self.name]


@dataclass(frozen=True)
class RecistRules:
    """How responses are derived. The defaults are the published criteria; each field is one question they are asked.

    Parameters
    ----------
    name
        of the set of rules.
    too_small_mm
        what a lesion too small to measure counts (section 4.3.1).
    dated
        the day of an assessment done over several days: of its first or its last measurement.
    confirmation_days
        days after which a CR or PR must be seen again; 0: none is asked for (section 4.6).
    minimum_sd_days
        days from the start to an assessment that may count as stable disease (section 4.4.1).
    from_start
        whether what was assessed before the start is left out (section 4.4.1: from the start of the treatment).
    max_ne
        how many not evaluable assessments may lie between a response and its confirmation. The guideline names
        PR-NE-PR as one that may be confirmed (section 4.4.2).
    accept_sd
        whether one SD may lie between a PR and its confirmation.
    missed_is_ne
        whether an assessment that was not done, or is missing between others, counts as not evaluable (section 4.4.2).
    disease_after_cr
        ``progression``: disease seen after a CR is PD (note to table 3); ``recoded``: a CR that was not confirmed and
        was followed by disease is read as PR (the same note: lesions were likely there all along); ``as recorded``.
    pr_then_sd_stands
        whether SD that follows a PR is SD whatever the minimum (table 3 has no proviso in that row alone).
    pr_continues
        whether target lesions that have reached PR stay in PR until progression, though their sum has come back above
        70 % of the baseline (a clarification of the RECIST group, not in the guideline).
    missing_as_ne
        whether a patient without any assessment is NE; otherwise missing.
    """

    name: str = "RECIST 1.1"
    too_small_mm: float = 5.0
    dated: Literal["first", "last"] = "last"
    confirmation_days: int = 28
    minimum_sd_days: int = 42
    from_start: bool = True
    max_ne: int = 1
    accept_sd: bool = False
    missed_is_ne: bool = True
    disease_after_cr: Literal["progression", "recoded", "as recorded"] = "progression"
    pr_then_sd_stands: bool = True
    pr_continues: bool = False
    missing_as_ne: bool = True

    def __post_init__(self) -> None:
        for field in ("too_small_mm", "confirmation_days", "minimum_sd_days", "max_ne"):
            if getattr(self, field) < 0:
                raise ValueError(f"{field} is {getattr(self, field)}: it cannot be negative")
        for field, allowed in (
            ("dated", ("first", "last")),
            ("disease_after_cr", ("progression", "recoded", "as recorded")),
        ):
            if getattr(self, field) not in allowed:
                raise ValueError(f"{field} is {getattr(self, field)!r}: allowed are {', '.join(allowed)}")


RECIST_11 = RecistRules()

#: What the R package admiralonco 1.4 does with recorded responses, where it departs from the published criteria.
ADMIRALONCO = RecistRules(
    "admiralonco",
    dated="first",
    from_start=False,
    missed_is_ne=False,
    disease_after_cr="as recorded",
    pr_then_sd_stands=False,
    missing_as_ne=False,
)


def overall(target: Ints, non_target: Ints, new: Bools) -> Ints:
    """Return the overall response of an assessment from its parts (tables 1 and 2 of the guideline).

    Arrays of one shape, of :class:`Response`; ``NONE`` where the patient has no such lesions.

    Parameters
    ----------
    target, non_target
        response of the target and of the other lesions.
    new
        whether there is a new lesion.

    Examples
    --------
    >>> Response(overall(np.array([Response.CR]), np.array([Response.NE]), np.array([False]))[0]).name
    'PR'
    """
    progressed = (target == Response.PD) | (non_target == Response.PD) | new
    no_other = (non_target == Response.CR) | (non_target == Response.NONE)
    cases: list[tuple[Bools, int | Ints]] = [
        (target == Response.ABSENT, Response.ABSENT),
        (progressed, Response.PD),
        ((target == Response.NONE) & (non_target == Response.NONE), Response.NE),
        (target == Response.NONE, non_target),
        ((target == Response.CR) & no_other, Response.CR),
        ((target == Response.CR) | (target == Response.PR), Response.PR),
        (target == Response.SD, Response.SD),
    ]
    return np.select(
        [when for when, _ in cases], [np.broadcast_to(what, target.shape) for _, what in cases], Response.NE
    )
