"""BOIN against the boundaries, selections and exact paths of the R packages BOIN and escalation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import Action, Boin, Tally
from posology.designs.isotonic import isotonic
from tests.designs.plain_enumeration import exact
from tests.designs.test_three_plus_three import cases


@pytest.mark.parametrize(("inputs", "outputs"), cases("boin_get_boundary"))
def test_boundaries(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    design = Boin(
        levels=5,
        target=inputs["target"],
        p_saf=inputs["p.saf"],
        p_tox=inputs["p.tox"],
        elimination=inputs["cutoff.eli"],
        cohort=inputs["cohortsize"],
        max_patients=inputs["ncohort"] * inputs["cohortsize"],
    )
    assert design.lambda_e == pytest.approx(outputs["lambda_e"], abs=1e-12)
    assert design.lambda_d == pytest.approx(outputs["lambda_d"], abs=1e-12)
    table = outputs.get("full_boundary_tab") or outputs["boundary_tab"]
    escalate, deescalate, eliminate = design.boundaries
    for n, up, down, out in zip(
        table["n"], *(table[k] for k in ("escalate_le", "deescalate_ge", "eliminate_ge")), strict=True
    ):
        assert escalate[n] == up
        assert deescalate[n] == down or (down is None and deescalate[n] > n)
        assert eliminate[n] == out or (out is None and eliminate[n] > n)


@pytest.mark.parametrize("target", [0.2, 0.3])
def test_exact_expectations_agree_with_the_truth(target: float) -> None:
    truth = [0.05, 0.15, 0.3, 0.45]
    chosen, patients, dlts, sizes = exact(Boin(levels=4, target=target, max_patients=15), truth)
    assert sum(chosen) == pytest.approx(1)
    assert sum(sizes.values()) == pytest.approx(1)
    np.testing.assert_allclose(dlts, np.array(truth) * patients, atol=1e-12)


def test_isotonic_pools_violators_by_weight() -> None:
    np.testing.assert_allclose(isotonic(np.array([[0.3, 0.1, 0.5]]), np.array([[1.0, 3.0, 1.0]])), [[0.15, 0.15, 0.5]])
    np.testing.assert_allclose(isotonic(np.array([[0.3, 0.9, 0.5]]), np.array([[1.0, 0.0, 1.0]])), [[0.3, 0.5, 0.5]])


def test_the_lowest_level_too_toxic_stops() -> None:
    decision = Boin(levels=3, target=0.3).decide(Tally.of("1TTT", levels=3))
    assert Action(decision.action[0]) is Action.STOP


def test_no_dose_above_an_eliminated_one() -> None:
    tally = Tally.of("1NNN 2TTT 1NNN", levels=3)
    decision = Boin(levels=3, target=0.3).decide(tally)
    assert (Action(decision.action[0]), decision.level[0]) == (Action.STAY, 0)


@pytest.mark.parametrize(
    "arguments",
    [
        {"target": 0.0},
        {"target": 1.2},
        {"target": 0.3, "p_saf": 0.4},
        {"target": 0.3, "p_tox": 0.2},
        {"target": 0.3, "start": 9},
    ],
)
def test_nonsense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is|must"):
        Boin(levels=5, **arguments)
