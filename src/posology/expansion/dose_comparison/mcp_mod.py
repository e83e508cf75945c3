"""MCP-Mod: is there a dose-response, and which dose has the effect wanted.

Bretz F, Pinheiro JC, Branson M, Biometrics 2005;61:738-748; for any endpoint with estimates and their covariance:
Pinheiro J, Bornkamp B, Glimm E, Bretz F, Stat Med 2014;33:1646-1661. Several shapes are candidates. Each gets the
contrast that is best at finding it; the largest of the standardised contrasts is compared with the quantile of the
maximum of normal variables so correlated. Shapes that are found are fitted, and the dose is read from the best fit.

Chances of such maxima are integrals over the sphere: with u a direction, the chance along it is that of a chi
distribution up to the nearest constraint. The directions are a fixed low-discrepancy set, so that one answer is one
answer; to 1e-5 for up to six doses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.special import betainc, gammainc, roots_genlaguerre
from scipy.stats import norm, qmc
from scipy.stats import t as student

from posology.shared.arrays import ArrayLike, Floats

__all__ = ["Candidate", "DoseResponseTest", "McpMod", "ShapeFit", "critical_value", "optimal_contrasts"]

DIRECTIONS = 1 << 15
Shape = Literal["linear", "emax", "sigmoid emax", "exponential", "quadratic", "logistic"]
PARAMETERS: dict[str, int] = {
    "linear": 0,
    "emax": 1,
    "sigmoid emax": 2,
    "exponential": 1,
    "quadratic": 1,
    "logistic": 2,
}


@dataclass(frozen=True)
class Candidate:
    """A shape of dose-response, with a guess of its parameters.

    Parameters
    ----------
    shape
        linear; emax (ED50); sigmoid emax (ED50, Hill's exponent); exponential (delta); quadratic (coefficient of the
        square, relative to the slope); logistic (ED50, delta).
    parameters
        as named there; doses in the unit of the trial's.

    Raises
    ------
    ValueError
        if there are not as many parameters as the shape has, or one is out of its bounds.

    Examples
    --------
    >>> Candidate("emax", (0.25,)).standardised([0, 0.25, 1]).round(2)
    array([0. , 0.5, 0.8])
    """

    shape: Shape
    parameters: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.shape not in PARAMETERS:
            raise ValueError(f"{self.shape!r} is no shape: {', '.join(PARAMETERS)}")
        if len(self.parameters) != PARAMETERS[self.shape]:
            raise ValueError(f"{self.shape} has {PARAMETERS[self.shape]} parameters, not {len(self.parameters)}")
        if self.shape != "quadratic" and not all(np.isfinite(p) and p > 0 for p in self.parameters):
            raise ValueError(f"the parameters of {self.shape} are {self.parameters}: above 0")

    def standardised(self, doses: ArrayLike) -> Floats:
        """Return the shape at doses, up to location and scale."""
        d = np.asarray(doses, dtype=float)
        match self.shape:
            case "linear":
                return d.copy()
            case "emax":
                return np.asarray(d / (self.parameters[0] + d))
            case "sigmoid emax":
                ed50, hill = self.parameters
                return np.asarray(d**hill / (ed50**hill + d**hill))
            case "exponential":
                return np.asarray(np.expm1(d / self.parameters[0]))
            case "quadratic":
                return np.asarray(d + self.parameters[0] * d**2)
            case "logistic":
                ed50, delta = self.parameters
                return np.asarray(1 / (1 + np.exp((ed50 - d) / delta)))

    def scaled(self, doses: ArrayLike, placebo: float, effect: float) -> Floats:
        """Return the shape with a value at no dose, and a greatest change over the doses of ``effect``.

        Parameters
        ----------
        doses
            (doses,): the first is the reference.
        placebo, effect
            value at the first dose, and greatest change from it.
        """
        raw = self.standardised(doses)
        change = raw - raw[0]
        return np.asarray(placebo + effect * change / change[np.abs(change).argmax()])


def optimal_contrasts(candidates: Sequence[Candidate], doses: ArrayLike, covariance: ArrayLike) -> Floats:
    """Return (doses, candidates): for each shape the contrast that finds it best, of unit length.

    Parameters
    ----------
    candidates
        the shapes.
    doses
        (doses,): rising.
    covariance
        (doses, doses): of the estimates at the doses; for means of n patients diag(sigma^2 / n).

    Examples
    --------
    >>> optimal_contrasts([Candidate("linear")], [0, 1, 2], np.eye(3) / 20)[:, 0].round(3)
    array([-0.707,  0.   ,  0.707])
    """
    precision = np.linalg.inv(np.asarray(covariance, dtype=float))
    ones = np.ones(len(precision))
    contrasts = []
    for candidate in candidates:
        mu = candidate.standardised(doses)
        centred = mu - (ones @ precision @ mu) / (ones @ precision @ ones)
        contrast = precision @ centred
        contrasts.append(contrast / np.linalg.norm(contrast))
    return np.stack(contrasts, axis=1)


def critical_value(correlation: ArrayLike, alpha: float, degrees: float | None = None) -> float:
    """Return the quantile of the maximum of standard normal variables with a correlation, or of t variables.

    Parameters
    ----------
    correlation
        (k, k): positive semidefinite.
    alpha
        one-sided level, in (0, 1).
    degrees
        of freedom of the t distribution, above 0; None: normal.

    Raises
    ------
    ValueError
        if alpha is out of its bounds.

    Examples
    --------
    >>> round(critical_value([[1.0]], 0.025), 4), round(critical_value([[1, 0], [0, 1]], 0.025), 4)
    (1.96, 2.2389)
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is {alpha}: it lies between 0 and 1")
    loading = _loading(np.asarray(correlation, dtype=float))
    one = norm if degrees is None else student(degrees)
    low, high = float(one.isf(alpha)), float(one.isf(alpha / len(loading)))
    if high - low < 1e-12:
        return low

    def excess(q: float) -> float:
        return 1 - alpha - _below(loading, np.full(len(loading), q), degrees)

    return float(brentq(excess, low - 1e-6, high + 1e-6, xtol=1e-10))


