"""The protocol in force, with all that is built from it: its design, its DLT definition."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np

from posology.designs import Design, Tally
from posology.endpoints.dlt import AdverseEvent, Answer, Definition, is_dlt
from posology.protocol.building import design, dlt_definition
from posology.protocol.model import Protocol
from posology.record.state import Patient, State, Toxicity


@dataclass(frozen=True)
class Plan:
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
        event = AdverseEvent(
            fact.term, fact.grade, fact.related, onset_day, patient.study_day(end.occurred) if end else None
        )
        answer, why = is_dlt(event, self.definition, day)
        return {Answer.YES: True, Answer.NO: False, Answer.NOT_YET: None}[answer], why


@lru_cache(maxsize=32)
def _plan(protocol: Protocol) -> Plan:
    built = design(protocol)
    first = built.decide(Tally.start(1, len(protocol.dose.levels)))
    return Plan(protocol, built, dlt_definition(protocol), int(np.asarray(first.more)[0]))


def plan_of(state: State, on: date | None = None) -> Plan:
    """Return the plan in force on a date."""
    return _plan(state.protocol(on))
