"""What the design sees of a live trial: the tally of a day, and every tally that the undecided patients may still make
of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from itertools import product

import numpy as np

from posology.conduct.dlt_status import UNDECIDED, DltStatus
from posology.conduct.open_level import OpenLevel, open_level
from posology.conduct.protocol_in_force import ConductPlan
from posology.designs import PendingPatients, Tally
from posology.designs.tally import NONE, DependsOn
from posology.record.facts import Enrolled, TumourAssessed
from posology.record.state import State
from posology.shared.arrays import Floats, Ints

COUNTED = ("DLT", "moderate", "no DLT")
"""Outcomes of the patients evaluable for DLT."""


def live_tally(
    plan: ConductPlan, statuses: Iterable[DltStatus], open_: OpenLevel, on: date, level: int | None = None
) -> Tally:
    """Return the tally of a day: of the patients evaluable and, for a design that uses follow-up, of those inside the
    window.

    Parameters
    ----------
    plan, open_
        the protocol in force, and what is open.
    statuses
        where each patient treated stands on the day.
    on
        the day.
    level
        the level asked about, as if it were the one last given; None: the open one.
    """
    statuses = tuple(statuses)
    pending = [s for s in statuses if s.outcome == "pending"] if plan.uses_follow_up else []
    counted = [s for s in statuses if s.outcome in COUNTED] + pending
    treated = _by_level(plan, counted)
    begun = open_.decision is not None or treated.any()
    last = (level or open_.level) - 1 if begun else NONE
    dlts = _by_level(plan, (s for s in counted if s.outcome == "DLT"))
    tally = Tally(
        treated,
        dlts,
        np.array([last]),
        _by_level(plan, (s for s in counted if s.outcome == "moderate")),
        np.array([max(open_.ceiling - 1, last)]),
        _scores(plan, counted) if plan.design.depends_on is DependsOn.SCORES else dlts.astype(np.float64),
    )
    if not pending:
        return tally
    window = plan.definition.window_days
    share = np.array([[min(max((on - s.first_dose).days / window, 0.0), 1.0) for s in pending]])
    took = [(s.sources[1].occurred - s.first_dose).days / window for s in counted if s.outcome == "DLT"]
    return tally.with_pending(PendingPatients(np.array([[s.level - 1 for s in pending]]), share, np.array([took])))


def _by_level(plan: ConductPlan, statuses: Iterable[DltStatus]) -> Ints:
    levels = [s.level - 1 for s in statuses]
    return np.bincount(np.array(levels, dtype=np.int64), minlength=plan.levels)[None, :]


def _scores(plan: ConductPlan, statuses: Iterable[DltStatus]) -> Floats:
    """Return the sum of the patients' toxicity scores at each level: by the worst related grade in the window."""
    total = np.zeros((1, plan.levels))
    for status in statuses:
        total[0, status.level - 1] += plan.score(status.worst_grade)
    return total


def completions(tally: Tally, undecided: Iterable[DltStatus]) -> Tally:
    """Return a batch with every number of DLTs that undecided patients may still show, level by level.

    ``undecided`` are patients whom the tally does not count.
    """
    waiting = np.zeros(tally.levels, dtype=np.int64)
    for status in undecided:
        waiting[status.level - 1] += 1
    outcomes = np.array(list(product(*(range(k + 1) for k in waiting))))
    rows = len(outcomes)
    batch = Tally(
        np.repeat(tally.treated + waiting, rows, axis=0),
        tally.dlts + outcomes,
        np.repeat(tally.level, rows),
        np.repeat(tally.moderate, rows, axis=0),
        np.repeat(tally.ceiling, rows),
        np.repeat(tally.toxicity_score_sum, rows, axis=0) + outcomes,
    )
    return batch if tally.pending is None else batch.with_pending(tally.pending.rows(np.zeros(rows, dtype=np.int64)))


def not_counted(plan: ConductPlan, statuses: Iterable[DltStatus]) -> tuple[DltStatus, ...]:
    """Return the undecided patients whom the tally leaves out: all, or those who await a judgement."""
    wanted = ("awaiting judgement",) if plan.uses_follow_up else UNDECIDED
    return tuple(s for s in statuses if s.outcome in wanted)


# Beside the escalation ------------------------------------------------------------------------------------------------


def treated_beside(state: State, plan: ConductPlan) -> frozenset[str]:
    """Return the patients enrolled at a level below the one that was open: those of backfilling."""
    beside = set()
    for patient in state.patients.values():
        if patient.assigned_level is None or patient.enrolment is None:
            continue
        then = open_level(state, plan.protocol, plan.first_cohort, before=state.order(patient.enrolment))
        assert isinstance(patient.enrolment.fact, Enrolled)
        if patient.assigned_level < then.level and then.backfill(patient.assigned_level):
            beside.add(patient.id)
    return frozenset(beside)


def responses(state: State, plan: ConductPlan, on: date) -> Ints:
    """Return (1, levels): patients at each level with a response by the investigator's own reading, by a day."""
    counts = np.zeros((1, plan.levels), dtype=np.int64)
    for patient in state.patients.values():
        read = [e.fact for e in patient.of(TumourAssessed) if e.occurred <= on]
        if patient.assigned_level and any(isinstance(f, TumourAssessed) and f.overall in ("CR", "PR") for f in read):
            counts[0, patient.assigned_level - 1] += 1
    return counts


def backfill_levels(
    state: State, plan: ConductPlan, statuses: Iterable[DltStatus], open_: OpenLevel, on: date
) -> dict[int, int]:
    """Return the levels that a backfilling design opens beside the escalation, each with how many more patients it
    takes.

    The cap of a level counts all who were treated there, those inside the window too.
    """
    design = plan.backfills
    if design is None or open_.mtd is not None or open_.stopped:
        return {}
    statuses = tuple(statuses)
    tally = live_tally(plan, statuses, open_, on)
    seen = np.cumsum(responses(state, plan, on), axis=1) > 0
    closed = design.too_high(tally) | design.eliminated(tally)
    levels = {}
    for level in range(1, min(open_.level - 1, open_.ceiling) + 1):
        treated = sum(s.level == level for s in statuses)
        active = not design.needs_response or bool(seen[0, level - 1])
        if active and not closed[0, level - 1] and 0 < treated < design.cap:
            levels[level] = design.cap - treated
    return levels
