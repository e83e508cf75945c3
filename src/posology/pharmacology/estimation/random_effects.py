"""What differs between patients and occasions: typical values, covariates, and random effects on the log scale.

A patient's log parameters on an occasion are typical value + covariates + η + κ: η is normal with variance Ω between
patients, κ with variance Π, diagonal, between the occasions of a patient (Karlsson MO, Sheiner LB. J Pharmacokinet
Biopharm 1993;21:735-750).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from posology.pharmacology.estimation.residual_error import ResidualErrors, check_analytes
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.time_varying import predict
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class CovariateEffect:
    """A covariate's effect: the parameter is multiplied by (covariate / reference)^power.

    ``power`` is fixed, or estimated where it is None.
    """

    parameter: str
    covariate: str
    reference: float
    power: float | None = None

    @property
    def name(self) -> str:
        """Name the power as the results do."""
        return f"{self.covariate} on {self.parameter}"

    def log_ratio(self, data: PkDataset) -> Floats:
        """Return log(covariate / reference): (patients,), or (patients, periods) where it changes.

        Raises
        ------
        ValueError
            if the covariate is not in the data, or not above 0.
        """
        values = _values(self.covariate, data)
        if not (values > 0).all():
            at = np.unravel_index(int(np.argmin(values > 0)), values.shape)
            raise ValueError(
                f"patient {data.names[at[0]]}: {self.covariate} is {values[at]:g}; it is above 0 in a power, and a "
                f"number of a category in {self.parameter}~{self.covariate}=1"
            )
        return np.asarray(np.log(values / self.reference))


@dataclass(frozen=True)
class CategoryEffect:
    """A category's effect: where the covariate is ``category`` the parameter is multiplied by exp(``power``), else by 1.

    The covariate numbers categories: 0 is one of them. ``power``, the log ratio, is fixed, or estimated where it is
    None. With more than two categories, each but the reference has an effect of its own.
    """

    parameter: str
    covariate: str
    category: float
    power: float | None = None

    @property
    def name(self) -> str:
        """Name the log ratio as the results do."""
        return f"{self.covariate}={self.category:g} on {self.parameter} (log ratio)"

    def log_ratio(self, data: PkDataset) -> Floats:
        """Return 1 where the covariate is the category, else 0: (patients,), or (patients, periods) where it changes.

        Raises
        ------
        ValueError
            if the covariate is not in the data, or all patients or none are of the category.
        """
        values = _values(self.covariate, data)
        within = values == self.category
        if within.all() or not within.any():
            held = ", ".join(f"{v:g}" for v in np.unique(values)[:8])
            raise ValueError(
                f"{self.covariate}={self.category:g}: an effect needs patients of this category and of another; "
                f"the data hold {held}"
            )
        return np.asarray(within, float)


Effect = CovariateEffect | CategoryEffect
"""What a covariate does to a parameter: both add ``power`` times their ``log_ratio`` to the log parameter."""


def _values(covariate: str, data: PkDataset) -> Floats:
    values = data.covariates.get(covariate)
    if values is None:
        held = ", ".join(data.covariates) or "none"
        raise ValueError(f"no covariate {covariate!r}; the data hold {held}")
    return values


@dataclass(frozen=True)
class Population:
    """What is assumed of a population, or what a fit found: the typical values, by parameter, and their variation.

    ``omega`` is the variance of the random effects between patients on the log scale, of the parameters named by
    ``random``; ``between_occasions`` names the parameters that also differ between the occasions of a patient, with the
    variance of each. ``residual`` is the residual error, or one for each analyte by its name.
    """

    typical: Mapping[str, float]
    random: tuple[str, ...]
    omega: Floats
    residual: ResidualErrors
    effects: tuple[Effect, ...] = ()
    between_occasions: Mapping[str, float] = field(default_factory=dict)

    def is_time_varying(self, data: PkDataset) -> bool:
        """Say whether parameters change within patients: between occasions, or with a covariate."""
        return bool(self.between_occasions) or any(data.covariates[e.covariate].ndim == 2 for e in self.effects)

    def log_parameters(self, model: StructuralModel, data: PkDataset) -> Floats:
        """Return the log parameters without random effects: (patients, parameters) where they stay the same.

        Where they differ between occasions, or with a covariate that changes: (patients, periods, parameters).

        Raises
        ------
        ValueError
            if an effect's covariate is not in the data, or cannot have that effect; or if the model, the data and the residual errors are not
            of the same analytes.
        """
        check_analytes(model, data, self.residual)
        logged = [effect.log_ratio(data) for effect in self.effects]
        shape = (len(data), data.periods, 1) if self.is_time_varying(data) else (len(data), 1)
        phi = np.tile(np.log([self.typical[name] for name in model.parameters]), shape)
        for effect, values in zip(self.effects, logged, strict=True):
            power = effect.power if effect.power is not None else 0.0
            own = values[:, None] if values.ndim < phi.ndim - 1 else values
            phi[..., model.parameters.index(effect.parameter)] += power * own
        return np.asarray(phi)

    def places(self, model: StructuralModel) -> tuple[int, ...]:
        """Return the places, among the model's parameters, that have a random effect between patients."""
        return tuple(model.parameters.index(name) for name in self.random)

    def random_effects(self, model: StructuralModel, data: PkDataset) -> RandomEffects:
        """Return how the random effects of these patients act, with their variance."""
        places, r, q = list(self.places(model)), len(self.random), len(self.between_occasions)
        count = int(data.occasion.max()) + 1 if q else 0
        variance = np.zeros((r + count * q, r + count * q))
        variance[:r, :r] = self.omega
        variance[range(r, len(variance)), range(r, len(variance))] = np.tile(
            list(self.between_occasions.values()), count
        )
        if not self.is_time_varying(data):
            return RandomEffects(places, count, None, variance)
        design = np.zeros((*data.occasion.shape, len(model.parameters), len(variance)))
        design[:, :, places, range(r)] = 1
        for i, name in enumerate(self.between_occasions):
            at = data.occasion[..., None] == np.arange(count)
            design[:, :, model.parameters.index(name), r + i :: q] = at
        return RandomEffects(places, count, design, variance)


