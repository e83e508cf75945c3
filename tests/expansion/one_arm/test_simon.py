"""Simon's designs against clinfun, and by properties."""

from __future__ import annotations

import numpy as np
import pytest

from posology.expansion.one_arm.simon import admissible, simon_designs
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_ph2simon"))
def test_every_size_as_clinfun(given_: dict, right: dict) -> None:
    designs = simon_designs(
        given_["pu"], given_["pa"], alpha=given_["ep1"], beta=given_["ep2"], max_patients=given_["nmax"]
    )
    ours = [[d.r1, d.n1, d.r, d.n, d.expected_patients, d.early_stop] for d in designs]
    np.testing.assert_allclose(ours, right["all_designs"], rtol=1e-9)
    optimal = min(designs, key=lambda d: d.expected_patients)
    assert [optimal.r1, optimal.n1, optimal.r, optimal.n] == [right["optimal"][k] for k in ("r1", "n1", "r", "n")]


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_twostage_admissible"))
def test_admissible_designs_as_clinfun(given_: dict, right: dict) -> None:
    designs = simon_designs(
        given_["pu"], given_["pa"], alpha=given_["ep1"], beta=given_["ep2"], max_patients=given_["nmax"]
    )
    ours = [
        [d.r1, d.n1, d.r, d.n, d.expected_patients, d.early_stop, round(low, 3), round(high, 3)]
        for d, low, high in admissible(designs)
    ]
    rows = right["design"]
    if len(ours) == 1:  # clinfun prints a design that is both minimax and optimal twice
        rows = rows[:1]
    np.testing.assert_allclose(ours, rows, atol=2e-3)


@pytest.mark.parametrize(
    ("p0", "p1", "alpha", "beta"), [(0.1, 0.3, 0.05, 0.2), (0.4, 0.55, 0.1, 0.1), (0.7, 0.9, 0.05, 0.1)]
)
def test_errors_are_met_by_the_design_as_a_table(p0: float, p1: float, alpha: float, beta: float) -> None:
    for design in simon_designs(p0, p1, alpha=alpha, beta=beta)[:10]:
        result = design.boundaries.characteristics([p0, p1])
        assert result.power[0] == pytest.approx(design.type_1_error) and result.power[0] <= alpha + 1e-9
        assert result.power[1] == pytest.approx(design.power) and result.power[1] >= 1 - beta - 1e-9
        assert result.patients[0] == pytest.approx(design.expected_patients)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"p0": 0.3, "p1": 0.1}, "0 < p0 < p1 < 1"),
        ({"p0": 0.1, "p1": 0.3, "alpha": 0}, "between 0 and 1"),
        ({"p0": 0.1, "p1": 0.11, "max_patients": 50}, "allow more patients"),
        ({"p0": 0.1, "p1": 0.3, "max_patients": 5000}, "from 2 to 1000"),
    ],
)
def test_what_cannot_be_asked(arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        simon_designs(**arguments)
