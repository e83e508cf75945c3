"""Dose proportionality by the power model.

Gough K, et al. Assessment of dose proportionality. Drug Inf J 1995;29:1039-1048 (the power model);
Smith BP, et al. Confidence interval criteria for assessment of dose proportionality. Pharm Res 2000;17:1278-1283 (the
criterion, and a patient's random effect where patients are given several doses).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posology.shared.arrays import Floats, Ints


@dataclass(frozen=True)
class Proportionality:
    """Exposure = exp(``intercept``) × dose^``slope``: the slope with its interval, and what follows by Smith's
    criterion.

    ``region`` is the interval that the slope's interval must lie in. ``verdict`` is "proportional" where it lies
    inside, "not proportional" where they share nothing, else "inconclusive". ``reach`` is the largest ratio of doses
    over which the data show proportionality (1 if none). ``profiles`` and ``patients`` are how many it is from, after
    equal doses of a patient were averaged; ``between_sd`` is the patients' random effect, NaN where each was given one
    dose. ``degrees`` are the residual degrees of freedom: profiles − 2, or profiles − patients − 1 where patients were
    given several doses.
    """

    slope: float
    standard_error: float
    lower: float
    upper: float
    level: float
    intercept: float
    residual_sd: float
    degrees: int
    profiles: int
    patients: int
    between_sd: float
    ratio: float
    region: tuple[float, float]
    verdict: Literal["proportional", "not proportional", "inconclusive"]
    reach: float


def dose_proportionality(
    dose: Floats,
    exposure: Floats,
    patient: Sequence[str] | None = None,
    *,
    level: float = 0.90,
    limits: tuple[float, float] = (0.8, 1.25),
) -> Proportionality:
    """Fit ln(exposure) on ln(dose) and judge the slope by Smith's criterion.

    The dose-normalised geometric means of the highest and lowest dose, whose ratio is r, lie within ``limits`` of each
    other when the slope lies in [1 + ln θL / ln r, 1 + ln θU / ln r].

    Parameters
    ----------
    dose, exposure
        (profiles,): a dose and its exposure (AUC or Cmax), both above 0.
    patient
        whose each profile is; by default all are of different patients. Profiles of one patient at one dose are
        averaged (geometric mean); a patient given several doses has a random effect (restricted maximum likelihood).
    level
        of the confidence interval (0.90 by Smith).
    limits
        θL and θU.

    Raises
    ------
    ValueError
        if a value is not above 0, doses do not differ, there are fewer than 3 profiles, or the level is not within 0
        and 1.

    Examples
    --------
    >>> found = dose_proportionality(np.array([1.0, 2, 4, 8]), np.array([10.0, 21, 39, 81]))
    >>> round(found.slope, 3), found.verdict
    (0.995, 'proportional')
    """
    dose, exposure = np.asarray(dose, float), np.asarray(exposure, float)
    _check(dose, exposure, level, limits)
    from scipy.stats import t

    names = [str(i) for i in range(len(dose))] if patient is None else list(map(str, patient))
    if len(names) != len(dose):
        raise ValueError(f"{len(names)} patients for {len(dose)} profiles; each profile is of one")
    x, y, group = _averaged(np.log(dose), np.log(exposure), names)
    if len(x) < 3:
        raise ValueError(f"{len(x)} patients' doses; it takes three at least, those of a patient at one dose averaged")
    patients = len(set(group.tolist()))
    if patients < len(x):
        slope, intercept, error, sd, between = _mixed(x, y, group)
        degrees = len(x) - patients - 1
    else:
        slope, intercept, error, sd = _least_squares(x, y)
        degrees, between = len(x) - 2, np.nan
    if degrees < 1:
        raise ValueError(f"{len(x)} doses of {patients} patients leave no degree of freedom; it takes more")
    half = float(t.ppf(0.5 + level / 2, degrees)) * error
    lower, upper = slope - half, slope + half
    ratio = float(dose.max() / dose.min())
    low, high = (1 + float(np.log(limit)) / float(np.log(ratio)) for limit in limits)
    verdict = _verdict(lower, upper, low, high)
    reach = min(  # of the log of the ratio of doses
        float(np.log(limits[0])) / (lower - 1) if lower < 1 else np.inf,
        float(np.log(limits[1])) / (upper - 1) if upper > 1 else np.inf,
    )
    farthest = float(np.exp(reach)) if reach < np.log(np.finfo(float).max) else np.inf
    return Proportionality(
        slope,
        error,
        lower,
        upper,
        level,
        intercept,
        sd,
        degrees,
        len(x),
        patients,
        between,
        ratio,
        (low, high),
        verdict,
        farthest,
    )


def _check(dose: Floats, exposure: Floats, level: float, limits: tuple[float, float]) -> None:
    if dose.shape != exposure.shape or dose.ndim != 1:
        raise ValueError(f"doses are {dose.shape} and exposures {exposure.shape}; they need one value a profile each")
    if not ((dose > 0) & np.isfinite(dose) & (exposure > 0) & np.isfinite(exposure)).all():
        raise ValueError("doses and exposures are above 0; leave out profiles without an exposure")
    if len(dose) < 3 or np.ptp(dose) == 0:
        raise ValueError(f"{len(dose)} profiles at {len(np.unique(dose))} doses; it takes three and two at least")
    if not 0 < limits[0] < 1 < limits[1]:
        raise ValueError(f"limits are {limits}; they lie on either side of 1")
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}; it lies between 0 and 1")


def _verdict(
    lower: float, upper: float, low: float, high: float
) -> Literal["proportional", "not proportional", "inconclusive"]:
    """Say how the interval of the slope lies to the region of proportionality."""
    if lower >= low and upper <= high:
        return "proportional"
    return "not proportional" if upper < low or lower > high else "inconclusive"


def _averaged(x: Floats, y: Floats, names: Sequence[str]) -> tuple[Floats, Floats, Ints]:
    """Return log doses, mean log exposures and the patient's number, one for each patient and dose."""
    index = {name: i for i, name in enumerate(dict.fromkeys(names))}
    keys: dict[tuple[int, float], list[float]] = {}
    for name, dose, value in zip(names, x.tolist(), y.tolist(), strict=True):
        keys.setdefault((index[name], dose), []).append(value)
    group, doses = np.array([k[0] for k in keys]), np.array([k[1] for k in keys])
    return doses, np.array([float(np.mean(values)) for values in keys.values()]), group


