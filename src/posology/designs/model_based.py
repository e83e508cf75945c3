"""Designs that fit a model: the posterior on one fixed grid, so that every expectation is a matrix product.

A model has few parameters theta. On nodes theta_g with weights w_g (quadrature times prior) the posterior of a trial
with n_j patients and y_j DLTs at level j is w_g prod_j p_j(theta_g)^y_j (1 - p_j(theta_g))^(n_j - y_j), normalised. The
log likelihoods of all trials are one matrix product, expectations of any functions of theta another. On an equally
spaced grid (trapezoidal rule) the error falls exponentially with the spacing, and so it does for the chance that theta
lies beyond a point, by sinc integration (Haber S. Two formulas for numerical indefinite integration. Math Comp
1993;60:279-296).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.cohort_design import BELOW_LOWEST, WAITS, CohortDesign
from posology.designs.dose_finding import reached
from posology.designs.tally import NONE, Tally
from posology.shared.arrays import Bools, Floats, Ints

AT_ONCE = 1 << 16  # weights of the posterior worked on at once: they stay in the processor's cache
REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} patients at level {level} are evaluable: {more} more complete the cohort",
    "{dlt} of {n} patients at level {level} had a DLT; by the model level {next} is next: {more} there",
    "{dlt} of {n} patients at level {level} had a DLT; by the model the level is kept: {more} more",
    "{dlt} of {n} patients at level {level} had a DLT; by the model level {next} is next: {more} there",
    (
        "{dlt} of {n} patients at level {level} had a DLT; no lower level is left, and no rule ends the trial: {more}"
        " more at the level"
    ),
    (
        "{dlt} of {n} patients at level {level} had a DLT: by the model the lowest level is too toxic, no level is safe"
        " enough"
    ),
    "the planned number of patients has been treated: by the model level {next} is the MTD",
    "the planned number of patients has been treated: by the model no level is safe enough",
    "{n} patients were treated at level {level}, enough to end: by the model level {next} is the MTD",
    WAITS,
)


@dataclass(frozen=True)
class Grid:
    """A model on its nodes.

    Parameters
    ----------
    log_p, log_q
        (levels, nodes): log of the DLT rate, and of one less it.
    log_weight
        (nodes,): log of quadrature weight times prior density.
    """

    log_p: Floats
    log_q: Floats
    log_weight: Floats

    @cached_property
    def p(self) -> Floats:
        """(levels, nodes): DLT rates."""
        return np.exp(self.log_p)

    def likelihood(self, treated: Ints, toxic: Ints) -> Floats:
        """Return (trials, nodes): the log likelihood plus the log weight."""
        counts = np.concatenate([toxic, treated - toxic], axis=1).astype(np.float64)
        return np.asarray(counts @ np.concatenate([self.log_p, self.log_q]) + self.log_weight)


@dataclass(frozen=True)
class ModelBasedDesign(CohortDesign):
    """What designs with a model share.

    Parameters
    ----------
    no_skipping
        whether an untried level may not be skipped on the way up.
    coherent
        whether the dose never goes up from a level whose observed DLT rate has reached the target.
    stop_toxic
        end the trial when Pr(p > target) at the lowest level exceeds this.
    stop_toxic_from
        patients at the lowest level before that can end the trial.
    stop_toxic_rate
        the rate in that rule, where it is another than the target.
    """

    no_skipping: bool = True
    coherent: bool = True
    stop_toxic: Annotated[float, Gt(0), Lt(1)] | None = None
    stop_toxic_from: Annotated[int, Ge(1)] = 1
    stop_toxic_rate: Annotated[float, Gt(0), Lt(1)] | None = None

    REASONS: ClassVar[tuple[str, ...]] = REASONS

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.stop_toxic is not None and not 0 < self.stop_toxic < 1:
            raise ValueError(f"stop_toxic is {self.stop_toxic}: a probability lies between 0 and 1")

    @property
    def grid(self) -> Grid:
        """The model on its nodes."""
        raise NotImplementedError

    def exceedance_weights(self, rate: float | Floats) -> Floats:
        """Return (nodes, levels): what to expect to find Pr(p > rate) at each level, for one rate or one a level."""
        raise NotImplementedError

    def nearest_weights(self) -> Floats:
        """Return (nodes, levels): what to expect to find the chance that a level's rate is the one nearest the
        target."""
        raise NotImplementedError

    def look(self, tally: Tally) -> tuple[Ints, Ints]:
        """Return what one look at the posterior tells: the level that the model would give, and the highest that is
        safe.

        The first whatever was given before and may be given again; ``NONE`` for either: no level is safe.
        """
        raise NotImplementedError

    def choose(self, tally: Tally) -> Ints:
        """Return the level that the model would give, whatever was given before; ``NONE``: none is safe."""
        return self.look(tally)[0]

    def log_posterior(self, tally: Tally) -> Floats:
        """Return (trials, nodes): the log of the posterior's weights, not normalised."""
        return self.grid.likelihood(tally.treated, tally.dlts)

    def posterior(self, tally: Tally) -> Floats:
        """Return (trials, nodes): the posterior's weights, which sum to 1."""
        log = self.log_posterior(tally)
        weights = np.exp(log - log.max(axis=1, keepdims=True))
        return np.asarray(weights / weights.sum(axis=1, keepdims=True))

    def expect(self, tally: Tally, values: Floats) -> Floats:
        """Return (trials, k): posterior expectations of k functions, given by their values (nodes, k)."""
        columns = np.concatenate([np.ones((len(values), 1)), values], axis=1)
        result = np.empty((tally.trials, values.shape[1]))
        trials = max(AT_ONCE // len(values), 1)
        for at in range(0, tally.trials, trials):
            rows = slice(at, at + trials)
            log = self.log_posterior(tally.rows(rows))
            log -= log.max(axis=1, keepdims=True)
            sums = np.exp(log, out=log) @ columns
            result[rows] = sums[:, 1:] / sums[:, :1]
        return result

    def probability_above(self, tally: Tally, rate: float) -> Floats:
        """Return (trials, levels): Pr(p > rate | data)."""
        return np.clip(self.expect(tally, self.exceedance_weights(rate)), 0.0, 1.0)

    def exceedance(self, weights: Floats, rates: Floats) -> Floats:
        """Return (levels,): Pr(p > rate) at each level, for one rate a level, under one trial's posterior weights
        (nodes,)."""
        return np.asarray(weights @ self.exceedance_weights(rates))

    def mean_rates(self, tally: Tally) -> Floats:
        """Return (trials, levels): posterior means of the DLT rates."""
        return self.expect(tally, self.grid.p.T)

    @cached_property
    def _lowest_exceeds(self) -> Floats:
        return self.exceedance_weights(self.stop_toxic_rate or self.target)[:, :1]

    def stops(self, tally: Tally, above: Floats | None = None) -> Bools:
        """Return whether the rule of stopping for toxicity ends each trial.

        ``above`` (trials,), where it is known already: the chance that the lowest level's rate exceeds that of the
        rule.
        """
        if self.stop_toxic is None:
            return np.zeros(tally.trials, dtype=bool)
        if above is None:
            above = self.expect(tally, self._lowest_exceeds)[:, 0]
        return (above > self.stop_toxic) & (tally.treated[:, 0] >= self.stop_toxic_from)

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor unsafe by the model; none where the trial stops for toxicity."""
        return np.asarray(np.minimum(self.look(tally)[1], tally.ceiling))

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that the rules on safety, skipping and coherence leave."""
        return self._held(tally, self.highest_safe(tally))

    def propose(self, tally: Tally) -> Ints:
        """Return the level that the model would give."""
        return self._below_the_lowest(tally, self.choose(tally))

    def propose_within(self, tally: Tally) -> tuple[Ints, Ints]:
        """Return the level proposed and the highest that may be given, of one look at the posterior."""
        to, safe = self.look(tally)
        return self._below_the_lowest(tally, to), self._held(tally, np.minimum(safe, tally.ceiling))

    def _below_the_lowest(self, tally: Tally, to: Ints) -> Ints:
        """Return the level, marked where it is the lowest, last given, with a DLT rate that has reached the target."""
        n, y = tally.treated[:, 0], tally.dlts[:, 0]
        hot = (to == 0) & (tally.level == 0) & (n > 0) & (y >= self.target * n - 1e-9)
        return np.where(hot, BELOW_LOWEST, to)

    def _held(self, tally: Tally, highest: Ints) -> Ints:
        """Return the highest level, held back by the rules on skipping and coherence."""
        rows, here, begins = np.arange(tally.trials), np.maximum(tally.level, 0), tally.level == NONE
        allowed = reached(tally, highest, self.start)
        highest = allowed if self.no_skipping else np.where(begins, allowed, highest)
        if not self.coherent:
            return highest
        n = tally.treated[rows, here]
        hot = (tally.dlts[rows, here] >= self.target * n - 1e-9) & (n > 0) & ~begins
        return np.asarray(np.where(hot, np.minimum(highest, here), highest))

    def mtd(self, tally: Tally) -> Ints:
        """Return the model's level, where it is safe and not above those tried; a lower one need not have been
        tried."""
        tried = np.where(tally.treated > 0, np.arange(self.levels), NONE).max(axis=1)
        to, safe = self.look(tally)
        return np.asarray(np.minimum(np.minimum(to, tried), np.minimum(safe, tally.ceiling)))


def logit(rate: float | Floats) -> Floats:
    """Return the log odds of a rate."""
    p = np.asarray(rate, dtype=np.float64)
    return np.asarray(np.log(p) - np.log1p(-p))


def up_to_each(cumulative: Floats) -> Floats:
    """Return (nodes, levels): weights for each level from those for the levels up to each but the last."""
    nodes = len(cumulative)
    return np.diff(np.concatenate([np.zeros((nodes, 1)), cumulative, np.ones((nodes, 1))], axis=1), axis=1)


def tail_weights(points: Floats, nodes: Floats) -> Floats:
    """Return (nodes, points): by sinc integration, the weights of equally spaced nodes in an integral from each point
    up.

    Relative to the trapezoidal weight: 1 well above the point, 0 well below it, and wavering around it.
    """
    from scipy.special import sici

    spacing = nodes[1] - nodes[0]
    return np.asarray(0.5 + sici(np.pi * (nodes[:, None] - points) / spacing)[0] / np.pi)


def legendre_below(edges: Floats, count: int) -> Floats:
    """Return (nodes, edges): of Gauss-Legendre nodes on [-1, 1], their weights in an integral up to each edge by those
    in the whole.

    The interpolating polynomial is integrated exactly, in Legendre's polynomials.
    """
    from numpy.polynomial import legendre

    x, _ = legendre.leggauss(count)
    k = np.arange(1, count)[:, None]
    at = legendre.legvander(edges, count).T
    integral = np.concatenate([edges[None] + 1, (at[2:] - at[:-2]) / (2 * k + 1)])
    return np.asarray(legendre.legvander(x, count - 1) @ ((2 * np.arange(count)[:, None] + 1) / 2 * integral))
