"""Operating characteristics of the optimal dose: exact against simulation, against every path, and limits."""

from __future__ import annotations

import numpy as np
import pytest

from posology.expansion.joint_outcomes import joint_chances
from posology.expansion.optimal_dose.boin12 import Boin12
from posology.expansion.optimal_dose.characteristics import (
    OptimalDoseDesign,
    exact_optimal_dose,
    simulate_optimal_dose,
)
from posology.expansion.optimal_dose.uboin import UBoin
from posology.expansion.optimal_dose.utility import Utility

TRUTH = joint_chances([0.05, 0.2, 0.45], [0.2, 0.5, 0.55], 0.3)


@pytest.mark.parametrize(
    "design",
    [
        Boin12(levels=3, max_toxicity=0.35, min_response=0.25, max_patients=15, enough=9),
        Boin12(levels=3, max_toxicity=0.35, min_response=0.25, max_patients=12, utility=Utility(100, 30, 65, 0)),
        UBoin(levels=3, max_toxicity=0.35, min_response=0.25, stage_one=6, stage_two=9, max_patients=12),
    ],
)
def test_exact_as_simulated(design: OptimalDoseDesign) -> None:
    exact = exact_optimal_dose(design, TRUTH)
    simulated = simulate_optimal_dose(design, TRUTH, np.random.default_rng(11), trials=20_000)
    assert exact.selected.sum() + exact.none == pytest.approx(1)
    np.testing.assert_allclose(exact.selected, simulated.selected, atol=4 * simulated.standard_error.max() + 1e-3)
    np.testing.assert_allclose(exact.patients, simulated.patients, atol=0.12)
    np.testing.assert_allclose(exact.toxicities, exact.patients * [0.05, 0.2, 0.45], rtol=1e-9)
    np.testing.assert_allclose(exact.responses, exact.patients * [0.2, 0.5, 0.55], rtol=1e-9)


def test_marginal_counts_are_enough_where_utilities_are_additive() -> None:
    """The same answer with counts taken together by their margins and kept apart."""
    design = Boin12(levels=2, max_toxicity=0.35, min_response=0.25, max_patients=12)

    class Apart(Boin12):
        @property
        def by_marginal_counts(self) -> bool:
            return False

    apart = Apart(levels=2, max_toxicity=0.35, min_response=0.25, max_patients=12)
    together, separate = (exact_optimal_dose(each, TRUTH[:2]) for each in (design, apart))
    np.testing.assert_allclose(together.selected, separate.selected, rtol=1e-10)
    np.testing.assert_allclose(together.patients, separate.patients, rtol=1e-10)


def test_certain_outcomes() -> None:
    design = Boin12(levels=3, max_toxicity=0.35, min_response=0.25)
    toxic = exact_optimal_dose(design, joint_chances([1.0, 1.0, 1.0], [0.5, 0.5, 0.5]))
    assert toxic.none == pytest.approx(1) and toxic.total_patients == pytest.approx(3)


def test_the_last_cohort_is_cut() -> None:
    design = Boin12(levels=2, max_toxicity=0.35, min_response=0.01, max_patients=7, enough=None)
    result = simulate_optimal_dose(design, TRUTH[:2], np.random.default_rng(1), trials=500)
    assert result.patients.sum() <= 7 and result.patients.sum() > 6


def test_refused() -> None:
    design = Boin12(levels=3, max_toxicity=0.35, min_response=0.25)
    with pytest.raises(ValueError, match="summing to 1"):
        simulate_optimal_dose(design, TRUTH[:2], np.random.default_rng(1))
    with pytest.raises(ValueError, match="1 or more"):
        simulate_optimal_dose(design, TRUTH, np.random.default_rng(1), trials=0)
    with pytest.raises(ValueError, match="simulate instead"):
        exact_optimal_dose(design, TRUTH, max_states=1_000)
