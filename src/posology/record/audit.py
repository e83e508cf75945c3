"""What was done to a record behind its back: which event was changed, dropped, moved or inserted.

Each event holds the hash of the one before it. The chain therefore gives the true order; numbers are checked against
it. Somebody who rewrites an event *and every hash after it* leaves a chain that is sound in itself: only a head kept
elsewhere (:mod:`posology.record.witness`; every readout and every ``posology trial verify`` names one) shows that.

:class:`~posology.record.store.Store` checks the chain at every reading. Only once something is wrong is the whole
record walked here, to name all of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from posology.record.event import GENESIS, StoredEvent
from posology.record.store import Malformed
from posology.record.witness import NotedHead


@dataclass(frozen=True)
class Tampering:
    """One thing done to the record behind its back. ``seq`` is the event's number, 0 for the record as a whole."""

    seq: int
    what: str

    def __str__(self) -> str:
        return f"event {self.seq}: {self.what}" if self.seq else self.what


def examine(
    rows: Iterable[StoredEvent | Malformed],
    heads: Sequence[tuple[object, object]] | None = None,
    trial: str | None = None,
    noted: Sequence[NotedHead] = (),
) -> list[Tampering]:
    """Return everything found wrong with a record; an empty list if it is as it was written.

    Parameters
    ----------
    rows
        everything stored as an event of the trial.
    heads
        number and hash of the last event, as the store counts them: one pair, if nothing is wrong.
    trial
        the name under which the record is kept.
    noted
        heads noted elsewhere at earlier times.
    """
    stored: list[StoredEvent] = []
    findings: list[Tampering] = []
    for row in rows:
        if isinstance(row, StoredEvent):
            stored.append(row)
        else:
            findings.append(Tampering(row.seq if isinstance(row.seq, int) else 0, row.what))
    damaged = {finding.seq for finding in findings}
    if not stored:
        return [*findings, Tampering(0, "emptied: it holds no event, not even the creation of its trial")]
    chain = _Chain(stored)
    findings += [f for f in chain.findings if f.seq not in damaged]
    findings += _head_findings(heads, chain)
    findings += _beginning(stored, trial)
    findings += _not_as_noted(noted, chain)
    return sorted(findings, key=lambda finding: finding.seq)


class _Chain:
    """The events in the order that their hashes give, and what does not fit into it."""

    def __init__(self, stored: list[StoredEvent]) -> None:
        self.findings: list[Tampering] = []
        self.unread = self._by_number(stored)
        self.hashes: dict[str, int] = {GENESIS: 0}
        self.place, self.last = 1, GENESIS
        events: list[StoredEvent] = []
        followers: dict[str, list[StoredEvent]] = defaultdict(list)
        for stored_event in self.unread.values():
            followers[stored_event.prev].append(stored_event)
        recorded = ""
        while self.unread:
            row = self._next(followers)
            if row is None:
                break
            del self.unread[row.seq]
            if row.digest() != row.hash:
                self._add(row.seq, f"changed: its content is not what was written ({_summary(row)})")
            elif row.recorded < recorded:
                self._add(row.seq, f"recorded at {row.recorded}, before the event it follows")
            recorded = max(recorded, row.recorded)
            self.hashes[row.hash] = self.place
            events.append(row)
            self.last, self.place = row.hash, self.place + 1
        self.findings += _moved(events, self.hashes, shifted=bool(self.unread))
        for left in self.unread.values():
            of = f", a copy of event {self.hashes[left.hash]}" if left.hash in self.hashes else ""
            self._add(left.seq, f"inserted: it is not part of the chain{of} ({_summary(left)})")

    def _add(self, seq: int, what: str) -> None:
        self.findings.append(Tampering(seq, what))

    def _by_number(self, stored: list[StoredEvent]) -> dict[int, StoredEvent]:
        """Return the events by number; of two with one number, the one that others follow."""
        followed = {row.prev for row in stored}
        by_number: dict[int, StoredEvent] = {}
        for row in sorted(stored, key=lambda row: (row.seq, row.hash not in followed, row.digest() != row.hash)):
            if row.seq in by_number:
                self._add(row.seq, f"inserted: a second event has this number ({_summary(row)})")
            else:
                by_number[row.seq] = row
        return by_number

    def _next(self, followers: dict[str, list[StoredEvent]]) -> StoredEvent | None:
        """Return the event that comes next: by its hash, else by its number, else after a gap."""
        place = self.place
        nexts = [row for row in followers.get(self.last, ()) if row.seq in self.unread]
        if nexts:
            return min(nexts, key=lambda row: (row.seq != place, row.seq))
        numbered = self.unread.get(place)
        if numbered is not None and numbered.prev not in self.hashes:
            if numbered.digest() == numbered.hash:
                self._add(
                    place,
                    f"does not follow event {place - 1}: either an event between them was dropped and the rest "
                    f"renumbered, or event {place - 1} was rewritten with its hash",
                )
            return numbered
        after_gap = [seq for seq, row in self.unread.items() if seq > place and row.prev not in self.hashes]
        if not after_gap:
            return None
        row = self.unread[min(after_gap)]
        gap = f"event {place} is" if row.seq == place + 1 else f"events {place} to {row.seq - 1} are"
        self._add(place, f"dropped: {gap} missing")
        self.place = row.seq
        return row


