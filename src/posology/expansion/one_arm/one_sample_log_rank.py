"""The one-sample log-rank test: a survival endpoint in one arm, against a known survival curve.

Breslow NE, Journal of the Royal Statistical Society A 1975;138:227-236. The deaths observed, O, are compared with those
expected under the known curve, E = sum of its cumulative hazard at each patient's last time. Sample size with the exact
variance under the alternative: Wu J, Pharmaceutical Statistics 2015;14:26-33.

With G the chance to be still uncensored, S1 the survival and L0, L1 the cumulative hazards under null and alternative,
one patient contributes

    p0 = int G S1 dL0 (expected),      p1 = int G S1 dL1 (observed),
    variance of O - E:  p1 (1 - p1) + 2 p00 - p0^2 - 2 (p01 - p0 p1),
    p00 = int G S1 L0 dL0,   p01 = int G S1 L0 dL1.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import gammaincinv, ndtr, ndtri

from posology.shared.arrays import ArrayLike, Floats

__all__ = ["KnownSurvival", "OneSampleLogRank", "OneSampleResult", "Variance", "one_sample_log_rank"]

Variance = Literal["expected", "mean"]
"""What the test divides by: the expected deaths (Breslow), or the mean of expected and observed (Wu), which keeps the
level better in small samples."""


@dataclass(frozen=True)
class KnownSurvival:
    """A Weibull curve known from history: S(t) = exp(-(t / scale)^shape).

    Parameters
    ----------
    scale
        in months, above 0.
    shape
        above 0; 1 is exponential.

    Examples
    --------
    >>> KnownSurvival.through(6, 0.5).survival([6, 12])
    array([0.5 , 0.25])
    """

    scale: float
    shape: float = 1.0

    def __post_init__(self) -> None:
        if not (np.isfinite([self.scale, self.shape]).all() and self.scale > 0 and self.shape > 0):
            raise ValueError(f"scale {self.scale} and shape {self.shape} must lie above 0")

    @classmethod
    def through(cls, months: float, survival: float, shape: float = 1.0) -> KnownSurvival:
        """Return the curve on which ``survival`` are left after ``months``: a median with 0.5.

        Parameters
        ----------
        months, survival
            a point of the curve: above 0, and between 0 and 1.
        shape
            of the Weibull curve, above 0.

        Raises
        ------
        ValueError
            if months are not above 0 or survival does not lie between 0 and 1.

        Examples
        --------
        >>> round(KnownSurvival.through(6, 0.5).scale, 3)
        np.float64(8.656)
        """
        if not (months > 0 and 0 < survival < 1):
            raise ValueError(f"{survival} alive after {months} months: months lie above 0, the share between 0 and 1")
        return cls(months / (-np.log(survival)) ** (1 / shape), shape)

    def cumulative_hazard(self, months: ArrayLike) -> Floats:
        """Return the cumulative hazard at times."""
        return np.asarray((np.asarray(months, dtype=float) / self.scale) ** self.shape)

    def survival(self, months: ArrayLike) -> Floats:
        """Return the share alive at times."""
        return np.asarray(np.exp(-self.cumulative_hazard(months)))


@dataclass(frozen=True)
class OneSampleResult:
    """What the test says.

    Parameters
    ----------
    observed, expected
        deaths, or events of whatever kind.
    z
        standardised difference: above 0 where fewer died than expected.
    p_value
        one-sided, for better survival than known.
    ratio, interval
        observed over expected, and its exact Poisson interval.
    """

    observed: int
    expected: float
    z: float
    p_value: float
    ratio: float
    interval: tuple[float, float]


def one_sample_log_rank(
    months: ArrayLike,
    died: ArrayLike,
    known: KnownSurvival,
    *,
    variance: Variance = "expected",
    confidence: float = 0.95,
) -> OneSampleResult:
    """Test whether patients live longer than is known from history.

    Parameters
    ----------
    months
        (patients,): to death or last contact, 0 or more.
    died
        (patients,): whether the time is a death; 0 or 1.
    known
        the survival to compare with.
    variance
        what the test divides by.
    confidence
        of the interval of the ratio, in (0, 1).

    Raises
    ------
    ValueError
        if there are no patients, lengths differ, a time is negative or an event is not 0 or 1.

    Examples
    --------
    >>> known = KnownSurvival.through(6, 0.5)
    >>> result = one_sample_log_rank([3, 8, 10, 12, 15, 20], [1, 1, 0, 1, 0, 0], known)
    >>> result.observed, round(result.expected, 2), round(result.z, 2), round(result.p_value, 4)
    (3, 7.86, 1.73, 0.0416)
    """
    time = np.atleast_1d(np.asarray(months, dtype=float))
    event = np.atleast_1d(np.asarray(died, dtype=float))
    if time.shape != event.shape or not time.size:
        raise ValueError(f"{time.size} times and {event.size} events: give one each a patient, and one patient or more")
    if not (np.isfinite(time).all() and (time >= 0).all()):
        raise ValueError(f"a time is {time[~(time >= 0)][:1]}: times are 0 or more")
    if not np.isin(event, (0, 1)).all():
        raise ValueError(f"an event is {event[~np.isin(event, (0, 1))][0]}: 1 is a death, 0 is none")
    observed, expected = int(event.sum()), float(known.cumulative_hazard(time).sum())
    if expected == 0:
        raise ValueError("nobody was followed: all times are 0")
    z = (expected - observed) / np.sqrt(expected if variance == "expected" else (expected + observed) / 2)
    tail = (1 - confidence) / 2
    low = float(gammaincinv(observed, tail)) if observed else 0.0
    high = float(gammaincinv(observed + 1, 1 - tail))
    return OneSampleResult(
        observed, expected, float(z), float(ndtr(-z)), observed / expected, (low / expected, high / expected)
    )


@dataclass(frozen=True)
class OneSampleLogRank:
    """A design of one arm with a survival endpoint.

    Parameters
    ----------
    known
        survival of no interest.
    hazard_ratio
        of interest, in (0, 1).
    accrual, follow_up
        months in which patients are entered evenly, above 0, and months after the last one, 0 or more.
    alpha, power
        one-sided level, and power asked for, in (0, 1).
    variance
        what the test divides by.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    A median of 6 months, 9 of interest:

    >>> design = OneSampleLogRank(KnownSurvival.through(6, 0.5), 6 / 9, accrual=12, follow_up=12)
    >>> design.patients, round(design.expected_deaths, 1)
    (52, 38.5)
    """

    known: KnownSurvival
    hazard_ratio: float
    accrual: float
    follow_up: float
    alpha: float = 0.05
    power: float = 0.8
    variance: Variance = "expected"

    def __post_init__(self) -> None:
        if not 0 < self.hazard_ratio < 1:
            raise ValueError(f"the hazard ratio of interest is {self.hazard_ratio}: it lies between 0 and 1")
        if not (self.accrual > 0 and self.follow_up >= 0 and np.isfinite(self.accrual + self.follow_up)):
            raise ValueError(f"accrual {self.accrual} lies above 0, follow-up {self.follow_up} is 0 or more")
        if not (0 < self.alpha < 1 and 0 < self.power < 1):
            raise ValueError(f"alpha {self.alpha} and power {self.power} lie between 0 and 1")

    def _moments(self) -> tuple[float, float, float, float]:
        """Return p0, p1, p00 and p01, by Gauss-Legendre quadrature on each side of the last patient's follow-up."""
        nodes, weights = np.polynomial.legendre.leggauss(60)
        p0 = p1 = p00 = p01 = 0.0
        # In u = L0(t), where the integrand has no corner at 0 whatever the shape.
        ends = self.known.cumulative_hazard([0.0, self.follow_up, self.follow_up + self.accrual])
        for start, end in pairwise(ends):
            u = start + (end - start) * (nodes + 1) / 2
            months = self.known.scale * u ** (1 / self.known.shape)
            uncensored = np.clip((self.accrual + self.follow_up - months) / self.accrual, 0.0, 1.0)
            mass = weights * (end - start) / 2 * uncensored * np.exp(-self.hazard_ratio * u)
            p0, p00 = p0 + float(mass.sum()), p00 + float((mass * u).sum())
        p1, p01 = self.hazard_ratio * p0, self.hazard_ratio * p00
        return p0, p1, p00, p01

    @property
    def patients(self) -> int:
        """The number of patients that gives the power."""
        p0, p1, p00, p01 = self._moments()
        under_null = p0 if self.variance == "expected" else (p0 + p1) / 2
        variance = p1 * (1 - p1) + 2 * p00 - p0**2 - 2 * (p01 - p0 * p1)
        each = (np.sqrt(under_null) * ndtri(1 - self.alpha) + np.sqrt(variance) * ndtri(self.power)) / (p0 - p1)
        return int(np.ceil(each**2 - 1e-9))

    @property
    def expected_deaths(self) -> float:
        """Deaths expected by the end, where the hazard ratio is the one of interest."""
        return self.patients * self._moments()[1]

    def power_of(self, patients: int) -> float:
        """Return the power of a number of patients, by the same approximation."""
        p0, p1, p00, p01 = self._moments()
        under_null = p0 if self.variance == "expected" else (p0 + p1) / 2
        variance = p1 * (1 - p1) + 2 * p00 - p0**2 - 2 * (p01 - p0 * p1)
        z = (np.sqrt(patients) * (p0 - p1) - np.sqrt(under_null) * ndtri(1 - self.alpha)) / np.sqrt(variance)
        return float(ndtr(z))

    def simulate(
        self, hazard_ratio: float, rng: np.random.Generator, *, patients: int | None = None, trials: int = 10_000
    ) -> float:
        """Return the share of simulated trials that reject, at a true hazard ratio (1: the null).

        Parameters
        ----------
        hazard_ratio
            true one, above 0.
        rng
            the source of randomness.
        patients
            in each trial; by default the design's.
        trials
            to simulate.

        Examples
        --------
        >>> design = OneSampleLogRank(KnownSurvival.through(6, 0.5), 0.5, accrual=12, follow_up=12)
        >>> 0.7 < design.simulate(0.5, np.random.default_rng(1), trials=2_000) < 0.95
        True
        """
        n = patients or self.patients
        entry = rng.uniform(0, self.accrual, (trials, n))
        death = self.known.scale * (rng.exponential(size=(trials, n)) / hazard_ratio) ** (1 / self.known.shape)
        last = self.accrual + self.follow_up - entry
        expected = self.known.cumulative_hazard(np.minimum(death, last)).sum(axis=1)
        observed = (death <= last).sum(axis=1)
        divided = expected if self.variance == "expected" else (expected + observed) / 2
        return float(((expected - observed) / np.sqrt(divided) > ndtri(1 - self.alpha)).mean())
