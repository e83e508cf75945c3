"""The posterior: exact gradients, a closed form, convergence measures against arviz, and theophylline."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest

from posology.interchange.pk.nonmem_read import read
from posology.pharmacology.estimation import nuts as bayes
from posology.pharmacology.estimation.foce import default_start, fit
from posology.pharmacology.estimation.log_posterior import (
    Prior,
    correlation_factor,
    correlation_prior,
    individual_density,
    population_density,
)
from posology.pharmacology.estimation.nuts import sample_individual, sample_population
from posology.pharmacology.estimation.random_effects import CovariateEffect, Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.data import Period, PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ORAL, TWO_COMPARTMENTS
from posology.pharmacology.pk_models.time_varying import predict
from posology.shared.arrays import Floats
from tests.pharmacology.estimation.test_foce import CONJUGATE, DATA, Straight, conjugate, theophylline
from tests.pharmacology.pk_models.test_time_varying import Steps


@pytest.mark.parametrize("residual", [ResidualError(0.5, 0.0), ResidualError(0.5, 0.3)])
def test_the_gradient_of_a_population(residual: ResidualError) -> None:
    data = theophylline().subset([0, 1, 2])
    density = population_density(ORAL, data, Prior({"ka": 1.5, "CL": 2.7, "V": 30.0}, ("ka", "V"), residual=residual))
    count = 3 + 2 + (2 if residual.proportional else 1) + 6
    x = np.random.default_rng(0).normal(0, 0.3, count) + np.concatenate([[0.4, 1, 3.4], np.zeros(count - 3)])
    _, gradient = density(x)
    numeric = [(density(x + h)[0] - density(x - h)[0]) / 2e-5 for h in 1e-5 * np.eye(count)]
    assert gradient == pytest.approx(numeric, rel=1e-5, abs=1e-5)


def mixed(patients: int = 3) -> PkDataset:
    """Two occasions, a covariate that changes and one that does not, and values below quantification."""
    return pk_dataset(
        [
            SubjectData(
                str(i),
                [(0.0, 350.0, 0.1, 0.0), (21.0, 350.0, 0.1, 0.0)],
                [(1.0, 120.0, False), (20.0, 2.0, i == 1), (22.0, 150.0 + i, False), (30.0, 50.0, False)],
                covariates={"WT": 50.0 + 10 * i},
                periods=[Period(20.0, "1", {"ALB": 40.0}), Period(40.0, "2", {"ALB": 30.0 + i})],
            )
            for i in range(patients)
        ]
    )


MIXED = Prior(
    {"CL": 0.44, "V1": 1.9, "Q": 0.6, "V2": 1.0},
    ("CL", "V1", "V2"),
    residual=ResidualError(2.0, 0.3),
    correlated=True,
    effects=(
        CovariateEffect("CL", "ALB", 40.0),
        CovariateEffect("V1", "WT", 70.0),
        CovariateEffect("CL", "WT", 70.0, 0.75),
    ),
    between_occasions=("V1", "CL"),
)


@pytest.mark.parametrize("changing", [True, False])
def test_the_gradient_with_correlations_covariates_and_occasions(changing: bool) -> None:
    prior = MIXED if changing else replace(MIXED, effects=MIXED.effects[1:], between_occasions=())
    density = population_density(TWO_COMPARTMENTS, mixed(), prior)
    begin = prior.start(TWO_COMPARTMENTS, mixed())
    assert len(begin) == (4 + 2 + 3 + 3 + 2 + 2 + 3 * 7 if changing else 4 + 1 + 3 + 3 + 2 + 9)
    x = begin + np.random.default_rng(1).normal(0, 0.3, len(begin))
    numeric = [(density(x + h)[0] - density(x - h)[0]) / 2e-5 for h in 1e-5 * np.eye(len(x))]
    assert density(x)[1] == pytest.approx(numeric, rel=1e-5, abs=1e-4)


@pytest.mark.parametrize(("r", "shape"), [(2, 1.0), (2, 2.5), (3, 1.0), (3, 2.0)])
def test_the_prior_of_correlations_is_that_of_lewandowski(r: int, shape: float) -> None:
    """Each correlation is beta on (−1, 1) with variance 1 / (2 shape + r − 1), whichever pair it is of."""
    nodes, weights = np.polynomial.legendre.leggauss(60 if r == 2 else 14)
    count = r * (r - 1) // 2
    grid = np.stack(np.meshgrid(*[nodes] * count, indexing="ij"), axis=-1).reshape(-1, count)
    weight = np.prod(np.stack(np.meshgrid(*[weights] * count, indexing="ij"), axis=-1).reshape(-1, count), axis=1)
    y = np.arctanh(grid)
    density = np.exp([correlation_prior(row, r, shape, np.zeros((r, r)))[0] for row in y]) / np.prod(
        1 - grid**2, axis=1
    )
    factor = correlation_factor(y, r)
    correlation = factor @ factor.swapaxes(-1, -2)
    assert np.diagonal(correlation, axis1=1, axis2=2) == pytest.approx(1)
    share = weight * density / (weight * density).sum()
    for i in range(r):
        for j in range(i):
            assert share @ correlation[:, i, j] ** 2 == pytest.approx(1 / (2 * shape + r - 1), rel=1e-3)
    # the density of the correlations themselves: det^(shape − 1), in the middle against away from it
    if r == 2:
        ratio = density / (1 - grid[:, 0] ** 2) ** (shape - 1)
        assert ratio == pytest.approx(ratio[0])


def test_a_population_that_cannot_be_is_refused_before_it_is_sampled() -> None:
    with pytest.raises(ValueError, match="no parameter 'ka'"):
        sample_population(TWO_COMPARTMENTS, mixed(), replace(MIXED, random=("ka",)), seed=1)
    with pytest.raises(ValueError, match="3 patients do not show the covariances of 3 random effects"):
        sample_population(TWO_COMPARTMENTS, mixed(), MIXED, seed=1)


def in_occasions() -> tuple[PkDataset, Population, Floats, Floats]:
    """A line whose intercept differs between two occasions, with the exact mean and covariance of η, κ, κ."""
    times = np.array([0.0, 1, 2, 5])
    data = pk_dataset(
        [
            SubjectData(
                "x",
                [(0.0, 1.0, 0.0, 0.0)],
                [(t, v, False) for t, v in zip(times, (1.0, 2.0, 2.5, 3.1), strict=True)],
                periods=[Period(1.0, "A"), Period(5.0, "B")],
            )
        ]
    )
    population = Population(
        {"a": 2.0, "b": 1.3}, ("a",), np.eye(1) * 0.3, ResidualError(0.4, 0.0), between_occasions={"a": 0.2}
    )
    design = np.array([[1.0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 0, 1]])
    covariance = np.linalg.inv(np.diag([1 / 0.3, 5, 5]) + design.T @ design / 0.16)
    return (
        data,
        population,
        covariance @ design.T @ (data.value[0] - np.log(2.0) - np.log(1.3) * times) / 0.16,
        covariance,
    )


def test_the_density_of_an_individual_with_occasions_is_exact_where_the_model_is_linear() -> None:
    data, population, mean, covariance = in_occasions()
    density, scale = individual_density(Steps(), data, population), np.sqrt([0.3, 0.2, 0.2])
    for z in np.random.default_rng(5).standard_normal((3, 3)):
        assert density(z)[1] == pytest.approx(-scale * np.linalg.solve(covariance, scale * z - mean), abs=1e-9)


@pytest.mark.slow
def test_occasions_of_an_individual() -> None:
    data, population, mean, covariance = in_occasions()
    found = sample_individual(Steps(), data, population, seed=4, draws=800, chains=2)
    for name, by in (("a on occasion A", [1, 1, 0]), ("a on occasion B", [1, 0, 1])):
        log = np.log(found.draws[name]) - np.log(2.0)
        sd = np.sqrt(by @ covariance @ by)
        assert (log.mean() - by @ mean) / sd == pytest.approx(0, abs=0.15)
        assert log.std() / sd == pytest.approx(1, abs=0.12)


def test_the_density_is_that_of_its_parts() -> None:
    """Against SciPy's distributions, written out patient by patient; correlations by det^(shape − 1) and a Jacobian."""
    from scipy.stats import halfnorm, norm

    data, prior = mixed(), MIXED
    density, begin = population_density(TWO_COMPARTMENTS, data, prior), prior.start(TWO_COMPARTMENTS, data)

    def parts(x: Floats) -> float:
        theta, power, log_omega, y, log_pi, log_sd, flat = prior.split(x)
        omega, pi, (additive, proportional) = np.exp(log_omega), np.exp(log_pi), np.exp(log_sd)
        lower = lambda v: (correlation_factor(v, 3) @ correlation_factor(v, 3).T)[np.tril_indices(3, -1)]
        jacobian = np.stack([(lower(y + h) - lower(y - h)) / 2e-6 for h in 1e-6 * np.eye(3)], axis=1)
        factor = correlation_factor(y, 3)
        total = np.log(np.linalg.det(factor @ factor.T)) * (prior.shape - 1) + np.log(abs(np.linalg.det(jacobian)))
        total += norm.logpdf(theta, np.log([0.44, 1.9, 0.6, 1.0]), prior.spread).sum() + norm.logpdf(power, 0, 1).sum()
        for value, scale in ((omega, prior.omega), (pi, prior.occasion), (np.exp(log_sd), np.array([2.0, 0.3]))):
            total += (halfnorm.logpdf(value, scale=scale) + np.log(value)).sum()
        total += norm.logpdf(flat).sum()
        for row, own in enumerate(flat.reshape(3, -1)):
            phi = np.tile(theta, (2, 1))
            phi[:, [0, 1, 3]] += omega * (factor @ own[:3])
            for period, albumin in enumerate((40.0, 30.0 + row)):
                v1, clearance = pi * own[3 + 2 * period : 5 + 2 * period]
                phi[period, 0] += clearance + power[0] * np.log(albumin / 40) + 0.75 * np.log((50 + 10 * row) / 70)
                phi[period, 1] += v1 + power[1] * np.log((50 + 10 * row) / 70)
            one = data.subset([row])
            c = predict(TWO_COMPARTMENTS, one, phi[None])[0]
            sd = np.sqrt(additive**2 + (proportional * c) ** 2)
            total += np.where(one.below[0], norm.logcdf(one.value[0], c, sd), norm.logpdf(one.value[0], c, sd)).sum()
        return float(total)

    rng = np.random.default_rng(3)
    points = [begin + rng.normal(0, 0.4, len(begin)) for _ in range(4)]
    apart = [density(x)[0] - parts(x) for x in points]
    assert apart == pytest.approx([apart[0]] * 4, abs=1e-6)


