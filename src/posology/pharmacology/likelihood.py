"""How likely measured concentrations are: residual error, and values below quantification.

Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
2001;28:481-504 (method M3: such a value adds the probability that it is below the limit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from posology.pharmacology.areas import Floats
from posology.pharmacology.measurements import Measurements


class Predicts(Protocol):
    """A structural model, as :class:`posology.pharmacology.structural.Model` is.

    One whose parameters may change between periods is a :class:`posology.pharmacology.piecewise.Changes` too.
    """

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters, in order."""

    def predict(self, data: Measurements, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters (patients, parameters)."""

    def sensitivities(self, data: Measurements, phi: Floats) -> tuple[Floats, Floats]:
        """Return them with their derivatives, (patients, samples, parameters)."""


@dataclass(frozen=True)
class Residual:
    """The residual error: its variance is additive² + (proportional × prediction)²."""

    additive: float
    proportional: float

    def variance(self, predicted: Floats) -> Floats:
        """Return the variance at a prediction."""
        return np.asarray(self.additive**2 + (self.proportional * predicted) ** 2)


@dataclass(frozen=True)
class Terms:
    """−2 log likelihood of each sample without its constant n ln 2π, and what follows from it.

    ``by_prediction`` is its derivative by the prediction; ``information`` the expected information on the prediction
    (for −log likelihood), the part through the variance included; ``by_additive`` and ``by_proportional`` its
    derivatives by the logs of the two standard deviations. All (patients, samples), 0 where no sample is.
    """

    value: Floats
    by_prediction: Floats
    information: Floats
    by_additive: Floats
    by_proportional: Floats


def terms(data: Measurements, predicted: Floats, residual: Residual) -> Terms:
    """Return the likelihood of each sample.

    Raises
    ------
    ValueError
        naming patient and time, where the prediction is 0 and so is the residual error.
    """
    from scipy.special import log_ndtr

    variance = residual.variance(predicted)
    dead = data.observed & (variance <= 0)
    if dead.any():
        row, column = (int(i[0]) for i in np.nonzero(dead))
        raise ValueError(
            f"patient {data.names[row]}, time {data.time[row, column]:g}: 0 is predicted and the error is proportional; "
            "leave the sample out, or use an additive error"
        )
    variance = np.where(data.observed, variance, 1.0)
    error = data.value - predicted
    by_variance = residual.proportional**2 * 2 * predicted
    value = error**2 / variance + np.log(variance)
    slope_v = 1 / variance - error**2 / variance**2
    by_f = -2 * error / variance + slope_v * by_variance
    information = 1 / variance + 0.5 * (by_variance / variance) ** 2
    if data.below.any():
        sd = np.sqrt(variance)
        z = error / sd
        log_p = log_ndtr(z)
        mills = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_p)
        z_f = -1 / sd - 0.5 * z * by_variance / variance
        value = np.where(data.below, -2 * log_p, value)
        slope_v = np.where(data.below, mills * z / variance, slope_v)
        by_f = np.where(data.below, -2 * mills * z_f, by_f)
        information = np.where(data.below, mills * (mills + z) * z_f**2, information)
    seen = data.observed
    return Terms(
        np.where(seen, value, 0.0), np.where(seen, by_f, 0.0), np.where(seen, information, 0.0),
        np.where(seen, slope_v * 2 * residual.additive**2, 0.0),
        np.where(seen, slope_v * 2 * (residual.proportional * predicted) ** 2, 0.0),
    )  # fmt: skip
