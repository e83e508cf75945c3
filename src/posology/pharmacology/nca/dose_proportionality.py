"""Dose proportionality by the power model.

Gough K, et al. Assessment of dose proportionality. Drug Inf J 1995;29:1039-1048 (the power model);
Smith BP, et al. Confidence interval criteria for assessment of dose proportionality. Pharm Res 2000;17:1278-1283.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from posology.shared.arrays import Floats


@dataclass(frozen=True)
class Proportionality:
    """Exposure = exp(``intercept``) × dose^``slope``: the slope with its interval, and what follows by Smith's criterion.

    ``region`` is the interval that the slope's interval must lie in. ``verdict`` is "proportional" where it lies inside,
    "not proportional" where they share nothing, else "inconclusive". ``reach`` is the largest ratio of doses over which
    the data show proportionality (1 if none).
    """

    slope: float
    standard_error: float
    lower: float
    upper: float
    level: float
    intercept: float
    residual_sd: float
    degrees: int
    ratio: float
    region: tuple[float, float]
    verdict: Literal["proportional", "not proportional", "inconclusive"]
    reach: float


def dose_proportionality(
    dose: Floats, exposure: Floats, *, level: float = 0.90, limits: tuple[float, float] = (0.8, 1.25)
) -> Proportionality:
    """Fit ln(exposure) on ln(dose) and judge the slope by Smith's criterion.

    The dose-normalised geometric means of the highest and lowest dose, whose ratio is r, lie within ``limits`` of each
    other when the slope lies in [1 + ln θL / ln r, 1 + ln θU / ln r].

    Parameters
    ----------
    dose, exposure
        (profiles,): a dose and its exposure (AUC or Cmax), both above 0.
    level
        of the confidence interval (0.90 by Smith).
    limits
        θL and θU.

    Raises
    ------
    ValueError
        if a value is not above 0, doses do not differ, there are fewer than 3 profiles, or the level is not within 0 and 1.

    Examples
    --------
    >>> found = dose_proportionality(np.array([1.0, 2, 4, 8]), np.array([10.0, 21, 39, 81]))
    >>> round(found.slope, 3), found.verdict
    (0.995, 'proportional')
    """
    dose, exposure = np.asarray(dose, float), np.asarray(exposure, float)
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
    from scipy.stats import t

    x, y = np.log(dose), np.log(exposure)
    centred = x - x.mean()
    slope = float(centred @ y / (centred @ centred))
    intercept = float(y.mean() - slope * x.mean())
    degrees = len(x) - 2
    residual = y - intercept - slope * x
    sd = float(np.sqrt(residual @ residual / degrees))
    error = sd / float(np.sqrt(centred @ centred))
    half = float(t.ppf(0.5 + level / 2, degrees)) * error
    lower, upper = slope - half, slope + half
    ratio = float(dose.max() / dose.min())
    low, high = (1 + float(np.log(limit)) / float(np.log(ratio)) for limit in limits)
    verdict: Literal["proportional", "not proportional", "inconclusive"] = "inconclusive"
    if lower >= low and upper <= high:
        verdict = "proportional"
    elif upper < low or lower > high:
        verdict = "not proportional"
    reach = np.inf  # of the log of the ratio of doses
    if lower < 1:
        reach = min(reach, float(np.log(limits[0])) / (lower - 1))
    if upper > 1:
        reach = min(reach, float(np.log(limits[1])) / (upper - 1))
    farthest = float(np.exp(reach)) if reach < np.log(np.finfo(float).max) else np.inf
    return Proportionality(
        slope, error, lower, upper, level, intercept, sd, degrees, ratio, (low, high), verdict, farthest
    )
