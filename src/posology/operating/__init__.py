"""How a design behaves before anyone is treated."""

from posology.operating.characteristics import Characteristics
from posology.operating.exact import Enumeration, enumerate_trials
from posology.operating.exact_graded import GradedCharacteristics, enumerate_graded
from posology.operating.simulate import PotentialOutcomes, Scenario, simulate
from posology.operating.simulation_results import SimulationResults
from posology.operating.too_large import TooLarge

__all__ = [
    "Characteristics",
    "Enumeration",
    "GradedCharacteristics",
    "PotentialOutcomes",
    "Scenario",
    "SimulationResults",
    "TooLarge",
    "enumerate_graded",
    "enumerate_trials",
    "simulate",
]
