"""Population fit by maximum likelihood: first-order conditional estimation with interaction (FOCE-I).

Lindstrom MJ, Bates DM. Biometrics 1990;46:673-687; Wang Y. J Pharmacokinet Pharmacodyn 2007;34:575-593, equation 19
(the likelihood by Laplace's method with the expected Hessian). The objective function is NONMEM's: −2 log likelihood
without n ln 2π.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from posology.pharmacology.estimation.empirical_bayes import EmpiricalBayes, empirical_bayes
from posology.pharmacology.estimation.estimate import Estimate, Scale
from posology.pharmacology.estimation.identifiability import poorly_identified, saturation_not_observed
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import Population, check_start
from posology.pharmacology.estimation.residual_error import ResidualError, variance_of
from posology.pharmacology.pk_models.base import StructuralModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.time_varying import predict
from posology.shared.arrays import Floats

MIN_OMEGA = 1e-3  # a standard deviation of random effects below which there is none
GRADIENT_STEP = 1e-4  # of the central differences of the objective function by the parameters


@dataclass(frozen=True)
class Fit:
    """A population fit.

    ``eta`` are the individual random effects (patients, r) and ``parameters`` the individual parameters (patients, k),
    with the covariates of the first period and no κ. ``kappa`` (patients, occasions, q) are the random effects of each
    occasion, NaN where no sample is. ``shrinkage`` is 100 × (1 − SD(η) / ω) %, ``occasion_shrinkage`` that of κ over all
    occasions with a sample, ``residual_shrinkage`` 100 × (1 − SD(individual weighted residuals)) %.
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
    kappa: Floats
    parameters: Floats
    shrinkage: Floats
    occasion_shrinkage: Floats
    residual_shrinkage: float
    conditional: EmpiricalBayes
    scores: Floats
    evaluations: int
    notes: tuple[str, ...]


def objective_function(
    model: StructuralModel, data: PkDataset, population: Population, start: Floats | None = None
) -> tuple[Floats, EmpiricalBayes]:
    """Return each patient's part of the objective function, (patients,), and the individual optima it rests on."""
    found = empirical_bayes(model, data, population, start)
    variance = population.random_effects(model, data).variance
    return found.minus_two_log_joint + np.linalg.slogdet(variance)[1] + found.log_determinant, found


