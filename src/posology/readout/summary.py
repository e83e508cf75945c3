"""A readout as plain data: what readout.json holds and ``--json`` prints."""

from __future__ import annotations

from datetime import date
from typing import Any

from posology import __version__
from posology.conduct.patient_courses import PatientCourse
from posology.protocol.model import Protocol
from posology.readout.cited import Cited, CitedTable
from posology.readout.measures import MEASURES, NotRecorded
from posology.readout.readout import Readout
from posology.readout.results.data_findings import to_dict as finding_to_dict
from posology.readout.results.response_rates import CitedRate
from posology.readout.results.times_to_event import to_dict as times_to_dict
from posology.readout.results.treatment_emergent import is_resolved

__all__ = ["summarise"]


def summarise(readout: Readout) -> dict[str, Any]:
    """Return the readout as plain data: the numbers, and under ``sources`` the events each comes from."""
    sources: dict[str, Any] = {}
    marks: dict[str, Any] = {}

    def number(name: str, cited: Cited) -> Any:
        sources[name] = list(cited.events)
        if cited.mark:
            marks[name] = cited.mark
        return cited.value

    treated = number("patients_treated", MEASURES["patients_treated"](readout.results))
    try:
        low, high = number("dose_range", MEASURES["dose_range"](readout.results))
    except NotRecorded:
        low = high = None
    by_name = {table.name: table for table in readout.tables}
    data: dict[str, Any] = {
        "trial": readout.results.protocol.trial.id,
        "drug": readout.results.protocol.drug.name,
        "cutoff": readout.snapshot.cutoff.isoformat(),
        "locked": readout.snapshot.lock is not None,
        "protocol_version": readout.results.protocol.version,
        "software": f"posology {__version__}",
        "head": {
            "event": readout.snapshot.head.seq,
            "hash": readout.snapshot.head.hash,
            "recorded": readout.snapshot.head.recorded.isoformat(),
        },
        "reconstructed": readout.snapshot.is_reconstructed,
        "simulated": readout.snapshot.is_simulated,
        "patients_treated": treated,
        "dose_min": low,
        "dose_max": high,
        "dose_unit": readout.results.protocol.dose.unit,
        "body_size": readout.results.protocol.dose.body_size,
        "mtd": number("mtd", MEASURES["mtd"](readout.results)),
        "advice": {**readout.results.advice.plain(), "settled": readout.results.advice.settled},
        "dlts": [
            _dlt(c, t, readout.results.protocol)
            for c in readout.results.courses
            for t in c.patient.toxicities
            if t.is_dlt
        ],
        "rates": [_rate(counted) for counted in readout.results.rates],
        "times_to_event": {e.name: times_to_dict(e) for e in readout.results.times},
        "findings": [finding_to_dict(finding) for finding in readout.results.findings],
        "responses": [_response(c, readout.results.protocol) for c in readout.results.courses],
        "headline": [_cited(s.cited) for s in readout.headline],
        "narratives": {patient: [_cited(s.cited) for s in told] for patient, told in readout.narratives},
        "tables": {name: _table(table) for name, table in by_name.items()},
        "claims": [
            {
                "id": c.claim.id,
                "text": c.claim.text,
                "holds": c.holds,
                "found": c.found,
                "evidence": list(c.events),
                "mark": c.mark,
            }
            for c in readout.claims
        ],
        "overrides": [e.seq for e in readout.snapshot.overrides],
        "corrections": [e.seq for e in readout.snapshot.corrections],
        "sources": sources,
        "marks": marks,
    }
    return data


def _dlt(course: PatientCourse, toxicity: Any, protocol: Protocol) -> dict[str, Any]:
    return {
        "patient": course.id,
        "assigned_level": course.level,
        "assigned_dose": protocol.dose.levels[(course.level or 1) - 1],
        "term": toxicity.fact.term,
        "grade": toxicity.fact.grade,
        "resolved": is_resolved(toxicity),
        "onset": toxicity.event.occurred.isoformat(),
        "study_day": course.patient.study_day(toxicity.event.occurred),
        "events": [e.seq for e in toxicity.sources],
    }


def _response(course: PatientCourse, protocol: Protocol) -> dict[str, Any]:
    r, m = course.response, course.marker

    def day(on: date | None) -> str | None:
        return on.isoformat() if on else None

    return {
        "patient": course.id,
        "assigned_level": course.level,
        "tumour": course.tumour,
        "best": r.best,
        "confirmation": r.confirmation or None,
        "first_seen": day(r.on),
        "confirmed_on": day(r.confirmed_on),
        "progression": day(r.progression),
        "best_change_percent": r.best_change,
        "stable_weeks": None if r.stable_days is None else round(r.stable_days / 7, 1),
        "stable_ongoing": r.stable_ongoing,
        "settled": r.best_if_no_more_data.text,
        "not_evaluable_because": r.why or None,
        "clinical_benefit_on": day(r.benefit_on),
        "ca125_response": m.response if m else None,
        "ca125_confirmed_on": day(m.confirmed_on) if m else None,
        "ca125_largest_fall_percent": m.largest_fall if m else None,
        "on_treatment": course.patient.off_treatment is None,
        "events": sorted({e.seq for e in (*r.sources, *(m.sources if m else ()))}),
    }


def _rate(counted: CitedRate) -> dict[str, Any]:
    rate = counted.rate
    return {
        "patients": counted.group,
        "endpoint": counted.endpoint,
        "denominator": rate.denominator,
        "count": rate.count,
        "of": rate.of,
        "rate": rate.value,
        "lower": rate.lower,
        "upper": rate.upper,
        "level": rate.level,
        "who": list(counted.patients),
        "events": list(counted.sources.numbers),
    }


def _cited(cited: Cited) -> dict[str, Any]:
    return {"text": cited.text, "events": list(cited.events), "mark": cited.mark}


def _table(table: CitedTable) -> dict[str, Any]:
    return {
        "title": table.title,
        "columns": list(table.columns),
        "rows": [[_cited(cell) for cell in row] for row in table.rows],
    }
