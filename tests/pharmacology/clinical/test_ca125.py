"""CA-125: the three published forms against an ODE solver, and where they must agree."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from posology.pharmacology.clinical.ca125 import (
    CA125,
    WILBAUX,
    chemotherapy,
    from_tumour_size,
    turnover,
    wilbaux_2014,
    you_2013,
)

DAYS = np.arange(0.0, 301)
CYCLES = [0.0, 21.0, 42.0, 63.0, 84.0, 105.0]
KELIM, CA0 = CA125.kelim.value, CA125.ca0.value


def whole(t: float, y: np.ndarray) -> list[float]:
    """Return what the paper's model makes of drug, size and CA-125."""
    w = {name: quantity.value for name, quantity in vars(WILBAUX).items()}
    growth = w["kprol"] * w["a50"] / (w["a50"] + y[1]) - w["kreduc"] * y[2]
    return [
        -w["k"] * y[0],
        w["k"] * (y[0] - y[1]),
        growth,
        w["kprod1"] + w["kprod2"] * np.exp(w["k2"] * growth) - KELIM * y[3],
    ]


def test_chemotherapy_and_marker_of_wilbaux_against_scipy() -> None:
    """The four equations together, one cycle after the other."""
    state, parts = np.array([0.0, 0.0, 57.8, CA0]), []
    for begin, end in zip(CYCLES, [*CYCLES[1:], 300.0], strict=True):
        state = state + np.array([1.0, 0, 0, 0])
        at = np.arange(begin, end + 1)
        found = solve_ivp(whole, (begin, end), state, t_eval=at, rtol=1e-10, atol=1e-10, method="LSODA")
        parts.append(found.y[2:, :-1] if end < 300 else found.y[2:])
        state = found.y[:, -1]
    wanted = np.hstack(parts)
    size, growth = chemotherapy(DAYS, CYCLES, 57.8)
    assert size[0] == pytest.approx(wanted[0], rel=1e-6)
    fine = np.arange(0.0, 300.01, 0.1)
    size, growth = chemotherapy(fine, CYCLES, 57.8)
    assert wilbaux_2014(fine, growth, KELIM, CA0)[0, ::10] == pytest.approx(wanted[1], rel=2e-3)
    assert wanted[0].min() < 30 and wanted[1].min() < 30, "typical patient: both fall, and come back"
    assert wanted[1][-1] > 2 * wanted[1].min()


def test_patients_of_their_own() -> None:
    k = np.array([0.01, 0.019, 0.04])
    size, growth = chemotherapy(DAYS, CYCLES, [40.0, 57.8, 57.8], k=k)
    alone = chemotherapy(DAYS, CYCLES, 57.8, k=0.04)
    assert size.shape == growth.shape == (3, 301)
    assert np.array_equal(size[2], alone[0][0]) and np.array_equal(growth[2], alone[1][0])


def test_untreated_tumour_of_wilbaux_ends_where_it_must() -> None:
    """KPROL / KREDUC, and CA-125 at (KPROD1 + KPROD2) / KELIM; at the start growth sustains the CA-125 of the start."""
    t = np.arange(0.0, 1500)
    size, growth = chemotherapy(t, [], 57.8)
    assert size[0, -1] == pytest.approx(0.869 / 0.013, rel=1e-6)
    assert wilbaux_2014(t, growth, KELIM, CA0)[0, -1] == pytest.approx((0.452 + 0.615) / KELIM, rel=1e-4)
    made = 0.452 + 0.615 * np.exp(21.4 * growth[0, 0])
    assert made / KELIM == pytest.approx(CA0, rel=0.35)


@given(st.floats(0.005, 0.2), st.floats(0, 0.03), st.floats(0.05, 1))
def test_marker_of_you_in_closed_form(kelim: float, beta: float, effect: float) -> None:
    """A constant effect: CA = c exp(beta t) + (CA0 - c) exp(-KELIM t), c = KPROD effect / (KELIM + beta)."""
    found = you_2013(DAYS, np.full((1, 301), effect), kelim, 200.0, 5.0, beta)[0]
    c = 5.0 * effect / (kelim + beta)
    assert found == pytest.approx(c * np.exp(beta * DAYS) + (200 - c) * np.exp(-kelim * DAYS), rel=1e-9)


def test_forms_agree_where_they_say_the_same() -> None:
    """What is made at KELIM CA0 stays; a burden is an effect; a tumour that stands still makes KPROD1 + KPROD2."""
    rng = np.random.default_rng(1)
    change = np.cumsum(rng.normal(0, 0.02, (4, 301)), axis=1)
    own, start = rng.uniform(0.02, 0.08, 4), rng.uniform(50, 500, 4)
    as_effect = you_2013(DAYS, np.exp(3 * change), own, start, own * start, 0.0)
    assert from_tumour_size(DAYS, change, own, start, 3.0) == pytest.approx(as_effect, rel=1e-12)
    still = wilbaux_2014(DAYS, np.zeros((1, 301)), KELIM, CA0)
    assert still == pytest.approx(you_2013(DAYS, np.ones((1, 301)), KELIM, CA0, 0.452 + 0.615, 0.0), rel=1e-12)
    for form in (
        from_tumour_size(DAYS, np.zeros((1, 301)), KELIM, CA0),
        turnover(DAYS, np.full((1, 301), np.log(KELIM * CA0)), KELIM, CA0),
    ):
        assert form == pytest.approx(np.full((1, 301), CA0), rel=1e-12)


def test_nothing_made_falls_at_kelim() -> None:
    shrinking = wilbaux_2014(DAYS, np.full((1, 301), -50.0), KELIM, CA0, kprod1=1e-12)
    assert np.diff(np.log(shrinking[0, :100])) == pytest.approx(np.full(99, -KELIM), rel=1e-6)


def test_refusals() -> None:
    flat = np.ones((2, 301))
    with pytest.raises(ValueError, match="patient 2: kprod is -1 U/mL/d"):
        you_2013(DAYS, flat, KELIM, CA0, [5.0, -1.0], 0.0)
    with pytest.raises(ValueError, match="patient 1, time 1: effect is 0"):
        you_2013(DAYS, 0 * flat, KELIM, CA0, 5.0, 0.0)
    with pytest.raises(ValueError, match="patient 1: k2 is 0 d/mm"):
        wilbaux_2014(DAYS, flat, KELIM, CA0, k2=0.0)
    with pytest.raises(ValueError, match="patient 1: s0 is nan mm"):
        chemotherapy(DAYS, CYCLES, np.nan)


def test_published_numbers_carry_their_source() -> None:
    for quantity in vars(WILBAUX).values():
        assert quantity.evidence == "retrieved" and "Wilbaux 2014" in quantity.source and quantity.between > 0
