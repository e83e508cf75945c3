"""The adverse events that begin on or after the first dose, with the events of the record behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from posology.conduct.patient_courses import PatientCourse
from posology.endpoints import toxicity
from posology.record.binding import Toxicity
from posology.record.event import Event
from posology.record.facts import AdverseEventResolved
from posology.shared.arrays import Bools
from posology.shared.findings import Finding

RESOLVED = {"recovered": "resolved", "recovered with sequelae": "resolved with sequelae"}
"""The outcomes with which an adverse event is resolved, and the words for them."""
ENDED = (*RESOLVED, "fatal")

UNCODED = "not coded"


def is_resolved(toxicity: Toxicity) -> bool:
    """Whether an adverse event is recorded as resolved: not where it was fatal, goes on, or nothing is recorded."""
    end = toxicity.resolved
    return end is not None and isinstance(end.fact, AdverseEventResolved) and end.fact.outcome in RESOLVED


def outcome(toxicity: Toxicity) -> str:
    """Return what became of an adverse event, as recorded."""
    end = toxicity.resolved
    if end is None or not isinstance(end.fact, AdverseEventResolved):
        return "no outcome recorded"
    return f"{RESOLVED.get(end.fact.outcome, end.fact.outcome)} {end.occurred}"


@dataclass(frozen=True)
class TreatmentEmergentEvents:
    """The adverse events that begin on or after the first dose, as the endpoints room takes them; a source for each
    row."""

    events: toxicity.Events
    sources: tuple[Toxicity, ...]
    findings: tuple[tuple[Finding, Event], ...]

    def select(
        self, organ_class: str = "", term: str = "", patients: Bools | None = None, grade: int = 1
    ) -> list[Event]:
        """Return the events of a class and term (empty: any), of some patients (a mask), of a grade and worse."""
        rows = self.events.grade >= grade
        if organ_class:
            rows = rows & (self._classes == organ_class)
        if term:
            rows = rows & (self._terms == term)
        if patients is not None:
            rows = rows & patients[self.events.patient]
        return [self.sources[i].event for i in np.flatnonzero(rows).tolist()]

    @cached_property
    def _classes(self) -> NDArray[np.str_]:
        return np.array(self.events.organ_class, dtype=np.str_)

    @cached_property
    def _terms(self) -> NDArray[np.str_]:
        return np.array(self.events.term, dtype=np.str_)


def treatment_emergent(courses: Sequence[PatientCourse]) -> TreatmentEmergentEvents:
    """Return the treatment-emergent adverse events, and what is wrong with those that cannot be counted."""
    listed = [(i, c, t) for i, c in enumerate(courses) for t in c.patient.toxicities]
    end = [t.resolved.occurred if t.resolved and _ended(t.resolved) else None for *_, t in listed]
    first = [c.patient.first_dose.occurred if c.patient.first_dose else None for _, c, _ in listed]
    columns = (
        [c.id for _, c, _ in listed],
        [t.fact.term for *_, t in listed],
        [t.fact.grade for *_, t in listed],
        [t.event.occurred for *_, t in listed],
        end,
        first,
    )
    may, _ = toxicity.check_events(*columns)
    findings = [
        (finding, listed[k][2].event)
        for k in np.flatnonzero(~may).tolist()
        for finding in toxicity.check_events(*([column[k]] for column in columns))[1]  # type: ignore[arg-type]
    ]
    kept = np.flatnonzero(may).tolist()

    def day(c: PatientCourse, on: date | None) -> int | None:
        return toxicity.NEVER if on is None else c.patient.study_day(on)

    events = toxicity.Events(
        patient=np.array([listed[k][0] for k in kept], dtype=np.int64),
        term=[listed[k][2].fact.term for k in kept],
        grade=np.array([listed[k][2].fact.grade for k in kept], dtype=np.int64),
        onset=np.array([day(listed[k][1], listed[k][2].event.occurred) for k in kept], dtype=np.int64),
        end=np.array([day(listed[k][1], end[k]) for k in kept], dtype=np.int64),
        organ_class=[listed[k][2].fact.system_organ_class or UNCODED for k in kept],
        related=np.array([listed[k][2].fact.related for k in kept], dtype=bool),
        serious=np.array([listed[k][2].fact.serious for k in kept], dtype=bool),
    )
    emergent = toxicity.emergent(events)
    sources = tuple(listed[k][2] for k, new in zip(kept, emergent.tolist(), strict=True) if new)
    return TreatmentEmergentEvents(events.only(emergent), sources, tuple(findings))


def _ended(event: Event) -> bool:
    return isinstance(event.fact, AdverseEventResolved) and event.fact.outcome in ENDED
