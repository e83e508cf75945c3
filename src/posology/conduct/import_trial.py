"""Taking over a trial that was run elsewhere: its events in one batch, with what that means said in the record.

The rules of conduct ask, before something is done, whether the protocol allows it. Of a trial that was run elsewhere
they cannot be asked: it happened. So they are not: the event :class:`~posology.record.collected.DataImport`, that goes
before all others, sets every rule aside by name, with the source and who took it over. The bounds of each field hold as
everywhere. What is entered later goes through the rules again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import msgspec

from posology.conduct.rulebook import rule_names
from posology.protocol.amendments import in_force
from posology.record.collected import DataImport
from posology.record.event import GENESIS, Override, StoredEvent, canonical_json, to_dict, utc_timestamp
from posology.record.fact import Fact
from posology.record.facts import ProtocolAmended, TrialCreated
from posology.record.store import Store


@dataclass(frozen=True)
class ImportedFact:
    """One fact taken over: about whom, from which row of the source, and which of its values were assumed."""

    fact: Fact
    patient: str
    occurred: date
    source: str
    assumed: Mapping[str, str] = field(default_factory=dict)


def import_events(
    where: str | Path,
    document: dict[str, Any],
    imported: DataImport,
    taken: Iterable[ImportedFact],
    *,
    by: str,
    recorded: datetime,
    created: date,
) -> int:
    """Create the record of a trial that was run elsewhere, whole or not at all, and return its number of events.

    Parameters
    ----------
    where
        where the record goes: there must be none yet.
    document
        the checked protocol document, with its amendments.
    imported
        where the events come from.
    taken
        the facts, in the order in which they are to be numbered.
    by, recorded
        who takes them over, and when.
    created
        the day the trial began.
    """
    chain = _Chain(by, recorded)
    version = in_force(document, created)
    chain.add(TrialCreated(protocol=version), None, created)
    chain.add(imported, None, recorded.date(), override=_set_aside(imported, by))
    for amendment in document.get("amendments") or ():
        day = date.fromisoformat(str(amendment["date"]))
        if day <= created or day > recorded.date():
            continue
        chain.add(
            ProtocolAmended(version=amendment["version"], why=amendment["reason"], changes=amendment["changes"]),
            None,
            day,
        )
    for one in taken:
        chain.add(one.fact, one.patient, one.occurred, reason=one.source, marks=one.assumed)
    with Store.create(where, document["trial"]["id"], chain.rows):
        pass
    return len(chain.rows)


def _set_aside(imported: DataImport, by: str) -> Override:
    return Override(
        rules=rule_names(),
        by=by,
        facts=("the rules were not asked: the events below happened elsewhere",),
        why=f"taken over from {imported.source} ({imported.standard})",
    )


class _Chain:
    """Rows of the record, each with the hash of the one before it."""

    def __init__(self, by: str, recorded: datetime) -> None:
        self.rows: list[StoredEvent] = []
        self._by, self._recorded, self._last = by, utc_timestamp(recorded), GENESIS
        self._nothing, self._unmarked = msgspec.Raw(b"null"), msgspec.Raw(b"{}")

    def add(
        self,
        fact: Fact,
        patient: str | None,
        occurred: date,
        reason: str | None = None,
        override: Override | None = None,
        marks: Mapping[str, str] | None = None,
    ) -> None:
        row = StoredEvent(
            seq=len(self.rows) + 1,
            occurred=occurred.isoformat(),
            recorded=self._recorded,
            author=self._by,
            kind=fact.kind,
            patient=patient,
            fact=msgspec.Raw(canonical_json(to_dict(fact))),
            reason=reason,
            supersedes=None,
            override=msgspec.Raw(canonical_json(override)) if override else self._nothing,
            provenance=msgspec.Raw(canonical_json(marks)) if marks else self._unmarked,
            prev=self._last,
            hash="",
        )
        row = msgspec.structs.replace(row, hash=row.digest())
        self._last = row.hash
        self.rows.append(row)
