"""The 3+3 design, with its usual variants.

Storer BE. Design and analysis of phase I clinical trials. Biometrics 1989;45:925-937 (designs A and D); the wording of
the rule follows Korn EL et al., Stat Med 1994;13:1799-1806.

Three patients are treated at a level. With no DLT the dose goes up; with one, three more are treated at the level; with
two or more the level exceeds the MTD. Of six patients at most one may have a DLT. The MTD is the highest level not
exceeded, at which `mtd_patients` were treated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints

COHORT, FULL = 3, 6

REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} of 3 patients of the cohort at level {level} are evaluable, {dlt} with a DLT: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT: escalate",
    "one of {n} patients at level {level} had a DLT: {more} more at the same level",
    "{dlt} of {n} patients at level {level} had a DLT; no higher level may be given, and the MTD needs six: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated: {more} more at the level below, to make it six",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated, and level {next} below was tolerated: it is the MTD",
    "{dlt} of {n} patients at level {level} had a DLT, and no higher level may be given: level {next} is the MTD",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated at the lowest level: no level is safe enough",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated: three patients at the level below, not yet tried",
)
START, FILL, UP, THREE_MORE, CONFIRM, DOWN, MTD_BELOW, MTD_HERE, NO_LEVEL, DOWN_UNTRIED = range(len(REASONS))


@dataclass(frozen=True)
class ThreePlusThree:
    """The 3+3 design.

    Parameters
    ----------
    levels
        number of dose levels.
    start
        index of the level to start at.
    mtd_patients
        patients who must have been treated at a level to call it the MTD: 6, or 3 (Storer's design A, in which the
        dose never comes down to treat more patients).
    six_at_top
        whether the top level, too, needs `mtd_patients`. By default three patients without a DLT there end the trial,
        as is usual; a level below one that was closed or exceeded always needs `mtd_patients`.

    Examples
    --------
    >>> design = ThreePlusThree(levels=5)
    >>> tally = Tally.of("1NNN 2NNT", levels=5)
    >>> design.decide(tally).words(tally)
    'one of 3 patients at level 2 had a DLT: 3 more at the same level'
    """

    levels: Annotated[int, Ge(1)]
    start: Annotated[int, Ge(0)] = 0
    mtd_patients: Literal[3, 6] = 6
    six_at_top: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.levels:
            raise ValueError(f"start is level {self.start + 1}: the design has levels 1 to {self.levels}")
        if self.mtd_patients not in (3, 6):
            raise ValueError(f"mtd_patients is {self.mtd_patients}: it must be 3 or 6")

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return FULL

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        if tally.levels != self.levels:
            raise ValueError(f"the tally has {tally.levels} levels, the design {self.levels}")
        rows = np.arange(tally.trials)
        here = np.maximum(tally.level, 0)
        n, dlt = tally.treated[rows, here], tally.dlts[rows, here]
        exceeded = exceeds(tally)
        above, below = np.minimum(here + 1, self.levels - 1), np.maximum(here - 1, 0)
        may_rise = (here < np.minimum(tally.ceiling, self.levels - 1)) & ~exceeded[rows, above]
        over = exceeded[rows, here] | (here > tally.ceiling)
        n_below = tally.treated[rows, below]

        unlimited = (here == self.levels - 1) & (not self.six_at_top)
        to_fill = np.where(n < COHORT, COHORT - n, 0)
        to_six = np.maximum(FULL - n, 0)
        cases: list[tuple[int, Bools, Action, Ints, Ints]] = [
            (START, tally.level == NONE, Action.STAY, np.full_like(here, self.start), np.full_like(here, COHORT)),
            (NO_LEVEL, over & (here == 0), Action.STOP, np.full_like(here, NONE), np.zeros_like(here)),
            (MTD_BELOW, over & (n_below >= self.mtd_patients), Action.DECLARE, below, np.zeros_like(here)),
            (DOWN_UNTRIED, over & (n_below == 0), Action.DEESCALATE, below, np.full_like(here, COHORT)),
            (DOWN, over, Action.DEESCALATE, below, self.mtd_patients - n_below),
            (FILL, n < COHORT, Action.STAY, here, to_fill),
            (THREE_MORE, (dlt > 0) & (n < FULL), Action.STAY, here, to_six),
            (UP, may_rise, Action.ESCALATE, above, np.full_like(here, COHORT)),
            (CONFIRM, (n < self.mtd_patients) & ~unlimited, Action.STAY, here, to_six),
        ]
        why = np.select([applies for _, applies, *_ in cases], [np.full_like(here, k) for k, *_ in cases], MTD_HERE)
        pick = lambda values, default: np.select([applies for _, applies, *_ in cases], values, default)
        action = pick([np.full_like(here, act) for _, _, act, *_ in cases], int(Action.DECLARE))
        level = pick([to for *_, to, _ in cases], here)
        more = pick([count for *_, count in cases], 0)
        raised = np.where(action == Action.ESCALATE, tally.treated[rows, above], 0)
        more = np.where(action == Action.ESCALATE, np.maximum(COHORT - raised, 1), more)
        return Decision(action, level, more, why, REASONS)

    def select(self, tally: Tally) -> Ints:
        """Return the highest level tried, not exceeded and below every exceeded one: the MTD if the trial ended now."""
        exceeded, tried = exceeds(tally), tally.treated > 0
        index = np.arange(self.levels)
        first_exceeded = np.where(exceeded.any(axis=1), exceeded.argmax(axis=1), self.levels)
        fits = tried & (index < first_exceeded[:, None]) & (index <= tally.ceiling[:, None])
        return np.asarray(np.where(fits, index, NONE).max(axis=1))


def exceeds(tally: Tally) -> Bools:
    """Return (trials, levels): whether a level exceeds the MTD: two or more DLTs, in a third or more of its patients.

    Of three patients two, of six two: with more than six, a third of them.
    """
    return (tally.dlts >= 2) & (3 * tally.dlts >= tally.treated)
