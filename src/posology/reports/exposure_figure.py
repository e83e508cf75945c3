"""The figure of exposure: each analyte a panel, each regimen a line with its band; the caption says what the bands
hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from posology.pharmacology.disposition.adc_states import UNITS
from posology.reports.exposure_tables import holds
from posology.shared.charts import CATEGORIES, PALETTE, styled
from posology.simulation.regimens.file import RegimenFile
from posology.simulation.regimens.simulate import Kind, RegimenResult

TITLES = {
    "adc": "Conjugate",
    "naked": "Naked antibody",
    "antibody": "All antibody",
    "payload": "Free payload",
    "metabolite": "Methylated metabolite",
    "dar": "Drugs per antibody",
}
COLOURS = CATEGORIES[:6]
DASHES = ([1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [1, 3], [12, 3])
INK = PALETTE["ink"]
DECADES = 4


def figure(held: RegimenFile, found: Sequence[RegimenResult], kind: Kind = "patients") -> Any:
    """Draw median and prediction interval of each analyte, a panel each; more than two regimens stand side by side.

    The pale band is the prediction interval, thin lines its edges; the dark band, where asked for, the uncertainty of
    the median. Two regimens in one panel differ by dash and by a letter at the end of the median, not by colour alone.
    """
    import altair as alt

    named = {each.name: f"{chr(65 + k % 26)}: {each.name}" for k, each in enumerate(found)}
    names = list(named.values())
    key = alt.Legend(
        orient="bottom",
        labelLimit=600,
        symbolType="stroke",
        symbolStrokeWidth=2,
        symbolSize=400,
        symbolOpacity=1,
        columns=1 if max(map(len, names)) > 40 else 3,
    )
    of: dict[str, Any] = {"shorthand": "regimen:N", "title": None, "sort": names, "legend": key}

    def scale(values: Sequence[Any]) -> Any:
        return alt.Scale(domain=names, range=[values[k % len(values)] for k in range(len(names))])

    colour, dash = alt.Color(**of, scale=scale(COLOURS)), alt.StrokeDash(**of, scale=scale(DASHES))
    apart = len(found) > 2
    columns = [[each] for each in found] if apart else [list(found)]
    rows = []
    for analyte in held.analytes:
        peak = max(float(np.quantile(each.courses[analyte], (1 + held.interval) / 2, axis=0).max()) for each in found)
        panels = []
        for column in columns:
            panel = _panel(held, column, analyte, peak, named, colour, dash, first=column is columns[0])
            width = max(180, 640 // len(columns))
            if apart and analyte == held.analytes[0]:
                panel = panel.properties(title=alt.TitleParams(named[column[0].name], limit=width, fontSize=12))
            panels.append(panel.properties(width=width, height=210))
        rows.append(alt.hconcat(*panels))
    words = holds(held, kind).split("; ")
    caption = [f"line: median; pale band and its thin edges: {words[0]}", "; ".join(words[1:])]
    if any(each.uncertain_courses for each in found):
        caption.insert(
            1,
            f"dark band: {100 * held.interval:g} % interval of the median, by the uncertainty of the typical "
            "parameters alone",
        )
    title = alt.TitleParams(f"{held.names} in plasma", subtitle=caption, anchor="start")
    return styled(alt.vconcat(*rows).properties(title=title))


def _panel(
    held: RegimenFile,
    found: Sequence[RegimenResult],
    analyte: str,
    peak: float,
    named: dict[str, str],
    colour: Any,
    dash: Any,
    *,
    first: bool,
) -> Any:
    import altair as alt

    tail = (1 - held.interval) / 2
    bands = {each.name: np.quantile(each.courses[analyte], [tail, 0.5, 1 - tail], axis=0) for each in found}
    linear = analyte == "dar"
    floor = 0.0 if linear else peak / 10**DECADES
    rows: list[dict[str, Any]] = []
    for each in found:
        sure = each.uncertain_courses.get(analyte)
        for t, (low, median, high) in enumerate(bands[each.name].T):
            if high > floor:
                row = {
                    "day": float(each.times[t]),
                    "low": max(float(low), floor),
                    "median": max(float(median), floor),
                    "high": float(high),
                    "regimen": named[each.name],
                }
                if sure is not None:
                    row |= {"sure low": max(float(sure[0, t]), floor), "sure high": max(float(sure[1, t]), floor)}
                rows.append(row)
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("day:Q", title="days from the first dose", axis=alt.Axis(grid=False))
    )
    title = f"{TITLES[analyte]} ({UNITS[analyte]})" if UNITS[analyte] != "1" else TITLES[analyte]
    scale = (
        alt.Scale(domain=[0, peak * 1.05]) if linear else alt.Scale(type="log", domain=[floor, peak * 1.5], nice=False)
    )
    axis = alt.Axis() if linear else alt.Axis(values=[10.0**k for k in range(-9, 9)], format="~g")

    def y(which: str) -> Any:
        return alt.Y(f"{which}:Q", scale=scale, title=title if first else None, axis=axis)

    layers = [base.mark_area(opacity=0.13, clip=True).encode(y=y("low"), y2="high:Q", color=colour)]
    if any(each.uncertain_courses for each in found):
        layers.append(base.mark_area(opacity=0.45, clip=True).encode(y=y("sure low"), y2="sure high:Q", color=colour))
    for edge in ("low", "high"):
        layers.append(base.mark_line(strokeWidth=0.7, clip=True).encode(y=y(edge), color=colour, strokeDash=dash))
    layers.append(base.mark_line(strokeWidth=2, clip=True).encode(y=y("median"), color=colour, strokeDash=dash))
    if len(found) == 1:
        return alt.layer(*layers)
    ends = [
        max((row for row in rows if row["regimen"] == named[each.name]), key=lambda row: row["day"]) for each in found
    ]
    for k, row in enumerate(ends):
        letter = alt.Chart(alt.Data(values=[{**row, "letter": row["regimen"][0]}]))
        layers.append(
            letter.mark_text(align="left", dx=4 + 11 * k, fontSize=12, fontWeight="bold", color=INK).encode(
                x="day:Q", y=y("median"), text="letter:N"
            )
        )
    return alt.layer(*layers)
