"""Where a record is kept: an SQLite file, or PostgreSQL by URL. Two tables, one code path (DB-API).

``events`` only ever grows. ``heads`` holds the number and hash of each trial's last event and is moved in the same
transaction that appends: a writer whose head has been moved by another gets a :class:`Conflict`, and a process killed
at any moment leaves either all of its events or none.

Nothing is believed unchecked: whoever reads the record checks each event's hash, its place in the chain, and the heads
that were noted elsewhere (:mod:`posology.record.witness`), or gets a :class:`Tampered` that names what is wrong.
"""

from __future__ import annotations

import gc
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

import msgspec

from posology.record import postgresql, sqlite_file
from posology.record.errors import Conflict, StoreError, Tampered
from posology.record.event import Event, StoredEvent, event_of, to_stored
from posology.record.facts import TrialCreated
from posology.record.witness import Head, NotedHead, Witness, by_number

__all__ = ["Conflict", "Head", "Malformed", "Store", "StoreError", "Tampered", "gc_paused"]

FORMAT = 1
CHUNK = 10_000
"""Events read in one transaction: between two chunks others may write."""
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
GET_HEAD = """SELECT seq, hash, (SELECT max(seq) FROM events WHERE events.trial = heads.trial) FROM heads
              WHERE trial = ?"""
COUNT_EVENTS = "SELECT count(*) FROM events WHERE trial = ?"
ADD_EVENT = f"INSERT INTO events (trial, {', '.join(COLUMNS)}) VALUES ({', '.join('?' * (len(COLUMNS) + 1))})"
GET_EVENTS = f"SELECT {', '.join(COLUMNS)} FROM events WHERE trial = ? ORDER BY seq"
GET_ROWS = f"SELECT {', '.join(COLUMNS)} FROM events WHERE trial = ? AND seq > ? AND seq <= ? ORDER BY seq"
GET_CONTENTS = "SELECT seq, hash, {} FROM events WHERE trial = ? AND seq > ? AND seq <= ? ORDER BY seq"


class Malformed(NamedTuple):
    """A stored event with a value of a type that no event has."""

    seq: object
    what: str


