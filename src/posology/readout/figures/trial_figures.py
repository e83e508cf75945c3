"""The figures: one Vega-Lite chart each, drawn by Altair, for the page, SVG and PNG alike.

What a colour says, a shape or a label says too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any

import altair as alt

from posology.protocol.model import Protocol
from posology.readout.courses import Course
from posology.readout.figures.kaplan_meier import kaplan_meier_figure
from posology.readout.tables.times_to_event import NO_LIMIT, NOT_REACHED, Endpoint
from posology.record.facts import Dosed
from posology.record.state import State

INK, PALE, RED, BLUE, GREEN, AMBER = "#1f2933", "#cbd2d9", "#b4232c", "#2563a6", "#2f7d4f", "#b7791f"
WIDTH = 620
MANY = 60
"""Patients above which their names are no longer written beside their marks."""


@dataclass(frozen=True)
class Figure:
    """A figure: its file's name, its title, what it shows, and the chart as a Vega-Lite specification."""

    name: str
    title: str
    caption: str
    chart: Any


def figures(
    state: State, protocol: Protocol, courses: Sequence[Course], cutoff: date, times: Sequence[Endpoint] = ()
) -> list[Figure]:
    """Return every figure that the data allow, in the order of the page."""
    drawn: list[tuple[str, str, str, Callable[[], Any]]] = [
        (
            "escalation",
            "Dose escalation, cohort by cohort",
            "One mark a patient, in order of first dose; the line is the dose "
            "assigned. A cross is a dose-limiting toxicity, an open circle a patient still inside the DLT window.",
            lambda: escalation(protocol, courses),
        ),
        (
            "swimmer",
            "Time on treatment",
            "One lane a patient. A lane's shade is the dose level; an arrow: still on treatment at the cutoff.",
            lambda: swimmer(protocol, courses, cutoff),
        ),
        (
            "waterfall",
            "Best change in the sum of target lesions",
            "Dashed lines: +20 % and −30 %. Bars are labelled with the "
            "best overall response; an asterisk awaits confirmation.",
            lambda: waterfall(courses),
        ),
        (
            "spider",
            "Change in the sum of target lesions over time",
            "Dashed lines: +20 % and −30 % from the baseline.",
            lambda: spider(courses),
        ),
        (
            "ca125",
            "CA-125 over time",
            "Logarithmic scale; the dashed line is the upper limit of normal.",
            lambda: ca125(courses, protocol),
        ),
        *(
            (f"km_{e.name}", f"{e.title} (Kaplan-Meier)", _curve_words(e), partial(kaplan_meier_figure, e))
            for e in times
        ),
    ]
    found = []
    with alt.utils.schemapi.debug_mode(False):  # else every row of data is checked against the schema of Vega-Lite
        for name, title, caption, draw in drawn:
            chart = draw()
            if chart is not None:
                found.append(Figure(name, title, caption, _styled(chart).to_dict(validate=False)))
    return found


