"""Population fit by maximum likelihood: first-order conditional estimation with interaction (FOCE-I).

Lindstrom MJ, Bates DM. Biometrics 1990;46:673-687; Wang Y. J Pharmacokinet Pharmacodyn 2007;34:575-593, equation 19
(the likelihood by Laplace's method with the expected Hessian). The objective function is NONMEM's: −2 log likelihood
without n ln 2π.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posology.pharmacology.areas import Floats
from posology.pharmacology.doubts import doubts, unsaturated
from posology.pharmacology.likelihood import Conditional, Predicts, Residual, conditional
from posology.pharmacology.measurements import Measurements

Scale = Literal["log", "plain", "atanh"]
NONE = 1e-3  # a standard deviation of random effects below which there is none
STEP = 1e-4  # of the central differences of the objective function by the parameters


@dataclass(frozen=True)
class Effect:
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


@dataclass(frozen=True)
class Population:
    """What is assumed of a population, or what a fit found: the typical values, by parameter, and their variation.

    ``omega`` is the variance of the random effects on the log scale, of the parameters named by ``random``.
    """

    typical: Mapping[str, float]
    random: tuple[str, ...]
    omega: Floats
    residual: Residual
    effects: tuple[Effect, ...] = ()

    def log_parameters(self, model: Predicts, data: Measurements) -> Floats:
        """Return the log parameters of each patient without random effects, (patients, parameters)."""
        phi = np.tile(np.log([self.typical[name] for name in model.parameters]), (len(data), 1))
        for effect in self.effects:
            power = effect.power if effect.power is not None else 0.0
            phi[:, model.parameters.index(effect.parameter)] += power * _logged(effect, data)
        return np.asarray(phi)

    def places(self, model: Predicts) -> tuple[int, ...]:
        """Return the places, among the model's parameters, that have a random effect."""
        return tuple(model.parameters.index(name) for name in self.random)


@dataclass(frozen=True)
class Estimate:
    """One estimate: its value, standard error, relative standard error [%] and 95 % interval.

    The interval is symmetric on the log scale for typical values and standard deviations, on Fisher's z for correlations.
    """

    name: str
    value: float
    standard_error: float
    relative: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Fit:
    """A population fit.

    ``eta`` are the individual random effects (patients, r) and ``parameters`` the individual parameters (patients, k).
    ``shrinkage`` is 100 × (1 − SD(η) / ω) %, ``residual_shrinkage`` 100 × (1 − SD(individual weighted residuals)) %.
    ``condition`` is the ratio of the largest to the smallest eigenvalue of the correlation of the estimates. ``scores``
    is the gradient of the objective function at the end, by the parameters on their working scale.
    """

    population: Population
    objective: float
    log_likelihood: float
    aic: float
    bic: float
    estimates: tuple[Estimate, ...]
    covariance: Floats
    condition: float
    eta: Floats
    parameters: Floats
    shrinkage: Floats
    residual_shrinkage: float
    conditional: Conditional
    scores: Floats
    evaluations: int
    notes: tuple[str, ...]


def _logged(effect: Effect, data: Measurements) -> Floats:
    values = data.covariates.get(effect.covariate)
    if values is None:
        held = ", ".join(data.covariates) or "none"
        raise ValueError(f"no covariate {effect.covariate!r}; the data hold {held}")
    if not (values > 0).all():
        row = int(np.argmin(values > 0))
        raise ValueError(f"patient {data.names[row]}: {effect.covariate} is {values[row]:g}; it is above 0")
    return np.asarray(np.log(values / effect.reference))


