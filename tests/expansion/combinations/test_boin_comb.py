"""BOIN for two drugs and the waterfall: BOIN's package, and safety over random grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs.tally import Action
from posology.expansion.combinations.boin_comb import BoinComb
from posology.expansion.combinations.grid import GridTally, too_toxic_on_grid
from tests.expansion.cases import cases


def as_people_count(level: Any) -> list[int]:
    return [int(index) + 1 for index in level]


@pytest.mark.parametrize(("given_", "right"), cases("boin_comb"))
def test_as_boin(given_: dict[str, Any], right: dict[str, Any]) -> None:
    """The package breaks ties at random; the cases hold all answers it gave."""
    design = BoinComb(np.shape(given_["npts"]), given_["target"])  # type: ignore[arg-type]
    tally = GridTally.one(given_["npts"], given_["ntox"], tuple(given_["dose_curr"]))
    decision = design.decide(tally)
    assert as_people_count(decision.level[0]) in right["next_comb_possible"]
    assert decision.alike[0].all() == (len(right["next_comb_possible"]) == 2)
    mtd = design.select(tally)
    assert mtd is not None and [as_people_count(mtd)] == right["select_mtd_comb"]["MTD"]
    assert [as_people_count(at) for at in design.contour(tally)] == right["contour"]["MTD"]
    estimates = design.estimates(tally.treated[0], tally.dlts[0])
    np.testing.assert_allclose(estimates, right["select_mtd_comb"]["p_est"], atol=0.0051)


@pytest.mark.parametrize(("given_", "right"), cases("boin_waterfall_next_subtrial"))
def test_waterfall_as_boin(given_: dict[str, Any], right: dict[str, Any]) -> None:
    design = BoinComb(np.shape(given_["npts"]), given_["target"])  # type: ignore[arg-type]
    subtrial = design.next_subtrial(GridTally.one(given_["npts"], given_["ntox"], (1, 1)))
    if right["next_subtrial"] is None:
        assert subtrial is None
        return
    assert subtrial is not None
    assert as_people_count(subtrial.start) == right["starting_dose"]
    written = ", ".join(f"({a + 1}, {b + 1})" for a, b in subtrial.combinations)
    assert written == right["next_subtrial"]


@st.composite
def grids(draw: st.DrawFn) -> GridTally:
    treated = np.array(draw(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=2, max_size=2)))
    share = np.array(draw(st.lists(st.lists(st.integers(0, 6), min_size=3, max_size=3), min_size=2, max_size=2)))
    level = (draw(st.integers(0, 1)), draw(st.integers(0, 2)))
    treated[level] = max(treated[level], 1)
    return GridTally(treated[None], np.minimum(share, treated)[None], np.array([level]))


@settings(deadline=None, max_examples=300)
@given(grids())
def test_nothing_eliminated_is_given_and_steps_are_single(tally: GridTally) -> None:
    design = BoinComb((2, 3), 0.3)
    decision = design.decide(tally)
    eliminated = too_toxic_on_grid(tally, 0.3, 0.95)[0]
    level = decision.level[0]
    if decision.action[0] == Action.STOP:
        a, b = tally.level[0]
        assert eliminated[: a + 1, : b + 1].all()
        return
    assert not eliminated[tuple(level)]
    step = level - tally.level[0]
    if decision.action[0] == Action.ESCALATE:
        assert sorted(step.tolist()) == [0, 1]
        a, b = tally.level[0]
        assert tally.dlts[0, a, b] <= design.boin.lambda_e * tally.treated[0, a, b] + 1e-9
    elif not eliminated[tuple(tally.level[0])]:
        assert step.sum() >= -1
    mtd = design.select(tally)
    assert mtd is None or (not eliminated[mtd] and tally.treated[0][mtd] > 0)
    rows = [a for a, _ in design.contour(tally)]
    assert len(rows) == len(set(rows))


def test_ties_are_broken_by_lot() -> None:
    design = BoinComb((2, 2), 0.3)
    tally = GridTally(np.tile([[[3, 0], [0, 0]]], (2_000, 1, 1)), np.zeros((2_000, 2, 2)), np.zeros((2_000, 2)))
    level = design.decide(tally, np.random.default_rng(1)).level
    assert 0.45 < (level[:, 0] == 1).mean() < 0.55
    assert (design.decide(tally).level[:, 0] == 1).all()


def test_a_forbidden_neighbour_below_is_not_given() -> None:
    """(2, 1) was eliminated: from (2, 2), eliminated with it, down to (1, 2)."""
    design = BoinComb((2, 2), 0.3)
    tally = GridTally.one([[3, 3], [3, 3]], [[0, 0], [3, 2]], (2, 2))
    assert as_people_count(design.decide(tally).level[0]) == [1, 2]
    all_toxic = GridTally.one([[3, 0], [0, 0]], [[3, 0], [0, 0]], (1, 1))
    assert design.decide(all_toxic).action[0] == Action.STOP and design.select(all_toxic) is None


def test_refused() -> None:
    with pytest.raises(ValueError, match="1 to 20"):
        BoinComb((1, 1), 0.3)
    with pytest.raises(ValueError, match="target"):
        BoinComb((2, 2), 1.3)
    with pytest.raises(ValueError, match="the design's is"):
        BoinComb((2, 2), 0.3).decide(GridTally.one([[3, 0, 0]], [[0, 0, 0]], (1, 1)))
