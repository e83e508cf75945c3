"""The drug in the tumour: binding, uptake, release, kill."""

from posology.pharmacology.tumour.model import (
    Dopri5,
    Reduced,
    Rodas,
    SolverError,
    Tumour,
    TumourCourse,
    simulate,
)
from posology.pharmacology.tumour.plasma_input import PlasmaInput
from posology.pharmacology.tumour.sensitivity import SobolIndex, calibrate_kmax, kill_rate_constant, sobol_indices
from posology.pharmacology.tumour.target import FOLATE_RECEPTOR_ALPHA, Target

__all__ = [
    "FOLATE_RECEPTOR_ALPHA",
    "Dopri5",
    "PlasmaInput",
    "Reduced",
    "Rodas",
    "SobolIndex",
    "SolverError",
    "Target",
    "Tumour",
    "TumourCourse",
    "calibrate_kmax",
    "kill_rate_constant",
    "simulate",
    "sobol_indices",
]
