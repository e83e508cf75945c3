"""CA-125 over time, one line a patient."""

from __future__ import annotations

import altair as alt

from posology.readout.figures.patient_marks import WIDTH, Drawing, Rows, names, spread_evenly
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

__all__ = ["ca125"]

CAPTION = "Logarithmic scale; the dashed line is the upper limit of normal."
KINDS = ["confirmed", "no confirmed response"]


def ca125(results: TrialResults) -> Drawing | None:
    """Draw each patient's CA-125."""
    sampled = [c for c in results.courses if c.marker and c.patient.first_dose]
    ranked = sorted(sampled, key=lambda c: (c.marker.largest_fall if c.marker else None) or 0.0)
    drawn, left_out = spread_evenly(ranked, "largest fall", "ca125")
    rows: Rows = [
        {
            "patient": c.id,
            "week": (s.on - c.patient.first_dose.occurred).days / 7,
            "value": s.value,
            "response": KINDS[c.marker.response != "confirmed"],
        }
        for c in (drawn if left_out else sampled)
        if c.marker and c.patient.first_dose
        for s in c.marker.samples
        if s.value > 0
    ]
    if not rows:
        return None
    limit = results.protocol.endpoints.ca125.upper_limit_u_ml if results.protocol.endpoints.ca125 else None
    values = [row["value"] for row in rows] + ([limit] if limit else [])
    domain = [min(values) * 0.8, max(values) * 1.2]
    colour = alt.Scale(domain=KINDS, range=[PALETTE["green"], PALETTE["grey"]])
    dash = alt.Scale(domain=KINDS, range=[[1, 0], [4, 3]])
    chart = chart_of(rows).encode(
        x=alt.X("week:Q", title="weeks from first dose"),
        y=alt.Y("value:Q", title="CA-125 (U/mL)", scale=alt.Scale(type="log", domain=domain, nice=False)),
        color=alt.Color("response:N", title="GCIG response", scale=colour),
        strokeDash=alt.StrokeDash("response:N", title="GCIG response", scale=dash),
        detail="patient:N",
    )
    lines = chart.mark_line(strokeWidth=1 if left_out else 1.5)
    layers = lines + names(rows, "value")
    if not left_out:
        layers += chart.mark_point(filled=True, size=30, opacity=1)
    if limit:
        rule = chart_of([{"limit": limit}]).mark_rule(strokeDash=[4, 4], color=PALETTE["ink"])
        layers += rule.encode(y="limit:Q")
    return Drawing(layers.properties(width=WIDTH, height=340), CAPTION + left_out)
