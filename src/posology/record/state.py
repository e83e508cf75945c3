"""What is known: a pure fold of events to an immutable state, at any pair of (occurred by, recorded by).

The state keeps the events that are in effect, by patient: a correction takes the place of the event it names, a voided
event goes. Everything else is derived from them on demand. So a fold in one batch or in many gives the same state, and
no second copy of the truth exists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any, TypeVar

from posology.protocol.amendments import amend
from posology.protocol.model import Protocol, protocol_from
from posology.record.collected import TreatmentGiven
from posology.record.event import Event
from posology.record.facts import (
    SIMULATION,
    AdverseEvent,
    AdverseEventResolved,
    BackgroundFact,
    Consented,
    CutoffLocked,
    DecisionSigned,
    DecisionTaken,
    Died,
    Discontinued,
    DltAdjudicated,
    Dosed,
    DoseReduced,
    Enrolled,
    Fact,
    PriorTherapy,
    ProtocolAmended,
    Screened,
    SlotReleased,
    SlotReserved,
    TargetScored,
    TrialCreated,
    Voided,
)

F = TypeVar("F", bound=Fact)
Events = tuple[Event, ...]


class Timeline:
    """Events in effect, in the order they occurred, and those of one kind among them."""

    def __init__(self, events: Events) -> None:
        self.events = events

    @cached_property
    def _by_kind(self) -> dict[str, Events]:
        kinds: dict[str, list[Event]] = defaultdict(list)
        for event in self.events:
            kinds[event.kind].append(event)
        return {kind: tuple(events) for kind, events in kinds.items()}

    def _extend_index(self, events: Events) -> dict[str, Events]:
        """Return the events by kind after some later ones."""
        kinds = dict(self._by_kind)
        for event in events:
            kinds[event.kind] = (*kinds.get(event.kind, ()), event)
        return kinds

    def of(self, kind: type[Fact]) -> Events:
        """Return the events of one kind, oldest first."""
        return self._by_kind.get(kind.kind, ())

    def first(self, kind: type[Fact]) -> Event | None:
        """Return the first event of a kind."""
        return next(iter(self.of(kind)), None)

    def last(self, kind: type[Fact]) -> Event | None:
        """Return the last event of a kind."""
        return next(reversed(self.of(kind)), None)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.events == other.events

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Toxicity:
    """An adverse event with what became of it."""

    event: Event
    resolved: Event | None
    adjudicated: Event | None

    @property
    def fact(self) -> AdverseEvent:
        """The adverse event itself."""
        return _cast_fact(AdverseEvent, self.event)

    @property
    def is_dlt(self) -> bool | None:
        """Whether it was judged a DLT; None while nobody has judged it."""
        return _cast_fact(DltAdjudicated, self.adjudicated).dlt if self.adjudicated else None

    @property
    def sources(self) -> Events:
        """The events behind it."""
        return tuple(e for e in (self.event, self.resolved, self.adjudicated) if e)


class Patient(Timeline):
    """One patient's course, derived from the events in effect."""

    def __init__(self, id: str, events: Events) -> None:
        super().__init__(events)
        self.id = id

    def __repr__(self) -> str:
        return f"Patient({self.id!r}, {len(self.events)} events)"

    @property
    def consent(self) -> Event | None:
        """The consent."""
        return self.first(Consented)

    @property
    def screening(self) -> Screened | None:
        """Who the patient is, as last screened."""
        event = self.last(Screened)
        return _cast_fact(Screened, event) if event else None

    @property
    def history(self) -> PriorTherapy | None:
        """What the patient received before, as last recorded."""
        event = self.last(PriorTherapy)
        return _cast_fact(PriorTherapy, event) if event else None

    @property
    def target(self) -> TargetScored | None:
        """The target's score, as last recorded."""
        event = self.last(TargetScored)
        return _cast_fact(TargetScored, event) if event else None

    @property
    def enrolment(self) -> Event | None:
        """The enrolment."""
        return self.first(Enrolled)

    @property
    def reservation(self) -> Event | None:
        """The slot kept for the patient, if it was neither given back nor taken up."""
        kept, given = self.last(SlotReserved), self.last(SlotReleased)
        if kept is None or self.enrolment or (given and (given.occurred, given.seq) > (kept.occurred, kept.seq)):
            return None
        return kept

    @property
    def assigned_level(self) -> int | None:
        """The level the patient is counted at, for good; None before enrolment or in an expansion cohort."""
        return _cast_fact(Enrolled, self.enrolment).level if self.enrolment else None

    @property
    def cohort(self) -> str | None:
        """The expansion cohort of the patient; None before enrolment or in dose finding."""
        return _cast_fact(Enrolled, self.enrolment).cohort if self.enrolment else None

    @property
    def current_level(self) -> int | None:
        """The level of the next dose: as last reduced, else as assigned, else (in an expansion cohort) as first given."""
        reduced, first = self.last(DoseReduced), self.first(Dosed)
        if reduced:
            return _cast_fact(DoseReduced, reduced).to_level
        return self.assigned_level if self.assigned_level or not first else _cast_fact(Dosed, first).level

    @property
    def doses(self) -> Events:
        """The doses given."""
        return self.of(Dosed)

    @property
    def first_dose(self) -> Event | None:
        """The first dose: day 1. A treatment that is no dose at one of the levels counts as well."""
        return next(iter(self.treatments), None)

    @property
    def treatments(self) -> Events:
        """The doses given, and treatments that are no doses at one of the levels (as a record taken over may have)."""
        other = self.of(TreatmentGiven)
        return tuple(sorted((*self.doses, *other), key=lambda e: (e.occurred, e.seq))) if other else self.doses

    @property
    def off_treatment(self) -> Event | None:
        """The event that ended treatment."""
        ends = (*self.of(Discontinued), *self.of(Died))
        return min(ends, key=lambda e: (e.occurred, e.seq)) if ends else None

    @property
    def death(self) -> Event | None:
        """The death."""
        return self.first(Died)

    @cached_property
    def toxicities(self) -> tuple[Toxicity, ...]:
        """The adverse events, each with its resolution and adjudication."""
        resolved = {_cast_fact(AdverseEventResolved, e).ae: e for e in self.of(AdverseEventResolved)}
        judged = {_cast_fact(DltAdjudicated, e).ae: e for e in self.of(DltAdjudicated)}
        found = []
        for event in self.of(AdverseEvent):
            ae = _cast_fact(AdverseEvent, event).ae
            found.append(Toxicity(event, resolved.get(ae), judged.get(ae)))
        return tuple(found)

    def study_day(self, on: date) -> int | None:
        """Return the study day of a date: day 1 is the first dose, the day before it is day -1."""
        if self.first_dose is None:
            return None
        days = (on - self.first_dose.occurred).days
        return days + 1 if days >= 0 else days


