"""What the intervals of exposure hold: closed forms of one compartment, coverage of measured values, uncertainty of
medians."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from posology.endpoints.body_size import surface_area
from posology.pharmacology.compounds.library import IMGN853, T_DM1
from posology.pharmacology.virtual_patients.assay_error import ASSAY_ERRORS
from posology.pharmacology.virtual_patients.between_patient import between_occasion_factors
from posology.reports import exposure_tables
from posology.simulation.regimens import simulate as exposure
from posology.simulation.regimens.file import Person, RegimenFile, read

ONE = """\
compound: IMGN853
patients: {number: 2000, seed: 1}
analytes: [adc]
interval: 0.9
parameters:
  linker.kdec_scale: {value: 0, unit: "1", cv: 0, between: 0}
  antibody.cl: {value: 0.4, unit: L/d, cv: 0.2, between: 0.3}
  antibody.cl_nab: {value: 0.4, unit: L/d, cv: 0, between: 0}
  antibody.vc: {value: 2.5, unit: L, between: 0}
regimens:
  - {name: flat, dose: 355, unit: mg, body_size: flat, interval_days: 100, hours: 2}
"""
"""No drug is lost: area of the conjugate = what is given of it / CL, CL log-normal, and nothing else varies but
weight."""
GIVEN = 355 * (1 - 0.071 / 0.998)
"""What of the dose bears drug [mg]."""


def held(text: str, tmp_path: Path) -> RegimenFile:
    file = tmp_path / "regimens.yaml"
    file.write_text(text)
    return read(file)


def alike(here: RegimenFile, number: int = 2000) -> RegimenFile:
    """Return the same with so many patients of 67 kg, whose parameters are the compound's."""
    return replace(
        here, patients=replace(here.patients, listed=(Person(weight_kg=67, height_cm=161, sex="F"),) * number)
    )


@pytest.fixture
def one(tmp_path: Path) -> RegimenFile:
    return alike(held(ONE, tmp_path))


def test_interval_between_patients_is_that_of_the_log_normal_clearance(one: RegimenFile) -> None:
    """Quantiles of dose / CL are exact: given / 0.4 exp(-0.3 z); 2,000 patients tell them within 4 %."""
    row = {r["measure"]: r for r in exposure_tables.table(one, exposure.simulate_regimens(one)).rows()}[
        "AUC (d x ug/mL)"
    ]
    for name, z in (("low", -1.645), ("median", 0.0), ("high", 1.645)):
        assert row[name] == pytest.approx(GIVEN / 0.4 * np.exp(0.3 * z), rel=0.04)


def test_clearance_of_each_cycle_enters_its_area(tmp_path: Path) -> None:
    """Of long cycles: each area is that between patients over the cycle's own factor on the clearance, patient by
    patient."""
    here = alike(held(ONE.replace("interval_days: 100", "interval_days: 150, cycles: 2"), tmp_path), 20)
    factor = between_occasion_factors(np.random.default_rng([1, 2]), 20, 2)
    alone, both = (exposure.simulate_regimens(here, kind)[0].measures for kind in ("patients", "occasions"))
    for c in (0, 1):
        key = ("adc", str(c + 1), "AUC (d x ug/mL)")
        np.testing.assert_allclose(both[key], alone[key] / factor[:, c], rtol=1e-3)


@pytest.mark.slow
def test_variance_between_cycles_adds_to_that_between_patients(tmp_path: Path) -> None:
    """Of one long cycle: the variance of log AUC is 0.3^2, with occasions 0.3^2 + 0.1^2; of two cycles in a row they
    differ."""
    two = alike(held(ONE.replace("interval_days: 100", "interval_days: 100, cycles: 2"), tmp_path))
    log = lambda kind: np.log(
        np.stack([exposure.simulate_regimens(two, kind)[0].measures["adc", c, "AUC (d x ug/mL)"] for c in "12"])
    )
    alone, both = log("patients"), log("occasions")
    assert alone.var(axis=1) == pytest.approx(0.09, rel=0.1)
    assert both.var(axis=1) == pytest.approx(0.09 + 0.01, rel=0.1)
    assert np.abs(np.diff(alone, axis=0)).max() < 0.05  # the slowest still has some of the first dose
    assert np.median(np.abs(np.diff(alone, axis=0))) < 1e-5
    assert np.diff(both, axis=0).std() == pytest.approx(0.1 * np.sqrt(2), rel=0.06)


