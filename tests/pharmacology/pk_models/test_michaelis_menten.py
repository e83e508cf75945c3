"""Saturable loss against SciPy, closed forms, conservation of mass, and the linear model that it becomes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.pharmacology.pk_models.data import PkDataset, SubjectData, pk_dataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, TWO_COMPARTMENTS
from posology.pharmacology.pk_models.michaelis_menten import SATURABLE
from posology.shared.arrays import Floats

PHI = np.log([[0.36, 2.5, 0.45, 1.6, 4.9, 7.4]])  # L, mg, days: 70 kg
TIMES = (0.02, 0.1, 0.5, 1.0, 3.0, 7.0, 14.0, 20.9, 21.05, 24.0, 35.0, 60.0)
Dose = tuple[float, float, float, float]


def patient(doses: Sequence[Dose], times: Sequence[float] = TIMES, **more: Any) -> PkDataset:
    return pk_dataset([SubjectData("1", doses, [(t, 0.0, False) for t in times], **more)])


def solved(doses: Sequence[Dose], phi: Any, times: Sequence[float]) -> Any:
    """Integrate the amounts in the two compartments piece by piece, to the tightest tolerance; complex parameters
    pass."""
    from scipy.integrate import solve_ivp

    cl, v1, q, v2, most, km = np.exp(phi)
    ends = {e for t, _, long, _ in doses for e in (t, t + long)} | {0.0, max(times) + 1}
    state, found = np.zeros(2, np.asarray(phi).dtype), {}
    for a, b in pairwise(sorted(ends)):
        state[0] += sum(m for t, m, long, _ in doses if t == a and not long)
        rate = sum(m / long for t, m, long, _ in doses if long and t <= a < t + long)

        def flow(_: float, y: Any, rate: float = rate) -> Any:
            c, d = y[0] / v1, y[1] / v2
            there = q * (c - d)
            return np.array([rate - cl * c - there - most * c / (km + c), there])

        at = [t for t in times if a < t <= b]
        done = solve_ivp(flow, (a, b), state, "DOP853", t_eval=sorted({*at, b}), rtol=1e-13, atol=1e-20)
        found |= dict(zip(at, done.y[0] / v1, strict=False))
        state = done.y[:, -1]
    return np.array([found[t] for t in times])


@pytest.mark.parametrize("dose", [10.0, 70.0, 490.0])
@pytest.mark.parametrize(
    "schedule",
    [
        [(0.0, 1.0, 0.0)],
        [(0.0, 1.0, 0.1), (21.0, 1.0, 0.1)],
        [(0.0, 0.5, 0.0), (0.0, 0.5, 4.0), (2.0, 1.0, 6.0)],
    ],
    ids=["bolus", "two infusions", "overlapping"],
)
def test_concentrations_and_derivatives_against_scipy(dose: float, schedule: list[tuple[float, float, float]]) -> None:
    """Derivatives of SciPy's solution by complex steps: no difference is taken."""
    doses = [(t, dose * part, long, 0.0) for t, part, long in schedule]
    value, change = SATURABLE.sensitivities(patient(doses), PHI)
    expected = solved(doses, PHI[0], TIMES)
    assert value[0] == pytest.approx(expected, rel=1e-10)
    for i in range(6):
        slope = solved(doses, PHI[0] + 1e-20j * np.eye(6)[i], TIMES).imag / 1e-20
        assert np.abs(change[0, :, i] - slope).max() < 1e-9 * expected.max()
        assert (np.abs(change[0, :, i] - slope) / expected).max() < 1e-8


