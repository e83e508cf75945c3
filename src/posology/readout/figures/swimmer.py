"""Each patient's time on treatment, one lane a patient."""

from __future__ import annotations

from datetime import date

import altair as alt

from posology.conduct.patient_courses import PatientCourse
from posology.readout.figures.patient_marks import MANY, WIDTH, Drawing, Rows, spread_evenly
from posology.readout.results.trial_results import TrialResults
from posology.record.facts import Dosed
from posology.shared.charts import PALETTE, chart_of

__all__ = ["swimmer"]

CAPTION = "One lane a patient. A lane's shade is the dose level; an arrow: still on treatment at the cutoff."
MARKS = {  # what happened: the shape and the colour of its mark
    "on treatment": ("triangle-right", PALETTE["ink"]),
    "DLT": ("cross", PALETTE["vermilion"]),
    "CR": ("diamond", PALETTE["green"]),
    "PR": ("circle", PALETTE["green"]),
    "PD": ("square", PALETTE["purple"]),
}


def swimmer(results: TrialResults) -> Drawing | None:
    """Draw each patient's time on treatment, dose by dose, with what happened."""
    treated = [c for c in results.courses if c.patient.first_dose]
    ranked = sorted(treated, key=lambda c: _weeks(c, _last_day(c, results.cutoff)))
    drawn, left_out = spread_evenly(ranked, "time on treatment", "time_on_treatment")
    shown = drawn if left_out else treated
    bars = [bar for c in shown for bar in _bars(c, results)]
    marks = [mark for c in shown for mark in _marks(c, results)]
    if not bars:
        return None
    lanes = [_lane(c) for c in shown]
    many = len(lanes) > MANY
    y = alt.Y("lane:N", sort=lanes, title=None, axis=None if many else alt.Axis(labelLimit=240))
    longest = max([bar["to"] for bar in bars] + [mark["week"] for mark in marks])
    shade = alt.Fill("dose:O", title=f"dose given ({results.protocol.dose.unit})", scale=alt.Scale(scheme="blues"))
    x = alt.X("from:Q", title="weeks from first dose", scale=alt.Scale(domain=[0, longest + 0.5], nice=False))
    chart = chart_of(bars).mark_bar(height=5 if many else 10).encode(y=y, x=x, x2="to:Q", fill=shade)
    if marks:
        events = list(MARKS)
        shapes, colours = ([MARKS[event][k] for event in events] for k in (0, 1))
        points = chart_of(marks).mark_point(
            size=25 if many else 80, filled=True, opacity=1, stroke="white", strokeWidth=0.7
        )
        chart = alt.layer(
            chart,
            points.encode(
                y=y,
                x="week:Q",
                shape=alt.Shape("event:N", title=None, scale=alt.Scale(domain=events, range=shapes)),
                color=alt.Color("event:N", title=None, scale=alt.Scale(domain=events, range=colours)),
            ),
        )
    height = (7 if many else 18) * len(lanes) + 20
    return Drawing(chart.properties(width=WIDTH - 40, height=height), CAPTION + left_out)


def _lane(course: PatientCourse) -> str:
    return f"{course.id}  {course.dose}"


def _last_day(course: PatientCourse, cutoff: date) -> date:
    end = course.patient.off_treatment
    return min(end.occurred, cutoff) if end else cutoff


def _weeks(course: PatientCourse, day: date) -> float:
    first = course.patient.first_dose
    return (day - first.occurred).days / 7 if first else 0.0


def _bars(course: PatientCourse, results: TrialResults) -> Rows:
    """Return the parts of a patient's lane, from each dose to the next."""
    doses = [(e.occurred, e.fact.level) for e in course.patient.doses if isinstance(e.fact, Dosed)]
    ends = [*(day for day, _ in doses[1:]), _last_day(course, results.cutoff)]
    return [
        {
            "lane": _lane(course),
            "from": _weeks(course, day),
            "to": max(_weeks(course, until), _weeks(course, day) + 0.15),
            "dose": results.protocol.dose.levels[level - 1],
        }
        for (day, level), until in zip(doses, ends[: len(doses)], strict=True)
    ]


def _marks(course: PatientCourse, results: TrialResults) -> Rows:
    """Return what happened in a patient's lane."""
    seen = [(_weeks(course, t.event.occurred), "DLT") for t in course.patient.toxicities if t.is_dlt]
    seen += [(_weeks(course, s.on), s.overall) for s in course.scans if s.number and s.overall in ("CR", "PR", "PD")]
    if course.patient.off_treatment is None:
        seen.append((_weeks(course, results.cutoff) + 0.4, "on treatment"))
    return [{"lane": _lane(course), "week": week, "event": event} for week, event in seen]
