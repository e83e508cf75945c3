"""Structural models of concentrations, with exact derivatives by the log parameters."""

from __future__ import annotations

from posology.pharmacology.pk_models.adc import AdcModel, conjugate_model
from posology.pharmacology.pk_models.base import StructuralModel, TimeVaryingModel
from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS, LinearModel
from posology.pharmacology.pk_models.michaelis_menten import SATURABLE, MichaelisMenten

__all__ = [
    "MODELS",
    "AdcModel",
    "LinearModel",
    "MichaelisMenten",
    "Period",
    "PkDataset",
    "StructuralModel",
    "SubjectData",
    "TimeVaryingModel",
    "conjugate_model",
    "pk_dataset",
]

MODELS: dict[str, LinearModel | MichaelisMenten] = {
    "one": ONE_COMPARTMENT,
    "oral": ORAL,
    "two": TWO_COMPARTMENTS,
    "saturable": SATURABLE,
}
"""The models by the name that a command takes."""
