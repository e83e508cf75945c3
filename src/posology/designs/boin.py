"""BOIN, the Bayesian optimal interval design, and iBOIN, with prior information.

Liu S, Yuan Y. Bayesian optimal interval designs for phase I clinical trials. J R Stat Soc C 2015;64:507-523. The dose
goes up when the observed DLT rate at the level is at most lambda_e, down when it is at least lambda_d, and stays
between.

Zhou Y, Lee JJ, Wang S, Bailey S, Yuan Y. Incorporating historical information to improve phase I clinical trials. Pharm
Stat 2021;20:1017-1034 (iBOIN).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, log
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.interval import IntervalDesign
from posology.designs.isotonic import nearest_to_target
from posology.designs.tally import Tally
from posology.shared.arrays import Floats, Ints

BOUNDARY_TOLERANCE = 1e-9  # a rate so near a boundary lies on it


@dataclass(frozen=True)
class Boin(IntervalDesign):
    """The BOIN design.

    Parameters
    ----------
    levels, target, start, cohort, max_patients, stop_at, stop_when
        see :class:`posology.designs.cohort_design.CohortDesign`.
    elimination, eliminate_from, extra_safe, smoothing
        see :class:`posology.designs.interval.IntervalDesign`.
    p_saf, p_tox
        highest DLT rate that is deemed too low, lowest that is deemed too high; 0.6 and 1.4 times the target.
    bounded
        whether the MTD's isotonic estimate must lie below lambda_d.

    Examples
    --------
    >>> design = Boin(levels=5, target=0.3)
    >>> round(design.lambda_e, 3), round(design.lambda_d, 3)
    (0.236, 0.359)
    """

    p_saf: Annotated[float, Gt(0), Lt(1)] | None = None
    p_tox: Annotated[float, Gt(0), Lt(1)] | None = None
    bounded: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.phi_1 < self.target < self.phi_2 < 1:
            raise ValueError(
                f"p_saf {self.phi_1:g}, target {self.target:g} and p_tox {self.phi_2:g} must rise, below 1"
            )

    @property
    def phi_1(self) -> float:
        """The highest DLT rate that is deemed too low."""
        return 0.6 * self.target if self.p_saf is None else self.p_saf

    @property
    def phi_2(self) -> float:
        """The lowest DLT rate that is deemed too high."""
        return 1.4 * self.target if self.p_tox is None else self.p_tox

    @property
    def lambda_e(self) -> float:
        """The boundary for escalation, equation (2) of the paper."""
        phi, phi_1 = self.target, self.phi_1
        return log((1 - phi_1) / (1 - phi)) / log(phi * (1 - phi_1) / (phi_1 * (1 - phi)))

    @property
    def lambda_d(self) -> float:
        """The boundary for de-escalation, equation (3) of the paper."""
        phi, phi_2 = self.target, self.phi_2
        return log((1 - phi) / (1 - phi_2)) / log(phi_2 * (1 - phi) / (phi * (1 - phi_2)))

    def transitions(self, n: Ints | Floats, y: Ints | Floats) -> Ints:
        """Return the move: up where y/n <= lambda_e, down where y/n >= lambda_d."""
        up, down = y <= self.lambda_e * n + BOUNDARY_TOLERANCE, y >= self.lambda_d * n - BOUNDARY_TOLERANCE
        return np.where(up, 1, np.where(down & (y > 0), -1, 0))

    def mtd(self, tally: Tally) -> Ints:
        """Return the level whose isotonic DLT rate is nearest the target, of those tried and not eliminated."""
        if not self.bounded:
            return super().mtd(tally)
        return nearest_to_target(tally, self.target, self.safe(tally), smoothing=self.smoothing, below=self.lambda_d)


@dataclass(frozen=True)
class Iboin(Boin):
    """The iBOIN design: BOIN with a prior guess of each level's DLT rate, worth so many patients.

    Parameters
    ----------
    prior
        the guessed DLT rate of each level, rising.
    prior_sample_size
        patients that the guess is worth, at each level or one number for all; 0 gives BOIN.

    Examples
    --------
    >>> design = Iboin(levels=3, target=0.3, prior=(0.1, 0.3, 0.5), prior_sample_size=(3, 3, 3))
    >>> design.table[:, 6, 2].tolist()  # two DLTs in six: a dose thought safe is kept, one thought toxic left
    [0, 0, -1]
    """

    prior: tuple[float, ...] = ()
    prior_sample_size: tuple[Annotated[int, Ge(0)], ...] = (3,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.prior) != self.levels:
            raise ValueError(f"prior has {len(self.prior)} rates: give one for each of the {self.levels} levels")
        if not all(0 < q < 1 for q in self.prior) or any(np.diff(self.prior) < 0):
            raise ValueError(f"prior is {self.prior}: rates between 0 and 1, rising from level to level")
        if len(self.prior_sample_size) not in (1, self.levels) or any(w < 0 for w in self.prior_sample_size):
            raise ValueError(
                f"prior_sample_size is {self.prior_sample_size}: give one number of patients, or one for each level"
            )

    @property
    def hypotheses(self) -> Floats:
        """(levels, 3): prior chances that a level's rate is phi_1, the target, phi_2 (section 2.2 of the paper).

        The chance of each hypothesis after x DLTs among the patients that the guess is worth, averaged over x.
        """
        rates = np.array([self.phi_1, self.target, self.phi_2])
        sizes = self.prior_sample_size * self.levels if len(self.prior_sample_size) == 1 else self.prior_sample_size
        chances = np.zeros((self.levels, 3))
        for j, (q, m) in enumerate(zip(self.prior, sizes, strict=True)):
            for x in range(m + 1):
                likelihood = rates**x * (1 - rates) ** (m - x)
                chances[j] += comb(m, x) * q**x * (1 - q) ** (m - x) * likelihood / likelihood.sum()
        return chances

    def transitions(self, n: Ints | Floats, y: Ints | Floats) -> Ints:
        """Return the move at each level: boundaries shifted by the log odds of the hypotheses, over n."""
        phi_1, phi, phi_2 = self.phi_1, self.target, self.phi_2
        too_low, right, too_high = (self.hypotheses[:, k, None, None] for k in range(3))
        e = log(phi * (1 - phi_1) / (phi_1 * (1 - phi)))
        d = log(phi_2 * (1 - phi) / (phi * (1 - phi_2)))
        lambda_e = self.lambda_e + np.log(too_low / right) / (n * e)
        lambda_d = self.lambda_d + np.log(right / too_high) / (n * d)
        up, down = y <= lambda_e * n + BOUNDARY_TOLERANCE, y >= lambda_d * n - BOUNDARY_TOLERANCE
        return np.where(up, 1, np.where(down, -1, 0))
