"""What somebody does to the record behind its back, and what `verify` says of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from posology.conduct.trial import Trial
from posology.record.audit import examine
from posology.record.store import Store, StoreError, Tampered
from posology.record.witness import NotedHead


def attack(path: Path, *statements: str) -> list[str]:
    """Edit the SQLite file by hand and return what verify finds."""
    with sqlite3.connect(path) as db:
        for statement in statements:
            db.execute(statement)
    db.close()
    try:
        with Store.open(path) as store:
            store.check()
    except Tampered as error:
        return [str(finding) for finding in error.findings]
    return []


@pytest.fixture
def path(imgn853: Trial) -> Path:
    imgn853.close()
    return Path(imgn853.store.name)


def test_untouched(path: Path) -> None:
    assert attack(path) == []


@pytest.mark.parametrize(
    "change",
    [
        "fact = replace(fact, '3', '4')",
        "occurred = '2013-01-01'",
        "recorded = '2012-06-06T00:00:00.000000Z'",
        "author = 'somebody'",
        "patient = '0401-002'",
        "reason = 'none'",
        "kind = 'consented'",
        "supersedes = 3",
        'override = \'{"by":"x","facts":[],"rules":[],"why":"y"}\'',
        "provenance = '{}'",
    ],
)
def test_any_changed_column_is_named(path: Path, change: str) -> None:
    found = attack(path, f"UPDATE events SET {change} WHERE seq = 10")
    assert [f.partition(":")[0] for f in found] == ["event 10"]
    assert "changed" in found[0]


def test_dropped_from_the_middle(path: Path) -> None:
    assert attack(path, "DELETE FROM events WHERE seq = 50") == ["event 50: dropped: event 50 is missing"]


def test_several_dropped(path: Path) -> None:
    assert attack(path, "DELETE FROM events WHERE seq BETWEEN 50 AND 59") == [
        "event 50: dropped: events 50 to 59 are missing"
    ]


def test_dropped_from_the_end(path: Path) -> None:
    assert attack(path, "DELETE FROM events WHERE seq > 467") == [
        "event 468: dropped: events 468 to 469 are missing from the end"
    ]


def test_dropped_and_renumbered(path: Path) -> None:
    found = attack(
        path,
        "DELETE FROM events WHERE seq = 50",
        "UPDATE events SET seq = -seq WHERE seq > 50",
        "UPDATE events SET seq = -seq - 1 WHERE seq < 0",
    )
    assert any(f.startswith("event 50: does not follow event 49") for f in found)


def test_swapped(path: Path) -> None:
    found = attack(
        path,
        "UPDATE events SET seq = -1 WHERE seq = 50",
        "UPDATE events SET seq = 50 WHERE seq = 60",
        "UPDATE events SET seq = 60 WHERE seq = -1",
    )
    assert found == ["event 50: moved: by its hash it is event 60", "event 60: moved: by its hash it is event 50"]


def test_duplicated_at_the_end(path: Path) -> None:
    columns = "occurred, recorded, author, kind, patient, fact, reason, supersedes, override, provenance, prev, hash"
    found = attack(
        path, f"INSERT INTO events (trial, seq, {columns}) SELECT trial, 470, {columns} FROM events WHERE seq = 40"
    )
    assert len(found) == 1
    assert found[0].startswith("event 470: inserted: it is not part of the chain, a copy of event 40")


def test_inserted_in_the_middle(path: Path) -> None:
    columns = "occurred, recorded, author, kind, patient, fact, reason, supersedes, override, provenance, prev, hash"
    found = attack(
        path,
        "UPDATE events SET seq = -seq WHERE seq >= 100",
        "UPDATE events SET seq = 1 - seq WHERE seq < 0",
        f"INSERT INTO events (trial, seq, {columns}) SELECT trial, 100, {columns} FROM events WHERE seq = 40",
    )
    assert len(found) == 1
    assert found[0].startswith("event 100: inserted: it is not part of the chain, a copy of event 40")


def test_a_rewritten_hash_shows_in_the_next_event(path: Path) -> None:
    with Store.open(path) as store:
        row = next(r for r in store.rows() if r.seq == 10)
    import msgspec

    forged = msgspec.structs.replace(row, author="somebody")
    found = attack(path, f"UPDATE events SET author = 'somebody', hash = '{forged.digest()}' WHERE seq = 10")
    assert any("event 10 was rewritten with its hash" in f for f in found)


def test_a_whole_chain_rewritten_shows_against_a_head_kept_elsewhere(path: Path) -> None:
    with Store.open(path) as store:
        rows = list(store.rows())
    witness = NotedHead(trial="x", seq=rows[-1].seq, hash=rows[-1].hash, noted="2030-01-01T00:00", why="read")
    import msgspec

    prev, forged = rows[8].hash, rows[:9]
    for row in rows[9:]:
        row = msgspec.structs.replace(row, author="somebody", prev=prev)
        row = msgspec.structs.replace(row, hash=row.digest())
        forged.append(row)
        prev = row.hash
    assert examine(forged, [(len(forged), prev)]) == []
    assert [t.seq for t in examine(forged, [(len(forged), prev)], noted=[witness])] == [469]


def test_an_edited_head(path: Path) -> None:
    assert attack(path, "UPDATE heads SET hash = 'x'") != []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET seq = 'x' WHERE seq = 5",
        "UPDATE heads SET seq = 'x'",
        "UPDATE events SET fact = 'no json' WHERE seq = 5",
        "UPDATE events SET fact = x'00ff' WHERE seq = 5",
        "UPDATE events SET kind = 'unknown' WHERE seq = 5",
        "DELETE FROM events",
        "UPDATE events SET occurred = 'yesterday' WHERE seq = 5",
        "DELETE FROM heads",
        "DROP TABLE events",
        "DROP TABLE heads",
    ],
)
def test_whatever_is_done_is_told_in_words(path: Path, statement: str, tmp_path: Path) -> None:
    """Deciding on a damaged record is refused, and verifying it never ends in a traceback."""
    with sqlite3.connect(path) as db:
        db.execute(statement)
    db.close()
    found: list[object] = []
    try:
        with Store.open(path) as store:
            store.check()
    except StoreError as error:
        found.append(error)
    assert found
    if "seq = 5" in statement or "DROP" in statement:
        with pytest.raises(StoreError), Trial.open(path) as trial:
            trial.events()


WITHOUT_KEYS = (
    "CREATE TABLE loose AS SELECT * FROM events",
    "DROP TABLE events",
    "ALTER TABLE loose RENAME TO events",
)
"""The table of events without its key and its types, as somebody makes it who wants to put anything in."""
COPY = (
    "SELECT trial, {}, occurred, recorded, author, kind, patient, fact, reason, supersedes, override, provenance, prev,"
    " hash"
)


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (
            [*WITHOUT_KEYS, f"INSERT INTO events {COPY.format(40)} FROM events WHERE seq = 41"],
            "event 40: inserted: a second",
        ),
        (
            [*WITHOUT_KEYS, f"INSERT INTO events {COPY.format(469)} FROM events WHERE seq = 469"],
            "event 469: inserted: a second",
        ),
        ([*WITHOUT_KEYS, f"INSERT INTO events {COPY.format('NULL')} FROM events WHERE seq = 41"], "its seq is None"),
        ([*WITHOUT_KEYS, f"INSERT INTO events {COPY.format(0)} FROM events WHERE seq = 41"], "event 0|inserted"),
        ([*WITHOUT_KEYS, f"INSERT INTO events {COPY.format(-3)} FROM events WHERE seq = 41"], "event -3: inserted"),
        ([*WITHOUT_KEYS, f"INSERT INTO events {COPY.format(40.5)} FROM events WHERE seq = 41"], "its seq is 40.5"),
        ([f"INSERT INTO events {COPY.format(470)} FROM events WHERE seq = 41"], "event 470: inserted"),
        (["DELETE FROM events"], "emptied: it holds no event"),
        (["DELETE FROM events", "UPDATE heads SET seq = 0, hash = '" + "0" * 64 + "'"], "emptied: it holds no event"),
        (["DELETE FROM events WHERE seq > 0", "DELETE FROM heads"], "holds no trial any more"),
        (["UPDATE events SET trial = 'X'", "UPDATE heads SET trial = 'X'"], "renamed: it is kept as the record of 'X'"),
        (["UPDATE heads SET trial = 'X'"], "emptied|no event"),
        (["UPDATE events SET trial = 'X' WHERE seq = 40"], "event 40: dropped"),
        ([*WITHOUT_KEYS, "UPDATE events SET author = 5 WHERE seq = 40"], "event 40: changed"),
        (["UPDATE events SET fact = CAST(fact AS BLOB) WHERE seq = 40"], "event 40: its fact is b"),
        (["UPDATE events SET author = x'c328' WHERE seq = 40"], "event 40: its author is b"),
        (["UPDATE events SET author = CAST(x'c328' AS TEXT) WHERE seq = 40"], "event 40: changed"),
        (["UPDATE events SET recorded = x'00' WHERE seq = 40"], "event 40: its recorded is b"),
        (["UPDATE events SET patient = 7.5 WHERE seq = 40"], "event 40: changed"),
        (["UPDATE events SET supersedes = 'x' WHERE seq = 40"], "event 40: its supersedes is 'x'"),
        (["UPDATE events SET hash = x'00' WHERE seq = 40"], "event 40: its hash is b"),
        (["UPDATE events SET prev = '' WHERE seq = 40"], "event 40: changed"),
        (["UPDATE heads SET seq = 2.5"], "its own count says 2.5|heads"),
        (["UPDATE heads SET seq = 468"], "the store's own count says 468|469"),
        (["UPDATE heads SET hash = x'00'"], "its own count says"),
        (["UPDATE events SET kind = kind || char(0) WHERE seq = 40"], "event 40: changed"),
        (["UPDATE events SET reason = '' WHERE seq = 40"], "event 40: changed"),
    ],
)
def test_it_is_found_and_named_by_whoever_reads(path: Path, statements: list[str], said: str) -> None:
    """Each by every reader, and never by a traceback."""
    import re

    found = attack(path, *statements)
    assert re.search(said, "\n".join(found)), found
    for read in (Trial.events, Trial.state, Trial.advise):
        with pytest.raises(StoreError, match="not as it was written"), Trial.open(path) as trial:
            read(trial)
    with pytest.raises(StoreError, match="not as it was written"), Trial.open(path) as trial:
        trial.lock(trial.today(), by="Dr A")
