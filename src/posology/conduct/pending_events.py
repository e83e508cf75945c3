"""Events that are checked against the rules and not yet in the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

import msgspec

from posology.conduct.derived_fields import complete
from posology.conduct.entry_checks import check_entry
from posology.conduct.rulebook import (
    TOLD_APART,
    VOIDING_RULES,
    Refusal,
    broken_by,
    may_break,
    read_override,
    refusals,
)
from posology.conduct.rules import EventRequest
from posology.record.event import Event, Override, StoredEvent, to_stored
from posology.record.fact import Fact
from posology.record.facts import TrialCreated, Voided
from posology.record.state import State, fold
from posology.record.store import Head
from posology.shared.text import lookalike_key


class Refused(Exception):
    """The protocol's rules forbid what was asked. Nothing was recorded."""

    def __init__(self, found: list[Refusal], what: str) -> None:
        self.refusals = found
        super().__init__("\n".join([f"refused: {what}", *(f"  {refusal}" for refusal in found)]))


class PendingEvents:
    """A record being written: its head, its state, and the events not yet in the store.

    One is begun for each piece of work, by :meth:`~posology.conduct.trial.Trial.pending_events`. What it holds is on
    disk only after :meth:`~posology.conduct.trial.Trial.commit`.
    """

    def __init__(self, state: State, recorded: Sequence[Event]) -> None:
        self._recorded = recorded
        self.state = replace(state, patients=dict(state.patients))
        last = recorded[-1] if recorded else None
        self.head = Head(last.seq, last.hash) if last else Head()
        self.last = last.recorded if last else datetime.min.replace(tzinfo=UTC)
        self.begun = recorded[0].recorded if recorded else self.last
        self.pending: list[tuple[Event, StoredEvent]] = []
        self._lookalikes: dict[str, str] | None = None

    def find(self, seq: int) -> Event | None:
        """Return the event in effect with this number."""
        before = len(self._recorded)
        if not 1 <= seq <= self.head.seq or seq in self.state.superseded:
            return None
        event = self._recorded[seq - 1] if seq <= before else self.pending[seq - before - 1][0]
        return None if isinstance(event.fact, Voided) else event

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
        today: date | None = None,
    ) -> Event:
        """Check a fact against the rules and add it.

        Parameters
        ----------
        fact, patient, occurred
            what happened, to whom (None: to the trial), and on which day.
        recorded, today
            the moment of recording, and the day it is for who enters it (else the moment's own date).
        by, reason
            who enters it, and why, where a reason is needed.
        supersedes
            the number of the event that it corrects.
        override
            the names of the rules that it sets aside, and why: ``"slot-is-free: the sponsor agreed"``.
        provenance
            marks of the origin of its fields.

        Raises
        ------
        Refused
            naming each rule that forbids it, is not set aside by its name, and the fact that breaks it.
        posology.record.entry.EntryError
            if an identifier, a name or a reason is blank or cannot be seen, or the override names no rule.
        """
        check_entry(fact, patient=patient, author=by, reason=reason, override=override, occurred=occurred)
        if recorded < self.last:
            rule, why = "recorded-in-order", "An event is recorded after the one before it"
            text = f"{recorded} is before {self.last}, when the last event was recorded"
            raise Refused([Refusal(rule, why, text)], fact.kind)
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
            reason=reason or None,
            supersedes=supersedes,
            provenance=dict(provenance or {}),
            prev=self.head.hash,
            hash="",
        )
        event, stored, after = self._sealed(draft)
        forbidden = self._forbidden(state, after, draft, old, today or recorded.date())
        aside = read_override(override) if override else None
        standing = [r for r in forbidden if r.absolute or aside is None or r.rule not in aside.rules]
        if standing:
            raise Refused(standing, f"{fact.kind.replace('_', ' ')}" + (f" of {patient}" if patient else ""))
        if aside and forbidden:
            overridden = Override(
                rules=tuple(dict.fromkeys(r.rule for r in forbidden)),
                facts=tuple(f"event {r.event}: {r.fact}" if r.event else r.fact for r in forbidden),
                by=by,
                why=aside.why,
            )
            event, stored, after = self._sealed(msgspec.structs.replace(draft, override=overridden))
        return self._append(event, stored, after)

    def _forbidden(self, state: State, after: State, draft: Event, old: Event | None, today: date) -> list[Refusal]:
        """Return the rules that forbid an event, and those that it would break for events of the record."""
        entered = float("inf") if old is None else self.state.order(old)[1]
        request = EventRequest(state, draft.fact, draft.patient, draft.occurred, today, draft.author, entered, old)
        if isinstance(draft.fact, Voided):
            own = refusals(request, VOIDING_RULES)
        else:
            own = refusals(request) + self._lookalike(draft.patient)
        if not may_break(self.state, draft, old):
            return own
        return own + broken_by(self.state, after, draft, old)

    def _sealed(self, draft: Event) -> tuple[Event, StoredEvent, State]:
        """Return an event as it will be read, as it is stored with its hash, and the state after it."""
        stored = to_stored(draft)
        event = stored.event()
        return event, stored, self.state.with_event(event)

    def _append(self, event: Event, stored: StoredEvent, after: State) -> Event:
        """Take an event and the state after it over."""
        if self._lookalikes is not None and event.patient is not None:
            self._lookalikes.setdefault(lookalike_key(event.patient), event.patient)
        self.head = Head(stored.seq, stored.hash)
        self.state = after.settled()
        self.last = event.recorded
        self.pending.append((event, stored))
        return event

    def _lookalike(self, patient: str | None) -> list[Refusal]:
        """Refuse a new patient whose identifier a reader takes for that of another."""
        if patient is None or patient in self.state.patients:
            return []
        if self._lookalikes is None:
            self._lookalikes = {lookalike_key(known): known for known in self.state.patients}
        known = self._lookalikes.get(lookalike_key(patient))
        if known is None or known == patient:
            return []
        text = f"{patient} is not in the record, {known} is, and one is easily read as the other"
        return [Refusal(TOLD_APART, "Patients' identifiers can be told from one another", text)]

    def _corrected(self, seq: int, patient: str | None, fact: Fact, reason: str | None) -> Event:
        """Return the event that is corrected, after checking that it can be."""
        old = self.find(seq)

        def refuse(text: str) -> Refused:
            rule = "A correction names an event in effect, and why"
            return Refused([Refusal("correction", rule, text)], "correction")

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
