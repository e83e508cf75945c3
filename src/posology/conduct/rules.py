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
from posology.conduct.open_level import Opening, holders, opening
from posology.conduct.protocol_in_force import Plan, plan_of
from posology.record import facts as f
from posology.record.state import Patient, State


@dataclass(frozen=True)
class Asked:
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
    def plan(self) -> Plan:
        """The protocol in force on the day."""
        return plan_of(self.state, self.occurred)

    @cached_property
    def opening(self) -> Opening:
        """What is open on the day."""
        return opening(self.state, self.plan.protocol, self.plan.first_cohort, self.occurred)

    @cached_property
    def advice(self) -> Advice:
        """What the design says on the day."""
        return advise(self.state, self.occurred)


Rule = Callable[[Asked], str | None]


# Any event ------------------------------------------------------------------------------------------------------------


def not_in_the_future(asked: Asked) -> str | None:
    """An event is recorded on or after the day it occurred."""
    return f"{asked.occurred} is after today, {asked.today}" if asked.occurred > asked.today else None


def not_before_the_trial(asked: Asked) -> str | None:
    """Nothing about the trial itself is dated before it was created."""
    if asked.patient_id is not None:
        return None
    created = asked.state.trial.first(f.TrialCreated)
    if created is None or asked.occurred >= created.occurred:
        return None
    return f"{asked.occurred} is before the trial was created on {created.occurred}"


def consent_first(asked: Asked) -> str | None:
    """No event about a patient before consent."""
    if asked.patient_id is None or isinstance(asked.fact, f.Consented):
        return None
    consent = asked.patient.consent
    if consent is None:
        return f"no consent of {asked.patient_id} is recorded"
    if asked.occurred < consent.occurred:
        return f"{asked.patient_id} consented on {consent.occurred} (event {consent.seq}), after {asked.occurred}"
    return None


AFTER_DEATH = (f.AdverseEventResolved, f.DltAdjudicated, f.TumourAssessed, f.Discontinued, f.CriterionAttested)


def none_after_death(asked: Asked) -> str | None:
    """Nothing happens to a patient after death."""
    death = asked.patient.death if asked.patient_id else None
    if death is None or asked.occurred <= death.occurred or isinstance(asked.fact, AFTER_DEATH):
        return None
    return f"{asked.patient_id} died on {death.occurred} (event {death.seq})"


# Entering the trial ---------------------------------------------------------------------------------------------------


def consent_once(asked: Asked) -> str | None:
    """A patient consents once."""
    consent = asked.patient.consent
    return f"{asked.patient_id} consented on {consent.occurred} (event {consent.seq})" if consent else None


def criterion_exists(asked: Asked) -> str | None:
    """Only a criterion of the protocol that the investigator attests can be attested."""
    p = asked.plan.protocol
    known = {
        c.id
        for c in (*p.eligibility, *(c for x in p.expansion.values() for c in x.eligibility))
        if c.fact == "attested"
    }
    if asked.fact.criterion in known:
        return None
    return f"{asked.fact.criterion!r} is none of {', '.join(sorted(known)) or 'them: the protocol has none'}"


def enrolled_once(asked: Asked) -> str | None:
    """A patient is enrolled once, and holds one place."""
    place = asked.patient.enrolment
    if place:
        return f"{asked.patient_id} was enrolled on {place.occurred} (event {place.seq})"
    kept = asked.patient.reservation
    if kept and isinstance(asked.fact, f.SlotReserved):
        return f"{asked.patient_id} holds a place since {kept.occurred} (event {kept.seq})"
    return None


def level_or_cohort(asked: Asked) -> str | None:
    """A place is at a dose level or in an expansion cohort of the protocol."""
    level, cohort = asked.fact.level, asked.fact.cohort
    if (level is None) == (cohort is None):
        return "give a level or a cohort, one of the two"
    levels, cohorts = asked.plan.levels, asked.plan.protocol.expansion
    if level is not None and level > levels:
        return f"there is no level {level}; the protocol has levels 1 to {levels}"
    if cohort is not None and cohort not in cohorts:
        return f"there is no cohort {cohort!r} on {asked.occurred}; there are {', '.join(cohorts) or 'none'}"
    return None


def eligible(asked: Asked) -> str | None:
    """Only a patient who meets every criterion of eligibility gets a place."""
    cohort = asked.fact.cohort
    if cohort is not None and cohort not in asked.plan.protocol.expansion:
        return None
    wanted = criteria(asked.plan.protocol, cohort)
    failed = [str(c) for c in check(asked.patient, wanted) if c.verdict is not Verdict.MET]
    return "; ".join(failed) or None


def level_is_open(asked: Asked) -> str | None:
    """A place is kept only at the level that is open."""
    fact, open_ = asked.fact, asked.opening
    if fact.cohort is not None:
        return None if open_.mtd else "expansion cohorts open once the MTD is declared; it is not"
    if open_.stopped:
        return f"dose finding was stopped by {open_.because()}"
    if fact.level == open_.level:
        return None
    return f"level {fact.level} is not open: level {open_.level} is, by {open_.because()}"


