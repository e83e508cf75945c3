"""What the protocol's design says next, on what was known on a day: the advice beside which the committee decides.

The design sees the patients evaluable for DLT. Patients still inside their window are not guessed at: the advice waits
for them, unless the design says the same whatever they turn out to show. That is found by asking it about every
possible outcome at once, as one batch. A design that counts patients for the part of their window they were followed
goes on without waiting; the MTD it declares waits for every window, as in its paper.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np

from posology.conduct.dlt_status import UNDECIDED, DltStatus, dlt_statuses
from posology.conduct.live_tally import backfill_levels, completions, live_tally, not_counted, treated_beside
from posology.conduct.open_level import OpenLevel, open_level, slot_holders
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.designs import Action, Decision, Tally
from posology.designs.tally import DependsOn
from posology.record.event import Event
from posology.record.facts import DltAdjudicated
from posology.record.state import State
from posology.shared.text import counted


@dataclass(frozen=True)
class Count:
    """The patients at one dose level, on a day; ``awaiting`` of the ``pending`` await a judgement, the others the
    window's end."""

    level: int
    dose: str
    treated: int
    evaluable: int
    dlt: int
    moderate: int
    pending: int
    awaiting: int
    not_evaluable: int
    patients: tuple[str, ...]
    sources: tuple[Event, ...]


@dataclass(frozen=True)
class Advice:
    """What the design says next.

    ``action`` is one of: escalate, expand (more patients at the level), stay (fill the cohort, or wait), de-escalate,
    declare MTD, stop; and, once that was decided: MTD declared, stopped. ``level`` is the level it is about, ``more``
    how many patients to enrol there beyond those enrolled, ``why`` the reason in words. ``settled`` tells that the
    undecided patients (``pending``: inside the window or awaiting judgement) cannot change it. ``backfill`` are the
    levels that a backfilling design opens beside the escalation, with how many more patients each takes.
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
    backfill: dict[int, int]

    def plain(self) -> dict[str, object]:
        """Return the advice as the record keeps it beside the committee's decision."""
        return {
            "on": self.on.isoformat(),
            "action": self.action,
            "level": self.level,
            "more": self.more,
            "why": self.why,
            "counts": [
                {
                    "level": c.level,
                    "treated": c.treated,
                    "evaluable": c.evaluable,
                    "dlt": c.dlt,
                    "pending": c.pending,
                }
                for c in self.counts
            ],
            "pending": [str(s) for s in self.pending],
            **({"backfill": {str(level): more for level, more in self.backfill.items()}} if self.backfill else {}),
        }


NAMES = {
    Action.ESCALATE: "escalate",
    Action.STAY: "expand",
    Action.DEESCALATE: "de-escalate",
    Action.DECLARE: "declare MTD",
    Action.STOP: "stop",
}


def advise(state: State, on: date) -> Advice:
    """Return what the design in force says about the state on a day.

    The rule is asked on the counts as they are. If it says to go down or to stop, that is the answer at once; to go up,
    the cohort that was planned must be complete. ``settled`` only if no outcome of the undecided patients, inside their
    window or awaiting judgement, could change the answer.
    """
    day = _Day(state, on)
    open_ = day.open_level
    if open_.mtd is not None:
        return day.answer("MTD declared", open_.mtd, 0, f"declared by {open_.reason()}")
    if open_.stopped:
        return day.answer("stopped", None, 0, f"dose finding was stopped by {open_.reason()}")
    decision = day.decision
    action, level = Action(int(decision.action[0])), int(decision.level[0]) + 1
    why, settled = decision.words(day.tally), day.is_settled(decision)
    if day.statuses and not day.tally.treated.any():
        why = f"nobody of the {len(day.statuses)} treated is evaluable yet"
    if action is Action.WAIT:
        return day.answer("stay", open_.level, 0, why, settled=False)
    if action < Action.DECLARE and day.escalation_is_through:
        return day.mtd_of_a_backfilling_design()
    if action is Action.STAY:
        return day.fill(level, int(decision.patients_to_treat[0]), why, settled)
    rises = action is Action.ESCALATE or (action is Action.DECLARE and level >= open_.level)
    held_back = day.held_back(why, settled, rises=rises) if rises or action is Action.DECLARE else None
    if held_back is not None:
        return held_back
    why = day.with_undecided(why, settled, final=action is Action.DECLARE)
    more = int(decision.patients_to_treat[0])
    return day.answer(NAMES[action], None if action is Action.STOP else level, more, why, settled)


