"""BOIN12: decisions of MD Anderson's application and of the paper, its table, and properties over random trials."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs.tally import NONE, Action
from posology.expansion.joint_outcomes import JointTally
from posology.expansion.optimal_dose.boin12 import Boin12
from posology.expansion.optimal_dose.utility import Utility
from tests.expansion.cases import cases


def design(given_: dict[str, Any]) -> Boin12:
    own, stops = given_["design"], given_["stops"]
    most = re.search(r"\d+", stops["stop_at_n"])
    assert most is not None
    return Boin12(
        own["num_doses"],
        own["phi_t"],
        own["phi_e"],
        Utility(own.get("u1", 100.0), own["u2"], own["u3"], own.get("u4", 0.0)),
        c_toxicity=own.get("c_t", 0.95),
        c_response=own.get("c_e", 0.9),
        explore_until=own["n_star"],
        max_patients=int(most[0]),
    )


@pytest.mark.parametrize(("given_", "right"), cases("boin12_decisions"))
def test_decisions(given_: dict[str, Any], right: dict[str, Any]) -> None:
    ours = design(given_)
    tally = JointTally.of(given_["outcomes"], ours.levels)
    decision = ours.decide(tally)
    if right["recommended_dose"] == 1 and not ours.admissible(ours.evidence(tally))[0, 0]:
        # The package goes on at level 1 though it calls it too toxic (two or three of three against 15 %).
        assert decision.action[0] == Action.STOP
        return
    assert decision.level[0] + 1 == right["recommended_dose"]
    assert (decision.action[0] not in (Action.DECLARE, Action.STOP)) == right["continue"]


@pytest.mark.parametrize(("given_", "right"), cases("boin12_rds"))
def test_table_of_desirability(given_: dict[str, Any], right: dict[str, Any]) -> None:
    """The first case is Table 3 of the paper."""
    ours = Boin12(
        5,
        given_["phi_t"],
        given_["phi_e"],
        Utility(given_["u1"], given_["u2"], given_["u3"], given_["u4"]),
        c_toxicity=given_["c_t"],
        c_response=given_["c_e"],
    )
    rows = ours.desirability_table(given_["sample_sizes"])
    assert [list(row.values()) for row in rows] == right["rows"]


DESIGN = Boin12(levels=4, max_toxicity=0.3, min_response=0.25, max_patients=24)


@st.composite
def tallies(draw: st.DrawFn) -> JointTally:
    """Trials that BOIN12 itself could not have made are tallies too: cohorts cut short, levels skipped."""
    tried = draw(st.integers(1, 4))
    counts = np.zeros((1, 4, 4), dtype=np.int64)
    for level in range(tried):
        counts[0, level] = draw(st.lists(st.integers(0, 3), min_size=4, max_size=4))
    last = draw(st.integers(0, tried - 1))
    counts[0, last, draw(st.integers(0, 3))] += 1
    return JointTally(counts, np.array([last]))


@settings(deadline=None, max_examples=300)
@given(tallies())
def test_nothing_inadmissible_is_advised(tally: JointTally) -> None:
    decision = DESIGN.decide(tally)
    admissible = DESIGN.admissible(DESIGN.evidence(tally))[0]
    level = int(decision.level[0])
    assert (level == NONE) == (decision.action[0] == Action.STOP)
    if level != NONE:
        assert admissible[level]
    if decision.action[0] == Action.ESCALATE:
        assert level == tally.level[0] + 1
        rate = tally.toxicities[0, tally.level[0]] / tally.treated[0, tally.level[0]]
        assert rate < DESIGN.boin.lambda_d
    if decision.action[0] == Action.DECLARE:
        assert level == DESIGN.select(tally)[0] and tally.treated[0, level] > 0


@settings(deadline=None, max_examples=100)
@given(tallies(), tallies())
def test_a_batch_is_its_trials(first: JointTally, second: JointTally) -> None:
    both = JointTally(np.concatenate([first.counts, second.counts]), np.concatenate([first.level, second.level]))
    together = DESIGN.decide(both)
    for k, one in enumerate((first, second)):
        alone = DESIGN.decide(one)
        assert (together.level[k], together.action[k]) == (alone.level[0], alone.action[0])


def test_before_the_first_patient() -> None:
    decision = DESIGN.decide(JointTally.of("", 4))
    assert decision.level[0] == 0 and decision.action[0] == Action.STAY


def test_an_untried_level_is_explored() -> None:
    """Nine patients without response or toxicity: the level above, though nothing speaks for it."""
    loose = Boin12(levels=3, max_toxicity=0.3, min_response=0.1, c_response=0.999)
    assert loose.decide(JointTally.of("1NNN 1NNN 1NNN", 3)).level[0] == 1


def test_the_better_level_is_better() -> None:
    evidence = DESIGN.evidence(JointTally.of("1NNN 2EEN 3TTN", 4))
    desirability = evidence.desirability[0]
    assert desirability[1] > desirability[0] > desirability[2]
    assert evidence.overdose[0].argmax() == 2 and evidence.futility[0, 1] == evidence.futility[0].min()


def test_utilities_that_need_joint_counts() -> None:
    joint = Boin12(levels=3, max_toxicity=0.3, min_response=0.25, utility=Utility(100, 40, 80, 0))
    apart, together = (joint.evidence(JointTally.of(text, 3)).desirability[0, 0] for text in ("1ETN", "1BNN"))
    assert apart != together
    with pytest.raises(ValueError, match="differ"):
        joint.desirability_table([3])


@pytest.mark.parametrize(
    "wrong",
    [
        {"levels": 1},
        {"max_toxicity": 0.0},
        {"min_response": float("nan")},
        {"max_patients": 0},
        {"enough": 0},
        {"start": 4},
        {"prior": (0.0, 1.0)},
    ],
)
def test_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="levels|between|1 or more|above 0"):
        Boin12(**{"levels": 4, "max_toxicity": 0.3, "min_response": 0.25, **wrong})
