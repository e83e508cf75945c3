"""What a fact could say by a day: dates of what came later, inside a fact of before, are not known yet."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec

from posology.record.event import Event

__all__ = ["DATES", "known_at"]

DATES = (
    "ended",
    "reference_start",
    "reference_end",
    "first_exposure",
    "last_exposure",
    "consented",
    "participation_end",
    "death",
)
"""The fields of facts that hold the date, as collected, of something that may come after the fact occurred."""
WITH_END = ("outcome", "ended_relative", "ended_relative_period")
"""The fields that say how it ended: not known before it has."""


def known_at(event: Event, day: date) -> Event:
    """Return an event with only what could be known by a day. A date in part counts as later only if it must be.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from posology.record.collected import TreatmentGiven
    >>> from posology.record.event import Event
    >>> now, on = datetime(2013, 7, 1, tzinfo=UTC), date(2013, 5, 1)
    >>> fact = TreatmentGiven(treatment="X", ended="2013-06-03")
    >>> given = Event(seq=1, occurred=on, recorded=now, author="x", kind=fact.kind, patient="1", fact=fact, prev="", hash="")
    >>> known_at(given, date(2013, 6, 1)).fact.ended, known_at(given, date(2013, 6, 3)).fact.ended
    (None, '2013-06-03')
    """
    fields = vars(event.fact)
    unknown = [name for name in DATES if (text := fields.get(name)) is not None and _is_later(text, day)]
    if not unknown:
        return event
    if "ended" in unknown:
        unknown += [name for name in WITH_END if fields.get(name) is not None]
    changed: dict[str, Any] = {**fields, **dict.fromkeys(unknown)}
    return msgspec.structs.replace(event, fact=type(event.fact)(**changed))


def _is_later(text: str, day: date) -> bool:
    given = text[:10]
    return given > day.isoformat()[: len(given)]
