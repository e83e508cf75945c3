"""An event: a fact with its two times, its author and its place in the chain.

Each event carries the hash of the one before it and its own, over all that it says, so that none can be changed,
dropped, inserted or moved without the chain showing it (:mod:`posology.record.audit`).
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from typing import Any

import msgspec

from posology.record.facts import KINDS, Fact

GENESIS = "0" * 64
"""The hash that the first event follows."""


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set aside by name: which rules, what they said, who, and why. Visible for good."""

    rules: tuple[str, ...]
    facts: tuple[str, ...]
    by: str
    why: str


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the record.

    ``occurred`` is when it happened, ``recorded`` when the record learnt of it (UTC). ``supersedes`` names the event
    that this one corrects. ``provenance`` marks the origin of values in a reconstructed trial: field to mark, with
    ``*`` for all fields not named.
    """

    seq: int
    occurred: date
    recorded: datetime
    author: str
    kind: str
    patient: str | None
    fact: Fact
    reason: str | None = None
    supersedes: int | None = None
    override: Override | None = None
    provenance: dict[str, str] = {}
    prev: str
    hash: str

    def mark(self, field: str | None = None) -> str | None:
        """Return the mark of a field's origin: stated, published or assumed; None in a trial that marks nothing."""
        return self.provenance.get(field or "*", self.provenance.get("*"))


_OVERRIDE = msgspec.json.Decoder(Override | None)
_MARKS = msgspec.json.Decoder(dict[str, str])


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Fact]:
    return msgspec.json.Decoder(KINDS[kind])


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is stored, exported and hashed: plain text and numbers, its fact as the very JSON first written."""

    seq: int
    occurred: str
    recorded: str
    author: str
    kind: str
    patient: str | None
    fact: msgspec.Raw
    reason: str | None
    supersedes: int | None
    override: msgspec.Raw
    provenance: msgspec.Raw
    prev: str
    hash: str

    def digest(self) -> str:
        """Return the SHA-256 of all that the event says, but its number."""
        says = {
            "occurred": self.occurred,
            "recorded": self.recorded,
            "author": self.author,
            "kind": self.kind,
            "patient": self.patient,
            "fact": self.fact,
            "reason": self.reason,
            "supersedes": self.supersedes,
            "override": self.override,
            "provenance": self.provenance,
            "prev": self.prev,
        }
        return hashlib.sha256(canonical_json(says)).hexdigest()

    def json_line(self) -> bytes:
        """Write the event as one line of JSON with sorted keys."""
        return canonical_json({name: getattr(self, name) for name in self.__struct_fields__})

    def event(self) -> Event:
        """Read the event.

        Raises
        ------
        msgspec.ValidationError, ValueError, KeyError
            if it is no event that this version knows.
        """
        return Event(
            seq=self.seq,
            occurred=date.fromisoformat(self.occurred),
            recorded=datetime.fromisoformat(self.recorded),
            author=self.author,
            kind=self.kind,
            patient=self.patient,
            fact=_decoder(self.kind).decode(self.fact),
            reason=self.reason,
            supersedes=self.supersedes,
            override=_OVERRIDE.decode(self.override),
            provenance=_MARKS.decode(self.provenance),
            prev=self.prev,
            hash=self.hash,
        )


def canonical_json(data: Any) -> bytes:
    """Write plain data as JSON with sorted keys, no spaces, UTF-8: the one form that is hashed and exported."""
    return msgspec.json.encode(data, order="sorted")


def to_dict(fact: Fact) -> dict[str, Any]:
    """Return a fact's fields as plain data, those that say nothing left out."""
    return {name: value for name, value in vars(fact).items() if value is not None}


def to_stored(event: Event) -> StoredEvent:
    """Return the stored form of an event that is new, its hash not yet taken, and take it."""
    unhashed = StoredEvent(
        seq=event.seq,
        occurred=event.occurred.isoformat(),
        recorded=utc_timestamp(event.recorded),
        author=event.author,
        kind=event.kind,
        patient=event.patient,
        fact=msgspec.Raw(canonical_json(to_dict(event.fact))),
        reason=event.reason,
        supersedes=event.supersedes,
        override=msgspec.Raw(canonical_json(event.override)),
        provenance=msgspec.Raw(canonical_json(event.provenance)),
        prev=event.prev,
        hash="",
    )
    return msgspec.structs.replace(unhashed, hash=unhashed.digest())


@lru_cache(maxsize=64)
def utc_timestamp(moment: datetime) -> str:
    """Write a moment as the record does: UTC, to the microsecond.

    >>> from datetime import UTC
    >>> utc_timestamp(datetime(2013, 5, 10, 12, tzinfo=UTC))
    '2013-05-10T12:00:00.000000Z'
    """
    return moment.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"
