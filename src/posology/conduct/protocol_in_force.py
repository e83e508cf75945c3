"""The protocol in force, with all that is built from it: its design, its DLT definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from posology.designs import Design, Tally
from posology.endpoints.dlt import AdverseEvent, Definition, TriState, delay_is_dlt, is_dlt
from posology.protocol.build import design_from_protocol, dlt_definition
from posology.protocol.model import Protocol
from posology.record.facts import Dosed
from posology.record.state import Patient, State, Toxicity


@dataclass(frozen=True)
class ConductPlan:
    """A version of the protocol, ready to work with."""

    protocol: Protocol
    design: Design
    definition: Definition
    first_cohort: int

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return len(self.protocol.dose.levels)

    def meets_definition(self, patient: Patient, toxicity: Toxicity, on: date) -> tuple[bool | None, str]:
        """Say whether a toxicity meets the protocol's definition of a DLT on a day (None: not known yet), and why."""
        onset, end = toxicity.event.occurred, toxicity.resolved
        onset_day, day = patient.study_day(onset), patient.study_day(on)
        if onset_day is None or day is None:
            return False, "before the first dose"
        fact = toxicity.fact
        last = patient.study_day(end.occurred) if end else None
        event = AdverseEvent(fact.term, fact.grade, fact.related, onset_day, last, treated=fact.treated)
        answer, why = is_dlt(event, self.definition, day)
        if answer is not TriState.YES and self._holds_back(event):
            late, reason = self._delayed(patient, day)
            if late is not TriState.NO:
                answer, why = late, reason
        return {TriState.YES: True, TriState.NO: False, TriState.NOT_YET: None}[answer], why

    def _holds_back(self, event: AdverseEvent) -> bool:
        """Whether a related toxicity of the window was still there when the second cycle was due."""
        due = self.protocol.schedule.cycle_days + 1
        within = 1 <= event.onset_day <= self.definition.window_days
        return event.related is True and within and (event.end_day is None or event.end_day >= due)

    def _delayed(self, patient: Patient, day: int) -> tuple[TriState, str]:
        """Say whether the second cycle is delayed so long that it is a DLT; nobody waits for one who left treatment."""
        due = self.protocol.schedule.cycle_days + 1
        days = {
            e.fact.cycle: patient.study_day(e.occurred) for e in reversed(patient.doses) if isinstance(e.fact, Dosed)
        }
        left = patient.off_treatment
        last = patient.study_day(left.occurred) if left else None
        until = day if last is None else min(day, last)
        if until < due:
            return TriState.NO, "the second cycle is not due"
        answer, why = delay_is_dlt(self.definition, due, days.get(2), until)
        return (TriState.NO, why) if answer is TriState.NOT_YET and last is not None else (answer, why)


@lru_cache(maxsize=32)
def _plan(protocol: Protocol) -> ConductPlan:
    built = design_from_protocol(protocol)
    first = built.decide(Tally.start(1, len(protocol.dose.levels)))
    return ConductPlan(protocol, built, dlt_definition(protocol), int(np.asarray(first.patients_to_treat)[0]))


def plan_in_force(state: State, on: date | None = None) -> ConductPlan:
    """Return the plan in force on a date."""
    return _plan(state.protocol(on))
