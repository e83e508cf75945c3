"""Bulk entry: a CSV file of events, checked row by row against the same rules, recorded all or not at all.

Columns: ``kind``, ``patient`` and ``occurred``, then the fields of the kinds in the file, each kind leaving the others'
blank. ``reason``, ``override``, ``author``, ``recorded`` and ``provenance`` (``stated: term, grade; assumed``) may be
there. ``recorded`` is for a record that was kept elsewhere before: it may not run backwards, and the event is marked as
one whose moment of recording the file states.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from posology.conduct.trial import PendingEvents, Refused, Trial
from posology.record.entry import EntryError, fact_from, system_fields
from posology.record.event import BACKDATED, Event
from posology.record.fact import KINDS
from posology.record.store import gc_paused
from posology.shared.text import counted, moment_with_zone, nearest, whole_day

ENVELOPE = ("kind", "patient", "occurred", "recorded", "author", "reason", "override", "provenance", "supersedes")


@dataclass(frozen=True)
class RowError:
    """What is wrong with one row of a file."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


class LoadError(ValueError):
    """A file that was not loaded, with every row that is wrong. Nothing was recorded."""

    def __init__(self, errors: list[RowError]) -> None:
        shown = [str(error) for error in errors[:100]]
        if len(errors) > len(shown):
            shown.append(f"... and {len(errors) - len(shown)} more")
        super().__init__("\n".join([*shown, f"{counted(len(errors), 'row')} wrong: nothing was recorded"]))
        self.errors = errors


def load(
    trial: Trial,
    file: str | Path,
    *,
    by: str,
    kind: str | None = None,
    protocol: dict[str, Any] | None = None,
    progress: Callable[[Iterable[tuple[int, dict[str, str]]]], Iterable[tuple[int, dict[str, str]]]] = lambda rows: (
        rows
    ),
) -> list[Event]:
    """Load a CSV file of events.

    Parameters
    ----------
    trial
        where the events go.
    file
        the CSV file, UTF-8, with a header.
    by
        who enters them, where the file has no ``author``.
    kind
        the kind of all rows, where the file has no ``kind``.
    protocol
        the checked protocol document whose amendments the rows of kind ``protocol_amended`` name by their version.
    progress
        wraps the rows, to show how far it is.

    Raises
    ------
    LoadError
        with every wrong row. Nothing was recorded.
    """
    rows = list(_rows(Path(file)))

    def add(pending: PendingEvents) -> list[Event]:
        moment = max(trial._clock(), pending.last)
        errors: list[RowError] = []
        failed: set[str | None] = set()
        for line, cells in progress(rows):
            patient = cells.get("patient")
            try:
                _enter(
                    pending, dict(cells), by=by, kind=kind, moment=moment, today=trial.today(), document=protocol or {}
                )
            except (EntryError, Refused, ValueError) as error:
                texts = error.problems if isinstance(error, EntryError) else [_flat(str(error))]
                if patient in failed and isinstance(error, Refused):
                    continue  # follows from the patient's earlier row
                failed.add(patient)
                errors += [RowError(str(file), line, text) for text in texts]
        if errors:
            raise LoadError(errors)
        return [event for event, _ in pending.pending]

    with gc_paused():
        return trial.write(add)


