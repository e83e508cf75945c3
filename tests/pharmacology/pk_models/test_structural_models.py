"""Every structural model against differential equations, and its derivatives against differences."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from posology.pharmacology.pk_models import MODELS
from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.mammillary import THREE_COMPARTMENTS, TWO_ORAL
from posology.pharmacology.pk_models.transit import TRANSIT

TIMES = np.array([0.3, 0.9, 1.5, 2.5, 4.0, 8.0, 13.0, 24.0])
VALUES = {
    "CL": 1.3,
    "V": 20.0,
    "V1": 12.0,
    "Q": 2.0,
    "V2": 30.0,
    "Q2": 3.0,
    "Q3": 0.5,
    "V3": 60.0,
    "ka": 0.9,
    "tlag": 0.6,
    "MTT": 1.7,
    "NN": 3.3,
    "Vmax": 2.0,
    "Km": 1.0,
}


def dataset(duration: float = 0.0, interval: float = 0.0, times: Any = TIMES) -> PkDataset:
    doses = [(0.0, 100.0, duration, interval), (12.0, 50.0, duration, 0.0)]
    return pk_dataset([SubjectData("1", doses, [(float(t), 1.0, False) for t in times])])


def phi(model: Any) -> Any:
    return np.log([[{"V2": 30.0, "CL": 1.3}.get(p, VALUES[p]) for p in model.parameters]])


def solved(flow: Callable[[float, Any], Any], size: int, jumps: dict[float, int], observed: int, volume: float) -> Any:
    """Return concentrations of amounts that flow, 100 and 50 put into a compartment at each of the times."""
    state, now, found = np.zeros(size), 0.0, []
    stops = sorted({*TIMES.tolist(), *jumps})
    doses = dict(zip(sorted(jumps), (100.0, 50.0), strict=True))
    for stop in stops:
        if stop > now:
            state = solve_ivp(flow, (now, stop), state, rtol=1e-10, atol=1e-12, method="DOP853").y[:, -1]
            now = stop
        if stop in doses:
            state[jumps[stop]] += doses[stop]
        if stop in TIMES:
            found.append(state[observed] / volume)
    return np.array(found)


def test_three_compartments_against_a_solver() -> None:
    v = VALUES

    def flow(_: float, x: Any) -> Any:
        c, p, d = x[0] / v["V1"], x[1] / v["V2"], x[2] / v["V3"]
        there, deep = v["Q2"] * (c - p), v["Q3"] * (c - d)
        return [-v["CL"] * c - there - deep, there, deep]

    right = solved(flow, 3, {0.0: 0, 12.0: 0}, 0, v["V1"])
    assert THREE_COMPARTMENTS.predict(dataset(), phi(THREE_COMPARTMENTS))[0] == pytest.approx(right, rel=1e-8)


@pytest.mark.parametrize("lag", [0.0, 0.6])
def test_two_compartments_with_absorption_against_a_solver(lag: float) -> None:
    v = VALUES

    def flow(_: float, x: Any) -> Any:
        c, p = x[1] / v["V1"], x[2] / v["V2"]
        there = v["Q"] * (c - p)
        return [-v["ka"] * x[0], v["ka"] * x[0] - v["CL"] * c - there, there]

    right = solved(flow, 3, {lag: 0, 12.0 + lag: 0}, 1, v["V1"])
    model: Any = MODELS["two-oral-lag"] if lag else TWO_ORAL
    assert model.predict(dataset(), phi(model))[0] == pytest.approx(right, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("clearance", [1.3, 80.0, 200.0])
def test_transit_compartments_are_a_chain(clearance: float) -> None:
    """With a whole number of transit compartments: the chain written out; also where elimination is the faster."""
    n, mtt, volume = 3, 1.7, 20.0
    ktr = (n + 1) / mtt

    def flow(_: float, x: Any) -> Any:
        moved = ktr * x[:-1]
        return np.append(-moved, 0.0) + np.append(0.0, moved) - np.eye(n + 2)[-1] * clearance / volume * x[-1]

    right = solved(flow, n + 2, {0.0: 0, 12.0: 0}, n + 1, volume)
    found = TRANSIT.predict(dataset(), np.log([[mtt, n, clearance, volume]]))[0]
    assert found == pytest.approx(right, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_the_area_is_the_dose_over_the_clearance(name: str) -> None:
    """Whatever is between the dose and plasma: linear models lose all of it by CL."""
    model: Any = MODELS[name]
    if name == "saturable":
        pytest.skip("its loss is not linear")
    times = np.concatenate([np.geomspace(1e-4, 10, 4000), np.linspace(10, 3000, 60000)[1:]])
    data = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0)], [(float(t), 1.0, False) for t in times])])
    value = model.predict(data, phi(model))[0]
    assert np.trapezoid(value, times) == pytest.approx(100 / VALUES["CL"], rel=2e-3)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("duration", [0.0, 1.0])
def test_derivatives(name: str, duration: float) -> None:
    model: Any = MODELS[name]
    data, at, h = dataset(duration), phi(model), 1e-6
    if name == "transit" and duration:
        with pytest.raises(ValueError, match="patient 1: doses through transit compartments are swallowed"):
            model.predict(data, at)
        return
    value, change = model.sensitivities(data, at)
    assert value == pytest.approx(model.predict(data, at), rel=1e-12)
    for i in range(len(model.parameters)):
        step = h * (np.arange(len(model.parameters)) == i)
        numeric = (model.predict(data, at + step) - model.predict(data, at - step)) / (2 * h)
        assert change[..., i] == pytest.approx(numeric, rel=2e-5, abs=2e-7), model.parameters[i]


def test_equal_rates_are_no_trouble() -> None:
    """Absorption as fast as a disposition rate, and peripheral compartments alike: near by values a little off."""
    a = THREE_COMPARTMENTS.predict(dataset(), np.log([[1.3, 12, 3, 30, 3, 30]]))
    b = THREE_COMPARTMENTS.predict(dataset(), np.log([[1.3, 12, 3, 30, 3, 30 * (1 + 1e-6)]]))
    assert a == pytest.approx(b, rel=1e-5)
    rate = TWO_ORAL.terms(phi(TWO_ORAL))[1][0, 0]
    same = TWO_ORAL.sensitivities(dataset(), np.log([[rate, 1.3, 12, 2, 30]]))
    off = TWO_ORAL.sensitivities(dataset(), np.log([[rate * 1.0001, 1.3, 12, 2, 30]]))
    assert same[0] == pytest.approx(off[0], rel=1e-3) and same[1] == pytest.approx(off[1], rel=1e-2, abs=1e-3)


def test_a_lag_at_steady_state_is_refused() -> None:
    with pytest.raises(ValueError, match="patient 1: a dose at steady state has no lag time here"):
        MODELS["oral-lag"].predict(dataset(interval=12.0), phi(MODELS["oral-lag"]))
