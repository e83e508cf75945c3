"""Each patient's time on treatment, one lane a patient."""

from __future__ import annotations

from typing import Any

import altair as alt

from posology.readout.figures.patient_marks import MANY, WIDTH, Drawing
from posology.readout.results.trial_results import TrialResults
from posology.record.facts import Dosed
from posology.shared.charts import PALETTE, chart_of

__all__ = ["swimmer"]

CAPTION = "One lane a patient. A lane's shade is the dose level; an arrow: still on treatment at the cutoff."


def swimmer(results: TrialResults) -> Drawing | None:
    """Draw each patient's time on treatment, dose by dose, with what happened."""
    bars: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    lanes: list[str] = []
    for c in results.courses:
        first = c.patient.first_dose
        if first is None:
            continue
        lane = f"{c.id}  {c.dose}"
        lanes.append(lane)
        end = c.patient.off_treatment
        stop = min(end.occurred, results.cutoff) if end else results.cutoff
        weeks = lambda day, start=first.occurred: (day - start).days / 7
        doses = [(e.occurred, e.fact.level) for e in c.patient.doses if isinstance(e.fact, Dosed)]
        for (day, level), (until, _) in zip(doses, [*doses[1:], (stop, 0)][: len(doses)], strict=True):
            bars.append(
                {
                    "lane": lane,
                    "from": weeks(day),
                    "to": max(weeks(until), weeks(day) + 0.15),
                    "dose": results.protocol.dose.levels[level - 1],
                }
            )
        seen = [(t.event.occurred, "DLT") for t in c.patient.toxicities if t.is_dlt]
        seen += [(s.on, s.overall) for s in c.scans if s.number and s.overall in ("CR", "PR", "PD")]
        marks += [{"lane": lane, "week": weeks(on), "event": event} for on, event in seen]
        if end is None:
            marks.append({"lane": lane, "week": weeks(stop) + 0.4, "event": "on treatment"})
    if not bars:
        return None
    events = ["on treatment", "DLT", "CR", "PR", "PD"]
    many = len(lanes) > MANY
    y = alt.Y("lane:N", sort=lanes, title=None, axis=None if many else alt.Axis(labelLimit=240))
    longest = max([bar["to"] for bar in bars] + [mark["week"] for mark in marks])
    lane_marks = (
        chart_of(bars)
        .mark_bar(height=2 if many else 10)
        .encode(
            y=y,
            x=alt.X("from:Q", title="weeks from first dose", scale=alt.Scale(domain=[0, longest + 0.5], nice=False)),
            x2="to:Q",
            fill=alt.Fill(
                "dose:O", title=f"dose given ({results.protocol.dose.unit})", scale=alt.Scale(scheme="blues")
            ),
        )
    )
    points = (
        chart_of(marks)
        .mark_point(size=8 if many else 70, filled=True, opacity=1)
        .encode(
            y=y,
            x="week:Q",
            shape=alt.Shape(
                "event:N",
                title=None,
                scale=alt.Scale(domain=events, range=["triangle-right", "cross", "diamond", "circle", "square"]),
            ),
            color=alt.Color(
                "event:N",
                title=None,
                scale=alt.Scale(
                    domain=events,
                    range=[PALETTE["ink"], PALETTE["vermilion"], PALETTE["green"], PALETTE["green"], PALETTE["purple"]],
                ),
            ),
        )
    )
    layers = alt.layer(lane_marks, points) if marks else lane_marks
    return Drawing(layers.properties(width=WIDTH - 40, height=(3 if many else 18) * len(lanes) + 20), CAPTION)
