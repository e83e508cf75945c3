"""The drug-to-antibody-ratio chain: conservation, an independent solver, and published courses (V1 to V6, V9, V10)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp
from scipy.optimize import least_squares

from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.library import (
    BRENTUXIMAB_VEDOTIN,
    COMPOUNDS,
    IMGN853,
    IMGN853_GEOMETRIC,
    T_DM1,
    TUSAMITAMAB_RAVTANSINE,
)
from posology.pharmacology.disposition.adc_plasma import Plasma
from posology.pharmacology.disposition.adc_states import CENTRAL, PAYLOAD
from posology.pharmacology.disposition.linear_compartments import Doses, LinearSystem, concentration

DATA = Path(__file__).parents[2] / "data/pharmacology"
LABEL_DOSE = Doses(0, 355, 0.1)
CYCLE = np.unique(np.concatenate([np.linspace(0, 0.5, 101), np.linspace(0.5, 21, 411), [0.1]]))


def profiles(file: str, time: str, value: str, dose: str) -> Iterator[tuple[float, float, float]]:
    """Yield dose [mg/kg], day, concentration [ug/mL]."""
    with (DATA / file).open() as lines:
        for row in csv.DictReader(lines):
            yield float(row[dose].removesuffix("mg/kg")), float(row[time]), float(row[value])


MOORE = list(profiles("moore2017_digitised.csv", "time_d", "adc_conc_ugmL", "dose_mgkg"))
GIRISH = list(profiles("tdm1_girish2012_digitised.csv", "time_day", "T_DM1_ugperml", "Dose"))


def oracle(
    plasma: Plasma, times: list[float], mg: float, hours: float, vmax: float = 0.0, km: float = 1.0
) -> np.ndarray:
    """Integrate the equations as they are written in the paper, with another solver."""
    get = {name: float(values[0]) for name, values in plasma.values.items()}
    vc, vp, q = get["antibody.vc"], get["antibody.vp"], get["antibody.q"]
    kdec = [0.0, *(get[f"linker.kdec{n}"] * get["linker.kdec_scale"] for n in range(1, 9)), 0.0]
    shares = np.array([get[f"linker.fractions{n}"] for n in range(9)])
    entering = shares / shares.sum() * mg / (hours / 24) / get["antibody.molar_mass"] * 1000

    def slope(t: float, x: np.ndarray) -> np.ndarray:
        dx = np.zeros(20)
        conjugate = sum(x[2 * n] for n in range(1, 9)) * get["antibody.molar_mass"]
        c = (conjugate + x[0] * get["antibody.naked_mass"]) / 1000 / vc
        for n in range(9):
            cn, pn = x[2 * n], x[2 * n + 1]
            cl = get["antibody.cl"] if n else get["antibody.cl_nab"]
            above = x[2 * n + 2] if n < 8 else 0.0
            infused = entering[n] if t < hours / 24 else 0.0
            lost = (cl / vc + kdec[n] + q / vc + vmax / vc / (km + c)) * cn
            dx[2 * n] = infused - lost + q / vp * pn + kdec[n + 1] * above
            dx[2 * n + 1] = q / vc * cn - q / vp * pn
            dx[18] += kdec[n] * cn
        dx[18] -= get["payload.cl"] * x[18]
        dx[19] = get["payload.fr"] * get["payload.cl"] * x[18] - get["payload.metabolite_cl"] * x[19]
        return dx

    options = {"method": "Radau", "rtol": 1e-10, "atol": 1e-15}
    first = solve_ivp(slope, (0, hours / 24), np.zeros(20), **options).y[:, -1]
    return solve_ivp(lambda t, x: slope(t + 1e-9, x), (hours / 24, times[-1]), first, t_eval=times, **options).y.T


@pytest.mark.parametrize("compound", [TUSAMITAMAB_RAVTANSINE, IMGN853])
def test_v2_exact_against_another_solver(compound: Compound) -> None:
    """Three of the rates at which drug is lost are equal."""
    plasma, times = Plasma.of(compound), [0.1, 0.5, 1.0, 7.0, 21.0]
    held = plasma.course(times, LABEL_DOSE).amounts[0]
    np.testing.assert_allclose(held, oracle(plasma, times, 355, 2.4), rtol=1e-6)


@given(scale=st.floats(0.05, 20), cl=st.floats(0.05, 5), small=st.floats(0.1, 3))
@settings(max_examples=20, deadline=None)
def test_mass_balance(scale: float, cl: float, small: float) -> None:
    """Every antibody and every drug of the dose is in a compartment or has left: to 1e-9."""
    plasma = Plasma.of(BRENTUXIMAB_VEDOTIN, {"linker.kdec_scale": scale, "antibody.cl": cl, "payload.cl": small})
    matrix, inlet = plasma.system.matrix[0], plasma.inlet[0]
    size, n = len(inlet), np.arange(9)
    sinks = np.zeros((2, size))  # antibody lost from plasma; payload lost, all of it coming from the drug on antibody
    sinks[0, CENTRAL] = float(plasma["antibody.cl"][0]) / float(plasma["antibody.vc"][0])
    sinks[0, 0] = float(plasma["antibody.cl_nab"][0]) / float(plasma["antibody.vc"][0])
    sinks[1, PAYLOAD] = float(plasma["payload.cl"][0] / plasma["payload.v"][0])
    whole = np.block([[matrix, np.zeros((size, 2))], [sinks, np.zeros((2, 2))]])
    times = np.array([0.05, 0.1, 1, 7, 42])
    held = LinearSystem(whole, np.concatenate([inlet, [0, 0]])).amounts(times, LABEL_DOSE)
    given = LABEL_DOSE.given(times) * 1000 / float(plasma["antibody.molar_mass"][0])
    np.testing.assert_allclose(held[:, :PAYLOAD].sum(axis=1) + held[:, -2], given, rtol=1e-9)
    on_antibody = (held[:, CENTRAL] + held[:, CENTRAL + 1]) @ n
    np.testing.assert_allclose(
        on_antibody + held[:, PAYLOAD] + held[:, PAYLOAD + 1] + held[:, -1], 4 * given, rtol=1e-9
    )


def test_areas_against_quadrature() -> None:
    plasma = Plasma.of(IMGN853)
    times = np.concatenate([np.linspace(0, 0.1, 2001), np.linspace(0.1, 1, 4001)[1:], np.linspace(1, 21, 4001)[1:]])
    course, areas = plasma.course(times, LABEL_DOSE), plasma.areas([21.0], LABEL_DOSE)
    for analyte in ("adc", "antibody", "payload", "metabolite"):
        assert np.trapezoid(course.of(analyte)[0], times) == pytest.approx(areas.of(analyte)[0, 0], rel=1e-5)


def test_no_exchange_with_the_periphery() -> None:
    """q = 0: areas, steady state and half-life are those of one compartment."""
    none = IMGN853.altered("antibody.q", 0.0, "L/d")
    plasma, one = Plasma.of(none), none.antibody.cl.value / none.antibody.vc.value
    times = np.linspace(0.1, 21, 5001)
    areas = plasma.areas([0.1, 21.0], LABEL_DOSE)
    for analyte in ("adc", "payload", "metabolite"):
        found = areas.of(analyte)[0]
        assert found[1] - found[0] == pytest.approx(
            np.trapezoid(plasma.course(times, LABEL_DOSE).of(analyte)[0], times), rel=1e-5
        )
    steady = plasma.steady_state([0.1, 7.0], 355, 21, 0.1).amounts[0]
    far = plasma.course(21 * 100 + np.array([0.1, 7.0]), Doses(21.0 * np.arange(101), 355, 0.1)).amounts[0]
    np.testing.assert_allclose(steady, far, rtol=1e-9, atol=1e-15)
    assert plasma.half_life("adc")[0] == pytest.approx(
        np.log(2) / (one + none.linker.kdec[0].value * none.linker.kdec_scale.value)
    )


def test_superposition_and_steady_state() -> None:
    plasma, after = Plasma.of(IMGN853), np.array([0.05, 0.1, 3, 21])
    many = Doses(21.0 * np.arange(20), 355, 0.1)
    alone = sum(plasma.course(after + 21 * k, LABEL_DOSE).amounts for k in range(20))
    together = plasma.course(19 * 21 + after, many).amounts
    np.testing.assert_allclose(together, alone, rtol=1e-9)
    steady = plasma.steady_state(after, 355, 21, 0.1).amounts
    np.testing.assert_allclose(steady, together, rtol=1e-5)


def test_v1_table_7_of_pouzin() -> None:
    """100 mg/m2 at 1.79 m2, first cycle: greatest amounts per litre [uM] and areas over 14 d [ug.d/mL of conjugate].

    The paper's header gives the areas in uM.d; the numbers are those of conjugate equivalents. Payload: 2 %.
    """
    plasma, dose = Plasma.of(TUSAMITAMAB_RAVTANSINE), Doses(0, 179, 1.5 / 24)
    times = np.unique(np.concatenate([np.linspace(0, 1, 401), np.linspace(1, 14, 401), [1.5 / 24]]))
    course, area = plasma.course(times, dose), plasma.areas([14.0], dose)
    mass = {"adc": 150.0, "naked": 144.522, "payload": 780.0, "metabolite": 794.0}
    published = {
        "adc": (0.326, 250),
        "naked": (0.0249, 32.5),
        "payload": (0.00208, 1.00),
        "metabolite": (0.00610, 8.69),
    }
    for analyte, (cmax, auc) in published.items():
        assert course.of(analyte).max() / mass[analyte] == pytest.approx(cmax, rel=0.02), analyte
        assert area.of(analyte)[0, 0] / mass[analyte] * 150 == pytest.approx(auc, rel=0.02), analyte
    np.testing.assert_allclose(plasma.course([0, 7, 14], Doses(0, 179)).dar[0], [3.30, 1.79, 1.40], atol=0.006)


@pytest.mark.parametrize("compound", [IMGN853, IMGN853_GEOMETRIC])
def test_v3_v4_label(compound: Compound) -> None:
    """Quoted from memory of the label, to be checked: 6 mg/kg, means of the first cycle; geometric from its SDs."""
    course = Plasma.of(compound).course(CYCLE, LABEL_DOSE)
    area = Plasma.of(compound).areas([21.0], LABEL_DOSE)
    label = {
        "adc": (137.3, 62.3, 20.65e3, 6.84e3, 0.15),
        "payload": (4.11, 2.29, 530, 245, 0.25),
        "metabolite": (6.98, 6.79, 1848, 1585, 0.25),
    }
    middle = lambda mean, sd: mean if compound is IMGN853 else mean / np.sqrt(1 + (sd / mean) ** 2)
    for analyte, (cmax, cmax_sd, auc, auc_sd, within) in label.items():
        assert course.of(analyte).max() == pytest.approx(middle(cmax, cmax_sd), rel=within), analyte
        assert 24 * area.of(analyte)[0, 0] == pytest.approx(middle(auc, auc_sd), rel=within), analyte


def test_v5_clearance_volume_half_life() -> None:
    plasma = Plasma.of(IMGN853)
    total = plasma.areas([1000.0], LABEL_DOSE).adc[0, 0]
    assert 355 / total / 24 * 1000 == pytest.approx(18.9, rel=0.10)  # mL/h
    assert IMGN853.antibody.vc.value + IMGN853.antibody.vp.value == pytest.approx(2.63, rel=0.20)
    assert plasma.half_life("adc")[0] == pytest.approx(4.8, rel=0.10)


def test_v6_moore_linear() -> None:
    """3.3 to 7 mg/kg, the linear two-compartment fit of the reference, per kg."""
    high = [row for row in MOORE if row[0] >= 3.3]
    assert len(high) == 25
    error = [
        np.log(c / concentration([t], Doses(0, dose, 0.1), 6.33e-3, 26.5e-3, 8.66e-3, 14.7e-3)[0])
        for dose, t, c in high
    ]
    assert np.sqrt(np.mean(np.square(error))) <= 0.12
    # the compound calibrated to the label is another's data away from these
    plasma = Plasma.of(IMGN853)
    label = [np.log(c / plasma.course([t], Doses(0, 70 * dose, 0.1)).adc[0, 0]) for dose, t, c in high]
    assert np.sqrt(np.mean(np.square(label))) == pytest.approx(0.18, abs=0.005)


def test_v9_brentuximab_vedotin() -> None:
    """1.8 mg/kg at 70 kg: 32 ug/mL, 79 ug.d/mL, MMAE 37 ng.d/mL (Younes 2010, from memory), within 15 %."""
    plasma, dose = Plasma.of(BRENTUXIMAB_VEDOTIN), Doses(0, 126, 0.5 / 24)
    area = plasma.areas([400.0], dose)
    assert plasma.course([0.5 / 24], dose).adc[0, 0] == pytest.approx(32, rel=0.15)
    assert area.adc[0, 0] == pytest.approx(79, rel=0.15)
    assert area.antibody[0, 0] == pytest.approx(72, rel=0.01)  # the analytic value, 1.8 / 0.025
    assert area.payload[0, 0] == pytest.approx(37, rel=0.15)


def test_v10_t_dm1() -> None:
    """Lu 2014: half-life 3.94 d and clearance 0.676 L/d, within 5 %."""
    plasma, dose = Plasma.of(T_DM1), Doses(0, 252, 0.06)
    assert 252 / plasma.areas([1000.0], dose).adc[0, 0] == pytest.approx(0.676, rel=0.05)
    early, late = plasma.course([7.0, 21.0], dose).adc[0]
    assert np.log(2) * 14 / np.log(early / late) == pytest.approx(3.94, rel=0.05)
    # Far later, where nothing is measured, the antibody with one drug goes the faster way: elimination and loss of it.
    assert plasma.half_life("adc")[0] == pytest.approx(3.05, rel=0.01)


def test_v10_girish_cannot_be_met() -> None:
    """The target of 0.25 is out of reach of any linear two-compartment model: the best one leaves 0.35.

    2.4 and 3.6 mg/kg have the same peak in the digitised file. Our model is compared with that best one.
    """
    high = [row for row in GIRISH if row[0] >= 2.4]
    plasma = Plasma.of(T_DM1)
    error = lambda model: [np.log(c / model(70 * dose, t)) for dose, t, c in high]
    rms = lambda values: float(np.sqrt(np.mean(np.square(values))))
    fitted = lambda p: error(lambda mg, t: concentration([t], Doses(0, mg, 0.06), *np.exp(p))[0])
    best = least_squares(fitted, np.log([0.676, 3.127, 1.519, 0.66])).fun
    assert 0.30 < rms(best) < 0.40
    assert rms(error(lambda mg, t: plasma.course([t], Doses(0, mg, 0.06)).adc[0, 0])) < rms(best) + 0.05


def test_swapping_the_linker_changes_the_course() -> None:
    """A linker that loses its drug more slowly leaves more on the antibody, and frees less payload."""
    swapped = Plasma.of(IMGN853.swap(linker=T_DM1.linker)).course([7.0], LABEL_DOSE)
    course = Plasma.of(IMGN853).course([7.0], LABEL_DOSE)
    assert swapped.dar[0, 0] > course.dar[0, 0] and swapped.payload[0, 0] < course.payload[0, 0]


@pytest.mark.parametrize("compound", COMPOUNDS.values(), ids=list(COMPOUNDS))
def test_rows_are_patients_and_nothing_is_negative(compound: Compound) -> None:
    rng = np.random.default_rng(1)
    factors = {"antibody.cl": rng.lognormal(0, 0.3, 5), "payload.cl": rng.lognormal(0, 0.3, 5)}
    doses = Doses([0, 21], rng.uniform(100, 400, (5, 2)), 0.1)
    times = np.array([0, 0.1, 1, 21, 40])
    course = Plasma.of(compound, factors).course(times, doses, tolerance=1e-3)
    for analyte in ("adc", "naked", "antibody", "dar", "payload", "metabolite"):
        assert course.of(analyte).shape == (5, 5) and (course.of(analyte) >= -1e-12).all()
        assert (course.of(analyte)[:, 0] == 0).all()
    for i in range(5):
        own = Plasma.of(compound, {name: f[i] for name, f in factors.items()})
        alone = own.course(times, Doses([0, 21], doses.amount[i], 0.1), tolerance=1e-3)
        np.testing.assert_allclose(alone.amounts[0], course.amounts[i], rtol=2e-2, atol=1e-12)


@pytest.mark.parametrize(
    ("factors", "told"),
    [
        ({"antibody.cl": [1, -1]}, "patient 2: the factor on antibody.cl is -1: it must be above 0"),
        ({"antibody.cl": [float("nan")]}, "factor on antibody.cl is nan"),
        ({"antibody.clearance": [1]}, "antibody.clearance: no quantity of IMGN853"),
        (
            {"antibody.cl": [1, 1], "antibody.vc": [1, 1, 1]},
            "antibody.cl are of 2 patients, .*antibody.vc are of 3 patients",
        ),
    ],
)
def test_what_cannot_be_is_refused(factors: dict[str, list[float]], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Plasma.of(IMGN853, factors)


@pytest.mark.parametrize(
    ("since", "clearance", "told"),
    [
        ([21, 0], [[1, 2]], "must rise"),
        ([0, 21, 42], [[1, 2]], "each of 2 occasions"),
        ([0, 21], [[1, -2]], "patient 1, occasion 2: the factor on clearance is -2"),
    ],
)
def test_occasions_that_cannot_be(since: list[float], clearance: list[list[float]], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Plasma.of(IMGN853).course_by_occasion([1.0, 30.0], LABEL_DOSE, since, clearance)


def test_unknown_analytes() -> None:
    with pytest.raises(ValueError, match="analyte is 'dm4'"):
        Plasma.of(IMGN853).course([1], LABEL_DOSE).of("dm4")
    with pytest.raises(ValueError, match="half-life"):
        Plasma.of(IMGN853).half_life("dar")
