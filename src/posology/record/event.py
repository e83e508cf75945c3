"""An event: a fact with its two times, its author and its place in the chain.

Each event carries the hash of the one before it and its own, over all that it says, so that none can be changed,
dropped, inserted or moved without the chain showing it (:mod:`posology.record.audit`). What is hashed is the event's
*content*: its fields but number and hash as JSON with sorted keys. An event that is read is decoded from the very bytes
whose hash was compared.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from sys import intern
from typing import Any

import msgspec

from posology.record.fact import KINDS, Fact

GENESIS = "0" * 64
"""The hash that the first event follows."""

BACKDATED = "recorded"
"""The key of an event's marks that says: the moment of recording is the one that a loaded file states."""


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A rule set aside by name: which rules, what they said, who, and why. Visible for good."""

    rules: tuple[str, ...]
    facts: tuple[str, ...]
    by: str
    why: str

    def __str__(self) -> str:
        return f"{', '.join(self.rules)} by {self.by} ({self.why}): {'; '.join(self.facts)}"


class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One entry of the record.

    ``occurred`` is when it happened, ``recorded`` when the record learnt of it (UTC). ``supersedes`` names the event
    that this one corrects. ``provenance`` marks the origin of values in a reconstructed trial: field to mark, with
    ``*`` for all fields not named. The mark of ``recorded`` says that the moment is the one a loaded file states.
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

    @property
    def is_backdated(self) -> bool:
        """Whether the moment of recording is the one that a loaded file states, not the one of entry."""
        return BACKDATED in self.provenance

    @property
    def is_marked(self) -> bool:
        """Whether the origin of any value of the fact is marked, as in a reconstructed record."""
        return len(self.provenance) > self.is_backdated


class StoredEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event as it is stored, exported and hashed: plain text and numbers, its fact as the very JSON first
    written."""

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

    def content(self) -> bytes:
        """Return what is hashed: all that the event says, but its number."""
        return msgspec.json.encode(
            _StoredContent(
                self.author,
                self.fact,
                self.kind,
                self.occurred,
                self.override,
                self.patient,
                self.prev,
                self.provenance,
                self.reason,
                self.recorded,
                self.supersedes,
            )
        )

    def digest(self) -> str:
        """Return the SHA-256 of the content."""
        return hashlib.sha256(self.content()).hexdigest()

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
        return event_of(self.content(), self.seq, self.hash)


class _StoredContent(msgspec.Struct, frozen=True, gc=False):
    """The content of an event, its fields in the order of their names, so that they are written in it."""

    author: str
    fact: msgspec.Raw
    kind: str
    occurred: str
    override: msgspec.Raw
    patient: str | None
    prev: str
    provenance: msgspec.Raw
    reason: str | None
    recorded: str
    supersedes: int | None


class _Content(msgspec.Struct, frozen=True, gc=False):
    """The content of an event as it is understood."""

    author: str
    fact: msgspec.Raw
    kind: str
    occurred: date
    override: Override | None
    patient: str | None
    prev: str
    provenance: dict[str, str]
    reason: str | None
    recorded: datetime
    supersedes: int | None


_decode = msgspec.json.Decoder(_Content).decode
_UNMARKED: dict[str, str] = {}


@cache
def _decoder(kind: str) -> msgspec.json.Decoder[Fact]:
    return msgspec.json.Decoder(KINDS[kind])


@lru_cache(maxsize=1024)
def _shared(marks: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return dict(marks)


def content_of(quoted: str, raw: str) -> str:
    """Return how a database puts an event's content together, between the quotes of a text; see
    :meth:`StoredEvent.content`.

    ``quoted`` and ``raw`` say how a column is written as JSON, and as the text that it holds.

    Examples
    --------
    >>> print(content_of("json_quote({})", "{}")[:64])
    {"author":'||json_quote(author)||',"fact":'||fact||',"kind":"'||
    """
    parts = []
    for column in _StoredContent.__struct_fields__:
        is_json = column in ("fact", "override", "provenance")
        mark = "" if is_json or column in ("author", "patient", "reason", "supersedes") else '"'
        value = (raw if is_json or mark else quoted).format(column)
        parts.append(f"\"{column}\":{mark}'||{value}||'{mark}")
    return "{" + ",".join(parts) + "}"


def event_of(content: bytes, seq: int, hash: str, prev: str | None = None) -> Event:
    """Read an event from its content.

    Parameters
    ----------
    content
        the bytes that were hashed.
    seq, hash
        the event's number and hash.
    prev
        the hash that the event must follow; None where that is checked elsewhere.

    Raises
    ------
    msgspec.ValidationError, ValueError, KeyError
        if it is no event that this version knows, or follows another.
    """
    read = _decode(content)
    if prev is None:
        prev = read.prev
    elif prev != read.prev:
        raise ValueError(f"it follows {read.prev[:12]}, not {prev[:12]}")
    return Event(
        seq=seq,
        occurred=read.occurred,
        recorded=read.recorded,
        author=intern(read.author),
        kind=intern(read.kind),
        patient=None if read.patient is None else intern(read.patient),
        fact=_decoder(read.kind).decode(read.fact),
        reason=read.reason,
        supersedes=read.supersedes,
        override=read.override,
        provenance=_shared(tuple(read.provenance.items())) if read.provenance else _UNMARKED,
        prev=prev,
        hash=hash,
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
