"""Dose escalation, patient by patient."""

from __future__ import annotations

import altair as alt

from posology.readout.figures.patient_marks import WIDTH, Drawing, Rows
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

__all__ = ["escalation"]

CAPTION = (
    "One mark a patient, in order of first dose; the line is the dose assigned. A cross is a dose-limiting toxicity, a"
    " diamond a patient still inside the DLT window, a square one who is not evaluable, a triangle one whose event may"
    " be a DLT and is not judged as it now stands."
)
OUTCOMES = {  # what a mark means: its shape and colour
    "no DLT": ("circle", PALETTE["blue"]),
    "DLT": ("cross", PALETTE["vermilion"]),
    "inside the DLT window": ("diamond", PALETTE["grey"]),
    "not evaluable": ("square", PALETTE["orange"]),
    "awaiting judgement": ("triangle-up", PALETTE["sky"]),
}
NAMES = {"pending": "inside the DLT window", "moderate": "no DLT"}
MANY_MARKS = 200
"""Patients above which those without a DLT have no mark of their own."""


def escalation(results: TrialResults) -> Drawing | None:
    """Draw each patient of the dose finding at the level assigned, in order of first dose."""
    treated = [c for c in results.courses if c.level and c.standing]
    if not treated:
        return None
    rows: Rows = [
        {"order": i, "level": c.level, "outcome": NAMES.get(c.standing.outcome, c.standing.outcome)}
        for i, c in enumerate(treated, 1)
        if c.standing
    ]
    doses = results.protocol.dose.levels
    labels = " : ".join(f"datum.value == {i} ? '{dose:g}'" for i, dose in enumerate(doses, 1)) + " : ''"
    x = alt.X(
        "order:Q",
        title="patient, in order of first dose",
        scale=alt.Scale(domain=[0.5, len(rows) + 0.5], nice=False),
        axis=alt.Axis(tickMinStep=1, format="d", grid=False),
    )
    y = alt.Y(
        "level:Q",
        title=f"dose assigned ({results.protocol.dose.unit})",
        scale=alt.Scale(domain=[0.5, len(doses) + 0.5], nice=False),
        axis=alt.Axis(values=list(range(1, len(doses) + 1)), labelExpr=labels),
    )
    many = len(rows) > MANY_MARKS
    marked = [row for row in rows if row["outcome"] != "no DLT"] if many else rows
    line = chart_of(rows).mark_line(interpolate="step-after", color=PALETTE["pale"], strokeWidth=2).encode(x=x, y=y)
    seen = {row["outcome"] for row in rows}
    outcomes = [outcome for outcome in OUTCOMES if outcome != "awaiting judgement" or outcome in seen]
    shapes, colours = ([OUTCOMES[outcome][k] for outcome in outcomes] for k in (0, 1))
    points = chart_of(marked).mark_point(size=40 if many else 110, filled=True, opacity=1)
    points = points.encode(
        x=x,
        y=y,
        shape=alt.Shape("outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=shapes)),
        color=alt.Color("outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=colours)),
    )
    caption = CAPTION + (f" Of {len(rows):,} patients, those without a DLT are in the line only." if many else "")
    return Drawing((line + points).properties(width=WIDTH, height=280), caption)
