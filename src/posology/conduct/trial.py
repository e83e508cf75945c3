"""A running trial: the Python API under the commands. Each change is checked against the rules, then recorded for good.

>>> from importlib.resources import files
>>> from tempfile import mkdtemp
>>> from posology.protocol.load import load_document
>>> from posology.record.facts import Consented, Dosed
>>> plan = load_document(str(files("posology.examples") / "imgn853" / "protocol.yaml"))
>>> trial = Trial.create(Path(mkdtemp()) / "mine.posology", plan, by="Dr A", on=date(2013, 6, 3))
>>> trial.record(Consented(), patient="001", occurred=date(2013, 6, 4), by="Dr A").seq
2
>>> trial.record(Dosed(cycle=1, level=1, weight_kg=60.0, actual_mg=9.0), patient="001", occurred=date(2013, 6, 5), by="Dr A")
Traceback (most recent call last):
    ...
posology.conduct.trial.Refused: refused: dosed of 001
  enrolled-before-dosing: 001 is not enrolled (rule: Only an enrolled patient is treated)
>>> trial.advise().action
'stay'
>>> trial.close()
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Self

import msgspec

from posology.conduct.advice import Advice, advise
from posology.conduct.derived_fields import complete
from posology.conduct.rulebook import Refusal, broken_by, refusals
from posology.conduct.rules import EventRequest
from posology.protocol.amendments import in_force
from posology.record.collected import DataImport
from posology.record.event import GENESIS, Event, Override, StoredEvent, to_stored
from posology.record.facts import CutoffLocked, DecisionTaken, Fact, ProtocolAmended, TrialCreated, Voided
from posology.record.state import State, fold
from posology.record.store import Head, Store

Clock = Callable[[], datetime]


class Refused(Exception):
    """The protocol's rules forbid what was asked. Nothing was recorded."""

    def __init__(self, found: list[Refusal], what: str) -> None:
        self.refusals = found
        super().__init__("\n".join([f"refused: {what}", *(f"  {refusal}" for refusal in found)]))


def now() -> datetime:
    """Return this moment, in UTC."""
    return datetime.now(UTC)


class PendingEvents:
    """A record being written: its head, its state, and the events not yet in the store.

    One is opened for each piece of work. What it holds is on disk only after :meth:`Trial.keep`.
    """

    def __init__(self, events: list[Event], head: Head) -> None:
        self.head, self.state = head, fold(events)
        self.last = events[-1].recorded if events else datetime.min.replace(tzinfo=UTC)
        self.pending: list[tuple[Event, StoredEvent]] = []

    def add(
        self,
        fact: Fact,
        *,
        patient: str | None,
        occurred: date,
        recorded: datetime,
        by: str,
        reason: str | None = None,
        supersedes: int | None = None,
        override: str | None = None,
        provenance: Mapping[str, str] | None = None,
    ) -> Event:
        """Check a fact against the rules and enter it.

        Raises
        ------
        Refused
            naming each rule that forbids it and the fact that breaks it, unless ``override`` gives a reason to set
            them aside.
        """
        if recorded < self.last:
            raise Refused(
                [
                    Refusal(
                        "recorded-in-order",
                        "An event is recorded after the one before it",
                        f"{recorded} is before {self.last}, when the last event was recorded",
                    )
                ],
                fact.kind,
            )
        old = self._corrected(supersedes, patient, fact, reason) if supersedes is not None else None
        state = self.state if old is None else self._without(old)
        fact = complete(fact, state, patient, occurred, by=by, corrects=old)
        draft = Event(
            seq=self.head.seq + 1,
            occurred=occurred,
            recorded=recorded,
            author=by,
            kind=fact.kind,
            patient=patient,
            fact=fact,
            reason=reason,
            supersedes=supersedes,
            provenance=dict(provenance or {}),
            prev=self.head.hash,
            hash="",
        )
        forbidden = self._forbidden(state, draft, old)
        if forbidden and (not override or any(refusal.absolute for refusal in forbidden)):
            what = f"{fact.kind.replace('_', ' ')}" + (f" of {patient}" if patient else "")
            raise Refused([r for r in forbidden if r.absolute] or forbidden if override else forbidden, what)
        if forbidden and override:
            aside = Override(
                rules=tuple(dict.fromkeys(r.rule for r in forbidden)),
                facts=tuple(f"event {r.event}: {r.fact}" if r.event else r.fact for r in forbidden),
                by=by,
                why=override,
            )
            draft = msgspec.structs.replace(draft, override=aside)
        stored = to_stored(draft)
        event = msgspec.structs.replace(draft, hash=stored.hash)
        self.head = Head(stored.seq, stored.hash)
        self.state = self.state.with_event(event)
        self.last = recorded
        self.pending.append((event, stored))
        return event

    def _forbidden(self, state: State, draft: Event, old: Event | None) -> list[Refusal]:
        """Return the rules that forbid an event, and those that it would break for events of the record."""
        entered = float("inf") if old is None else self.state.order(old)[1]
        request = EventRequest(
            state, draft.fact, draft.patient, draft.occurred, draft.recorded.date(), draft.author, entered, old
        )
        own = [] if isinstance(draft.fact, Voided) else refusals(request)
        return own + broken_by(self.state, self.state.with_event(draft), draft, old)

    def _corrected(self, seq: int, patient: str | None, fact: Fact, reason: str | None) -> Event:
        """Return the event that is corrected, after checking that it can be."""
        old = self.state.find(seq)
        refuse = lambda text: Refused(
            [Refusal("correction", "A correction names an event in effect, and why", text)], "correction"
        )
        if old is None:
            raise refuse(f"there is no event {seq} in effect")
        if not reason or not reason.strip():
            raise refuse("give the reason of the correction")
        if isinstance(old.fact, TrialCreated):
            raise refuse("the creation of the trial cannot be corrected: amend the protocol")
        if old.patient != patient:
            raise refuse(f"event {seq} is about {old.patient or 'the trial'}: void it, then enter it where it belongs")
        if not isinstance(fact, Voided) and fact.kind != old.kind:
            raise refuse(f"event {seq} is {old.kind}: void it, then enter the {fact.kind}")
        return old

    def _without(self, old: Event) -> State:
        """Return the state without the event that is corrected."""
        ghost = Event(
            seq=self.state.seq,
            occurred=old.occurred,
            recorded=self.last,
            author="",
            kind=Voided.kind,
            patient=old.patient,
            fact=Voided(),
            supersedes=old.seq,
            prev="",
            hash="",
        )
        return fold((ghost,), onto=self.state)


