"""What is known: a pure fold of events to an immutable state, at any pair of (occurred by, recorded by).

The state keeps the events that are in effect, by patient: a correction takes the place of the event it names, a voided
event goes. Everything else is derived from them on demand. So a fold in one batch or in many gives the same state, and
no second copy of the truth exists.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import cached_property
from typing import Any

from posology.protocol.amendments import amend
from posology.protocol.model import Protocol, protocol_from
from posology.record.binding import SignedDecision, Toxicity, cast_fact, changed_since, is_fatal
from posology.record.collected import TreatmentGiven
from posology.record.event import Event
from posology.record.fact import Fact
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
    PriorTherapy,
    ProtocolAmended,
    Screened,
    SlotReleased,
    SlotReserved,
    TargetScored,
    TrialCreated,
    Voided,
)
from posology.record.known_at import known_at
from posology.shared.dates import study_day_of

Events = tuple[Event, ...]


class Timeline:
    """Events in effect, in the order they occurred, and those of one kind among them."""

    def __init__(self, events: Events, by_kind: dict[str, Events] | None = None) -> None:
        self.events = events
        if by_kind is not None:
            self._by_kind = by_kind

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


class Patient(Timeline):
    """One patient's course, derived from the events in effect."""

    def __init__(self, id: str, events: Events, by_kind: dict[str, Events] | None = None) -> None:
        super().__init__(events, by_kind)
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
        return cast_fact(Screened, event) if event else None

    @property
    def history(self) -> PriorTherapy | None:
        """What the patient received before, as last recorded."""
        event = self.last(PriorTherapy)
        return cast_fact(PriorTherapy, event) if event else None

    @property
    def target(self) -> TargetScored | None:
        """The target's score, as last recorded."""
        event = self.last(TargetScored)
        return cast_fact(TargetScored, event) if event else None

    @cached_property
    def enrolment(self) -> Event | None:
        """The enrolment."""
        return self.first(Enrolled)

    @property
    def reservation(self) -> Event | None:
        """The slot kept for the patient, if it was neither given back nor taken up."""
        if self.enrolment:
            return None
        last = next((e for e in reversed(self.events) if isinstance(e.fact, SlotReserved | SlotReleased)), None)
        return last if last and isinstance(last.fact, SlotReserved) else None

    @cached_property
    def assigned_level(self) -> int | None:
        """The level the patient is counted at, for good; None before enrolment or in an expansion cohort."""
        enrolled = cast_fact(Enrolled, self.enrolment) if self.enrolment else None
        return enrolled.level if enrolled and enrolled.cohort is None else None

    @property
    def cohort(self) -> str | None:
        """The expansion cohort of the patient; None before enrolment or in dose finding."""
        return cast_fact(Enrolled, self.enrolment).cohort if self.enrolment else None

    @property
    def current_level(self) -> int | None:
        """The level of the next dose: as last reduced, else as assigned, else (in an expansion cohort) as first
        given."""
        reduced, first = self.last(DoseReduced), self.first(Dosed)
        if reduced:
            return cast_fact(DoseReduced, reduced).to_level
        enrolled = cast_fact(Enrolled, self.enrolment).level if self.enrolment else None
        return enrolled if enrolled or not first else cast_fact(Dosed, first).level

    @property
    def doses(self) -> Events:
        """The doses given."""
        return self.of(Dosed)

    @cached_property
    def first_dose(self) -> Event | None:
        """The first dose: day 1. A treatment that is no dose at one of the levels counts as well."""
        return next(iter(self.treatments), None)

    @cached_property
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
    def fatal(self) -> Event | None:
        """The first event that says that the patient died: the death, a fatal outcome, an event of grade 5."""
        ends = [*self.of(Died), *(e for e in self.of(AdverseEventResolved) if is_fatal(e))]
        if not ends:  # the onset of a fatal event is the last resort: death may have come later
            ends = [e for e in self.of(AdverseEvent) if is_fatal(e)]
        return min(ends, key=lambda e: (e.occurred, e.seq), default=None)

    @cached_property
    def toxicities(self) -> tuple[Toxicity, ...]:
        """The adverse events, each with its resolution and the judgement that holds for it."""
        resolved = {cast_fact(AdverseEventResolved, e).ae: e for e in self.of(AdverseEventResolved)}
        judged: dict[str, list[Event]] = defaultdict(list)
        for event in sorted(self.of(DltAdjudicated), key=lambda e: e.seq):
            judged[cast_fact(DltAdjudicated, event).ae].append(event)
        return tuple(self._toxicity(event, resolved, judged) for event in self.of(AdverseEvent))

    def _toxicity(self, event: Event, resolved: Mapping[str, Event], judged: Mapping[str, list[Event]]) -> Toxicity:
        ae = cast_fact(AdverseEvent, event).ae
        end, judgements = resolved.get(ae), judged.get(ae, ())
        outdated = None
        for judgement in reversed(judgements):
            reason = changed_since(judgement, event, end, self.study_day(event.occurred))
            if reason is None:
                return Toxicity(event, end, judgement)
            outdated = outdated or (judgement, reason)
        return Toxicity(event, end, None, outdated)

    def study_day(self, on: date) -> int | None:
        """Return the study day of a date: day 1 is the first dose, the day before it is day -1."""
        if self.first_dose is None:
            return None
        return study_day_of(on, self.first_dose.occurred)


