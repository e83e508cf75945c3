"""What a regimen comes to in the population that a fit found: courses, areas, peaks and troughs of new patients.

The uncertainty of the estimates is drawn from the normal distribution that the fit reports, on the scale on which its
intervals are symmetric: logs of typical values and standard deviations, Fisher's z of correlations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.estimation.estimate import Scale
from posology.pharmacology.estimation.foce import simulate
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import CovariateEffect, Population
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, pk_dataset
from posology.shared.arrays import Floats

__all__ = ["Exposure", "Regimen", "drawn_populations", "population_at", "regimen_exposure"]

POINTS = 120
"""Times at which an interval between doses is looked at: more at its beginning."""


@dataclass(frozen=True)
class Regimen:
    """Equal doses at equal intervals.

    Parameters
    ----------
    amount
        of each dose, in the dose unit of the data.
    interval
        from one dose to the next, in the data's unit of time.
    doses
        how many.
    infusion
        how long a dose is infused, in the unit of time; 0: a bolus, or absorbed by the model.

    Raises
    ------
    ValueError
        if a number is not above 0, or the infusion longer than the interval.
    """

    amount: float
    interval: float
    doses: int
    infusion: float = 0.0

    def __post_init__(self) -> None:
        if not (self.amount > 0 and self.interval > 0 and self.doses >= 1):
            raise ValueError("a regimen has a dose above 0, an interval above 0 and one dose or more")
        if not 0 <= self.infusion < self.interval:
            raise ValueError(f"an infusion of {self.infusion:g} does not fit the interval of {self.interval:g}")


@dataclass(frozen=True)
class Exposure:
    """Simulated patients under a regimen.

    Parameters
    ----------
    time
        (times,), of the intervals that were looked at.
    concentration
        (patients, times), without residual error.
    area, peak, trough
        (patients, intervals): of each interval the area, the highest and the last concentration.
    """

    time: Floats
    concentration: Floats
    area: Floats
    peak: Floats
    trough: Floats


def population_at(population: Population, covariates: Mapping[str, float]) -> Population:
    """Return the population of patients with given covariates: their effects are in the typical values.

    Parameters
    ----------
    population
        what a fit found.
    covariates
        the value of each covariate; one that is not named is at its reference, or of none of the categories.

    Raises
    ------
    ValueError
        for a covariate that the model does not have, or one in a power that is not above 0.

    Examples
    --------
    >>> from posology.pharmacology.estimation.error_models import ResidualError
    >>> effect = CovariateEffect("CL", "WT", 70.0, 0.75)
    >>> found = Population({"CL": 1.0}, ("CL",), np.eye(1), ResidualError(0.0, 0.1), (effect,))
    >>> round(population_at(found, {"WT": 35.0}).typical["CL"], 4)
    0.5946
    """
    known = {effect.covariate for effect in population.effects}
    if unknown := sorted(set(covariates) - known):
        raise ValueError(f"the model has no covariate {unknown[0]}; it has {', '.join(sorted(known)) or 'none'}")
    typical = dict(population.typical)
    for effect in population.effects:
        power, value = effect.power or 0.0, covariates.get(effect.covariate)
        if isinstance(effect, CovariateEffect):
            if value is not None and not value > 0:
                raise ValueError(f"{effect.covariate} is {value:g}: it is above 0 in a power")
            typical[effect.parameter] *= 1.0 if value is None else float((value / effect.reference) ** power)
        elif value == effect.category:
            typical[effect.parameter] *= float(np.exp(power))
    return replace(population, typical=typical, effects=())


def regimen_exposure(
    model: StructuralModel,
    population: Population,
    regimen: Regimen,
    rng: np.random.Generator,
    *,
    patients: int = 1000,
    intervals: Sequence[int] | None = None,
) -> Exposure:
    """Simulate patients under a regimen.

    Parameters
    ----------
    model
        the structural model, of one analyte.
    population
        without covariate effects: see :func:`population_at`. Where parameters differ between occasions, each interval is
        one.
    regimen
        the doses.
    rng
        the source of chance.
    patients
        how many.
    intervals
        those that are looked at, counted from 0; by default all.

    Examples
    --------
    The area of an interval at steady state is dose / clearance.

    >>> from posology.pharmacology.estimation.error_models import ResidualError
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> alike = Population({"CL": 2.0, "V": 20.0}, ("CL",), np.eye(1) * 1e-12, ResidualError(0.0, 0.1))
    >>> found = regimen_exposure(ONE_COMPARTMENT, alike, Regimen(100, 24, 8), np.random.default_rng(1), patients=2)
    >>> [round(float(x), 3) for x in (found.area[0, -1], found.peak[0, 0], found.trough[0, 0])]
    [50.0, 5.0, 0.454]
    """
    data = _dataset(regimen, patients, between=bool(population.between_occasions))
    grid = _grid(regimen)
    looked_at = np.arange(regimen.doses) if intervals is None else np.asarray(intervals)
    time = (looked_at[:, None] * regimen.interval + grid).ravel()
    value = simulate(model, data.at(time), population, rng, residual=False)[0]
    by_interval = value.reshape(patients, len(looked_at), len(grid))
    return Exposure(
        time,
        value,
        _area(by_interval, grid),
        np.asarray(by_interval.max(axis=2)),
        np.asarray(by_interval[:, :, -1]),
    )


def drawn_populations(
    parameterisation: Parameterisation,
    values: Floats,
    covariance: Floats,
    scales: list[Scale],
    rng: np.random.Generator,
    draws: int,
) -> list[Population]:
    """Return populations that the data leave possible, drawn about the estimates.

    Parameters
    ----------
    parameterisation
        of the fit.
    values, covariance, scales
        (estimates,), (estimates, estimates), (estimates,): what the fit reports, the scale on which each is symmetric.
    rng
        the source of chance.
    draws
        how many.

    Raises
    ------
    ValueError
        if the fit has no standard errors.
    """
    if not np.isfinite(covariance).all():
        raise ValueError("the fit has no standard errors: its uncertainty is not known")
    slope = np.ones(len(values))
    centre = np.array(values, float)
    for i, scale in enumerate(scales):
        if scale == "log":
            slope[i], centre[i] = 1 / values[i], np.log(values[i])
        elif scale == "atanh":
            slope[i], centre[i] = 1 / (1 - values[i] ** 2), np.arctanh(values[i])
    transformed = covariance * np.outer(slope, slope)
    level, direction = np.linalg.eigh((transformed + transformed.T) / 2)
    factor = direction * np.sqrt(np.maximum(level, 0.0))
    is_log, is_z = np.array([s == "log" for s in scales]), np.array([s == "atanh" for s in scales])
    found: list[Population] = []
    while len(found) < draws:
        x = centre + factor @ rng.standard_normal(len(centre))
        drawn = np.where(is_log, np.exp(np.where(is_log, x, 0.0)), np.where(is_z, np.tanh(np.where(is_z, x, 0.0)), x))
        try:
            found.append(parameterisation.of_reported(drawn))
        except ValueError:  # correlations of no population: drawn again
            continue
    return found


def _dataset(regimen: Regimen, patients: int, *, between: bool) -> PkDataset:
    given = [(n * regimen.interval, regimen.amount, regimen.infusion, 0.0) for n in range(regimen.doses)]
    periods = [Period((n + 1) * regimen.interval, str(n)) for n in range(regimen.doses)] if between else []
    one = SubjectData("1", given, [(regimen.interval / 2, 1.0, False)], periods=periods)
    return pk_dataset([replace(one, name=str(n + 1)) for n in range(patients)])


def _grid(regimen: Regimen) -> Floats:
    """Return the times of an interval, (points,): from the dose to just before the next, the end of an infusion among
    them."""
    share = np.linspace(0.0, 1.0, POINTS) ** 2
    times = np.union1d(regimen.interval * share, [regimen.infusion])
    times[-1] = regimen.interval * (1 - 1e-9)
    return np.asarray(times)


def _area(value: Floats, time: Floats) -> Floats:
    """Return the area of each interval: linear where concentrations rise, logarithmic where they fall."""
    before, after = value[..., :-1], value[..., 1:]
    falls = (before > after) & (after > 0)
    ratio = np.where(falls, before / np.where(falls, after, 1.0), 2.0)  # where it does not fall any number will do
    mean = np.where(falls, (before - after) / np.log(ratio), (before + after) / 2)
    return np.asarray((mean * np.diff(time)).sum(axis=-1))
