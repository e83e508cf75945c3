"""How a design behaves before anyone is treated."""

from posology.operating.characteristics import Characteristics
from posology.operating.exact import Enumeration, TooLarge, enumerate_trials
from posology.operating.outcome import Simulated
from posology.operating.simulate import Patients, Setting, simulate

__all__ = [
    "Characteristics", "Enumeration", "Patients", "Setting", "Simulated", "TooLarge", "enumerate_trials", "simulate",
]  # fmt: skip
