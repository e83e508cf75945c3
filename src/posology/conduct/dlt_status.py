"""Where each patient of the dose finding stands on a day: DLT, no DLT, pending, or not evaluable, and why."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from posology.conduct.protocol_in_force import ConductPlan, reopened
from posology.endpoints.dlt import TriState, evaluable
from posology.record.binding import Toxicity
from posology.record.event import Event
from posology.record.facts import Dosed
from posology.record.state import Patient, State

Outcome = Literal["DLT", "moderate", "no DLT", "pending", "awaiting judgement", "not evaluable"]
UNDECIDED = ("pending", "awaiting judgement")
"""Of a patient inside the window, or with an event that may be a DLT and is not judged as it stands, nothing is
counted."""


@dataclass(frozen=True)
class DltStatus:
    """Where one patient stands.

    ``until`` is the last day of a pending patient's window, where a day ends the waiting; ``sources`` the first dose
    and the events behind the outcome; ``worst_grade`` that of a related event in the window, 0 for none.
    """

    patient: str
    level: int
    outcome: Outcome
    why: str
    until: date | None
    sources: tuple[Event, ...]
    worst_grade: int = 0

    @property
    def first_dose(self) -> date:
        """The day of the first dose."""
        return self.sources[0].occurred

    def __str__(self) -> str:
        return f"{self.patient} {self.why}"


def dlt_statuses(state: State, plan: ConductPlan, on: date) -> tuple[DltStatus, ...]:
    """Return where every treated patient of the dose finding stands, in order of first dose.

    A patient counts at the level assigned, whatever level is given later.
    """
    treated = [p for p in state.patients.values() if p.assigned_level is not None and p.first_dose is not None]
    treated.sort(key=lambda p: (p.first_dose.occurred, p.first_dose.seq))  # type: ignore[union-attr]
    return tuple(_remembered(state, p, plan, on) for p in treated)


def _remembered(state: State, patient: Patient, plan: ConductPlan, on: date) -> DltStatus:
    """Return where a patient stands, remembered once nothing can change it but a new event."""
    memory = vars(patient).setdefault("_dlt_status", {})
    known: tuple[ConductPlan, date, DltStatus] | None = memory.get("last")
    if known is not None and known[0] is plan and known[1] <= on:
        return known[2]
    status = _dlt_status(state, patient, plan, on)
    if status.outcome not in UNDECIDED and not patient.toxicities:
        memory["last"] = (plan, on, status)
    return status


def _dlt_status(state: State, patient: Patient, plan: ConductPlan, on: date) -> DltStatus:
    first, level, definition = patient.first_dose, patient.assigned_level, plan.definition
    assert first is not None and level is not None
    last_day = first.occurred + timedelta(days=definition.window_days - 1)

    def stands(outcome: Outcome, why: str, until: date | None = None, *sources: Event | None) -> DltStatus:
        behind = tuple(e for e in (first, *sources) if e is not None)
        return DltStatus(patient.id, level, outcome, why, until, behind, worst)

    related = [t.fact.grade for t in patient.toxicities if t.fact.related and plan.in_window(patient, t)]
    worst = max(related, default=0)

    open_again = {t.fact.ae: reopened(state, patient, t, on) for t in patient.toxicities}
    judged = [t for t in patient.toxicities if t.is_dlt and t.event.occurred <= last_day and not open_again[t.fact.ae]]
    if judged:
        return stands(
            "DLT", f"had a DLT on {judged[0].event.occurred}: {judged[0].fact.term}", None, *judged[0].sources
        )
    for toxicity in patient.toxicities:
        changed = open_again[toxicity.fact.ae]
        if changed or toxicity.is_dlt is None:
            may_be = bool(toxicity.outdated and toxicity.outdated[0].fact.dlt) or plan.in_window(patient, toxicity)  # type: ignore[attr-defined]
            meets, why = (None, changed) if changed and may_be else plan.meets_definition(patient, toxicity, on)
            if meets is not False:
                number = f"adverse event {toxicity.fact.ae}, {toxicity.fact.term} grade {toxicity.fact.grade}"
                return stands(
                    "awaiting judgement", f"waits for the judgement of {number} ({why})", None, toxicity.event
                )
    end = patient.off_treatment
    day = patient.study_day(on) or 0
    within = [e for e in patient.doses if e.occurred <= last_day]
    answer, why = evaluable(
        definition, day, False, [_percent(e, plan) for e in within], patient.study_day(end.occurred) if end else None
    )
    if answer is TriState.NOT_YET:
        return stands("pending", f"is on {why}, until {last_day}", last_day)
    if answer is TriState.NO:
        return stands("not evaluable", why, None, end, *within)
    moderate = _moderate(patient, plan, last_day)
    if moderate:
        return stands("moderate", f"no DLT; {moderate.fact.term} grade {moderate.fact.grade}", None, moderate.event)
    return stands("no DLT", why)


def _percent(event: Event, plan: ConductPlan) -> float:
    """Return the share of the planned dose that was given [%]: all of it, if it is within the protocol's tolerance."""
    assert isinstance(event.fact, Dosed)
    dosed = event.fact
    if not dosed.planned_mg:
        return 0.0
    percent = 100 * dosed.actual_mg / dosed.planned_mg
    return 100.0 if abs(percent - 100) <= plan.protocol.dose.tolerance_percent + 1e-9 else percent


def _moderate(patient: Patient, plan: ConductPlan, last_day: date) -> Toxicity | None:
    """Return the toxicity that would end a titration: related, of its grade, within the window."""
    if plan.protocol.titration is None:
        return None
    grade = plan.protocol.titration.ends_on_grade
    for toxicity in patient.toxicities:
        if toxicity.fact.related and toxicity.fact.grade >= grade and toxicity.event.occurred <= last_day:
            return toxicity
    return None
