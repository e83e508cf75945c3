"""Adverse events: by class and term, by grade and dose, when they first come, and what comes late."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from posology.endpoints import toxicity
from posology.readout.cited import Cited, TableBody, cite
from posology.readout.results.patient_courses import PatientCourse, doses_assigned, first_doses
from posology.readout.results.treatment_emergent import TreatmentEmergentEvents
from posology.readout.results.trial_results import TrialResults
from posology.record.event import Event
from posology.record.facts import Dosed
from posology.record.state import Toxicity

SEVERE = 3


def by_class(results: TrialResults, least: int = 1) -> TableBody:
    """Count patients by system organ class, term and dose assigned, with an event of a grade and worse, each patient once."""
    courses, ae = results.courses, results.adverse_events
    groups = doses_assigned(courses)
    group = np.array([groups.index(c.dose) for c in courses], dtype=np.int64)
    everyone = set(range(len(courses)))
    inside = [everyone, *({i for i, c in enumerate(courses) if c.dose == dose} for dose in groups)]
    treated = [first_doses([courses[i] for i in sorted(who)]) for who in inside]
    events = ae.events.only(ae.events.grade >= least)
    rows = []
    for row in toxicity.table(events, group, len(groups)) if len(events.term) else ():
        named = ae.of(row.organ_class, row.term, grade=least)
        counts = [(sum(row.any_grade), everyone, least, treated[0])]
        if least < SEVERE:
            counts.append((sum(row.grade_3_or_more), everyone, SEVERE, treated[0]))
        counts += [(n, who, least, of) for n, who, of in zip(row.any_grade, inside[1:], treated[1:], strict=True)]
        cells = [
            cite(n, ae.of(row.organ_class, row.term, who, grade) or of, "grade", "term") for n, who, grade, of in counts
        ]
        rows.append(
            (
                cite(row.organ_class or "all classes", named, "system_organ_class"),
                cite(row.term or "all terms", named, "term"),
                cite(row.events, named, "term"),
                *cells,
            )
        )
    heads = [f"{name} (N = {len(who)})" for name, who in zip(("All", *groups), inside, strict=True)]
    if least < SEVERE:
        heads[1:1] = [f"All, grade ≥ {SEVERE}"]
    note = (
        "Patients with an event that began on or after the first dose, at the dose assigned, each once at the highest grade (CTCAE). "
        "“Events” counts events, not patients. 0 leads to the first doses of those it is taken over."
    )
    return TableBody(("System organ class", "Term", "Events", *heads), tuple(rows), note)


def by_grade(results: TrialResults) -> TableBody:
    """Count patients by term, dose assigned and worst grade: a patient once a term, at the worst grade."""
    worst: dict[tuple[str, str], dict[str, Toxicity]] = defaultdict(dict)
    for c in results.courses:
        for t in c.patient.toxicities:
            first = c.patient.first_dose
            if first is None or t.event.occurred < first.occurred:
                continue
            at = worst[t.fact.term, c.dose]
            if c.id not in at or t.fact.grade > at[c.id].fact.grade:
                at[c.id] = t
    order = {c.dose: c.level or 99 for c in results.courses}
    rows = []
    for (term, dose), at in sorted(worst.items(), key=lambda item: (item[0][0], order[item[0][1]])):
        grades = [[t.event for t in at.values() if t.fact.grade == grade] for grade in range(1, 6)]
        related = [t.event for t in at.values() if t.fact.related]
        total = [t.event for t in at.values()]
        rows.append(
            (
                cite(term, total, "term"),
                Cited(dose),
                *(cite(len(g), g or total, "grade") for g in grades),
                cite(len(total), total, "term"),
                cite(len(related), related or total, "related"),
            )
        )
    columns = ("Term", "Dose assigned", "Grade 1", "Grade 2", "Grade 3", "Grade 4", "Grade 5", "Any grade", "Related")
    note = "Patients with an event on or after the first dose, once a term, at the worst grade (CTCAE)."
    return TableBody(columns, tuple(rows), note)


def time_to_onset(results: TrialResults) -> TableBody:
    """Tell when events of each system organ class first came, and how long until they were gone."""
    courses, ae = results.courses, results.adverse_events
    rows = []
    for name in _classes(ae):
        mine, events = _mine(ae, name)
        found = toxicity.event_durations(mine, len(courses))
        had = found.onset != toxicity.NEVER
        days, gone = found.onset[had], found.days[~np.isnan(found.days)]
        numbers = {e.seq for e in events}
        ends = [*events, *(t.resolved for t in ae.sources if t.event.seq in numbers and t.resolved)]
        rows.append(
            (
                cite(name, events, "system_organ_class"),
                cite(f"{int(had.sum())} of {len(courses)}", [*events, *first_doses(courses)]),
                cite(_spread(days), [*events, *(first_doses([c for c, h in zip(courses, had, strict=True) if h]))]),
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
        "Each patient's first event of the class, with those that overlap it, until all had ended; onset and end are both counted. "
        "Study day 1 is the first dose. Events that had not ended are left out of the days to resolution."
    )
    return TableBody(columns, tuple(rows), note)


def onset_profile(results: TrialResults) -> TableBody:
    """Tell in which cycle the first event of each system organ class came, among those still without one."""
    courses, ae = results.courses, results.adverse_events
    starts = cycle_starts(courses)
    rows = []
    for name in _classes(ae):
        mine, _ = _mine(ae, name)
        found = toxicity.late_onset(mine, starts)
        first = toxicity.event_durations(mine, len(courses)).onset
        had = first != toxicity.NEVER
        cycle = toxicity.cycle_of(np.where(had, first, 1), np.arange(len(courses)), starts)
        for k in range(starts.shape[1]):
            begun = [i for i in range(len(courses)) if not np.isnan(starts[i, k]) and not (had[i] and cycle[i] <= k)]
            dosed = [e for i in begun for e in _cycle(courses[i], k + 1)]
            now = [i for i in range(len(courses)) if had[i] and cycle[i] == k + 1]
            events = ae.of(name, patients=set(now))
            share = None if np.isnan(found.hazard[k]) else f"{100 * found.hazard[k]:.1f}"
            so_far = ae.of(name, patients={i for i in range(len(courses)) if had[i] and cycle[i] <= k + 1})
            rows.append(
                (
                    cite(name, ae.of(name), "system_organ_class"),
                    cite(k + 1, dosed or ae.of(name), "cycle"),
                    cite(int(found.at_risk[k]), dosed or ae.of(name)),
                    cite(int(found.first[k]), events or dosed or ae.of(name)),
                    cite(share, [*events, *dosed] if share else ()),
                    cite(f"{100 * found.cumulative[k]:.1f}", [*so_far, *first_doses(courses)]),
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
        "Cycles as given. At risk: patients who began the cycle without an event of the class so far. The cumulative share is a count, not an "
        f"estimate: patients who left early are in it. The DLT window is {results.protocol.dlt.window_days} days."
    )
    return TableBody(columns, tuple(rows), note)


def onset_by_cycle(results: TrialResults) -> TableBody:
    """Count events by cycle of onset: what the DLT window saw, and what came after it."""
    starts = cycle_starts(results.courses)
    onsets: dict[str, dict[str, list[Event]]] = defaultdict(lambda: defaultdict(list))
    for i, c in enumerate(results.courses):
        for t in c.patient.toxicities:
            day = c.patient.study_day(t.event.occurred)
            if day is None or day < 1:
                continue
            number = int(toxicity.cycle_of([day], [i], starts)[0])
            onsets[t.fact.term][str(number) if number <= 3 else "4+"].append(t.event)
    names = ("1", "2", "3", "4+")
    rows = tuple(
        (
            cite(term, [e for es in at.values() for e in es], "term"),
            *(cite(len(at[name]), at[name] or [e for es in at.values() for e in es]) for name in names),
        )
        for term, at in sorted(onsets.items())
    )
    columns = ("Term", *(f"Onset in cycle {name}" for name in names))
    note = f"Cycles as given. The DLT window is {results.protocol.dlt.window_days} days."
    return TableBody(columns, rows, note)


def cycle_starts(courses: Sequence[PatientCourse]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the study day on which each patient's cycles began: (patients, cycles), NaN for those not given."""
    most = max([1, *(len({e.fact.cycle for e in c.patient.doses if isinstance(e.fact, Dosed)}) for c in courses)])
    starts = np.full((len(courses), most), np.nan)
    for i, c in enumerate(courses):
        days: dict[int, int] = {}
        for e in c.patient.doses:
            if isinstance(e.fact, Dosed):
                days.setdefault(e.fact.cycle, c.patient.study_day(e.occurred) or 1)
        for k, cycle in enumerate(sorted(days)):
            starts[i, k] = days[cycle]
    return starts


def _cycle(course: PatientCourse, number: int) -> list[Event]:
    """Return the doses of a patient's so-many-th cycle."""
    given = [(e, e.fact) for e in course.patient.doses if isinstance(e.fact, Dosed)]
    cycles = sorted({fact.cycle for _, fact in given})
    return [e for e, fact in given if number <= len(cycles) and fact.cycle == cycles[number - 1]]


def _classes(ae: TreatmentEmergentEvents) -> list[str]:
    return sorted(set(ae.events.organ_class))


def _mine(ae: TreatmentEmergentEvents, name: str) -> tuple[toxicity.Events, list[Event]]:
    return ae.events.only(np.array([c == name for c in ae.events.organ_class], dtype=bool)), ae.of(name)


def _spread(days: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str | None:
    return f"{np.median(days):g} ({days.min():g}–{days.max():g})" if len(days) else None
