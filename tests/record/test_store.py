"""The record in its two stores: nothing acknowledged is lost, nothing half-written, two writers never both act."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest

from posology.conduct.trial import Trial
from posology.record import facts as f
from posology.record.jsonl import read, write
from posology.record.store import Conflict, Head, Store, StoreError
from tests.conftest import Clock


def test_what_is_recorded_is_read_back(place: str, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    with Trial.create(place, imgn853_document, by="Dr A", clock=clock) as trial:
        trial.record(f.Consented(), patient="001", by="Dr A", reason="ünïcode ✓")
    with Trial.open(place, clock) as trial:
        created, consented = trial.events()
    assert (created.kind, consented.kind, consented.patient) == ("trial_created", "consented", "001")
    assert consented.reason == "ünïcode ✓"
    assert consented.occurred == date(2030, 1, 1)


def test_the_second_of_two_writers_gets_a_conflict(place: str, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    Trial.create(place, imgn853_document, by="Dr A", clock=clock).close()
    with Trial.open(place, clock) as one, Trial.open(place, clock) as two:
        first, second = one.pending_events(), two.pending_events()
        for pending, who in ((first, "001"), (second, "002")):
            pending.add(f.Consented(), patient=who, occurred=date(2030, 1, 1), recorded=clock(), by="Dr A")
        one.commit(first)
        with pytest.raises(Conflict, match="somebody else has written"):
            two.commit(second)
        assert [e.patient for e in two.events()] == [None, "001"]


def test_a_trial_is_never_overwritten(place: str, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    Trial.create(place, imgn853_document, by="Dr A", clock=clock).close()
    with pytest.raises(StoreError, match="already"):
        Trial.create(place, imgn853_document, by="Dr B", clock=clock)


def test_export_and_import_are_the_same_bytes(place: str, imgn853: Trial, tmp_path: Path) -> None:
    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    count = write(imgn853.store.rows(), one)
    rows, name = read(one)
    with Store.create(place, name, rows) as restored:
        assert write(restored.rows(), two) == count == 469
        assert restored.check() == restored.head()
    assert one.read_bytes() == two.read_bytes()


def test_two_trials_in_one_database(postgresql: str, clock: Clock, imgn853_document: dict[str, Any]) -> None:
    import psycopg

    with psycopg.connect(postgresql, autocommit=True) as server:
        server.execute("CREATE DATABASE several")
    place = postgresql.replace("/postgres", "/several")
    other = {**imgn853_document, "trial": {**imgn853_document["trial"], "id": "OTHER"}}
    Trial.create(place, imgn853_document, by="Dr A", clock=clock).close()
    Trial.create(place, other, by="Dr A", clock=clock).close()
    with pytest.raises(StoreError, match="holds 2 trials"):
        Trial.open(place)
    with Trial.open(place + "#OTHER") as trial:
        assert trial.state().protocol().trial.id == "OTHER"
    with pytest.raises(StoreError, match="no trial 'NONE'"):
        Trial.open(place + "#NONE")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all, but long enough to be looked at" * 50, "not a Posology record"),
        (b"", "not a Posology record"),
    ],
)
def test_a_file_that_is_no_record(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "x.posology"
    path.write_bytes(content)
    with pytest.raises(StoreError, match=said):
        Store.open(path)


def test_no_file() -> None:
    with pytest.raises(StoreError, match="there is no trial at nowhere"):
        Store.open("nowhere")


def test_a_password_is_never_shown() -> None:
    with pytest.raises(StoreError) as error:
        Store.open("postgresql://u:secret@127.0.0.1:1/db")
    assert "secret" not in str(error.value)


WRITER = """
import sys
from datetime import UTC, datetime
from posology.conduct.trial import Trial
from posology.record import facts as f
trial = Trial.open(sys.argv[1])
number = len(trial.events())
while True:
    pending = trial.pending_events()
    for _ in range(3):
        number += 1
        now = datetime.now(UTC)
        pending.add(f.Consented(), patient=f"P{number}", occurred=now.date(), recorded=now, by="w")
    trial.commit(pending)
    print(pending.head.seq, flush=True)
