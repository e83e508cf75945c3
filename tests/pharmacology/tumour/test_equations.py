"""The tumour's formulas one by one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.pharmacology.tumour import equations


def test_transfer_rates_of_the_paper() -> None:
    assert equations.krogh(334, 8, 75) == pytest.approx(0.95, rel=1e-3)  # ADC
    assert equations.krogh(2.1e4, 8, 75) == pytest.approx(59.7, rel=1e-3)  # MMAE
    assert equations.surface(0.022, 1) == pytest.approx(0.13, abs=0.003)


@given(st.floats(1e-3, 1e4), st.floats(1e-3, 1e4), st.floats(1e-4, 1e3))
def test_complex_solves_its_equilibrium(atot: float, rtot: float, kss: float) -> None:
    b = float(equations.complex_qss(atot, rtot, kss))
    assert 0 < b <= min(atot, rtot) * (1 + 1e-12)
    assert (atot - b) * (rtot - b) == pytest.approx(kss * b, rel=1e-6, abs=1e-9 * atot * rtot)


@given(st.floats(0.01, 1e3), st.floats(0.5, 4))
def test_kill_and_its_slope(ratio: float, hill: float) -> None:
    rate = lambda u: float(equations.kill_rate((u / 25.0) ** hill, 0.1))
    u, step = 25.0 * ratio, 25.0 * ratio * 1e-5
    slope = equations.kill_slope(ratio**hill, ratio ** (hill - 1), 0.1, 25.0, hill)
    assert slope == pytest.approx((rate(u + step) - rate(u - step)) / (2 * step), rel=1e-4, abs=1e-12)