def _moved(events: list[StoredEvent], hashes: dict[str, int], shifted: bool) -> Iterator[Tampering]:
    """Yield the events whose numbers are not in the order of the chain; a shift by inserted ones is not theirs."""
    for row, seq in zip(events, sorted(row.seq for row in events), strict=True):
        if row.seq != seq or (row.seq != hashes[row.hash] and not shifted):
            yield Tampering(row.seq, f"moved: by its hash it is event {hashes[row.hash]}")


def _head_findings(heads: Sequence[tuple[object, object]] | None, chain: _Chain) -> Iterator[Tampering]:
    """Yield what the store's own count says otherwise."""
    if heads is None:
        return
    if len(heads) != 1:
        yield Tampering(0, f"it has {len(heads)} heads: a record has one")
        return
    seq, hash_ = heads[0]
    last = chain.place - 1
    if not isinstance(seq, int) or not isinstance(hash_, str):
        yield Tampering(0, f"its own count says {seq!r} events: that was edited")
    elif seq > last:
        gap = f"event {seq} is" if seq == last + 1 else f"events {last + 1} to {seq} are"
        yield Tampering(last + 1, f"dropped: {gap} missing from the end")
    elif (seq, hash_) != (last, chain.last):
        yield Tampering(last, f"the store's own count says {seq} events ending in {hash_[:12]}")


def _beginning(stored: list[StoredEvent], trial: str | None) -> Iterator[Tampering]:
    """Yield what is wrong with the creation of the trial."""
    first = min(stored, key=lambda row: row.seq)
    try:
        created = msgspec.json.decode(first.fact)
        named = created["protocol"]["trial"]["id"] if first.kind == "trial_created" else None
    except (msgspec.MsgspecError, KeyError, TypeError):
        named = None
    if named is None:
        yield Tampering(first.seq, "the record does not begin with the creation of a trial")
    elif trial is not None and named != trial:
        yield Tampering(0, f"renamed: it is kept as the record of {trial!r}, and was created as that of {named!r}")


def _not_as_noted(noted: Sequence[NotedHead], chain: _Chain) -> Iterator[Tampering]:
    """Yield the heads noted elsewhere that the chain does not hold: cut off, or written anew."""
    last = chain.place - 1
    for head in noted:
        if chain.hashes.get(head.hash) == head.seq:
            continue
        if head.seq > last:
            yield Tampering(head.seq, f"cut off: the record ends with event {last}, and there was {head}")
        else:
            yield Tampering(head.seq, f"written anew, or another record of this trial's name: it is not {head}")


def _summary(row: StoredEvent) -> str:
    about = f" of {row.patient}" if row.patient else ""
    return f"{row.kind.replace('_', ' ')}{about}, occurred {row.occurred}, by {row.author}"
