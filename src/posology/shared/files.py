"""Files and folders that appear whole or not at all, and never in the place of a trial's record."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape as glob_escape
from pathlib import Path

try:
    import fcntl
except ImportError:  # a system without such locks: drafts that a crash left behind are not removed there
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "draft_folder",
    "holds_record",
    "new_file",
    "new_folder",
    "remove_drafts",
    "to_disk",
    "write_bytes",
    "write_text",
]

_AGE_OF_DRAFTS = 60.0
"""Seconds after which a draft that nobody works at is taken for one left behind."""


def holds_record(path: str | Path) -> bool:
    """Whether a file is a trial's record: no other file may ever take its place."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as handle:
        return handle.read(15) == b"SQLite format 3"


@contextmanager
def new_file(path: str | Path) -> Iterator[Path]:
    """Yield a draft beside ``path`` to be written; it takes the place of ``path`` once the block ends without an error.

    Raises
    ------
    FileNotFoundError
        naming the file and the folder that is not there.
    FileExistsError
        if the file is a trial's record, or a folder.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "numbers.csv"
    >>> with new_file(path) as draft:
    ...     _ = draft.write_text("1,2")
    >>> path.read_text()
    '1,2'
    >>> folder.cleanup()
    """
    path = Path(path)
    if holds_record(path):
        raise FileExistsError(f"{path} is a trial's record: name another file")
    if path.is_dir():
        raise FileExistsError(f"{path} is a folder: name a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    with draft_folder(path) as beside:
        draft = beside / path.name
        yield draft
        to_disk(draft)
        draft.replace(path)
    to_disk(path.parent)


@contextmanager
def new_folder(path: str | Path, *, replace: bool = False) -> Iterator[Path]:
    """Yield a draft folder to be filled; it becomes ``path`` once the block ends without an error.

    Parameters
    ----------
    path
        the folder; an empty one may stand there already, one that holds something only with ``replace``.
    replace
        whether the new folder takes the place of what the old one holds: in one step where the system can.

    Raises
    ------
    FileExistsError
        if ``path`` is a file, or a folder that is not empty and is not to be replaced.
    """
    path = Path(path)
    if path.is_file() or (path.exists() and not replace and any(path.iterdir())):
        raise FileExistsError(f"{path} exists and is not empty: give a new folder")
    path.parent.resolve().mkdir(parents=True, exist_ok=True)
    with draft_folder(path) as beside:
        draft = beside / path.name
        draft.mkdir()
        yield draft
        draft.chmod(0o755)
        for file in draft.rglob("*"):
            to_disk(file)
        if path.exists() and not _exchange(draft, path):
            before = beside / "before"
            path.replace(before)
            try:
                draft.rename(path)
            except OSError:
                before.rename(path)
                raise
        elif not path.exists():
            draft.rename(path)
    to_disk(path.parent.resolve())


@contextmanager
def draft_folder(path: str | Path) -> Iterator[Path]:
    """Yield a folder beside ``path`` to work in; it is gone after the block, and after a crash at the next occasion."""
    path = Path(path)
    remove_drafts(path)
    with tempfile.TemporaryDirectory(dir=path.parent.resolve(), prefix=f".{path.name}.") as folder:
        handle = _locked(folder)
        try:
            yield Path(folder)
        finally:
            if handle is not None:
                os.close(handle)


def remove_drafts(path: str | Path) -> None:
    """Remove what killed processes left behind of drafts of ``path``: they may hold patients' data."""
    path = Path(path)
    for folder in path.parent.resolve().glob(f".{glob_escape(path.name)}.????????"):
        try:
            is_old = folder.is_dir() and time.time() - folder.stat().st_mtime > _AGE_OF_DRAFTS
        except OSError:
            continue
        if is_old and (handle := _locked(folder)) is not None:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(handle)


def _locked(folder: str | Path) -> int | None:
    """Lock a folder for as long as this process lives, and return the handle to close; None if another holds it."""
    if fcntl is None:
        return None
    handle = -1
    try:
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if handle >= 0:
            os.close(handle)
        return None
    return handle


def _exchange(draft: Path, path: Path) -> bool:
    """Let two folders change places in one step, so that no crash leaves neither; False where the system cannot."""
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if os.name == "posix" else None
    if rename is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE of Linux
    return bool(rename(here, os.fsencode(draft), here, os.fsencode(path.resolve()), exchange) == 0)


def write_text(path: str | Path, text: str) -> None:
    """Write a text file whole or not at all, in UTF-8; see :func:`new_file` for what is refused."""
    write_bytes(path, text.encode())


def write_bytes(path: str | Path, content: bytes) -> None:
    """Write a file whole or not at all; see :func:`new_file` for what is refused."""
    with new_file(path) as draft:
        draft.write_bytes(content)


def to_disk(path: Path) -> None:
    """Have the system write a file or folder to the disk, where it can."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        pass
    finally:
        os.close(handle)
