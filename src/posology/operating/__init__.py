"""How a design behaves before anyone is treated."""

from posology.operating.exact import Characteristics, Enumeration, TooLarge, enumerate_trials

__all__ = ["Characteristics", "Enumeration", "TooLarge", "enumerate_trials"]
