"""The Bayesian logistic regression model of two drugs.

Neuenschwander B et al., Statistics in Biopharmaceutical Research 2015;7:261-274 (chapter and R package OncoBayes2). Each
drug alone: logit p_i = log a_i + exp(log b_i) log(d_i / ref_i), 0 where it is absent. Together, without interaction,
1 - p_0 = (1 - p_1)(1 - p_2); with it, the odds of p_0 are multiplied by exp(eta g):

    linear       g = (d_1/ref_1)(d_2/ref_2)
    saturating   g = 2 (d_1/ref_1)(d_2/ref_2) / (1 + (d_1/ref_1)(d_2/ref_2)),    OncoBayes2's default since 0.8

The five parameters are independent and normal. Their posterior is summed over a fixed low-discrepancy set of points
around its mode, so that one answer is one answer; :attr:`TwoDrugPosterior.error` says how far sets differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from scipy.stats import qmc
from scipy.stats import t as student

from posology.shared.arrays import ArrayLike, Floats, Ints

__all__ = ["TwoDrugBlrm", "TwoDrugPosterior"]

SETS = 8
DEGREES = 8.0


@dataclass(frozen=True)
class TwoDrugPosterior:
    """What is known of combinations.

    Parameters
    ----------
    mean
        (combinations,): of the DLT rate.
    intervals
        (combinations, intervals): chance that the rate lies in each.
    error
        standard error of the chances, from sets of points apart.
    """

    mean: Floats
    intervals: Floats
    error: float


@dataclass(frozen=True)
class TwoDrugBlrm:
    """The model and its prior.

    Parameters
    ----------
    reference
        dose of each drug at which log a_i is the log odds, above 0.
    mean, sd
        (5,): prior of log a_1, log b_1, log a_2, log b_2, eta; sd above 0.
    interaction
        "linear" or "saturating".
    target, max_overdose
        a rate inside (low, high] is wanted; above high it is an overdose, whose chance must not exceed
        ``max_overdose``.
    points
        of the sum, in all.

    Raises
    ------
    ValueError
        if a number is out of its bounds.

    Examples
    --------
    >>> model = TwoDrugBlrm(reference=(6.0, 960.0))
    >>> posterior = model.posterior([[3, 400], [6, 400]], [3, 3], [0, 1], predict=[[3, 400], [6, 800]])
    >>> posterior.mean.round(2)
    array([0.14, 0.29])
    """

    reference: tuple[float, float]
    mean: tuple[float, float, float, float, float] = (-2.197224577336219, 0.0, -2.197224577336219, 0.0, 0.0)
    sd: tuple[float, float, float, float, float] = (2.0, 1.0, 2.0, 1.0, 1.121)
    interaction: Literal["linear", "saturating"] = "linear"
    target: tuple[float, float] = (0.16, 0.33)
    max_overdose: float = 0.25
    points: int = 1 << 18

    def __post_init__(self) -> None:
        if not min(self.reference) > 0 or not min(self.sd) > 0:
            raise ValueError(f"reference doses {self.reference} and sd {self.sd} lie above 0")
        if len(self.mean) != 5 or len(self.sd) != 5 or not np.isfinite([*self.mean, *self.sd]).all():
            raise ValueError("give five prior means and five standard deviations")
        if not 0 < self.target[0] < self.target[1] < 1 or not 0 < self.max_overdose < 1:
            raise ValueError(
                f"target {self.target} rises between 0 and 1, max_overdose {self.max_overdose} lies between"
            )
        if self.points < 1 << 10:
            raise ValueError(f"{self.points} points: 1024 or more")

    def log_odds(self, parameters: Floats, doses: Floats) -> Floats:
        """Return (points, combinations): log odds of a DLT.

        Parameters
        ----------
        parameters
            (points, 5): log a_1, log b_1, log a_2, log b_2, eta.
        doses
            (combinations, 2): of the two drugs, 0 where absent; one of them above 0.
        """
        relative = doses / np.array(self.reference)
        log_safe = np.zeros((len(parameters), len(doses)))
        for drug in (0, 1):
            given = relative[:, drug] > 0
            slope = np.exp(parameters[:, [2 * drug + 1]])
            logit = parameters[:, [2 * drug]] + slope * np.log(np.where(given, relative[:, drug], 1.0))
            log_safe += np.where(given, log_expit(-logit), 0.0)
        product = relative.prod(axis=1)
        strength = product if self.interaction == "linear" else 2 * product / (1 + product)
        # odds of 1 - exp(log_safe)
        odds = np.log(-np.expm1(np.minimum(log_safe, -1e-300))) - log_safe
        return np.asarray(odds + parameters[:, [4]] * strength)

    def posterior(
        self,
        doses: ArrayLike,
        treated: ArrayLike,
        dlts: ArrayLike,
        *,
        predict: ArrayLike,
        intervals: Sequence[tuple[float, float]] | None = None,
    ) -> TwoDrugPosterior:
        """Return what is known of combinations, given patients treated.

        Parameters
        ----------
        doses
            (cohorts, 2): of the two drugs, 0 where absent.
        treated, dlts
            (cohorts,): patients, and those with a DLT.
        predict
            (combinations, 2): doses to say something about.
        intervals
            (low, high] of the rate; by default below, inside and above ``target``.

        Raises
        ------
        ValueError
            if a dose or a count cannot be.

        Examples
        --------
        >>> model = TwoDrugBlrm((6.0, 960.0), points=1 << 12)
        >>> chances = model.posterior([[3, 400]], [6], [0], predict=[[6, 400]]).intervals
        >>> float(chances.sum().round(6))
        1.0
        """
        given, wanted = self._doses(doses), self._doses(predict)
        n, y = np.atleast_1d(np.asarray(treated)), np.atleast_1d(np.asarray(dlts))
        if n.shape != (len(given),) or y.shape != n.shape or not ((y >= 0) & (y <= n)).all():
            raise ValueError(f"give patients and DLTs of each of {len(given)} cohorts, DLTs not above patients")
        edges = intervals or ((0.0, self.target[0]), self.target, (self.target[1], 1.0))
        points, log_proposal = self._points(given, n, y)
        log_weight = self._log_density(points, given, n, y) - log_proposal
        weight = np.exp(log_weight - log_weight.max()).reshape(SETS, -1)
        rate = expit(self.log_odds(points, wanted)).reshape(SETS, -1, len(wanted))
        mean = np.einsum("sp,spc->sc", weight, rate)
        inside = np.stack(
            [np.einsum("sp,spc->sc", weight, (rate > low) & (rate <= high)) for low, high in edges], axis=2
        )
        total = weight.sum(axis=1)
        each = inside / total[:, None, None]
        error = float((each.std(axis=0, ddof=1) / np.sqrt(SETS)).max())
        return TwoDrugPosterior(mean.sum(axis=0) / total.sum(), inside.sum(axis=0) / total.sum(), error)

    def recommend(self, doses: ArrayLike, treated: ArrayLike, dlts: ArrayLike, *, among: ArrayLike) -> int | None:
        """Return which of some combinations to give: of those whose chance of an overdose is at most ``max_overdose``
        the one most likely to be inside ``target``; None if none may be given.

        Parameters
        ----------
        doses, treated, dlts
            as in :meth:`posterior`.
        among
            (combinations, 2): doses to choose from, such as the neighbours of the last.

        Examples
        --------
        >>> model = TwoDrugBlrm((6.0, 960.0), points=1 << 12)
        >>> model.recommend([[3, 400]], [6], [5], among=[[3, 400], [6, 400]]) is None
        True
        """
        _, inside, above = self.posterior(doses, treated, dlts, predict=among).intervals.T
        allowed = above <= self.max_overdose
        if not allowed.any():
            return None
        return int(np.where(allowed, inside, -1.0).round(9).argmax())

    def _doses(self, doses: ArrayLike) -> Floats:
        values = np.atleast_2d(np.asarray(doses, dtype=float))
        if (
            values.shape[1] != 2
            or not np.isfinite(values).all()
            or not ((values >= 0).all() and (values > 0).any(axis=1).all())
        ):
            raise ValueError("a combination is two doses, 0 or more, one of them above 0")
        return values

    def _log_density(self, parameters: Floats, doses: Floats, n: Ints, y: Ints) -> Floats:
        """Return (points,): log of prior times likelihood, up to a constant."""
        z = (parameters - np.array(self.mean)) / np.array(self.sd)
        log_odds = self.log_odds(parameters, doses)
        likelihood = (y * log_expit(log_odds) + (n - y) * log_expit(-log_odds)).sum(axis=1)
        return np.asarray(likelihood - (z**2).sum(axis=1) / 2)

    def _points(self, doses: Floats, n: Ints, y: Ints) -> tuple[Floats, Floats]:
        """Return points around the posterior, (points, 5), and the log density they were drawn from.

        A t distribution with the mode's curvature first, to learn mean and covariance; then one with those.
        """

        def less(parameters: Floats) -> float:
            return -float(self._log_density(parameters[None], doses, n, y)[0])

        centre = minimize(less, np.array(self.mean), method="BFGS").x
        covariance = np.linalg.inv(_curvature(less, centre))
        for points in (1 << 14, 1 << 14, self.points):
            unit, log_density = _student_points(points)
            parameters = centre + unit @ np.linalg.cholesky(covariance).T
            if points < self.points:
                log_weight = self._log_density(parameters, doses, n, y) - log_density
                weight = np.exp(log_weight - log_weight.max())
                weight /= weight.sum()
                centre = weight @ parameters
                covariance = (weight[:, None] * (parameters - centre)).T @ (parameters - centre)
        return parameters, log_density


def _student_points(points: int) -> tuple[Floats, Floats]:
    """Return (points, 5) values of a t distribution from Sobol' sets, and their log density."""
    sets = [qmc.Sobol(5, rng=np.random.default_rng(k)).random(points // SETS) for k in range(SETS)]
    values = student.ppf(np.clip(np.concatenate(sets), 1e-12, 1 - 1e-12), DEGREES)
    return values, student.logpdf(values, DEGREES).sum(axis=1)


def _curvature(function: object, at: Floats) -> Floats:
    """Return the matrix of second derivatives by central differences, made positive definite if it is not."""
    size, step = len(at), 1e-3
    matrix = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            a, b = np.zeros(size), np.zeros(size)
            a[i], b[j] = step, step
            matrix[i, j] = (
                function(at + a + b) - function(at + a - b) - function(at - a + b) + function(at - a - b)  # type: ignore[operator]
            ) / (4 * step * step)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return np.asarray((vectors * np.maximum(values, 0.05)) @ vectors.T)
