"""Time to event: progression-free and overall survival, duration of response and of stable disease, and others.

Censoring as in the tables of the FDA's guidance for industry, Clinical trial endpoints for the approval of cancer drugs
and biologics (2007, appendix 3, table A; 2018), or by treatment policy, where every progression and death counts (EMA,
Guideline on the clinical evaluation of anticancer medicinal products, appendix 1), or as admiralonco 1.4.0 does.

A patient is a row, an assessment a column, in any order. Dates are ``datetime64[D]``, NaT where there is none. A day
count includes both ends: an event on the day of the start is at 1 day. A month is 30.4375 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posology.endpoints.recist import Response
from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.dates import MONTH_DAYS

Dates = NDArray[np.datetime64]
Day = date | np.datetime64

ADEQUATE = (Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD)


@dataclass(frozen=True)
class Censoring:
    """What ends the follow-up for progression without an event.

    Parameters
    ----------
    new_therapy
        whether a new therapy before the event censors.
    max_missed
        how many missed assessments in a row before an event censor it; None: none do.
    interval_days, window_days
        days between planned assessments, and how late one may be [days]: so many are missed where the event lies more
        than ``max_missed`` x interval + window after the last adequate assessment, or after the start without one.
    require_baseline
        whether a patient without an adequate baseline is censored at the start, unless death comes before so many
        assessments are missed.
    evaluable
        whether only evaluable assessments end the follow-up; else any does, not evaluable ones included.
    assessment_proves_alive
        whether a tumour assessment shows that a patient was alive, for overall survival.
    clamp_to_start
        whether a date before the start is read as the start; else the patient is not evaluable.
    """

    new_therapy: bool = True
    max_missed: int | None = 2
    interval_days: int = 42
    window_days: int = 14
    require_baseline: bool = True
    evaluable: bool = True
    assessment_proves_alive: bool = True
    clamp_to_start: bool = False

    def __post_init__(self) -> None:
        for name in ("max_missed", "interval_days", "window_days"):
            value = getattr(self, name)
            if value is not None and value < (name != "window_days"):
                raise ValueError(f"{name} is {value}: it must be at least {int(name != 'window_days')}")


FDA = Censoring()
TREATMENT_POLICY = Censoring(new_therapy=False, max_missed=None, require_baseline=False)
EMA = TREATMENT_POLICY
ADMIRAL = Censoring(
    new_therapy=False,
    max_missed=None,
    require_baseline=False,
    evaluable=False,
    assessment_proves_alive=False,
    clamp_to_start=True,
)


class Why(IntEnum):
    """Why a time ends where it ends, or why there is none."""

    PD = 0
    DEATH = 1
    NO_EVENT = 2
    NO_ASSESSMENT = 3
    NO_BASELINE = 4
    NEW_THERAPY = 5
    MISSED = 6
    ALIVE = 7
    RESPONSE = 8
    NO_RESPONSE = 9
    STOPPED = 10
    ON_TREATMENT = 11
    NOT_APPLICABLE = 12
    NOT_STARTED = 13
    NO_START = 14
    IMPOSSIBLE = 15

    @property
    def text(self) -> str:
        """The reason in words."""
        return _WHY[self]


_WHY = {
    Why.PD: "progression",
    Why.DEATH: "death",
    Why.NO_EVENT: "no event: censored at the last adequate assessment",
    Why.NO_ASSESSMENT: "no adequate assessment after baseline: censored at the start",
    Why.NO_BASELINE: "no adequate baseline: censored at the start",
    Why.NEW_THERAPY: "new therapy before an event: censored at the last adequate assessment before it",
    Why.MISSED: "event after missed assessments: censored at the last adequate assessment before them",
    Why.ALIVE: "alive: censored when last known alive",
    Why.RESPONSE: "response",
    Why.NO_RESPONSE: "no response: censored at the last adequate assessment",
    Why.STOPPED: "treatment ended",
    Why.ON_TREATMENT: "on treatment: censored at the last day known",
    Why.NOT_APPLICABLE: "does not apply to the patient",
    Why.NOT_STARTED: "not started by the data cutoff",
    Why.NO_START: "not evaluable, because the start is not known",
    Why.IMPOSSIBLE: "not evaluable, because a date lies before the start",
}


@dataclass(frozen=True)
class Histories:
    """What is known of each patient: arrays (patients,) or (patients, assessments), dates ``datetime64[D]``.

    Parameters
    ----------
    start
        first dose, or randomisation.
    assessed, response
        (patients, assessments): the date of each assessment after baseline, and its overall
        :class:`~posology.endpoints.recist.Response`.
    progression
        progression shown otherwise than at an assessment: by CA-125 (GCIG), or clinically if the protocol counts it.
    death, new_therapy, last_alive, treatment_end
        dates, NaT for none; ``treatment_end`` is the day treatment was stopped for good.
    baseline
        whether the baseline assessment was adequate; all were, if left out.
    """

    start: Dates
    assessed: Dates | None = None
    response: Ints | None = None
    progression: Dates | None = None
    death: Dates | None = None
    new_therapy: Dates | None = None
    last_alive: Dates | None = None
    treatment_end: Dates | None = None
    baseline: Bools | None = None

    def __post_init__(self) -> None:
        n = np.shape(self.start)
        for name in ("progression", "death", "new_therapy", "last_alive", "treatment_end", "baseline"):
            array = getattr(self, name)
            if array is not None and np.shape(array) != n:
                raise ValueError(f"{name} {np.shape(array)} must have one entry for each start {n}")
        if self.assessed is None and self.response is None:
            return
        if self.assessed is None or self.response is None or np.shape(self.assessed) != np.shape(self.response):
            raise ValueError("assessed and response belong together, one response for each date")
        if np.ndim(self.assessed) != 2 or np.shape(self.assessed)[:1] != n:
            raise ValueError(f"assessed {np.shape(self.assessed)} must have one row for each start {n}")

    def visits(self) -> tuple[Floats, Ints]:
        """Return the days of the assessments, NaN where there is none, and their responses."""
        if self.assessed is None or self.response is None:
            return np.full((len(self.start), 1), np.nan), np.full((len(self.start), 1), Response.ABSENT)
        response = np.asarray(self.response)
        held = ~np.isin(response, [Response.ABSENT, Response.NONE])
        return np.where(held, _days(self.assessed, len(self.start)), np.nan), response


@dataclass(frozen=True)
class Time:
    """One patient's time: ``days`` from ``start`` to ``date``, both counted; None where there is none."""

    start: date | None
    date: date | None
    event: bool
    reason: str
    days: int | None
    months: float | None


