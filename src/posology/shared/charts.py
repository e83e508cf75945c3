"""Charts and texts to files: written beside and renamed, so that nothing is ever half-written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from posology.record.store import holds_record


def svg(chart: Any) -> str:
    """Return an altair chart as SVG, drawn without a browser or network."""
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(chart.to_json())
    return drawn


def png(chart: Any, scale: float = 2.0) -> bytes:
    """Return an altair chart as PNG."""
    import vl_convert

    drawn: bytes = vl_convert.svg_to_png(svg(chart), scale=scale)
    return drawn


def save(chart: Any, path: Path, form: str) -> None:
    """Write a chart as "svg" or "png"."""
    write_bytes(path, png(chart) if form == "png" else svg(chart).encode())


def save_chart(chart: Any, path: Path) -> None:
    """Write a chart in the form that the file's name asks for: .html, .json (Vega-Lite), .svg or .png."""
    if path.suffix == ".json":
        write_text(path, json.dumps(chart.to_dict()))
    elif path.suffix == ".html":
        import vl_convert

        write_text(path, vl_convert.vegalite_to_html(chart.to_json(), bundle=True))
    else:
        save(chart, path, path.suffix[1:])


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all.

    Raises
    ------
    FileNotFoundError
        naming the file and the folder that is not there.
    FileExistsError
        if the file is a trial's record.
    """
    if holds_record(path):
        raise FileExistsError(f"{path} is a trial's record: name another file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}")
    beside = path.with_name(path.name + ".part")
    beside.write_bytes(content)
    beside.replace(path)