@pytest.mark.slow
def test_a_correlated_posterior_of_theophylline_agrees_with_the_fit() -> None:
    """Full Ω, and weight on the volume with its power estimated: typical values within half a standard error."""
    events = read(DATA / "theophylline.csv")
    data = events.measurements(["WT"])
    start = replace(
        default_start(ORAL, [1.5, 2.7, 31.5], cv=0.4, residual=ResidualError(0.7, 0.0)),
        effects=(CovariateEffect("V", "WT", 70.0),),
    )
    exact = {e.name: e for e in fit(ORAL, data, start, full_omega=True).estimates}
    prior = Prior(start.typical, start.random, residual=ResidualError(1.0, 0.0), effects=start.effects, correlated=True)
    found = sample_population(ORAL, data, prior, seed=2, draws=300, tune=500, chains=2)
    # twelve patients put a correlation of the maximum likelihood fit at its bound, so that it has no standard errors
    for name, error in (("ka", 0.192), ("CL", 0.084), ("V", 0.047)):
        assert abs(np.log(found.interval(name)[0] / exact[name].value)) < 0.5 * error, name
    _, low, high = found.interval("WT on V")
    assert low < exact["WT on V"].value < high
    assert found.divergences == 0


def test_the_gradient_of_an_individual_with_values_below_quantification() -> None:
    data = pk_dataset([SubjectData("1", [(0.0, 350.0, 0.1, 0.0)], [(1.0, 120.0, False), (40.0, 2.0, True)])])
    density = individual_density(TWO_COMPARTMENTS, data, CONJUGATE)
    z = np.array([0.3, -0.5, 1.1])
    numeric = [(density(z + h)[0] - density(z - h)[0]) / 2e-5 for h in 1e-5 * np.eye(3)]
    assert density(z)[1] == pytest.approx(numeric, rel=1e-6)


