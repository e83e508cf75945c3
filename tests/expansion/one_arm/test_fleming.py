"""Fleming's two stages against PhIIdesign, and against their own table."""

from __future__ import annotations

import pytest

from posology.expansion.one_arm.fleming import fleming
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("phiidesign_fleming2"))
def test_optimal_and_minimax(given_: dict, right: dict) -> None:
    found = fleming(
        given_["p0"],
        given_["pa"],
        alpha=given_["alpha"],
        beta=given_["beta"],
        min_patients=given_["N_min"],
        max_patients=given_["N_max"],
    )
    for design, row in zip(found, (right["optimal"], right["minimax"]), strict=True):
        ours = (design.r1, design.n1, design.a, design.r2, design.n)
        assert ours == (row["r1"], row["n1"], row["a"], row["r2"], row["N"])
        assert design.expected_patients == pytest.approx(row["EN.p0"])
        result = design.boundaries.characteristics([given_["p0"], given_["pa"]])
        assert result.power[0] == pytest.approx(row["alpha"]) and 1 - result.power[1] == pytest.approx(row["beta"])


def test_what_cannot_be_met_is_said() -> None:
    with pytest.raises(ValueError, match="no two-stage design"):
        fleming(0.1, 0.12, max_patients=20)
    with pytest.raises(ValueError, match="lie between 2 and 200"):
        fleming(0.1, 0.3, min_patients=30, max_patients=20)
