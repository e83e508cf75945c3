"""Two-drug BLRM: quasi-Monte Carlo done independently, one drug alone against quadrature, and its interactions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.special import expit

from posology.expansion.combinations.two_drug_blrm import TwoDrugBlrm
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("blrm_combo2_qmc"))
def test_posterior(given_: dict[str, Any], right: dict[str, Any]) -> None:
    model = TwoDrugBlrm(tuple(given_["ref"]), tuple(given_["prior"]["mean"]), tuple(given_["prior"]["sd"]))
    posterior = model.posterior(
        given_["doses"],
        given_["n"],
        given_["y"],
        predict=given_["predict"],
        intervals=[tuple(interval) for interval in given_["intervals"]],
    )
    rows = np.array(right["rows"])
    assert posterior.error < 1e-3
    np.testing.assert_allclose(posterior.mean, rows[:, 0], atol=4e-4)
    np.testing.assert_allclose(posterior.intervals, rows[:, 1:], atol=2e-3)
    np.testing.assert_allclose(posterior.intervals.sum(axis=1), 1)


def test_one_drug_alone_is_its_own_model() -> None:
    """Patients on drug 1 alone: the rate at its doses by a plain sum over its two parameters."""
    model = TwoDrugBlrm((10.0, 1.0), sd=(1.5, 0.7, 1.5, 0.7, 1.0))
    posterior = model.posterior([[5, 0], [10, 0]], [6, 6], [0, 2], predict=[[10, 0], [20, 0]])
    fine, coarse = np.linspace(-6, 6, 6001), np.linspace(-6, 6, 121)
    a, b = np.meshgrid(model.mean[0] + 1.5 * fine, 0.7 * coarse, indexing="ij")
    weight = np.exp(-np.add.outer(fine**2, coarse**2) / 2)
    for dose, n, y in ((5, 6, 0), (10, 6, 2)):
        p = expit(a + np.exp(b) * np.log(dose / 10))
        weight = weight * p**y * (1 - p) ** (n - y)
    for k, dose in enumerate((10, 20)):
        p = expit(a + np.exp(b) * np.log(dose / 10))
        assert posterior.mean[k] == pytest.approx((weight * p).sum() / weight.sum(), abs=2e-4)
        below = (weight * (p <= 0.16)).sum() / weight.sum()
        assert posterior.intervals[k, 0] == pytest.approx(below, abs=2e-3)


def test_interactions() -> None:
    parameters = np.array([[-2.0, 0.0, -2.0, 0.0, 0.8], [-2.0, 0.0, -2.0, 0.0, 0.0]])
    doses = np.array([[1.0, 1.0], [3.0, 3.0], [1.0, 0.0]])
    linear, saturating = (
        TwoDrugBlrm((1.0, 1.0), interaction=form).log_odds(parameters, doses) for form in ("linear", "saturating")
    )
    np.testing.assert_allclose(linear[0] - linear[1], [0.8, 7.2, 0.0], atol=1e-12)
    np.testing.assert_allclose(saturating[0] - saturating[1], [0.8, 0.8 * 18 / 10, 0.0], atol=1e-12)
    p = expit(-2.0)
    assert expit(linear[1, 0]) == pytest.approx(1 - (1 - p) ** 2)


def test_dlts_make_it_careful() -> None:
    model = TwoDrugBlrm((6.0, 960.0), points=1 << 14)
    among = [[3, 400], [3, 800], [6, 800]]
    assert model.recommend([[3, 400]], [6], [0], among=among) is not None
    assert model.recommend([[3, 400]], [6], [5], among=among) is None


def test_the_same_twice() -> None:
    model = TwoDrugBlrm((6.0, 960.0), points=1 << 12)
    first, second = (model.posterior([[3, 400]], [3], [1], predict=[[6, 400]]).mean for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_refused() -> None:
    model = TwoDrugBlrm((6.0, 960.0), points=1 << 12)
    with pytest.raises(ValueError, match="two doses"):
        model.posterior([[0, 0]], [3], [0], predict=[[3, 400]])
    with pytest.raises(ValueError, match="not above patients"):
        model.posterior([[3, 400]], [3], [4], predict=[[3, 400]])
    for wrong in ({"reference": (0.0, 1.0)}, {"target": (0.4, 0.3)}, {"points": 10}, {"sd": (1, 1, 1, 1, 0)}):
        with pytest.raises(ValueError, match="above 0|rises|1024"):
            TwoDrugBlrm(**{"reference": (6.0, 960.0), **wrong})  # type: ignore[arg-type]
