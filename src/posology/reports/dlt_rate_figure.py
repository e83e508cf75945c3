"""The figure of true DLT rates by dose and DLT window, of virtual patients that carry the drug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from posology.endpoints.body_size import Metric
from posology.protocol.model import Protocol
from posology.shared.charts import chart_of, styled
from posology.simulation.potential_outcomes import DrugDrivenPatients

__all__ = ["dlt_rate_chart"]


def dlt_rate_chart(
    patients: DrugDrivenPatients, windows: Sequence[float], protocol: Protocol, metric: Metric, scenario: str
) -> Any:
    """Draw the true DLT rate by level, a line for each window, told apart by shape and dash as well as colour.

    Parameters
    ----------
    patients
        treated at each level of the protocol.
    windows
        the DLT windows, in days; a line more is drawn for DLTs at any time while treated.
    protocol
        of the trial: its levels and their unit.
    metric
        the measure of body size that the doses go by.
    scenario
        what is assumed, in words, for the subtitle.
    """
    names = [*(f"{w:g} days" for w in windows), "while treated"]
    rows = [
        {"dose": float(dose), "rate": float(rate), "window": name}
        for name, w in zip(names, (*windows, np.inf), strict=True)
        for dose, rate in zip(protocol.dose.levels, 100 * patients.rate(w), strict=True)
    ]
    key: dict[str, Any] = {
        "shorthand": "window:N",
        "title": "DLTs within",
        "sort": names,
        "legend": alt.Legend(symbolSize=200, labelLimit=300),
    }
    chart = (
        chart_of(rows)
        .mark_line(point={"size": 60, "filled": True})
        .encode(
            x=alt.X("dose:Q", title=f"dose ({protocol.dose.unit}, {metric})", axis=alt.Axis(grid=False)),
            y=alt.Y("rate:Q", title="patients with a DLT (%)"),
            color=alt.Color(**key, scale=alt.Scale(domain=names)),
            shape=alt.Shape(**key, scale=alt.Scale(domain=names)),
            strokeDash=alt.StrokeDash(**key, scale=alt.Scale(domain=names)),
        )
    )
    title = alt.TitleParams(
        f"{protocol.drug.name}: true DLT rate by dose and window",
        anchor="start",
        subtitle=f"{patients.gap.size:,} virtual patients; ocular slope {scenario} (assumed)",
    )
    return styled(chart.properties(width=520, height=300, title=title), legend={"orient": "right"})
