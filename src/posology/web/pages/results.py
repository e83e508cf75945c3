"""What the trial shows so far: the tables of its readout, each number down to its events, and the data cutoffs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from posology.readout.cited import MARK_LETTERS, Cited, CitedTable
from posology.readout.readout import Readout, make_readout
from posology.readout.write import table_csv
from posology.record.facts import CutoffLocked
from posology.record.snapshot import SnapshotError, take_snapshot
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial, not_found

__all__ = ["results", "results_file"]

MOST_EVENTS = 200
"""Events listed behind a number; the file has the numbers of all."""
MOST_ROWS = 500
"""Rows shown of a table; its file has all."""


@dataclass(frozen=True)
class Cell:
    """A number that somebody asked about: its row and column, counted from 0."""

    row: int
    column: int


@in_trial(lambda view: view.may_read and view.site is None)
def results(request: Request, view: View) -> Response:
    """Show one table of the readout at the pair of times, and the events behind the number that is asked about."""
    try:
        readout = _readout(request, view)
    except SnapshotError as error:
        return show(request, "message.html", view=view, title="Nothing to show yet", text=f"{error}.")
    name = request.path_params.get("table") or readout.tables[0].name
    table = next((table for table in readout.tables if table.name == name), None)
    if table is None:
        return not_found(request, "The readout has no such table on this day.")
    cell = _cell(request.query_params.get("cell", ""), table)
    asked = table.rows[cell.row][cell.column] if cell else None
    by_number = readout.snapshot.events
    return show(
        request,
        "results.html",
        view=view,
        readout=readout,
        table=table,
        rows=table.rows[:MOST_ROWS],
        cell=cell,
        asked=asked,
        events=[by_number[seq] for seq in asked.events[:MOST_EVENTS]] if asked else [],
        cutoffs=view.state.trial.locks,
        may_lock=view.may_record(CutoffLocked),
        author=view.author,
        times=_times(view),
        marks=MARK_LETTERS if readout.snapshot.is_reconstructed else {},
    )


@in_trial(lambda view: view.may_read and view.site is None)
def results_file(request: Request, view: View) -> Response:
    """Hand over a table as CSV, with the numbers of the events behind each value."""
    try:
        tables = _readout(request, view).tables
    except SnapshotError as error:
        return show(request, "message.html", 404, view=view, title="Nothing to show yet", text=f"{error}.")
    table = next((table for table in tables if table.name == request.path_params["table"]), None)
    if table is None:
        return not_found(request, "The readout has no such table on this day.")
    name = f"{view.room.name}-{table.name}-{view.day}.csv"
    return Response(
        table_csv(table).encode("utf-8-sig"),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )


def _readout(request: Request, view: View) -> Readout:
    """Return the readout at the pair of times: the last ones made are kept, since it takes long in a big trial."""
    kept: dict[tuple[object, ...], Readout] = request.app.state.readouts
    key = (view.room.name, view.events[-1].seq, view.day, view.known_by)
    if key not in kept:
        while len(kept) >= 4:
            kept.pop(next(iter(kept)))
        kept[key] = make_readout(take_snapshot(view.events, view.day))
    return kept[key]


def _times(view: View) -> str:
    """Return the pair of times as it stands in an address, empty for now."""
    named = {"occurred_by": view.occurred_by, "known_by": view.known_by}
    asked = {name: str(value) for name, value in named.items() if value is not None}
    return f"?{urlencode(asked)}" if asked else ""


def _cell(text: str, table: CitedTable) -> Cell | None:
    """Read which number is asked about: its row and its column; None if there is none such, or nothing behind it."""
    row, _, column = text.partition("-")
    if not (row.isascii() and row.isdigit() and column.isascii() and column.isdigit()) or len(text) > 12:
        return None
    if int(row) >= len(table.rows) or int(column) >= len(table.columns):
        return None
    cited: Cited = table.rows[int(row)][int(column)]
    return Cell(int(row), int(column)) if cited.events else None
