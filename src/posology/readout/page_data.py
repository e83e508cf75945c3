"""What a page carries so that a click shows the events behind a value: packed, since a big trial has hundreds of
thousands.

A column is packed as ``v``, its distinct values in the order they first come, and ``r``, their places row by row; a
negative number in ``r`` says how often the place before it comes again. The page's script unpacks both.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import msgspec
from markupsafe import Markup

from posology.readout.cited import Cited, Sources
from posology.record.event import Event

__all__ = ["EventIndex", "packed", "packed_events", "packed_numbers", "script_json"]

HIDDEN = ("protocol", "advice", "changes")
"""Fields of facts that the page does not show: whole documents."""
INLINE = 6
"""How many events a cell names itself; more are named once, and the cell points there."""


class EventIndex:
    """The events that a page's cells name. A group of many events is kept once, however many cells rest on it."""

    def __init__(self) -> None:
        self.numbers: set[int] = set()
        self.groups: list[tuple[int, ...]] = []
        self._places: dict[tuple[int, ...], int] = {}

    def refer(self, sources: Sequence[Sources]) -> str:
        """Return how a cell names its events: their numbers, or the places of groups, as ``s4``."""
        names: list[str] = []
        for group in sources:
            self.numbers.update(group.numbers)
            if len(group.numbers) <= INLINE:
                names += map(str, group.numbers)
                continue
            if group.numbers not in self._places:
                self._places[group.numbers] = len(self.groups)
                self.groups.append(group.numbers)
            names.append(f"s{self._places[group.numbers]}")
        return " ".join(names)

    def name(self, cited: Cited) -> str:
        """Return how the cell of a value names its events; empty where there is nothing to show."""
        return self.refer(cited.sources) if cited.value is not None else ""


def packed(values: Sequence[Any]) -> dict[str, list[Any]]:
    """Return a column packed.

    >>> packed(["a", "b", "b", "b", "a"])
    {'v': ['a', 'b'], 'r': [0, 1, -2, 0]}
    """
    keys: Sequence[Hashable] = values
    if not {type(value) for value in values} <= {str, int, date, type(None)}:  # 1, 1.0 and True are three values
        keys = [repr(value) for value in values]
    places: dict[Hashable, int] = {}
    distinct: list[Any] = []
    runs: list[int] = []
    last = None
    for key, value in zip(keys, values, strict=True):
        place = places.get(key)
        if place is None:
            place = places[key] = len(distinct)
            distinct.append(value)
        if place != last:
            runs.append(place)
            last = place
        elif runs[-1] < 0:
            runs[-1] -= 1
        else:
            runs.append(-1)
    return {"v": distinct, "r": runs}


def packed_numbers(numbers: Sequence[int]) -> list[int]:
    """Return rising numbers as steps, each from the one before; a negative number repeats the step before it.

    >>> packed_numbers([100, 101, 102, 103, 110])
    [100, 1, -2, 7]
    """
    steps: list[int] = []
    before = 0
    for number in numbers:
        step = number - before
        if steps and step == steps[-1] and len(steps) > 1:
            steps.append(-1)
        elif len(steps) > 2 and steps[-1] < 0 and step == steps[-2]:
            steps[-1] -= 1
        else:
            steps.append(step)
        before = number
    return steps


def packed_events(events: Mapping[int, Event], numbers: Iterable[int]) -> list[dict[str, Any]]:
    """Return the events of some numbers as the page shows them: a table a kind, its columns packed."""
    by_kind: dict[str, list[Event]] = {}
    for number in sorted(numbers):
        if number in events:
            by_kind.setdefault(events[number].kind, []).append(events[number])
    tables = []
    for kind, listed in by_kind.items():
        facts = [vars(event.fact) for event in listed]
        columns = {
            "occurred": packed([event.occurred for event in listed]),
            "recorded": packed([f"{event.recorded:%Y-%m-%d %H:%M} UTC" for event in listed]),
            "by": packed([event.author for event in listed]),
            "patient": packed([event.patient or "" for event in listed]),
            "marks": packed([event.provenance or None for event in listed]),
            "reason": packed([event.reason for event in listed]),
            "corrects": packed([event.supersedes for event in listed]),
            "override": packed([_override(event) for event in listed]),
        }
        fields = [name for name in dict.fromkeys(name for fact in facts for name in fact) if name not in HIDDEN]
        fact = {name: packed([fact.get(name) for fact in facts]) for name in fields}

        def said(packs: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
            return {name: column for name, column in packs.items() if column["v"] != [None]}

        tables.append(
            {
                "kind": kind.replace("_", " "),
                "numbers": packed_numbers([event.seq for event in listed]),
                "columns": said(columns),
                "fact": said(fact),
            }
        )
    return tables


def script_json(data: Any) -> Markup:
    """Return data as JSON for an element of a page: no text in it can end the element or open another."""
    text = msgspec.json.encode(data, enc_hook=str).decode()
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _override(event: Event) -> str | None:
    return None if event.override is None else str(event.override)
