"""The trials of a room, and what one person sees of one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from threading import RLock

from posology.conduct.people_rules import RIGHTS, access_of, has_people, site_of
from posology.conduct.protocol_in_force import ConductPlan, plan_in_force
from posology.conduct.trial import Clock, Trial
from posology.record.event import Event
from posology.record.fact import Fact
from posology.record.people import AccessGranted
from posology.record.state import State

__all__ = ["Person", "Room", "Rooms", "View"]


@dataclass(frozen=True)
class Person:
    """Who asks: ``account`` stands as author of what the person records; ``alone`` at the own machine, without one."""

    account: str
    name: str
    administrator: bool = False
    alone: bool = False
    token: str = ""
    csrf: str = ""
    signed: bool = False
    has_factor: bool = False


@dataclass(frozen=True)
class Room:
    """One trial that is open; ``lock`` is held while its record is read or written."""

    name: str
    trial: Trial
    lock: RLock

    @property
    def title(self) -> str:
        """The trial's title."""
        protocol = self.trial.state().protocol()
        return f"{protocol.trial.id}: {protocol.trial.title}" if protocol.trial.title else protocol.trial.id


class Rooms:
    """All trials of the room, by the name that stands in their address."""

    def __init__(self, places: tuple[str, ...], clock: Clock) -> None:
        self._rooms: dict[str, Room] = {}
        self._clock = clock
        for place in places:
            trial = Trial.open(place, clock)
            name = re.sub(r"[^a-z0-9]+", "-", trial.state().protocol().trial.id.casefold()).strip("-") or "trial"
            if name in self._rooms:
                raise ValueError(f"two of the trials are called {name}: open one of them in a room of its own")
            self._rooms[name] = Room(name, trial, RLock())

    def all(self) -> list[Room]:
        """Return all of them."""
        return list(self._rooms.values())

    def today(self) -> date:
        """Return the day it is."""
        return self._clock().date()

    def find(self, name: str) -> Room | None:
        """Return one by its name."""
        return self._rooms.get(name)

    def close(self) -> None:
        """Close the records."""
        for room in self._rooms.values():
            room.trial.close()


@dataclass(frozen=True)
class View:
    """A trial as one person sees it, at a pair of times (None: as it is now)."""

    room: Room
    person: Person
    occurred_by: date | None = None
    known_by: int | None = None

    @cached_property
    def latest(self) -> State:
        """What is known now: rights are those of now."""
        return self.room.trial.state()

    @cached_property
    def access(self) -> AccessGranted | None:
        """The right under which the person works, by the record."""
        return access_of(self.latest, self.person.account)

    @property
    def is_owner(self) -> bool:
        """Whether the record names no people, and the person is at the own machine: then everything is allowed."""
        return self.person.alone and not has_people(self.latest)

    @property
    def may_read(self) -> bool:
        """Whether the person reads the trial's data."""
        return self.is_owner or (self.access is not None and self.access.role != "administrator")

    @property
    def may_manage(self) -> bool:
        """Whether the person gives rights in the trial."""
        administers = self.access is not None and self.access.role == "administrator"
        return self.is_owner or administers or (self.person.administrator and not has_people(self.latest))

    @property
    def site(self) -> str | None:
        """The site whose patients alone the person sees; None: all."""
        return self.access.site if self.access else None

    @property
    def role(self) -> str:
        """The person's role, in words."""
        if self.access is None:
            return "owner" if self.is_owner else "no role"
        return f"{self.access.role}, site {self.access.site}" if self.access.site else self.access.role

    @property
    def is_now(self) -> bool:
        """Whether the trial is shown as it is now."""
        return self.occurred_by is None and self.known_by is None

    def may_record(self, kind: type[Fact]) -> bool:
        """Whether the person records a kind of event, here and now."""
        if not self.is_now:
            return False
        return self.is_owner or (self.access is not None and kind in RIGHTS[self.access.role])

    def sees(self, patient: str | None) -> bool:
        """Whether the person sees a patient; what is about the trial is seen by all but sites."""
        if not self.may_read:
            return False
        return self.site is None or (patient is not None and site_of(self.latest, patient) == self.site)

    @cached_property
    def state(self) -> State:
        """What was known at the pair of times."""
        return self.room.trial.state(self.occurred_by, self.known_by)

    @cached_property
    def events(self) -> list[Event]:
        """The events that the person may see, corrected ones included, as recorded by then."""
        limit = self.known_by or float("inf")
        return [e for e in self.room.trial.events() if e.seq <= limit and self.sees(e.patient)]

    @cached_property
    def day(self) -> date:
        """The day of which the trial is shown."""
        if self.occurred_by is not None:
            return self.occurred_by
        if self.known_by is not None:
            recorded = [e.recorded for e in self.room.trial.events() if e.seq <= self.known_by]
            return recorded[-1].astimezone().date() if recorded else self.room.trial.today()
        return self.room.trial.today()

    @cached_property
    def plan(self) -> ConductPlan:
        """The protocol in force on the day, as it is conducted."""
        return plan_in_force(self.state, self.day)

    def author(self, account: str) -> str:
        """Return who an author is: the name, the account and the role, as the record says."""
        access = next(
            (a for a in reversed(self._grants) if a.account == account),
            None,
        )
        return account if access is None else f"{access.name} ({account}, {access.role}, {access.organisation})"

    @cached_property
    def _grants(self) -> list[AccessGranted]:
        return [e.fact for e in self.latest.trial.of(AccessGranted) if isinstance(e.fact, AccessGranted)]


def moment_in_words(moment: datetime) -> str:
    """Write a moment with its zone: 2013-06-03 14:05 +02:00."""
    local = moment.astimezone()
    return f"{local:%Y-%m-%d %H:%M} {local:%z}"[:-2] + ":" + f"{local:%z}"[-2:]
