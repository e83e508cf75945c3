"""Response and progression by RECIST 1.1 and CA-125 together, by the tables of the Gynecologic Cancer Intergroup.

Rustin GJS, Vergote I, Eisenhauer E, et al. Int J Gynecol Cancer 2011;21:419-423: the table for patients with measurable
disease, the one for patients without, and the rule that the date of progression is the earlier of the two.

A patient is a row, an assessment a column: column 0 is the baseline. Responses are
:class:`posology.endpoints.recist.Response`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from posology.endpoints.ca125 import NEVER, NO_SAMPLE_DAY, RELATIVE_TOLERANCE, Ca125Results
from posology.endpoints.recist import Assessments, Response
from posology.endpoints.recist import overall as recist_overall
from posology.shared.arrays import Bools, Floats, Ints


class MarkerStatus(IntEnum):
    """What CA-125 says at a time. NORMAL: within the normal range without a response; COMPLETE: with one."""

    NOT_EVALUABLE = 0
    PD = 1
    NEITHER = 2
    NORMAL = 3
    RESPONSE = 4
    COMPLETE = 5


class ProgressionSource(IntEnum):
    """What showed progression."""

    NONE = 0
    RECIST = 1
    CA125 = 2
    BOTH = 3


@dataclass(frozen=True)
class CombinedBest:
    """The best combined response of each patient: arrays (patients,).

    Parameters
    ----------
    response
        a :class:`~posology.endpoints.recist.Response`.
    confirmed, awaiting
        whether a CR or PR was kept at least 28 days, by tumour or by CA-125; or may yet be confirmed.
    day
        the day it was first seen, NaN where there is none.
    progression, by
        the day of progression, the earlier of the two, NaN for none; and what showed it, a :class:`ProgressionSource`.
    """

    response: Ints
    confirmed: Bools
    awaiting: Bools
    day: Floats
    progression: Floats
    by: Ints


def overall(target: Ints, non_target: Ints, new: Bools, marker: Ints) -> Ints:
    """Return the combined response from its parts (the two tables of the paper).

    Parameters
    ----------
    target, non_target, new
        arrays of one shape: the response of the target lesions (``NONE`` where there is no measurable disease), of the
        others, and whether there is a new lesion.
    marker
        of the same shape: a :class:`MarkerStatus`. A patient not evaluable by CA-125 is read by RECIST alone.

    Notes
    -----
    Three cases stand in neither table. Target CR with a CA-125 neither normal nor responding is PR, as RECIST 1.1 asks
    for normal markers in a CR. Stable target lesions with others not evaluable stay SD, whatever CA-125 did. A patient
    without measurable disease whose other lesions are not evaluable is NE.

    Examples
    --------
    >>> of = lambda *values: np.array(values)
    >>> found = overall(of(Response.SD), of(Response.NON_CR_NON_PD), of(False), of(MarkerStatus.RESPONSE))
    >>> Response(found[0]).name
    'PR'
    """
    responds = (marker == MarkerStatus.RESPONSE) | (marker == MarkerStatus.COMPLETE)
    normal = (marker == MarkerStatus.NORMAL) | (marker == MarkerStatus.COMPLETE)
    gone = (non_target == Response.CR) | (non_target == Response.NONE)
    not_worse = gone | (non_target == Response.NON_CR_NON_PD)
    unmeasured = target == Response.NONE
    progressed = (target == Response.PD) | (non_target == Response.PD) | new | (marker == MarkerStatus.PD)
    cases: list[tuple[Bools, int]] = [
        (target == Response.ABSENT, Response.ABSENT),
        (progressed, Response.PD),
        (unmeasured & (marker == MarkerStatus.COMPLETE) & gone, Response.CR),
        (unmeasured & responds & not_worse, Response.PR),
        (unmeasured & not_worse, Response.SD),
        (unmeasured, Response.NE),
        ((target == Response.CR) & gone & normal, Response.CR),
        ((target == Response.CR) | (target == Response.PR), Response.PR),
        ((target == Response.SD) & not_worse & responds, Response.PR),
        (target == Response.SD, Response.SD),
        ((target == Response.NE) & not_worse & responds, Response.PR),
    ]
    combined = np.select([when for when, _ in cases], [int(what) for _, what in cases], Response.NE)
    return np.where(marker == MarkerStatus.NOT_EVALUABLE, recist_overall(target, non_target, new), combined)


def marker_at(found: Ca125Results, value: Floats, day: Ints, upper_limit: Floats, when: Ints) -> Ints:
    """Return what CA-125 says at each assessment, a :class:`MarkerStatus`.

    A confirmed response counts from its first sample, progression from the first of its two; normal is the last sample
    by that day.

    Parameters
    ----------
    found
        the courses of CA-125.
    value, day, upper_limit
        the samples as they were given to :func:`posology.endpoints.ca125.assess_ca125`, limits (patients,).
    when
        (patients, assessments): the days of the assessments.

    Examples
    --------
    >>> from posology.endpoints.ca125 import assess_ca125
    >>> value, day, limit = np.array([[900.0, 800.0, 380.0, 370.0]]), np.array([[-7, 0, 42, 77]]), np.array([35.0])
    >>> found = assess_ca125(value, day, limit, np.array([0]))
    >>> [MarkerStatus(x).name for x in marker_at(found, value, day, limit, np.array([[21, 42]]))[0]]
    ['NEITHER', 'RESPONSE']
    """
    start, worse = _day(found.response, day), _day(found.progression, day)
    when_taken = np.where(found.used, day, NO_SAMPLE_DAY)
    order = np.argsort(when_taken, axis=1)
    days = np.take_along_axis(when_taken, order, axis=1)
    values = np.take_along_axis(value, order, axis=1)
    number = (days[:, None, :] <= when[:, :, None]).sum(axis=2) - 1
    last = np.where(number < 0, np.inf, np.take_along_axis(values, np.maximum(number, 0), axis=1))
    normal = last <= upper_limit[:, None] * RELATIVE_TOLERANCE
    responds = when >= np.where(np.isnan(start), np.inf, start)[:, None]
    return np.select(
        [
            when >= np.where(np.isnan(worse), np.inf, worse)[:, None],
            ~found.evaluable[:, None] & np.ones(when.shape, bool),
            responds & normal,
            responds,
            normal,
        ],
        [
            MarkerStatus.PD,
            MarkerStatus.NOT_EVALUABLE,
            MarkerStatus.COMPLETE,
            MarkerStatus.RESPONSE,
            MarkerStatus.NORMAL,
        ],
        MarkerStatus.NEITHER,
    )


def progression(recist: Floats, ca125: Floats) -> tuple[Floats, Ints]:
    """Return the day of progression, the earlier of the two, and which showed it (:class:`ProgressionSource`); NaN for
    none.

    Examples
    --------
    >>> day, by = progression(np.array([84.0, np.nan]), np.array([70.0, np.nan]))
    >>> float(day[0]), ProgressionSource(by[0]).name, ProgressionSource(by[1]).name
    (70.0, 'CA125', 'NONE')
    """
    day = np.fmin(recist, ca125)
    by = ProgressionSource.RECIST * (recist == day) + ProgressionSource.CA125 * (ca125 == day)
    return day, np.asarray(by, dtype=np.int64)


def best_response(
    seen: Assessments,
    found: Ca125Results,
    value: Floats,
    day: Ints,
    upper_limit: Floats,
    start: Ints,
    followed: Bools,
    *,
    confirmation_days: int = 28,
    minimum_sd_days: int = 42,
    close_days: int = 28,
) -> CombinedBest:
    """Return the best combined response of each patient.

    Parameters
    ----------
    seen
        the assessments of the tumour; leave out what came after a new therapy or after the cutoff.
    found, value, day, upper_limit
        the courses of CA-125, and the samples they were read from, limits (patients,).
    start
        (patients,): day of the first dose, in the same count of days as both.
    followed
        (patients,): whether the patient is still assessed, so that a response may yet be confirmed.
    confirmation_days
        how long a CR or PR seen on the tumour must be kept [days]; 0: not asked for.
    minimum_sd_days
        days from the first dose to an assessment that may count as stable disease: an interval, as in RECIST 1.1.
    close_days
        progression of the tumour within so many days of the first sample of a CA-125 response makes the best response
        PD, unless the tumour's own response was confirmed; later progression leaves it PR (footnote to the table).

    Notes
    -----
    Disease seen on the tumour after a CR is its progression, as in RECIST 1.1. A CA-125 response is confirmed in
    itself. It makes the best response PR where an assessment before progression does so by the tables, whether it came
    before or after the first sample of the response.
    """
    visits = overall(seen.target, seen.non_target, seen.new, marker_at(found, value, day, upper_limit, seen.day))
    columns = visits.shape[1]
    held = (np.arange(columns) > 0) & (seen.overall != Response.ABSENT)
    had_cr = np.logical_or.accumulate(held & (seen.overall == Response.CR), axis=1)
    back = had_cr & np.isin(seen.overall, [Response.PR, Response.SD])
    tumour_pd = held & ((seen.overall == Response.PD) | back)
    tumour_day = np.where(tumour_pd, seen.day, np.inf).min(axis=1, initial=np.inf)
    tumour_day = np.where(np.isinf(tumour_day), np.nan, tumour_day)
    response_day, marker_day = _day(found.response, day), _day(found.progression, day)
    ended, by = progression(tumour_day, marker_day)
    held &= ~(seen.day >= ended[:, None])
    visits = np.where(held, visits, Response.ABSENT)

    cr_at, _ = _kept(visits, seen.day, (Response.CR,), (Response.CR, Response.NE), confirmation_days)
    any_at, _ = _kept(
        visits, seen.day, (Response.PR, Response.CR), (Response.PR, Response.CR, Response.NE), confirmation_days
    )
    if_responding = overall(seen.target, seen.non_target, seen.new, np.full(visits.shape, MarkerStatus.RESPONSE))
    by_table = (held & np.isin(if_responding, [Response.PR, Response.CR])).any(axis=1)
    gap = tumour_day - response_day
    early = (found.response != NEVER) & ~(response_day >= ended)
    by_marker = early & np.where(np.isnan(tumour_day), by_table, gap > close_days)
    close = early & (gap <= close_days)

    stable = held & np.isin(visits, [Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD])
    lasted = (stable & (seen.day - start[:, None] >= minimum_sd_days)).any(axis=1)
    only_other = (visits == Response.NON_CR_NON_PD).any(axis=1)
    last = np.where(held & (visits != Response.NE), np.arange(columns), NEVER).max(axis=1, initial=NEVER)
    last_kind = np.take_along_axis(visits, np.maximum(last, 0)[:, None], axis=1)[:, 0]
    waits = np.isin(last_kind, [Response.CR, Response.PR]) & (last != NEVER) & followed & np.isnan(ended)

    def first(kinds: list[Response]) -> Floats:
        days: Floats = np.where(held & np.isin(visits, kinds), seen.day, np.inf).min(axis=1, initial=np.inf)
        return days

    def at(column: Ints) -> Floats:
        return np.where(column == NEVER, np.inf, _day(column, seen.day))

    has_cr, has_pr = cr_at != NEVER, (any_at != NEVER) | by_marker
    pr_day = np.minimum(at(any_at), np.where(by_marker, response_day, np.inf))
    steps: list[tuple[Bools, int | Ints, Floats]] = [
        (has_cr, Response.CR, at(cr_at)),
        (has_pr, Response.PR, pr_day),
        (waits, last_kind, np.where(last_kind == Response.CR, first([Response.CR]), first([Response.PR, Response.CR]))),
        (close, Response.PD, ended),
        (
            lasted,
            np.where(only_other, Response.NON_CR_NON_PD, Response.SD),
            np.where(stable, seen.day, np.inf).min(axis=1),
        ),
        (~np.isnan(ended), Response.PD, ended),
    ]
    when = [step[0] for step in steps]
    response = np.select(when, [np.broadcast_to(what, ended.shape) for _, what, _ in steps], Response.NE)
    on = np.select(when, [day_ for *_, day_ in steps], np.nan)
    confirmed = has_cr | has_pr
    awaiting = waits & ~confirmed
    return CombinedBest(response, confirmed, awaiting, np.where(np.isinf(on), np.nan, on), ended, by)


def _kept(seen: Ints, day: Ints, kinds: tuple[int, ...], between: tuple[int, ...], days: int) -> tuple[Ints, Ints]:
    """Return the first assessment of a response that is kept for so many days, and the one that confirms it."""
    patients, columns = seen.shape
    at, by = np.full(patients, NEVER), np.full(patients, NEVER)
    for i in range(columns):
        open_ = np.isin(seen[:, i], kinds) & (at == NEVER)
        if days == 0:
            at, by = np.where(open_, i, at), np.where(open_, i, by)
            continue
        for j in range(i + 1, columns):
            hit = open_ & np.isin(seen[:, j], kinds) & (day[:, j] - day[:, i] >= days)
            at, by = np.where(hit, i, at), np.where(hit, j, by)
            open_ &= ~hit & np.isin(seen[:, j], (*between, Response.ABSENT))
    return at, by


def _day(column: Ints, day: Ints) -> Floats:
    """Return the day of each patient's column, NaN for ``NEVER``."""
    return np.where(column == NEVER, np.nan, np.take_along_axis(day, np.maximum(column, 0)[:, None], axis=1)[:, 0])
