"""Fills in what the system knows better than the person who enters a fact: planned doses, slots, advice, what a
signature or judgement is of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TypeVar

from posology.conduct.advice import advise
from posology.conduct.eligibility import attested_wording
from posology.conduct.people_rules import access_of, has_people
from posology.conduct.protocol_in_force import judged_on, plan_in_force
from posology.conduct.review import course_hash, event_now
from posology.endpoints.body_size import dose_mg
from posology.protocol.model import Dose
from posology.record.event import Event
from posology.record.fact import Fact
from posology.record.facts import (
    Consented,
    CriterionAttested,
    DecisionSigned,
    DecisionTaken,
    DltAdjudicated,
    Dosed,
    Enrolled,
    ProtocolAmended,
    TrialCreated,
)
from posology.record.review import CourseEndorsed, EventReviewed, QueryRaised
from posology.record.state import Patient, State

F = TypeVar("F", bound=Fact)


def complete(
    fact: Fact, state: State, patient: str | None, occurred: date, *, by: str, corrects: Event | None = None
) -> Fact:
    """Return the fact with the fields that the system writes, whatever was typed in them.

    Parameters
    ----------
    fact, patient, occurred
        what is entered, about whom, of which day.
    state
        what is known, without the event that it corrects.
    by
        who enters it.
    corrects
        the event that it corrects.
    """
    known = state.patients.get(patient) if patient else None
    match fact:
        case Consented(site=None) if has_people(state):
            access = access_of(state, by)
            return replace(fact, site=access.site if access else None)
        case Dosed():
            return replace(fact, planned_mg=planned_mg(fact, known or Patient("", ()), state.protocol(occurred).dose))
        case Enrolled(level=None, cohort=None) if known and known.reservation:
            kept = known.reservation.fact
            return replace(fact, level=kept.level, cohort=kept.cohort)  # type: ignore[attr-defined]
        case CriterionAttested():
            return replace(fact, attested=attested_wording(state.protocol(occurred), fact.criterion))
        case QueryRaised() if known and (event := event_now(state, known, fact.event)):
            return replace(fact, asked=event.hash)
        case EventReviewed() if known and (event := event_now(state, known, fact.event)):
            return replace(fact, reviewed=event.hash)
        case CourseEndorsed() if known:
            return replace(fact, endorsed=course_hash(known))
        case DltAdjudicated() if known:
            toxicity = next((t for t in known.toxicities if t.fact.ae == fact.ae), None)
            return replace(fact, judged=judged_on(state, known, toxicity, occurred) if toxicity else None)
        case DecisionSigned():
            decided = next((d for d in state.trial.decisions if d.fact.number == fact.decision), None)
            return replace(fact, name=fact.name or by, signed=decided.event.hash if decided else None)
        case ProtocolAmended():
            versions = [
                e for e in (*state.trial.of(TrialCreated), *state.trial.of(ProtocolAmended)) if e.occurred <= occurred
            ]
            return replace(fact, amends=versions[-1].hash if versions else None)
        case DecisionTaken():
            return _advised(fact, state, occurred, corrects)
    return fact


def _advised(fact: DecisionTaken, state: State, occurred: date, corrects: Event | None) -> DecisionTaken:
    """Return a decision with its number, and the advice beside which it was taken.

    A correction keeps both: it is the same decision, and the advice of its day is what it was.
    """
    old = corrects.fact if corrects else None
    version = plan_in_force(state, occurred).protocol.version
    if isinstance(old, DecisionTaken) and corrects and corrects.occurred == occurred and old.advice:
        departs = (fact.action, fact.level) != (old.advice["action"], old.advice["level"] if fact.level else None)
        return replace(fact, number=old.number, advice=old.advice, departs=departs, protocol_version=version)
    advice = advise(state.until(occurred), occurred)
    departs = (fact.action, fact.level) != (advice.action, advice.level if fact.level else None)
    number = old.number if isinstance(old, DecisionTaken) else state.decision_number + 1
    return replace(fact, number=number, advice=advice.plain(), departs=departs, protocol_version=version)


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
