"""Time to event at the cutoff: each patient's time with its reason, the medians, and the curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from posology.conduct.patient_courses import PatientCourse, first_doses, new_therapy
from posology.endpoints import survival
from posology.endpoints.best_response import with_progression_read
from posology.endpoints.kaplan_meier import Curve, kaplan_meier
from posology.endpoints.recist import Response
from posology.endpoints.survival import Dates, Histories, Time
from posology.endpoints.times_to_event import TIMES_TO_EVENT, TimeToEventKind
from posology.protocol.model import Protocol
from posology.readout.results.response_rates import awaits_confirmation
from posology.record.event import Event
from posology.record.facts import Died, Discontinued

NOT_REACHED, NO_LIMIT = "not reached", "not estimable"


@dataclass(frozen=True)
class TimeToEvent:
    """A time to event: the time of each patient it applies to, and the Kaplan-Meier curve; None with no patient.

    ``at_risk_first_doses`` are the first doses of all patients: what a count of nobody rests on.
    """

    name: str
    title: str
    note: str
    times: tuple[tuple[PatientCourse, Time, tuple[Event, ...]], ...]
    curve: Curve | None
    at_risk_first_doses: tuple[Event, ...]


def histories(courses: Sequence[PatientCourse]) -> Histories:
    """Return what is known of the patients as the endpoints room takes it.

    Disease after a complete response is progression here as in the best response.
    """
    most = max([1, *(len(c.assessed) for c in courses)])
    assessed = np.full((len(courses), most), np.datetime64("NaT", "D"), dtype="datetime64[D]")
    response = np.full((len(courses), most), Response.ABSENT)
    for i, c in enumerate(courses):
        for k, scan in enumerate(c.assessed):
            assessed[i, k], response[i, k] = np.datetime64(scan.on, "D"), Response.read(scan.overall)
    start = _dates([c.patient.first_dose for c in courses])
    baseline = np.full((len(courses), 1), Response.NONE)
    days = np.concatenate([start[:, None], assessed], axis=1)
    days = np.where(np.isnat(days), np.datetime64(0, "D"), days).astype(np.int64)
    first_day = np.where(np.isnat(start), np.datetime64(0, "D"), start).astype(np.int64)
    read = with_progression_read(np.concatenate([baseline, response], axis=1), days, first_day)
    response = read[:, 1:]
    return Histories(
        start=start,
        assessed=assessed,
        response=response,
        death=_dates([c.patient.first(Died) for c in courses]),
        new_therapy=_dates([new_therapy(c.patient) for c in courses]),
        treatment_end=_dates([c.patient.first(Discontinued) for c in courses]),
        baseline=np.array([c.baseline is not None and not c.baseline.why for c in courses], dtype=bool),
    )


@dataclass(frozen=True)
class _Known:
    """What the endpoints are computed from: the patients, their histories, the censoring rules, and the cutoff."""

    courses: Sequence[PatientCourse]
    histories: Histories
    rules: survival.Censoring
    cutoff: date

    @property
    def censoring(self) -> str:
        """How patients are censored, in words."""
        clinical, rules = sum(_clinical(c) for c in self.courses), self.rules
        return (
            "Censored by the FDA's rules: no event, no adequate baseline, a new anticancer therapy before the event,"
            f" and {rules.max_missed} missed assessments before it (more than {rules.max_missed} ×"
            f" {rules.interval_days} + {rules.window_days} days after the last adequate one). Progression that the"
            f" lesions do not show is no event: treatment ended for it in {clinical} patient{'s' * (clinical != 1)}."
        )


def _progression_free_survival(known: _Known) -> str:
    return f"From the first dose to progression by RECIST 1.1, computed from the lesions, or death. {known.censoring}"


def _duration_of_response(known: _Known) -> str:
    waiting = sum(awaits_confirmation(c) for c in known.courses)
    return (
        f"From the first CR or PR, confirmed, to progression or death; {waiting} that await confirmation are not in it."
        f" {known.censoring}"
    )


def _time_on_treatment(known: _Known) -> str:
    return (
        "From the first dose to the end of treatment or death; those on treatment are censored at the cutoff, "
        f"{known.cutoff}."
    )


NOTES: dict[str, Callable[[_Known], str]] = {
    "progression_free_survival": _progression_free_survival,
    "duration_of_response": _duration_of_response,
    "time_on_treatment": _time_on_treatment,
}
"""What stands below each time to event that a readout has, by its name."""
ENDPOINTS = tuple(kind for kind in TIMES_TO_EVENT if kind.in_readout)
"""Each time to event of the page, in its order, from :mod:`posology.endpoints.times_to_event`."""


def times_to_event(courses: Sequence[PatientCourse], protocol: Protocol, cutoff: date) -> list[TimeToEvent]:
    """Return every time to event; none where nobody was treated."""
    if not courses:
        return []
    rules = survival.Censoring(interval_days=protocol.endpoints.response.assess_every_days)
    known = _Known(courses, histories(courses), rules, cutoff)
    return [_time_to_event(kind, known) for kind in ENDPOINTS]


def _clinical(course: PatientCourse) -> bool:
    """Whether treatment ended for a progression that the lesions do not show."""
    left = course.patient.first(Discontinued)
    named = left is not None and isinstance(left.fact, Discontinued) and left.fact.why == "progression"
    return named and course.response.progression is None


def _time_to_event(kind: TimeToEventKind, of: _Known) -> TimeToEvent:
    courses = of.courses
    responded = np.array([np.datetime64(c.response.responded_on or "NaT", "D") for c in courses], dtype="datetime64[D]")
    times = kind.compute(of.histories, responded, of.rules, of.cutoff)
    known = np.flatnonzero(times.known)
    curve = kaplan_meier(times.days[known], times.event[known]) if len(known) else None
    applies = [i for i in range(len(courses)) if times.known[i] or times.reason[i] != survival.Why.NOT_APPLICABLE]
    return TimeToEvent(
        kind.name,
        kind.title,
        NOTES[kind.name](of),
        tuple((courses[i], times[i], _sources(courses[i], times[i])) for i in applies),
        curve,
        tuple(first_doses(courses)),
    )


def _sources(course: PatientCourse, time: Time) -> tuple[Event, ...]:
    """Return the events of a patient that a time rests on: the first dose, the assessments, and what ended it."""
    p = course.patient
    ends = [e for e in (*p.of(Discontinued), *p.of(Died)) if e.occurred == time.date]
    scans = [e for s in course.scans for e in s.sources if s.number == 0 or s.on in (time.start, time.date)]
    return tuple(e for e in (p.first_dose, *scans, new_therapy(p), *ends, *p.doses[-1:]) if e is not None)


def to_dict(endpoint: TimeToEvent) -> dict[str, Any]:
    """Return an endpoint as plain data."""

    def day(on: date | None) -> str | None:
        return on.isoformat() if on else None

    curve = endpoint.curve

    def known(values: Iterable[float]) -> list[float | None]:
        return [None if np.isnan(v) else round(float(v), 6) for v in values]

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
        "curve": (
            None
            if curve is None
            else {
                "day": curve.time.tolist(),
                "at_risk": curve.at_risk.tolist(),
                "events": curve.events.tolist(),
                "censored": curve.censored.tolist(),
                "survival": known(curve.survival),
                "lower": known(curve.lower),
                "upper": known(curve.upper),
            }
        ),
    }


def _dates(events: Sequence[Event | None]) -> Dates:
    return np.array([np.datetime64(e.occurred if e else "NaT", "D") for e in events], dtype="datetime64[D]")
