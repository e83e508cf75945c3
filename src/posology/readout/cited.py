"""A value with the events it comes from, and the mark of its origin where the record marks any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from posology.record.event import Event

ORDER = ("stated", "published", "assumed")
MARK_LETTERS = {"stated": "S", "published": "P", "assumed": "A"}
"""How a mark is shown beside a value: by a letter, never by colour alone."""


class Sources:
    """Events that values rest on, each once, in order of number. Cells that rest on the same ones share one object."""

    def __init__(self, events: Iterable[Event | None]) -> None:
        by_number = {event.seq: event for event in events if event is not None}
        self.numbers = tuple(sorted(by_number))
        self._marked = [event for event in by_number.values() if event.provenance]
        self._marks: dict[tuple[str, ...], str | None] = {}

    def mark(self, fields: tuple[str, ...] = ()) -> str | None:
        """Return the weakest mark of the fields of any of the events; of all fields, if none is named."""
        if not self._marked:
            return None
        if fields not in self._marks:
            self._marks[fields] = weakest(mark(event, fields) for event in self._marked)
        return self._marks[fields]


@dataclass(frozen=True)
class Cited:
    """A value that a readout shows.

    ``sources`` are the events behind it, in one group or several; ``mark`` the weakest origin among them: a number that
    rests on one assumed value is assumed.
    """

    value: Any
    sources: tuple[Sources, ...] = ()
    mark: str | None = None

    @property
    def events(self) -> tuple[int, ...]:
        """The numbers of the events behind the value, in order."""
        if len(self.sources) == 1:
            return self.sources[0].numbers
        return tuple(sorted({number for group in self.sources for number in group.numbers}))

    @property
    def text(self) -> str:
        """The value as it is printed."""
        if self.value is None:
            return "–"
        if isinstance(self.value, bool):
            return "yes" if self.value else "no"
        if isinstance(self.value, float):
            return f"{self.value:g}"
        return str(self.value)

    @property
    def sign(self) -> str:
        """The letter of the mark, empty without one."""
        return MARK_LETTERS[self.mark] if self.mark else ""


def cite(value: Any, events: Sources | Iterable[Event | Sources | None], *fields: str) -> Cited:
    """Return a value with its sources.

    Parameters
    ----------
    value
        what is shown.
    events
        that it rests on; where many cells rest on the same ones, a :class:`Sources` made once.
    fields
        of those events that it was read from; all, if none is named. A source that lacks the field does not weaken the
        mark of one that has it.
    """
    if isinstance(events, Sources):
        groups: tuple[Sources, ...] = (events,)
    else:
        listed = list(events)
        loose = Sources(item for item in listed if not isinstance(item, Sources))
        groups = (*(item for item in listed if isinstance(item, Sources)), loose)
    groups = tuple(group for group in groups if group.numbers)
    return Cited(value, groups, weakest(group.mark(fields) for group in groups))


def mark(event: Event, fields: tuple[str, ...] = ()) -> str | None:
    """Return the weakest mark of an event's fields."""
    if not event.provenance:
        return None
    named = [name for name in fields if hasattr(event.fact, name)]
    return weakest(event.mark(name) for name in named) if named else event.mark()


def weakest(marks: Iterable[str | None]) -> str | None:
    """Return the weakest of several marks; None if there is none."""
    known = {m for m in marks if m}
    return next((m for m in reversed(ORDER) if m in known), None)


@dataclass(frozen=True)
class TableBody:
    """What a table holds: its columns, its rows of cited values, and what a reader must know about it."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cited, ...], ...]
    note: str = ""


@dataclass(frozen=True)
class CitedTable:
    """A table of cited values. ``name`` is its file, ``note`` what a reader must know about it."""

    name: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cited, ...], ...]
    note: str = ""
