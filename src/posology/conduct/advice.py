"""What the protocol's design says next, on what was known on a day: the advice beside which the committee decides.

The design sees the patients evaluable for DLT. Patients still inside their window are not guessed at: the advice waits
for them, unless the design says the same whatever they turn out to show. That is found by asking it about every
possible outcome at once, as one batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.conduct.dlt_status import UNDECIDED, DltStatus, dlt_statuses
from posology.conduct.live_tally import backfill_levels, completions, live_tally, not_counted, treated_beside
from posology.conduct.open_level import OpenLevel, open_level, slot_holders
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.designs import Action, Decision
from posology.designs.tally import DependsOn
from posology.record.event import Event
from posology.record.facts import DltAdjudicated
from posology.record.state import State


@dataclass(frozen=True)
class Count:
    """The patients at one dose level, on a day; ``awaiting`` of the ``pending`` await a judgement, the others the window's end."""

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
    plan = plan_in_force(state, on)
    statuses = dlt_statuses(state, plan, on)
    open_ = open_level(state, plan.protocol, plan.first_cohort, on)
    counts = tuple(_count(level, plan, statuses) for level in range(1, plan.levels + 1))
    undecided = tuple(s for s in statuses if s.outcome in UNDECIDED)

    def answer(action: str, level: int | None, more: int, why: str, settled: bool = True) -> Advice:
        dose = plan.protocol.dose.dose_label(level) if level else None
        version, backfill = plan.protocol.version, backfill_levels(state, plan, statuses, open_, on)
        return Advice(on, action, level, dose, more, why, settled, counts, undecided, open_, version, backfill)

    if open_.mtd is not None:
        return answer("MTD declared", open_.mtd, 0, f"declared by {open_.reason()}")
    if open_.stopped:
        return answer("stopped", None, 0, f"dose finding was stopped by {open_.reason()}")

    tally = live_tally(plan, statuses, open_, on)
    decision = plan.escalation.decide(tally)
    action, level = Action(int(decision.action[0])), int(decision.level[0]) + 1
    why, more = decision.words(tally), int(decision.patients_to_treat[0])
    if statuses and not tally.treated.any():
        why = f"nobody of the {len(statuses)} treated is evaluable yet"
    beside = treated_beside(state, plan) if plan.backfills else frozenset[str]()
    open_ends = not_counted(plan, (s for s in undecided if s.patient not in beside or s.outcome != "pending"))
    settled = not open_ends or _unanimous(plan.escalation.decide(completions(tally, open_ends)), decision)
    if action is Action.WAIT:
        return answer("stay", open_.level, 0, why, settled=False)
    if plan.backfills and action < Action.DECLARE:
        lead = [s for s in statuses if s.patient not in beside and s.outcome != "not evaluable"]
        if len(lead) >= plan.backfills.max_patients and not any(s.outcome in UNDECIDED for s in lead):
            mtd = int(plan.escalation.select(tally)[0]) + 1
            reached = f"the {plan.backfills.max_patients} patients of the escalation are treated"
            return (
                answer("declare MTD", mtd, 0, reached)
                if mtd
                else answer("stop", None, 0, f"{reached}; no level is safe")
            )
        more = plan.backfills.cohort
    here = [s for s in open_ends if s.level == open_.level]
    taken = slot_holders(state, open_, plan.protocol, on)
    free, treated = max(0, open_.slots - len(taken)), {s.patient for s in statuses}
    untreated = [p for p in taken if p not in treated]
    if action is Action.STAY:
        missing = more - len(here) - len(untreated)
        if missing > free:
            return answer("expand", level, missing, _with_undecided(why, undecided, settled), settled)
        if missing > 0:
            slots = f"{free} of {open_.slots} slots are free"
            return answer("stay", level, missing, _with_undecided(f"{why}; {slots}", undecided, settled), settled)
        return answer("stay", level, 0, f"{why}; {_waiting(here, untreated)}", settled=False)
    if action is Action.ESCALATE or (action is Action.DECLARE and level >= open_.level):
        if (to_fill := min(free, _advised(open_) - len(taken))) > 0:
            why = f"{len(taken)} of {open_.slots} slots at level {open_.level} are taken; fill the cohort"
            return answer("stay", open_.level, to_fill, _with_undecided(why, undecided, settled), settled)
        if untreated:
            return answer("stay", open_.level, 0, f"{_waiting((), untreated)}; without them: {why}", settled=False)
        if not settled:
            return answer("stay", open_.level, 0, f"{_waiting(undecided, ())}; without them: {why}", settled=False)
    elif action is Action.DECLARE and not settled:
        return answer("stay", open_.level, 0, f"{_waiting(undecided, ())}; without them: {why}", settled=False)
    why = _with_undecided(why, undecided, settled)
    return answer(NAMES[action], None if action is Action.STOP else level, more, why, settled)


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


def _with_undecided(why: str, undecided: tuple[DltStatus, ...], settled: bool) -> str:
    """Add to a reason what the undecided patients could do to it."""
    if not undecided:
        return why
    if settled:
        return f"{why}; the {len(undecided)} pending cannot change that"
    return f"{why}; that is by what is known now: {', '.join(s.patient for s in undecided)} could change it"


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
        pending=number(*UNDECIDED),
        awaiting=number("awaiting judgement"),
        not_evaluable=number("not evaluable"),
        patients=tuple(s.patient for s in here),
        sources=tuple(event for s in here for event in s.sources),
    )


def _unanimous(every: Decision, decision: Decision) -> bool:
    same = (every.action == decision.action[0]) & (every.level == decision.level[0])
    return bool(same.all())


def _waiting(pending: tuple[DltStatus, ...] | list[DltStatus], untreated: list[str] | tuple[()]) -> str:
    return "wait for " + ", ".join(
        [*(s.patient for s in pending), *(f"{p} (enrolled, not yet treated)" for p in untreated)]
    )