@dataclass(frozen=True)
class Times:
    """The time of each patient: arrays (patients,); ``date`` is NaT where there is none, ``reason`` a :class:`Why`."""

    start: Dates
    date: Dates
    event: Bools
    reason: Ints

    @property
    def known(self) -> Bools:
        """Whether the patient has a time."""
        return ~np.isnat(self.date)

    @property
    def days(self) -> Floats:
        """Days from start to date, both counted; NaN where there is none."""
        return _days(self.date, len(self.date)) - _days(self.start, len(self.start)) + 1

    @property
    def months(self) -> Floats:
        """The same in months of 30.4375 days."""
        return self.days / MONTH_DAYS

    def __len__(self) -> int:
        return len(self.start)

    def __getitem__(self, patient: int) -> Time:
        known = bool(self.known[patient])
        days = int(self.days[patient]) if known else None
        return Time(
            self.start[patient].item(),
            self.date[patient].item(),
            bool(self.event[patient]),
            Why(self.reason[patient]).text,
            days,
            None if days is None else days / MONTH_DAYS,
        )


def progression_free(
    histories: Histories, *, rules: Censoring = FDA, cutoff: Day | None = None, among: Bools | None = None
) -> Times:
    """Return progression-free survival: from the start to the first progression or death.

    Parameters
    ----------
    histories
        what is known of the patients.
    rules
        what censors.
    cutoff
        the last day that counts: what is dated after it is as if it never was.
    among
        (patients,): whom it applies to; all, if left out.

    Notes
    -----
    An event on the day a new therapy began counts as an event. A progression and a death on one day is a progression.

    Examples
    --------
    >>> day = lambda *text: np.array(text, dtype="datetime64[D]")
    >>> seen = Histories(
    ...     day("2013-01-01"), day("2013-02-12", "2013-04-04")[None], np.array([[Response.SD, Response.PD]])
    ... )
    >>> progression_free(seen)[0].days, progression_free(seen, cutoff=date(2013, 4, 3))[0].reason
    (94, 'no event: censored at the last adequate assessment')
    """
    return _until_progression(histories, _days(histories.start, len(histories.start)), rules, cutoff, among)


