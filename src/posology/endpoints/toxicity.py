"""Adverse events as a safety report counts them: a patient once an event, at the highest grade.

Events are columns of one length (an event each), patients are numbered 0, 1, ... as rows of the trial; study day 1 is
the first dose and the day before it is day -1. Treatment-emergent follows ICH E9: an event that begins, or becomes
worse, on or after the first dose and, if the protocol says so, not later than so many days after the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from posology.shared.arrays import ArrayLike, Bools, Floats, Ints
from posology.shared.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray


NEVER = -9999
"""A day that has not come: an event that goes on, a patient without one."""


@dataclass(frozen=True, kw_only=True)
class Events:
    """Adverse events, a row each.

    Parameters
    ----------
    patient
        the patient's number, from 0.
    term, organ_class
        the term and its system organ class; empty where not coded.
    grade
        1 to 5.
    onset, end
        study days; ``NEVER`` for an end that is not known.
    related, serious
        as judged.
    before
        the grade the event had before the first dose, 0 for none; an event that began before counts only if it got
        worse.

    Raises
    ------
    ValueError
        if columns differ in length, a grade is none of 1 to 5, a day is 0, or an end lies before its onset.
    """

    patient: Ints
    term: Sequence[str]
    grade: Ints
    onset: Ints
    end: Ints
    organ_class: Sequence[str] = ()
    related: Bools | None = None
    serious: Bools | None = None
    before: Ints | None = None

    def __post_init__(self) -> None:
        n = len(self.term)
        for name, kind, default in (
            ("patient", np.int64, None),
            ("grade", np.int64, None),
            ("onset", np.int64, None),
            ("end", np.int64, None),
            ("related", bool, False),
            ("serious", bool, False),
            ("before", np.int64, 0),
        ):
            column = getattr(self, name)
            made = np.full(n, default, kind) if column is None else np.asarray(column, dtype=kind)
            if made.shape != (n,):
                raise ValueError(f"there are {n} terms and {made.size} of {name}: each event needs both")
            object.__setattr__(self, name, made)
        if not self.organ_class:
            object.__setattr__(self, "organ_class", ("",) * n)
        if len(self.organ_class) != n:
            raise ValueError(f"there are {n} terms and {len(self.organ_class)} of organ_class: each event needs both")
        wrong = [
            (~((self.grade >= 1) & (self.grade <= 5)), "has a grade that is none of 1 to 5"),
            ((self.end != NEVER) & (self.end < self.onset), "ends before its onset"),
            ((self.onset == 0) | (self.end == 0), "is on day 0: the day before day 1 is day -1"),
            (self.patient < 0, "belongs to a patient with a negative number"),
        ]
        for rows, said in wrong:
            if rows.any():
                i = int(np.flatnonzero(rows)[0])
                raise ValueError(f"event {i} of patient {self.patient[i]}, {self.term[i]}, {said}")

    def only(self, rows: ArrayLike) -> Events:
        """Return the events of these rows (a mask)."""
        keep = np.flatnonzero(np.asarray(rows, dtype=bool))
        assert self.related is not None and self.serious is not None and self.before is not None
        return Events(
            patient=self.patient[keep],
            term=[self.term[i] for i in keep.tolist()],
            grade=self.grade[keep],
            onset=self.onset[keep],
            end=self.end[keep],
            organ_class=[self.organ_class[i] for i in keep.tolist()],
            related=self.related[keep],
            serious=self.serious[keep],
            before=self.before[keep],
        )


def check_events(
    patient: Sequence[str],
    term: Sequence[str],
    grade: Sequence[int | None],
    start: Sequence[date | None],
    end: Sequence[date | None],
    first_dose: Sequence[date | None],
) -> tuple[Bools, tuple[Finding, ...]]:
    """Return which recorded events can be counted, and a finding for what is wrong with each.

    An event without a grade, with one that is none of 1 to 5, without a start, with an end before its start, or of a
    patient who was not treated cannot be.

    Parameters
    ----------
    patient, term
        (events,): who had it, and what.
    grade
        (events,): 1 to 5; None where none is known.
    start, end
        (events,): onset and end; None where not known, or going on.
    first_dose
        (events,): the patient's first dose; None if there was none.

    Examples
    --------
    >>> may, found = check_events(["001"], ["Nausea"], [3], [date(2013, 5, 10)], [date(2013, 5, 9)], [date(2013, 5, 1)])
    >>> may.tolist(), str(found[0])
    ([False], 'patient 001, 2013-05-10, end: Nausea ends on 2013-05-09, before its start; not counted')
    """
    may = np.ones(len(term), dtype=bool)
    findings = []
    for i, (who, what, worst, begins, ends, dosed) in enumerate(
        zip(patient, term, grade, start, end, first_dose, strict=True)
    ):
        faults = []
        if worst is None or worst not in range(1, 6):
            said = f"{what} has no grade" if worst is None else f"{what} has grade {worst}"
            faults.append(("grade", f"{said}: it must be 1 to 5"))
        if begins is None:
            faults.append(("start", f"{what} has no start"))
        elif ends is not None and ends < begins:
            faults.append(("end", f"{what} ends on {ends}, before its start"))
        if dosed is None:
            faults.append(("first_dose", f"{what} is of a patient who was not treated"))
        findings += [Finding(who, begins, field, wrong, "not counted") for field, wrong in faults]
        may[i] = not faults
    return may, tuple(findings)


def emergent(events: Events, last_dose: ArrayLike | None = None, days_after: int | None = None) -> Bools:
    """Return which events are treatment-emergent.

    Parameters
    ----------
    events
        of any time.
    last_dose
        (patients,) study day of each patient's last dose.
    days_after
        how many days after the last dose an event still counts; None: any number.

    Examples
    --------
    >>> events = Events(patient=[0, 0, 0], term=["Nausea", "Rash", "Pain"], grade=[1, 2, 2], onset=[-3, 5, -8], end=[9, 9, 9],
    ...     before=[1, 0, 1])
    >>> emergent(events).tolist()
    [False, True, True]
    """
    assert events.before is not None
    new = (events.onset >= 1) | (events.grade > events.before) & (events.before > 0)
    if days_after is None:
        return np.asarray(new)
    if last_dose is None:
        raise ValueError("days_after needs the day of each patient's last dose")
    return np.asarray(new & (events.onset <= np.asarray(last_dose)[events.patient] + days_after))


def maximum_grade(events: Events, patients: int) -> Ints:
    """Return each patient's highest grade, (patients,), 0 for none.

    >>> events = Events(patient=[0, 0, 2], term=["Nausea", "Rash", "Pain"], grade=[1, 3, 2], onset=[3, 5, 8], end=[9, 9, 9])
    >>> maximum_grade(events, 3).tolist()
    [3, 0, 2]
    """
    worst = np.zeros(_check_patients(events, patients), dtype=np.int64)
    np.maximum.at(worst, events.patient, events.grade)
    return worst


def cycle_of(day: ArrayLike, patient: ArrayLike, cycle_starts: ArrayLike) -> Ints:
    """Return the number of the cycle, from 1, in which each day of each patient lies; 0 before the first dose.

    Parameters
    ----------
    day, patient
        (n,): study day, and whose.
    cycle_starts
        (patients, cycles): the study day on which each cycle began, rising, NaN for cycles not given.

    Examples
    --------
    >>> cycle_of([-2, 1, 21, 22, 90], [0] * 5, [[1, 22, 43]]).tolist()
    [0, 1, 1, 2, 3]
    """
    starts = np.asarray(cycle_starts, dtype=np.float64)[np.asarray(patient, dtype=np.int64)]
    return np.asarray((np.asarray(day)[:, None] >= starts).sum(axis=1), dtype=np.int64)


def maximum_grade_by_cycle(events: Events, cycle_starts: ArrayLike, last_day: ArrayLike | None = None) -> Ints:
    """Return each patient's highest grade in each cycle, (patients, cycles): 0 for none, -1 for a cycle not given.

    An event counts in every cycle from its onset to its end. One that goes on counts in every cycle given.

    >>> events = Events(patient=[0, 0], term=["Blurred vision", "Nausea"], grade=[2, 1], onset=[17, 2], end=[50, 3])
    >>> maximum_grade_by_cycle(events, [[1, 22, 43, np.nan]]).tolist()
    [[2, 2, 2, -1]]

    Parameters
    ----------
    events
        of all patients.
    cycle_starts
        (patients, cycles): study day on which each begins, NaN for one not given.
    last_day
        (patients,): study day on which the last cycle ends; None: it goes on.
    """
    starts = np.asarray(cycle_starts, dtype=np.float64)
    given = ~np.isnan(starts)
    _check_patients(events, len(starts))
    first = np.maximum(cycle_of(events.onset, events.patient, starts), 1)
    end = np.where(events.end == NEVER, np.iinfo(np.int64).max // 2, events.end)
    if last_day is not None:
        end = np.minimum(end, np.asarray(last_day)[events.patient])
    last = cycle_of(end, events.patient, starts)
    table = np.where(given, 0, -1).astype(np.int64)
    for cycle in range(1, starts.shape[1] + 1):
        there = (first <= cycle) & (cycle <= last)
        np.maximum.at(table[:, cycle - 1], events.patient[there], events.grade[there])
    return np.where(given, table, -1)


@dataclass(frozen=True)
class AeTableRow:
    """One line of a table of adverse events, in patients: ``any_grade`` and ``grade_3_or_more`` by group, and by grade.

    ``term`` is empty for all terms of a class, ``organ_class`` too for all events. ``by_grade[group][g - 1]`` counts
    the patients whose highest grade is g; ``events`` counts events, not patients.
    """

    organ_class: str
    term: str
    any_grade: tuple[int, ...]
    grade_3_or_more: tuple[int, ...]
    by_grade: tuple[tuple[int, int, int, int, int], ...]
    events: int


def table(events: Events, group: ArrayLike, groups: int) -> tuple[AeTableRow, ...]:
    """Count patients by system organ class and term, each once at the highest grade, in each group (dose level).

    Classes come by the number of patients, the most frequent first, terms within a class likewise; ties by name. The
    first row holds all events.

    Parameters
    ----------
    events
        those to count: treatment-emergent, related, serious ones are chosen beforehand by :meth:`Events.only`.
    group
        (patients,): each patient's group, from 0.
    groups
        how many there are.

    Examples
    --------
    >>> events = Events(patient=[0, 0, 1], term=["Blurred vision", "Blurred vision", "Nausea"], grade=[1, 3, 2],
    ...     onset=[3, 5, 8], end=[9, 9, 9], organ_class=["Eye disorders", "Eye disorders", "Gastrointestinal disorders"])
    >>> [(row.organ_class, row.term, row.any_grade, row.grade_3_or_more) for row in table(events, [0, 1], 2)][:3]
    [('', '', (1, 1), (1, 0)), ('Eye disorders', '', (1, 0), (1, 0)), ('Eye disorders', 'Blurred vision', (1, 0), (1,
    0))]
    """
    of = np.asarray(group, dtype=np.int64)
    _check_patients(events, len(of))
    if len(of) and not ((of >= 0) & (of < groups)).all():
        raise ValueError(f"a patient is in group {of[(of < 0) | (of >= groups)][0]}: there are {groups}, from 0")
    classes = np.array(events.organ_class, dtype=object)
    terms = np.array(events.term, dtype=object)

    def row(organ_class: str, term: str, rows: NDArray[np.intp]) -> AeTableRow:
        worst = np.zeros(len(of), dtype=np.int64)
        np.maximum.at(worst, events.patient[rows], events.grade[rows])
        counts = np.zeros((groups, 6), dtype=np.int64)
        np.add.at(counts, (of, worst), 1)
        by_grade = tuple((int(c[1]), int(c[2]), int(c[3]), int(c[4]), int(c[5])) for c in counts)
        return AeTableRow(
            organ_class, term, tuple(sum(c) for c in by_grade), tuple(sum(c[2:]) for c in by_grade), by_grade, len(rows)
        )

    def parts(column: NDArray[np.object_], rows: NDArray[np.intp]) -> list[tuple[str, NDArray[np.intp]]]:
        inside: dict[str, list[int]] = {}
        for i in rows.tolist():
            inside.setdefault(column[i], []).append(i)
        found = [(name, np.array(which)) for name, which in inside.items()]
        return sorted(found, key=lambda part: (-len(np.unique(events.patient[part[1]])), part[0]))

    everything = np.arange(len(terms))
    out = [row("", "", everything)]
    for organ_class, rows in parts(classes, everything):
        out.append(row(organ_class, "", rows))
        out += [row(organ_class, term, inside) for term, inside in parts(terms, rows)]
    return tuple(out)


@dataclass(frozen=True)
class EventDurations:
    """When each patient's first event came and went: arrays (patients,), study days, ``NEVER`` for none.

    ``onset`` is the first onset; ``resolved`` the day on which the last event that overlaps or touches it ended;
    ``days`` how long that took, onset and end included (NaN while it goes on or where there is none).
    """

    onset: Ints
    resolved: Ints
    days: Floats


def event_durations(events: Events, patients: int) -> EventDurations:
    """Return time to first onset and to resolution of events, each patient's overlapping events taken together.

    >>> events = Events(patient=[0, 0, 0, 1], term=["Eye"] * 4, grade=[1, 2, 1, 1], onset=[17, 30, 90, 8], end=[30, 44, 95, NEVER])
    >>> found = event_durations(events, 3)
    >>> found.onset.tolist(), found.resolved.tolist(), found.days.tolist()
    ([17, 8, -9999], [44, -9999, -9999], [28.0, nan, nan])
    """
    onset, resolved = (np.full(_check_patients(events, patients), NEVER, dtype=np.int64) for _ in range(2))
    order = np.lexsort((events.end, events.onset, events.patient))
    reached: dict[int, int] = {}
    forever = np.iinfo(np.int64).max
    for i in order.tolist():
        who, begins = int(events.patient[i]), int(events.onset[i])
        ends = forever if events.end[i] == NEVER else int(events.end[i])
        if onset[who] == NEVER:
            onset[who], reached[who] = begins, ends
        elif begins <= reached[who] + 1:
            reached[who] = max(reached[who], ends)
    for who, last in reached.items():
        resolved[who] = NEVER if last == forever else last
    days = np.where(resolved == NEVER, np.nan, resolved - onset + 1.0)
    days -= np.where((resolved > 0) & (onset < 0), 1.0, 0.0)  # there is no day 0
    return EventDurations(onset, resolved, days)


@dataclass(frozen=True)
class OnsetProfile:
    """First events by cycle: patients ``at_risk`` when it began without one so far, those with a ``first`` event in it.

    ``hazard`` is first / at risk (NaN with nobody at risk), ``cumulative`` the share of all treated patients who had an
    event by its end: a count, not an estimate, for patients who left early are in it.
    """

    at_risk: Ints
    first: Ints
    hazard: Floats
    cumulative: Floats


def late_onset(events: Events, cycle_starts: ArrayLike) -> OnsetProfile:
    """Return the profile of first onsets by cycle: what comes after a DLT window of one cycle shows here.

    Parameters
    ----------
    events
        the events looked for (ocular ones, say), from day 1 on.
    cycle_starts
        (patients, cycles): the study day on which each cycle began, NaN for cycles not given.

    Examples
    --------
    >>> eye = Events(patient=[0, 1], term=["Blurred vision"] * 2, grade=[1, 2], onset=[50, 19], end=[60, 30])
    >>> found = late_onset(eye, [[1, 22, 43], [1, 22, 43], [1, 22, np.nan]])
    >>> found.at_risk.tolist(), found.first.tolist(), found.hazard.round(2).tolist()
    ([3, 2, 1], [1, 0, 1], [0.33, 0.0, 1.0])
    """
    starts = np.asarray(cycle_starts, dtype=np.float64)
    patients, cycles = starts.shape
    after = events.only(events.onset >= 1)
    first_day = event_durations(after, patients).onset
    had = first_day != NEVER
    where = np.where(had, cycle_of(np.where(had, first_day, 1), np.arange(patients), starts), cycles + 1)
    at_risk = np.array([int((~np.isnan(starts[:, c]) & (where > c)).sum()) for c in range(cycles)], dtype=np.int64)
    first = np.array([int((where == c + 1).sum()) for c in range(cycles)], dtype=np.int64)
    hazard = np.divide(first, at_risk, out=np.full(cycles, np.nan), where=at_risk > 0)
    return OnsetProfile(at_risk, first, hazard, np.cumsum(first) / max(patients, 1))


def _check_patients(events: Events, patients: int) -> int:
    if len(events.patient) and events.patient.max() >= patients:
        raise ValueError(f"an event belongs to patient {events.patient.max()}: there are {patients}, from 0")
    return patients
