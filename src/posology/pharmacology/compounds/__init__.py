"""What a compound is made of, each number with its evidence."""

from posology.pharmacology.compounds.adc import Antibody, Component, Compound, Linker, Payload
from posology.pharmacology.compounds.library import COMPOUNDS
from posology.pharmacology.compounds.quantity import LEGEND, MARKS, Evidence, Quantity, checked_values, quantities

__all__ = [
    "COMPOUNDS",
    "LEGEND",
    "MARKS",
    "Antibody",
    "Component",
    "Compound",
    "Evidence",
    "Linker",
    "Payload",
    "Quantity",
    "checked_values",
    "quantities",
]
