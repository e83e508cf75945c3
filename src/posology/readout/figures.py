"""The figures: one Vega-Lite chart each, drawn by Altair, for the page, SVG and PNG alike.

What a colour says, a shape or a label says too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import altair as alt

from posology.protocol.model import Protocol
from posology.readout.courses import Course
from posology.record.facts import Dosed
from posology.record.state import State

INK, PALE, RED, BLUE, GREEN, AMBER = "#1f2933", "#cbd2d9", "#b4232c", "#2563a6", "#2f7d4f", "#b7791f"
WIDTH = 620


@dataclass(frozen=True)
class Figure:
    """A figure: its file's name, its title, what it shows, and the chart."""

    name: str
    title: str
    caption: str
    chart: Any


def figures(state: State, protocol: Protocol, courses: Sequence[Course], cutoff: date) -> list[Figure]:
    """Return every figure that the data allow, in the order of the page."""
    drawn: list[tuple[str, str, str, Callable[[], Any]]] = [
        ("escalation", "Dose escalation, cohort by cohort", "One mark a patient, in order of first dose; the line is the dose "
         "assigned. A cross is a dose-limiting toxicity, an open circle a patient still inside the DLT window.",
         lambda: escalation(protocol, courses)),
        ("swimmer", "Time on treatment", "One lane a patient. A lane's shade is the dose level; an arrow: still on treatment "
         "at the cutoff.", lambda: swimmer(protocol, courses, cutoff)),
        ("waterfall", "Best change in the sum of target lesions", "Dashed lines: +20 % and −30 %. Bars are labelled with the "
         "best overall response; an asterisk awaits confirmation.", lambda: waterfall(courses)),
        ("spider", "Change in the sum of target lesions over time", "Dashed lines: +20 % and −30 % from the baseline.",
         lambda: spider(courses)),
        ("ca125", "CA-125 over time", "Logarithmic scale; the dashed line is the upper limit of normal.",
         lambda: ca125(courses, protocol)),
    ]  # fmt: skip
    found = []
    for name, title, caption, draw in drawn:
        chart = draw()
        if chart is not None:
            found.append(Figure(name, title, caption, _styled(chart)))
    return found


def _styled(chart: Any) -> Any:
    font = "DejaVu Sans, Liberation Sans, Arial, sans-serif"
    return (
        chart.configure(font=font, background="white")
        .configure_axis(labelColor=INK, titleColor=INK, gridColor="#e4e7eb", labelFontSize=11, titleFontSize=12)
        .configure_legend(labelFontSize=11, titleFontSize=11, orient="bottom")
        .configure_view(stroke=None)
    )


