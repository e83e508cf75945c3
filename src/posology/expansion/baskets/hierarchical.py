"""Hierarchical models: baskets' logit rates come from one normal distribution, or some of them from their own.

EXNEX: Neuenschwander B, Wandel S, Roychoudhury S, Bailey S, Pharmaceutical Statistics 2016;15:123-134: with weight w_k
theta_j ~ N(mu_k, tau_k^2), shared by those in component k, with the last weight theta_j ~ N(m_j, s_j^2), its own. One
component of weight 1 is the hierarchical model of Berry SM, Broglio KR, Groshen S, Berry DA, Clinical Trials
2013;10:720-734 (here with a half-normal prior of tau), and of Thall PF et al., Statistics in Medicine 2003;22:763-780
(gamma prior of the precision). Calibrated: Chu Y, Yuan Y, Clinical Trials 2018;15:149-158: tau^2 is a function of how
heterogeneous the baskets look.

By quadrature, not by a sampler. Given which component each basket is in, the baskets of a component share (mu, tau) and
nothing else, so every integral is one over (mu, tau) of a product of one-basket integrals. The assignments are summed
over; where many outcomes are analysed at once, each one-basket integral is found once for each count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logit

from posology.expansion.baskets.posterior import BasketPosterior, checked_counts
from posology.expansion.baskets.quadrature import Grid, between_baskets, gamma_precision, half_normal, integrals
from posology.shared.arrays import ArrayLike, Floats, Ints

__all__ = ["CalibratedHierarchical", "Exchangeable", "Exnex", "FixedSpread", "GammaPrecision", "HalfNormal"]


@dataclass(frozen=True)
class HalfNormal:
    """A half-normal prior of the spread tau between baskets, of this scale, truncated at 0.001."""

    scale: float

    def nodes(self) -> tuple[Floats, Floats]:
        """Return nodes of tau and their mass."""
        return half_normal(self.scale)


@dataclass(frozen=True)
class GammaPrecision:
    """A gamma prior of the precision 1 / tau^2, with this shape and rate."""

    shape: float
    rate: float

    def nodes(self) -> tuple[Floats, Floats]:
        """Return nodes of tau and their mass."""
        return gamma_precision(self.shape, self.rate)


@dataclass(frozen=True)
class FixedSpread:
    """A known spread tau."""

    tau: float

    def nodes(self) -> tuple[Floats, Floats]:
        """Return the one node."""
        if not self.tau > 0:
            raise ValueError(f"tau is {self.tau}: it lies above 0")
        return np.array([self.tau]), np.ones(1)


@dataclass(frozen=True)
class Exchangeable:
    """A component that baskets may share: mu ~ N(mean, sd^2), and the prior of tau; on the logit scale."""

    mean: float
    sd: float
    spread: HalfNormal | GammaPrecision | FixedSpread


@dataclass(frozen=True)
class Exnex:
    """Exchangeable, in one component or two, or not.

    Parameters
    ----------
    components
        those that baskets may share; one or two.
    weights
        prior weight of each, and last that a basket stands alone; they sum to 1. ``(1.0, 0.0)`` is full
        exchangeability.
    alone_mean, alone_sd
        of a basket that stands alone, on the logit scale: one, or one a basket.

    Examples
    --------
    >>> model = Exnex((Exchangeable(-1.735, 2.0, HalfNormal(1.0)),), (0.5, 0.5), -1.735, 2.0)
    >>> model.posterior([[1, 1, 2, 5]], 10, 0.2).above.round(2)
    array([[0.19, 0.19, 0.42, 0.95]])
    """

    components: tuple[Exchangeable, ...]
    weights: tuple[float, ...]
    alone_mean: float | tuple[float, ...] = 0.0
    alone_sd: float | tuple[float, ...] = 1.0

    def __post_init__(self) -> None:
        if len(self.components) not in (1, 2) or len(self.weights) != len(self.components) + 1:
            raise ValueError("give one exchangeable component or two, a weight for each, and one for standing alone")
        if min(self.weights) < 0 or abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError(f"weights are {self.weights}: each is 0 or more, and they sum to 1")

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
        rates = np.broadcast_to(np.asarray(rate, dtype=float), (x.shape[1],))
        sizes, which = np.unique(n, axis=0, return_inverse=True)
        posterior = BasketPosterior.empty(x.shape)
        for k, size in enumerate(sizes):
            rows = np.flatnonzero(which.ravel() == k)
            posterior.fill(rows, _Tables(self, size, rates, x[rows]).posterior)
        return posterior

    def components_of(self, responses: ArrayLike, patients: ArrayLike) -> Floats:
        """Return (trials, baskets, components + 1): the posterior chance that a basket is in each, the last alone."""
        x, n = checked_counts(responses, patients)
        result = np.empty((*x.shape, len(self.weights)))
        for t in range(len(x)):
            result[t] = _Tables(self, n[t], np.full(x.shape[1], 0.5), x[t : t + 1]).memberships
        return result


class _Tables:
    """The integrals of one trial's sizes, for the outcomes given."""

    def __init__(self, model: Exnex, n: Ints, rates: Floats, x: Ints) -> None:
        self.model, self.n, self.x = model, n, x
        self.baskets = len(n)
        thresholds = np.unique(logit(rates))
        pairs = np.unique(np.stack([x.ravel(), np.tile(n, len(x))], axis=1), axis=0)
        counts, sizes = pairs.T
        place = {(int(a), int(b)): k for k, (a, b) in enumerate(pairs)}
        self.row = np.array([[place[int(a), int(b)] for a, b in zip(outcome, n, strict=True)] for outcome in x])
        self.threshold = np.searchsorted(thresholds, logit(rates))
        used = [(c, w) for c, w in zip(model.components, model.weights, strict=False) if w > 0]
        self.weights = [w for _, w in used]
        self.parts = []
        for component, _ in used:
            grid = between_baskets(component.mean, component.sd, component.spread.nodes(), thresholds, int(n.sum()))
            self.parts.append((grid, integrals(counts, sizes, grid, thresholds)))
        self.shared = [[self._shared(k, j) for j in range(self.baskets)] for k in range(len(used))]
        self.alone = self._alone(counts, sizes, thresholds)

    def _alone(self, counts: Ints, sizes: Ints, thresholds: Floats) -> Floats:
        """Return (moments, baskets, rows): the integrals of a basket that stands alone, times its prior weight."""
        means = np.broadcast_to(np.asarray(self.model.alone_mean, dtype=float), (self.baskets,))
        sds = np.broadcast_to(np.asarray(self.model.alone_sd, dtype=float), (self.baskets,))
        if not (sds > 0).all():
            raise ValueError(
                f"a basket that stands alone has the prior standard deviation {sds.min()}: it lies above 0"
            )
        result = np.empty((4, self.baskets, len(counts)))
        for mean, sd in {(float(m), float(s)) for m, s in zip(means, sds, strict=True)}:
            one = integrals(counts, sizes, Grid(np.array([mean]), np.array([sd]), np.ones(1)), thresholds)
            for j in np.flatnonzero((means == mean) & (sds == sd)):
                rows = (one.likelihood, one.first, one.second, one.above[:, self.threshold[j]])
                result[:, j] = np.stack([row[:, 0] for row in rows])
        return result * self.model.weights[-1]

    def _shared(self, component: int, j: int) -> Floats:
        """Return (moments, rows, nodes): the integrals of basket j in a component, times its weight."""
        _, part = self.parts[component]
        rows = (part.likelihood, part.first, part.second, part.above[:, self.threshold[j]])
        return np.stack(rows) * self.weights[component]

    @property
    def posterior(self) -> BasketPosterior:
        """The posterior of each outcome (outcomes, baskets)."""
        evidence, moments = self._integrate()
        mean, second, above = (moments[k] / evidence[:, None] for k in range(3))
        return BasketPosterior(mean, np.sqrt(np.maximum(second - mean**2, 0.0)), np.clip(above, 0.0, 1.0))

    def _integrate(self) -> tuple[Floats, Floats]:
        """Return the evidence (outcomes,), and the moments (3, outcomes, baskets) times the evidence."""
        everyone = (1 << self.baskets) - 1
        if not self.parts:
            return self._all_alone()
        if len(self.parts) == 1:
            evidence, by_basket = self._subset(0, everyone, with_alone=True)
            return evidence, np.stack([by_basket[j] for j in range(self.baskets)], axis=2)
        evidence, moments = np.zeros(len(self.x)), np.zeros((3, len(self.x), self.baskets))
        for chosen in range(everyone + 1):
            first, first_moments = self._subset(0, chosen, with_alone=False)
            rest, rest_moments = self._subset(1, everyone ^ chosen, with_alone=True)
            evidence += first * rest
            for j in range(self.baskets):
                inside = bool(chosen >> j & 1)
                moments[:, :, j] += first_moments[j] * rest if inside else first * rest_moments[j]
        return evidence, moments

    def _all_alone(self) -> tuple[Floats, Floats]:
        values = np.stack([self.alone[:, j, self.row[:, j]] for j in range(self.baskets)], axis=2)
        evidence = values[0].prod(axis=1)
        return evidence, values[1:] / values[0] * evidence[:, None]

    def _subset(self, component: int, chosen: int, *, with_alone: bool) -> tuple[Floats, dict[int, Floats]]:
        """Return the integral over a component of the product over the chosen baskets (outcomes,), and with each one's
        moments.

        ``with_alone``: a basket is in the component or stands alone; else it is in the component.
        """
        members = [j for j in range(self.baskets) if chosen >> j & 1]
        grid, _ = self.parts[component]
        tables = {}
        for j in members:
            table = self.shared[component][j]
            tables[j] = table + self.alone[:, j, :, None] if with_alone else table
        if not members:
            return np.ones(len(self.x)), {}
        return _product_integrals([tables[j] for j in members], self.row[:, members], grid.mass, members)

    @property
    def memberships(self) -> Floats:
        """(baskets, components + 1): the posterior chance to be in each component, of one outcome."""
        evidence, _ = self._integrate()
        result = np.zeros((self.baskets, len(self.model.weights)))
        used = [k for k, weight in enumerate(self.model.weights[:-1]) if weight > 0]
        for j in range(self.baskets):
            result[j, -1] = self._evidence_alone(j) / evidence[0]
            if len(used) == 1:
                result[j, used[0]] = 1 - result[j, -1]
        if len(used) == 2:
            result[:, used[0]] = self._evidence_in_first() / evidence[0]
            result[:, used[1]] = 1 - result.sum(axis=1)
        return result

    def _evidence_alone(self, j: int) -> float:
        """Return the evidence of the assignments in which basket j stands alone."""
        own = float(self.alone[0, j, self.row[0, j]])
        if own == 0:
            return 0.0
        kept = [i for i in range(self.baskets) if i != j]
        if not kept:
            return own
        rest = _Tables.__new__(_Tables)
        rest.__dict__.update(self.__dict__)
        rest.baskets, rest.x, rest.row = len(kept), self.x[:, kept], self.row[:, kept]
        rest.threshold, rest.alone = self.threshold[kept], self.alone[:, kept]
        rest.shared = [[tables[j] for j in kept] for tables in self.shared]
        return own * float(rest._integrate()[0][0])

    def _evidence_in_first(self) -> Floats:
        """Return (baskets,): the evidence of the assignments in which each basket is in the first component."""
        everyone, result = (1 << self.baskets) - 1, np.zeros(self.baskets)
        for chosen in range(everyone + 1):
            joint = (
                self._subset(0, chosen, with_alone=False)[0][0]
                * self._subset(1, everyone ^ chosen, with_alone=True)[0][0]
            )
            for j in range(self.baskets):
                result[j] += joint * (chosen >> j & 1)
        return result


