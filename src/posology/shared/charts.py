"""Charts with one look: the palette, the font, the sizes; and a chart to a file.

The colours are those of Okabe and Ito (Color Universal Design, 2008), told apart with every common form of colour
vision. What a colour says, a shape, a dash or a label says too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posology.shared.files import write_bytes, write_text

__all__ = ["CATEGORIES", "PALETTE", "THEME", "chart_of", "png", "save", "save_chart", "styled", "svg"]

PALETTE = {
    "ink": "#1f2933",
    "grey": "#829ab1",
    "pale": "#cbd2d9",
    "grid": "#e4e7eb",
    "blue": "#0072b2",
    "vermilion": "#d55e00",
    "green": "#009e73",
    "orange": "#e69f00",
    "purple": "#cc79a7",
    "sky": "#56b4e9",
}
"""The colours by name: ink for text and limits, grey and pale for what stands back, the others for data."""
CATEGORIES = tuple(PALETTE[name] for name in ("blue", "vermilion", "green", "orange", "purple", "sky", "ink"))
"""The colours of groups without an order of their own, in the order they are used."""
FONT = "DejaVu Sans, Liberation Sans, Arial, sans-serif"
THEME: dict[str, Any] = {
    "font": FONT,
    "background": "white",
    "axis": {
        "labelColor": PALETTE["ink"],
        "titleColor": PALETTE["ink"],
        "gridColor": PALETTE["grid"],
        "labelFontSize": 11,
        "titleFontSize": 12,
    },
    "header": {"labelColor": PALETTE["ink"], "titleColor": PALETTE["ink"], "labelFontSize": 11, "titleFontSize": 12},
    "legend": {"labelColor": PALETTE["ink"], "labelFontSize": 11, "titleFontSize": 11, "orient": "bottom"},
    "title": {"color": PALETTE["ink"], "fontSize": 13, "anchor": "start"},
    "view": {"stroke": None},
    "bar": {"color": PALETTE["blue"]},
    "line": {"color": PALETTE["blue"]},
    "point": {"color": PALETTE["blue"]},
    "range": {"category": list(CATEGORIES), "ordinal": {"scheme": "viridis"}, "ramp": {"scheme": "viridis"}},
}
"""The look of every chart, as Vega-Lite's configuration."""


def styled(chart: Any, **configuration: Mapping[str, Any]) -> Any:
    """Return an altair chart with the look of every chart.

    Parameters
    ----------
    chart
        an altair chart of any kind, at its top level.
    configuration
        what this chart has otherwise, by part: ``legend={"orient": "right"}`` goes over the theme's legend.
    """
    parts = {name: {**THEME.get(name, {}), **values} for name, values in configuration.items()}
    return chart.configure(**(THEME | parts))


def chart_of(rows: Sequence[Mapping[str, Any]]) -> Any:
    """Return an altair chart of rows of data, to be marked and encoded."""
    import altair as alt

    return alt.Chart(alt.Data(values=list(rows)))


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
