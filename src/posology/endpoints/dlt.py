"""Dose-limiting toxicity: what a protocol's definition says of an adverse event, and whom it may be counted in.

Day 1 is the first dose; a window of 21 days is days 1 to 21, and a patient who completed it is evaluable from day 22.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from posology.endpoints.ctcae import Version
from posology.endpoints.ctcae_terms import canonical_term, find_term, spelling


class TriState(StrEnum):
    """What can be said of a question of fact."""

    YES = "yes"
    NO = "no"
    NOT_YET = "not yet known"


@dataclass(frozen=True)
class Exemption:
    """An exception that depends on time or treatment: an event that resolves soon enough is no DLT.

    Parameters
    ----------
    text
        the exception as the protocol words it.
    within_days
        days from onset within which it must end or improve to the grade allowed; 72 hours are 3.
    terms
        the only terms it holds for; any, if empty.
    maximum_grade
        the highest grade it holds for.
    with_treatment
        whether it holds only for an event that was treated (with the best supportive care).
    """

    text: str
    within_days: int
    terms: tuple[str, ...] = ()
    maximum_grade: int = 3
    with_treatment: bool = False


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
        how long the event must last [days]; 0 for any. "More than 7 days" is 8.
    exempt
        exceptions that depend on time or treatment.
    organ_classes
        the only system organ classes it applies to; any, if empty.
    """

    text: str
    minimum_grade: int
    terms: tuple[str, ...] = ()
    except_terms: tuple[str, ...] = ()
    related: bool = True
    minimum_days: int = 0
    exempt: tuple[Exemption, ...] = ()
    organ_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Definition:
    """A protocol's definition of a DLT.

    Parameters
    ----------
    window_days
        the window, from day 1 on.
    criteria
        each a way to have a DLT.
    minimum_dose_percent
        share of the planned dose [%] that must be given for a patient to be evaluable.
    planned_doses
        doses planned within the window; 0: as many as were given.
    maximum_delay_days
        a related toxicity that delays the next dose by more days is a DLT; None: a delay is none.
    ctcae
        the version of CTCAE in force: it says of which system organ class a term is.
    """

    window_days: int
    criteria: tuple[Criterion, ...]
    minimum_dose_percent: float = 100.0
    planned_doses: int = 0
    maximum_delay_days: int | None = None
    ctcae: Version = "5"


@dataclass(frozen=True)
class AdverseEvent:
    """An adverse event as known on the day it is judged.

    Parameters
    ----------
    term, grade
        CTCAE.
    related
        to the drug; None: not judged yet.
    onset_day, end_day
        study days; None: it goes on.
    seen_until
        the last day on which it was certainly there, where it is known only by single values (laboratory); None: it
        was there from onset to end.
    improved_day
        the day it fell to the grade the protocol's exceptions allow; None: not, or with its end.
    treated
        whether it was treated; None: not known.
    organ_class
        its system organ class, where it was coded; else that of its CTCAE term.
    code
        the MedDRA code of its lowest level term, where it was coded: it names the event beside its term.

    Raises
    ------
    ValueError
        if the grade is none of 1 to 5, or it ends before its onset.
    """

    term: str
    grade: int
    related: bool | None
    onset_day: int
    end_day: int | None = None
    seen_until: int | None = None
    improved_day: int | None = None
    treated: bool | None = None
    organ_class: str = ""
    code: str = ""

    def __post_init__(self) -> None:
        if not 1 <= self.grade <= 5:
            raise ValueError(f"{self.term} has grade {self.grade}: a grade is 1 to 5")
        for name in ("end_day", "seen_until", "improved_day"):
            last = getattr(self, name)
            if last is not None and last < self.onset_day:
                raise ValueError(f"{self.term}: {name} {last} is before its onset on day {self.onset_day}")


def is_dlt(event: AdverseEvent, definition: Definition, day: int) -> tuple[TriState, str]:
    """Say whether an adverse event is a DLT by the definition, on a study day, and why.

    Parameters
    ----------
    event
        what is known of it on the day.
    definition
        the protocol's.
    day
        the study day of the question.

    Examples
    --------
    >>> rule = Definition(21, (Criterion("grade 3 or worse, related", 3),))
    >>> is_dlt(AdverseEvent("Keratitis", 3, True, onset_day=17), rule, day=20)
    (<TriState.YES: 'yes'>, 'grade 3 or worse, related')
    >>> is_dlt(AdverseEvent("Keratitis", 3, True, onset_day=25), rule, day=30)[1]
    'onset on day 25, after the window of 21 days'
    >>> soon = Exemption("nausea that resolves within 72 hours of treatment", 3, ("Nausea",), with_treatment=True)
    >>> rule = Definition(21, (Criterion("grade 3 or worse, related", 3, exempt=(soon,)),))
    >>> is_dlt(AdverseEvent("Nausea", 3, True, 5, treated=True), rule, day=7)
    (<TriState.NOT_YET: 'not yet known'>, 'no DLT if it resolves by day 8: nausea that resolves within 72 hours of
    treatment')
    """
    if event.onset_day < 1:
        return TriState.NO, f"onset on day {event.onset_day}, before the first dose"
    if event.onset_day > definition.window_days:
        return TriState.NO, f"onset on day {event.onset_day}, after the window of {definition.window_days} days"
    waits = ""
    why = []
    for criterion in definition.criteria:
        answer, reason = _meets_criterion(event, criterion, definition.ctcae, day)
        if answer is TriState.YES:
            return answer, criterion.text
        if answer is TriState.NOT_YET:
            waits = reason
        why.append(reason)
    if waits:
        return TriState.NOT_YET, waits
    return TriState.NO, "; ".join(dict.fromkeys(why))


