"""TITE-BOIN12: the approximate likelihood against an independent script, BOIN12 at its end, and waiting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs.tally import Action
from posology.expansion.joint_outcomes import JointTally
from posology.expansion.optimal_dose.boin12 import Boin12
from posology.expansion.optimal_dose.tite_boin12 import FollowedPatient, TiteBoin12
from posology.expansion.optimal_dose.utility import Utility
from tests.expansion.cases import cases
from tests.expansion.optimal_dose.test_boin12 import tallies


def patients(given_: dict[str, Any]) -> list[FollowedPatient]:
    seen = {1: True, 0: False, -1: None}
    return [
        FollowedPatient(0, seen[t], seen[e], ft / given_["tox_window"], fe / given_["eff_window"])
        for t, e, ft, fe in zip(
            given_["toxicity"], given_["efficacy"], given_["tox_followup"], given_["eff_followup"], strict=True
        )
    ]


@pytest.mark.parametrize(("given_", "right"), cases("tite_boin12_al"))
def test_evidence(given_: dict[str, Any], right: dict[str, Any]) -> None:
    complete = Boin12(2, given_["phi_t"], given_["phi_e"], Utility(*given_["utilities"]))
    evidence = TiteBoin12(complete).evidence(patients(given_), 0)
    assert 100 * complete.benchmark == pytest.approx(right["benchmark"])
    ours = [evidence.toxicity_rate, evidence.overdose, evidence.futility, evidence.desirability]
    theirs = [right[name] for name in ("p_t", "overdose", "futility", "utility_probability")]
    np.testing.assert_allclose([field[0, 0] for field in ours], theirs, rtol=1e-9)


COMPLETE = Boin12(levels=4, max_toxicity=0.3, min_response=0.25, max_patients=24)


@settings(deadline=None, max_examples=100)
@given(tallies())
def test_with_nobody_pending_it_is_boin12(tally: JointTally) -> None:
    known = []
    for level in [*range(4), int(tally.level[0])]:
        if level == tally.level[0] and len(known) < tally.treated[0, :level].sum():
            continue
        for outcome in range(4):
            known += [FollowedPatient(level, outcome >= 2, outcome % 2 == 1)] * int(tally.counts[0, level, outcome])
    others = [patient for patient in known if patient.level != tally.level[0]]
    here = [patient for patient in known if patient.level == tally.level[0]][: int(tally.treated[0, tally.level[0]])]
    ours, theirs = TiteBoin12(COMPLETE).decide(others + here), COMPLETE.decide(tally)
    assert (ours.level[0], ours.action[0]) == (theirs.level[0], theirs.action[0])


@settings(deadline=None)
@given(st.floats(0, 0.99), st.floats(0, 0.99))
def test_follow_up_without_toxicity_reassures(first: float, second: float) -> None:
    early, late = sorted((first, second))
    seen = [FollowedPatient(0, True, True), FollowedPatient(0, False, False)]
    overdose = [
        TiteBoin12(COMPLETE)
        .evidence([*seen, FollowedPatient(0, None, True, toxicity_followed=share)], 0)
        .overdose[0, 0]
        for share in (early, late)
    ]
    assert overdose[0] >= overdose[1] - 1e-12


def test_waits_while_more_than_half_are_pending() -> None:
    design = TiteBoin12(COMPLETE)
    seen, waiting = FollowedPatient(0, False, False), FollowedPatient(0, None, False, toxicity_followed=0.9)
    assert design.decide([seen, seen, waiting, waiting]).action[0] != Action.WAIT
    assert design.decide([seen, waiting, waiting]).action[0] == Action.WAIT
    assert design.decide([]).level[0] == 0


def test_the_optimal_dose_waits_for_everybody() -> None:
    design = TiteBoin12(Boin12(levels=2, max_toxicity=0.3, min_response=0.25, max_patients=6))
    known = [FollowedPatient(0, False, True)] * 5
    assert design.decide([*known, FollowedPatient(0, False, None)]).action[0] == Action.WAIT
    assert design.decide([*known, FollowedPatient(0, False, True)]).action[0] == Action.DECLARE


def test_refused() -> None:
    with pytest.raises(ValueError, match="share of the window"):
        FollowedPatient(0, None, None, 1.5)
    with pytest.raises(ValueError, match="max_pending"):
        TiteBoin12(COMPLETE, max_pending=0.0)
    with pytest.raises(ValueError, match="levels are 1 to 4"):
        TiteBoin12(COMPLETE).evidence([FollowedPatient(4, True, True)], 0)
