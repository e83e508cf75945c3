"""The trial at a glance: who is at which dose, who had a DLT, what the protocol says comes next and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from starlette.requests import Request
from starlette.responses import Response

from posology.conduct.advice import Advice
from posology.conduct.ahead import look_ahead
from posology.conduct.cohort_advice import advise_cohorts
from posology.conduct.dlt_status import DltStatus, dlt_statuses
from posology.conduct.open_level import slot_holders, slot_of
from posology.conduct.readiness import readiness
from posology.record.facts import DecisionTaken, Enrolled, SlotReserved
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial

MARKS = {
    "DLT": ("✚", "dlt", "had a DLT"),
    "moderate": ("●", "clean", "no DLT"),
    "no DLT": ("●", "clean", "no DLT"),
    "pending": ("◆", "pending", "inside the window"),
    "awaiting judgement": ("?", "judge", "awaits judgement"),
    "not evaluable": ("■", "out", "not evaluable"),
    "reserved": ("○", "reserved", "slot reserved, not yet treated"),
    "free": ("◌", "free", "free slot"),
}
"""Where a patient stands: the mark, its class, and in words."""


@dataclass(frozen=True)
class Chip:
    """One patient, or a free slot, in a lane; without ``patient`` the person may not see who."""

    patient: str
    outcome: str
    why: str
    day: int = 0
    window: int = 0
    until: date | None = None

    @property
    def mark(self) -> tuple[str, str, str]:
        """The mark, its class, and in words."""
        return MARKS[self.outcome]


@dataclass(frozen=True)
class Lane:
    """One dose level with who was treated there."""

    level: int
    dose: str
    standing: str
    chips: tuple[Chip, ...]
    treated: int
    evaluable: int
    dlt: int
    pending: int


@in_trial()
def trial_room(request: Request, view: View) -> Response:
    """Show the lanes, the decision box, and what the next outcomes would mean."""
    trial = view.room.trial
    advice = trial.advise(view.occurred_by, view.known_by)
    whole = view.site is None
    return show(
        request,
        "trial_room.html",
        view=view,
        advice=advice,
        lanes=list(lanes(view, advice)),
        marks=MARKS,
        readiness=readiness(view.state, view.day) if whole else [],
        ahead=look_ahead(view.state, view.day, advice) if whole else [],
        titrates=view.plan.protocol.titration is not None and advice.open_level.level <= _titrated_through(view),
        cohorts=advise_cohorts(view.state, view.day) if whole else [],
        may_decide=view.may_record(DecisionTaken),
        decisions=view.state.trial.decisions if whole else (),
    )


def _titrated_through(view: View) -> int:
    titration = view.plan.protocol.titration
    return titration.through_level if titration else 0


def lanes(view: View, advice: Advice) -> Iterable[Lane]:
    """Yield the levels, highest first."""
    statuses = dlt_statuses(view.state, view.plan, view.day)
    open_ = advice.open_level
    for count in reversed(advice.counts):
        here = [s for s in statuses if s.level == count.level]
        chips = [_chip(view, s) for s in here]
        chips += _waiting(view, count.level, {s.patient for s in here})
        standing = _standing(advice, count.level)
        if count.level == open_.level and open_.mtd is None and not open_.stopped:
            taken = slot_holders(view.state, open_, view.plan.protocol, view.day)
            chips += [Chip("", "free", "a free slot")] * min(max(0, open_.slots - len(taken)), 40)
        yield Lane(
            count.level, count.dose, standing, tuple(chips), count.treated, count.evaluable, count.dlt, count.pending
        )


def _chip(view: View, status: DltStatus) -> Chip:
    window = view.plan.definition.window_days
    day = min(window, max(0, (view.day - status.first_dose).days + 1))
    if not view.sees(status.patient):
        return Chip("", status.outcome, "a patient of another site", day, window, status.until)
    return Chip(status.patient, status.outcome, str(status), day, window, status.until)


def _waiting(view: View, level: int, treated: set[str]) -> list[Chip]:
    """Return those who hold a slot of the level and are not treated yet."""
    chips = []
    for patient in view.state.patients.values():
        slot = None if patient.id in treated else slot_of(view.state, patient, view.plan.protocol, view.day)
        fact = slot.fact if slot else None
        if slot is None or not isinstance(fact, SlotReserved | Enrolled) or patient.first_dose is not None:
            continue
        if fact.cohort is None and fact.level == level:
            seen = view.sees(patient.id)
            why = f"{patient.id}: {slot.kind.replace('_', ' ')} on {slot.occurred}" if seen else "of another site"
            chips.append(Chip(patient.id if seen else "", "reserved", why))
    return chips


def _standing(advice: Advice, level: int) -> str:
    open_ = advice.open_level
    if open_.mtd == level:
        return "declared the MTD"
    if level > open_.ceiling:
        return "closed"
    if open_.stopped:
        return "dose finding has stopped"
    if open_.mtd is None and level == open_.level:
        return "open"
    return "open for backfilling" if open_.backfill(level) else ""


@in_trial(lambda view: view.may_read or view.may_manage)
def head(request: Request, view: View) -> Response:
    """Say the number of the last event that the person may see."""
    number = view.events[-1].seq if view.events else 0
    return Response(f"{number}\n", media_type="text/plain")
