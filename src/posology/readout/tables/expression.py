"""The target's expression."""

from __future__ import annotations

from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.trial_results import TrialResults
from posology.record.facts import Screened, TargetScored


def expression(results: TrialResults) -> TableBody:
    """List the target's expression."""
    rows = []
    for c in results.courses:
        event = c.patient.last(TargetScored)
        if event is None or not isinstance(event.fact, TargetScored):
            continue
        score = event.fact
        rows.append(
            (
                Cited(c.id),
                cite(c.tumour, [c.patient.last(Screened)], "tumour_type", "histology"),
                cite(score.intensity, [event], "intensity"),
                cite(score.percent_2plus, [event], "percent_2plus"),
                cite(score.pattern, [event], "pattern"),
                cite(score.assay, [event], "assay"),
            )
        )
    columns = ("Patient", "Tumour", "Intensity (0–3)", "% cells ≥ 2+", "Pattern", "Assay")
    return TableBody(columns, tuple(rows))
