"""Two stages that may end for futility or for success after the first.

Fleming TR, Biometrics 1982;38:143-151; the exact search: Mander AP, Thompson SG, Contemporary Clinical Trials
2010;31:572-578. Stage 1 ends with r1 responses or fewer, or with a or more, of n1; then more than r2 of n are a
success.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from posology.expansion.one_arm.boundaries import Boundaries
from posology.shared.arrays import Floats

__all__ = ["FlemingTwoStage", "fleming"]


@dataclass(frozen=True)
class FlemingTwoStage:
    """A two-stage design that may end early either way; expected patients and early stop at the rate of no interest."""

    r1: int
    n1: int
    a: int
    r2: int
    n: int
    type_1_error: float
    power: float
    expected_patients: float
    early_stop: float

    @property
    def boundaries(self) -> Boundaries:
        """The design as a table of boundaries."""
        return Boundaries((self.n1, self.n), (self.r1, self.r2), (self.a, self.r2 + 1))


def fleming(
    p0: float, p1: float, *, alpha: float = 0.05, beta: float = 0.2, min_patients: int = 2, max_patients: int = 60
) -> tuple[FlemingTwoStage, FlemingTwoStage]:
    """Return the optimal and the minimax design.

    The optimal one has the fewest patients expected at ``p0``; the minimax one the fewest in all, and among those the
    fewest expected.

    Parameters
    ----------
    p0, p1
        response rate of no interest, and of interest, 0 < p0 < p1 < 1.
    alpha, beta
        the most that type I and type II error may be.
    min_patients, max_patients
        the numbers of patients in all to look at.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or no design will do.

    Examples
    --------
    >>> optimal, minimax = fleming(0.05, 0.25, min_patients=12, max_patients=20)
    >>> minimax.n <= optimal.n
    True
    """
    if not 0 < p0 < p1 < 1 or not (0 < alpha < 1 and 0 < beta < 1):
        raise ValueError(
            f"p0 is {p0}, p1 {p1}, alpha {alpha}, beta {beta}: 0 < p0 < p1 < 1, and errors between 0 and 1"
        )
    if not 2 <= min_patients <= max_patients <= 200:
        raise ValueError(f"patients from {min_patients} to {max_patients}: they lie between 2 and 200")
    designs = [
        design
        for n in range(min_patients, max_patients + 1)
        for n1 in range(1, n)
        if (design := _best(p0, p1, alpha, beta, n1, n)) is not None
    ]
    if not designs:
        raise ValueError(
            f"no two-stage design of {min_patients} to {max_patients} patients tells {p0:g} from {p1:g} with errors"
            f" {alpha:g} and {beta:g}"
        )
    return (
        min(designs, key=lambda d: (round(d.expected_patients, 9), d.n)),
        min(designs, key=lambda d: (d.n, d.expected_patients)),
    )


def _best(p0: float, p1: float, alpha: float, beta: float, n1: int, n: int) -> FlemingTwoStage | None:
    """Return the design of n1 and n patients with the fewest expected at p0."""
    counts = np.arange(n1 + 1)
    chance = np.stack([binom.pmf(counts, n1, p) for p in (p0, p1)])  # (2, n1 + 1)
    below = chance.cumsum(axis=1)
    above = np.flip(np.flip(chance, axis=1).cumsum(axis=1), axis=1)
    r1 = np.flatnonzero(below[1] <= beta)
    a = np.flatnonzero(above[0] <= alpha)
    if not len(r1) or not len(a) or r1[0] + 1 > a[-1]:
        return None
    success = np.stack([_success_later(chance[k], p, n1, n) for k, p in enumerate((p0, p1))])  # (2, r2, x1 <= .)
    best: FlemingTwoStage | None = None
    for low in r1:
        for high in a[a > low]:
            between = success[:, :, high] - success[:, :, low + 1]
            level, power = above[:, [high]] + between
            r2 = np.flatnonzero((level <= alpha) & (power >= 1 - beta))
            if not len(r2):
                continue
            stop = float(below[0, low] + above[0, high])
            expected = n1 + (1 - stop) * (n - n1)
            if best is None or expected < best.expected_patients:
                k = int(r2[0])
                best = FlemingTwoStage(int(low), n1, int(high), k, n, float(level[k]), float(power[k]), expected, stop)
    return best


def _success_later(chance: Floats, p: float, n1: int, n: int) -> Floats:
    """Return (r2, x): chance of fewer than x responses in stage 1 and more than r2 in all, for x from 0 to n1 + 1."""
    r2, x1 = np.arange(n)[:, None], np.arange(n1 + 1)[None, :]
    joint = chance * binom.sf(r2 - x1, n - n1, p)
    return np.concatenate([np.zeros((n, 1)), joint.cumsum(axis=1)], axis=1)
