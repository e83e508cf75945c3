"""Toxicities beside the ocular ones: neuropathy by exposure, other DLTs by dose, pneumonitis, reactions that delay a
dose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.clinical.ocular_toxicity import LABEL
from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import ArrayLike, Floats


@dataclass(frozen=True)
class OtherToxicities:
    """Toxicities beside the ocular ones.

    Parameters
    ----------
    neuropathy, neuropathy_grade_3
        hazard of peripheral neuropathy at the reference exposure [/d], proportional to the conjugate's area; share of
        grade 3.
    dlt, slope
        other DLTs (hypophosphataemia and the like) in a first cycle at the reference dose, and the slope of the logit
        with the logarithm of the dose.
    pneumonitis, pneumonitis_grade_3
        chance in 24 weeks of treatment, whatever the exposure, and of those the share of grade 3.
    delay
        chance that another adverse reaction delays a dose, in 24 weeks of treatment.
    """

    neuropathy: Quantity
    neuropathy_grade_3: Quantity
    dlt: Quantity
    slope: Quantity
    pneumonitis: Quantity
    pneumonitis_grade_3: Quantity
    delay: Quantity


IMGN853_OTHERS = OtherToxicities(
    neuropathy=Quantity(0.00238, "/d", "computed", "33 % in SORAYA within 24 weeks"),
    neuropathy_grade_3=Quantity(0.06, "1", "computed", "2 % of 33 %, SORAYA"),
    dlt=Quantity(
        0.05, "1", "computed", "phase 1: 1 of 11 at 5 mg/kg, none of those at 6 mg/kg of adjusted ideal weight", cv=0.7
    ),
    slope=Quantity(2.0, "1", "assumed", "no public number", cv=0.5),
    pneumonitis=Quantity(0.10, "1", "from memory", LABEL),
    pneumonitis_grade_3=Quantity(0.10, "1", "from memory", LABEL),
    delay=Quantity(
        0.25, "1", "computed", "FORWARD I: 34.3 % delayed or reduced, 19.8 % for the eye, with the time on treatment"
    ),
)


def other_dlt(dose: ArrayLike, reference: float, others: OtherToxicities = IMGN853_OTHERS) -> Floats:
    """Return the chance of another DLT in the first cycle, of a dose over a reference in the same unit.

    Parameters
    ----------
    dose, reference
        in the same unit.
    others
        the toxicities.

    Examples
    --------
    >>> other_dlt([3.0, 6.0, 7.0], 6.0).round(3)
    array([0.013, 0.05 , 0.067])
    """
    level = np.maximum(np.asarray(dose, dtype=np.float64) / reference, 1e-12)
    logit = np.log(others.dlt.value / (1 - others.dlt.value)) + others.slope.value * np.log(level)
    return np.asarray(1 / (1 + np.exp(-logit)))
