"""The power model against a regression by hand."""

from __future__ import annotations

import numpy as np
import pytest

from posology.pharmacology.nca.dose_proportionality import dose_proportionality


def test_dose_proportionality_by_hand() -> None:
    dose, exposure = np.array([1.0, 1, 2, 2, 4, 4, 8, 8]), np.array([10.0, 12, 21, 19, 43, 39, 78, 85])
    found = dose_proportionality(dose, exposure)
    slope, intercept = np.polyfit(np.log(dose), np.log(exposure), 1)
    assert (found.slope, found.intercept) == pytest.approx((slope, intercept))
    assert found.region == pytest.approx((1 + np.log(0.8) / np.log(8), 1 + np.log(1.25) / np.log(8)))
    assert found.verdict == "proportional" and found.degrees == 6
    # at the doses' ratio that is just reached, the interval touches the region
    touching = max(abs(found.lower - 1) / -np.log(0.8), abs(found.upper - 1) / np.log(1.25))
    assert np.log(found.reach) == pytest.approx(1 / touching, rel=1e-9)
    assert dose_proportionality(dose, dose**2).verdict == "not proportional"


def test_dose_proportionality_needs_two_doses() -> None:
    with pytest.raises(ValueError, match="two at least"):
        dose_proportionality(np.ones(4), np.ones(4))
    with pytest.raises(ValueError, match="above 0"):
        dose_proportionality(np.array([1.0, 2, 3]), np.array([1.0, 0, 3]))
    with pytest.raises(ValueError, match="between 0 and 1"):
        dose_proportionality(np.array([1.0, 2, 3]), np.array([1.0, 2, 3]), level=90.0)
