"""Times to event: the medians, and each patient's time with its reason."""

from __future__ import annotations

from posology.readout.cited import Cited, Sources, TableBody, cite
from posology.readout.results.times_to_event import NO_LIMIT, NOT_REACHED
from posology.readout.results.trial_results import TrialResults
from posology.shared.dates import MONTH_DAYS


def times_to_event(results: TrialResults) -> TableBody:
    """Tell patients, events and the median of each time to event."""
    rows = []
    for e in results.times:
        sources = Sources([event for *_, events in e.times for event in events] or e.at_risk_first_doses)
        patients, events = (e.curve.patients, int(e.curve.events.sum())) if e.curve else (0, 0)
        medians: list[Cited] = []
        for scale in (1.0, MONTH_DAYS) if e.curve else ():
            m, form = e.curve.median, ".1f" if scale > 1 else "g"  # type: ignore[union-attr]
            low, high = (NO_LIMIT if x is None else f"{x / scale:{form}}" for x in (m.lower, m.upper))
            value = NOT_REACHED if m.value is None else f"{m.value / scale:{form}}"
            medians += [cite(value, sources), cite(low if low == high == NO_LIMIT else f"{low} to {high}", sources)]
        rows.append(
            (
                cite(e.title, sources),
                cite(patients, sources),
                cite(events, sources),
                cite(patients - events, sources),
                *(medians or [Cited(None)] * 4),
            )
        )
    columns = (
        "Endpoint",
        "Patients",
        "Events",
        "Censored",
        "Median (days)",
        "95 % interval (days)",
        "Median (months)",
        "95 % interval (months)",
    )
    note = (
        "Kaplan-Meier; interval of the median by Brookmeyer and Crowley on the log(-log) scale. Not reached: the curve"
        " stays above one half. Not estimable: the limit of the curve does, or there is none."
    )
    return TableBody(columns, tuple(rows), note)


def patient_times(results: TrialResults, name: str) -> TableBody:
    """List each patient's time of one endpoint: from, until, event or censored, and why."""
    endpoint = next((e for e in results.times if e.name == name), None)
    if endpoint is None:
        return TableBody((), ())
    rows = []
    for c, time, sources in endpoint.times:
        ends = [e for e in sources if e.occurred == time.date] or sources
        begin = [e for e in sources if e.occurred == time.start] or sources
        outcome = None if time.days is None else "event" if time.event else "censored"
        rows.append(
            (
                Cited(c.id),
                cite(c.dose, [c.patient.enrolment], "level"),
                cite(time.start, begin if time.start else ()),
                cite(time.date, ends if time.date else ()),
                cite(outcome, sources if outcome else ()),
                cite(time.days, sources if time.days else ()),
                cite(None if time.months is None else f"{time.months:.1f}", sources if time.days else ()),
                cite(time.reason, sources),
            )
        )
    columns = ("Patient", "Assigned", "From", "Until", "Event or censored", "Days", "Months", "Reason")
    note = f"{endpoint.note} Both days are counted. A month is {MONTH_DAYS:g} days."
    return TableBody(columns, tuple(rows), note)