@dataclass(frozen=True)
class SignedDecision:
    """A decision with its signatures."""

    event: Event
    signatures: Events

    @property
    def fact(self) -> DecisionTaken:
        """The decision itself."""
        return _cast_fact(DecisionTaken, self.event)

    @property
    def in_force(self) -> bool:
        """Whether it has been signed."""
        return bool(self.signatures)


class TrialTimeline(Timeline):
    """The course of the trial as a whole."""

    @cached_property
    def decisions(self) -> tuple[SignedDecision, ...]:
        """The decisions taken, each with its signatures."""
        signed: dict[int, list[Event]] = defaultdict(list)
        for event in self.of(DecisionSigned):
            signed[_cast_fact(DecisionSigned, event).decision].append(event)
        return tuple(
            SignedDecision(event, tuple(signed.get(_cast_fact(DecisionTaken, event).number or 0, ())))
            for event in self.of(DecisionTaken)
        )

    @property
    def locks(self) -> Events:
        """The data cutoffs locked."""
        return self.of(CutoffLocked)

    @property
    def simulated(self) -> bool:
        """Whether the record says that its trial was simulated: nobody was treated."""
        return any(_cast_fact(BackgroundFact, e).subject == SIMULATION for e in self.of(BackgroundFact))

    @cached_property
    def documents(self) -> tuple[tuple[date, dict[str, Any]], ...]:
        """Every version of the protocol's document with the day from which it holds, first to last."""
        chain: list[tuple[date, dict[str, Any]]] = []
        for event in (*self.of(TrialCreated), *self.of(ProtocolAmended)):
            if isinstance(event.fact, TrialCreated):
                chain.append((event.occurred, event.fact.protocol))
            elif isinstance(event.fact, ProtocolAmended) and chain:
                change = {"version": event.fact.version, "date": str(event.occurred), "changes": event.fact.changes}
                chain.append((event.occurred, amend(chain[-1][1], change)))
        return tuple(chain)

    @cached_property
    def protocols(self) -> tuple[tuple[date, Protocol], ...]:
        """Every version of the protocol with the day from which it holds, first to last."""
        return tuple((day, protocol_from(document)) for day, document in self.documents)