@dataclass(frozen=True)
class _Layout:
    """How the vector that is searched maps to a population: log typical values, powers, Cholesky factor of Ω, log SDs."""

    model: Predicts
    start: Population
    full: bool

    @property
    def powers(self) -> list[Effect]:
        return [e for e in self.start.effects if e.power is None]

    @property
    def lower(self) -> tuple[Floats, Floats]:
        r = len(self.start.random)
        return np.tril_indices(r) if self.full else (np.arange(r), np.arange(r))  # type: ignore[return-value]

    @property
    def errors(self) -> list[str]:
        return [name for name in ("additive", "proportional") if getattr(self.start.residual, name) > 0]

    def vector(self) -> Floats:
        factor = np.linalg.cholesky(self.start.omega)
        packed = np.where(np.eye(len(factor), dtype=bool), np.log(np.maximum(np.diag(factor), 1e-300)), factor)
        return np.concatenate([
            np.log([self.start.typical[name] for name in self.model.parameters]), np.zeros(len(self.powers)),
            packed[self.lower], np.log([getattr(self.start.residual, name) for name in self.errors]),
        ])  # fmt: skip

    def population(self, x: Floats) -> Population:
        k, q, w = len(self.model.parameters), len(self.powers), len(self.lower[0])
        r = len(self.start.random)
        factor = np.zeros((r, r))
        factor[self.lower] = x[k + q : k + q + w]
        factor[np.arange(r), np.arange(r)] = np.exp(np.diag(factor))
        values = dict(zip(self.errors, np.exp(x[k + q + w :]), strict=True))
        powers = iter(x[k : k + q])
        return Population(
            dict(zip(self.model.parameters, (float(v) for v in np.exp(x[:k])), strict=True)), self.start.random,
            factor @ factor.T, Residual(float(values.get("additive", 0)), float(values.get("proportional", 0))),
            tuple(Effect(e.parameter, e.covariate, e.reference, float(next(powers)) if e.power is None else e.power)
                  for e in self.start.effects),
        )  # fmt: skip

    def reported(self, x: Floats) -> tuple[list[str], Floats, list[Scale]]:
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
        for name in self.errors:
            names.append(f"{name} error")
            values.append(getattr(found.residual, name))
            scales.append("log")
        return names, np.array(values), scales


def objective(
    model: Predicts, data: Measurements, population: Population, start: Floats | None = None
) -> tuple[Floats, Conditional]:
    """Return each patient's part of the objective function, (patients,), and the individual optima it rests on."""
    found = conditional(
        model, data, population.log_parameters(model, data), population.omega, population.residual,
        population.places(model), start,
    )  # fmt: skip
    return found.joint + np.linalg.slogdet(population.omega)[1] + found.log_determinant, found


def fit(
    model: Predicts,
    data: Measurements,
    start: Population,
    *,
    full: bool = False,
    errors: Literal["hessian", "sandwich"] = "hessian",
    progress: Callable[[int, float], None] | None = None,
    most: int = 200,
) -> Fit:
    """Fit a population.

    Parameters
    ----------
    start
        where the search begins; an error of 0, or a parameter not named in ``random``, stays so. An effect with no
        power is estimated.
    full
        estimate every covariance of the random effects, not their variances only.
    errors
        standard errors from the Hessian (NONMEM's ``MATRIX=R``), or the sandwich R⁻¹ S R⁻¹.
    progress
        called with the number of the iteration and the objective function.

    Raises
    ------
    ValueError
        if there are fewer samples than parameters, a starting value cannot be, or the search does not settle.
    """
    from scipy.optimize import minimize

    _check(model, data, start, full)
    layout = _Layout(model, start, full)
    x0 = layout.vector()
    if data.samples <= len(x0):
        raise ValueError(f"{data.samples} concentrations for {len(x0)} parameters; a fit needs more of them")
    warm: dict[str, Floats] = {}
    count = 0

    def each(x: Floats, keep: bool = False) -> Floats:
        nonlocal count
        count += 1
        parts, found = objective(model, data, layout.population(x), warm.get("eta"))
        if keep:
            warm["eta"] = found.eta
        return parts

    def scores(x: Floats) -> Floats:
        """Return each patient's gradient, (patients, parameters), by central differences."""
        columns = []
        for i in range(len(x)):
            move = np.zeros(len(x))
            move[i] = STEP
            columns.append((each(x + move) - each(x - move)) / (2 * STEP))
        return np.stack(columns, axis=1)

    def value(x: Floats) -> float:
        try:
            return float(each(x, keep=True).sum())
        except (ValueError, np.linalg.LinAlgError):
            warm.clear()
            return 1e10

    def slope(x: Floats) -> Floats:
        try:
            return np.asarray(scores(x).sum(axis=0))
        except (ValueError, np.linalg.LinAlgError):
            return np.zeros(len(x))  # where the value is 1e10: the line search comes back

    tally = 0

    def told(intermediate_result: object) -> None:
        nonlocal tally
        tally += 1
        if progress is not None:
            progress(tally, float(intermediate_result.fun))  # type: ignore[attr-defined]

    found = minimize(
        value,
        x0,
        jac=slope,
        method="BFGS",
        callback=told,
        options={"maxiter": most, "gtol": 1e-3},
    )
    x = found.x
    gradients = scores(x)
    notes = []
    if float(np.abs(gradients.sum(axis=0)).max()) > 0.05:
        notes.append(
            f"the search stopped with a gradient of {np.abs(gradients.sum(axis=0)).max():.3g}: {found.message}"
        )
    hessian = np.stack([
        (scores(x + STEP * 10 * unit).sum(axis=0) - scores(x - STEP * 10 * unit).sum(axis=0)) / (20 * STEP)
        for unit in np.eye(len(x))
    ])  # fmt: skip
    return _result(layout, data, x, gradients, (hessian + hessian.T) / 2, errors, count, notes, warm.get("eta"))


