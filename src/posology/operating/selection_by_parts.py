"""The MTD by isotonic regression for all pairs of lower and upper counts at once.

The plain rule is :func:`posology.designs.isotonic.nearest_to_target`; a test holds this one equal to it. Isotonic
estimates lie below the target up to the level at which the sum of weight x (rate - target), from the lowest level on,
is least (Barlow et al. 1972), and above it from there. So the MTD is the last level of the block below the target,
whose estimate is the largest mean of a run of levels that ends there, or the first of the block above, the smallest
mean of a run that begins there. Sums over a run are those of its lower part plus those of its upper part, each worked
out once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from posology.designs.interval import IntervalDesign
from posology.designs.tally import NONE, Tally
from posology.operating.count_packing import Packing
from posology.shared.arrays import Bools, Floats, Ints

FAR = 1 << 30
TIE = 1e-10  # between equal estimates, per level: as in the plain rule


@dataclass(frozen=True)
class Side:
    """Sums over the levels of one part of a trial, a row a part; levels that may not be the MTD weigh nothing.

    ``weight``, ``product`` (parts, levels + 1): sums of weights, and of weight x rate, of the levels below each bound;
    ``bound`` (parts,): the bound at which the sum of weight x (rate - target) is least, ``least``; ``below`` the
    estimate of the block that ends there, ``above`` of the one that begins; ``last``, ``first``: their levels, ``NONE``
    without one.
    """

    weight: Floats
    product: Floats
    bound: Ints
    least: Floats
    below: Floats
    above: Floats
    last: Ints
    first: Ints

    @classmethod
    def of(cls, weight: Floats, rate: Floats, target: float, offset: int) -> Side:
        """Return the sums of parts with weights and rates (parts, levels) at levels from ``offset`` up.

        Parameters
        ----------
        weight, rate
            (parts, levels): of the isotonic fit.
        target
            the target DLT rate.
        offset
            index of the lowest level.
        """
        parts, levels = weight.shape
        sums = np.zeros((2, parts, levels + 1))
        np.cumsum(weight, axis=1, out=sums[0, :, 1:])
        np.cumsum(weight * rate, axis=1, out=sums[1, :, 1:])
        excess = sums[1] - target * sums[0]
        bound = excess.argmin(axis=1)
        below, above = np.full(parts, -np.inf), np.full(parts, np.inf)
        rows = np.arange(parts)
        at = sums[:, rows, bound]
        tried, index = weight > 0, np.arange(levels)
        for k in range(levels + 1):
            run = at - sums[:, :, k]
            ends = (k < bound) & (run[0] > 0)
            np.maximum(below, np.divide(run[1], run[0], out=np.full(parts, -np.inf), where=ends), out=below)
            begins = (k > bound) & (run[0] < 0)
            np.minimum(above, np.divide(run[1], run[0], out=np.full(parts, np.inf), where=begins), out=above)
        under = tried & (index < bound[:, None])
        over = tried & (index >= bound[:, None])
        last = np.where(under, index + offset, NONE).max(axis=1, initial=NONE)
        first = np.where(over, index + offset, FAR).min(axis=1, initial=FAR)
        first[first == FAR] = NONE
        return cls(sums[0], sums[1], bound, excess.min(axis=1), below, above, last, first)


@dataclass(frozen=True)
class Selection:
    """The MTD of trials made of a lower and an upper part: ``ended`` where a level of the lower part is eliminated."""

    target: float
    lower: Side
    upper: Side
    ended: Bools

    @classmethod
    def of(cls, design: IntervalDesign, packing: Packing, lower: Ints, upper: Ints) -> Selection:
        """Return the selection for counts (parts, levels), as packed, of the lower levels and of the upper ones.

        Parameters
        ----------
        design
            whose selection it is.
        packing
            how counts are packed.
        lower, upper
            (parts, levels): counts of the lower levels and of the upper ones.
        """
        sides, out, offset = [], [], 0
        for counts in (lower, upper):
            weight, rate, gone = _weights(design, packing, counts, offset)
            sides.append(Side.of(weight, rate, design.target, offset))
            out.append(gone)
            offset += counts.shape[1]
        return cls(design.target, sides[0], sides[1], out[0])

    def choose(self, i: Ints, j: Ints) -> Ints:
        """Return the MTD of each lower part in ``i`` with the upper part in ``j``; their shapes broadcast."""
        low, up, ended = self.lower, self.upper, self.ended[i]
        weight, product = low.weight[i, -1], low.product[i, -1]
        within = (
            low.least[i] <= product - self.target * weight + up.least[j]
        ) | ended  # the bound lies in the lower part
        with np.errstate(divide="ignore", invalid="ignore"):  # a run without weight has no mean, and does not count
            # the block above a bound in the lower part: runs that begin there and end in either part
            at = low.bound[i]
            after, sums_after = weight - low.weight[i, at], np.where(ended, np.inf, product - low.product[i, at])
            above = low.above[i]
            for k in range(1, up.weight.shape[1]):
                above = np.fmin(above, (sums_after + up.product[j, k]) / (after + up.weight[j, k]))
            # the block below a bound in the upper part: runs that end there and begin in either part
            at = up.bound[j]
            before, sums_before = weight + up.weight[j, at], product + up.product[j, at]
            below = up.below[j]
            for k in range(low.weight.shape[1] - 1):
                below = np.fmax(below, (sums_before - low.product[i, k]) / (before - low.weight[i, k]))
        begins = np.where(low.first[i] != NONE, low.first[i], np.where(ended, NONE, self.begins[j]))
        below = np.where(within, low.below[i], below)
        above = np.where(within, above, up.above[j])
        last = np.where(within, low.last[i], up.last[j])
        first = np.where(within, begins, up.first[j])
        nearer = np.abs(below + TIE * last - self.target) <= np.abs(above + TIE * first - self.target)
        return np.where((first == NONE) | (nearer & (last != NONE)), last, first)

    @cached_property
    def begins(self) -> Ints:
        """(parts,): the lowest level of the upper part that may be the MTD, ``NONE`` without one."""
        tried = self.upper.weight > 0
        lowest = tried.argmax(axis=1) - 1 + self.lower.weight.shape[1] - 1
        return np.where(tried.any(axis=1), lowest, NONE)


def _weights(design: IntervalDesign, packing: Packing, counts: Ints, offset: int) -> tuple[Floats, Floats, Bools]:
    """Return weights and rates (parts, levels) of the isotonic regression, and whether a level is eliminated."""
    n, y = packing.counts_of(counts)
    levels = counts.shape[1]
    treated, dlts = np.zeros((2, len(counts), design.levels), dtype=np.int64)
    treated[:, offset : offset + levels], dlts[:, offset : offset + levels] = n, y
    out = design.eliminated(Tally.unchecked(treated, dlts, np.zeros(len(counts), dtype=np.int64)))
    out = out[:, offset : offset + levels]
    size, seen = n + 2 * design.smoothing, y + design.smoothing
    precision = size * size * (size + 1) / (seen * (size - seen))
    return np.where((n > 0) & ~out, precision, 0.0), seen / size, np.asarray(out.any(axis=1))