@pytest.mark.slow
def test_measured_values_lie_in_the_interval_of_observations_as_often_as_it_says(tmp_path: Path) -> None:
    """Values of other patients, other cycles and other assays, drawn by hand: 90 % of them."""
    text = ONE.replace("number: 2000", "number: 2000")
    here = held(text.replace("interval_days: 100", "interval_days: 21, cycles: 3") + "samples: [1, 7]\n", tmp_path)
    table = exposure_tables.samples(here, exposure.simulate_regimens(here, "observations"), "observations").rows()
    interval = {(r["cycle"], r["day of cycle"]): (r["low"], r["high"]) for r in table}
    true = exposure.simulate_regimens(replace(here, patients=replace(here.patients, seed=77)), "occasions")[0]
    rng, between = np.random.default_rng(5), exposure.simulate_regimens(here)[0]
    for s, (time, c) in enumerate(zip(true.plan.sampled, true.plan.cycle, strict=True)):
        day = round(float(time - true.plan.begins[c]), 4)
        if day not in (1.0, 7.0):
            continue
        c_true = true.samples["adc"][:, s]
        measured = c_true + np.hypot(1.03, 0.089 * c_true) * rng.standard_normal(len(c_true))
        low, high = interval[int(c) + 1, day]
        assert np.mean((measured >= low) & (measured <= high)) == pytest.approx(0.9, abs=0.025)
        narrow = np.quantile(between.samples["adc"][:, s], [0.05, 0.95])
        assert narrow[0] > low and narrow[1] < high  # that between patients alone is narrower


def test_measured_alone_is_the_error_of_the_assay(tmp_path: Path) -> None:
    """Of patients who are all the same, a measured value varies by additive and proportional error alone, and between
    cycles."""
    text = ONE.replace("number: 2000", "vary: false, number: 2000").replace("interval_days: 100", "interval_days: 21")
    here = alike(held(text + "samples: [0.5]\n", tmp_path))
    found = exposure.simulate_regimens(here, "observations")[0]
    at = int(np.flatnonzero(np.isclose(found.plan.sampled, 0.5))[0])
    values, true = found.samples["adc"][:, at], exposure.simulate_regimens(here)[0].samples["adc"][0, at]
    error = ASSAY_ERRORS["adc"]
    assert values.std() == pytest.approx(np.hypot(error.additive.value, error.proportional.value * true), rel=0.06)
    assert values.mean() == pytest.approx(true, rel=0.01)
    assert (found.samples["adc"][:, 0] == 0).all() and found.below["adc"][:, 0].all()  # before the dose there is none


def test_coverage_of_measured_values_of_one_cycle(tmp_path: Path) -> None:
    """The cheaper version: values of 400 other patients and assays, drawn by hand, on one day."""
    text = (
        ONE.replace("number: 2000", "number: 400").replace("interval_days: 100", "interval_days: 21") + "samples: [7]\n"
    )
    here = held(text, tmp_path)
    low, high = np.quantile(exposure.simulate_regimens(here, "observations")[0].samples["adc"][:, 1], [0.05, 0.95])
    other = exposure.simulate_regimens(replace(here, patients=replace(here.patients, seed=77)), "occasions")[0].samples[
        "adc"
    ][:, 1]
    measured = other + np.hypot(1.03, 0.089 * other) * np.random.default_rng(5).standard_normal(400)
    assert np.mean((measured >= low) & (measured <= high)) == pytest.approx(0.9, abs=0.05)


def test_below_the_limit_of_quantification(tmp_path: Path) -> None:
    text = ONE.replace("number: 2000", "number: 2000")
    text = text.replace("interval_days: 100", "interval_days: 21").replace("number: 2000", "number: 500")
    free, cut = (
        held(text, tmp_path),
        held(text + "assay: {adc: {additive: 1.03, proportional: 0.089, limit: 5}}\n", tmp_path),
    )
    one, other = (exposure.simulate_regimens(each, "observations")[0] for each in (free, cut))
    np.testing.assert_array_equal(np.maximum(one.samples["adc"][:, 1:], 5.0), other.samples["adc"][:, 1:])
    rows = {r["measure"]: r for r in exposure_tables.table(cut, [other], "observations").rows()}
    share = float((one.samples["adc"][:, -1] < 5).mean())
    assert 0.1 < share < 0.9 and rows["Ctrough (ug/mL)"]["below"] == share and rows["Cmax (ug/mL)"]["below"] is None
    assert "(<5 to" in exposure_tables.summary(cut, [other], "observations").rows()[0]["Ctrough"]