@dataclass(frozen=True)
class _Day:
    """A live trial on a day, and the answers that its slots and undecided patients allow."""

    state: State
    on: date

    @cached_property
    def plan(self) -> ConductPlan:
        return plan_in_force(self.state, self.on)

    @cached_property
    def statuses(self) -> tuple[DltStatus, ...]:
        return dlt_statuses(self.state, self.plan, self.on)

    @cached_property
    def open_level(self) -> OpenLevel:
        return open_level(self.state, self.plan.protocol, self.plan.first_cohort, self.on)

    @cached_property
    def tally(self) -> Tally:
        return live_tally(self.plan, self.statuses, self.open_level, self.on)

    @cached_property
    def undecided(self) -> tuple[DltStatus, ...]:
        return tuple(s for s in self.statuses if s.outcome in UNDECIDED)

    @cached_property
    def beside(self) -> frozenset[str]:
        """The patients of backfilling: the escalation does not wait for their windows."""
        return treated_beside(self.state, self.plan) if self.plan.backfills else frozenset()

    @cached_property
    def awaited(self) -> tuple[DltStatus, ...]:
        """The undecided patients whom the design does not count, and whom the escalation waits for."""
        waits = (s for s in self.undecided if s.patient not in self.beside or s.outcome != "pending")
        return not_counted(self.plan, waits)

    @cached_property
    def taken(self) -> tuple[str, ...]:
        """Who holds the slots of the open level."""
        return slot_holders(self.state, self.open_level, self.plan.protocol, self.on)

    @cached_property
    def untreated(self) -> list[str]:
        treated = {s.patient for s in self.statuses}
        return [patient for patient in self.taken if patient not in treated]

    @cached_property
    def decision(self) -> Decision:
        """What the design decides; one that backfills is asked patient by patient and treats cohorts."""
        decision = self.plan.escalation.decide(self.tally)
        if self.plan.backfills is None or int(decision.action[0]) >= Action.DECLARE:
            return decision
        more = self.plan.backfills.cohort
        if Action(int(decision.action[0])) is Action.STAY:
            here = sum(s.level == self.open_level.level for s in self.awaited)
            more = max(1, self.free or more - here - len(self.untreated))
        return replace(decision, patients_to_treat=np.array([more]))

    @property
    def free(self) -> int:
        return max(0, self.open_level.slots - len(self.taken))

    def is_settled(self, decision: Decision) -> bool:
        """Whether the design decides the same whatever those awaited turn out to show; an MTD awaits everybody."""
        final = Action(int(decision.action[0])) is Action.DECLARE
        awaited, tally = (self.undecided, self.decided_tally) if final else (self.awaited, self.tally)
        if not awaited:
            return True
        every = self.plan.escalation.decide(completions(tally, awaited))
        return bool(((every.action == decision.action[0]) & (every.level == decision.level[0])).all())

    @property
    def decided_tally(self) -> Tally:
        """The tally without those inside their window."""
        decided = (s for s in self.statuses if s.outcome not in UNDECIDED)
        return live_tally(self.plan, decided, self.open_level, self.on)

    def with_undecided(self, why: str, settled: bool, final: bool = False) -> str:
        """Add to a reason what the undecided patients could do to it; a ``final`` one awaits them all."""
        if not self.undecided:
            return why
        if not settled:
            could = ", ".join(s.patient for s in self.undecided)
            return f"{why}; that is by what is known now: {could} could change it"
        if self.plan.uses_follow_up and not self.awaited and not final:
            return f"{why}; {len(self.undecided)} inside the window counted for the part followed"
        return f"{why}; the {len(self.undecided)} pending cannot change that"

    def answer(self, action: str, level: int | None, more: int, why: str, settled: bool = True) -> Advice:
        """Return the advice."""
        protocol = self.plan.protocol
        return Advice(
            self.on,
            action,
            level,
            protocol.dose.dose_label(level) if level else None,
            more,
            why,
            settled,
            tuple(_count(number, self.plan, self.statuses) for number in range(1, self.plan.levels + 1)),
            self.undecided,
            self.open_level,
            protocol.version,
            backfill_levels(self.state, self.plan, self.statuses, self.open_level, self.on),
        )

    def fill(self, level: int, more: int, why: str, settled: bool) -> Advice:
        """Answer that more patients are treated at the level: as many as are missing, or nobody until those there are
        known."""
        here = [s for s in self.awaited if s.level == self.open_level.level]
        missing = more - len(here) - len(self.untreated)
        if self.plan.backfills:
            missing = self.free or self.plan.backfills.cohort - len(here) - len(self.untreated)
        if missing <= 0:
            return self.answer("stay", level, 0, f"{why}; {_waiting(here, self.untreated)}", settled=False)
        if missing > self.free:
            return self.answer("expand", level, missing, self.with_undecided(why, settled), settled)
        why = f"{why}; {self.free} of {counted(self.open_level.slots, 'slot')} free"
        return self.answer("stay", level, missing, self.with_undecided(why, settled), settled)

    def held_back(self, why: str, settled: bool, *, rises: bool) -> Advice | None:
        """Answer that the cohort is filled, or waited for, before the trial goes up or ends; None if nothing is to wait
        for."""
        level, slots = self.open_level.level, self.open_level.slots
        to_fill = min(self.free, _advised(self.open_level) - len(self.taken))
        if rises and to_fill > 0:
            fill = f"{len(self.taken)} of {counted(slots, 'slot')} at level {level} taken; fill the cohort"
            return self.answer("stay", level, to_fill, self.with_undecided(fill, settled), settled)
        if rises and self.untreated:
            waits = _waiting((), self.untreated)
        elif not settled:
            waits = _waiting(self.undecided, ())
        else:
            return None
        return self.answer("stay", level, 0, f"{waits}; without them: {why}", settled=False)

    @property
    def escalation_is_through(self) -> bool:
        """Whether a backfilling design has had the patients of its escalation, all of them known."""
        if self.plan.backfills is None:
            return False
        lead = [s for s in self.statuses if s.patient not in self.beside and s.outcome != "not evaluable"]
        return len(lead) >= self.plan.backfills.max_patients and not any(s.outcome in UNDECIDED for s in lead)

    def mtd_of_a_backfilling_design(self) -> Advice:
        """Answer with the MTD once the escalation has had its patients."""
        assert self.plan.backfills is not None
        mtd = int(self.plan.escalation.select(self.tally)[0]) + 1
        reached = f"the {self.plan.backfills.max_patients} patients of the escalation are treated"
        every = self.plan.escalation.select(completions(self.decided_tally, self.undecided))
        if (every != mtd - 1).any():
            without = f"without them: level {mtd}" if mtd else "without them: no level is safe"
            waits = f"{reached}; {_waiting(self.undecided, ())}; {without}"
            return self.answer("stay", self.open_level.level, 0, waits, settled=False)
        if mtd:
            return self.answer("declare MTD", mtd, 0, reached)
        return self.answer("stop", None, 0, f"{reached}; no level is safe")


