"""What a fit, a simulation or an exposure asks of a structural model."""

from __future__ import annotations

from typing import Protocol

from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats


class StructuralModel(Protocol):
    """A structural model, as :class:`posology.pharmacology.pk_models.linear.LinearModel` is.

    One whose parameters may change between periods is a :class:`posology.pharmacology.pk_models.base.TimeVaryingModel`
    too.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""

    def predict(self, data: PkDataset, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters (patients, parameters)."""

    def sensitivities(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return them with their derivatives, (patients, samples, parameters)."""


class TimeVaryingModel(Protocol):
    """A structural model whose parameters may change between periods."""

    def predict_by_period(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return concentrations (patients, samples) at log parameters (patients, periods, parameters).

        Their derivatives by these are the second result, (patients, samples, periods, parameters).
        """
