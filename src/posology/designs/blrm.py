"""BLRM, Bayesian logistic regression with two parameters and overdose control.

Neuenschwander B, Branson M, Gsponer T. Critical aspects of the Bayesian approach to phase I cancer trials. Stat Med
2008;27:2420-2439. logit p(d) = log alpha + beta log(d / d*), with a bivariate normal prior, or a mixture of such, on
(log alpha, log beta). A level may be given if the chance of overdosing there stays below a bound; of those the one with
the highest chance of hitting the target interval is chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log, pi, sqrt
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Gt, Lt

from posology.designs.model_based import Grid, ModelBasedDesign, logit, tail_weights, up_to_each
from posology.designs.tally import NONE, Tally
from posology.shared.arrays import Bools, Floats, Ints

GRID_HALF_WIDTH_SD = 6.5  # prior standard deviations that the grid reaches to either side
GRID_SPACING = (
    0.75  # of the spacing: chances to 1e-6, whatever the data; at 1 to 2e-5 where levels contradict each other
)
NEGLIGIBLE = 1e-13  # of the posterior
STEEPEST = 100.0  # in standard deviations of log beta: beyond, a correlation of 0.9999, chances to 1e-3
MAX_INFORMATION = (0.25, 1.0)  # of log alpha, and of log beta, that a patient brings


@dataclass(frozen=True)
class Normal:
    """A bivariate normal prior for (log alpha, log beta), or a component of a mixture.

    Parameters
    ----------
    mean, sd
        of log alpha and of log beta.
    correlation
        between the two.
    weight
        in a mixture; weights are scaled to sum to 1.
    """

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # a misspelt part is refused

    mean: tuple[float, float]
    sd: tuple[Annotated[float, Gt(0)], Annotated[float, Gt(0)]]
    correlation: Annotated[float, Gt(-1), Lt(1)] = 0.0
    weight: Annotated[float, Gt(0)] = 1.0

    def __post_init__(self) -> None:
        if min(self.sd) <= 0 or not -1 < self.correlation < 1 or self.weight <= 0:
            raise ValueError(
                f"sd {self.sd} and weight {self.weight} must be above 0, correlation {self.correlation} between -1"
                " and 1"
            )

    @property
    def covariance(self) -> Floats:
        """(2, 2): the covariance matrix."""
        both = self.correlation * self.sd[0] * self.sd[1]
        return np.array([[self.sd[0] ** 2, both], [both, self.sd[1] ** 2]])

    def log_density(self, theta: Floats) -> Floats:
        """Return the log of the density at (..., 2) points."""
        away = theta - np.array(self.mean)
        inverse = np.linalg.inv(self.covariance)
        square = np.einsum("...i,ij,...j->...", away, inverse, away)
        return np.asarray(-square / 2 - np.log(2 * pi * np.sqrt(np.linalg.det(self.covariance))))


@dataclass(frozen=True)
class Blrm(ModelBasedDesign):
    """The two-parameter logistic model with overdose control.

    Parameters
    ----------
    levels, target, start, cohort, max_patients, stop_at, stop_when
        see :class:`posology.designs.cohort_design.CohortDesign`.
    no_skipping, coherent, stop_toxic, stop_toxic_from
        see :class:`posology.designs.model_based.ModelBasedDesign`.
    doses
        the dose at each level, rising, in any unit.
    reference
        the reference dose d*, in that unit; the middle level's where not given.
    prior
        one normal prior, or the components of a mixture.
    interval
        the target interval of DLT rates: below it a level is underdosed, above it overdosed.
    overdose
        the highest chance of overdosing at which a level may be given (EWOC principle).
    choose_by
        "target": the admissible level with the highest chance of the target interval; "highest": the highest
        admissible.

    Examples
    --------
    >>> design = Blrm(levels=4, target=0.25, doses=(1, 2, 4, 8), reference=4)
    >>> tally = Tally.of("1NNN 2NNN 3NNT", levels=4)
    >>> design.probability_above(tally, 0.33).round(3)
    array([[0.005, 0.021, 0.241, 0.614]])
    >>> int(design.decide(tally).level[0])
    2
    """

    doses: tuple[Annotated[float, Gt(0)], ...] = ()
    reference: Annotated[float, Gt(0)] | None = None
    prior: tuple[Normal, ...] = (Normal((log(0.25 / 0.75), 0.0), (2.0, 1.0)),)
    interval: tuple[float, float] = (0.16, 0.33)
    overdose: Annotated[float, Gt(0), Lt(1)] = 0.25
    choose_by: Literal["target", "highest"] = "target"

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.doses) != self.levels:
            raise ValueError(f"doses has {len(self.doses)} doses: give one for each of the {self.levels} levels")
        if not all(d > 0 for d in self.doses) or any(np.diff(self.doses) <= 0):
            raise ValueError(f"doses is {self.doses}: amounts above 0, each above the one before")
        if self.reference is not None and self.reference <= 0:
            raise ValueError(f"reference is {self.reference}: a dose lies above 0")
        if not 0 < self.interval[0] < self.interval[1] < 1:
            raise ValueError(f"interval is {self.interval}: two rising rates between 0 and 1")
        if not 0 < self.overdose < 1:
            raise ValueError(f"overdose is {self.overdose}: a probability lies between 0 and 1")
        if not self.prior:
            raise ValueError("prior is empty: give one normal prior, or the components of a mixture")

    @property
    def scaled(self) -> Floats:
        """(levels,): log of each dose by the reference dose."""
        doses = np.array(self.doses, dtype=np.float64)
        return np.log(doses / (self.reference or doses[self.levels // 2]))

    @cached_property
    def _moments(self) -> tuple[Floats, Floats, Floats]:
        """The mixture's mean, its covariance, and its narrowest component's share of each standard deviation."""
        weight = np.array([c.weight for c in self.prior])
        weight = weight / weight.sum()
        means = np.array([c.mean for c in self.prior])
        mean = weight @ means
        spread = np.array([c.covariance for c in self.prior]) + np.einsum("ki,kj->kij", means - mean, means - mean)
        covariance = np.einsum("k,kij->ij", weight, spread)
        sd = np.sqrt(np.diag(covariance))
        return mean, covariance, np.array([min(c.sd[i] for c in self.prior) / sd[i] for i in (0, 1)])

    @cached_property
    def axes(self) -> tuple[Floats, Floats]:
        """The nodes of the standardised parameters: of log alpha given log beta, and of log beta."""
        _, covariance, narrow = self._moments
        sd = np.sqrt(np.diag(covariance))
        with_beta = covariance[0, 1] / sd[1]  # log alpha moves by so much with a standard deviation of log beta
        rest = sqrt(max(covariance[0, 0] - with_beta**2, 0.0))
        of_alpha, of_beta = (sqrt(i * self.max_patients) for i in MAX_INFORMATION)
        nodes = []
        # where the two are closely correlated, the chance of exceeding a rate steps up within a short way along log
        # beta
        step = min(abs(with_beta) / max(rest, 1e-12), STEEPEST)
        told = (of_alpha * rest, of_alpha * abs(with_beta) + of_beta * sd[1] + step)
        for information, share in zip(told, narrow, strict=True):
            spacing = GRID_SPACING / sqrt(information**2 + share**-2)
            nodes.append(
                np.linspace(-GRID_HALF_WIDTH_SD, GRID_HALF_WIDTH_SD, int(np.ceil(2 * GRID_HALF_WIDTH_SD / spacing)) + 1)
            )
        return nodes[0], nodes[1]

    def _place(self, z1: Floats, z2: Floats) -> Floats:
        """Return (..., 2): log alpha and log beta at standardised coordinates."""
        mean, covariance, _ = self._moments
        factor = np.linalg.cholesky(covariance[::-1, ::-1])  # log beta first, then log alpha given it
        return np.stack([mean[0] + factor[1, 0] * z2 + factor[1, 1] * z1, mean[1] + factor[0, 0] * z2], axis=-1)

    @cached_property
    def nodes(self) -> Floats:
        """(nodes, 2): log alpha and log beta."""
        z1, z2 = np.meshgrid(*self.axes, indexing="ij")
        return self._place(z1, z2).reshape(-1, 2)

    @cached_property
    def grid(self) -> Grid:
        """The model on its nodes."""
        theta = self.nodes
        logit = theta[:, :1] + np.exp(theta[:, 1:]) * self.scaled
        weight = np.array([c.weight for c in self.prior])
        parts = [log(w) + c.log_density(theta) for w, c in zip(weight / weight.sum(), self.prior, strict=True)]
        log_p, log_q = -np.logaddexp(0, -logit), -np.logaddexp(0, logit)
        return Grid(log_p.T.copy(), log_q.T.copy(), np.logaddexp.reduce(parts, axis=0))

    def exceedance_weights(self, rate: float | Floats) -> Floats:
        """Return (nodes, levels): the rate is exceeded where log alpha lies above a bound that log beta moves."""
        z1, z2 = self.axes
        return self._above(rate, z1, z2).reshape(-1, self.levels)

    def exceedance(self, weights: Floats, rates: Floats) -> Floats:
        """Return (levels,): Pr(p > rate) at each level; nodes without weight to speak of are left out."""
        z1, z2 = self.axes
        by_node = weights.reshape(len(z1), len(z2))
        rows, columns = (_range_of(by_node.sum(axis=k) > NEGLIGIBLE) for k in (1, 0))
        above = self._above(rates, z1[rows], z2[columns])
        return np.asarray(np.tensordot(by_node[rows, columns], above, axes=2))

    def _above(self, rate: float | Floats, z1: Floats, z2: Floats) -> Floats:
        """Return (z1, z2, levels): where log alpha lies above the bound, by its weight."""
        slope = np.exp(self._place(np.zeros_like(z2), z2)[:, 1:]) * self.scaled
        bound = self._standardised(logit(rate) - slope, z2)  # (z2, levels)
        return tail_weights(bound.ravel(), z1).reshape(len(z1), len(z2), self.levels)

    def _standardised(self, log_alpha: Floats, z2: Floats) -> Floats:
        """Return (z2, points): the standardised coordinate at which log alpha has a value, given log beta."""
        per_z1 = self._place(np.ones(1), np.zeros(1))[0, 0] - self._place(np.zeros(1), np.zeros(1))[0, 0]
        far = 1e4 * GRID_HALF_WIDTH_SD
        return np.asarray(np.clip((log_alpha - self._place(np.zeros_like(z2), z2)[:, :1]) / per_z1, -far, far))

    def nearest_weights(self) -> Floats:
        """Return (nodes, levels): what to expect to find the chance that a level's rate is the one nearest the target.

        The levels up to one hold the nearest where the mean of its rate and the next reaches the target: from some log
        alpha on, that log beta moves.
        """
        z1, z2 = self.axes
        slope = np.exp(self._place(np.zeros_like(z2), z2)[:, 1:]) * self.scaled
        low, high = np.full((len(z2), self.levels - 1), -1e3), np.full((len(z2), self.levels - 1), 1e3)
        for _ in range(70):
            middle = (low + high) / 2
            lower, upper = (np.clip(middle + step, -700, 700) for step in (slope[:, :-1], slope[:, 1:]))
            reaches = 1 / (1 + np.exp(-lower)) + 1 / (1 + np.exp(-upper)) >= 2 * self.target
            low, high = np.where(reaches, low, middle), np.where(reaches, middle, high)
        above = tail_weights(self._standardised(high, z2).ravel(), z1).reshape(len(z1) * len(z2), -1)
        return up_to_each(above)

    @cached_property
    def _cuts(self) -> Floats:
        return np.concatenate([self.exceedance_weights(cut) for cut in self.interval], axis=1)

    @cached_property
    def _looked_at(self) -> Floats:
        return np.concatenate([self._cuts, self._lowest_exceeds], axis=1)

    def intervals(self, tally: Tally) -> Floats:
        """Return (trials, levels, 3): chances of underdosing, of the target interval, of overdosing."""
        above = np.clip(self.expect(tally, self._cuts), 0, 1).reshape(tally.trials, 2, self.levels)
        return np.stack([1 - above[:, 0], above[:, 0] - above[:, 1], above[:, 1]], axis=2)

    def look(self, tally: Tally) -> tuple[Ints, Ints]:
        """Return the safe level with the highest chance of the target interval (or the highest), and the highest
        safe."""
        chances = np.clip(self.expect(tally, self._looked_at), 0, 1)
        above_low, over = chances[:, : self.levels], chances[:, self.levels : 2 * self.levels]
        safe = (over < self.overdose).cumprod(axis=1).sum(axis=1) - 1
        safe = np.where(self.stops(tally, chances[:, -1]), NONE, safe)
        if self.choose_by == "highest":
            return safe, safe
        index = np.arange(self.levels)
        best = np.where(index <= safe[:, None], above_low - over, -1.0).argmax(axis=1)
        return np.where(safe == NONE, NONE, best), safe


def prior_from_quantiles(
    doses: Sequence[float], reference: float, quantiles: Sequence[tuple[float, float, float]]
) -> Normal:
    """Return the normal prior under which DLT rates have, as near as can be, the given quantiles.

    Parameters
    ----------
    doses
        the doses at which the quantiles are given, one each; a dose may come again.
    reference
        the reference dose d*.
    quantiles
        (chance, rate, weight) for each dose: Pr(p <= rate) is to be ``chance``; ``weight`` is its weight in the fit.

    Raises
    ------
    ValueError
        if fewer than five quantiles are given, or one is not a probability.

    Notes
    -----
    Least squares in the probit of the chances; given log beta, log alpha is normal, so that Pr(p <= rate) is an
    integral over log beta alone (Gauss-Hermite).

    Examples
    --------
    >>> median = [(0.5, 0.05, 1), (0.9, 0.2, 1), (0.5, 0.3, 1), (0.9, 0.6, 1), (0.1, 0.08, 1)]
    >>> prior = prior_from_quantiles([1, 1, 8, 8, 8], 8, median)
    >>> bool(abs(1 / (1 + np.exp(-prior.mean[0])) - 0.3) < 0.05)
    True
    """
    from scipy.optimize import least_squares
    from scipy.special import ndtr, ndtri

    wanted = np.array(quantiles, dtype=np.float64)
    if len(doses) != len(wanted) or len(wanted) < 5:
        raise ValueError(f"{len(wanted)} quantiles for {len(doses)} doses: give five or more, a dose for each")
    if not ((wanted[:, :2] > 0) & (wanted[:, :2] < 1)).all():
        raise ValueError("a quantile's chance and rate lie between 0 and 1")
    x = np.log(np.asarray(doses) / reference)
    logit = np.log(wanted[:, 1] / (1 - wanted[:, 1]))
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    weights = weights / weights.sum()

    def chances(v: Floats) -> Floats:
        s1, s2, rho = np.exp(v[2]), np.exp(v[3]), np.tanh(v[4])
        theta1 = v[0] + rho * s1 * nodes
        bound = logit[:, None] - np.exp(v[1] + s2 * nodes) * x[:, None]
        return np.asarray(ndtr((bound - theta1) / (s1 * np.sqrt(1 - rho**2))) @ weights)

    def misfit(v: Floats) -> Floats:
        found = np.clip(chances(v), 1e-12, 1 - 1e-12)
        pull = 1e-3 * (v - np.array([0, 0, log(2), 0, 0]))  # where the quantiles leave it open
        return np.concatenate([wanted[:, 2] * (ndtri(found) - ndtri(wanted[:, 0])), pull])

    v = least_squares(misfit, np.array([logit.mean(), 0.0, log(2), 0.0, 0.0])).x
    return Normal((float(v[0]), float(v[1])), (float(np.exp(v[2])), float(np.exp(v[3]))), float(np.tanh(v[4])))


def _range_of(kept: Bools) -> slice:
    """Return the range from the first to the last that is kept, two at least."""
    at = np.flatnonzero(kept)
    first, last = (int(at[0]), int(at[-1])) if len(at) else (0, 1)
    first = min(first, len(kept) - 2)
    return slice(first, max(last, first + 1) + 1)
