"""MERIT: exact against an independent enumeration, its published design, simulation, and limits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import isotonic_regression
from scipy.stats import binom, norm

from posology.expansion.dose_comparison.merit import Merit, MeritRates, merit_search
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("merit_exact"))
def test_as_enumerated_independently(given_: dict[str, Any], right: dict[str, Any]) -> None:
    result = Merit(given_["n"], given_["mT"], given_["mE"], given_["isotonic"]).characteristics(
        given_["p_tox"], given_["p_eff"], acceptable=given_["acceptable"], correlation=given_["correlation"]
    )
    np.testing.assert_allclose(result.selected, right["selected"], atol=1e-12)
    assert result.any_selected == pytest.approx(right["any"], abs=1e-12)
    for ours, theirs in ((result.power_one, right["power_one"]), (result.power_two, right["power_two"])):
        assert np.isnan(ours) if theirs is None else ours == pytest.approx(theirs, abs=1e-12)


def test_the_published_design() -> None:
    """Yang et al. 2024, Table 2: 26/7/9 for two doses, alpha 0.1 and power two 0.6, simulated at correlation 0.5."""
    rates = MeritRates(0.4, 0.2, 0.2, 0.4)
    design, error, power = merit_search(rates, correlation=0.5)
    assert (design.patients, design.max_toxicities, design.min_responses) == (26, 7, 9)
    assert error == pytest.approx(0.0952, abs=1e-4) and power == pytest.approx(0.6033, abs=1e-4)
    # Without correlation that design exceeds its level.
    worst = max(design.characteristics(t, r).any_selected for t, r in rates.nulls(2))
    assert worst == pytest.approx(0.1232, abs=1e-4)


def test_three_doses_by_simulation() -> None:
    rng = np.random.default_rng(3)
    toxicity, response, n, trials = [0.1, 0.2, 0.35], [0.2, 0.35, 0.4], 20, 40_000
    normal = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=(trials, 3, n))
    toxicities = (normal[..., 0] < norm.ppf(toxicity)[:, None]).sum(axis=-1)
    responses = (normal[..., 1] < norm.ppf(response)[:, None]).sum(axis=-1)
    design = Merit(n, 5, 6)
    chosen = design.judge(toxicities, responses)
    result = design.characteristics(toxicity, response, acceptable=[False, True, False], correlation=0.4)
    np.testing.assert_allclose(result.selected, chosen.mean(axis=0), atol=0.01)
    assert result.any_selected == pytest.approx(chosen.any(axis=1).mean(), abs=0.01)
    assert result.power_two == pytest.approx(chosen[:, 1].mean(), abs=0.01)
    only_right = chosen[:, 1] & ~chosen[:, 0] & ~chosen[:, 2]
    assert result.power_one == pytest.approx(only_right.mean(), abs=0.01)


def test_counts_are_smoothed_by_least_squares() -> None:
    rng = np.random.default_rng(5)
    for counts in rng.integers(0, 21, (50, 2, 4)):
        smooth_t, smooth_r = (isotonic_regression(row).x for row in counts)
        right = (smooth_t <= 8 + 1e-9) & (smooth_r >= 9 - 1e-9)
        np.testing.assert_array_equal(Merit(20, 8, 9).judge(*counts), right)


def test_without_smoothing_doses_are_apart() -> None:
    design = Merit(15, 4, 5, smoothed=False)
    result = design.characteristics([0.2, 0.3], [0.3, 0.4])
    expected = binom.cdf(4, 15, [0.2, 0.3]) * binom.sf(4, 15, [0.3, 0.4])
    np.testing.assert_allclose(result.selected, expected, atol=1e-12)
    assert result.any_selected == pytest.approx(1 - np.prod(1 - expected))


def test_correlation_at_its_limits_of_rates() -> None:
    """A rate of 0 or 1 leaves the other endpoint alone."""
    design = Merit(10, 2, 3, smoothed=False)
    result = design.characteristics([0.0, 1.0], [0.4, 0.4], correlation=0.7)
    np.testing.assert_allclose(result.selected, [binom.sf(2, 10, 0.4), 0.0], atol=1e-12)


def test_more_response_helps_and_more_toxicity_harms() -> None:
    design = Merit(20, 5, 7)
    responses = [design.characteristics([0.2, 0.2], [0.3, r]).selected[1] for r in (0.2, 0.3, 0.5)]
    toxicities = [design.characteristics([0.1, t], [0.3, 0.4]).selected[1] for t in (0.1, 0.3, 0.5)]
    assert responses == sorted(responses) and toxicities == sorted(toxicities, reverse=True)


def test_every_scenario_is_looked_at() -> None:
    rates = MeritRates(0.4, 0.2, 0.2, 0.4)
    nulls = {(tuple(t), tuple(r)) for t, r in rates.nulls(2)}
    assert len(nulls) == 6 and ((0.2, 0.4), (0.2, 0.4)) in nulls
    rights = [tuple(right) for _, _, right in rates.alternatives(2)]
    assert sorted(rights) == [(False, True), (True, False), (True, True)]


def test_refused() -> None:
    with pytest.raises(ValueError, match="0 to 20"):
        Merit(20, 21, 3)
    with pytest.raises(ValueError, match="correlation"):
        Merit(20, 5, 7).characteristics([0.1, 0.2], [0.3, 0.4], correlation=1.0)
    with pytest.raises(ValueError, match="up to three"):
        Merit(20, 5, 7).characteristics([0.1] * 4, [0.3] * 4)
    with pytest.raises(ValueError, match="counts must lie"):
        Merit(20, 5, 7).judge([21, 3], [3, 3])
    with pytest.raises(ValueError, match="must lie below"):
        MeritRates(0.2, 0.4, 0.2, 0.4)
    with pytest.raises(ValueError, match="no design"):
        merit_search(MeritRates(0.25, 0.2, 0.2, 0.25), max_patients=10)
