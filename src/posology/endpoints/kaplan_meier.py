"""Kaplan-Meier estimates, the log-rank test and the hazard ratio of two groups, in the conventions of R's survival.

Kaplan EL, Meier P, J Am Stat Assoc 1958;53:457; variance by Greenwood; intervals on the log(-log) scale (Kalbfleisch
and Prentice), the log scale or the plain one; the interval of a median by Brookmeyer R, Crowley J, Biometrics
1982;38:29; the log-rank test by Mantel N, Cancer Chemother Rep 1966;50:163. As ``survfit``, its ``quantile``,
``survdiff`` and ``coxph``:

- a curve that runs level at exactly one half has its median in the middle of the level stretch, which ends at the next
  event, or at the last time of follow-up where there is none;
- after the last time of follow-up the estimate stays as it was, and nobody is at risk;
- on the log(-log) scale there is no interval where the estimate is 1 or 0, on the others none where it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from posology.shared.arrays import ArrayLike, Floats, Ints
from posology.shared.cox_regression import cox_slope

Scale = Literal["log-log", "log", "plain"]
HALF_EPSILON = float(np.sqrt(np.finfo(float).eps))  # within which R takes a curve to lie at a share


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; None where it cannot be known."""

    value: float | None
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve: arrays (times,), the distinct times at which anybody had an event or was censored.

    ``lower`` and ``upper`` are NaN where there is no interval; ``at_risk`` are those at risk just before the time.
    """

    time: Floats
    at_risk: Ints
    events: Ints
    censored: Ints
    survival: Floats
    lower: Floats
    upper: Floats
    level: float
    scale: Scale

    @property
    def patients(self) -> int:
        """How many patients there are."""
        return int(self.events.sum() + self.censored.sum())

    @property
    def median(self) -> Estimate:
        """The median, with its interval by Brookmeyer and Crowley."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> Estimate:
        """Return the time by which a share of the patients had the event, with its interval.

        Parameters
        ----------
        share
            between 0 and 1, both excluded: 0.25 for the first quartile.
        """
        if not 0 < share < 1:
            raise ValueError(f"share is {share:g}: it must lie between 0 and 1")

        def read(curve: Floats) -> float | None:
            return _crossing(self.time, curve, 1 - share)

        return Estimate(read(self.survival), read(self.lower), read(self.upper))

    def at(self, times: ArrayLike) -> list[Estimate]:
        """Return the estimates at times, in the unit of the curve's times."""
        column = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="right") - 1

        def known(value: float) -> float | None:
            return None if np.isnan(value) else float(value)

        before = Estimate(1.0, *((None, None) if self.scale == "log-log" else (1.0, 1.0)))
        return [
            before if k < 0 else Estimate(float(self.survival[k]), known(self.lower[k]), known(self.upper[k]))
            for k in np.atleast_1d(column)
        ]

    def at_risk_at(self, times: ArrayLike) -> Ints:
        """Return how many are at risk at times: followed at least so long, and without the event before."""
        column = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="left")
        return np.append(self.at_risk, 0)[column]

    def restricted_mean(self, until: float | None = None) -> tuple[float, float]:
        """Return the mean time without the event up to a time, the last of follow-up if left out, and its standard
        error."""
        end = float(self.time[-1]) if until is None else until
        edges = np.append(np.minimum(self.time, end), end)
        heights = np.concatenate([[1.0], self.survival])
        area = heights * np.diff(np.concatenate([[0.0], edges]))
        left = area.sum() - np.cumsum(area)[:-1]
        n, d = self.at_risk.astype(float), self.events.astype(float)
        counts = (d > 0) & (n > d) & (self.time < end)
        variance = np.sum(left[counts] ** 2 * d[counts] / (n[counts] * (n[counts] - d[counts])))
        return float(area.sum()), float(np.sqrt(variance))


def kaplan_meier(days: ArrayLike, event: ArrayLike, *, level: float = 0.95, scale: Scale = "log-log") -> Curve:
    """Return the Kaplan-Meier curve.

    Parameters
    ----------
    days
        (patients,): times, in any unit; 0 or more.
    event
        (patients,): whether the time ends with the event.
    level
        of the intervals.
    scale
        on which the intervals are symmetric.

    Raises
    ------
    ValueError
        if there is no patient, or a time is missing or negative.

    Examples
    --------
    >>> curve = kaplan_meier([43, 64, 64, 90, 120], [True, True, False, True, False])
    >>> curve.median, curve.at_risk_at([0, 64, 100]).tolist()
    (Estimate(value=90.0, lower=43.0, upper=None), [5, 4, 1])
    """
    times, happened = _checked(days, event)
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}: it must lie between 0 and 1")
    if scale not in get_args(Scale):
        raise ValueError(f"scale is {scale!r}: it must be 'log-log', 'log' or 'plain'")
    time, place = np.unique(times, return_inverse=True)
    d = np.bincount(place, happened).astype(np.int64)
    censored = np.bincount(place, ~happened).astype(np.int64)
    n = len(times) - np.concatenate([[0], np.cumsum(d + censored)[:-1]])
    survival = np.cumprod(1 - d / n)
    lower, upper = _interval(survival, n, d, level, scale)
    return Curve(time, n, d, censored, survival, lower, upper, level, scale)


