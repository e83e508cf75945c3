"""Designs that fit a model: the posterior on one fixed grid, so that every expectation is a matrix product.

A model has few parameters theta. On nodes theta_g with weights w_g (quadrature times prior) the posterior of a trial with
n_j patients and y_j DLTs at level j is w_g prod_j p_j(theta_g)^y_j (1 - p_j(theta_g))^(n_j - y_j), normalised. The log
likelihoods of all trials are one matrix product, expectations of any functions of theta another. On an equally spaced
grid (trapezoidal rule) the error falls exponentially with the spacing, and so it does for the chance that theta lies
beyond a point, by sinc integration (Haber S. Two formulas for numerical indefinite integration. Math Comp 1993;60:279-296).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.cohort_design import WAITS, CohortDesign
from posology.designs.tally import NONE, Tally
from posology.shared.arrays import Bools, Floats, Ints

ROWS = 4096  # trials worked on at once: bounds the memory
REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} patients at level {level} are evaluable: {more} more complete the cohort",
    "{dlt} of {n} patients at level {level} had a DLT; by the model level {next} is next: {more} there",
    "{dlt} of {n} patients at level {level} had a DLT; by the model the level is kept: {more} more",
    "{dlt} of {n} patients at level {level} had a DLT; by the model level {next} is next: {more} there",
    "{dlt} of {n} patients at level {level} had a DLT; no lower level is left: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT: by the model the lowest level is too toxic, no level is safe enough",
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

    def exceedance_weights(self, rate: float) -> Floats:
        """Return (nodes, levels): what to expect to find Pr(p > rate) at each level."""
        raise NotImplementedError

    def choose(self, tally: Tally) -> Ints:
        """Return the level that the model would give, whatever was given before; ``NONE``: none is safe."""
        raise NotImplementedError

    def log_posterior(self, tally: Tally) -> Floats:
        """Return (trials, nodes): the log of the posterior's weights, not normalised."""
        return self.grid.likelihood(tally.treated, tally.dlts)

    def expect(self, tally: Tally, values: Floats) -> Floats:
        """Return (trials, k): posterior expectations of k functions, given by their values (nodes, k)."""
        columns = np.concatenate([np.ones((len(values), 1)), values], axis=1)
        result = np.empty((tally.trials, values.shape[1]))
        for at in range(0, tally.trials, ROWS):
            rows = slice(at, at + ROWS)
            log = self.log_posterior(tally.rows(rows))
            log -= log.max(axis=1, keepdims=True)
            sums = np.exp(log, out=log) @ columns
            result[rows] = sums[:, 1:] / sums[:, :1]
        return result

    def probability_above(self, tally: Tally, rate: float) -> Floats:
        """Return (trials, levels): Pr(p > rate | data)."""
        return np.clip(self.expect(tally, self.exceedance_weights(rate)), 0.0, 1.0)

    def mean_rates(self, tally: Tally) -> Floats:
        """Return (trials, levels): posterior means of the DLT rates."""
        return self.expect(tally, self.grid.p.T)

    @cached_property
    def _lowest_exceeds(self) -> Floats:
        return self.exceedance_weights(self.stop_toxic_rate or self.target)[:, :1]

    def too_toxic(self, tally: Tally) -> Bools:
        """Return whether the rule of stopping for toxicity ends each trial."""
        if self.stop_toxic is None:
            return np.zeros(tally.trials, dtype=bool)
        over = self.expect(tally, self._lowest_exceeds)[:, 0] > self.stop_toxic
        return over & (tally.treated[:, 0] >= self.stop_toxic_from)

    def propose(self, tally: Tally) -> tuple[Ints, Bools]:
        """Return the model's level, held back by the rules on skipping, coherence and closed levels."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        to = self.choose(tally)
        none = (to == NONE) | self.too_toxic(tally)
        if self.no_skipping:
            tried = np.where(tally.treated > 0, np.arange(self.levels), NONE).max(axis=1)
            to = np.minimum(to, np.maximum(tried + 1, self.start))
        if self.coherent:
            hot = tally.dlts[rows, here] >= self.target * tally.treated[rows, here] - 1e-9
            to = np.where(hot & (tally.treated[rows, here] > 0), np.minimum(to, here), to)
        return np.where(none, NONE, np.minimum(to, tally.ceiling)), here > tally.ceiling

    def select(self, tally: Tally) -> Ints:
        """Return the model's level, of those tried."""
        tried = np.where(tally.treated > 0, np.arange(self.levels), NONE).max(axis=1)
        to = np.minimum(np.minimum(self.choose(tally), tried), tally.ceiling)
        return np.where(self.too_toxic(tally), NONE, to)


def tail_weights(points: Floats, nodes: Floats) -> Floats:
    """Return (nodes, points): by sinc integration, the weights of equally spaced nodes in an integral from each point up.

    Relative to the trapezoidal weight: 1 well above the point, 0 well below it, and wavering around it.
    """
    from scipy.special import sici

    spacing = nodes[1] - nodes[0]
    return np.asarray(0.5 + sici(np.pi * (nodes[:, None] - points) / spacing)[0] / np.pi)


def legendre_below(edges: Floats, count: int) -> Floats:
    """Return (nodes, edges): of Gauss-Legendre nodes on [-1, 1], their weights in an integral up to each edge by those in the whole.

    The interpolating polynomial is integrated exactly, in Legendre's polynomials.
    """
    from numpy.polynomial import legendre

    x, _ = legendre.leggauss(count)
    k = np.arange(1, count)[:, None]
    at = legendre.legvander(edges, count).T
    integral = np.concatenate([edges[None] + 1, (at[2:] - at[:-2]) / (2 * k + 1)])
    return np.asarray(legendre.legvander(x, count - 1) @ ((2 * np.arange(count)[:, None] + 1) / 2 * integral))
