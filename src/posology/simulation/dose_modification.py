"""What holding and reducing doses does: the same patients at the same dose under each rule.

The patients have the same bodies and fates under every rule, so that differences between rules are those within a
patient; their standard errors are much smaller than those of two groups. Every measure is a sum over patients divided
by another: a share divides by the number of patients, a rate by their time. Standard errors are those of a ratio
(Cochran, Sampling Techniques, ch. 6).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posology.pharmacology.clinical.dose_modification import (
    NextDose,
    as_labelled,
    as_planned,
    at_full_dose,
    at_recurrence,
)
from posology.pharmacology.clinical.exposure_driver import BY_AREA, ExposureDriver
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity
from posology.pharmacology.clinical.other_toxicities import IMGN853_OTHERS, OtherToxicities
from posology.pharmacology.clinical.treatment import TreatmentOutcome, treat
from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.tables import Table
from posology.simulation.potential_outcomes import BATCH_PATIENTS, DoseBySize, draw_dosed_patients

YEAR = 365.25
HALF_YEAR = YEAR / 2
RULES: Mapping[str, NextDose] = {
    "as planned": as_planned,
    "held, full dose": at_full_dose,
    "as labelled": as_labelled,
    "less at recurrence": at_recurrence,
}
RuleMeasure = Callable[[TreatmentOutcome, Floats, float], tuple[Floats, Floats]]
"""Gives numerator and denominator, (patients,) each, of treated patients, their planned doses [mg] and the interval
[d]."""


def _share(
    of: Callable[[TreatmentOutcome], Any], among: Callable[[TreatmentOutcome], Any] = lambda treated: treated.until >= 0
) -> RuleMeasure:
    """Percent of the patients among whom it is asked."""
    return lambda treated, planned, interval: (100.0 * (of(treated) & among(treated)), 1.0 * among(treated))


def _rate(
    of: Callable[[TreatmentOutcome], Any], time: Callable[[TreatmentOutcome], Floats] = lambda treated: treated.until
) -> RuleMeasure:
    """Count or days in a year of the patients' time."""
    return lambda treated, planned, interval: (1.0 * of(treated), time(treated) / YEAR)


def _intensity(treated: TreatmentOutcome, planned: Floats, interval: float) -> tuple[Floats, Floats]:
    """Return dose over the time up to a cycle after the last, and what was planned in that time."""
    last = treated.start.max(axis=1, where=treated.mg > 0, initial=0.0)
    return 100 * treated.mg.sum(axis=1), planned * (last / interval + 1)


def _ocular_days(treated: TreatmentOutcome) -> Floats:
    """Return days with an ocular event of grade 2 or worse, while toxicities count."""
    eyes = treated.episodes
    end = np.minimum(eyes.recovery, treated.until[:, None])
    there = eyes.grade >= 2
    return np.asarray(np.where(there, end - np.where(there, eyes.onset, 0), 0).sum(axis=1))


def _recurrences_after_grade3(treated: TreatmentOutcome, grade: int = 1) -> Ints:
    """Return how many events of a grade or worse follow the first of grade 3 or worse."""
    eyes = treated.episodes
    return np.asarray(((eyes.grade >= grade) & (eyes.onset > eyes.first(3)[:, None])).sum(axis=1))


def _severe(treated: TreatmentOutcome) -> Bools:
    return treated.episodes.worst >= 3


def _since(treated: TreatmentOutcome) -> Floats:
    """Return the days for which a patient is followed after a first event of grade 3 or worse."""
    return np.maximum(treated.until - treated.episodes.first(3), 0)


MEASURES: Mapping[str, RuleMeasure] = {
    "an ocular event, %": _share(lambda t: t.episodes.count() >= 1),
    "a second ocular event, %": _share(lambda t: t.episodes.count() >= 2),
    "an event of grade 2 or worse, %": _share(lambda t: t.episodes.worst >= 2),
    "a second of grade 2 or worse, %": _share(lambda t: t.episodes.count(2) >= 2),
    "an event of grade 3 or worse, %": _share(_severe),
    "events of grade 3 or worse in a patient-year": _rate(lambda t: t.episodes.count(3)),
    "events of any grade in a patient-year": _rate(lambda t: t.episodes.count()),
    "days with grade 2 or worse in a patient-year": _rate(_ocular_days),
    "after grade 3: events in a patient-year": _rate(_recurrences_after_grade3, _since),
    "after grade 3: another of grade 3 or worse, %": _share(lambda t: _recurrences_after_grade3(t, 3) > 0, _severe),
    "a DLT, %": _share(lambda t: np.isfinite(t.first_dlt())),
    "a dose delayed, %": _share(lambda t: t.delayed),
    "a dose reduced, %": _share(lambda t: ((t.mg > 0) & (t.mg < t.mg[:, :1])).any(axis=1)),
    "relative dose intensity, %": _intensity,
    "response, %": _share(lambda t: np.isfinite(t.judged.response)),
    "free of progression at 6 months, %": _share(lambda t: t.progression_free > HALF_YEAR),
}
"""What is asked of each rule: events while treated and up to a cycle after."""


