"""Borrowing by weights: each basket takes a share of the others' data, the larger the more alike they are.

Fujikawa K, Teramukai S, Yokota I, Daimon T, Biometrical Journal 2020;62:330-338 (the others' priors are shared too;
weight (1 - JSD)^epsilon of the Jensen-Shannon divergence). Power priors, in which data alone are shared: calibrated
(Pan H, Yuan Y, Xia J, Stat Biopharm Res 2017;9:264-275, by the Kolmogorov-Smirnov distance), by divergence, and by the
maximal marginal likelihood (Gravestock I, Held L, Pharmaceutical Statistics 2017;16:349-360). As these are set side by
side in Baumann L, Sauer L, Kieser M, baskexact. Pooling and no borrowing are the limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import betaincc, betaln, expit, log_expit

from posology.expansion.baskets.posterior import BasketPosterior, checked_counts
from posology.shared.arrays import ArrayLike, Floats

__all__ = ["Borrowing", "PowerPrior"]

Borrowing = Literal["none", "pooled", "Fujikawa", "calibrated", "divergence", "marginal likelihood"]


@dataclass(frozen=True)
class PowerPrior:
    """A beta prior for each basket, and how much of the others' data is taken.

    Parameters
    ----------
    borrowing
        how the weights are found.
    a, b
        shapes of each basket's prior, above 0.
    epsilon, tau
        for "Fujikawa" and "divergence": the power of 1 - JSD, and the weight at or below which nothing is taken.
    log_base
        for these: of the divergence's logarithm; 2 makes it lie between 0 and 1.
    shift, slope
        for "calibrated": the weight is 1 / (1 + exp(shift + slope log(n^(1/4) distance))).

    Examples
    --------
    >>> model = PowerPrior("Fujikawa", epsilon=2, tau=0, log_base=np.e)
    >>> model.posterior([[3, 6, 9]], 24, 0.2).above.round(4)
    array([[0.6319, 0.9045, 0.9679]])
    """

    borrowing: Borrowing = "Fujikawa"
    a: float = 1.0
    b: float = 1.0
    epsilon: float = 2.0
    tau: float = 0.0
    log_base: float = 2.0
    shift: float = 1.0
    slope: float = 1.0

    def __post_init__(self) -> None:
        if self.a <= 0 or self.b <= 0 or self.epsilon < 0 or not 0 <= self.tau <= 1 or self.log_base <= 1:
            raise ValueError(
                f"a is {self.a}, b {self.b}, epsilon {self.epsilon}, tau {self.tau}, log_base {self.log_base}: shapes"
                " lie above 0, epsilon is 0 or more, tau lies between 0 and 1, and the base is above 1"
            )

    def weights(self, responses: ArrayLike, patients: ArrayLike) -> Floats:
        """Return (trials, baskets, baskets): the share of the column's data that the row's basket takes; 1 on the
        diagonal."""
        x, n = checked_counts(responses, patients)
        baskets = x.shape[1]
        if self.borrowing in ("none", "pooled"):
            one = np.eye(baskets) if self.borrowing == "none" else np.ones((baskets, baskets))
            return np.broadcast_to(one, (len(x), baskets, baskets)).copy()
        if self.borrowing == "calibrated":
            return self._calibrated(x / n, n)
        basket = n * (n.max() + 1) + x  # one number for a basket's counts
        first, second = np.broadcast_arrays(basket[:, :, None], basket[:, None, :])
        low, high = np.minimum(first, second), np.maximum(first, second)
        kinds, which = np.unique(np.stack([low.ravel(), high.ravel()], axis=1), axis=0, return_inverse=True)
        sizes, counts = np.divmod(kinds, n.max() + 1)
        by_kind = [self._weight(*pair) for pair in zip(*sizes.T.tolist(), *counts.T.tolist(), strict=True)]
        weights = np.asarray(by_kind)[which.ravel()].reshape(len(x), baskets, baskets)
        weights[:, np.arange(baskets), np.arange(baskets)] = 1.0
        return weights

    def _calibrated(self, rate: Floats, n: ArrayLike) -> Floats:
        distance = np.abs(rate[:, :, None] - rate[:, None, :]) * np.max(n, axis=1)[:, None, None] ** 0.25
        with np.errstate(divide="ignore"):
            return np.asarray(expit(-(self.shift + self.slope * np.log(distance))))

    def _weight(self, n1: int, n2: int, x1: int, x2: int) -> float:
        """Return the weight of two baskets; it is the same both ways."""
        if self.borrowing == "marginal likelihood":
            return (
                _most_likely_share(self.a, self.b, x1, n1, x2, n2) + _most_likely_share(self.a, self.b, x2, n2, x1, n1)
            ) / 2
        alike = 1 - _divergence(self.a + x1, self.b + n1 - x1, self.a + x2, self.b + n2 - x2) / np.log(self.log_base)
        weight = alike**self.epsilon
        return float(weight if weight > self.tau else 0.0)

    def posterior(self, responses: ArrayLike, patients: ArrayLike, rate: ArrayLike) -> BasketPosterior:
        """Return the posterior; see :class:`posology.expansion.baskets.posterior.BasketModel`.

        Parameters
        ----------
        responses, patients
            (trials, baskets) or (baskets,): counts.
        rate
            that the chance to exceed is asked of: one, or one a basket.
        """
        x, n = checked_counts(responses, patients)
        weights = self.weights(x, n)
        shared = weights if self.borrowing == "Fujikawa" else np.eye(x.shape[1])[None]
        a = self.a * shared.sum(axis=2) + np.einsum("tij,tj->ti", weights, x)
        b = self.b * shared.sum(axis=2) + np.einsum("tij,tj->ti", weights, n - x)
        mean = a / (a + b)
        return BasketPosterior(mean, np.sqrt(mean * (1 - mean) / (a + b + 1)), np.asarray(betaincc(a, b, rate)))


@lru_cache(maxsize=100_000)
def _divergence(a1: float, b1: float, a2: float, b2: float) -> float:
    """Return the Jensen-Shannon divergence of two beta distributions, in nats; quadrature over the logit."""
    nodes, step = np.linspace(-40, 40, 4001, retstep=True)
    logs = np.stack([a * log_expit(nodes) + b * log_expit(-nodes) - betaln(a, b) for a, b in ((a1, b1), (a2, b2))])
    middle = np.logaddexp(*logs) - np.log(2)
    divergences = (np.exp(logs) * (logs - middle)).sum(axis=1) * step
    return float(divergences.mean())


@lru_cache(maxsize=100_000)
def _most_likely_share(a: float, b: float, x: int, n: int, other_x: int, other_n: int) -> float:
    """Return the share of another basket's data under which this one's are most likely."""

    def loss(share: float) -> float:
        a_with, b_with = a + share * other_x, b + share * (other_n - other_x)
        return float(betaln(a_with, b_with) - betaln(a_with + x, b_with + n - x))

    best = minimize_scalar(loss, bounds=(0.0, 1.0), method="bounded", options={"xatol": 1e-9})
    share = float(best.x)
    return 1.0 if loss(1.0) <= loss(share) else 0.0 if loss(0.0) <= loss(share) else share
