"""The adverse events that begin on or after the first dose, with the events of the record behind each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posology.endpoints import toxicity
from posology.readout.results.patient_courses import PatientCourse
from posology.record.event import Event
from posology.record.facts import AdverseEventResolved
from posology.record.state import Toxicity
from posology.shared.findings import Finding

ENDED = ("recovered", "recovered with sequelae", "fatal")

UNCODED = "not coded"


@dataclass(frozen=True)
class TreatmentEmergentEvents:
    """The adverse events that begin on or after the first dose, as the endpoints room takes them; a source for each row."""

    events: toxicity.Events
    sources: tuple[Toxicity, ...]
    findings: tuple[tuple[Finding, Event], ...]

    def of(
        self, organ_class: str = "", term: str = "", patients: set[int] | None = None, grade: int = 1
    ) -> list[Event]:
        """Return the events of a class and term (empty: any), of some patients, of a grade and worse."""
        e = self.events
        return [
            t.event
            for i, t in enumerate(self.sources)
            if organ_class in ("", e.organ_class[i])
            and term in ("", e.term[i])
            and e.grade[i] >= grade
            and (patients is None or int(e.patient[i]) in patients)
        ]


def treatment_emergent(courses: Sequence[PatientCourse]) -> TreatmentEmergentEvents:
    """Return the treatment-emergent adverse events, and what is wrong with those that cannot be counted."""
    listed = [(i, c, t) for i, c in enumerate(courses) for t in c.patient.toxicities]
    end = [t.resolved.occurred if t.resolved and _ended(t.resolved) else None for *_, t in listed]
    first = [c.patient.first_dose.occurred if c.patient.first_dose else None for _, c, _ in listed]
    may = np.ones(len(listed), dtype=bool)
    findings: list[tuple[Finding, Event]] = []
    for k, (_, c, t) in enumerate(listed):
        good, wrong = toxicity.check_events(
            [c.id], [t.fact.term], [t.fact.grade], [t.event.occurred], [end[k]], [first[k]]
        )
        may[k] = good[0]
        findings += [(found, t.event) for found in wrong]
    kept = [k for k in range(len(listed)) if may[k]]
    day = lambda c, on: toxicity.NEVER if on is None else c.patient.study_day(on)
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
