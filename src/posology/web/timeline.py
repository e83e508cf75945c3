"""One patient's course drawn on one axis: doses, adverse events, marker, lesions and responses, by study day."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from markupsafe import Markup, escape

from posology.conduct.protocol_in_force import ConductPlan
from posology.record.facts import (
    AdverseEventResolved,
    Consented,
    Died,
    Discontinued,
    Dosed,
    LesionMeasured,
    MarkerMeasured,
    TumourAssessed,
)
from posology.record.state import Patient
from posology.shared.typed_dates import in_words

__all__ = ["timeline"]

WIDTH, LEFT, ROW = 1000, 170, 22
"""Width of the drawing, where the axis begins, and the height of a row [px]."""
GOES_ON = 42
"""For so many days after the last entry the course of a patient on treatment is drawn on."""


@dataclass
class _Drawing:
    """Rows of marks under one another; ``place`` turns a study day into a position."""

    first: int
    last: int
    height: int = 30
    parts: list[Markup] = field(default_factory=list)

    def place(self, day: float) -> float:
        return round(LEFT + (WIDTH - LEFT - 20) * (day - self.first) / max(1, self.last - self.first), 1)

    def add(self, text: str, *values: object) -> None:
        self.parts.append(Markup(text).format(*values))

    def row(self, label: str, height: int = ROW) -> int:
        """Begin a row; return where its middle is."""
        top = self.height
        self.height += height
        middle = top + height // 2
        self.add(
            '<text x="{}" y="{}" class="label" text-anchor="end">{}</text>',
            LEFT - 8,
            middle + 4,
            label if len(label) < 25 else label[:23] + "…",
        )
        return middle


def timeline(patient: Patient, plan: ConductPlan, on: date) -> Markup | None:
    """Draw a patient's course up to a day as SVG; None if nobody was treated yet. Each mark says in words what it is.

    Parameters
    ----------
    patient
        the patient's events in effect.
    plan
        the protocol in force, for the window and the cycles.
    on
        the day up to which it is drawn.
    """
    if patient.first_dose is None:
        return None
    days = [patient.study_day(e.occurred) or 0 for e in patient.events if not isinstance(e.fact, Consented)]
    end = patient.off_treatment
    now = patient.study_day(on) or 1
    last = max([*days, plan.definition.window_days])
    if end is None:
        last = max(last, min(now, last + GOES_ON))
    drawing = _Drawing(min(1, *days), last + max(3, last // 30))
    _axis(drawing, patient, plan)
    _doses(drawing, patient, plan)
    _toxicities(drawing, patient, min(now, drawing.last))
    _marker(drawing, patient)
    _lesions(drawing, patient)
    _end(drawing, patient)
    body = Markup("").join(drawing.parts)
    words = f"The course of {patient.id} by study day; the tables below say the same"
    return Markup('<svg class="timeline" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, drawing.height + 10, words, body
    )


def _axis(drawing: _Drawing, patient: Patient, plan: ConductPlan) -> None:
    """Draw the axis with a tick each cycle, and the DLT window."""
    length, window = plan.protocol.schedule.cycle_days, plan.definition.window_days
    left, right = drawing.place(1), drawing.place(window + 1)
    drawing.add(
        '<rect class="window" x="{}" y="18" width="{}" height="100%"><title>DLT window, days 1 to {}</title></rect>',
        left,
        round(right - left, 1),
        window,
    )
    every = length * max(1, (drawing.last // length) // 12 + 1)
    assert patient.first_dose is not None
    for day in range(1, drawing.last, every):
        drawing.add('<line class="tick" x1="{0}" x2="{0}" y1="18" y2="100%"/>', drawing.place(day))
        drawing.add('<text class="axis" x="{}" y="13">day {}</text>', drawing.place(day), day)


def _doses(drawing: _Drawing, patient: Patient, plan: ConductPlan) -> None:
    """Draw each dose: its outline is what was planned, its fill what was given."""
    middle = drawing.row("doses", 30)
    for event in patient.doses:
        fact = event.fact
        assert isinstance(fact, Dosed)
        share = min(1.2, fact.actual_mg / fact.planned_mg) if fact.planned_mg else 1.0
        x, tall = drawing.place(patient.study_day(event.occurred) or 1), round(20 * share, 1)
        planned = f"{100 * share:.0f} % of the planned {fact.planned_mg:g} mg" if fact.planned_mg else ""
        drawing.add(
            '<g><title>{}: cycle {}, {}, {:g} mg {}</title><rect class="planned" x="{}" y="{}" width="8" height="20"/>'
            '<rect class="given" x="{}" y="{}" width="8" height="{}"/></g>',
            in_words(event.occurred),
            fact.cycle,
            plan.protocol.dose.dose_label(fact.level),
            fact.actual_mg,
            planned,
            x,
            middle - 10,
            x,
            round(middle + 10 - tall, 1),
            tall,
        )


def _toxicities(drawing: _Drawing, patient: Patient, now: int) -> None:
    """Draw each adverse event as a bar with its grade, worst first; an arrow: it goes on."""
    ranked = sorted(patient.toxicities, key=lambda t: (-t.fact.grade, t.event.occurred))
    for toxicity in ranked[:30]:
        fact = toxicity.fact
        middle = drawing.row(fact.term)
        start = patient.study_day(toxicity.event.occurred) or 1
        end = patient.study_day(toxicity.resolved.occurred) if toxicity.resolved else None
        outcome = toxicity.resolved.fact.outcome if toxicity.resolved else "goes on"  # type: ignore[attr-defined]
        assert toxicity.resolved is None or isinstance(toxicity.resolved.fact, AdverseEventResolved)
        left, right = drawing.place(start), drawing.place((end if end is not None else now) + 1)
        mark = {True: "✚ ", False: "", None: "? " if fact.grade >= 3 and fact.related else ""}[toxicity.is_dlt]
        judged = {True: ", a DLT", False: ", no DLT", None: ", not judged"}[toxicity.is_dlt]
        drawing.add(
            '<g><title>{}, grade {}, from {}, {}{}{}</title><rect class="grade{}" x="{}" y="{}" width="{}" height="14"/>'
            '<text class="ingrade" x="{}" y="{}">{}{}{}</text></g>',
            fact.term,
            fact.grade,
            in_words(toxicity.event.occurred),
            outcome,
            ", related" if fact.related else "",
            judged,
            fact.grade,
            left,
            middle - 7,
            round(max(12.0, right - left), 1),
            left + 3,
            middle + 4,
            mark,
            fact.grade,
            "" if end is not None else " ▶",
        )
    if len(ranked) > 30:
        drawing.row(f"and {len(ranked) - 30} more, below")


def _points(drawing: _Drawing, label: str, points: list[tuple[int, float, str]], log: bool = False) -> None:
    """Draw values as points with a line, their largest and smallest written at the side."""
    from math import log10

    if not points:
        return
    middle = drawing.row(label, 60)
    values = [log10(max(v, 0.1)) if log else v for _, v, _ in points]
    low, high = min(values), max(values)
    xs = [drawing.place(day) for day, _, _ in points]
    ys = [round(middle + 22 - 44 * ((v - low) / (high - low) if high > low else 0.5), 1) for v in values]
    drawing.add('<polyline class="line" points="{}"/>', " ".join(f"{x},{y}" for x, y in zip(xs, ys, strict=True)))
    for x, y, (_, _, words) in zip(xs, ys, points, strict=True):
        drawing.add('<circle class="point" cx="{}" cy="{}" r="4"><title>{}</title></circle>', x, y, words)
    top = max(v for _, v, _ in points)
    bottom = min(v for _, v, _ in points)
    drawing.add('<text class="side" x="{}" y="{}" text-anchor="end">{:g}</text>', LEFT - 8, middle - 16, top)
    drawing.add('<text class="side" x="{}" y="{}" text-anchor="end">{:g}</text>', LEFT - 8, middle + 24, bottom)


def _marker(drawing: _Drawing, patient: Patient) -> None:
    """Draw CA-125 on a logarithmic scale."""
    points = []
    for event in patient.of(MarkerMeasured):
        fact = event.fact
        assert isinstance(fact, MarkerMeasured)
        words = f"{in_words(event.occurred)}: {fact.value:g} {fact.unit} (upper limit {fact.upper_limit:g})"
        points.append((patient.study_day(event.occurred) or 1, fact.value, words))
    _points(drawing, "CA-125 (U/mL, log)", points, log=True)


def _lesions(drawing: _Drawing, patient: Patient) -> None:
    """Draw the sum of the target lesions at each assessment, and the investigator's reading."""
    sums: dict[int, tuple[int, float]] = {}
    for event in patient.of(LesionMeasured):
        fact = event.fact
        assert isinstance(fact, LesionMeasured)
        if fact.role == "target" and fact.diameter_mm is not None:
            day = patient.study_day(event.occurred) or 1
            before = sums.get(fact.assessment, (day, 0.0))
            sums[fact.assessment] = (before[0], before[1] + fact.diameter_mm)
    _points(
        drawing,
        "target lesions (sum, mm)",
        [(day, total, f"assessment {n}, day {day}: {total:g} mm") for n, (day, total) in sorted(sums.items())],
    )
    read = patient.of(TumourAssessed)
    if read:
        middle = drawing.row("response, as read")
        for event in read:
            fact = event.fact
            assert isinstance(fact, TumourAssessed)
            drawing.add(
                '<text class="response" x="{}" y="{}"><title>{}, assessment {}</title>{}</text>',
                drawing.place(patient.study_day(event.occurred) or 1),
                middle + 4,
                in_words(event.occurred),
                fact.assessment,
                fact.overall,
            )


def _end(drawing: _Drawing, patient: Patient) -> None:
    """Draw the end of treatment, or death."""
    for event in (*patient.of(Discontinued), *patient.of(Died)):
        words = "died" if isinstance(event.fact, Died) else f"treatment ended: {event.fact.why}"  # type: ignore[attr-defined]
        x = drawing.place(patient.study_day(event.occurred) or 1)
        drawing.add('<line class="end" x1="{0}" x2="{0}" y1="18" y2="{1}"/>', x, drawing.height)
        drawing.add(
            '<text class="endtext" x="{}" y="{}" text-anchor="end">{} ▸</text>',
            x - 4,
            drawing.height + 6,
            escape(words),
        )
        drawing.height += 14
