"""The rules of conduct: what may not be recorded, by name, with the fact that forbids it.

Each rule is a function of a request; it returns the fact that breaks it, in words, or None. The first line of its
docstring is the rule's text, its name (with hyphens) the rule's name. An event is judged on what came before it: by its
day, and within the day by the order of entry. A rule that others may break later says which kinds of event it
:func:`reads`; when one of those is entered late, corrected or voided, the events that rest on it are asked again. A
rule about what does not exist at all is :func:`absolute`: no override sets it aside.

Here are the rules for any event and for entering the trial; :mod:`posology.conduct.patient_rules` has those for
patients on treatment, :mod:`posology.conduct.decision_rules` those for decisions, amendments and cutoffs, and
:mod:`posology.conduct.rulebook` says which stand before which kind of event.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import Any

from posology.conduct.advice import Advice, advise, too_toxic
from posology.conduct.cohort_advice import advise_cohorts
from posology.conduct.eligibility import Verdict, check, criteria
from posology.conduct.enrolment_queue import queue
from posology.conduct.open_level import Moment, OpenBeside, OpenLevel, lapses_on, open_level, slot_holders, slot_of
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.record import facts as f
from posology.record.collected import LaboratoryMeasured, TreatmentGiven
from posology.record.event import Event
from posology.record.fact import Fact
from posology.record.review import ABOUT_DATA
from posology.record.state import Patient, State
from posology.shared.text import counted


@dataclass(frozen=True)
class EventRequest:
    """An event that somebody asks to record, or that is asked again, and the state that it is judged in.

    Parameters
    ----------
    state
        what is known, without the event that this one corrects.
    fact, patient_id, occurred
        what happened, to whom (None: the trial), when.
    today
        the day of entry.
    author
        who enters it.
    entered
        its place in the order of entry: infinite for a new event, that of the corrected one for a correction.
    corrects
        the event that it corrects.
    event
        the event itself, where one of the record is asked again.
    """

    state: State
    fact: Any
    patient_id: str | None
    occurred: date
    today: date
    author: str = ""
    entered: float = math.inf
    corrects: Event | None = None
    event: Event | None = None

    @classmethod
    def again(cls, state: State, event: Event) -> EventRequest:
        """Ask an event of the record again."""
        return cls(
            state,
            event.fact,
            event.patient,
            event.occurred,
            event.recorded.date(),
            event.author,
            state.order(event)[1],
            event=event,
        )

    @property
    def moment(self) -> Moment:
        """When it happens: the day, and the place in the order of entry."""
        return self.occurred, self.entered

    @cached_property
    def patient(self) -> Patient:
        """The patient's other events, before and after."""
        id = self.patient_id or ""
        known = self.state.patients.get(id) or Patient(id, ())
        if self.event is None:
            return known
        place = self._place(known, self.event)
        return Patient(id, (*known.events[:place], *known.events[place + 1 :]))

    @cached_property
    def before(self) -> Patient:
        """The patient's events before this one."""
        known = self.patient
        if self.entered == math.inf and (not known.events or known.events[-1].occurred <= self.occurred):
            return known
        return Patient(known.id, known.events[: bisect_left(known.events, self.moment, key=self.state.order)])

    def _place(self, known: Patient, event: Event) -> int:
        """Return where an event stands among a patient's, which are in the order they occurred."""
        place = bisect_left(known.events, self.state.order(event), key=self.state.order)
        if place < len(known.events) and known.events[place].seq == event.seq:
            return place
        raise LookupError(f"event {event.seq} is not among those of {known.id}")

    def others(self, kind: type[Fact]) -> tuple[Event, ...]:
        """Return the other events of a kind about the trial."""
        return tuple(e for e in self.state.trial.of(kind) if self.event is None or e.seq != self.event.seq)

    @cached_property
    def plan(self) -> ConductPlan:
        """The protocol in force on the day."""
        return plan_in_force(self.state, self.occurred)

    @cached_property
    def open_level(self) -> OpenLevel:
        """What is open at the moment."""
        return open_level(self.state, self.plan.protocol, self.plan.first_cohort, before=self.moment)

    @cached_property
    def advice(self) -> Advice:
        """What the design says on the day."""
        return advise(self.state.until(self.occurred), self.occurred)

    def slots_taken(self, open_: OpenLevel | OpenBeside) -> tuple[str, ...]:
        """Return the other patients who hold the slots of a level at the moment."""
        again = self.moment if self.event or self.corrects else None
        return slot_holders(self.state, open_, self.plan.protocol, self.occurred, before=again, without=self.patient_id)