def _product_integrals(
    tables: Sequence[Floats], rows: Ints, mass: Floats, members: Sequence[int]
) -> tuple[Floats, dict[int, Floats]]:
    """Return for each outcome the integral of the product of its baskets' tables, and those with each basket's moments.

    Parameters
    ----------
    tables
        for each member (moments, rows, nodes).
    rows
        (outcomes, members): which row of each table an outcome has.
    mass
        (nodes,): prior mass.
    members
        names of the members, for the result.

    The baskets are split in two halves. Distinct outcomes of each half are multiplied once, and the integrals of all
    their combinations are one matrix product.
    """
    half = (len(tables) + 1) // 2
    sides: list[tuple[list[int], Ints, Ints, Floats]] = []
    for part in (range(half), range(half, len(tables))):
        distinct, which = np.unique(rows[:, list(part)], axis=0, return_inverse=True)
        products = np.ones((len(distinct), len(mass)))
        for column, member in enumerate(part):
            products *= tables[member][0][distinct[:, column]]
        sides.append((list(part), distinct, which.ravel(), products))
    (left, left_rows, at_left, left_product), (right, right_rows, at_right, right_product) = sides
    pairs = (at_left, at_right)
    evidence = _combined(left_product * mass, right_product, pairs)
    moments = {}
    for members_here, distinct, product, other, is_left in (
        (left, left_rows, left_product, right_product, True),
        (right, right_rows, right_product, left_product, False),
    ):
        for column, member in enumerate(members_here):
            table, here = tables[member], distinct[:, column]
            values = []
            for moment in (1, 2, 3):
                ratio = table[moment] / np.where(table[0] > 0, table[0], 1.0)  # a likelihood of 0 weighs nothing
                weighted = product * (ratio * mass)[here]
                values.append(_combined(weighted, other, pairs) if is_left else _combined(other, weighted, pairs))
            moments[members[member]] = np.stack(values)
    return evidence, moments


