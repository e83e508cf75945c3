"""How likely measured concentrations are: residual error, and values below quantification.

Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
2001;28:481-504 (method M3: such a value adds the probability that it is below the limit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class ResidualError:
    """The residual error: its variance is additive² + (proportional × prediction)²."""

    additive: float
    proportional: float

    def variance(self, predicted: Floats) -> Floats:
        """Return the variance at a prediction."""
        return np.asarray(self.additive**2 + (self.proportional * predicted) ** 2)


ResidualErrors = ResidualError | Mapping[str, ResidualError]
"""The residual error of the one analyte, or of each by its name."""


def by_analyte(residual: ResidualErrors) -> Mapping[str, ResidualError]:
    """Return the residual error of each analyte by its name; the one analyte's is empty."""
    return {"": residual} if isinstance(residual, ResidualError) else residual


def standard_deviations(residual: ResidualErrors) -> dict[str, float]:
    """Return the standard deviations that are above 0, by the names that results give them.

    >>> standard_deviations({"IMGN853": ResidualError(0.0, 0.1), "DM4": ResidualError(0.05, 0.3)})
    {'IMGN853 proportional error': 0.1, 'DM4 additive error': 0.05, 'DM4 proportional error': 0.3}
    """
    held = {}
    for analyte, each in by_analyte(residual).items():
        for part in ("additive", "proportional"):
            if getattr(each, part) > 0:
                held[f"{analyte} {part} error".lstrip()] = getattr(each, part)
    return held


def with_standard_deviations(residual: ResidualErrors, values: Sequence[float] | Floats) -> ResidualErrors:
    """Return the residual errors with other standard deviations, in the order of :func:`standard_deviations`."""
    left = iter(values)
    held = {
        analyte: ResidualError(*(float(next(left)) if sd > 0 else 0.0 for sd in (each.additive, each.proportional)))
        for analyte, each in by_analyte(residual).items()
    }
    return held[""] if isinstance(residual, ResidualError) else held


def deviations(data: PkDataset, residual: ResidualErrors) -> tuple[float | Floats, float | Floats]:
    """Return the additive and proportional standard deviations of all samples, or of each, (patients, samples)."""
    if isinstance(residual, ResidualError):
        return residual.additive, residual.proportional
    additive, proportional = np.array(
        [(r.additive, r.proportional) for r in map(residual.__getitem__, data.analytes)]
    ).T
    return additive[data.analyte], proportional[data.analyte]


def variance_of(data: PkDataset, predicted: Floats, residual: ResidualErrors) -> Floats:
    """Return the variance of each sample at its prediction, (…, patients, samples)."""
    additive, proportional = deviations(data, residual)
    return np.asarray(additive**2 + (proportional * predicted) ** 2)


def check_analytes(model: StructuralModel, data: PkDataset, residual: ResidualErrors) -> None:
    """Refuse a model, data and residual errors that are not of the same analytes.

    Raises
    ------
    ValueError
        saying how many analytes each is of.
    """
    needed = getattr(model, "analytes", 1)
    held = ", ".join(name for name in data.analytes if name)
    if needed != len(data.analytes):
        raise ValueError(
            f"the model {getattr(model, 'name', type(model).__name__)!r} is of {needed} analyte{'s'[: needed > 1]}; "
            f"the data hold {len(data.analytes)}{f' ({held})' if held else ''}"
        )
    if needed > 1 and set(by_analyte(residual)) != set(data.analytes):
        raise ValueError(
            f"residual errors are of {', '.join(filter(None, by_analyte(residual))) or 'no named analyte'}; "
            f"give one for each of {held}"
        )


@dataclass(frozen=True)
class LogLikelihoodTerms:
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


def log_likelihood_terms(data: PkDataset, predicted: Floats, residual: ResidualErrors) -> LogLikelihoodTerms:
    """Return the likelihood of each sample.

    Raises
    ------
    ValueError
        naming patient and time, where the prediction is 0 and so is the residual error.
    """
    from scipy.special import log_ndtr

    additive, proportional = deviations(data, residual)
    variance = additive**2 + (proportional * predicted) ** 2
    dead = data.observed & (variance <= 0)
    if dead.any():
        row, column = (int(i[0]) for i in np.nonzero(dead))
        raise ValueError(
            f"patient {data.names[row]}, time {data.time[row, column]:g}: 0 is predicted and the error is proportional; "
            "leave the sample out, or use an additive error"
        )
    variance = np.where(data.observed, variance, 1.0)
    error = data.value - predicted
    by_variance = proportional**2 * 2 * predicted
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
    return LogLikelihoodTerms(
        np.where(seen, value, 0.0),
        np.where(seen, by_f, 0.0),
        np.where(seen, information, 0.0),
        np.where(seen, slope_v * 2 * additive**2, 0.0),
        np.where(seen, slope_v * 2 * (proportional * predicted) ** 2, 0.0),
    )


def gradient_by_deviations(data: PkDataset, found: LogLikelihoodTerms, residual: ResidualErrors) -> Floats:
    """Return the derivatives of the sum of all by the logs of the standard deviations, in the order of :func:`standard_deviations`."""
    sums = []
    for analyte, each in by_analyte(residual).items():
        own = data.analyte == data.analytes.index(analyte) if len(data.analytes) > 1 else ...
        for sd, by in ((each.additive, found.by_additive), (each.proportional, found.by_proportional)):
            if sd > 0:
                sums.append(by[own].sum())
    return np.array(sums)