def _result(
    layout: _Layout, data: Measurements, x: Floats, gradients: Floats, hessian: Floats, errors: str, count: int,
    notes: list[str], eta: Floats | None,
) -> Fit:  # fmt: skip
    model, population = layout.model, layout.population(x)
    parts, found = objective(model, data, population, eta)
    names, values, scales = layout.reported(x)
    covariance = np.full((len(names), len(names)), np.nan)
    condition = np.nan
    eigen = np.linalg.eigvalsh(hessian)
    if eigen[0] > 0:
        inner = 2 * np.linalg.inv(hessian)
        if errors == "sandwich":
            bread = inner
            inner = bread @ (gradients.T @ gradients / 4) @ bread
        change = np.stack([
            (layout.reported(x + 1e-6 * u)[1] - layout.reported(x - 1e-6 * u)[1]) / 2e-6 for u in np.eye(len(x))
        ], axis=1)  # fmt: skip
        covariance = change @ inner @ change.T
        sd = np.sqrt(np.diag(covariance))
        spread = np.linalg.eigvalsh(covariance / np.outer(sd, sd))
        condition = float(spread[-1] / spread[0])
    else:
        notes.append("no standard errors: the objective function is not curved in every direction at the estimates")
    for name, deviation in zip(population.random, np.sqrt(np.diag(population.omega)), strict=True):
        if deviation < NONE:
            notes.append(f"omega {name} runs to 0: the patients do not differ in it; leave it out")
    estimates = []
    for name, v, se, scale in zip(names, values, np.sqrt(np.diag(covariance)), scales, strict=True):
        low, high = _interval(float(v), float(se), scale)
        estimates.append(Estimate(name, float(v), float(se), float(100 * se / abs(v)) if v else np.nan, low, high))
    notes += doubts(estimates, covariance, condition)
    notes += (
        unsaturated(population.typical, found.predicted[data.observed & ~data.below])
        if "Km" in population.typical
        else []
    )
    phi = population.log_parameters(model, data)
    phi[:, list(population.places(model))] += found.eta
    quantified = data.observed & ~data.below
    expected = found.predicted[quantified]
    weighted = (data.value[quantified] - expected) / np.sqrt(population.residual.variance(expected))
    total = float(parts.sum())
    constant = float(quantified.sum()) * np.log(2 * np.pi)
    log_likelihood = -(total + constant) / 2
    shrinkage = 100 * (1 - found.eta.std(axis=0, ddof=1) / np.sqrt(np.diag(population.omega))) if len(data) > 1 else (
        np.full(len(population.random), np.nan))  # fmt: skip
    return Fit(
        population, total, log_likelihood, 2 * len(x) - 2 * log_likelihood,
        len(x) * float(np.log(data.samples)) - 2 * log_likelihood, tuple(estimates), covariance, condition, found.eta,
        np.exp(phi), shrinkage, float(100 * (1 - weighted.std(ddof=1))), found, gradients.sum(axis=0), count, tuple(notes),
    )  # fmt: skip


def _interval(value: float, error: float, scale: Scale) -> tuple[float, float]:
    """Return the 95 % interval, symmetric on its scale."""
    half = 1.959963984540054 * error
    if scale == "log":
        with np.errstate(over="ignore"):  # without bound
            return value * float(np.exp(-half / value)), value * float(np.exp(half / value))
    if scale == "atanh":
        z, width = float(np.arctanh(value)), half / (1 - value**2)
        return float(np.tanh(z - width)), float(np.tanh(z + width))
    return value - half, value + half


