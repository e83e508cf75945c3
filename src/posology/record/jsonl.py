"""A whole record as JSON Lines: one event a line, in canonical form, the same bytes out as in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from posology.record.audit import examine
from posology.record.event import StoredEvent
from posology.record.store import StoreError
from posology.record.witness import NotedHead, read_heads
from posology.shared.files import holds_record, new_file


def write(rows: Iterable[StoredEvent], path: str | Path) -> int:
    """Write events to a file, whole or not at all; return how many.

    Raises
    ------
    StoreError
        if the file cannot be written, or is a trial's record.
    """
    count = 0
    try:
        with new_file(path) as draft, draft.open("wb") as lines:
            for row in rows:
                lines.write(row.json_line() + b"\n")
                count += 1
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}") from None
    return count


def heads_to_replace(path: str | Path, trial: str) -> list[NotedHead]:
    """Return the heads of the earlier backup that a new one replaces: the record must still hold them. None: no file.

    Raises
    ------
    StoreError
        if the file is anything but a backup of this trial.
    """
    path = Path(path)
    if not path.exists() or path.is_dir() or holds_record(path) or path.stat().st_size == 0:
        return []
    try:
        heads = read_heads(path, trial)
    except StoreError:
        heads = []
    if not heads or any(head.trial != trial for head in heads):
        raise StoreError(f"{path} is there already and is no backup of {trial}: name another file")
    return heads


def read(path: str | Path) -> tuple[list[StoredEvent], str]:
    """Read the events of a file and the trial's name, after checking that the chain is sound.

    Raises
    ------
    StoreError
        naming the line that cannot be read, or what the chain shows.
    """
    try:
        lines = Path(path).read_bytes().splitlines()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}") from None
    decoder = msgspec.json.Decoder(StoredEvent)
    rows = []
    for number, line in enumerate(lines, 1):
        try:
            row = decoder.decode(line)
            row.event()
        except (msgspec.MsgspecError, KeyError, ValueError, TypeError) as error:
            raise StoreError(f"{path}:{number}: no event: {error}") from None
        rows.append(row)
    if not rows or rows[0].kind != "trial_created":
        raise StoreError(f"{path} is no record: its first line is not the creation of a trial")
    if findings := examine(rows):
        raise StoreError(f"{path} is not as it was written:\n" + "\n".join(map(str, findings)))
    created: dict[str, dict[str, dict[str, str]]] = msgspec.json.decode(rows[0].fact)
    return rows, created["protocol"]["trial"]["id"]
