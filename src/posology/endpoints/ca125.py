"""CA-125 response and progression by the criteria of the Gynecologic Cancer Intergroup (GCIG).

Rustin GJS, Vergote I, Eisenhauer E, et al. Definitions for response and progression in ovarian cancer clinical trials
incorporating RECIST 1.1 and CA 125. Int J Gynecol Cancer 2011;21:419-423.

A patient is a row, a sample a column; patients with fewer samples have empty columns (NaN). Samples may stand in any
order. Of two samples on one day the higher counts. The combination with RECIST is in :mod:`posology.endpoints.gcig`;
:mod:`posology.endpoints.ca125_samples` makes the arrays from rows as a laboratory reports them, with findings.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from posology.endpoints.recist import Response
from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

if TYPE_CHECKING:
    from numpy.typing import NDArray

NEVER = -1
NO_SAMPLE_DAY = 1e12  # the day of no sample: after all others
RELATIVE_TOLERANCE = 1 + 1e-9  # a threshold counts as reached within rounding


@dataclass(frozen=True)
class GcigRules:
    """The numbers in the criteria.

    Parameters
    ----------
    baseline_days
        how long before the first dose the pre-treatment sample may lie [days]; None: any time.
    minimum_baseline
        what it must be at least, in upper limits of normal.
    fall
        the fall that is a response, as a share of the pre-treatment sample.
    confirm_days
        how long a response must be kept [days].
    variability
        how far a sample may lie above the one before without breaking a response, as a factor; None: not looked at.
    progression_days
        how far apart the two samples of a progression must lie at least [days].
    interference_days
        how long after surgery on, or drainage of, peritoneum or pleura a sample cannot be used [days].
    """

    baseline_days: int | None = 14
    minimum_baseline: float = 2.0
    fall: float = 0.5
    confirm_days: int = 28
    variability: float | None = 1.10
    progression_days: int = 7
    interference_days: int = 28


PUBLISHED = GcigRules()
ADMIRALONCO = GcigRules(baseline_days=None, variability=None)
"""As admiralonco 1.4.0 has it: neither the age of the pre-treatment sample nor a rise between samples is looked at."""


class Category(IntEnum):
    """How CA-125 progressed: from normalised (A), never normal (B), or normal before treatment (C)."""

    NONE = 0
    A = 1
    B = 2
    C = 3


class Reason(IntEnum):
    """Why a patient cannot be evaluated."""

    EVALUABLE = 0
    NO_SAMPLE = 1
    NO_BASELINE = 2
    LOW_BASELINE = 3
    ANTIBODIES = 4
    INTERFERENCE = 5
    ASSAY_CHANGED = 6
    UNREADABLE = 7
    NOT_TREATED = 8

    @property
    def text(self) -> str:
        """The reason in words, to follow "not evaluable, because"."""
        return _REASONS[self]


_REASONS = {
    Reason.EVALUABLE: "",
    Reason.NO_SAMPLE: "no sample was taken",
    Reason.NO_BASELINE: "no sample was taken in the two weeks before treatment",
    Reason.LOW_BASELINE: "the sample before treatment is below twice the upper limit of normal",
    Reason.ANTIBODIES: "mouse antibodies were given before the pre-treatment sample",
    Reason.INTERFERENCE: (
        "peritoneum or pleura were operated on or drained in the 28 days before the pre-treatment sample"
    ),
    Reason.ASSAY_CHANGED: "the patient's samples have two upper limits of normal, so the assay changed",
    Reason.UNREADABLE: "a sample cannot be read",
    Reason.NOT_TREATED: "no first dose is known",
}


@dataclass(frozen=True)
class Ca125Results:
    """What the samples of each patient amount to: arrays (patients,), columns of samples, ``NEVER`` for none.

    Parameters
    ----------
    evaluable, reason
        whether the patient can be evaluated for response, and the :class:`Reason` if not.
    progression_reason
        the :class:`Reason` why progression cannot be judged, or ``EVALUABLE``.
    baseline
        the pre-treatment sample.
    response, confirmed
        the first sample reduced by half of a response kept long enough, and the sample that confirms it.
    awaiting
        the first sample of a response that may yet be confirmed.
    normalised
        whether a confirmed response fell to normal: a complete response by CA-125, else a partial one.
    progression, progression_confirmed, category
        the first of the two samples that show progression, the second, and the :class:`Category`.
    lowest
        the lowest sample on treatment.
    used
        (patients, samples): which samples the criteria use.
    best
        the best response by CA-125 alone, a :class:`~posology.endpoints.recist.Response`: CR is a confirmed response
        that normalised, PR one that did not, SD neither response nor progression.
    """

    evaluable: Bools
    reason: Ints
    progression_reason: Ints
    baseline: Ints
    response: Ints
    confirmed: Ints
    awaiting: Ints
    normalised: Bools
    progression: Ints
    progression_confirmed: Ints
    category: Ints
    lowest: Ints
    used: Bools
    best: Ints


def assess_ca125(
    value: Floats,
    day: Ints | Floats,
    upper_limit: Floats,
    start: Ints | Floats,
    *,
    antibodies: ArrayLike | None = None,
    interference: ArrayLike | None = None,
    blocked: Ints | None = None,
    cutoff: int | None = None,
    rules: GcigRules = PUBLISHED,
) -> Ca125Results:
    """Return the CA-125 response and progression of each patient.

    Parameters
    ----------
    value
        (patients, samples) [U/mL], NaN where there is no sample.
    day
        (patients, samples): the day of each sample, any count of days.
    upper_limit
        (patients,) or (patients, samples): the laboratory's upper limit of normal [U/mL]. A patient whose samples have
        two cannot be evaluated.
    start
        (patients,): the day of the first dose. A sample on that day was taken before it.
    antibodies
        (patients,): the day mouse antibodies were given, NaN for never: samples after it cannot be used. Leave it out
        for an assay that they do not disturb.
    interference
        (patients,) or (patients, times): days on which peritoneum or pleura were operated on or drained, NaN for none.
    blocked
        (patients,): a :class:`Reason` known beforehand why the patient cannot be evaluated at all, else 0.
    cutoff
        the last day that counts; samples, antibodies and interference after it are as if they never were.
    rules
        the criteria's numbers.

    Raises
    ------
    ValueError
        if the shapes do not match, a value is negative, or a limit is not above 0.

    Notes
    -----
    A response that begins after CA-125 has progressed does not count. The two samples of a progression need not follow
    each other directly. Progression does not ask how old the pre-treatment sample is; the nadir includes it.

    Examples
    --------
    >>> found = assess_ca125(np.array([[400.0, 200, 190]]), np.array([[-5, 21, 49]]), np.array([35.0]), np.array([0]))
    >>> int(found.response[0]), int(found.confirmed[0]), Response(found.best[0]).name
    (1, 2, 'PR')
    """
    value, day, limits, start = _checked(value, day, upper_limit, start)
    patients, samples = value.shape
    order, value, day, limits = _in_order(value, day, limits, cutoff)
    index, first = np.arange(samples), start[:, None]
    taken = ~np.isnan(value)
    early = taken & (day <= first)
    disturbed, operated = _disturbed(day, antibodies, cutoff), _operated(day, first, interference, cutoff, rules)
    usable = taken & ~disturbed & ~operated
    later = usable & (day > first)
    pre = _last(usable & early)
    base, base_day = _at(value, pre), _at(day, pre)
    limit, several = _limit(limits, taken & (index >= pre[:, None]))

    barred = np.zeros(patients, dtype=np.int64) if blocked is None else np.asarray(blocked, dtype=np.int64)
    oldest = -np.inf if rules.baseline_days is None else start - rules.baseline_days
    recent = np.asarray((pre != NEVER) & (base_day >= oldest))
    wanted = early & (day >= np.broadcast_to(oldest, patients)[:, None])
    low = ~(base * RELATIVE_TOLERANCE >= rules.minimum_baseline * limit)
    always: list[tuple[Bools, Ints | int]] = [
        (barred != 0, barred),
        (~np.asarray(taken.any(axis=1)), Reason.NO_SAMPLE),
        (several, Reason.ASSAY_CHANGED),
    ]
    reason = _first(
        [
            *always,
            (~recent & (wanted & disturbed).any(axis=1), Reason.ANTIBODIES),
            (~recent & (wanted & operated).any(axis=1), Reason.INTERFERENCE),
            (~recent, Reason.NO_BASELINE),
            (low, Reason.LOW_BASELINE),
        ],
        Reason.EVALUABLE,
    )
    no_pre = pre == NEVER
    progression_reason = _first(
        [
            *always,
            (no_pre & (early & disturbed).any(axis=1), Reason.ANTIBODIES),
            (no_pre & (early & operated).any(axis=1), Reason.INTERFERENCE),
            (no_pre, Reason.NO_BASELINE),
        ],
        Reason.EVALUABLE,
    )

    judged = later & (progression_reason == Reason.EVALUABLE)[:, None]
    progression, again, category = _progression(value, day, limit, base, judged, rules)
    counted = later & (reason == Reason.EVALUABLE)[:, None]
    before = np.where(progression == NEVER, samples, progression)
    response, confirmed, awaiting = _response(value, day, limit, base, counted, before, rules)
    normal = counted & (np.nan_to_num(value, nan=np.inf) <= limit[:, None] * RELATIVE_TOLERANCE)
    in_response = (index >= response[:, None]) & (index < before[:, None])
    normalised = (response != NEVER) & (normal & in_response).any(axis=1)
    best = _first(
        [
            (normalised, Response.CR),
            (response != NEVER, Response.PR),
            (progression != NEVER, Response.PD),
            (counted.any(axis=1), Response.SD),
        ],
        Response.NE,
    )
    lowest = np.where(later.any(axis=1), np.where(later, value, np.inf).argmin(axis=1), NEVER)
    used = np.zeros((patients, samples), dtype=bool)
    np.put_along_axis(used, order, usable, axis=1)

    return Ca125Results(
        reason == Reason.EVALUABLE,
        reason,
        progression_reason,
        as_given(order, np.where(recent, pre, NEVER)),
        as_given(order, response),
        as_given(order, confirmed),
        as_given(order, awaiting),
        normalised,
        as_given(order, progression),
        as_given(order, again),
        category,
        as_given(order, lowest),
        used,
        best,
    )


def _response(
    value: Floats, day: Floats, limit: Floats, base: Floats, counted: Bools, before: Ints, rules: GcigRules
) -> tuple[Ints, Ints, Ints]:
    """Return the first sample of a kept response, the sample that confirms it, and of one that may yet be confirmed."""
    patients, samples = value.shape
    halved = counted & (np.nan_to_num(value, nan=np.inf) <= (1 - rules.fall) * base[:, None] * RELATIVE_TOLERANCE)

    values, days, halves, here = (_columns(array) for array in (value, day, halved, counted))
    response, confirmed, awaiting = (np.full(patients, NEVER) for _ in range(3))
    for i in range(samples):
        kept = halves[i] & (response == NEVER) & (i < before)
        if not kept.any():
            continue
        previous = values[i]
        for j in range(i + 1, samples):
            steady = halves[j]
            if rules.variability is not None:
                steady = steady & (
                    (values[j] <= rules.variability * previous * RELATIVE_TOLERANCE)
                    | (values[j] <= limit * RELATIVE_TOLERANCE)
                )
            kept = kept & (~here[j] | steady)
            hit = kept & here[j] & (days[j] - days[i] >= rules.confirm_days) & (response == NEVER)
            response, confirmed = np.where(hit, i, response), np.where(hit, j, confirmed)
            previous = np.where(here[j], values[j], previous)
        awaiting = np.where(kept & (response == NEVER) & (awaiting == NEVER) & (before == samples), i, awaiting)
    return response, confirmed, np.where(response == NEVER, awaiting, NEVER)


def _progression(
    value: Floats, day: Floats, limit: Floats, base: Floats, judged: Bools, rules: GcigRules
) -> tuple[Ints, Ints, Ints]:
    """Return the first of two samples at or above the threshold, far enough apart, the second, and the category.

    The threshold is twice the upper limit where CA-125 was normal before treatment (C) or became so (A), twice the
    nadir where it never was (B).
    """
    patients, samples = value.shape
    known = np.where(judged, value, np.inf)
    start = np.nan_to_num(base, nan=np.inf)
    lowest = np.minimum(np.minimum.accumulate(known, axis=1), start[:, None])
    nadir = np.concatenate([start[:, None], lowest[:, :-1]], axis=1)
    normal = nadir <= limit[:, None] * RELATIVE_TOLERANCE
    threshold = np.where(normal, 2 * limit[:, None], 2 * nadir)
    level = np.where(judged, value, -np.inf)

    levels, days, bars = (_columns(array) for array in (level * RELATIVE_TOLERANCE, day, threshold))
    found, second = np.full(patients, NEVER), np.full(patients, NEVER)
    for i in range(samples):
        open_ = (levels[i] >= bars[i]) & (found == NEVER)
        if not open_.any():
            continue
        for j in range(i + 1, samples):
            hit = open_ & (levels[j] >= bars[i]) & (days[j] - days[i] >= rules.progression_days) & (found == NEVER)
            found, second = np.where(hit, i, found), np.where(hit, j, second)
    recovered = np.take_along_axis(normal, np.maximum(found, 0)[:, None], axis=1)[:, 0]
    category = _first(
        [(found == NEVER, Category.NONE), (start <= limit * RELATIVE_TOLERANCE, Category.C), (recovered, Category.A)],
        Category.B,
    )
    return found, second, category


def _checked(
    value: Floats, day: Ints | Floats, upper_limit: Floats, start: Ints | Floats
) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the arrays as numbers of the right shapes."""
    values, days = np.asarray(value, dtype=np.float64), np.asarray(day, dtype=np.float64)
    first, limits = np.asarray(start, dtype=np.float64), np.asarray(upper_limit, dtype=np.float64)
    if values.ndim != 2 or days.shape != values.shape or not values.shape[1]:
        raise ValueError(
            f"value {values.shape} and day {days.shape} must be of one shape (patients, samples), with a sample"
        )
    if first.shape != values.shape[:1]:
        raise ValueError(f"start {first.shape} must have one day for each of the {len(values)} patients")
    if limits.shape not in (values.shape[:1], values.shape):
        raise ValueError(f"upper_limit {limits.shape} must have one limit a patient {values.shape[:1]}, or a sample")
    limits = np.broadcast_to(limits[:, None] if limits.ndim == 1 else limits, values.shape)
    for name, wrong, must in (
        ("value", values < 0, "cannot be negative"),
        ("value", np.isinf(values), "must be finite"),
        ("upper_limit", ~np.isnan(values) & ~(limits > 0), "must be above 0"),
    ):
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            shown = (values if name == "value" else limits)[row, column]
            raise ValueError(f"{name} is {shown:g} (patient {row}, sample {column}): it {must}")
    return values, days, limits, first


