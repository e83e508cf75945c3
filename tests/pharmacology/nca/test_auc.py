"""Areas: parts of them add up; concentrations that are all but equal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.pharmacology.nca.auc import concentration_at, partial_auc, segment_auc


@pytest.mark.parametrize("gap", [0.0, 1e-16, 1e-15, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3, 9e-3, 1.1e-2, 0.1])
def test_concentrations_that_are_all_but_equal(gap: float) -> None:
    """A plateau in arithmetic of limited precision: the logarithmic trapezoid nears the linear one."""
    from fractions import Fraction as F

    c1, c0 = 3.3, 3.3 * (1 + gap)
    area, moment = segment_auc(np.array([[100.0, 101]]), np.array([[c0, c1]]))
    u = F(c0) / F(c1) - 1
    log = sum((-1) ** (k + 1) * u**k / k for k in range(1, 40)) or F(1)
    lever = (F(c0) - F(c1) - F(c1) * log) / log**2
    exact = (F(c0) - F(c1)) / log if u else F(c1)
    assert area[0, 0] == pytest.approx(float(exact), rel=1e-13)
    assert moment[0, 0] == pytest.approx(float(100 * exact + (lever if u else F(c1) / 2)), rel=1e-13)
    partial = partial_auc(np.array([[100.0, 101]]), np.array([[c0, c1]]), 100.0, 100.5, np.array([np.nan]))
    assert partial[0] == pytest.approx(0.5 * c0, rel=gap / 2 + 1e-13)


profile = st.lists(st.floats(0.05, 50), min_size=5, max_size=12)


@given(profile, st.tuples(st.floats(0, 20), st.floats(0, 20), st.floats(0, 20)))
def test_partial_areas_add_up(values: list[float], cuts: tuple[float, float, float]) -> None:
    time, value = np.arange(float(len(values)))[None], np.array([values])
    a, b, c = sorted(cuts)
    rate = np.array([0.1])
    whole = partial_auc(time, value, a, c, rate)
    assert partial_auc(time, value, a, b, rate) + partial_auc(time, value, b, c, rate) == pytest.approx(whole, abs=1e-9)
    area, _ = segment_auc(time, value)
    assert partial_auc(time, value, 0, len(values) - 1, rate)[0] == pytest.approx(area.sum())
    ends = concentration_at(time, value, float(len(values) - 1), rate)
    assert ends[0] == values[-1]
