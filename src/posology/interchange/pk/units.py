"""Units of doses and concentrations, and what one is in another."""

from __future__ import annotations

import re

GRAMS = {"kg": 1e3, "g": 1.0, "mg": 1e-3, "ug": 1e-6, "µg": 1e-6, "μg": 1e-6, "mcg": 1e-6, "ng": 1e-9, "pg": 1e-12}
MOLES = {"mol": 1.0, "mmol": 1e-3, "umol": 1e-6, "µmol": 1e-6, "nmol": 1e-9, "pmol": 1e-12}
MOLAR = {"m": 1.0, "mm": 1e-3, "um": 1e-6, "nm": 1e-9, "pm": 1e-12}
LITRES = {"l": 1.0, "dl": 0.1, "ml": 1e-3, "ul": 1e-6, "µl": 1e-6}


def milligrams(unit: str) -> float | None:
    """Return how many milligrams a unit of mass is; None where it is none.

    >>> milligrams("g"), milligrams("mg/kg")
    (1000.0, None)
    """
    grams = GRAMS.get(unit.strip().lower())
    return None if grams is None else round(grams * 1e3, 15)


def conversion(unit: str, into: str) -> float | None:
    """Return the factor from one unit of concentration into another; None where they are not of one kind, or not known.

    >>> conversion("ng/mL", "ug/mL"), conversion("mg/L", "ug/mL"), conversion("nmol/L", "ng/mL")
    (0.001, 1.0, None)
    """
    if unit == into:
        return 1.0
    one, other = _concentration(unit), _concentration(into)
    if one is None or other is None or one[0] != other[0]:
        return None
    return float(f"{one[1] / other[1]:.12g}")


def _concentration(unit: str) -> tuple[str, float] | None:
    """Return whether a unit is of mass or of amount, and its size in grams or moles a litre."""
    found = re.fullmatch(r"\s*(\S+?)\s*/\s*(\S+)\s*", unit.lower())
    if found is None:
        molar = MOLAR.get(unit.strip().lower())
        return None if molar is None else ("amount", molar)
    above, under = found.groups()
    if under not in LITRES:
        return None
    for kind, sizes in (("mass", GRAMS), ("amount", MOLES)):
        if above in sizes:
            return kind, sizes[above] / LITRES[under]
    return None
