"""The tables of a readout, each declared once, in the order of the page: page, data and CSV walk this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from posology.readout.cited import CitedTable, TableBody
from posology.readout.results.times_to_event import ENDPOINTS
from posology.readout.results.trial_results import TrialResults
from posology.readout.tables import adverse_events, responses
from posology.readout.tables.decisions import decisions
from posology.readout.tables.dlts import dlts
from posology.readout.tables.dose_levels import patients_by_level
from posology.readout.tables.expression import expression
from posology.readout.tables.findings import findings
from posology.readout.tables.markers import markers
from posology.readout.tables.patients import patients
from posology.readout.tables.times_to_event import patient_times, times_to_event

__all__ = ["TABLES", "TableKind", "tables"]


@dataclass(frozen=True)
class TableKind:
    """A table that a readout may have: its file's name, its title, and the function that fills it."""

    name: str
    title: str
    fill: Callable[[TrialResults], TableBody]

    def of(self, results: TrialResults) -> CitedTable:
        """Return the table of a trial; without rows where there is nothing to show."""
        body = self.fill(results)
        return CitedTable(self.name, self.title, body.columns, body.rows, body.note)


TABLES = (
    TableKind("patients_by_level", "Patients by dose level", patients_by_level),
    TableKind("patients", "Patients", patients),
    TableKind("decisions", "Dose-escalation decisions", decisions),
    TableKind("dlts", "Dose-limiting toxicities", dlts),
    TableKind(
        "adverse_events_by_class",
        "Adverse events by class and term, any grade",
        partial(adverse_events.by_class, least=1),
    ),
    TableKind(
        "adverse_events_grade_3",
        "Adverse events by class and term, grade 3 and worse",
        partial(adverse_events.by_class, least=adverse_events.SEVERE),
    ),
    TableKind("adverse_events", "Adverse events by grade and dose", adverse_events.by_grade),
    TableKind("time_to_onset", "Adverse events: time to first onset and to resolution", adverse_events.time_to_onset),
    TableKind("onset_profile", "Adverse events: first onset by cycle", adverse_events.onset_profile),
    TableKind("onset_by_cycle", "Adverse events by cycle of onset", adverse_events.onset_by_cycle),
    TableKind("target_expression", "Target expression (IHC)", expression),
    TableKind("response_rates", "Response rates", responses.response_rates),
    TableKind("responses", "Response", responses.responses),
    TableKind("not_evaluable", "Responses not evaluable, and why", responses.not_evaluable),
    TableKind("ca125", "CA-125 response (GCIG)", markers),
    TableKind("reading_differences", "Investigator and lesions: where they differ", responses.reading_differences),
    TableKind("times_to_event", "Time to event", times_to_event),
    *(TableKind(e.name, e.title, partial(patient_times, name=e.name)) for e in ENDPOINTS),
    TableKind("findings", "Findings in the data", findings),
)


def tables(results: TrialResults) -> list[CitedTable]:
    """Return every table that has rows, in the order of the page."""
    filled = [kind.of(results) for kind in TABLES]
    return [table for table in filled if table.rows]