def test_an_individual_posterior_is_the_closed_form_where_the_model_is_linear() -> None:
    omega = np.array([[0.5, 0.1], [0.1, 0.2]])
    times, values = np.array([0.0, 1, 2, 5]), np.array([1.0, 2.0, 2.5, 3.1])
    data = pk_dataset(
        [SubjectData("x", [(0.0, 1.0, 0.0, 0.0)], [(t, v, False) for t, v in zip(times, values, strict=True)])]
    )
    population = Population({"a": 2.0, "b": 1.3}, ("a", "b"), omega, ResidualError(0.4, 0.0))
    design = np.stack([np.ones(4), times], axis=1)
    covariance = np.linalg.inv(np.linalg.inv(omega) + design.T @ design / 0.16)
    mean = np.log([2.0, 1.3]) + covariance @ design.T @ (values - design @ np.log([2.0, 1.3])) / 0.16
    found = sample_individual(Straight(), data, population, seed=4, draws=800, chains=2)
    assert not found.divergences
    log = np.log(np.stack([found.draws["a"], found.draws["b"]], axis=-1)).reshape(-1, 2)
    sd = np.sqrt(np.diag(covariance))
    assert (log.mean(axis=0) - mean) / sd == pytest.approx(0, abs=0.2)
    assert np.cov(log.T) / np.outer(sd, sd) == pytest.approx(covariance / np.outer(sd, sd), abs=0.2)


