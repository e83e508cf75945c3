"""Scenarios by their properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.operating.scenarios import grid, logistic_set, paoletti, pseudo_uniform


@pytest.mark.parametrize("family", [paoletti, pseudo_uniform])
def test_random_scenarios(family: Any) -> None:
    drawn = family(np.random.default_rng(1), 4000, 5, 0.3)
    assert drawn.shape == (4000, 5)
    assert (np.diff(drawn, axis=1) >= 0).all()
    assert ((drawn > 0) & (drawn < 1)).all()
    nearest = np.bincount(np.abs(drawn - 0.3).argmin(axis=1), minlength=5) / 4000
    np.testing.assert_allclose(nearest, 0.2, atol=0.035)  # the MTD equally likely at each level
    again = family(np.random.default_rng(1), 4000, 5, 0.3)
    np.testing.assert_array_equal(drawn, again)


def test_sets_and_grids() -> None:
    scenarios = logistic_set(4, 0.25, 1.8)
    np.testing.assert_allclose(np.diag(scenarios), 0.25)
    odds = scenarios / (1 - scenarios)
    np.testing.assert_allclose(odds[:, 1:] / odds[:, :-1], 1.8)
    assert len(grid(3, [0.1, 0.2, 0.3])) == 10


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: logistic_set(3, 0.3, 0.5), "above 1"),
        (lambda: grid(2, [1.5]), "between 0 and 1"),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()
