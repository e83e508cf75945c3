"""Time to event at the cutoff: each patient's time with its reason, the medians, and the curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from posology.endpoints import survival
from posology.endpoints.kaplan_meier import Curve, kaplan_meier
from posology.endpoints.recist import Response
from posology.endpoints.survival import MONTH_DAYS, Dates, Histories, Time, Times
from posology.protocol.model import Protocol
from posology.readout.cited import Cited, Table, cite
from posology.readout.courses import Course
from posology.readout.tables.responses import awaiting, first_doses
from posology.record.event import Event
from posology.record.facts import Died, Discontinued

NOT_REACHED, NO_LIMIT = "not reached", "not estimable"


@dataclass(frozen=True)
class Endpoint:
    """A time to event: the time of each patient it applies to, and the Kaplan-Meier curve; None with no patient.

    ``asked`` are the first doses of all patients: what a count of nobody rests on.
    """

    name: str
    title: str
    note: str
    times: tuple[tuple[Course, Time, tuple[Event, ...]], ...]
    curve: Curve | None
    asked: tuple[Event, ...]


def histories(courses: Sequence[Course]) -> Histories:
    """Return what is known of the patients as the endpoints room takes it. The record knows of no new therapy."""
    most = max([1, *(len(c.assessed) for c in courses)])
    assessed = np.full((len(courses), most), np.datetime64("NaT"), dtype="datetime64[D]")
    response = np.full((len(courses), most), Response.ABSENT)
    for i, c in enumerate(courses):
        for k, scan in enumerate(c.assessed):
            assessed[i, k], response[i, k] = np.datetime64(scan.on, "D"), Response.read(scan.overall)
    return Histories(
        start=_dates([c.patient.first_dose for c in courses]),
        assessed=assessed,
        response=response,
        death=_dates([c.patient.first(Died) for c in courses]),
        treatment_end=_dates([c.patient.first(Discontinued) for c in courses]),
        baseline=np.array([c.baseline is not None and not c.baseline.why for c in courses], dtype=bool),
    )


def endpoints(courses: Sequence[Course], protocol: Protocol, cutoff: date) -> list[Endpoint]:
    """Return progression-free survival, duration of response and time on treatment."""
    if not courses:
        return []
    of = histories(courses)
    rules = survival.Censoring(interval_days=protocol.endpoints.response.assess_every_days)
    counted = [c.response.responded_on for c in courses]
    responded = np.array([np.datetime64(on or "NaT", "D") for on in counted], dtype="datetime64[D]")
    waiting, clinical = sum(awaiting(c) for c in courses), sum(_clinical(c) for c in courses)
    censoring = (
        f"Censored by the FDA's rules: no event, no adequate baseline, and {rules.max_missed} missed assessments before the event (more "
        f"than {rules.max_missed} × {rules.interval_days} + {rules.window_days} days after the last adequate one). New anticancer therapy is not in the record. "
        f"Progression that the lesions do not show is no event: treatment ended for it in {clinical} patient{'s' * (clinical != 1)}."
    )
    return [
        _endpoint(
            "progression_free_survival",
            "Progression-free survival",
            courses,
            survival.progression_free(of, rules=rules, cutoff=cutoff),
            f"From the first dose to progression by RECIST 1.1, computed from the lesions, or death. {censoring}",
        ),
        _endpoint(
            "duration_of_response",
            "Duration of confirmed response",
            courses,
            survival.duration_of_response(of, responded, rules=rules, cutoff=cutoff),
            f"From the first CR or PR, confirmed, to progression or death; {waiting} that await confirmation are not in it. {censoring}",
        ),
        _endpoint(
            "time_on_treatment",
            "Time on treatment",
            courses,
            survival.time_on_treatment(of, cutoff=cutoff),
            f"From the first dose to the end of treatment or death; those on treatment are censored at the cutoff, {cutoff}.",
        ),
    ]


def _clinical(course: Course) -> bool:
    """Whether treatment ended for a progression that the lesions do not show."""
    left = course.patient.first(Discontinued)
    named = left is not None and isinstance(left.fact, Discontinued) and left.fact.why == "progression"
    return named and course.response.progression is None


def _endpoint(name: str, title: str, courses: Sequence[Course], times: Times, note: str) -> Endpoint:
    known = np.flatnonzero(times.known)
    curve = kaplan_meier(times.days[known], times.event[known]) if len(known) else None
    asked = [i for i in range(len(courses)) if times.known[i] or times.reason[i] != survival.Why.NOT_APPLICABLE]
    return Endpoint(
        name,
        title,
        note,
        tuple((courses[i], times[i], _sources(courses[i], times[i])) for i in asked),
        curve,
        tuple(first_doses(courses)),
    )


def _sources(course: Course, time: Time) -> tuple[Event, ...]:
    """Return the events of a patient that a time rests on: the first dose, the assessments, and what ended it."""
    p = course.patient
    ends = [e for e in (*p.of(Discontinued), *p.of(Died)) if e.occurred == time.date]
    scans = [e for s in course.scans for e in s.sources if s.number == 0 or s.on in (time.start, time.date)]
    return tuple(e for e in (p.first_dose, *scans, *ends, *p.doses[-1:]) if e is not None)


def patient_times(endpoint: Endpoint) -> Table:
    """List each patient's time: from, until, event or censored, and why."""
    rows = []
    for c, time, sources in endpoint.times:
        ends = [e for e in sources if e.occurred == time.date] or sources
        begin = [e for e in sources if e.occurred == time.start] or sources
        outcome = None if time.days is None else "event" if time.event else "censored"
        rows.append(
            (
                Cited(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(time.start, begin if time.start else ()),
                cite(time.date, ends if time.date else ()),
                cite(outcome, sources if outcome else ()),
                cite(time.days, sources if time.days else ()),
                cite(None if time.months is None else f"{time.months:.1f}", sources if time.days else ()),
                cite(time.reason, sources),
            )
        )
    columns = ("Patient", "Assigned", "From", "Until", "Event or censored", "Days", "Months", "Reason")
    note = f"{endpoint.note} Both days are counted. A month is {MONTH_DAYS:g} days."
    return Table(endpoint.name, endpoint.title, columns, tuple(rows), note)


def summary_table(found: Sequence[Endpoint]) -> Table:
    """Tell patients, events and the median of each time to event."""
    rows = []
    for e in found:
        sources = [event for *_, events in e.times for event in events] or list(e.asked)
        patients, events = (e.curve.patients, int(e.curve.events.sum())) if e.curve else (0, 0)
        medians: list[Cited] = []
        for scale in (1.0, MONTH_DAYS) if e.curve else ():
            m, form = e.curve.median, ".1f" if scale > 1 else "g"  # type: ignore[union-attr]
            low, high = (NO_LIMIT if x is None else f"{x / scale:{form}}" for x in (m.lower, m.upper))
            value = NOT_REACHED if m.value is None else f"{m.value / scale:{form}}"
            medians += [cite(value, sources), cite(low if low == high == NO_LIMIT else f"{low} to {high}", sources)]
        rows.append(
            (
                cite(e.title, sources),
                cite(patients, sources),
                cite(events, sources),
                cite(patients - events, sources),
                *(medians or [Cited(None)] * 4),
            )
        )
    columns = (
        "Endpoint",
        "Patients",
        "Events",
        "Censored",
        "Median (days)",
        "95 % interval (days)",
        "Median (months)",
        "95 % interval (months)",
    )
    note = (
        "Kaplan-Meier; interval of the median by Brookmeyer and Crowley on the log(-log) scale. Not reached: the curve stays above "
        "one half. Not estimable: the limit of the curve does, or there is none."
    )
    return Table("times_to_event", "Time to event", columns, tuple(rows), note)


def plain(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as plain data."""
    day = lambda on: on.isoformat() if on else None
    curve = endpoint.curve
    known = lambda values: [None if np.isnan(v) else round(float(v), 6) for v in values]
    return {
        "title": endpoint.title,
        "patients": [
            {
                "patient": c.id,
                "start": day(t.start),
                "date": day(t.date),
                "event": t.event,
                "days": t.days,
                "reason": t.reason,
                "events": sorted({e.seq for e in sources}),
            }
            for c, t, sources in endpoint.times
        ],
        "median_days": vars(curve.median) if curve else None,
        "curve": None
        if curve is None
        else {
            "day": curve.time.tolist(),
            "at_risk": curve.at_risk.tolist(),
            "events": curve.events.tolist(),
            "censored": curve.censored.tolist(),
            "survival": known(curve.survival),
            "lower": known(curve.lower),
            "upper": known(curve.upper),
        },
    }


def _dates(events: Sequence[Event | None]) -> Dates:
    return np.array([np.datetime64(e.occurred if e else "NaT", "D") for e in events], dtype="datetime64[D]")
