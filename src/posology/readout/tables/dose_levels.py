"""Patients by dose level."""

from __future__ import annotations

from collections import Counter

from posology.conduct.advice import Count
from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.trial_results import TrialResults
from posology.record.event import Event
from posology.record.state import State


def patients_by_level(results: TrialResults) -> TableBody:
    """Count patients by dose level."""
    rows = []
    for c in results.advice.counts:
        enrolled = [results.state.patients[p].enrolment for p in c.patients]
        on = [results.state.patients[p] for p in c.patients]
        treated = cite(c.treated, [*enrolled, *(p.first_dose for p in on)], "level")
        evaluable = cite(c.evaluable, c.sources)
        still = [p for p in on if p.off_treatment is None]
        rows.append(
            (
                Cited(c.level),
                Cited(c.dose),
                treated,
                evaluable,
                cite(c.dlt, _dlt_events(results.state, c) or c.sources, "dlt", "level"),
                cite(c.pending, c.sources),
                cite(c.not_evaluable, c.sources),
                cite(len(still), [p.first_dose for p in on] + [p.off_treatment for p in on]),
            )
        )
    columns = ("Level", "Dose", "Treated", "DLT-evaluable", "DLT", "Inside the window", "Not evaluable", "On treatment")
    note = "Patients count at the level assigned, whatever level they got later."
    beside = Counter(p.cohort for p in results.state.patients.values() if p.cohort and p.first_dose)
    if beside:
        note += (
            " Treated in expansion cohorts, and not counted here:"
            f" {', '.join(f'{n} in {cohort}' for cohort, n in beside.items())}."
        )
    return TableBody(columns, tuple(rows), note)


def _dlt_events(state: State, count: Count) -> list[Event]:
    found = [t for p in count.patients for t in state.patients[p].toxicities if t.is_dlt]
    return [event for toxicity in found for event in toxicity.sources]