def escalation(protocol: Protocol, courses: Sequence[Course]) -> Any:
    """Draw each patient of the dose finding at the level assigned, in order of first dose."""
    treated = [c for c in courses if c.level and c.standing]
    if not treated:
        return None
    names = {"DLT": "DLT", "pending": "inside the DLT window", "not evaluable": "not evaluable"}
    rows = [
        {"order": i, "patient": c.id, "level": c.level, "dose": protocol.dose.levels[(c.level or 1) - 1],
         "outcome": names.get(c.standing.outcome, "no DLT") if c.standing else ""}
        for i, c in enumerate(treated, 1)
    ]  # fmt: skip
    outcomes = ["no DLT", "DLT", "inside the DLT window", "not evaluable"]
    labels = " : ".join(f"datum.value == {i} ? '{dose:g}'" for i, dose in enumerate(protocol.dose.levels, 1)) + " : ''"
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("order:Q", title="patient, in order of first dose", scale=alt.Scale(domain=[0.5, len(rows) + 0.5], nice=False),
                axis=alt.Axis(tickMinStep=1, format="d", grid=False)),
        y=alt.Y("level:Q", title=f"dose assigned ({protocol.dose.unit})",
                scale=alt.Scale(domain=[0.5, len(protocol.dose.levels) + 0.5], nice=False),
                axis=alt.Axis(values=list(range(1, len(protocol.dose.levels) + 1)), labelExpr=labels)),
    )  # fmt: skip
    line = base.mark_line(interpolate="step-after", color=PALE, strokeWidth=2)
    points = base.mark_point(size=110, strokeWidth=2, opacity=1).encode(
        shape=alt.Shape(
            "outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=["circle", "cross", "circle", "square"])
        ),
        color=alt.Color("outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=[BLUE, RED, BLUE, AMBER])),
        fill=alt.Fill("outcome:N", legend=None, scale=alt.Scale(domain=outcomes, range=[BLUE, RED, "white", "white"])),
    )
    return (line + points).properties(width=WIDTH, height=280)


def swimmer(protocol: Protocol, courses: Sequence[Course], cutoff: date) -> Any:
    """Draw each patient's time on treatment, dose by dose, with what happened."""
    bars: list[dict[str, Any]] = []
    marks: list[dict[str, Any]] = []
    lanes: list[str] = []
    for c in courses:
        first = c.patient.first_dose
        if first is None:
            continue
        lanes.append(c.id)
        end = c.patient.off_treatment
        stop = min(end.occurred, cutoff) if end else cutoff
        weeks = lambda day, start=first.occurred: (day - start).days / 7
        doses = [(e.occurred, e.fact.level) for e in c.patient.doses if isinstance(e.fact, Dosed)]
        for (day, level), (until, _) in zip(doses, [*doses[1:], (stop, 0)], strict=True):
            bars.append({"patient": c.id, "from": weeks(day), "to": max(weeks(until), weeks(day) + 0.15),
                         "dose": protocol.dose.levels[level - 1]})  # fmt: skip
        if end is None:
            marks.append({"patient": c.id, "week": weeks(stop) + 0.4, "event": "on treatment"})
        for toxicity in c.patient.toxicities:
            if toxicity.is_dlt:
                marks.append({"patient": c.id, "week": weeks(toxicity.event.occurred), "event": "DLT"})
        for scan in c.scans:
            if scan.study_day and scan.study_day > 0 and scan.overall in ("CR", "PR", "PD"):
                marks.append({"patient": c.id, "week": weeks(scan.on), "event": scan.overall})
    if not bars:
        return None
    events = ["on treatment", "DLT", "CR", "PR", "PD"]
    y = alt.Y("patient:N", sort=lanes, title=None)
    longest = max([b["to"] for b in bars] + [m["week"] for m in marks])
    lane = alt.Chart(alt.Data(values=bars)).mark_bar(height=10).encode(
        y=y, x=alt.X("from:Q", title="weeks from first dose", scale=alt.Scale(domain=[0, longest + 0.5], nice=False)), x2="to:Q",
        color=alt.Color("dose:O", title=f"dose given ({protocol.dose.unit})", scale=alt.Scale(scheme="blues")),
    )  # fmt: skip
    mark = alt.Chart(alt.Data(values=marks)).mark_point(size=70, filled=True, opacity=1).encode(
        y=y, x="week:Q",
        shape=alt.Shape("event:N", title=None, scale=alt.Scale(domain=events, range=["triangle-right", "cross", "diamond", "circle", "square"])),
        fill=alt.Fill("event:N", title=None, scale=alt.Scale(domain=events, range=[INK, RED, GREEN, GREEN, "#7b341e"])),
    )  # fmt: skip
    layers = lane + mark if marks else lane
    return layers.resolve_scale(color="independent", fill="independent").properties(
        width=WIDTH, height=18 * len(lanes) + 20
    )


def waterfall(courses: Sequence[Course]) -> Any:
    """Draw the best change in the sum of target lesions, one bar a patient."""
    rows = [
        {"patient": c.id, "change": c.response.best_change, "dose": c.dose,
         "label": c.response.best + ("*" if c.response.confirmation == "awaiting confirmation" else "")}
        for c in courses if c.response.best_change is not None
    ]  # fmt: skip
    if not rows:
        return None
    rows.sort(key=lambda r: (-r["change"], r["patient"]))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("patient:N", sort=[r["patient"] for r in rows], title=None, axis=alt.Axis(labelAngle=-60))
    )
    bars = base.mark_bar().encode(
        y=alt.Y("change:Q", title="best change from baseline (%)"),
        color=alt.Color("dose:N", title="dose assigned", sort=_doses(courses)),
    )
    above = (
        base.transform_filter("datum.change >= 0")
        .mark_text(dy=-7, fontSize=10, color=INK)
        .encode(y="change:Q", text="label:N")
    )
    below = (
        base.transform_filter("datum.change < 0")
        .mark_text(dy=9, fontSize=10, color=INK)
        .encode(y="change:Q", text="label:N")
    )
    return (bars + above + below + _limits()).properties(width=WIDTH, height=280)


