"""How a design behaves before anyone is treated."""

from posology.operating.characteristics import Characteristics
from posology.operating.exact import Enumeration, TooLarge, enumerate_trials
from posology.operating.exact_graded import GradedCharacteristics, enumerate_graded
from posology.operating.simulate import Patients, Setting, simulate
from posology.operating.simulation_results import Simulated

__all__ = [
    "Characteristics",
    "Enumeration",
    "GradedCharacteristics",
    "Patients",
    "Setting",
    "Simulated",
    "TooLarge",
    "enumerate_graded",
    "enumerate_trials",
    "simulate",
]
