"""Grades: exact against the binary enumeration where grades do not matter, against simulation where they do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.designs import Boin, Crm, GBoin, ThreePlusThree, Titration
from posology.operating import PotentialOutcomes, Scenario, enumerate_graded, enumerate_trials, simulate

GRADES = np.array([[0.6, 0.2, 0.15, 0.04, 0.01], [0.4, 0.2, 0.2, 0.15, 0.05], [0.2, 0.2, 0.2, 0.3, 0.1]])
TRUTH = GRADES[:, 3:].sum(axis=1)


@pytest.mark.parametrize(
    "design",
    [ThreePlusThree(3), Boin(3, 0.3, max_patients=12), Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4), max_patients=9)],
)
def test_without_grades_it_is_the_binary_enumeration(design: Any) -> None:
    graded, binary = enumerate_graded(design, GRADES), enumerate_trials(design).characteristics(TRUTH)
    np.testing.assert_allclose(graded.selection, binary.selection, atol=1e-12)
    np.testing.assert_allclose(graded.patients, binary.patients, atol=1e-10)
    np.testing.assert_allclose(graded.dlts, binary.dlts, atol=1e-10)
    numbers, chances = binary.size
    np.testing.assert_array_equal(graded.sizes, numbers)
    np.testing.assert_allclose(graded.size_chances, chances, atol=1e-12)


def test_a_score_of_one_for_dlts_alone_is_boin() -> None:
    plain = enumerate_trials(Boin(3, 0.3, max_patients=12)).characteristics(TRUTH)
    graded = enumerate_graded(GBoin(3, 0.3, max_patients=12, scores=(0, 0, 0, 1, 1)), GRADES)
    np.testing.assert_allclose(graded.patients, plain.patients, atol=1e-10)
    np.testing.assert_allclose(graded.truth[0], TRUTH)


DESIGNS: list[Any] = [
    Titration(ThreePlusThree(3), last_titration_level=3),
    Titration(ThreePlusThree(3), last_titration_level=3, moderate=2),
    Titration(Boin(3, 0.3, max_patients=12), last_titration_level=2),
    GBoin(3, 0.25, max_patients=12),
    GBoin(3, 0.25, max_patients=12, score="continuous"),
]


@pytest.mark.parametrize("design", DESIGNS)
def test_exact_and_simulated_agree(design: Any) -> None:
    exact = enumerate_graded(design, GRADES)
    patients = PotentialOutcomes.draw(np.random.default_rng(4), 20_000, 24)
    found = simulate(design, Scenario(tuple(TRUTH), grades=tuple(map(tuple, GRADES))), patients)
    assert exact.selection.sum() == pytest.approx(1)
    assert exact.size_chances.sum() == pytest.approx(1)
    assert (np.abs(found.selection - exact.selection[0]) < 5 * found.selection_error + 1e-4).all()
    assert (np.abs(found.patients - exact.patients[0]) < 5 * found.patients_error + 1e-3).all()


def test_more_moderate_toxicity_ends_the_titration_sooner() -> None:
    design = Titration(ThreePlusThree(3), last_titration_level=3)
    calm = np.array([[0.9, 0.05, 0.0, 0.05, 0.0]] * 3)
    rough = np.array([[0.5, 0.05, 0.4, 0.05, 0.0]] * 3)
    both = enumerate_graded(design, np.stack([calm, rough]))
    assert both.patients[1, 0] > both.patients[0, 0]


@pytest.mark.parametrize(
    ("grades", "said"),
    [(GRADES[:2], "each of the 3 levels"), (GRADES * 1.1, "sum to 1"), (GRADES[:, :3], "grades 0 to 3")],
)
def test_nonsense_is_refused(grades: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        enumerate_graded(ThreePlusThree(3), grades)


def test_truth_and_grades_must_agree() -> None:
    with pytest.raises(ValueError, match="the DLT rates are"):
        Scenario((0.1, 0.2, 0.3), grades=tuple(map(tuple, GRADES)))
