"""Who may come to a simulated trial: body, tumour, history, and what is in store for each, drawn before anything is
given.

Patients come one by one from a generator of their own, without end: who comes next does not depend on what
became of others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.linear_compartments import Exponentials
from posology.pharmacology.virtual_patients.between_patient import BetweenPatient, allometric_factors, multiply
from posology.pharmacology.virtual_patients.demographics import TumourType, VirtualPatients
from posology.shared.arrays import Floats
from posology.simulation.potential_outcomes import receptor_concentration, two_compartment_equivalent
from posology.simulation.trial.pk_samples import ANALYTES, TIMES

if TYPE_CHECKING:
    from numpy.typing import NDArray


T = TypeVar("T")
GUESS = "assumed for want of a public number"
BLOCK = 256
"""Patients drawn at once."""
AGE = {
    name: Quantity(mean, "a", "assumed", GUESS)
    for name, mean in (("ovarian", 62.0), ("endometrial", 66.0), ("NSCLC", 65.0), ("renal", 62.0))
}
AGE_SD = Quantity(10.0, "a", "assumed", GUESS)
ECOG_2 = Quantity(0.12, "1", "assumed", "share of ECOG 2 among patients with 1 or more")
CRITERION_FAILURE = Quantity(0.03, "1", "assumed", "chance that a criterion which the investigator attests is not met")
MAX_CRITERIA = 64
"""Attested criteria with a chance of their own, at most."""
Shares = tuple[tuple[str, Quantity], ...]


def _assumed(**shares: float) -> Shares:
    """Return assumed shares by name; an underscore in a name is a space."""
    return tuple((name.replace("_", " "), Quantity(share, "1", "assumed", GUESS)) for name, share in shares.items())


PLATINUM = _assumed(resistant=0.6, sensitive=0.25, refractory=0.15)
HISTOLOGY = {
    "ovarian": (
        ("high-grade serous", Quantity(0.8, "1", "assumed", GUESS)),
        *_assumed(clear_cell=0.1, endometrioid=0.1),
    ),
    "endometrial": _assumed(endometrioid=0.7, serous=0.3),
    "NSCLC": _assumed(adenocarcinoma=0.75, squamous_cell_carcinoma=0.25),
    "renal": _assumed(clear_cell=0.8, papillary=0.2),
}
"""Shares of histologies by tumour type, and of platinum status in ovarian cancer: assumed."""
NEUROPATHY, PNEUMONITIS, OTHER = (
    Quantity(days, "d", "assumed", f"median time to grade 1 or less, {GUESS}") for days in (28.0, 21.0, 7.0)
)


@dataclass(frozen=True)
class TrialPatients:
    """Patients, a row each. ``criterion_draws`` (P, C) between 0 and 1; ``durations`` (P, 3) [d] of neuropathy,
    pneumonitis, another DLT.

    ``noise`` (P, T, A): of each sample of each analyte, standard normal. ``factors`` are those on the drug's
    quantities.
    """

    known: VirtualPatients
    age: NDArray[np.int64]
    ecog: NDArray[np.int64]
    histology: NDArray[np.str_]
    platinum: NDArray[np.str_]
    criterion_draws: Floats
    durations: Floats
    noise: Floats
    fate: PatientPotentialOutcomes
    plasma: Exponentials
    factors: dict[str, Floats]

    @classmethod
    def draw(cls, rng: np.random.Generator, patients: int, mix: Sequence[tuple[TumourType, float]]) -> TrialPatients:
        """Draw patients of a mix of tumour types with their shares."""
        known = VirtualPatients.draw(rng, patients, mix)
        known = VirtualPatients(
            **{
                **vars(known),
                "weight_kg": known.weight_kg.clip(30, 250).round(1),
                "height_cm": known.height_cm.clip(120, 220).round(1),
            }
        )
        factors = multiply(allometric_factors(known.weight_kg), BetweenPatient.of(IMGN853).draw(rng, patients))
        plasma = two_compartment_equivalent(Plasma.of(IMGN853, factors))
        spread = float(np.log(plasma.area).std()) if patients > 1 else 0.0
        fate = PatientPotentialOutcomes.draw(
            rng,
            patients,
            s0=known.sld_mm,
            receptor=receptor_concentration(known.expression),
            ca0=known.ca125,
            explained=spread,
        )
        types = known.tumour_type
        mean = np.array([AGE[str(name)].value for name in types])
        chosen = {name: _choose(rng, patients, shares) for name, shares in (*HISTOLOGY.items(), ("", PLATINUM))}
        return cls(
            known,
            (mean + AGE_SD.value * rng.standard_normal(patients)).clip(20, 90).astype(np.int64),
            fate.ecog + (fate.ecog > 0) * (rng.random(patients) < ECOG_2.value),
            np.array([chosen[str(name)][i] for i, name in enumerate(types)]),
            np.where(types == "ovarian", chosen[""], "not applicable"),
            rng.random((patients, MAX_CRITERIA)),
            rng.exponential(np.array([NEUROPATHY.value, PNEUMONITIS.value, OTHER.value]) / np.log(2), (patients, 3)),
            rng.standard_normal((patients, len(TIMES), len(ANALYTES))),
            fate,
            plasma,
            factors,
        )

    def __len__(self) -> int:
        return len(self.known)

    def row(self, i: int) -> TrialPatients:
        """Return one of them, as a batch of one."""
        return _row(self, i)


def patient_stream(rng: np.random.Generator, mix: Sequence[tuple[TumourType, float]]) -> Iterator[TrialPatients]:
    """Yield patients one by one, without end."""
    while True:
        block = TrialPatients.draw(rng, BLOCK, mix)
        for i in range(BLOCK):
            yield block.row(i)


def _choose(rng: np.random.Generator, patients: int, shares: Shares) -> NDArray[np.str_]:
    names, chances = zip(*((name, share.value) for name, share in shares), strict=True)
    return rng.choice(np.array(names), patients, p=np.array(chances))


def _row(held: T, i: int) -> T:
    """Return what a batch holds of one patient: the arrays' row, in whatever the batch is made of."""
    value: Any = held
    if isinstance(value, np.ndarray):
        return value[i : i + 1]  # type: ignore[return-value]
    if isinstance(value, dict):
        return {name: _row(each, i) for name, each in value.items()}  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(**{f.name: _row(getattr(value, f.name), i) for f in fields(value)})  # type: ignore[return-value]
    return held