def fit(
    model: StructuralModel,
    data: PkDataset,
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
    from threadpoolctl import threadpool_limits

    check_start(model, data, start, full=full)
    layout = Parameterisation(model, start, full)
    x0 = layout.vector()
    if data.samples <= len(x0):
        raise ValueError(f"{data.samples} concentrations for {len(x0)} parameters; a fit needs more of them")
    warm: dict[str, Floats] = {}
    count = 0

    def each(x: Floats, keep: bool = False) -> Floats:
        nonlocal count
        count += 1
        parts, found = objective_function(model, data, layout.population(x), warm.get("eta"))
        if keep:
            warm["eta"] = found.eta
        return parts

    def scores(x: Floats) -> Floats:
        """Return each patient's gradient, (patients, parameters), by central differences."""
        columns = []
        for i in range(len(x)):
            move = np.zeros(len(x))
            move[i] = GRADIENT_STEP
            columns.append((each(x + move) - each(x - move)) / (2 * GRADIENT_STEP))
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

    with threadpool_limits(1):  # matrices so small are slower on many cores
        found = minimize(value, x0, jac=slope, method="BFGS", callback=told, options={"maxiter": most, "gtol": 1e-3})
        x = found.x
        gradients = scores(x)
        hessian = np.stack(
            [
                (scores(x + GRADIENT_STEP * 10 * unit).sum(axis=0) - scores(x - GRADIENT_STEP * 10 * unit).sum(axis=0))
                / (20 * GRADIENT_STEP)
                for unit in np.eye(len(x))
            ]
        )
    notes = []
    if float(np.abs(gradients.sum(axis=0)).max()) > 0.05:
        notes.append(
            f"the search stopped with a gradient of {np.abs(gradients.sum(axis=0)).max():.3g}: {found.message}"
        )
    return _result(layout, data, x, gradients, (hessian + hessian.T) / 2, errors, count, notes, warm.get("eta"))


def _result(
    layout: Parameterisation,
    data: PkDataset,
    x: Floats,
    gradients: Floats,
    hessian: Floats,
    errors: str,
    count: int,
    notes: list[str],
    eta: Floats | None,
) -> Fit:
    model, population = layout.model, layout.population(x)
    parts, found = objective_function(model, data, population, eta)
    names, values, scales = layout.reported_estimates(x)
    covariance = np.full((len(names), len(names)), np.nan)
    condition = np.nan
    eigen = np.linalg.eigvalsh(hessian)
    if eigen[0] > 0:
        inner = 2 * np.linalg.inv(hessian)
        if errors == "sandwich":
            bread = inner
            inner = bread @ (gradients.T @ gradients / 4) @ bread
        change = np.stack(
            [
                (layout.reported_estimates(x + 1e-6 * u)[1] - layout.reported_estimates(x - 1e-6 * u)[1]) / 2e-6
                for u in np.eye(len(x))
            ],
            axis=1,
        )
        covariance = change @ inner @ change.T
        sd = np.sqrt(np.diag(covariance))
        spread = np.linalg.eigvalsh(covariance / np.outer(sd, sd))
        condition = float(spread[-1] / spread[0])
    else:
        notes.append("no standard errors: the objective function is not curved in every direction at the estimates")
    for name, deviation in zip(population.random, np.sqrt(np.diag(population.omega)), strict=True):
        if deviation < MIN_OMEGA:
            notes.append(f"omega {name} runs to 0: the patients do not differ in it; leave it out")
    for name, variance in population.between_occasions.items():
        if variance < MIN_OMEGA**2:
            notes.append(f"omega between occasions {name} runs to 0: occasions do not differ in it; leave it out")
    estimates = []
    for name, v, se, scale in zip(names, values, np.sqrt(np.diag(covariance)), scales, strict=True):
        low, high = _interval(float(v), float(se), scale)
        estimates.append(Estimate(name, float(v), float(se), float(100 * se / abs(v)) if v else np.nan, low, high))
    notes += poorly_identified(estimates, covariance, condition)
    if "Km" in population.typical:
        notes += saturation_not_observed(population.typical, found.predicted[data.observed & ~data.below])
    eta, kappa = _split(model, data, population, found)
    quantified = data.observed & ~data.below
    spread = np.sqrt(variance_of(data, found.predicted, population.residual)[quantified])
    weighted = (data.value - found.predicted)[quantified] / spread
    total = float(parts.sum())
    constant = float(quantified.sum()) * np.log(2 * np.pi)
    log_likelihood = -(total + constant) / 2
    shrinkage = 100 * (1 - eta.std(axis=0, ddof=1) / np.sqrt(np.diag(population.omega)))
    deviation = np.nanstd(kappa.reshape(-1, kappa.shape[2]), axis=0, ddof=1) if kappa.size else np.zeros(0)
    occasional = 100 * (1 - deviation / np.sqrt(list(population.between_occasions.values())))
    return Fit(
        population,
        total,
        log_likelihood,
        2 * len(x) - 2 * log_likelihood,
        len(x) * float(np.log(data.samples)) - 2 * log_likelihood,
        tuple(estimates),
        covariance,
        condition,
        eta,
        kappa,
        _parameters(model, data, population, eta),
        shrinkage,
        occasional,
        float(100 * (1 - weighted.std(ddof=1))),
        found,
        gradients.sum(axis=0),
        count,
        tuple(notes),
    )


def _split(
    model: StructuralModel, data: PkDataset, population: Population, found: EmpiricalBayes
) -> tuple[Floats, Floats]:
    """Return η, and κ where there is a sample."""
    eta, kappa = population.random_effects(model, data).split(found.eta)
    own = np.take_along_axis(data.occasion, data.sample_period, axis=1)
    seen = (data.observed[..., None] & (own[..., None] == np.arange(kappa.shape[1]))).any(axis=1)
    return eta, np.where(seen[..., None], kappa, np.nan)


def _parameters(model: StructuralModel, data: PkDataset, population: Population, eta: Floats) -> Floats:
    phi = population.log_parameters(model, data)
    first = phi if phi.ndim == 2 else phi[:, 0]
    first[:, list(population.places(model))] += eta
    return np.asarray(np.exp(first))


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


@dataclass(frozen=True)
class Individual:
    """The most likely parameters of each patient, given a population: arrays (patients, k).

    ``parameters``, ``eta`` and ``kappa`` are as in :class:`Fit`. ``covariance`` is that of the random effects, η then κ of
    each occasion, from the Hessian; ``standard_error`` that of the log parameters.
    """

    parameters: Floats
    eta: Floats
    kappa: Floats
    covariance: Floats
    standard_error: Floats
    predicted: Floats
    population_predicted: Floats


def individual(model: StructuralModel, data: PkDataset, population: Population) -> Individual:
    """Return the maximum a posteriori (empirical Bayes) parameters of each patient.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> one = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0)], [(1.0, 9.0, False), (8.0, 4.6, False)])])
    >>> prior = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> [round(float(x), 2) for x in individual(ONE_COMPARTMENT, one, prior).parameters[0]]
    [1.01, 10.08]
    """
    places = list(population.places(model))
    found = empirical_bayes(model, data, population)
    eta, kappa = _split(model, data, population, found)
    covariance = np.asarray(np.linalg.inv(found.hessian), np.float64)
    error = np.zeros((len(data), len(model.parameters)))
    error[:, places] = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2)[:, : len(places)])
    return Individual(
        _parameters(model, data, population, eta),
        eta,
        kappa,
        covariance,
        error,
        found.predicted,
        predict(model, data, population.log_parameters(model, data)),
    )


def simulate(
    model: StructuralModel,
    data: PkDataset,
    population: Population,
    rng: np.random.Generator,
    *,
    repeats: int = 1,
    residual: bool = True,
) -> Floats:
    """Return concentrations drawn for the same patients, doses and times: (repeats, patients, samples).

    Patients and their occasions are new in each. With ``residual`` they carry the residual error; those below 0 stay so,
    to be called below quantification.
    """
    typical, random = population.log_parameters(model, data), population.random_effects(model, data)
    factor = np.linalg.cholesky(random.variance)
    drawn = np.empty((repeats, *data.time.shape))
    for i in range(repeats):
        effects = rng.standard_normal((len(data), random.size)) @ factor.T
        value = predict(model, data, random.individual_log_parameters(typical, effects))
        if residual:
            value = value + rng.standard_normal(value.shape) * np.sqrt(variance_of(data, value, population.residual))
        drawn[i] = value
    return drawn


def default_start(
    model: StructuralModel, typical: Sequence[float], *, cv: float = 0.3, residual: ResidualError | None = None
) -> Population:
    """Return a population to start from: every parameter random with the same coefficient of variation, independent.

    >>> from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS
    >>> default_start(TWO_COMPARTMENTS, [0.4, 3.0, 0.6, 2.0]).random
    ('CL', 'V1', 'Q', 'V2')
    """
    k = len(model.parameters)
    values = dict(zip(model.parameters, map(float, typical), strict=True))
    return Population(values, tuple(model.parameters), np.eye(k) * np.log1p(cv**2), residual or ResidualError(0.1, 0.2))