def _least_squares(x: Floats, y: Floats) -> tuple[float, float, float, float]:
    """Return slope, intercept, the slope's standard error and the residual SD."""
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    intercept = float(y.mean() - slope * x.mean())
    residual = y - intercept - slope * x
    sd = float(np.sqrt(residual @ residual / (len(x) - 2)))
    return slope, intercept, sd / float(np.sqrt(centred @ centred)), sd


def _mixed(x: Floats, y: Floats, group: Ints) -> tuple[float, float, float, float, float]:
    """Return slope, intercept, the slope's standard error, residual and between-patient SD: a random intercept, by
    REML."""
    from scipy.optimize import minimize_scalar

    design = np.stack([np.ones_like(x), x], axis=1)
    same = (group[:, None] == group[None, :]).astype(float)

    def fitted(log_ratio: float) -> tuple[float, Floats, Floats, float]:
        variance = np.eye(len(x)) + np.exp(log_ratio) * same
        weighted = np.linalg.solve(variance, design)
        information = design.T @ weighted
        beta = np.linalg.solve(information, weighted.T @ y)
        residual = y - design @ beta
        scale = max(float(residual @ np.linalg.solve(variance, residual)) / (len(x) - 2), 1e-300)
        criterion = (len(x) - 2) * np.log(scale) + np.linalg.slogdet(variance)[1] + np.linalg.slogdet(information)[1]
        return float(criterion), beta, np.linalg.inv(information), scale

    best = minimize_scalar(lambda r: fitted(r)[0], bounds=(-15, 15), method="bounded", options={"xatol": 1e-8})
    _, beta, inverse, scale = fitted(float(best.x))
    between = float(np.sqrt(np.exp(best.x) * scale))
    return float(beta[1]), float(beta[0]), float(np.sqrt(inverse[1, 1] * scale)), float(np.sqrt(scale)), between
