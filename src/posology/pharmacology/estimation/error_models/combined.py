"""Additive and proportional residual error together; either alone where the other is 0.

Beal SL, Sheiner LB, Boeckmann A, Bauer RJ. NONMEM Users Guides. 1989-2009, part VIII (error models).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.error_models.base import ErrorKind, Spread
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class ResidualError:
    """The variance is additive² + (proportional × prediction)²; a part that is 0 stays so.

    Raises
    ------
    ValueError
        if a part is negative, or both are 0.

    Examples
    --------
    >>> ResidualError(0.3, 0.4).spread(np.array([1.0])).variance.tolist()
    [0.25]
    """

    additive: float
    proportional: float

    def __post_init__(self) -> None:
        if self.additive < 0 or self.proportional < 0 or not (self.additive or self.proportional):
            raise ValueError("a residual error is 0 or above, and one of the two above 0")

    @property
    def is_logarithmic(self) -> bool:
        """Measurements scatter on the natural scale."""
        return False

    @property
    def parameters(self) -> dict[str, float]:
        """The standard deviations that are above 0."""
        parts = {"additive error": self.additive, "proportional error": self.proportional}
        return {name: sd for name, sd in parts.items() if sd > 0}

    def with_parameters(self, values: Sequence[float]) -> ResidualError:
        """Return the model with other standard deviations, in the order of :attr:`parameters`."""
        left = iter(values)
        return ResidualError(*(float(next(left)) if sd > 0 else 0.0 for sd in (self.additive, self.proportional)))

    def spread(self, predicted: Floats) -> Spread:
        """Return the variance at predictions, and its derivatives."""
        own = (self.proportional * predicted) ** 2
        of_parts = (np.full_like(predicted, 2 * self.additive**2), 2 * own)
        present = tuple(by for sd, by in zip((self.additive, self.proportional), of_parts, strict=True) if sd > 0)
        return Spread(self.additive**2 + own, self.proportional**2 * 2 * predicted, present)


COMBINED = ErrorKind(
    "combined",
    "√(additive² + (proportional f)²)",
    lambda values: ResidualError(values[-1], values[0]),
    ("proportional", "additive"),
    (0.2, 0.1),
)
