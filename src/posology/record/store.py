"""Where a record is kept: an SQLite file, or PostgreSQL by URL. Two tables, six statements, one code path (DB-API).

``events`` only ever grows. ``heads`` holds the number and hash of each trial's last event and is moved in the same
transaction that appends: a writer whose head has been moved by another gets a :class:`Conflict`, and a process killed
at any moment leaves either all of its events or none.
"""

from __future__ import annotations

import gc
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec

from posology.record.event import GENESIS, Event, StoredEvent

FORMAT = 1
COLUMNS = StoredEvent.__struct_fields__
SCHEMA = (
    """CREATE TABLE IF NOT EXISTS heads (trial TEXT PRIMARY KEY, format INTEGER NOT NULL, seq INTEGER NOT NULL,
       hash TEXT NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS events (trial TEXT NOT NULL, seq INTEGER NOT NULL, occurred TEXT NOT NULL,
       recorded TEXT NOT NULL, author TEXT NOT NULL, kind TEXT NOT NULL, patient TEXT, fact TEXT NOT NULL, reason TEXT,
       supersedes INTEGER, override TEXT NOT NULL, provenance TEXT NOT NULL, prev TEXT NOT NULL, hash TEXT NOT NULL,
       PRIMARY KEY (trial, seq))""",
)
ADD_HEAD = "INSERT INTO heads (trial, format, seq, hash) VALUES (?, ?, ?, ?)"
MOVE_HEAD = "UPDATE heads SET seq = ?, hash = ? WHERE trial = ? AND seq = ? AND hash = ?"
GET_HEADS = "SELECT trial, format, seq, hash FROM heads ORDER BY trial"
ADD_EVENT = f"INSERT INTO events (trial, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
GET_EVENTS = f"SELECT {', '.join(COLUMNS)} FROM events WHERE trial = ? AND seq > ? ORDER BY seq"


class StoreError(Exception):
    """A store that cannot be used, and why."""


class Conflict(StoreError):
    """Somebody else wrote to the record since it was read."""


class Head(NamedTuple):
    """The number and hash of a record's last event."""

    seq: int = 0
    hash: str = GENESIS


