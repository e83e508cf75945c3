"""Inference after two stages against clinfun, and its properties."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from posology.expansion.one_arm.two_stage_inference import two_stage_inference
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_twostage_inference"))
def test_as_clinfun(given_: dict, right: dict) -> None:
    result = two_stage_inference(
        given_["x"], given_["r1"], given_["n1"], given_["n"], p0=given_["pu"], alpha=given_["alpha"]
    )
    assert result.umvue == pytest.approx(right["pumvue"]) and result.p_value == pytest.approx(right["p.value"])
    # clinfun looks for the limits on a grid of 1e-4
    np.testing.assert_allclose([result.lower, result.upper], [right["5% LCL"], right["95% UCL"]], atol=1.1e-4)


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.6])
def test_the_estimate_is_unbiased(rate: float) -> None:
    r1, n1, n = 2, 10, 25
    estimate = [two_stage_inference(x, r1, n1, n, p0=0.1).umvue for x in range(n + 1)]
    mean = sum(estimate[x] * binom.pmf(x, n1, rate) for x in range(r1 + 1))
    for x1 in range(r1 + 1, n1 + 1):
        x2 = np.arange(n - n1 + 1)
        mean += binom.pmf(x1, n1, rate) * (binom.pmf(x2, n - n1, rate) * np.array(estimate)[x1 + x2]).sum()
    assert mean == pytest.approx(rate)


def test_exact_limits_cover() -> None:
    r1, n1, n, alpha = 1, 9, 20, 0.05
    limits = {x: two_stage_inference(x, r1, n1, n, p0=0.1, alpha=alpha, upper_limit="exact") for x in range(n + 1)}
    for rate in (0.05, 0.2, 0.4, 0.7):
        missed_low = missed_high = 0.0
        for x1 in range(n1 + 1):
            for x2 in range(n - n1 + 1) if x1 > r1 else (0,):
                chance = binom.pmf(x1, n1, rate) * (binom.pmf(x2, n - n1, rate) if x1 > r1 else 1)
                missed_low += chance * (limits[x1 + x2].lower > rate)
                missed_high += chance * (limits[x1 + x2].upper < rate)
        assert missed_low <= alpha + 1e-9 and missed_high <= alpha + 1e-9


def test_counts_that_cannot_be() -> None:
    with pytest.raises(ValueError, match="between 0 and 29"):
        two_stage_inference(30, 1, 10, 29, p0=0.1)
    with pytest.raises(ValueError, match="r1 < n1 < n"):
        two_stage_inference(3, 10, 10, 29, p0=0.1)