@dataclass(frozen=True)
class RandomEffects:
    """The random effects of each patient side by side: η, then κ of the first occasion, of the second, and so on.

    ``places`` are the parameters that η moves; ``design`` (patients, periods, parameters, effects) is 1 where an effect
    moves a parameter, None where no parameter changes within patients. A patient with fewer occasions than another has
    κ that move nothing; they add nothing to the likelihood.
    """

    places: list[int]
    occasions: int
    design: Floats | None
    variance: Floats

    @property
    def size(self) -> int:
        """How many there are for each patient."""
        return len(self.variance)

    def split(self, effects: Floats) -> tuple[Floats, Floats]:
        """Return η (patients, r) and κ (patients, occasions, q)."""
        r = len(self.places)
        many = (self.size - r) // self.occasions if self.occasions else 0
        return effects[:, :r], effects[:, r:].reshape(len(effects), self.occasions, many)

    def individual_log_parameters(self, typical: Floats, effects: Floats) -> Floats:
        """Return the log parameters, shaped as the typical ones."""
        if self.design is not None:
            return np.asarray(typical + (self.design @ effects[:, None, :, None])[..., 0])
        phi = typical.copy()
        phi[:, self.places] += effects
        return phi

    def chain_rule(self, change: Floats) -> Floats:
        """Return derivatives by the random effects, (patients, samples, effects), from those by the log parameters."""
        if self.design is None:
            return change[:, :, self.places]
        return np.asarray(change.reshape(*change.shape[:2], -1) @ self.design.reshape(len(change), -1, self.size))


def check_start(model: StructuralModel, data: PkDataset, start: Population, *, full: bool = False) -> None:
    """Refuse a population that cannot be where a fit to these data starts, or the centre of a prior.

    Raises
    ------
    ValueError
        saying what is wrong: a name that the model does not have, a value that is not above 0, a covariate that is
        missing, one patient only, no second occasion, or a model whose parameters cannot change.
    """
    _check_typical(model, start)
    _check_variances(model, start)
    if start.between_occasions and not data.occasion.any():
        raise ValueError("no patient has a second occasion, so that nothing varies between occasions")
    predict(model, data, start.log_parameters(model, data))
    if len(data) < 2:
        raise ValueError("one patient is no population; use `individual` with the population's values")
    if full and len(start.random) >= len(data):
        raise ValueError(f"{len(data)} patients do not show the covariances of {len(start.random)} random effects")


def _check_typical(model: StructuralModel, start: Population) -> None:
    """Refuse typical values that are not of the model's parameters, or not above 0."""
    if set(start.typical) != set(model.parameters):
        raise ValueError(
            f"starting values are for {', '.join(start.typical)}; the model has {', '.join(model.parameters)}"
        )
    for name, value in start.typical.items():
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"the starting value of {name} is {value:g}; it is above 0")


def _check_variances(model: StructuralModel, start: Population) -> None:
    """Refuse variation of what the model does not have, or variances that cannot be."""
    named = (*start.random, *(e.parameter for e in start.effects), *start.between_occasions)
    unknown = [name for name in named if name not in model.parameters]
    if unknown:
        raise ValueError(f"no parameter {unknown[0]!r}; the model has {', '.join(model.parameters)}")
    if not start.random:
        raise ValueError("no random effect: name one parameter at least that differs between patients")
    if start.omega.shape != (len(start.random),) * 2 or not (np.linalg.eigvalsh(start.omega) > 0).all():
        raise ValueError(
            f"omega is {start.omega.shape}, for {len(start.random)} random effects; it is positive definite"
        )
    for name, variance in start.between_occasions.items():
        if not (variance > 0 and np.isfinite(variance)):
            raise ValueError(f"the variance between occasions of {name} is {variance:g}; it is above 0")
