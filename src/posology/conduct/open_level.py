"""Which dose levels are open, to whom, and how many slots are left: what the signed decisions amount to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from posology.protocol.model import Protocol
from posology.record.binding import SignedDecision
from posology.record.event import Event
from posology.record.facts import DecisionTaken, Enrolled, SlotReleased, SlotReserved
from posology.record.state import Patient, State, TrialTimeline

Moment = tuple[date, float]
"""A day, and within it a place in the order of entry."""

BESIDE = ("open backfill", "close backfill", "open cohort", "close cohort")
"""Actions that leave the level of the escalation as it is."""


@dataclass(frozen=True)
class OpenBeside:
    """A level open beside that of the escalation: for backfilling, or for an expansion ``cohort``."""

    level: int
    slots: int
    decision: SignedDecision
    cohort: str | None = None

    def reason(self) -> str:
        """Say what opened it."""
        return _decided(self.decision)


@dataclass(frozen=True)
class OpenLevel:
    """The level now open for enrolment.

    ``level`` is its number; ``slots`` how many slots the protocol or the last decision gave; ``ceiling`` the highest
    level that may be given at all; ``highest`` the highest one that was opened; ``mtd`` the MTD once declared;
    ``stopped`` whether dose finding ended without one; ``decision`` what opened it (None: the protocol's start);
    ``beside`` what is open beside it.
    """

    level: int
    slots: int
    ceiling: int
    highest: int
    mtd: int | None
    stopped: bool
    decision: SignedDecision | None
    beside: tuple[OpenBeside, ...] = ()

    def reason(self) -> str:
        """Say what opened the level."""
        return "the protocol's starting level" if self.decision is None else _decided(self.decision)

    def backfill(self, level: int | None) -> OpenBeside | None:
        """Return what opened a level for backfilling."""
        return next((o for o in self.beside if o.cohort is None and o.level == level), None)

    def cohort(self, name: str, level: int | None) -> OpenBeside | None:
        """Return what opened an expansion cohort at a level."""
        return next((o for o in self.beside if o.cohort == name and o.level == level), None)


def _decided(decision: SignedDecision) -> str:
    return f"decision {decision.fact.number} of {decision.event.occurred}"


def decisions_in_force(
    state: State, trial: TrialTimeline, on: date | None = None, before: Moment | None = None
) -> Iterator[SignedDecision]:
    """Yield the decisions in force on a date, or before a moment, in the order taken."""
    for decided in trial.decisions:
        since = decided.since
        if since is None or (on is not None and since.occurred > on):
            continue
        if before is None or max(state.order(decided.event), state.order(since)) < before:
            yield decided


def open_level(
    state: State,
    protocol: Protocol,
    first_cohort: int,
    on: date | None = None,
    before: Moment | None = None,
) -> OpenLevel:
    """Return what is open on a date, or before a moment (else at the end of what the state knows).

    ``first_cohort`` is how many patients the design treats first.
    """
    start = protocol.dose.start_level
    level, slots, ceiling, mtd, stopped = start, first_cohort, len(protocol.dose.levels), None, False
    highest: int = start
    last: SignedDecision | None = None
    beside: dict[tuple[str | None, int], OpenBeside] = {}
    for decided in decisions_in_force(state, state.trial, on, before):
        fact: DecisionTaken = decided.fact
        if fact.closed_from is not None:
            ceiling = min(ceiling, fact.closed_from - 1)
        if fact.action in BESIDE:
            key = (fact.cohort, fact.level or 0)
            beside.pop(key, None)
            if fact.action.startswith("open"):
                beside[key] = OpenBeside(key[1], fact.slots, decided, fact.cohort)
            continue
        last, slots = decided, fact.slots
        if fact.action == "declare MTD":
            mtd, level = fact.level, fact.level or level
        elif fact.action == "stop":
            stopped, slots = True, 0
        elif fact.level is not None:
            level, mtd, stopped = fact.level, None, False
        highest = max(highest, level)
    finding = mtd is None and not stopped
    kept = tuple(
        o for o in beside.values() if o.level <= ceiling and (o.cohort is not None or (finding and o.level < level))
    )
    return OpenLevel(level, slots, ceiling, min(highest, ceiling), mtd, stopped, last, kept)


# Who holds a slot -----------------------------------------------------------------------------------------------------


def lapses_on(reservation: Event, protocol: Protocol) -> date | None:
    """Return the first day on which a reservation holds no longer; None if the protocol lets it stand."""
    days = protocol.enrolment.reservation_days
    return None if days is None else reservation.occurred + timedelta(days=days + 1)


def slot_of(
    state: State, patient: Patient, protocol: Protocol, on: date | None, before: Moment | None = None
) -> Event | None:
    """Return the event by which a patient holds a slot: the enrolment, or a reservation that has not lapsed."""

    def earlier(event: Event) -> bool:
        return before is None or state.order(event) < before

    enrolled = next((e for e in patient.of(Enrolled) if earlier(e)), None)
    if enrolled is not None:
        return enrolled
    held = next((e for e in reversed(patient.of(SlotReserved)) if earlier(e)), None)
    released = next((e for e in reversed(patient.of(SlotReleased)) if earlier(e)), None)
    if held is None or (released is not None and state.order(released) > state.order(held)):
        return None
    lapses = lapses_on(held, protocol)
    return None if lapses and on and on >= lapses else held


def slot_holders(
    state: State,
    open_: OpenLevel | OpenBeside,
    protocol: Protocol,
    on: date | None = None,
    *,
    before: Moment | None = None,
    without: str | None = None,
) -> tuple[str, ...]:
    """Return the patients who hold the slots that a decision, or the protocol's start, gave.

    ``before`` leaves out what came at a moment or later, ``without`` one patient.
    """
    since = state.order(open_.decision.event) if open_.decision else None
    cohort = open_.cohort if isinstance(open_, OpenBeside) else None
    holders = []
    for patient in state.patients.values():
        if patient.id == without or not (patient.of(SlotReserved) or patient.of(Enrolled)):
            continue
        slot = slot_of(state, patient, protocol, on, before)
        if slot is None or (since is not None and state.order(slot) < since):
            continue
        fact = slot.fact
        assert isinstance(fact, Enrolled | SlotReserved)
        if (fact.level, fact.cohort) == (open_.level, cohort):
            holders.append(patient.id)
    return tuple(holders)