def duration_of_response(
    histories: Histories, response: Dates, *, rules: Censoring = FDA, cutoff: Day | None = None
) -> Times:
    """Return the duration of response of responders: from the first response to progression or death.

    Parameters
    ----------
    histories, rules, cutoff
        as for :func:`progression_free`.
    response
        (patients,): the date of the first CR or PR, of a confirmed one where the protocol asks for it; NaT for none.

    Examples
    --------
    >>> day = lambda *text: np.array(text, dtype="datetime64[D]")
    >>> read = np.array([[Response.PR, Response.PD]])
    >>> seen = Histories(day("2013-01-01"), day("2013-02-12", "2013-04-04")[None], read)
    >>> duration_of_response(seen, day("2013-02-12"))[0].days
    52
    """
    first = _days(response, len(histories.start))
    first = np.where(first <= _limit(cutoff), first, np.nan)
    return _until_progression(histories, first, rules, cutoff, ~np.isnan(first))


def duration_of_stable_disease(
    histories: Histories, stable: Bools, *, rules: Censoring = FDA, cutoff: Day | None = None
) -> Times:
    """Return the duration of stable disease: from the start to progression or death (RECIST 1.1, section 4.6.2).

    Parameters
    ----------
    histories, rules, cutoff
        as for :func:`progression_free`.
    stable
        (patients,): whose best response is stable disease.

    Examples
    --------
    >>> day = lambda *text: np.array(text, dtype="datetime64[D]")
    >>> read = np.array([[Response.SD, Response.PD]])
    >>> seen = Histories(day("2013-01-01"), day("2013-02-12", "2013-04-04")[None], read)
    >>> duration_of_stable_disease(seen, np.array([True]))[0].days
    94
    """
    return progression_free(histories, rules=rules, cutoff=cutoff, among=stable)


def time_to_response(
    histories: Histories, response: Dates, *, rules: Censoring = FDA, cutoff: Day | None = None
) -> Times:
    """Return the time from the start to the first response; without one, censored at the last adequate assessment.

    Parameters
    ----------
    histories, rules, cutoff
        as for :func:`progression_free`.
    response
        (patients,): the date of the first CR or PR; NaT for none.

    Examples
    --------
    >>> day = lambda *text: np.array(text, dtype="datetime64[D]")
    >>> read = np.array([[Response.PR, Response.PD]])
    >>> seen = Histories(day("2013-01-01"), day("2013-02-12", "2013-04-04")[None], read)
    >>> time_to_response(seen, day("2013-02-12"))[0].days
    43
    """
    start, limit = _days(histories.start, len(histories.start)), _limit(cutoff)
    first = _days(response, len(start))
    first = np.where(first <= limit, first, np.nan)
    at, response_at = histories.visits()
    usable = _adequate(at, response_at, start, rules, limit)
    last = _latest(usable, at)
    responded = ~np.isnan(first)
    date_ = np.where(responded, first, np.where(np.isnan(last), start, last))
    why = np.where(responded, Why.RESPONSE, np.where(np.isnan(last), Why.NO_ASSESSMENT, Why.NO_RESPONSE))
    return _times(start, date_, responded, why, first < start, limit, None)


