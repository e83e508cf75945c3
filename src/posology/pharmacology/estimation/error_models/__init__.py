"""Residual error models, a file each. To add one: write its file as another is, and enter it in
:data:`ERROR_MODELS`."""

from posology.pharmacology.estimation.error_models.additive import ADDITIVE
from posology.pharmacology.estimation.error_models.base import ErrorKind, ErrorModel, Spread
from posology.pharmacology.estimation.error_models.combined import COMBINED, ResidualError
from posology.pharmacology.estimation.error_models.log_additive import LOG_ADDITIVE, LogAdditiveError
from posology.pharmacology.estimation.error_models.power import POWER, PowerError
from posology.pharmacology.estimation.error_models.proportional import PROPORTIONAL

__all__ = ["ERROR_MODELS", "ErrorKind", "ErrorModel", "LogAdditiveError", "PowerError", "ResidualError", "Spread"]

ERROR_MODELS: dict[str, ErrorKind] = {
    kind.name: kind for kind in (ADDITIVE, PROPORTIONAL, COMBINED, POWER, LOG_ADDITIVE)
}
"""By the name that a command takes."""
