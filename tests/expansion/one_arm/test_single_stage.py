"""A'Hern, Sargent and every single stage, against PhIIdesign and clinfun."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binom

from posology.expansion.one_arm.single_stage import a_hern, sargent, single_stage_designs
from tests.expansion.cases import cases


@pytest.mark.parametrize(("given_", "right"), cases("phiidesign_ahern"))
def test_a_hern_as_his_table(given_: dict, right: dict) -> None:
    design = a_hern(given_["p0"], given_["pa"], alpha=given_["alpha"], beta=given_["beta"], tolerance=given_["eps"])
    assert (design.n, design.r) == (right["N"], right["r"])
    assert design.type_1_error == pytest.approx(right["alpha"]) and 1 - design.power == pytest.approx(right["beta"])


@pytest.mark.parametrize(("given_", "right"), cases("clinfun_ph2single"))
def test_the_first_sizes_as_clinfun(given_: dict, right: dict) -> None:
    designs = single_stage_designs(given_["pu"], given_["pa"], alpha=given_["ep1"], beta=given_["ep2"])
    first = designs[: given_["nsoln"]]
    assert [d.n for d in first] == right["n"] and [d.r for d in first] == right["r"]
    np.testing.assert_allclose([d.type_1_error for d in first], right["Type I error"])
    np.testing.assert_allclose([1 - d.power for d in first], right["Type II error"])


@pytest.mark.parametrize(("p0", "p1"), [(0.05, 0.2), (0.3, 0.5), (0.6, 0.8)])
def test_the_saw_tooth(p0: float, p1: float) -> None:
    first, steady = (a_hern(p0, p1, saw_tooth=name, tolerance=1e-9) for name in ("first", "all larger"))
    assert first.n <= steady.n

    def fits(n: int) -> bool:
        return bool((binom.sf(np.arange(n), n, p1) >= 0.8 - 1e-9)[binom.sf(np.arange(n), n, p0) <= 0.05 + 1e-9].any())

    assert fits(first.n) and not any(fits(n) for n in range(1, first.n))
    assert all(fits(n) for n in range(steady.n, steady.n + 80)) and not fits(steady.n - 1)


@pytest.mark.parametrize(("given_", "right"), cases("phiidesign_sargent1"))
def test_three_outcomes(given_: dict, right: dict) -> None:
    design = sargent(
        given_["p0"],
        given_["pa"],
        alpha=given_["alpha"],
        beta=given_["beta"],
        eta=given_["eta"],
        pi=given_["pi"],
        min_patients=given_["N_min"],
        max_patients=given_["N_max"],
        tolerance=given_["eps"],
    )
    assert (design.n, design.r, design.s) == (right["N"], right["r"], right["s"])
    ours = (design.type_1_error, design.type_2_error, design.correct_rejection, design.power)
    np.testing.assert_allclose(ours, [right[k] for k in ("alpha", "beta", "eta", "pi")])


def test_what_cannot_be_met_is_said() -> None:
    with pytest.raises(ValueError, match="or fewer tells"):
        a_hern(0.1, 0.12, max_patients=50)
    with pytest.raises(ValueError, match="meets all four"):
        sargent(0.1, 0.12, max_patients=50)
    with pytest.raises(ValueError, match="p0 < p1"):
        sargent(0.2, 0.1)
