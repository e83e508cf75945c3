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
from posology.pharmacology.estimation.foce_gradient import ObjectiveGradient, TiledData, patient_gradients
from posology.pharmacology.estimation.identifiability import poorly_identified, saturation_not_observed
from posology.pharmacology.estimation.parameterisation import Parameterisation
from posology.pharmacology.estimation.random_effects import Population, check_start
from posology.pharmacology.estimation.residual_error import ResidualError, drawn_measurements, error_scale
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
    occasion, NaN where no sample is. ``shrinkage`` is 100 × (1 − SD(η) / ω) %, ``occasion_shrinkage`` that of κ over
    all occasions with a sample, ``residual_shrinkage`` 100 × (1 − SD(individual weighted residuals)) %. ``condition``
    is the ratio of the largest to the smallest eigenvalue of the correlation of the estimates. ``scores`` is the
    gradient of the objective function at the end, by the parameters on their working scale.
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
    model: StructuralModel,
    data: PkDataset,
    population: Population,
    start: Floats | None = None,
    missed: Floats | None = None,
) -> tuple[Floats, EmpiricalBayes]:
    """Return each patient's part of the objective function, (patients,), and the individual optima it rests on.

    Parameters
    ----------
    model, data, population
        the structural model, the measurements, and what is assumed of the population.
    start, missed
        where the individual searches begin, as of
        :func:`posology.pharmacology.estimation.empirical_bayes.empirical_bayes`.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> doses = [(0.0, 100.0, 0.0, 0.0)]
    >>> people = [SubjectData(str(i), doses, [(1.0, 9.0 + i, False), (8.0, 4.0 + i, False)]) for i in range(6)]
    >>> data = pk_dataset(people)
    >>> start = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> parts, _ = objective_function(ONE_COMPARTMENT, data, start)
    >>> parts.shape
    (6,)
    """
    found = empirical_bayes(model, data, population, start, missed)
    variance = population.random_effects(model, data).variance
    return found.minus_two_log_joint + np.linalg.slogdet(variance)[1] + found.log_determinant, found


def fit(
    model: StructuralModel,
    data: PkDataset,
    start: Population,
    *,
    full_omega: bool = False,
    errors: Literal["hessian", "sandwich"] = "hessian",
    progress: Callable[[int, float], None] | None = None,
    max_iterations: int = 200,
) -> Fit:
    """Fit a population.

    Parameters
    ----------
    model, data
        the structural model, and the measurements.
    start
        where the search begins; an error of 0, or a parameter not named in ``random``, stays so. An effect with no
        power is estimated.
    full_omega
        estimate every covariance of the random effects, not their variances only.
    errors
        standard errors from the Hessian (NONMEM's ``MATRIX=R``), or the sandwich R⁻¹ S R⁻¹.
    progress
        called with the number of the iteration and the objective function.
    max_iterations
        of the search.

    Raises
    ------
    ValueError
        if there are fewer samples than parameters, a starting value cannot be, or the search does not settle.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> doses = [(0.0, 100.0, 0.0, 0.0)]
    >>> people = [SubjectData(str(i), doses, [(1.0, 9.0 + i, False), (8.0, 4.0 + i, False)]) for i in range(6)]
    >>> data = pk_dataset(people)
    >>> start = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> found = fit(ONE_COMPARTMENT, data, start)
    >>> [e.name for e in found.estimates]
    ['CL', 'V', 'omega CL', 'omega V', 'proportional error']
    """
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    check_start(model, data, start, full=full_omega)
    search = _Search(Parameterisation(model, start, full_omega), data)
    x0 = search.parameterisation.vector()
    if data.samples <= len(x0):
        raise ValueError(f"{data.samples} concentrations for {len(x0)} parameters; a fit needs more of them")
    iteration = 0

    def report_progress(intermediate_result: object) -> None:
        nonlocal iteration
        iteration += 1
        if progress is not None:
            progress(iteration, float(intermediate_result.fun))  # type: ignore[attr-defined]

    with threadpool_limits(1):  # matrices so small are slower on many cores
        found = minimize(
            search.value,
            x0,
            jac=search.slope,
            method="BFGS",
            callback=report_progress,
            options={"maxiter": max_iterations, "gtol": 1e-3},
        )
        x = found.x
        gradients = search.gradients(x)
        hessian = search.hessian(x)
    notes = []
    if float(np.abs(gradients.sum(axis=0)).max()) > 0.05:
        notes.append(
            f"the search stopped with a gradient of {np.abs(gradients.sum(axis=0)).max():.3g}: {found.message}"
        )
    return _result(search, x, gradients, hessian, errors, notes)