def spider(courses: Sequence[Course]) -> Any:
    """Draw the change in the sum of target lesions over time, one line a patient."""
    rows = [
        {"patient": c.id, "week": ((s.study_day or 1) - 1) / 7 if s.number else 0, "change": s.change, "dose": c.dose, "at": s.overall}
        for c in courses for s in c.scans if s.change is not None
    ]  # fmt: skip
    if not any(row["week"] for row in rows):
        return None
    chart = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("week:Q", title="weeks from first dose"), y=alt.Y("change:Q", title="change from baseline (%)"),
        color=alt.Color("dose:N", title="dose assigned", sort=_doses(courses)), detail="patient:N",
    )  # fmt: skip
    last = {row["patient"]: row for row in rows}
    ends = alt.Chart(alt.Data(values=list(last.values()))).mark_text(align="left", dx=5, fontSize=9, color=INK).encode(
        x="week:Q", y="change:Q", text="patient:N"
    )  # fmt: skip
    return (chart.mark_line(strokeWidth=1.5) + chart.mark_point(filled=True, size=35) + ends + _limits()).properties(
        width=WIDTH, height=320
    )


def ca125(courses: Sequence[Course], protocol: Protocol) -> Any:
    """Draw each patient's CA-125."""
    rows = [
        {"patient": c.id, "week": (s.on - c.patient.first_dose.occurred).days / 7, "value": s.value,
         "response": c.marker.response if c.marker.response == "confirmed" else "no confirmed response"}
        for c in courses if c.marker and c.patient.first_dose for s in c.marker.samples if s.value > 0
    ]  # fmt: skip
    if not rows:
        return None
    chart = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("week:Q", title="weeks from first dose"),
        y=alt.Y("value:Q", title="CA-125 (U/mL)", scale=alt.Scale(type="log", nice=False)),
        color=alt.Color("response:N", title="GCIG response", scale=alt.Scale(domain=["confirmed", "no confirmed response"], range=[GREEN, "#829ab1"])),
        strokeDash=alt.StrokeDash("response:N", legend=None, scale=alt.Scale(domain=["confirmed", "no confirmed response"], range=[[1, 0], [4, 3]])),
        detail="patient:N",
    )  # fmt: skip
    last = {row["patient"]: row for row in rows}
    ends = alt.Chart(alt.Data(values=list(last.values()))).mark_text(align="left", dx=5, fontSize=9, color=INK).encode(
        x="week:Q", y="value:Q", text="patient:N"
    )  # fmt: skip
    limit = protocol.endpoints.ca125.upper_limit_u_ml if protocol.endpoints.ca125 else None
    rule = alt.Chart(alt.Data(values=[{"limit": limit}])).mark_rule(strokeDash=[4, 4], color=INK).encode(y="limit:Q")
    drawn = chart.mark_line(strokeWidth=1.5) + chart.mark_point(filled=True, size=30) + ends
    return (drawn + rule if limit else drawn).properties(width=WIDTH, height=340)


def _limits() -> Any:
    return (
        alt.Chart(alt.Data(values=[{"limit": 20}, {"limit": -30}]))
        .mark_rule(strokeDash=[4, 4], color=INK)
        .encode(y="limit:Q")
    )


def _doses(courses: Sequence[Course]) -> list[str]:
    """The doses, lowest first."""
    return list(dict.fromkeys(c.dose for c in sorted(courses, key=lambda c: c.level or 0)))