class Store:
    """The record of one trial in its database. Open it with :meth:`open` or :meth:`create`; close it after use."""

    def __init__(self, connection: Any, trial: str, name: str, witness: Witness | None = None) -> None:
        self._db, self.trial, self.name, self.witness = connection, trial, name, witness
        self._dialect = sqlite_file if sqlite_file.is_sqlite(connection) else postgresql
        self._file: Path | None = None  # beside which a journal may be left while the record is open

    @classmethod
    def open(cls, where: str | Path) -> Self:
        """Open the record at ``where``: the path of an SQLite file, or ``postgresql://…/database#trial``.

        Raises
        ------
        StoreError
            if there is none, it is no record, it was written by a later version, or a URL leaves open which trial.
        """
        witness = Witness.of_this_user()
        url, wanted, name = place_of(where)
        if not url and not Path(where).is_file():
            raise StoreError(f"there is no trial at {name}: create it with `posology trial create {name} PROTOCOL`")
        with translated(name):
            connection = postgresql.connect(url) if url else sqlite_file.connect(Path(where), is_sound=_is_sound)
        with _closed_on_error(connection):
            store = cls(connection, cls._choose(connection, wanted, name), name, witness)
        store._file = None if url else Path(where)
        return store

    @staticmethod
    def _choose(connection: Any, wanted: str, name: str) -> str:
        with translated(name):
            heads = _execute(connection, GET_HEADS).fetchall()
            connection.rollback()
        names = [head[0] for head in heads]
        if wanted and wanted not in names:
            raise StoreError(f"{name} holds no trial {wanted!r}; it holds {', '.join(map(str, names)) or 'none'}")
        if not names:
            raise Tampered(name, ["it holds no trial any more: every record of this format names one"])
        if not wanted and len(names) != 1:
            raise StoreError(
                f"{name} holds {len(names)} trials ({', '.join(map(str, names))}): name one, as in {name}#{names[0]}"
            )
        trial, form, *_ = next(head for head in heads if not wanted or head[0] == wanted)
        if form != FORMAT:
            raise StoreError(f"{name} is of format {form}; this version of Posology reads format {FORMAT}")
        if not isinstance(trial, str):
            raise Tampered(name, [f"the trial's name is {trial!r}: it must be text"])
        return trial

    @classmethod
    def create(cls, where: str | Path, trial: str, rows: Sequence[StoredEvent]) -> Self:
        """Create the record of a trial with its first events, whole or not at all.

        Raises
        ------
        StoreError
            if there is one already, or the place cannot be written.
        """
        witness = Witness.of_this_user()
        url, wanted, name = place_of(where)
        if wanted and wanted != trial:
            raise StoreError(f"the URL names trial {wanted!r}, the protocol {trial!r}: they must agree")
        if not rows:
            raise StoreError(f"{name}: a record begins with the creation of its trial; there are no events")
        if url:
            with translated(name):
                connection = postgresql.connect(url)
            with _closed_on_error(connection), translated(name):
                begun = connection.execute("SELECT to_regclass('heads')").fetchone()[0]
                if begun and any(head[0] == trial for head in _execute(connection, GET_HEADS).fetchall()):
                    raise StoreError(f"{name} already holds a trial {trial!r}")
                store = cls(connection, trial, name, witness)
                store._write_first(rows)
            store._note(Head(rows[-1].seq, rows[-1].hash), "created")
            return store
        path = Path(where)
        if path.exists():
            raise StoreError(f"{name} exists already: a trial is never overwritten")
        try:
            with (
                translated(name),
                sqlite_file.draft_beside(path) as draft,
                cls(sqlite_file.connect(draft), trial, name, witness) as store,
            ):
                store._write_first(rows)
        except FileExistsError:
            raise StoreError(f"{name} exists already: a trial is never overwritten") from None
        except OSError as error:
            raise StoreError(f"cannot write to {path.parent}: {error.strerror}") from None
        store = cls(sqlite_file.connect(path), trial, name, witness)
        store._file = path
        store._note(Head(rows[-1].seq, rows[-1].hash), "created")
        return store

    def _write_first(self, rows: Sequence[StoredEvent]) -> None:
        with self._transaction():
            for statement in SCHEMA:
                self._run(statement)
            self._run(ADD_HEAD, (self.trial, FORMAT, rows[-1].seq, rows[-1].hash))
            self._insert(rows)

    def _note(self, head: Head, why: str) -> None:
        if self.witness:
            self.witness.note(self.trial, head, why)

    def close(self) -> None:
        """Close the connection."""
        self._db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Reading ----------------------------------------------------------------------------------------------------------

    def head(self) -> Head:
        """Return the number and hash of the last event.

        Raises
        ------
        Tampered
            if there is not one such head, or events lie beyond it.
        """
        heads = self._rows(GET_HEAD, (self.trial,))
        if len(heads) != 1:
            raise Tampered(self.name, [f"it has {len(heads)} heads for the trial {self.trial!r}: it must have one"])
        seq, hash_, last = heads[0]
        if not isinstance(seq, int) or not isinstance(hash_, str) or seq < 1 or last != seq:
            raise self._tampered(f"its own count says {seq!r} events: that was edited behind the record's back")
        return Head(seq, hash_)

    def events(self, after: Head | None = None, noted: Sequence[NotedHead] = ()) -> list[Event]:
        """Read the events, each checked against the chain as it is read; see :meth:`each_event`."""
        with gc_paused():
            return list(self.each_event(after, noted))

    def each_event(self, after: Head | None = None, noted: Sequence[NotedHead] = ()) -> Iterator[Event]:
        """Yield the events in order of number, each checked; whoever stops early has checked what was yielded.

        Parameters
        ----------
        after
            a head that this process has checked before: only what came after it is read and checked.
        noted
            heads noted elsewhere, beside those of the user's witness.

        Raises
        ------
        Tampered
            naming what is not as it was written.
        """
        if after is None and self.witness:
            noted = [*noted, *self.witness.heads(self.trial)]  # read before the record: what is noted later is no alarm
        hashes = by_number(noted)
        head, last = self.head(), after or Head()
        if last.seq > head.seq:
            raise self._tampered(f"event {last.seq} was the last one when it was read before; now {head.seq} is", noted)
        if any(seq > head.seq for seq in hashes):
            raise self._tampered(f"events after {head.seq} were noted elsewhere, and are gone", noted)
        if after is None:
            self._check_count(head)
        while last.seq < head.seq:
            for event in self._chunk(last, head):
                if event.seq == 1:
                    self._check_beginning(event)
                if hashes and hashes.get(event.seq, {event.hash}) != {event.hash}:
                    raise self._tampered(f"event {event.seq} is not the one noted elsewhere", noted)
                yield event
                last = Head(event.seq, event.hash)
        if last != head:
            raise self._tampered(f"its own count ends in {head.hash[:12]}, event {last.seq} in {last.hash[:12]}")
        if self.witness and after is None and head.hash not in hashes.get(head.seq, ()):
            self.witness.note(self.trial, head, "read")

    def check(self, noted: Sequence[NotedHead] = ()) -> Head:
        """Check the whole record, as :meth:`each_event` does, and return its head."""
        last = Head()
        for event in self.each_event(noted=noted):
            last = Head(event.seq, event.hash)
        return last

    def _chunk(self, last: Head, head: Head) -> Iterator[Event]:
        """Yield the next events after ``last``, each checked."""
        seq, prev = last
        until = min(seq + CHUNK, head.seq)
        try:
            chunk = self._rows(GET_CONTENTS.format(self._dialect.CONTENT), (self.trial, seq, until))
        except StoreError as error:  # a value that makes the database itself stumble
            raise self._tampered(str(error)) from None
        for number, hash_, content in chunk:
            seq += 1
            if number != seq:
                raise self._tampered(f"event {number} stands in the place of event {seq}")
            if content is None or hashlib.sha256(content).hexdigest() != hash_:
                content = self._content(seq)
            try:
                event = event_of(content, seq, hash_, prev)
            except (msgspec.MsgspecError, ValueError, KeyError, TypeError) as error:
                raise self._tampered(f"event {seq} cannot be read: {error}") from None
            yield event
            prev = hash_
        if seq != until:
            raise self._tampered(f"dropped: event {seq + 1} is missing")

    def _content(self, seq: int) -> bytes:
        """Return an event's content as we write it, where the database writes its text in another way."""
        stored = [_stored(row) for row in self._rows(GET_ROWS, (self.trial, seq - 1, seq))]
        if len(stored) == 1 and isinstance(stored[0], StoredEvent) and stored[0].digest() == stored[0].hash:
            return stored[0].content()
        raise self._tampered(f"event {seq} is not what was written")

    def _check_count(self, head: Head) -> None:
        """Refuse events that hide beside the numbers."""
        count = self._rows(COUNT_EVENTS, (self.trial,))[0][0]
        if not head.seq <= count <= (head if count == head.seq else self.head()).seq:  # others may have written since
            raise self._tampered(f"it holds {count} events; its own count says {head.seq}")

    def _check_beginning(self, event: Event) -> None:
        """Refuse a record that does not begin with the creation of the very trial whose name it has."""
        created = event.fact
        named = created.protocol.get("trial", {}).get("id") if isinstance(created, TrialCreated) else None
        if named != self.trial:
            raise self._tampered(f"it is kept as the record of {self.trial!r}, and its first event creates {named!r}")

    def _tampered(self, what: str, noted: Sequence[NotedHead] = ()) -> Tampered:
        """Walk the whole chain, and return the error that names what is wrong; ``what`` if the walk finds nothing."""
        from posology.record.audit import examine

        heads, rows = self.snapshot()
        return Tampered(self.name, examine(rows, heads, self.trial, noted) or [what])

    def rows(self, after: int = 0) -> Iterator[StoredEvent]:
        """Yield the events with numbers above ``after`` as they are stored, each checked, for an export."""
        for event in self.each_event():
            if event.seq > after:
                stored = to_stored(event)
                yield stored if stored.hash == event.hash else self._as_written(event.seq)

    def _as_written(self, seq: int) -> StoredEvent:
        """Return one stored event whose fact this version would write in another way."""
        (stored,) = (_stored(row) for row in self._rows(GET_ROWS, (self.trial, seq - 1, seq)))
        assert isinstance(stored, StoredEvent)
        return stored

    def snapshot(self) -> tuple[list[tuple[object, object]], list[StoredEvent | Malformed]]:
        """Return the heads and every event of the trial as they stand at one moment, unchecked."""
        with translated(self.name), self._at_one_moment():
            heads = [(seq, hash_) for trial, _, seq, hash_ in self._run(GET_HEADS).fetchall() if trial == self.trial]
            return heads, [_stored(row) for row in self._run(GET_EVENTS, (self.trial,)).fetchall()]

    # Writing ----------------------------------------------------------------------------------------------------------

    def append(self, rows: Sequence[StoredEvent], after: Head) -> None:
        """Append events that follow ``after``; when this returns, they are on disk.

        Raises
        ------
        Conflict
            if the record has grown since ``after``: nothing was written.
        """
        if not rows:
            return
        last = Head(rows[-1].seq, rows[-1].hash)
        with translated(self.name), self._transaction():
            if self._run(MOVE_HEAD, (*last, self.trial, *after)).rowcount != 1:
                raise Conflict(
                    f"somebody else has written to {self.name} since it was read (event {after.seq} is no longer the "
                    "last): nothing was recorded. Look at the new state, then enter it again if it still holds"
                )
            self._insert(rows)
        self._note(last, "written")

    def _insert(self, rows: Iterable[StoredEvent]) -> None:
        raw = ("fact", "override", "provenance")
        values = (
            (self.trial, *(bytes(getattr(r, c)).decode() if c in raw else getattr(r, c) for c in COLUMNS)) for r in rows
        )
        self._db.cursor().executemany(self._dialect.statement(ADD_EVENT), values)

    def _run(self, statement: str, values: Sequence[object] = ()) -> Any:
        return _execute(self._db, statement, values)

    def _look_beside(self) -> None:
        """Settle a journal that another writer left while this store was open, before SQLite applies it."""
        if self._file is not None:
            sqlite_file.settle_journal(self._file, _is_sound)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._look_beside()
        with self._dialect.writing(self._db):
            try:
                self._dialect.begin(self._db)
                yield
                self._db.commit()
            except BaseException:
                self._db.rollback()
                raise

    @contextmanager
    def _at_one_moment(self) -> Iterator[None]:
        self._look_beside()
        try:
            self._dialect.begin_reading(self._db)
            yield
        finally:
            self._db.rollback()

    def _rows(self, statement: str, values: Sequence[object]) -> list[Any]:
        """Return what a statement finds, in a transaction of its own."""
        self._look_beside()
        with translated(self.name):
            try:
                return list(self._run(statement, values).fetchall())
            finally:
                self._db.rollback()