def too_toxic(state: State, on: date, level: int) -> str | None:
    """Say why the design, asked on a day about a level, would not treat anybody more there; None if it would."""
    plan = plan_in_force(state, on)
    if plan.design.depends_on is not DependsOn.SCORES and not any(
        p.of(DltAdjudicated) for p in state.patients.values()
    ):
        return None  # without a DLT no level is
    state = state.until(on)
    statuses = dlt_statuses(state, plan, on)
    open_ = open_level(state, plan.protocol, plan.first_cohort, on)
    tally = live_tally(plan, statuses, open_, on, level)
    if not tally.dlts.any() and not tally.toxicity_score_sum.any():
        return None
    decision = plan.escalation.decide(tally)
    action, advised = Action(int(decision.action[0])), int(decision.level[0]) + 1
    lower = action in (Action.DEESCALATE, Action.DECLARE) and advised < level
    if not lower and action is not Action.STOP:
        return None
    return f"asked on {on} about level {level}, the design says: {decision.words(tally)}"


def _advised(open_: OpenLevel) -> int:
    """Return how many patients the design asked for when the level was opened: a committee that gave more may leave
    them out."""
    told = (open_.decision.fact.advice or {}) if open_.decision else {}
    return min(open_.slots, int(told.get("more") or open_.slots))


def _count(level: int, plan: ConductPlan, known: tuple[DltStatus, ...]) -> Count:
    here = [s for s in known if s.level == level]

    def number(*outcomes: str) -> int:
        return sum(s.outcome in outcomes for s in here)

    return Count(
        level=level,
        dose=plan.protocol.dose.dose_label(level),
        treated=len(here),
        evaluable=number("DLT", "moderate", "no DLT"),
        dlt=number("DLT"),
        moderate=number("moderate"),
        pending=number(*UNDECIDED),
        awaiting=number("awaiting judgement"),
        not_evaluable=number("not evaluable"),
        patients=tuple(s.patient for s in here),
        sources=tuple(event for s in here for event in s.sources),
    )


def _waiting(pending: tuple[DltStatus, ...] | list[DltStatus], untreated: list[str] | tuple[()]) -> str:
    return "wait for " + ", ".join(
        [*(s.patient for s in pending), *(f"{p} (enrolled, not yet treated)" for p in untreated)]
    )
