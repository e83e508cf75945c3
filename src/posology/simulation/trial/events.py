"""What is recorded of a virtual patient, day by day: screening before there is a dose, then the course under treatment.

Facts stand in the order in which they are entered on a day. Every value is assumed: nobody was treated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from posology.protocol.model import Protocol
from posology.record import facts as f
from posology.record.fact import Fact
from posology.simulation.trial.course import FOLLOW_UP_DAYS, TreatmentCourse
from posology.simulation.trial.dosing import AE_FOLLOW_UP_DAYS, TERMS
from posology.simulation.trial.patients import CRITERION_FAILURE, TrialPatients
from posology.simulation.trial.pk_samples import infusion, sample_time, samples

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import date

ORGANS = ("liver", "lung", "peritoneum", "adrenal gland", "soft tissue")
BASELINE_CA125 = 5.0
"""CA-125 that no tumour makes [U/mL]: it is not found below; assumed."""
MIN_TARGET_MM = 10.0
"""Diameter of a target lesion at the baseline [mm], at least."""


@dataclass(frozen=True)
class ScheduledFact:
    """A fact, so many days after consent or the first dose."""

    day: int
    fact: Fact


def screening(person: TrialPatients, protocol: Protocol, asked: tuple[Any, ...]) -> list[ScheduledFact]:
    """Return what is recorded from consent on, in days from it, of a patient who is checked against the criteria
    ``asked``."""
    body, number = person.known, float(person.known.weight_kg[0])
    tumour = str(body.tumour_type[0])
    cells = [round(100 * float(share), 1) for share in body.expression[0]]
    cells[0] = max(0.0, round(100 - sum(cells[1:]), 1))
    made = [
        ScheduledFact(0, f.Consented()),
        ScheduledFact(
            1,
            f.Screened(
                sex="F" if body.sex[0] == "F" else "M",
                age=int(person.age[0]),
                tumour_type=tumour,
                histology=str(person.histology[0]),
                height_cm=float(body.height_cm[0]),
                weight_kg=number,
                ecog=int(person.ecog[0]),
                measurable_disease=True,
            ),
        ),
        ScheduledFact(1, f.PriorTherapy(regimens=int(body.prior_regimens[0]), platinum_status=str(person.platinum[0]))),  # type: ignore[arg-type]
        ScheduledFact(
            3,
            f.TargetScored(
                assay=protocol.biomarker.assay if protocol.biomarker else "model",
                intensity=max(k for k in range(4) if cells[k] > 0),
                percent_2plus=round(cells[2] + cells[3], 1),
                cells_0=cells[0],
                cells_1=cells[1],
                cells_2=cells[2],
                cells_3=cells[3],
            ),
        ),
    ]
    attested = [c for c in asked if c.fact == "attested"]
    for k, criterion in enumerate(attested):
        met = bool(person.criterion_draws[0, k % person.criterion_draws.shape[1]] >= CRITERION_FAILURE.value)
        made.append(ScheduledFact(5, f.CriterionAttested(criterion=criterion.id, met=met)))
    return made


def baseline(person: TrialPatients, protocol: Protocol) -> list[Fact]:
    """Return the lesions and the marker before treatment."""
    size = float(person.known.sld_mm[0])
    return [*_lesions(person, 0, size), *_marker(person, protocol, float(person.known.ca125[0]))]


def treatment_events(
    told: TreatmentCourse, protocol: Callable[[int], Protocol], first: date, follow_up: int = FOLLOW_UP_DAYS
) -> list[ScheduledFact]:
    """Return what is recorded from the ``first`` dose on, in days from it, to the last follow-up."""
    off, why, note = told.end_of_treatment(protocol(0).schedule.cycle_days)
    end = min(follow_up, int(min(told.dead, 1e6)))
    entries = [
        *_delays(told, off),
        *_doses(told, first),
        *_toxicities(told, min(end, off + AE_FOLLOW_UP_DAYS)),
        *_samples(told, min(off, end), first),
        *_visits(told, protocol(0), end),
    ]
    if off <= follow_up:
        entries.append(ScheduledFact(off, f.Discontinued(why=why, note=note or None)))  # type: ignore[arg-type]
    if told.dead <= follow_up:
        entries.append(ScheduledFact(int(told.dead), f.Died(cause="disease")))
    return sorted((e for e in entries if e.day <= follow_up), key=lambda e: e.day)


def _delays(told: TreatmentCourse, off: int) -> Iterator[ScheduledFact]:
    """Yield each delay of a dose while treated."""
    for step in told.steps:
        for day, days, reason in step.waits:
            if day < off:
                yield ScheduledFact(day, f.DoseDelayed(days=days, why=reason))


def _given(told: TreatmentCourse) -> tuple[list[float], list[float]]:
    """Return when each dose was given, and how much [mg]."""
    return [float(day) for day, *_ in told.given], [mg for *_, mg in told.given]


def _doses(told: TreatmentCourse, first: date) -> Iterator[ScheduledFact]:
    """Yield each dose, and before it that it was reduced."""
    weight, here = float(told.person.known.weight_kg[0]), told.level
    reasons = {s.day: s.why for s in told.steps}
    lengths = infusion(*_given(told))[1].tolist()
    for cycle, ((day, level, mg), length) in enumerate(zip(told.given, lengths, strict=True), 1):
        if level < here:
            yield ScheduledFact(day, f.DoseReduced(to_level=level, why=reasons[day]))
            here = level
        begin, ends = (sample_time(first, at).isoformat(timespec="minutes") for at in (day, day + length))
        yield ScheduledFact(
            day, f.Dosed(cycle=cycle, level=level, weight_kg=weight, actual_mg=mg, dated=begin, ended=ends)
        )


def _toxicities(told: TreatmentCourse, last: float) -> Iterator[ScheduledFact]:
    """Yield each toxicity, and its end if that comes by the last day on which it is followed."""
    for number, toxicity in enumerate(told.toxicities, 1):
        yield ScheduledFact(
            int(toxicity.onset),
            f.AdverseEvent(
                ae=str(number),
                term=toxicity.term,
                grade=toxicity.grade,
                related=True,
                system_organ_class=TERMS[toxicity.kind][1],
            ),
        )
        over = int(np.ceil(toxicity.resolved_day))
        if over <= last:
            yield ScheduledFact(over, f.AdverseEventResolved(ae=str(number), outcome="recovered"))


def _samples(told: TreatmentCourse, last: float, first: date) -> Iterator[ScheduledFact]:
    """Yield each concentration."""
    for drawn in samples(told.person.factors, told.person.noise, *_given(told), last, first):
        yield ScheduledFact(drawn.day, drawn.fact)


def _visits(told: TreatmentCourse, plan: Protocol, end: int) -> Iterator[ScheduledFact]:
    """Yield the marker at doses and visits, then the lesions of each visit, a new one where it shows progression."""
    person, treated = told.person, told.treated
    visits = [int(v) for v in treated.visits if 0 < v <= min(told.progression, end)]
    marked = sorted({*(day for day, *_ in told.given[1:]), *visits})
    if marked and _marker(person, plan, 1.0):
        for day, value in zip(marked, treated.ca125(np.array(marked))[0], strict=True):
            yield from (ScheduledFact(day, fact) for fact in _marker(person, plan, float(value)))
    new = float(person.fate.dynamics.new_lesion[0])
    for number, day in enumerate(visits, 1):
        yield from (ScheduledFact(day, fact) for fact in _lesions(person, number, float(treated.size[0, number])))
        if day == told.progression and new <= day:
            lesion = f.LesionMeasured(assessment=number, lesion="N1", role="new", organ="bone", status="present")
            yield ScheduledFact(day, lesion)


def _lesions(person: TrialPatients, assessment: int, size: float) -> list[Fact]:
    """Return the target lesions of an assessment: equal parts of the sum, each large enough at the baseline."""
    start = float(person.known.sld_mm[0])
    count = min(int(person.known.lesions[0]), len(ORGANS), max(1, int(start / MIN_TARGET_MM)))
    return [
        f.LesionMeasured(
            assessment=assessment, lesion=f"T{k}", role="target", organ=organ, diameter_mm=round(size / count, 1)
        )
        for k, organ in enumerate(ORGANS[:count], 1)
    ]


def _marker(person: TrialPatients, protocol: Protocol, value: float) -> list[Fact]:
    """Return CA-125, in the tumour types in which the protocol reads it."""
    read = protocol.endpoints.ca125
    if read is None or str(person.known.tumour_type[0]) not in read.tumour_types:
        return []
    return [f.MarkerMeasured(value=round(max(value, BASELINE_CA125), 1), upper_limit=float(read.upper_limit_u_ml))]
