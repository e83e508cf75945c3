"""What the page carries, packed: it comes back as it was."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from posology.conduct.trial import Trial
from posology.readout.cited import Sources
from posology.readout.page_data import EventIndex, packed, packed_events, packed_numbers, script_json
from posology.record.snapshot import take_snapshot


def column(packs: dict[str, list[Any]]) -> list[Any]:
    """Unpack a column, as the page's script does."""
    found: list[Any] = []
    place = 0
    for step in packs["r"]:
        place = step if step >= 0 else place
        found += [packs["v"][place]] * (-step if step < 0 else 1)
    return found


def rising(steps: list[int]) -> list[int]:
    """Unpack rising numbers, as the page's script does."""
    found: list[int] = []
    at = step = 0
    for number in steps:
        step = number if number >= 0 else step
        for _ in range(-number if number < 0 else 1):
            at += step
            found.append(at)
    return found


@given(st.lists(st.sampled_from(["a", "b", None, 1, 1.0, True, False, 0, 2.5]), max_size=40))
def test_a_column_comes_back(values: list[Any]) -> None:
    back = column(packed(values))
    assert [(type(v), v) for v in back] == [(type(v), v) for v in values]


@given(st.sets(st.integers(1, 500), max_size=60))
def test_numbers_come_back(numbers: set[int]) -> None:
    assert rising(packed_numbers(sorted(numbers))) == sorted(numbers)


def test_every_event_comes_back(imgn853: Trial) -> None:
    snapshot = take_snapshot(imgn853.events(), date(2013, 5, 10))
    found: dict[int, tuple[str, str, str, dict[str, Any]]] = {}
    for kind in packed_events(snapshot.events, snapshot.events):
        facts = {name: column(values) for name, values in kind["fact"].items()}
        columns = {name: column(values) for name, values in kind["columns"].items()}
        for row, number in enumerate(rising(kind["numbers"])):
            fact = {name: values[row] for name, values in facts.items() if values[row] is not None}
            found[number] = (kind["kind"], str(columns["occurred"][row]), columns["patient"][row], fact)
    assert set(found) == set(snapshot.events)
    for number, event in snapshot.events.items():
        kind, occurred, patient, fact = found[number]
        assert (kind, occurred, patient) == (event.kind.replace("_", " "), str(event.occurred), event.patient or "")
        hidden = ("protocol", "advice", "changes")
        assert fact == {k: v for k, v in vars(event.fact).items() if v is not None and k not in hidden}


def test_a_group_is_named_once(imgn853: Trial) -> None:
    events = imgn853.events()[:20]
    index = EventIndex()
    assert index.refer([Sources(events[:2])]) == "1 2"
    assert [index.refer([Sources(events)]), index.refer([Sources(events[:3]), Sources(events)])] == ["s0", "1 2 3 s0"]
    assert (len(index.groups), index.numbers) == (1, {e.seq for e in events})


def test_no_text_ends_the_element() -> None:
    assert (
        script_json({"term": "<!--<script></script>&"})
        == '{"term":"\\u003c!--\\u003cscript\\u003e\\u003c/script\\u003e\\u0026"}'
    )