@dataclass(frozen=True)
class State:
    """What is known of a trial at a pair of times. Immutable: folding more events in gives a new one.

    ``occurred_by`` keeps out all that happened later. ``seq`` is the number of the last event folded in.
    """

    occurred_by: date | None = None
    seq: int = 0
    trial: TrialTimeline = field(default_factory=lambda: TrialTimeline(()))
    patients: Mapping[str, Patient] = field(default_factory=dict)
    superseded: frozenset[int] = frozenset()

    def protocol(self, on: date | None = None) -> Protocol:
        """Return the protocol in force on a date (on the last day known, if none is given).

        Raises
        ------
        ValueError
            if the trial had not begun by the last day known.
        """
        on = on or self.occurred_by
        chain = self.trial.protocols
        if not chain:
            raise ValueError(
                f"the trial had not begun by {self.occurred_by}" if self.occurred_by else "no trial was created"
            )
        return next((p for day, p in reversed(chain) if on is None or day <= on), chain[0][1])

    def with_event(self, event: Event, *, in_place: bool = False) -> State:
        """Return the state after one more event: what :func:`fold` gives, without walking through all that is known.

        ``in_place`` uses this state up: its mapping of patients is handed on, not copied.
        """
        late = self.occurred_by is not None and event.occurred > self.occurred_by
        known = None if event.patient is None or late else self.patients.get(event.patient)
        if known is None or not _appends(known, [event], self.superseded):
            return fold((event,), onto=self)
        made = Patient(known.id, (*known.events, event))
        made._by_kind = known._extend_index((event,))
        patients = self.patients if in_place and isinstance(self.patients, dict) else dict(self.patients)
        patients[known.id] = made
        return State(self.occurred_by, event.seq, self.trial, patients, self.superseded)

    def find(self, seq: int) -> Event | None:
        """Return the event in effect with this number."""
        timelines: tuple[Timeline, ...] = (self.trial, *self.patients.values())
        return next((e for timeline in timelines for e in timeline.events if e.seq == seq), None)


def fold(
    events: Iterable[Event],
    onto: State | None = None,
    *,
    occurred_by: date | None = None,
    recorded_by: datetime | int | None = None,
) -> State:
    """Fold events into a state.

    Parameters
    ----------
    events
        in order of their numbers, beginning after the last one of ``onto``.
    onto
        the state to go on from; its ``occurred_by`` then holds.
    occurred_by
        leave out what happened after this day.
    recorded_by
        leave out what the record learnt later: a moment, or the number of an event.
    """
    state = onto or State(occurred_by=occurred_by)
    cutoff = state.occurred_by
    seq, superseded = state.seq, set(state.superseded)
    fresh: dict[str | None, list[Event]] = defaultdict(list)
    corrected: set[str | None] = set()
    for event in events:
        if recorded_by is not None:
            late = event.seq > recorded_by if isinstance(recorded_by, int) else event.recorded > recorded_by
            if late:
                break
        seq = event.seq
        if event.supersedes is not None:
            superseded.add(event.supersedes)
            corrected.add(event.patient)
            fresh[event.patient]  # the timeline changes even if nothing is put in the place
        if (cutoff is None or event.occurred <= cutoff) and event.kind != Voided.kind:
            fresh[event.patient].append(event)
    patients = dict(state.patients)
    trial = state.trial
    for patient, new in fresh.items():
        known = trial if patient is None else patients.get(patient)
        made: TrialTimeline | Patient
        if known is not None and patient not in corrected and _appends(known, new, superseded):
            merged = (*known.events, *new)
            made = TrialTimeline(merged) if patient is None else Patient(patient, merged)
            made._by_kind = known._extend_index(
                tuple(new)
            )  # what a long course has been sorted into is not sorted again
        else:
            old = known.events if known else ()
            merged = tuple(
                sorted((e for e in (*old, *new) if e.seq not in superseded), key=lambda e: (e.occurred, e.seq))
            )
            made = TrialTimeline(merged) if patient is None else Patient(patient, merged)
        if isinstance(made, TrialTimeline):
            trial = made
        elif merged:
            patients[made.id] = made
        else:
            patients.pop(made.id, None)
    return replace(state, seq=seq, trial=trial, patients=patients, superseded=frozenset(superseded))


def _appends(known: Timeline, new: list[Event], superseded: Set[int]) -> bool:
    """Whether one new event goes at the end of what is known, and nothing in it is corrected."""
    if len(new) != 1 or new[0].supersedes is not None or not known.events or new[0].seq in superseded:
        return False
    return known.events[-1].occurred <= new[0].occurred


def _cast_fact(kind: type[F], event: Event | None) -> F:
    """Return an event's fact, known to be of this kind."""
    assert event is not None and isinstance(event.fact, kind)
    return event.fact
