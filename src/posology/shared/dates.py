"""Dates as they are collected: complete, partial or impossible; partial ones imputed only by a rule that is stated.

ISO 8601 as in CDISC SDTM (SDTMIG 3.4, section 4.4.2): components missing from the right are left out (``2013``,
``2013-05``), one missing in the middle is a hyphen (``2013---10``: the month is not known). An imputed date carries the
flag of CDISC ADaM (ADaMIG 1.3, section 3.1.3): ``D`` the day was imputed, ``M`` the month, ``Y`` the year, empty if
none.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from posology.shared.findings import Finding

ImputationRule = Literal["first", "middle", "last"]
Flag = Literal["", "D", "M", "Y"]

YEARS = range(1850, 2200)
"""Years in which something of a trial can have happened."""
MONTH_DAYS = 30.4375
"""Days of a month where times are given in months: 365.25 / 12."""

Days = TypeVar("Days")


def study_day(elapsed: Days) -> Days:
    """Return the study day of what lies so many days after day 1: day 1 is the start, there is no day 0.

    Takes a number, an array or a column's expression of days since the start (SDTMIG 3.4, section 4.4.4).

    >>> study_day(0), study_day(-1), study_day(np.array([-2, 0, 20])).tolist()
    (1, -1, [-2, 1, 21])
    """
    return elapsed + (elapsed >= 0)  # type: ignore[operator, return-value]


def study_day_of(day: date, start: date) -> int:
    """Return the study day of a date.

    >>> study_day_of(date(2013, 5, 1), date(2013, 5, 1)), study_day_of(date(2013, 4, 30), date(2013, 5, 1))
    (1, -1)
    """
    return study_day((day - start).days)


_ISO = re.compile(r"(\d{4}|-)(?:-(\d{2}|-)(?:-(\d{2}|-))?)?(?:T(\S+))?")
_TIME = re.compile(r"(-|[01]\d|2[0-3])(?::(-|[0-5]\d)(?::(-|[0-5]\d)(?:\.\d+)?)?)?(?:Z|[+-]\d{2}(?::?\d{2})?)?")
_SHOWN = "write a date as 2013-05-10, a partial one as 2013-05 or 2013"


@dataclass(frozen=True)
class PartialDate:
    """A date as far as it is known; ``clock`` is its time of day as collected, empty if none.

    Examples
    --------
    >>> parse_date("2013-05").complete, parse_date("2013-05-10T12:30").clock
    (False, '12:30')
    """

    year: int | None
    month: int | None = None
    day: int | None = None
    clock: str = ""

    @property
    def complete(self) -> bool:
        """Whether year, month and day are known."""
        return None not in (self.year, self.month, self.day)

    def may_be(self, day: date) -> bool:
        """Whether a day is among those that it leaves open.

        >>> parse_date("2013-05").may_be(date(2013, 5, 10)), parse_date("2013---10").may_be(date(2013, 5, 11))
        (True, False)
        """
        known = ((self.year, day.year), (self.month, day.month), (self.day, day.day))
        return all(mine is None or mine == its for mine, its in known)

    def is_before(self, day: date) -> bool:
        """Whether the last day that it leaves open is before a day.

        >>> parse_date("2013-04").is_before(date(2013, 5, 1)), parse_date("2013").is_before(date(2013, 5, 1))
        (True, False)
        """
        return (self.year or 9999, self.month or 12, self.day or 31) < (day.year, day.month, day.day)

    def __str__(self) -> str:
        year = "-" if self.year is None else f"{self.year:04d}"
        month = "-" if self.month is None else f"{self.month:02d}"
        day = "" if self.day is None else f"{self.day:02d}"
        text = f"{year}-{month}-{day}" if day else year if self.month is None else f"{year}-{month}"
        return f"{text}T{self.clock}" if self.clock else text


def earlier(clock: str, other: str) -> bool | None:
    """Whether a time of day is earlier than another of the same day, as far as both are told; None if nothing says so.

    >>> earlier("08:15", "10:00"), earlier("10:00", "10:00"), earlier("10", "10:30"), earlier("", "10:00")
    (True, False, False, None)
    """
    one, two = (re.fullmatch(r"([\d:.-]+?)(Z|[+-]\d{2}:?\d{2})?", text or "") for text in (clock, other))
    if one is None or two is None or (one[2] or "") != (two[2] or ""):
        return None
    for a, b in zip(one[1].split(":"), two[1].split(":"), strict=False):
        if not a or not b or "-" in (a, b):
            break
        if float(a) != float(b):
            return float(a) < float(b)
    return False


class ImputedDate(NamedTuple):
    """A date and the highest component that was imputed; no date where the rule gives none."""

    date: date | None
    flag: Flag


@lru_cache(maxsize=65536)
def parse_date(text: str) -> PartialDate:
    """Read a date in ISO 8601, complete or partial, with or without a time of day.

    Raises
    ------
    ValueError
        if it is no such date, or one that cannot be (``2013-02-30``).

    Examples
    --------
    >>> parse_date("2013---10")
    PartialDate(year=2013, month=None, day=10, clock='')
    >>> parse_date("2013-02-30")
    Traceback (most recent call last):
    ValueError: '2013-02-30' is impossible: February 2013 has 28 days
    """
    found = _ISO.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no date: {_SHOWN}")
    year, month, day = (None if part in (None, "-") else int(part) for part in found.groups()[:3])
    clock = found[4] or ""
    if (year, month, day) == (None, None, None):
        raise ValueError(f"{text!r} says neither year, month nor day: {_SHOWN}")
    if year is not None and year not in YEARS:
        raise ValueError(f"{text!r} is impossible: the year must lie between {YEARS[0]} and {YEARS[-1]}")
    if month is not None and not 1 <= month <= 12:
        raise ValueError(f"{text!r} is impossible: there is no month {month}")
    if day is not None:
        # A year that is not known may be a leap year, a month that is not known may have 31 days.
        most = monthrange(year or 2000, month)[1] if month else 31
        if not 1 <= day <= most:
            where = f"{date(2000, month, 1):%B} {year or ''}".strip() if month else "a month"
            raise ValueError(f"{text!r} is impossible: {where} has {most} days")
    if clock and not _TIME.fullmatch(clock):
        raise ValueError(f"{text!r} is impossible: there is no time of day {clock}")
    return PartialDate(year, month, day, clock)


def possible(partial: PartialDate) -> tuple[date, date]:
    """Return the first and the last date that a partial date can be; its year must be known.

    >>> [str(day) for day in possible(parse_date("2012-02"))]
    ['2012-02-01', '2012-02-29']
    """
    if partial.year is None:
        raise ValueError(f"{partial} has no year: it can be any")
    return _at(partial, 1, 1), _at(partial, 12, 31)


def impute(
    partial: PartialDate,
    rule: ImputationRule,
    not_before: date | None = None,
    not_after: date | None = None,
    *,
    known_by: date | None = None,
) -> ImputedDate:
    """Complete a partial date by a stated rule; what is known is never changed.

    Parameters
    ----------
    partial
        the date as far as it is known.
    rule
        ``first`` or ``last`` day of the month or year; ``middle``: the 15th of the month, 30 June of the year.
    not_before, not_after
        bounds (first dose, death, data cutoff): an imputed date beyond one is set to it, if the partial date can be
        that day; if it cannot, it is known to lie beyond and is left as the rule gives it.
    known_by
        a day by which it had happened (its own end, a later fact that follows from it); it wins over ``not_before``.

    Returns
    -------
    ImputedDate
        the date and its flag. No date where the year is not known: no rule here makes up a year.

    Raises
    ------
    ValueError
        if the rule is unknown, or the bounds exclude every date.

    Examples
    --------
    >>> day, flag = impute(parse_date("2013-05"), "first", not_before=date(2013, 5, 10))
    >>> str(day), flag
    ('2013-05-10', 'D')
    >>> str(impute(parse_date("2013-05"), "first", not_before=date(2013, 5, 10), known_by=date(2013, 5, 6)).date)
    '2013-05-01'
    """
    if rule not in ("first", "middle", "last"):
        raise ValueError(f"the rule is {rule!r}: it must be first, middle or last")
    if not_before and not_after and not_before > not_after:
        raise ValueError(f"no date is on or after {not_before} and on or before {not_after}")
    if known_by:
        not_before = not_before if not_before and not_before <= known_by else None
        not_after = min(known_by, not_after or known_by)
    if partial.year is None:
        return ImputedDate(None, "")
    if partial.complete:
        return ImputedDate(_at(partial, 1, 1), "")
    flag: Flag = "M" if partial.month is None else "D"
    if partial.month is None and partial.day is not None:
        days = [
            date(partial.year, m, partial.day) for m in range(1, 13) if partial.day <= monthrange(partial.year, m)[1]
        ]
        inside = [d for d in days if (not_before or d) <= d <= (not_after or d)] or days
        middle = min(inside, key=lambda d: abs(d - date(d.year, 6, 15)))
        return ImputedDate({"first": inside[0], "middle": middle, "last": inside[-1]}[rule], flag)
    low, high = possible(partial)
    middle = _at(partial, 6, 30 if partial.month is None else 15)
    day = {"first": low, "middle": middle, "last": high}[rule]
    if not_before and day < not_before <= high:
        day = not_before
    if not_after and day > not_after >= low:
        day = not_after
    return ImputedDate(day, flag)


def _at(partial: PartialDate, month: int, day: int) -> date:
    assert partial.year is not None
    month = partial.month or month
    return date(partial.year, month, min(partial.day or day, monthrange(partial.year, month)[1]))


@dataclass(frozen=True)
class Dates:
    """A column of dates: ``day`` (datetime64[D], NaT where there is none), ``flag`` of imputation, and the findings."""

    day: NDArray[np.datetime64]
    flag: NDArray[np.str_]
    findings: tuple[Finding, ...]


def read_dates(
    texts: Sequence[str | None],
    rule: ImputationRule | None = None,
    *,
    field: str = "date",
    patients: Sequence[str] | None = None,
    not_before: Sequence[date | None] | date | None = None,
    not_after: Sequence[date | None] | date | None = None,
    known_by: Sequence[date | None] | date | None = None,
    need: Literal["year", "month"] = "year",
) -> Dates:
    """Read a column of dates; each that is impossible, or partial without a rule, is a finding and no date.

    Parameters
    ----------
    texts
        the dates as collected; None or empty where there is none.
    rule
        how partial dates are imputed (see :func:`impute`); None: they are not.
    field
        the column's name, for the findings.
    patients
        whose dates they are, for the findings.
    not_before, not_after, known_by
        a bound for all, or one for each (see :func:`impute`).
    need
        what must be known of a date: of one that survival is counted to, the month; a year alone is no date there.

    Examples
    --------
    >>> found = read_dates(["2013-05-10", "2013-05", "2013-13-01"], "last", field="AESTDTC", patients=["1", "1", "2"])
    >>> [str(day) for day in found.day], list(map(str, found.flag))
    (['2013-05-10', '2013-05-31', 'NaT'], ['', 'D', ''])
    >>> print(found.findings[0])
    patient 2, AESTDTC: '2013-13-01' is impossible: there is no month 13; not used
    """
    count = len(texts)
    day, flag = np.full(count, "NaT", dtype="datetime64[D]"), np.full(count, "", dtype="U1")
    findings = []
    low, high = _each(not_before, count, "not_before"), _each(not_after, count, "not_after")
    known = _each(known_by, count, "known_by")
    if patients is not None and len(patients) != count:
        raise ValueError(f"there are {count} dates and {len(patients)} patients: give one patient for each date")
    for i, text in enumerate(texts):
        if text is None or not text.strip():
            continue
        who = patients[i] if patients is not None else ""
        try:
            partial = parse_date(text)
        except ValueError as error:
            findings.append(Finding(who, None, field, str(error), "not used"))
            continue
        if rule is None and not partial.complete:
            findings.append(
                Finding(who, None, field, f"{text!r} is partial", "not used: no rule of imputation is stated")
            )
            continue
        if need == "month" and partial.year is not None and partial.month is None:
            findings.append(Finding(who, None, field, f"{text!r} is a year alone", "not used: the month must be known"))
            continue
        made = impute(partial, rule or "first", low[i], high[i], known_by=known[i])
        if made.date is None:
            findings.append(Finding(who, None, field, f"{text!r} has no year", "not used: no rule makes up a year"))
            continue
        day[i], flag[i] = made
    return Dates(day, flag, tuple(findings))


def read_visit_dates(
    texts: Sequence[str | None],
    rule: ImputationRule,
    patients: Sequence[str],
    visits: Sequence[str | None],
    numbers: Sequence[float | None],
    *,
    field: str = "date",
) -> Dates:
    """Read the dates of assessments, those known in part within what else is known of their visit.

    A partial date never moves a visit that has complete ones: it is one of theirs, and where it cannot be, that is a
    finding and the visit's date is used. Without any, it lies between the complete dates of the patient's visits before
    and after. A year alone is no date here.

    Parameters
    ----------
    texts
        the dates as collected; None or empty where there is none.
    rule
        which of the days that are left is taken.
    patients, visits, numbers
        whose they are, and the visit's name and number in the schedule; None where not known.
    field
        the column's name, for the findings.

    Examples
    --------
    >>> found = read_visit_dates(["2025-02-18", "2025-02", "2025"], "first", ["1"] * 3, ["W6", "W6", "W12"], [2, 2, 3])
    >>> [str(day) for day in found.day], str(found.findings[0])
    (['2025-02-18', '2025-02-18', 'NaT'], "patient 1, date: '2025' is a year alone; not used: the month must be known")
    """
    complete, partial = _visit_dates_known(texts, patients, visits, numbers)
    low: list[date | None] = [None] * len(texts)
    high: list[date | None] = [None] * len(texts)
    own_visit: dict[int, tuple[date, date]] = {}
    for i in partial:
        dated = complete.get(patients[i], [])
        same_visit = [on for on, visit, _ in dated if visit is not None and visit == visits[i]]
        if same_visit:
            own_visit[i] = low[i], high[i] = min(same_visit), max(same_visit)
        else:
            low[i], high[i] = _between_visits(dated, numbers[i])
    read = read_dates(texts, rule, field=field, patients=patients, not_before=low, not_after=high, need="month")
    day, findings, moved = read.day.copy(), list(read.findings), set()
    for i, (first, last) in own_visit.items():
        if read.flag[i] and not first <= day[i].item() <= last:
            day[i] = first
            if (patients[i], visits[i], texts[i]) not in moved:
                moved.add((patients[i], visits[i], texts[i]))
                wrong = f"is {texts[i]}, but the visit {visits[i]} was on {first}"
                findings.append(Finding(patients[i], first, field, wrong, "the date of the visit is used"))
    return Dates(day, read.flag, tuple(findings))


_VisitDate = tuple[date, str | None, float | None]
"""A complete date, and the name and number of its visit."""


def _visit_dates_known(
    texts: Sequence[str | None],
    patients: Sequence[str],
    visits: Sequence[str | None],
    numbers: Sequence[float | None],
) -> tuple[dict[str, list[_VisitDate]], list[int]]:
    """Return the complete dates of each patient, and the rows whose date is known in part."""
    complete: dict[str, list[_VisitDate]] = {}
    partial: list[int] = []
    for i, text in enumerate(texts):
        try:
            stated = parse_date(text) if text and text.strip() else None
        except ValueError:
            continue
        if stated is not None and stated.complete:
            complete.setdefault(patients[i], []).append((_at(stated, 1, 1), visits[i], numbers[i]))
        elif stated is not None:
            partial.append(i)
    return complete, partial


def _between_visits(dated: list[_VisitDate], number: float | None) -> tuple[date | None, date | None]:
    """Return the first and the last day that a visit of this number leaves to its date: after the one before, before
    the one after; None where nothing bounds it."""
    if number is None:
        return None, None
    before = max((on for on, _, n in dated if n is not None and n < number), default=None)
    after = min((on for on, _, n in dated if n is not None and n > number), default=None)
    if before is not None and after is not None and before >= after:
        return None, None  # the numbers contradict the dates
    first = before + timedelta(days=1) if before else None
    last = after - timedelta(days=1) if after else None
    if first and last and last < first:
        last = None
    return first, last


def _each(bound: Sequence[date | None] | date | None, count: int, name: str) -> Sequence[date | None]:
    if bound is None or isinstance(bound, date):
        return [bound] * count
    if len(bound) != count:
        raise ValueError(f"there are {count} dates and {len(bound)} of {name}: give one for each date, or one for all")
    return bound
