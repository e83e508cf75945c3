"""Reservations that lapse, and who comes first where slots are few."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.enrolment_queue import queue
from posology.conduct.trial import Trial
from posology.record import facts as f
from tests.conduct.test_rules import day, refused
from tests.conftest import Clock, screen


@pytest.fixture
def waiting(tmp_path: Path, clock: Clock, imgn853_document: dict[str, Any]) -> Iterator[Trial]:
    plan = imgn853_document | {"enrolment": {"reservation_days": 7, "queue": "consent"}}
    with Trial.create(tmp_path / "t.posology", plan, by="Dr A", clock=clock) as trial:
        yield trial


def test_a_free_slot_goes_to_who_has_waited_longest(waiting: Trial, clock: Clock) -> None:
    for patient in ("001", "002"):
        screen(waiting, patient)
        clock.to("2030-01-03")
    state = waiting.state()
    assert queue(state, state.protocol(), day("2030-01-03")) == ["001", "002"]
    refused(waiting, f.SlotReserved(level=1), "002", "first-in-the-queue", "1 slot free, and 001 has waited longer")
    waiting.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    assert queue(waiting.state(), state.protocol(), day("2030-01-03")) == ["002"]


def test_a_reservation_lapses(waiting: Trial, clock: Clock) -> None:
    for patient in ("001", "002"):
        screen(waiting, patient)
    waiting.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    clock.to("2030-01-08")
    refused(waiting, f.SlotReserved(level=1), "002", "slot-is-free", ": taken by 001")
    clock.to("2030-01-09")
    refused(waiting, f.Enrolled(level=1), "001", "slot-is-reserved", "lapsed on 2030-01-09: reserve one again")
    refused(waiting, f.SlotReserved(level=1), "002", "first-in-the-queue", "001 has waited longer")
    waiting.record(f.SlotReserved(level=1), patient="001", by="Dr A")
    assert waiting.record(f.Enrolled(), patient="001", by="Dr A").fact.level == 1  # type: ignore[attr-defined]
