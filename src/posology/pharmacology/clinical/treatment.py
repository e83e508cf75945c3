"""The course of treated patients, cycle by cycle: doses that depend on what happened, toxicities, response, CA-125,
death.

Every chance of a patient is drawn beforehand, as a :class:`PatientPotentialOutcomes`: the same patients can be treated
with other doses, and designs compared on the same patients. What follows is then certain. The parts are
:mod:`posology.pharmacology.clinical.tumour_size`, :mod:`~posology.pharmacology.clinical.ca125`,
:mod:`~posology.pharmacology.clinical.ocular_toxicity` and :mod:`~posology.pharmacology.clinical.ocular_episodes`;
:mod:`~posology.pharmacology.clinical.exposure_driver` says what of the conjugate the efficacy of a cycle goes with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.clinical.ca125 import CA125, from_tumour_size
from posology.pharmacology.clinical.dose_modification import NextDose, PatientStatus, as_labelled
from posology.pharmacology.clinical.effect_compartment import EffectCompartment
from posology.pharmacology.clinical.exposure_driver import BY_AREA, REFERENCE_AUC, ExposureDriver
from posology.pharmacology.clinical.ocular_episodes import Episodes, OcularCourse
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity, ocular_hazard
from posology.pharmacology.clinical.other_toxicities import IMGN853_OTHERS, OtherToxicities, other_dlt
from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.survival import death_day, time_at_cumulative_hazard
from posology.pharmacology.clinical.tumour_size import NEVER, RecistOutcome, assess_recist
from posology.pharmacology.compounds.quantity import checked_values
from posology.shared.arrays import ArrayLike, Bools, Floats

if TYPE_CHECKING:
    from posology.pharmacology.disposition.linear_compartments import Exponentials


VISIT = 42.0
STEPS = np.linspace(0, 1, 22)


@dataclass(frozen=True)
class TreatmentOutcome:
    """What became of the patients: (patients,) or (patients, cycles) each, days from the first dose.

    ``start``, ``mg``, ``exposure`` of each cycle (a dose left out is one of 0 mg); ``delayed`` whether any dose was;
    ``episodes`` of the eyes; ``neuropathy``, ``other`` (DLT), ``pneumonitis``, ``dead`` days, :data:`NEVER` where there
    is none while followed; ``until`` the day up to which toxicities count; ``size`` (patients, visits) [mm]; ``judged``
    by RECIST.
    """

    fate: PatientPotentialOutcomes
    start: Floats
    mg: Floats
    exposure: Floats
    delayed: Bools
    episodes: Episodes
    neuropathy: Floats
    other: Floats
    pneumonitis: Floats
    dead: Floats
    until: Floats
    visits: Floats
    size: Floats
    judged: RecistOutcome

    @property
    def ocular(self) -> Floats:
        """Day of the first ocular event."""
        return self.episodes.onset[:, 0]

    @property
    def recovered(self) -> Floats:
        """Day from which the first ocular event is over."""
        return self.episodes.recovery[:, 0]

    @property
    def progression_free(self) -> Floats:
        """Day of progression or death, whichever comes first."""
        return np.minimum(self.judged.progression, self.dead)

    def first_dlt(self) -> Floats:
        """Return the day of the first DLT: ocular, neuropathy or pneumonitis of grade 3 or more, or another."""
        fate = self.fate
        days = (
            self.episodes.first(3),
            np.where(fate.neuropathy_grade >= 3, self.neuropathy, NEVER),
            np.where(fate.pneumonitis_grade >= 3, self.pneumonitis, NEVER),
            self.other,
        )
        return np.asarray(np.min(days, axis=0))

    def dlt_within(self, window: float) -> Bools:
        """Return whether a DLT came within so many days of the first dose."""
        return np.asarray(self.first_dlt() <= window)

    def ca125(self, days: ArrayLike) -> Floats:
        """Return CA-125 [U/mL], (patients, days), of whole days in order."""
        every = np.arange(0.0, float(np.max(days)) + 1)
        change = self.fate.dynamics.log_change(every, self.start, self.exposure)
        found = from_tumour_size(every, change, self.fate.kelim, self.fate.ca0, CA125.power.value)
        return np.asarray(found[:, np.asarray(days, dtype=np.int64)])


def treat(  # noqa: PLR0913 (each an option of the method)
    fate: PatientPotentialOutcomes,
    plasma: Exponentials,
    planned: ArrayLike,
    *,
    reference: ArrayLike = 355.0,
    cycles: int = 8,
    interval: float = 21.0,
    rule: NextDose = as_labelled,
    ocular: OcularToxicity = IMGN853_OCULAR,
    others: OtherToxicities = IMGN853_OTHERS,
    driver: ExposureDriver = BY_AREA,
    follow: float = 730.0,
) -> TreatmentOutcome:
    """Treat patients for so many cycles, or until they progress or die.

    Parameters
    ----------
    fate
        the patients.
    plasma
        the conjugate after a unit bolus [ug/mL per mg], as of
        :func:`posology.pharmacology.disposition.linear_compartments.two_compartment`.
    planned, reference
        the dose [mg], and what the reference dose (6 mg/kg of adjusted ideal weight) would be: (patients,) or numbers.
    cycles, interval
        how many cycles at most, of how many days.
    rule
        what a dose depends on: :func:`as_labelled`, :func:`at_full_dose`, :func:`at_recurrence`, :func:`as_planned`, or
        another function of a :class:`PatientStatus`.
    ocular, others
        the hazards of ocular and of other toxicities.
    driver
        what the efficacy of a cycle goes with: :data:`~posology.pharmacology.clinical.exposure_driver.BY_AREA` or
        ``BY_TROUGH``. The cycle of a delayed dose lasts longer, and its exposure is that of its whole length.
    follow
        how long patients are followed for response and survival [d].

    Raises
    ------
    ValueError
        naming patient and parameter, if a dose is negative or no number, or the rule asks for less than no dose or
        delay.

    Examples
    --------
    >>> from posology.pharmacology.disposition.linear_compartments import two_compartment
    >>> fate = PatientPotentialOutcomes.draw(np.random.default_rng(7), 2000)
    >>> treated = treat(fate, two_compartment(cl=0.417, v1=2.3, q=0.5, v2=0.6), 355.0)
    >>> [float(treated.dlt_within(days).mean().round(2)) for days in (21, 42, 63)]
    [0.06, 0.07, 0.09]
    """
    patients = len(fate.ecog)
    dose = np.broadcast_to(checked_values("the planned dose", planned, "mg", zero=True), (patients,))
    usual = np.broadcast_to(checked_values("the reference dose", reference, "mg"), (patients,))
    if cycles < 1 or interval <= 0:
        raise ValueError(f"cycles is {cycles}, interval {interval:g} d: at least one cycle, of more than no days")
    effect = EffectCompartment.start(plasma, ocular.ke.value, patients)
    due, factor, going = np.zeros(patients), np.ones(patients), np.ones(patients, dtype=bool)
    days = np.full(patients, interval)
    grid = days[:, None] * STEPS
    unit = effect.unit(grid)
    clock = _Clock(fate, ocular, others, patients)
    start, mg, exposure = (np.zeros((patients, 0)) for _ in range(3))
    delayed = np.full(patients, NEVER)  # when the first delayed dose was due
    visits = np.arange(0.0, follow + 1, VISIT)
    for c in range(cycles):
        if c:
            standing = clock.standing(c, due, factor, interval)
            factor, delay = (np.asarray(a, dtype=np.float64) for a in rule(standing))
            _sensible(factor, delay, due)
            if delay.any():
                since = delay[:, None] * STEPS
                clock.advance(effect.at(effect.unit(since)), since, due)
                late = driver.exposure(effect, delay)
                exposure[:, -1] += np.where(delay > 0, delay / (days + delay) * (late - exposure[:, -1]), 0.0)
                delayed = np.minimum(delayed, np.where(going & (delay > 0), due, NEVER))
                effect, due = effect.after(delay), due + delay
            seen = fate.dynamics.size(visits[visits <= due.max()], start, exposure)
            ended = assess_recist(seen, visits[visits <= due.max()], fate.dynamics.new_lesion).progression <= due
            going = going & ~ended & (factor > 0)
        given = np.where(going, factor * dose, 0.0)
        effect = effect.dosed(given)
        start, mg = np.column_stack([start, due]), np.column_stack([mg, given])
        exposure = np.column_stack([exposure, driver.exposure(effect, days)])
        clock.advance(effect.at(unit), grid, due)
        effect, due = effect.after(days), due + days
    clock.advance(effect.at(unit), grid, due)
    start, exposure = np.column_stack([start, due]), np.column_stack([exposure, np.zeros(patients)])
    dead = death_day(fate.dynamics, fate.ecog, fate.death_threshold, start, exposure)
    size = fate.dynamics.size(visits, start, exposure)
    mg = np.where(start[:, :-1] < dead[:, None], mg, 0.0)
    until = np.minimum(dead, start[:, :-1].max(axis=1, where=mg > 0, initial=0.0) + 2 * interval)

    def came(when: Floats) -> Floats:
        return np.asarray(np.where(when <= until, when, NEVER))

    other = np.where(fate.tolerance < other_dlt(mg[:, 0] / usual, 1.0, others), fate.other_dlt_day, NEVER)
    return TreatmentOutcome(
        fate,
        start[:, :-1],
        mg,
        exposure[:, :-1],
        delayed < dead,
        clock.eyes.episodes(until),
        came(clock.neuropathy),
        came(other),
        came(fate.pneumonitis),
        dead,
        until,
        visits,
        size,
        assess_recist(size, visits, fate.dynamics.new_lesion, dead),
    )


class _Clock:
    """The hazards as time passes: cumulated so far, and when they reached what was in store."""

    def __init__(
        self, fate: PatientPotentialOutcomes, ocular: OcularToxicity, others: OtherToxicities, patients: int
    ) -> None:
        self.fate, self.of_eye, self.of_nerve = fate, ocular, others.neuropathy.value / (REFERENCE_AUC.value / 21)
        self.eyes, self.total, self.neuropathy = OcularCourse(fate.eyes), np.zeros(patients), np.full(patients, NEVER)

    def advance(self, levels: tuple[Floats, Floats, Floats], since: Floats, day: Floats) -> None:
        """Let time pass from ``day``: levels at times ``since`` (patients, T), between them trapezoids of a day
        or so."""
        level, _, second = levels
        self.eyes.advance(ocular_hazard(second, self.of_eye), since, day)
        before, threshold, hazard = self.total, self.fate.neuropathy, self.of_nerve * level
        pieces = (hazard[:, 1:] + hazard[:, :-1]) / 2 * np.diff(since, axis=1)
        total = before[:, None] + np.cumsum(pieces, axis=1)
        reached = (before < threshold) & (total[:, -1] >= threshold)
        when = day + np.minimum(
            time_at_cumulative_hazard(total - before[:, None], since, threshold - before), since[:, -1]
        )
        self.neuropathy, self.total = np.where(reached, when, self.neuropathy), total[:, -1]

    def standing(self, cycle: int, due: Floats, factor: Floats, interval: float) -> PatientStatus:
        eyes = self.eyes
        found = PatientStatus(
            cycle,
            due,
            factor,
            eyes.now(due),
            eyes.worst.copy(),
            eyes.over.copy(),
            (self.fate.other_delay_day <= due) & (self.fate.other_delay_day > due - interval),
            eyes.worst_since_last_dose.copy(),
            eyes.held_count.copy(),
        )
        eyes.reset_since_last_dose(due)
        return found


def _sensible(factor: Floats, delay: Floats, due: Floats) -> None:
    for name, values, unit in (("the dose over the planned one", factor, "1"), ("the delay", delay, "d")):
        wrong = ~(np.isfinite(values) & (values >= 0))
        if values.shape != due.shape or wrong.any():
            i = int(np.argmax(wrong)) if values.shape == due.shape else 0
            raise ValueError(
                f"patient {i + 1}, day {due[i]:g}: the rule gives {name} as {np.ravel(values)[i]:g} {unit}: "
                "it must give each patient a finite number from 0 up"
            )
