"""CRM, the continual reassessment method: one parameter for the whole dose-toxicity curve.

O'Quigley J, Pepe M, Fisher L. Continual reassessment method: a practical design for phase 1 clinical trials in cancer.
Biometrics 1990;46:33-48. Likelihood: O'Quigley J, Shen LZ. Biometrics 1996;52:673-684. Two stages, models and
calibration: Cheung YK. Dose finding by the continual reassessment method. Chapman & Hall/CRC 2011.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import lgamma, log, pi, sqrt
from typing import Annotated, Literal

import numpy as np
from annotated_types import Ge

from posology.designs.model_based import Grid, ModelBasedDesign, legendre_below, logit, tail_weights, up_to_each
from posology.designs.tally import NONE, Tally
from posology.shared.arrays import Floats, Ints

GRID_HALF_WIDTH_SD = 8.0  # prior standard deviations that the grid reaches to either side
GRID_SPACING = 0.75  # in standard deviations of the narrowest posterior
EMPIRIC_INFORMATION = 0.65  # no patient tells more of beta: maximum of (dp/dbeta)^2 / (p (1 - p))
LARGEST = 10.0  # bound on the maximum likelihood estimate


@dataclass(frozen=True)
class Crm(ModelBasedDesign):
    """The CRM.

    Parameters
    ----------
    levels, target, start, cohort, max_patients, stop_at, stop_when
        see :class:`posology.designs.cohort_design.CohortDesign`.
    no_skipping, coherent, stop_toxic, stop_toxic_from
        see :class:`posology.designs.model_based.ModelBasedDesign`.
    skeleton
        the prior guess of each level's DLT rate, rising.
    model
        "empiric": p = skeleton^exp(beta); "logistic": logit p = intercept + exp(beta) x, x such that beta = 0 gives the
        skeleton.
    intercept
        of the logistic model.
    prior
        of exp(beta): "lognormal" (mean and standard deviation of beta), "gamma" (shape, scale) or "uniform" (from, to).
    prior_parameters
        two numbers; beta has mean 0 and variance 1.34 where not given.
    fit
        "bayes", or "mle" for maximum likelihood, which needs an initial sequence.
    estimate
        what is compared with the target: the curve at the mean of beta ("plugin"), at the mean of exp(beta)
        ("plugin-slope"), or the mean of each rate ("mean").
    nearest
        whether the level nearest the target is chosen, or the highest whose estimate is not above it ("below").
    initial
        patients at each level in turn until the first DLT, before the model is fitted: a two-stage design.

    Examples
    --------
    >>> design = Crm(levels=5, target=0.25, skeleton=(0.05, 0.12, 0.25, 0.40, 0.55))
    >>> tally = Tally.of("1NNN 2NNN 3NNT", levels=5)
    >>> design.mean_rates(tally).round(3)
    array([[0.052, 0.108, 0.213, 0.343, 0.486]])
    >>> design.decide(tally).words(tally)
    '1 of 3 patients at level 3 had a DLT; by the model the level is kept: 3 more'
    """

    skeleton: tuple[float, ...] = ()
    model: Literal["empiric", "logistic"] = "empiric"
    intercept: float = 3.0
    prior: Literal["lognormal", "gamma", "uniform"] = "lognormal"
    prior_parameters: tuple[float, float] = (0.0, sqrt(1.34))
    fit: Literal["bayes", "mle"] = "bayes"
    estimate: Literal["plugin", "plugin-slope", "mean"] = "plugin"
    nearest: Literal["any", "below"] = "any"
    initial: tuple[Annotated[int, Ge(1)], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.skeleton) != self.levels:
            raise ValueError(f"skeleton has {len(self.skeleton)} rates: give one for each of the {self.levels} levels")
        if not all(0 < p < 1 for p in self.skeleton) or any(np.diff(self.skeleton) <= 0):
            raise ValueError(f"skeleton is {self.skeleton}: rates between 0 and 1, each above the one before")
        if self.model == "logistic" and max(self.scaled) >= 0:
            highest = float(logit(max(self.skeleton)))
            raise ValueError(
                f"intercept is {self.intercept:g}, too small for the skeleton: it must lie above {highest:.2f}, the log"
                f" odds of the skeleton's highest rate {max(self.skeleton):g}, for all levels to lie on one rising"
                " curve (3 is usual)"
            )
        low, high = self.prior_parameters
        if (self.prior == "uniform" and not 0 <= low < high) or (self.prior != "uniform" and high <= 0):
            raise ValueError(f"prior_parameters {self.prior_parameters} do not make a {self.prior} prior")
        if self.prior == "gamma" and low <= 0:
            raise ValueError(f"prior_parameters {self.prior_parameters}: a gamma prior has a shape above 0")
        if len(self.initial) > self.levels - self.start:
            raise ValueError(
                f"initial has {len(self.initial)} levels: the design has {self.levels - self.start} from its start"
            )
        if self.fit == "mle" and not self.initial:
            raise ValueError("fit by maximum likelihood needs an initial sequence: without a DLT no maximum exists")

    @property
    def scaled(self) -> Floats:
        """(levels,): the doses as the model sees them; log of the skeleton for the empiric model."""
        rates = np.array(self.skeleton)
        return np.asarray(np.log(rates) if self.model == "empiric" else np.log(rates / (1 - rates)) - self.intercept)

    def logs(self, beta: Floats) -> tuple[Floats, Floats]:
        """Return log p and log(1 - p), each (..., levels) for beta (...)."""
        slope = np.exp(np.asarray(beta)[..., None])
        if self.model == "empiric":
            log_p = slope * self.scaled
            return log_p, np.log(-np.expm1(np.minimum(log_p, -1e-300)))
        logit = self.intercept + slope * self.scaled
        return -np.logaddexp(0, -logit), -np.logaddexp(0, logit)

    def rates(self, beta: Floats) -> Floats:
        """Return p, (..., levels) for beta (...)."""
        return np.exp(self.logs(beta)[0])

    def beta_at(self, rate: float | Floats) -> Floats:
        """Return (levels,): the beta at which each level's DLT rate is ``rate``; the rate falls as beta rises.

        Where the logistic model cannot reach the rate, or always lies beyond it, an infinite beta stands.
        """
        wanted = np.log(rate) if self.model == "empiric" else logit(rate) - self.intercept
        slope = wanted / self.scaled
        return np.where(slope > 0, np.log(np.maximum(slope, 1e-300)), -np.inf)

    @cached_property
    def nodes(self) -> Floats:
        """The nodes: equally spaced in beta; Gauss-Legendre in exp(beta) for a uniform prior, whose ends are sharp."""
        return self._nodes_and_weights[0]

    @property
    def _most_information(self) -> float:
        """The most that a patient tells of beta: of the logistic model p (1 - p) (logit p - intercept)^2, at its
        maximum."""
        if self.model == "empiric":
            return EMPIRIC_INFORMATION
        log_odds = np.linspace(-20, 20, 2001)
        p = 1 / (1 + np.exp(-log_odds))
        return float((p * (1 - p) * (log_odds - self.intercept) ** 2).max())

    @cached_property
    def _nodes_and_weights(self) -> tuple[Floats, Floats]:
        a, b = self.prior_parameters
        if self.prior == "uniform":
            x, w = np.polynomial.legendre.leggauss(max(120, 4 * self.max_patients))
            slope = a + (b - a) * (x + 1) / 2
            return np.log(slope), np.log(w / 2)
        if self.prior == "gamma":
            low, high, spread = log(b) - 24 / a - 4, log(b) + log(a + 50 + 10 * sqrt(a)), min(1.0, 1 / sqrt(a))
        else:
            low, high, spread = a - GRID_HALF_WIDTH_SD * b, a + GRID_HALF_WIDTH_SD * b, b
        narrowest = GRID_SPACING / sqrt(self._most_information * self.max_patients + spread**-2)
        beta = np.linspace(low, high, int(np.ceil((high - low) / narrowest)) + 1)
        if self.prior == "gamma":
            density = a * (beta - log(b)) - np.exp(beta - log(b)) - lgamma(a)
        else:
            density = -((beta - a) ** 2) / (2 * b * b) - log(b * sqrt(2 * pi))
        return beta, density + log(beta[1] - beta[0])

    @cached_property
    def grid(self) -> Grid:
        """The model on its nodes."""
        log_p, log_q = self.logs(self.nodes)
        return Grid(log_p.T.copy(), log_q.T.copy(), self._nodes_and_weights[1])

    def exceedance_weights(self, rate: float | Floats) -> Floats:
        """Return (nodes, levels): the rate is exceeded where beta lies below :meth:`beta_at`."""
        return self._below(self.beta_at(rate))

    def nearest_weights(self) -> Floats:
        """Return (nodes, levels): what to expect to find the chance that a level's rate is the one nearest the target.

        The levels up to one hold the nearest where the mean of its rate and the next reaches the target: up to some
        beta.
        """
        low, high = np.full(self.levels - 1, -30.0), np.full(self.levels - 1, 30.0)
        for _ in range(60):
            middle = (low + high) / 2
            rates = np.exp(self.logs(middle)[0])  # (levels - 1, levels)
            reaches = np.diagonal(rates) + np.diagonal(rates, 1) >= 2 * self.target
            low, high = np.where(reaches, middle, low), np.where(reaches, high, middle)
        return up_to_each(self._below(low))

    def _below(self, at: Floats) -> Floats:
        """Return (nodes, points): what to expect to find the chance that beta lies below each point."""
        if self.prior != "uniform":
            far = 1e4 * np.abs(self.nodes).max()
            return 1 - tail_weights(np.clip(at, -far, far), self.nodes)
        a, b = self.prior_parameters
        x = 2 * (np.clip(np.exp(np.minimum(at, 700.0)), a, b) - a) / (b - a) - 1
        return legendre_below(x, len(self.nodes))

    def beta(self, tally: Tally) -> Floats:
        """Return (trials,): the estimate of beta: its posterior mean, or maximum of the likelihood."""
        if self.fit == "mle":
            return self._maximum(tally)
        return self.expect(tally, self.nodes[:, None])[:, 0]

    def variance(self, tally: Tally) -> Floats:
        """Return (trials,): posterior variance of beta; the inverse of the observed information for "mle"."""
        if self.fit == "mle":
            beta, step = self._maximum(tally), 1e-4

            def curve(b: Floats) -> Floats:
                return self._log_likelihood(tally, b)

            second = (curve(beta + step) - 2 * curve(beta) + curve(beta - step)) / step**2
            return -1 / np.minimum(second, -1e-12)
        moments = self.expect(tally, np.stack([self.nodes, self.nodes**2], axis=1))
        return moments[:, 1] - moments[:, 0] ** 2

    def estimates(self, tally: Tally) -> Floats:
        """Return (trials, levels): the DLT rates that are compared with the target."""
        if self.estimate == "mean" and self.fit == "bayes":
            return self.mean_rates(tally)
        if self.estimate == "plugin-slope" and self.fit == "bayes":
            return self.rates(np.log(self.expect(tally, np.exp(self.nodes)[:, None])[:, 0]))
        return self.rates(self.beta(tally))

    def look(self, tally: Tally) -> tuple[Ints, Ints]:
        """Return the level whose estimate is nearest the target, the lower of two equally near; and the highest safe.

        Before the first DLT of a two-stage design, the level at which the initial sequence stands. All levels are safe,
        or, where the trial stops for toxicity, none.
        """
        rates = self.estimates(tally)
        if self.nearest == "below":
            to = np.maximum((rates <= self.target).sum(axis=1) - 1, 0)
        else:
            to = np.abs(rates - self.target).argmin(axis=1)
        if self.initial:
            stands = self.start + np.searchsorted(np.cumsum(self.initial), tally.treated.sum(axis=1), side="right")
            first = tally.dlts.sum(axis=1) == 0
            to = np.where(first, np.minimum(stands, self.start + len(self.initial) - 1), to)
        stops = self.stops(tally)
        return np.where(stops, NONE, to), np.where(stops, NONE, self.levels - 1)

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the top level that is open; none where the trial stops for toxicity."""
        return np.where(self.stops(tally), NONE, tally.ceiling)

    def _log_likelihood(self, tally: Tally, beta: Floats) -> Floats:
        log_p, log_q = self.logs(beta)
        return np.asarray((tally.dlts * log_p + (tally.treated - tally.dlts) * log_q).sum(axis=1))

    def _maximum(self, tally: Tally) -> Floats:
        """Maximise the likelihood: the best node of a coarse search, then golden sections around it."""
        coarse = np.linspace(-LARGEST, LARGEST, 81)
        every = np.stack([self._log_likelihood(tally, np.full(tally.trials, b)) for b in coarse], axis=1)
        best = coarse[every.argmax(axis=1)]
        low, high = np.maximum(best - 0.25, -LARGEST), np.minimum(best + 0.25, LARGEST)
        golden = (sqrt(5) - 1) / 2
        for _ in range(45):
            left, right = high - golden * (high - low), low + golden * (high - low)
            rises = self._log_likelihood(tally, left) < self._log_likelihood(tally, right)
            low, high = np.where(rises, left, low), np.where(rises, high, right)
        return np.asarray((low + high) / 2)
