"""A+B designs, with or without de-escalation.

Lin Y, Shih WJ. Statistical properties of the traditional algorithm-based designs for phase I cancer clinical trials.
Biostatistics 2001;2:203-215. A patients are treated at a level. With fewer than C DLTs the dose goes up, with C to D of
them B more are treated, with more than D the level exceeds the MTD; of A + B at most E may have a DLT. 3+3 is
A = B = 3, C = D = E = 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from posology.designs.dose_finding import DoseFinding, below_first, chosen, highest_tried
from posology.designs.tally import NONE, Action, Decision, DependsOn, Tally
from posology.shared.arrays import Bools, Ints

REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} patients at level {level} are evaluable: {more} more complete the cohort",
    "{dlt} of {n} patients at level {level} had a DLT: escalate",
    "{dlt} of {n} patients at level {level} had a DLT: {more} more at the same level",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated there or below: {more} more at level {next}",
    "{dlt} of {n} patients at level {level} had a DLT, more than tolerated there or below: level {next} is the MTD",
    "{dlt} of {n} patients at level {level} had a DLT, and no higher level may be given: level {next} is the MTD",
    (
        "{dlt} of {n} patients at level {level} had a DLT, and the lowest level has shown more than tolerated: no level"
        " is safe enough"
    ),
)
START, FILL, UP, MORE, DOWN, MTD_BELOW, MTD_HERE, NO_LEVEL = range(len(REASONS))


@dataclass(frozen=True)
class APlusB(DoseFinding):
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

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.LEVEL

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
        """Return (trials, levels): whether a level exceeds the MTD.

        Beyond A + B patients the share of a full level is tolerated. DLTs beyond what either cohort tolerates exceed
        the MTD at once, whoever is still to come.
        """
        n, y, full = tally.treated, tally.dlts, self.a + self.b
        beyond = y * full > self.e * np.maximum(n, full)
        return (y > self.d) & (n <= self.a) | beyond & ((n > self.a) | (y > max(self.d, self.e)))

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor exceeded, with none exceeded below it."""
        return np.minimum(below_first(self.exceeded(tally)), tally.ceiling)

    def bars_the_way_up(self, tally: Tally) -> Bools:
        """Return whether so many DLTs came that the second cohort is treated first, or the level is exceeded."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        undecided = (tally.dlts[rows, here] >= self.c) & (tally.treated[rows, here] < self.a + self.b)
        return np.asarray(undecided | self.exceeded(tally)[rows, here])

    def rule(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        above, full = np.minimum(here + 1, self.levels - 1), self.a + self.b
        safe, begins = self.highest_safe(tally), tally.level == NONE
        lower = np.maximum(safe, 0)
        n_lower = tally.treated[rows, lower]
        over, may_rise = here > safe, here < safe
        lacks = self.deescalate & (n_lower < full)
        undecided = (n < full) & (y >= self.c)
        returned = ~may_rise & (here < self.levels - 1) & (n < full) & self.deescalate
        why = np.select(
            [
                begins & (tally.ceiling >= 0),
                begins | (safe == NONE),
                over & (lacks | (n_lower == 0)),
                over,
                n < self.a,
                undecided | returned,
                may_rise,
            ],
            [START, NO_LEVEL, DOWN, MTD_BELOW, FILL, MORE, UP],
            MTD_HERE,
        )
        to_lower = np.where((n_lower < self.a) | (not self.deescalate), self.a - n_lower, full - n_lower)
        start, none = np.minimum(self.start, tally.ceiling), np.full_like(here, NONE)
        stay, up, down, declare, stop = Action.STAY, Action.ESCALATE, Action.DEESCALATE, Action.DECLARE, Action.STOP
        outcome: dict[int, tuple[Action, Ints, Ints | int]] = {
            START: (stay, start, self.a),
            FILL: (stay, here, self.a - n),
            UP: (up, above, np.maximum(self.a - tally.treated[rows, above], 1)),
            MORE: (stay, here, full - n),
            DOWN: (down, lower, to_lower),
            MTD_BELOW: (declare, lower, 0),
            MTD_HERE: (declare, here, 0),
            NO_LEVEL: (stop, none, 0),
        }
        return chosen(why, outcome, REASONS)

    def mtd(self, tally: Tally) -> Ints:
        """Return the highest level tried, not exceeded and below every exceeded one."""
        return highest_tried(tally, self.highest_safe(tally))
