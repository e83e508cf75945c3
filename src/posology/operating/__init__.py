"""How a design behaves before anyone is treated."""

from posology.operating.characteristics import Characteristics
from posology.operating.exact import Enumeration, TooLarge, enumerate_trials

__all__ = ["Characteristics", "Enumeration", "TooLarge", "enumerate_trials"]