def _meets_criterion(event: AdverseEvent, criterion: Criterion, ctcae: Version, day: int) -> tuple[TriState, str]:
    if criterion.terms and not _among(event, criterion.terms):
        return TriState.NO, f"{event.term} is not {' or '.join(criterion.terms)}"
    if _among(event, criterion.except_terms):
        return TriState.NO, f"{event.term} is excepted"
    in_class = _in_class(event, criterion.organ_classes, ctcae) if criterion.organ_classes else True
    if in_class is False:
        return TriState.NO, f"{event.term} is not of {' or '.join(criterion.organ_classes)}"
    if criterion.related and event.related is False:
        return TriState.NO, "not related to the drug"
    if event.grade < criterion.minimum_grade:
        return TriState.NO, f"grade {event.grade}, below grade {criterion.minimum_grade}"
    answer, why = _meets_duration(event, criterion, day)
    if answer is TriState.NO:
        return answer, why
    for exempt in criterion.exempt:
        excused, reason = _is_exempt(event, exempt, day)
        if excused is TriState.YES:
            return TriState.NO, reason
        if excused is TriState.NOT_YET and answer is TriState.YES:
            answer, why = excused, reason
    if answer is TriState.YES and in_class is None:
        return TriState.NOT_YET, f"the system organ class of {event.term} is not known"
    if answer is TriState.YES and criterion.related and event.related is None:
        return TriState.NOT_YET, "its relation to the drug is not judged yet"
    return answer, why


def _meets_duration(event: AdverseEvent, criterion: Criterion, day: int) -> tuple[TriState, str]:
    """Whether an event lasts as long as a criterion asks; between single values it may or may not have."""
    ended = event.end_day is not None and event.end_day <= day
    longest = (event.end_day if event.end_day is not None and ended else day) - event.onset_day + 1
    surely = min(longest, (event.seen_until or day) - event.onset_day + 1)
    if surely >= criterion.minimum_days:
        return TriState.YES, criterion.text
    if ended and longest < criterion.minimum_days:
        return TriState.NO, f"lasted {longest} days, less than {criterion.minimum_days}"
    if ended:
        return TriState.NOT_YET, f"lasted {surely} to {longest} days; a DLT from {criterion.minimum_days} days on"
    return TriState.NOT_YET, f"{surely} days so far; a DLT from {criterion.minimum_days} days on"


def _is_exempt(event: AdverseEvent, exempt: Exemption, day: int) -> tuple[TriState, str]:
    """Whether an exception holds: the event resolves in time, with the treatment asked for."""
    if (exempt.terms and not _among(event, exempt.terms)) or event.grade > exempt.maximum_grade:
        return TriState.NO, ""
    if exempt.with_treatment and event.treated is False:
        return TriState.NO, ""
    last = event.onset_day + exempt.within_days
    better = min((d for d in (event.improved_day, event.end_day) if d is not None and d <= day), default=None)
    if better is None and day <= last:
        return TriState.NOT_YET, f"no DLT if it resolves by day {last}: {exempt.text}"
    if better is None or better > last:
        return TriState.NO, ""
    if exempt.with_treatment and event.treated is None:
        return TriState.NOT_YET, f"it is not known whether it was treated: {exempt.text}"
    return TriState.YES, f"excepted: {exempt.text}"


def _among(event: AdverseEvent, terms: Sequence[str]) -> bool:
    """Whether an event is one of some terms, in whatever spelling or by whatever common name."""
    return bool(terms) and bool(_names(event) & {canonical_term(term) for term in terms})


def _names(event: AdverseEvent) -> set[str]:
    """Return the CTCAE terms that an event is, by its term and by its code."""
    return {canonical_term(name) for name in (event.term, event.code) if name}


def _in_class(event: AdverseEvent, organ_classes: Sequence[str], version: Version) -> bool | None:
    """Whether an event is of one of some system organ classes; None if its class is not known."""
    known = find_term(event.term, version) or find_term(event.code, version)
    organ_class = event.organ_class or (known.organ_class if known else "")
    if not organ_class:
        return None
    return spelling(organ_class) in {spelling(name) for name in organ_classes}


