"""Areas under a concentration curve: trapezoids, partial areas, interpolation and extrapolation.

Gabrielsson J, Weiner D. Pharmacokinetic and Pharmacodynamic Data Analysis, 5th ed. 2016, section 2.8. The names and
conventions of the methods are those of PKNCA (Denney W, Duvvuri S, Buckeridge C. J Pharmacokinet Pharmacodyn
2015;42 Suppl 1:S65).

A profile is a row, a sample a column; after the last sample a row is filled up with NaN. Times are since the dose.
"""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from posology.shared.arrays import Bools, Floats, Ints

TrapezoidMethod = Literal["linear-up log-down", "linear", "linear log"]
"""Linear trapezoids up and logarithmic ones down; linear throughout; or linear to Tmax and logarithmic after it."""


def logarithmic(time: Floats, concentration: Floats, method: TrapezoidMethod) -> Bools:
    """Return which segments, (profiles, samples − 1), are logarithmic: never one that ends or starts at zero.

    Parameters
    ----------
    time, concentration
        (profiles, samples).
    method
        of the trapezoids.

    Examples
    --------
    >>> logarithmic(np.array([[0.0, 1, 2]]), np.array([[1.0, 2, 1]]), "linear-up log-down")
    array([[False,  True]])
    """
    before, after = concentration[:, :-1], concentration[:, 1:]
    if method == "linear":
        return np.zeros(before.shape, np.bool_)
    positive = (before > 0) & (after > 0) & (before != after)
    if method == "linear-up log-down":
        return np.asarray(positive & (after < before))
    if method == "linear log":
        highest = np.nanargmax(np.where(np.isnan(concentration), -1.0, concentration), axis=1)
        return np.asarray(positive & (np.arange(before.shape[1]) >= highest[:, None]))
    raise ValueError(f"method is {method!r}; it is one of {', '.join(map(repr, get_args(TrapezoidMethod)))}")


def segment_auc(
    time: Floats, concentration: Floats, method: TrapezoidMethod = "linear-up log-down"
) -> tuple[Floats, Floats]:
    """Return the area and the first-moment area of each segment, (profiles, samples − 1), 0 where a sample is missing.

    Parameters
    ----------
    time, concentration
        (profiles, samples).
    method
        of the trapezoids.

    Examples
    --------
    >>> area, moment = segment_auc(np.array([[0.0, 1, 2]]), np.array([[0.0, 2, 1]]))
    >>> [round(float(x), 4) for x in area[0]]  # 1 up, 1/ln 2 down
    [1.0, 1.4427]
    """
    t0, t1, c0, c1 = time[:, :-1], time[:, 1:], concentration[:, :-1], concentration[:, 1:]
    log = logarithmic(time, concentration, method)
    width = t1 - t0
    mean, lever = _logarithmic_means(np.where(log, c0, 1.0), np.where(log, c1, 1.0))
    area = width * np.where(log, mean, (c0 + c1) / 2)
    moment = width * np.where(log, t0 * mean + width * lever, (t0 * c0 + t1 * c1) / 2)
    missing = np.isnan(c0) | np.isnan(c1)
    return np.where(missing, 0.0, area), np.where(missing, 0.0, moment)


def _logarithmic_means(c0: Floats, c1: Floats) -> tuple[Floats, Floats]:
    """Return the means over a segment of C, and of C x the part of the segment gone by, C going from c0 to c1
    exponentially.

    With u = ln(c0 / c1): (c0 - c1) / u and (c0 - c1 - u c1) / u^2; by their series where c0 and c1 are so close that
    the differences would hold no digit.
    """
    u = np.log1p((c0 - c1) / c1)
    near = np.abs(u) < 1e-2
    v = np.where(near, 1.0, u)
    mean = np.where(near, c1 * (1 + u / 2 * (1 + u / 3 * (1 + u / 4 * (1 + u / 5)))), (c0 - c1) / v)
    lever = np.where(near, c1 * (1 + u / 3 * (1 + u / 4 * (1 + u / 5 * (1 + u / 6)))) / 2, (c0 - c1 - v * c1) / v**2)
    return mean, lever


def tlast_index(concentration: Floats) -> Ints:
    """Return the column of the last concentration above zero in each profile, −1 where none is."""
    positive = np.nan_to_num(concentration) > 0
    found = concentration.shape[1] - 1 - np.argmax(positive[:, ::-1], axis=1)
    return np.asarray(np.where(positive.any(axis=1), found, -1))


def concentration_at(
    time: Floats,
    concentration: Floats,
    at: float | Floats,
    lambda_z: Floats,
    method: TrapezoidMethod = "linear-up log-down",
) -> Floats:
    """Return the concentration of each profile at a time, interpolated by the method or extrapolated with λz.

    After the last measurable sample it is Clast exp(−λz (t − Tlast)), whatever zeros follow; NaN before the first
    sample, or where λz is needed and is NaN.

    Parameters
    ----------
    time, concentration
        (profiles, samples).
    at
        a time, or one for each profile.
    lambda_z
        (profiles,): the terminal slope.
    method
        of the trapezoids.

    Examples
    --------
    >>> t, c = np.array([[0.0, 1, 2]]), np.array([[0.0, 2, 1]])
    >>> [round(float(concentration_at(t, c, x, np.array([np.log(2)]))[0]), 4) for x in (0.5, 1.25, 3.0)]
    [1.0, 1.6818, 0.5]
    """
    rows = np.arange(len(time))
    at = np.broadcast_to(np.asarray(at, dtype=np.float64), rows.shape)
    last = tlast_index(concentration)
    held = np.maximum(last, 0)
    last_time, last_value = time[rows, held], concentration[rows, held]
    reached = np.nan_to_num(time, nan=np.inf) <= at[:, None]
    left = np.minimum(reached.sum(axis=1) - 1, held)
    known = np.maximum(left, 0)
    right = np.minimum(known + 1, time.shape[1] - 1)
    t0, t1 = time[rows, known], time[rows, right]
    c0, c1 = concentration[rows, known], concentration[rows, right]
    segments = logarithmic(time, concentration, method)
    log = segments[rows, np.minimum(known, segments.shape[1] - 1)] if segments.shape[1] else np.zeros(len(rows), bool)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(t1 > t0, (at - t0) / (t1 - t0), 0.0)
        inside = np.where(log, np.exp((1 - share) * np.log(c0) + share * np.log(c1)), c0 + share * (c1 - c0))
        after = last_value * np.exp(-lambda_z * (at - last_time))
    value = np.where(at == last_time, last_value, np.where(at > last_time, after, np.where(share == 0, c0, inside)))
    low = np.where(np.isnan(concentration).all(axis=1), np.nan, 0.0)  # no sample, or none measurable
    return np.asarray(np.where(last < 0, low, np.where(left < 0, np.nan, value)))