class _Search:
    """The objective function and its gradient, as a search asks for them; the last optima are where the next begin."""

    def __init__(self, parameterisation: Parameterisation, data: PkDataset) -> None:
        self.parameterisation, self.data = parameterisation, data
        self.evaluations = 0
        self.last: tuple[Floats, Floats, ObjectiveGradient | None] | None = (
            None  # x, the optima there, and more of them
        )
        self._at: tuple[Floats, Floats, EmpiricalBayes] | None = None
        changes = parameterisation.start.is_time_varying(data)
        self.tiles = None if changes else TiledData.of(data, len(parameterisation.model.parameters))

    def evaluate(self, x: Floats) -> tuple[Floats, EmpiricalBayes]:
        """Return each patient's part of the objective function, and the optima."""
        if self._at is None or not np.array_equal(self._at[0], x):
            self.evaluations += 1
            population = self.parameterisation.population(x)
            self._at = (
                x.copy(),
                *objective_function(self.parameterisation.model, self.data, population, *self.near(x)),
            )
        return self._at[1:]

    def near(self, x: Floats) -> tuple[Floats | None, Floats | None]:
        """Return where the search for the optima begins, the last ones moved by what x has moved, and their
        curvature."""
        if self.last is None:
            return None, None
        at, eta, gradient = self.last
        if gradient is None:
            return eta, None
        return eta + np.clip(gradient.eta_by_x @ (x - at), -1, 1), gradient.missed

    def value(self, x: Floats) -> float:
        """Return the objective function; a great number where it cannot be evaluated."""
        try:
            parts, optimum = self.evaluate(x)
        except (ValueError, np.linalg.LinAlgError):
            self.last = None
            return 1e10
        if self.last is None or self.tiles is None:
            self.last = (x.copy(), optimum.eta, None)
        return float(parts.sum())

    def slope(self, x: Floats) -> Floats:
        """Return its gradient."""
        try:
            return np.asarray(self.gradients(x).sum(axis=0))
        except (ValueError, np.linalg.LinAlgError):
            return np.zeros(len(x))  # where the value is 1e10: the line search comes back

    def gradients(self, x: Floats) -> Floats:
        """Return each patient's gradient, (patients, parameters): exact, or where parameters change by differences."""
        if self.tiles is not None:
            optimum = self.evaluate(x)[1]
            gradient = patient_gradients(self.parameterisation, self.tiles, x, optimum)
            self.last = (x.copy(), optimum.eta, gradient)
            return gradient.by_patient
        steps = GRADIENT_STEP * np.eye(len(x))
        return np.stack(
            [(self.evaluate(x + h)[0] - self.evaluate(x - h)[0]) / (2 * GRADIENT_STEP) for h in steps], axis=1
        )

    def hessian(self, x: Floats) -> Floats:
        """Return the second derivatives, by differences of the gradient."""
        steps = 10 * GRADIENT_STEP * np.eye(len(x))
        rows = [
            (self.gradients(x + h).sum(axis=0) - self.gradients(x - h).sum(axis=0)) / (20 * GRADIENT_STEP)
            for h in steps
        ]
        hessian = np.stack(rows)
        return np.asarray((hessian + hessian.T) / 2)


def _result(search: _Search, x: Floats, gradients: Floats, hessian: Floats, errors: str, notes: list[str]) -> Fit:
    parameterisation, data = search.parameterisation, search.data
    model, population = parameterisation.model, parameterisation.population(x)
    parts, found = objective_function(model, data, population, *search.near(x))
    names, values, scales = parameterisation.reported_estimates(x)
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
                (
                    parameterisation.reported_estimates(x + 1e-6 * u)[1]
                    - parameterisation.reported_estimates(x - 1e-6 * u)[1]
                )
                / 2e-6
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
    on_scale = error_scale(data, found.predicted, population.residual)
    weighted = ((on_scale.measured - on_scale.predicted) / np.sqrt(np.where(quantified, on_scale.variance, 1.0)))[
        quantified
    ]
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
        search.evaluations,
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

    ``parameters``, ``eta`` and ``kappa`` are as in :class:`Fit`. ``covariance`` is that of the random effects, η then κ
    of each occasion, from the Hessian; ``standard_error`` that of the log parameters.
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

    Patients and their occasions are new in each. With ``residual`` they carry the residual error; those below 0 stay
    so, to be called below quantification.

    Parameters
    ----------
    model, data, population
        the structural model, the doses and times, and what is assumed of the population.
    rng
        the source of chance.
    repeats
        how many data sets.
    residual
        whether the residual error is drawn too.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT
    >>> doses = [(0.0, 100.0, 0.0, 0.0)]
    >>> people = [SubjectData(str(i), doses, [(1.0, 9.0 + i, False), (8.0, 4.0 + i, False)]) for i in range(6)]
    >>> data = pk_dataset(people)
    >>> start = Population({"CL": 1.2, "V": 10.0}, ("CL", "V"), np.diag([0.09, 0.04]), ResidualError(0.0, 0.1))
    >>> simulate(ONE_COMPARTMENT, data, start, np.random.default_rng(1), repeats=3).shape
    (3, 6, 2)
    """
    typical, random = population.log_parameters(model, data), population.random_effects(model, data)
    factor = np.linalg.cholesky(random.variance)
    drawn = np.empty((repeats, *data.time.shape))
    for i in range(repeats):
        effects = rng.standard_normal((len(data), random.size)) @ factor.T
        value = predict(model, data, random.individual_log_parameters(typical, effects))
        if residual:
            value = drawn_measurements(data, value, population.residual, rng.standard_normal(value.shape))
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