class TrialTimeline(Timeline):
    """The course of the trial as a whole."""

    @cached_property
    def decisions(self) -> tuple[SignedDecision, ...]:
        """The decisions taken, each with its signatures."""
        return tuple(self._signed(event) for event in self.of(DecisionTaken))

    def _signed(self, decision: Event) -> SignedDecision:
        valid: list[Event] = []
        broken: list[Event] = []
        for signature in self.of(DecisionSigned):
            fact = cast_fact(DecisionSigned, signature)
            if fact.decision == cast_fact(DecisionTaken, decision).number:
                (valid if fact.binds(signature.seq, decision) else broken).append(signature)
        return SignedDecision(decision, tuple(valid), tuple(broken), self._required(decision.occurred))

    def _required(self, on: date) -> tuple[str, ...]:
        """Return the roles that must sign a decision of a day."""
        document: dict[str, Any] = next((d for day, d in reversed(self.documents) if day <= on), {})
        return tuple((document.get("committee") or {}).get("sign") or ())

    @cached_property
    def orphans(self) -> Events:
        """Signatures of decisions that were voided."""
        numbers = {cast_fact(DecisionTaken, e).number for e in self.of(DecisionTaken)}
        return tuple(s for s in self.of(DecisionSigned) if cast_fact(DecisionSigned, s).decision not in numbers)

    @property
    def locks(self) -> Events:
        """The data cutoffs locked."""
        return self.of(CutoffLocked)

    @property
    def simulated(self) -> bool:
        """Whether the record says that its trial was simulated: nobody was treated."""
        return any(cast_fact(BackgroundFact, e).subject == SIMULATION for e in self.of(BackgroundFact))

    def with_protocols_of(self, known: TrialTimeline) -> TrialTimeline:
        """Take over the versions of the protocol that were made before, if they are the same."""
        kept = all(self.of(kind) == known.of(kind) for kind in (TrialCreated, ProtocolAmended))
        for name in ("documents", "protocols") if kept else ():
            if name in vars(known):
                vars(self)[name] = vars(known)[name]
        return self

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


class _OneChanged(Mapping[str, "Patient"]):
    """Patients of whom one is another than before: copying the mapping for each event would take as long as the
    rules."""

    def __init__(self, before: Mapping[str, Patient], patient: Patient) -> None:
        self.before, self.patient = before, patient

    def __getitem__(self, id: str) -> Patient:
        return self.patient if id == self.patient.id else self.before[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.before)

    def __len__(self) -> int:
        return len(self.before)


