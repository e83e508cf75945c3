"""Hierarchical models against other quadratures, the paper's decisions, a sampler, and limits in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit, logit
from scipy.stats import beta, norm

from posology.expansion.baskets.exact import BasketDesign
from posology.expansion.baskets.hierarchical import (
    CalibratedHierarchical,
    Exchangeable,
    Exnex,
    FixedSpread,
    GammaPrecision,
    HalfNormal,
)
from tests.expansion.cases import cases


def exnex_of(given_: dict) -> Exnex:
    priors = zip(given_["mu_mean"], given_["mu_sd"], given_["tau_half_normal_scale"], strict=True)
    components = tuple(Exchangeable(mean, sd, HalfNormal(scale)) for mean, sd, scale in priors)
    return Exnex(components, tuple(given_["weights"]), tuple(given_["nex_mean"]), tuple(given_["nex_sd"]))


@pytest.mark.parametrize(("given_", "right"), cases("exnex_quadrature"))
def test_exnex_as_another_quadrature(given_: dict, right: dict) -> None:
    """Means agree to 1e-6 with one component, 1e-4 with two; its chances are rougher: its grid has no edge at the
    threshold."""
    model = exnex_of(given_)
    exact = 1e-6 if given_["weights"][1] == 0 else 1e-4
    for k, threshold in enumerate(given_["thresholds"]):
        posterior = model.posterior([given_["r"]], [given_["n"]], threshold)
        np.testing.assert_allclose(posterior.above[0], right["prob"][str(threshold)], atol=1e-3)
        if k == 0:
            np.testing.assert_allclose(posterior.mean[0], right["mean"], atol=exact)
            np.testing.assert_allclose(posterior.sd[0], right["sd"], atol=exact)
    if len(given_["r"]) < 8:
        ours = model.components_of([given_["r"]], [given_["n"]])[0]
        np.testing.assert_allclose(ours, np.array(right["component"]), atol=1e-3)


@pytest.mark.parametrize(("given_", "right"), cases("bhm_half_normal_quadrature"))
def test_one_component_as_another_quadrature(given_: dict, right: dict) -> None:
    component = Exchangeable(
        given_["mu_mean"] + float(logit(given_["target"])), given_["mu_sd"], HalfNormal(given_["tau_half_normal_scale"])
    )
    model = Exnex((component,), (1.0, 0.0))
    for threshold in given_["thresholds"]:
        posterior = model.posterior([given_["r"]], [given_["n"]], threshold)
        np.testing.assert_allclose(posterior.mean[0], right["mean"], atol=1e-6)
        tolerance = max(2 * right["halving_error"], 1e-5)  # the error of the other quadrature, as it states it
        np.testing.assert_allclose(posterior.above[0], right["prob"][str(threshold)], atol=tolerance)


@pytest.mark.parametrize(("given_", "right"), cases("thall2003_hierarchical"))
def test_the_decisions_of_thall(given_: dict, right: dict) -> None:
    spread = GammaPrecision(given_["precision_gamma_shape"], given_["precision_gamma_rate"])
    model = Exnex((Exchangeable(given_["mu_mean"], given_["mu_variance"] ** 0.5, spread),), (1.0, 0.0))
    posterior = model.posterior([given_["r"]], [given_["n"]], given_["threshold"])
    np.testing.assert_allclose(posterior.mean[0], right["mean"], atol=1e-5)
    np.testing.assert_allclose(posterior.above[0], right["prob_above"], atol=4e-4)
    assert (posterior.above[0] >= given_["stop_if_below"]).tolist() == right["continue_"]


@pytest.mark.parametrize(("given_", "right"), cases("cbhm_quadrature"))
def test_calibrated(given_: dict, right: dict) -> None:
    """Where tau is large the other quadrature is off, by 0.03 in a mean: the limit in closed form, below, is the
    judge."""
    model = CalibratedHierarchical(given_["a"], given_["b"], given_["mu_mean"], given_["mu_sd"])
    variance = float(model.variance([given_["r"]], [given_["n"]])[0])
    assert variance == pytest.approx(right["sigma2"], rel=1e-5)
    posterior = model.posterior([given_["r"]], [given_["n"]], given_["thresholds"][0])
    assert np.isfinite(posterior.above).all()
    if variance < 100:
        np.testing.assert_allclose(posterior.mean[0], right["mean"], atol=1e-4)


def test_a_large_spread_is_no_borrowing() -> None:
    """With a nearly flat logit each posterior is beta(x, n - x): Pr(p > 0.2 | 5 of 20) = 0.673."""
    x, n = np.array([5, 2, 9, 1]), 20
    model = Exnex((Exchangeable(-1.39, 10.0, FixedSpread(35.0)),), (1.0, 0.0))
    np.testing.assert_allclose(model.posterior([x], n, 0.2).above[0], beta.sf(0.2, x, n - x), atol=2e-3)


def test_a_small_spread_is_pooling() -> None:
    x, n, sd = np.array([1, 4, 2]), 12, 1.5
    model = Exnex((Exchangeable(-1.0, sd, FixedSpread(1e-4)),), (1.0, 0.0))
    posterior = model.posterior([x], n, 0.25)

    def density(theta: float) -> float:
        return float(np.exp(x.sum() * theta - 3 * n * np.logaddexp(0, theta)) * norm.pdf(theta, -1.0, sd))

    whole = quad(density, -15, 15, points=[-1], epsabs=0, epsrel=1e-12, limit=400)[0]
    above = quad(density, float(logit(0.25)), 15, epsabs=0, epsrel=1e-12, limit=400)[0]
    np.testing.assert_allclose(posterior.above[0], above / whole, atol=1e-6)


def test_standing_alone_is_one_integral_a_basket() -> None:
    model = Exnex((Exchangeable(0.0, 1.0, HalfNormal(1.0)),), (0.0, 1.0), (-1.0, -2.0), (1.0, 2.0))
    posterior = model.posterior([[2, 3]], [[10, 12]], 0.3)
    for j, (x, n, mean, sd) in enumerate([(2, 10, -1.0, 1.0), (3, 12, -2.0, 2.0)]):

        def density(t: float, x: int = x, n: int = n, mean: float = mean, sd: float = sd) -> float:
            return float(np.exp(x * t - n * np.logaddexp(0, t)) * norm.pdf(t, mean, sd))

        whole = quad(density, -30, 30, points=[-3, 0], epsabs=0, epsrel=1e-12, limit=400)[0]
        above = quad(density, float(logit(0.3)), 30, epsabs=0, epsrel=1e-12, limit=400)[0]
        mean_p = quad(lambda t, f=density: expit(t) * f(t), -30, 30, points=[-3, 0], epsabs=0, epsrel=1e-12, limit=400)[
            0
        ]
        assert posterior.above[0, j] == pytest.approx(above / whole, abs=1e-7)
        assert posterior.mean[0, j] == pytest.approx(mean_p / whole, abs=1e-7)


def test_two_components_agree_with_a_sampler() -> None:
    """Importance sampling from the prior, 400,000 draws."""
    x, n = np.array([2, 0, 5]), np.array([10, 8, 12])
    model = Exnex(
        (Exchangeable(-2.0, 0.7, HalfNormal(0.5)), Exchangeable(0.0, 0.7, HalfNormal(0.5))), (0.4, 0.3, 0.3), -1.0, 1.0
    )
    rng, draws = np.random.default_rng(8), 400_000
    mu = rng.normal([-2.0, 0.0], 0.7, size=(draws, 2))
    tau = np.abs(rng.normal(0, 0.5, size=(draws, 2)))
    component = rng.choice(3, p=[0.4, 0.3, 0.3], size=(draws, 3))
    mean = np.where(component == 2, -1.0, np.take_along_axis(mu, np.minimum(component, 1), axis=1))
    sd = np.where(component == 2, 1.0, np.take_along_axis(tau, np.minimum(component, 1), axis=1))
    theta = rng.normal(mean, sd)
    weight = np.exp((x * theta - n * np.logaddexp(0, theta)).sum(axis=1))
    weight /= weight.sum()
    posterior = model.posterior([x], [n], 0.2)
    error = 5 * np.sqrt((weight**2).sum())
    np.testing.assert_allclose(posterior.mean[0], weight @ expit(theta), atol=error * 0.3)
    np.testing.assert_allclose(posterior.above[0], weight @ (expit(theta) > 0.2), atol=error)
    inside = np.stack([weight @ (component == k) for k in range(3)], axis=1)
    np.testing.assert_allclose(model.components_of([x], [n])[0], inside, atol=error)


def test_a_batch_is_its_trials() -> None:
    model = Exnex(
        (Exchangeable(-1.5, 1.5, HalfNormal(0.7)), Exchangeable(0.0, 1.0, HalfNormal(0.7))), (0.4, 0.2, 0.4), -1.0, 2.0
    )
    rng = np.random.default_rng(2)
    n = np.array([10, 12, 8])
    x = rng.integers(0, n + 1, size=(40, 3))
    together = model.posterior(x, n, (0.1, 0.2, 0.2))
    for t in (0, 7, 39):
        alone = model.posterior(x[t : t + 1], n, (0.1, 0.2, 0.2))
        np.testing.assert_allclose(together.above[t], alone.above[0], atol=1e-10)
        np.testing.assert_allclose(together.mean[t], alone.mean[0], atol=1e-10)


def test_a_small_exact_design() -> None:
    """One basket: the hierarchical model is a prior of its own, and the outcomes are a binomial."""
    model = Exnex((Exchangeable(-1.0, 1.0, HalfNormal(0.5)),), (1.0, 0.0))
    outcomes = BasketDesign((10, 6), model, 0.2, 0.9).enumerate()
    assert outcomes.go.any() and not outcomes.go.all()
    result = outcomes.characteristics([0.2, 0.5])
    by_hand = outcomes.chances([0.2, 0.5]) @ outcomes.go
    np.testing.assert_allclose(result.go, by_hand)
    assert 0 < result.go[0] < result.go[1] < 1


@pytest.mark.slow
@pytest.mark.parametrize(("given_", "right"), cases("exnex_exact_oc"))
def test_exact_characteristics_of_the_design_of_2016(given_: dict, right: dict) -> None:
    """53,361 outcomes; tolerances are those of the other quadrature."""
    design = BasketDesign(
        tuple(given_["n"]), exnex_of(given_), 0.1, (0.9, 0.9, 0.8, 0.8), inclusive=False, least_mean=0.2
    )
    result = design.enumerate().characteristics(given_["p"])
    np.testing.assert_allclose(result.go, right["go"], atol=right["tolerance"]["go"])
    np.testing.assert_allclose(result.mean - given_["p"], right["bias"], atol=right["tolerance"]["bias"])
    np.testing.assert_allclose(result.mse, right["mse"], atol=right["tolerance"]["mse"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: Exnex((), (1.0,)), "one exchangeable component or two"),
        (lambda: Exnex((Exchangeable(0, 1, HalfNormal(1)),), (0.5, 0.6)), "sum to 1"),
        (lambda: Exnex((Exchangeable(0, 0, HalfNormal(1)),), (1.0, 0.0)).posterior([[1]], 5, 0.2), "above 0"),
        (lambda: Exnex((Exchangeable(0, 1, HalfNormal(-1)),), (1.0, 0.0)).posterior([[1]], 5, 0.2), "above 0"),
    ],
)
def test_what_cannot_be(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
