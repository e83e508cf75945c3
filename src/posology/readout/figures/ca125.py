"""CA-125 over time, one line a patient."""

from __future__ import annotations

import altair as alt

from posology.readout.figures.patient_marks import WIDTH, Drawing, names
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

__all__ = ["ca125"]

CAPTION = "Logarithmic scale; the dashed line is the upper limit of normal."


def ca125(results: TrialResults) -> Drawing | None:
    """Draw each patient's CA-125."""
    rows = [
        {
            "patient": c.id,
            "week": (s.on - c.patient.first_dose.occurred).days / 7,
            "value": s.value,
            "response": "confirmed" if c.marker.response == "confirmed" else "no confirmed response",
        }
        for c in results.courses
        if c.marker and c.patient.first_dose
        for s in c.marker.samples
        if s.value > 0
    ]
    if not rows:
        return None
    limit = results.protocol.endpoints.ca125.upper_limit_u_ml if results.protocol.endpoints.ca125 else None
    values = [float(row["value"]) for row in rows if isinstance(row["value"], float)] + ([limit] if limit else [])
    kinds = ["confirmed", "no confirmed response"]
    chart = chart_of(rows).encode(
        x=alt.X("week:Q", title="weeks from first dose"),
        y=alt.Y(
            "value:Q",
            title="CA-125 (U/mL)",
            scale=alt.Scale(type="log", domain=[min(values) * 0.8, max(values) * 1.2], nice=False),
        ),
        color=alt.Color(
            "response:N",
            title="GCIG response",
            scale=alt.Scale(domain=kinds, range=[PALETTE["green"], PALETTE["grey"]]),
        ),
        strokeDash=alt.StrokeDash(
            "response:N", title="GCIG response", scale=alt.Scale(domain=kinds, range=[[1, 0], [4, 3]])
        ),
        detail="patient:N",
    )
    drawn = chart.mark_line(strokeWidth=1.5) + chart.mark_point(filled=True, size=30, opacity=1) + names(rows, "value")
    if limit:
        drawn += chart_of([{"limit": limit}]).mark_rule(strokeDash=[4, 4], color=PALETTE["ink"]).encode(y="limit:Q")
    return Drawing(drawn.properties(width=WIDTH, height=340), CAPTION)