def place_is_free(asked: Asked) -> str | None:
    """No more patients than the protocol or the decision gives places."""
    fact, open_ = asked.fact, asked.opening
    if fact.cohort is not None:
        cohort = asked.plan.protocol.expansion.get(fact.cohort)
        if cohort is None or cohort.patients is None:
            return None
        places = [p.enrolment or p.reservation for p in asked.state.patients.values()]
        taken = sum(1 for e in places if e and getattr(e.fact, "cohort", None) == fact.cohort)
        return f"all {taken} places of {fact.cohort} are taken" if taken >= cohort.patients else None
    held = holders(asked.state, open_)
    if fact.level != open_.level or len(held) < open_.slots:
        return None
    held_by = ", ".join(held) or "nobody"
    return f"all {open_.slots} places that {open_.because()} gave at level {open_.level} are taken, by {held_by}"


def place_is_kept(asked: Asked) -> str | None:
    """A patient is enrolled in the place that was reserved."""
    kept = asked.patient.reservation
    if kept is None:
        return f"no place is reserved for {asked.patient_id}"
    if (kept.fact.level, kept.fact.cohort) != (asked.fact.level, asked.fact.cohort):  # type: ignore[attr-defined]
        return f"the place reserved (event {kept.seq}) is at {kept.fact.level or kept.fact.cohort}"  # type: ignore[attr-defined]
    return None


def place_to_release(asked: Asked) -> str | None:
    """Only a place that is held can be given back."""
    return None if asked.patient.reservation else f"{asked.patient_id} holds no place"


# The trial ------------------------------------------------------------------------------------------------------------


def level_exists(asked: Asked) -> str | None:
    """A decision names a level of the protocol where its action needs one."""
    fact = asked.fact
    if fact.action == "stop":
        return None if fact.level is None else "stopping opens no level"
    if fact.level is None:
        return f"to {fact.action}, name the level"
    if fact.level > asked.plan.levels:
        return f"there is no level {fact.level}; the protocol has levels 1 to {asked.plan.levels}"
    if fact.closed_from is not None and fact.closed_from <= fact.level:
        return f"level {fact.level} cannot be opened and closed (from {fact.closed_from}) at once"
    return None


def action_fits_level(asked: Asked) -> str | None:
    """Escalating goes up by one level, expanding stays, de-escalating goes down."""
    fact, now = asked.fact, asked.opening.level
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


def level_not_closed(asked: Asked) -> str | None:
    """A level that was closed stays closed."""
    level, ceiling = asked.fact.level, asked.opening.ceiling
    return f"level {level} was closed: the highest level left is {ceiling}" if level and level > ceiling else None


def places_given(asked: Asked) -> str | None:
    """A decision that opens a level gives places at it."""
    if asked.fact.action in ("escalate", "expand", "de-escalate") and asked.fact.slots < 1:
        return f"to {asked.fact.action}, say how many patients (slots)"
    return None


def cohort_is_evaluable(asked: Asked) -> str | None:
    """The next level opens, and an MTD is declared, only once the cohort is evaluable."""
    if asked.fact.action not in ("escalate", "declare MTD") or asked.advice.settled:
        return None
    return "; ".join(map(str, asked.advice.pending)) or asked.advice.why


def no_higher_than_advised(asked: Asked) -> str | None:
    """The committee may stay below what the design advises, with its reason; it does not go above it."""
    fact, advice = asked.fact, asked.advice
    if fact.action not in ("escalate", "declare MTD") or not advice.settled or advice.action == fact.action:
        return None
    at = f" at level {advice.level}" if advice.level else ""
    return f"the design advises to {advice.action}{at}: {advice.why}"


def decision_exists(asked: Asked) -> str | None:
    """Only a decision that was taken can be signed, once by each name."""
    numbered = {d.fact.number: d for d in asked.state.trial.decisions}
    decided = numbered.get(asked.fact.decision)
    if decided is None:
        return f"there is no decision {asked.fact.decision}; there are {len(numbered)}"
    if asked.occurred < decided.event.occurred:
        return f"decision {asked.fact.decision} was taken on {decided.event.occurred}, after {asked.occurred}"
    for signature in decided.signatures:
        if isinstance(signature.fact, f.DecisionSigned) and signature.fact.name == asked.fact.name:
            return f"{asked.fact.name} signed decision {asked.fact.decision} (event {signature.seq})"
    return None


def decisions_in_order(asked: Asked) -> str | None:
    """A decision is signed before the next one is taken, and none is dated before the last."""
    for decided in asked.state.trial.decisions:
        if not decided.in_force:
            return f"decision {decided.fact.number} of {decided.event.occurred} is not signed"
        if asked.occurred < decided.event.occurred:
            return f"decision {decided.fact.number} was taken on {decided.event.occurred}, after {asked.occurred}"
    return None


def amendment_in_order(asked: Asked) -> str | None:
    """An amendment has a version of its own and is not dated before the last one."""
    for day, version in asked.state.trial.protocols:
        if version.version == asked.fact.version:
            return f"version {asked.fact.version} is in the record already, from {day}"
        if asked.occurred < day:
            return f"version {version.version} holds from {day}, after {asked.occurred}"
    return None


def cutoff_is_past(asked: Asked) -> str | None:
    """A data cutoff is locked on or after its day, once."""
    if asked.fact.cutoff > asked.occurred:
        return f"the cutoff {asked.fact.cutoff} is after {asked.occurred}"
    for lock in asked.state.trial.locks:
        if isinstance(lock.fact, f.CutoffLocked) and lock.fact.cutoff == asked.fact.cutoff:
            return f"the cutoff {asked.fact.cutoff} was locked on {lock.occurred} (event {lock.seq})"
    return None