@given(st.floats(1e-3, 1e4), st.floats(0.01, 100.0), st.floats(0.1, 50.0))
def test_michaelis_menten_alone_is_lambert_s_function(dose: float, km: float, most: float) -> None:
    """Km ln C + C falls by Vmax/V t (Schnell S, Mendoza C. J Theor Biol 1997;187:207-212)."""
    from scipy.special import lambertw

    times = np.array([0.01, 0.1, 1.0, 5.0]) * min(1.0, 10 * (dose / 2.5 + km) * 2.5 / most)
    phi = np.log([[1e-40, 2.5, 1e-40, 1.0, most, km]])
    found = SATURABLE.predict(patient([(0.0, dose, 0.0, 0.0)], list(times)), phi)[0]
    start = dose / 2.5
    power = np.log(start / km) + (start - most / 2.5 * times) / km
    expected = km * np.where(power < 500, lambertw(np.exp(np.minimum(power, 500))).real, 0)
    keep = power < 500
    assert found[keep] == pytest.approx(expected[keep], rel=1e-9)


MOVES = st.lists(st.floats(-1.5, 1.5), min_size=6, max_size=6)


@settings(max_examples=40)
@given(MOVES, st.sampled_from([0.0, 1.5]), st.sampled_from([0.0, 8.0]), st.floats(0.5, 500))
def test_derivatives_by_differences(move: list[float], length: float, steady: float, dose: float) -> None:
    data = patient([(0.0, dose, length, steady), (9.0, dose / 2, 0.0, 0.0)], (0.5, 4.0, 9.5, 20.0))
    phi = PHI + np.array(move)
    value, change = SATURABLE.sensitivities(data, phi)
    assert value == pytest.approx(SATURABLE.predict(data, phi), rel=1e-10)
    for i in range(6):
        at = lambda h, i=i: SATURABLE.predict(data, phi + h * np.eye(6)[i])  # type: ignore[misc]
        numeric = (8 * (at(1e-3) - at(-1e-3)) - (at(2e-3) - at(-2e-3))) / 12e-3
        assert (np.abs(change[:, :, i] - numeric) / value).max() < 1e-7


@settings(max_examples=40)
@given(MOVES, st.sampled_from([0.0, 2.0]), st.sampled_from([0.0, 10.0]))
def test_without_saturable_loss_it_is_the_linear_model(move: list[float], length: float, steady: float) -> None:
    doses = [(0.0, 50.0, 0.0, 0.0), (3.0, 50.0, length, steady), (9.0, 20.0, 0.5, 0.0)]
    data = patient(doses, (0.5, 3.0, 4.0, 9.2, 20.0))
    linear = PHI[:, :4] + np.array(move[:4])
    phi = np.concatenate([linear, [[-50.0, move[5]]]], axis=1)
    value, change = SATURABLE.sensitivities(data, phi)
    expected, by = TWO_COMPARTMENTS.sensitivities(data, linear)
    assert value == pytest.approx(expected, rel=1e-9)
    assert change[:, :, :4] == pytest.approx(by, rel=1e-7, abs=1e-9 * expected.max())
    assert np.abs(change[:, :, 4:]).max() < 1e-11 * expected.max()


def test_low_doses_are_linear_with_the_loss_at_its_steepest() -> None:
    """Far below Km the loss is Vmax / Km more clearance."""
    data = patient([(0.0, 1e-6, 0.1, 0.0)])
    cl, v1, q, v2, most, km = np.exp(PHI[0])
    expected = TWO_COMPARTMENTS.predict(data, np.log([[cl + most / km, v1, q, v2]]))
    assert SATURABLE.predict(data, PHI) == pytest.approx(expected, rel=1e-6)


