"""Units of laboratory values: how they are written, and how one is converted into another.

A unit is of one dimension (mass, amount, charge or number in a volume, or a flow); within it the factor is a power of
ten and exact. Between mass, amount and charge the molar mass and valence of the analyte convert
(``lab_units.csv``, with the units in which laboratories report each analyte: any other is a finding, not a conversion).
Atomic weights: IUPAC 2021; haemoglobin is counted by its monomer, triglycerides as triolein, phosphate as phosphorus.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

Dimension = Literal["mass", "amount", "charge", "number", "flow"]

# Factor to g/L, mmol/L, mmol/L of charge, 10^9/L and mL/min.
DIMENSIONS: dict[str, tuple[Dimension, float]] = {
    "g/l": ("mass", 1.0),
    "g/dl": ("mass", 10.0),
    "mg/dl": ("mass", 0.01),
    "mg/l": ("mass", 1e-3),
    "mmol/l": ("amount", 1.0),
    "umol/l": ("amount", 1e-3),
    "meq/l": ("charge", 1.0),
    "10^9/l": ("number", 1.0),
    "10^3/ul": ("number", 1.0),
    "10^3/ml": ("number", 1e-3),
    "1/ul": ("number", 1e-3),
    "10^6/l": ("number", 1e-3),
    "ml/min": ("flow", 1.0),
    "ml/s": ("flow", 60.0),
}

OTHER_SPELLINGS = {
    "10^3/mm3": "10^3/ul",
    "k/ul": "10^3/ul",
    "thou/ul": "10^3/ul",
    "giga/l": "10^9/l",
    "g/l cells": "10^9/l",
    "/ul": "1/ul",
    "/mm3": "1/ul",
    "1/mm3": "1/ul",
    "cells/ul": "1/ul",
    "cells/mm3": "1/ul",
    "mval/l": "meq/l",
    "g%": "g/dl",
    "mg%": "mg/dl",
    "10^6/ml": "10^3/ul",
    "10^9/litre": "10^9/l",
}
"""Other spellings."""


@dataclass(frozen=True)
class Analyte:
    """What is measured: its code (as CDISC LBTESTCD), name, molar mass [g/mol], valence and the units it is reported
    in."""

    code: str
    name: str
    molar_mass: float | None
    valence: int | None
    units: frozenset[str]


@cache
def analytes() -> dict[str, Analyte]:
    """Return the analytes whose units are known, by code."""
    text = files("posology.endpoints").joinpath("lab_units.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {
        row["analyte"]: Analyte(
            row["analyte"],
            row["name"],
            float(row["molar_mass"]) if row["molar_mass"] else None,
            int(row["valence"]) if row["valence"] else None,
            frozenset(canonical_unit(unit) for unit in row["units"].split()),
        )
        for row in rows
    }


@cache
def canonical_unit(unit: str) -> str:
    """Return a unit in the one spelling used here; upper and lower case do not matter.

    >>> canonical_unit("x10E9/L"), canonical_unit("10*9/L"), canonical_unit("µmol/L"), canonical_unit("cells/mm^3")
    ('10^9/l', '10^9/l', 'umol/l', '1/ul')
    """
    text = unit.strip().casefold().replace("µ", "u").replace("μ", "u").replace("mm^3", "mm3").replace("×", "x")
    text = re.sub(r"^x ?(?=10)", "", text)
    text = re.sub(r"^10(?:\*\*|\*|e|\^)0?(?=\d)", "10^", text)
    return OTHER_SPELLINGS.get(text, text)


@cache
def conversion_factor(analyte: str, unit: str, to: str) -> float | None:
    """Return what a value of an analyte in ``unit`` is multiplied by to have it in ``to``; None if that is not known.

    Parameters
    ----------
    analyte
        code of the analyte.
    unit, to
        from which unit into which.

    Examples
    --------
    >>> conversion_factor("HGB", "g/dL", "g/L"), round(conversion_factor("CREAT", "mg/dL", "umol/L"), 1), conversion_factor("CHOL", "ug/dL", "mg/dL")
    (10.0, 88.4, None)
    """
    known = analytes().get(analyte)
    here, there = canonical_unit(unit), canonical_unit(to)
    if known is not None and here == "g/l" and "10^9/l" in known.units:
        here = "10^9/l"  # giga per litre
    if known is None or here not in known.units or there not in DIMENSIONS:
        return None
    (kind, size), (wanted, into) = DIMENSIONS[here], DIMENSIONS[there]
    if kind == wanted:
        return size / into
    per_litre = {
        "mass": known.molar_mass and 1000 / known.molar_mass,
        "amount": 1.0,
        "charge": known.valence and 1 / known.valence,
    }
    one, other = per_litre.get(kind), per_litre.get(wanted)
    return size * one / (into * other) if one and other else None
