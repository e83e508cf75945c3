"""Sobol indices against closed forms and SALib; chance in a model adds nothing to them."""

from __future__ import annotations

import numpy as np
import pytest
from SALib.analyze import sobol as salib
from scipy.stats import norm

from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.uncertainty.sobol import Prior, indices, sample_points

ISHIGAMI = ([0.3139, 0.4424, 0.0], [0.5576, 0.4424, 0.2437])
"""First and total indices at a = 7, b = 0.1: Ishigami T, Homma T, 1990; Saltelli A et al., Global Sensitivity Analysis,
2008."""


def ishigami(unit: np.ndarray) -> np.ndarray:
    x = np.pi * (2 * unit - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def unit(inputs: int, samples: int, seed: int = 1) -> np.ndarray:
    return norm.cdf(sample_points(inputs, samples, seed))


def test_ishigami() -> None:
    found = indices(ishigami(unit(3, 4096)), 3, seed=1)
    np.testing.assert_allclose(found.first, ISHIGAMI[0], atol=0.02)
    np.testing.assert_allclose(found.total, ISHIGAMI[1], atol=0.02)
    assert found.noise == pytest.approx(0, abs=1e-9)


def test_g_function() -> None:
    """Product of (|4x - 2| + a) / (1 + a): the variance of each factor is 1 / (3 (1 + a)^2)."""
    a = np.array([0.0, 1.0, 4.5, 9.0, 99.0])
    part = 1 / (3 * (1 + a) ** 2)
    whole = np.prod(1 + part) - 1
    first, total = part / whole, part * np.prod(1 + part) / (1 + part) / whole
    found = indices(np.prod((abs(4 * unit(5, 4096) - 2) + a) / (1 + a), axis=1), 5, seed=1)
    np.testing.assert_allclose(found.first, first, atol=0.02)
    np.testing.assert_allclose(found.total, total, atol=0.02)


def test_without_chance_they_are_those_of_salib() -> None:
    y = ishigami(unit(3, 256))
    found = indices(y, 3, seed=5)
    problem = {"num_vars": 3, "names": list("abc"), "bounds": [[0, 1]] * 3}
    other = salib.analyze(problem, y, calc_second_order=False, num_resamples=500, seed=5)
    np.testing.assert_allclose(found.first, other["S1"], rtol=1e-9)
    np.testing.assert_allclose(found.total, other["ST"], rtol=1e-9)
    np.testing.assert_allclose(found.first_half_width, other["S1_conf"], rtol=0.25)
    np.testing.assert_allclose(found.total_half_width, other["ST_conf"], rtol=0.25)


def test_chance_adds_nothing_to_the_indices() -> None:
    """Noise of as much variance as the model: with two results a run the closed forms hold; with one they do not."""
    rng, z = np.random.default_rng(3), unit(3, 4096)
    y = ishigami(z)
    sd = np.sqrt(2 * np.var(y))  # of either half; the mean of both has the variance of y
    noisy = y[:, None] + sd * rng.standard_normal((len(y), 2))
    found = indices(noisy, 3, seed=1)
    np.testing.assert_allclose(found.first, ISHIGAMI[0], atol=0.06)
    np.testing.assert_allclose(found.total, ISHIGAMI[1], atol=0.06)
    assert found.noise == pytest.approx(0.5, abs=0.03)
    naive = indices(noisy.mean(axis=1), 3, seed=1)
    assert naive.total[1] > 0.6  # as if the noise were the inputs' doing


def test_chance_that_runs_of_a_base_sample_share() -> None:
    """A level of its own for each base sample, in each half."""
    rng, y = np.random.default_rng(4), ishigami(unit(3, 4096))
    shared = np.repeat(rng.standard_normal((4096, 2)), 5, axis=0) * np.sqrt(np.var(y))
    found = indices(y[:, None] + shared, 3, seed=1)
    np.testing.assert_allclose(found.first, ISHIGAMI[0], atol=0.06)
    np.testing.assert_allclose(found.total, ISHIGAMI[1], atol=0.06)


@pytest.mark.slow
def test_intervals_hold_the_index_as_often_as_they_say() -> None:
    """95 % intervals of 300 seeds; the sequence is more even than a random one, so they hold at least as often."""
    first, total = np.zeros(3), np.zeros(3)
    for seed in range(300):
        found = indices(ishigami(unit(3, 256, seed)), 3, seed)
        first += abs(found.first - ISHIGAMI[0]) <= found.first_half_width
        total += abs(found.total - ISHIGAMI[1]) <= found.total_half_width
    assert (first / 300 > 0.92).all() and (total / 300 > 0.92).all()


@pytest.mark.parametrize("samples", [0, 1, 8, 100, 1000])
def test_samples_are_a_power_of_two(samples: int) -> None:
    with pytest.raises(
        ValueError, match=rf"samples is {samples}: it must be a power of 2, 16 or more, such as \d+ or \d+"
    ):
        sample_points(3, samples, 1)


def test_what_cannot_be_explained_is_refused() -> None:
    with pytest.raises(ValueError, match="is 2 in all 80 runs"):
        indices(np.full(80, 2.0), 3, 1)
    with pytest.raises(ValueError, match="run 3: the result is"):
        indices(np.where(np.arange(80) == 2, np.nan, np.arange(80.0)), 3, 1)
    opposed = np.stack([np.arange(80.0), -np.arange(80.0)], axis=1)
    hidden = indices(opposed, 3, 1)
    assert hidden.noise == 1 and np.isnan(hidden.first).all() and np.isnan(hidden.total).all()


@pytest.mark.parametrize("cv", [0.1, 0.3, 1.0])
def test_log_normal_prior_has_its_cv_and_median(cv: float) -> None:
    drawn = Prior(Quantity(5.0, "L", "assumed", "x", cv=cv)).at(norm.ppf((np.arange(1_000_000) + 0.5) / 1e6))
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.01) and np.median(drawn) == pytest.approx(5.0)


@pytest.mark.parametrize(("kind", "value"), [("odds", 0.19), ("odds", 0.8), ("above 1", 1.2), ("above 1", 5.0)])
def test_bounded_priors_stay_in_their_domain_and_are_as_wide_as_said(kind, value: float) -> None:
    z = norm.ppf((np.arange(100_000) + 0.5) / 1e5)
    drawn = Prior(Quantity(value, "1", "assumed", "x", cv=0.02), kind).at(z)
    assert drawn.std() / drawn.mean() == pytest.approx(0.02, rel=0.05) and np.median(drawn) == pytest.approx(value)
    wide = Prior(Quantity(value, "1", "assumed", "x", cv=2.0), kind).at([-4, 4])
    assert wide[0] >= (1 if kind == "above 1" else 0) and (kind == "above 1" or wide[1] <= 1)


def test_a_prior_needs_a_value_in_its_domain() -> None:
    with pytest.raises(ValueError, match="0 .* has no log-normal prior"):
        Prior(Quantity(0.0, "mg/d", "assumed", "linear", cv=0.5))
    with pytest.raises(ValueError, match="has no odds prior"):
        Prior(Quantity(1.0, "1", "assumed", "all of it", cv=0.5), "odds")