def _in_order(value: Floats, day: Floats, limits: Floats, cutoff: int | None) -> tuple[Ints, Floats, Floats, Floats]:
    """Return the order of the samples in time, and value, day and limit in that order: one sample a day, up to the
    cutoff."""
    taken = ~np.isnan(value)
    if cutoff is not None:
        taken &= day <= cutoff
    when = np.where(taken, day, NO_SAMPLE_DAY)
    order = np.lexsort((np.where(taken, value, np.inf), when), axis=1)

    def sort(array: Floats) -> Floats:
        return np.take_along_axis(array, order, axis=1)

    value, when, limits = sort(np.where(taken, value, np.nan)), sort(when), sort(limits)
    value[:, :-1] = np.where(when[:, :-1] == when[:, 1:], np.nan, value[:, :-1])
    return order, value, when, limits


def _disturbed(day: Floats, antibodies: ArrayLike | None, cutoff: int | None) -> Bools:
    """Return which samples were taken after mouse antibodies."""
    if antibodies is None:
        return np.zeros(day.shape, dtype=bool)
    given = np.asarray(antibodies, dtype=np.float64)
    if given.shape != day.shape[:1]:
        raise ValueError(f"antibodies {given.shape} must have one day for each of the {len(day)} patients")
    if cutoff is not None:
        given = np.where(given <= cutoff, given, np.nan)
    return np.asarray(day > given[:, None])