def _enter(
    pending: PendingEvents,
    cells: dict[str, str],
    *,
    by: str,
    kind: str | None,
    moment: datetime,
    today: date,
    document: dict[str, Any],
) -> None:
    of = cells.pop("kind", None) or kind
    if of is None:
        raise ValueError(f"kind is missing: one of {', '.join(KINDS)}")
    if of == "trial_created":
        raise ValueError("a trial is created by `posology trial create`, not from a CSV file")
    if "occurred" not in cells:
        raise ValueError("occurred is missing: the day it happened, as 2013-05-10")
    occurred = _date(cells.pop("occurred"))
    backdated = "recorded" in cells
    recorded = _moment(cells.pop("recorded")) if backdated else moment
    if recorded > moment:
        raise ValueError(f"recorded {recorded} is after now")
    if recorded < pending.begun:
        raise ValueError(
            f"recorded {recorded} is before the record was begun, {pending.begun}: leave the column recorded out, or"
            " create the trial with --recorded"
        )
    patient, author = cells.pop("patient", None), cells.pop("author", by)
    reason, override = cells.pop("reason", None), cells.pop("override", None)
    supersedes = cells.pop("supersedes", None)
    provenance = _provenance(cells.pop("provenance", "")) | ({BACKDATED: "stated"} if backdated else {})
    if of == "protocol_amended":
        cells = _amendment(cells, document)
    elif of in KINDS and (written := [name for name in system_fields(of) if name in cells]):
        raise ValueError(f"{', '.join(written)}: written by the system, never typed; leave it blank")
    fact = fact_from(of, cells)
    if fact.about == "patient" and patient is None:
        raise ValueError("patient is missing")
    if fact.about == "trial" and patient is not None and of != "voided":
        raise ValueError(f"a {of} is about the trial, not about patient {patient}")
    if supersedes is not None and not (supersedes.isascii() and supersedes.isdigit()):
        raise ValueError(f"supersedes is {supersedes!r}: it must be the number of an event")
    pending.add(
        fact,
        patient=patient,
        occurred=occurred,
        recorded=recorded,
        by=author,
        reason=reason,
        override=override,
        supersedes=int(supersedes) if supersedes else None,
        provenance=provenance,
        today=None if backdated else today,
    )


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows with their line numbers, blank cells left out."""
    try:
        handle = file.open(encoding="utf-8-sig", newline="")
    except OSError as error:
        raise LoadError([RowError(str(file), 0, f"cannot be read: {error.strerror}")]) from None
    with handle:
        reader = csv.reader(handle, strict=True)
        try:
            header = next(reader, [])
            known = {*ENVELOPE, *(f.name for k in KINDS.values() for f in fields(k))}  # type: ignore[arg-type]
            if not header:
                raise LoadError([RowError(str(file), 1, "there is no header: its first line names the columns")])
            wrong = [
                f"no field is called {name!r}" + (f"; is {near} meant?" if (near := nearest(name, known)) else "")
                for name in header
                if name not in known
            ]
            wrong += [f"{name} is the name of {n} columns" for name, n in Counter(header).items() if n > 1]
            if wrong:
                raise LoadError([RowError(str(file), 1, text) for text in wrong])
            for cells in reader:
                if len(cells) > len(header):
                    raise LoadError([RowError(str(file), reader.line_num, "has more cells than the header")])
                filled = {
                    name: text for name, cell in zip(header, cells, strict=False) if cell and (text := cell.strip())
                }
                if filled:
                    yield reader.line_num, filled
        except (csv.Error, UnicodeDecodeError) as error:
            raise LoadError([RowError(str(file), reader.line_num + 1, f"cannot be read: {error}")]) from None


def _date(text: str) -> date:
    try:
        return whole_day(text)
    except ValueError:
        raise ValueError(f"occurred is {text!r}: write the day as 2013-05-10") from None


def _moment(text: str) -> datetime:
    try:
        return moment_with_zone(text)
    except ValueError as error:
        raise ValueError(f"recorded is {error}") from None


@lru_cache(maxsize=1024)
def _provenance(text: str) -> dict[str, str]:
    """Read ``stated: term, grade; published: assay; assumed``: fields by mark; a mark alone is for all others."""
    marks: dict[str, str] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        mark, _, names = part.partition(":")
        if mark.strip() not in ("stated", "published", "assumed"):
            raise ValueError(f"provenance says {mark.strip()!r}: it must be stated, published or assumed")
        for name in names.split(",") if names else ("*",):
            marks[name.strip()] = mark.strip()
    return marks


def _amendment(cells: dict[str, str], document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of the amendment that a row names by its version."""
    if not document:
        raise ValueError("it amends the protocol: give the protocol file that holds the amendment (--protocol FILE)")
    for amendment in document.get("amendments") or ():
        if amendment["version"] == cells.get("version"):
            return {"version": amendment["version"], "why": amendment["reason"], "changes": amendment["changes"]}
    raise ValueError(f"the protocol file given holds no amendment of version {cells.get('version')!r}")


def _flat(text: str) -> str:
    return "; ".join(line.strip() for line in text.splitlines())