def overall_survival(histories: Histories, *, rules: Censoring = FDA, cutoff: Day | None = None) -> Times:
    """Return overall survival: from the start to death, censored when last known alive.

    Notes
    -----
    A patient known alive after the cutoff was alive at it, and is censored at the cutoff. A death after the cutoff says
    nothing: the patient is censored when last known alive by the cutoff. An assessment shows that a patient was alive.

    Parameters
    ----------
    histories
        what is known of each patient.
    rules
        how follow-up ends.
    cutoff
        the data cutoff; None: all that is known.

    Examples
    --------
    >>> day = lambda *text: np.array(text, dtype="datetime64[D]")
    >>> seen = Histories(day("2013-01-01"), death=day("NaT"), last_alive=day("2013-06-30"))
    >>> overall_survival(seen, cutoff=date(2013, 5, 10))[0].days
    130
    """
    n = len(histories.start)
    start, limit = _days(histories.start, n), _limit(cutoff)
    death = _days(histories.death, n)
    dead = death <= limit
    alive = np.minimum(_days(histories.last_alive, n), limit)
    if rules.assessment_proves_alive:
        alive = np.fmax(alive, _last_seen(histories, limit))
    alive = np.fmax(alive, start)
    date_ = np.where(dead, death, alive)
    if rules.clamp_to_start:
        date_ = np.fmax(date_, start)
    why = np.where(dead, Why.DEATH, Why.ALIVE)
    impossible = dead & (death < start) & (not rules.clamp_to_start)
    return _times(start, date_, dead, why, impossible, limit, None)


def time_on_treatment(histories: Histories, *, cutoff: Day | None = None) -> Times:
    """Return the time from the start to the end of treatment or death; without either, censored at the cutoff.

    Without a cutoff, censored when last known alive, for a patient whose treatment goes on.
    """
    n = len(histories.start)
    start, limit = _days(histories.start, n), _limit(cutoff)
    stop, death = _days(histories.treatment_end, n), _days(histories.death, n)
    stop, death = np.where(stop <= limit, stop, np.nan), np.where(death <= limit, death, np.nan)
    end = np.fmin(stop, death)
    ended = ~np.isnan(end)
    seen = np.fmax(np.fmax(_days(histories.last_alive, n), _last_seen(histories, limit)), start)
    date_ = np.where(ended, end, limit if np.isfinite(limit) else seen)
    why = np.where(~ended, Why.ON_TREATMENT, np.where(stop == end, Why.STOPPED, Why.DEATH))
    return _times(start, date_, ended, why, end < start, limit, None)


