"""What the next cohort's outcomes would mean: for each number of DLTs among those still to be known, what the design
would say then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np

from posology.conduct.advice import NAMES, Advice
from posology.conduct.dlt_status import UNDECIDED, dlt_statuses
from posology.conduct.live_tally import live_tally
from posology.conduct.open_level import open_level
from posology.conduct.protocol_in_force import plan_in_force
from posology.designs import Action, Tally
from posology.record.state import State


@dataclass(frozen=True)
class Ahead:
    """If so many of the ``patients`` at ``level`` had a DLT, the design would say ``action`` (to ``to_level``), for the
    reason ``why``."""

    dlts: int
    patients: int
    level: int
    action: str
    to_level: int | None
    why: str


def look_ahead(state: State, on: date, advice: Advice) -> list[Ahead]:
    """Return what the design would say for each outcome of the patients still to be known at the level concerned.

    Those are the undecided patients at the level, or else the cohort that the advice opens. The undecided of other
    levels are left out, as they are from the design's counts.

    Parameters
    ----------
    state, on
        what is known on the day.
    advice
        the advice of that day.
    """
    plan = plan_in_force(state, on)
    if advice.open_level.mtd is not None or advice.open_level.stopped or plan.design.depends_on.name == "SCORES":
        return []
    statuses = dlt_statuses(state, plan, on)
    undecided = [s for s in statuses if s.outcome in UNDECIDED]
    here = [s for s in undecided if s.level == advice.open_level.level]
    level = advice.open_level.level
    patients = len(here) + (advice.more if advice.level == level else 0)
    if not here and advice.level is not None:
        level, patients = advice.level, advice.more
    if not patients:
        return []
    open_ = open_level(state, plan.protocol, plan.first_cohort, on)
    known = live_tally(plan, (s for s in statuses if s.outcome not in UNDECIDED), open_, on, level)
    dlts = np.arange(patients + 1)
    added = np.zeros((len(dlts), plan.levels), dtype=np.int64)
    added[:, level - 1] = 1
    batch = Tally(
        known.treated + patients * added,
        known.dlts + dlts[:, None] * added,
        np.full(len(dlts), level - 1),
        np.repeat(known.moderate, len(dlts), axis=0),
        np.repeat(np.maximum(known.ceiling, level - 1), len(dlts)),
        known.toxicity_score_sum + dlts[:, None] * added,
    )
    decision = plan.escalation.decide(batch)
    rows = []
    for k in dlts.tolist():
        action = Action(int(decision.action[k]))
        to_level = None if action in (Action.STOP, Action.WAIT) else int(decision.level[k]) + 1
        rows.append(Ahead(k, patients, level, NAMES.get(action, "wait"), to_level, decision.words(batch, k)))
    return rows
