"""Concentrations as profiles, each after one dose, from event data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from posology.interchange.pk.event_doses import given_doses
from posology.interchange.pk.nonmem import DataError, Event, EventData, finding

SHORTLY = 20
"""A sample before a dose is one at the dose, if the time to it is not above this part of the dosing interval."""


@dataclass(frozen=True)
class Profile:
    """The samples after one dose of a patient: times since the dose; 0 for below quantification.

    ``until`` is the time to the next dose, None after the last. ``line`` is where it starts in the file, ``number``
    that of the dose. ``steady_interval`` is the dosing interval where the dose is at steady state by the data (SS, or
    one that goes on as such a dose says), else 0. ``at`` is the time of the dose from the first one, in events;
    ``level`` and ``cycle`` are those of the dose, where the data say them (LEVEL; CYCLE or OCC).
    """

    patient: str
    label: str
    time: tuple[float, ...]
    concentration: tuple[float, ...]
    dose: float | None
    duration: float
    until: float | None
    line: int
    number: int = 1
    steady_interval: float = 0.0
    at: float = 0.0
    level: float | None = None
    cycle: float | None = None


def profiles(data: EventData) -> list[Profile]:
    """Return a profile for each dose that samples follow; a sample at the time of the next dose belongs to both.

    A sample shortly before a dose, within a twentieth of the time since the last one, stands for the concentration at
    that dose. So do those before the first dose, though MDV 1 keeps them from fits. A dose at steady state, or one that
    repeats another (ADDL), makes a profile like any other. A reset (EVID 3, 4) begins anew: the dose after it is a first.

    Raises
    ------
    DataError
        if doses go into several compartments, two samples are of one time, or several analytes and none is named.
    """
    data.of(None)
    data.check_compartments()
    found = []
    for name, events in data.by_patient():
        courses = _courses(events)
        for number, course in enumerate(courses, 1):
            label = f"{name}, period {number}" if len(courses) > 1 else name
            found += _course_profiles(data.file, label, course, events[0].line)
    return found


def _courses(events: Sequence[Event]) -> list[list[Event]]:
    """Cut a patient's events at resets, after which nothing is left of earlier doses."""
    courses: list[list[Event]] = [[]]
    for e in events:
        if e.evid in (3, 4):
            courses.append([])
        courses[-1].append(e)
    return [course for course in courses if any(e.evid in (1, 4) for e in course)]


def _course_profiles(file: str, name: str, events: Sequence[Event], line: int) -> list[Profile]:
    """Return the profiles of a patient's events between resets."""
    patient = events[0].patient
    lines = given_doses(events)
    order = sorted(range(len(lines)), key=lambda n: lines[n].time)
    doses = [(*lines[n].row[:3], lines[n].steady_interval if lines[n].replaces else 0.0) for n in order]
    samples = [
        (e.time, 0.0 if e.below else e.value, any(d.time == e.time and d.line < place for d in lines), e.line)
        for place, e in enumerate(events)
        if e.value is not None and (e.measured or (e.evid == 0 and e.missing and e.time <= doses[0][0]))
    ]
    samples.sort(key=lambda sample: (sample[0], sample[2]))
    for (t, _, after, _), (u, _, later, place) in pairwise(samples):
        if (t, after) == (u, later):
            raise DataError([finding(file, place, "TIME", patient, f"two samples at {u:g}", "one sample a time")])
    steady = _steady_intervals(doses)
    found = []
    for number, (begin, amount, length, _) in enumerate(doses, 1):
        end = doses[number][0] if number < len(doses) else None
        since = begin - (begin - doses[number - 2][0]) / SHORTLY if number > 1 else float("-inf")
        kept = _samples_of_dose([sample[:2] for sample in samples], begin, end, since, first=number == 1)
        if any(t > 0 for t in kept):
            given = events[lines[order[number - 1]].line].covariates
            cycle = given.get("CYCLE", given.get("OCC"))
            found.append(
                Profile(
                    patient,
                    name if len(doses) == 1 else f"{name}, dose {number}",
                    tuple(kept),
                    tuple(kept.values()),
                    amount,
                    0.0 if math.isnan(length) else length,
                    None if end is None else end - begin,
                    line,
                    number,
                    steady[number - 1],
                    begin,
                    given.get("LEVEL"),
                    cycle if not lines[order[number - 1]].repeat else None,
                )
            )
    return found


def _samples_of_dose(
    samples: Sequence[tuple[float, float]], begin: float, end: float | None, since: float, *, first: bool
) -> dict[float, float]:
    """Return the concentrations by time after a dose; of those before it the last, unless there is one at the dose."""
    kept: dict[float, float] = {}
    for t, c in samples:
        if t == end:
            kept.setdefault(t - begin, c)  # of two at the time of the next dose, that before it
        elif since <= t and (end is None or t < end):
            kept[t - begin] = c  # of two at the time of the dose, that after it
    early = [t for t in kept if t < 0]
    for t in () if first else early[: -1 if 0 not in kept else None]:
        del kept[t]
    return kept


def _steady_intervals(doses: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """Return the interval of each dose at steady state, by its flag or as it goes on from one that is; 0 of the
    others."""
    found: list[float] = []
    for number, (begin, amount, length, interval) in enumerate(doses):
        if not interval and number and found[-1]:
            before, same_amount, same_length, _ = doses[number - 1]
            on_time = abs(begin - before - found[-1]) <= 0.01 * found[-1]
            same = math.isclose(amount, same_amount, rel_tol=1e-9) and math.isclose(length, same_length, rel_tol=1e-9)
            interval = found[-1] if on_time and same else 0.0
        found.append(interval)
    return found
