"""A parameter is a finite number: neither infinite nor what is no number."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from math import isfinite
from typing import Any


def check_finite(parameters: Any) -> None:
    """Refuse a dataclass of parameters in which a number, alone or in a tuple, is not finite.

    >>> from posology.designs import Boin
    >>> Boin(3, 0.3, smoothing=float("nan"))
    Traceback (most recent call last):
    ValueError: smoothing is nan: give a finite number
    """
    for field in fields(parameters):
        for number in _floats(getattr(parameters, field.name)):
            if not isfinite(number):
                raise ValueError(f"{field.name} is {number}: give a finite number")


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, tuple | list):
        for each in value:
            yield from _floats(each)
