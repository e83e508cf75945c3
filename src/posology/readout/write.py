"""The files of a readout: page, data, tables and figures."""

from __future__ import annotations

import csv
import io
import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import vl_convert

from posology.readout.cited import CitedTable
from posology.readout.figures import figures
from posology.readout.page import page
from posology.readout.readout import Readout
from posology.readout.summary import summarise

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
        out.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    except OSError as error:
        raise ReadoutError(f"cannot write {out}: {error.strerror}") from None
    try:
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
            (draft / "figures" / f"{figure.name}.png").write_bytes(vl_convert.svg_to_png(svgs[figure.name], scale=2))
        progress("data")
        text = json.dumps(summarise(readout), ensure_ascii=False, indent=1, default=str)
        (draft / "readout.json").write_text(text + "\n", encoding="utf-8")
        progress("page")
        (draft / "readout.html").write_text(page(readout, drawn, svgs), encoding="utf-8")
        return _put(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _put(draft: Path, out: Path) -> list[Path]:
    """Move the draft into its place: by one rename where there was nothing, else in place of the old readout."""
    draft.chmod(0o755)
    if out.exists():
        old = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}.old.")) / "readout"
        out.rename(old)
        draft.rename(out)
        shutil.rmtree(old.parent)
    else:
        draft.rename(out)
    return sorted(path for path in out.rglob("*") if path.is_file())


def table_csv(table: CitedTable) -> str:
    """Return a table as CSV: each column, then for each its events, then the marks."""
    handle = io.StringIO()
    writer = csv.writer(handle, lineterminator="\n")
    names = [column or "note" for column in table.columns]
    marked = any(cell.mark for row in table.rows for cell in row)
    writer.writerow(
        [*names, *(f"events: {name}" for name in names), *([f"mark: {name}" for name in names] if marked else [])]
    )
    for row in table.rows:
        values = ["" if cell.value is None else cell.text for cell in row]
        events = [" ".join(map(str, cell.events)) for cell in row]
        writer.writerow([*values, *events, *([cell.mark or "" for cell in row] if marked else [])])
    return handle.getvalue()
