"""Facts in the making: gathered by domain, checked all at once by the record's own bounds, put in the record's
order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, NamedTuple

from posology.conduct.import_trial import ImportedFact
from posology.interchange.sdtm.reader.domain_tables import DomainTable
from posology.interchange.sdtm.reader.report import Report
from posology.protocol.model import Protocol
from posology.record import collected as c
from posology.record import facts as f
from posology.record.entry import EntryError, facts_from
from posology.record.fact import KINDS, Fact

ORDER: tuple[type[Fact], ...] = (
    f.Consented,
    c.Demographics,
    f.Screened,
    c.MedicalHistory,
    f.PriorTherapy,
    f.TargetScored,
    f.CriterionAttested,
    c.ConcomitantTherapy,
    f.SlotReserved,
    f.SlotReleased,
    f.Enrolled,
    c.VitalSignMeasured,
    c.LaboratoryMeasured,
    f.MarkerMeasured,
    f.LesionMeasured,
    c.IndependentLesion,
    f.TumourAssessed,
    c.IndependentResponse,
    f.DoseReduced,
    f.DoseDelayed,
    f.Dosed,
    c.TreatmentGiven,
    c.PkConcentration,
    f.AdverseEvent,
    f.AdverseEventResolved,
    f.DltAdjudicated,
    c.DispositionEvent,
    f.Discontinued,
    f.Died,
)
"""What comes first of the things that happened to a patient on one day."""


SHOWS_NOBODY_ALIVE = (
    f.Died,
    f.Discontinued,
    f.DltAdjudicated,
    c.DispositionEvent,
    c.MedicalHistory,
    c.ConcomitantTherapy,
)
"""Kinds of fact that may be dated after a death: they are about the patient, not with the patient."""


class PendingFact(NamedTuple):
    """A fact to be recorded, with the row that it comes from."""

    patient: str
    occurred: date
    source: str
    assumed: tuple[str, ...]
    fields: dict[str, Any]


@dataclass
class FactBuilder:
    """Facts in the making, and what the domains must know of each other.

    ``first_dose`` is each patient's day 1; ``deaths`` the days of death that are known completely; ``place`` the level
    or cohort; ``weights`` and ``heights`` (day, value) by patient, in order of days.
    """

    report: Report
    today: date
    protocol: Protocol
    first_dose: dict[str, date] = field(default_factory=dict)
    deaths: dict[str, date] = field(default_factory=dict)
    place: dict[str, dict[str, Any]] = field(default_factory=dict)
    weights: dict[str, list[tuple[date, float]]] = field(default_factory=dict)
    heights: dict[str, list[tuple[date, float]]] = field(default_factory=dict)
    _made: dict[type[Fact], list[PendingFact]] = field(default_factory=dict)

    def add(
        self,
        kind: type[Fact],
        table: DomainTable,
        row: int,
        occurred: date | None,
        fields: dict[str, Any],
        assumed: Sequence[str] = (),
        field: str = "",
    ) -> bool:
        """Add a fact of one row of a table, unless it has no day or one that has not come yet; return whether it was.

        ``assumed`` names the fields (``occurred`` is the day) whose values do not stand in the data; ``field`` is where
        the day should stand.
        """
        table.uses(row)
        where = field or f"{table.name}DTC"
        if occurred is None:
            if not table.day[row]:
                table.find(row, where, "there is no date", "the row is not taken")
            return False
        if occurred > self.today:
            table.find(row, where, f"{occurred} is after today, {self.today}", "the row is not taken")
            return False
        source = f"{table.name} {table.sequence[row]}"
        self._made.setdefault(kind, []).append(
            PendingFact(table.patient[row], occurred, source, tuple(assumed), fields)
        )
        return True

    def last_alive(self) -> dict[str, date]:
        """Return the last day on which each patient was certainly seen or treated."""
        alive: dict[str, date] = {}
        for kind, drafts in self._made.items():
            if kind in SHOWS_NOBODY_ALIVE:
                continue
            for draft in drafts:
                if "occurred" not in draft.assumed:
                    alive[draft.patient] = max(draft.occurred, alive.get(draft.patient, draft.occurred))
        return alive

    def of(self, kind: type[Fact]) -> dict[str, list[PendingFact]]:
        """Return the facts of a kind by patient."""
        found: dict[str, list[PendingFact]] = {}
        for draft in self._made.get(kind, ()):
            found.setdefault(draft.patient, []).append(draft)
        return found

    def finish(self) -> list[ImportedFact]:
        """Return the facts in the record's order; one that breaks the record's bounds is a finding instead."""
        rank = {kind: i for i, kind in enumerate((*ORDER, *(k for k in KINDS.values() if k not in ORDER)))}
        ordered: list[tuple[str, date, int, int, ImportedFact]] = []
        for kind, drafts in self._made.items():
            facts = facts_from(kind.kind, [draft.fields for draft in drafts])
            for i, (draft, fact) in enumerate(zip(drafts, facts, strict=True)):
                if isinstance(fact, EntryError):
                    for problem in fact.problems:
                        where, _, wrong = problem.partition(" ")
                        self.report.find(
                            draft.patient,
                            draft.occurred,
                            f"{draft.source}, {where}",
                            wrong,
                            f"no {kind.kind.replace('_', ' ')} is recorded",
                        )
                    continue
                made = ImportedFact(fact, draft.patient, draft.occurred, draft.source, _marks(draft.assumed))
                ordered.append((draft.patient, draft.occurred, rank[kind], i, made))
        ordered.sort(key=lambda entry: entry[:4])
        for *_, one in ordered:
            self.report.events[one.fact.kind] += 1
        return [one for *_, one in ordered]


@lru_cache(maxsize=256)
def _marks(assumed: tuple[str, ...]) -> Mapping[str, str]:
    return dict.fromkeys(sorted(assumed), "assumed")


def last_before(values: Mapping[str, list[tuple[date, float]]], patient: str, day: date) -> float | None:
    """Return the last value on or before a day, or the first one after it."""
    known = values.get(patient, ())
    before = [value for on, value in known if on <= day]
    return before[-1] if before else known[0][1] if known else None