ConductRule = Callable[[EventRequest], str | None]

READS: dict[ConductRule, tuple[type[Fact], ...]] = {}
"""Which kinds of event can break a rule for an event that is in the record, when they are corrected or voided."""

READS_LATE: dict[ConductRule, tuple[type[Fact], ...]] = {}
"""Those of them that can also break it when they are entered late."""

READS_OTHERS: set[ConductRule] = set()
"""Those that events of other patients can break."""

ABSOLUTE: set[ConductRule] = set()
"""Rules that no override sets aside."""


def reads(*kinds: type[Fact], late: bool = True, others: bool = False) -> Callable[[ConductRule], ConductRule]:
    """Say which kinds of event a rule rests on; not ``late`` if a new one that would break it is itself refused;
    ``others`` if it reads those of other patients too."""

    def register(rule: ConductRule) -> ConductRule:
        READS[rule] = kinds
        READS_LATE[rule] = kinds if late else ()
        if others:
            READS_OTHERS.add(rule)
        return rule

    return register


def absolute(rule: ConductRule) -> ConductRule:
    """Say that no override sets a rule aside: what it refuses does not exist."""
    ABSOLUTE.add(rule)
    return rule


# Any event ------------------------------------------------------------------------------------------------------------


@absolute
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


@reads(f.Consented, late=False)
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


AFTER_DEATH = (
    f.AdverseEventResolved,
    f.DltAdjudicated,
    f.TumourAssessed,
    f.Discontinued,
    f.CriterionAttested,
    f.Died,
    *ABOUT_DATA,
)
TREATMENT = (f.Dosed, f.DoseReduced, f.DoseDelayed, f.SlotReserved, f.Enrolled, TreatmentGiven)


@reads(f.Died, f.AdverseEvent, f.AdverseEventResolved)
def none_after_death(request: EventRequest) -> str | None:
    """Nothing happens to a patient after death."""
    death = request.patient.fatal if request.patient_id else None
    if death is None or request.occurred <= death.occurred or isinstance(request.fact, AFTER_DEATH):
        return None
    if isinstance(death.fact, f.AdverseEvent) and not isinstance(request.fact, TREATMENT):
        return None  # of a fatal event only the onset is known: the patient may have lived on for days
    return f"{request.patient_id} died on {death.occurred} (event {death.seq})"


# Entering the trial ---------------------------------------------------------------------------------------------------


def consent_once(request: EventRequest) -> str | None:
    """A patient consents once."""
    consent = request.patient.consent
    return f"{request.patient_id} consented on {consent.occurred} (event {consent.seq})" if consent else None


CONSENT_AHEAD = timedelta(days=366)


@absolute
def consent_near_the_trial(request: EventRequest) -> str | None:
    """A patient consents to this trial: not more than a year before its protocol."""
    begun = min(day for day, _ in request.state.trial.protocols)
    earliest = min(begun, request.state.trial.protocols[0][1].trial.date) - CONSENT_AHEAD
    return f"{request.occurred} is more than a year before the protocol" if request.occurred < earliest else None


@absolute
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


