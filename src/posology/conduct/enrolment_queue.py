"""Who waits for a slot, in the order that the protocol states."""

from __future__ import annotations

from datetime import date

from posology.conduct.eligibility import Verdict, check, criteria
from posology.conduct.open_level import slot_of
from posology.protocol.model import Protocol
from posology.record.facts import CriterionAttested, PriorTherapy, Screened, TargetScored
from posology.record.state import Patient, State

SCREENING = (Screened, PriorTherapy, TargetScored, CriterionAttested)


def queue(state: State, protocol: Protocol, on: date) -> list[str]:
    """Return the patients who are eligible for dose finding and hold no slot, who has waited longest first.

    They wait from their consent, or from the day on which the last of the facts that make them eligible was known, as
    the protocol's ``enrolment.queue`` says; within a day, in the order of entry.
    """
    wanted = criteria(protocol)
    waiting = []
    for patient in state.patients.values():
        if patient.off_treatment or patient.fatal or not patient.consent or slot_of(state, patient, protocol, on):
            continue
        checked = check(patient, wanted, on=on, versions=state.trial.protocols)
        if all(c.verdict is Verdict.MET for c in checked):
            waiting.append(patient)
    waiting.sort(key=lambda patient: _since(state, protocol, patient))
    return [patient.id for patient in waiting]


def _since(state: State, protocol: Protocol, patient: Patient) -> tuple[date, int]:
    assert patient.consent is not None
    if protocol.enrolment.queue != "eligibility":
        return state.order(patient.consent)
    return max(state.order(e) for e in (patient.consent, *(e for kind in SCREENING for e in patient.of(kind))))