def test_what_is_given_is_lost() -> None:
    """The area under CL C + Vmax C / (Km + C) is the dose, by Gauss-Legendre on pieces."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    cuts = np.concatenate([[0, 0.05, 0.1], np.geomspace(0.2, 300, 40)])
    half, middle = np.diff(cuts)[:, None] / 2, (cuts[1:] + cuts[:-1])[:, None] / 2
    times, parts = (half * nodes + middle).ravel(), (half * weights).ravel()
    cl, _, _, _, most, km = np.exp(PHI[0])
    for dose in (10.0, 490.0):
        c = SATURABLE.predict(patient([(0.0, dose, 0.1, 0.0)], list(times)), PHI)[0]
        assert parts @ (cl * c + most * c / (km + c)) == pytest.approx(dose, rel=1e-10)


@pytest.mark.parametrize("length", [0.0, 0.1])
@pytest.mark.parametrize(("every", "dose"), [(21.0, 350.0), (21.0, 20.0), (1.0, 5.0)])
def test_a_steady_state_is_that_of_many_doses(length: float, every: float, dose: float) -> None:
    """400 doses written out, and the derivatives along all of them."""
    before = [(-every * n, dose, length, 0.0) for n in range(400, -1, -1)]
    value, change = SATURABLE.sensitivities(patient([(0.0, dose, length, every)], TIMES), PHI)
    expected, by = SATURABLE.sensitivities(patient(before, TIMES), PHI)
    assert value == pytest.approx(expected, rel=1e-11)
    assert change == pytest.approx(by, rel=1e-8, abs=1e-10 * expected.max())


@pytest.mark.parametrize("linear", [False, True])
def test_a_steady_state_resets_what_came_before(linear: bool) -> None:
    model, phi = (TWO_COMPARTMENTS, PHI[:, :4]) if linear else (SATURABLE, PHI)
    alone = patient([(5.0, 50.0, 0.5, 7.0), (5.0, 9.0, 0.0, 0.0)], (6.0, 12.0))
    after = patient([(0.0, 400.0, 6.0, 0.0), (5.0, 50.0, 0.5, 7.0), (5.0, 9.0, 0.0, 0.0)], (6.0, 12.0))
    assert model.predict(after, phi) == pytest.approx(model.predict(alone, phi), rel=1e-12)
    early = patient([(0.0, 400.0, 6.0, 0.0)], (3.0, 5.0))
    both = patient([(0.0, 400.0, 6.0, 0.0), (5.0, 50.0, 0.5, 7.0)], (3.0, 5.0))
    assert model.predict(both, phi) == pytest.approx(model.predict(early, phi), rel=1e-12)


def test_a_steady_state_above_what_saturable_loss_can_take() -> None:
    """Almost no linear clearance: 10 a day less Vmax 4.9, over CL; so high that the loss is at its maximum."""
    phi = PHI.copy()
    phi[0, 0] = np.log(6e-6)
    found = SATURABLE.predict(patient([(0.0, 100.0, 2.0, 10.0)], (1.0, 5.0)), phi)
    assert found == pytest.approx((10 - 4.9) / 6e-6, rel=1e-4)


def test_it_is_smooth_enough_for_differences() -> None:
    """Along a line through the parameters, predictions leave a cubic by rounding only."""
    doses: list[Dose] = [(0.0, 70.0, 0.1, 0.0), (21.0, 70.0, 0.0, 21.0)]
    x = np.linspace(-1, 1, 41)
    path = np.array([SATURABLE.predict(patient(doses), PHI + 1e-5 * step)[0] for step in x])
    path /= path[20]
    fitted = np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyfit(x, path, 3)).T
    assert np.abs(fitted - path).max() < 1e-11


def test_a_sample_is_before_or_after_a_bolus_at_its_time() -> None:
    doses = [(0.0, 70.0, 0.0, 0.0), (7.0, 70.0, 0.0, 0.0)]
    before, after = SATURABLE.predict(patient(doses, (7.0, 7.0), after_dose=[False, True]), PHI)[0]
    assert after - before == pytest.approx(70 / 2.5)
    assert SATURABLE.predict(patient(doses, (7.0,)).at(np.array([7.0])), PHI)[0, 0] == pytest.approx(after)


@given(st.floats(0.05, 20), st.floats(0.05, 20))
def test_units_do_not_matter(time: float, amount: float) -> None:
    first = SATURABLE.predict(patient([(0.0, 70.0, 0.5, 0.0), (5.0, 7.0, 0.0, 3.0)], (0.2, 4.0, 9.0)), PHI)
    scaled = [(0.0, 70.0 * amount, 0.5 * time, 0.0), (5.0 * time, 7.0 * amount, 0.0, 3.0 * time)]
    phi = PHI + np.log([[1 / time, 1, 1 / time, 1, amount / time, amount]])
    second = SATURABLE.predict(patient(scaled, [0.2 * time, 4.0 * time, 9.0 * time]), phi)
    assert second == pytest.approx(first * amount, rel=1e-9)


def test_patients_do_not_touch_each_other_and_doses_may_come_in_any_order() -> None:
    people = [
        SubjectData("a", [(21.0, 70.0, 0.1, 0.0), (0.0, 70.0, 0.1, 0.0)], [(t, 0.0, False) for t in TIMES]),
        SubjectData("b", [(0.0, 350.0, 0.0, 21.0)], [(1.0, 0.0, False)]),
        SubjectData("c", [(0.0, 70.0, 0.1, 0.0), (21.0, 70.0, 0.1, 0.0)], [(t, 0.0, False) for t in TIMES]),
    ]
    value, change = SATURABLE.sensitivities(pk_dataset(people), np.repeat(PHI, 3, axis=0))
    assert np.array_equal(value[0], value[2]) and np.array_equal(change[0], change[2])
    for row, one in enumerate(people):
        alone, by = SATURABLE.sensitivities(pk_dataset([one]), PHI)
        size = len(one.samples)
        assert np.array_equal(value[row, :size], alone[0]) and np.array_equal(change[row, :size], by[0])


def test_what_cannot_be_followed_is_refused() -> None:
    """No number comes back, and the message says who, when and what."""
    data = patient([(0.0, 100.0, 2.0, 0.0)])
    sharp, runaway = PHI.copy(), PHI.copy()
    sharp[0, 5], runaway[0, 0] = -22.0, -90.0
    with pytest.raises(ValueError, match=r"patient 1, time \d.*too fast to follow.*higher Km \(CL 0.36"):
        SATURABLE.predict(data, sharp)
    with pytest.raises(ValueError, match="patient 1, time 0: doses at this interval reach no steady state"):
        SATURABLE.predict(patient([(0.0, 100.0, 2.0, 10.0)]), runaway)
    for place, bad, says in ((0, np.inf, "CL is inf"), (4, -np.inf, "Vmax is 0"), (5, np.nan, "Km is nan")):
        phi = PHI.copy()
        phi[0, place] = bad
        with pytest.raises(ValueError, match=f"patient 1: {says}; it is a number above 0"):
            SATURABLE.sensitivities(data, phi)
    with pytest.raises(ValueError, match="patient 1: two doses at steady state at one time"):
        SATURABLE.predict(patient([(0.0, 100.0, 0.0, 10.0), (0.0, 50.0, 1.0, 10.0)]), PHI)


def test_nothing_before_the_first_dose_and_nothing_left_at_the_end() -> None:
    found: Floats = SATURABLE.predict(patient([(5.0, 10.0, 0.0, 0.0)], (1.0, 5.0, 6.0, 1e5)), PHI)[0]
    assert found[0] == 0 and found[1] == 0 and found[2] > 1 and found[3] == 0


def test_samples_between_doses_at_one_time_in_order() -> None:
    """Three samples at one time: before two doses, between them, after both; as the linear model, and by hand."""
    one = pk_dataset(
        [
            SubjectData(
                "1",
                [(0.0, 100.0, 0.0, 0.0), (10.0, 50.0, 0.0, 0.0), (10.0, 200.0, 0.0, 0.0)],
                [(10.0, 1.0, False)] * 3,
                after_dose=[0, 1, 2],
            )
        ]
    )
    linear = ONE_COMPARTMENT.predict(one, np.log([[2.0, 20.0]]))[0]
    assert linear == pytest.approx(5 * np.exp(-1) + np.array([0, 2.5, 12.5]))
    no_loss = SATURABLE.predict(one, np.log([[2.0, 20.0, 1e-9, 1.0, 1e-9, 1.0]]))[0]
    assert no_loss == pytest.approx(linear, rel=1e-6)
