"""Change in the sum of target lesions over time, one line a patient."""

from __future__ import annotations

import altair as alt

from posology.readout.figures.patient_marks import WIDTH, Drawing, Rows, by_dose, names, recist_limits, spread_evenly
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import chart_of

__all__ = ["spider"]

CAPTION = "Dashed lines: +20 % and −30 % from the baseline."


def spider(results: TrialResults) -> Drawing | None:
    """Draw the change in the sum of target lesions over time, one line a patient."""
    followed = [c for c in results.courses if len(c.scans) > 1 and any(s.change is not None for s in c.scans)]
    ranked = sorted(followed, key=lambda c: c.response.best_change or 0.0)
    drawn, left_out = spread_evenly(ranked, "best change", "responses")
    rows: Rows = [
        {"patient": c.id, "week": ((s.study_day or 1) - 1) / 7 if s.number else 0.0, "change": s.change, "dose": c.dose}
        for c in (drawn if left_out else followed)
        for s in c.scans
        if s.change is not None
    ]
    if not rows:
        return None
    changes = [row["change"] for row in rows]
    scale = alt.Scale(domain=[min(-35.0, *changes) - 3, max(25.0, *changes) + 3], nice=False)
    chart = chart_of(rows).encode(
        x=alt.X("week:Q", title="weeks from first dose"),
        y=alt.Y("change:Q", title="change from baseline (%)", scale=scale),
        color=by_dose(results.courses),
        detail="patient:N",
    )
    lines = chart.mark_line(strokeWidth=1 if left_out else 1.5)
    layers = lines + names(rows, "change") + recist_limits()
    if not left_out:
        layers += chart.mark_point(filled=True, size=35, opacity=1)
    return Drawing(layers.properties(width=WIDTH, height=320), CAPTION + left_out)
