"""Charts with one look: the palette, the font, and a chart to a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from posology.shared.files import write_bytes, write_text


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