def _loading(correlation: Floats) -> Floats:
    """Return (k, rank): the variables as combinations of independent ones."""
    values, vectors = np.linalg.eigh(correlation)
    kept = values > 1e-10 * values.max()
    return np.asarray(vectors[:, kept] * np.sqrt(values[kept]))


@lru_cache(maxsize=8)
def _directions(rank: int) -> Floats:
    """Return directions spread evenly over the sphere, each with its opposite."""
    if rank == 1:
        return np.array([[1.0], [-1.0]])
    unit = qmc.Sobol(rank, scramble=True, rng=np.random.default_rng(853)).random(DIRECTIONS)
    z = norm.ppf(np.clip(unit, 1e-12, 1 - 1e-12))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    return np.concatenate([z, -z])


def _below(loading: Floats, bounds: Floats, degrees: float | None = None) -> float:
    """Return the chance that loading @ z <= bounds, z standard normal or t: along each direction that of a chi
    distribution (or the root of an F) between the constraints."""
    rank = loading.shape[1]
    slope = _directions(rank) @ loading.T
    with np.errstate(divide="ignore", invalid="ignore"):
        at = bounds / slope
    high = np.where(slope > 0, at, np.inf).min(axis=1)
    low = np.where((slope < 0) & (bounds < 0), at, 0.0).max(axis=1)
    empty = ((slope == 0) & (bounds < 0)).any(axis=1) | (high <= low)

    def chi(radius: Floats) -> Floats:
        square = np.maximum(radius, 0.0) ** 2
        if degrees is None:
            return np.asarray(gammainc(rank / 2, square / 2))
        share = np.where(np.isinf(square), 1.0, square / (np.where(np.isinf(square), 1.0, square) + degrees))
        return np.asarray(betainc(rank / 2, degrees / 2, share))

    return float(np.where(empty, 0.0, chi(high) - chi(low)).mean())


