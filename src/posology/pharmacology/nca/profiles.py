"""Concentration profiles made ready for analysis: checked, values below quantification, the concentration at
the dose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from posology.pharmacology.blq import BlqRule
from posology.shared.arrays import Floats, Ints

Route = Literal["extravascular", "bolus", "infusion"]


def padded(profiles: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[Floats, Floats]:
    """Return times and concentrations as arrays, (profiles, samples), from profiles of unequal length.

    >>> padded([([0, 1], [0.0, 2.0]), ([0], [1.0])])[1]
    array([[ 0.,  2.], [ 1., nan]])
    """
    longest = max((len(t) for t, _ in profiles), default=0)
    time, value = np.full((2, len(profiles), longest), np.nan)
    for row, (t, c) in enumerate(profiles):
        time[row, : len(t)], value[row, : len(c)] = t, c
    return time, value


def validate_profiles(
    time: Floats,
    concentration: Floats,
    dose: float | Floats | None,
    duration: float | Floats,
    route: Route,
    tau: float | Floats | None,
    min_points: int,
) -> tuple[Floats, Floats, Floats]:
    """Return the dose, duration and dosing interval of each profile (NaN: not known), or raise ``ValueError`` naming
    the first profile that is wrong."""
    if time.shape != concentration.shape:
        raise ValueError(f"times are {time.shape} and concentrations {concentration.shape}; they need one shape")
    if route not in get_args(Route):
        raise ValueError(f"route is {route!r}; it is one of {', '.join(map(repr, get_args(Route)))}")
    if min_points < 2:
        raise ValueError(f"λz needs at least 2 points, not {min_points}")
    for row, (t, c) in enumerate(zip(time, concentration, strict=True), 1):
        _check_samples(row, t, c)
    amount, length = (
        _for_each(name, given, len(time))
        for name, given in (("dose", np.nan if dose is None else dose), ("duration", duration))
    )
    wrong = (amount <= 0) | np.isinf(amount)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"profile {row + 1}: dose {amount[row]:g}; a dose is above 0")
    wrong = ~((length > 0) & np.isfinite(length))
    if route == "infusion" and wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"profile {row + 1}: an infusion of duration {length[row]:g}; it is above 0")
    interval = _for_each("tau", np.nan if tau is None else tau, len(time))
    wrong = (interval <= 0) | np.isinf(interval)
    if wrong.any():
        row = int(np.argmax(wrong))
        raise ValueError(f"profile {row + 1}: the dosing interval is {interval[row]:g}; it is above 0")
    return amount, length, interval


def _check_samples(row: int, t: Floats, c: Floats) -> None:
    """Refuse the samples of a profile that cannot be."""
    there = t[~np.isnan(t)]
    if not there.size:
        raise ValueError(f"profile {row}: it holds no sample; leave it out")
    if np.isinf(there).any():
        raise ValueError(f"profile {row}: time {there[np.isinf(there)][0]:g}; a time is finite")
    if (np.isnan(t) & ~np.isnan(c)).any():
        raise ValueError(f"profile {row}: concentration {c[np.isnan(t) & ~np.isnan(c)][0]:g} has no time")
    if (np.diff(there) <= 0).any():
        at = int(np.argmax(np.diff(there) <= 0))
        raise ValueError(
            f"profile {row}: time {there[at + 1]:g} follows {there[at]:g}; times rise, one concentration each"
        )
    wrong = c[~np.isnan(t) & ((c < 0) | np.isinf(c))]
    if wrong.size:
        raise ValueError(f"profile {row}: concentration {wrong[0]:g}; write 0 for below quantification")


def _for_each(name: str, given: float | Floats, count: int) -> Floats:
    array = np.asarray(given, float)
    if array.shape not in ((), (1,), (count,)):
        raise ValueError(f"{name} has the shape {array.shape}; it is one number, or one for each of {count} profiles")
    return np.broadcast_to(array, count).copy()


def prepare_profiles(
    time: Floats, concentration: Floats, rule: BlqRule, route: Route, interval: Floats
) -> tuple[Floats, Floats, Floats, Ints, NDArray[np.str_]]:
    """Apply the rule for values below quantification, and give each profile its concentration at the dose.

    Parameters
    ----------
    time, concentration
        (profiles, samples), as of :func:`posology.pharmacology.nca.parameters.nca`.
    rule
        what stands for values below quantification.
    route
        after a bolus the concentration at the dose is extrapolated back.
    interval
        (profiles,): NaN after a first dose, before which there was nothing. After a later one, the time within which
        the lowest concentration stands for that at the dose, where none was sampled (infinite if the interval is not
        known).

    Returns
    -------
    tuple
        times, concentrations, C0, the column that each value was given in (−1 for none), and the source of the value at
        the dose.
    """
    count, samples = time.shape
    value, measured = rule.apply(concentration, ~np.isnan(time) & ~np.isnan(concentration))
    before = measured & (time <= 0)
    has = before.any(axis=1)
    latest = samples - 1 - np.argmax(before[:, ::-1], axis=1)
    rows = np.arange(count)
    at_dose = has & (time[rows, latest] == 0)
    start = np.where(at_dose, "sampled", np.where(has, "sample before the dose", "zero")).astype("<U24")
    c_0 = np.where(has, value[rows, latest], 0.0)
    keep = measured & (time > 0)
    order = np.argsort(~keep, axis=1, kind="stable")
    later = np.take_along_axis(keep, order, axis=1)
    columns = np.where(later, order, -1)
    t = np.where(later, np.take_along_axis(time, order, axis=1), np.nan)
    c = np.where(later, np.take_along_axis(value, order, axis=1), np.nan)
    if route == "bolus":
        first = np.where(later.any(axis=1), c[:, 0], -np.inf) if c.shape[1] else np.full(count, -np.inf)
        back = ~has | (c_0 <= 0) | (np.isfinite(first) & (~at_dose | (c_0 < first)))  # sampled before it was given
        c_0 = np.where(back, _back_extrapolated(t, c), c_0)
        start = np.where(back, "back-extrapolated", start)
    else:
        inside = np.where(later & (t <= np.nan_to_num(interval, nan=-np.inf)[:, None]), c, np.inf)
        lowest = inside.min(axis=1, initial=np.inf)
        c_0 = np.where(has | np.isinf(lowest), c_0, lowest)
        start = np.where(has | np.isinf(lowest), start, "lowest in the interval")
    t = np.concatenate([np.zeros((count, 1)), t], axis=1)
    c = np.concatenate([c_0[:, None], c], axis=1)
    columns = np.concatenate([np.where(has & (start != "back-extrapolated"), latest, -1)[:, None], columns], axis=1)
    return t, c, c_0, columns, start


def _back_extrapolated(time: Floats, concentration: Floats) -> Floats:
    """C0 of a bolus: the line through ln C of the first two samples where it falls, else the first sample."""
    if time.shape[1] < 2:
        return np.nan_to_num(concentration[:, 0])
    t1, t2, c1, c2 = time[:, 0], time[:, 1], concentration[:, 0], concentration[:, 1]
    falls = (c2 > 0) & (c1 > c2)
    rate = np.log(np.where(falls, c1, 1.0) / np.where(falls, c2, 1.0)) / np.where(falls, t2 - t1, 1.0)
    return np.asarray(np.where(falls, c1 * np.exp(rate * np.where(falls, t1, 0.0)), np.nan_to_num(c1)))