def _check(model: Predicts, data: Measurements, start: Population, full: bool) -> None:
    if set(start.typical) != set(model.parameters):
        raise ValueError(
            f"starting values are for {', '.join(start.typical)}; the model has {', '.join(model.parameters)}"
        )
    for name, value in start.typical.items():
        if not (value > 0 and np.isfinite(value)):
            raise ValueError(f"the starting value of {name} is {value:g}; it is above 0")
    unknown = [n for n in (*start.random, *(e.parameter for e in start.effects)) if n not in model.parameters]
    if unknown:
        raise ValueError(f"no parameter {unknown[0]!r}; the model has {', '.join(model.parameters)}")
    if not start.random:
        raise ValueError("no random effect: name one parameter at least that differs between patients")
    if start.omega.shape != (len(start.random),) * 2 or not (np.linalg.eigvalsh(start.omega) > 0).all():
        raise ValueError(
            f"omega is {start.omega.shape}, for {len(start.random)} random effects; it is positive definite"
        )
    if start.residual.additive < 0 or start.residual.proportional < 0 or not (
        start.residual.additive or start.residual.proportional
    ):  # fmt: skip
        raise ValueError("a residual error is 0 or above, and one of the two above 0")
    if len(data) < 2:
        raise ValueError("one patient is no population; use `individual` with the population's values")
    if full and len(start.random) >= len(data):
        raise ValueError(f"{len(data)} patients do not show the covariances of {len(start.random)} random effects")


@dataclass(frozen=True)
class Individual:
    """The most likely parameters of each patient, given a population: arrays (patients, k).

    ``covariance`` is that of the random effects, (patients, r, r), from the Hessian; ``standard_error`` that of the log
    parameters. ``predict`` gives concentrations at other times.
    """

    parameters: Floats
    eta: Floats
    covariance: Floats
    standard_error: Floats
    predicted: Floats
    population_predicted: Floats


def individual(model: Predicts, data: Measurements, population: Population) -> Individual:
    """Return the maximum a posteriori (empirical Bayes) parameters of each patient.

    Examples
    --------
    >>> from posology.pharmacology.measurements import Patient, measurements
    >>> from posology.pharmacology.structural import ONE_COMPARTMENT
    >>> one = measurements([Patient("1", [(0.0, 100.0, 0.0, 0.0)], [(1.0, 9.0, False), (8.0, 4.6, False)])])
    >>> prior = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), Residual(0.0, 0.1))
    >>> [round(float(x), 2) for x in individual(ONE_COMPARTMENT, one, prior).parameters[0]]
    [1.01, 10.08]
    """
    typical = population.log_parameters(model, data)
    places = list(population.places(model))
    found = conditional(model, data, typical, population.omega, population.residual, tuple(places))
    covariance = np.asarray(np.linalg.inv(found.hessian), np.float64)
    phi = typical.copy()
    phi[:, places] += found.eta
    error = np.zeros(phi.shape)
    error[:, places] = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    return Individual(np.exp(phi), found.eta, covariance, error, found.predicted, model.predict(data, typical))


def simulate(
    model: Predicts, data: Measurements, population: Population, rng: np.random.Generator, *, repeats: int = 1,
    residual: bool = True,
) -> Floats:  # fmt: skip
    """Return concentrations drawn for the same patients, doses and times: (repeats, patients, samples).

    With ``residual`` they carry the residual error; those below 0 stay so, to be called below quantification.
    """
    factor = np.linalg.cholesky(population.omega)
    typical = population.log_parameters(model, data)
    places = list(population.places(model))
    drawn = np.empty((repeats, *data.time.shape))
    for i in range(repeats):
        phi = typical.copy()
        phi[:, places] += rng.standard_normal((len(data), len(places))) @ factor.T
        value = model.predict(data, phi)
        if residual:
            value = value + rng.standard_normal(value.shape) * np.sqrt(population.residual.variance(value))
        drawn[i] = value
    return drawn


def starting(
    model: Predicts, typical: Sequence[float], *, cv: float = 0.3, residual: Residual | None = None
) -> Population:
    """Return a population to start from: every parameter random with the same coefficient of variation, independent.

    >>> from posology.pharmacology.structural import TWO_COMPARTMENTS
    >>> starting(TWO_COMPARTMENTS, [0.4, 3.0, 0.6, 2.0]).random
    ('CL', 'V1', 'Q', 'V2')
    """
    k = len(model.parameters)
    values = dict(zip(model.parameters, map(float, typical), strict=True))
    return Population(values, tuple(model.parameters), np.eye(k) * np.log1p(cv**2), residual or Residual(0.1, 0.2))
