"""What can be asked of a trial: each measure returns a value with the events behind it, or says why there is none.

A claim names a measure and its arguments. What a sentence leaves open (assigned or received dose, cycles given or
completed, stable since when) is an argument here, never a silent choice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from posology.conduct.eligibility import Verdict, check, criteria
from posology.conduct.patient_courses import PatientCourse
from posology.readout.cited import Cited, cite
from posology.readout.results.treatment_emergent import is_resolved
from posology.readout.results.trial_results import TrialResults
from posology.record.event import Event
from posology.record.facts import BackgroundFact, Dosed, PriorTherapy, Screened, TargetScored


class NotRecorded(Exception):
    """The record cannot say, and why."""


def course_of(results: TrialResults, patient: str) -> PatientCourse:
    """Return the course of a patient."""
    for course in results.courses:
        if course.id == patient:
            return course
    raise NotRecorded(f"there is no treated patient {patient!r}")


def dose_of(results: TrialResults, level: int | None) -> float | None:
    """Return the dose of a level number."""
    return results.protocol.dose.levels[level - 1] if level else None


def assigned_to(results: TrialResults, dose: float) -> list[PatientCourse]:
    """Return the patients assigned to a dose."""
    if dose not in results.protocol.dose.levels:
        raise NotRecorded(f"{dose:g} is no dose of the protocol")
    return [c for c in results.courses if dose_of(results, c.level) == dose]


ClaimMeasure = Callable[..., Cited]
MEASURES: dict[str, ClaimMeasure] = {}


def measure(function: ClaimMeasure) -> ClaimMeasure:
    """Make a function a measure, under its own name."""
    MEASURES[function.__name__] = function
    return function


def _doses(course: PatientCourse) -> list[tuple[Event, Dosed]]:
    return [(e, e.fact) for e in course.patient.doses if isinstance(e.fact, Dosed)]


# The trial ------------------------------------------------------------------------------------------------------------


@measure
def patients_treated(of: TrialResults) -> Cited:
    """How many patients received the drug."""
    return cite(len(of.courses), [c.patient.first_dose for c in of.courses])


@measure
def dose_range(of: TrialResults) -> Cited:
    """The lowest and the highest dose given."""
    given = [(dose_of(of, d.level) or 0.0, e) for c in of.courses for e, d in _doses(c)]
    if not given:
        raise NotRecorded("nobody has been treated")
    low, high = min(dose for dose, _ in given), max(dose for dose, _ in given)
    return cite([low, high], [e for dose, e in given if dose in (low, high)], "level")


@measure
def dlt_doses(of: TrialResults, by: Literal["assigned", "at onset"]) -> Cited:
    """The doses at which DLTs were seen: those assigned, or those last given before the onset."""
    found: dict[float, list[Event]] = {}
    for c in of.courses:
        for t in c.patient.toxicities:
            if not t.is_dlt:
                continue
            before = [d for e, d in _doses(c) if e.occurred <= t.event.occurred]
            dose = dose_of(of, c.level if by == "assigned" else before[-1].level if before else None)
            found.setdefault(dose or 0.0, []).extend(
                [*t.sources, *([c.patient.enrolment] if c.patient.enrolment else [])]
            )
    return cite(sorted(found), [e for events in found.values() for e in events])


@measure
def dlts_resolved(of: TrialResults, term: str) -> Cited:
    """Whether there were DLTs, all of this term (or one that contains it), and all resolved."""
    dlts = [t for c in of.courses for t in c.patient.toxicities if t.is_dlt]
    holds = bool(dlts) and all(is_resolved(t) and term.casefold() in t.fact.term.casefold() for t in dlts)
    return cite(holds, [e for t in dlts for e in t.sources], "term", "outcome")


@measure
def last_doses(of: TrialResults, assigned: float, patients: Literal["all", "on treatment"]) -> Cited:
    """The doses last given to the patients assigned to a dose."""
    chosen = [c for c in assigned_to(of, assigned) if patients == "all" or c.patient.off_treatment is None]
    last = [_doses(c)[-1] for c in chosen]
    return cite(sorted({dose_of(of, d.level) or 0.0 for _, d in last}), [e for e, _ in last], "level")


@measure
def dose_rank(of: TrialResults, dose: float) -> Cited:
    """The place of a dose among those given, the highest first."""
    given = {dose_of(of, d.level): e for c in of.courses for e, d in _doses(c)}
    ranked = sorted((g for g in given if g is not None), reverse=True)
    if dose not in ranked:
        raise NotRecorded(f"{dose:g} was not given")
    return cite(ranked.index(dose) + 1, given.values(), "level")


@measure
def new_patients(of: TrialResults, dose: float, after: float) -> Cited:
    """Patients on treatment who started at a dose after the last patient had started at another."""
    others = [c.patient.first_dose.occurred for c in assigned_to(of, after) if c.patient.first_dose]
    if not others:
        raise NotRecorded(f"nobody started at {after:g}")
    fresh = [
        c
        for c in assigned_to(of, dose)
        if c.patient.off_treatment is None and c.patient.first_dose and c.patient.first_dose.occurred > max(others)
    ]
    return cite(len(fresh), [c.patient.first_dose for c in fresh], "level")


@measure
def patients_with_activity(of: TrialResults) -> Cited:
    """Patients with a CR or PR, confirmed or awaiting it, or a confirmed CA-125 response."""
    active = [c for c in of.courses if c.has_activity]
    return cite(len(active), [e for c in active for e in _activity(c)])


@measure
def lowest_active_dose(of: TrialResults, by: Literal["assigned"]) -> Cited:
    """The lowest dose assigned to a patient with activity."""
    active = sorted((c for c in of.courses if c.has_activity), key=lambda c: c.level or 0)
    if not active:
        raise NotRecorded("no activity was seen")
    return cite(dose_of(of, active[0].level), [active[0].patient.enrolment, *_activity(active[0])])


def _activity(course: PatientCourse) -> list[Event]:
    marker = course.marker.sources if course.marker and course.marker.response == "confirmed" else ()
    return [*(course.response.sources if course.response.is_objective else ()), *marker]


@measure
def mtd(of: TrialResults) -> Cited:
    """The maximum tolerated dose, null while none is declared."""
    return cite(dose_of(of, of.advice.open_level.mtd), [d.event for d in of.state.trial.decisions])


@measure
def expansion_cohorts(of: TrialResults) -> Cited:
    """The names of the expansion cohorts planned at the cutoff."""
    sources = [e for e in of.state.trial.events if e.kind in ("trial_created", "protocol_amended")]
    return cite(sorted(of.protocol.expansion), sources)


@measure
def background_count(of: TrialResults, subject: str, property: str = "") -> Cited:
    """How many items of background are noted on a subject, with a property such as ``wholly owned: yes``."""
    items = _background(of, subject)
    kept = [e for e, fact in items if property in [p.strip() for p in fact.properties.split(";")] or not property]
    return cite(len(kept), kept if property else [e for e, _ in items])


@measure
def background_property(of: TrialResults, subject: str, item: str, property: str) -> Cited:
    """A property of one item of background."""
    for event, fact in _background(of, subject):
        if item.casefold() in fact.item.casefold():
            for part in fact.properties.split(";"):
                name, _, value = part.partition(":")
                if name.strip() == property:
                    return cite(value.strip(), [event], "properties")
    raise NotRecorded(f"the record notes no {property} of {item}")


def _background(of: TrialResults, subject: str) -> list[tuple[Event, BackgroundFact]]:
    found = [(e, e.fact) for e in of.state.trial.of(BackgroundFact) if isinstance(e.fact, BackgroundFact)]
    found = [(e, fact) for e, fact in found if fact.subject == subject]
    if not found:
        raise NotRecorded(f"the record notes nothing on {subject}")
    return found


# One patient ----------------------------------------------------------------------------------------------------------


@measure
def assigned_dose(of: TrialResults, patient: str) -> Cited:
    """The dose assigned."""
    c = course_of(of, patient)
    return cite(dose_of(of, c.level), [c.patient.enrolment], "level")


@measure
def last_dose(of: TrialResults, patient: str) -> Cited:
    """The dose last given."""
    event, dosed = _doses(course_of(of, patient))[-1]
    return cite(dose_of(of, dosed.level), [event], "level")


@measure
def tumour(of: TrialResults, patient: str) -> Cited:
    """The tumour: type and histology."""
    c = course_of(of, patient)
    return cite(c.tumour, [c.patient.last(Screened)], "tumour_type", "histology")


@measure
def prior_regimens(of: TrialResults, patient: str) -> Cited:
    """The number of prior regimens."""
    return _history(of, patient, "regimens")


@measure
def prior_therapy(of: TrialResults, patient: str) -> Cited:
    """The prior therapy in words."""
    return _history(of, patient, "description")


@measure
def platinum_status(of: TrialResults, patient: str) -> Cited:
    """Whether the disease is resistant to platinum."""
    return _history(of, patient, "platinum_status")


def _history(of: TrialResults, patient: str, field: str) -> Cited:
    p = course_of(of, patient).patient
    if p.history is None or getattr(p.history, field) is None:
        raise NotRecorded(f"the {field.replace('_', ' ')} of {patient} is not recorded")
    return cite(getattr(p.history, field), [p.last(PriorTherapy)], field)


@measure
def target_intensity(of: TrialResults, patient: str) -> Cited:
    """The target's intensity, 0 to 3."""
    p = course_of(of, patient).patient
    if p.target is None:
        raise NotRecorded(f"the target of {patient} is not scored")
    return cite(p.target.intensity, [p.last(TargetScored)], "intensity")


