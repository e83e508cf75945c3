"""How many patients responded: rates with exact intervals and stated denominators, by dose assigned and in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from posology.endpoints.rates import CONTROLLED, OBJECTIVE, AnalysisSets, Denominator, Rate, exact
from posology.endpoints.recist import Response
from posology.readout.cited import Cited, Table, cite
from posology.readout.courses import BENEFIT_DAYS, Course
from posology.record.event import Event

ALL = "all"


@dataclass(frozen=True)
class Counted:
    """A rate of some patients, with the events of those it is taken over and of those it counts."""

    group: str
    endpoint: str
    rate: Rate
    patients: tuple[str, ...]
    sources: tuple[Event, ...]

    @property
    def cited(self) -> Cited:
        """The rate in words, with its events."""
        return cite(percent(self.rate), self.sources)


def percent(rate: Rate) -> str:
    """Write a rate as count, denominator, share and interval.

    >>> percent(exact(2, 18))
    '2/18 = 11.1 % (1.4–34.7)'
    """
    low, high = 100 * rate.lower, 100 * rate.upper
    return f"{rate.count}/{rate.of} = {100 * rate.value:.1f} % ({low:.1f}–{high:.1f})"


ENDPOINTS: dict[str, Callable[[Course], bool]] = {
    "objective response, confirmed": lambda c: c.response.best_if_no_more_data in OBJECTIVE,
    "objective response, awaiting confirmation": lambda c: awaiting(c),
    "objective response, with those awaiting": lambda c: c.response.best_if_no_more_data in OBJECTIVE or awaiting(c),
    "disease control": lambda c: c.response.best_if_no_more_data in CONTROLLED,
    "clinical benefit": lambda c: c.response.benefit_on is not None,
}
"""What is counted, in the order of the table. A response that awaits confirmation counts for what it is without it."""


def awaiting(course: Course) -> bool:
    """Whether the patient has a CR or PR that may yet be confirmed."""
    return course.response.confirmation == "awaiting confirmation"


def doses(courses: Sequence[Course]) -> list[str]:
    """Return the doses assigned, lowest first, an expansion cohort last."""
    return list(dict.fromkeys(c.dose for c in sorted(courses, key=lambda c: c.level or 10**6)))


def first_doses(courses: Sequence[Course]) -> list[Event]:
    """Return the first dose of each patient: who was treated."""
    return [c.patient.first_dose for c in courses if c.patient.first_dose]


def rates(courses: Sequence[Course]) -> list[Counted]:
    """Return every rate: of all patients over each denominator, then of each dose over those treated."""
    found = []
    asked = [(ALL, denominator) for denominator in Denominator]
    asked += [(dose, Denominator.TREATED) for dose in doses(courses)]
    treated = np.ones(len(courses), dtype=bool)
    measurable = np.array([c.baseline is not None and c.baseline.measurable for c in courses], dtype=bool)
    assessed = np.array([bool(c.assessed) for c in courses], dtype=bool)
    for group, denominator in asked:
        mine = treated if group == ALL else np.array([c.dose == group for c in courses], dtype=bool)
        among = AnalysisSets(mine, measurable, assessed).among(denominator)
        of = [c for c, inside in zip(courses, among.tolist(), strict=True) if inside]
        for endpoint, holds in ENDPOINTS.items() if of else ():
            counted = [c for c in of if holds(c)]
            rate = exact(len(counted), len(of), denominator=str(denominator))
            sources = [*first_doses(of), *(e for c in of for e in c.response.sources)]
            found.append(Counted(group, endpoint, rate, tuple(c.id for c in counted), tuple(sources)))
    return found


def response_rates(courses: Sequence[Course]) -> Table:
    """Tell how many responded, in all and by dose."""
    by_row: dict[tuple[str, str], list[Counted]] = {}
    for found in rates(courses):
        by_row.setdefault((found.group, found.rate.denominator), []).append(found)
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
        "Patients / denominator = share (exact 95 % interval, Clopper and Pearson). RECIST 1.1, computed from the lesions. Those not "
        "evaluable or not assessed stay in the denominator as not responding; a denominator of nobody has no row. Disease control: a confirmed CR or PR, or SD "
        "(non-CR/non-PD) that reached the minimum; a response that awaits confirmation counts for what it is without it. "
        f"Clinical benefit: a confirmed CR or PR, or an assessment without progression at least {BENEFIT_DAYS // 7} weeks "
        "after the first dose."
    )
    return Table("response_rates", "Response rates", columns, tuple(rows), note)


def not_evaluable(courses: Sequence[Course]) -> Table:
    """List the patients without a response, and why: by RECIST 1.1 and by CA-125."""
    rows = []
    for c in courses:
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
    return Table("not_evaluable", "Responses not evaluable, and why", columns, tuple(rows), note)


def reading_differences(courses: Sequence[Course]) -> Table:
    """List the assessments that the investigator read otherwise than follows from the lesions."""
    from posology.endpoints.readings import disagreements
    from posology.record.facts import TumourAssessed

    said = {
        (i, e.fact.assessment): e
        for i, c in enumerate(courses)
        for e in c.patient.of(TumourAssessed)
        if isinstance(e.fact, TumourAssessed)
    }
    scans = {(i, s.number): s for i, c in enumerate(courses) for s in c.assessed}
    columns = ("Patient", "Assigned", "Assessment", "Date", "From the lesions", "The investigator", "On progression")
    note = (
        "Assessments at which the investigator's reading differs from what follows from the lesions by RECIST 1.1; those that only "
        "one of the two has are not compared. The tables use the lesions."
    )
    table = lambda rows: Table(
        "reading_differences", "Investigator and lesions: where they differ", columns, tuple(rows), note
    )
    if not said or not scans:
        return table(())
    shape = (len(courses), 1 + max(k for _, k in (*said, *scans)))
    ours, theirs = np.full(shape, Response.ABSENT), np.full(shape, Response.ABSENT)
    days = np.zeros(shape, dtype=np.int64)
    for at, scan in scans.items():
        ours[at], days[at] = Response.read(scan.overall), scan.on.toordinal()
    for at, event in said.items():
        assert isinstance(event.fact, TumourAssessed)
        theirs[at] = Response.read(event.fact.overall)
    rows = []
    for d in disagreements(ours, theirs, days):
        c, scan, event = courses[d.patient], scans[d.patient, d.assessment], said[d.patient, d.assessment]
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
    return table(rows)
