"""What cannot be right in the data: findings on lesions, CA-125 samples, adverse events and dates, for the data
manager."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from posology.conduct.patient_courses import PatientCourse, lesions
from posology.endpoints import ca125_samples, lesion_findings, survival_findings
from posology.readout.results.times_to_event import histories
from posology.readout.results.treatment_emergent import TreatmentEmergentEvents
from posology.record.event import Event
from posology.record.fact import Fact
from posology.record.facts import Died, Discontinued, Dosed, LesionMeasured, MarkerMeasured
from posology.shared.findings import Finding

CHECKED = "lesions, CA-125 samples, adverse events, and the dates of treatment, assessments and death"


@dataclass(frozen=True)
class CitedFinding:
    """A finding, what it is about, and the events it was found in."""

    about: str
    finding: Finding
    sources: tuple[Event, ...]


def data_findings(courses: Sequence[PatientCourse], ae: TreatmentEmergentEvents, cutoff: date) -> list[CitedFinding]:
    """Return every finding, by patient and date. Only what occurred by the cutoff is looked at."""
    if not courses:
        return []
    by_id = {c.id: c for c in courses}

    def found(about: str, findings: Sequence[Finding], *kinds: type[Fact]) -> list[CitedFinding]:
        return [CitedFinding(about, f, _sources(by_id[f.patient], f, kinds)) for f in findings]

    names = [c.id for c in courses]
    made: list[CitedFinding] = [CitedFinding("adverse event", f, (event,)) for f, event in ae.findings]
    measured = lesions([c.patient for c in courses])
    if measured is not None:
        start = np.array([c.patient.first_dose.occurred.toordinal() for c in courses if c.patient.first_dose])
        wrong = lesion_findings.check_lesions(measured.lesions, names, start=start, names=measured.names)
        made += found("lesion", wrong, LesionMeasured)
    samples = [
        ca125_samples.Ca125Value(
            c.id, e.occurred, e.fact.value, e.fact.upper_limit, e.fact.unit, e.fact.laboratory or ""
        )
        for c in courses
        for e in c.patient.of(MarkerMeasured)
        if isinstance(e.fact, MarkerMeasured)
    ]
    first = {c.id: c.patient.first_dose.occurred for c in courses if c.patient.first_dose}
    made += found("CA-125", ca125_samples.arrange_samples(samples, first, cutoff=cutoff).findings, MarkerMeasured)
    dates = survival_findings.survival_data_checks(histories(courses), names, cutoff)
    made += found("dates", dates, Died, Discontinued, LesionMeasured, Dosed)
    return sorted(made, key=lambda m: (m.finding.patient, m.finding.on or date.min, m.about, m.finding.field))


def _sources(course: PatientCourse, finding: Finding, kinds: Sequence[type[Fact]]) -> tuple[Event, ...]:
    """Return the events of that day and kind; where there are none, all of the kind."""
    mine = [e for kind in kinds for e in course.patient.of(kind)]
    same = [e for e in mine if e.occurred == finding.on]
    first = course.patient.first_dose
    return tuple(same or mine or ([first] if first else []))


def to_dict(found: CitedFinding) -> dict[str, Any]:
    """Return a finding as plain data."""
    told = found.finding
    return {
        "patient": told.patient,
        "date": told.on.isoformat() if told.on else None,
        "about": found.about,
        "field": told.field,
        "wrong": told.wrong,
        "right": told.right,
        "events": sorted({e.seq for e in found.sources}),
    }
