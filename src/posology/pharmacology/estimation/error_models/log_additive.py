"""Residual error that is additive on the logarithm: measurements are log-normal about predictions.

Both sides are transformed (Carroll RJ, Ruppert D. Transformation and Weighting in Regression. 1988, chapter 4). The
likelihood is that of the measurements themselves, so that it can be set against other models' (NONMEM's objective of
log data lacks 2 Σ ln y).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.error_models.base import ErrorKind, Spread
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class LogAdditiveError:
    """ln measurement is normal about ln prediction with a standard deviation ``sd``.

    Raises
    ------
    ValueError
        if it is not above 0.

    Examples
    --------
    >>> LogAdditiveError(0.2).spread(np.array([5.0])).variance.round(3).tolist()
    [0.04]
    """

    sd: float

    def __post_init__(self) -> None:
        if not self.sd > 0:
            raise ValueError(f"a log-additive error has a standard deviation above 0, not {self.sd:g}")

    @property
    def is_logarithmic(self) -> bool:
        """Measurements scatter on the scale of the logarithm."""
        return True

    @property
    def parameters(self) -> dict[str, float]:
        """The standard deviation of the logarithm."""
        return {"log-additive error": self.sd}

    def with_parameters(self, values: Sequence[float]) -> LogAdditiveError:
        """Return the model with another standard deviation."""
        return LogAdditiveError(float(values[0]))

    def spread(self, predicted: Floats) -> Spread:
        """Return the variance of the logarithm, the same at every prediction above 0; 0 at others, of which there is
        none."""
        variance = np.where(predicted > 0, self.sd**2, 0.0)
        return Spread(variance, np.zeros_like(variance), (2 * variance,))


LOG_ADDITIVE = ErrorKind("log-additive", "sd of ln f", lambda values: LogAdditiveError(values[0]), ("sd",), (0.2,))
