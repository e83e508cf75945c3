"""Kaplan-Meier estimates, in the conventions of R's survival.

Kaplan EL, Meier P, J Am Stat Assoc 1958;53:457; variance by Greenwood; intervals on the log(-log) scale (Kalbfleisch
and Prentice) or on the log scale; the interval of a median by Brookmeyer R, Crowley J, Biometrics 1982;38:29. The curve
is lifelines'. Where lifelines and R's survival (``survfit`` and its ``quantile``) differ, this follows R:

- a curve that runs level at exactly one half has its median in the middle of the level stretch, which ends at the next
  event, or at the last time of follow-up where there is none (lifelines gives the stretch's beginning);
- after the last time of follow-up the estimate stays as it was, and nobody is at risk;
- on the log(-log) scale there is no interval where the estimate is 1 or 0, on the log scale none where it is 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from posology.shared.arrays import ArrayLike, Floats, Ints

Scale = Literal["log-log", "log"]
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
        read = lambda curve: _crossing(self.time, curve, 1 - share)
        return Estimate(read(self.survival), read(self.lower), read(self.upper))

    def at(self, times: ArrayLike) -> list[Estimate]:
        """Return the estimates at times, in the unit of the curve's times."""
        column = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="right") - 1
        known = lambda value: None if np.isnan(value) else float(value)
        before = Estimate(1.0, *((1.0, 1.0) if self.scale == "log" else (None, None)))
        return [
            before if k < 0 else Estimate(float(self.survival[k]), known(self.lower[k]), known(self.upper[k]))
            for k in np.atleast_1d(column)
        ]

    def at_risk_at(self, times: ArrayLike) -> Ints:
        """Return how many are at risk at times: followed at least so long, and without the event before."""
        column = np.searchsorted(self.time, np.asarray(times, dtype=np.float64), side="left")
        return np.append(self.at_risk, 0)[column]

    def restricted_mean(self, until: float | None = None) -> tuple[float, float]:
        """Return the mean time without the event up to a time, the last of follow-up if left out, and its standard error."""
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
    from lifelines import KaplanMeierFitter

    times, happened = _checked(days, event)
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}: it must lie between 0 and 1")
    if scale not in ("log-log", "log"):
        raise ValueError(f"scale is {scale!r}: it must be 'log-log' or 'log'")
    fitted = KaplanMeierFitter().fit(times, happened, alpha=1 - level)
    table = fitted.event_table
    table = table[(table["observed"] + table["censored"]) > 0]
    column = lambda name: np.asarray(table[name], dtype=np.int64)
    n, d = column("at_risk"), column("observed")
    survival = np.asarray(fitted.survival_function_.loc[table.index].iloc[:, 0], dtype=np.float64)
    lower, upper = _interval(survival, n, d, level, scale)
    return Curve(
        np.asarray(table.index, dtype=np.float64), n, d, column("censored"), survival, lower, upper, level, scale
    )


def _interval(survival: Floats, n: Ints, d: Ints, level: float, scale: Scale) -> tuple[Floats, Floats]:
    """Return the limits from Greenwood's variance of log S."""
    from scipy.special import ndtri

    left = np.where(n > d, n - d, 1)
    error = np.sqrt(np.cumsum(d / (n * left)))
    z = float(ndtri((1 + level) / 2))
    inside = survival > 0
    logs = np.log(np.where(inside, survival, 0.5))
    if scale == "log":
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
    times, happened = np.asarray(days, dtype=np.float64), np.asarray(event, dtype=bool)
    if times.ndim != 1 or times.shape != happened.shape or not len(times):
        raise ValueError(
            f"days {times.shape} and event {happened.shape} must be one entry for each patient, and at least one"
        )
    if not (times >= 0).all():
        wrong = int(np.argmax(~(times >= 0)))
        raise ValueError(f"days is {times[wrong]:g} for patient {wrong}: leave out patients without a time")
    return times, happened


@dataclass(frozen=True)
class Comparison:
    """Two groups compared: the log-rank test, and the hazard ratio of the second to the first by Cox's model (Efron)."""

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
        if a group is empty or has no event, so that there is no hazard ratio.

    Examples
    --------
    >>> found = compare([5, 8, 12, 20, 9, 15, 21, 30], [1, 1, 1, 0, 1, 1, 0, 1], [0, 0, 0, 0, 1, 1, 1, 1])
    >>> round(found.chi_square, 3), round(found.hazard_ratio.value, 3)
    (1.034, 0.401)
    """
    import pandas as pd
    from lifelines import CoxPHFitter
    from lifelines.statistics import logrank_test

    times, happened = _checked(days, event)
    group = np.asarray(second, dtype=bool)
    for name, mine in (("first", ~group), ("second", group)):
        if not happened[mine].any():
            raise ValueError(f"the {name} group has no event: the groups cannot be compared")
    test = logrank_test(times[~group], times[group], happened[~group], happened[group])
    frame = pd.DataFrame({"days": times, "event": happened, "second": group.astype(float)})
    fitted = CoxPHFitter(alpha=1 - level).fit(frame, "days", "event", fit_options={"precision": 1e-10})
    low, high = np.exp(fitted.confidence_intervals_.loc["second"])
    ratio = Estimate(float(fitted.hazard_ratios_["second"]), float(low), float(high))
    return Comparison(float(test.test_statistic), float(test.p_value), ratio)
