"""Virtual patients that carry the drug: what would become of each at each dose level, for any design to be run on.

Each patient has a body, a clearance, a tumour and a fate; at each level the dose gives a course of the conjugate in
plasma, and that the days of ocular events, of the first DLT of any kind, and a response. The fate is the same at every
level. A DLT window is then a cut through those days: what comes after it the trial does not see.

The parts are :mod:`posology.pharmacology.clinical.treatment` and
:mod:`~posology.pharmacology.clinical.ocular_toxicity`; how body size sets the dose is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from posology.operating.simulate import Scenario
from posology.operating.true_mtd import true_mtd
from posology.pharmacology.clinical.dose_modification import NextDose, as_labelled
from posology.pharmacology.clinical.exposure_driver import BY_AREA, ExposureDriver
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity
from posology.pharmacology.clinical.other_toxicities import IMGN853_OTHERS, OtherToxicities
from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.treatment import treat
from posology.pharmacology.clinical.tumour_size import IMGN853_TUMOUR
from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.adc_states import CENTRAL
from posology.pharmacology.disposition.linear_compartments import Exponentials, two_compartment
from posology.pharmacology.tumour.target import FOLATE_RECEPTOR_ALPHA
from posology.pharmacology.virtual_patients.between_patient import BetweenPatient, allometric_factors, multiply
from posology.pharmacology.virtual_patients.demographics import OVARIAN, TumourType, VirtualPatients
from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.tables import Table

BATCH_PATIENTS = 5000
"""Patients treated at once, at most: bounds the memory to some 200 MB."""
OCULAR_DLT = 3
"""The least grade of an ocular event that is a DLT; no design looks at higher ones."""
HIGH_EXPRESSION_SHARES = (0.05, 0.05, 0.45, 0.45)
"""Shares of cells that score 0 to 3 in a tumour that bears much target, on which response was calibrated; assumed."""


@dataclass(frozen=True)
class DrugDrivenPatients:
    """What would become of each patient at each level, a trial a row.

    Parameters
    ----------
    dlt
        (trials, patients, levels): day of the first DLT; inf where none comes.
    ocular
        (trials, patients, levels, 3): day of the first ocular event of grade 1 or worse, of 2 or worse, of 3 or worse;
        inf where none comes.
    response
        (trials, patients, levels): whether the tumour responds.
    gap, leaves, left_at
        (trials, patients): as in :class:`posology.operating.PotentialOutcomes`.

    Raises
    ------
    ValueError
        if the shapes do not fit, or a day is negative or no number.
    """

    dlt: Floats
    ocular: Floats
    response: Bools
    gap: Floats
    leaves: Floats
    left_at: Floats

    def __post_init__(self) -> None:
        if self.dlt.ndim != 3:
            raise ValueError(f"dlt has the shape {self.dlt.shape}: it must be (trials, patients, levels)")
        shapes = {"ocular": (*self.dlt.shape, OCULAR_DLT), "response": self.dlt.shape}
        for name in ("ocular", "response", "gap", "leaves", "left_at"):
            right = shapes.get(name, self.dlt.shape[:2])
            if getattr(self, name).shape != right:
                raise ValueError(f"{name} has the shape {getattr(self, name).shape}: it must be {right}")
        for name in ("dlt", "ocular"):
            wrong = ~(getattr(self, name) >= 0)
            if wrong.any():
                trial, patient, level = np.argwhere(wrong)[0][:3] + 1
                raise ValueError(
                    f"trial {trial}, patient {patient}, level {level}: the day of {name} must be 0 or later, inf "
                    "for never"
                )

    @property
    def shape(self) -> tuple[int, int]:
        """Trials, and patients drawn for each."""
        trials, patients, _ = self.dlt.shape
        return trials, patients

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return int(self.dlt.shape[2])

    def dlt_day(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Floats:
        """Return the day of the DLT that patient ``k`` of each trial in ``rows`` has at a level; inf where none
        comes."""
        return np.asarray(self.dlt[rows, k, level])

    def respond(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Bools:
        """Return whether their tumours respond."""
        return np.asarray(self.response[rows, k, level])

    def grades(self, scenario: Scenario, rows: Ints, k: Ints, level: Ints) -> Ints | None:
        """Return the worst grade of toxicity within the window: 3 for a DLT, else of the ocular events, else 0."""
        grade = (self.ocular[rows, k, level] <= scenario.window).sum(axis=-1)
        return np.where(self.dlt[rows, k, level] <= scenario.window, OCULAR_DLT, grade)

    def ocular_dlt(self) -> Floats:
        """Return (trials, patients, levels): day of the first ocular event of grade 3 or worse; inf where none
        comes."""
        return np.asarray(self.ocular[..., OCULAR_DLT - 1])

    def rate(self, window: float = np.inf) -> Floats:
        """Return (levels,): the true DLT rate, within a window [d] or while treated."""
        return _share(np.isfinite(self.dlt) & (self.dlt <= window))

    def ocular_rate(self, window: float = np.inf) -> Floats:
        """Return (levels,): the share of patients with an ocular DLT, within a window [d] or while treated."""
        day = self.ocular_dlt()
        return _share(np.isfinite(day) & (day <= window))

    def ocular_missed(self, window: float) -> Floats:
        """Return (levels,): of the ocular DLTs of all treatment, the share that comes after the window; nan where none
        comes."""
        every = self.ocular_rate()
        late = every - self.ocular_rate(window)
        return np.divide(late, every, out=np.full_like(every, np.nan), where=every > 0)

    def true_mtd(self, target: float, window: float = np.inf) -> int:
        """Return the level that is right to select by the DLT rates within a window [d]; see
        :func:`posology.operating.true_mtd.true_mtd`."""
        return int(true_mtd(self.rate(window), target)[0])

    def benefit(self) -> Floats:
        """Return (levels,): the share of patients whose tumours respond, and who have no DLT while treated."""
        return _share(self.response & ~np.isfinite(self.dlt))

    def error(self, rate: Floats) -> Floats:
        """Return the standard error of a rate over all patients."""
        return np.asarray(np.sqrt(rate * (1 - rate) / self.gap.size))

    def table(self, windows: Sequence[float], names: Sequence[str] | None = None) -> Table:
        """Return a row for each level: the true DLT rate within each window and while treated, response, and both
        together."""
        columns: dict[str, list[object]] = {"level": list(names or map(str, range(1, self.levels + 1)))}
        for window in (*windows, np.inf):
            when = f"within {window:g} d" if np.isfinite(window) else "while treated"
            rate = self.rate(window)
            columns[f"DLT {when}"], columns[f"± {when}"] = rate.tolist(), self.error(rate).tolist()
        for window in windows:
            missed = self.ocular_missed(window)
            columns[f"ocular DLTs after {window:g} d"] = [None if np.isnan(m) else float(m) for m in missed]
        columns["response"] = _share(self.response).tolist()
        columns["response without DLT"] = self.benefit().tolist()
        return Table(f"True rates of {self.gap.size:,} virtual patients at each level", columns)


def _share(which: Bools) -> Floats:
    return np.asarray(which.mean(axis=(0, 1)))


DoseBySize = Callable[[VirtualPatients], Floats]
"""Gives each patient's dose at each level: (patients, levels) [mg]."""


