"""What a two-stage trial tells of the response rate, its first stage taken into account.

UMVUE: Jung SH, Kim KM, Statistics in Medicine 2004;23:881-896. p-value and interval by the order of the UMVUE, stage by
stage: Koyama T, Chen H, Statistics in Medicine 2008;27:3145-3154, which holds too where the second stage turned out
longer or shorter than planned. Symbols as in :mod:`posology.expansion.one_arm.simon`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp
from scipy.stats import binom

from posology.shared.arrays import Floats

__all__ = ["TwoStageInference", "two_stage_inference"]


@dataclass(frozen=True)
class TwoStageInference:
    """Estimate of the response rate after a two-stage trial.

    Parameters
    ----------
    umvue
        the uniformly minimum-variance unbiased estimate.
    naive
        responses by patients: biased downward, for trials that could have stopped.
    p_value
        one-sided, under the rate of no interest.
    lower, upper
        one-sided confidence limits of 1 - alpha each: together an interval of 1 - 2 alpha.
    """

    umvue: float
    naive: float
    p_value: float
    lower: float
    upper: float


def two_stage_inference(
    responses: int,
    r1: int,
    n1: int,
    n: int,
    *,
    p0: float,
    alpha: float = 0.05,
    upper_limit: Literal["p-value", "exact"] = "p-value",
) -> TwoStageInference:
    """Infer the response rate after a two-stage trial.

    Parameters
    ----------
    responses
        seen in all: in stage 1 alone where they were r1 or fewer.
    r1, n1
        stage 1 ended the trial with r1 responses or fewer of n1.
    n
        patients of both stages as they were in the end: where more or fewer were treated than planned, their number.
    p0
        the rate of no interest, in (0, 1).
    alpha
        of each one-sided limit, in (0, 0.5).
    upper_limit
        "p-value": the rate at which the p-value is 1 - alpha, as the paper (and clinfun); it leaves out the result
        itself, and may cover less often than stated; with no response it is the exact one. "exact": the rate at which
        so small a result has chance alpha.

    Raises
    ------
    ValueError
        if the counts contradict each other, or a parameter is out of its bounds.

    Examples
    --------
    >>> result = two_stage_inference(10, 1, 12, 35, p0=0.1)
    >>> round(result.umvue, 4), round(result.p_value, 5), round(result.lower, 4), round(result.upper, 4)
    (0.2991, 0.00165, 0.1653, 0.4147)
    """
    if not 0 <= r1 < n1 < n:
        raise ValueError(f"r1 is {r1}, n1 {n1} and n {n}: it must hold that 0 <= r1 < n1 < n")
    if not 0 <= responses <= (n if responses > r1 else n1):
        raise ValueError(f"{responses} responses: they lie between 0 and {n}")
    if not 0 < p0 < 1 or not 0 < alpha < 0.5:
        raise ValueError(f"p0 is {p0} and alpha {alpha}: p0 lies between 0 and 1, alpha between 0 and 0.5")
    sample = _SampleSpace(r1, n1, n)
    estimate = sample.umvue(responses)

    def reached(rate: float) -> float:
        return sample.chance_of_at_least(estimate, rate)

    def not_exceeded(rate: float) -> float:
        if upper_limit == "p-value" and responses:
            return 1 - reached(rate)
        return sample.chance_of_at_most(estimate, rate)

    lower = 0.0 if reached(0.0) >= alpha else float(brentq(lambda p: reached(p) - alpha, 0.0, 1.0, xtol=1e-12))
    upper = (
        1.0 if not_exceeded(1.0) >= alpha else float(brentq(lambda p: not_exceeded(p) - alpha, 0.0, 1.0, xtol=1e-12))
    )
    patients = n1 if responses <= r1 else n
    return TwoStageInference(estimate, responses / patients, reached(p0), lower, upper)


class _SampleSpace:
    """Every end of the trial: (responses, ended at stage), with its number of ways and its UMVUE."""

    def __init__(self, r1: int, n1: int, n: int) -> None:
        self.r1, self.n1, self.n = r1, n1, n
        self.ends = [(x, n1) for x in range(r1 + 1)] + [(x, n) for x in range(r1 + 1, n + 1)]
        self.estimates = np.array([self.umvue(x) for x, _ in self.ends])

    def umvue(self, responses: int) -> float:
        """Return the share of the ways to so many responses in which the first patient responds."""
        if responses <= self.r1:
            return responses / self.n1
        n1, n2 = self.n1, self.n - self.n1
        x1 = np.arange(max(self.r1 + 1, responses - n2), min(responses, n1) + 1)
        first = logsumexp(_log_choose(n1 - 1, x1 - 1) + _log_choose(n2, responses - x1))
        every = logsumexp(_log_choose(n1, x1) + _log_choose(n2, responses - x1))
        return float(np.exp(first - every))

    def chances(self, rate: float) -> Floats:
        """Return the chance of each end at a true rate."""
        n1, n2 = self.n1, self.n - self.n1
        x1 = np.arange(self.r1 + 1, n1 + 1)
        going = binom.pmf(x1, n1, rate)
        later = [float((going * binom.pmf(x - x1, n2, rate)).sum()) for x, patients in self.ends if patients == self.n]
        return np.concatenate([binom.pmf(np.arange(self.r1 + 1), n1, rate), later])

    def chance_of_at_least(self, estimate: float, rate: float) -> float:
        return float(self.chances(rate)[self.estimates >= estimate - 1e-12].sum())

    def chance_of_at_most(self, estimate: float, rate: float) -> float:
        return float(self.chances(rate)[self.estimates <= estimate + 1e-12].sum())


def _log_choose(n: int, k: np.ndarray) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        value = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return np.where((k >= 0) & (k <= n), value, -np.inf)
