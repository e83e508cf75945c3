"""The log density of a patient's or a population's parameters, with its exact gradient: what full Bayes samples.

Random effects are not centred: η = ω L z and κ = π z, z standard normal; L is the Cholesky factor of their
correlations, with the prior of Lewandowski D, Kurowicka D, Joe H. J Multivar Anal 2009;100:1989-2001 (density of the
correlations ∝ det^(shape − 1)), made of partial correlations tanh(y) that are independent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.estimation.random_effects import Effect, Population
from posology.pharmacology.estimation.residual_error import (
    ResidualError,
    ResidualErrors,
    gradient_by_deviations,
    log_likelihood_terms,
    standard_deviations,
    with_standard_deviations,
)
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.time_varying import sensitivities
from posology.shared.arrays import Floats

LogDensity = Callable[[Floats], tuple[float, Floats]]
PROPORTIONAL = ResidualError(0.0, 0.5)


@dataclass(frozen=True)
class Prior:
    """What is believed of a population before its data.

    The log of each typical value is normal around ``typical`` with standard deviation ``spread``; each ω is half normal
    with scale ``omega``, each standard deviation ``between_occasions`` with scale ``occasion``, each residual standard
    deviation with the scale in ``residual`` (0: not in the model). The power of an effect of a covariate is normal
    around 0 with standard deviation ``power``, or fixed where the effect gives it. With ``correlated`` the random
    effects between patients are correlated, by the LKJ prior with this ``shape`` (1: uniform; above: correlations
    nearer 0). The defaults are weak: a typical value within a factor of 7 of the guess (95 %), ω mostly below 1.
    """

    typical: Mapping[str, float]
    random: tuple[str, ...]
    spread: float = 1.0
    omega: float = 0.5
    residual: ResidualErrors = PROPORTIONAL
    effects: tuple[Effect, ...] = ()
    power: float = 1.0
    between_occasions: tuple[str, ...] = ()
    occasion: float = 0.25
    correlated: bool = False
    shape: float = 2.0

    @property
    def errors(self) -> list[str]:
        """The parts of the residual error that there are."""
        return list(standard_deviations(self.residual))

    @property
    def powers(self) -> list[Effect]:
        """The effects whose power is sampled."""
        return [e for e in self.effects if e.power is None]

    @property
    def describe(self) -> str:
        """Say it in words."""
        said = [
            f"log typical values normal around {', '.join(f'{n} {v:g}' for n, v in self.typical.items())} (SD "
            f"{self.spread:g})",
            f"omega half normal ({self.omega:g})",
        ]
        said += [f"powers normal around 0 (SD {self.power:g})"] if self.powers else []
        said += [f"correlations LKJ ({self.shape:g})"] if self.correlated else []
        said += [f"omega between occasions half normal ({self.occasion:g})"] if self.between_occasions else []
        return "; ".join(
            [*said, *(f"{n} half normal ({sd:g})" for n, sd in standard_deviations(self.residual).items())]
        )

    def population(self) -> Population:
        """Return the population at the prior's centre, every standard deviation 1 and no estimated effect."""
        return Population(
            self.typical,
            self.random,
            np.eye(len(self.random)),
            self.residual,
            self.effects,
            dict.fromkeys(self.between_occasions, 1.0),
        )

    def split(self, x: Floats) -> list[Floats]:
        """Return the parts of vectors (…, size): log typical values, powers, log ω, y, log π, log errors, z of all
        patients."""
        r = len(self.random)
        sizes = [
            len(self.typical),
            len(self.powers),
            r,
            r * (r - 1) // 2 if self.correlated else 0,
            len(self.between_occasions),
            len(self.errors),
        ]
        return np.split(x, np.cumsum(sizes), axis=-1)

    def start(self, model: StructuralModel, data: PkDataset) -> Floats:
        """Return the vector to begin with: the centre, half the scales, no random effects."""
        r = len(self.random)
        return np.concatenate(
            [
                np.log([self.typical[n] for n in model.parameters]),
                np.zeros(len(self.powers)),
                np.full(r, np.log(self.omega / 2)),
                np.zeros(r * (r - 1) // 2 if self.correlated else 0),
                np.full(len(self.between_occasions), np.log(self.occasion / 2)),
                np.log(list(standard_deviations(self.residual).values())) - np.log(2),
                np.zeros(len(data) * self.population().random_effects(model, data).size),
            ]
        )


def correlation_factor(y: Floats, r: int) -> Floats:
    """Return the Cholesky factor (…, r, r) of the correlations made of partial ones tanh(y), (…, r (r − 1) / 2), by
    rows.

    Examples
    --------
    >>> correlation_factor(np.array([np.arctanh(0.6)]), 2).round(3).tolist()
    [[1.0, 0.0], [0.6, 0.8]]
    """
    partial, before = _partial(y, r)
    return np.asarray((partial + np.eye(r)) * before)


def _partial(y: Floats, r: int) -> tuple[Floats, Floats]:
    """Return the partial correlations below the diagonal, and √(1 − Σ L²) over the columns before each."""
    partial = np.zeros((*y.shape[:-1], r, r))
    partial[(..., *np.tril_indices(r, -1))] = np.tanh(y)
    left = np.cumprod(np.sqrt(1 - partial**2), axis=-1)
    return partial, np.concatenate([np.ones_like(left[..., :1]), left[..., :-1]], axis=-1)


def correlation_prior(y: Floats, r: int, shape: float, by_factor: Floats) -> tuple[float, Floats]:
    """Return the log density of ``y`` under the LKJ prior, and its gradient plus that through the factor, (r, r)."""
    place = np.tril_indices(r, -1)
    weight = shape + (r - 2 - place[1]) / 2  # (1 − partial²)^weight, the step from tanh(y) to y included
    partial, before = _partial(y, r)
    share = by_factor * (partial + np.eye(r)) * before
    later = np.cumsum(share[:, ::-1], axis=1)[:, ::-1] - share
    through = by_factor * (1 - partial**2) * before - partial * later
    value = -2 * (weight * (np.logaddexp(y, -y) - np.log(2))).sum()
    return float(value), np.asarray(through[place] - 2 * weight * np.tanh(y))


def individual_density(model: StructuralModel, data: PkDataset, population: Population) -> LogDensity:
    """Return the log density (up to a constant) and gradient of one patient's standardised random effects."""
    typical, random = population.log_parameters(model, data), population.random_effects(model, data)
    factor = np.linalg.cholesky(random.variance)

    def density(z: Floats) -> tuple[float, Floats]:
        predicted, change = sensitivities(model, data, random.individual_log_parameters(typical, (factor @ z)[None]))
        found = log_likelihood_terms(data, predicted, population.residual)
        by_effects = -0.5 * (found.by_prediction[:, :, None] * random.chain_rule(change)).sum(axis=1)[0]
        return float(-0.5 * found.value.sum() - 0.5 * z @ z), by_effects @ factor - z

    return density


def population_density(model: StructuralModel, data: PkDataset, prior: Prior) -> LogDensity:
    """Return the log density (up to a constant) and gradient of a population; :meth:`Prior.split` says of which
    vector."""
    centre = np.log([prior.typical[name] for name in model.parameters])
    scale = np.array(list(standard_deviations(prior.residual).values()))
    population = prior.population()
    fixed = population.log_parameters(model, data) - centre  # what the given powers add
    random = population.random_effects(model, data)
    r, places = len(prior.random), [model.parameters.index(e.parameter) for e in prior.powers]
    logged = [e.log_ratio(data) for e in prior.powers]
    logged = [v[:, None] if v.ndim < fixed.ndim - 1 else v for v in logged]

    def density(x: Floats) -> tuple[float, Floats]:
        theta, power, log_omega, y, log_pi, log_sd, flat = prior.split(x)
        omega, pi, sd = np.exp(log_omega), np.exp(log_pi), np.exp(log_sd)
        z, z_occasion = random.split(flat.reshape(len(data), -1))
        factor = correlation_factor(y, r) if prior.correlated else np.eye(r)
        unit = z @ factor.T
        eta, kappa = omega * unit, pi * z_occasion
        phi = fixed + theta
        for place, value, values in zip(places, power, logged, strict=True):
            phi[..., place] += value * values
        phi = random.individual_log_parameters(phi, np.concatenate([eta, kappa.reshape(len(data), -1)], axis=1))
        predicted, change = sensitivities(model, data, phi)
        residual = with_standard_deviations(prior.residual, sd)
        found = log_likelihood_terms(data, predicted, residual)
        by_phi = -0.5 * np.einsum("ps,ps...->p...", found.by_prediction, change)
        by_eta, by_kappa = random.split(random.chain_rule(by_phi[:, None])[:, 0])
        by_unit = by_eta * omega
        value_y, by_y = correlation_prior(y, r, prior.shape, by_unit.T @ z) if prior.correlated else (0.0, y)
        by_sd = -0.5 * gradient_by_deviations(found)
        value = (
            -0.5 * (found.value.sum() + (flat**2).sum() + (((theta - centre) / prior.spread) ** 2).sum())
            - 0.5 * ((power / prior.power) ** 2).sum()
            + value_y
            - 0.5 * ((omega / prior.omega) ** 2).sum()
            + log_omega.sum()
            - 0.5 * ((pi / prior.occasion) ** 2).sum()
            + log_pi.sum()
            - 0.5 * ((sd / scale) ** 2).sum()
            + log_sd.sum()
        )
        by_flat = np.concatenate([by_unit @ factor, (by_kappa * pi).reshape(len(data), -1)], axis=1) - flat.reshape(
            len(data), -1
        )
        gradient = np.concatenate(
            [
                by_phi.reshape(-1, len(theta)).sum(axis=0) - (theta - centre) / prior.spread**2,
                [
                    (by_phi[..., i] * v).sum() - w / prior.power**2
                    for i, v, w in zip(places, logged, power, strict=True)
                ],
                (by_eta * eta).sum(axis=0) - (omega / prior.omega) ** 2 + 1,
                by_y,
                (by_kappa * kappa).sum(axis=(0, 1)) - (pi / prior.occasion) ** 2 + 1,
                by_sd - (sd / scale) ** 2 + 1,
                by_flat.ravel(),
            ]
        )
        return float(value), gradient

    return density
