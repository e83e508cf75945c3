"""Exact operating characteristics against published exact numbers, a plain enumeration, simulations, and identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.designs import Boin, ThreePlusThree, Titration
from posology.operating import TooLarge, enumerate_trials
from tests.designs.plain_enumeration import exact
from tests.designs.test_three_plus_three import cases


@pytest.mark.parametrize(("inputs", "outputs"), cases("bcrm_threep3_exact"))
def test_three_plus_three_of_bcrm(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    if inputs["start"] > 1:
        return  # the peer's bug is told in the test of the design
    truth = inputs["truep"]
    found = enumerate_trials(ThreePlusThree(len(truth), mtd_patients=3 if inputs["esc_only"] else 6)).characteristics(
        truth
    )
    np.testing.assert_allclose(found.selection[0], outputs["prob_mtd_0toJ"], atol=1e-12)
    np.testing.assert_allclose(found.patients[0], outputs["n_average"], atol=1e-9)
    numbers, chance = found.size
    assert dict(zip(numbers.tolist(), chance[0].tolist(), strict=True)) == pytest.approx(
        {int(n): p for n, p in outputs["n_distribution"].items()}
    )


@pytest.mark.parametrize(("inputs", "outputs"), cases("boin_get_oc"))
def test_boin_against_simulation_by_its_authors(inputs: dict[str, Any], outputs: dict[str, Any]) -> None:
    """10,000 simulated trials each: within five standard errors of the exact value.

    The R package leaves out the check of elimination after the last cohort, and stops early in its own way: cases with
    other options than plain ones are left to the package.
    """
    plain = {"target", "p.true", "ncohort", "cohortsize", "ntrial", "seed"}
    if set(inputs) - plain:
        return
    design = Boin(
        len(inputs["p.true"]),
        inputs["target"],
        cohort=inputs["cohortsize"],
        max_patients=inputs["ncohort"] * inputs["cohortsize"],
    )
    found = enumerate_trials(design).characteristics(inputs["p.true"])
    expected = np.array([outputs["percentstop"], *outputs["selpercent"]]) / 100
    error = np.sqrt(np.maximum(found.selection[0] * (1 - found.selection[0]), 1e-4) / inputs["ntrial"])
    assert (np.abs(found.selection[0] - expected) < 5 * error).all(), (found.selection[0], expected)
    np.testing.assert_allclose(found.patients[0], outputs["npatients"], atol=0.35)


DESIGNS = [
    ThreePlusThree(4),
    ThreePlusThree(4, mtd_patients=3),
    ThreePlusThree(4, start=1),
    Titration(ThreePlusThree(4), last_titration_level=2),
    Boin(4, 0.3, max_patients=12),
    Boin(4, 0.25, cohort=2, max_patients=12),
    Boin(4, 0.2, cohort=1, max_patients=8, stop_at=5),
]


@pytest.mark.parametrize("design", DESIGNS)
@given(truth=st.lists(st.floats(0.01, 0.95), min_size=4, max_size=4).map(sorted))
@settings(max_examples=8)
def test_against_a_plain_enumeration_and_identities(design: Any, truth: list[float]) -> None:
    found = enumerate_trials(design).characteristics(truth)
    chosen, patients, dlts, sizes = exact(design, truth)
    np.testing.assert_allclose(found.selection[0], chosen, atol=1e-12)
    np.testing.assert_allclose(found.patients[0], patients, atol=1e-9)
    np.testing.assert_allclose(found.dlts[0], dlts, atol=1e-9)
    assert found.selection.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.dlts[0], np.array(truth) * found.patients[0], atol=1e-9)
    numbers, chance = found.size
    assert (numbers @ chance[0]) == pytest.approx(sum(n * p for n, p in sizes.items()))
    at, by = found.patients_at(1)
    assert (at @ by[0]) == pytest.approx(patients[1])


def test_one_enumeration_for_all_scenarios() -> None:
    ends = enumerate_trials(Boin(3, 0.3, max_patients=12))
    truths = [[0.1, 0.2, 0.3], [0.3, 0.4, 0.5], [0.0, 0.0, 1.0]]
    together = ends.characteristics(truths)
    for k, truth in enumerate(truths):
        np.testing.assert_allclose(together.selection[k], ends.characteristics(truth).selection[0], atol=1e-15)
    np.testing.assert_allclose(together.selection.sum(axis=1), 1)
    assert np.isfinite(together.selection).all()
    assert together.true_mtd(0.3).tolist() == [2, 0, 1]
    np.testing.assert_allclose(together.correct(0.3)[0], together.selection[0, 3])


def test_gradient_against_differences() -> None:
    ends = enumerate_trials(Boin(3, 0.3, max_patients=12))
    truth, step = np.array([0.1, 0.25, 0.4]), 1e-6
    gradient = ends.characteristics(truth).gradient()[0]
    for j in range(3):
        up, down = truth.copy(), truth.copy()
        up[j] += step
        down[j] -= step
        slope = (ends.characteristics(up).selection[0] - ends.characteristics(down).selection[0]) / (2 * step)
        np.testing.assert_allclose(gradient[:, j], slope, atol=1e-7)


def test_a_safe_drug_and_a_poison() -> None:
    ends = enumerate_trials(ThreePlusThree(4))
    assert ends.characteristics([0, 0, 0, 0]).selection[0].tolist() == [0, 0, 0, 0, 1]
    assert ends.characteristics([1, 1, 1, 1]).selection[0].tolist() == [1, 0, 0, 0, 0]


@pytest.mark.parametrize(
    ("truth", "said"), [([0.1, 0.2], "has 2 rates"), ([0.1, 0.2, 1.2], "is 1.2"), ([0.1, 0.2, float("nan")], "is nan")]
)
def test_a_wrong_truth(truth: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        enumerate_trials(ThreePlusThree(3)).characteristics(truth)


def test_too_large_is_told_beforehand() -> None:
    with pytest.raises(TooLarge, match="simulate it instead"):
        enumerate_trials(Boin(5, 0.3, cohort=1, max_patients=30), most=10_000)
