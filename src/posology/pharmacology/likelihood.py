"""How likely measured concentrations are: residual error, values below quantification, and each patient's own optimum.

Beal SL. Ways to fit a PK model with some data below the quantification limit. J Pharmacokinet Pharmacodyn
2001;28:481-504 (method M3: such a value adds the probability that it is below the limit).
Wang Y. Derivation of various NONMEM estimation methods. J Pharmacokinet Pharmacodyn 2007;34:575-593.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from posology.pharmacology.areas import Floats
from posology.pharmacology.measurements import Measurements


class Predicts(Protocol):
    """A structural model, as :class:`posology.pharmacology.structural.Model` is."""

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


@dataclass(frozen=True)
class Conditional:
    """Each patient's optimum: ``eta`` (patients, random effects), the joint −2 log density ``joint`` and the log
    determinant of its half Hessian, (patients,); the Hessian itself; predictions and their derivatives by ``eta``."""

    eta: Floats
    joint: Floats
    log_determinant: Floats
    hessian: Floats
    predicted: Floats
    gradient: Floats


def conditional(
    model: Predicts,
    data: Measurements,
    typical: Floats,
    omega: Floats,
    residual: Residual,
    random: tuple[int, ...],
    start: Floats | None = None,
    *,
    tolerance: float = 1e-9,
    most: int = 200,
) -> Conditional:
    """Return the random effects that are most likely for each patient (empirical Bayes, maximum a posteriori).

    All patients at once by Gauss–Newton with halved steps: the Hessian is the expected information plus Ω⁻¹.

    Parameters
    ----------
    typical
        (patients, parameters): the log parameters of a patient with no random effect.
    omega
        (r, r): the variance of the random effects.
    random
        the parameters, by place, that have one.

    Raises
    ------
    ValueError
        naming the patient, if the search does not settle within ``most`` steps.
    """
    inverse = np.linalg.inv(omega)
    eta = np.zeros((len(data), len(random))) if start is None else start.copy()
    chosen = list(random)

    def at(effects: Floats) -> tuple[Floats, Floats, Floats, Floats, Floats]:
        phi = typical.copy()
        phi[:, chosen] += effects
        predicted, change = model.sensitivities(data, phi)
        change = change[:, :, chosen]
        found = terms(data, predicted, residual)
        joint = found.value.sum(axis=1) + np.einsum("pi,ij,pj->p", effects, inverse, effects)
        slope = 0.5 * np.einsum("ps,psr->pr", found.by_prediction, change) + effects @ inverse
        hessian = np.einsum("psr,ps,psq->prq", change, found.information, change) + inverse
        return joint, slope, hessian, predicted, change

    joint, slope, hessian, predicted, change = at(eta)
    size = np.ones(len(data))
    for _ in range(most):
        move = np.linalg.solve(hessian, slope[..., None])[..., 0]
        longest = np.abs(move).max(axis=1, initial=0.0)
        if longest.max(initial=0.0) < tolerance:
            break
        move *= np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300))[:, None]  # no further than exp(2) at a time
        new = eta - size[:, None] * move
        joint_n, slope_n, hessian_n, predicted_n, change_n = at(new)
        better = joint_n <= joint + 1e-9 * (1 + np.abs(joint))
        short = (slope_n * move).sum(axis=1) > -0.5 * (slope * move).sum(axis=1)  # not well past the optimum
        pick = better[:, None]
        eta, joint, slope = np.where(pick, new, eta), np.where(better, joint_n, joint), np.where(pick, slope_n, slope)
        hessian = np.where(pick[..., None], hessian_n, hessian)
        predicted, change = np.where(pick, predicted_n, predicted), np.where(pick[..., None], change_n, change)
        size = np.where(better & short, np.minimum(1.0, 2 * size), size / 4)
    else:
        row = int(longest.argmax())
        if longest[row] > 1e-4:
            raise ValueError(f"patient {data.names[row]}: the individual parameters did not settle in {most} steps")
    _, log_determinant = np.linalg.slogdet(hessian)
    return Conditional(eta, joint, log_determinant, hessian, predicted, change)
