"""What drives the efficacy of a cycle: mean concentration and trough against direct sums, and V11, V12 by either."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from posology.pharmacology.clinical.ca125 import gcig_halved
from posology.pharmacology.clinical.dose_modification import PatientStatus, as_planned
from posology.pharmacology.clinical.effect_compartment import EffectCompartment
from posology.pharmacology.clinical.exposure_driver import BY_AREA, BY_TROUGH, ExposureDriver
from posology.pharmacology.clinical.potential_outcomes import PatientPotentialOutcomes
from posology.pharmacology.clinical.treatment import treat
from posology.pharmacology.clinical.tumour_size import IMGN853_TUMOUR, MONTH
from posology.pharmacology.disposition.linear_compartments import Exponentials, two_compartment

PLASMA = two_compartment(cl=0.417, v1=2.3, q=0.5, v2=0.6)
PATIENTS = 6000


def population(patients: int = PATIENTS) -> Exponentials:
    return two_compartment(0.417 * np.exp(0.33 * np.random.default_rng(8).standard_normal(patients)), 2.3, 0.5, 0.6)


def after(day: float, doses: dict[float, float]) -> float:
    """Return the concentration on a day, of doses [mg] by day, summed one by one; after the dose on that day."""
    modes = lambda t: float((PLASMA.coefficients * np.exp(-PLASMA.rates * t)).sum())
    return sum(mg * modes(day - at) for at, mg in doses.items() if at <= day)


def test_exposure_is_mean_or_trough_of_what_has_been_given() -> None:
    """Two doses, the second after 28 days, the area by quadrature."""
    doses = {0.0: 355.0, 28.0: 296.0}
    effect = EffectCompartment.start(PLASMA, 0.12, 1).dosed(355.0).after(np.array([28.0])).dosed(296.0)
    days = np.array([21.0])
    mean = quad(after, 28, 49, args=(doses,), epsabs=1e-9)[0] / 21
    assert BY_AREA.exposure(effect, days)[0] == pytest.approx(mean / (851 / 21), rel=1e-8)
    assert BY_TROUGH.exposure(effect, days)[0] == pytest.approx(np.sqrt(after(49, doses) / 6.53), rel=1e-10)


@pytest.mark.parametrize("driver", [BY_AREA, BY_TROUGH])
def test_references_are_the_typical_patients_at_steady_state(driver: ExposureDriver) -> None:
    effect = EffectCompartment.start(PLASMA, 0.12, 1)
    for _ in range(12):
        effect = effect.dosed(355.0).after(np.array([21.0]))
    assert driver.exposure(effect.dosed(355.0), np.array([21.0]))[0] == pytest.approx(1.0, abs=0.002)
    assert driver.exposure(effect, np.array([0.0]))[0] == 0


def test_trough_spreads_more_than_kd_can() -> None:
    """So kd is not in proportion to it; each power leaves something for kd's own spread."""
    plasma = population()
    trough = BY_TROUGH.log_sd(plasma) / BY_TROUGH.power.value
    assert BY_AREA.log_sd(plasma) == pytest.approx(0.33, abs=0.01) and trough == pytest.approx(1.07, abs=0.02)
    assert BY_TROUGH.log_sd(plasma) < IMGN853_TUMOUR.kd.between < trough


@pytest.mark.parametrize("driver", [BY_AREA, BY_TROUGH])
def test_a_delay_dilutes_the_cycle_before_it(driver: ExposureDriver) -> None:
    """By area: the mean of all 31 days. By trough: those of day 21 and day 31, by the time each stands for."""
    late = lambda s: (np.ones_like(s.due), np.full_like(s.due, 10.0 if s.cycle == 1 else 0.0))
    fate = PatientPotentialOutcomes.draw(np.random.default_rng(1), 1)
    found = treat(fate, PLASMA, 355.0, cycles=3, rule=late, driver=driver)
    assert found.start[0].tolist() == [0, 31, 52]
    if driver is BY_AREA:
        wanted = quad(after, 0, 31, args=({0.0: 355.0},))[0] / 31 / (851 / 21)
    else:
        wanted = (21 * np.sqrt(after(21, {0.0: 355.0}) / 6.53) + 10 * np.sqrt(after(31, {0.0: 355.0}) / 6.53)) / 31
    assert found.exposure[0, 0] == pytest.approx(wanted, rel=1e-7)


@pytest.mark.parametrize(("driver", "left"), [(BY_AREA, 0.5), (BY_TROUGH, np.sqrt(0.5))])
def test_half_the_dose(driver: ExposureDriver, left: float) -> None:
    fate = PatientPotentialOutcomes.draw(np.random.default_rng(1), 5)
    whole, half = (treat(fate, PLASMA, mg, cycles=2, rule=as_planned, driver=driver).exposure for mg in (355.0, 177.5))
    assert half == pytest.approx(left * whole, rel=1e-9)


@pytest.mark.parametrize("driver", [BY_AREA, BY_TROUGH])
def test_a_dose_left_out_leaves_what_is_still_there(driver: ExposureDriver) -> None:
    def skip(standing: PatientStatus) -> tuple[np.ndarray, np.ndarray]:
        return np.full_like(standing.due, 1e-9), np.zeros_like(standing.due)

    found = treat(
        PatientPotentialOutcomes.draw(np.random.default_rng(1), 50), PLASMA, 355.0, cycles=2, rule=skip, driver=driver
    ).exposure
    assert (found[:, 1] > 0).all() and (found[:, 1] < 0.3 * found[:, 0]).all()


@pytest.mark.parametrize("driver", [BY_AREA, BY_TROUGH])
def test_v11_v12_by_either_driver(driver: ExposureDriver) -> None:
    plasma = population()
    fate = PatientPotentialOutcomes.draw(np.random.default_rng(9), PATIENTS, explained=driver.log_sd(plasma))
    found = treat(fate, plasma, 355.0, cycles=24, driver=driver)
    responded = np.isfinite(found.judged.response)
    assert responded.mean() == pytest.approx(0.42, abs=0.04)
    assert np.median(found.progression_free) / MONTH == pytest.approx(5.6, abs=0.6)
    lasted = (found.progression_free - found.judged.response)[responded]
    assert np.median(lasted) / MONTH == pytest.approx(6.8, abs=1.0)
    days = np.arange(0, 379, 21)
    evaluable, marker = gcig_halved(found.ca125(days), days, last=found.progression_free)
    assert 0.53 - 0.06 <= marker.sum() / evaluable.sum() <= 0.58 + 0.06


def test_trough_tells_responders_apart_better() -> None:
    """Response in the highest quarter of clearance and in the lowest: both fall, by trough by more."""
    plasma = population()
    quarter = np.argsort(np.argsort(plasma.area)) * 4 // PATIENTS
    gap = []
    for driver in (BY_AREA, BY_TROUGH):
        fate = PatientPotentialOutcomes.draw(np.random.default_rng(9), PATIENTS, explained=driver.log_sd(plasma))
        responded = np.isfinite(treat(fate, plasma, 355.0, cycles=8, rule=as_planned, driver=driver).judged.response)
        gap.append(responded[quarter == 3].mean() - responded[quarter == 0].mean())
    assert 0.15 < gap[0] < gap[1] < 0.5
