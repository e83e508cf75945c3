"""The files of a readout: page, data, tables and figures."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import msgspec
import vl_convert

from posology.readout.cited import CitedTable
from posology.readout.figures import figures
from posology.readout.page import page
from posology.readout.readout import Readout
from posology.readout.summary import summarise
from posology.shared.files import new_folder
from posology.shared.tables import spreadsheet_text

__all__ = ["ReadoutError", "table_csv", "write_readout"]


class ReadoutError(ValueError):
    """A readout that cannot be written, and why."""


def write_readout(readout: Readout, out: str | Path, progress: Callable[[str], None] = lambda step: None) -> list[Path]:
    """Write the files of a readout into a folder: page, data, tables and figures; whole or not at all.

    Raises
    ------
    ReadoutError
        if the folder holds something that is no readout, or cannot be written.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "readout.json").exists())):
        raise ReadoutError(f"{out} holds something else: give a new folder, or one that holds a readout")
    try:
        with new_folder(out, replace=True) as draft:
            (draft / "tables").mkdir()
            (draft / "figures").mkdir()
            progress("tables")
            for table in readout.tables:
                (draft / "tables" / f"{table.name}.csv").write_text(table_csv(table), encoding="utf-8", newline="")
            drawn = figures(readout.results)
            svgs = {}
            for figure in drawn:
                progress(f"figure {figure.name}")
                svgs[figure.name] = vl_convert.vegalite_to_svg(figure.chart)
                (draft / "figures" / f"{figure.name}.svg").write_text(svgs[figure.name], encoding="utf-8")
                png = vl_convert.svg_to_png(svgs[figure.name], scale=2)
                (draft / "figures" / f"{figure.name}.png").write_bytes(png)
            progress("data")
            data = msgspec.json.format(msgspec.json.encode(summarise(readout), enc_hook=str), indent=1)
            (draft / "readout.json").write_bytes(data + b"\n")
            progress("page")
            (draft / "readout.html").write_text(page(readout, drawn, svgs), encoding="utf-8")
    except OSError as error:
        raise ReadoutError(f"cannot write {out}: {error.strerror or error}") from None
    return sorted(path for path in out.rglob("*") if path.is_file())


def table_csv(table: CitedTable) -> str:
    """Return a table as CSV: each column, then for each its events, then the marks."""
    handle = io.StringIO()
    writer = csv.writer(handle, lineterminator="\n")
    names = [column or "note" for column in table.columns]
    marked = any(cell.mark for row in table.rows for cell in row)
    heads = [*names, *(f"events: {name}" for name in names), *([f"mark: {name}" for name in names] if marked else [])]
    writer.writerow(map(spreadsheet_text, heads))
    for row in table.rows:
        values = ["" if cell.value is None else spreadsheet_text(cell.text) for cell in row]
        events = [" ".join(map(str, cell.events)) for cell in row]
        writer.writerow([*values, *events, *([cell.mark or "" for cell in row] if marked else [])])
    return handle.getvalue()
