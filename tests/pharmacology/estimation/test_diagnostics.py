"""Residuals and predictive checks: exact where the model is linear, calibrated where data come from the model."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.estimation.diagnostics import _percentiles, residuals, visual_predictive_check
from posology.pharmacology.estimation.foce import simulate
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS
from tests.pharmacology.estimation.test_foce import CONJUGATE, Straight, conjugate


def test_conditional_residuals_are_exact_where_the_model_is_linear() -> None:
    times, values = np.array([0.0, 1, 2, 5]), np.array([1.0, 2.0, 2.5, 3.1])
    data = pk_dataset(
        [SubjectData("x", [(0.0, 1.0, 0.0, 0.0)], [(t, v, False) for t, v in zip(times, values, strict=True)])]
    )
    omega = np.array([[0.5, 0.1], [0.1, 0.2]])
    population = Population({"a": 2.0, "b": 1.3}, ("a", "b"), omega, ResidualError(0.4, 0.0))
    found = residuals(Straight(), data, population, np.random.default_rng(1), repeats=20000)
    design = np.stack([np.ones(4), times], axis=1)
    covariance = design @ omega @ design.T + 0.16 * np.eye(4)
    error = values - design @ np.log([2.0, 1.3])
    values_, vectors = np.linalg.eigh(covariance)
    assert found.conditional[0] == pytest.approx(vectors @ np.diag(values_**-0.5) @ vectors.T @ error)
    assert found.npde[0] == pytest.approx(np.linalg.solve(np.linalg.cholesky(covariance), error), abs=0.06)


def test_residuals_are_standard_normal_where_the_data_come_from_the_model() -> None:
    rng = np.random.default_rng(7)
    data = conjugate(100, [0.1, 1, 4, 10, 20, 22, 30])
    drawn = data.with_values(simulate(TWO_COMPARTMENTS, data, CONJUGATE, rng)[0], 1e-3)
    found = residuals(TWO_COMPARTMENTS, drawn, CONJUGATE, rng, repeats=300)
    for values in (found.conditional, found.npde):
        assert abs(values.mean()) < 0.1
        assert values.std() == pytest.approx(1.0, abs=0.08)
    assert np.isnan(found.population).sum() == 0


def test_the_check_covers_data_of_the_model_at_its_level() -> None:
    covered = []
    data = conjugate(60, [0.1, 1, 4, 10, 20])
    for seed in range(20):
        rng = np.random.default_rng(seed)
        drawn = data.with_values(simulate(TWO_COMPARTMENTS, data, CONJUGATE, rng)[0], 5.0)
        found = visual_predictive_check(TWO_COMPARTMENTS, drawn, CONJUGATE, rng, repeats=200, bins=5, level=0.90)
        known = ~np.isnan(found.observed) & ~np.isnan(found.simulated[..., 0])
        inside = (found.simulated[..., 0] <= found.observed) & (found.observed <= found.simulated[..., 2])
        covered += inside[known].tolist()
    assert found.count.tolist() == [60] * 5
    assert found.below[-1, 0] > 0.1 and (np.diff(found.below[:, 1:], axis=1) >= 0).all()
    assert np.mean(covered) == pytest.approx(0.90, abs=0.05)


def test_the_check_shows_a_clearance_that_is_wrong() -> None:
    rng = np.random.default_rng(9)
    data = conjugate(60, [0.1, 1, 4, 10, 20])
    drawn = data.with_values(simulate(TWO_COMPARTMENTS, data, CONJUGATE, rng)[0], 5.0)
    wrong = Population({**CONJUGATE.typical, "CL": 0.9}, CONJUGATE.random, CONJUGATE.omega, CONJUGATE.residual)
    found = visual_predictive_check(TWO_COMPARTMENTS, drawn, wrong, rng, repeats=200, bins=5)
    assert found.observed[2, 1] > found.simulated[2, 1, 2]
    assert found.below[3, 0] < found.below[3, 1]


def test_prediction_correction_takes_out_the_dose() -> None:
    rng = np.random.default_rng(2)
    patients = [
        SubjectData(str(i), [(0.0, 10.0 * 4 ** (i % 3), 0.1, 0.0)], [(t, 0.0, False) for t in (1.0, 7)])
        for i in range(60)
    ]
    data = pk_dataset(patients)
    tight = Population(CONJUGATE.typical, ("CL",), np.array([[1e-4]]), ResidualError(0.0, 0.02))
    drawn = data.with_values(simulate(TWO_COMPARTMENTS, data, tight, rng)[0])
    plain = visual_predictive_check(TWO_COMPARTMENTS, drawn, tight, rng, repeats=50, bins=2, corrected=False)
    right = visual_predictive_check(TWO_COMPARTMENTS, drawn, tight, rng, repeats=50, bins=2)
    assert (plain.observed[:, 2] / plain.observed[:, 0] > 10).all()
    assert (right.observed[:, 2] / right.observed[:, 0] < 1.15).all()


def test_percentiles_among_values_below_quantification_are_not_told() -> None:
    rows = np.array([[-np.inf, -np.inf, 1.0, 2.0, 3.0]])
    assert np.isnan(_percentiles(rows, (10.0,))[0, 0])
    assert _percentiles(rows, (50.0, 75.0))[0].tolist() == [1.0, 2.0]


def test_more_bins_than_samples() -> None:
    with pytest.raises(ValueError, match="9 bins for 4 samples"):
        visual_predictive_check(TWO_COMPARTMENTS, conjugate(2, [1.0, 2.0]), CONJUGATE, np.random.default_rng(0), bins=9)
