"""A value with the events it comes from, and the mark of its origin where the record marks any."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from posology.record.event import Event

ORDER = ("stated", "published", "assumed")
MARK_LETTERS = {"stated": "S", "published": "P", "assumed": "A"}
"""How a mark is shown beside a value: by a letter, never by colour alone."""


@dataclass(frozen=True)
class Cited:
    """A value that a readout shows.

    ``events`` are the numbers of the events behind it, in order; ``mark`` the weakest origin among them: a number that
    rests on one assumed value is assumed.
    """

    value: Any
    events: tuple[int, ...] = ()
    mark: str | None = None

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


def cite(value: Any, events: Iterable[Event | None], *fields: str) -> Cited:
    """Return a value with its sources. ``fields`` are the fields it was read from; all, if none is named.

    A source that lacks the field does not weaken the mark of one that has it.
    """
    sources = sorted({e.seq: e for e in events if e is not None}.items())
    return Cited(value, tuple(seq for seq, _ in sources), weakest(mark(e, fields) for _, e in sources))


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
