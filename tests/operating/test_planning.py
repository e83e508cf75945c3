"""Calibration against dfcrm, scenarios by their properties, pathways against the escalation package and enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import Action, Blrm, Boin, Crm, Tally, ThreePlusThree
from posology.operating import enumerate_trials
from posology.operating.calibrate import (
    coherent,
    coherent_initial,
    patients_needed,
    prior_worth,
    search,
    sensitivity,
    skeleton,
)
from posology.operating.pathways import pathways
from posology.operating.scenarios import grid, logistic_set, paoletti, pseudo_uniform
from tests.designs.test_three_plus_three import cases


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_getprior"))
def test_skeletons_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    found = skeleton(
        inputs["halfwidth"],
        inputs["target"],
        inputs["nu"],
        inputs["nlevel"],
        inputs["model"],
        inputs.get("intcpt", 3.0),
    )
    np.testing.assert_allclose(found, outputs["skeleton"], atol=1e-12)


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_crmsens"))
def test_sensitivity_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """The package bisects to 1e-6 in the sum of two rates."""
    prior = tuple(inputs["prior"])
    found = sensitivity(Crm(len(prior), inputs["target"], skeleton=prior, model=inputs["model"]))
    np.testing.assert_allclose(np.stack([found.low_beta, found.high_beta], axis=1), outputs["Hset"], atol=2e-5)
    for j, (low, high) in enumerate(outputs["iint"]):
        assert low is None or found.low_rate[j] == pytest.approx(low, abs=2e-6)
        assert high is None or found.high_rate[j] == pytest.approx(high, abs=2e-6)


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_cohere_getinit"))
def test_initial_sequences_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    design = Crm(len(inputs["prior"]), inputs["target"], skeleton=tuple(inputs["prior"]))
    if inputs.get("function") == "getinit":
        assert coherent_initial(design, inputs["n"]) == tuple(np.bincount(outputs["x0"])[1:].tolist())
    else:
        counts = np.bincount(inputs["x0"])[1:].tolist()
        assert coherent(design, counts) == (outputs["message"] == "Coherent")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("inputs", "outputs"), [c for c in cases("dfcrm_getn") if c.values[1]["n"] <= 38 and c.values[0]["target"] >= 0.2]
)
def test_sample_sizes_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """The package's sample size is a fitted formula: with that many patients our exact chance is near the wished one."""
    levels, target = inputs["nlevel"], inputs["target"]
    prior = skeleton(0.25 * target, target, (levels + 1) // 2, levels)
    design = Crm(levels, target, skeleton=prior, cohort=1, start=(levels - 1) // 2, max_patients=outputs["n"])
    found = enumerate_trials(design).under(logistic_set(levels, target, inputs["psi"])).correct(target).mean()
    assert found == pytest.approx(inputs["apcs"], abs=0.05)


def test_the_smallest_sample_size() -> None:
    scenarios = logistic_set(3, 0.3, 2.5)
    size, looked = patients_needed(Boin(3, 0.3), scenarios, 0.3, 0.6, range(6, 40, 3))
    assert size is not None
    assert looked[size] >= 0.6
    assert all(chance < 0.6 for n, chance in looked.items() if n < size)
    assert patients_needed(Boin(3, 0.3), scenarios, 0.3, 0.99, [6, 9])[0] is None


def test_what_a_prior_is_worth() -> None:
    """A logit-normal prior so wide that it is nearly two points is worth nearly nothing, a narrow one much."""
    from posology.designs import Normal

    at = lambda sd: prior_worth(Blrm(1, 0.25, doses=(1,), reference=1, prior=(Normal((0.0, 0.0), (sd, 0.5)),)))[0]
    assert at(6.0) < 0.6
    assert at(0.2) > 90
    assert at(1.7) == pytest.approx(2, abs=0.3)  # about uniform


def test_a_tree_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posology.operating.pathways.MOST", 50)
    with pytest.raises(ValueError, match="look ahead fewer"):
        pathways(Boin(4, 0.3), "", 4)


def test_a_search_is_exact_and_sorted() -> None:
    scenarios = logistic_set(3, 0.25, 2.0)
    seen: list[tuple[int, int]] = []
    build = lambda halfwidth: Crm(3, 0.25, skeleton=skeleton(halfwidth, 0.25, 2, 3), max_patients=12)
    tried = search(build, {"halfwidth": [0.02, 0.05, 0.1]}, scenarios, 0.25, lambda done, of: seen.append((done, of)))
    assert [t.correct for t in tried] == sorted((t.correct for t in tried), reverse=True)
    best = enumerate_trials(build(tried[0].parameters["halfwidth"])).under(scenarios)
    assert tried[0].correct == pytest.approx(best.correct(0.25).mean())
    assert seen[-1] == (3, 3)


@pytest.mark.parametrize("family", [paoletti, pseudo_uniform])
def test_random_scenarios(family: Any) -> None:
    drawn = family(np.random.default_rng(1), 4000, 5, 0.3)
    assert drawn.shape == (4000, 5)
    assert (np.diff(drawn, axis=1) >= 0).all()
    assert ((drawn > 0) & (drawn < 1)).all()
    nearest = np.bincount(np.abs(drawn - 0.3).argmin(axis=1), minlength=5) / 4000
    np.testing.assert_allclose(nearest, 0.2, atol=0.035)  # the MTD equally likely at each level
    again = family(np.random.default_rng(1), 4000, 5, 0.3)
    np.testing.assert_array_equal(drawn, again)


def test_sets_and_grids() -> None:
    scenarios = logistic_set(4, 0.25, 1.8)
    np.testing.assert_allclose(np.diag(scenarios), 0.25)
    odds = scenarios / (1 - scenarios)
    np.testing.assert_allclose(odds[:, 1:] / odds[:, :-1], 1.8)
    assert len(grid(3, [0.1, 0.2, 0.3])) == 10


@pytest.mark.parametrize(("inputs", "outputs"), cases("escalation_3plus3_exact"))
def test_pathways_of_escalation(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """Node for node: the path of outcomes, what is given next, and whether the trial goes on."""
    design = ThreePlusThree(inputs["num_doses"], mtd_patients=6 if inputs["allow_deescalate"] else 3)
    tree = pathways(design, "", min(inputs["n_cohorts"], 6))
    ours: dict[int, tuple[str, ...]] = {0: ()}
    found = {}
    for node in tree.nodes:
        ours[node.key] = (*ours[max(node.parent, 0)], *([node.outcome.lstrip("0123456789")] if node.outcome else []))
        found[ours[node.key]] = (node.level, node.action < Action.DECLARE)
    paths = outputs["paths"]
    theirs: dict[int, tuple[str, ...]] = {}
    for at, key in enumerate(paths["node"]):
        parent = paths["parent"][at]
        theirs[key] = (*theirs[parent], paths["outcomes"][at]) if parent else ()
        if len(theirs[key]) <= 6:
            assert found.pop(theirs[key]) == (paths["next_dose"][at], paths["continue"][at]), theirs[key]
    assert not found


@pytest.mark.parametrize(
    "design", [Boin(3, 0.3, max_patients=9), ThreePlusThree(2), Crm(3, 0.25, skeleton=(0.1, 0.2, 0.3), max_patients=9)]
)
def test_a_whole_tree_is_the_enumeration(design: Any) -> None:
    truth = [0.1, 0.25, 0.4][: design.levels]
    tree = pathways(design, "", 12)
    chance = tree.probabilities(truth)
    ends = [n for n in tree.nodes if n.action >= Action.DECLARE]
    selection = np.zeros(design.levels + 1)
    for node in ends:
        selection[node.level or 0] += chance[node.key]
    np.testing.assert_allclose(selection, enumerate_trials(design).under(truth).selection[0], atol=1e-12)
    for node in tree.nodes:
        below = tree.children(node)
        if below:
            assert sum(chance[c.key] for c in below) == pytest.approx(chance[node.key])


def test_pathways_from_a_state_in_every_form() -> None:
    tree = pathways(Boin(4, 0.3), "1NNN 2NNT", 1)
    assert tree.nodes[0].depth == 0
    assert "2NNT" not in tree.text().splitlines()[0]
    assert len(tree.rows()) == len(tree.nodes)
    assert tree.dot().startswith("digraph")
    assert pathways(Boin(4, 0.3), Tally.of("1NNN", 4), 0).nodes[0].level == 2


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: skeleton(0.3, 0.25, 2, 5), "below 0.25"),
        (lambda: skeleton(0.05, 0.25, 7, 5), "levels 1 to 5"),
        (lambda: skeleton(0.05, 1.25, 2, 5), "between 0 and 1"),
        (lambda: logistic_set(3, 0.3, 0.5), "above 1"),
        (lambda: grid(2, [1.5]), "between 0 and 1"),
        (lambda: pathways(Boin(4, 0.3), "1NXN"), "cannot read"),
        (lambda: pathways(Boin(4, 0.3), "", -1), "0 cohorts or more"),
        (lambda: pathways(Boin(2, 0.3), "", 1).probabilities([0.1]), "2 rates"),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()
