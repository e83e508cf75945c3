"""A snapshot: what the record says at a data cutoff, and nothing later."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from posology.conduct.trial import Trial
from posology.record import facts as f
from posology.record.snapshot import SnapshotError, last_locked_cutoff, take_snapshot
from posology.record.state import State
from tests.conftest import Clock, treat

CUTOFF = date(2030, 1, 20)


def effective(state: State) -> list[object]:
    return [e for line in (state.trial, *state.patients.values()) for e in line.events]


def test_nothing_later_is_in_it(imgn853: Trial) -> None:
    snapshot = take_snapshot(imgn853.events(), date(2013, 5, 10))
    assert all(e.occurred <= snapshot.cutoff and e.seq <= snapshot.head.seq for e in snapshot.events.values())
    assert {e.seq for e in effective(snapshot.state)} <= set(snapshot.events)  # type: ignore[attr-defined]
    assert snapshot.lock is not None and snapshot.head == snapshot.lock
    with pytest.raises(TypeError):
        snapshot.events[1] = snapshot.head  # type: ignore[index]


def test_a_later_date_inside_an_earlier_fact_is_not_known(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    event = f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True, ended="2030-02", outcome="RECOVERED/RESOLVED")
    trial.record(event, patient="001", by="Dr A")
    clock.to("2030-03-01")
    (before,) = take_snapshot(trial.events(), CUTOFF).state.patients["001"].toxicities
    (after,) = take_snapshot(trial.events(), date(2030, 2, 28)).state.patients["001"].toxicities
    assert (before.fact.ended, before.fact.outcome) == (None, None)
    assert (after.fact.ended, after.fact.outcome) == ("2030-02", "RECOVERED/RESOLVED")
    assert before.event.hash == after.event.hash


def test_a_voided_lock_locks_nothing(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    clock.to("2030-02-01")
    lock = trial.lock(CUTOFF, by="Dr A")
    trial.record(f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True), patient="001", by="Dr A")
    locked = take_snapshot(trial.events(), CUTOFF)
    assert (last_locked_cutoff(trial.events()), locked.lock, locked.head.seq) == (CUTOFF, lock, lock.seq)
    trial.void(lock.seq, by="Dr A", reason="the wrong day")
    opened = take_snapshot(trial.events(), CUTOFF)
    assert (last_locked_cutoff(trial.events()), opened.lock) == (None, None)
    assert opened.head.seq == trial.events()[-1].seq


def test_as_the_record_knew_it_at_a_moment(trial: Trial, clock: Clock) -> None:
    treat(trial, "001", 1)
    moment = datetime(2030, 1, 10, tzinfo=UTC)
    clock.to("2030-02-01")
    fact = f.AdverseEvent(ae="1", term="Nausea", grade=1, related=True)
    late = trial.record(fact, patient="001", by="Dr A", occurred=date(2030, 1, 5))
    assert late.seq in take_snapshot(trial.events(), CUTOFF).events
    assert late.seq not in take_snapshot(trial.events(), CUTOFF, known_by=moment).events
    assert late.seq not in take_snapshot(trial.events(), CUTOFF, known_by=late.seq - 1).events


def test_a_record_that_says_nothing(trial: Trial) -> None:
    with pytest.raises(SnapshotError, match="the trial was created on 2030-01-01, after the cutoff 2029-01-01"):
        take_snapshot(trial.events(), date(2029, 1, 1))
    with pytest.raises(SnapshotError, match="the record holds no event"):
        take_snapshot([], CUTOFF)
