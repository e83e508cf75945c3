"""The gradient of the FOCE-I objective function, patient by patient, without solving for anyone's optimum again.

With l half of −2 log likelihood, φ the log parameters, η̂ the optimum, H = Σ information f' f'ᵀ + Ω⁻¹ its expected and
J its exact Hessian, the objective is O = 2 l(η̂) + η̂ᵀ Ω⁻¹ η̂ + ln|Ω| + ln|H|. By the implicit function theorem dη̂/dx
= − J⁻¹ ∂g/∂x, g the gradient of half of the joint density by η (Almquist J, Leander J, Jirstrand M. J Pharmacokinet
Pharmacodyn 2015;42:191-209). Second derivatives of the model are central differences of its exact first ones, of all
patients and parameters at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.empirical_bayes import EmpiricalBayes
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import (
    log_likelihood_terms,
    standard_deviations,
    with_standard_deviations,
)
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats

STEP = 1e-4
"""Of the central differences, on the log scale."""


@dataclass(frozen=True)
class TiledData:
    """The data once for each step of the differences: twice for each parameter of the model, patient after patient."""

    data: PkDataset
    tiled: PkDataset

    @classmethod
    def of(cls, data: PkDataset, parameters: int) -> TiledData:
        """Tile the data."""
        return cls(data, data.subset(list(range(len(data))) * (2 * parameters)))


@dataclass(frozen=True)
class ObjectiveGradient:
    """At x: ``by_patient`` (patients, parameters of the search) the gradient of each patient's part of the objective
    function.

    ``eta_by_x`` (patients, random effects, parameters) is dη̂/dx, and ``missed`` (patients, random effects, random
    effects) what the expected Hessian of the joint density misses of the exact one: the next optima are near η̂ +
    dη̂/dx Δx, and found faster.
    """

    by_patient: Floats
    eta_by_x: Floats
    missed: Floats


@dataclass(frozen=True)
class _Curvature:
    """Derivatives by φ, last axis: of the gradient of l by φ (P, k, k), and of its Gauss–Newton matrix (P, k, k, k)."""

    by_phi: Floats
    information_by_phi: Floats


def patient_gradients(
    parameterisation: Parameterisation, tiles: TiledData, x: Floats, optimum: EmpiricalBayes
) -> ObjectiveGradient:
    """Return each patient's gradient of the objective function, and how the optima move with x.

    Parameters
    ----------
    parameterisation
        how ``x`` maps to a population.
    tiles
        the data, of a population whose parameters do not change within patients.
    x
        where.
    optimum
        the individual optima there, solved to a tight tolerance.
    """
    model, population, data = parameterisation.model, parameterisation.population(x), tiles.data
    places = list(population.places(model))
    phi = population.log_parameters(model, data)
    phi[:, places] += optimum.eta
    predicted, change = model.sensitivities(data, phi)
    terms = log_likelihood_terms(data, predicted, population.residual)
    gradient = 0.5 * np.einsum("ps,psk->pk", terms.by_prediction, change)
    curvature = _curvature(parameterisation, tiles, phi, population)
    inverse = np.linalg.inv(population.omega)
    to_eta = np.ix_(range(len(data)), places, places)
    h_inverse = np.asarray(np.linalg.inv(optimum.hessian), np.float64)
    exact = curvature.by_phi[to_eta] + inverse
    log_det_by_phi = np.einsum("pab,pbak->pk", h_inverse, curvature.information_by_phi[:, places][:, :, places])

    # of each parameter: the derivative of O at fixed optima, and that of g
    by_phi = 2 * gradient + log_det_by_phi
    parts = [(by_phi[:, j], curvature.by_phi[:, places, j]) for j in range(len(model.parameters))]
    for effect in parameterisation.powers:
        j, ratio = model.parameters.index(effect.parameter), effect.log_ratio(data)
        parts.append((by_phi[:, j] * ratio, curvature.by_phi[:, places, j] * ratio[:, None]))
    for of_omega in _omega_changes(parameterisation, population):
        by = -inverse @ of_omega @ inverse
        quadratic = np.einsum("pa,ab,pb->p", optimum.eta, by, optimum.eta)
        own = quadratic + np.trace(inverse @ of_omega) + np.einsum("pab,ba->p", h_inverse, by)
        parts.append((own, optimum.eta @ by))
    parts += _by_errors(data, predicted, change[..., places], population, h_inverse)

    explicit, of_g = np.stack([part for part, _ in parts], axis=1), np.stack([part for _, part in parts], axis=2)
    eta_by_x = -np.asarray(np.linalg.solve(exact, of_g), np.float64)
    through_optima = np.einsum("pa,pax->px", log_det_by_phi[:, places], eta_by_x)
    return ObjectiveGradient(np.asarray(explicit + through_optima), eta_by_x, np.asarray(exact - optimum.hessian))


def _curvature(parameterisation: Parameterisation, tiles: TiledData, phi: Floats, population: Population) -> _Curvature:
    count, k = phi.shape
    model = parameterisation.model
    steps = np.concatenate([np.eye(k), -np.eye(k)]) * STEP
    every = (phi[None] + steps[:, None]).reshape(-1, k)
    predicted, change = model.sensitivities(tiles.tiled, every)
    terms = log_likelihood_terms(tiles.tiled, predicted, population.residual)
    gradient = 0.5 * np.einsum("ps,psk->pk", terms.by_prediction, change).reshape(2, k, count, k)
    information = (np.swapaxes(change, 1, 2) * terms.information[:, None]) @ change
    information = information.reshape(2, k, count, k, k)
    by_phi = (gradient[0] - gradient[1]) / (2 * STEP)  # (j, patients, k)
    information_by_phi = (information[0] - information[1]) / (2 * STEP)
    return _Curvature(np.moveaxis(by_phi, 0, -1), np.moveaxis(information_by_phi, 0, -1))


def _omega_changes(parameterisation: Parameterisation, population: Population) -> Iterator[Floats]:
    """Yield the derivative of Ω by each of its parameters: entries of its Cholesky factor, logs on the diagonal."""
    factor = np.linalg.cholesky(population.omega)
    for i, j in zip(*parameterisation.estimated_cholesky, strict=True):
        by = np.zeros_like(factor)
        by[i, j] = factor[i, i] if i == j else 1.0
        yield by @ factor.T + factor @ by.T


def _by_errors(
    data: PkDataset, predicted: Floats, own: Floats, population: Population, h_inverse: Floats
) -> list[tuple[Floats, Floats]]:
    """Return the derivatives of the objective, and of g, by the logs of the parameters of the residual error."""
    terms = log_likelihood_terms(data, predicted, population.residual)
    values = np.array(list(standard_deviations(population.residual).values()))
    columns: list[tuple[Floats, Floats]] = []
    for m, by in enumerate(terms.by_log_parameter):
        step = np.exp(STEP * (np.arange(len(values)) == m))
        up, down = (
            log_likelihood_terms(data, predicted, with_standard_deviations(population.residual, values * s))
            for s in (step, 1 / step)
        )
        gradient = 0.5 * np.einsum("ps,psa->pa", (up.by_prediction - down.by_prediction) / (2 * STEP), own)
        information = (np.swapaxes(own, 1, 2) * ((up.information - down.information) / (2 * STEP))[:, None]) @ own
        columns.append((by.sum(axis=1) + np.einsum("pab,pba->p", h_inverse, information), gradient))
    return columns
