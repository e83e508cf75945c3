"""Regimens: when, how much, how fast; body size."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.endpoints.body_size import adjusted_ideal_weight, surface_area
from posology.pharmacology.compounds.library import IMGN853
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.dosing_regimen import (
    LABEL_RATES,
    Regimen,
    exposure_cv_by_body_size,
    infusion_doses,
)
from posology.pharmacology.virtual_patients.assay_error import ASSAY_ERRORS
from posology.pharmacology.virtual_patients.between_patient import (
    BetweenPatient,
    allometric_factors,
    between_occasion_factors,
    multiply,
)
from posology.pharmacology.virtual_patients.demographics import OVARIAN, VirtualPatients


def test_schedule() -> None:
    assert Regimen(6, cycles=3).schedule.tolist() == [0, 21, 42]
    assert Regimen(1.1, cycles=2, interval=28, days=(1, 8, 15)).schedule.tolist() == [0, 7, 14, 28, 35, 42]


@given(mg=st.floats(0, 1000))
@settings(max_examples=50, deadline=None)
def test_steps_of_infusion_give_the_dose(mg: float) -> None:
    doses = infusion_doses([0.0], [mg], LABEL_RATES)
    assert doses.amount.sum() == pytest.approx(mg)
    minutes = doses.duration * 24 * 60
    np.testing.assert_allclose(doses.amount, minutes * [1, 3, 5], atol=1e-9)
    assert (np.diff(doses.time) >= 0).all() and minutes[0] <= 30 and minutes[1] <= 30


def test_355_mg_take_107_minutes() -> None:
    assert infusion_doses([0.0], [355.0], LABEL_RATES).duration.sum() * 24 * 60 == pytest.approx(107)


def test_missed_delayed_and_reduced_doses() -> None:
    doses = Regimen(6, cycles=3, hours=2).doses(
        [50, 60], factor=[[1, 1, 1], [1, 0, 5 / 6]], delay=[[0, 7, 0], [0, 0, 0]]
    )
    np.testing.assert_allclose(doses.amount, [[300, 300, 300], [360, 0, 300]])
    np.testing.assert_allclose(doses.time, [[0, 28, 49], [0, 21, 42]])
    missed = Plasma.of(IMGN853).course([30.0], Regimen(6, cycles=2, hours=2).doses([60], factor=[1, 0]))
    alone = Plasma.of(IMGN853).course([30.0], Regimen(6, hours=2).doses([60]))
    np.testing.assert_allclose(missed.amounts, alone.amounts, rtol=1e-10)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Regimen(6).doses([60, -60]), "patient 2: body size is -60: it must be above 0"),
        (lambda: Regimen(6).doses([float("nan")]), "patient 1: body size is missing"),
        (lambda: Regimen(-1), "level is -1: it must be 0 or more"),
        (lambda: Regimen(6, cycles=0), "cycles is 0"),
        (lambda: Regimen(6, days=(1, 22)), "days is .1, 22.: it must be rising days between 1 and 21"),
        (lambda: Regimen(6, days=(8, 1)), "rising"),
        (lambda: Regimen(6, rates=((1.0, 30.0),)), "the last step without end"),
        (lambda: Regimen(6, cycles=2).doses([60], factor=[1, -1]), "patient 1, day 21: factor is -1"),
        (lambda: Regimen(6, cycles=2).doses([60], delay=[1, 2, 3]), "for each of 1 patients and 2 doses"),
        (lambda: allometric_factors([70, 0]), "patient 2: weight_kg is 0"),
        (lambda: VirtualPatients.draw(np.random.default_rng(1), 0), "patients is 0"),
        (lambda: VirtualPatients.draw(np.random.default_rng(1), 5, [(OVARIAN, 0.5)]), "must sum to 1"),
        (lambda: exposure_cv_by_body_size({"flat": [1, 1]}, [70, -1], 0.5), "patient 2: weight"),
        (lambda: Regimen(6, cycles=1.5), "cycles is 1.5: it must be a whole number"),  # type: ignore[arg-type]
        (lambda: Regimen(6).doses([]), "there is no patient"),
        (
            lambda: multiply({"antibody.cl": np.ones(3)}, {"antibody.cl": np.ones(2)}),
            "factors on antibody.cl are of 3 and of 2",
        ),
        (lambda: infusion_doses([0.0, 21.0], [20.0, 100.0], ((1.0, 30.0),)), "end before 100 mg are in"),
        (lambda: Regimen(6).doses([60, 1e9]), r"patient 2: body size is 1e\+09"),
        (lambda: BetweenPatient.of(IMGN853).draw(np.random.default_rng(1), 0), "patients is 0"),
        (lambda: between_occasion_factors(np.random.default_rng(1), 3, 0), "cycles is 0"),
        (lambda: between_occasion_factors(np.random.default_rng(1), 3, 2, -0.1), "sd -0.1"),
        (lambda: ASSAY_ERRORS["adc"].measure(np.random.default_rng(1), np.array([1.0, np.nan])), "a true value is nan"),
        (lambda: ASSAY_ERRORS["adc"].measure(np.random.default_rng(1), np.ones(2), -1.0), "limit is -1"),
    ],
)
def test_what_cannot_be_is_refused(make, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_v8_adjusted_ideal_weight_table() -> None:
    """Section 1.3 of the reference: spread and heavy over light within 2 %. Its surface areas are Mosteller's."""
    women = VirtualPatients.draw(np.random.default_rng(853), 200_000)
    weight, height = women.weight_kg, women.height_cm
    adjusted = adjusted_ideal_weight(weight, height, women.sex)
    assert adjusted.mean() == pytest.approx(59.1, rel=0.02)
    assert 6 * adjusted.mean() == pytest.approx(355, rel=0.02)
    assert 6 * weight.mean() == pytest.approx(414, rel=0.02)
    sizes = {
        "total": weight,
        "adjusted": adjusted,
        "surface": surface_area(weight, height, "Mosteller"),
        "flat": np.ones(len(women)),
    }
    table = {
        0.3: {"total": (15.8, 1.73), "adjusted": (8.1, 1.22), "surface": (5.5, 1.20), "flat": (6.7, 0.79)},
        0.5: {"total": (11.2, 1.48), "adjusted": (5.8, 1.05), "surface": (2.0, 1.03), "flat": (11.2, 0.68)},
        0.7: {"total": (6.7, 1.26), "adjusted": (6.5, 0.89), "surface": (4.2, 0.88), "flat": (15.6, 0.58)},
    }
    for exponent, row in table.items():
        found = exposure_cv_by_body_size(sizes, weight, exponent)
        for measure, (cv, ratio) in row.items():
            assert 100 * found[measure][0] == pytest.approx(cv, rel=0.02), (exponent, measure)
            assert found[measure][1] == pytest.approx(ratio, rel=0.02), (exponent, measure)