def _curve_words(endpoint: Endpoint) -> str:
    """Say what the curve shows, with the numbers."""
    if endpoint.curve is None:
        return ""
    median, patients = endpoint.curve.median, endpoint.curve.patients
    value = NOT_REACHED if median.value is None else f"{median.value / 7:.1f} weeks"
    low, high = (NO_LIMIT if x is None else f"{x / 7:.1f}" for x in (median.lower, median.upper))
    told = f"median {value}, 95 % interval {low if low == high == NO_LIMIT else f'{low} to {high}'}"
    return (
        f"{patients} patient{'s' * (patients != 1)}, {int(endpoint.curve.events.sum())} with the event; {told}. Shaded: 95 % interval, "
        "log(-log) scale. Upright ticks: censored. Dashed: the median. Below: patients at risk."
    )


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
        {"order": i, "level": c.level, "outcome": names.get(c.standing.outcome, "no DLT") if c.standing else ""}
        for i, c in enumerate(treated, 1)
    ]
    outcomes, levels = ["no DLT", "DLT", "inside the DLT window", "not evaluable"], len(protocol.dose.levels)
    labels = " : ".join(f"datum.value == {i} ? '{dose:g}'" for i, dose in enumerate(protocol.dose.levels, 1)) + " : ''"
    base = _chart(rows).encode(
        x=alt.X(
            "order:Q",
            title="patient, in order of first dose",
            scale=alt.Scale(domain=[0.5, len(rows) + 0.5], nice=False),
            axis=alt.Axis(tickMinStep=1, format="d", grid=False),
        ),
        y=alt.Y(
            "level:Q",
            title=f"dose assigned ({protocol.dose.unit})",
            scale=alt.Scale(domain=[0.5, levels + 0.5], nice=False),
            axis=alt.Axis(values=list(range(1, levels + 1)), labelExpr=labels),
        ),
    )
    line = base.mark_line(interpolate="step-after", color=PALE, strokeWidth=2)
    points = base.mark_point(size=110, strokeWidth=2, filled=True, opacity=1).encode(
        shape=alt.Shape(
            "outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=["circle", "cross", "diamond", "square"])
        ),
        color=alt.Color("outcome:N", title=None, scale=alt.Scale(domain=outcomes, range=[BLUE, RED, "#829ab1", AMBER])),
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
        lane = f"{c.id}  {c.dose}"
        lanes.append(lane)
        end = c.patient.off_treatment
        stop = min(end.occurred, cutoff) if end else cutoff
        weeks = lambda day, start=first.occurred: (day - start).days / 7
        doses = [(e.occurred, e.fact.level) for e in c.patient.doses if isinstance(e.fact, Dosed)]
        for (day, level), (until, _) in zip(doses, [*doses[1:], (stop, 0)][: len(doses)], strict=True):
            bars.append(
                {
                    "lane": lane,
                    "from": weeks(day),
                    "to": max(weeks(until), weeks(day) + 0.15),
                    "dose": protocol.dose.levels[level - 1],
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
        _chart(bars)
        .mark_bar(height=2 if many else 10)
        .encode(
            y=y,
            x=alt.X("from:Q", title="weeks from first dose", scale=alt.Scale(domain=[0, longest + 0.5], nice=False)),
            x2="to:Q",
            fill=alt.Fill("dose:O", title=f"dose given ({protocol.dose.unit})", scale=alt.Scale(scheme="blues")),
        )
    )
    points = (
        _chart(marks)
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
                "event:N", title=None, scale=alt.Scale(domain=events, range=[INK, RED, GREEN, GREEN, "#7b341e"])
            ),
        )
    )
    layers = alt.layer(lane_marks, points) if marks else lane_marks
    return layers.properties(width=WIDTH - 40, height=(3 if many else 18) * len(lanes) + 20)


def waterfall(courses: Sequence[Course]) -> Any:
    """Draw the best change in the sum of target lesions, one bar a patient."""
    rows: list[dict[str, Any]] = [
        {
            "patient": f"{c.id}  {c.dose}",
            "change": c.response.best_change,
            "dose": c.dose,
            "label": c.response.best + ("*" if c.response.confirmation == "awaiting confirmation" else ""),
        }
        for c in courses
        if c.response.best_change is not None
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: (-float(row["change"]), str(row["patient"])))
    order = [str(row["patient"]) for row in rows]
    low, high = min(-35.0, *(row["change"] for row in rows)) - 6, max(25.0, *(row["change"] for row in rows)) + 6
    base = _chart(rows).encode(
        x=alt.X(
            "patient:N",
            sort=order,
            title=None,
            axis=None if len(rows) > MANY else alt.Axis(labelAngle=-60, labelLimit=240),
        ),
        y=alt.Y("change:Q", title="best change from baseline (%)", scale=alt.Scale(domain=[low, high], nice=False)),
    )
    bars = base.mark_bar().encode(color=_by_dose(courses))
    room = WIDTH / len(rows)  # too narrow for a word across: it stands upright
    side = lambda align, dx, dy: (
        {"angle": 270, "align": align, "baseline": "middle", "dx": dx} if room < 20 else {"dy": dy}
    )
    text: dict[str, Any] = {"fontSize": max(3.0, min(10.0, room)), "color": INK}
    above = base.transform_filter("datum.change >= 0").mark_text(**text, **side("left", 3, -7)).encode(text="label:N")
    below = base.transform_filter("datum.change < 0").mark_text(**text, **side("right", -3, 9)).encode(text="label:N")
    return (bars + above + below + _limits()).properties(width=WIDTH, height=280)


