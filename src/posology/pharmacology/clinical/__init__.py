"""Tumour size, CA-125, survival, toxicity and dose modification of treated patients."""

from posology.pharmacology.clinical.ca125 import CA125, Ca125Parameters
from posology.pharmacology.clinical.dose_modification import (
    ActionGrades,
    DoseRule,
    NextDose,
    PatientStatus,
    ToxicityKind,
    as_labelled,
    as_planned,
    at_full_dose,
    at_recurrence,
)
from posology.pharmacology.clinical.effect_compartment import EffectCompartment
from posology.pharmacology.clinical.exposure_driver import BY_AREA, BY_TROUGH, ExposureDriver
from posology.pharmacology.clinical.ocular_episodes import Episodes, OcularPotentialOutcomes
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity
from posology.pharmacology.clinical.other_toxicities import IMGN853_OTHERS, OtherToxicities
from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.survival import OVARIAN_SURVIVAL, SurvivalModel
from posology.pharmacology.clinical.treatment import TreatmentOutcome, treat
from posology.pharmacology.clinical.tumour_size import (
    IMGN853_TUMOUR,
    RecistOutcome,
    TumourDynamics,
    TumourGrowthInhibition,
    assess_recist,
)

__all__ = [
    "BY_AREA",
    "BY_TROUGH",
    "CA125",
    "IMGN853_OCULAR",
    "IMGN853_OTHERS",
    "IMGN853_TUMOUR",
    "OVARIAN_SURVIVAL",
    "ActionGrades",
    "Ca125Parameters",
    "DoseRule",
    "EffectCompartment",
    "Episodes",
    "ExposureDriver",
    "NextDose",
    "OcularPotentialOutcomes",
    "OcularToxicity",
    "OtherToxicities",
    "PatientPotentialOutcomes",
    "PatientStatus",
    "RecistOutcome",
    "SurvivalModel",
    "ToxicityKind",
    "TreatmentOutcome",
    "TumourDynamics",
    "TumourGrowthInhibition",
    "as_labelled",
    "as_planned",
    "assess_recist",
    "at_full_dose",
    "at_recurrence",
    "treat",
]
