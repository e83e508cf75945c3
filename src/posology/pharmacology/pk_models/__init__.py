"""Structural models of concentrations, with exact derivatives by the log parameters."""

from __future__ import annotations

from posology.pharmacology.pk_models.adc import AdcModel, conjugate_model
from posology.pharmacology.pk_models.base import StructuralModel, TimeVaryingModel
from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.lag_time import ORAL_LAG, TWO_ORAL_LAG, LaggedModel
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS, LinearModel
from posology.pharmacology.pk_models.mammillary import THREE_COMPARTMENTS, TWO_ORAL
from posology.pharmacology.pk_models.michaelis_menten import SATURABLE, MichaelisMenten
from posology.pharmacology.pk_models.transit import TRANSIT, TransitModel

__all__ = [
    "MODELS",
    "AdcModel",
    "LaggedModel",
    "LinearModel",
    "MichaelisMenten",
    "Period",
    "PkDataset",
    "StructuralModel",
    "SubjectData",
    "TimeVaryingModel",
    "TransitModel",
    "conjugate_model",
    "pk_dataset",
]

MODELS: dict[str, LinearModel | LaggedModel | TransitModel | MichaelisMenten] = {
    "one": ONE_COMPARTMENT,
    "oral": ORAL,
    "two": TWO_COMPARTMENTS,
    "three": THREE_COMPARTMENTS,
    "two-oral": TWO_ORAL,
    "oral-lag": ORAL_LAG,
    "two-oral-lag": TWO_ORAL_LAG,
    "transit": TRANSIT,
    "saturable": SATURABLE,
}
"""The models by the name that a command takes."""
