"""Utilities: their order, means and totals."""

from __future__ import annotations

import pytest

from posology.expansion.joint_outcomes import JointTally
from posology.expansion.optimal_dose.utility import Utility


def test_mean_and_total() -> None:
    utility = Utility(100, 30, 65, 0)
    assert not utility.additive
    assert utility.mean(0.0, 1.0) == 100 and utility.mean(1.0, 0.0) == 0
    assert utility.mean(0.35, 0.25) == pytest.approx(100 * 0.25 * 0.65 + 30 * 0.75 * 0.65 + 65 * 0.25 * 0.35)
    assert utility.total(JointTally.of("1NETB", 1))[0, 0] == 195


@pytest.mark.parametrize(
    "wrong", [(90, 95, 60, 0), (100, 40, 60, 50), (120, 40, 60, 0), (100, 40, 60, -1), (0, 0, 0, 0)]
)
def test_refused(wrong: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="efficacy the greatest"):
        Utility(*wrong)
