"""The rules of conduct: what may not be recorded, by name, with the fact that forbids it.

Each rule is a function of what is asked for; it returns the fact that breaks it, in words, or None. The first line of
its docstring is the rule's text, its name (with hyphens) the rule's name. Here are the rules for entering the trial and
for decisions; :mod:`posology.conduct.patient_rules` has those for patients on treatment, and
:mod:`posology.conduct.rulebook` says which stand before which kind of event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

from posology.conduct.advice import Advice, advise
from posology.conduct.eligibility import Verdict, check, criteria
from posology.conduct.open_level import OpenLevel, open_level, slot_holders
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.record import facts as f
from posology.record.state import Patient, State


@dataclass(frozen=True)
class EventRequest:
    """An event that somebody asks to record, and the state it would enter; ``patient`` is the patient as known so far."""

    state: State
    fact: Any
    patient_id: str | None
    occurred: date
    today: date
    patient: Patient = field(init=False)

    def __post_init__(self) -> None:
        id = self.patient_id or ""
        object.__setattr__(self, "patient", self.state.patients.get(id) or Patient(id, ()))

    @cached_property
    def plan(self) -> ConductPlan:
        """The protocol in force on the day."""
        return plan_in_force(self.state, self.occurred)

    @cached_property
    def open_level(self) -> OpenLevel:
        """What is open on the day."""
        return open_level(self.state, self.plan.protocol, self.plan.first_cohort, self.occurred)

    @cached_property
    def advice(self) -> Advice:
        """What the design says on the day."""
        return advise(self.state, self.occurred)


ConductRule = Callable[[EventRequest], str | None]


# Any event ------------------------------------------------------------------------------------------------------------


def not_in_the_future(request: EventRequest) -> str | None:
    """An event is recorded on or after the day it occurred."""
    return f"{request.occurred} is after today, {request.today}" if request.occurred > request.today else None


def not_before_the_trial(request: EventRequest) -> str | None:
    """Nothing about the trial itself is dated before it was created."""
    if request.patient_id is not None:
        return None
    created = request.state.trial.first(f.TrialCreated)
    if created is None or request.occurred >= created.occurred:
        return None
    return f"{request.occurred} is before the trial was created on {created.occurred}"


def consent_first(request: EventRequest) -> str | None:
    """No event about a patient before consent."""
    if request.patient_id is None or isinstance(request.fact, f.Consented):
        return None
    consent = request.patient.consent
    if consent is None:
        return f"no consent of {request.patient_id} is recorded"
    if request.occurred < consent.occurred:
        return f"{request.patient_id} consented on {consent.occurred} (event {consent.seq}), after {request.occurred}"
    return None


AFTER_DEATH = (f.AdverseEventResolved, f.DltAdjudicated, f.TumourAssessed, f.Discontinued, f.CriterionAttested)


def none_after_death(request: EventRequest) -> str | None:
    """Nothing happens to a patient after death."""
    death = request.patient.death if request.patient_id else None
    if death is None or request.occurred <= death.occurred or isinstance(request.fact, AFTER_DEATH):
        return None
    return f"{request.patient_id} died on {death.occurred} (event {death.seq})"


# Entering the trial ---------------------------------------------------------------------------------------------------


def consent_once(request: EventRequest) -> str | None:
    """A patient consents once."""
    consent = request.patient.consent
    return f"{request.patient_id} consented on {consent.occurred} (event {consent.seq})" if consent else None


def criterion_exists(request: EventRequest) -> str | None:
    """Only a criterion of the protocol that the investigator attests can be attested."""
    p = request.plan.protocol
    known = {
        c.id
        for c in (*p.eligibility, *(c for x in p.expansion.values() for c in x.eligibility))
        if c.fact == "attested"
    }
    if request.fact.criterion in known:
        return None
    return f"{request.fact.criterion!r} is none of {', '.join(sorted(known)) or 'them: the protocol has none'}"


def enrolled_once(request: EventRequest) -> str | None:
    """A patient is enrolled once, and holds one slot."""
    slot = request.patient.enrolment
    if slot:
        return f"{request.patient_id} was enrolled on {slot.occurred} (event {slot.seq})"
    kept = request.patient.reservation
    if kept and isinstance(request.fact, f.SlotReserved):
        return f"{request.patient_id} holds a slot since {kept.occurred} (event {kept.seq})"
    return None


def level_or_cohort(request: EventRequest) -> str | None:
    """A slot is at a dose level or in an expansion cohort of the protocol."""
    level, cohort = request.fact.level, request.fact.cohort
    if (level is None) == (cohort is None):
        return "give a level or a cohort, one of the two"
    levels, cohorts = request.plan.levels, request.plan.protocol.expansion
    if level is not None and level > levels:
        return f"there is no level {level}; the protocol has levels 1 to {levels}"
    if cohort is not None and cohort not in cohorts:
        return f"there is no cohort {cohort!r} on {request.occurred}; there are {', '.join(cohorts) or 'none'}"
    return None


def eligible(request: EventRequest) -> str | None:
    """Only a patient who meets every criterion of eligibility gets a slot."""
    cohort = request.fact.cohort
    if cohort is not None and cohort not in request.plan.protocol.expansion:
        return None
    wanted = criteria(request.plan.protocol, cohort)
    failed = [str(c) for c in check(request.patient, wanted) if c.verdict is not Verdict.MET]
    return "; ".join(failed) or None


def level_is_open(request: EventRequest) -> str | None:
    """A slot is kept only at the level that is open."""
    fact, open_ = request.fact, request.open_level
    if fact.cohort is not None:
        return None if open_.mtd else "expansion cohorts open once the MTD is declared; it is not"
    if open_.stopped:
        return f"dose finding was stopped by {open_.reason()}"
    if fact.level == open_.level:
        return None
    return f"level {fact.level} is not open: level {open_.level} is, by {open_.reason()}"


def slot_is_free(request: EventRequest) -> str | None:
    """No more patients than the protocol or the decision gives slots."""
    fact, open_ = request.fact, request.open_level
    if fact.cohort is not None:
        cohort = request.plan.protocol.expansion.get(fact.cohort)
        if cohort is None or cohort.patients is None:
            return None
        slots = [p.enrolment or p.reservation for p in request.state.patients.values()]
        taken = sum(1 for e in slots if e and getattr(e.fact, "cohort", None) == fact.cohort)
        return f"all {taken} slots of {fact.cohort} are taken" if taken >= cohort.patients else None
    held = slot_holders(request.state, open_)
    if fact.level != open_.level or len(held) < open_.slots:
        return None
    held_by = ", ".join(held) or "nobody"
    return f"all {open_.slots} slots that {open_.reason()} gave at level {open_.level} are taken, by {held_by}"


def slot_is_reserved(request: EventRequest) -> str | None:
    """A patient is enrolled in the slot that was reserved."""
    kept = request.patient.reservation
    if kept is None:
        return f"no slot is reserved for {request.patient_id}"
    if (kept.fact.level, kept.fact.cohort) != (request.fact.level, request.fact.cohort):  # type: ignore[attr-defined]
        return f"the slot reserved (event {kept.seq}) is at {kept.fact.level or kept.fact.cohort}"  # type: ignore[attr-defined]
    return None


def slot_to_release(request: EventRequest) -> str | None:
    """Only a slot that is held can be given back."""
    return None if request.patient.reservation else f"{request.patient_id} holds no slot"


# The trial ------------------------------------------------------------------------------------------------------------


def level_exists(request: EventRequest) -> str | None:
    """A decision names a level of the protocol where its action needs one."""
    fact = request.fact
    if fact.action == "stop":
        return None if fact.level is None else "stopping opens no level"
    if fact.level is None:
        return f"to {fact.action}, name the level"
    if fact.level > request.plan.levels:
        return f"there is no level {fact.level}; the protocol has levels 1 to {request.plan.levels}"
    if fact.closed_from is not None and fact.closed_from <= fact.level:
        return f"level {fact.level} cannot be opened and closed (from {fact.closed_from}) at once"
    return None


def action_fits_level(request: EventRequest) -> str | None:
    """Escalating goes up by one level, expanding stays, de-escalating goes down."""
    fact, now = request.fact, request.open_level.level
    if fact.level is None:
        return None
    if fact.action == "escalate" and fact.level != now + 1:
        skipped = "skips a level" if fact.level > now + 1 else "is not above it"
        return f"the open level is {now}; level {fact.level} {skipped}"
    if fact.action == "expand" and fact.level != now:
        return f"the open level is {now}, not {fact.level}"
    if fact.action == "de-escalate" and fact.level >= now:
        return f"the open level is {now}; level {fact.level} is not below it"
    return None


def level_not_closed(request: EventRequest) -> str | None:
    """A level that was closed stays closed."""
    level, ceiling = request.fact.level, request.open_level.ceiling
    return f"level {level} was closed: the highest level left is {ceiling}" if level and level > ceiling else None


def slots_given(request: EventRequest) -> str | None:
    """A decision that opens a level gives slots at it."""
    if request.fact.action in ("escalate", "expand", "de-escalate") and request.fact.slots < 1:
        return f"to {request.fact.action}, say how many patients (slots)"
    return None


def cohort_is_evaluable(request: EventRequest) -> str | None:
    """The next level opens, and an MTD is declared, only once the cohort is evaluable."""
    if request.fact.action not in ("escalate", "declare MTD") or request.advice.settled:
        return None
    return "; ".join(map(str, request.advice.pending)) or request.advice.why


def no_higher_than_advised(request: EventRequest) -> str | None:
    """The committee may stay below what the design advises, with its reason; it does not go above it."""
    fact, advice = request.fact, request.advice
    if fact.action not in ("escalate", "declare MTD") or not advice.settled or advice.action == fact.action:
        return None
    at = f" at level {advice.level}" if advice.level else ""
    return f"the design advises to {advice.action}{at}: {advice.why}"


def decision_exists(request: EventRequest) -> str | None:
    """Only a decision that was taken can be signed, once by each name."""
    numbered = {d.fact.number: d for d in request.state.trial.decisions}
    decided = numbered.get(request.fact.decision)
    if decided is None:
        return f"there is no decision {request.fact.decision}; there are {len(numbered)}"
    if request.occurred < decided.event.occurred:
        return f"decision {request.fact.decision} was taken on {decided.event.occurred}, after {request.occurred}"
    for signature in decided.signatures:
        if isinstance(signature.fact, f.DecisionSigned) and signature.fact.name == request.fact.name:
            return f"{request.fact.name} signed decision {request.fact.decision} (event {signature.seq})"
    return None


def decisions_in_order(request: EventRequest) -> str | None:
    """A decision is signed before the next one is taken, and none is dated before the last."""
    for decided in request.state.trial.decisions:
        if not decided.in_force:
            return f"decision {decided.fact.number} of {decided.event.occurred} is not signed"
        if request.occurred < decided.event.occurred:
            return f"decision {decided.fact.number} was taken on {decided.event.occurred}, after {request.occurred}"
    return None


def amendment_in_order(request: EventRequest) -> str | None:
    """An amendment has a version of its own and is not dated before the last one."""
    for day, version in request.state.trial.protocols:
        if version.version == request.fact.version:
            return f"version {request.fact.version} is in the record already, from {day}"
        if request.occurred < day:
            return f"version {version.version} holds from {day}, after {request.occurred}"
    return None


def cutoff_is_past(request: EventRequest) -> str | None:
    """A data cutoff is locked on or after its day, once."""
    if request.fact.cutoff > request.occurred:
        return f"the cutoff {request.fact.cutoff} is after {request.occurred}"
    for lock in request.state.trial.locks:
        if isinstance(lock.fact, f.CutoffLocked) and lock.fact.cutoff == request.fact.cutoff:
            return f"the cutoff {request.fact.cutoff} was locked on {lock.occurred} (event {lock.seq})"
    return None
