"""Full Bayes for one patient or a population, by the No-U-Turn sampler of nutpie.

Hoffman MD, Gelman A. J Mach Learn Res 2014;15:1593-1623. The log density and its exact gradient are those of
:mod:`posology.pharmacology.estimation.log_posterior`; nutpie (the extra ``bayes``) samples it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posology.pharmacology.estimation.log_posterior import (
    LogDensity,
    Prior,
    correlation_factor,
    individual_density,
    population_density,
)
from posology.pharmacology.estimation.random_effects import Population, check_start
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class Posterior:
    """Draws from a posterior: ``draws`` by name, each (chains, draws); ``parameters`` (chains, draws, patients, k).

    The latter are those of the patients with the covariates of their first period, and without κ.
    ``r_hat`` and ``effective`` (bulk) by name; ``notes`` says where they, or divergences, make the draws doubtful.
    """

    draws: Mapping[str, Floats]
    parameters: Floats
    r_hat: Mapping[str, float]
    effective: Mapping[str, float]
    divergences: int
    notes: tuple[str, ...]

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float, float]:
        """Return the median and the central interval of a quantity."""
        low, mid, high = np.quantile(self.draws[name], [(1 - level) / 2, 0.5, (1 + level) / 2])
        return float(mid), float(low), float(high)


def sample_individual(
    model: StructuralModel,
    data: PkDataset,
    population: Population,
    *,
    seed: int,
    draws: int = 1000,
    tune: int = 500,
    chains: int = 4,
    progress: bool = False,
) -> Posterior:
    """Sample one patient's parameters, given a population.

    Raises
    ------
    ValueError
        if there is more than one patient.
    ImportError
        saying what to install, where nutpie is missing.
    """
    if len(data) != 1:
        raise ValueError(f"{len(data)} patients; one is sampled at a time, or all by `sample_population`")
    places, random = list(population.places(model)), population.random_effects(model, data)
    raw, divergences = _sample(
        individual_density(model, data, population), random.size, seed, draws, tune, chains, progress
    )
    effects = raw @ np.linalg.cholesky(random.variance).T
    typical = population.log_parameters(model, data).reshape(-1, len(model.parameters))[0]
    phi = np.broadcast_to(typical, (*raw.shape[:2], len(typical))).copy()
    phi[..., places] += effects[..., : len(places)]
    held = {name: np.exp(phi[..., i]) for i, name in enumerate(model.parameters) if i in places}
    _, kappa = random.split(effects.reshape(-1, random.size))
    for i, name in enumerate(population.between_occasions):
        for o, label in enumerate(data.occasions[0]):
            moved = phi[..., model.parameters.index(name)] + kappa[:, o, i].reshape(raw.shape[:2])
            held[f"{name} on occasion {label}"] = np.exp(moved)
    return _posterior(held, np.exp(phi)[:, :, None, :], divergences)


def sample_population(
    model: StructuralModel,
    data: PkDataset,
    prior: Prior,
    *,
    seed: int,
    draws: int = 1000,
    tune: int = 1000,
    chains: int = 4,
    progress: bool = False,
) -> Posterior:
    """Sample a population: typical values, powers, ω, correlations, residual error and every patient's parameters.

    Raises
    ------
    ValueError
        as :func:`posology.pharmacology.estimation.random_effects.check_start`.
    ImportError
        saying what to install, where nutpie is missing.
    """
    check_start(model, data, prior.population(), full=prior.correlated)
    start = prior.start(model, data)
    raw, divergences = _sample(
        population_density(model, data, prior), len(start), seed, draws, tune, chains, progress, start
    )
    theta, power, log_omega, y, log_pi, log_sd, z = prior.split(raw)
    held = {name: np.exp(theta[..., i]) for i, name in enumerate(model.parameters)}
    held |= {e.name: power[..., i] for i, e in enumerate(prior.powers)}
    held |= {f"omega {name}": np.exp(log_omega[..., i]) for i, name in enumerate(prior.random)}
    r, factor = len(prior.random), np.eye(len(prior.random))
    if prior.correlated:
        factor = correlation_factor(y, r)
        correlation = factor @ factor.swapaxes(-1, -2)
        held |= {
            f"correlation {prior.random[j]}, {prior.random[i]}": correlation[..., i, j]
            for i in range(r)
            for j in range(i)
        }
    held |= {
        f"omega between occasions {name}": np.exp(log_pi[..., i]) for i, name in enumerate(prior.between_occasions)
    }
    held |= {name: np.exp(log_sd[..., i]) for i, name in enumerate(prior.errors)}
    population = prior.population()
    fixed = population.log_parameters(model, data) - np.log([prior.typical[name] for name in model.parameters])
    first = fixed if fixed.ndim == 2 else fixed[:, 0]
    phi = theta[:, :, None] + first
    for i, e in enumerate(prior.powers):
        values = e.log_ratio(data)
        phi[..., model.parameters.index(e.parameter)] += power[..., i, None] * (
            values if values.ndim == 1 else values[:, 0]
        )
    unit = z.reshape(*raw.shape[:2], len(data), -1)[..., :r] @ np.swapaxes(factor, -1, -2)
    phi[..., list(population.places(model))] += np.exp(log_omega)[:, :, None] * unit
    return _posterior(held, np.exp(phi), divergences)


def _sample(
    density: LogDensity,
    size: int,
    seed: int,
    draws: int,
    tune: int,
    chains: int,
    progress: bool,
    start: Floats | None = None,
) -> tuple[Floats, int]:
    """Return draws (chains, draws, size), and how many transitions diverged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a library that nutpie brings
        try:
            import nutpie
        except ImportError:
            raise ImportError("full Bayes needs nutpie: pip install 'posology[bayes]'") from None
    begin = np.zeros(size) if start is None else start

    def log_density() -> Callable[[Floats], tuple[float, Floats]]:
        return lambda x, **_: _finite(density, x)

    def expand(*_: Any) -> Callable[[Floats], dict[str, Floats]]:
        return lambda x, **_: {"x": np.array(x)}

    compiled = nutpie.compiled_pyfunc.from_pyfunc(
        size,
        log_density,
        expand,
        [np.dtype("float64")],
        [(size,)],
        ["x"],
        make_initial_point_fn=lambda s: begin + 0.1 * np.random.default_rng(s).standard_normal(size),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = nutpie.sample(
            compiled, draws=draws, tune=tune, chains=chains, cores=min(chains, 2), seed=seed, progress_bar=progress
        )
    return np.asarray(trace.posterior["x"]), int(trace.sample_stats["diverging"].sum())


def _finite(density: LogDensity, x: Floats) -> tuple[float, Floats]:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            value, gradient = density(x)
        except ValueError:
            value, gradient = -np.inf, np.zeros(len(x))
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise _NotFinite("the log density is not finite here")
    return value, gradient


class _NotFinite(ValueError):
    """A step to where there is no density: nutpie takes it as a divergence, as the attribute says, and goes on."""

    is_recoverable = True


def _posterior(held: Mapping[str, Floats], parameters: Floats, divergences: int) -> Posterior:
    r_hat = {name: _r_hat(values) for name, values in held.items()}
    effective = {name: _effective(values) for name, values in held.items()}
    notes = [f"R-hat of {n} is {v:.3f}, above 1.01: sample longer" for n, v in r_hat.items() if v > 1.01]
    notes += [
        f"{n} has {v:.0f} effective draws, fewer than 400: sample longer" for n, v in effective.items() if v < 400
    ]
    if divergences:
        notes.append(f"{divergences} transitions diverged: the posterior may be explored incompletely")
    return Posterior(held, parameters, r_hat, effective, divergences, tuple(notes))


def _ranked(values: Floats) -> Floats:
    from scipy.stats import norm, rankdata

    half = values.shape[1] // 2
    split = np.concatenate([values[:, :half], values[:, -half:]])
    return np.asarray(norm.ppf((rankdata(split).reshape(split.shape) - 0.375) / (split.size + 0.25)))


def _r_hat(values: Floats) -> float:
    """Rank-normalised split R-hat (Vehtari A, et al. Bayesian Anal 2021;16:667-718, section 4)."""
    found = []
    for each in (values, np.abs(values - np.median(values))):
        z = _ranked(each)
        within = z.var(axis=1, ddof=1).mean()
        between = z.mean(axis=1).var(ddof=1)
        found.append(np.sqrt((z.shape[1] - 1) / z.shape[1] + between / within))
    return float(max(found))


def _effective(values: Floats) -> float:
    """Bulk effective sample size by Geyer's initial monotone sequence (Vehtari, section 3.2)."""
    z = _ranked(values)
    n = z.shape[1]
    centred = z - z.mean(axis=1, keepdims=True)
    power = np.abs(np.fft.rfft(centred, 2 * n, axis=1)) ** 2
    covariance = np.fft.irfft(power, axis=1)[:, :n].mean(axis=0) / n
    within = covariance[0] * n / (n - 1)
    total = covariance[0] + z.mean(axis=1).var(ddof=1)
    rho = 1 - (within - covariance * n / (n - 1)) / total
    rho[0] = 1.0
    pairs = rho[: n // 2 * 2].reshape(-1, 2).sum(axis=1)
    stop = int(np.argmax(pairs < 0)) if (pairs < 0).any() else len(pairs)
    tau = max(-1 + 2 * float(np.minimum.accumulate(pairs[:stop]).sum()), 1 / np.log10(z.size))
    return float(z.size / tau)
