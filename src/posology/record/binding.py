"""What rests on something is bound to it: judgements of adverse events, signatures of decisions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from posology.record.event import Event
from posology.record.fact import Fact
from posology.record.facts import (
    AdverseEvent,
    AdverseEventResolved,
    DecisionSigned,
    DecisionTaken,
    Died,
    DltAdjudicated,
)

F = TypeVar("F", bound=Fact)
Events = tuple[Event, ...]
FATAL_GRADE = 5


def cast_fact(kind: type[F], event: Event | None) -> F:
    """Return an event's fact, known to be of this kind."""
    assert event is not None and isinstance(event.fact, kind)
    return event.fact


@dataclass(frozen=True)
class Toxicity:
    """An adverse event with what became of it.

    ``adjudicated`` is the judgement that holds for the event as it now stands. A judgement of what was changed since
    does not: it is ``outdated``, with the reason, and the event awaits judgement again.
    """

    event: Event
    resolved: Event | None
    adjudicated: Event | None
    outdated: tuple[Event, str] | None = None

    @property
    def fact(self) -> AdverseEvent:
        """The adverse event itself."""
        return cast_fact(AdverseEvent, self.event)

    @property
    def is_dlt(self) -> bool | None:
        """Whether it was judged a DLT; None while nobody has judged it as it now stands."""
        return cast_fact(DltAdjudicated, self.adjudicated).dlt if self.adjudicated else None

    @property
    def sources(self) -> Events:
        """The events behind it."""
        return tuple(e for e in (self.event, self.resolved, self.adjudicated) if e)


def is_fatal(event: Event) -> bool:
    """Whether an event says that the patient died."""
    fact = event.fact
    if isinstance(fact, AdverseEvent):
        return fact.grade == FATAL_GRADE
    return isinstance(fact, Died) or (isinstance(fact, AdverseEventResolved) and fact.outcome == "fatal")


def changed_since(judgement: Event, event: Event, end: Event | None, onset_day: int | None) -> str | None:
    """Say what changed in an adverse event since it was judged; None if the judgement still holds.

    A judgement carries what it was made of: the hashes of the adverse event and its resolution, and the study day of
    its onset (of an event outside the window the definition reads no more than that). One that was recorded before
    judgements did is of the event that was in effect when it was recorded.
    """
    basis = cast_fact(DltAdjudicated, judgement).judged
    after = f"after it was judged (event {judgement.seq})"
    if basis is None or "onset_day" not in basis:  # recorded before judgements carried it, or taken over from elsewhere
        if event.seq > judgement.seq:
            return f"it was changed by event {event.seq}, {after}"
        if end and end.supersedes is not None and end.supersedes < judgement.seq < end.seq:
            return f"its end was changed by event {end.seq}, {after}"
        return None
    if basis.get("adverse_event", event.hash) != event.hash:
        return f"it was changed by event {event.seq}, {after}"
    if "resolution" in basis and (end is None or end.hash != basis["resolution"]):
        return f"its end was {f'changed by event {end.seq}' if end else 'voided'}, {after}"
    if basis["onset_day"] != str(onset_day):
        return f"its onset is now day {onset_day}, not day {basis['onset_day']}: the first dose was changed {after}"
    return None


@dataclass(frozen=True)
class SignedDecision:
    """A decision with its signatures: those given to it as it stands, and those broken by a change of it.

    ``required`` are the roles that the protocol says must sign; without any, one approval is enough.
    """

    event: Event
    signatures: Events
    broken: Events = ()
    required: tuple[str, ...] = ()

    @property
    def fact(self) -> DecisionTaken:
        """The decision itself."""
        return cast_fact(DecisionTaken, self.event)

    @property
    def rejection(self) -> Event | None:
        """The first signature that rejects it."""
        return next((s for s in self.signatures if cast_fact(DecisionSigned, s).rejects), None)

    @property
    def missing(self) -> tuple[str, ...]:
        """The roles that have not approved it yet."""
        facts = [cast_fact(DecisionSigned, s) for s in self.signatures]
        approved = {fact.role.casefold() for fact in facts if fact.approves}
        if not self.required:
            return () if approved else ("a signature",)
        return tuple(role for role in self.required if role.casefold() not in approved)

    @property
    def in_force(self) -> bool:
        """Whether it has been approved, by all who must, as it stands."""
        return not self.missing and self.rejection is None

    @cached_property
    def since(self) -> Event | None:
        """The signature that put it in force."""
        if not self.in_force:
            return None
        signed = [s for s in self.signatures if cast_fact(DecisionSigned, s).approves]
        return next(
            s
            for i, s in enumerate(signed, 1)
            if not SignedDecision(self.event, tuple(signed[:i]), (), self.required).missing
        )

    @property
    def status(self) -> str:
        """Where it stands, in words: in force, waiting for whom, rejected by whom, broken by which event."""
        if self.since is not None:
            return f"in force since {self.since.occurred}"
        if self.rejection is not None:
            return f"rejected by {cast_fact(DecisionSigned, self.rejection).name} (event {self.rejection.seq})"
        waits = f"waiting for {', '.join(self.missing)}"
        if self.broken:
            signed = ", ".join(str(s.seq) for s in self.broken)
            return (
                f"signature broken: it was changed by event {self.event.seq} after it was signed (event {signed});"
                f" {waits}"
            )
        return waits
