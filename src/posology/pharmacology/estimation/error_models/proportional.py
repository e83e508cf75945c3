"""Proportional residual error: a standard deviation in proportion to the prediction."""

from posology.pharmacology.estimation.error_models.base import ErrorKind
from posology.pharmacology.estimation.error_models.combined import ResidualError

PROPORTIONAL = ErrorKind(
    "proportional", "proportional f", lambda values: ResidualError(0.0, values[0]), ("proportional",), (0.2,)
)
