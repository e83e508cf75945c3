"""Adverse events by system organ class and term, when they first come, and what comes late."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posology.endpoints import toxicity
from posology.readout.cited import Table, cite
from posology.readout.courses import Course
from posology.readout.tables.responses import doses, first_doses
from posology.record.event import Event
from posology.record.facts import AdverseEventResolved, Dosed
from posology.record.state import Toxicity
from posology.shared.findings import Finding

ENDED = ("recovered", "recovered with sequelae", "fatal")
UNCODED = "not coded"
SEVERE = 3


@dataclass(frozen=True)
class Reported:
    """The adverse events that begin on or after the first dose, as the endpoints room takes them; a source for each row."""

    events: toxicity.Events
    sources: tuple[Toxicity, ...]
    findings: tuple[tuple[Finding, Event], ...]

    def of(
        self, organ_class: str = "", term: str = "", patients: set[int] | None = None, grade: int = 1
    ) -> list[Event]:
        """Return the events of a class and term (empty: any), of some patients, of a grade and worse."""
        e = self.events
        return [
            t.event
            for i, t in enumerate(self.sources)
            if organ_class in ("", e.organ_class[i])
            and term in ("", e.term[i])
            and e.grade[i] >= grade
            and (patients is None or int(e.patient[i]) in patients)
        ]


def reported(courses: Sequence[Course]) -> Reported:
    """Return the treatment-emergent adverse events, and what is wrong with those that cannot be counted."""
    listed = [(i, c, t) for i, c in enumerate(courses) for t in c.patient.toxicities]
    end = [t.resolved.occurred if t.resolved and _ended(t.resolved) else None for *_, t in listed]
    first = [c.patient.first_dose.occurred if c.patient.first_dose else None for _, c, _ in listed]
    may = np.ones(len(listed), dtype=bool)
    findings: list[tuple[Finding, Event]] = []
    for k, (_, c, t) in enumerate(listed):
        good, wrong = toxicity.check_events(
            [c.id], [t.fact.term], [t.fact.grade], [t.event.occurred], [end[k]], [first[k]]
        )
        may[k] = good[0]
        findings += [(found, t.event) for found in wrong]
    kept = [k for k in range(len(listed)) if may[k]]
    day = lambda c, on: toxicity.NEVER if on is None else c.patient.study_day(on)
    events = toxicity.Events(
        patient=np.array([listed[k][0] for k in kept], dtype=np.int64),
        term=[listed[k][2].fact.term for k in kept],
        grade=np.array([listed[k][2].fact.grade for k in kept], dtype=np.int64),
        onset=np.array([day(listed[k][1], listed[k][2].event.occurred) for k in kept], dtype=np.int64),
        end=np.array([day(listed[k][1], end[k]) for k in kept], dtype=np.int64),
        organ_class=[listed[k][2].fact.system_organ_class or UNCODED for k in kept],
        related=np.array([listed[k][2].fact.related for k in kept], dtype=bool),
        serious=np.array([listed[k][2].fact.serious for k in kept], dtype=bool),
    )
    emergent = toxicity.emergent(events)
    sources = tuple(listed[k][2] for k, new in zip(kept, emergent.tolist(), strict=True) if new)
    return Reported(events.only(emergent), sources, tuple(findings))


def _ended(event: Event) -> bool:
    return isinstance(event.fact, AdverseEventResolved) and event.fact.outcome in ENDED


def by_class(courses: Sequence[Course], ae: Reported, least: int = 1) -> Table:
    """Count patients by system organ class, term and dose assigned, with an event of a grade and worse, each patient once."""
    groups = doses(courses)
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
    said = "any grade" if least == 1 else f"grade {least} and worse"
    name = "adverse_events_by_class" if least == 1 else f"adverse_events_grade_{least}"
    return Table(
        name,
        f"Adverse events by class and term, {said}",
        ("System organ class", "Term", "Events", *heads),
        tuple(rows),
        note,
    )


def onset(courses: Sequence[Course], ae: Reported) -> Table:
    """Tell when events of each system organ class first came, and how long until they were gone."""
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
    return Table("time_to_onset", "Adverse events: time to first onset and to resolution", columns, tuple(rows), note)


def profile(courses: Sequence[Course], ae: Reported, window_days: int) -> Table:
    """Tell in which cycle the first event of each system organ class came, among those still without one."""
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
        f"estimate: patients who left early are in it. The DLT window is {window_days} days."
    )
    return Table("onset_profile", "Adverse events: first onset by cycle", columns, tuple(rows), note)


def cycle_starts(courses: Sequence[Course]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
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


def _cycle(course: Course, number: int) -> list[Event]:
    """Return the doses of a patient's so-many-th cycle."""
    given = [(e, e.fact) for e in course.patient.doses if isinstance(e.fact, Dosed)]
    cycles = sorted({fact.cycle for _, fact in given})
    return [e for e, fact in given if number <= len(cycles) and fact.cycle == cycles[number - 1]]


def _classes(ae: Reported) -> list[str]:
    return sorted(set(ae.events.organ_class))


def _mine(ae: Reported, name: str) -> tuple[toxicity.Events, list[Event]]:
    return ae.events.only(np.array([c == name for c in ae.events.organ_class], dtype=bool)), ae.of(name)


def _spread(days: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str | None:
    return f"{np.median(days):g} ({days.min():g}–{days.max():g})" if len(days) else None
