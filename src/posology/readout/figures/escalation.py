"""Dose escalation, patient by patient."""

from __future__ import annotations

import altair as alt

from posology.readout.figures.patient_marks import WIDTH, Drawing
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

__all__ = ["escalation"]

CAPTION = (
    "One mark a patient, in order of first dose; the line is the dose assigned. A cross is a dose-limiting toxicity, a "
    "diamond a patient still inside the DLT window, a square one who is not evaluable, a triangle "
    "one whose event may be a DLT and is not judged as it now stands."
)


SHAPES = ["circle", "cross", "diamond", "square"]
COLOURS = ["blue", "vermilion", "grey", "orange"]


def escalation(results: TrialResults) -> Drawing | None:
    """Draw each patient of the dose finding at the level assigned, in order of first dose."""
    treated = [c for c in results.courses if c.level and c.standing]
    if not treated:
        return None
    names = {
        "DLT": "DLT",
        "pending": "inside the DLT window",
        "awaiting judgement": "awaiting judgement",
        "not evaluable": "not evaluable",
    }
    rows = [
        {"order": i, "level": c.level, "outcome": names.get(c.standing.outcome, "no DLT") if c.standing else ""}
        for i, c in enumerate(treated, 1)
    ]
    outcomes, shapes, colours = ["no DLT", "DLT", "inside the DLT window", "not evaluable"], SHAPES, COLOURS
    if any(row["outcome"] == "awaiting judgement" for row in rows):
        outcomes, shapes, colours = [*outcomes, "awaiting judgement"], [*SHAPES, "triangle-up"], [*COLOURS, "sky"]
    levels = len(results.protocol.dose.levels)
    labels = (
        " : ".join(f"datum.value == {i} ? '{dose:g}'" for i, dose in enumerate(results.protocol.dose.levels, 1))
        + " : ''"
    )
    base = chart_of(rows).encode(
        x=alt.X(
            "order:Q",
            title="patient, in order of first dose",
            scale=alt.Scale(domain=[0.5, len(rows) + 0.5], nice=False),
            axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        ),
        y=alt.Y(
            "level:Q",
            title=f"dose assigned ({results.protocol.dose.unit})",
            scale=alt.Scale(domain=[0.5, levels + 0.5], nice=False),
            axis=alt.Axis(values=list(range(1, levels + 1)), labelExpr=labels),
        ),
    )
    line = base.mark_line(interpolate="step-after", color=PALETTE["pale"], strokeWidth=2)
    points = base.mark_point(size=110, strokeWidth=2, filled=True, opacity=1).encode(
        shape=alt.Shape("outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=shapes)),
        color=alt.Color(
            "outcome:N",
            title=None,
            scale=alt.Scale(domain=outcomes, range=[PALETTE[name] for name in colours]),
        ),
    )
    return Drawing((line + points).properties(width=WIDTH, height=280), CAPTION)
