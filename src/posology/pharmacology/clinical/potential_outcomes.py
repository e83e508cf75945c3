"""What would become of each patient whatever the dose: every chance, drawn beforehand.

The same patients can then be treated with other doses, and rules and designs compared on the same patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.clinical.ca125 import CA125, Ca125Parameters
from posology.pharmacology.clinical.ocular_episodes import OcularPotentialOutcomes
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity
from posology.pharmacology.clinical.other_toxicities import IMGN853_OTHERS, OtherToxicities
from posology.pharmacology.clinical.tumour_size import IMGN853_TUMOUR, NEVER, TumourDynamics, TumourGrowthInhibition
from posology.pharmacology.compounds.quantity import Quantity, checked_values
from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

ECOG = Quantity(0.45, "1", "assumed", "share of patients with ECOG 1 or more")
HORIZON = 168.0
"""Days in which pneumonitis and reactions that delay a dose come, as their chances are of 24 weeks: a choice of this
model."""


@dataclass(frozen=True)
class PatientPotentialOutcomes:
    """What is in store for each patient, whatever the dose: (patients,) each.

    ``eyes`` the ocular episodes; ``neuropathy``, ``death_threshold`` the cumulated hazards at which they come;
    ``tolerance`` and ``other_dlt_day`` of another DLT: the chance above which it comes, and the day in the first cycle;
    ``pneumonitis`` and ``other_delay_day`` (another reaction that delays a dose) the day, :data:`NEVER` where there is
    none.
    """

    dynamics: TumourDynamics
    eyes: OcularPotentialOutcomes
    neuropathy: Floats
    neuropathy_grade: Ints
    tolerance: Floats
    other_dlt_day: Floats
    pneumonitis: Floats
    pneumonitis_grade: Ints
    other_delay_day: Floats
    ecog: Ints
    death_threshold: Floats
    kelim: Floats
    ca0: Floats

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        patients: int,
        *,
        response: TumourGrowthInhibition = IMGN853_TUMOUR,
        ocular: OcularToxicity = IMGN853_OCULAR,
        others: OtherToxicities = IMGN853_OTHERS,
        marker: Ca125Parameters = CA125,
        s0: ArrayLike | None = None,
        receptor: ArrayLike | None = None,
        ca0: ArrayLike | None = None,
        explained: float = 0.0,
    ) -> PatientPotentialOutcomes:
        """Draw patients; with ``s0`` [mm], ``receptor`` [nM] and ``ca0`` [U/mL] where they are known."""
        dynamics = TumourDynamics.draw(rng, patients, response, s0=s0, receptor=receptor, explained=explained)

        def vary(q: Quantity) -> Floats:
            return np.asarray(q.value * np.exp(q.between * rng.standard_normal(patients)))

        def chance(q: Quantity) -> Bools:
            return np.asarray(rng.random(patients) < q.value)

        def when(q: Quantity) -> Floats:
            return np.asarray(np.where(chance(q), rng.uniform(0, HORIZON, patients), NEVER))

        return cls(
            dynamics=dynamics,
            eyes=OcularPotentialOutcomes.draw(rng, patients, ocular),
            neuropathy=rng.exponential(size=patients),
            neuropathy_grade=np.where(chance(others.neuropathy_grade_3), 3, rng.integers(1, 3, patients)),
            tolerance=rng.random(patients),
            other_dlt_day=rng.uniform(0, 21, patients),
            pneumonitis=when(others.pneumonitis),
            pneumonitis_grade=np.where(chance(others.pneumonitis_grade_3), 3, rng.integers(1, 3, patients)),
            other_delay_day=when(others.delay),
            ecog=chance(ECOG).astype(np.int64),
            death_threshold=rng.exponential(size=patients),
            kelim=vary(marker.kelim),
            ca0=vary(marker.ca0) if ca0 is None else np.broadcast_to(checked_values("ca0", ca0, "U/mL"), (patients,)),
        )

    @property
    def grade(self) -> Ints:
        """Grade of the first ocular episode (patients,), should it come."""
        return self.eyes.grade[:, 0]