@reads(f.Enrolled, f.SlotReserved, f.SlotReleased)
def enrolled_once(request: EventRequest) -> str | None:
    """A patient is enrolled once, and holds one slot."""
    enrolment = request.before.enrolment
    if enrolment:
        return f"{request.patient_id} was enrolled on {enrolment.occurred} (event {enrolment.seq})"
    held = request.before.reservation
    if held and isinstance(request.fact, f.SlotReserved) and not _has_lapsed(request, held):
        return f"{request.patient_id} holds a slot since {held.occurred} (event {held.seq})"
    return None


@absolute
def level_or_cohort(request: EventRequest) -> str | None:
    """A slot is at a dose level or in an expansion cohort of the protocol."""
    level, cohort = request.fact.level, request.fact.cohort
    if level is None and cohort is None:
        return "give a level or a cohort"
    levels, cohorts = request.plan.levels, request.plan.protocol.expansion
    if level is not None and level > levels:
        return f"there is no level {level}; the protocol has levels 1 to {levels}"
    if cohort is not None and cohort not in cohorts:
        return f"there is no cohort {cohort!r} on {request.occurred}; there are {', '.join(cohorts) or 'none'}"
    return None


@reads(f.Screened, f.PriorTherapy, f.TargetScored, f.CriterionAttested, LaboratoryMeasured, f.ProtocolAmended)
def eligible(request: EventRequest) -> str | None:
    """Only a patient who meets every criterion of eligibility gets a slot."""
    cohort = request.fact.cohort
    if cohort is not None and cohort not in request.plan.protocol.expansion:
        return None
    wanted = criteria(request.plan.protocol, cohort)
    checked = check(request.before, wanted, on=request.occurred, versions=request.state.trial.protocols)
    return "; ".join(str(c) for c in checked if c.verdict is not Verdict.MET) or None


@reads(f.DecisionTaken, f.DecisionSigned)
def level_is_open(request: EventRequest) -> str | None:
    """A slot is kept only at a level that is open."""
    fact, open_ = request.fact, request.open_level
    if fact.cohort is not None:
        if fact.level is not None:
            opened = open_.cohort(fact.cohort, fact.level)
            return None if opened else f"no decision opened {fact.cohort} at level {fact.level}"
        return None if open_.mtd else "expansion cohorts open once the MTD is declared; it is not"
    if open_.stopped:
        return f"dose finding was stopped by {open_.reason()}"
    if fact.level == open_.level or open_.backfill(fact.level):
        return None
    backfilled = ", ".join(str(o.level) for o in open_.beside if o.cohort is None)
    also = f", and for backfilling {backfilled}" if backfilled else ""
    return f"level {fact.level} is not open: level {open_.level} is, by {open_.reason()}{also}{not_in_force(request)}"


def not_in_force(request: EventRequest) -> str:
    """Say which decision would open the level, were it in force."""
    level = request.fact.level
    waits = [d for d in request.state.trial.decisions if d.fact.level == level and not d.in_force]
    return "".join(f"; decision {d.fact.number} of {d.event.occurred} would open it: {d.status}" for d in waits[-1:])


@reads(f.DecisionTaken, f.DecisionSigned, f.SlotReserved, f.SlotReleased, f.Enrolled, others=True)
def slot_is_free(request: EventRequest) -> str | None:
    """No more patients than the protocol or the decision gives slots."""
    fact, open_ = request.fact, request.open_level
    beside = open_.cohort(fact.cohort, fact.level) if fact.cohort is not None else None
    if fact.cohort is not None:
        full = _cohort_is_full(request)
        if full or beside is None:
            return full
    elif fact.level != open_.level:
        beside = open_.backfill(fact.level)
    if fact.cohort is None and fact.level != open_.level and beside is None:
        return None  # the level is not open
    opened = beside or open_
    held = request.slots_taken(opened)
    if len(held) < opened.slots:
        return None
    taken = f"taken by {', '.join(held)}" if held else "none to take"
    return f"level {opened.level} has {counted(opened.slots, 'slot')} by {opened.reason()}: {taken}"


