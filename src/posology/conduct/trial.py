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
posology.conduct.pending_events.Refused: refused: dosed of 001
  enrolled-before-dosing: 001 is not enrolled (rule: Only an enrolled patient is treated)
>>> trial.advise().action
'stay'
>>> trial.close()
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from posology.conduct.advice import Advice, advise
from posology.conduct.entry_checks import check_entry
from posology.conduct.pending_events import PendingEvents, Refused
from posology.conduct.rulebook import Refusal
from posology.protocol.amendments import in_force, versions
from posology.protocol.diff import differences
from posology.protocol.load import check_version
from posology.record.collected import DataImport
from posology.record.event import BACKDATED, GENESIS, Event, to_stored
from posology.record.fact import Fact
from posology.record.facts import CutoffLocked, DecisionTaken, ProtocolAmended, TrialCreated, Voided
from posology.record.state import State, fold
from posology.record.store import Conflict, Head, Store
from posology.shared.yaml_files import field_steps

__all__ = ["Clock", "PendingEvents", "Refused", "Trial", "current_user", "end_of_day", "now"]

T = TypeVar("T")
Clock = Callable[[], datetime]
TRIES = 20
"""How often a writer whose record was written to meanwhile, about other patients, looks again and writes."""


def now() -> datetime:
    """Return this moment in the user's time zone (that of the machine, or of the variable TZ)."""
    return datetime.now().astimezone()


