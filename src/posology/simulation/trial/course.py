"""The course of one virtual patient, doses held and reduced by the protocol, and nothing decided on what is not known
yet.

A dose is due a cycle after the last one. While a toxicity holds it the patient is seen weekly, as long as the protocol
lets a dose be delayed; then treatment ends. After a toxicity of grade 3 that has resolved the patient goes on a level
lower, as often as the protocol lets a dose be reduced.

What toxicities come depends on the doses, and the doses on the toxicities. So the course is computed again with the
toxicities found, until they stay the same: each round sets the course right up to the consequences of one more of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from posology.endpoints.body_size import dose_mg
from posology.pharmacology.clinical.dose_modification import DoseRule, ToxicityKind
from posology.pharmacology.clinical.treatment import TreatmentOutcome, treat
from posology.simulation.trial.dosing import (
    AE_FOLLOW_UP_DAYS,
    WEEK,
    DoseDecision,
    ProtocolDosing,
    Toxicity,
    protocol_rule,
)
from posology.simulation.trial.patients import TrialPatients

FOLLOW_UP_DAYS = 730
"""Days from the first dose to the last follow-up."""
MAX_ROUNDS = 100


@dataclass(frozen=True)
class TreatmentCourse:
    """What becomes of a patient, in days from the first dose: the model's account, the doses' steps, the toxicities
    seen."""

    person: TrialPatients
    level: int
    treated: TreatmentOutcome
    steps: tuple[DoseDecision, ...]
    toxicities: tuple[Toxicity, ...]
    rule: DoseRule

    @property
    def given(self) -> list[tuple[int, int, float]]:
        """Day, level and mg of each dose given."""
        mg, dead = self.treated.mg[0], self.treated.dead[0]
        made = [(0, self.level), *((s.day, s.level or 0) for s in self.steps)]
        return [
            (day, level, float(amount))
            for (day, level), amount in zip(made, mg, strict=False)
            if amount > 0 and day < np.floor(dead)
        ]

    @property
    def progression(self) -> float:
        """Day of the scan that shows progression."""
        return float(self.treated.judged.progression[0])

    @property
    def dead(self) -> float:
        """Day of death."""
        return float(self.treated.dead[0])

    def end_of_treatment(self, interval: int) -> tuple[int, str, str]:
        """Return when treatment ended, the reason, and what there is to say of it."""
        last = self.given[-1][0]
        ends: list[tuple[float, str, str]] = [(self.progression, "progression", ""), (self.dead, "death", "")]
        stopping = [t for t in self.toxicities if t.grade >= self.rule.of(t.kind).stop]
        ends += [(t.onset, "adverse event", str(t)) for t in stopping]
        ends += [(s.day, "adverse event", s.why) for s in self.steps if s.level is None]
        if self.treated.mg[0, -1] > 0:
            ends.append((last + interval, "other", "all planned cycles given"))
        day, why, note = min(ends, key=lambda end: int(min(end[0], 1e6)))
        return int(day), why, note


def simulate_course(
    person: TrialPatients, level: int, protocol: Callable[[int], Any], *, most: int, follow_up: int = FOLLOW_UP_DAYS
) -> TreatmentCourse:
    """Treat a patient at a dose level.

    Parameters
    ----------
    person
        the patient.
    level
        number of the dose level.
    protocol
        gives the protocol in force so many days after the first dose.
    most
        cycles at most.
    follow_up
        days from the first dose to the last follow-up.
    """
    plan = protocol(0)
    interval = int(plan.schedule.cycle_days)

    def mg(at: int, day: int) -> float:
        return float(amount(person, protocol(day), at))

    body = person.known
    usual = dose_mg(6.0, "adjusted ideal body weight", body.weight_kg, body.height_cm, body.sex)
    rule = protocol_rule(plan, level)
    assumed: tuple[Toxicity, ...] = ()  # in the round before
    cycles = min(8, most)
    for _ in range(MAX_ROUNDS):
        dosing = ProtocolDosing(mg, level, rule, assumed)
        treated = treat(
            person.fate,
            person.plasma,
            mg(level, 0),
            reference=usual,
            cycles=cycles,
            interval=float(interval),
            rule=dosing,
            follow=float(follow_up),
        )
        course = TreatmentCourse(
            person, level, treated, tuple(dosing.steps), toxicities(person, treated, dosing.steps, interval), rule
        )
        if course.toxicities != assumed:
            assumed = course.toxicities
        elif treated.mg[0, -1] > 0 and cycles < most:
            cycles = min(2 * cycles, most)
        else:
            return course
    raise ArithmeticError(f"the course of a patient at level {level} does not settle in {MAX_ROUNDS} rounds")


def amount(person: TrialPatients, protocol: Any, level: int) -> float:
    """Return a patient's dose at a level [mg], as the record plans it."""
    body = person.known
    dose = float(protocol.dose.levels[level - 1])
    return round(float(dose_mg(dose, protocol.dose.body_size, body.weight_kg, body.height_cm, body.sex)[0]), 3)


def toxicities(
    person: TrialPatients, treated: TreatmentOutcome, steps: list[DoseDecision], interval: int
) -> tuple[Toxicity, ...]:
    """Return the toxicities that are seen, in order: while treated, and for two cycles after the last dose."""
    fate, lasting = person.fate, person.durations[0]
    found = [Toxicity(onset, ToxicityKind.OCULAR, grade, over) for onset, over, grade in ocular(treated)]
    for kind, day, grade, k in (
        (ToxicityKind.NEUROPATHY, treated.neuropathy, fate.neuropathy_grade, 0),
        (ToxicityKind.PNEUMONITIS, treated.pneumonitis, fate.pneumonitis_grade, 1),
        (ToxicityKind.LABORATORY, treated.other, np.array([3]), 2),
    ):
        found.append(Toxicity(float(day[0]), kind, int(grade[0]), float(day[0] + lasting[k])))
    tired = float(fate.other_delay_day[0])
    due = next((s.due for s in steps if s.due - interval < tired <= s.due), None)
    found.append(
        Toxicity(tired, ToxicityKind.OTHER, 2, tired + AE_FOLLOW_UP_DAYS if due is None else float(due + WEEK))
    )
    given, dead = treated.start[0][treated.mg[0] > 0], float(treated.dead[0])

    def seen(t: Toxicity) -> bool:
        return bool(t.onset < dead and t.onset <= given[given <= t.onset].max(initial=-np.inf) + 2 * interval)

    return tuple(sorted((t for t in found if np.isfinite(t.onset) and seen(t)), key=lambda t: (t.onset, t.term)))


def ocular(treated: TreatmentOutcome) -> list[tuple[float, float, int]]:
    """Return onset, end and worst grade of each ocular episode of one patient."""
    seen = treated.episodes
    found = zip(seen.onset[0].tolist(), seen.recovery[0].tolist(), seen.grade[0].tolist(), strict=True)
    return [(onset, over, grade) for onset, over, grade in found if np.isfinite(onset)]