def draw_patients(  # noqa: PLR0913 (each an option of the method)
    rng: np.random.Generator,
    trials: int,
    patients: int,
    mg: DoseBySize,
    *,
    compound: Compound = IMGN853,
    mix: Sequence[tuple[TumourType, float]] = ((OVARIAN, 1.0),),
    ocular: OcularToxicity = IMGN853_OCULAR,
    others: OtherToxicities = IMGN853_OTHERS,
    driver: ExposureDriver = BY_AREA,
    rule: NextDose = as_labelled,
    cycles: int = 8,
    interval: float = 21.0,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> DrugDrivenPatients:
    """Draw patients for each trial and treat each of them at each level.

    Parameters
    ----------
    rng
        the source of randomness.
    trials, patients
        how many trials, and how many patients of each.
    mg
        the dose of each patient at each level.
    compound
        the conjugate; loss must be linear.
    mix
        tumour types and their shares.
    ocular, others
        the hazards.
    driver
        what efficacy goes with, see :mod:`posology.pharmacology.clinical.exposure_driver`.
    rule
        how doses are held and reduced, see :func:`posology.pharmacology.clinical.treatment.treat`.
    cycles, interval
        how many cycles at most, of how many days. DLTs count until an interval after the last cycle's end.
    progress
        called with how many patients are done, and how many there are.

    Raises
    ------
    ValueError
        if there is nobody to treat, or the doses are not (patients, levels).

    Examples
    --------
    >>> found = draw_patients(np.random.default_rng(1), 50, 20, lambda people: np.outer(people.weight_kg, [1.0, 7.0]))
    >>> bool((found.rate(21) < found.rate(63)).all()), bool((found.rate(63) < found.rate()).all())
    (True, True)
    """
    if trials < 1 or patients < 1:
        raise ValueError(f"trials is {trials}, patients {patients}: there must be one of each, or more")
    total = trials * patients
    clock, *batches = rng.spawn(1 + -(-total // BATCH_PATIENTS))
    parts = []
    for b, own in enumerate(batches):
        some = min(BATCH_PATIENTS, total - b * BATCH_PATIENTS)
        parts.append(_batch(own, some, mg, compound, mix, ocular, others, driver, rule, cycles, interval))
        progress(b * BATCH_PATIENTS + some, total)
    dlt, eye, response = (np.concatenate(each) for each in zip(*parts, strict=True))

    def wide(array: Any) -> Any:
        return array.reshape(trials, patients, *array.shape[1:])

    gap, leaves, left_at = clock.spawn(3)
    flat = (trials, patients)
    return DrugDrivenPatients(
        wide(dlt), wide(eye), wide(response), gap.exponential(size=flat), leaves.random(flat), left_at.random(flat)
    )


def _batch(  # noqa: PLR0913 (each an option of the method)
    rng: np.random.Generator,
    patients: int,
    mg: DoseBySize,
    compound: Compound,
    mix: Sequence[tuple[TumourType, float]],
    ocular: OcularToxicity,
    others: OtherToxicities,
    driver: ExposureDriver,
    rule: NextDose,
    cycles: int,
    interval: float,
) -> tuple[Floats, Floats, Bools]:
    """Return the day of the first DLT, those of the first ocular events by grade, response: (patients, levels, ...)
    each."""
    doses, plasma, fate = draw_dosed_patients(
        rng, patients, mg, compound=compound, mix=mix, ocular=ocular, others=others, driver=driver, interval=interval
    )
    found = [
        treat(
            fate,
            plasma,
            each,
            cycles=cycles,
            interval=interval,
            rule=rule,
            ocular=ocular,
            others=others,
            driver=driver,
            follow=2 * cycles * interval,
        )
        for each in doses.T
    ]

    def columns(values: Sequence[Any]) -> Any:
        return np.stack(values, axis=1)

    return (
        columns([t.first_dlt() for t in found]),
        columns([np.column_stack([t.episodes.first(1 + g) for g in range(OCULAR_DLT)]) for t in found]),
        columns([np.isfinite(t.judged.response) for t in found]),
    )


def draw_dosed_patients(
    rng: np.random.Generator,
    patients: int,
    mg: DoseBySize,
    *,
    compound: Compound = IMGN853,
    mix: Sequence[tuple[TumourType, float]] = ((OVARIAN, 1.0),),
    ocular: OcularToxicity = IMGN853_OCULAR,
    others: OtherToxicities = IMGN853_OTHERS,
    driver: ExposureDriver = BY_AREA,
    interval: float = 21.0,
) -> tuple[Floats, Exponentials, PatientPotentialOutcomes]:
    """Draw patients: their doses at each level (patients, levels) [mg], their plasma of the conjugate, and their fate.

    Arguments as of :func:`draw_patients`; what exposure explains of response is taken from what is drawn.
    """
    people = VirtualPatients.draw(rng, patients, mix)
    doses = np.asarray(mg(people), dtype=np.float64)
    if doses.ndim != 2 or len(doses) != patients:
        raise ValueError(f"mg gives doses of the shape {doses.shape}: it must be ({patients}, levels)")
    factors = multiply(allometric_factors(people.weight_kg), BetweenPatient.of(compound).draw(rng, patients))
    plasma = two_compartment_equivalent(Plasma.of(compound, factors))
    fate = PatientPotentialOutcomes.draw(
        rng,
        patients,
        ocular=ocular,
        others=others,
        s0=people.sld_mm,
        receptor=receptor_concentration(people.expression),
        ca0=people.ca125,
        explained=driver.log_sd(plasma, interval),
    )
    return doses, plasma, fate


def receptor_concentration(expression: Floats) -> Floats:
    """Return the receptor of each tumour [nM], all its cells together, on the scale of the response."""
    around, share = FOLATE_RECEPTOR_ALPHA.expression([HIGH_EXPRESSION_SHARES, *expression])
    held = around * share
    return np.asarray(IMGN853_TUMOUR.high.value * held[1:] / held[0])


def two_compartment_equivalent(plasma: Plasma) -> Exponentials:
    """Return the conjugate in plasma after a unit bolus [ug/mL per mg] as two exponentials, of each patient.

    Volumes and exchange are the antibody's; the clearance is the one that gives the area of the whole chain of the
    drug-to-antibody ratio, loss of the last drug included. Of IMGN853 it lies within 7 % of the chain to day 14.

    Examples
    --------
    >>> round(float(1 / two_compartment_equivalent(Plasma.of(IMGN853)).area[0]), 3)  # L/d
    0.417
    """
    area = -np.linalg.solve(plasma.system.matrix, plasma.inlet[..., None])[..., 0]
    adc = area[:, CENTRAL[1:]].sum(axis=1) / plasma["antibody.vc"] * plasma["antibody.molar_mass"] / 1000
    if (plasma["antibody.vmax"] > 0).any():
        raise ValueError("antibody.vmax is above 0: virtual trials need a compound of linear loss")
    return two_compartment(1 / adc, plasma["antibody.vc"], plasma["antibody.q"], plasma["antibody.vp"])