def test_area_of_samples_is_that_of_the_course_without_error(tmp_path: Path) -> None:
    """With no error of measurement and many samples, what is measured is what is."""
    dense = ", ".join(f"{d:g}" for d in np.linspace(0.05, 20.95, 400))
    text = ONE.replace("number: 2000", "number: 50").replace("interval_days: 100", "interval_days: 21")
    here = held(text + f"assay: {{adc: {{}}}}\nsamples: [{dense}]\n", tmp_path)
    measured, true = (
        exposure.simulate_regimens(here, "observations")[0].measures,
        exposure.simulate_regimens(here, "occasions")[0].measures,
    )
    for name, tolerance in (("AUC (d x ug/mL)", 0.002), ("Cmax (ug/mL)", 0.02), ("Ctrough (ug/mL)", 1e-9)):
        np.testing.assert_allclose(measured["adc", "1", name], true["adc", "1", name], rtol=tolerance)


def test_uncertainty_of_the_median_is_that_of_the_prior(one: RegimenFile) -> None:
    """The median area is dose / CL; CL is log-normal with a CV of 20 %: its 90 % interval is exact."""
    row = {
        r["measure"]: r for r in exposure_tables.table(one, exposure.simulate_regimens(one, uncertainty=True)).rows()
    }["AUC (d x ug/mL)"]
    spread = np.sqrt(np.log1p(0.2**2)) * norm.ppf(0.95)
    assert row["median low"] / row["median"] == pytest.approx(np.exp(-spread), rel=0.02)
    assert row["median high"] / row["median"] == pytest.approx(np.exp(spread), rel=0.02)
    assert row["low"] < row["median low"] < row["median high"] < row["high"]


def test_without_a_prior_nothing_is_uncertain(tmp_path: Path) -> None:
    sure = held(ONE.replace("cv: 0.2", "cv: 0").replace("number: 2000", "number: 40"), tmp_path)
    found = exposure.simulate_regimens(sure, uncertainty=True)[0]
    assert exposure.uncertain(sure.drug(sure.regimens[0])) == {}
    assert all(low == high for low, high in found.uncertain.values())


def test_the_same_patients_take_each_regimen(tmp_path: Path) -> None:
    """Half the dose, half of everything, patient by patient; every three weeks or thrice as often, the same area per
    day later."""
    text = (
        ONE.replace("number: 2000", "number: 30")
        + """\
  - {name: half, dose: 177.5, unit: mg, body_size: flat, interval_days: 100, hours: 2}
"""
    )
    both = held(text, tmp_path)
    rows = exposure_tables.compared(both, exposure.simulate_regimens(both), "flat").rows()
    assert {row["measure"] for row in rows} == {"AUC per day", "Cmax", "Ctrough"}
    for row in rows:
        for name in ("low", "median", "high", "geometric mean", "mean low", "mean high"):
            assert row[name] == pytest.approx(0.5, rel=1e-6)
    weekly = (
        ONE.replace("number: 2000", "number: 30").replace("interval_days: 100", "interval_days: 21, cycles: 4")
        + """\
  - {name: weekly, dose: 118.3333333, unit: mg, body_size: flat, interval_days: 7, cycles: 12, hours: 2}
"""
    )
    often = held(weekly, tmp_path)
    last = {
        r["measure"]: r
        for r in exposure_tables.compared(often, exposure.simulate_regimens(often), "flat").rows()
        if r["cycle"] == "last"
    }
    assert last["AUC per day"]["low"] == pytest.approx(1, rel=0.01) and last["AUC per day"]["high"] == pytest.approx(
        1, rel=0.01
    )
    assert last["Cmax"]["high"] < 1 < last["Ctrough"]["low"]


