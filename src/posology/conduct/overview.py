"""Who is at which dose, who had a DLT, who is still on treatment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from posology.conduct.dlt_status import dlt_statuses
from posology.conduct.protocol_in_force import plan_in_force
from posology.record.collected import DispositionEvent
from posology.record.facts import Discontinued, Dosed
from posology.record.state import Patient, State

NOT_TREATED = ("SCREEN FAILURE", "NO PLACE")
"""Terms of disposition of those who were screened and went away."""


@dataclass(frozen=True)
class PatientOverview:
    """One patient at a glance: the dose assigned (in an expansion ``cohort``: that of the first dose), and the current
    one."""

    patient: str
    tumour: str
    cohort: str
    assigned: str
    current: str
    first_dose: date | None
    doses: int
    window: str
    treatment: str


def overview(state: State, on: date) -> list[PatientOverview]:
    """Return one row a patient, in the order they came."""
    plan = plan_in_force(state, on)
    standing = {
        s.patient: f"{s.outcome}: {s.why}" if s.outcome != "no DLT" else "no DLT" for s in dlt_statuses(state, plan, on)
    }

    def dose(level: int | None) -> str:
        return plan.protocol.dose.dose_label(level) if level else ""

    rows = []
    for patient in state.patients.values():
        first = next((t.fact.level for t in patient.treatments if isinstance(t.fact, Dosed)), None)
        rows.append(
            PatientOverview(
                patient=patient.id,
                tumour=patient.screening.tumour_type if patient.screening else "",
                cohort=patient.cohort or "",
                assigned=dose(patient.assigned_level or first),
                current=dose(patient.current_level),
                first_dose=patient.first_dose.occurred if patient.first_dose else None,
                doses=len(patient.treatments),
                window=standing.get(patient.id, ""),
                treatment=treatment(patient),
            )
        )
    return rows


def treatment(patient: Patient) -> str:
    """Say where a patient's treatment stands."""
    end = patient.off_treatment
    if end:
        why = end.fact.why if isinstance(end.fact, Discontinued) else "death"
        return f"ended {end.occurred}: {why}"
    if patient.first_dose:
        return "on treatment"
    if patient.enrolment:
        return "enrolled"
    for event in patient.of(DispositionEvent):
        if isinstance(event.fact, DispositionEvent) and event.fact.standard_term in NOT_TREATED:
            return f"{event.fact.standard_term.lower()} {event.occurred}"
    return "slot reserved" if patient.reservation else "screening"
