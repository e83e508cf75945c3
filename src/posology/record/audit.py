"""Is the record as it was written? Walks the hash chain and says which event was changed, dropped, moved or inserted.

Each event holds the hash of the one before it. The chain therefore gives the true order; numbers are checked against
it. Somebody who rewrites an event *and every hash after it* leaves a chain that is sound in itself: only a head kept
elsewhere (printed by ``posology trial verify``, written into every readout) shows that, and is compared when given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from posology.record.event import GENESIS, StoredEvent
from posology.record.store import Head


@dataclass(frozen=True)
class Tampering:
    """One thing done to the record behind its back."""

    seq: int
    what: str

    def __str__(self) -> str:
        return f"event {self.seq}: {self.what}"


def verify(rows: Iterable[StoredEvent], head: Head | None = None, witness: Head | None = None) -> list[Tampering]:
    """Return everything found wrong with the chain; an empty list if the record is as it was written.

    Parameters
    ----------
    rows
        the stored events, in order of their numbers.
    head
        what the store says is its last event.
    witness
        number and hash of an event noted down elsewhere, at an earlier time.
    """
    unread = {row.seq: row for row in rows}
    followers: dict[str, list[StoredEvent]] = defaultdict(list)
    for row in unread.values():
        followers[row.prev].append(row)
    found: list[Tampering] = []
    chain: list[StoredEvent] = []
    hashes: dict[str, int] = {GENESIS: 0}
    place, last, recorded = 1, GENESIS, ""
    while unread:
        nexts = [row for row in followers.get(last, ()) if row.seq in unread]
        foreign = place in unread and unread[place].prev in hashes
        if nexts:
            row = min(nexts, key=lambda r: (r.seq != place, r.seq))
        elif place in unread and not foreign:
            row = unread[place]
            if row.digest() == row.hash:
                found.append(
                    Tampering(
                        place,
                        f"does not follow event {place - 1}: either an event between them was dropped "
                        f"and the rest renumbered, or event {place - 1} was rewritten with its hash",
                    )
                )
        else:
            following = min(
                (seq for seq, row in unread.items() if seq > place and row.prev not in hashes), default=None
            )
            if following is None:
                break
            row = unread[following]
            gap = f"event {place} is" if row.seq == place + 1 else f"events {place} to {row.seq - 1} are"
            found.append(Tampering(place, f"dropped: {gap} missing"))
            place = row.seq
        del unread[row.seq]
        if row.digest() != row.hash:
            found.append(Tampering(row.seq, f"changed: its content is not what was written ({_summary(row)})"))
        elif row.recorded < recorded:
            found.append(Tampering(row.seq, f"recorded at {row.recorded}, before the event it follows"))
        recorded = max(recorded, row.recorded)
        hashes[row.hash] = place
        chain.append(row)
        last, place = row.hash, place + 1
    found += _moved(chain, hashes, shifted=bool(unread))
    for row in unread.values():
        of = f", a copy of event {hashes[row.hash]}" if row.hash in hashes else ""
        found.append(Tampering(row.seq, f"inserted: it is not part of the chain{of} ({_summary(row)})"))
    if head and head.seq >= place:
        gap = f"event {place} is" if head.seq == place else f"events {place} to {head.seq} are"
        found.append(Tampering(place, f"dropped: {gap} missing from the end"))
    elif head and (head.seq, head.hash) != (place - 1, last):
        found.append(Tampering(place - 1, f"the store's own count says {head.seq} events ending in {head.hash[:12]}"))
    if witness and hashes.get(witness.hash) != witness.seq:
        found.append(Tampering(witness.seq, f"not the event noted elsewhere with hash {witness.hash[:12]}"))
    return sorted(found, key=lambda t: t.seq)


def _moved(chain: list[StoredEvent], hashes: dict[str, int], shifted: bool) -> Iterator[Tampering]:
    """Yield the events whose numbers are not in the order of the chain; a shift by inserted ones is not theirs."""
    for row, seq in zip(chain, sorted(row.seq for row in chain), strict=True):
        if row.seq != seq or (row.seq != hashes[row.hash] and not shifted):
            yield Tampering(row.seq, f"moved: by its hash it is event {hashes[row.hash]}")


def _summary(row: StoredEvent) -> str:
    about = f" of {row.patient}" if row.patient else ""
    return f"{row.kind.replace('_', ' ')}{about}, occurred {row.occurred}, by {row.author}"