def test_compounds_side_by_side(tmp_path: Path) -> None:
    text = """\
compound: IMGN853
patients: {number: 20}
analytes: [adc, dar]
parameters: {antibody.cl: {value: 0.5, unit: L/d}}
regimens:
  - {name: as it is, dose: 6, unit: mg/kg, body_size: adjusted ideal body weight}
  - {name: other linker, dose: 6, unit: mg/kg, body_size: adjusted ideal body weight, swap: {linker: T-DM1}}
  - {name: other, dose: 3.6, unit: mg/kg, body_size: total body weight, compound: T-DM1}
  - {name: faster, dose: 6, unit: mg/kg, body_size: adjusted ideal body weight, parameters: {antibody.cl: {value: 1, unit: L/d}}}
"""
    here = held(text, tmp_path)
    as_is, linker, other, faster = (here.drug(planned) for planned in here.regimens)
    assert as_is == IMGN853.altered("antibody.cl", 0.5, "L/d") and other == T_DM1
    assert linker.linker is T_DM1.linker and linker.antibody == as_is.antibody and linker.payload is IMGN853.payload
    assert faster.antibody.cl.value == 1.0
    found = {each.name: each for each in exposure.simulate_regimens(here)}
    start = lambda name: float(np.median(found[name].samples["dar"][:, 1]))
    assert start("as it is") == pytest.approx(3.33, abs=0.1) and start("other linker") == pytest.approx(3.5, abs=0.05)
    assert (
        found["faster"].measures["adc", "1", "AUC (d x ug/mL)"]
        < found["as it is"].measures["adc", "1", "AUC (d x ug/mL)"]
    ).all()


def test_cap_first_doses_and_changes(tmp_path: Path) -> None:
    text = """\
compound: IMGN853
patients: {listed: [{weight_kg: 60, height_cm: 165, sex: F}, {weight_kg: 130, height_cm: 175, sex: F}]}
regimens:
  - name: step up
    dose: 100
    unit: mg/m2
    body_size: body surface area
    body_size_cap: 2.0
    interval_days: 28
    days: [1, 8, 15]
    cycles: 2
    hours: 1
    first_doses: [25, 50]
    changes: [{dose: 2, delay_days: 1}, {dose: 4, factor: 0}, {dose: 6, factor: 0.5}]
"""
    here = held(text, tmp_path)
    doses = here.regimens[0].doses(here.patients.drawn())
    area = float(surface_area(60, 165))
    np.testing.assert_allclose(doses.amount[0], np.array([25, 50, 100, 0, 100, 50]) * area)
    np.testing.assert_allclose(doses.amount[1], np.array([25, 50, 100, 0, 100, 50]) * 2.0)
    np.testing.assert_allclose(doses.time[0], [0, 8, 15, 29, 36, 43])


def test_the_trough_after_a_bolus_is_before_the_next(tmp_path: Path) -> None:
    text = ONE.replace("number: 2000", "number: 5").replace(
        "interval_days: 100, hours: 2", "interval_days: 21, cycles: 2, hours: 0"
    )
    found = exposure.simulate_regimens(held(text, tmp_path))[0].measures
    assert (found["adc", "1", "Ctrough (ug/mL)"] < 0.3 * found["adc", "1", "Cmax (ug/mL)"]).all()
    np.testing.assert_allclose(found["adc", "1", "Cmax (ug/mL)"] * 2.5 / GIVEN, 1, rtol=0.6)


def test_occasions_of_saturable_loss_are_refused(tmp_path: Path) -> None:
    text = (
        "compound: IMGN853, saturable\npatients: {number: 3}\nregimens: [{name: a, dose: 6, unit: mg/kg, body_size:"
        " total body weight}]\n"
    )
    with pytest.raises(ValueError, match="--interval occasions: IMGN853, saturable has saturable loss"):
        exposure.simulate_regimens(held(text, tmp_path), "occasions")


def test_an_unknown_error_of_measurement_is_refused(one: RegimenFile) -> None:
    one = replace(one, analytes=("antibody",))
    with pytest.raises(ValueError, match="no error of measurement is known for antibody: give it under assay"):
        exposure.simulate_regimens(one, "observations")


def test_titles_say_what_intervals_hold(one: RegimenFile) -> None:
    found = exposure.simulate_regimens(alike(one, 10))
    titles = {kind: exposure_tables.table(one, found, kind).title for kind in ("patients", "occasions")}
    assert "90 % prediction interval between patients; 2000 listed patients" in titles["patients"]
    assert "between patients and between their cycles" in titles["occasions"]
    assert "of measured values" in exposure_tables.holds(one, "observations")
