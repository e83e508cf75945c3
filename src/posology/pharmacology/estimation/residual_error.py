"""How likely measured concentrations are: residual error, and values below quantification.

Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
2001;28:481-504 (method M3: such a value adds the probability that it is below the limit). The error models stand in
:mod:`posology.pharmacology.estimation.error_models`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.error_models.base import ErrorModel
from posology.pharmacology.estimation.error_models.combined import ResidualError
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats

__all__ = ["ResidualError", "ResidualErrors"]

ResidualErrors = ErrorModel | Mapping[str, ErrorModel]
"""The residual error of the one analyte, or of each by its name."""


def by_analyte(residual: ResidualErrors) -> Mapping[str, ErrorModel]:
    """Return the residual error of each analyte by its name; the one analyte's is empty."""
    return residual if isinstance(residual, Mapping) else {"": residual}


def standard_deviations(residual: ResidualErrors) -> dict[str, float]:
    """Return the estimated parameters of the error (standard deviations, and a power), by the names that results give
    them.

    >>> standard_deviations({"IMGN853": ResidualError(0.0, 0.1), "DM4": ResidualError(0.05, 0.3)})
    {'IMGN853 proportional error': 0.1, 'DM4 additive error': 0.05, 'DM4 proportional error': 0.3}
    """
    return {
        f"{analyte} {name}".lstrip(): value
        for analyte, model in by_analyte(residual).items()
        for name, value in model.parameters.items()
    }


def with_standard_deviations(residual: ResidualErrors, values: Sequence[float] | Floats) -> ResidualErrors:
    """Return the residual errors with other parameters, in the order of :func:`standard_deviations`."""
    left = list(values)
    changed: dict[str, ErrorModel] = {}
    for analyte, model in by_analyte(residual).items():
        count = len(model.parameters)
        changed[analyte], left = model.with_parameters(left[:count]), left[count:]
    return changed if isinstance(residual, Mapping) else changed[""]


@dataclass(frozen=True)
class ErrorScale:
    """Measurements and predictions on the scale on which they scatter normally; all (…, patients, samples).

    ``slope`` is the derivative of a prediction on that scale by the prediction itself, ``variance`` and
    ``variance_slope`` those of the error, ``by_log_parameter`` the derivatives of the variance by the logs of all
    parameters, 0 for another analyte's. ``density`` is what the scale adds to −2 log likelihood.
    """

    measured: Floats
    predicted: Floats
    slope: Floats
    variance: Floats
    variance_slope: Floats
    by_log_parameter: tuple[Floats, ...]
    density: Floats


def error_scale(data: PkDataset, predicted: Floats, residual: ResidualErrors) -> ErrorScale:
    """Return the measurements and predictions on the scale of their error.

    Parameters
    ----------
    data
        the measurements.
    predicted
        (…, patients, samples).
    residual
        the error of the one analyte, or of each by its name.

    Examples
    --------
    >>> from posology.pharmacology.estimation.error_models import LogAdditiveError
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> one = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0)], [(1.0, 9.0, False)])])
    >>> error_scale(one, np.array([[9.0]]), LogAdditiveError(0.2)).measured.round(3).tolist()
    [[2.197]]
    """
    if not isinstance(residual, Mapping):
        return _on_scale(data, predicted, residual)
    parts = [(data.analyte == i, _on_scale(data, predicted, residual[name])) for i, name in enumerate(data.analytes)]
    order = [list(data.analytes).index(name) for name in residual]

    def merged(field: str) -> Floats:
        whole = getattr(parts[0][1], field)
        for own, part in parts[1:]:
            whole = np.where(own, getattr(part, field), whole)
        return np.asarray(whole)

    return ErrorScale(
        merged("measured"),
        merged("predicted"),
        merged("slope"),
        merged("variance"),
        merged("variance_slope"),
        tuple(np.where(parts[i][0], by, 0.0) for i in order for by in parts[i][1].by_log_parameter),
        merged("density"),
    )