def partial_auc(
    time: Floats,
    concentration: Floats,
    start: float | Floats,
    end: float | Floats,
    lambda_z: Floats,
    method: TrapezoidMethod = "linear-up log-down",
) -> Floats:
    """Return the area of each profile from ``start`` to ``end``, both interpolated or extrapolated as needed.

    Areas add up: start to middle and middle to end give start to end. NaN before the first sample, or where the
    profile must be extrapolated and λz is NaN.

    Parameters
    ----------
    time, concentration
        (profiles, samples).
    start, end
        times, or one for each profile.
    lambda_z
        (profiles,): the terminal slope.
    method
        of the trapezoids.

    Examples
    --------
    >>> t, c = np.array([[0.0, 1, 2]]), np.array([[0.0, 2, 1]])
    >>> float(partial_auc(t, c, 0.0, 1.0, np.array([np.nan]))[0])
    1.0
    """
    return _area_to(time, concentration, end, lambda_z, method) - _area_to(time, concentration, start, lambda_z, method)


def partial_aumc(
    time: Floats,
    concentration: Floats,
    end: float | Floats,
    lambda_z: Floats,
    method: TrapezoidMethod = "linear-up log-down",
) -> Floats:
    """Return the first-moment area of each profile from its first time to ``end``, (profiles,); NaN as
    :func:`partial_auc`.

    Parameters
    ----------
    time, concentration
        (profiles, samples).
    end
        a time, or one for each profile; beyond the last measurable sample it is extrapolated with λz.
    lambda_z
        (profiles,).
    method
        of the trapezoids.

    Examples
    --------
    >>> t, c = np.array([[0.0, 1, 2]]), np.array([[2.0, 2, 2]])
    >>> float(partial_aumc(t, c, 1.5, np.array([np.nan]))[0])  # 2 t^2 / 2
    2.25
    """
    return _integral_to(time, concentration, end, lambda_z, method)[1]


def _area_to(
    time: Floats, concentration: Floats, at: float | Floats, lambda_z: Floats, method: TrapezoidMethod
) -> Floats:
    return _integral_to(time, concentration, at, lambda_z, method)[0]


def _integral_to(
    time: Floats, concentration: Floats, at: float | Floats, lambda_z: Floats, method: TrapezoidMethod
) -> tuple[Floats, Floats]:
    """Return the area and the first-moment area of each profile up to a time, infinity included."""
    rows = np.arange(len(time))
    at = np.broadcast_to(np.asarray(at, dtype=np.float64), rows.shape)
    last = tlast_index(concentration)
    last_column = np.maximum(last, 0)
    last_time, last_value = time[rows, last_column], concentration[rows, last_column]
    areas, moments = segment_auc(time, concentration, method)
    area_run, moment_run = (
        np.concatenate([np.zeros((len(rows), 1)), np.cumsum(each, axis=1)], axis=1) for each in (areas, moments)
    )
    left = np.clip((np.nan_to_num(time, nan=np.inf) <= at[:, None]).sum(axis=1) - 1, 0, last_column)
    begin, begin_value = time[rows, left], concentration[rows, left]
    value = concentration_at(time, concentration, at, lambda_z, method)
    segments = logarithmic(time, concentration, method)
    log = segments[rows, np.minimum(left, segments.shape[1] - 1)] if segments.shape[1] else np.zeros(len(rows), bool)
    mean, lever = _logarithmic_means(np.where(log, begin_value, 1.0), np.where(log, value, 1.0))
    width, beyond = at - begin, at > last_time
    with np.errstate(invalid="ignore", divide="ignore"):
        piece = width * np.where(log, mean, (begin_value + value) / 2)
        piece_moment = width * np.where(log, begin * mean + width * lever, (begin * begin_value + at * value) / 2)
        tail = (last_value - value) / lambda_z
        tail_moment = (last_time * last_value - at * value) / lambda_z + tail / lambda_z
        whole, whole_moment = last_value / lambda_z, (last_time + 1 / lambda_z) * last_value / lambda_z
    tail, tail_moment = np.where(np.isposinf(at), (whole, whole_moment), (tail, tail_moment))
    none = np.where(np.isnan(concentration).all(axis=1), np.nan, 0.0)

    def total(run: Floats, piece: Floats, tail: Floats) -> Floats:
        inside = run[rows, left] + np.where(at == begin, 0.0, piece)
        return np.where(last < 0, none, np.where(beyond, run[rows, last_column] + tail, inside))

    return total(area_run, piece, tail), total(moment_run, piece_moment, tail_moment)