"""


@pytest.mark.parametrize("times", [12, pytest.param(200, marks=pytest.mark.slow)])
def test_a_killed_writer_loses_nothing_it_acknowledged(
    place: str, imgn853_document: dict[str, Any], times: int
) -> None:
    """A writer that appends three events at a time is killed at random moments, again and again."""
    Trial.create(place, imgn853_document, by="Dr A", recorded=datetime(2020, 1, 1, tzinfo=UTC)).close()
    chance = random.Random(853)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    for _ in range(times):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, place], stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        assert writer.stdout is not None
        acknowledged = [writer.stdout.readline()]  # it has begun
        time.sleep(chance.uniform(0, 0.06))
        os.killpg(writer.pid, signal.SIGKILL)
        acknowledged += writer.stdout.read().splitlines(keepends=True)
        writer.stdout.close()
        writer.wait()
        complete = [int(line) for line in acknowledged if line.endswith(b"\n")]
        with Store.open(place) as store:
            rows, head = list(store.rows()), store.check()
        assert head == (rows[-1].seq, rows[-1].hash)
        assert len(rows) >= complete[-1]
        assert (len(rows) - 1) % 3 == 0, "a batch of three was half-written"


def killed_again_and_again(place: str, times: int) -> tuple[int, int]:
    """Fork a writer and kill it, many times; return how many events are there, and the last number acknowledged."""
    chance, last = random.Random(853), 1
    for _ in range(times):
        read, write_to = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                append_batches(place, write_to, count())
            finally:
                os._exit(1)
        os.close(write_to)
        time.sleep(chance.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with os.fdopen(read, "rb") as said:
            complete = [int(line) for line in said.read().splitlines(keepends=True) if line.endswith(b"\n")]
        last = max([last, *complete])
        with Store.open(place) as store:
            assert last <= store.head().seq, "an acknowledged event is gone"
    with Store.open(place) as store:
        events = store.check().seq
    append_batches(place, os.open(os.devnull, os.O_WRONLY), range(1))
    return events, last


def append_batches(place: str, acknowledge: int, batches: Iterable[int]) -> None:
    """Append three events at a time that follow the head, without the rules, and acknowledge each number."""
    from posology.record.event import Event, to_stored

    with Store.open(place) as store:
        head = store.head()
        for _ in batches:
            rows = []
            for _ in range(3):
                event = Event(
                    seq=head.seq + 1,
                    occurred=date(2030, 1, 1),
                    recorded=datetime(2030, 1, 1, tzinfo=UTC),
                    author="w",
                    kind="consented",
                    patient=f"P{head.seq + 1}",
                    fact=f.Consented(),
                    prev=head.hash,
                    hash="",
                )
                rows.append(to_stored(event))
                head = Head(rows[-1].seq, rows[-1].hash)
            store.append(rows, after=Head(rows[0].seq - 1, rows[0].prev))
            os.write(acknowledge, f"{head.seq}\n".encode())


@pytest.mark.parametrize("records", [1, pytest.param(170, marks=pytest.mark.slow)])
def test_thousands_of_kills_lose_nothing(tmp_path: Path, imgn853_document: dict[str, Any], records: int) -> None:
    """Sixty kills a record, 10,200 in all. What is left of a journal is cleared by the next write."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as small:  # where a fork is cheap
        for number in range(records):
            place = str(tmp_path / f"{number}.posology")
            Trial.create(place, imgn853_document, by="Dr A", recorded=datetime(2020, 1, 1, tzinfo=UTC)).close()
            events, acknowledged = small.submit(killed_again_and_again, place, 60).result()
            assert events >= acknowledged
            assert (events - 1) % 3 == 0, "a batch of three was half-written"
            assert not list(tmp_path.glob("*-journal"))


RACER = """
import sys
from posology.conduct.trial import Trial
from posology.record import facts as f
with Trial.open(sys.argv[1]) as trial:
    for n in range(int(sys.argv[3])):
        trial.record(f.Consented(), patient=f"{sys.argv[2]}-{n}", by=sys.argv[2])
"""


def test_four_writers_about_different_patients_at_once(place: str, imgn853_document: dict[str, Any]) -> None:
    Trial.create(place, imgn853_document, by="Dr A", recorded=datetime(2020, 1, 1, tzinfo=UTC)).close()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, place, name, "8"], env=environment, stderr=subprocess.PIPE)
        for name in "ABCD"
    ]
    said = [racer.communicate()[1].decode() for racer in racers]
    assert [racer.returncode for racer in racers] == [0] * 4, said
    with Trial.open(place) as trial:
        assert sorted(trial.state().patients) == sorted(f"{name}-{n}" for name in "ABCD" for n in range(8))
        assert trial.store.check().seq == 33
