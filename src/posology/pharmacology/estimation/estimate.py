"""An estimate as it is reported: value, standard error, interval, and the scale that the interval is symmetric on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scale = Literal["log", "plain", "atanh"]


@dataclass(frozen=True)
class Estimate:
    """One estimate: its value, standard error, relative standard error [%] and 95 % interval.

    The interval is symmetric on the log scale for typical values and standard deviations, on Fisher's z for
    correlations.
    """

    name: str
    value: float
    standard_error: float
    relative: float
    lower: float
    upper: float
