"""Fills in what the system knows better than the person who enters a fact: planned doses, slots, advice."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeVar

from posology.conduct.advice import advise
from posology.conduct.protocol_in_force import plan_in_force
from posology.endpoints.body_size import dose_mg
from posology.protocol.model import Dose
from posology.record.facts import DecisionTaken, Dosed, Enrolled, Fact
from posology.record.state import Patient, State

F = TypeVar("F", bound=Fact)


def complete(fact: Fact, state: State, patient: str | None, occurred: date) -> Fact:
    """Return the fact with the fields that are computed, whatever was typed in them."""
    known = state.patients.get(patient) if patient else None
    match fact:
        case Dosed() if known:
            return replace(fact, planned_mg=planned_mg(fact, known, state.protocol(occurred).dose))
        case Enrolled(level=None, cohort=None) if known and known.reservation:
            kept = known.reservation.fact
            return replace(fact, level=kept.level, cohort=kept.cohort)  # type: ignore[attr-defined]
        case DecisionTaken():
            advice = advise(state, occurred)
            departs = (fact.action, fact.level) != (advice.action, advice.level if fact.level else None)
            return replace(
                fact,
                number=len(state.trial.decisions) + 1,
                advice=advice.plain(),
                departs=departs,
                protocol_version=plan_in_force(state, occurred).protocol.version,
            )
    return fact


def planned_mg(dosed: Dosed, patient: Patient, dose: Dose) -> float | None:
    """Return the dose in mg that the protocol plans [mg]; None if the patient's size is not known well enough."""
    if dosed.level > len(dose.levels):
        return None
    screening = patient.screening
    height, sex = (screening.height_cm, screening.sex) if screening else (None, None)
    if dose.body_size not in ("flat", "total body weight") and (height is None or sex is None):
        return None
    computed = dose_mg(dose.levels[dosed.level - 1], dose.body_size, dosed.weight_kg, height, sex)
    return round(float(computed), 3)
