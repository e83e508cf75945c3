"""The sentences of a readout: what the trial saw, and the story of each patient with activity, each with its events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from posology.conduct.patient_courses import PatientCourse
from posology.protocol.model import Protocol
from posology.readout.cited import Cited, cite
from posology.readout.results.treatment_emergent import is_resolved, outcome
from posology.readout.results.trial_results import TrialResults
from posology.record.binding import Toxicity
from posology.record.collected import TreatmentGiven
from posology.record.event import Event
from posology.record.facts import BackgroundFact, Dosed, DoseReduced, PriorTherapy, Screened, TargetScored


@dataclass(frozen=True)
class Sentence:
    """One sentence, with the events behind it."""

    cited: Cited


def sentence(text: str, events: Sequence[Event | None]) -> Sentence:
    """Return a sentence with its sources."""
    return Sentence(cite(text, events))


def headline(results: TrialResults) -> list[Sentence]:
    """Say in a few sentences what the trial saw by the cutoff."""
    state, protocol, courses, advice = results.state, results.protocol, results.courses, results.advice
    unit, doses = (
        protocol.dose.unit,
        [(e, e.fact) for c in courses for e in c.patient.doses if isinstance(e.fact, Dosed)],
    )
    if not courses:
        return [sentence("Nobody has been treated.", ())]
    if not doses:
        text = (
            f"{len(courses)} patient{'s were' if len(courses) != 1 else ' was'} treated, none of them with a dose at a"
            " level of this protocol."
        )
        return [sentence(text, [c.patient.first_dose for c in courses])]
    levels = sorted({fact.level for _, fact in doses})
    low, high = protocol.dose.levels[levels[0] - 1], protocol.dose.levels[levels[-1] - 1]
    noted = [e for e in state.trial.of(BackgroundFact) if state.trial.simulated]
    sentences = [
        *([sentence("This trial was simulated: nobody was treated.", noted)] if noted else []),
        sentence(
            f"{len(courses)} {'virtual ' * bool(noted)}patient{'s' * (len(courses) != 1)} received {protocol.drug.name}"
            f" at {low:g} to {high:g} {unit} ({protocol.dose.body_size}).",
            [c.patient.first_dose for c in courses],
        ),
    ]
    limited = [(c, t) for c in courses for t in c.patient.toxicities if t.is_dlt]
    if limited:
        by_dose = sorted(
            {c.dose for c, _ in limited}, key=lambda d: next(c.level or 0 for c, _ in limited if c.dose == d)
        )
        who = (
            f"{len(limited)} patient{'s' * (len(limited) != 1)} had a dose-limiting toxicity, assigned to"
            f" {', '.join(by_dose)}"
        )
        what = "; ".join(f"{t.fact.term}, grade {t.fact.grade}, {_outcome(t)}" for _, t in limited)
        sentences.append(sentence(f"{who}: {what}.", [e for _, t in limited for e in t.sources]))
    elif counted := [c for c in courses if c.level is not None]:
        sentences.append(sentence("No dose-limiting toxicity was seen.", [c.patient.first_dose for c in counted]))
        if waiting := [s for s in advice.pending if s.outcome == "awaiting judgement"]:
            who = "; ".join(f"{s.patient} {s.why}" for s in waiting)
            sentences[-1] = sentence(
                f"No dose-limiting toxicity has been judged; not settled: {who}.",
                [e for s in waiting for e in s.sources],
            )
    else:
        sentences.append(
            sentence(
                "Nobody was treated in dose finding, where dose-limiting toxicities count.",
                [c.patient.first_dose for c in courses],
            )
        )
    if advice.open_level.mtd is None:
        sentences.append(
            sentence("The maximum tolerated dose is not established.", [d.event for d in state.trial.decisions])
        )
    else:
        decided = advice.open_level.decision.event if advice.open_level.decision else None
        given = f"; the rules were set aside for that ({decided.override.why})" if decided and decided.override else ""
        sentences.append(
            sentence(
                f"The maximum tolerated dose is {protocol.dose.dose_label(advice.open_level.mtd)}{given}.", [decided]
            )
        )
    active = [c for c in courses if c.has_activity]
    if active:
        lowest = min(assigned(c) for c in active)
        sentences.append(
            sentence(
                f"Activity was seen in {len(active)} patient{'s' * (len(active) != 1)}, from"
                f" {protocol.dose.dose_label(lowest)} up.",
                [e for c in active for e in (*c.response.sources, *(c.marker.sources if c.marker else ()))],
            )
        )
    return sentences


def _outcome(toxicity: Toxicity) -> str:
    """Return what became of a toxicity, without the day."""
    end = toxicity.resolved
    return outcome(toxicity).removesuffix(f" {end.occurred}") if end else outcome(toxicity)


def assigned(course: PatientCourse) -> int:
    """Return the level that a patient was assigned to; in an expansion cohort that of the first dose."""
    given = course.patient.first(Dosed)
    return course.level or (given.fact.level if given and isinstance(given.fact, Dosed) else 1)


def narratives(results: TrialResults) -> list[tuple[str, list[Sentence]]]:
    """Tell the course of every patient with activity or a dose-limiting toxicity."""
    notable = [c for c in results.courses if c.has_activity or any(t.is_dlt for t in c.patient.toxicities)]
    return [(c.id, narrative(c, results.protocol)) for c in notable]


def narrative(course: PatientCourse, protocol: Protocol) -> list[Sentence]:
    """Tell the course of one patient."""
    return [
        *_before_treatment(course, protocol),
        *_limiting_toxicities(course),
        *_dose_reductions(course, protocol),
        *_activity(course),
        _end_of_treatment(course, protocol),
    ]


def _pronoun(course: PatientCourse) -> str:
    screening = course.patient.screening
    return "The patient" if screening is None else "She" if screening.sex == "F" else "He"


def _before_treatment(course: PatientCourse, protocol: Protocol) -> Iterator[Sentence]:
    """Tell tumour, prior therapy, expression of the target, and the assignment."""
    p, who = course.patient, _pronoun(course)
    yield sentence(f"{course.id}: {course.tumour or 'tumour not recorded'}.", [p.last(Screened)])
    if p.history and p.history.regimens is not None:
        note = f" ({p.history.description})" if p.history.description else ""
        regimens = f"{p.history.regimens} prior regimen{'s' * (p.history.regimens != 1)}"
        yield sentence(f"{who} had received {regimens}{note}.", [p.last(PriorTherapy)])
    if p.target:
        strong = protocol.biomarker is not None and p.target.intensity >= protocol.biomarker.strongly_positive
        positive = ", strongly positive" if strong else ""
        yield sentence(
            f"The tumour scored {p.target.intensity} on a scale of 0 to 3{positive}.", [p.last(TargetScored)]
        )
    if p.first_dose:
        where = f"assigned {course.dose}"
        if p.cohort:
            where = f"enrolled in the cohort {p.cohort}, at {protocol.dose.dose_label(assigned(course))},"
        yield sentence(f"{who} was {where} and first treated on {p.first_dose.occurred}.", [p.enrolment, p.first_dose])


def _limiting_toxicities(course: PatientCourse) -> Iterator[Sentence]:
    p, who = course.patient, _pronoun(course).lower()
    for t in p.toxicities:
        if t.is_dlt:
            end = f"{'it ' * is_resolved(t)}{_outcome(t)} on {t.resolved.occurred}" if t.resolved else outcome(t)
            yield sentence(
                f"On day {p.study_day(t.event.occurred)} {who} had a dose-limiting toxicity, {t.fact.term},"
                f" grade {t.fact.grade}; {end}.",
                t.sources,
            )


def _dose_reductions(course: PatientCourse, protocol: Protocol) -> Iterator[Sentence]:
    for event in course.patient.of(DoseReduced):
        if isinstance(event.fact, DoseReduced):
            to = protocol.dose.dose_label(event.fact.to_level)
            yield sentence(f"The dose was reduced to {to} on {event.occurred} ({event.fact.why}).", [event])


def _activity(course: PatientCourse) -> Iterator[Sentence]:
    """Tell response, or lasting stable disease, and the marker's fall."""
    r, m = course.response, course.marker
    if r.is_objective:
        change = f", {r.best_change:+.0f} % at best" if r.best_change is not None else ""
        yield sentence(
            f"Best overall response by RECIST 1.1: {r.text}, first seen on {r.on} after {r.cycles} "
            f"cycle{'s' * (r.cycles != 1)} given{change}.",
            r.sources,
        )
    elif r.stable_days is not None:
        until = "and continuing" if r.stable_ongoing else f"until progression on {r.progression}"
        yield sentence(
            f"Best overall response by RECIST 1.1: {r.text}, lasting {r.stable_days / 7:.1f} weeks from the first "
            f"dose, {until}.",
            [*r.sources, course.patient.first_dose],
        )
    if m is not None and m.largest_fall is not None:
        response = {
            "confirmed": f"a confirmed response from {m.on} (confirmed {m.confirmed_on})",
            "awaiting confirmation": f"a response from {m.on}, awaiting confirmation",
        }.get(m.response, f"response {m.response}")
        yield sentence(f"CA-125 fell by {m.largest_fall:.0f} % at most; by GCIG {response}.", m.sources)


def _end_of_treatment(course: PatientCourse, protocol: Protocol) -> Sentence:
    p, who = course.patient, _pronoun(course)
    if p.off_treatment:
        return sentence(f"{who} left treatment on {p.off_treatment.occurred}.", [p.off_treatment])
    last = p.last(Dosed) or p.last(TreatmentGiven)
    at = f", at {protocol.dose.dose_label(last.fact.level)}" if last and isinstance(last.fact, Dosed) else ""
    return sentence(f"{who} continues on treatment{at}.", [last])