@dataclass(frozen=True)
class RuleComparison:
    """The same patients under each rule.

    Parameters
    ----------
    rules, measures
        their names.
    above, below
        (rules, measures, patients): numerator and denominator of each patient.
    """

    rules: tuple[str, ...]
    measures: tuple[str, ...]
    numerator: Floats
    denominator: Floats

    @property
    def value(self) -> Floats:
        """(rules, measures): the sum of numerators over that of denominators."""
        return np.asarray(self.numerator.sum(axis=2) / self.denominator.sum(axis=2))

    @property
    def error(self) -> Floats:
        """(rules, measures): standard error of each value."""
        return _error(self._own())

    @property
    def difference(self) -> Floats:
        """(rules, measures): each value less that of the first rule."""
        return np.asarray(self.value - self.value[0])

    @property
    def difference_error(self) -> Floats:
        """(rules, measures): standard error of each difference, in pairs."""
        own = self._own()
        return _error(own - own[0])

    def _own(self) -> Floats:
        """Return by how much each patient moves each value, times the number of patients."""
        return np.asarray(
            (self.numerator - self.value[..., None] * self.denominator) / self.denominator.mean(axis=2)[..., None]
        )

    def table(self) -> Table:
        """Return a row for each measure: value and standard error under each rule, and the difference from the
        first."""
        columns: dict[str, Sequence[object]] = {"measure": self.measures}
        for j, rule in enumerate(self.rules):
            columns[rule], columns[f"± {rule}"] = self.value[j].tolist(), self.error[j].tolist()
            if j:
                columns[f"{rule}, difference"] = self.difference[j].tolist()
                columns[f"± {rule}, difference"] = self.difference_error[j].tolist()
        return Table(f"The same {self.numerator.shape[2]:,} virtual patients under each rule for the dose", columns)


def _error(own: Floats) -> Floats:
    return np.asarray(own.std(axis=2, ddof=1) / np.sqrt(own.shape[2]), dtype=np.float64)


def compare(
    rng: np.random.Generator,
    patients: int,
    mg: DoseBySize,
    *,
    rules: Mapping[str, NextDose] = RULES,
    measures: Mapping[str, RuleMeasure] = MEASURES,
    ocular: OcularToxicity = IMGN853_OCULAR,
    others: OtherToxicities = IMGN853_OTHERS,
    driver: ExposureDriver = BY_AREA,
    cycles: int = 8,
    interval: float = 21.0,
) -> RuleComparison:
    """Treat the same virtual patients by each rule.

    Parameters
    ----------
    rng
        the source of randomness.
    patients
        how many, two or more.
    mg
        the dose of each patient: (patients, 1) [mg].
    rules
        by name; differences are from the first.
    measures
        by name.
    ocular, others, driver, cycles, interval
        as of :func:`posology.simulation.potential_outcomes.draw_patients`.

    Raises
    ------
    ValueError
        if there are fewer than two patients, or more than one dose each.

    Examples
    --------
    >>> found = compare(np.random.default_rng(1), 500, lambda people: 7 * people.weight_kg[:, None])
    >>> intensity = found.value[:, found.measures.index("relative dose intensity, %")]
    >>> bool(intensity[0] > intensity[1] > intensity[2])
    True
    """
    if patients < 2:
        raise ValueError(f"patients is {patients}: there must be two or more for a standard error")
    parts = []
    for b, own in enumerate(rng.spawn(-(-patients // BATCH_PATIENTS))):
        some = min(BATCH_PATIENTS, patients - b * BATCH_PATIENTS)
        doses, plasma, fate = draw_dosed_patients(
            own, some, mg, ocular=ocular, others=others, driver=driver, interval=interval
        )
        if doses.shape[1] != 1:
            raise ValueError(f"mg gives {doses.shape[1]} doses for each patient: rules are compared at one")
        planned = doses[:, 0]
        found = [
            treat(
                fate,
                plasma,
                planned,
                cycles=cycles,
                interval=interval,
                rule=rule,
                ocular=ocular,
                others=others,
                driver=driver,
            )
            for rule in rules.values()
        ]
        parts.append([[measure(each, planned, interval) for measure in measures.values()] for each in found])
    whole = np.concatenate(
        [np.asarray(part, dtype=np.float64) for part in parts], axis=3
    )  # rules, measures, 2, patients
    return RuleComparison(tuple(rules), tuple(measures), whole[:, :, 0], whole[:, :, 1])
