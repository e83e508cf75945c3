"""What the record says at a data cutoff: made once, read by all that reports, and unable to hold anything later.

A locked cutoff is read as the record stood when it was locked, so that the same files come out, to the byte, whatever
was recorded or corrected since. A lock that was voided locks nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from types import MappingProxyType

from posology.protocol.model import Protocol
from posology.record.event import Event
from posology.record.facts import CutoffLocked
from posology.record.known_at import known_at
from posology.record.state import State, fold

__all__ = ["Snapshot", "SnapshotError", "last_locked_cutoff", "take_snapshot"]


class SnapshotError(ValueError):
    """A record that says nothing at a cutoff, and why."""


@dataclass(frozen=True)
class Snapshot:
    """A trial at a data cutoff; see :func:`take_snapshot`.

    ``state`` is what is known of all that occurred by the cutoff; ``events`` every event that occurred by it, the
    superseded ones too, by number; ``head`` the last event that the record held; ``lock`` the event that locked the
    cutoff, None where it is not locked.
    """

    cutoff: date
    state: State
    events: Mapping[int, Event]
    head: Event
    lock: Event | None

    @cached_property
    def protocol(self) -> Protocol:
        """The protocol in force at the cutoff."""
        return self.state.protocol(self.cutoff)

    @property
    def is_reconstructed(self) -> bool:
        """Whether the record marks the origin of its values: then none is a plain result of the trial."""
        return any(event.is_marked for event in self.events.values())

    @property
    def is_simulated(self) -> bool:
        """Whether the record was simulated: then nobody was treated."""
        return self.state.trial.simulated

    @property
    def overrides(self) -> tuple[Event, ...]:
        """The events for which rules were set aside."""
        return tuple(event for event in self.events.values() if event.override)

    @property
    def corrections(self) -> tuple[Event, ...]:
        """The events that correct or void another."""
        return tuple(event for event in self.events.values() if event.supersedes)


def refuse_day_to_come(cutoff: date, today: date) -> None:
    """Refuse a cutoff that is to come.

    Raises
    ------
    SnapshotError
        naming both days.
    """
    if cutoff > today:
        raise SnapshotError(f"the cutoff {cutoff} is after today, {today}: nobody knows what will have happened")


def take_snapshot(
    events: Sequence[Event],
    cutoff: date,
    *,
    known_by: datetime | int | None = None,
    today: date | None = None,
) -> Snapshot:
    """Return what a record says at a data cutoff.

    Parameters
    ----------
    events
        of the record, in order of their numbers.
    cutoff
        what occurred after this day is left out.
    known_by
        what the record learnt later is left out: a moment, or the number of an event. None: what it learnt after the
        cutoff was locked, or nothing where it is not locked.
    today
        the day it is: of a day to come nothing can be said, because windows that run today are not over.

    Raises
    ------
    SnapshotError
        if the trial had not begun by the cutoff, or was not known by then, or the cutoff is to come.
    """
    if today is not None:
        refuse_day_to_come(cutoff, today)
    if not events:
        raise SnapshotError("the record holds no event")
    known = list(events) if known_by is None else [e for e in events if _is_known(e, known_by)]
    lock = next((e for e in _locks(known) if isinstance(e.fact, CutoffLocked) and e.fact.cutoff == cutoff), None)
    if lock is not None:
        known = [event for event in known if event.seq <= lock.seq]
    state = fold(known, occurred_by=cutoff)
    if not state.trial.documents:
        raise SnapshotError(f"the trial was created on {events[0].occurred}, after the cutoff {cutoff}")
    by_number = {event.seq: known_at(event, cutoff) for event in known if event.occurred <= cutoff}
    return Snapshot(cutoff, state, MappingProxyType(by_number), known[-1], lock)


def last_locked_cutoff(events: Sequence[Event]) -> date | None:
    """Return the data cutoff locked last; None where none is locked."""
    cutoffs = [event.fact.cutoff for event in _locks(events) if isinstance(event.fact, CutoffLocked)]
    return cutoffs[-1] if cutoffs else None


def _is_known(event: Event, known_by: datetime | int) -> bool:
    return event.seq <= known_by if isinstance(known_by, int) else event.recorded <= known_by


def _locks(events: Sequence[Event]) -> list[Event]:
    """Return the locks in effect: those neither voided nor corrected."""
    superseded = {event.supersedes for event in events if event.supersedes is not None}
    return [event for event in events if isinstance(event.fact, CutoffLocked) and event.seq not in superseded]