def _stored(row: Sequence[Any]) -> StoredEvent | Malformed:
    """Return an event as it is stored, or what is wrong with its types."""
    for column, value in zip(COLUMNS, row, strict=True):
        right = int if column in ("seq", "supersedes") else str
        if not (isinstance(value, right) or (value is None and column in ("patient", "reason", "supersedes"))):
            what = f"its {column} is {value!r:.40}, of another type than was ever written"
            return Malformed(row[COLUMNS.index("seq")], what)
    values = dict(zip(COLUMNS, row, strict=True))
    for column in ("fact", "override", "provenance"):
        values[column] = msgspec.Raw(values[column].encode())
    return StoredEvent(**values)


def _is_sound(connection: Any) -> bool:
    """Whether every record of a file is as it was written."""
    try:
        trials = [head[0] for head in _execute(connection, GET_HEADS).fetchall()]
        for trial in trials:
            Store(connection, trial, trial).check()
    except (StoreError, sqlite_file.Error):
        return False
    return bool(trials)


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


def place_of(where: str | Path) -> tuple[str, str, str]:
    """Split a place into URL (empty for a file), trial named in it, and a name safe to show (no password).

    Examples
    --------
    >>> place_of("postgresql://ann:secret@host/db#T1")[1:]
    ('T1', 'postgresql://host/db')
    """
    text = str(where)
    if "://" not in text:
        return "", "", text
    url = urlsplit(text)
    if url.scheme not in ("postgresql", "postgres", "postgresql+psycopg"):
        raise StoreError(f"{url.scheme}:// is not known here: give a file's path or a postgresql:// URL")
    host = url.netloc.rpartition("@")[2]
    plain = urlunsplit(("postgresql", url.netloc, url.path, url.query, ""))
    return plain, url.fragment, f"postgresql://{host}{url.path}"


def _execute(connection: Any, statement: str, values: Sequence[object] = ()) -> Any:
    dialect = sqlite_file if sqlite_file.is_sqlite(connection) else postgresql
    return connection.execute(dialect.statement(statement), values)


@contextmanager
def _closed_on_error(connection: Any) -> Iterator[None]:
    try:
        yield
    except BaseException:
        connection.close()
        raise


@contextmanager
def translated(name: str) -> Iterator[None]:
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