def delay_is_dlt(definition: Definition, due_day: int, given_day: int | None, day: int) -> tuple[TriState, str]:
    """Say whether the delay of a dose by a related toxicity is a DLT, on a study day, and why.

    Parameters
    ----------
    definition
        the protocol's.
    due_day, given_day
        study day on which the dose was due, and was given (None: not yet).
    day
        the study day asked about.

    Examples
    --------
    >>> rule = Definition(21, (), maximum_delay_days=14)
    >>> delay_is_dlt(rule, due_day=22, given_day=None, day=37)
    (<TriState.YES: 'yes'>, 'the dose due on day 22 is delayed by 15 days, more than 14')
    """
    most = definition.maximum_delay_days
    if most is None:
        return TriState.NO, "the protocol counts no delay as a DLT"
    given = given_day is not None and given_day <= day
    delay = max((given_day if given and given_day is not None else day) - due_day, 0)
    if delay > most:
        return TriState.YES, f"the dose due on day {due_day} is delayed by {delay} days, more than {most}"
    if given:
        return TriState.NO, f"the dose due on day {due_day} was delayed by {delay} days, not more than {most}"
    return (
        TriState.NOT_YET,
        f"the dose due on day {due_day} is delayed by {delay} days so far; a DLT from {most + 1} days on",
    )


def laboratory_events(
    term: str, days: Sequence[int], grades: Sequence[int], minimum_grade: int, related: bool | None = True
) -> tuple[AdverseEvent, ...]:
    """Make adverse events of the grades of a laboratory test: each run of values at or above a grade is one.

    A run begins on the day of its first value and was certainly there until its last; it may have gone on to the day
    before the next value below the grade. Values that cannot be graded are left out by the caller.

    Parameters
    ----------
    term
        of the events.
    days, grades
        study days, in any order, and the grade of the value of each.
    minimum_grade
        from which values count.
    related
        to the drug.

    Examples
    --------
    >>> [event] = laboratory_events("Neutropenia", [8, 11, 15, 18], [4, 4, 4, 2], 4)
    >>> event.onset_day, event.seen_until, event.end_day
    (8, 15, 17)
    """
    if len(days) != len(grades):
        raise ValueError(f"there are {len(days)} days and {len(grades)} grades: each value needs both")
    worst: dict[int, int] = {}
    for day, grade in zip(days, grades, strict=True):
        worst[day] = max(grade, worst.get(day, 0))
    events: list[AdverseEvent] = []
    run: list[int] = []
    for day in sorted(worst):
        if worst[day] >= minimum_grade:
            run.append(day)
        elif run:
            events.append(AdverseEvent(term, max(worst[d] for d in run), related, run[0], day - 1, run[-1]))
            run = []
    if run:
        events.append(AdverseEvent(term, max(worst[d] for d in run), related, run[0], None, run[-1]))
    return tuple(events)


def febrile_neutropenia(neutrophils: float, highest_c: float, hours_at_38_c: float = 0.0) -> bool:
    """Whether neutrophils [10^9/L] and temperature [degrees Celsius] make a febrile neutropenia (CTCAE v4.03 and v5).

    Below 1.0 x 10^9/L with one temperature above 38.3, or 38.0 and more for over an hour.

    >>> febrile_neutropenia(0.8, 38.4), febrile_neutropenia(0.8, 38.1, 2), febrile_neutropenia(1.0, 39.0)
    (True, True, False)

    Parameters
    ----------
    neutrophils
        [10^9/L].
    highest_c
        the highest temperature [degrees Celsius].
    hours_at_38_c
        how long it was 38.0 or more [hours].
    """
    for name, number, low, high in (("neutrophils", neutrophils, 0, 500), ("highest_c", highest_c, 30, 45)):
        if not low <= number <= high:
            raise ValueError(f"{name} is {number:g}: it must lie between {low} and {high}")
    return neutrophils < 1.0 and (highest_c > 38.3 or (highest_c >= 38.0 and hours_at_38_c > 1))


def evaluable(
    definition: Definition, day: int, had_dlt: bool, dose_percents: Sequence[float], left_on_day: int | None = None
) -> tuple[TriState, str]:
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
    (<TriState.YES: 'yes'>, 'completed the window of 21 days')
    >>> evaluable(rule, day=21, had_dlt=False, dose_percents=[100.0])[0].name
    'NOT_YET'
    """
    window = definition.window_days
    if had_dlt:
        return TriState.YES, f"had a DLT within the window of {window} days"
    # Doses that are not due yet are not missed: the planned number counts from the end of the window.
    planned = max(len(dose_percents), definition.planned_doses if day > window else 0)
    given = sum(dose_percents) / planned if planned else 0.0
    # A tenth of a percent is rounding of milligrams, not a missed dose; the protocol's tolerance is judged at dosing.
    if given < definition.minimum_dose_percent - 0.1:
        return (
            TriState.NO,
            f"received {given:.0f} % of the planned dose, less than {definition.minimum_dose_percent:g} %",
        )
    if left_on_day is not None and left_on_day <= window and left_on_day <= day:
        return TriState.NO, f"left treatment on day {left_on_day}, before the window of {window} days ended"
    if day <= window:
        return TriState.NOT_YET, f"day {day} of the window of {window} days"
    return TriState.YES, f"completed the window of {window} days"
