"""How the vector that a fit searches maps to a population, and to what is reported of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.estimation.estimate import Scale
from posology.pharmacology.estimation.random_effects import Effect, Population
from posology.pharmacology.estimation.residual_error import standard_deviations, with_standard_deviations
from posology.pharmacology.pk_models.base import StructuralModel
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class Parameterisation:
    """How the vector that is searched maps to a population.

    It holds log typical values, powers, the Cholesky factor of Ω with its diagonal as logs, and the logs of the
    standard deviations: between occasions, and of the residual error.
    """

    model: StructuralModel
    start: Population
    full: bool

    @property
    def powers(self) -> list[Effect]:
        """The effects whose power is estimated."""
        return [e for e in self.start.effects if e.power is None]

    @property
    def estimated_cholesky(self) -> tuple[Floats, Floats]:
        """The places of the factor of Ω that are estimated."""
        r = len(self.start.random)
        return np.tril_indices(r) if self.full else (np.arange(r), np.arange(r))  # type: ignore[return-value]

    def vector(self) -> Floats:
        """Return the vector of the population that the search begins with."""
        factor = np.linalg.cholesky(self.start.omega)
        packed = np.where(np.eye(len(factor), dtype=bool), np.log(np.maximum(np.diag(factor), 1e-300)), factor)
        return np.concatenate(
            [
                np.log([self.start.typical[name] for name in self.model.parameters]),
                np.zeros(len(self.powers)),
                packed[self.estimated_cholesky],
                np.log(list(self.start.between_occasions.values())) / 2,
                np.log(list(standard_deviations(self.start.residual).values())),
            ]
        )

    def population(self, x: Floats) -> Population:
        """Return the population of a vector."""
        sizes = [
            len(self.model.parameters),
            len(self.powers),
            len(self.estimated_cholesky[0]),
            len(self.start.between_occasions),
        ]
        typical, power, packed, occasional, errors = np.split(x, np.cumsum(sizes))
        r = len(self.start.random)
        factor = np.zeros((r, r))
        factor[self.estimated_cholesky] = packed
        factor[np.arange(r), np.arange(r)] = np.exp(np.diag(factor))
        powers = iter(power)
        return Population(
            dict(zip(self.model.parameters, (float(v) for v in np.exp(typical)), strict=True)),
            self.start.random,
            factor @ factor.T,
            with_standard_deviations(self.start.residual, np.exp(errors)),
            tuple(replace(e, power=float(next(powers))) if e.power is None else e for e in self.start.effects),
            dict(zip(self.start.between_occasions, (float(v) for v in np.exp(2 * occasional)), strict=True)),
        )

    def of_reported(self, values: Floats) -> Population:
        """Return the population whose reported estimates these are, in the order of :meth:`reported_estimates`.

        Raises
        ------
        ValueError
            if the correlations belong to no population.
        """
        k, p, r = len(self.model.parameters), len(self.powers), len(self.start.random)
        pairs = np.argwhere(np.tril(np.ones((r, r)), -1)) if self.full else np.empty((0, 2), int)
        sizes = np.cumsum([k, p, r, len(pairs), len(self.start.between_occasions)])
        typical, power, deviation, correlations, occasional, errors = np.split(np.asarray(values, float), sizes)
        correlation = np.eye(r)
        for (i, j), value in zip(pairs, correlations, strict=True):
            correlation[i, j] = correlation[j, i] = value
        if r and np.linalg.eigvalsh(correlation)[0] <= 0:
            raise ValueError("the correlations belong to no population")
        powers = iter(power)
        return Population(
            dict(zip(self.model.parameters, map(float, typical), strict=True)),
            self.start.random,
            correlation * np.outer(deviation, deviation),
            with_standard_deviations(self.start.residual, errors),
            tuple(replace(e, power=float(next(powers))) if e.power is None else e for e in self.start.effects),
            dict(zip(self.start.between_occasions, (float(v) ** 2 for v in occasional), strict=True)),
        )

    def reported_estimates(self, x: Floats) -> tuple[list[str], Floats, list[Scale]]:
        """Return the names, values and scales of what is reported."""
        found = self.population(x)
        names = [*self.model.parameters, *(e.name for e in self.powers)]
        values = [found.typical[n] for n in self.model.parameters]
        values += [
            e.power or 0.0 for e, old in zip(found.effects, self.start.effects, strict=True) if old.power is None
        ]
        scales: list[Scale] = []
        scales += ["log" for _ in self.model.parameters]
        scales += ["plain" for _ in self.powers]
        deviation = np.sqrt(np.diag(found.omega))
        for i, name in enumerate(self.start.random):
            names.append(f"omega {name}")
            values.append(float(deviation[i]))
            scales.append("log")
        if self.full:
            for i, j in np.argwhere(np.tril(np.ones(found.omega.shape), -1)):
                names.append(f"correlation {self.start.random[j]}, {self.start.random[i]}")
                values.append(float(found.omega[i, j] / deviation[i] / deviation[j]))
                scales.append("atanh")
        for name, variance in found.between_occasions.items():
            names.append(f"omega between occasions {name}")
            values.append(variance**0.5)
            scales.append("log")
        for name, deviation_of in standard_deviations(found.residual).items():
            names.append(name)
            values.append(deviation_of)
            scales.append("log")
        return names, np.array(values), scales
