"""Heads kept elsewhere: what shows that the end of a record was cut off, or its whole chain written anew.

A chain that somebody rewrites from an event to its end is sound in itself. It is found by a *witness*: a file or a
second database, out of reach of those who can write to the record, in which heads (number and hash of the last event)
are noted by every write and every whole reading, and compared at every opening. Name it in ``POSOLOGY_WITNESS``.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec

from posology.record import postgresql
from posology.record.errors import StoreError
from posology.record.event import GENESIS, StoredEvent, utc_timestamp

VARIABLE = "POSOLOGY_WITNESS"
SCHEMA = """CREATE TABLE IF NOT EXISTS noted_heads (trial TEXT NOT NULL, seq BIGINT NOT NULL, hash TEXT NOT NULL,
            noted TEXT NOT NULL, why TEXT NOT NULL)"""


class Head(NamedTuple):
    """The number and hash of a record's last event."""

    seq: int = 0
    hash: str = GENESIS


class NotedHead(msgspec.Struct, frozen=True, kw_only=True):
    """A head as it was noted: of which trial, when (UTC), and on what occasion."""

    trial: str
    seq: int
    hash: str
    noted: str
    why: str

    def __str__(self) -> str:
        when = f", noted {self.noted[:16]}Z when the record was {self.why}" if self.noted else ""
        return f"event {self.seq} with hash {self.hash[:12]}{when}"


class Witness:
    """Where heads are noted: a file of JSON Lines, or a table of a PostgreSQL database."""

    def __init__(self, place: str) -> None:
        self.place = place
        self._is_database = "://" in place

    @classmethod
    def of_this_user(cls) -> Self | None:
        """Return the witness named in the environment; None if none is."""
        place = os.environ.get(VARIABLE, "").strip()
        return cls(place) if place else None

    def heads(self, trial: str) -> list[NotedHead]:
        """Return the heads noted for a trial, oldest first.

        Raises
        ------
        StoreError
            if the witness cannot be read: without it the record is not trusted.
        """
        if self._is_database:
            return self._heads_of_database(trial)
        path = Path(self.place)
        if not path.exists():
            if not path.parent.is_dir():
                raise StoreError(f"{VARIABLE} names {path}: there is no folder {path.parent}")
            return []
        return [head for head in read_heads(path) if head.trial == trial]

    def note(self, trial: str, head: Head, why: str) -> None:
        """Note a head.

        Raises
        ------
        StoreError
            if it cannot be noted; the record itself is as it was.
        """
        noted = NotedHead(trial=trial, seq=head.seq, hash=head.hash, noted=utc_timestamp(datetime.now(UTC)), why=why)
        try:
            if self._is_database:
                with self._database() as database:
                    database.execute(
                        "INSERT INTO noted_heads VALUES (%s, %s, %s, %s, %s)", msgspec.structs.astuple(noted)
                    )
                return
            handle = os.open(self.place, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            try:
                os.write(handle, msgspec.json.encode(noted) + b"\n")
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreError(
                f"the record was {why} up to event {head.seq}, and its head could not be noted in {self.place} "
                f"({error.strerror}): mend {VARIABLE}"
            ) from None

    def _database(self) -> Any:
        database = postgresql.connect(self.place)
        database.execute(SCHEMA)
        return database

    def _heads_of_database(self, trial: str) -> list[NotedHead]:
        with self._database() as database:
            rows = database.execute(
                "SELECT trial, seq, hash, noted, why FROM noted_heads WHERE trial = %s ORDER BY noted", (trial,)
            ).fetchall()
        return [NotedHead(trial=t, seq=seq, hash=hash_, noted=noted, why=why) for t, seq, hash_, noted, why in rows]


def by_number(heads: Iterable[NotedHead]) -> dict[int, set[str]]:
    """Return the hashes noted for each event's number."""
    noted: dict[int, set[str]] = defaultdict(set)
    for head in heads:
        noted[head.seq].add(head.hash)
    return dict(noted)


def read_heads(path: str | Path, trial: str = "") -> list[NotedHead]:
    """Read the heads of a witness file; of a readout's data or an exported record as well, if ``trial`` is given.

    Raises
    ------
    StoreError
        naming the file and the line that is no head.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise StoreError(f"the witness {path} cannot be read: {error.strerror}") from None
    if trial and (head := _head_of_readout(content, trial)):
        return [head]
    heads = []
    for number, line in enumerate(content.splitlines(), 1):
        try:
            heads.append(msgspec.json.decode(line, type=NotedHead))
        except msgspec.MsgspecError as error:
            if trial and (head := _head_of_event(line, trial)):
                heads.append(head)
                continue
            raise StoreError(f"{path}:{number}: this is no head that Posology noted ({error})") from None
    return heads


class _ReadoutHead(msgspec.Struct):
    event: int
    hash: str
    recorded: str


class _Readout(msgspec.Struct):
    head: _ReadoutHead


def _head_of_readout(content: bytes, trial: str) -> NotedHead | None:
    """Return the head that a readout's data (readout.json) names."""
    try:
        head = msgspec.json.decode(content, type=_Readout).head
    except msgspec.MsgspecError:
        return None
    return NotedHead(trial=trial, seq=head.event, hash=head.hash, noted=head.recorded, why="read out")


def _head_of_event(line: bytes, trial: str) -> NotedHead | None:
    """Return the head that an event of an exported record was."""
    try:
        event = msgspec.json.decode(line, type=StoredEvent)
    except msgspec.MsgspecError:
        return None
    return NotedHead(trial=trial, seq=event.seq, hash=event.hash, noted=event.recorded, why="exported")