@measure
def had_dlt(of: TrialResults, patient: str) -> Cited:
    """Whether the patient had a DLT."""
    c = course_of(of, patient)
    dlts = [t for t in c.patient.toxicities if t.is_dlt]
    return cite(bool(dlts), [e for t in dlts for e in t.sources] or [c.patient.first_dose], "dlt")


@measure
def on_treatment(of: TrialResults, patient: str) -> Cited:
    """Whether the patient is on treatment."""
    c = course_of(of, patient)
    return cite(c.patient.off_treatment is None, [c.patient.off_treatment or c.patient.treatments[-1]])


@measure
def best_response(of: TrialResults, patient: str) -> Cited:
    """The best overall response by RECIST 1.1, with the state of its confirmation."""
    c = course_of(of, patient)
    return cite(c.response.text, c.response.sources)


@measure
def cycles_at_response(of: TrialResults, patient: str, counted: Literal["given", "completed"]) -> Cited:
    """Cycles before the response was first seen: those given, or those whose days had also passed."""
    c = course_of(of, patient)
    if c.response.on is None:
        raise NotRecorded(f"no response of {patient} is recorded")
    before = [(e, d) for e, d in _doses(c) if e.occurred < c.response.on]
    length = of.protocol.schedule.cycle_days if counted == "completed" else 0
    cycles = {d.cycle for e, d in before if (c.response.on - e.occurred).days >= length}
    return cite(len(cycles), [*(e for e, _ in before), *c.response.sources])


