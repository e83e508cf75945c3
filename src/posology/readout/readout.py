"""A readout: what the record says of a trial at a data cutoff, put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posology.protocol.synopsis import Section, synopsis
from posology.readout.cited import CitedTable
from posology.readout.claims import CheckedClaim, Claim, check_claim
from posology.readout.narratives import Sentence, headline, narratives
from posology.readout.results.trial_results import TrialResults, trial_results
from posology.readout.tables import tables
from posology.record.snapshot import Snapshot

__all__ = ["Readout", "make_readout"]


@dataclass(frozen=True)
class Readout:
    """A trial, read at a data cutoff: its results, and what is said of them."""

    results: TrialResults
    headline: Sequence[Sentence]
    tables: Sequence[CitedTable]
    narratives: Sequence[tuple[str, Sequence[Sentence]]]
    claims: Sequence[CheckedClaim]
    synopsis: Sequence[Section]

    @property
    def snapshot(self) -> Snapshot:
        """What the record says at the cutoff."""
        return self.results.snapshot


def make_readout(snapshot: Snapshot, claims: Sequence[Claim] = ()) -> Readout:
    """Return the readout of what a record says at a data cutoff, with claims checked against it."""
    results = trial_results(snapshot)
    return Readout(
        results=results,
        headline=headline(results),
        tables=tables(results),
        narratives=narratives(results),
        claims=[check_claim(claim, results) for claim in claims],
        synopsis=synopsis(results.protocol),
    )
