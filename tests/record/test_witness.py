"""Heads kept elsewhere: a tail that was cut off or written anew is found, and nothing else raises the alarm."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import msgspec
import pytest

from posology.conduct.trial import Trial
from posology.record import facts as f
from posology.record.jsonl import write
from posology.record.store import Store, StoreError, Tampered
from posology.record.witness import Witness, read_heads
from tests.conftest import Clock


@pytest.fixture(params=["file", pytest.param("database", marks=pytest.mark.postgresql)])
def witness(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Witness:
    """A witness that this user has named."""
    place = str(tmp_path / "heads.jsonl")
    if request.param == "database":
        import psycopg

        url = request.getfixturevalue("postgresql")
        name = f"w{abs(hash(request.node.nodeid)) % 10**9}"
        with psycopg.connect(url, autocommit=True) as server:
            server.execute(f"CREATE DATABASE {name}")
        place = url.replace("/postgres", f"/{name}")
    monkeypatch.setenv("POSOLOGY_WITNESS", place)
    return Witness(place)


def consent(trial: Trial, *patients: str) -> None:
    for patient in patients:
        trial.record(f.Consented(), patient=patient, by="Dr A")


def cut_off(path: str, last: int) -> None:
    """Take the tail of a record away, so that what is left is sound in itself."""
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM events WHERE seq > ?", (last,))
        db.execute("UPDATE heads SET seq = ?, hash = (SELECT hash FROM events WHERE seq = ?)", (last, last))
    db.close()


def rewrite(path: str, seq: int, author: str) -> None:
    """Write an event and every hash after it anew, so that the chain is sound in itself."""
    with sqlite3.connect(path) as db, Store.open(path) as store:
        _, rows = store.snapshot()
        prev = rows[seq - 2].hash  # type: ignore[union-attr]
        for row in rows[seq - 1 :]:
            assert not isinstance(row, tuple)
            forged = msgspec.structs.replace(row, author=author if row.seq == seq else row.author, prev=prev)
            prev = forged.digest()
            db.execute(
                "UPDATE events SET author = ?, prev = ?, hash = ? WHERE seq = ?",
                (forged.author, forged.prev, prev, row.seq),
            )
        db.execute("UPDATE heads SET hash = ?", (prev,))
    db.close()


def test_every_write_and_the_first_reading_are_noted(witness: Witness, trial: Trial, clock: Clock) -> None:
    consent(trial, "001")
    with Trial.open(trial.store.name, clock) as again:
        again.events()
    assert [(h.seq, h.why) for h in witness.heads(trial.store.trial)] == [(1, "created"), (2, "written")]


def test_a_record_noted_by_nobody_is_noted_when_it_is_read(witness: Witness, imgn853: Trial) -> None:
    imgn853.events()
    imgn853.events()
    assert [(h.seq, h.why) for h in witness.heads(imgn853.store.trial)] == [(469, "read")]


def test_a_tail_cut_off(witness: Witness, trial: Trial, clock: Clock) -> None:
    consent(trial, "001", "002")
    cut_off(trial.store.name, 2)
    with (
        Trial.open(trial.store.name, clock) as again,
        pytest.raises(Tampered, match="cut off: the record ends with event 2"),
    ):
        again.events()


def test_a_chain_written_anew(witness: Witness, trial: Trial, clock: Clock) -> None:
    consent(trial, "001", "002")
    trial.close()
    rewrite_without_witness = pytest.MonkeyPatch()
    with rewrite_without_witness.context() as patch:
        patch.delenv("POSOLOGY_WITNESS")
        rewrite(trial.store.name, 2, "somebody")
        with Store.open(trial.store.name) as store:
            assert store.check().seq == 3  # sound in itself
    with Store.open(trial.store.name) as store, pytest.raises(Tampered, match="written anew"):
        store.check()


def test_a_writer_between_two_readings_is_no_alarm(witness: Witness, trial: Trial, clock: Clock) -> None:
    with Store.open(trial.store.name) as store:
        reading = store.each_event()
        first = next(reading)
        consent(trial, "001", "002")
        assert [first.seq, *(event.seq for event in reading)] == [1]  # as it stood when the reading began
        assert store.check().seq == 3


def test_the_head_of_a_readout_or_an_export_is_a_witness(trial: Trial, tmp_path: Path) -> None:
    consent(trial, "001", "002")
    export, readout = tmp_path / "backup.jsonl", tmp_path / "readout.json"
    write(trial.store.rows(), export)
    head = trial.store.head()
    readout.write_text(
        json.dumps({"head": {"event": head.seq, "hash": head.hash, "recorded": "2030-01-01T12:00:00+00:00"}})
    )
    for place in (export, readout):
        trial.store.check(read_heads(place, trial.store.trial))
    rewrite(trial.store.name, 2, "somebody")
    for place in (export, readout):
        with Store.open(trial.store.name) as store, pytest.raises(Tampered, match="written anew"):
            store.check(read_heads(place, store.trial))


def test_a_witness_that_cannot_be_read_is_not_passed_over(
    trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place, said in ((tmp_path / "gone" / "heads", "there is no folder"), (tmp_path, "cannot be read")):
        monkeypatch.setenv("POSOLOGY_WITNESS", str(place))
        with Store.open(trial.store.name) as store, pytest.raises(StoreError, match=said):
            store.check()
    bad = tmp_path / "heads.jsonl"
    bad.write_text("no head\n")
    monkeypatch.setenv("POSOLOGY_WITNESS", str(bad))
    with Store.open(trial.store.name) as store, pytest.raises(StoreError, match="heads.jsonl:1: this is no head"):
        store.check()
