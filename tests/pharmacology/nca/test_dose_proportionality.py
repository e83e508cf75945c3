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


def test_profiles_of_one_patient_are_not_independent() -> None:
    """Three equal profiles of each of eight patients say no more than one of each."""
    dose, exposure = np.array([1.0, 1, 2, 2, 4, 4, 8, 8]), np.array([10.0, 12, 21, 15, 33, 29, 48, 45])
    once = dose_proportionality(dose, exposure)
    thrice = dose_proportionality(np.tile(dose, 3), np.tile(exposure, 3), [str(i) for i in range(8)] * 3)
    assert (thrice.slope, thrice.lower, thrice.upper) == pytest.approx((once.slope, once.lower, once.upper))
    assert (thrice.degrees, thrice.profiles, thrice.patients) == (6, 8, 8)
    assert dose_proportionality(np.tile(dose, 3), np.tile(exposure, 3)).degrees == 22


def test_a_crossover_has_a_random_effect_of_the_patient() -> None:
    """Balanced: the slope is that within patients, its error that of an analysis of variance, here by hand."""
    dose, patients = np.array([1.0, 3.0, 9.0]), 6
    rng = np.random.default_rng(3)
    x, y = np.tile(np.log(dose), patients), np.empty(3 * patients)
    y[:] = np.repeat(rng.normal(0, 0.6, patients), 3) + 0.95 * x + rng.normal(0, 0.05, 3 * patients)
    names = np.repeat(np.arange(patients), 3).astype(str).tolist()
    found = dose_proportionality(np.tile(dose, patients), np.exp(y), names)
    within_x = x - x.mean()
    within_y = y - np.repeat(y.reshape(-1, 3).mean(axis=1), 3)
    slope = within_x @ within_y / (within_x @ within_x)
    residual = within_y - slope * within_x
    sd = np.sqrt(residual @ residual / (3 * patients - patients - 1))
    assert found.slope == pytest.approx(slope, rel=1e-6)
    assert found.standard_error == pytest.approx(sd / np.sqrt(within_x @ within_x), rel=1e-3)
    assert found.degrees == 11 and found.between_sd == pytest.approx(0.6, rel=0.6)
