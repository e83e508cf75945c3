"""Exposure and response against closed forms: 2×2 tables, rates by group, and properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from posology.pharmacology.exposure_response.regression import (
    by_quantile,
    cox,
    exponential,
    logistic,
    predicted_exposures,
)


def table(a: int, b: int, c: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    """Return exposures 0 and 1, with a of a + b events at 0 and c of c + d at 1."""
    return np.repeat([0.0, 1.0], [a + b, c + d]), np.repeat([True, False, True, False], [a, b, c, d])


@given(st.lists(st.integers(1, 30), min_size=4, max_size=4))
def test_a_two_by_two_table(cells: list[int]) -> None:
    a, b, c, d = cells
    x, y = table(a, b, c, d)
    plain, firth = logistic(x, y, firth=False, unit=1.0), logistic(x, y, unit=1.0)
    assert plain.intercept == pytest.approx(np.log(a / b), abs=1e-7)
    assert plain.slope == pytest.approx(np.log(c * b / d / a), abs=1e-7)
    assert plain.standard_error == pytest.approx(np.sqrt(1 / a + 1 / b + 1 / c + 1 / d), rel=1e-6)
    deviance = 2 * sum(n * np.log(n / e) for n, e in zip(cells, _expected(*cells), strict=True))
    assert plain.p_value == pytest.approx(chi2.sf(deviance, 1), abs=1e-5)
    # the penalty adds one half to each cell of a saturated table
    assert firth.slope == pytest.approx(np.log((c + 0.5) * (b + 0.5) / (d + 0.5) / (a + 0.5)), abs=1e-7)
    assert plain.lower < plain.slope < plain.upper


def _expected(a: int, b: int, c: int, d: int) -> list[float]:
    n, events = a + b + c + d, a + c
    return [(a + b) * events / n, (a + b) * (n - events) / n, (c + d) * events / n, (c + d) * (n - events) / n]


def test_separation_stays_finite_and_is_said() -> None:
    x, y = np.arange(10.0), np.arange(10) > 5
    found = logistic(x, y, unit=1.0)
    assert np.isfinite(found.slope) and found.slope > 0 and np.isfinite(found.lower)
    assert "do not overlap" in found.notes[0]
    with pytest.raises(ValueError, match="use Firth"):
        logistic(x, y, firth=False)
    none = logistic(x, np.zeros(10, bool))
    assert "no patient had the event" in none.notes[0] and none.lower < 0 < none.upper


def test_the_profile_interval_is_where_the_likelihood_has_fallen() -> None:
    """At the limits, twice the fall of the log likelihood is the quantile of chi-squared: checked on a grid."""
    rng = np.random.default_rng(4)
    x = rng.uniform(0, 3, 60)
    y = rng.random(60) < 1 / (1 + np.exp(2 - x))
    found = logistic(x, y, firth=False, unit=1.0)

    def best(slope: float) -> float:
        grid = np.linspace(-15, 15, 30001)[:, None] + slope * x
        return float((y * grid - np.logaddexp(0, grid)).sum(axis=1).max())

    top = best(found.slope)
    for limit in (found.lower, found.upper):
        assert 2 * (top - best(limit)) == pytest.approx(chi2.ppf(0.95, 1), abs=1e-3)


@given(st.floats(0.01, 100))
def test_the_unit_of_exposure_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(1)
    x = rng.lognormal(0, 0.5, 40)
    y = rng.random(40) < x / (1 + x)
    one, other = logistic(x, y), logistic(x * scale, y)
    assert other.slope == pytest.approx(one.slope, rel=1e-6)
    assert other.at(x * scale)[0] == pytest.approx(one.at(x)[0], rel=1e-6)


def test_exponential_is_events_over_time_in_each_group() -> None:
    rng = np.random.default_rng(2)
    x = np.repeat([0.0, 1.0], 50)
    time = rng.exponential(10 / (1 + x))
    event = time < 15
    time = np.minimum(time, 15)
    found = exponential(x, time, event, unit=1.0)
    rates = [event[x == g].sum() / time[x == g].sum() for g in (0, 1)]
    assert found.intercept == pytest.approx(np.log(rates[0]))
    assert found.slope == pytest.approx(np.log(rates[1] / rates[0]))
    assert found.standard_error == pytest.approx(np.sqrt(sum(1 / event[x == g].sum() for g in (0, 1))))
    assert found.at(np.array([1.0]), 5.0)[0][0] == pytest.approx(1 - np.exp(-5 * rates[1]))


def test_cox_by_hand() -> None:
    """Three events without ties: times 1 (x = 1), 2 (x = 0), 3 (x = 1), 4 censored (x = 0): the partial likelihood."""
    from scipy.optimize import minimize_scalar

    x, time = np.array([1.0, 0, 1, 0]), np.array([1.0, 2, 3, 4])
    found = cox(x, time, np.array([True, True, True, False]), unit=1.0)

    def partial(b: float) -> float:
        e = np.exp(b)
        return -(2 * b - np.log(2 * e + 2) - np.log(e + 2) - np.log(e + 1))

    assert found.slope == pytest.approx(minimize_scalar(partial).x, abs=1e-5)
    with pytest.raises(ValueError, match="baseline"):
        found.at(np.array([1.0]))


def test_quartiles_have_exact_intervals() -> None:
    found = by_quantile(np.arange(40.0), np.arange(40) % 10 == 9)
    assert found.patients.tolist() == [10] * 4 and found.events.tolist() == [1] * 4
    assert (found.lower[0], found.upper[0]) == pytest.approx((0.0025286, 0.4450161), abs=1e-7)  # 1 of 10
    tied = by_quantile(np.repeat([1.0, 2.0], 10), np.zeros(20, bool))
    assert tied.patients.sum() == 20 and tied.upper[0] < 0.35


@pytest.mark.parametrize(
    ("exposure", "event", "says"),
    [
        ([1.0, 2, 3], [True, False], "one value a patient"),
        ([1.0, np.nan, 3], [True, False, True], "patient 2: no exposure"),
        ([1.0, 1, 1], [True, False, True], "3 patients with 1 exposures"),
    ],
)
def test_bad_input(exposure: list[float], event: list[bool], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        logistic(np.array(exposure), np.array(event))
    with pytest.raises(ValueError, match="time above 0"):
        exponential(np.arange(3.0), np.array([0.0, 1, 2]), np.array([True, False, True]))
    with pytest.raises(ValueError, match="no patient had the event"):
        exponential(np.arange(3.0), np.ones(3), np.zeros(3, bool))


def test_the_average_of_one_exposure_is_that_exposure() -> None:
    rng = np.random.default_rng(7)
    x, t = rng.lognormal(5, 0.5, 40), rng.exponential(80, 40)
    y = rng.random(40) < 0.4
    for model, day in ((logistic(x, y), None), (exponential(x, t, y), 63.0)):
        for value in (60.0, 150.0, 400.0):
            np.testing.assert_allclose(
                model.population_average(np.array([value]), day),
                [float(v[0]) for v in model.at(np.array([value]), day)],
                rtol=1e-10,
            )
        many = model.population_average(x, day)
        assert many[0] == pytest.approx(float(model.at(x, day)[0].mean())) and many[1] < many[0] < many[2]


@pytest.mark.parametrize("day", [None, 63.0])
def test_the_interval_of_an_average_against_draws_of_the_coefficients(day: float | None) -> None:
    rng = np.random.default_rng(11)
    x, t = rng.lognormal(5, 0.5, 300), rng.exponential(80, 300)
    y = rng.random(300) < 1 / (1 + np.exp(2 - x / 150))
    model = logistic(x, y) if day is None else exponential(x, t, y)
    draws = rng.multivariate_normal([model.intercept, model.slope], model.covariance, 20_000)
    eta = draws[:, :1] + draws[:, 1:] * (x / model.unit)
    chance = (1 / (1 + np.exp(-eta)) if day is None else 1 - np.exp(-np.exp(eta) * day)).mean(axis=1)
    _, low, high = model.population_average(x, day)
    assert (low, high) == pytest.approx(tuple(np.quantile(chance, [0.025, 0.975])), abs=0.004)


def test_exposures_at_a_dose() -> None:
    rng = np.random.default_rng(3)
    dose = np.repeat([1.0, 2.0, 4.0], 2000)
    exposure = 50 * dose**1.1 * rng.lognormal(0, 0.4, 6000)
    found = predicted_exposures(dose, exposure, 3.0, 1000)
    assert np.log(found).mean() == pytest.approx(np.log(50 * 3**1.1), abs=0.02)
    assert np.log(found).std() == pytest.approx(0.4, abs=0.02)
    assert (np.diff(found) > 0).all()
    with pytest.raises(ValueError, match="doses and exposures above 0"):
        predicted_exposures(dose, exposure * 0, 3.0)
    with pytest.raises(ValueError, match="3 patients at 1 doses"):
        predicted_exposures(np.ones(3), np.ones(3), 3.0)


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        (lambda x, y, t: logistic(x, y, level=95), "level is 95"),
        (lambda x, y, t: logistic(x, 2 * y), "patient 4: the event is neither"),
        (lambda x, y, t: by_quantile(x, y, groups=0), "groups is 0"),
        (lambda x, y, t: exponential(x, np.where(t > 3, t, 0), y), "patient 1: time 0"),
        (lambda x, y, t: exponential(x, t, y).at(np.array([1.0]), -5.0), "a time finite and 0 or more"),
        (lambda x, y, t: logistic(x, y).at(np.array([np.nan])), "an exposure is a finite number"),
    ],
)
def test_what_has_no_answer_is_refused(ask: Any, told: str) -> None:
    x, y, t = np.arange(8.0), np.array([0, 0, 0, 1, 0, 1, 1, 1]), np.array([3.0, 4, 5, 6, 7, 8, 9, 10])
    with pytest.raises(ValueError, match=told):
        ask(x, y, t)


@pytest.mark.parametrize("patients", [4, 8, 28])
def test_one_event_at_the_highest_exposure_has_no_hazard_ratio(patients: int) -> None:
    x, y = np.geomspace(10, 1500, patients), np.arange(patients) == patients - 1
    with pytest.raises(ValueError, match="the events lie at one end of the exposures"):
        exponential(x, np.full(patients, 13.0), y)