def _combined(left: Floats, right: Floats, pairs: tuple[Ints, Ints]) -> Floats:
    """Return the integral of each outcome: of its pair of halves."""
    if len(pairs[0]) * 4 < len(left) * len(right):
        return np.asarray(np.einsum("og,og->o", left[pairs[0]], right[pairs[1]]))
    return np.asarray((left @ right.T)[pairs])


@dataclass(frozen=True)
class CalibratedHierarchical:
    """The calibrated hierarchical model: the more heterogeneous the baskets look, the less they share.

    With T the chi-square statistic of homogeneity (1 where it is less), tau^2 = exp(a + b log T), at most
    ``max_variance``.

    Parameters
    ----------
    a, b
        of the link; the paper finds them by simulation.
    mean, sd
        of the prior of mu, on the logit scale.
    max_variance
        the most that tau^2 may be.
    """

    a: float
    b: float
    mean: float = -1.39
    sd: float = 10.0
    max_variance: float = 1e4

    def variance(self, responses: ArrayLike, patients: ArrayLike) -> Floats:
        """Return (trials,): tau^2."""
        x, n = checked_counts(responses, patients)
        pooled = x.sum(axis=1, keepdims=True) / n.sum(axis=1, keepdims=True)
        expected = n * pooled * (1 - pooled)
        with np.errstate(invalid="ignore", divide="ignore"):
            statistic = np.where(expected > 0, (x - n * pooled) ** 2 / expected, 0.0).sum(axis=1)
        return np.asarray(np.minimum(np.exp(self.a + self.b * np.log(np.maximum(statistic, 1.0))), self.max_variance))

    def posterior(self, responses: ArrayLike, patients: ArrayLike, rate: ArrayLike) -> BasketPosterior:
        """Return the posterior; see :class:`posology.expansion.baskets.posterior.BasketModel`.

        Parameters
        ----------
        responses, patients
            (trials, baskets) or (baskets,): counts.
        rate
            that the chance to exceed is asked of: one, or one a basket.

        Examples
        --------
        >>> posterior = CalibratedHierarchical(a=-7.25, b=5.86).posterior([1, 4], [8, 8], 0.2)
        >>> posterior.mean.round(2), posterior.above.round(2)
        (array([[0.27, 0.36]]), array([[0.68, 0.88]]))
        """
        x, n = checked_counts(responses, patients)
        variance = self.variance(x, n)
        posterior = BasketPosterior.empty(x.shape)
        for value in np.unique(variance):
            rows = variance == value
            model = Exnex((Exchangeable(self.mean, self.sd, FixedSpread(float(np.sqrt(value)))),), (1.0, 0.0))
            posterior.fill(rows, model.posterior(x[rows], n[rows], rate))
        return posterior
