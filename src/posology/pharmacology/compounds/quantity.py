"""Numbers with their evidence: a value, its unit, how well it is known, and where it comes from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from posology.shared.arrays import ArrayLike, Floats

Evidence = Literal["retrieved", "computed", "from memory", "assumed"]
MARKS: dict[Evidence, str] = {"retrieved": "R", "computed": "C", "from memory": "M", "assumed": "A"}
LEGEND = "[R] read in its source, [C] computed from such numbers, [M] quoted from memory, to be checked, [A] assumed"


@dataclass(frozen=True)
class Quantity:
    """A number with its unit and how well it is known.

    Parameters
    ----------
    value, unit
        the number; "1" is the unit of a pure number.
    evidence
        "retrieved" (read in its source), "computed" (from such numbers), "from memory" (to be checked) or "assumed".
    source
        where it comes from.
    cv
        how uncertain it is: the coefficient of variation of its log-normal prior. 0: taken as known.
    between
        how it differs between patients: the standard deviation of its logarithm.

    Examples
    --------
    >>> str(Quantity(3.37, "L", "retrieved", "Pouzin 2022", between=0.245))
    '3.37 L [R]'
    """

    value: float
    unit: str
    evidence: Evidence
    source: str
    cv: float = 0.0
    between: float = 0.0

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"a quantity of {self.source} is {self.value}: it must be a finite number")
        if self.evidence not in MARKS:
            raise ValueError(f"evidence is {self.evidence!r}: it must be one of {', '.join(MARKS)}")
        for name in ("cv", "between"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be a number from 0 up")

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return f"{self.value:.4g}{'' if self.unit == '1' else ' ' + self.unit} [{MARKS[self.evidence]}]"

    def at(self, value: float) -> Quantity:
        """Return the quantity with another value, which is then assumed.

        >>> str(Quantity(3.37, "L", "retrieved", "Pouzin 2022").at(3.0))
        '3 L [A]'
        """
        return replace(self, value=value, evidence="assumed", source=f"changed from {self.value:g} ({self.source})")


def quantities(values: Sequence[float], unit: str, evidence: Evidence, source: str) -> tuple[Quantity, ...]:
    """Return a quantity for each value, all known alike.

    Parameters
    ----------
    values
        the numbers.
    unit, evidence, source
        of all of them.

    Examples
    --------
    >>> [str(q) for q in quantities([1.0, 2.0], "/d", "assumed", "a guess")]
    ['1 /d [A]', '2 /d [A]']
    """
    return tuple(Quantity(value, unit, evidence, source) for value in values)


def checked_values(name: str, values: ArrayLike, unit: str, *, zero: bool = False, most: float = np.inf) -> Floats:
    """Return values as an array (patients,); refuse one that is no number or outside its domain.

    Parameters
    ----------
    name, unit
        for the message.
    values
        a number, or (patients,).
    zero
        whether 0 is allowed.
    most
        the greatest value allowed.

    Raises
    ------
    ValueError
        naming the patient (from 1), the parameter, its value, and what it must be.

    Examples
    --------
    >>> checked_values("kint", [0.6, -1], "/d")
    Traceback (most recent call last):
        ...
    ValueError: patient 2: kint is -1 /d: it must be above 0
    """
    array = np.atleast_1d(np.asarray(values, dtype=np.float64))
    wrong = ~np.isfinite(array) | (array < 0) | (array > most) | ((array == 0) & (not zero))
    if wrong.any():
        i = int(np.argmax(wrong))
        bound = ("0 or more" if zero else "above 0") + (f" and at most {most:g}" if np.isfinite(most) else "")
        raise ValueError(f"patient {i + 1}: {name} is {array[i]:g} {unit}: it must be {bound}")
    return array
