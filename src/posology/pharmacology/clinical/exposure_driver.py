"""What of the conjugate in plasma drives the response of a cycle: its mean concentration (area), or its trough.

Exposure-response of mirvetuximab soravtansine finds response, PFS and survival to go with the trough, ocular events and
neuropathy with the area (abstract of the analysis of 215 and 757 patients; no slope is public). Between patients the
logarithm of the trough has an SD of 1.07, that of the area .33, where all of kd spreads by .88: kd cannot be in
proportion to the trough. It goes with a power of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.clinical.effect_compartment import EffectCompartment
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.linear_compartments import Exponentials
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class ExposureDriver:
    """Exposure of a stretch of time: a concentration over that of 355 mg every 21 days in the typical patient, to a
    power.

    Parameters
    ----------
    of
        gives the concentration (patients,) [ug/mL] that counts, of the state at the start and the length (patients,)
        [d].
    reference
        that concentration at 355 mg every 21 days in the typical patient, at steady state [ug/mL].
    power
        kd is proportional to the concentration to this power.
    """

    of: Callable[[EffectCompartment, Floats], Floats]
    reference: Quantity
    power: Quantity

    def exposure(self, effect: EffectCompartment, days: Floats) -> Floats:
        """Return the exposure of the next ``days`` (patients,), 1 for the reference; 0 of no days."""
        some = np.where(days > 0, days, 1.0)
        return np.where(days > 0, (self.of(effect, some) / self.reference.value) ** self.power.value, 0.0)

    def log_sd(self, plasma: Exponentials, interval: float = 21.0) -> float:
        """Return the SD between patients of the logarithm of exposure to one dose, at steady state: it explains that of
        kd's.

        Examples
        --------
        >>> from posology.pharmacology.disposition.linear_compartments import two_compartment
        >>> plasma = two_compartment([0.3, 0.417, 0.6], 2.3, 0.5, 0.6)
        >>> round(BY_AREA.log_sd(plasma), 2), round(BY_TROUGH.log_sd(plasma), 2)
        (0.28, 0.44)
        """
        effect = EffectCompartment.start(plasma, 1.0, len(np.atleast_2d(plasma.rates)))
        steady = replace(effect, modes=-1 / np.expm1(-effect.plasma.rates * interval))
        return float(np.log(self.exposure(steady, np.full(len(steady.first), interval))).std())


REFERENCE_AUC = Quantity(851.0, "ug/mL d", "computed", "area of 355 mg in the typical patient of the model")
"""Area under the conjugate in a cycle of 21 days at which response and neuropathy have been calibrated."""
BY_AREA = ExposureDriver(
    lambda effect, days: effect.area(days) / days,
    Quantity(REFERENCE_AUC.value / 21, "ug/mL", "computed", "mean at steady state, typical patient"),
    Quantity(1.0, "1", "assumed", "kd in proportion to exposure, Claret 2009"),
)
BY_TROUGH = ExposureDriver(
    EffectCompartment.trough,
    Quantity(6.53, "ug/mL", "computed", "trough at steady state, typical patient"),
    Quantity(
        0.5, "1", "assumed", "not identifiable: .31 would spread kd as the area does, .82 explain all of its spread"
    ),
)
