"""What a trial amounts to at a data cutoff: computed once, read by every table, figure, sentence and claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from posology.conduct.advice import Advice, advise
from posology.conduct.patient_courses import PatientCourse, patient_courses
from posology.protocol.model import Protocol
from posology.readout.results.data_findings import CitedFinding, data_findings
from posology.readout.results.response_rates import CitedRate, response_rates
from posology.readout.results.times_to_event import TimeToEvent, times_to_event
from posology.readout.results.treatment_emergent import TreatmentEmergentEvents, treatment_emergent
from posology.record.snapshot import Snapshot
from posology.record.state import State

__all__ = ["TrialResults", "trial_results"]


@dataclass(frozen=True)
class TrialResults:
    """The results of a trial at a data cutoff; ``courses`` are those of the treated patients, in order of first
    dose."""

    snapshot: Snapshot
    protocol: Protocol
    advice: Advice
    courses: Sequence[PatientCourse]
    adverse_events: TreatmentEmergentEvents
    rates: Sequence[CitedRate]
    times: Sequence[TimeToEvent]
    findings: Sequence[CitedFinding]

    @property
    def cutoff(self) -> date:
        """The data cutoff."""
        return self.snapshot.cutoff

    @property
    def state(self) -> State:
        """What is known of all that occurred by the cutoff."""
        return self.snapshot.state


def trial_results(snapshot: Snapshot) -> TrialResults:
    """Return what a trial amounts to at a cutoff."""
    state, cutoff, protocol = snapshot.state, snapshot.cutoff, snapshot.protocol
    courses = patient_courses(state, cutoff)
    adverse_events = treatment_emergent(courses)
    return TrialResults(
        snapshot=snapshot,
        protocol=protocol,
        advice=advise(state, cutoff),
        courses=courses,
        adverse_events=adverse_events,
        rates=response_rates(courses),
        times=times_to_event(courses, protocol, cutoff),
        findings=data_findings(courses, adverse_events, cutoff),
    )
