"""Files and folders that appear whole or not at all, and never in the place of a trial's record."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["holds_record", "new_file", "new_folder", "write_bytes", "write_text"]


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
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as beside:
        draft = Path(beside) / path.name
        yield draft
        _to_disk(draft)
        draft.replace(path)
    _to_disk(path.parent)


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
    path.resolve().parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=path.resolve().parent, prefix=f".{path.name}."))
    try:
        yield draft
        draft.chmod(0o755)
        for file in draft.rglob("*"):
            _to_disk(file)
        if path.exists() and not _exchange(draft, path):
            before = Path(tempfile.mkdtemp(dir=draft.parent, prefix=f".{path.name}.before."))
            path.replace(before)
            try:
                draft.rename(path)
            except OSError:
                before.rename(path)
                raise
            shutil.rmtree(before)
        elif not path.exists():
            draft.rename(path)
        _to_disk(path.resolve().parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


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


def _to_disk(path: Path) -> None:
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
