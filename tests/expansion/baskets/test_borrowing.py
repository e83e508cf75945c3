"""Power priors, exchangeability and partitions against baskexact, basket and bmabasket; exact characteristics against
baskexact."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom

from posology.expansion.baskets.exact import BasketDesign
from posology.expansion.baskets.exchangeability import MultiSourceExchangeability
from posology.expansion.baskets.partitions import BayesianModelAveraging, LocalExchangeability, partitions
from posology.expansion.baskets.power_prior import PowerPrior
from tests.expansion.cases import cases

KINDS = {
    "fujikawa": "Fujikawa",
    "jsd": "divergence",
    "cpp": "calibrated",
    "mml": "marginal likelihood",
    "pool": "pooled",
    "separate": "none",
}


def model_of(given_: dict) -> PowerPrior:
    kind, options = given_["weight_fun"].removeprefix("weights_"), given_["weight_params"] or {}
    names = {"epsilon": "epsilon", "tau": "tau", "logbase": "log_base", "a": "shift", "b": "slope"}
    return PowerPrior(
        KINDS[kind], given_["shape1"], given_["shape2"], **{names[key]: value for key, value in options.items()}
    )


@pytest.mark.parametrize(("given_", "right"), cases("baskexact_basket_test"))
def test_power_priors_as_baskexact(given_: dict, right: dict) -> None:
    model = model_of(given_)
    weights = model.weights([given_["r"]], given_["n"])[0]
    np.testing.assert_allclose(weights, right["weights"], atol=1e-6)
    posterior = model.posterior([given_["r"]], given_["n"], given_["p0"])
    np.testing.assert_allclose(posterior.above[0], right["prob_borrow"], atol=1e-6)


@pytest.mark.parametrize(("given_", "right"), cases("baskexact_oc"))
def test_exact_characteristics_as_baskexact(given_: dict, right: dict) -> None:
    design = BasketDesign((given_["n"],) * given_["k"], model_of(given_), given_["p0"], given_["lambda"])
    result = design.enumerate().characteristics(given_["p1"])
    np.testing.assert_allclose(result.go, right["rejection"], atol=1e-8)
    assert result.correct == pytest.approx(right["ecd"], abs=1e-8)
    for ours, name in ((result.any_false, "fwer"), (result.any_true, "ewp")):
        assert np.isnan(ours) if right[name] is None else ours == pytest.approx(right[name], abs=1e-8)
    np.testing.assert_allclose(result.mean, right["mean"], atol=1e-8)
    np.testing.assert_allclose(result.mse, right["mse"], atol=1e-8)


@pytest.mark.parametrize(("given_", "right"), cases("basket_mem_exact"))
def test_exchangeability_as_basket(given_: dict, right: dict) -> None:
    model = MultiSourceExchangeability(given_["shape1"], given_["shape2"], given_["prior_pair"])
    posterior = model.posterior([given_["responses"]], [given_["size"]], given_["p0"])
    np.testing.assert_allclose(posterior.above[0], right["post_prob"], atol=1e-10)
    pairs = model.pairs([given_["responses"]], [given_["size"]])[0]
    upper = [[np.nan if value is None else value for value in row] for row in right["pep"]]
    np.testing.assert_allclose(np.where(np.isnan(upper), np.nan, pairs), upper, atol=1e-10)


@pytest.mark.parametrize(("given_", "right"), cases("bmabasket_bma"))
def test_model_averaging_as_bmabasket(given_: dict, right: dict) -> None:
    model = BayesianModelAveraging(given_["mu0"] * given_["phi0"], (1 - given_["mu0"]) * given_["phi0"], given_["pmp0"])
    posterior = model.posterior([given_["y"]], [given_["n"]], given_["pi0"])
    np.testing.assert_allclose(posterior.above[0], right["bma_prob"], atol=1e-10)
    np.testing.assert_allclose(posterior.mean[0], right["bma_mean"], atol=1e-10)


@pytest.mark.parametrize(("given_", "right"), cases("basket_local_mem"))
def test_local_exchangeability_as_basket(given_: dict, right: dict) -> None:
    model = LocalExchangeability(given_["a0"], given_["b0"], given_["bf_threshold"])
    a, b = model.shapes([given_["x"]], [given_["n"]])
    np.testing.assert_allclose(a[0], right["alpha"], atol=1e-9)
    np.testing.assert_allclose(b[0], right["beta"], atol=1e-9)
    above = model.posterior([given_["x"]], [given_["n"]], given_["p0"]).above[0]
    np.testing.assert_allclose(above, right["prob"], atol=1e-10)


MODELS = (
    PowerPrior("Fujikawa"),
    PowerPrior("calibrated"),
    PowerPrior("marginal likelihood"),
    MultiSourceExchangeability(),
    BayesianModelAveraging(),
    LocalExchangeability(),
)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
@given(data=st.data())
@settings(max_examples=20)
def test_exchangeable_baskets_may_change_places(model, data: st.DataObject) -> None:
    n = data.draw(st.lists(st.integers(1, 15), min_size=3, max_size=4))
    x = [data.draw(st.integers(0, size)) for size in n]
    order = data.draw(st.permutations(range(len(n))))
    one = model.posterior([x], [n], 0.2).above[0]
    other = model.posterior([[x[k] for k in order]], [[n[k] for k in order]], 0.2).above[0]
    np.testing.assert_allclose(one[list(order)], other, atol=1e-9)


def test_the_limits_are_closed_forms() -> None:
    x, n = np.array([[3, 6, 9]]), 24
    alone = PowerPrior("none").posterior(x, n, 0.2).above
    np.testing.assert_allclose(alone, beta.sf(0.2, 1 + x, 1 + n - x))
    pooled = PowerPrior("pooled").posterior(x, n, 0.2).above
    np.testing.assert_allclose(pooled, beta.sf(0.2, 1 + x.sum(), 1 + 3 * n - x.sum()) * np.ones((1, 3)))
    never = MultiSourceExchangeability(1, 1, 1e-12).posterior(x, n, 0.2).above
    always = MultiSourceExchangeability(1, 1, 1 - 1e-12).posterior(x, n, 0.2).above
    np.testing.assert_allclose(never, alone, atol=1e-6)
    np.testing.assert_allclose(always, pooled, atol=1e-6)


def test_partitions_are_bells_numbers() -> None:
    assert [len(partitions(k)) for k in range(1, 8)] == [1, 2, 5, 15, 52, 203, 877]
    with pytest.raises(ValueError, match="1 to 10"):
        partitions(11)


def test_without_borrowing_each_basket_is_a_binomial() -> None:
    design = BasketDesign((12, 12, 12), PowerPrior("none"), 0.2, 0.95)
    outcomes = design.enumerate()
    least = np.flatnonzero(beta.sf(0.2, 1 + np.arange(13), 13 - np.arange(13)) >= 0.95)[0]
    result = outcomes.characteristics([0.2, 0.4, 0.1])
    np.testing.assert_allclose(result.go, binom.sf(least - 1, 12, [0.2, 0.4, 0.1]), atol=1e-12)
    assert result.any_false == pytest.approx(1 - np.prod(binom.cdf(least - 1, 12, [0.2, 0.1])))
    assert outcomes.chances([0.2, 0.4, 0.1]).sum() == pytest.approx(1)


def test_symmetric_and_unsymmetric_enumeration_agree() -> None:
    model = PowerPrior("Fujikawa", epsilon=1.5)
    one = BasketDesign((8, 8, 8), model, 0.2, 0.9).enumerate()
    other = BasketDesign((8, 8, 8), model, (0.2, 0.2, 0.2 + 1e-15), 0.9).enumerate()
    np.testing.assert_array_equal(one.go, other.go)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-12)


def test_exact_equals_simulation() -> None:
    design = BasketDesign((10, 14, 9), MultiSourceExchangeability(), 0.15, 0.9)
    truth = np.array([0.15, 0.35, 0.2])
    rng = np.random.default_rng(3)
    x = rng.binomial(design.patients, truth, size=(20_000, 3))
    go, mean = design.judge(x)
    exact = design.enumerate().characteristics(truth)
    assert (np.abs(go.mean(axis=0) - exact.go) < 4 * 0.5 / np.sqrt(len(x))).all()
    assert (np.abs(mean.mean(axis=0) - exact.mean) < 4 * mean.std(axis=0) / np.sqrt(len(x))).all()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: PowerPrior(a=0), "shapes lie above 0"),
        (lambda: PowerPrior().posterior([[3, 30]], 24, 0.2), "basket 2 has 30 responses in 24"),
        (lambda: PowerPrior().posterior([[3, 2.5]], 24, 0.2), "whole numbers"),
        (lambda: MultiSourceExchangeability().posterior([[1] * 7], 10, 0.2), "6 or fewer"),
        (lambda: BasketDesign((40,) * 5, PowerPrior(), 0.2, 0.9).enumerate(), "simulate instead"),
        (lambda: BasketDesign((4,) * 2, PowerPrior(), 0.2, 0.9).enumerate().characteristics([0.2]), "2 true rates"),
    ],
)
def test_what_cannot_be(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
