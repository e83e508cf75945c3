"""The dose-limiting toxicities."""

from __future__ import annotations

from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.treatment_emergent import outcome
from posology.readout.results.trial_results import TrialResults
from posology.record.binding import Toxicity


def dlts(results: TrialResults) -> TableBody:
    """List the dose-limiting toxicities."""
    rows = []
    for c in results.courses:
        for t in c.patient.toxicities:
            if not t.is_dlt:
                continue
            rows.append(
                (
                    Cited(c.id),
                    cite(c.dose, [c.patient.enrolment], "level"),
                    cite(t.fact.term, [t.event], "term"),
                    cite(t.fact.grade, [t.event], "grade"),
                    cite(c.patient.study_day(t.event.occurred), [t.event], "occurred"),
                    cite(outcome(t), [t.resolved or t.event], "outcome"),
                    cite(_judgement(t), [t.adjudicated], "dlt"),
                )
            )
    columns = ("Patient", "Assigned", "Term", "Grade", "Study day", "Outcome", "Judged")
    note = f"Window: days 1 to {results.protocol.dlt.window_days}."
    return TableBody(columns, tuple(rows), note)


def _judgement(toxicity: Toxicity) -> str:
    judged = toxicity.adjudicated
    return f"{judged.fact.why} ({judged.occurred})" if judged else ""  # type: ignore[attr-defined]
