"""Best change in the sum of target lesions, one bar a patient."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from posology.endpoints import rates
from posology.readout.figures.patient_marks import (
    MANY,
    WIDTH,
    Drawing,
    Rows,
    by_dose,
    recist_limits,
    spread_evenly,
)
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

__all__ = ["waterfall"]

CAPTION = (
    "Dashed lines: +20 % and −30 %. Bars are labelled with the best overall response; an asterisk awaits confirmation."
)
MANY_BARS = 180
"""Bars above which no label fits on one."""


def waterfall(results: TrialResults) -> Drawing | None:
    """Draw the best change in the sum of target lesions, one bar a patient."""
    measured = [c for c in results.courses if c.response.best_change is not None]
    if not measured:
        return None
    named = sorted(measured, key=lambda c: f"{c.id}  {c.dose}")
    order = rates.waterfall(np.array([c.response.best_change for c in named], dtype=np.float64))
    ranked = [named[i] for i in order.tolist()]
    drawn, left_out = spread_evenly(ranked, "best change", "responses", most=WIDTH)
    rows: Rows = [
        {
            "patient": f"{c.id}  {c.dose}",
            "change": c.response.best_change,
            "dose": c.dose,
            "label": c.response.best + ("*" if c.response.confirmation == "awaiting confirmation" else ""),
        }
        for c in drawn
    ]
    changes = [row["change"] for row in rows]
    domain = [min(-35.0, *changes) - 6, max(25.0, *changes) + 6]
    base = chart_of(rows).encode(
        x=alt.X(
            "patient:N",
            sort=[row["patient"] for row in rows],
            title=None,
            axis=None if len(rows) > MANY else alt.Axis(labelAngle=-60, labelLimit=240),
        ),
        y=alt.Y("change:Q", title="best change from baseline (%)", scale=alt.Scale(domain=domain, nice=False)),
    )
    chart = base.mark_bar().encode(color=by_dose(results.courses)) + recist_limits()
    if len(rows) <= MANY_BARS:
        chart += _labels(base, WIDTH / len(rows))
        return Drawing(chart.properties(width=WIDTH, height=280), CAPTION + left_out)
    caption = CAPTION.split(" Bars ")[0] + " The best overall responses are in tables/responses.csv." + left_out
    return Drawing(chart.properties(width=WIDTH, height=280), caption)


def _labels(base: Any, room: float) -> Any:
    """Write the best response at the end of each bar: across where there is room, else upright."""
    text: dict[str, Any] = {"fontSize": max(3.0, min(10.0, room)), "color": PALETTE["ink"]}

    def side(align: str, dx: int, dy: int) -> dict[str, Any]:
        upright = {"angle": 270, "align": align, "baseline": "middle", "dx": dx}
        return upright if room < 20 else {"dy": dy}

    above = base.transform_filter("datum.change >= 0").mark_text(**text, **side("left", 3, -7)).encode(text="label:N")
    below = base.transform_filter("datum.change < 0").mark_text(**text, **side("right", -3, 9)).encode(text="label:N")
    return above + below