def test_convergence_measures_are_those_of_arviz() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        rng = np.random.default_rng(2)
        noise = rng.standard_normal((4, 500))
        walk = np.stack([[x := 0.7 * x + e for e in row] for row in noise if (x := 0.0) is not None])
        for values in (noise, walk, walk + 0.3 * np.arange(4)[:, None]):
            assert bayes._r_hat(values) == pytest.approx(float(arviz.rhat(values)), rel=1e-9)
            assert bayes._effective(values) == pytest.approx(float(arviz.ess(values)), rel=0.02)


def test_one_patient_at_a_time() -> None:
    with pytest.raises(ValueError, match="12 patients"):
        sample_individual(ORAL, theophylline(), CONJUGATE, seed=1)


@pytest.mark.slow
def test_theophylline_posterior_agrees_with_the_maximum_likelihood_fit() -> None:
    prior = Prior({"ka": 1.5, "CL": 2.7, "V": 30.0}, ("ka", "CL", "V"), residual=ResidualError(1.0, 0.0))
    found = sample_population(ORAL, theophylline(), prior, seed=1, draws=500, tune=500, chains=2)
    for name, value, error in (("ka", 1.594, 0.192), ("CL", 2.751, 0.084), ("V", 31.81, 0.047)):
        middle, low, high = found.interval(name)
        assert abs(np.log(middle / value)) < 0.5 * error
        assert np.log(high / low) / 3.92 == pytest.approx(error, rel=0.35)
    assert found.interval("additive error")[0] == pytest.approx(0.695, abs=0.05)
    assert max(found.r_hat.values()) < 1.05
    assert found.divergences == 0


@pytest.mark.slow
def test_a_population_simulated_from_a_truth_covers_it() -> None:
    from posology.pharmacology.estimation.foce import simulate

    data = conjugate(12, [0.1, 1, 7, 20, 22, 35])
    drawn = data.with_values(simulate(TWO_COMPARTMENTS, data, CONJUGATE, np.random.default_rng(21))[0], 1e-3)
    prior = Prior({"CL": 0.6, "V1": 2.5, "Q": 0.5, "V2": 1.5}, ("CL", "V1", "V2"))
    found = sample_population(TWO_COMPARTMENTS, drawn, prior, seed=3, draws=400, tune=500, chains=2)
    for name, truth in CONJUGATE.typical.items():
        _, low, high = found.interval(name, 0.998)
        assert low < truth < high, name
    assert found.parameters.shape == (2, 400, 12, 4)


def test_where_there_is_no_density_a_step_diverges_and_sampling_goes_on() -> None:
    """A standard normal with nothing beyond 1 in one direction."""

    def density(x: np.ndarray) -> tuple[float, np.ndarray]:
        if x[0] > 1:
            raise ValueError("nothing here")
        return -0.5 * float(x @ x), -x

    draws, divergences = bayes._sample(density, 3, seed=1, draws=300, tune=300, chains=2, progress=False)
    assert divergences > 0 and draws.shape == (2, 300, 3)
    assert draws[..., 0].max() < 1 and draws[..., 1].std() == pytest.approx(1, abs=0.15)