@dataclass(frozen=True)
class State:
    """What is known of a trial at a pair of times. Immutable: folding more events in gives a new one.

    ``occurred_by`` keeps out all that happened later. ``seq`` is the number of the last event folded in; ``superseded``
    says which event took the place of which (or voided it), ``origin`` the number of the first event of a line of
    corrections, in whose place the last one stands. ``decision_number`` is the last number that a decision was given:
    none is given twice, whatever was voided.
    """

    occurred_by: date | None = None
    seq: int = 0
    trial: TrialTimeline = field(default_factory=lambda: TrialTimeline(()))
    patients: Mapping[str, Patient] = field(default_factory=dict)
    superseded: Mapping[int, int] = field(default_factory=dict)
    origin: Mapping[int, int] = field(default_factory=dict)
    decision_number: int = 0

    def order(self, event: Event) -> tuple[date, int]:
        """Return where an event stands in time: its day, and within it the order of entry; a correction in its event's
        place."""
        return event.occurred, self.origin.get(event.seq, event.seq)

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

    def with_event(self, event: Event) -> State:
        """Return the state after one more event: what :func:`fold` gives, without walking through all that is known.

        The new state rests on this one: use this one up (:meth:`settled`) or keep it, but not both.
        """
        late = self.occurred_by is not None and event.occurred > self.occurred_by
        known = None if event.patient is None or late else self.patients.get(event.patient)
        if known is None or not _appends(known, [event], self.superseded):
            return fold((event,), onto=self)
        if self.occurred_by is not None:
            event = known_at(event, self.occurred_by)
        made = Patient(known.id, (*known.events, event), known._extend_index((event,)))
        before = dict(self.patients) if isinstance(self.patients, _OneChanged) else self.patients
        return self._with_patients(event.seq, _OneChanged(before, made))

    def _with_patients(self, seq: int, patients: Mapping[str, Patient]) -> State:
        return State(self.occurred_by, seq, self.trial, patients, self.superseded, self.origin, self.decision_number)

    def settled(self) -> State:
        """Return the same state with a mapping of patients of its own; the one it was made from is used up."""
        changed = self.patients
        if not isinstance(changed, _OneChanged):
            return self
        patients = changed.before if isinstance(changed.before, dict) else dict(changed.before)
        patients[changed.patient.id] = changed.patient
        return self._with_patients(self.seq, patients)

    def until(self, day: date) -> State:
        """Return the state without what happened after a day."""
        if all(not t.events or t.events[-1].occurred <= day for t in (self.trial, *self.patients.values())):
            return self

        def cut(line: Timeline) -> Events:
            return tuple(e for e in line.events if e.occurred <= day or isinstance(e.fact, TrialCreated))

        patients = {id: p if p.events[-1].occurred <= day else Patient(id, cut(p)) for id, p in self.patients.items()}
        trial = TrialTimeline(cut(self.trial)).with_protocols_of(self.trial)
        return replace(self, occurred_by=day, trial=trial, patients={id: p for id, p in patients.items() if p.events})

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
    cutoff, seq, number = state.occurred_by, state.seq, state.decision_number
    superseded, origin = dict(state.superseded), dict(state.origin)
    fresh: dict[str | None, list[Event]] = defaultdict(list)
    corrected: set[str | None] = set()
    for event in events:
        if recorded_by is not None:
            late = event.seq > recorded_by if isinstance(recorded_by, int) else event.recorded > recorded_by
            if late:
                break
        seq = event.seq
        if event.supersedes is not None:
            superseded[event.supersedes] = event.seq
            origin[event.seq] = origin.get(event.supersedes, event.supersedes)
            corrected.add(event.patient)
            fresh.setdefault(event.patient, [])  # the timeline changes even if nothing takes the place
        if isinstance(event.fact, DecisionTaken):
            number = max(number, event.fact.number or number + 1)
        if (cutoff is None or event.occurred <= cutoff) and event.kind != Voided.kind:
            fresh[event.patient].append(event if cutoff is None else known_at(event, cutoff))
    made = replace(state, seq=seq, superseded=superseded, origin=origin, decision_number=number)
    patients, trial = dict(state.patients), state.trial
    for patient, new in fresh.items():
        if patient is None:
            trial = TrialTimeline(*_merged(trial, new, made, corrected=None in corrected)).with_protocols_of(trial)
            continue
        course = Patient(patient, *_merged(patients.get(patient), new, made, corrected=patient in corrected))
        if course.events:
            patients[patient] = course
        else:
            patients.pop(patient, None)
    return replace(made, trial=trial, patients=patients)


def _merged(
    known: Timeline | None, new: list[Event], state: State, *, corrected: bool
) -> tuple[Events, dict[str, Events] | None]:
    """Return the events of a timeline after new ones, and, where they go at its end, its index by kind."""
    if known is not None and not corrected and _appends(known, new, state.superseded):
        # what a long course has been sorted into is not sorted again
        return (*known.events, *new), known._extend_index(tuple(new))
    old = known.events if known else ()
    return tuple(sorted((e for e in (*old, *new) if e.seq not in state.superseded), key=state.order)), None


def _appends(known: Timeline, new: list[Event], superseded: Container[int]) -> bool:
    """Whether one new event goes at the end of what is known, and nothing in it is corrected."""
    if len(new) != 1 or new[0].supersedes is not None or not known.events or new[0].seq in superseded:
        return False
    return known.events[-1].occurred <= new[0].occurred
