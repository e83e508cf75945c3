"""Best change in the sum of target lesions, one bar a patient."""

from __future__ import annotations

from typing import Any

import altair as alt

from posology.readout.figures.patient_marks import MANY, WIDTH, Drawing, by_dose, recist_limits
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

__all__ = ["waterfall"]

CAPTION = (
    "Dashed lines: +20 % and −30 %. Bars are labelled with the best overall response; an asterisk awaits confirmation."
)


def waterfall(results: TrialResults) -> Drawing | None:
    """Draw the best change in the sum of target lesions, one bar a patient."""
    rows: list[dict[str, Any]] = [
        {
            "patient": f"{c.id}  {c.dose}",
            "change": c.response.best_change,
            "dose": c.dose,
            "label": c.response.best + ("*" if c.response.confirmation == "awaiting confirmation" else ""),
        }
        for c in results.courses
        if c.response.best_change is not None
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (-float(row["change"]), str(row["patient"])))
    order = [str(row["patient"]) for row in rows]
    low, high = min(-35.0, *(row["change"] for row in rows)) - 6, max(25.0, *(row["change"] for row in rows)) + 6
    base = chart_of(rows).encode(
        x=alt.X(
            "patient:N",
            sort=order,
            title=None,
            axis=None if len(rows) > MANY else alt.Axis(labelAngle=-60, labelLimit=240),
        ),
        y=alt.Y("change:Q", title="best change from baseline (%)", scale=alt.Scale(domain=[low, high], nice=False)),
    )
    bars = base.mark_bar().encode(color=by_dose(results.courses))
    room = WIDTH / len(rows)  # too narrow for a word across: it stands upright
    side = lambda align, dx, dy: (
        {"angle": 270, "align": align, "baseline": "middle", "dx": dx} if room < 20 else {"dy": dy}
    )
    text: dict[str, Any] = {"fontSize": max(3.0, min(10.0, room)), "color": PALETTE["ink"]}
    above = base.transform_filter("datum.change >= 0").mark_text(**text, **side("left", 3, -7)).encode(text="label:N")
    below = base.transform_filter("datum.change < 0").mark_text(**text, **side("right", -3, 9)).encode(text="label:N")
    return Drawing((bars + above + below + recist_limits()).properties(width=WIDTH, height=280), CAPTION)
