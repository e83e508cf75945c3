"""The rules of conduct for people and sites: who may record what, and where patients come from.

A record without a grant is one person's own: everybody writes to it. From the first grant on (it makes an
administrator) each event needs a right of its author, given by the author's role and, for the role site, by the site.
"""

from __future__ import annotations

from posology.conduct.rules import EventRequest, absolute
from posology.record import facts as f
from posology.record.event import Event
from posology.record.fact import KINDS, Fact
from posology.record.people import AccessGranted, AccessWithdrawn, SiteClosed, SiteReleased
from posology.record.review import CourseEndorsed, EventReviewed, QueryClosed, QueryRaised
from posology.record.state import State

PATIENT_KINDS = frozenset(kind for kind in KINDS.values() if kind.about == "patient")
REVIEWS = frozenset({QueryRaised, QueryClosed, EventReviewed})
JUDGEMENTS = frozenset({f.DltAdjudicated})
DECISIONS = frozenset({f.DecisionTaken, f.DecisionSigned})
PEOPLE = frozenset({AccessGranted, AccessWithdrawn, SiteReleased, SiteClosed})
TRIAL_KINDS = frozenset(kind for kind in KINDS.values() if kind.about == "trial") - PEOPLE

RIGHTS: dict[str, frozenset[type[Fact]]] = {
    "site": PATIENT_KINDS - JUDGEMENTS - REVIEWS,
    "medical monitor": JUDGEMENTS | DECISIONS | REVIEWS,
    "committee": JUDGEMENTS | DECISIONS | REVIEWS,
    "statistician": DECISIONS | REVIEWS | {f.CutoffLocked},
    "data manager": PATIENT_KINDS - JUDGEMENTS - {CourseEndorsed} | TRIAL_KINDS - DECISIONS,
    "auditor": frozenset(),
    "administrator": PEOPLE,
}
"""Which kinds of event each role records, corrects and voids. All but the administrator read the whole trial; a site
reads its own patients."""


def access_of(state: State, account: str) -> AccessGranted | None:
    """Return the right under which an account works, by the record; None if it has none."""
    last: AccessGranted | None = None
    for event in _by_entry(state, AccessGranted, AccessWithdrawn):
        fact = event.fact
        if isinstance(fact, AccessGranted) and fact.account == account:
            last = fact
        elif isinstance(fact, AccessWithdrawn) and fact.account == account:
            last = None
    return last


def has_people(state: State) -> bool:
    """Whether the record says who may work on the trial: from then on, nobody else does."""
    return bool(state.trial.of(AccessGranted))


def people(state: State) -> list[AccessGranted]:
    """Return everybody who may work on the trial, in the order of their names."""
    accounts = {event.fact.account for event in state.trial.of(AccessGranted)}  # type: ignore[attr-defined]
    return [access for account in sorted(accounts) if (access := access_of(state, account)) is not None]


def open_sites(state: State) -> dict[str, str]:
    """Return the sites that may enter patients, with their names."""
    sites: dict[str, str] = {}
    for event in _by_entry(state, SiteReleased, SiteClosed):
        fact = event.fact
        if isinstance(fact, SiteReleased):
            sites[fact.site] = fact.name
        elif isinstance(fact, SiteClosed):
            sites.pop(fact.site, None)
    return sites


def _by_entry(state: State, *kinds: type[Fact]) -> list[Event]:
    return sorted((e for kind in kinds for e in state.trial.of(kind)), key=lambda e: state.origin.get(e.seq, e.seq))


@absolute
def author_has_the_right(request: EventRequest) -> str | None:
    """Everybody records what their role allows, and a site its own patients."""
    state = request.state
    if not has_people(state) and not isinstance(request.fact, AccessGranted):
        return None
    if not has_people(state):
        return None if request.fact.role == "administrator" else "the first right given is an administrator's"
    access = access_of(state, request.author)
    if access is None:
        return f"{request.author} has no right to work on this trial"
    kind = type(request.corrects.fact) if request.corrects else type(request.fact)
    what = kind.kind.replace("_", " ")
    if kind not in RIGHTS[access.role]:
        return f"{request.author} ({access.role}) has no right to record: {what}"
    return _other_site(request, access)


def _other_site(request: EventRequest, access: AccessGranted) -> str | None:
    """Say that a person of a site writes about a patient of another."""
    if access.site is None or request.patient_id is None:
        return None
    consent = request.fact if isinstance(request.fact, f.Consented) else None
    site = consent.site if consent else site_of(request.state, request.patient_id)
    if site == access.site:
        return None
    return (
        f"{request.author} is of site {access.site}; {request.patient_id} is of {f'site {site}' if site else 'no site'}"
    )


def site_of(state: State, patient: str) -> str | None:
    """Return the site of a patient, by the consent."""
    known = state.patients.get(patient)
    consent = known.consent.fact if known and known.consent else None
    return consent.site if isinstance(consent, f.Consented) else None


def site_is_released(request: EventRequest) -> str | None:
    """A patient consents at a site that was released, once the record names sites."""
    sites, site = open_sites(request.state), request.fact.site
    if not request.state.trial.of(SiteReleased):
        return None if site is None else f"site {site} was not released: posology trial release-site"
    if site in sites:
        return None
    return f"{f'site {site}' if site else 'no site'} is open; open are {', '.join(sites) or 'none'}"


@absolute
def site_fits(request: EventRequest) -> str | None:
    """A site is released once, and closed after that."""
    is_open = request.fact.site in open_sites(request.state)
    if isinstance(request.fact, SiteReleased):
        return f"site {request.fact.site} is open" if is_open and request.corrects is None else None
    return None if is_open else f"site {request.fact.site} is not open"


@absolute
def right_to_withdraw(request: EventRequest) -> str | None:
    """A right that is withdrawn was given."""
    return (
        None if access_of(request.state, request.fact.account) else f"{request.fact.account} has no right to withdraw"
    )


@absolute
def an_administrator_stays(request: EventRequest) -> str | None:
    """There is always an administrator: else nobody could give a right."""
    fact = request.fact
    if isinstance(fact, AccessGranted) and fact.role == "administrator":
        return None
    before = access_of(request.state, fact.account)
    if before is None or before.role != "administrator":
        return None
    others = [a for a in people(request.state) if a.role == "administrator" and a.account != fact.account]
    return None if others else f"{fact.account} is the only administrator: give that right to another first"


@absolute
def site_is_known(request: EventRequest) -> str | None:
    """A person of a site is of one that was released."""
    site = request.fact.site
    released = {event.fact.site for event in request.state.trial.of(SiteReleased)}  # type: ignore[attr-defined]
    return None if site is None or site in released else f"site {site} was not released: release it first"
