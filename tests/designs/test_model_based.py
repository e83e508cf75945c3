"""CRM, BLRM and EWOC against dfcrm, bcrm, UBCRM, escalation, crmPack and quadrature, and by properties."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from posology.designs import Action, Blrm, Crm, Ewoc, Normal, Tally, prior_from_quantiles
from posology.operating import enumerate_trials
from posology.operating.calibrate import skeleton_with_means
from tests.designs.test_three_plus_three import cases

SKELETON = (0.05, 0.12, 0.25, 0.40, 0.55)


def tally_of(level: list[int], tox: list[int], levels: int) -> Tally:
    """Build a tally from one entry a patient: levels from 1."""
    treated, toxic = np.zeros((1, levels), dtype=int), np.zeros((1, levels), dtype=int)
    at = np.array(level, dtype=int) - 1
    np.add.at(treated[0], at, 1)
    np.add.at(toxic[0], at, np.array(tox, dtype=int))
    return Tally(treated, toxic, np.array([at[-1] if len(at) else 0]))


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_crm"))
def test_crm_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    fit = inputs.get("method", "bayes")
    levels = len(inputs["prior"])
    design = Crm(
        levels,
        inputs["target"],
        skeleton=tuple(inputs["prior"]),
        model=inputs.get("model", "empiric"),
        fit=fit,
        intercept=inputs.get("intcpt", 3.0),
        prior_parameters=(0.0, inputs.get("scale", sqrt(1.34))),
        initial=(1,) if fit == "mle" else (),
        max_patients=max(30, len(inputs["tox"])),
    )
    tally = tally_of(inputs["level"], inputs["tox"], levels)
    # dfcrm maximises the likelihood to a tolerance of 1e-4, and puts a wide prior into its variance: the estimate alone
    accuracy = 1e-6 if fit == "bayes" else 2e-4
    assert design.beta(tally)[0] == pytest.approx(outputs["estimate"], abs=accuracy)
    np.testing.assert_allclose(design.estimates(tally)[0], outputs["ptox"], atol=accuracy)
    assert np.abs(design.estimates(tally)[0] - inputs["target"]).argmin() + 1 == outputs["mtd"]
    if fit == "bayes":
        assert design.variance(tally)[0] == pytest.approx(outputs["post.var"], abs=2e-6)


def test_crm_with_so_many_patients_that_dfcrm_fails() -> None:
    """With 1,000 patients at level 2, a quarter with DLT, dfcrm says 0; with 2,000 it breaks off."""
    for n in (1000, 2000):
        design = Crm(5, 0.25, skeleton=SKELETON, max_patients=n)
        tally = Tally(np.array([[0, n, 0, 0, 0]]), np.array([[0, n // 4, 0, 0, 0]]), np.array([1]))
        truth = np.log(np.log(0.25) / np.log(0.12))
        assert design.beta(tally)[0] == pytest.approx(truth, abs=0.01)


@pytest.mark.parametrize(("inputs", "outputs"), cases("bcrm_exact"))
def test_crm_of_bcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """bcrm gives the mean of each rate. Its hyperbolic tangent model is the empiric one in other words."""
    kind = {1: "gamma", 2: "uniform", 3: "lognormal"}[inputs["prior_alpha"][0]]
    first, second = inputs["prior_alpha"][1:]
    if kind == "lognormal":  # the package takes log of the mean, and the variance of the logarithm
        first, second = first - second / 2, sqrt(second)
    n, y, p0 = np.array(inputs["n"]), np.array(inputs["y"]), np.array(inputs["p.tox0"])
    design: Any = Crm(
        5,
        inputs["target"],
        skeleton=tuple(p0),
        model={"ht": "empiric", "logit1": "logistic"}[inputs["ff"]],
        prior=kind,
        prior_parameters=(first, second),
        max_patients=60,
        estimate="mean",
    )
    tally = Tally(n[None], y[None], np.array([4]))
    found, expected = design.mean_rates(tally)[0], np.array(outputs["post_mean"])
    if np.abs(found - expected).max() > 1e-5:
        # the package's integral is off by 0.0016 here: ours agrees with an adaptive quadrature
        likelihood = lambda a: float(np.prod(p0 ** (a * y) * (1 - p0**a) ** (n - y)))
        whole = quad(likelihood, first, second, epsabs=1e-15, epsrel=1e-10)[0]
        expected = [
            quad(lambda a, p=p: likelihood(a) * p**a, first, second, epsabs=1e-15, epsrel=1e-10)[0] / whole for p in p0
        ]
        assert (kind, inputs["ff"], inputs["n"]) == ("uniform", "ht", [9, 0, 9, 0, 0])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(("inputs", "outputs"), cases("ubcrm_Crm"))
def test_crm_of_ubcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """UBCRM: normal prior of standard deviation 1.34 (not variance) for the power model, exponential for the others.

    Its method "pposts" takes the guess for the prior means of the rates.
    """
    power = inputs["model"] == "power"
    plugin = "plugin" if power else "plugin-slope"
    design: Any = Crm(
        5,
        inputs["target"],
        skeleton=tuple(inputs["prior"]),
        model="logistic" if inputs["model"] == "logistic" else "empiric",
        prior="lognormal" if power else "gamma",
        prior_parameters=(0.0, 1.34) if power else (1.0, 1.0),
        estimate=plugin if inputs["method"] == "fpost" else "mean",
        max_patients=60,
        nearest="any" if inputs["nextlevel"] == "ntarget" else "below",
    )
    if inputs["method"] == "pposts":
        design = replace(design, skeleton=skeleton_with_means(design))
    tally = Tally(np.array([inputs["npt"]]), np.array([inputs["ndlt"]]), np.array([0]))
    # the package finds those skeletons by a root of a tolerance of 1e-4; ours have the guess as prior mean exactly
    accuracy = 5e-3 if inputs["method"] == "pposts" else 1e-8 if power else 5e-5
    np.testing.assert_allclose(design.estimates(tally)[0], outputs["prob"], atol=accuracy)
    tried = int(np.flatnonzero(inputs["npt"]).max()) + 1
    assert min(design.choose(tally)[0] + 1, tried + 1) == min(outputs["nextdose"], tried + 1)


@pytest.mark.parametrize(("inputs", "outputs"), cases("escalation_crm_exact"))
def test_exact_paths_of_escalation(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """Every node of the tree: the next dose, replayed by our design."""
    skeleton = tuple(inputs["skeleton"])
    stop = (
        {"stop_at": inputs["stop_when_n_at_dose"]["n"], "stop_when": "next"}
        if inputs.get("stop_when_n_at_dose")
        else {}
    )
    toxic = inputs.get("too_toxic")
    design: Any = Crm(
        len(skeleton),
        inputs["target"],
        skeleton=skeleton,
        model=inputs["model"],
        coherent=False,
        cohort=inputs["cohort_size"],
        no_skipping=inputs.get("dont_skip") == "up",
        max_patients=inputs.get("stop_at_n", 60),
        **stop,
        stop_toxic=toxic["confidence"] if toxic else None,
        stop_toxic_rate=toxic["threshold"] if toxic else None,
    )
    paths = outputs["paths"]
    outcomes: dict[int, str] = {}
    for at, (node, parent, outcome) in enumerate(zip(paths["node"], paths["parent"], paths["outcomes"], strict=True)):
        if parent is None:
            outcomes[node] = ""
            continue
        given = paths["next_dose"][paths["node"].index(parent)]
        outcomes[node] = f"{outcomes[parent]} {given}{outcome}".strip()
        tally = Tally.of(outcomes[node], design.levels)
        decision = design.decide(tally)
        ours, theirs = int(decision.level[0]) + 1 or None, paths["next_dose"][at]
        if not paths["continue"][at] and theirs:  # at the end we choose among the levels tried
            theirs = min(theirs, int(np.flatnonzero(tally.treated[0]).max()) + 1)
        if toxic and ours != theirs:
            # the package takes the posterior of beta for normal; the chance itself lies on the other side of the limit
            assert abs(design.probability_above(tally, toxic["threshold"])[0, 0] - toxic["confidence"]) < 0.05
            continue
        assert ours == theirs, outcomes[node]
        assert (decision.action[0] < Action.DECLARE) == paths["continue"][at]


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_crmsim"))
def test_simulations_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """2,000 trials a case, within five standard errors of our exact value."""
    two_stage = isinstance(inputs["x0"], list)
    levels = len(inputs["PI"])
    initial = tuple(np.bincount(inputs["x0"])[1:].tolist()) if two_stage else ()
    design: Any = Crm(
        levels,
        inputs["target"],
        skeleton=tuple(inputs["prior"]),
        cohort=inputs["mcohort"],
        max_patients=inputs["n"],
        start=0 if two_stage else inputs["x0"] - 1,
        no_skipping=inputs.get("restrict", True),
        fit=inputs.get("method", "bayes"),
        coherent=False,
        initial=initial,
    )
    found = enumerate_trials(design).characteristics(inputs["PI"])
    expected = np.array(outputs["MTD"])
    error = np.sqrt(np.maximum(found.selection[0, 1:] * (1 - found.selection[0, 1:]), 1e-3) / inputs["nsim"])
    assert (np.abs(found.selection[0, 1:] - expected) < 5 * error).all(), (found.selection[0, 1:], expected)


@pytest.mark.parametrize(("inputs", "outputs"), cases("blrm_interval_probs"))
def test_blrm_against_quadrature_and_crmpack(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    grid, truth = inputs["dose_grid"], outputs["quadrature"]
    covariance = np.array(inputs["prior_cov"])
    sd = np.sqrt(np.diag(covariance))
    prior = Normal(tuple(inputs["prior_mean_logalpha_logbeta"]), (sd[0], sd[1]), covariance[0, 1] / sd[0] / sd[1])
    design = Blrm(len(grid), 0.25, doses=tuple(grid), reference=inputs["ref_dose"], prior=(prior,))
    tally = tally_of([grid.index(x) + 1 for x in inputs["x"]], inputs["y"], len(grid))
    theta = design.expect(tally, design.nodes)[0]
    np.testing.assert_allclose(theta, [truth["mean_log_alpha"], truth["mean_log_beta"]], atol=1e-7)
    np.testing.assert_allclose(design.mean_rates(tally)[0], truth["prob_tox_mean"], atol=1e-7)
    chances = design.intervals(tally)[0]
    for column, name in enumerate(("p_under_0.16", "p_target_0.16_0.33", "p_over_0.33_1")):
        np.testing.assert_allclose(chances[:, column], truth[name], atol=5e-7)
    np.testing.assert_allclose(design.probability_above(tally, 0.6)[0], truth["p_excessive_0.60_1"], atol=5e-7)


@pytest.mark.parametrize(("inputs", "outputs"), cases("ewoc_classical"))
def test_ewoc_against_quadrature_and_mcmc(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    doses = sorted(set(inputs["x"]))
    design = Ewoc(
        len(doses),
        inputs["theta"],
        doses=tuple(doses),
        overdose=inputs["alpha"],
        mtd_prior=tuple(inputs["mtd_prior"]),
        mtd_range=(inputs["min_dose"], inputs["max_dose"]),
        rho_prior=tuple(inputs["rho_prior"]),
    )
    tally = tally_of([doses.index(x) + 1 for x in inputs["x"]], inputs["y"], len(doses))
    assert design.next_dose(tally)[0] == pytest.approx(outputs["quadrature_alpha_quantile_of_MTD"], abs=2e-3)
    assert design.mean_mtd(tally)[0] == pytest.approx(outputs["quadrature_mean_MTD"], abs=2e-3)


def test_ewoc_never_gives_a_level_above_the_quantile() -> None:
    design = Ewoc(5, 0.33, doses=(20, 30, 40, 60, 80), mtd_range=(20, 100), no_skipping=False, coherent=False)
    for outcomes in ("1NNN", "1NNN 2NNN", "1NNN 2NNN 3NTN", "1NNN 2NTT"):
        tally = Tally.of(outcomes, 5)
        level, dose = design.choose(tally)[0], design.next_dose(tally)[0]
        assert design.doses[level] <= dose + 0.1 or level == 0
        assert level == 4 or design.doses[level + 1] > dose - 0.1


def test_a_mixture_of_the_same_is_the_same() -> None:
    one = Normal((-1.0, 0.0), (2.0, 1.0), 0.3)
    tally = Tally.of("1NNN 2NTN", 4)
    plain = Blrm(4, 0.25, doses=(1, 2, 4, 8), prior=(one,))
    twice = Blrm(4, 0.25, doses=(1, 2, 4, 8), prior=(one, Normal((-1.0, 0.0), (2.0, 1.0), 0.3, weight=3.0)))
    np.testing.assert_allclose(plain.intervals(tally), twice.intervals(tally), atol=1e-9)


def test_prior_from_quantiles_comes_back() -> None:
    truth = Normal((-0.8, 0.2), (1.5, 0.6), 0.2)
    doses = [1, 1, 4, 4, 8, 8, 8]
    rng = np.random.default_rng(1)
    theta = rng.multivariate_normal(truth.mean, truth.covariance, 400_000)
    rates = [1 / (1 + np.exp(-theta[:, 0] - np.exp(theta[:, 1]) * np.log(d / 8))) for d in doses]
    chance = [0.5, 0.9, 0.25, 0.75, 0.1, 0.5, 0.9]
    found = prior_from_quantiles(
        doses, 8, [(c, float(np.quantile(r, c)), 1.0) for c, r in zip(chance, rates, strict=True)]
    )
    np.testing.assert_allclose(found.mean, truth.mean, atol=0.05)
    np.testing.assert_allclose(found.sd, truth.sd, atol=0.15)


MODELS: list[Any] = [
    Crm(5, 0.25, skeleton=SKELETON, max_patients=15),
    Crm(5, 0.25, skeleton=SKELETON, model="logistic", max_patients=15),
    Blrm(5, 0.25, doses=(1, 2, 4, 8, 16), max_patients=15),
    Ewoc(5, 0.3, doses=(1, 2, 4, 8, 16), max_patients=15),
]


@pytest.mark.parametrize("design", MODELS)
def test_expectations_agree_with_the_truth(design: Any) -> None:
    truth = np.array([0.05, 0.1, 0.2, 0.35, 0.5])
    found = enumerate_trials(design).characteristics(truth)
    assert found.selection.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.dlts[0], truth * found.patients[0], atol=1e-9)


@pytest.mark.parametrize("design", MODELS)
@given(data=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=5, max_size=5), at=st.integers(0, 4))
@settings(max_examples=25, deadline=None)
def test_one_more_dlt_never_makes_its_level_look_safer(design: Any, data: list[tuple[int, int]], at: int) -> None:
    design = replace(design, max_patients=45)
    treated, toxic = np.array([[n for n, _ in data]]), np.array([[min(n, y) for n, y in data]])
    more = toxic.copy()
    more[0, at] = min(more[0, at] + 1, treated[0, at])
    level = np.array([0])
    before, after = Tally(treated, toxic, level), Tally(treated, more, level)
    # One DLT more multiplies the posterior by p / (1 - p) of its level: that level's rate rises stochastically, always.
    # With one parameter all rates rise with it. With two, a DLT at a high level may make the curve steeper and a low
    # level look safer, so that the dose may rise: no property of theirs.
    above_at = lambda tally: design.probability_above(tally, design.target)[0, at]
    assert above_at(after) >= above_at(before) - 1e-5
    if isinstance(design, Crm):
        assert design.choose(after)[0] <= design.choose(before)[0]
    rates = design.mean_rates(Tally(treated, toxic, level))[0]
    assert (np.diff(rates) > -1e-12).all()
    assert ((rates > 0) & (rates < 1)).all()
    above = design.probability_above(Tally(treated, toxic, level), design.target)[0]
    assert (np.diff(above) > -1e-5).all()


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Crm(5, 0.25, skeleton=(0.1, 0.2)), "one for each of the 5"),
        (lambda: Crm(3, 0.25, skeleton=(0.1, 0.3, 0.2)), "each above the one before"),
        (lambda: Crm(3, 0.25, skeleton=(0.1, 0.2, 0.3), fit="mle"), "initial sequence"),
        (lambda: Crm(3, 0.25, skeleton=(0.1, 0.2, 0.3), prior="gamma", prior_parameters=(0, 1)), "shape above 0"),
        (lambda: Blrm(3, 0.25, doses=(1, 2)), "one for each of the 3"),
        (lambda: Blrm(2, 0.25, doses=(1, 2), interval=(0.4, 0.3)), "two rising rates"),
        (lambda: Normal((0, 0), (1, 1), 1.0), "between -1 and 1"),
        (lambda: Ewoc(2, 0.33, doses=(2, 1)), "above the one before"),
        (lambda: Ewoc(2, 0.33, doses=(1, 2), mtd_range=(1.5, 3)), "at or below the lowest"),
        (lambda: prior_from_quantiles([1], 1, [(0.5, 0.5, 1)]), "five or more"),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()


@pytest.mark.parametrize("intercept", [1.5, 3.0, 10.0, 20.0])
def test_a_logistic_crm_of_any_intercept_against_quadrature(intercept: float) -> None:
    tally = Tally.of("1NNN 2NNN 3NNN 4NNNNNTT 3NNNT", 5)
    design = Crm(5, 0.25, skeleton=(0.05, 0.12, 0.25, 0.40, 0.55), model="logistic", intercept=intercept)
    beta = np.linspace(-6, 6, 40001)
    rates = 1 / (1 + np.exp(-np.clip(intercept + np.exp(beta)[:, None] * design.scaled, -700, 700)))
    y, n = tally.dlts[0], tally.treated[0]
    weight = np.exp(-(beta**2) / 2 / 1.34) * np.prod(rates**y * (1 - rates) ** (n - y), axis=1)
    np.testing.assert_allclose(design.mean_rates(tally)[0], weight @ rates / weight.sum(), atol=1e-8)
    assert design.beta(tally)[0] == pytest.approx(weight @ beta / weight.sum(), abs=1e-7)


def test_an_intercept_too_small_for_the_skeleton_is_refused() -> None:
    with pytest.raises(ValueError, match="intercept is 0, too small for the skeleton"):
        Crm(3, 0.25, skeleton=(0.2, 0.5, 0.7), model="logistic", intercept=0.0)


@pytest.mark.parametrize("correlation", [-0.99, 0.0, 0.9, 0.99, 0.999])
def test_a_blrm_of_any_correlation_against_plain_integration(correlation: float) -> None:
    tally = Tally.of("1NNN 2NNN 3NTT", 4)
    prior = (Normal((-1.1, 0.0), (2.0, 1.0), correlation),)
    design = Blrm(4, 0.25, doses=(1, 2, 4, 8), reference=4, prior=prior)
    z = np.linspace(-7, 7, 801)
    a, b = np.meshgrid(z, z, indexing="ij")
    log_alpha = -1.1 + 2 * (correlation * b + np.sqrt(1 - correlation**2) * a)
    logits = np.clip(log_alpha[..., None] + np.exp(b)[..., None] * design.scaled, -700, 700)
    y, n = tally.dlts[0], tally.treated[0]
    log = -(a**2 + b**2) / 2 - (y * np.logaddexp(0, -logits) + (n - y) * np.logaddexp(0, logits)).sum(axis=-1)
    weight = np.exp(log - log.max())
    plain = [(weight / (1 + np.exp(-logits[..., j]))).sum() / weight.sum() for j in range(4)]
    np.testing.assert_allclose(design.mean_rates(tally)[0], plain, atol=1e-7)
    finer = Blrm(4, 0.25, doses=(1, 2, 4, 8), reference=4, prior=prior, max_patients=2000)
    np.testing.assert_allclose(design.probability_above(tally, 0.33), finer.probability_above(tally, 0.33), atol=1e-6)


def test_a_model_without_a_stop_says_so() -> None:
    design = Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4))
    tally = Tally.of("1TTT", 3)
    assert "no lower level is left, and no rule ends the trial" in design.decide(tally).words(tally)