@dataclass(frozen=True)
class DoseResponseTest:
    """What the multiple contrast test says.

    Parameters
    ----------
    statistics, p_values
        (candidates,): standardised contrasts, and adjusted one-sided p-values.
    critical_value
        that a statistic must exceed.
    found
        (candidates,): which shapes are found.
    """

    statistics: Floats
    p_values: Floats
    critical_value: float
    found: tuple[bool, ...]


@dataclass(frozen=True)
class ShapeFit:
    """A shape fitted to estimates.

    Parameters
    ----------
    shape, parameters
        and the fitted parameters of the shape.
    placebo, slope
        location and scale.
    criterion
        generalised AIC: weighted squares plus twice the number of parameters.
    """

    shape: Shape
    parameters: tuple[float, ...]
    placebo: float
    slope: float
    criterion: float

    def predict(self, doses: ArrayLike) -> Floats:
        """Return the response at doses."""
        return np.asarray(self.placebo + self.slope * Candidate(self.shape, self.parameters).standardised(doses))

    def target_dose(self, effect: float, most: float) -> float | None:
        """Return the least dose, up to ``most``, whose change from no dose reaches ``effect``; None if none does."""
        grid = np.linspace(0, most, 2_001)
        change = self.predict(grid) - self.predict([0.0])
        reached = change >= effect if effect > 0 else change <= effect
        if not reached.any():
            return None
        k = int(reached.argmax())
        if k == 0:
            return 0.0
        return float(
            np.interp(effect, np.sort(change[k - 1 : k + 1]), grid[k - 1 : k + 1][np.argsort(change[k - 1 : k + 1])])
        )


