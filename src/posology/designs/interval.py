"""Interval designs: the next dose depends on the counts at the current level alone, so a table says it all.

The family of BOIN, mTPI, Keyboard, i3+3 and a committee's own table: each fills in, for n patients and y DLTs at a
level, whether to go down, stay or go up. A level is eliminated, with all above it, when Pr(p > target | data) exceeds a
cutoff; the MTD is chosen by isotonic regression.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from posology.designs.cohort_design import BELOW_LOWEST, WAITS, CohortDesign
from posology.designs.isotonic import PRIOR_DLT, nearest_to_target
from posology.designs.tally import DependsOn, Tally
from posology.shared.arrays import Bools, Floats, Ints

REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} patients at level {level} are evaluable: {more} more complete the cohort",
    "{dlt} of {n} patients at level {level} had a DLT, at or below the boundary for escalation: {more} at level {next}",
    (
        "{dlt} of {n} patients at level {level} had a DLT, between the boundaries, or no other level may be given:"
        " {more} more at the level"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, at or above the boundary for de-escalation: {more} at level"
        " {next}"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT, above the boundary, and no lower level is left: {more} more"
        " at the level"
    ),
    "{dlt} of {n} patients at level {level} had a DLT: the lowest level is too toxic, no level is safe enough",
    "the planned number of patients has been treated: level {next} is nearest the target",
    "the planned number of patients has been treated: no level is safe enough",
    "{n} patients were treated at level {level}, enough to end: level {next} is nearest the target",
    WAITS,
)


@dataclass(frozen=True)
class IntervalDesign(CohortDesign):
    """What interval designs share, beyond the course of a trial.

    Parameters
    ----------
    elimination
        a level is eliminated when Pr(p > target) exceeds this; 1 switches it off.
    eliminate_from
        patients at a level before it can be eliminated.
    extra_safe
        also stop when Pr(p > target) at the lowest level exceeds ``elimination`` less this offset; 0 is off.
    smoothing
        DLTs added to each level, and as many patients without, before the isotonic regression that selects the MTD.
    """

    elimination: Annotated[float, Gt(0), Le(1)] = 0.95
    eliminate_from: Annotated[int, Ge(1)] = 3
    extra_safe: Annotated[float, Ge(0), Lt(0.5)] = 0.0
    smoothing: Annotated[float, Gt(0)] = PRIOR_DLT

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.LEVEL
    REASONS: ClassVar[tuple[str, ...]] = REASONS
    PRIOR: ClassVar[tuple[float, float]] = (1.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.elimination <= 1:
            raise ValueError(f"elimination is {self.elimination}: a probability lies between 0 and 1")
        if not 0 <= self.extra_safe < self.elimination:
            raise ValueError(f"extra_safe is {self.extra_safe}: it must lie between 0 and elimination")
        if self.eliminate_from < 1 or self.smoothing <= 0:
            raise ValueError("eliminate_from and smoothing must be above 0")

    def transitions(self, n: Ints, y: Ints) -> Ints:
        """Return +1 (escalate), 0 (stay) or -1 (de-escalate) for y DLTs of n patients: (..., n) or (levels, ..., n)."""
        raise NotImplementedError

    @cached_property
    def table(self) -> Ints:
        """(levels or 1, N + 1, N + 1): the move for n patients (row) and y DLTs (column)."""
        top = 2 * self.max_patients
        n, y = np.meshgrid(np.arange(top + 1), np.arange(top + 1), indexing="ij")
        found = self.transitions(np.maximum(n, 1), np.minimum(y, n)).astype(np.int64)
        return found if found.ndim == 3 else found[None]

    @cached_property
    def elimination_table(self) -> Floats:
        """(N + 1, N + 1): Pr(p > target) for n patients (row) and y DLTs (column)."""
        n = np.arange(2 * self.max_patients + 1)
        return beta_tail(n, self.target, *self.PRIOR)

    @cached_property
    def boundaries(self) -> tuple[Ints, Ints, Ints]:
        """For n = 0, 1, ..., the most DLTs to escalate, the fewest to de-escalate, the fewest to eliminate.

        Where no number of DLTs escalates -1 stands, where none de-escalates or eliminates n + 1. For a design whose
        table differs by level, those of the lowest.
        """
        size = self.table.shape[1]
        n, y = np.arange(size), np.arange(size)
        possible = y <= n[:, None]
        up = ((self.table[0] == 1) & possible).cumprod(axis=1).sum(axis=1) - 1
        down = (self.table[0] == -1) & possible
        eliminate = self._fewest(self.elimination)
        deescalate = np.where(down.any(axis=1), down.argmax(axis=1), n + 1)
        return up, np.minimum(deescalate, eliminate), eliminate

    def _fewest(self, cutoff: float) -> Ints:
        over = self.elimination_table > cutoff
        n = np.arange(len(over))
        return np.where((n >= self.eliminate_from) & over.any(axis=1), over.argmax(axis=1), n + 1)

    @cached_property
    def _eliminating(self) -> tuple[Ints, Ints]:
        return self._fewest(self.elimination), self._fewest(self.elimination - self.extra_safe)

    def eliminated(self, tally: Tally) -> Bools:
        """Return (trials, levels): levels too toxic, or above one that is."""
        fewest, lowest = self._eliminating
        over = tally.dlts >= fewest.take(tally.treated, mode="clip")
        if self.extra_safe:
            over[:, 0] |= tally.dlts[:, 0] >= lowest.take(tally.treated[:, 0], mode="clip")
        for level in range(1, self.levels):
            over[:, level] |= over[:, level - 1]
        return over

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor eliminated."""
        return np.asarray(np.minimum((~self.eliminated(tally)).sum(axis=1) - 1, tally.ceiling))

    def propose(self, tally: Tally) -> Ints:
        """Return the level that the table says."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        top = self.table.shape[1] - 1
        excess = np.maximum(n - top, 0)  # beyond the table, the rate counts
        n_, y_ = np.minimum(n, top), np.where(excess > 0, np.rint(y * top / np.maximum(n, 1)).astype(np.int64), y)
        return stepped(here, self.table[np.minimum(here, len(self.table) - 1), n_, y_], self.levels)

    def mtd(self, tally: Tally) -> Ints:
        """Return the level whose isotonic DLT rate is nearest the target, of those tried and not eliminated."""
        return nearest_to_target(tally, self.target, self.safe(tally), smoothing=self.smoothing)


def stepped(here: Ints, step: Ints, levels: int) -> Ints:
    """Return the level a step away; ``BELOW_LOWEST`` below the lowest, the highest where none is above.

    Parameters
    ----------
    here, step
        (trials,): index of the level, and how many levels up (or, negative, down).
    levels
        number of levels.

    Examples
    --------
    >>> stepped(np.array([0, 1, 3]), np.array([1, 1, 1]), 4)
    array([1, 2, 3])
    """
    return np.where(here + step < 0, BELOW_LOWEST, np.minimum(here + step, levels - 1))


def beta_tail(n: Ints, target: float, a: float = 1.0, b: float = 1.0) -> Floats:
    """Return (n, dlt): Pr(p > target) after dlt of n, under a Beta(a, b) prior.

    Under the uniform prior, Beta(1 + y, 1 + n - y) and the binomial are one: it is the chance of at most y successes in
    n + 1 trials.

    Parameters
    ----------
    n
        (sizes,): numbers of patients.
    target
        the rate, in (0, 1).
    a, b
        shapes of the prior, above 0.

    Examples
    --------
    >>> beta_tail(np.arange(1, 3), 0.3).round(3)
    array([[0.7 , 1.  , 0.  ],
           [0.49, 0.91, 1.  ]])
    """
    top = int(n.max())
    y = np.arange(top + 1)
    if (a, b) != (1.0, 1.0):
        from scipy.special import betainc

        left = np.maximum(n[:, None] - y, 0)
        return np.where(y <= n[:, None], 1 - betainc(a + y, b + left, target), 0.0)
    result = np.zeros((len(n), top + 1))
    masses = np.array([1.0])
    for row, size in enumerate(n):
        masses = np.convolve(masses, [1 - target, target]) if row else np.array([1 - target, target])
        result[row, : size + 1] = np.cumsum(masses)[: size + 1]
    return np.where(y <= n[:, None], result, 0.0)