class Trial:
    """A trial and its record. Open or create one; every method that changes it returns once the change is on disk."""

    def __init__(self, store: Store, clock: Clock = now) -> None:
        self.store, self._clock = store, clock

    @classmethod
    def open(cls, where: str | Path, clock: Clock = now) -> Self:
        """Open the trial at a path or URL."""
        return cls(Store.open(where), clock)

    @classmethod
    def create(
        cls,
        where: str | Path,
        document: dict[str, Any],
        *,
        by: str,
        on: date | None = None,
        clock: Clock = now,
        recorded: datetime | None = None,
        provenance: Mapping[str, str] | None = None,
    ) -> Self:
        """Create a trial under the version of a checked protocol document that is in force on the day."""
        moment = recorded or clock()
        day = on or moment.date()
        created = TrialCreated(protocol=in_force(document, day))
        event = Event(
            seq=1,
            occurred=day,
            recorded=moment,
            author=by,
            kind=created.kind,
            patient=None,
            fact=created,
            provenance=dict(provenance or {}),
            prev=GENESIS,
            hash="",
        )
        return cls(Store.create(where, document["trial"]["id"], [to_stored(event)]), clock)

    def close(self) -> None:
        """Close the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def events(self) -> list[Event]:
        """Return the whole record, corrections and what they correct included."""
        return self.store.events()

    def state(self, occurred_by: date | None = None, recorded_by: datetime | int | None = None) -> State:
        """Return what is known: of all that occurred by a day, as the record knew it at a moment."""
        return fold(self.store.events(), occurred_by=occurred_by, recorded_by=recorded_by)

    def pending_events(self) -> PendingEvents:
        """Read the record, to write to it."""
        events = self.store.events()
        return PendingEvents(events, Head(events[-1].seq, events[-1].hash))

    def commit(self, pending: PendingEvents) -> list[Event]:
        """Write what is pending, all of it or nothing.

        Raises
        ------
        posology.record.store.Conflict
            if somebody else wrote to the record since these events were begun.
        """
        new = pending.pending
        if new:
            first = new[0][0]
            self.store.append([stored for _, stored in new], after=Head(first.seq - 1, first.prev))
            pending.pending = []
        return [event for event, _ in new]

    def record(
        self,
        fact: Fact,
        *,
        patient: str | None = None,
        occurred: date | None = None,
        by: str,
        reason: str | None = None,
        override: str | None = None,
    ) -> Event:
        """Record one fact."""
        pending, moment = self.pending_events(), self._clock()
        event = pending.add(
            fact,
            patient=patient,
            occurred=occurred or moment.date(),
            recorded=moment,
            by=by,
            reason=reason,
            override=override,
        )
        self.commit(pending)
        return event

    def correct(
        self,
        seq: int,
        *,
        by: str,
        reason: str,
        occurred: date | None = None,
        override: str | None = None,
        **changes: Any,
    ) -> Event:
        """Correct an event: the same fact with some fields changed, or its day. The old one stays in the record."""
        pending, moment = self.pending_events(), self._clock()
        old = pending.state.find(seq)
        fact = replace(old.fact, **changes) if old else Voided()  # type: ignore[type-var]
        event = pending.add(
            fact,
            patient=old.patient if old else None,
            occurred=occurred or (old.occurred if old else moment.date()),
            recorded=moment,
            by=by,
            reason=reason,
            supersedes=seq,
            override=override,
        )
        self.commit(pending)
        return event

    def void(self, seq: int, *, by: str, reason: str, override: str | None = None) -> Event:
        """Take an event out of effect: it was entered in error. It stays in the record."""
        pending, moment = self.pending_events(), self._clock()
        old = pending.state.find(seq)
        event = pending.add(
            Voided(),
            patient=old.patient if old else None,
            occurred=old.occurred if old else moment.date(),
            recorded=moment,
            by=by,
            reason=reason,
            supersedes=seq,
            override=override,
        )
        self.commit(pending)
        return event

    def amend(self, document: dict[str, Any], *, by: str, on: date | None = None) -> list[Event]:
        """Record the amendments of a checked protocol document that the record does not hold yet and that are due.

        Raises
        ------
        Refused
            if the document is of another trial, or starts from another protocol.
        """
        pending, moment = self.pending_events(), self._clock()
        refuse_other_trial(pending.state, document)
        held = {version.version for _, version in pending.state.trial.protocols}
        for amendment in document.get("amendments") or ():
            day = date.fromisoformat(str(amendment["date"]))
            if amendment["version"] in held or day > (on or moment.date()):
                continue
            fact = ProtocolAmended(version=amendment["version"], why=amendment["reason"], changes=amendment["changes"])
            pending.add(fact, patient=None, occurred=day, recorded=moment, by=by)
        return self.commit(pending)

    def lock(self, cutoff: date, *, by: str, name: str = "") -> Event:
        """Lock a data cutoff: from now on its readout can be reproduced as it is now."""
        return self.record(CutoffLocked(cutoff=cutoff, name=name), by=by)

    def advise(self, on: date | None = None, known_by: datetime | int | None = None) -> Advice:
        """Return what the design says next.

        Parameters
        ----------
        on
            the day asked about (else today): the answer rests on what occurred by then. On a day to come, or
            after the moment ``known_by``, nothing more is known: whoever is inside the window then, is. For a day on
            which the committee decided, it is the answer the committee had before it: without that decision and what was
            recorded after it that day.
        known_by
            as the record knew it at a moment, or up to an event's number (else as it knows now).

        Raises
        ------
        ValueError
            if the trial was imported without its protocol.
        """
        today = self._clock().date()
        events = self.store.events()
        if isinstance(known_by, int):
            today = next((e.recorded.date() for e in reversed(events) if e.seq <= known_by), today)
        elif known_by is not None:
            today = min(today, known_by.date())
        day = min(on or today, today)
        if any(isinstance(e.fact, DataImport) and e.fact.protocol == "derived" for e in events[:2]):
            raise ValueError(
                f"{self.store.name} was imported without its protocol, so no dose-finding design is known: "
                "import it again with --protocol FILE"
            )
        met = [e.seq for e in events if on is not None and e.kind == DecisionTaken.kind and e.occurred == on]
        seen = [e for e in events if not met or e.occurred != on or e.seq < met[0]]
        return advise(fold(seen, occurred_by=day, recorded_by=known_by), day)


def refuse_other_trial(state: State, document: dict[str, Any]) -> None:
    """Refuse a protocol document that is not of the trial of a record.

    Raises
    ------
    Refused
        naming both.
    """
    _, own = state.trial.documents[0]
    given, wanted = document["trial"]["id"], own["trial"]["id"]
    if given != wanted:
        text = f"the protocol is of trial {given}; this is {wanted}"
        raise Refused([Refusal("amendment-of-this-trial", "An amendment is of this trial", text)], "amendment")


def end_of_day(day: date) -> datetime:
    """Return the last moment of a day, UTC."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, 999999, tzinfo=UTC)


def current_user() -> str:
    """Return the name under which this user writes: POSOLOGY_USER, or the name at the machine."""
    import getpass

    return os.environ.get("POSOLOGY_USER") or getpass.getuser()
