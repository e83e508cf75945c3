"""Adverse events: by class and term, by grade and dose, when they first come, and what comes late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from posology.conduct.patient_courses import PatientCourse, doses_assigned, first_doses
from posology.endpoints import toxicity
from posology.readout.cited import Cited, Sources, TableBody, cite
from posology.readout.results.treatment_emergent import TreatmentEmergentEvents
from posology.readout.results.trial_results import TrialResults
from posology.record.binding import Toxicity
from posology.record.event import Event
from posology.record.facts import Dosed
from posology.shared.arrays import Bools, Floats

__all__ = ["SEVERE", "by_class", "by_grade", "cycle_starts", "onset_by_cycle", "onset_profile", "time_to_onset"]

SEVERE = 3
"""The grade from which an event is severe."""


def by_class(results: TrialResults, least: int = 1) -> TableBody:
    """Count patients by system organ class, term and dose assigned, with an event of a grade and worse, each patient
    once.

    Parameters
    ----------
    results
        of the trial.
    least
        the lowest grade counted.
    """
    courses, ae = results.courses, results.adverse_events
    doses = doses_assigned(courses)
    group = np.array([doses.index(c.dose) for c in courses], dtype=np.int64)
    everyone = np.ones(len(courses), dtype=bool)
    inside = [everyone, *(group == k for k in range(len(doses)))]
    treated = [Sources(first_doses(_of(courses, who))) for who in inside]
    events = ae.events.only(ae.events.grade >= least)
    rows = []
    for row in toxicity.table(events, group, len(doses)) if len(events.term) else ():
        counts = [(sum(row.any_grade), everyone, least, treated[0])]
        if least < SEVERE:
            counts.append((sum(row.grade_3_or_more), everyone, SEVERE, treated[0]))
        counts += [(n, who, least, of) for n, who, of in zip(row.any_grade, inside[1:], treated[1:], strict=True)]
        cells = []
        for n, who, grade, of in counts:
            counted = ae.select(row.organ_class, row.term, who, grade)
            cells.append(cite(n, counted or of, "grade", "term"))
        named = Sources(ae.select(row.organ_class, row.term, grade=least))
        rows.append(
            (
                cite(row.organ_class or "all classes", named, "system_organ_class"),
                cite(row.term or "all terms", named, "term"),
                cite(row.events, named, "term"),
                *cells,
            )
        )
    heads = [f"{name} (N = {int(who.sum())})" for name, who in zip(("All", *doses), inside, strict=True)]
    if least < SEVERE:
        heads[1:1] = [f"All, grade ≥ {SEVERE}"]
    note = (
        "Patients with an event that began on or after the first dose, at the dose assigned, each once at the highest "
        "grade (CTCAE). “Events” counts events, not patients. 0 leads to the first doses of those it is taken over."
    )
    return TableBody(("System organ class", "Term", "Events", *heads), tuple(rows), note)


def by_grade(results: TrialResults) -> TableBody:
    """Count patients by term, dose assigned and worst grade: a patient once a term, at the worst grade."""
    worst: dict[tuple[str, str], dict[str, Toxicity]] = defaultdict(dict)
    for c, t in _emergent(results):
        at = worst[t.fact.term, c.dose]
        if c.id not in at or t.fact.grade > at[c.id].fact.grade:
            at[c.id] = t
    order = {dose: k for k, dose in enumerate(doses_assigned(results.courses))}
    rows = []
    for (term, dose), at in sorted(worst.items(), key=lambda item: (item[0][0], order[item[0][1]])):
        grades = [[t.event for t in at.values() if t.fact.grade == grade] for grade in range(1, 6)]
        related = [t.event for t in at.values() if t.fact.related]
        total = Sources(t.event for t in at.values())
        rows.append(
            (
                cite(term, total, "term"),
                Cited(dose),
                *(cite(len(g), g or total, "grade") for g in grades),
                cite(len(at), total, "term"),
                cite(len(related), related or total, "related"),
            )
        )
    columns = ("Term", "Dose assigned", "Grade 1", "Grade 2", "Grade 3", "Grade 4", "Grade 5", "Any grade", "Related")
    note = "Patients with an event on or after the first dose, once a term, at the worst grade (CTCAE)."
    return TableBody(columns, tuple(rows), note)


def time_to_onset(results: TrialResults) -> TableBody:
    """Tell when events of each system organ class first came, and how long until they were gone."""
    courses, ae = results.courses, results.adverse_events
    treated = Sources(first_doses(courses))
    rows = []
    for name in _classes(ae):
        durations = toxicity.event_durations(_of_class(ae, name), len(courses))
        had = durations.onset != toxicity.NEVER
        days, gone = durations.onset[had], durations.days[~np.isnan(durations.days)]
        events = ae.select(name)
        numbers, named = {e.seq for e in events}, Sources(events)
        ends = Sources([*events, *(t.resolved for t in ae.sources if t.event.seq in numbers and t.resolved)])
        rows.append(
            (
                cite(name, named, "system_organ_class"),
                cite(f"{int(had.sum())} of {len(courses)}", [named, treated]),
                cite(_spread(days), [named, *first_doses(_of(courses, had))]),
                cite(f"{len(gone)} of {int(had.sum())}", ends),
                cite(_spread(gone), ends if len(gone) else ()),
            )
        )
    columns = (
        "System organ class",
        "Patients with an event",
        "Study day of first onset, median (range)",
        "Resolved",
        "Days to resolution, median (range)",
    )
    note = (
        "Each patient's first event of the class, with those that overlap it, until all had ended; onset and end are"
        " both counted. Study day 1 is the first dose. Events that had not ended are left out of the days to"
        " resolution."
    )
    return TableBody(columns, tuple(rows), note)


def onset_profile(results: TrialResults) -> TableBody:
    """Tell in which cycle the first event of each system organ class came, among those still without one."""
    courses, ae = results.courses, results.adverse_events
    starts, doses, treated = cycle_starts(courses), _doses_by_cycle(courses), Sources(first_doses(courses))
    rows = []
    for name in _classes(ae):
        mine = _of_class(ae, name)
        profile = toxicity.late_onset(mine, starts)
        first = toxicity.event_durations(mine, len(courses)).onset
        had = first != toxicity.NEVER
        cycle = toxicity.cycle_of(np.where(had, first, 1), np.arange(len(courses)), starts)
        named = Sources(ae.select(name))
        so_far: list[Sources] = []
        for k in range(starts.shape[1]):
            at_risk = ~np.isnan(starts[:, k]) & ~(had & (cycle <= k))
            dosed = Sources(event for i in np.flatnonzero(at_risk).tolist() for event in doses[i][k])
            struck = Sources(ae.select(name, patients=had & (cycle == k + 1)))
            so_far.append(struck)
            share = None if np.isnan(profile.hazard[k]) else f"{100 * profile.hazard[k]:.1f}"
            who = dosed if dosed.numbers else named
            rows.append(
                (
                    cite(name, named, "system_organ_class"),
                    cite(k + 1, who, "cycle"),
                    cite(int(profile.at_risk[k]), who),
                    cite(int(profile.first[k]), struck if struck.numbers else who),
                    cite(share, [struck, dosed] if share else ()),
                    cite(f"{100 * profile.cumulative[k]:.1f}", [*so_far, treated]),
                )
            )
    columns = (
        "System organ class",
        "Cycle",
        "At risk",
        "First event",
        "First event / at risk (%)",
        "Cumulative, of all treated (%)",
    )
    note = (
        "Cycles as given. At risk: patients who began the cycle without an event of the class so far. The cumulative"
        " share is a count, not an estimate: patients who left early are in it. The DLT window is"
        f" {results.protocol.dlt.window_days} days."
    )
    return TableBody(columns, tuple(rows), note)


def onset_by_cycle(results: TrialResults) -> TableBody:
    """Count events by cycle of onset: what the DLT window saw, and what came after it."""
    ae = results.adverse_events
    cycles = toxicity.cycle_of(ae.events.onset, ae.events.patient, cycle_starts(results.courses))
    onsets: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for t, cycle in zip(ae.sources, cycles.tolist(), strict=True):
        onsets[t.fact.term][str(cycle) if cycle <= 3 else "4+"].append(t.event)
    names = ("1", "2", "3", "4+")
    rows = []
    for term, at in sorted(onsets.items()):
        named = Sources(event for events in at.values() for event in events)
        rows.append((cite(term, named, "term"), *(cite(len(at[name]), at[name] or named) for name in names)))
    columns = ("Term", *(f"Onset in cycle {name}" for name in names))
    note = (
        "Cycles as given, the first from the first dose; an event after the last cycle counts in the last. The DLT"
        f" window is {results.protocol.dlt.window_days} days."
    )
    return TableBody(columns, tuple(rows), note)


def cycle_starts(courses: Sequence[PatientCourse]) -> Floats:
    """Return the study day on which each patient's cycles began: (patients, cycles), NaN for those not given."""
    doses = _doses_by_cycle(courses)
    starts = np.full((len(courses), max([1, *map(len, doses)])), np.nan)
    for i, (c, cycles) in enumerate(zip(courses, doses, strict=True)):
        for k, given in enumerate(cycles):
            starts[i, k] = c.patient.study_day(given[0].occurred) or 1
    return starts


