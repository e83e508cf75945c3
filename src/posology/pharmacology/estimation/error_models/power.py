"""Residual error with a power of the prediction.

Carroll RJ, Ruppert D. Transformation and Weighting in Regression. 1988, chapter 2 (the power-of-the-mean model).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.error_models.base import ErrorKind, Spread
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class PowerError:
    """The standard deviation is sd × prediction^power, both estimated; power 1 is the proportional model.

    Raises
    ------
    ValueError
        if one is not above 0.

    Examples
    --------
    >>> PowerError(0.2, 0.5).spread(np.array([4.0])).variance.round(3).tolist()
    [0.16]
    """

    sd: float
    power: float

    def __post_init__(self) -> None:
        if not (self.sd > 0 and self.power > 0):
            raise ValueError(
                f"a power error has a standard deviation and a power above 0, not {self.sd:g} and {self.power:g}"
            )

    @property
    def is_logarithmic(self) -> bool:
        """Measurements scatter on the natural scale."""
        return False

    @property
    def parameters(self) -> dict[str, float]:
        """The standard deviation at a prediction of 1, and the power."""
        return {"power error": self.sd, "power of the error": self.power}

    def with_parameters(self, values: Sequence[float]) -> PowerError:
        """Return the model with another standard deviation and power."""
        return PowerError(*map(float, values))

    def spread(self, predicted: Floats) -> Spread:
        """Return the variance at predictions, and its derivatives; 0 at a prediction of 0 or less."""
        there = predicted > 0
        f = np.where(there, predicted, 1.0)
        variance = np.where(there, self.sd**2 * f ** (2 * self.power), 0.0)
        by_power = variance * 2 * self.power * np.log(f)
        return Spread(variance, variance * 2 * self.power / f, (2 * variance, by_power))


POWER = ErrorKind("power", "sd f^power", lambda values: PowerError(values[0], values[-1]), ("sd", "power"), (0.2, 0.8))
