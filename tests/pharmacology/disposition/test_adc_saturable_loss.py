"""Saturable loss against another solver, its limits, and what it refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posology.pharmacology.compounds.library import (
    IMGN853,
    IMGN853_SATURABLE,
)
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.adc_saturable_loss import NotConverged
from posology.pharmacology.disposition.adc_states import CENTRAL, PAYLOAD
from posology.pharmacology.disposition.linear_compartments import Doses
from tests.pharmacology.disposition.test_adc_plasma import LABEL_DOSE, MOORE, oracle


def test_v6_moore_all_doses_saturable() -> None:
    plasma, error = Plasma.of(IMGN853_SATURABLE), []
    for level in sorted({dose for dose, _, _ in MOORE}):
        at = [(t, c) for dose, t, c in MOORE if dose == level]
        found = plasma.course([t for t, _ in at], Doses(0, 70 * level, 0.1), tolerance=1e-4).adc[0]
        error += np.log([c for _, c in at] / found).tolist()
    assert len(error) == 53 and np.sqrt(np.mean(np.square(error))) <= 0.25


def test_saturable_against_another_solver() -> None:
    plasma, times = Plasma.of(IMGN853_SATURABLE), [0.1, 1.0, 7.0, 21.0]
    found = plasma.course(times, Doses(0, 35, 0.1), tolerance=1e-7).amounts[0]
    get = {name: float(plasma[f"antibody.{name}"][0]) for name in ("vmax", "km")}
    np.testing.assert_allclose(found, oracle(plasma, times, 35, 2.4, **get), rtol=1e-6)


@pytest.mark.parametrize("mg", [0.7, 5000.0])
def test_saturable_loss_keeps_to_its_tolerance(mg: float) -> None:
    """A payload that turns over faster than the first steps are long: its error is not taken for less than it is."""
    plasma, times = Plasma.of(IMGN853_SATURABLE), [0.1, 1.0, 3.0, 7.0, 14.0]
    get = {name: float(plasma[f"antibody.{name}"][0]) for name in ("vmax", "km")}
    wanted = oracle(plasma, times, mg, 0.024, **get)
    found = plasma.course([0.0, *times], Doses(0, mg, 0.001)).amounts[0]
    assert (np.abs(found[1:] - wanted).max(axis=0) <= 1.1e-6 * np.abs(found).max(axis=0)).all()


def test_saturable_loss_of_nothing() -> None:
    plasma = Plasma.of(IMGN853_SATURABLE)
    assert plasma.course([1.0, 2.0], Doses([], [])).adc.tolist() == [[0, 0]]
    assert plasma.course([], Doses(0, 35, 0.1)).adc.shape == (1, 0)


def test_drug_lost_by_saturable_loss_comes_back_as_that_of_proteolysis_does() -> None:
    """Every drug of the dose, where all that is catabolised comes back and nothing clears the payload to speak of."""
    back = IMGN853_SATURABLE.altered("linker.catabolised", 1.0, "1").altered("payload.cl", 1e-9, "L/d")
    plasma = Plasma.of(back)
    held = plasma.course([3.0, 21.0], Doses(0, 35, 0.1), tolerance=1e-5).amounts[0]
    drug = (held[:, CENTRAL] + held[:, CENTRAL + 1]) @ np.arange(9) + held[:, PAYLOAD]
    np.testing.assert_allclose(drug, 35 / 150 * back.linker.mean_dar, rtol=1e-5)


def test_saturable_without_loss_is_the_linear_model() -> None:
    tiny = replace(IMGN853.antibody, vmax=Quantity(1e-12, "mg/d", "assumed", "x"))
    times = [0.05, 3.0, 21.0, 30.0]
    doses = Doses([0, 21], [355, 300], [0.1, 0.0])
    found = Plasma.of(IMGN853.swap(antibody=tiny)).course(times, doses, tolerance=1e-5).amounts
    np.testing.assert_allclose(found, Plasma.of(IMGN853).course(times, doses).amounts, rtol=1e-5, atol=1e-12)


def test_saturable_loss_that_does_not_settle_names_patient_day_and_parameters() -> None:
    with pytest.raises(NotConverged, match=r"patient 1, day \d.*vmax 4.87\d* mg/d, antibody.km 7.4"):
        Plasma.of(IMGN853_SATURABLE).course([0.1, 1], Doses(0, 35, 0.1), tolerance=1e-17)


def test_saturable_loss_has_no_closed_form() -> None:
    plasma = Plasma.of(IMGN853_SATURABLE)
    for ask in (plasma.half_life, lambda: plasma.areas([1], LABEL_DOSE), lambda: plasma.steady_state([1], 355, 21)):
        with pytest.raises(ValueError, match="patient 1 has saturable loss"):
            ask()
