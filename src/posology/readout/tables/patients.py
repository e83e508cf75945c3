"""Who was treated."""

from __future__ import annotations

from collections.abc import Sequence

from posology.conduct.overview import treatment
from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.trial_results import TrialResults
from posology.record.event import Event
from posology.record.facts import Dosed, PriorTherapy, Screened


def patients(results: TrialResults) -> TableBody:
    """List the patients."""
    rows = []
    for c in results.courses:
        p = c.patient
        screening, history, dose = p.last(Screened), p.last(PriorTherapy), p.treatments
        last = [e for e in dose if isinstance(e.fact, Dosed)][-1:]
        rows.append(
            (
                Cited(c.id),
                cite(c.tumour, [screening], "tumour_type", "histology"),
                cite(p.screening.sex if p.screening else None, [screening], "sex"),
                cite(p.screening.age if p.screening else None, [screening], "age"),
                cite(p.history.regimens if p.history else None, [history], "regimens"),
                cite(c.dose, [p.enrolment], "level"),
                cite(_level(last), last, "level"),
                cite(len(dose), dose),
                cite(dose[0].occurred, dose[:1]),
                cite(treatment(p), [p.off_treatment or dose[-1]]),
            )
        )
    columns = (
        "Patient",
        "Tumour",
        "Sex",
        "Age",
        "Prior regimens",
        "Assigned",
        "Last level",
        "Doses",
        "First dose",
        "Treatment",
    )
    return TableBody(columns, tuple(rows))


def _level(last: Sequence[Event]) -> int | None:
    return next((e.fact.level for e in last if isinstance(e.fact, Dosed)), None)