def _cohort_is_full(request: EventRequest) -> str | None:
    name = request.fact.cohort
    cohort = request.plan.protocol.expansion.get(name)
    if cohort is None or cohort.patients is None:
        return None
    again = request.moment if request.event or request.corrects else None
    taken = 0
    for patient in request.state.patients.values():
        if patient.id != request.patient_id:
            slot = slot_of(request.state, patient, request.plan.protocol, request.occurred, again)
            taken += slot is not None and getattr(slot.fact, "cohort", None) == name
    return f"{name} has {counted(cohort.patients, 'slot')}: all taken" if taken >= cohort.patients else None


def first_in_the_queue(request: EventRequest) -> str | None:
    """A free slot goes to who has waited longest, by the protocol's rule."""
    protocol, open_ = request.plan.protocol, request.open_level
    if protocol.enrolment.queue is None or request.fact.cohort is not None or request.fact.level != open_.level:
        return None
    waiting = queue(request.state.until(request.occurred), protocol, request.occurred)
    ahead = waiting[: waiting.index(request.patient_id)] if request.patient_id in waiting else waiting
    free = open_.slots - len(request.slots_taken(open_))
    if not 0 < free <= len(ahead):
        return None
    have = "has" if len(ahead) == 1 else "have"
    return f"{counted(free, 'slot')} free, and {', '.join(ahead)} {have} waited longer (by {protocol.enrolment.queue})"


def level_not_too_toxic(request: EventRequest) -> str | None:
    """Nobody is newly treated at a level that the design, asked now, calls too toxic."""
    level = _newly_given(request)
    if level is None or level > request.plan.levels:
        return None
    return too_toxic(request.state, request.occurred, level)


def cohort_goes_on(request: EventRequest) -> str | None:
    """Nobody is newly taken into an expansion cohort that its design, asked now, would end."""
    cohort = request.plan.protocol.expansion.get(request.fact.cohort or "")
    if cohort is None or cohort.design is None:
        return None
    advice = next(a for a in advise_cohorts(request.state, request.occurred) if a.cohort == request.fact.cohort)
    if advice.action in ("stop for futility", "success"):
        return f"asked on {request.occurred} about the cohort {advice.cohort}, its design says {advice.action}: {advice.why}"
    return None


def _newly_given(request: EventRequest) -> int | None:
    """Return the level at which somebody would be newly treated."""
    fact = request.fact
    if not isinstance(fact, f.Dosed):
        return fact.level  # type: ignore[no-any-return]
    new = all(event.fact.level != fact.level for event in request.before.doses)  # type: ignore[attr-defined]
    return fact.level if new and request.before.current_level in (None, fact.level) else None


@reads(f.SlotReserved, f.SlotReleased)
def slot_is_reserved(request: EventRequest) -> str | None:
    """A patient is enrolled in the slot that was reserved."""
    held = request.before.reservation
    if held is None:
        return f"no slot is reserved for {request.patient_id}"
    if _has_lapsed(request, held):
        lapsed = lapses_on(held, request.plan.protocol)
        return f"the slot reserved on {held.occurred} (event {held.seq}) lapsed on {lapsed}: reserve one again"
    if (held.fact.level, held.fact.cohort) != (request.fact.level, request.fact.cohort):  # type: ignore[attr-defined]
        return f"the slot reserved (event {held.seq}) is at {held.fact.level or held.fact.cohort}"  # type: ignore[attr-defined]
    return None


def _has_lapsed(request: EventRequest, held: Event) -> bool:
    lapses = lapses_on(held, request.plan.protocol)
    return lapses is not None and request.occurred >= lapses


@reads(f.SlotReserved, f.SlotReleased, f.Enrolled)
def slot_to_release(request: EventRequest) -> str | None:
    """Only a slot that is held can be given back."""
    return None if request.before.reservation else f"{request.patient_id} holds no slot"
