"""PO-CRM: the continual reassessment method where the order of toxicity of some combinations is not known.

Wages NA, Conaway MR, O'Quigley J, Biometrics 2011;67:1555-1563. Each possible order is a working model p = skeleton^a;
its likelihood, at the best a (or averaged over a prior), times its prior weight gives its chance. The order of the
greatest chance is taken for the estimate, and the combination nearest the target for the next patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import xlog1py

from posology.shared.arrays import ArrayLike, Floats

__all__ = ["PartialOrder", "PartialOrderEstimate"]


@dataclass(frozen=True)
class PartialOrderEstimate:
    """What the data say.

    Parameters
    ----------
    order_chance
        (orders,): chance of each order.
    order
        index of the order taken.
    exponent
        of its model.
    rates
        (combinations,): estimated DLT rates.
    recommended
        index of the combination whose rate is nearest the target; of equal ones the one lower in the order.
    """

    order_chance: Floats
    order: int
    exponent: float
    rates: Floats
    recommended: int


@dataclass(frozen=True)
class PartialOrder:
    """The design.

    Parameters
    ----------
    orders
        each a permutation of the combinations, by index from 0, from the least to the most toxic.
    skeleton
        prior DLT rates, rising, in (0, 1): the first of an order has the first rate.
    target
        DLT rate, in (0, 1).
    weights
        prior chances of the orders, above 0; by default alike.
    estimate
        "likelihood": the best exponent (the paper's second stage; needs a DLT and a patient without); "bayes": the
        exponent's logarithm has a normal prior, and the mean of it is taken.
    prior_sd
        of that logarithm, above 0.

    Raises
    ------
    ValueError
        if orders are no permutations, or a number is out of its bounds.

    Examples
    --------
    Two drugs at two levels; which of the two middle combinations is the more toxic is not known:

    >>> design = PartialOrder(orders=[[0, 1, 2, 3], [0, 2, 1, 3]], skeleton=(0.1, 0.2, 0.3, 0.4), target=0.3)
    >>> result = design.fit(treated=[3, 3, 6, 0], dlts=[0, 0, 2, 0])
    >>> result.order, result.recommended
    (0, 3)
    """

    orders: Sequence[Sequence[int]]
    skeleton: Sequence[float]
    target: float
    weights: Sequence[float] | None = None
    estimate: Literal["likelihood", "bayes"] = "likelihood"
    prior_sd: float = 1.34**0.5

    def __post_init__(self) -> None:
        size = len(self.skeleton)
        if not self.orders or any(sorted(order) != list(range(size)) for order in self.orders):
            raise ValueError(f"each order holds every combination, 0 to {size - 1}, once")
        rates = np.asarray(self.skeleton, dtype=float)
        if not ((rates > 0) & (rates < 1)).all() or not (np.diff(rates) > 0).all():
            raise ValueError(f"the skeleton is {list(self.skeleton)}: rates between 0 and 1, rising")
        if not 0 < self.target < 1 or not self.prior_sd > 0:
            raise ValueError(f"target {self.target} lies between 0 and 1, prior_sd {self.prior_sd} above 0")
        if self.weights is not None and (len(self.weights) != len(self.orders) or not min(self.weights) > 0):
            raise ValueError(f"give a weight above 0 for each of {len(self.orders)} orders")

    @property
    def models(self) -> Floats:
        """(orders, combinations): the skeleton as each order has it."""
        rates = np.empty((len(self.orders), len(self.skeleton)))
        for k, order in enumerate(self.orders):
            rates[k, list(order)] = self.skeleton
        return rates

    def fit(self, treated: ArrayLike, dlts: ArrayLike) -> PartialOrderEstimate:
        """Return what the data say.

        Parameters
        ----------
        treated, dlts
            (combinations,): patients at each, and those with a DLT.

        Raises
        ------
        ValueError
            if counts cannot be, or ("likelihood") there is no DLT yet, or nothing else.
        """
        n, y = np.asarray(treated, dtype=float), np.asarray(dlts, dtype=float)
        if n.shape != (len(self.skeleton),) or y.shape != n.shape or not ((y >= 0) & (y <= n)).all():
            raise ValueError(
                f"give patients and DLTs of each of {len(self.skeleton)} combinations, DLTs not above patients"
            )
        if self.estimate == "likelihood":
            if not 0 < y.sum() < n.sum():
                raise ValueError(
                    "the likelihood has no greatest value without a DLT, or with nothing else: go on by a first stage, "
                    'or take estimate="bayes"'
                )
            log_weight, exponent = self._best(n, y)
        else:
            log_weight, exponent = self._averaged(n, y)
        prior = np.ones(len(self.orders)) if self.weights is None else np.asarray(self.weights, dtype=float)
        chance = prior * np.exp(log_weight - log_weight.max())
        chance = chance / chance.sum()
        order = int(chance.round(12).argmax())
        rates = self.models[order] ** exponent[order]
        by_order = np.array(self.orders[order])
        nearest = int(by_order[np.abs(rates[by_order] - self.target).round(12).argmin()])
        return PartialOrderEstimate(chance, order, float(exponent[order]), rates, nearest)

    def _log_likelihood(self, log_exponent: Floats, n: Floats, y: Floats) -> Floats:
        """Return (orders, exponents)."""
        log_rate = np.log(self.models)[:, None, :] * np.exp(log_exponent)[None, :, None]
        return np.asarray((y * log_rate + xlog1py(n - y, -np.exp(log_rate))).sum(axis=2))

    def _best(self, n: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return (orders,) greatest log likelihoods and their exponents: a grid, then Brent's method."""
        grid = np.linspace(-6, 4, 201)
        values = self._log_likelihood(grid, n, y)
        best, exponent = np.empty(len(values)), np.empty(len(values))
        for k, row in enumerate(values):
            at = int(np.clip(row.argmax(), 1, len(grid) - 2))

            def less(log_exponent: float, order: int = k) -> float:
                return -float(self._log_likelihood(np.array([log_exponent]), n, y)[order, 0])

            result = minimize_scalar(
                less, bounds=(grid[at - 1], grid[at + 1]), method="bounded", options={"xatol": 1e-10}
            )
            best[k], exponent[k] = -result.fun, np.exp(result.x)
        return best, exponent

    def _averaged(self, n: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return (orders,) log marginal likelihoods, and exponentials of the posterior mean of the log exponent."""
        grid = np.linspace(-6, 6, 601) * self.prior_sd
        log_density = self._log_likelihood(grid, n, y) - (grid / self.prior_sd) ** 2 / 2
        top = log_density.max(axis=1, keepdims=True)
        density = np.exp(log_density - top)
        total = density.sum(axis=1)
        return top[:, 0] + np.log(total), np.exp(density @ grid / total)
