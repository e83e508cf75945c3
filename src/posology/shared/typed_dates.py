"""Dates as people type them into one box: 3 jun 13, 03/06/2013, 2013-06-03, jun 2013, t for today."""

from __future__ import annotations

import re
from datetime import date, timedelta

__all__ = ["in_words", "read_date"]

MONTH_NAMES = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
MONTHS = {name[:n].casefold(): k for k, name in enumerate(MONTH_NAMES, 1) for n in (3, len(name))} | {"sept": 9}
RIGHT = "write it as 3 jun 2013, 2013-06-03 or 03/06/2013 (day first), or t for today"
FIRST_YEAR, LAST_YEAR = 1900, 2199


def read_date(text: str, today: date) -> date:
    """Read a whole date as somebody typed it.

    Parameters
    ----------
    text
        what was typed: the day stands before the month, unless the year comes first; two digits are a year of the last
        ninety or the next nine; ``t`` is today, ``t-2`` two days before.
    today
        the day it is.

    Raises
    ------
    ValueError
        if it is no date, saying how one is written; if only the month or the year is given; if it could be two days.

    Examples
    --------
    >>> read_date("3 jun 13", date(2013, 6, 10)), read_date("t-1", date(2013, 6, 10))
    (datetime.date(2013, 6, 3), datetime.date(2013, 6, 9))
    >>> read_date("31/02/2013", date(2013, 6, 10))
    Traceback (most recent call last):
        ...
    ValueError: '31/02/2013' is no day: there is no 31 February 2013
    """
    typed = " ".join(text.strip().casefold().replace(",", " ").split())
    if relative := re.fullmatch(r"t(?:oday)? ?(?:([+-]) ?(\d{1,3}))?", typed):
        sign, days = relative.groups()
        return today + timedelta(days=(-1 if sign == "-" else 1) * int(days or 0))
    parts = [p for p in re.split(r"[ ./-]+", re.sub(r"(?<=\d)(?=[a-z])|(?<=[a-z])(?=\d)", " ", typed)) if p]
    parts = [p.rstrip("thndrs") if re.fullmatch(r"\d{1,2}(st|nd|rd|th)", p) else p for p in parts]
    parts = [p for p in parts if p not in ("st", "nd", "rd", "th")]
    if len(parts) != 3 or not all((p.isdigit() and p.isascii()) or p in MONTHS for p in parts):
        partial = len(parts) in (1, 2) and all(p.isdigit() or p in MONTHS for p in parts)
        if partial:
            raise ValueError(f"{text.strip()!r} is no whole date: this field needs the day; {RIGHT}")
        raise ValueError(f"{text.strip()!r} is no date: {RIGHT}")
    year, month, day = _ordered(parts, text)
    if year < 100:
        century = today.year - today.year % 100
        year += century if century + year <= today.year + 9 else century - 100
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise ValueError(f"{text.strip()!r} has the year {year}: it must be {FIRST_YEAR} to {LAST_YEAR}")
    if not 1 <= month <= 12:
        raise ValueError(f"{text.strip()!r} has the month {month}: the day comes first, {RIGHT}")
    try:
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"{text.strip()!r} is no day: there is no {day} {MONTH_NAMES[month - 1]} {year}") from None


def _ordered(parts: list[str], text: str) -> tuple[int, int, int]:
    """Return year, month and day of three parts."""
    named = [k for k, p in enumerate(parts) if p in MONTHS]
    if len(named) > 1 or (named and named[0] == 2):
        raise ValueError(f"{text.strip()!r} is no date: {RIGHT}")
    if len(parts[0]) == 4:
        year, month, day = parts
    elif named == [0]:
        month, day, year = parts
    else:
        day, month, year = parts
    if not (day.isdigit() and year.isdigit()):
        raise ValueError(f"{text.strip()!r} is no date: {RIGHT}")
    return int(year), MONTHS.get(month) or int(month), int(day)


def in_words(day: date) -> str:
    """Write a date so that nobody takes the month for the day.

    >>> in_words(date(2013, 6, 3))
    '3 June 2013'
    """
    return f"{day.day} {MONTH_NAMES[day.month - 1]} {day.year}"
