"""A record in an SQLite file: how it is made, kept on disk, and opened after a crash.

**On disk.** Rollback journal in DELETE mode with ``synchronous = EXTRA``: the journal, the file and, once the journal
is gone, the folder are synced before a commit returns, so that a power cut takes back nothing that was acknowledged.
(With ``FULL`` the folder is not synced and a journal may rise again. A write-ahead log would take fewer syncs, but
keeps the last events in a second file that a copy may miss, and does not work on a shared network folder.)

**After a crash.** SQLite applies whatever journal it finds beside a file. One left there by another database, or by an
earlier write, would overwrite events. So it is looked at first: see :func:`settle_journal`.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from posology.record import event
from posology.record.errors import StoreError
from posology.shared.files import draft_folder, remove_drafts, to_disk

try:
    import fcntl
except ImportError:  # a system without such locks: SQLite's own must do
    fcntl = None  # type: ignore[assignment]

Error = sqlite3.Error
WAIT = 30.0
"""How long to wait for another writer [s]."""

_RAW = ("fact", "kind", "occurred", "override", "prev", "provenance", "recorded")
_ARE_TEXT = " AND ".join(f"typeof({column}) = 'text'" for column in _RAW)
CONTENT = f"""CASE WHEN {_ARE_TEXT} THEN CAST('{event.content_of("json_quote({})", "{}")}' AS BLOB) END"""
"""An event's content, as :meth:`posology.record.event.StoredEvent.content` writes it; null where a blob passes for
text."""


def is_sqlite(connection: Any) -> bool:
    """Whether a connection is to an SQLite file."""
    return isinstance(connection, sqlite3.Connection)


def connect(path: Path, is_sound: Callable[[Any], bool] | None = None) -> sqlite3.Connection:
    """Open a file, after a look at what an interrupted write left beside it.

    Parameters
    ----------
    path
        the file.
    is_sound
        whether a record read through a connection is whole; None for a file that was just made.

    Raises
    ------
    StoreError
        if a journal lies beside the file that is not its own, or the file holds what no record holds.
    """
    if is_sound is not None:
        remove_drafts(path)
        settle_journal(path, is_sound)
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
    try:
        connection.text_factory = _text
        for pragma in ("trusted_schema = OFF", "synchronous = EXTRA", "journal_mode = DELETE"):
            connection.execute(f"PRAGMA {pragma}")
        extra = connection.execute(
            "SELECT type, name FROM sqlite_master WHERE type <> 'index' AND NOT (type = 'table' "
            "AND name IN ('heads', 'events')) AND name NOT LIKE 'sqlite_stat%'"
        ).fetchall()
    except BaseException:
        connection.close()
        raise
    if extra:
        connection.close()
        things = ", ".join(f"a {kind} {name!r}" for kind, name in extra)
        raise StoreError(
            f"{path} holds {things}, which no record of a trial holds: it was put there by another program"
        )
    return connection


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")


def statement(text: str) -> str:
    """Return a statement with this driver's placeholders."""
    return text


def begin(connection: Any) -> None:
    """Begin to write: nobody else may from now on."""
    connection.execute("BEGIN IMMEDIATE")


def begin_reading(connection: Any) -> None:
    """Begin to read all as it stands at one moment."""
    connection.execute("BEGIN")


@contextmanager
def writing(connection: Any) -> Iterator[None]:
    """Hold the folder's lock while writing, so that a journal whose writer is alive is told from one left behind."""
    file = connection.execute("PRAGMA database_list").fetchone()[2]
    with _folder_locked(Path(file).parent):
        yield


@contextmanager
def _folder_locked(folder: Path, *, wait: bool = True) -> Iterator[bool]:
    """Yield whether the folder's lock is held; it falls with the process that holds it.

    Always, where there are none.
    """
    if fcntl is None:
        yield True
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        locked = True
        try:
            fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            locked = False
        except OSError:  # a file system without such locks
            locked = True
        yield locked
    finally:
        os.close(handle)


def settle_journal(path: Path, is_sound: Callable[[Any], bool]) -> None:
    """Decide what becomes of a journal that lies beside a record and whose writer is gone.

    Two records are looked at, in copies: the file as it is, and the file with the journal applied.

    ======= ============ ====================================================================================
    as is   with journal
    ======= ============ ====================================================================================
    whole   whole        the journal is the record's own, and not needed: the write came to its end, or had
                         not begun. It is removed; nothing that was written is taken back
    broken  whole        the write was interrupted: SQLite applies the journal
    whole   broken       a journal of another file: refused, and left as it is
    broken  broken       refused, and left as it is
    ======= ============ ====================================================================================

    Raises
    ------
    StoreError
        if the journal is not the record's own, or another program keeps a write-ahead log beside it.
    """
    journal, log = Path(f"{path}-journal"), Path(f"{path}-wal")
    if log.exists() and log.stat().st_size:
        raise StoreError(
            f"{log} lies beside the record: another program wrote to it, in a way that this one never does. The log is "
            "not applied. Move it elsewhere to open the record as it was before"
        )
    if not _may_be_applied(journal):
        return
    with _folder_locked(path.parent.resolve(), wait=False) as nobody_writes:
        if not nobody_writes or not _may_be_applied(journal):
            return
        with draft_folder(path) as folder:
            as_is = _sound_copy(path, None, folder / "as-is", is_sound)
            applied = _sound_copy(path, journal, folder / "applied", is_sound)
        if as_is and applied:
            to_disk(path)
            journal.unlink(missing_ok=True)
            to_disk(path.parent.resolve())
        elif not applied:
            state = "The record itself is whole" if as_is else "The record itself is damaged: restore a backup"
            raise StoreError(
                f"{journal} was not left by an interrupted write to this record: applying it would destroy events, so "
                f"it is not. {state}; move the journal elsewhere to go on"
            )


def _may_be_applied(journal: Path) -> bool:
    """Whether SQLite would take the journal for one to apply: it begins with anything but zeros."""
    try:
        with journal.open("rb") as handle:
            return any(handle.read(28))
    except OSError:
        return False


def _sound_copy(path: Path, journal: Path | None, copy: Path, is_sound: Callable[[Any], bool]) -> bool:
    shutil.copyfile(path, copy)
    if journal is not None:
        shutil.copyfile(journal, f"{copy}-journal")
    with suppress(sqlite3.Error):
        connection = sqlite3.connect(copy, isolation_level=None)
        try:
            connection.text_factory = _text
            whole = connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            return whole and is_sound(connection)
        finally:
            connection.close()
    return False


@contextmanager
def draft_beside(path: Path) -> Iterator[Path]:
    """Yield a draft that becomes the file at ``path`` once the block ends, and never takes the place of another file.

    Raises
    ------
    FileExistsError
        if a file has appeared there meanwhile.
    """
    with draft_folder(path) as folder:
        draft = folder / "new" / path.name  # not in the folder itself, which is locked: whoever writes locks another
        draft.parent.mkdir()
        yield draft
        os.link(draft, path)  # unlike a rename, never replaces a file
    to_disk(path.parent.resolve())
