"""Counts on a grid, and the bivariate isotonic fit against a quadratic programme."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from posology.expansion.combinations.grid import GridTally, bivariate_isotonic, too_toxic_on_grid


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000))
def test_the_fit_is_the_nearest_that_does_not_fall(seed: int) -> None:
    rng = np.random.default_rng(seed)
    estimates, weights = rng.random((3, 4)), rng.uniform(0.1, 5, (3, 4))
    fit = bivariate_isotonic(estimates, weights)
    assert (np.diff(fit, axis=0) > -1e-7).all() and (np.diff(fit, axis=1) > -1e-7).all()
    constraints = [
        {"type": "ineq", "fun": lambda x: np.diff(x.reshape(3, 4), axis=0).ravel()},
        {"type": "ineq", "fun": lambda x: np.diff(x.reshape(3, 4), axis=1).ravel()},
    ]
    best = minimize(
        lambda x: (weights.ravel() * (x - estimates.ravel()) ** 2).sum(),
        np.full(12, estimates.mean()),
        constraints=constraints,
        options={"ftol": 1e-14, "maxiter": 500},
    )
    assert (weights * (fit - estimates) ** 2).sum() == pytest.approx(best.fun, abs=1e-6)


def test_what_does_not_fall_stays() -> None:
    rising = np.add.outer([0.1, 0.2], [0.0, 0.05, 0.3])
    np.testing.assert_allclose(bivariate_isotonic(rising, np.ones((2, 3))), rising, atol=1e-12)
    with pytest.raises(ValueError, match="above 0"):
        bivariate_isotonic(rising, np.zeros((2, 3)))


def test_too_toxic_takes_all_with_no_less_of_either_drug() -> None:
    tally = GridTally.one([[3, 0, 0], [3, 3, 0], [0, 0, 0]], [[0, 0, 0], [0, 3, 0], [0, 0, 0]], (2, 2))
    expected = [[False, False, False], [False, True, True], [False, True, True]]
    assert too_toxic_on_grid(tally, 0.3, 0.95)[0].tolist() == expected


@pytest.mark.parametrize(
    ("treated", "dlts", "level", "message"),
    [
        ([[3, 0]], [[4, 0]], (1, 1), "DLTs"),
        ([[3, 0]], [[0, 0]], (1, 3), "not on a grid"),
        ([[3, 0]], [[0, 0]], (0, 1), "not on a grid"),
        ([[3, 0]], [[0]], (1, 1), "shapes"),
    ],
)
def test_refused(treated: list[list[int]], dlts: list[list[int]], level: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        GridTally.one(treated, dlts, level)
