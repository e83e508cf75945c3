"""Full Bayes for one patient or a population, by the No-U-Turn sampler of nutpie.

Hoffman MD, Gelman A. J Mach Learn Res 2014;15:1593-1623. The log density and its exact gradient are written here;
nutpie (the extra ``bayes``) samples it. Random effects are independent and not centred: η = ω z, z standard normal.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from posology.pharmacology.areas import Floats
from posology.pharmacology.likelihood import Predicts, Residual, terms
from posology.pharmacology.measurements import Measurements
from posology.pharmacology.variability import Population

Density = Callable[[Floats], tuple[float, Floats]]
PROPORTIONAL = Residual(0.0, 0.5)


@dataclass(frozen=True)
class Prior:
    """What is believed of a population before its data.

    The log of each typical value is normal around ``typical`` with standard deviation ``spread``; each ω is half normal
    with scale ``omega``, each residual standard deviation half normal with the scale in ``residual`` (0: not in the
    model). The defaults are weak: a typical value within a factor of 7 of the guess (95 %), ω mostly below 1.
    """

    typical: Mapping[str, float]
    random: tuple[str, ...]
    spread: float = 1.0
    omega: float = 0.5
    residual: Residual = PROPORTIONAL


@dataclass(frozen=True)
class Posterior:
    """Draws from a posterior: ``draws`` by name, each (chains, draws); ``parameters`` (chains, draws, patients, k).

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


def individual_density(model: Predicts, data: Measurements, population: Population) -> Density:
    """Return the log density (up to a constant) and gradient of one patient's standardised random effects, (r,)."""
    factor = np.linalg.cholesky(population.omega)
    typical, places = population.log_parameters(model, data), list(population.places(model))

    def density(z: Floats) -> tuple[float, Floats]:
        phi = typical.copy()
        phi[0, places] += factor @ z
        predicted, change = model.sensitivities(data, phi)
        found = terms(data, predicted, population.residual)
        by_eta = -0.5 * (found.by_prediction[:, :, None] * change).sum(axis=1)[0, places]
        return float(-0.5 * found.value.sum() - 0.5 * z @ z), by_eta @ factor - z

    return density


def population_density(model: Predicts, data: Measurements, prior: Prior) -> Density:
    """Return the log density (up to a constant) and gradient of a population.

    The argument holds the log typical values (k), the log ω (r), the log residual standard deviations in the model, and
    the standardised random effects (patients × r).
    """
    centre = np.log([prior.typical[name] for name in model.parameters])
    places = [model.parameters.index(name) for name in prior.random]
    k, r, p = len(centre), len(places), len(data)
    names = [n for n in ("additive", "proportional") if getattr(prior.residual, n) > 0]
    scale = np.array([getattr(prior.residual, n) for n in names])

    def density(x: Floats) -> tuple[float, Floats]:
        theta, log_omega, log_sd, z = np.split(x, [k, k + r, k + r + len(names)])
        z = z.reshape(p, r)
        omega, sd = np.exp(log_omega), np.exp(log_sd)
        phi = np.tile(theta, (p, 1))
        phi[:, places] += omega * z
        predicted, change = model.sensitivities(data, phi)
        residual = Residual(**{"additive": 0.0, "proportional": 0.0, **dict(zip(names, map(float, sd), strict=True))})
        found = terms(data, predicted, residual)
        by_phi = -0.5 * (found.by_prediction[:, :, None] * change).sum(axis=1)
        by_eta = by_phi[:, places]
        by_sd = [-0.5 * getattr(found, f"by_{name}").sum() for name in names]
        value = (
            -0.5 * found.value.sum() - 0.5 * (z**2).sum() - 0.5 * (((theta - centre) / prior.spread) ** 2).sum()
            - 0.5 * ((omega / prior.omega) ** 2).sum() + log_omega.sum() - 0.5 * ((sd / scale) ** 2).sum() + log_sd.sum()
        )  # fmt: skip
        gradient = np.concatenate([
            by_phi.sum(axis=0) - (theta - centre) / prior.spread**2,
            (by_eta * omega * z).sum(axis=0) - (omega / prior.omega) ** 2 + 1,
            by_sd - (sd / scale) ** 2 + 1,
            (by_eta * omega - z).ravel(),
        ])  # fmt: skip
        return float(value), gradient

    return density


def sample_individual(
    model: Predicts, data: Measurements, population: Population, *, seed: int, draws: int = 1000, tune: int = 500,
    chains: int = 4, progress: bool = False,
) -> Posterior:  # fmt: skip
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
    places = list(population.places(model))
    raw, divergences = _sample(
        individual_density(model, data, population), len(places), seed, draws, tune, chains, progress
    )
    phi = np.broadcast_to(population.log_parameters(model, data)[0], (*raw.shape[:2], len(model.parameters))).copy()
    phi[..., places] += raw @ np.linalg.cholesky(population.omega).T
    held = {name: np.exp(phi[..., i]) for i, name in enumerate(model.parameters) if i in places}
    return _posterior(held, np.exp(phi)[:, :, None, :], divergences)


def sample_population(
    model: Predicts, data: Measurements, prior: Prior, *, seed: int, draws: int = 1000, tune: int = 1000,
    chains: int = 4, progress: bool = False,
) -> Posterior:  # fmt: skip
    """Sample a population: typical values, ω, residual error and every patient's parameters.

    Raises
    ------
    ImportError
        saying what to install, where nutpie is missing.
    """
    places = [model.parameters.index(name) for name in prior.random]
    names = [n for n in ("additive", "proportional") if getattr(prior.residual, n) > 0]
    k, r, p, e = len(model.parameters), len(places), len(data), len(names)
    start = np.concatenate([
        np.log([prior.typical[n] for n in model.parameters]), np.full(r, np.log(prior.omega / 2)),
        np.log([getattr(prior.residual, n) / 2 for n in names]), np.zeros(p * r),
    ])  # fmt: skip
    raw, divergences = _sample(
        population_density(model, data, prior), len(start), seed, draws, tune, chains, progress, start
    )
    held = {name: np.exp(raw[..., i]) for i, name in enumerate(model.parameters)}
    held |= {f"omega {name}": np.exp(raw[..., k + i]) for i, name in enumerate(prior.random)}
    held |= {f"{name} error": np.exp(raw[..., k + r + i]) for i, name in enumerate(names)}
    phi = np.repeat(raw[:, :, None, :k], p, axis=2)
    phi[..., places] += np.exp(raw[:, :, None, k : k + r]) * raw[..., k + r + e :].reshape(*raw.shape[:2], p, r)
    return _posterior(held, np.exp(phi), divergences)


def _sample(
    density: Density,
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
        size, log_density, expand, [np.dtype("float64")], [(size,)], ["x"],
        make_initial_point_fn=lambda s: begin + 0.1 * np.random.default_rng(s).standard_normal(size),
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace = nutpie.sample(
            compiled, draws=draws, tune=tune, chains=chains, cores=min(chains, 2), seed=seed, progress_bar=progress
        )
    return np.asarray(trace.posterior["x"]), int(trace.sample_stats["diverging"].sum())


def _finite(density: Density, x: Floats) -> tuple[float, Floats]:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        try:
            value, gradient = density(x)
        except ValueError:
            value, gradient = -np.inf, np.zeros(len(x))
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        raise ValueError("the log density is not finite here")  # nutpie takes it as a divergence
    return value, gradient


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
