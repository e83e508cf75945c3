"""PO-CRM: the package pocrm, the model at its limits, and the averaged variant by adaptive quadrature."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.integrate import quad

from posology.expansion.combinations.pocrm import PartialOrder
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("pocrm_imp"))
def test_as_pocrm(given_: dict[str, Any], right: dict[str, Any]) -> None:
    design = PartialOrder(
        [[combination - 1 for combination in order] for order in given_["orders"]],
        given_["skeleton"],
        given_["theta"],
        weights=given_["prior_o"],
    )
    np.testing.assert_allclose(design.models, given_["alpha"])
    at = np.array(given_["combos"]) - 1
    result = design.fit(np.bincount(at, minlength=6), np.bincount(at, given_["y"], minlength=6))
    np.testing.assert_allclose(result.order_chance, right["ord.prob"], atol=6e-4)
    assert result.recommended + 1 == right["dose.rec"]
    chances = right["ord.prob"]
    if chances.count(max(chances)) > 1:  # the package takes one of the equal orders at random
        assert chances[result.order] == max(chances)
        return
    assert result.order + 1 == right["order.est"]
    assert result.exponent == pytest.approx(right["a.est"], abs=6e-4)
    np.testing.assert_allclose(result.rates, right["ptox.est"], atol=6e-4)


def test_averaged_over_the_prior() -> None:
    design = PartialOrder([[0, 1, 2], [0, 2, 1]], (0.1, 0.25, 0.4), 0.3, estimate="bayes")
    n, y = np.array([3, 6, 3]), np.array([0, 2, 0])
    result = design.fit(n, y)
    marginal, mean = [], []
    for model in design.models:

        def density(log_a: float, power: int = 0, rates: np.ndarray = model) -> float:
            p = rates ** np.exp(log_a)
            return float(np.prod(p**y * (1 - p) ** (n - y)) * np.exp(-(log_a**2) / 2 / 1.34) * log_a**power)

        total = quad(density, -8, 8, limit=200)[0]
        marginal.append(total)
        mean.append(quad(density, -8, 8, args=(1,), limit=200)[0] / total)
    np.testing.assert_allclose(result.order_chance, np.array(marginal) / sum(marginal), rtol=1e-6)
    assert result.exponent == pytest.approx(np.exp(mean[result.order]), rel=1e-6)
    assert result.order == 1


def test_one_order_is_the_crm() -> None:
    design = PartialOrder([[0, 1, 2, 3]], (0.05, 0.15, 0.3, 0.45), 0.3)
    result = design.fit([3, 6, 3, 0], [0, 1, 1, 0])
    p = np.array(design.skeleton) ** result.exponent
    np.testing.assert_allclose(result.rates, p)
    # The score of the likelihood is zero.
    score = (np.array([0, 1, 1, 0]) - np.array([3, 6, 3, 0]) * p) / (1 - p) @ np.log(design.skeleton)
    assert abs(score) < 1e-4


def test_refused() -> None:
    orders, skeleton = [[0, 1], [1, 0]], (0.1, 0.3)
    for wrong, message in (
        ({"orders": [[0, 0]]}, "every combination"),
        ({"skeleton": (0.3, 0.1)}, "rising"),
        ({"target": 0.0}, "between 0 and 1"),
        ({"weights": (1.0,)}, "a weight above 0"),
    ):
        with pytest.raises(ValueError, match=message):
            PartialOrder(**{"orders": orders, "skeleton": skeleton, "target": 0.3, **wrong})  # type: ignore[arg-type]
    design = PartialOrder(orders, skeleton, 0.3)
    with pytest.raises(ValueError, match="no greatest value"):
        design.fit([3, 0], [0, 0])
    with pytest.raises(ValueError, match="not above patients"):
        design.fit([3, 0], [4, 0])
