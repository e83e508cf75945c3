"""The 3+3 design, with its usual variants.

Storer BE. Design and analysis of phase I clinical trials. Biometrics 1989;45:925-937 (designs A and D); the wording of
the rule follows Korn EL et al., Stat Med 1994;13:1799-1806.

Three patients are treated at a level. With no DLT the dose goes up; with one, three more are treated at the level; with
two or more the level exceeds the MTD. Of six patients at most one may have a DLT. The MTD is the highest level not
exceeded, at which `mtd_patients` were treated.

The published rule has rows for three and for six patients. Of other numbers: two DLTs exceed the MTD at once, whoever
else is still to come; four or five patients without a DLT go up as three do, with one they are filled up to six; of
more than six, a third with a DLT exceed the MTD, and the dose goes above the level where at most a sixth had one. A
level above one that exceeds the MTD, as late DLTs may show, exceeds it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge

from posology.designs.dose_finding import DoseFinding, below_first, chosen, highest_tried
from posology.designs.tally import NONE, Action, Decision, DependsOn, Tally
from posology.shared.arrays import Bools, Ints

COHORT, FULL = 3, 6

REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} of 3 patients of the cohort at level {level} are evaluable, {dlt} with a DLT: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT: escalate",
    "one of {n} patients at level {level} had a DLT: {more} more at the same level",
    (
        "{dlt} of {n} patients at level {level} had a DLT; no higher level may be given, and the MTD needs six: {more}"
        " more at the level"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated: {more} more at the level below, to make"
        " it six"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated, and level {next} below was tolerated:"
        " it is the MTD"
    ),
    "{dlt} of {n} patients at level {level} had a DLT, and no higher level may be given: level {next} is the MTD",
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated at the lowest level: no level is safe"
        " enough"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, more than tolerated: three patients at the level below, not"
        " yet tried"
    ),
    "a level below level {level} has had more DLTs than let the dose go above it: {more} more at level {next}",
    "a level below level {level} has had more DLTs than let the dose go above it: level {next} is the MTD",
    "the lowest level has shown more DLTs than tolerated: no level is safe enough",
    "level {level} is closed: {more} more at level {next}",
    "level {level} is closed: level {next} is the MTD",
)
(
    START,
    FILL,
    UP,
    THREE_MORE,
    CONFIRM,
    DOWN,
    MTD_BELOW,
    MTD_HERE,
    NO_LEVEL,
    DOWN_UNTRIED,
    LOWER,
    LOWER_MTD,
    LOWEST_EXCEEDED,
    CLOSED,
    CLOSED_MTD,
) = range(len(REASONS))


@dataclass(frozen=True)
class ThreePlusThree(DoseFinding):
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

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.LEVEL

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.levels:
            raise ValueError(f"start is level {self.start + 1}: the design has levels 1 to {self.levels}")
        if self.mtd_patients not in (3, 6):
            raise ValueError(f"mtd_patients is {self.mtd_patients}: it must be 3 or 6")

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return FULL

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor exceeded, with none exceeded below it."""
        return np.minimum(highest_tolerated(tally), tally.ceiling)

    def bars_the_way_up(self, tally: Tally) -> Bools:
        """Return whether a DLT among fewer than six, or more than one in six, bars the way up."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, dlt = tally.treated[rows, here], tally.dlts[rows, here]
        return np.asarray((FULL * dlt > np.maximum(n, FULL)) | ((dlt > 0) & (n < FULL)))

    def rule(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, dlt = tally.treated[rows, here], tally.dlts[rows, here]
        safe = self.highest_safe(tally)
        over, above = here > safe, np.minimum(here + 1, self.levels - 1)
        lower = np.maximum(safe, 0)  # where the dose goes down to
        n_lower = tally.treated[rows, lower]
        own = exceeds(tally)[rows, here]  # whether the level's own patients show it
        closed = (here > tally.ceiling) & (highest_tolerated(tally) >= here)
        unlimited = (here == self.levels - 1) & (not self.six_at_top)
        begins = tally.level == NONE
        why = np.select(
            [
                begins & (tally.ceiling >= 0),
                (safe == NONE) & own & (here == 0),
                (safe == NONE) | begins,
                over & (n_lower >= self.mtd_patients),
                over & (n_lower == 0) & own & (lower == here - 1),
                over,
                n < COHORT,
                (dlt > 0) & (n < FULL),
                (here < safe) & (FULL * dlt <= n),
                (n < self.mtd_patients) & ~unlimited,
            ],
            [
                START,
                NO_LEVEL,
                LOWEST_EXCEEDED,
                np.select([closed, own & (lower == here - 1)], [CLOSED_MTD, MTD_BELOW], LOWER_MTD),
                DOWN_UNTRIED,
                np.select([closed, own & (lower == here - 1)], [CLOSED, DOWN], LOWER),
                FILL,
                THREE_MORE,
                UP,
                CONFIRM,
            ],
            MTD_HERE,
        )
        stay, down, declare, stop = Action.STAY, Action.DEESCALATE, Action.DECLARE, Action.STOP
        to_lower = np.where(n_lower == 0, COHORT, self.mtd_patients - n_lower)
        to_six, to_above = FULL - n, np.maximum(COHORT - tally.treated[rows, above], 1)
        start, none = np.minimum(self.start, tally.ceiling), np.full_like(here, NONE)
        outcome: dict[int, tuple[Action, Ints, Ints | int]] = {
            START: (stay, start, COHORT),
            FILL: (stay, here, COHORT - n),
            UP: (Action.ESCALATE, above, to_above),
            THREE_MORE: (stay, here, to_six),
            CONFIRM: (stay, here, to_six),
            DOWN: (down, lower, to_lower),
            MTD_BELOW: (declare, lower, 0),
            MTD_HERE: (declare, here, 0),
            NO_LEVEL: (stop, none, 0),
            DOWN_UNTRIED: (down, lower, COHORT),
            LOWER: (down, lower, to_lower),
            LOWER_MTD: (declare, lower, 0),
            LOWEST_EXCEEDED: (stop, none, 0),
            CLOSED: (down, lower, to_lower),
            CLOSED_MTD: (declare, lower, 0),
        }
        return chosen(why, outcome, REASONS)

    def mtd(self, tally: Tally) -> Ints:
        """Return the highest level tried, not exceeded and below every exceeded one: the MTD if the trial ended now."""
        return highest_tried(tally, self.highest_safe(tally))


def exceeds(tally: Tally) -> Bools:
    """Return (trials, levels): whether a level exceeds the MTD: two or more DLTs, in a third or more of its patients.

    Of three patients two, of six two: with more than six, a third of them.
    """
    return (tally.dlts >= 2) & (3 * tally.dlts >= tally.treated)


def highest_tolerated(tally: Tally) -> Ints:
    """Return (trials,): the highest level with none exceeded up to it, and none below it that bars the way up.

    Of more than six patients two or more, less than a third of them, with a DLT: tolerated, and too many to go up.
    """
    exceeded = exceeds(tally)
    bars = ~exceeded & (tally.treated >= FULL) & (FULL * tally.dlts > tally.treated)
    barred = np.where(bars.any(axis=1), bars.argmax(axis=1), tally.levels - 1)
    return np.asarray(np.minimum(below_first(exceeded), barred))
