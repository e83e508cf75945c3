"""How many patients responded: rates with exact intervals and stated denominators, by dose assigned and in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from posology.conduct.patient_courses import PatientCourse, doses_assigned, first_doses
from posology.endpoints.rates import CONTROLLED, OBJECTIVE, AnalysisSets, Denominator, Rate, exact
from posology.readout.cited import Cited, Sources, cite

ALL = "all"


@dataclass(frozen=True)
class CitedRate:
    """A rate of some patients, with the events of those it is taken over and of those it counts."""

    group: str
    endpoint: str
    rate: Rate
    patients: tuple[str, ...]
    sources: Sources

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


ENDPOINTS: dict[str, Callable[[PatientCourse], bool]] = {
    "objective response, confirmed": lambda c: c.response.best_if_no_more_data in OBJECTIVE,
    "objective response, awaiting confirmation": lambda c: awaits_confirmation(c),
    "objective response, with those awaiting": lambda c: (
        c.response.best_if_no_more_data in OBJECTIVE or awaits_confirmation(c)
    ),
    "disease control": lambda c: c.response.best_if_no_more_data in CONTROLLED,
    "clinical benefit": lambda c: c.response.benefit_on is not None,
}
"""What is counted, in the order of the table. A response that awaits confirmation counts for what it is without it."""


def awaits_confirmation(course: PatientCourse) -> bool:
    """Whether the patient has a CR or PR that may yet be confirmed."""
    return course.response.confirmation == "awaiting confirmation"


def response_rates(courses: Sequence[PatientCourse]) -> list[CitedRate]:
    """Return every rate: of all patients over each denominator, then of each dose over those treated."""
    cited = []
    groups = [(ALL, denominator) for denominator in Denominator]
    groups += [(dose, Denominator.TREATED) for dose in doses_assigned(courses)]
    treated = np.ones(len(courses), dtype=bool)
    measurable = np.array([c.baseline is not None and c.baseline.measurable for c in courses], dtype=bool)
    assessed = np.array([bool(c.assessed) for c in courses], dtype=bool)
    for group, denominator in groups:
        mine = treated if group == ALL else np.array([c.dose == group for c in courses], dtype=bool)
        among = AnalysisSets(mine, measurable, assessed).among(denominator)
        of = [c for c, inside in zip(courses, among.tolist(), strict=True) if inside]
        sources = Sources([*first_doses(of), *(e for c in of for e in c.response.sources)])
        for endpoint, holds in ENDPOINTS.items() if of else ():
            counted = [c for c in of if holds(c)]
            rate = exact(len(counted), len(of), denominator=str(denominator))
            cited.append(CitedRate(group, endpoint, rate, tuple(c.id for c in counted), sources))
    return cited
