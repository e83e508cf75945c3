"""What the design of each expansion cohort says on a day: go on, wait, or end for futility or success.

A treated patient counts as a responder by RECIST as the protocol asks, or as a non-responder once no response can
follow: after progression, treatment, death or another anticancer therapy, or once the time in which responses are
counted is over. All others are awaited; the advice is given only where no outcome of theirs could change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.conduct.patient_courses import PatientCourse, new_therapy, patient_courses
from posology.conduct.protocol_in_force import plan_in_force
from posology.expansion.one_arm.boundaries import Boundaries, CohortDecision, Outcome
from posology.protocol.expansion_design import cohort_boundaries
from posology.protocol.model import Expansion, ExpansionDesign
from posology.record.event import Event
from posology.record.state import State

WORDS = {
    Outcome.WAIT: "wait",
    Outcome.CONTINUE: "continue",
    Outcome.FUTILITY: "stop for futility",
    Outcome.SUCCESS: "success",
    Outcome.INCONCLUSIVE: "inconclusive",
}


@dataclass(frozen=True)
class CohortAdvice:
    """What the design of an expansion cohort says.

    Parameters
    ----------
    cohort, title
        the cohort's name and title.
    action
        wait, continue, stop for futility, success, or (all patients in, neither) inconclusive.
    why
        the reason in words.
    more
        patients to enrol until the next look; 0 where the cohort is not to go on.
    enrolled, treated
        how many patients.
    responders, awaited
        who responded, and who may still.
    over
        by how many patients the cohort has more than its design.
    sources
        the events behind it.
    """

    cohort: str
    title: str
    action: str
    why: str
    more: int
    enrolled: int
    treated: int
    responders: tuple[str, ...]
    awaited: tuple[str, ...]
    over: int
    sources: tuple[Event, ...]

    def plain(self) -> dict[str, object]:
        """Return the advice as JSON shows it."""
        return {
            "cohort": self.cohort,
            "action": self.action,
            "why": self.why,
            "more": self.more,
            "enrolled": self.enrolled,
            "treated": self.treated,
            "responders": list(self.responders),
            "awaited": list(self.awaited),
            "over": self.over,
        }


def advise_cohorts(state: State, on: date) -> tuple[CohortAdvice, ...]:
    """Return the advice of each expansion cohort that has a design, by the protocol in force on a day."""
    expansion = plan_in_force(state, on).protocol.expansion
    with_design = {name: cohort for name, cohort in expansion.items() if cohort.design is not None}
    if not with_design:
        return ()
    state = state.until(on)
    courses = patient_courses(state, on, with_design)
    return tuple(_advise(state, on, name, cohort, courses) for name, cohort in with_design.items())


def _advise(state: State, on: date, name: str, cohort: Expansion, courses: list[PatientCourse]) -> CohortAdvice:
    design = cohort.design
    assert design is not None
    boundaries = cohort_boundaries(design)
    enrolled = [p for p in state.patients.values() if p.cohort == name]
    treated = [course for course in courses if course.patient.cohort == name]
    responders = [course.id for course in treated if _responds(course, design)]
    awaited = [c.id for c in treated if c.id not in responders and _may_respond(c, design, on)]
    over = max(0, len(treated) - boundaries.max_patients)
    decision = _decision(boundaries, [c.id for c in treated], set(responders), set(awaited))
    goes_on = decision.outcome is Outcome.CONTINUE and decision.next_look is not None
    why = decision.reason + (f"; {over} more than the design has are left out" if over else "")
    return CohortAdvice(
        name,
        cohort.title,
        WORDS[decision.outcome],
        why,
        max(0, (decision.next_look or 0) - len(enrolled)) if goes_on else 0,
        len(enrolled),
        len(treated),
        tuple(responders),
        tuple(awaited),
        over,
        tuple(event for c in treated for event in (*c.response.sources, c.patient.first_dose) if event),
    )


def _decision(boundaries: Boundaries, treated: list[str], responders: set[str], awaited: set[str]) -> CohortDecision:
    """Return what the looks say one after the other, each on its own first patients in order of first dose."""
    for look in boundaries.looks:
        if look > len(treated):
            break
        first = treated[:look]
        decision = boundaries.decide(
            look, sum(p in responders for p in first), pending=sum(p in awaited for p in first)
        )
        if decision.outcome is not Outcome.CONTINUE:
            return decision
    reached = [look for look in boundaries.looks if look <= len(treated)]
    if reached:
        return decision
    return boundaries.decide(len(treated), 0)


def _responds(course: PatientCourse, design: ExpansionDesign) -> bool:
    """Return whether a patient counts as a responder, within the time in which responses count."""
    response = course.response
    confirmed = response.is_objective and response.confirmation == "confirmed"
    seen = response.is_objective or response.confirmation == "response not confirmed"
    if not (confirmed if design.endpoint == "confirmed response" else seen):
        return False
    first = course.patient.first_dose
    by = design.respond_within_days
    return by is None or response.on is None or first is None or (response.on - first.occurred).days <= by


def _may_respond(course: PatientCourse, design: ExpansionDesign, on: date) -> bool:
    """Return whether a patient who has not responded still may."""
    patient, response = course.patient, course.response
    if response.progression or patient.off_treatment or patient.death or new_therapy(patient):
        return False
    if response.confirmation == "awaiting confirmation":
        return True
    first, by = patient.first_dose, design.respond_within_days
    return by is None or first is None or (on - first.occurred).days <= by
