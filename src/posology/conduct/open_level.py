"""Which dose levels are open, to whom, and how many slots are left: what the signed decisions amount to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.protocol.model import Protocol
from posology.record.facts import DecisionTaken, Enrolled, SlotReserved
from posology.record.state import SignedDecision, State


@dataclass(frozen=True)
class OpenLevel:
    """The level now open for enrolment.

    ``level`` is its number; ``slots`` how many slots the protocol or the last decision gave; ``ceiling`` the highest level that may be given at all; ``mtd`` the MTD once declared;
    ``stopped`` whether dose finding ended without one; ``decision`` what opened it (None: the protocol's start).
    """

    level: int
    slots: int
    ceiling: int
    highest: int
    mtd: int | None
    stopped: bool
    decision: SignedDecision | None

    def reason(self) -> str:
        """Say what opened the level."""
        if self.decision is None:
            return "the protocol's starting level"
        return f"decision {self.decision.fact.number} of {self.decision.event.occurred}"


def open_level(state: State, protocol: Protocol, first_cohort: int, on: date | None = None) -> OpenLevel:
    """Return what is open on a date (or at the end of what the state knows).

    ``first_cohort`` is how many patients the design treats first.
    """
    signed = [d for d in state.trial.decisions if d.in_force and (on is None or d.signatures[0].occurred <= on)]
    start = protocol.dose.start_level
    level, slots, ceiling, mtd, stopped = start, first_cohort, len(protocol.dose.levels), None, False
    highest, last = start, None
    for decided in signed:
        fact: DecisionTaken = decided.fact
        if fact.closed_from is not None:
            ceiling = min(ceiling, fact.closed_from - 1)
        last, slots = decided, fact.slots
        if fact.action == "declare MTD":
            mtd, level = fact.level, fact.level or level
        elif fact.action == "stop":
            stopped, slots = True, 0
        elif fact.level is not None:
            level, mtd, stopped = fact.level, None, False
        highest = max(highest, level)
    return OpenLevel(level, slots, ceiling, min(highest, ceiling), mtd, stopped, last)


def slot_holders(state: State, open_: OpenLevel) -> tuple[str, ...]:
    """Return the patients who hold the slots of the open level."""
    since = open_.decision.event.seq if open_.decision else 0
    slots = [(p.id, p.enrolment or p.reservation) for p in state.patients.values()]
    return tuple(
        id
        for id, slot in slots
        if slot
        and slot.seq > since
        and isinstance(slot.fact, Enrolled | SlotReserved)
        and slot.fact.level == open_.level
    )
