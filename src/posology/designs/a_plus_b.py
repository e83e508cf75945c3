"""A+B designs, with or without de-escalation.

Lin Y, Shih WJ. Statistical properties of the traditional algorithm-based designs for phase I cancer clinical trials.
Biostatistics 2001;2:203-215. A patients are treated at a level. With fewer than C DLTs the dose goes up, with C to D of
them B more are treated, with more than D the level exceeds the MTD; of A + B at most E may have a DLT. 3+3 is
A = B = 3, C = D = E = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints

REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} patients at level {level} are evaluable: {more} more complete the cohort",
    "{dlt} of {n} patients at level {level} had a DLT: escalate",
    "{dlt} of {n} patients at level {level} had a DLT: {more} more at the same level",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated: {more} more at the level below",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated: level {next} below is the MTD",
    "{dlt} of {n} patients at level {level} had a DLT, and no higher level may be given: level {next} is the MTD",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated at the lowest level: no level is safe enough",
)
START, FILL, UP, MORE, DOWN, MTD_BELOW, MTD_HERE, NO_LEVEL = range(len(REASONS))


@dataclass(frozen=True)
class APlusB:
    """An A+B design.

    Parameters
    ----------
    levels
        number of dose levels.
    start
        index of the level to start at.
    a, b
        patients of the first and of the second cohort at a level.
    c, d
        of the first cohort, with fewer DLTs than ``c`` the dose goes up, with more than ``d`` the level is exceeded.
    e
        of both cohorts, the most DLTs that are tolerated.
    deescalate
        whether the level below an exceeded one is filled up to A + B patients before it is called the MTD.

    Examples
    --------
    >>> design = APlusB(levels=4, a=3, b=3)
    >>> tally = Tally.of("1NNN 2NNT", levels=4)
    >>> design.decide(tally).words(tally)
    '1 of 3 patients at level 2 had a DLT: 3 more at the same level'
    """

    levels: Annotated[int, Ge(1)]
    start: Annotated[int, Ge(0)] = 0
    a: Annotated[int, Ge(1)] = 3
    b: Annotated[int, Ge(1)] = 3
    c: Annotated[int, Ge(1)] = 1
    d: Annotated[int, Ge(1)] = 1
    e: Annotated[int, Ge(0)] = 1
    deescalate: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.levels:
            raise ValueError(f"start is level {self.start + 1}: the design has levels 1 to {self.levels}")
        if not 1 <= self.c <= self.d <= self.a:
            raise ValueError(f"c {self.c} and d {self.d} must lie between 1 and a {self.a}, c not above d")
        if not self.c <= self.e + 1 <= self.a + self.b:
            raise ValueError(f"e is {self.e}: at least c - 1, and fewer than the {self.a + self.b} patients")

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return self.a + self.b

    def exceeded(self, tally: Tally) -> Bools:
        """Return (trials, levels): whether a level exceeds the MTD; DLTs beyond what a full level tolerates always do."""
        n, y = tally.treated, tally.dlts
        return (y > self.d) & (n <= self.a) | (y > self.e) & ((n > self.a) | (y > max(self.d, self.e)))

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        if tally.levels != self.levels:
            raise ValueError(f"the tally has {tally.levels} levels, the design {self.levels}")
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        above, below = np.minimum(here + 1, self.levels - 1), np.maximum(here - 1, 0)
        exceeded = self.exceeded(tally)
        over = exceeded[rows, here] | (here > tally.ceiling)
        may_rise = (here < np.minimum(tally.ceiling, self.levels - 1)) & ~exceeded[rows, above]
        full, n_below = self.a + self.b, tally.treated[rows, below]
        lacks = self.deescalate & (n_below < full)
        undecided = (n < full) & (y >= self.c)
        returned = ~may_rise & (here < self.levels - 1) & (n < full) & self.deescalate
        why = np.select(
            [
                tally.level == NONE,
                over & (here == 0),
                over & (lacks | (n_below == 0)),
                over,
                n < self.a,
                undecided | returned,
                may_rise,
            ],
            [START, NO_LEVEL, DOWN, MTD_BELOW, FILL, MORE, UP],
            MTD_HERE,
        )
        choose = lambda *values: np.choose(why, [np.broadcast_to(v, here.shape) for v in values])
        stay, up, down, declare, stop = Action.STAY, Action.ESCALATE, Action.DEESCALATE, Action.DECLARE, Action.STOP
        to_below = np.where(n_below < self.a, self.a - n_below, full - n_below) if self.deescalate else self.a - n_below
        n_above = tally.treated[rows, above]
        return Decision(
            choose(stay, stay, up, stay, down, declare, declare, stop),
            choose(self.start, here, above, here, below, below, here, NONE),
            choose(self.a, self.a - n, np.maximum(self.a - n_above, 1), full - n, to_below, 0, 0, 0),
            why,
            REASONS,
        )

    def select(self, tally: Tally) -> Ints:
        """Return the highest level tried, not exceeded and below every exceeded one."""
        exceeded, index = self.exceeded(tally), np.arange(self.levels)
        first = np.where(exceeded.any(axis=1), exceeded.argmax(axis=1), self.levels)
        fits = (tally.treated > 0) & (index < first[:, None]) & (index <= tally.ceiling[:, None])
        return np.asarray(np.where(fits, index, NONE).max(axis=1))