def _operated(
    day: Floats, first: Floats, interference: ArrayLike | None, cutoff: int | None, rules: GcigRules
) -> Bools:
    """Return which samples were taken within the days after interference; before treatment, also which preceded it."""
    if interference is None:
        return np.zeros(day.shape, dtype=bool)
    when = np.asarray(interference, dtype=np.float64)
    when = when[:, None] if when.ndim == 1 else when
    if len(when) != len(day):
        raise ValueError(f"interference {when.shape} must have one row for each of the {len(day)} patients")
    if cutoff is not None:
        when = np.where(when <= cutoff, when, np.nan)
    spoilt = np.zeros(day.shape, dtype=bool)
    for at in when.T[:, :, None]:
        spoilt |= (day >= at) & (day - at <= rules.interference_days)
        spoilt |= (day <= first) & (day < at) & (at <= first)
    return spoilt


def _limit(limits: Floats, used: Bools) -> tuple[Floats, Bools]:
    """Return each patient's upper limit over the samples that are used, and whether there are two."""
    low = np.where(used, limits, np.inf).min(axis=1, initial=np.inf)
    high = np.where(used, limits, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(used.any(axis=1), high, 1.0), high > low * RELATIVE_TOLERANCE


def _last(what: Bools) -> Ints:
    """Return the last column that holds, ``NEVER`` where none does."""
    return np.asarray(np.where(what, np.arange(what.shape[1]), NEVER).max(axis=1, initial=NEVER))


def _at(array: Floats, column: Ints) -> Floats:
    """Return each row's entry at a column, NaN where that is ``NEVER``."""
    if not array.shape[1]:
        return np.full(len(array), np.nan)
    return np.where(column == NEVER, np.nan, np.take_along_axis(array, np.maximum(column, 0)[:, None], axis=1)[:, 0])


def _first(cases: list[tuple[Bools, Ints | int]], default: int) -> Ints:
    """Return for each patient what the first case that holds says."""
    says = [np.broadcast_to(what, when.shape) for when, what in cases]
    return np.asarray(np.select([when for when, _ in cases], says, default), dtype=np.int64)


def as_given(order: Ints, column: Ints) -> Ints:
    """Return (patients,) columns as they were given, of those in an order (patients, columns); NEVER stays."""
    return np.where(column == NEVER, NEVER, np.take_along_axis(order, np.maximum(column, 0)[:, None], axis=1)[:, 0])


def _columns(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array (patients, samples) sample by sample, each of them together in memory."""
    return np.ascontiguousarray(array.T)
