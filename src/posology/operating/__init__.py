"""How a design behaves before anyone is treated."""

from posology.operating.characteristics import Characteristics
from posology.operating.exact import Enumeration, TooLarge, enumerate_trials
from posology.operating.graded import GradedCharacteristics, enumerate_graded
from posology.operating.outcome import Simulated
from posology.operating.simulate import Patients, Setting, simulate

__all__ = [
    "Characteristics", "Enumeration", "GradedCharacteristics", "Patients", "Setting", "Simulated", "TooLarge",
    "enumerate_graded", "enumerate_trials", "simulate",
]  # fmt: skip
