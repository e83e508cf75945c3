"""Exposure and response: how the chance of an event, and the time to it, change with exposure.

Firth D. Biometrika 1993;80:27-38, and Heinze G, Schemper M. Stat Med 2002;21:2409-2419 (logistic regression whose
estimates stay finite where few events separate perfectly); exponential and Cox regression for time to the first event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.cox_regression import cox_slope

MAX_ITERATIONS = 200
SEPARATED = "the hazard's slope is not finite: the events lie at one end of the exposures"


@dataclass(frozen=True)
class ExposureResponse:
    """A regression on exposure, per ``unit`` of it.

    ``intercept`` and ``slope`` are on the log odds (logistic) or log hazard (exponential) scale; ``lower``, ``upper``
    and ``p_value`` are of the slope: by profile likelihood for the logistic, by the Wald statistic for the others.
    ``covariance`` is that of intercept and slope. ``ratio`` is the odds or hazard ratio per ``unit``. ``patients`` and
    ``events`` say what it rests on.
    """

    kind: str
    intercept: float
    slope: float
    standard_error: float
    lower: float
    upper: float
    p_value: float
    covariance: Floats
    unit: float
    level: float
    patients: int
    events: int
    notes: tuple[str, ...] = ()

    @property
    def ratio(self) -> tuple[float, float, float]:
        """The odds or hazard ratio per unit of exposure, with its interval."""
        return float(np.exp(self.slope)), float(np.exp(self.lower)), float(np.exp(self.upper))

    def population_average(self, exposure: Floats, time: float | None = None) -> tuple[float, float, float]:
        """Return the probability averaged over patients with these exposures, with its interval.

        The interval is Wald's on the scale of the model, the gradient being that of the average (delta method); the
        exposures are taken as known.

        >>> found = logistic(np.array([0.0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 1, 1, 1], bool), unit=1.0)
        >>> [round(p, 3) for p in found.population_average(np.array([0.0, 1.0]))]
        [0.5, 0.219, 0.781]
        """
        from scipy.special import expit, logit
        from scipy.stats import norm

        mean = float(self.at(exposure, time)[0].mean())
        x = np.atleast_1d(np.asarray(exposure, float)) / self.unit
        design = np.stack([np.ones_like(x), x], axis=1)
        eta = design @ [self.intercept, self.slope]
        if time is None:  # of the log odds of the average
            slope = expit(eta) * expit(-eta) / (mean * (1 - mean))
            centre, back = logit(mean), expit
        else:  # of the complementary log-log, which of one exposure is its log hazard × time
            slope = np.exp(eta) * time * np.exp(-np.exp(eta) * time) / ((1 - mean) * -np.log1p(-mean))
            centre, back = np.log(-np.log1p(-mean)), lambda v: -np.expm1(-np.exp(v))
        gradient = (slope[:, None] * design).mean(axis=0)
        half = norm.ppf(0.5 + self.level / 2) * np.sqrt(gradient @ self.covariance @ gradient)
        return mean, float(back(centre - half)), float(back(centre + half))

    def at(self, exposure: Floats, time: float | None = None) -> tuple[Floats, Floats, Floats]:
        """Return the probability of the event at each exposure, with its interval (Wald, on the scale of the model).

        Of an exponential model, by ``time``; a Cox model gives none.
        """
        from scipy.special import expit
        from scipy.stats import norm

        if self.kind == "cox":
            raise ValueError("a Cox model has no baseline to predict from; use the exponential one")
        if (self.kind == "exponential") != (time is not None):
            raise ValueError("a time is needed for an exponential model, and for it alone")
        x = np.atleast_1d(np.asarray(exposure, float)) / self.unit
        if not np.isfinite(x).all() or (time is not None and not 0 <= time < np.inf):
            raise ValueError("an exposure is a finite number, and a time finite and 0 or more")
        design = np.stack([np.ones_like(x), x], axis=1)
        middle = design @ [self.intercept, self.slope]
        half = norm.ppf(0.5 + self.level / 2) * np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        on = [middle, middle - half, middle + half]
        if time is None:
            low, mid, high = (expit(v) for v in (on[1], on[0], on[2]))
        else:
            low, mid, high = (-np.expm1(-np.exp(v) * time) for v in (on[1], on[0], on[2]))
        return np.asarray(mid), np.asarray(low), np.asarray(high)


def logistic(
    exposure: Floats, event: Bools, *, firth: bool = True, unit: float | None = None, level: float = 0.95
) -> ExposureResponse:
    """Regress an event on exposure.

    Parameters
    ----------
    exposure, event
        (patients,).
    firth
        penalise by Jeffreys' prior (finite and less biased with few events); without it, data that separate are
        refused.
    unit
        of exposure that the slope is per; by default its standard deviation, or 1 where all are the same.
    level
        of the confidence intervals.

    Raises
    ------
    ValueError
        if the arrays differ, exposures do not vary or are not finite, or without ``firth`` the events separate.

    Examples
    --------
    >>> found = logistic(np.array([0.0, 0, 0, 0, 1, 1, 1, 1]), np.array([0, 0, 0, 1, 0, 1, 1, 1], bool), unit=1.0)
    >>> round(found.intercept, 4), round(found.slope, 4)  # ln(1.5 / 3.5) and twice its reverse
    (-0.8473, 1.6946)
    """
    from scipy.optimize import minimize_scalar
    from scipy.stats import chi2

    x, y, unit = _checked(exposure, event, unit, level)
    if not firth and _separates(x, y):
        raise ValueError(
            "the exposures of those with and without the event do not overlap: no estimate is finite; use Firth's"
        )
    design = np.stack([np.ones_like(x), x], axis=1)
    beta, value, covariance = _maximise(design, y, firth)
    error = float(np.sqrt(covariance[1, 1]))

    centre = float(x.mean())

    def drop(slope: float) -> float:
        """Return twice the fall of the log likelihood when the slope is held, the intercept at its best."""

        def at(c: float) -> float:
            return float(-_likelihood(design, y, firth, np.array([c - slope * centre, slope]))[0])

        middle = float(beta[0] + beta[1] * centre)
        return 2 * (value + float(minimize_scalar(at, bracket=(middle - 1, middle + 1), tol=1e-10).fun))

    limit = float(chi2.ppf(level, 1))
    lower, upper = (_edge(drop, float(beta[1]), sign * error, limit) for sign in (-1, 1))
    notes = ("the exposures of those with and without the event do not overlap",) if _separates(x, y) else ()
    if not y.any() or y.all():
        notes = (f"{'no' if not y.any() else 'every'} patient had the event: the slope is a guess of the penalty's",)
    return ExposureResponse(
        "logistic",
        float(beta[0]),
        float(beta[1]),
        error,
        lower,
        upper,
        float(chi2.sf(max(drop(0.0), 0.0), 1)),
        covariance,
        unit,
        level,
        len(x),
        int(y.sum()),
        notes,
    )


def _likelihood(design: Floats, y: Floats, firth: bool, beta: Floats) -> tuple[float, Floats, Floats]:
    """Return the (penalised) log likelihood, the weights of the patients and the information."""
    from scipy.special import expit

    eta = design @ beta
    weight = expit(eta) * expit(-eta)
    information = design.T @ (design * weight[:, None])
    value = float((y * eta - np.logaddexp(0, eta)).sum())
    determinant = float(np.linalg.det(information)) if firth else 1.0
    return value + 0.5 * (np.log(determinant) if determinant > 0 else -np.inf), weight, information


def _maximise(design: Floats, y: Floats, firth: bool) -> tuple[Floats, float, Floats]:
    """Newton's steps on the (penalised) log likelihood, halved where it falls."""
    from scipy.special import expit

    beta = np.zeros(2)
    value, weight, information = _likelihood(design, y, firth, beta)
    for _ in range(MAX_ITERATIONS):
        mean = expit(design @ beta)
        error = y - mean
        if firth:
            leverage = np.einsum("ij,jk,ik->i", design, np.linalg.inv(information), design) * weight
            error = error + leverage * (0.5 - mean)
        step = np.linalg.solve(information, design.T @ error)
        step *= min(1.0, 5 / max(float(np.abs(step).max()), 1e-300))
        for _ in range(30):
            new = _likelihood(design, y, firth, beta + step)
            if new[0] >= value - 1e-12:
                break
            step /= 2
        beta, (value, weight, information) = beta + step, new
        if np.abs(step).max() < 1e-10:
            return beta, value, np.asarray(np.linalg.inv(information), np.float64)
    raise ValueError(f"the regression did not settle in {MAX_ITERATIONS} steps")