def spider(courses: Sequence[Course]) -> Any:
    """Draw the change in the sum of target lesions over time, one line a patient."""
    rows = [
        {"patient": c.id, "week": ((s.study_day or 1) - 1) / 7 if s.number else 0.0, "change": s.change, "dose": c.dose}
        for c in courses
        if len(c.scans) > 1
        for s in c.scans
        if s.change is not None
    ]
    if not rows:
        return None
    changes = [float(row["change"]) for row in rows if isinstance(row["change"], float)]
    scale = alt.Scale(domain=[min(-35.0, *changes) - 3, max(25.0, *changes) + 3], nice=False)
    chart = _chart(rows).encode(
        x=alt.X("week:Q", title="weeks from first dose"),
        y=alt.Y("change:Q", title="change from baseline (%)", scale=scale),
        color=_by_dose(courses),
        detail="patient:N",
    )
    drawn = chart.mark_line(strokeWidth=1.5) + chart.mark_point(filled=True, size=35, opacity=1)
    return (drawn + _names(rows, "change") + _limits()).properties(width=WIDTH, height=320)


def ca125(courses: Sequence[Course], protocol: Protocol) -> Any:
    """Draw each patient's CA-125."""
    rows = [
        {
            "patient": c.id,
            "week": (s.on - c.patient.first_dose.occurred).days / 7,
            "value": s.value,
            "response": "confirmed" if c.marker.response == "confirmed" else "no confirmed response",
        }
        for c in courses
        if c.marker and c.patient.first_dose
        for s in c.marker.samples
        if s.value > 0
    ]
    if not rows:
        return None
    limit = protocol.endpoints.ca125.upper_limit_u_ml if protocol.endpoints.ca125 else None
    values = [float(row["value"]) for row in rows if isinstance(row["value"], float)] + ([limit] if limit else [])
    kinds = ["confirmed", "no confirmed response"]
    chart = _chart(rows).encode(
        x=alt.X("week:Q", title="weeks from first dose"),
        y=alt.Y(
            "value:Q",
            title="CA-125 (U/mL)",
            scale=alt.Scale(type="log", domain=[min(values) * 0.8, max(values) * 1.2], nice=False),
        ),
        color=alt.Color("response:N", title="GCIG response", scale=alt.Scale(domain=kinds, range=[GREEN, "#829ab1"])),
        strokeDash=alt.StrokeDash(
            "response:N", title="GCIG response", scale=alt.Scale(domain=kinds, range=[[1, 0], [4, 3]])
        ),
        detail="patient:N",
    )
    drawn = chart.mark_line(strokeWidth=1.5) + chart.mark_point(filled=True, size=30, opacity=1) + _names(rows, "value")
    if limit:
        drawn += _chart([{"limit": limit}]).mark_rule(strokeDash=[4, 4], color=INK).encode(y="limit:Q")
    return drawn.properties(width=WIDTH, height=340)


def _chart(rows: Sequence[dict[str, Any]]) -> Any:
    return alt.Chart(alt.Data(values=list(rows)))


def _names(rows: Sequence[dict[str, Any]], value: str) -> Any:
    """Write each patient's name at the end of the line; not where there are too many to read."""
    last = {row["patient"]: row for row in rows}
    shown = list(last.values()) if len(last) <= MANY else []
    return (
        _chart(shown)
        .mark_text(align="left", dx=5, fontSize=9, color=INK)
        .encode(x="week:Q", y=f"{value}:Q", text="patient:N")
    )


def _limits() -> Any:
    return _chart([{"limit": 20}, {"limit": -30}]).mark_rule(strokeDash=[4, 4], color=INK).encode(y="limit:Q")


def _by_dose(courses: Sequence[Course]) -> Any:
    """Shade by dose, lowest first, expansion cohorts last; the dose is also written beside each patient."""
    doses = list(dict.fromkeys(c.dose for c in sorted(courses, key=lambda c: c.level or 10**6)))
    return alt.Color(
        "dose:O",
        title="assigned" if any(c.level is None for c in courses) else "dose assigned",
        sort=doses,
        scale=alt.Scale(scheme="viridis", reverse=True),
        legend=alt.Legend(columns=7),
    )
