"""CA-125 responses."""

from __future__ import annotations

from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.trial_results import TrialResults


def markers(results: TrialResults) -> TableBody:
    """List the CA-125 responses, computed from the samples."""
    rows = []
    for c in results.courses:
        m = c.marker
        if m is None:
            continue
        fall = None if m.largest_fall is None else f"{m.largest_fall:.0f}" if m.largest_fall > 0 else "no fall"
        rows.append(
            (
                Cited(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(len(m.samples), m.sources),
                cite(m.response, m.sources),
                cite(m.on, m.sources),
                cite(m.confirmed_on, m.sources),
                cite(fall, m.sources),
                cite(m.why, m.sources),
            )
        )
    columns = (
        "Patient",
        "Assigned",
        "Samples",
        "CA-125 response",
        "Response from",
        "Confirmed",
        "Largest fall (%)",
        "Why",
    )
    return TableBody(columns, tuple(rows), "Computed from the samples by the GCIG criteria.")