class Trial:
    """A trial and its record. Open or create one; every method that changes it returns once the change is on disk.

    The record is read and checked once; from then on only what others have added is read, by number.
    """

    def __init__(self, store: Store, clock: Clock = now) -> None:
        self.store, self._clock = store, clock
        self._events: list[Event] = []
        self._state = State()

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
        """Create a trial under the version of a checked protocol document that is in force on the day.

        Parameters
        ----------
        where
            a path or URL at which there is no trial yet.
        document
            the protocol, checked.
        by, on
            who creates it, and the day (else today).
        clock
            what says which moment it is.
        recorded
            the moment of recording that a record kept elsewhere before states (else this moment).
        provenance
            marks of the origin of its fields.

        Raises
        ------
        posology.record.store.StoreError
            if there is one already, or the place cannot be written.
        ValueError
            if the day is to come, or the protocol in force on it does not hold together.
        """
        moment = recorded or clock()
        day = on or moment.date()
        if moment > clock():
            raise ValueError(f"recorded {moment} is after now")
        if day > moment.date():
            when = "today" if recorded is None else "the moment it is recorded"
            raise ValueError(f"{day} is after {when}, {moment.date()}: a trial is created on or after its day")
        created = TrialCreated(protocol=in_force(document, day))
        for path, wrong, right in check_version(created.protocol):
            raise ValueError(f"{'.'.join(map(str, field_steps(path)))} {wrong}: {right}")
        check_entry(created, patient=None, author=by, reason=None, override=None)
        event = Event(
            seq=1,
            occurred=day,
            recorded=moment,
            author=by,
            kind=created.kind,
            patient=None,
            fact=created,
            provenance=dict(provenance or {}) | ({BACKDATED: "stated"} if recorded else {}),
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

    def moment(self) -> datetime:
        """Return which moment it is for the user."""
        return self._clock()

    def today(self) -> date:
        """Return the day it is for the user."""
        return self._clock().date()

    def _catch_up(self) -> None:
        """Read and check what was added to the record since it was last read."""
        last = self._events[-1] if self._events else None
        new = self.store.events(Head(last.seq, last.hash) if last else None)
        if new:
            self._state = fold(new, onto=self._state)
            self._events += new

    def events(self) -> list[Event]:
        """Return the whole record, corrections and what they correct included."""
        self._catch_up()
        return list(self._events)

    def state(self, occurred_by: date | None = None, recorded_by: datetime | int | None = None) -> State:
        """Return what is known: of all that occurred by a day, as the record knew it at a moment."""
        self._catch_up()
        if occurred_by is None and recorded_by is None:
            return self._state
        return fold(self._events, occurred_by=occurred_by, recorded_by=recorded_by)

    def pending_events(self) -> PendingEvents:
        """Begin to write: return the record as it stands, to add events to."""
        self._catch_up()
        return PendingEvents(self._state, self._events)

    def commit(self, pending: PendingEvents) -> list[Event]:
        """Write what is pending, all of it or nothing.

        Raises
        ------
        posology.record.store.Conflict
            if somebody else wrote to the record since these events were begun.
        """
        new = [event for event, _ in pending.pending]
        if new:
            after = Head(new[0].seq - 1, new[0].prev)
            self.store.append([stored for _, stored in pending.pending], after=after)
            pending.pending = []
            if len(self._events) == after.seq:
                self._events += new
                self._state = replace(pending.state, patients=dict(pending.state.patients))
        return new

    def write(self, add: Callable[[PendingEvents], T]) -> T:
        """Add events by a function and commit them; return what it returns.

        If others have written meanwhile about other patients, what they wrote is read and the function, with all its
        rules, run again on the new state.

        Raises
        ------
        posology.record.store.Conflict
            if they wrote about the same patients, or again and again.
        """
        for attempt in range(TRIES):
            pending = self.pending_events()
            seen = pending.head.seq
            result = add(pending)
            touched = {event.patient for event, _ in pending.pending}
            try:
                self.commit(pending)
                return result
            except Conflict:
                self._catch_up()
                if attempt == TRIES - 1 or touched & {event.patient for event in self._events[seen:]}:
                    raise
                time.sleep(0.002 * attempt)
        raise AssertionError("unreachable")

    def _moment(self, pending: PendingEvents) -> tuple[datetime, date]:
        """Return the moment of recording and the day it is.

        A clock that was set back does not turn the record's back.
        """
        moment = self._clock()
        return max(moment, pending.last), moment.date()

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
        """Record one fact.

        Parameters
        ----------
        fact, patient
            what happened, and to whom (None: to the trial).
        occurred
            on which day (else today).
        by, reason
            who enters it, and why, where a reason is needed.
        override
            the names of the rules that it sets aside, and why: ``"slot-is-free: the sponsor agreed"``.

        Raises
        ------
        Refused
            if a rule forbids it, and is not set aside by its name.
        posology.record.store.Conflict
            if somebody else writes about the same patient at this moment.
        """

        def add(pending: PendingEvents) -> Event:
            moment, today = self._moment(pending)
            return pending.add(
                fact,
                patient=patient,
                occurred=occurred or today,
                recorded=moment,
                today=today,
                by=by,
                reason=reason,
                override=override,
            )

        return self.write(add)

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

        def add(pending: PendingEvents) -> Event:
            old = pending.find(seq)
            fact = replace(old.fact, **changes) if old else Voided()  # type: ignore[type-var]
            return self._supersede(pending, old, fact, seq, occurred, by=by, reason=reason, override=override)

        return self.write(add)

    def void(self, seq: int, *, by: str, reason: str, override: str | None = None) -> Event:
        """Take an event out of effect: it was entered in error. It stays in the record."""

        def add(pending: PendingEvents) -> Event:
            old = pending.find(seq)
            return self._supersede(pending, old, Voided(), seq, None, by=by, reason=reason, override=override)

        return self.write(add)

    def _supersede(
        self, pending: PendingEvents, old: Event | None, fact: Fact, seq: int, occurred: date | None, **entry: Any
    ) -> Event:
        """Add what takes the place of an event, about the same patient and, unless another is given, of the same
        day."""
        moment, today = self._moment(pending)
        return pending.add(
            fact,
            patient=old.patient if old else None,
            occurred=occurred or (old.occurred if old else today),
            recorded=moment,
            today=today,
            supersedes=seq,
            **entry,
        )

    def amend(self, document: dict[str, Any], *, by: str, on: date | None = None) -> list[Event]:
        """Record the amendments of a checked protocol document that the record does not hold yet and that are due.

        Raises
        ------
        Refused
            if the document is of another trial, or differs from a version that the record holds.
        """

        def add(pending: PendingEvents) -> list[Event]:
            refuse_other_protocol(pending.state, document)
            moment, today = self._moment(pending)
            recorded = {version.version for _, version in pending.state.trial.protocols}
            events = []
            for amendment in document.get("amendments") or ():
                day = date.fromisoformat(str(amendment["date"]))
                if amendment["version"] in recorded or day > (on or today):
                    continue
                fact = ProtocolAmended(
                    version=amendment["version"], why=amendment["reason"], changes=amendment["changes"]
                )
                events.append(pending.add(fact, patient=None, occurred=day, recorded=moment, today=today, by=by))
            return events

        return self.write(add)

    def lock(self, cutoff: date, *, by: str, name: str = "") -> Event:
        """Lock a data cutoff: from now on its readout can be reproduced as it is now."""
        return self.record(CutoffLocked(cutoff=cutoff, name=name), by=by)

    def advise(self, on: date | None = None, known_by: datetime | int | None = None) -> Advice:
        """Return what the design says next.

        Parameters
        ----------
        on
            the day asked about (else today): the answer rests on what occurred by then. For a day on which the
            committee decided, it is the answer the committee had before it: without that decision and what was
            recorded after it that day.
        known_by
            as the record knew it at a moment, or up to an event's number (else as it knows now).

        Raises
        ------
        ValueError
            if the trial was imported without its protocol.
        """
        today = self.today()
        events = self.events()
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


def refuse_other_protocol(state: State, document: dict[str, Any]) -> None:
    """Refuse a protocol document that is not of the trial of a record, or says otherwise what the record holds.

    Raises
    ------
    Refused
        naming both trials; or the version, and each field in which the file differs from the record.
    """
    _, own = state.trial.documents[0]
    other, wanted = document["trial"]["id"], own["trial"]["id"]
    if other != wanted:
        text = f"the protocol is of trial {other}; this is {wanted}"
        raise Refused([Refusal("amendment-of-this-trial", "An amendment is of this trial", text)], "amendment")
    in_file = {version["trial"]["version"]: version for version in versions(document)}
    for _, recorded in state.trial.documents:
        version = recorded["trial"]["version"]
        if version not in in_file:
            text = f"the record holds version {version}, which the file does not"
        elif changed := list(differences(recorded, in_file[version])):
            more = f"; and {len(changed) - 5} more" if len(changed) > 5 else ""
            text = f"version {version} is another than the record holds: {'; '.join(changed[:5])}{more}"
        else:
            continue
        rule = "The file holds the versions of the record as they are; a change is a new amendment"
        raise Refused([Refusal("versions-as-recorded", rule, text)], "amendment")


def end_of_day(day: date) -> datetime:
    """Return the last moment of a day in the user's time zone."""
    return datetime(day.year, day.month, day.day, 23, 59, 59, 999999).astimezone()


def current_user() -> str:
    """Return the name under which this user writes: POSOLOGY_USER, or the name at the machine."""
    import getpass

    return os.environ.get("POSOLOGY_USER") or getpass.getuser()
