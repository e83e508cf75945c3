"""What lies beside a record after a crash: its own journal is settled, another's is refused, drafts are cleaned up."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posology.conduct.trial import Trial
from posology.record import facts as f
from posology.record.store import Store, StoreError
from tests.conftest import Clock

CRASH = """
import os, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA cache_size = 1"); db.execute("PRAGMA cache_spill = 1")
db.execute("BEGIN IMMEDIATE")
db.execute("UPDATE heads SET seq = seq + 1")
db.executemany("INSERT INTO events SELECT trial, ?, occurred, recorded, author, kind, patient, fact, reason, supersedes,"
               " override, provenance, prev, hash FROM events WHERE seq = 1", [(n,) for n in range(1000, 1400)])
os._exit(9)
"""


@pytest.fixture
def path(trial: Trial, clock: Clock) -> Path:
    for number in range(5):
        trial.record(f.Consented(), patient=f"10{number}", by="Dr A")
    trial.close()
    return Path(trial.store.name)


def journal_of(path: Path) -> Path:
    return Path(f"{path}-journal")


def crash(path: Path) -> None:
    """Kill a writer in the middle: pages of its transaction are in the file, and the journal holds those before it."""
    subprocess.run([sys.executable, "-c", CRASH, str(path)], check=False)
    assert journal_of(path).stat().st_size > 0


def test_a_write_that_was_interrupted_is_taken_back(path: Path) -> None:
    crash(path)
    with Store.open(path) as store:
        assert store.check().seq == 6
    assert not journal_of(path).exists()
    assert sorted(p.name for p in path.parent.glob(".*")) == []


def test_the_journal_of_another_record_is_refused_and_nothing_is_touched(
    path: Path, tmp_path: Path, imgn853: Trial
) -> None:
    imgn853.close()
    crash(Path(imgn853.store.name))
    shutil.copy(journal_of(Path(imgn853.store.name)), journal_of(path))
    before = path.read_bytes(), journal_of(path).read_bytes()
    with pytest.raises(StoreError, match="was not left by an interrupted write to this record"):
        Store.open(path)
    assert before == (path.read_bytes(), journal_of(path).read_bytes())
    journal_of(path).unlink()
    with Store.open(path) as store:
        assert store.check().seq == 6


@pytest.mark.parametrize("writes", [1, 3])
def test_an_earlier_journal_of_the_record_takes_nothing_back(path: Path, clock: Clock, writes: int) -> None:
    """A journal of the record as it was before its last writes, which SQLite alone would apply."""
    copy = path.with_name("copy.posology")
    shutil.copy(path, copy)
    crash(copy)
    with Trial.open(path, clock) as trial:
        for number in range(writes):
            trial.record(f.Consented(), patient=f"20{number}", by="Dr A")
    shutil.copy(journal_of(copy), journal_of(path))
    with Store.open(path) as store:
        assert store.check().seq == 6 + writes
    assert not journal_of(path).exists()


def test_a_journal_left_while_the_record_is_open(path: Path, clock: Clock, imgn853: Trial) -> None:
    imgn853.close()
    crash(Path(imgn853.store.name))
    with Trial.open(path, clock) as trial:
        trial.events()
        crash(path)
        trial.record(f.Consented(), patient="301", by="Dr A")
        shutil.copy(journal_of(Path(imgn853.store.name)), journal_of(path))
        for use in (trial.events, trial.store.check, lambda: trial.record(f.Consented(), patient="302", by="Dr A")):
            with pytest.raises(StoreError, match="was not left by an interrupted write to this record"):
                use()  # type: ignore[operator]
        journal_of(path).unlink()
        assert trial.store.check().seq == 7


def test_a_journal_of_nonsense(path: Path) -> None:
    journal_of(path).write_bytes(b"this is no journal at all" * 100)
    try:
        with Store.open(path) as store:
            assert store.check().seq == 6
    except StoreError as error:
        assert "journal" in str(error)


def test_a_write_ahead_log_beside_it_is_refused(path: Path) -> None:
    log = Path(f"{path}-wal")
    log.write_bytes(b"\x37\x7f\x06\x82" + b"x" * 100)
    with pytest.raises(StoreError, match="another program wrote to it"):
        Store.open(path)
    assert log.exists()


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TRIGGER quiet AFTER INSERT ON events BEGIN UPDATE events SET author = 'x' WHERE seq = new.seq; END",
        "CREATE VIEW other AS SELECT * FROM events",
        "CREATE TABLE notes (x)",
    ],
)
def test_what_no_record_holds_is_refused(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    with pytest.raises(StoreError, match="which no record of a trial holds"):
        Store.open(path)


def test_drafts_left_behind_are_removed_and_those_in_work_are_not(path: Path) -> None:
    import fcntl

    left, young, in_work = (path.parent / f".{path.name}.{name}" for name in ("aaaaaaaa", "bbbbbbbb", "cccccccc"))
    for draft in (left, young, in_work):
        (draft / "new").mkdir(parents=True)
        (draft / "new" / path.name).write_text("patients' data")
    for draft in (left, in_work):
        os.utime(draft, (time.time() - 3600,) * 2)
    handle = os.open(in_work, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    Store.open(path).close()
    os.close(handle)
    assert [draft.exists() for draft in (left, young, in_work)] == [False, True, True]


def test_a_record_is_kept_so_that_a_power_cut_takes_nothing_back(path: Path) -> None:
    with Store.open(path) as store:
        settings = {name: store._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("synchronous", "journal_mode")}
    assert settings == {"synchronous": 3, "journal_mode": "delete"}
