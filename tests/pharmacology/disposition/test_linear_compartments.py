"""Closed forms, the exponential of a matrix, and an independent solver agree; what goes in is found again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from posology.pharmacology.disposition.linear_compartments import (
    Doses,
    LinearSystem,
    concentration,
    one_compartment,
    two_compartment,
)

positive = st.floats(0.05, 20)
TIMES = np.array([0, 0.05, 0.1, 0.5, 2, 7, 20.9, 21, 21.1, 30, 42, 80])
DOSES = Doses([0, 21, 42], [100, 0, 50], [0.1, 0.1, 0.0])


def two(cl: float, v1: float, q: float, v2: float) -> LinearSystem:
    return LinearSystem(np.array([[-(cl + q) / v1, q / v2], [q / v1, -q / v2]]), np.array([1.0, 0.0]))


def test_one_compartment_bolus_and_infusion_by_the_book() -> None:
    cl, v, k = 2.0, 10.0, 0.2
    times = np.array([0.0, 0.5, 1.0, 5.0])
    np.testing.assert_allclose(concentration(times, Doses(0, 100), cl, v), 10 * np.exp(-k * times), rtol=1e-14)
    during = 100 / 1.0 / cl * (1 - np.exp(-k * np.minimum(times, 1)))
    expected = during * np.exp(-k * np.maximum(times - 1, 0))
    np.testing.assert_allclose(concentration(times, Doses(0, 100, 1), cl, v), expected, rtol=1e-13)


def test_two_compartment_bolus_by_the_book() -> None:
    """alpha, beta, A and B of Gibaldi and Perrier, with k10 0.2, k12 0.3, k21 0.1: s^2 - 0.6 s + 0.02."""
    alpha, beta = 0.3 + np.sqrt(0.07), 0.3 - np.sqrt(0.07)
    a, b = (alpha - 0.1) / (alpha - beta) / 10, (0.1 - beta) / (alpha - beta) / 10
    found = two_compartment(cl=2, v1=10, q=3, v2=30)
    np.testing.assert_allclose(found.rates, [alpha, beta], rtol=1e-14)
    np.testing.assert_allclose(found.coefficients, [a, b], rtol=1e-14)
    assert found.area == pytest.approx(1 / 2)


@given(cl=positive, v1=positive, q=positive, v2=positive)
@settings(max_examples=40, deadline=None)
def test_closed_form_and_matrix_agree(cl: float, v1: float, q: float, v2: float) -> None:
    closed = concentration(TIMES, DOSES, cl, v1, q, v2)
    held = two(cl, v1, q, v2).amounts(TIMES, DOSES)
    np.testing.assert_allclose(held[:, 0] / v1, closed, rtol=1e-9, atol=1e-12 * closed.max())


@given(cl=positive, v1=positive, q=positive, v2=positive, split=st.floats(0.1, 0.9))
@settings(max_examples=40, deadline=None)
def test_superposition(cl: float, v1: float, q: float, v2: float, split: float) -> None:
    at = lambda *doses: concentration(TIMES, Doses(*doses), cl, v1, q, v2)
    whole = at([0, 21], [100, 50], 0.1)
    np.testing.assert_allclose(at(0, 100, 0.1) + at(21, 50, 0.1), whole, rtol=1e-12)
    parts = at([0, 0, 21], [100 * split, 100 * (1 - split), 50], 0.1)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)
    pieces = at([0, 0.1 * split, 21], [100 * split, 100 * (1 - split), 50], [0.1 * split, 0.1 * (1 - split), 0.1])
    np.testing.assert_allclose(pieces[2:], whole[2:], rtol=1e-9, atol=1e-300)


@given(cl=positive, v1=positive, q=positive, v2=positive)
@settings(max_examples=25, deadline=None)
def test_mass_balance(cl: float, v1: float, q: float, v2: float) -> None:
    system = two(cl, v1, q, v2)
    with_sink = LinearSystem(
        np.array([[*system.matrix[0], 0], [*system.matrix[1], 0], [cl / v1, 0, 0]]), np.array([1.0, 0, 0])
    )
    held = with_sink.amounts(TIMES, DOSES)
    np.testing.assert_allclose(held.sum(axis=1), DOSES.given(TIMES), rtol=1e-9)
    areas = system.areas(TIMES, DOSES)
    np.testing.assert_allclose(cl / v1 * areas[:, 0], held[:, 2], rtol=1e-8, atol=1e-9 * 150)


def test_steady_state_is_where_many_doses_end() -> None:
    shape, times = two_compartment(0.45, 2.3, 0.5, 0.6), np.array([0, 0.05, 0.1, 1, 20.99, 21])
    many = Doses(21.0 * np.arange(60), 355, 0.1)
    expected = shape.at(59 * 21 + times, many)
    expected[-1] = shape.at([60 * 21], many)[0]
    np.testing.assert_allclose(shape.steady_state(times, 355, 21, 0.1), expected, rtol=1e-9)
    found = two(0.45, 2.3, 0.5, 0.6).steady_state(times, 355, 21, 0.1)[:, 0] / 2.3
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    with pytest.raises(ValueError, match="steady state"):
        one_compartment(0, 1).steady_state([1], 1, 21)
    with pytest.raises(ValueError, match="interval"):
        shape.steady_state([22], 1, 21)


def test_area_over_an_interval_at_steady_state_is_that_of_one_dose() -> None:
    system = two(0.45, 2.3, 0.5, 0.6)
    many = Doses(21.0 * np.arange(61), 355, 0.1)
    areas = system.areas([59 * 21, 60 * 21], many)[:, 0] / 2.3
    assert areas[1] - areas[0] == pytest.approx(355 / 0.45, rel=1e-9)
    assert system.total_areas()[0] / 2.3 == pytest.approx(1 / 0.45)


def test_against_another_solver_with_equal_rates() -> None:
    """A chain of three equal rates has no full set of eigenvectors."""
    matrix = np.array([[-0.9, 0, 0], [0.9, -0.9, 0], [0, 0.9, -0.9]])
    system = LinearSystem(matrix, np.array([1.0, 0, 0]))
    times = np.array([0.1, 1, 5, 10])
    found = system.amounts(times, Doses(0, 1, 0.1))
    rate = lambda t: 10.0 if t < 0.1 else 0.0
    start = solve_ivp(lambda t, x: matrix @ x + [10, 0, 0], (0, 0.1), np.zeros(3), rtol=1e-12, atol=1e-14).y[:, -1]
    rest = solve_ivp(lambda t, x: matrix @ x + [rate(t), 0, 0], (0.1, 10), start, t_eval=times, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found, rest.y.T, rtol=1e-8)
    bolus = system.amounts(times, Doses(0, 1))
    x = 0.9 * times
    np.testing.assert_allclose(bolus, np.exp(-x)[:, None] * np.stack([np.ones(4), x, x**2 / 2], axis=1), rtol=1e-12)


def test_rows_are_patients(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    cl, v1 = rng.uniform(0.2, 1, 7), rng.uniform(2, 4, 7)
    starts = np.sort(rng.uniform(0, 60, (7, 3)), axis=1)
    doses = Doses(starts, rng.uniform(100, 400, (7, 3)), rng.uniform(0, 0.2, (7, 3)))
    times = rng.uniform(0, 90, (7, 11))
    together = concentration(times, doses, cl, v1, 0.5, 0.6)
    matrices = np.stack([two(c, v, 0.5, 0.6).matrix for c, v in zip(cl, v1, strict=True)])
    system = LinearSystem(matrices, np.array([1.0, 0.0]))
    batch = system.amounts(times, doses)[..., 0] / v1[:, None]
    np.testing.assert_allclose(batch, together, rtol=1e-9, atol=1e-12)
    monkeypatch.setattr("posology.pharmacology.disposition.linear_compartments.MAX_BATCH_ELEMENTS", 1)
    np.testing.assert_array_equal(system.amounts(times, doses)[..., 0] / v1[:, None], batch)
    for i in range(7):
        own = Doses(doses.time[i], doses.amount[i], doses.duration[i])
        np.testing.assert_allclose(concentration(times[i], own, cl[i], v1[i], 0.5, 0.6), together[i], rtol=1e-14)


def test_a_compartment_that_nothing_flows_to() -> None:
    closed = concentration(TIMES, DOSES, 0.45, 2.3, 0.0, 1.0)
    np.testing.assert_allclose(closed, concentration(TIMES, DOSES, 0.45, 2.3), rtol=1e-13)
    np.testing.assert_allclose(two(0.45, 2.3, 0.0, 1.0).amounts(TIMES, DOSES)[:, 0] / 2.3, closed, rtol=1e-9)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Doses([[0, 21], [21, 0]], 1), "patient 2, dose 2, day 0: it comes after dose 1, day 21"),
        (lambda: Doses([0, 1], [1, -5]), "dose 2, day 1: amount is -5: it must be 0 or more mg"),
        (lambda: Doses([0], [float("nan")]), "amount is nan"),
        (lambda: Doses([0], [1], [-1]), "duration is -1"),
        (lambda: concentration([0], Doses(0, 1), [0.5, -0.5], 1), "patient 2: cl is -0.5"),
        (lambda: concentration([0], Doses(0, 1), 0.5, 0), "v is 0: it must be above 0"),
        (lambda: concentration([0], Doses(0, 1), 0.5, 1, q=1), "both, or neither"),
        (lambda: two(0.45, 2.3, 0.5, 0.6).steady_state([22], 1, 21), "interval"),
    ],
)
def test_what_cannot_be_is_refused(make, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        make()


def test_no_exchange_is_one_compartment() -> None:
    """q = 0: areas, half-life and steady state are those of the central compartment alone."""
    two, one = two_compartment(cl=1, v1=2, q=0, v2=3), one_compartment(cl=1, v=2)
    assert float(two.area) == pytest.approx(1.0) and float(two.half_life) == pytest.approx(float(one.half_life))
    after = [0.0, 1, 3, 21]
    np.testing.assert_allclose(two.steady_state(after, 100, 21, 2.0), one.steady_state(after, 100, 21, 2.0), rtol=1e-12)
    assert float(one_compartment(cl=0, v=2).half_life) == float(one_compartment(cl=0, v=2).area) == np.inf


@pytest.mark.parametrize(("q", "v2"), [(1e-5, 1.0), (1e-3, 100.0), (1e4, 1e-3), (0.5, 0.6), (30.0, 1e5)])
def test_a_slow_compartment_keeps_its_digits(q: float, v2: float) -> None:
    """Against arithmetic of 60 digits, to the end of the terminal phase."""
    from decimal import Decimal, localcontext

    with localcontext() as context:
        context.prec = 60
        k10, k12, k21 = Decimal("0.4") / 3, Decimal(q) / 3, Decimal(q) / Decimal(v2)
        total = k10 + k12 + k21
        root = (total * total - 4 * k10 * k21).sqrt()
        alpha, beta = (total + root) / 2, (total - root) / 2
        exact = lambda t: ((alpha - k21) * (-alpha * t).exp() + (k21 - beta) * (-beta * t).exp()) / root / 3
        times = [Decimal(t) for t in ("0.1", "10", "300", "2000")]
        wanted = [float(exact(t)) for t in times]
    found = two_compartment(cl=0.4, v1=3, q=q, v2=v2).at([float(t) for t in times], Doses(0, 1))
    np.testing.assert_allclose(found, wanted, rtol=1e-11)


@pytest.mark.parametrize("duration", [1e-18, 1e-16, 1e-14, 1e-12, 1e-10, 1e-7, 1e-5])
def test_an_infusion_however_short_gives_its_dose(duration: float) -> None:
    """As short as the precision of the clock: nothing of the dose is lost."""
    system = LinearSystem(np.array([[-0.3]]), np.array([1.0]))
    found = system.amounts([22.0, 30.0], Doses([0, 21.3], [0, 100], duration))
    bolus = system.amounts([22.0, 30.0], Doses([0, 21.3], [0, 100]))
    np.testing.assert_allclose(found, bolus, rtol=0.3 * duration + 1e-11)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda s, e: s.amounts([0, np.nan], Doses(0, 1)), "time 2 is nan"),
        (lambda s, e: e.at([[0.0], [np.inf]], Doses(0, 1)), "patient 2, time 1 is inf"),
        (
            lambda s, e: s.amounts(np.zeros((3, 1)), Doses(np.zeros((2, 1)), 1)),
            "times are of 3 patients, doses are of 2",
        ),
        (lambda s, e: Doses([0, 1], [1, 2, 3]), "a number for each dose"),
        (lambda s, e: one_compartment([1, 2], [1, 2, 3]), "cl are of 2 patients, v are of 3"),
        (lambda s, e: two_compartment([1, 2], 1, 1, [1, 2, 3]), "cl are of 2 patients, v2 are of 3"),
        (lambda s, e: e.steady_state([1], -100, 21), "amount is -100"),
        (lambda s, e: e.steady_state([1], np.nan, 21), "amount is nan"),
        (lambda s, e: LinearSystem(np.zeros((1, 1)), np.ones(1)).total_areas(), "a state is never left"),
        (lambda s, e: LinearSystem(np.zeros((2, 1, 1)), np.ones(1)).amounts([1], Doses(0, 1), [21, 0]), "must rise"),
        (
            lambda s, e: LinearSystem(np.zeros((2, 1, 1)), np.ones(1)).amounts([1], Doses(0, 1), [0]),
            "each of 2 occasions",
        ),
    ],
)
def test_times_doses_and_occasions_that_cannot_be(ask: Any, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        ask(LinearSystem(np.array([[-0.3]]), np.array([1.0])), one_compartment(cl=1, v=2))
