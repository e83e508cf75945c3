"""What the protocol's design says next, on what was known on a day: the advice beside which the committee decides.

The design sees the patients evaluable for DLT. Patients still inside their window are not guessed at: the advice waits
for them, unless the design says the same whatever they turn out to show. That is found by asking it about every
possible outcome at once, as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import product

import numpy as np

from posology.conduct.dlt_status import DltStatus, dlt_statuses
from posology.conduct.open_level import OpenLevel, open_level, slot_holders
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.designs import Action, Decision, Tally
from posology.designs.tally import NONE
from posology.record.event import Event
from posology.record.state import State


@dataclass(frozen=True)
class Count:
    """The patients at one dose level, on a day."""

    level: int
    dose: str
    treated: int
    evaluable: int
    dlt: int
    moderate: int
    pending: int
    not_evaluable: int
    patients: tuple[str, ...]
    sources: tuple[Event, ...]


@dataclass(frozen=True)
class Advice:
    """What the design says next.

    ``action`` is one of: escalate, expand (more patients at the level), stay (fill the cohort, or wait), de-escalate,
    declare MTD, stop; and, once that was decided: MTD declared, stopped. ``level`` is the level it is about, ``more``
    how many patients to enrol there beyond those enrolled, ``why`` the reason in words. ``settled`` tells that the
    pending patients cannot change it.
    """

    on: date
    action: str
    level: int | None
    dose: str | None
    more: int
    why: str
    settled: bool
    counts: tuple[Count, ...]
    pending: tuple[DltStatus, ...]
    open_level: OpenLevel
    protocol_version: str

    def plain(self) -> dict[str, object]:
        """Return the advice as the record keeps it beside the committee's decision."""
        return {
            "on": self.on.isoformat(),
            "action": self.action,
            "level": self.level,
            "more": self.more,
            "why": self.why,
            "counts": [
                {"level": c.level, "treated": c.treated, "evaluable": c.evaluable, "dlt": c.dlt, "pending": c.pending}
                for c in self.counts
            ],
            "pending": [str(s) for s in self.pending],
        }


NAMES = {
    Action.ESCALATE: "escalate",
    Action.STAY: "expand",
    Action.DEESCALATE: "de-escalate",
    Action.DECLARE: "declare MTD",
    Action.STOP: "stop",
}


def advise(state: State, on: date) -> Advice:
    """Return what the design in force says about the state on a day."""
    plan = plan_in_force(state, on)
    known = dlt_statuses(state, plan, on)
    open_ = open_level(state, plan.protocol, plan.first_cohort, on)
    counts = tuple(_count(level, plan, known) for level in range(1, plan.levels + 1))
    pending = tuple(s for s in known if s.outcome == "pending")

    def answer(action: str, level: int | None, more: int, why: str, settled: bool = True) -> Advice:
        dose = plan.protocol.dose.dose_label(level) if level else None
        return Advice(on, action, level, dose, more, why, settled, counts, pending, open_, plan.protocol.version)

    if open_.mtd is not None:
        return answer("MTD declared", open_.mtd, 0, f"declared by {open_.reason()}")
    if open_.stopped:
        return answer("stopped", None, 0, f"dose finding was stopped by {open_.reason()}")

    tally = _tally(counts, open_)
    decision = plan.design.decide(tally)
    action, level = Action(int(decision.action[0])), int(decision.level[0]) + 1
    why, more = decision.words(tally), int(decision.patients_to_treat[0])
    here = [s for s in pending if s.level == open_.level]
    taken = slot_holders(state, open_)
    free, treated = max(0, open_.slots - len(taken)), {s.patient for s in known}
    untreated = [p for p in taken if p not in treated]
    if action is Action.STAY:
        missing = more - len(here) - len(untreated)
        granted = missing - free
        if granted > 0:
            return answer("expand", level, missing, why)
        if missing > 0:
            return answer("stay", level, missing, f"{why}; {free} of {open_.slots} slots are free")
        return answer("stay", level, 0, f"{why}; {_waiting(here, untreated)}", settled=False)
    rises = action is Action.ESCALATE or (action is Action.DECLARE and level >= open_.level)
    if rises and (open_places := min(free, _advised(open_) - len(taken))) > 0:
        return answer(
            "stay",
            open_.level,
            open_places,
            f"{len(taken)} of {open_.slots} slots at level {open_.level} are taken; fill the cohort",
        )
    if rises and untreated:
        return answer("stay", open_.level, 0, f"{_waiting((), untreated)}; without them: {why}", settled=False)
    if pending:
        every = plan.design.decide(_completions(tally, pending))
        if not _unanimous(every, decision):
            return answer("stay", open_.level, 0, f"{_waiting(pending, ())}; without them: {why}", settled=False)
        why = f"{why}; the {len(pending)} pending cannot change that"
    return answer(NAMES[action], None if action is Action.STOP else level, more, why)


def _advised(open_: OpenLevel) -> int:
    """Return how many patients the design asked for when the level was opened: a committee that gave more may leave them out."""
    told = (open_.decision.fact.advice or {}) if open_.decision else {}
    return min(open_.slots, int(told.get("more") or open_.slots))


def _count(level: int, plan: ConductPlan, known: tuple[DltStatus, ...]) -> Count:
    here = [s for s in known if s.level == level]
    number = lambda *outcomes: sum(s.outcome in outcomes for s in here)
    return Count(
        level=level,
        dose=plan.protocol.dose.dose_label(level),
        treated=len(here),
        evaluable=number("DLT", "moderate", "no DLT"),
        dlt=number("DLT"),
        moderate=number("moderate"),
        pending=number("pending"),
        not_evaluable=number("not evaluable"),
        patients=tuple(s.patient for s in here),
        sources=tuple(event for s in here for event in s.sources),
    )


def _tally(counts: tuple[Count, ...], open_: OpenLevel) -> Tally:
    treated = np.array([[c.evaluable for c in counts]])
    toxic = np.array([[c.dlt for c in counts]])
    moderate = np.array([[c.moderate for c in counts]])
    begun = open_.decision is not None or treated.any()
    return Tally(
        treated, toxic, np.array([open_.level - 1 if begun else NONE]), moderate, np.array([open_.ceiling - 1])
    )


def _completions(tally: Tally, pending: tuple[DltStatus, ...]) -> Tally:
    """Return a batch with every number of DLTs that the pending patients may still show, level by level."""
    waiting = np.zeros(tally.levels, dtype=np.int64)
    for standing in pending:
        waiting[standing.level - 1] += 1
    outcomes = np.array(list(product(*(range(k + 1) for k in waiting))))
    rows = len(outcomes)
    return Tally(
        np.repeat(tally.treated + waiting, rows, axis=0),
        tally.dlts + outcomes,
        np.repeat(tally.level, rows),
        np.repeat(tally.moderate, rows, axis=0),
        np.repeat(tally.ceiling, rows),
    )


def _unanimous(every: Decision, decision: Decision) -> bool:
    same = (every.action == decision.action[0]) & (every.level == decision.level[0])
    return bool(same.all())


def _waiting(pending: tuple[DltStatus, ...] | list[DltStatus], untreated: list[str] | tuple[()]) -> str:
    return "wait for " + ", ".join(
        [*(s.patient for s in pending), *(f"{p} (enrolled, not yet treated)" for p in untreated)]
    )
