"""U-BOIN: posteriors and stage I against an independent script, its stages, and properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from posology.designs.tally import NONE, Action
from posology.expansion.joint_outcomes import JointTally
from posology.expansion.optimal_dose.uboin import UBoin
from posology.expansion.optimal_dose.utility import Utility
from tests.expansion.cases import cases
from tests.expansion.optimal_dose.test_boin12 import tallies

BINARY = [case for case in cases("uboin_posterior") if np.shape(case[0]["counts"]) == (2, 2)]


@pytest.mark.parametrize(("given_", "right"), BINARY)
def test_posterior(given_: dict[str, Any], right: dict[str, Any]) -> None:
    """Their rows are efficacy, no and yes; their columns toxicity."""

    def cells(table: list[list[float]]) -> list[float]:
        (neither, toxicity), (efficacy, both) = table
        return [neither, efficacy, toxicity, both]

    neither, efficacy, toxicity, both = cells(given_["utility"])
    design = UBoin(
        levels=2,
        max_toxicity=given_["toxicity_limit"],
        min_response=given_["efficacy_limit"],
        utility=Utility(efficacy, neither, both, toxicity),
        prior=tuple(cells(given_["prior"])),  # type: ignore[arg-type]
    )
    counts = np.zeros((1, 2, 4), dtype=np.int64)
    counts[0, 0] = cells(given_["counts"])
    posterior = design.posterior(JointTally(counts, np.array([0])))
    ours = [posterior.mean, posterior.variance, posterior.overdose, posterior.futility]
    theirs = [right[name] for name in ("mean_utility", "variance", "overdose", "low_efficacy")]
    np.testing.assert_allclose([field[0, 0] for field in ours], theirs, rtol=1e-9)


@pytest.mark.parametrize(("given_", "right"), cases("uboin_stage_one"))
def test_stage_one(given_: dict[str, Any], right: dict[str, Any]) -> None:
    design = UBoin(
        levels=3,
        max_toxicity=given_["toxicity_limit"],
        min_response=0.2,
        below_limit=given_["delta"],
        stage_one=40,
        stage_two=40,
    )
    assert design.boin.lambda_e == pytest.approx(right["lambda_e"])
    assert design.boin.lambda_d == pytest.approx(right["lambda_d"])
    for n, escalate, deescalate, eliminate in right["rows"]:
        for toxicities in range(n + 1):
            counts = np.zeros((1, 3, 4), dtype=np.int64)
            counts[0, 0, 0] = 3
            counts[0, 1] = [n - toxicities, 0, toxicities, 0]
            level = design.decide(JointTally(counts, np.array([1]))).level[0]
            expected = 2 if toxicities <= escalate else 0 if toxicities >= deescalate else 1
            assert level == expected
            eliminated = design.eliminated(JointTally(counts, np.array([1])))[0]
            assert eliminated[1] == eliminated[2] == (toxicities >= eliminate)


DESIGN = UBoin(levels=4, max_toxicity=0.3, min_response=0.25, stage_one=6, stage_two=12, max_patients=24)


@settings(deadline=None, max_examples=300)
@given(tallies())
def test_nothing_forbidden_is_advised(tally: JointTally) -> None:
    decision = DESIGN.decide(tally)
    level = int(decision.level[0])
    assert (level == NONE) == (decision.action[0] == Action.STOP)
    if level == NONE:
        return
    assert not DESIGN.eliminated(tally)[0, level]
    in_stage_two = (tally.treated[0] >= DESIGN.stage_one).any()
    if in_stage_two and tally.treated[0, level]:
        assert DESIGN.admissible(tally)[0, level]


def test_stage_two_explores_then_takes_the_best() -> None:
    design = UBoin(levels=3, max_toxicity=0.35, min_response=0.25, stage_one=6, stage_two=12, max_patients=30)
    assert design.decide(JointTally.of("1NNNNNN", 3)).level[0] == 1
    assert design.decide(JointTally.of("1EEENNN 2TTN", 3)).level[0] == 0
    assert design.decide(JointTally.of("1EEENNN 2EEN 3BTN", 3)).level[0] == 1
    done = design.decide(JointTally.of("1EEENNN 2EEEEEEEEEENN", 3))
    assert done.action[0] == Action.DECLARE and done.level[0] == 1


def test_all_too_toxic_stops() -> None:
    assert DESIGN.decide(JointTally.of("1TTT", 4)).action[0] == Action.STOP


@pytest.mark.parametrize(
    "wrong", [{"levels": 1}, {"below_limit": 0.3}, {"stage_one": 13}, {"prior": (0, 1, 1, 1)}, {"c_toxicity": 1.0}]
)
def test_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="levels|below|increasing|above 0|between"):
        UBoin(**{"levels": 4, "max_toxicity": 0.3, "min_response": 0.25, "stage_two": 12, **wrong})
