"""Which selection is right: by its properties, and the same wherever it is asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.designs import Boin
from posology.operating import PotentialOutcomes, Scenario, enumerate_trials, simulate
from posology.operating.true_mtd import TOO_TOXIC, acceptable, accuracy_index, nearest_level, true_mtd


@given(truth=st.lists(st.floats(0, 1), min_size=1, max_size=6).map(sorted), target=st.floats(0.1, 0.5))
def test_the_level_is_nearest_and_the_highest_of_those_alike(truth: list[float], target: float) -> None:
    at = int(nearest_level(truth, target)[0])
    distance = np.abs(np.array(truth) - target)
    assert distance[at] <= distance.min() + 1e-11
    if truth[at] < target - 1e-9:
        assert all(rate > truth[at] for rate in truth[at + 1 :])
    none = true_mtd(truth, target)[0] == -1
    assert none == all(rate > TOO_TOXIC * target + 1e-12 for rate in truth)


@pytest.mark.parametrize("truth", [[0.1, 0.3, 0.5], [0.5, 0.6, 0.7], [0.1, 0.1, 0.1], [1.0, 1.0, 1.0]])
def test_exact_and_simulated_ask_one_rule(truth: list[float]) -> None:
    design = Boin(3, 0.3, max_patients=9)
    exact = enumerate_trials(design).characteristics(truth)
    found = simulate(design, Scenario(tuple(truth)), PotentialOutcomes.draw(np.random.default_rng(1), 400, 12))
    assert found.true_mtd(0.3) == exact.true_mtd(0.3)[0] == true_mtd(truth, 0.3)[0]
    for ours, theirs in ((exact.correct(0.3)[0], found.correct(0.3)), (exact.overdosed(0.3)[0], found.overdosed(0.3))):
        assert abs(ours - theirs[0]) < 5 * theirs[1] + 1e-9
    right = exact.true_mtd(0.3)[0]
    assert exact.correct(0.3)[0] == exact.selection[0, right + 1]
    endings = exact.endings(9)
    assert sum(p[0] for p in endings.values()) == pytest.approx(1)
    assert endings["no level is safe enough"][0] == pytest.approx(exact.selection[0, 0])


def test_an_index_that_means_nothing_is_none() -> None:
    even = np.full((1, 4), 0.25)
    assert np.isnan(accuracy_index(np.array([[0.1, 0.1, 0.1]]), even, 0.3)).all()
    assert np.isnan(accuracy_index(np.array([[0.5, 0.6, 0.7]]), even, 0.3)).all()
    best = np.array([[0.0, 0.0, 1.0, 0.0]])
    assert accuracy_index(np.array([[0.1, 0.3, 0.5]]), best, 0.3) == pytest.approx(1)


def test_a_range_of_rates() -> None:
    with pytest.raises(ValueError, match="the lower first"):
        acceptable(np.array([[0.1]]), 0.3, 0.2)
    assert acceptable(np.array([[0.2, 0.35]]), 0.2, 0.35).tolist() == [[False, True, True]]
