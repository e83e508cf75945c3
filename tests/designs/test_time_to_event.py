"""TITE-CRM against dfcrm, TITE-BOIN against TITEgBOIN, rolling six against its published table."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs import Action, Boin, Crm, PendingPatients, RollingSix, Tally, ThreePlusThree, TiteBoin, TiteCrm
from posology.designs.time_to_event import weights
from tests.designs.plain_enumeration import exact
from tests.designs.test_model_based import tally_of
from tests.designs.test_three_plus_three import cases

SKELETON = (0.05, 0.12, 0.25, 0.40, 0.55)


@pytest.mark.parametrize(("inputs", "outputs"), cases("dfcrm_titecrm"))
def test_tite_crm_of_dfcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    levels, tox = len(inputs["prior"]), np.array(inputs["tox"])
    window = inputs.get("obswin", 1.0)
    if "entry" in inputs:
        inputs = inputs | {"followup": np.subtract(inputs["exit"], inputs["entry"])}
    if inputs.get("scheme") == "adaptive" and (np.array(inputs["followup"])[tox == 1] > window).any():
        # a DLT after the window: the package lets it lower the weight of patients followed to the end. Given its
        # weights,
        # we find its estimate; our own weights never fall once the window is over.
        inputs = inputs | {"weights": outputs["weights"]}
    given_weights = "weights" in inputs
    share = np.array(inputs["weights"]) if given_weights else np.minimum(np.array(inputs["followup"]) / window, 1.0)
    dlt_at = np.array([np.array(inputs["followup"])[tox == 1] / window]) if not given_weights else None
    scheme = inputs.get("scheme", "linear")
    fit = inputs.get("method", "bayes")
    design = TiteCrm(
        levels,
        inputs["target"],
        skeleton=tuple(inputs["prior"]),
        model=inputs.get("model", "empiric"),
        fit=fit,
        weight="linear" if given_weights else scheme,
        initial=(1,) if fit == "mle" else (),
        max_patients=max(30, len(tox)),
    )
    open_ = np.flatnonzero((tox == 0) & ((share < 1) | (scheme == "adaptive")))
    tally = tally_of(inputs["level"], inputs["tox"], levels)
    if len(open_):
        tally = tally.with_pending(
            PendingPatients(np.array([inputs["level"]])[:, open_] - 1, share[None, open_], dlt_at)
        )
    accuracy = 2e-6 if fit == "bayes" else 2e-4
    assert design.beta(tally)[0] == pytest.approx(outputs["estimate"], abs=accuracy)
    np.testing.assert_allclose(design.estimates(tally)[0], outputs["ptox"], atol=accuracy)
    assert design.choose(tally)[0] + 1 == outputs["mtd"]


@pytest.mark.parametrize("impute", ["expected", "effective"])
@pytest.mark.parametrize(("inputs", "outputs"), cases("titegboin_next"))
def test_tite_boin_of_titegboin(inputs: dict[str, Any], outputs: dict[str, Any], impute: Any) -> None:
    n, y, pending = (np.array([inputs[k]]) for k in ("n", "y", "npend"))
    at = inputs["d"] - 1
    design = TiteBoin(
        n.shape[1],
        inputs["target"],
        max_patients=200,
        impute=impute,
        max_pending=inputs["maxpen"],
        elimination=inputs["cutoff.eli"],
        extra_safe=0.05 if inputs["extrasafe"] else 0.0,
        cohort=1,
    )
    tally = Tally(n, y, np.array([at]))
    if pending[0, at]:
        share = inputs["ft"][at] / inputs["maxt"] / pending[0, at]
        tally = tally.with_pending(PendingPatients([[at] * int(pending[0, at])], [[share] * int(pending[0, at])]))
    decision = design.decide(tally)
    assert (Action(decision.action[0]) is Action.WAIT) == bool(outputs["pending"])
    assert (np.flatnonzero(design.eliminated(tally)[0]).tolist()) == np.flatnonzero(outputs["elimi"]).tolist()
    assert decision.level[0] + 1 == outputs["d"]


def test_weights_are_those_of_the_paper() -> None:
    u, at = np.array([[0.1, 0.4, 0.6, 0.9]]), np.array([[0.2, 0.8, np.nan]])
    np.testing.assert_allclose(weights(u, at, "adaptive")[0], [0.5 / 3, (1 + 1 / 3) / 3, (1 + 2 / 3) / 3, 2.5 / 3])
    np.testing.assert_allclose(weights(u, np.full((1, 2), np.nan), "adaptive"), u)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.lists(st.floats(0.01, 1), max_size=5))
@settings(max_examples=50)
def test_weights_rise_with_follow_up(followed: list[float], dlts: list[float]) -> None:
    u = np.sort(np.array([followed]))
    w = weights(u, np.array([dlts]).reshape(1, -1), "adaptive")
    assert (np.diff(w) >= -1e-12).all()
    assert ((w >= 0) & (w <= 1)).all()


def test_nobody_waited_for_is_the_plain_design() -> None:
    truth = [0.1, 0.2, 0.3, 0.4, 0.5]
    for late, plain in (
        (TiteCrm(5, 0.25, skeleton=SKELETON, max_patients=12), Crm(5, 0.25, skeleton=SKELETON, max_patients=12)),
        (TiteBoin(5, 0.3, max_patients=12), Boin(5, 0.3, max_patients=12)),
    ):
        a, b = (exact(d, truth)[0] for d in (late, plain))
        np.testing.assert_allclose(a, b, atol=1e-12)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_follow_up_lies_between_nothing_and_all(share: float) -> None:
    """Two patients without follow-up count nothing, with full follow-up as two without DLT."""
    design = TiteCrm(5, 0.25, skeleton=SKELETON)
    with_two, without = Tally.of("1NNN 2NNT 2NN", 5), Tally.of("1NNN 2NNT", 5)
    found = design.mean_rates(with_two.with_pending(PendingPatients([[1, 1]], [[share, share]])))[0]
    low, high = design.mean_rates(with_two)[0], design.mean_rates(without)[0]
    expected = {0.0: high, 1.0: low}.get(share)
    if expected is not None:
        np.testing.assert_allclose(found, expected, atol=1e-12)
    assert ((found >= low - 1e-12) & (found <= high + 1e-12)).all()


def rolling(outcome: str, pending: int) -> tuple[str, int]:
    """Decide on level 2 of 3, level 1 clean, of whose patients the last ``pending`` are waited for."""
    tally = Tally.of(f"1NNN 2{outcome}", 3)
    if pending:
        tally = tally.with_pending(PendingPatients([[1] * pending], [[0.5] * pending]))
    decision = RollingSix(3).decide(tally)
    return Action(decision.action[0]).name, int(decision.level[0]) + 1


def test_rolling_six_by_its_table() -> None:
    """Skolnik 2008, table 1: patients enrolled, DLTs, patients pending, and the level of the next patient."""
    for n in (3, 4, 5):
        assert rolling("N" * n, 0) == ("ESCALATE", 3)
        assert rolling("N" * n, 1) == ("STAY", 2)
        assert rolling("T" + "N" * (n - 1), 0) == ("STAY", 2)
        assert rolling("TT" + "N" * (n - 2), 0) == ("DEESCALATE", 1)
        assert rolling("TT" + "N" * (n - 2), 1) == ("DEESCALATE", 1)
    assert rolling("NN", 2) == ("STAY", 2)
    assert rolling("NNNNNN", 0) == rolling("NNNNNN", 1) == rolling("TNNNNN", 0) == ("ESCALATE", 3)
    assert rolling("TNNNNN", 1)[0] == rolling("NNNNNN", 2)[0] == "WAIT"
    assert rolling("TTNNNN", 0) == ("DEESCALATE", 1)


def test_rolling_six_with_everyone_known_selects_as_3_plus_3() -> None:
    """One by one, no patient waited for: the same MTD as 3+3 with six at the MTD, only with the sixth patient saved."""
    truth = [0.1, 0.25, 0.4]
    a, b = (exact(d, truth)[0] for d in (RollingSix(3), ThreePlusThree(3)))
    np.testing.assert_allclose(a, b, atol=0.03)


def test_nonsense_is_refused() -> None:
    tally = Tally.of("1NNT", 3)
    for build, said in (
        (lambda: tally.with_pending(PendingPatients([[0, 0, 0]], [[0.5, 0.5, 0.5]])), "only 3 treated"),
        (lambda: PendingPatients([[0]], [[1.5]]), "between 0 and 1"),
        (lambda: PendingPatients([[0]], [[0.5, 0.5]]), "both"),
        (lambda: replace(RollingSix(3), start=5), "levels 1 to 3"),
    ):
        with pytest.raises(ValueError, match=said):
            build()