def _until_progression(
    histories: Histories, start: Floats, rules: Censoring, cutoff: Day | None, among: Bools | None
) -> Times:
    n, limit = len(start), _limit(cutoff)

    def by_cutoff(dates: Floats) -> Floats:
        return np.where(dates <= limit, dates, np.nan)

    death, therapy, other = (
        by_cutoff(_days(dates, n)) for dates in (histories.death, histories.new_therapy, histories.progression)
    )
    at, response = histories.visits()
    at = by_cutoff(at)
    shows_pd = (response == Response.PD) & (at >= start[:, None])
    pd = np.fmin(np.where(shows_pd, at, np.inf).min(axis=1, initial=np.inf), np.where(other >= start, other, np.inf))
    pd = np.where(np.isinf(pd), np.nan, pd)
    first = _days(histories.start, n)
    impossible = (death < start) | (therapy < first) | (start < first)
    if rules.clamp_to_start:
        death, impossible = np.fmax(death, np.where(np.isnan(death), np.nan, start)), np.zeros(n, dtype=bool)
    event = np.fmin(pd, death)
    happened = ~np.isnan(event)

    usable = _adequate(at, response, start, rules, limit)
    censor_date = therapy if rules.new_therapy else np.full(n, np.nan)
    censored_by_therapy = ~np.isnan(censor_date) & ~(event <= censor_date)
    last = _latest(usable & ~(at > np.where(censored_by_therapy, censor_date, np.inf)[:, None]), at)
    last_adequate_before = _latest(usable & (at < np.where(happened, event, np.inf)[:, None]), at)
    max_gap = np.inf if rules.max_missed is None else rules.max_missed * rules.interval_days + rules.window_days
    gap = event - np.where(np.isnan(last_adequate_before), start, last_adequate_before) > max_gap
    no_baseline = np.zeros(n, dtype=bool)
    if rules.require_baseline and histories.baseline is not None:
        death_within_grace = (death - start <= max_gap) & ~censored_by_therapy
        no_baseline = ~np.asarray(histories.baseline) & ~death_within_grace
        event = np.where(np.asarray(histories.baseline), event, death)
        happened = np.where(np.asarray(histories.baseline), happened, death_within_grace)
        pd = np.where(np.asarray(histories.baseline), pd, np.nan)

    def or_start(dates: Floats) -> Floats:
        return np.where(np.isnan(dates), start, dates)

    kind = np.where(pd == event, Why.PD, Why.DEATH)
    without_assessment = (
        happened
        & gap
        & np.isnan(last_adequate_before)
        & ~((response == Response.PD) & (at == event[:, None])).any(axis=1)
    )
    cases: list[tuple[Bools, Floats, Bools | bool, Ints | int]] = [
        (no_baseline, start, False, Why.NO_BASELINE),
        (censored_by_therapy, or_start(last), False, Why.NEW_THERAPY),
        (without_assessment, start, False, Why.NO_ASSESSMENT),
        (happened & gap, or_start(last_adequate_before), False, Why.MISSED),
        (happened, event, True, kind),
        (~np.isnan(last), last, False, Why.NO_EVENT),
    ]
    when = [case[0] for case in cases]

    def spread(column: int) -> list[NDArray[Any]]:
        return [np.broadcast_to(case[column], (n,)) for case in cases]

    return _times(
        start,
        np.select(when, spread(1), start),
        np.select(when, spread(2), False),
        np.select(when, spread(3), Why.NO_ASSESSMENT),
        impossible,
        limit,
        among,
    )


def _adequate(at: Floats, response: Ints, start: Floats, rules: Censoring, limit: float) -> Bools:
    """Return which assessments end the follow-up of a patient without an event."""
    counts = np.isin(response, ADEQUATE) if rules.evaluable else np.ones(response.shape, dtype=bool)
    return np.asarray(counts & (at >= start[:, None]) & (at <= limit))


def _latest(what: Bools, at: Floats) -> Floats:
    """Return the latest day among assessments, NaN where there is none."""
    last = np.where(what, at, -np.inf).max(axis=1, initial=-np.inf)
    return np.where(np.isinf(last), np.nan, last)


def _last_seen(histories: Histories, limit: float) -> Floats:
    at, _ = histories.visits()
    return _latest(at <= limit, at)


def _times(
    start: Floats, on: Floats, event: Bools, why: Ints, impossible: Bools, limit: float, among: Bools | None
) -> Times:
    """Return the times, without those of patients who have none."""
    none: list[tuple[Bools, int]] = [
        (np.zeros(len(start), dtype=bool) if among is None else ~np.asarray(among), Why.NOT_APPLICABLE),
        (np.isnan(start), Why.NO_START),
        (start > limit, Why.NOT_STARTED),
        (impossible, Why.IMPOSSIBLE),
    ]
    without = np.logical_or.reduce([when for when, _ in none])
    reason = np.select([when for when, _ in none], [int(what) for _, what in none], why)
    return Times(_dates(start), _dates(np.where(without, np.nan, on)), np.asarray(event & ~without), reason)


def _limit(cutoff: Day | None) -> float:
    return np.inf if cutoff is None else float(np.array([cutoff], dtype="datetime64[D]").astype(np.int64)[0])


def _days(dates: Dates | None, patients: int) -> Floats:
    """Return dates as numbers of days, NaN for NaT."""
    if dates is None:
        return np.full(patients, np.nan)
    days = np.asarray(dates).astype("datetime64[D]")
    return np.where(np.isnat(days), np.nan, days.astype(np.int64))


def _dates(days: Floats) -> Dates:
    missing = np.isnan(days)
    dates = np.where(missing, 0, days).astype(np.int64).astype("datetime64[D]")
    dates[missing] = np.datetime64("NaT", "D")
    return dates
