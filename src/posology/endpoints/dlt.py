"""Dose-limiting toxicity: what a protocol's definition says of an adverse event, and whom it may be counted in.

Day 1 is the first dose; a window of 21 days is days 1 to 21, and a patient who completed it is evaluable from day 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Answer(StrEnum):
    """What can be said of a question of fact."""

    YES = "yes"
    NO = "no"
    NOT_YET = "not yet known"


@dataclass(frozen=True)
class Criterion:
    """One way to have a DLT.

    Parameters
    ----------
    text
        the criterion as the protocol words it.
    minimum_grade
        CTCAE grade from which it applies.
    terms
        the only terms it applies to; any, if empty.
    except_terms
        terms it does not apply to.
    related
        whether only events related to the drug count.
    minimum_days
        how long the event must last [days]; 0 for any.
    """

    text: str
    minimum_grade: int
    terms: tuple[str, ...] = ()
    except_terms: tuple[str, ...] = ()
    related: bool = True
    minimum_days: int = 0


@dataclass(frozen=True)
class Definition:
    """A protocol's definition: the window [days], the criteria, and the share of the planned dose [%] that must be given."""

    window_days: int
    criteria: tuple[Criterion, ...]
    minimum_dose_percent: float = 100.0


@dataclass(frozen=True)
class AdverseEvent:
    """An adverse event: its term, grade and relation; study days of onset and end (None: it goes on)."""

    term: str
    grade: int
    related: bool
    onset_day: int
    end_day: int | None = None


def is_dlt(event: AdverseEvent, definition: Definition, day: int) -> tuple[Answer, str]:
    """Say whether an adverse event is a DLT by the definition, on a study day, and why.

    Examples
    --------
    >>> rule = Definition(21, (Criterion("grade 3 or worse, related", 3),))
    >>> is_dlt(AdverseEvent("Keratitis", 3, True, onset_day=17), rule, day=20)
    (<Answer.YES: 'yes'>, 'grade 3 or worse, related')
    >>> is_dlt(AdverseEvent("Keratitis", 3, True, onset_day=25), rule, day=30)[1]
    'onset on day 25, after the window of 21 days'
    """
    if event.onset_day < 1:
        return Answer.NO, f"onset on day {event.onset_day}, before the first dose"
    if event.onset_day > definition.window_days:
        return Answer.NO, f"onset on day {event.onset_day}, after the window of {definition.window_days} days"
    waits = ""
    why = []
    for criterion in definition.criteria:
        answer, reason = _meets(event, criterion, day)
        if answer is Answer.YES:
            return answer, criterion.text
        if answer is Answer.NOT_YET:
            waits = reason
        why.append(reason)
    if waits:
        return Answer.NOT_YET, waits
    return Answer.NO, "; ".join(dict.fromkeys(why))


def _meets(event: AdverseEvent, criterion: Criterion, day: int) -> tuple[Answer, str]:
    term = event.term.casefold()
    if criterion.terms and term not in {t.casefold() for t in criterion.terms}:
        return Answer.NO, f"{event.term} is not {' or '.join(criterion.terms)}"
    if term in {t.casefold() for t in criterion.except_terms}:
        return Answer.NO, f"{event.term} is excepted"
    if criterion.related and not event.related:
        return Answer.NO, "not related to the drug"
    if event.grade < criterion.minimum_grade:
        return Answer.NO, f"grade {event.grade}, below grade {criterion.minimum_grade}"
    lasted = (day if event.end_day is None else min(event.end_day, day)) - event.onset_day + 1
    if lasted >= criterion.minimum_days:
        return Answer.YES, criterion.text
    if event.end_day is not None and event.end_day <= day:
        return Answer.NO, f"lasted {lasted} days, less than {criterion.minimum_days}"
    return Answer.NOT_YET, f"{lasted} days so far; a DLT from {criterion.minimum_days} days on"


def evaluable(
    definition: Definition, day: int, had_dlt: bool, dose_percents: Sequence[float], left_on_day: int | None = None
) -> tuple[Answer, str]:
    """Say whether a patient can be counted for DLT on a study day, and why.

    Parameters
    ----------
    definition
        the protocol's.
    day
        the study day asked about.
    had_dlt
        whether a DLT in the window is established.
    dose_percents
        given dose as a share of the planned one [%], for each dose within the window.
    left_on_day
        study day on which the patient left treatment.

    Examples
    --------
    >>> rule = Definition(21, (Criterion("grade 3 or worse", 3),))
    >>> evaluable(rule, day=22, had_dlt=False, dose_percents=[100.0])
    (<Answer.YES: 'yes'>, 'completed the window of 21 days')
    >>> evaluable(rule, day=21, had_dlt=False, dose_percents=[100.0])[0].name
    'NOT_YET'
    """
    window = definition.window_days
    if had_dlt:
        return Answer.YES, f"had a DLT within the window of {window} days"
    given = sum(dose_percents) / len(dose_percents) if dose_percents else 0.0
    # A tenth of a percent is rounding of milligrams, not a missed dose; the protocol's tolerance is judged at dosing.
    if given < definition.minimum_dose_percent - 0.1:
        return Answer.NO, f"received {given:.0f} % of the planned dose, less than {definition.minimum_dose_percent:g} %"
    if left_on_day is not None and left_on_day <= window and left_on_day <= day:
        return Answer.NO, f"left treatment on day {left_on_day}, before the window of {window} days ended"
    if day <= window:
        return Answer.NOT_YET, f"day {day} of the window of {window} days"
    return Answer.YES, f"completed the window of {window} days"
