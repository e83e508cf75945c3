"""The sum of diameters against its equation and its paper; RECIST at visits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.pharmacology.clinical.tumour_size import NEVER, TumourDynamics, assess_recist


def one(kg: float = 0.0027, kd: float = 0.0119, lam: float = 0.0049, s0: float = 57.8) -> TumourDynamics:
    return TumourDynamics(*(np.array([x]) for x in (kg, kd, lam, s0, np.inf)))


@given(st.floats(0, 0.01), st.floats(0, 0.05), st.floats(1e-4, 0.05), st.lists(st.floats(0, 2), min_size=1, max_size=5))
def test_size_solves_its_equation_whatever_the_cycles(kg: float, kd: float, lam: float, exposure: list[float]) -> None:
    start = 21.0 * np.arange(len(exposure))
    t = np.array([0.0, 10, 33, 84, 200])
    found = one(kg, kd, lam).log_change(t, start, exposure)[0]
    fine = np.linspace(0, 200, 40_001)
    given_then = np.asarray(exposure)[np.minimum((fine[:-1] + 0.0025) // 21, len(exposure) - 1).astype(int)]
    slope = kg - kd * given_then * np.exp(-lam * (fine[:-1] + fine[1:]) / 2)
    whole = np.append(0, np.cumsum(slope * np.diff(fine)))
    assert found == pytest.approx(np.interp(t, fine, whole), abs=2e-4)


def test_size_under_one_dose_throughout_is_the_papers() -> None:
    t = np.array([0.0, 42, 84, 365])
    kg, kd, lam = 0.0027, 0.0119, 0.0049
    wanted = 57.8 * np.exp(kg * t - kd / lam * (1 - np.exp(-lam * t)))
    assert one().size(t)[0] == pytest.approx(wanted, rel=1e-12)
    assert one().size(t, [0.0, 21, 42], [1.0, 1, 1])[0] == pytest.approx(wanted, rel=1e-12)


def test_visits_are_judged_by_recist() -> None:
    never = np.array([np.inf])
    judged = lambda size, new=never, last=NEVER: assess_recist(
        np.array([size], dtype=float), 42 * np.arange(len(size)), new, last
    )
    assert judged([50, 34, 50]).response[0] == NEVER  # not confirmed
    assert judged([50, 34, 34]).response[0] == 42
    assert judged([20, 14, 18]).progression[0] == NEVER  # 20 %, but not 5 mm
    assert judged([50, 50, 60]).progression[0] == 84
    assert judged([50, 40, 40], np.array([50.0])).progression[0] == 84  # new lesion, seen at the next visit
    assert judged([50, 30, 30], last=60).response[0] == NEVER  # died before it could be confirmed
