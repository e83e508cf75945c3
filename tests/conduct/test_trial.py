"""A trial that several people write to at once, and a clock that is set back."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.trial import PendingEvents, Refused, Trial, end_of_day
from posology.record import facts as f
from posology.record.event import Event
from posology.record.store import Conflict, Head, Store
from tests.conftest import Clock, screen


def between(trial: Trial, *others: Any) -> None:
    """Have others write in the moment between a writer's reading and writing, once each."""
    append, waiting = trial.store.append, list(others)

    def interrupted(rows: Any, after: Head) -> None:
        if waiting:
            waiting.pop(0)()
        append(rows, after)

    trial.store.append = interrupted  # type: ignore[method-assign]


def test_two_writers_about_different_patients_both_succeed(
    place: str, clock: Clock, imgn853_document: dict[str, Any]
) -> None:
    Trial.create(place, imgn853_document, by="Dr A", clock=clock).close()
    with Trial.open(place, clock) as one, Trial.open(place, clock) as two:
        between(one, *[lambda p=p: two.record(f.Consented(), patient=p, by="Dr B") for p in ("101", "102", "103")])
        assert one.record(f.Consented(), patient="001", by="Dr A").seq == 5
        assert [e.patient for e in two.events()] == [None, "101", "102", "103", "001"]
        assert one.state() == two.state()
        one.store.check()


def test_two_writers_about_one_patient_do_not(place: str, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    Trial.create(place, imgn853_document, by="Dr A", clock=clock).close()
    with Trial.open(place, clock) as one, Trial.open(place, clock) as two:
        one.record(f.Consented(), patient="001", by="Dr A")
        between(one, lambda: two.record(f.PriorTherapy(regimens=2), patient="001", by="Dr B"))
        with pytest.raises(Conflict, match="nothing was recorded"):
            one.record(f.PriorTherapy(regimens=3), patient="001", by="Dr A")
        assert len(one.events()) == 3


def test_what_others_wrote_is_asked_about_again(trial: Trial, clock: Clock) -> None:
    """The last slot is taken by another in the moment between: the rules say so."""
    screen(trial, "001")
    screen(trial, "002")
    with Trial.open(trial.store.name, clock) as other:
        between(trial, lambda: other.record(f.SlotReserved(level=1), patient="002", by="Dr B"))
        with pytest.raises(Refused, match="slot-is-free"):
            trial.record(f.SlotReserved(level=1), patient="001", by="Dr A")


def test_nobody_tries_for_ever(trial: Trial, clock: Clock) -> None:
    with Trial.open(trial.store.name, clock) as other:
        writes = [lambda n=n: other.record(f.Consented(), patient=f"2{n:03}", by="Dr B") for n in range(50)]
        between(trial, *writes)
        with pytest.raises(Conflict):
            trial.record(f.Consented(), patient="001", by="Dr A")
        assert len(trial.events()) == 21


def test_a_clock_set_back_blocks_nobody(trial: Trial, clock: Clock) -> None:
    trial.record(f.Consented(), patient="001", by="Dr A")
    ahead = clock.time
    clock.time -= timedelta(days=1)
    event = trial.record(f.Consented(), patient="002", by="Dr A")
    assert (event.recorded, event.occurred) == (ahead, date(2029, 12, 31))
    trial.store.check()


def test_only_what_is_new_is_read(trial: Trial, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    each = Store.each_event
    monkeypatch.setattr(
        Store,
        "each_event",
        lambda self, *a: (read.append(e.seq) or e for e in each(self, *a)),  # type: ignore[func-returns-value]
    )
    with Trial.open(trial.store.name, clock) as other:
        other.record(f.Consented(), patient="001", by="Dr A")
        assert read == [1]
        trial.record(f.Consented(), patient="002", by="Dr A")  # read 1 when it was created, 2 now
        other.record(f.Consented(), patient="003", by="Dr A")
        assert sorted(read) == [1, 1, 2, 3]
    assert trial.state() == Trial.open(trial.store.name).state()


def test_the_day_is_the_users_day(trial: Trial, clock: Clock) -> None:
    """Half past one at night in Tokyo is the day before in Greenwich."""
    clock.time = datetime(2030, 3, 2, 1, 30, tzinfo=timezone(timedelta(hours=9)))
    event = trial.record(f.Consented(), patient="001", by="Dr A")
    assert event.occurred == date(2030, 3, 2)
    assert event.recorded.astimezone(UTC) == datetime(2030, 3, 1, 16, 30, tzinfo=UTC)


def test_the_end_of_a_day_is_its_end_where_the_user_is() -> None:
    code = (
        "from datetime import date; from posology.conduct.trial import end_of_day; print(end_of_day(date(2030, 3,"
        " 2)).isoformat())"
    )
    source = str(Path(__file__).parents[2] / "src")
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"TZ": "Asia/Tokyo", "PYTHONPATH": source},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "2030-03-02T23:59:59.999999+09:00"
    assert end_of_day(date(2030, 3, 2)).tzinfo is not None


def test_a_record_that_was_edited_is_neither_read_nor_written(imgn853: Trial, clock: Clock) -> None:
    import sqlite3

    imgn853.close()
    with sqlite3.connect(imgn853.store.name) as db:
        (seq,) = db.execute("SELECT seq FROM events WHERE kind = 'dlt_adjudicated' AND fact LIKE '%true%'").fetchone()
        db.execute("UPDATE events SET fact = replace(fact, 'true', 'false') WHERE seq = ?", (seq,))
    db.close()
    uses = (
        lambda t: t.advise(),
        lambda t: t.state(),
        lambda t: t.events(),
        lambda t: t.lock(date(2013, 5, 10), by="Dr A"),
        lambda t: t.record(f.Consented(), patient="999", by="Dr A"),
        lambda t: list(t.store.rows()),
    )
    for use in uses:
        with Trial.open(imgn853.store.name, clock) as trial, pytest.raises(Exception, match=f"event {seq}: changed"):
            use(trial)


def test_pending_events_do_not_show_in_the_trial(trial: Trial, clock: Clock) -> None:
    pending: PendingEvents = trial.pending_events()
    event: Event = pending.add(f.Consented(), patient="001", occurred=date(2030, 1, 1), recorded=clock(), by="Dr A")
    assert (event.seq, pending.find(2), len(trial.events()), trial.state().patients) == (2, event, 1, {})
    trial.commit(pending)
    assert trial.state() == pending.state
    assert trial.events()[1] == event


def test_a_protocol_that_does_not_hold_together_begins_no_trial(
    tmp_path: Path, imgn853_document: dict[str, Any]
) -> None:
    document = {k: v for k, v in imgn853_document.items() if k not in ("titration", "amendments")}
    document["design"] = {"method": "crm", "skeleton": [0.1, 0.2], "target": 0.25}
    with pytest.raises(ValueError, match="skeleton has 2 rates: give one for each of the 7 levels"):
        Trial.create(tmp_path / "t.posology", document, by="Dr A")
    assert not list(tmp_path.iterdir())
