"""Exposure and response as a record holds them: each patient's exposure, event and time to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

from posology.conduct.patient_courses import PatientCourse, patient_courses
from posology.record.facts import Dosed
from posology.record.state import State

Outcome = Literal["dlt", "ocular", "response"]
Exposure = Literal["mg", "mg/kg"]
OUTCOMES = {"dlt": "dose-limiting toxicity", "ocular": "ocular adverse event", "response": "objective response"}
EYE = "eye"
"""In the system organ class of an ocular adverse event (MedDRA: Eye disorders)."""


@dataclass(frozen=True)
class Observed:
    """One patient: exposure, whether the event occurred, and the days from the first dose to it or to the end of
    follow-up (the end of treatment, or the cutoff)."""

    patient: str
    exposure: float
    event: bool
    days: int


def observed(
    state: State, on: date, outcome: Outcome, exposure: Exposure | Mapping[str, float] = "mg/kg"
) -> tuple[list[Observed], list[str]]:
    """Return the patients that can be judged on a day, and who was left out, with the reason.

    The exposure is the first dose given, in mg or mg per kg of the weight it was given at; or a value a patient, such
    as an AUC. It precedes every event, as a total dose would not.

    Raises
    ------
    ValueError
        if the outcome or exposure is not known.
    """
    if outcome not in get_args(Outcome):
        raise ValueError(f"outcome is {outcome!r}; it is one of {', '.join(get_args(Outcome))}")
    found, left = [], []
    for course in patient_courses(state, on):
        amount = _exposure(course, exposure)
        if amount is None:
            left.append(f"{course.id}: no exposure")
            continue
        seen = _event(course, outcome)
        if isinstance(seen, str):
            left.append(f"{course.id}: {seen}")
            continue
        first, off = course.patient.first_dose, course.patient.off_treatment
        begin = first.occurred if first else on
        end = seen or (min(off.occurred, on) if off else on)
        found.append(Observed(course.id, amount, seen is not None, max((end - begin).days, 0) + 1))
    return found, left


def _exposure(course: PatientCourse, exposure: Exposure | Mapping[str, float]) -> float | None:
    if not isinstance(exposure, str):
        return exposure.get(course.id)
    first = course.patient.first_dose
    fact = first.fact if first else None
    if not isinstance(fact, Dosed) or not fact.actual_mg > 0:
        return None
    if exposure == "mg":
        return fact.actual_mg
    if exposure == "mg/kg":
        return fact.actual_mg / fact.weight_kg
    raise ValueError(f"exposure is {exposure!r}; it is one of {', '.join(get_args(Exposure))}, or a file")


def _event(course: PatientCourse, outcome: Outcome) -> date | str | None:
    """Return the day of the first event, None where there was none, or why that cannot be said."""
    if outcome == "ocular":
        days = [t.event.occurred for t in course.patient.toxicities if EYE in (t.fact.system_organ_class or "").lower()]
        return min(days, default=None)
    if outcome == "dlt":
        days = [t.event.occurred for t in course.patient.toxicities if t.is_dlt]
        if days:
            return min(days)
        standing = course.standing.outcome if course.standing else "not in the dose finding"
        return None if standing in ("no DLT", "moderate") else f"DLT: {standing}"
    if course.response.best == "NE":
        return "response: not evaluable"
    return course.response.on if course.response.is_objective else None