@dataclass(frozen=True)
class McpMod:
    """The method: doses, candidate shapes and a level.

    Parameters
    ----------
    doses
        rising, two or more; the first is the reference (placebo, or the lowest dose).
    candidates
        by name.
    alpha
        one-sided level, in (0, 1).

    Raises
    ------
    ValueError
        if doses do not rise, or there is no candidate.

    Examples
    --------
    >>> plan = McpMod((0, 0.5, 1), {"linear": Candidate("linear"), "emax": Candidate("emax", (0.25,))})
    >>> test = plan.test([0.1, 0.4, 0.6], np.eye(3) / 40)
    >>> test.found, round(test.critical_value, 3)
    ((True, True), 2.085)
    """

    doses: tuple[float, ...]
    candidates: Mapping[str, Candidate]
    alpha: float = 0.025

    def __post_init__(self) -> None:
        if len(self.doses) < 2 or not (np.diff(self.doses) > 0).all() or self.doses[0] < 0:
            raise ValueError(f"doses are {self.doses}: two or more, from 0 up, rising")
        if not self.candidates:
            raise ValueError("name one candidate shape or more")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}: it lies between 0 and 1")

    def contrasts(self, covariance: ArrayLike) -> Floats:
        """Return (doses, candidates): the optimal contrasts."""
        return optimal_contrasts(list(self.candidates.values()), self.doses, covariance)

    def correlation(self, covariance: ArrayLike) -> Floats:
        """Return (candidates, candidates): of the standardised contrasts."""
        contrasts = self.contrasts(covariance)
        product = contrasts.T @ np.asarray(covariance) @ contrasts
        scale = np.sqrt(np.diag(product))
        return np.asarray(product / np.outer(scale, scale))

    def test(self, estimates: ArrayLike, covariance: ArrayLike) -> DoseResponseTest:
        """Test whether there is a dose-response, upwards.

        Parameters
        ----------
        estimates
            (doses,): the response at each dose, on a scale where it is about normal (means, log odds).
        covariance
            (doses, doses): of the estimates.

        Raises
        ------
        ValueError
            if there is not one estimate a dose.
        """
        y, s = np.asarray(estimates, dtype=float), np.asarray(covariance, dtype=float)
        if y.shape != (len(self.doses),) or s.shape != (len(y), len(y)):
            raise ValueError(f"give an estimate for each of {len(self.doses)} doses, and their covariance")
        contrasts = self.contrasts(s)
        statistics = y @ contrasts / np.sqrt(np.einsum("ij,ik,kj->j", contrasts, s, contrasts))
        correlation = self.correlation(s)
        loading, most = _loading(correlation), critical_value(correlation, self.alpha)
        p_values = [1 - _below(loading, np.full(len(loading), float(value))) for value in statistics]
        return DoseResponseTest(
            statistics, np.clip(p_values, 0.0, 1.0), most, tuple(bool(value > most) for value in statistics)
        )

    def power(
        self, covariance: ArrayLike, effect: float, *, placebo: float = 0.0, degrees: float | None = None
    ) -> dict[str, float]:
        """Return the power to find any dose-response, where each candidate is the truth.

        Parameters
        ----------
        covariance
            (doses, doses): of the estimates.
        effect, placebo
            greatest change over the doses, and the value at the first.
        degrees
            of freedom with which the covariance is estimated: patients less doses; None: it is known.
        """
        s = np.asarray(covariance, dtype=float)
        contrasts = self.contrasts(s)
        scale = np.sqrt(np.einsum("ij,ik,kj->j", contrasts, s, contrasts))
        correlation = self.correlation(s)
        loading, most = _loading(correlation), critical_value(correlation, self.alpha, degrees)
        if degrees is None:
            spread, weight = np.ones(1), np.ones(1)
        else:  # the estimated standard deviation over the true one
            nodes, weight = roots_genlaguerre(24, degrees / 2 - 1)
            spread, weight = np.sqrt(2 * nodes / degrees), weight / weight.sum()
        power = {}
        for name, candidate in self.candidates.items():
            shift = candidate.scaled(self.doses, placebo, effect) @ contrasts / scale
            missed = [_below(loading, most * s - shift) for s in spread]
            power[name] = float(1 - weight @ missed)
        return power

    def fit(self, estimates: ArrayLike, covariance: ArrayLike) -> list[ShapeFit]:
        """Fit each candidate's shape to the estimates, best first by the generalised AIC.

        A shape with as many parameters as there are doses, or more, is left out.

        Parameters
        ----------
        estimates, covariance
            as in :meth:`test`.
        """
        y, s = np.asarray(estimates, dtype=float), np.asarray(covariance, dtype=float)
        root = np.linalg.cholesky(np.linalg.inv(s)).T
        fits = []
        for candidate in self.candidates.values():
            if len(candidate.parameters) + 2 <= len(self.doses):
                fits.append(self._fitted(candidate, y, root))
        return sorted(fits, key=lambda each: each.criterion)

    def _fitted(self, candidate: Candidate, y: Floats, root: Floats) -> ShapeFit:
        """Fit a shape by weighted least squares: location and scale are linear, the others searched on a log scale."""

        def linear(parameters: tuple[float, ...]) -> tuple[Floats, Floats]:
            design = np.column_stack([np.ones(len(y)), Candidate(candidate.shape, parameters).standardised(self.doses)])
            coefficient = np.asarray(np.linalg.lstsq(root @ design, root @ y, rcond=None)[0], dtype=np.float64)
            return coefficient, np.asarray(root @ (y - design @ coefficient))

        parameters = candidate.parameters
        if parameters and candidate.shape == "quadratic":
            found = least_squares(lambda x: linear((float(x[0]),))[1], np.array(parameters))
            parameters = (float(found.x[0]),)
        elif parameters:
            start = np.log(parameters)
            reach = np.log(1e3)
            found = least_squares(
                lambda x: linear(tuple(np.exp(x)))[1], start, bounds=(start - reach, start + reach), xtol=1e-12
            )
            parameters = tuple(float(p) for p in np.exp(found.x))
        coefficient, residual = linear(parameters)
        criterion = float(residual @ residual + 2 * (2 + len(parameters)))
        return ShapeFit(candidate.shape, parameters, float(coefficient[0]), float(coefficient[1]), criterion)