def _doses_by_cycle(courses: Sequence[PatientCourse]) -> list[list[list[Event]]]:
    """Return each patient's doses, cycle by cycle as given."""
    by_patient = []
    for c in courses:
        cycles: dict[int, list[Event]] = defaultdict(list)
        for e in c.patient.doses:
            if isinstance(e.fact, Dosed):
                cycles[e.fact.cycle].append(e)
        by_patient.append([cycles[number] for number in sorted(cycles)])
    return by_patient


def _emergent(results: TrialResults) -> list[tuple[PatientCourse, Toxicity]]:
    """Return the treatment-emergent events, each with its patient."""
    ae = results.adverse_events
    return [(results.courses[i], t) for i, t in zip(ae.events.patient.tolist(), ae.sources, strict=True)]


def _of(courses: Sequence[PatientCourse], who: Bools) -> list[PatientCourse]:
    return [courses[i] for i in np.flatnonzero(who).tolist()]


def _classes(ae: TreatmentEmergentEvents) -> list[str]:
    return sorted(set(ae.events.organ_class))


def _of_class(ae: TreatmentEmergentEvents, name: str) -> toxicity.Events:
    return ae.events.only(np.array([c == name for c in ae.events.organ_class], dtype=bool))


def _spread(days: Floats) -> str | None:
    return f"{np.median(days):g} ({days.min():g}–{days.max():g})" if len(days) else None
