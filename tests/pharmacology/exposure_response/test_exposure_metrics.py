"""Exposure of the first cycle and on average, against closed forms and integration by SciPy."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from posology.pharmacology.exposure_response.exposure_metrics import (
    average_concentration_until,
    first_cycle_from_model,
    first_cycle_from_samples,
)
from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS

TAU = 21.0
DOSES = [(0.0, 350.0, 0.125, 0.0), (21.0, 280.0, 0.1, 0.0), (45.0, 280.0, 0.0, 0.0)]
CL, V1, Q, V2 = 0.4, 2.5, 0.6, 1.5


def patients(*doses: list[tuple[float, float, float, float]]) -> PkDataset:
    return pk_dataset([SubjectData(str(i), given, [(1.0, 1.0, False)]) for i, given in enumerate(doses)])


def integrated(until: float) -> tuple[float, float]:
    """Return the area and the concentration at a time, of two compartments with three doses, by ODE."""
    state, area, now = np.array([0.0, 0.0, 0.0]), 0.0, 0.0

    def slope(rate: float):  # type: ignore[no-untyped-def]
        return lambda t, s: [rate - (CL + Q) / V1 * s[0] + Q / V2 * s[1], Q / V1 * s[0] - Q / V2 * s[1], s[0] / V1]

    edges = sorted({0.0, until, *(d[0] for d in DOSES), *(d[0] + d[2] for d in DOSES)})
    for begin, end in pairwise(edges):
        if begin >= until:
            break
        for at, mg, length, _ in DOSES:
            if at == begin and length == 0:
                state = state + np.array([mg, 0.0, 0.0])
        rate = sum(mg / length for at, mg, length, _ in DOSES if length and at <= begin < at + length)
        found = solve_ivp(slope(rate), (begin, min(end, until)), state, rtol=1e-11, atol=1e-12)
        state, now = found.y[:, -1], min(end, until)
    assert now == until
    area = state[2]
    return float(area), float(state[0] / V1)


@pytest.mark.parametrize("until", [0.05, 0.125, 3.0, 20.0, 21.05, 44.0, 50.0, 90.0])
def test_the_average_against_an_ode(until: float) -> None:
    phi = np.log([[CL, V1, Q, V2]])
    assert average_concentration_until(TWO_COMPARTMENTS, patients(DOSES), phi, np.array([until]))[0] == pytest.approx(
        integrated(until)[0] / until, rel=1e-8
    )


def test_the_first_cycle_knows_the_first_dose_alone() -> None:
    phi = np.log([[CL, V1, Q, V2]])
    found = first_cycle_from_model(TWO_COMPARTMENTS, patients(DOSES), phi, TAU)
    area, trough = integrated(TAU - 1e-9)
    assert found.auc[0] == pytest.approx(area, rel=1e-8) and found.c_trough[0] == pytest.approx(trough, rel=1e-8)
    alone = first_cycle_from_model(TWO_COMPARTMENTS, patients(DOSES[:1]), phi, TAU)
    assert found.auc[0] == pytest.approx(alone.auc[0]) and found.c_max[0] == alone.c_max[0]
    assert found.c_max[0] == pytest.approx(integrated(0.125)[1], rel=1e-8)
    later = first_cycle_from_model(TWO_COMPARTMENTS, patients([(t + 5, *rest) for t, *rest in DOSES]), phi, TAU)  # type: ignore[misc]
    assert later.auc[0] == pytest.approx(found.auc[0], rel=1e-12)


def test_oral_peak_in_closed_form() -> None:
    ka, cl, v = 1.5, 2.7, 31.0
    ke = cl / v
    top = np.log(ka / ke) / (ka - ke)
    want = 100 / v * ka / (ka - ke) * (np.exp(-ke * top) - np.exp(-ka * top))
    found = first_cycle_from_model(ORAL, patients([(0.0, 100.0, 0.0, 0.0)]), np.log([[ka, cl, v]]), 24.0)
    assert found.c_max[0] == pytest.approx(want, rel=1e-5)


@given(st.floats(0.05, 3.0), st.floats(1.0, 20.0), st.floats(0.01, 0.5), st.floats(1.0, 400.0))
def test_an_infusion_in_closed_form(clearance: float, volume: float, length: float, mg: float) -> None:
    k = clearance / volume
    at = lambda t: (
        mg
        / length
        / clearance
        * np.where(t < length, 1 - np.exp(-k * t), (1 - np.exp(-k * length)) * np.exp(-k * (t - length)))
    )
    area = (mg - volume * float(at(TAU))) / clearance  # what left the body, by its clearance
    found = first_cycle_from_model(
        ONE_COMPARTMENT, patients([(0.0, mg, length, 0.0)]), np.log([[clearance, volume]]), TAU
    )
    assert found.auc[0] == pytest.approx(area, rel=1e-9)
    assert found.c_trough[0] == pytest.approx(float(at(TAU)), rel=1e-9)
    assert found.c_max[0] == pytest.approx(float(at(length)), rel=1e-9)
    if k * TAU < 30:
        times = np.concatenate([[length], np.linspace(length, 18.0, 40)[1:]])[None, :]
        sampled = first_cycle_from_samples(times, at(times), TAU, duration=length)
        rise = (
            mg / length / clearance * (length - (1 - np.exp(-k * length)) / k)
        )  # against the trapezoid's straight line
        straight = float(at(length)) * length / 2
        assert sampled.auc[0] == pytest.approx(area + straight - rise, rel=1e-8)
        assert sampled.c_trough[0] == pytest.approx(float(at(TAU)), rel=1e-6)


def test_what_samples_do_not_tell() -> None:
    time = np.array(
        [
            [0.1, 1, 2, 7, np.nan],
            [0.1, 7, np.nan, np.nan, np.nan],
            [0.1, 2, 7, 20.9, np.nan],
            [0.1, 2, 20.5, np.nan, np.nan],
            [1.0, 7, np.nan, np.nan, np.nan],
        ]
    )
    value = np.array(
        [
            [9.0, 6, 5, 3, np.nan],
            [9.0, 8.5, np.nan, np.nan, np.nan],
            [9.0, 2, 0, 0, np.nan],
            [9.0, 5, 4, np.nan, np.nan],
            [0.0, 0, np.nan, np.nan, np.nan],
        ]
    )
    found = first_cycle_from_samples(time, value, TAU, duration=0.1)
    assert "% of the cycle's AUC is extrapolated" in found.why[0][0]
    assert np.isnan(found.auc[1]) and "before the cycle does, and there is no terminal slope" in found.why[1][0]
    assert found.c_trough[2] == 0 and "ends below quantification" in found.why[2][0]
    assert found.auc[2] == pytest.approx(0.45 + 1.9 * 7 / np.log(4.5) + 2 * 5 / 2)
    assert found.c_trough[3] == 4 and found.auc[3] == pytest.approx(
        0.45 + 1.9 * 4 / np.log(9 / 5) + 18.5 * 1 / np.log(5 / 4) + 4 * 0.5
    )
    assert (found.auc[4], found.c_max[4], found.c_trough[4]) == (0, 0, 0)


def test_after_a_bolus_the_area_starts_at_its_height() -> None:
    t = np.array([[0.5, 1.0, 2.0, 5.0]])
    found = first_cycle_from_samples(t, 10 * np.exp(-0.2 * t), TAU, bolus=True)
    assert found.auc[0] == pytest.approx(50 * (1 - np.exp(-0.2 * TAU)))
    assert found.c_max[0] == pytest.approx(10 * np.exp(-0.1))  # what was measured, not what was back-extrapolated


def test_refused() -> None:
    with pytest.raises(ValueError, match="it is above 0"):
        first_cycle_from_samples(np.array([[1.0, 2]]), np.array([[1.0, 2]]), 0.0)
    with pytest.raises(ValueError, match="it is above 0"):
        first_cycle_from_model(ONE_COMPARTMENT, patients(DOSES), np.log([[1.0, 1]]), -1.0)
    with pytest.raises(ValueError, match="patient 0: an average until 0"):
        average_concentration_until(ONE_COMPARTMENT, patients(DOSES), np.log([[1.0, 1]]), np.array([0.0]))
