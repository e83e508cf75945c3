"""The posterior: exact gradients, a closed form, convergence measures against arviz, and theophylline."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from posology.pharmacology import bayes
from posology.pharmacology.bayes import (
    Prior,
    individual_density,
    population_density,
    sample_individual,
    sample_population,
)
from posology.pharmacology.fit import Population
from posology.pharmacology.likelihood import Residual
from posology.pharmacology.measurements import Patient, measurements
from posology.pharmacology.structural import ORAL, TWO_COMPARTMENTS
from tests.pharmacology.test_fit import CONJUGATE, Straight, conjugate, theophylline


@pytest.mark.parametrize("residual", [Residual(0.5, 0.0), Residual(0.5, 0.3)])
def test_the_gradient_of_a_population(residual: Residual) -> None:
    data = theophylline().only([0, 1, 2])
    density = population_density(ORAL, data, Prior({"ka": 1.5, "CL": 2.7, "V": 30.0}, ("ka", "V"), residual=residual))
    count = 3 + 2 + (2 if residual.proportional else 1) + 6
    x = np.random.default_rng(0).normal(0, 0.3, count) + np.concatenate([[0.4, 1, 3.4], np.zeros(count - 3)])
    _, gradient = density(x)
    numeric = [(density(x + h)[0] - density(x - h)[0]) / 2e-5 for h in 1e-5 * np.eye(count)]
    assert gradient == pytest.approx(numeric, rel=1e-5, abs=1e-5)


def test_the_gradient_of_an_individual_with_values_below_quantification() -> None:
    data = measurements([Patient("1", [(0.0, 350.0, 0.1, 0.0)], [(1.0, 120.0, False), (40.0, 2.0, True)])])
    density = individual_density(TWO_COMPARTMENTS, data, CONJUGATE)
    z = np.array([0.3, -0.5, 1.1])
    numeric = [(density(z + h)[0] - density(z - h)[0]) / 2e-5 for h in 1e-5 * np.eye(3)]
    assert density(z)[1] == pytest.approx(numeric, rel=1e-6)


def test_an_individual_posterior_is_the_closed_form_where_the_model_is_linear() -> None:
    omega = np.array([[0.5, 0.1], [0.1, 0.2]])
    times, values = np.array([0.0, 1, 2, 5]), np.array([1.0, 2.0, 2.5, 3.1])
    data = measurements(
        [Patient("x", [(0.0, 1.0, 0.0, 0.0)], [(t, v, False) for t, v in zip(times, values, strict=True)])]
    )
    population = Population({"a": 2.0, "b": 1.3}, ("a", "b"), omega, Residual(0.4, 0.0))
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
    prior = Prior({"ka": 1.5, "CL": 2.7, "V": 30.0}, ("ka", "CL", "V"), residual=Residual(1.0, 0.0))
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
    from posology.pharmacology.fit import simulate

    data = conjugate(12, [0.1, 1, 7, 20, 22, 35])
    drawn = data.replaced(simulate(TWO_COMPARTMENTS, data, CONJUGATE, np.random.default_rng(21))[0], 1e-3)
    prior = Prior({"CL": 0.6, "V1": 2.5, "Q": 0.5, "V2": 1.5}, ("CL", "V1", "V2"))
    found = sample_population(TWO_COMPARTMENTS, drawn, prior, seed=3, draws=400, tune=500, chains=2)
    for name, truth in CONJUGATE.typical.items():
        _, low, high = found.interval(name, 0.998)
        assert low < truth < high, name
    assert found.parameters.shape == (2, 400, 12, 4)
