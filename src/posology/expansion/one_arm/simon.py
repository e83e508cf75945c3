"""Simon's two-stage designs: optimal, minimax, and the admissible ones between.

Simon R, Controlled Clinical Trials 1989;10:1-10. Admissible: Jung SH, Lee T, Kim K, George SL, Statistics in Medicine
2004;23:561-569. A design ends after n1 patients with r1 responses or fewer, and the drug is worth no further study with
r or fewer of n. Symbols are the paper's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from posology.expansion.one_arm.boundaries import Boundaries
from posology.shared.arrays import Floats, Ints

__all__ = ["TwoStage", "admissible", "simon_designs"]

TOLERANCE = 1e-9
"""Error rates this close above their bounds meet them: they are sums of many products."""


@dataclass(frozen=True)
class TwoStage:
    """A two-stage design, and what it does.

    Parameters
    ----------
    r1, n1, r, n
        the drug is rejected with r1 or fewer responses of n1, and with r or fewer of n.
    type_1_error, power
        at the rate of no interest and at the rate of interest.
    expected_patients, early_stop
        expected patients and the chance to end after stage 1, at the rate of no interest.
    """

    r1: int
    n1: int
    r: int
    n: int
    type_1_error: float
    power: float
    expected_patients: float
    early_stop: float

    @property
    def boundaries(self) -> Boundaries:
        """The design as a table of boundaries; a second stage that more responses cannot be needed for is kept."""
        return Boundaries((self.n1, self.n), (self.r1, self.r), (self.n1 + 1, self.r + 1))


def simon_designs(
    p0: float, p1: float, *, alpha: float = 0.05, beta: float = 0.2, max_patients: int = 120
) -> list[TwoStage]:
    """Return for each number of patients the design with the fewest patients expected at ``p0``, if there is one.

    The first is the minimax design; :func:`admissible` names the optimal one.

    Parameters
    ----------
    p0, p1
        response rate of no interest, and of interest, 0 < p0 < p1 < 1.
    alpha, beta
        the most that type I and type II error may be, each in (0, 1).
    max_patients
        the most patients to look at, 2 to 1000.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or no design of so many patients meets the errors.

    Examples
    --------
    >>> designs = simon_designs(0.1, 0.3)
    >>> minimax, optimal = designs[0], min(designs, key=lambda d: d.expected_patients)
    >>> (minimax.r1, minimax.n1, minimax.r, minimax.n), (optimal.r1, optimal.n1, optimal.r, optimal.n)
    ((1, 15, 5, 25), (1, 10, 5, 29))
    """
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"p0 is {p0} and p1 is {p1}: it must hold that 0 < p0 < p1 < 1")
    if not (0 < alpha < 1 and 0 < beta < 1):
        raise ValueError(f"alpha is {alpha} and beta is {beta}: each lies between 0 and 1")
    if not 2 <= max_patients <= 1000:
        raise ValueError(f"max_patients is {max_patients}: it must be from 2 to 1000")
    search = _Search(p0, p1, alpha, beta, max_patients)
    designs = [design for n in range(2, max_patients + 1) if (design := search.best_of(n)) is not None]
    if not designs:
        raise ValueError(
            f"no two-stage design of {max_patients} patients or fewer tells {p0:g} from {p1:g} with errors {alpha:g}"
            f" and {beta:g}: allow more patients (max_patients) or larger errors"
        )
    return designs


class _Search:
    """The binomial tables of a search, (patients, responses), under p0 and under p1."""

    def __init__(self, p0: float, p1: float, alpha: float, beta: float, most: int) -> None:
        self.alpha, self.beta = alpha, beta
        sizes, counts = np.arange(most + 1)[:, None], np.arange(most + 1)[None, :]
        self.chance = np.stack([binom.pmf(counts, sizes, p) for p in (p0, p1)])
        self.at_most = self.chance.cumsum(axis=2)
        # exceeds[s, n, 1 + k]: chance of more than k responses, k from -1 on
        beyond = np.flip(np.flip(self.chance, axis=2).cumsum(axis=2), axis=2)
        self.exceeds = np.concatenate([np.minimum(beyond, 1.0), np.zeros((2, most + 1, 1))], axis=2)

    def best_of(self, n: int) -> TwoStage | None:
        """Return the design of n patients with the fewest expected at p0.

        Those depend on n1 and r1 alone: for each pair the smallest r that alpha allows has the most power, and tells
        whether there is a design. It lies at or just below the r of a single stage.
        """
        n1 = np.arange(1, n)
        r1_most = np.minimum((self.at_most[1, 1:n, :] <= self.beta + TOLERANCE).sum(axis=1) - 1, n1 - 1)
        widest = int(r1_most.max(initial=-1))
        if widest < 0 or self.exceeds[1, n, 1:].max() < 1 - self.beta - TOLERANCE:
            return None
        r1 = np.arange(widest + 1)
        allowed = r1[None, :] <= r1_most[:, None]
        fits = np.zeros_like(allowed)
        single_stage = int(np.argmax(self.exceeds[0, n, 1:] <= self.alpha + TOLERANCE))
        for r in range(single_stage, -1, -1):
            level, power = self._rejects(n, n1, r1, r)
            within = allowed & (level <= self.alpha + TOLERANCE)
            fits |= within & (power >= 1 - self.beta - TOLERANCE)
            if not (within & ~fits).any():
                break  # a smaller r raises the level, and those that fit are known
        if not fits.any():
            return None
        stop = self.at_most[0, n1][:, r1]
        expected = np.where(fits, n1[:, None] + (1 - stop) * (n - n1)[:, None], np.inf)
        row, column = np.unravel_index(int(expected.argmin()), expected.shape)
        return self._strictest(n, int(n1[row]), int(r1[column]))

    def _rejects(self, n: int, n1: Ints, r1: Ints, r: int) -> Floats:
        """Return (2, n1, r1): the chance to find the drug worth study under p0 and p1, for r1 from 0 on."""
        # less the chance to stop at stage 1 and yet to have exceeded r of n had one gone on
        later = np.clip(1 + r - r1, 0, None)[None, :]
        missed = (self.chance[:, n1][:, :, r1] * self.exceeds[:, (n - n1)[:, None], later]).cumsum(axis=2)
        return np.asarray(self.exceeds[:, n, 1 + r][:, None, None] - missed)

    def _strictest(self, n: int, n1: int, r1: int) -> TwoStage:
        """Return the design of a first stage with the largest r that the power allows."""
        for r in range(n - 1, -1, -1):
            level, power = self._rejects(n, np.array([n1]), np.arange(r1 + 1), r)[:, 0, -1]
            if power >= 1 - self.beta - TOLERANCE:
                break
        stop = float(self.at_most[0, n1, r1])
        return TwoStage(r1, n1, r, n, float(level), float(power), n1 + (1 - stop) * (n - n1), stop)


def admissible(designs: list[TwoStage]) -> list[tuple[TwoStage, float, float]]:
    """Return the designs that minimise q n + (1 - q) EN(p0) for some weight q, from minimax to optimal, with their
    weights.

    Parameters
    ----------
    designs
        as :func:`simon_designs` returns them, from the fewest patients on.

    Returns
    -------
    Triples of a design and the smallest and largest q for which it is best.

    Examples
    --------
    >>> [(d.n, round(low, 3), round(high, 3)) for d, low, high in admissible(simon_designs(0.05, 0.2, beta=0.1))]
    [(38, 0.791, 1.0), (39, 0.623, 0.791), (40, 0.436, 0.623), (41, 0.0, 0.436)]
    """
    n = np.array([design.n for design in designs], dtype=float)
    expected = np.array([design.expected_patients for design in designs])
    optimal = int(expected.argmin())
    chosen: list[tuple[int, float]] = []
    at, high = 0, 1.0
    while True:
        chosen.append((at, high))
        if at == optimal:
            break
        later = np.arange(at + 1, optimal + 1)
        saved = expected[at] - expected[later]
        fewer = saved > 0  # only a design that expects fewer patients can be better for some q
        later, saved = later[fewer], saved[fewer]
        weights = saved / (saved + (n[later] - n[at]))  # the q at which both are as good
        k = int(weights.argmax())
        at, high = int(later[k]), float(weights[k])
    lows = [high for _, high in chosen[1:]] + [0.0]
    return [(designs[k], low, high) for (k, high), low in zip(chosen, lows, strict=True)]