@measure
def stable_weeks(of: TrialResults, patient: str, since: Literal["first dose", "first seen"]) -> Cited:
    """How long stable disease lasted until progression [weeks]: since the first dose, or since it was first seen."""
    c = course_of(of, patient)
    r, first = c.response, c.patient.first_dose
    if r.stable_days is None or r.on is None or first is None:
        raise NotRecorded(f"{patient} had no stable disease")
    if r.stable_ongoing:
        raise NotRecorded(f"the stable disease of {patient} goes on")
    days = r.stable_days if since == "first dose" else r.stable_days - (r.on - first.occurred).days
    return cite(round(days / 7, 1), [first, *r.sources])


@measure
def ca125_response(of: TrialResults, patient: str) -> Cited:
    """The CA-125 response by GCIG: confirmed, awaiting confirmation, none, not evaluable, not applicable."""
    c = course_of(of, patient)
    if c.marker is None:
        raise NotRecorded(f"no CA-125 of {patient} is recorded")
    return cite(c.marker.response, c.marker.sources)


@measure
def ca125_largest_fall(of: TrialResults, patient: str) -> Cited:
    """The largest fall of CA-125 from the pre-treatment sample [%]."""
    c = course_of(of, patient)
    if c.marker is None or c.marker.largest_fall is None:
        raise NotRecorded(f"no CA-125 of {patient} before and on treatment is recorded")
    return cite(round(c.marker.largest_fall, 1), c.marker.sources)


@measure
def criterion_of(of: TrialResults, patient: str, cohort: str, criterion: str) -> Cited:
    """Whether a patient meets a criterion of a cohort: met, not met or not known."""
    if cohort not in of.protocol.expansion:
        raise NotRecorded(f"there is no cohort {cohort!r} at the cutoff")
    for checked in check(course_of(of, patient).patient, criteria(of.protocol, cohort)):
        if checked.criterion.id == criterion:
            if checked.verdict is Verdict.NOT_KNOWN:
                raise NotRecorded(checked.found)
            return cite(str(checked.verdict), [checked.event])
    raise NotRecorded(f"{cohort} has no criterion {criterion!r}")
