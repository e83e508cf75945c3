"""Tumour response: rates, each patient's best, and where it cannot be told."""

from __future__ import annotations

import numpy as np

from posology.conduct.patient_courses import BENEFIT_DAYS
from posology.endpoints.readings import disagreements
from posology.endpoints.recist import Response
from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.response_rates import CitedRate
from posology.readout.results.trial_results import TrialResults
from posology.record.facts import Screened, TumourAssessed


def response_rates(results: TrialResults) -> TableBody:
    """Tell how many responded, in all and by dose."""
    by_row: dict[tuple[str, str], list[CitedRate]] = {}
    for cited in results.rates:
        by_row.setdefault((cited.group, cited.rate.denominator), []).append(cited)
    rows = []
    for (group, denominator), cells in by_row.items():
        of = cells[0].sources
        rows.append((cite(group, of), cite(denominator, of), cite(cells[0].rate.of, of), *(c.cited for c in cells)))
    columns = (
        "Assigned",
        "Denominator",
        "N",
        "Objective response, confirmed",
        "Objective response, awaiting confirmation",
        "Objective response, with those awaiting",
        "Disease control",
        "Clinical benefit",
    )
    note = (
        "Patients / denominator = share (exact 95 % interval, Clopper and Pearson). RECIST 1.1, computed from the"
        " lesions. Those not evaluable or not assessed stay in the denominator as not responding; a denominator of"
        " nobody has no row. Disease control: a confirmed CR or PR, or SD (non-CR/non-PD) that reached the minimum; a"
        " response that awaits confirmation counts for what it is without it. Clinical benefit: a confirmed CR or PR,"
        f" or an assessment without progression at least {BENEFIT_DAYS // 7} weeks after the first dose."
    )
    return TableBody(columns, tuple(rows), note)


def responses(results: TrialResults) -> TableBody:
    """List the best overall responses, computed from the lesions."""
    rows = []
    for c in results.courses:
        r = c.response
        weeks = None if r.stable_days is None else f"{r.stable_days / 7:.1f}" + ("+" if r.stable_ongoing else "")
        change = None if r.best_change is None else f"{r.best_change:+.1f}"
        post = [e for s in c.scans for e in s.sources]
        marks = cite(r.text, r.sources or [c.patient.first_dose])
        rows.append(
            (
                Cited(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(c.tumour, [c.patient.last(Screened)], "tumour_type", "histology"),
                marks,
                cite(r.on, r.sources),
                cite(r.confirmed_on, r.sources),
                cite(r.progression, r.sources),
                cite(change, post),
                cite(weeks, [*r.sources, c.patient.first_dose] if weeks else ()),
            )
        )
    columns = (
        "Patient",
        "Assigned",
        "Tumour",
        "Best overall response",
        "First seen",
        "Confirmed",
        "Progression",
        "Best change (%)",
        "SD from first dose (weeks)",
    )
    note = (
        "RECIST 1.1, computed from the lesions. SD runs from the first dose to progression; + goes on at the last"
        " assessment."
    )
    return TableBody(columns, tuple(rows), note)


def not_evaluable(results: TrialResults) -> TableBody:
    """List the patients without a response, and why: by RECIST 1.1 and by CA-125."""
    rows = []
    for c in results.courses:
        marker = c.marker
        reasons = [("RECIST 1.1", c.response.why, [*(e for s in c.scans for e in s.sources)])] if c.response.why else []
        if marker is not None and marker.response in ("not evaluable", "not assessed"):
            reasons.append(("CA-125 (GCIG)", marker.why, list(marker.sources)))
        for criteria, why, sources in reasons:
            events = [*sources, c.patient.first_dose]
            rows.append(
                (Cited(c.id), cite(c.dose, [c.patient.enrolment], "level"), cite(criteria, events), cite(why, events))
            )
    columns = ("Patient", "Assigned", "Criteria", "Why")
    note = "A patient stays in the denominators of the rates as one who did not respond."
    return TableBody(columns, tuple(rows), note)


def reading_differences(results: TrialResults) -> TableBody:
    """List the assessments that the investigator read otherwise than follows from the lesions."""
    said = {
        (i, e.fact.assessment): e
        for i, c in enumerate(results.courses)
        for e in c.patient.of(TumourAssessed)
        if isinstance(e.fact, TumourAssessed)
    }
    scans = {(i, s.number): s for i, c in enumerate(results.courses) for s in c.assessed}
    columns = ("Patient", "Assigned", "Assessment", "Date", "From the lesions", "The investigator", "On progression")
    note = (
        "Assessments at which the investigator's reading differs from what follows from the lesions by RECIST 1.1;"
        " those that only one of the two has are not compared. The tables use the lesions."
    )
    if not said or not scans:
        return TableBody(columns, (), note)
    shape = (len(results.courses), 1 + max(k for _, k in (*said, *scans)))
    ours, theirs = np.full(shape, Response.ABSENT), np.full(shape, Response.ABSENT)
    days = np.zeros(shape, dtype=np.int64)
    for at, scan in scans.items():
        ours[at], days[at] = Response.read(scan.overall), scan.on.toordinal()
    for at, event in said.items():
        assert isinstance(event.fact, TumourAssessed)
        theirs[at] = Response.read(event.fact.overall)
    rows = []
    for d in disagreements(ours, theirs, days):
        c, scan, event = results.courses[d.patient], scans[d.patient, d.assessment], said[d.patient, d.assessment]
        both = [*scan.sources, event]
        rows.append(
            (
                Cited(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(d.assessment, both, "assessment"),
                cite(scan.on, scan.sources),
                cite(d.one.text, scan.sources),
                cite(d.other.text, [event], "overall"),
                cite(d.on_progression, both),
            )
        )
    return TableBody(columns, tuple(rows), note)