def _edge(drop: Callable[[float], float], centre: float, step: float, limit: float) -> float:
    from scipy.optimize import brentq

    outer = centre + step
    for _ in range(60):
        if drop(outer) > limit:
            return float(brentq(lambda b: drop(b) - limit, centre, outer, xtol=1e-9))
        outer += 2 * (outer - centre)
        if abs(outer) > 500:
            break
    return float(np.copysign(np.inf, step))


def exponential(
    exposure: Floats, time: Floats, event: Bools, *, unit: float | None = None, level: float = 0.95
) -> ExposureResponse:
    """Regress the hazard of a first event on exposure: hazard = exp(intercept + slope × exposure).

    Parameters
    ----------
    exposure, unit, level
        as for :func:`logistic`.
    time, event
        (patients,): to the event, or to the end of follow-up where there was none.

    Raises
    ------
    ValueError
        as :func:`logistic`; or if a time is not above 0, or there is no event.
    """
    from scipy.stats import norm

    x, y, unit = _checked(exposure, event, unit, level)
    t = _times(time, y)
    design = np.stack([np.ones_like(x), x], axis=1)
    beta = np.array([np.log(y.sum() / t.sum()), 0.0])
    for _ in range(MAX_ITERATIONS):
        expected = t * np.exp(design @ beta)
        information = design.T @ (design * expected[:, None])
        try:
            step = np.linalg.solve(information, design.T @ (y - expected))
        except np.linalg.LinAlgError:
            raise ValueError(SEPARATED) from None
        step *= min(1.0, 2 / max(float(np.abs(step).max()), 1e-300))
        beta = beta + step
        if np.abs(step).max() < 1e-10:
            break
    else:
        raise ValueError(SEPARATED)
    covariance = np.linalg.inv(information)
    error = float(np.sqrt(covariance[1, 1]))
    half = float(norm.ppf(0.5 + level / 2)) * error
    slope = float(beta[1])
    return ExposureResponse(
        "exponential",
        float(beta[0]),
        slope,
        error,
        slope - half,
        slope + half,
        float(2 * norm.sf(abs(slope / error))),
        covariance,
        unit,
        level,
        len(x),
        int(y.sum()),
    )