def _interval(survival: Floats, n: Ints, d: Ints, level: float, scale: Scale) -> tuple[Floats, Floats]:
    """Return the limits from Greenwood's variance of log S."""
    from scipy.special import ndtri

    left = np.where(n > d, n - d, 1)
    error = np.sqrt(np.cumsum(d / (n * left)))
    z = float(ndtri((1 + level) / 2))
    inside = survival > 0
    logs = np.log(np.where(inside, survival, 0.5))
    if scale == "plain":
        low, high = np.maximum(0, survival * (1 - z * error)), np.minimum(1, survival * (1 + z * error))
    elif scale == "log":
        low, high = np.exp(logs - z * error), np.minimum(1, np.exp(logs + z * error))
    else:
        inside &= survival < 1
        logs = np.where(inside, logs, -1.0)
        low, high = (np.exp(logs * np.exp(sign * z * error / -logs)) for sign in (1, -1))
    return np.where(inside, low, np.nan), np.where(inside, high, np.nan)


def _crossing(time: Floats, curve: Floats, height: float) -> float | None:
    """Return where a falling step curve crosses a height; the middle of a stretch that lies level at it."""
    reached = curve < height + HALF_EPSILON
    if not reached.any():
        return None
    first = int(np.argmax(reached))
    if curve[first] > height - HALF_EPSILON:
        below = curve < curve[first] - HALF_EPSILON
        end = int(np.argmax(below)) if below.any() else len(time) - 1
        return float((time[first] + time[end]) / 2)
    return float(time[first])


def _checked(days: ArrayLike, event: ArrayLike) -> tuple[Floats, NDArray[np.bool_]]:
    times, given = np.asarray(days, dtype=np.float64), np.asarray(event)
    if times.ndim != 1 or times.shape != given.shape or not len(times):
        raise ValueError(
            f"days {times.shape} and event {given.shape} must be one entry for each patient, and at least one"
        )
    if not (times >= 0).all():
        wrong = int(np.argmax(~(times >= 0)))
        raise ValueError(f"days is {times[wrong]:g} for patient {wrong}: leave out patients without a time")
    unclear = ~np.isin(given, (0, 1))
    if unclear.any():
        wrong = int(np.argmax(unclear))
        raise ValueError(f"event is {given[wrong]} for patient {wrong}: it must be 1 for the event, 0 for censored")
    return _one_time(times), given.astype(bool)


def _one_time(times: Floats) -> Floats:
    """Return times with those that are equal but for rounding made one, as R's ``survival`` does (``timefix``)."""
    distinct, place = np.unique(times, return_inverse=True)
    apart = np.diff(distinct) > HALF_EPSILON * max(1.0, float(np.abs(distinct).mean()))
    first = np.concatenate([[0], np.flatnonzero(apart) + 1])
    return np.asarray(distinct[first][np.cumsum(np.concatenate([[False], apart]))][place], dtype=np.float64)


@dataclass(frozen=True)
class Comparison:
    """Two groups compared: the log-rank test, and the hazard ratio of the second to the first by Cox's model (Efron).

    The hazard ratio is None where it is not finite, as where a group has no event.
    """

    chi_square: float
    p_value: float
    hazard_ratio: Estimate


def compare(days: ArrayLike, event: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Comparison:
    """Compare two groups.

    Parameters
    ----------
    days, event
        (patients,): as for :func:`kaplan_meier`.
    second
        (patients,): whether the patient is in the second group.
    level
        of the hazard ratio's interval.

    Raises
    ------
    ValueError
        if a group is empty, or nobody had the event while both were at risk, so that there is no test.

    Examples
    --------
    >>> found = compare([5, 8, 12, 20, 9, 15, 21, 30], [1, 1, 1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> round(found.chi_square, 3), round(found.hazard_ratio.value, 3)
    (1.034, 0.401)
    """
    from scipy.special import chdtrc, ndtri

    times, happened = _checked(days, event)
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}: it must lie between 0 and 1")
    group = np.asarray(second)
    if group.shape != times.shape or not np.isin(group, (0, 1)).all():
        raise ValueError("second must say of each patient whether they are in the second group")
    group = group.astype(bool)
    for name, mine in (("first", ~group), ("second", group)):
        if not mine.any():
            raise ValueError(f"nobody is in the {name} group: the groups cannot be compared")
    excess, variance = _log_rank(times, happened, group)
    if variance <= 0:
        raise ValueError("nobody had the event while both groups were at risk: the groups cannot be compared")
    chi_square = excess**2 / variance
    try:
        slope, error = cox_slope(group.astype(np.float64), times, happened)
    except ValueError:
        ratio = Estimate(None, None, None)
    else:
        half = float(ndtri((1 + level) / 2)) * error
        ratio = Estimate(*(float(np.exp(slope + part)) for part in (0.0, -half, half)))
    return Comparison(chi_square, float(chdtrc(1, chi_square)), ratio)


def _log_rank(times: Floats, happened: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the events of the second group beyond those expected, and their hypergeometric variance."""
    at = np.unique(times[happened])

    def at_risk(mine: Floats) -> Ints:
        return np.searchsorted(np.sort(mine), at, side="left")

    n = len(times) - at_risk(times)
    n2 = int(second.sum()) - at_risk(times[second])
    place = np.searchsorted(at, times[happened])
    d = np.bincount(place, minlength=len(at))
    d2 = np.bincount(place, second[happened], minlength=len(at))
    several = n > 1
    variance = (d * (n2 / n) * (1 - n2 / n) * (n - d))[several] / (n - 1)[several]
    return float((d2 - d * n2 / n).sum()), float(variance.sum())
