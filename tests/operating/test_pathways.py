"""Pathways against the escalation package and the enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import Action, Boin, Crm, Tally, ThreePlusThree
from posology.operating import enumerate_trials
from posology.operating.pathways import pathways
from tests.designs.test_three_plus_three import cases


def test_a_tree_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posology.operating.pathways.MOST", 50)
    with pytest.raises(ValueError, match="look ahead fewer"):
        pathways(Boin(4, 0.3), "", 4)


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
    np.testing.assert_allclose(selection, enumerate_trials(design).characteristics(truth).selection[0], atol=1e-12)
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
        (lambda: pathways(Boin(4, 0.3), "1NXN"), "cannot read"),
        (lambda: pathways(Boin(4, 0.3), "", -1), "0 cohorts or more"),
        (lambda: pathways(Boin(2, 0.3), "", 1).probabilities([0.1]), "2 rates"),
    ],
)
def test_nonsense_is_refused(build: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build()


def test_a_notebook_shows_the_chart_without_a_network() -> None:
    tree = pathways(Boin(4, 0.3), "1NNN 2NNT", 1)
    page = tree._repr_html_()
    assert page.startswith("<svg")
    assert "cdn" not in page
    assert "de-escalate" in page
    assert [n.letter for n in tree.nodes] == ["S", "E", "S", "D", "D"]


def test_the_chance_of_each_path_stands_beside_it() -> None:
    tree = pathways(Boin(3, 0.3), "", 1)
    assert "1NNN: escalate, 3 at level 2 (72.9 %)" in tree.text([0.1, 0.2, 0.3])
    assert tree.rows([0.1, 0.2, 0.3])[1]["probability"] == pytest.approx(0.729)
    assert "probability" not in tree.rows()[1]
    assert "(72.9 %)" in tree.dot([0.1, 0.2, 0.3])
