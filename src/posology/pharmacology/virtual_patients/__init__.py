"""Who the patients are, how they differ in what the drug meets, and how well that is measured."""

from posology.pharmacology.virtual_patients.assay_error import ASSAY_ERRORS, AssayError
from posology.pharmacology.virtual_patients.between_patient import (
    BetweenPatient,
    allometric_factors,
    between_occasion_factors,
    multiply,
)
from posology.pharmacology.virtual_patients.demographics import (
    MEN,
    TUMOUR_TYPES,
    WOMEN,
    Body,
    TumourType,
    VirtualPatients,
)

__all__ = [
    "ASSAY_ERRORS",
    "MEN",
    "TUMOUR_TYPES",
    "WOMEN",
    "AssayError",
    "BetweenPatient",
    "Body",
    "TumourType",
    "VirtualPatients",
    "allometric_factors",
    "between_occasion_factors",
    "multiply",
]
