"""What an estimation asks of a residual error model, and what an entry of the registry says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from posology.shared.arrays import Floats


@dataclass(frozen=True)
class Spread:
    """The variance of a measurement at predictions, on the model's scale, with its derivatives.

    ``by_log_parameter`` holds one array for each estimated parameter, in their order.
    """

    variance: Floats
    by_prediction: Floats
    by_log_parameter: tuple[Floats, ...]


class ErrorModel(Protocol):
    """How measurements scatter about predictions, normally: on the natural scale, or on that of the logarithm."""

    @property
    def is_logarithmic(self) -> bool:
        """Whether the logarithms of measurements scatter about those of predictions."""

    @property
    def parameters(self) -> Mapping[str, float]:
        """The parameters that are estimated, each above 0, by the names that results give them."""

    def with_parameters(self, values: Sequence[float]) -> ErrorModel:
        """Return the model with other values, in the order of :attr:`parameters`."""

    def spread(self, predicted: Floats) -> Spread:
        """Return the variance at predictions, of any shape, and its derivatives."""


@dataclass(frozen=True)
class ErrorKind:
    """An entry of the registry.

    Parameters
    ----------
    name
        that a command takes.
    formula
        the standard deviation at a prediction f.
    start
        makes the model that a search begins with from starting values: of ``start_names``, as many as are given, else
        ``defaults``.
    start_names, defaults
        what the starting values are, and what they are where none is given.
    """

    name: str
    formula: str
    start: Callable[[Sequence[float]], ErrorModel]
    start_names: tuple[str, ...]
    defaults: tuple[float, ...]
