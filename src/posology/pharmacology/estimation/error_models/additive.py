"""Additive residual error: the same standard deviation at every prediction."""

from posology.pharmacology.estimation.error_models.base import ErrorKind
from posology.pharmacology.estimation.error_models.combined import ResidualError

ADDITIVE = ErrorKind("additive", "additive", lambda values: ResidualError(values[-1], 0.0), ("additive",), (0.1,))
