"""What cannot be right in the data."""

from __future__ import annotations

from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.data_findings import CHECKED
from posology.readout.results.trial_results import TrialResults


def findings(results: TrialResults) -> TableBody:
    """List the findings."""
    rows: list[tuple[Cited, ...]] = []
    for cited in results.findings:
        finding = cited.finding
        values = (finding.patient, finding.on, cited.about, finding.field, finding.wrong, finding.right or None)
        rows.append(tuple(cite(value, cited.sources) for value in values))
    columns = ("Patient", "Date", "About", "Field", "What is wrong", "What would be right, or is done")
    return TableBody(columns, tuple(rows), f"Checked: {CHECKED}.")
