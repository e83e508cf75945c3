"""Selection designs: clinfun's chances, enumeration, ROSE by simulation, and the bias of having chosen."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.expansion.dose_comparison.pick_the_winner import pick_the_winner, rose, rose_search
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), [case for case in cases("clinfun_pselect") if "error" not in case[1]])
def test_as_clinfun(given_: dict[str, Any], right: dict[str, Any]) -> None:
    result = pick_the_winner(given_["n"], given_["p"], lead=given_.get("min.diff", 1))
    assert result.inconclusive == pytest.approx(right["prob.inconclusive"], abs=1e-12)
    np.testing.assert_allclose(result.selected, [row[2] for row in right["prob.selection"]], atol=1e-12)


def test_ties_by_lot_leave_nothing_open() -> None:
    alike = pick_the_winner(12, [0.3, 0.3, 0.3], lead=0)
    np.testing.assert_allclose(alike.selected, 1 / 3)
    assert alike.inconclusive == pytest.approx(0, abs=1e-12)


def test_bias_of_having_chosen_by_simulation() -> None:
    rng = np.random.default_rng(2)
    rates, n = np.array([0.25, 0.3, 0.4]), 25
    counts = rng.binomial(n, rates, (200_000, 3))
    lots = counts + rng.random(counts.shape) * 0.5
    winner = lots.argmax(axis=1)
    result = pick_the_winner(n, rates, lead=0)
    for k in range(3):
        chosen = counts[winner == k, k] / n
        assert result.selected[k] == pytest.approx((winner == k).mean(), abs=0.005)
        assert result.bias[k] == pytest.approx(chosen.mean() - rates[k], abs=0.005)
    assert (result.bias > 0).all()


def test_rose_by_simulation() -> None:
    rng = np.random.default_rng(4)
    counts = rng.binomial(30, [0.25, 0.4], (200_000, 2))
    higher = counts[:, 1] - counts[:, 0] >= 3
    result = rose(30, [0.25, 0.4], 0.1)
    np.testing.assert_allclose(result.selected, [1 - higher.mean(), higher.mean()], atol=0.004)
    assert result.observed_rate[0] == pytest.approx(counts[~higher, 0].mean() / 30, abs=0.002)
    assert result.observed_rate[1] == pytest.approx(counts[higher, 1].mean() / 30, abs=0.002)


def test_rose_search_is_the_smallest() -> None:
    design = rose_search(0.3, 0.45, correct_lower=0.7, correct_higher=0.7)
    alike = rose(design.patients, [0.3, 0.3], design.margin)
    apart = rose(design.patients, [0.3, 0.45], design.margin)
    assert alike.selected[0] == pytest.approx(design.correct_lower) and design.correct_lower >= 0.7
    assert apart.selected[1] == pytest.approx(design.correct_higher) and design.correct_higher >= 0.7
    for n in range(2, design.patients):
        for lead in range(1, n):
            lower = rose(n, [0.3, 0.3], lead / n).selected[0]
            higher = rose(n, [0.3, 0.45], lead / n).selected[1]
            assert lower < 0.7 or higher < 0.7


def test_a_larger_margin_favours_the_lower_dose() -> None:
    lower = [rose(20, [0.3, 0.4], margin).selected[0] for margin in (0.0, 0.1, 0.2, 0.3)]
    assert lower == sorted(lower)


def test_certain_rates() -> None:
    result = pick_the_winner(5, [0.0, 1.0])
    assert result.selected.tolist() == [0.0, 1.0] and np.isnan(result.bias[0]) and result.bias[1] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pick_the_winner(0, [0.2, 0.3]), "1 or more"),
        (lambda: pick_the_winner(10, [0.2]), "two or more"),
        (lambda: pick_the_winner(10, [0.2, 1.2]), "from 0 to 1"),
        (lambda: pick_the_winner(10, [0.2, 0.3], lead=-1), "0 or more"),
        (lambda: rose(10, [0.2, 0.3, 0.4], 0.1), "lower and the higher"),
        (lambda: rose(10, [0.2, 0.3], 1.0), "margin"),
        (lambda: rose_search(0.4, 0.3), "rate < better"),
        (lambda: rose_search(0.3, 0.31, max_patients=5), "no design"),
    ],
)
def test_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
