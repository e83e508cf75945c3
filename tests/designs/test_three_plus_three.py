"""3+3 against exact operating characteristics of bcrm and escalation, the table of UBCRM, and by properties."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.designs import Action, Tally, ThreePlusThree, Titration
from tests.designs.plain_enumeration import exact

DATA = Path(__file__).parents[1] / "data/designs"


def cases(name: str) -> list[Any]:
    found = json.loads((DATA / f"{name}.json").read_text())["cases"]
    return [pytest.param(c["inputs"], c["outputs"], id=c["id"]) for c in found if "error" not in c["outputs"]]


@pytest.mark.parametrize(("inputs", "outputs"), cases("bcrm_threep3_exact"))
def test_operating_characteristics_of_bcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    truth = inputs["truep"]
    design = ThreePlusThree(levels=len(truth), start=inputs["start"] - 1, mtd_patients=3 if inputs["esc_only"] else 6)
    chosen, patients, dlts, sizes = exact(design, truth)
    if inputs["start"] > 1:
        # A bug of the peer: below a starting level that proved too toxic, it calls 1 of 3 and then 0 of 3 toxic, but 0
        # of 3 and then 1 of 3 tolerated. The same six patients cannot mean both: one DLT in six is tolerated. The
        # levels from the start up are the same; below it, for two levels, the chance has a closed form.
        np.testing.assert_allclose(chosen[2:], outputs["prob_mtd_0toJ"][2:], atol=1e-12)
        if len(truth) == 2:
            p, q = truth[0], 1 - truth[0]
            over = 1 - chosen[2]
            assert chosen[1] == pytest.approx(over * (q**6 + 6 * p * q**5))
        return
    np.testing.assert_allclose(chosen, outputs["prob_mtd_0toJ"], atol=1e-12)
    np.testing.assert_allclose(patients, outputs["n_average"], atol=1e-9)
    np.testing.assert_allclose(dlts, outputs["dlt_average"], atol=1e-9)
    assert sizes == pytest.approx({int(n): p for n, p in outputs["n_distribution"].items()})


@pytest.mark.parametrize(("inputs", "outputs"), cases("escalation_3plus3_exact"))
def test_operating_characteristics_of_escalation(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    if not inputs["complete"]:
        return
    design = ThreePlusThree(levels=inputs["num_doses"], mtd_patients=6 if inputs["allow_deescalate"] else 3)
    for scenario in outputs["exact"]:
        chosen, patients, *_ = exact(design, scenario["true_prob_tox"])
        np.testing.assert_allclose(chosen, list(scenario["prob_recommend"].values()), atol=1e-9)
        np.testing.assert_allclose(patients, scenario["exp_n_at_dose"], atol=1e-9)


@pytest.mark.parametrize(("inputs", "outputs"), cases("ubcrm_troisPtrois"))
def test_next_dose_of_ubcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    levels, here = inputs["ndose"], inputs["lastdose"] - 1
    treated, toxic = np.zeros((1, levels), int), np.zeros((1, levels), int)
    treated[0, :here] = 3
    treated[0, here], toxic[0, here] = inputs["npt"], inputs["ndlt"]
    if (inputs["npt"], inputs["ndlt"]) == (6, 0) and here < levels - 1:
        # A quirk of the peer: none of six toxic ends its trial. Its own rule never comes there; ours goes up.
        outputs = {"nextdose": here + 2}
    decision = ThreePlusThree(levels=levels, mtd_patients=3).decide(Tally(treated, toxic, np.array([here])))
    action, level = Action(decision.action[0]), int(decision.level[0])
    if action in (Action.DECLARE, Action.STOP):
        assert outputs["nextdose"] is None
        assert (outputs["mtd"] or 0) == level + 1
    else:
        assert outputs["nextdose"] == level + 1


@st.composite
def tallies(draw: st.DrawFn) -> Tally:
    levels = draw(st.integers(1, 6))
    treated = draw(st.lists(st.integers(0, 9), min_size=levels, max_size=levels))
    toxic = [draw(st.integers(0, n)) for n in treated]
    ceiling = draw(st.integers(0, levels - 1))
    return Tally(
        np.array([treated]),
        np.array([toxic]),
        np.array([draw(st.integers(-1, levels - 1))]),
        ceiling=np.array([ceiling]),
    )


@given(tallies(), st.sampled_from([3, 6]))
def test_every_tally_has_a_decision(tally: Tally, mtd_patients: Any) -> None:
    design = ThreePlusThree(levels=tally.levels, mtd_patients=mtd_patients)
    decision = design.decide(tally)
    action, level, more = Action(decision.action[0]), int(decision.level[0]), int(decision.patients_to_treat[0])
    assert decision.words(tally)
    here = int(tally.level[0])
    assert (more > 0) == (action in (Action.STAY, Action.ESCALATE, Action.DEESCALATE))
    assert (level == -1) == (action is Action.STOP)
    if action is Action.ESCALATE:
        assert level == here + 1 <= tally.ceiling[0]
        assert not (tally.dlts[0, here] >= 2 and tally.dlts[0, here] * 3 >= tally.treated[0, here])
    if action is Action.DEESCALATE:
        assert level == design.highest_safe(tally)[0] < here


@given(tallies())
def test_more_toxicity_never_gives_a_higher_dose(tally: Tally) -> None:
    design, here = ThreePlusThree(levels=tally.levels), max(int(tally.level[0]), 0)
    if tally.dlts[0, here] == tally.treated[0, here]:
        return
    worse = tally.dlts.copy()
    worse[0, here] += 1
    worse_tally = Tally(tally.treated, worse, tally.level, ceiling=tally.ceiling)
    assert design.decide(worse_tally).level[0] <= design.decide(tally).level[0]


def test_a_closed_level_is_not_reopened() -> None:
    tally = Tally.of("1NNN 2NNN 3NNNNT 2NNN", levels=3)
    open_, closed = tally, Tally(tally.treated, tally.dlts, tally.level, ceiling=np.array([1]))
    design = ThreePlusThree(levels=3)
    assert Action(design.decide(open_).action[0]) is Action.ESCALATE
    decision = design.decide(closed)
    assert (Action(decision.action[0]), decision.level[0]) == (Action.DECLARE, 1)


@pytest.mark.parametrize(
    ("outcomes", "level", "more"),
    [
        ("", 1, 1),
        ("1N", 2, 1),
        ("1N 2N 3N 4N", 5, 3),
        ("1N 2N 3N", 4, 1),
        ("1N 2M", 2, 2),
        ("1N 2T", 2, 2),
        ("1N 2MNN", 3, 3),
        ("1N 2N 3N 4N 5NNN", 6, 3),
    ],
)
def test_titration(outcomes: str, level: int, more: int) -> None:
    design = Titration(ThreePlusThree(levels=7), last_titration_level=4)
    decision = design.decide(Tally.of(outcomes, levels=7))
    assert (decision.level[0] + 1, decision.patients_to_treat[0]) == (level, more)


@pytest.mark.parametrize("arguments", [{"levels": 3, "start": 3}, {"levels": 3, "mtd_patients": 4}])
def test_nonsense_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="is"):
        ThreePlusThree(**arguments)


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ("1NNX", "N .no DLT., M"),
        ("NNN", "write the level"),
        ("9NNN", "levels 1 to 3"),
        ("0NNN", "levels 1 to 3"),
        ("1", "one letter"),
    ],
)
def test_outcomes_that_cannot_be_read(outcomes: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Tally.of(outcomes, levels=3)
