"""Posterior and predictive monitoring and the dual criterion, against phase1b, ph2bayes and RBesT."""

from __future__ import annotations

import numpy as np
import pytest

from posology.expansion.beta_mixture import BetaMixture
from posology.expansion.one_arm.posterior import (
    DualCriterion,
    lee_liu_search,
    posterior_boundaries,
    predictive_boundaries,
    predictive_probability,
    thall_simon_boundaries,
    thall_simon_probability,
)
from tests.expansion.cases import cases


def prior_of(given_: dict) -> BetaMixture:
    shapes = given_["parE"]
    if not isinstance(shapes[0], list):
        return BetaMixture.of(*shapes)
    return BetaMixture.of_components([(w, *ab) for w, ab in zip(given_["weights"], shapes, strict=True)])


@pytest.mark.parametrize(("given_", "right"), cases("phase1b_predprob"))
def test_predictive_probability(given_: dict, right: dict) -> None:
    prior = prior_of(given_)
    ours = predictive_probability(
        given_["x"], given_["n"], given_["Nmax"], prior, rate=given_["p"], chance=given_["thetaT"]
    )
    assert ours == pytest.approx(right["predictive_probability"], abs=1e-10)
    now = float(prior.after(given_["x"], given_["n"]).above(given_["p"]))
    assert now == pytest.approx(right["posterior_probability_now"], abs=1e-10)


@pytest.mark.parametrize(("given_", "right"), cases("phase1b_bounds_postprob"))
def test_posterior_boundaries(given_: dict, right: dict) -> None:
    table = posterior_boundaries(
        given_["looks"], prior_of(given_), futility=(given_["p0"], given_["tL"]), success=(given_["p1"], given_["tU"])
    )
    ours = [(row["futility at most"], row["success at least"]) for row in table.rows()]
    assert ours == [(row[0], row[2]) for row in right["rows"]]


@pytest.mark.parametrize(("given_", "right"), cases("phase1b_bounds_predprob"))
def test_predictive_boundaries(given_: dict, right: dict) -> None:
    table = predictive_boundaries(
        given_["looks"],
        prior_of(given_),
        rate=given_["p0"],
        chance=given_["tT"],
        futility=given_["phiL"],
        success=given_["phiU"],
        inclusive=True,
    )
    ours = [(row["futility at most"], row["success at least"]) for row in table.rows()]
    assert ours == [(row[0], row[3]) for row in right["rows"]]


def test_the_table_of_lee_and_liu() -> None:
    """Clin Trials 2008;5:93: 20 against 40 %, 36 patients, theta_L 0.001, theta_T 0.922."""
    looks = [10, 17, 21, 24, 27, 29, 31, 33, 34, 35, 36]
    table = predictive_boundaries(looks, BetaMixture.of(0.2, 0.8), rate=0.2, chance=0.922, futility=0.001)
    assert table.futility == tuple(range(11))


def test_the_search_of_lee_and_liu() -> None:
    design = lee_liu_search(0.2, 0.4, min_patients=30, max_patients=40)
    result = design.boundaries.characteristics([0.2, 0.4])
    assert result.power[0] <= 0.1 and result.power[1] >= 0.9
    assert design.boundaries.max_patients == 36
    prior = BetaMixture.of(0.2, 0.8)
    again = predictive_boundaries(
        design.boundaries.looks, prior, rate=0.2, chance=design.theta_t, futility=design.theta_l
    )
    assert again.futility == design.boundaries.futility


@pytest.mark.parametrize(("given_", "right"), cases("ph2bayes_thall_simon"))
def test_thall_and_simon(given_: dict, right: dict) -> None:
    drug, standard = (given_["alpha_e"], given_["beta_e"]), (given_["alpha_s"], given_["beta_s"])
    if given_["fn"] == "postprob":
        ours = thall_simon_probability(given_["y"], given_["n"], drug, standard, given_["delta"])
        assert ours == pytest.approx(right["probability"], abs=1e-8)
        return
    looks = range(1, given_["nmax"] + 1)
    futile = given_["type"] == "futility"
    rule = {"futility" if futile else "success": given_["theta"]}
    table = thall_simon_boundaries(looks, drug, standard, delta=given_["delta"], **rule)
    bounds = [row["futility at most" if futile else "success at least"] for row in table.rows()]
    changes = [(n, now) for n, now, before in zip(looks, bounds, [None, *bounds], strict=False) if now != before]
    assert changes == list(zip(right["first_n"], right["bound"], strict=True))


@pytest.mark.parametrize(("given_", "right"), cases("rbest_decision1S"))
def test_dual_criterion(given_: dict, right: dict) -> None:
    rates, chances = np.atleast_1d(given_["qc"]), np.atleast_1d(given_["pc"])
    prior = BetaMixture.of_components(given_["prior"])
    n = given_["n"]
    if given_["lower_tail"]:  # "success" is then that the rate lies below
        table = posterior_boundaries([n], prior, futility=(float(rates[0]), float(np.nextafter(chances[0], 1))))
        ours = table.characteristics(given_["theta"]).futility[:, 0]
        assert table.futility[0] == right["boundary"]
    else:
        table = DualCriterion(prior, tuple(rates), tuple(chances)).boundaries(n)
        ours = table.characteristics(given_["theta"]).power
        assert table.success[0] - 1 == right["boundary"]
    np.testing.assert_allclose(ours, right["prob_decision"], atol=1e-10)


@pytest.mark.parametrize(("given_", "right"), cases("rbest_postmix"))
def test_mixtures(given_: dict, right: dict) -> None:
    prior = BetaMixture.of_components(given_["prior"])
    after = prior.after(given_["r"], given_["n"])
    np.testing.assert_allclose(list(zip(after.weights, after.a, after.b, strict=True)), right["posterior"])
    ours = [after.mean, float(after.below(0.2)), float(after.above(0.4)), prior.sample_size]
    names = ("mean", "prob_below_20", "prob_above_40", "prior_ess_moment")
    np.testing.assert_allclose(ours, [right[k] for k in names], rtol=1e-9)
    # RBesT finds the quantiles of a mixture to about 1e-4; ours are checked by putting them back
    for chance, name in ((0.025, "q025"), (0.975, "q975")):
        assert after.quantile(chance) == pytest.approx(right[name], abs=1e-4)
        assert float(after.below(after.quantile(chance))) == pytest.approx(chance, abs=1e-10)


def test_predictive_chances_sum_to_one() -> None:
    mixture = BetaMixture.of_components([(0.3, 2, 8), (0.7, 1, 1)])
    assert mixture.predictive(40).sum() == pytest.approx(1)
    np.testing.assert_allclose(
        mixture.posteriors_above(12, 0.3), [float(mixture.after(x, 12).above(0.3)) for x in range(13)], rtol=1e-12
    )


def test_a_robust_prior_gives_way() -> None:
    prior = BetaMixture.of(30, 70)
    robust = prior.robust(0.2)
    assert robust.sample_size < prior.sample_size
    assert robust.after(16, 20).mean > prior.after(16, 20).mean + 0.2


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: BetaMixture.of(0, 1), "above 0"),
        (lambda: BetaMixture.of(1, 1).after(3, 2), "between 0 and the patients"),
        (lambda: predictive_probability(5, 4, 10, BetaMixture.of(1, 1), rate=0.2, chance=0.9), "cannot be"),
        (lambda: DualCriterion(BetaMixture.of(1, 1), (0.2,), (1.5,)), "between 0 and 1"),
        (lambda: lee_liu_search(0.2, 0.22, max_patients=25), "no design of"),
    ],
)
def test_what_cannot_be(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