def cox(
    exposure: Floats, time: Floats, event: Bools, *, unit: float | None = None, level: float = 0.95
) -> ExposureResponse:
    """Regress the hazard of a first event on exposure without a baseline (Cox; Efron's ties).

    Raises
    ------
    ValueError
        as :func:`exponential`.
    """
    from scipy.stats import norm

    x, y, unit = _checked(exposure, event, unit, level)
    try:
        slope, error = cox_slope(x, _times(time, y), y > 0)
    except ValueError:
        raise ValueError("the hazard ratio is not finite: the events lie at one end of the exposures") from None
    half = float(norm.ppf(0.5 + level / 2)) * error
    return ExposureResponse(
        "cox",
        0.0,
        slope,
        error,
        slope - half,
        slope + half,
        float(2 * norm.sf(abs(slope / error))),
        np.array([[0.0, 0], [0, error**2]]),
        unit,
        level,
        len(x),
        int(y.sum()),
    )


@dataclass(frozen=True)
class ExposureQuantiles:
    """The share of patients with the event in each group of exposure, with its exact (Clopper–Pearson) interval."""

    edges: Floats
    median: Floats
    patients: Ints
    events: Ints
    share: Floats
    lower: Floats
    upper: Floats


def by_quantile(exposure: Floats, event: Bools, groups: int = 4, level: float = 0.95) -> ExposureQuantiles:
    """Group patients by quantiles of exposure (quartiles by default); equal exposures stand together.

    Parameters
    ----------
    exposure, event
        (patients,).
    groups, level
        how many groups, and the level of the intervals.

    Examples
    --------
    >>> found = by_quantile(np.arange(8.0), np.array([0, 0, 0, 1, 0, 1, 1, 1], bool), groups=2)
    >>> found.patients.tolist(), found.events.tolist()
    ([4, 4], [1, 3])
    """
    from scipy.stats import beta

    x, y, _ = _checked(exposure, event, 1.0, level)
    if groups < 1:
        raise ValueError(f"groups is {groups}: it is 1 or more")
    edges = np.unique(np.quantile(x, np.linspace(0, 1, groups + 1)))
    place = np.clip(np.searchsorted(edges, x, side="left") - 1, 0, len(edges) - 2)
    held = [i for i in range(len(edges) - 1) if (place == i).any()]
    n = np.array([(place == i).sum() for i in held])
    k = np.array([int(y[place == i].sum()) for i in held])
    tail = (1 - level) / 2
    lower = np.where(k > 0, beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    upper = np.where(k < n, beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return ExposureQuantiles(
        np.append(edges[held], edges[-1]),
        np.array([float(np.median(x[place == i])) for i in held]),
        n,
        k,
        k / n,
        lower,
        upper,
    )


def predicted_exposures(dose: Floats, exposure: Floats, at: float, count: int = 100) -> Floats:
    """Return exposures of patients at a dose: equally likely values of the log-normal that the power model gives.

    ln exposure = a + b ln dose + error, by least squares, over patients (patients,) at two doses or more.

    Parameters
    ----------
    dose, exposure
        (patients,): what was given, and the exposure that it brought.
    at
        the dose whose exposures are asked for.
    count
        how many exposures.

    Raises
    ------
    ValueError
        if there are fewer than three patients or two doses, or a dose or an exposure is not above 0.

    Examples
    --------
    >>> found = predicted_exposures(np.array([1.0, 2, 4]), np.array([10.0, 20, 40]), 3.0)
    >>> float(np.median(found).round(6))
    30.0
    """
    from scipy.stats import norm

    dose, exposure = np.asarray(dose, float), np.asarray(exposure, float)
    if not ((dose > 0).all() and (exposure > 0).all() and at > 0):
        raise ValueError("what a dose gives is told from doses and exposures above 0")
    if len(dose) < 3 or np.ptp(dose) == 0:
        raise ValueError(f"{len(dose)} patients at {len(np.unique(dose))} doses; it takes three and two at least")
    x, y = np.log(dose), np.log(exposure)
    slope, intercept = np.polyfit(x, y, 1)
    error = np.sqrt(((y - intercept - slope * x) ** 2).sum() / (len(x) - 2))
    spread = norm.ppf((np.arange(count) + 0.5) / count)
    return np.asarray(np.exp(intercept + slope * np.log(at) + error * spread))


def _checked(exposure: Floats, event: Bools, unit: float | None, level: float) -> tuple[Floats, Floats, float]:
    x, y = np.asarray(exposure, float), np.asarray(event).astype(float)
    if x.ndim != 1 or x.shape != y.shape:
        raise ValueError(f"exposures are {x.shape} and events {y.shape}; they need one value a patient each")
    if not np.isfinite(x).all():
        raise ValueError(f"patient {int(np.argmin(np.isfinite(x))) + 1}: no exposure; leave the patient out")
    if len(x) < 3 or np.ptp(x) == 0:
        raise ValueError(f"{len(x)} patients with {len(np.unique(x))} exposures; it takes three and two at least")
    if not np.isin(y, (0, 1)).all():
        raise ValueError(f"patient {int(np.argmin(np.isin(y, (0, 1)))) + 1}: the event is neither true nor false")
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; it lies between 0 and 1")
    scale = float(np.std(x, ddof=1)) if unit is None else float(unit)
    if not scale > 0:
        raise ValueError(f"the unit of exposure is {scale:g}; it is above 0")
    return x / scale, y, scale


def _times(time: Floats, event: Floats) -> Floats:
    t = np.asarray(time, float)
    if t.shape != event.shape:
        raise ValueError(f"times are {t.shape} and events {event.shape}; they need one value a patient each")
    right = np.isfinite(t) & (t > 0)
    if not right.all():
        i = int(np.argmin(right))
        raise ValueError(
            f"patient {i + 1}: time {t[i]:g}; every patient needs a time above 0, to the event or the end of follow-up"
        )
    if not event.any():
        raise ValueError("no patient had the event: a hazard cannot be compared")
    return t


def _separates(x: Floats, y: Floats) -> bool:
    with_, without = x[y == 1], x[y == 0]
    if not len(with_) or not len(without):
        return True
    return bool(with_.min() >= without.max() or with_.max() <= without.min())