def _on_scale(data: PkDataset, predicted: Floats, model: ErrorModel) -> ErrorScale:
    spread, one = model.spread(predicted), np.ones_like(predicted)
    if not model.is_logarithmic:
        return ErrorScale(
            data.value,
            predicted,
            one,
            spread.variance,
            spread.by_prediction,
            spread.by_log_parameter,
            np.zeros_like(data.value),
        )
    positive = data.observed & (data.value > 0)
    for row, column in np.argwhere(data.observed & ~positive)[:1]:
        raise ValueError(
            f"patient {data.names[row]}, time {data.time[row, column]:g}: a measured 0 has no logarithm; mark it as "
            "below "
            "quantification with its limit, or use another error"
        )
    f = np.where(predicted > 0, predicted, 1.0)
    log_measured = np.log(np.where(positive, data.value, 1.0))
    return ErrorScale(
        log_measured,
        np.log(f),
        1 / f,
        spread.variance,
        spread.by_prediction,
        spread.by_log_parameter,
        2 * log_measured,
    )


def variance_of(data: PkDataset, predicted: Floats, residual: ResidualErrors) -> Floats:
    """Return the variance of each sample at its prediction, (…, patients, samples), on the scale of its error."""
    return error_scale(data, predicted, residual).variance


def drawn_measurements(data: PkDataset, predicted: Floats, residual: ResidualErrors, normal: Floats) -> Floats:
    """Return measurements, (patients, samples), by standard normal deviates ``normal`` about predictions."""
    scale = error_scale(data, predicted, residual)
    value = scale.predicted + normal * np.sqrt(scale.variance)
    for i, model in enumerate(by_analyte(residual).values()):
        if model.is_logarithmic:
            own = data.analyte == i if len(data.analytes) > 1 else np.ones(value.shape, bool)
            value = np.where(own, np.where(predicted > 0, np.exp(np.where(own, value, 0.0)), 0.0), value)
    return np.asarray(value)


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
    (for −log likelihood), the part through the variance included; ``by_log_parameter`` its derivatives by the logs of
    the parameters of the error, in the order of :func:`standard_deviations`. All (patients, samples), 0 where no sample
    is.
    """

    value: Floats
    by_prediction: Floats
    information: Floats
    by_log_parameter: tuple[Floats, ...]


def log_likelihood_terms(data: PkDataset, predicted: Floats, residual: ResidualErrors) -> LogLikelihoodTerms:
    """Return the likelihood of each sample.

    Parameters
    ----------
    data
        the measurements.
    predicted
        (patients, samples).
    residual
        the error of the one analyte, or of each by its name.

    Raises
    ------
    ValueError
        naming patient and time, where the prediction is 0 and so is the residual error.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> one = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0)], [(1.0, 9.0, False)])])
    >>> log_likelihood_terms(one, np.array([[8.0]]), ResidualError(1.0, 0.0)).value.tolist()
    [[1.0]]
    """
    from scipy.special import log_ndtr

    scale = error_scale(data, predicted, residual)
    variance, by_variance, slope = scale.variance, scale.variance_slope, scale.slope
    dead = data.observed & (variance <= 0)
    if dead.any():
        row, column = (int(i[0]) for i in np.nonzero(dead))
        raise ValueError(
            f"patient {data.names[row]}, time {data.time[row, column]:g}: 0 is predicted and the error is "
            "proportional; "
            "leave the sample out, or use an additive error"
        )
    variance = np.where(data.observed, variance, 1.0)
    error = scale.measured - scale.predicted
    value = error**2 / variance + np.log(variance) + scale.density
    slope_v = 1 / variance - error**2 / variance**2
    by_f = -2 * error / variance * slope + slope_v * by_variance
    information = slope**2 / variance + 0.5 * (by_variance / variance) ** 2
    if data.below.any():
        sd = np.sqrt(variance)
        z = error / sd
        log_p = log_ndtr(z)
        mills = np.exp(-0.5 * z**2 - 0.5 * np.log(2 * np.pi) - log_p)
        z_f = -slope / sd - 0.5 * z * by_variance / variance
        value = np.where(data.below, -2 * log_p, value)
        slope_v = np.where(data.below, mills * z / variance, slope_v)
        by_f = np.where(data.below, -2 * mills * z_f, by_f)
        information = np.where(data.below, mills * (mills + z) * z_f**2, information)
    seen = data.observed
    return LogLikelihoodTerms(
        np.where(seen, value, 0.0),
        np.where(seen, by_f, 0.0),
        np.where(seen, information, 0.0),
        tuple(np.where(seen, slope_v * by, 0.0) for by in scale.by_log_parameter),
    )


def gradient_by_deviations(terms: LogLikelihoodTerms) -> Floats:
    """Return the derivatives of the sum of all by the logs of the error's parameters, in the order of
    :func:`standard_deviations`."""
    return np.array([by.sum() for by in terms.by_log_parameter])
