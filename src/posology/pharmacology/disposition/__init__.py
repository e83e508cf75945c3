"""The drug in plasma: linear compartments, the chain of the drug-to-antibody ratio, regimens."""

from posology.pharmacology.disposition.adc_plasma import Plasma, PlasmaConcentrations
from posology.pharmacology.disposition.adc_saturable_loss import NotConverged, SaturableLoss
from posology.pharmacology.disposition.adc_states import ANALYTES, UNITS
from posology.pharmacology.disposition.dosing_regimen import (
    LABEL_RATES,
    Regimen,
    exposure_cv_by_body_size,
    infusion_doses,
)
from posology.pharmacology.disposition.linear_compartments import (
    Doses,
    Exponentials,
    LinearSystem,
    concentration,
    one_compartment,
    two_compartment,
)

__all__ = [
    "ANALYTES",
    "LABEL_RATES",
    "UNITS",
    "Doses",
    "Exponentials",
    "LinearSystem",
    "NotConverged",
    "Plasma",
    "PlasmaConcentrations",
    "Regimen",
    "SaturableLoss",
    "concentration",
    "exposure_cv_by_body_size",
    "infusion_doses",
    "one_compartment",
    "two_compartment",
]