class Store:
    """The record of one trial in its database. Open it with :meth:`open` or :meth:`create`; close it after use."""

    def __init__(self, connection: Any, trial: str, name: str) -> None:
        self._db, self.trial, self.name = connection, trial, name
        self._postgresql = not isinstance(connection, sqlite3.Connection)

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """Open the record at ``where``: the path of an SQLite file, or ``postgresql://…/database#trial``.

        Raises
        ------
        StoreError
            if there is none, it is no record, it was written by a later version, or a URL leaves open which trial.
        """
        url, wanted, name = _place(where)
        if not url and not Path(where).is_file():
            raise StoreError(f"there is no trial at {name}: create it with `posology trial create {name} PROTOCOL`")
        connection = _connect(url, Path(where))
        with _closed_on_error(connection):
            return cls(connection, cls._choose(connection, wanted, name), name)

    @staticmethod
    def _choose(connection: Any, wanted: str, name: str) -> str:
        with _translated(name):
            heads = _run(connection, GET_HEADS).fetchall()
            connection.rollback()
        names = [head[0] for head in heads]
        if wanted and wanted not in names:
            raise StoreError(f"{name} holds no trial {wanted!r}; it holds {', '.join(names) or 'none'}")
        if not wanted and len(names) != 1:
            held = (
                f"holds {len(names)} trials ({', '.join(names)}): name one, as in {name}#{names[0]}"
                if names
                else "is empty"
            )
            raise StoreError(f"{name} {held}")
        trial, form, *_ = next(head for head in heads if not wanted or head[0] == wanted)
        if form != FORMAT:
            raise StoreError(f"{name} is of format {form}; this version of Posology reads format {FORMAT}")
        return str(trial)

    @classmethod
    def create(cls, where: str | Path, trial: str, rows: Sequence[StoredEvent]) -> Self:
        """Create the record of a trial with its first events, whole or not at all.

        Raises
        ------
        StoreError
            if there is one already, or the place cannot be written.
        """
        url, wanted, name = _place(where)
        if wanted and wanted != trial:
            raise StoreError(f"the URL names trial {wanted!r}, the protocol {trial!r}: they must agree")
        if url:
            connection = _connect(url, Path())
            with _closed_on_error(connection), _translated(name):
                begun = connection.execute("SELECT to_regclass('heads')").fetchone()[0]
                if begun and any(head[0] == trial for head in _run(connection, GET_HEADS).fetchall()):
                    raise StoreError(f"{name} already holds a trial {trial!r}")
                store = cls(connection, trial, name)
                store._begin_with(rows)
            return store
        path = Path(where)
        if path.exists():
            raise StoreError(f"{name} exists already: a trial is never overwritten")
        try:
            handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
            os.close(handle)
        except OSError as error:
            raise StoreError(f"cannot write to {path.parent}: {error.strerror}") from None
        try:
            with cls(_connect("", Path(draft)), trial, name) as store:
                store._begin_with(rows)
            os.link(draft, path)  # never replaces a file that appeared meanwhile
        except FileExistsError:
            raise StoreError(f"{name} exists already: a trial is never overwritten") from None
        finally:
            Path(draft).unlink()
        return cls(_connect("", path), trial, name)

    def _begin_with(self, rows: Sequence[StoredEvent]) -> None:
        with _translated(self.name), self._transaction():
            for statement in SCHEMA:
                _run(self._db, statement)
            _run(self._db, ADD_HEAD, (self.trial, FORMAT, rows[-1].seq, rows[-1].hash))
            self._insert(rows)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def head(self) -> Head:
        """Return the number and hash of the last event."""
        with _translated(self.name):
            heads = _run(self._db, GET_HEADS).fetchall()
            self._db.rollback()
        head = next((Head(seq, hash) for trial, _, seq, hash in heads if trial == self.trial), Head())
        if not isinstance(head.seq, int):
            raise StoreError(f"{self.name} counts {head.seq!r} events: the count was edited behind the record's back")
        return head

    def rows(self, after: int = 0) -> Iterator[StoredEvent]:
        """Yield the stored events with numbers above ``after``, in order of number."""
        with _translated(self.name):
            cursor = _run(self._db, GET_EVENTS, (self.trial, after))
            for (
                seq,
                occurred,
                recorded,
                author,
                kind,
                patient,
                fact,
                reason,
                supersedes,
                override,
                marks,
                prev,
                hash_,
            ) in cursor:
                if not isinstance(seq, int):
                    raise StoreError(
                        f"{self.name} holds an event numbered {seq!r}: it was put there behind the record's back"
                    )
                yield StoredEvent(
                    seq=seq,
                    occurred=occurred,
                    recorded=recorded,
                    author=author,
                    kind=kind,
                    patient=patient,
                    fact=_raw(fact),
                    reason=reason,
                    supersedes=supersedes,
                    override=_raw(override),
                    provenance=_raw(marks),
                    prev=prev,
                    hash=hash_,
                )
            self._db.rollback()

    def events(self, after: int = 0) -> list[Event]:
        """Read the events with numbers above ``after``, in order of number.

        Raises
        ------
        StoreError
            naming the first event that cannot be read; `posology trial verify` tells what was done to it.
        """
        events = []
        with gc_paused():
            for row in self.rows(after):
                try:
                    events.append(row.event())
                except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
                    raise StoreError(
                        f"event {row.seq} of {self.name} cannot be read ({error}): run `posology trial verify {self.name}`"
                    ) from None
        return events

    def append(self, rows: Sequence[StoredEvent], after: Head) -> None:
        """Append events that follow ``after``; when this returns, they are on disk.

        Raises
        ------
        Conflict
            if the record has grown since ``after``: nothing was written.
        """
        if not rows:
            return
        last = rows[-1]
        with _translated(self.name), self._transaction():
            moved = _run(self._db, MOVE_HEAD, (last.seq, last.hash, self.trial, after.seq, after.hash)).rowcount
            if moved != 1:
                raise Conflict(
                    f"somebody else has written to {self.name} since it was read (event {after.seq} is no longer the "
                    "last): nothing was recorded. Look at the new state, then enter it again if it still holds"
                )
            self._insert(rows)

    def _insert(self, rows: Iterable[StoredEvent]) -> None:
        text = lambda raw: bytes(raw).decode()
        values = [
            (
                self.trial,
                r.seq,
                r.occurred,
                r.recorded,
                r.author,
                r.kind,
                r.patient,
                text(r.fact),
                r.reason,
                r.supersedes,
                text(r.override),
                text(r.provenance),
                r.prev,
                r.hash,
            )
            for r in rows
        ]
        cursor = self._db.cursor()
        cursor.executemany(ADD_EVENT.replace("?", "%s") if self._postgresql else ADD_EVENT, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            if not self._postgresql:
                self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.commit()
        except BaseException:
            self._db.rollback()
            raise


@contextmanager
def gc_paused() -> Iterator[None]:
    """Hold the cyclic garbage collector: events form no cycles, and it would walk all of them again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _place(where: str | Path) -> tuple[str, str, str]:
    """Split a place into URL (empty for a file), trial named in it, and a name safe to show (no password)."""
    text = str(where)
    if "://" not in text:
        return "", "", text
    url = urlsplit(text)
    if url.scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise StoreError(f"{url.scheme}:// is not known here: give a file's path or a postgresql:// URL")
    host = url.netloc.rpartition("@")[2]
    plain = urlunsplit(("postgresql", url.netloc, url.path, url.query, ""))
    return plain, url.fragment, f"postgresql://{host}{url.path}"


def _connect(url: str, path: Path) -> Any:
    if url:
        try:
            import psycopg
        except ImportError:
            raise StoreError("PostgreSQL needs one more package: pip install 'posology[postgresql]'") from None
        try:
            return psycopg.connect(url)
        except psycopg.OperationalError as error:
            raise StoreError(f"cannot reach the database: {str(error).strip()}") from None
    with _translated(str(path)):
        connection = sqlite3.connect(path, timeout=10, isolation_level=None)
        with _closed_on_error(connection):
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA journal_mode = DELETE")
        return connection


def _raw(text: str | bytes) -> msgspec.Raw:
    return msgspec.Raw(text if isinstance(text, bytes) else text.encode())


def _run(connection: Any, statement: str, values: Sequence[object] = ()) -> Any:
    if isinstance(connection, sqlite3.Connection):
        return connection.execute(statement, values)
    return connection.execute(statement.replace("?", "%s"), values)


@contextmanager
def _closed_on_error(connection: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def _translated(name: str) -> Iterator[None]:
    """Turn a database's errors into ours."""
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("sqlite3", "psycopg")):
            raise
        text = str(error).strip()
        if "not a database" in text or "no such table" in text or "does not exist" in text or "no such column" in text:
            raise StoreError(f"{name} is not a Posology record ({text})") from None
        if "locked" in text:
            raise StoreError(f"{name} is in use by another writer: try again") from None
        raise StoreError(f"{name}: {text}") from None
