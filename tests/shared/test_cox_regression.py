"""Cox's regression on one covariate: R's own data, likelihoods written out, and where there is no maximum."""

from __future__ import annotations

import csv
import json
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from posology.shared.cox_regression import cox_slope

DATA = Path(__file__).parents[1] / "data/endpoints"


def test_rs_ovarian_data() -> None:
    rows = list(csv.DictReader((DATA / "r_survival_ovarian.csv").read_text().splitlines()))
    of = lambda name: np.array([float(row[name]) for row in rows])
    expected = json.loads((DATA / "survival_and_binomial_oracle.json").read_text())["external"]["ovarian"]
    slope, error = cox_slope(of("rx"), of("futime"), of("fustat") == 1)
    assert np.exp([slope, slope - 1.959963984540054 * error]) == pytest.approx([expected["hr"], expected["hr_l"]], 1e-8)


def minus_log_likelihood(b: float, x: np.ndarray, time: np.ndarray, event: np.ndarray) -> float:
    """Efron's likelihood, event by event."""
    total = 0.0
    for t in np.unique(time[event]):
        risk, tied = np.exp(b * x[time >= t]).sum(), np.exp(b * x[(time == t) & event])
        total += b * x[(time == t) & event].sum()
        total -= sum(np.log(risk - k / len(tied) * tied.sum()) for k in range(len(tied)))
    return -total


@pytest.mark.parametrize("seed", range(8))
def test_ties_as_efron_has_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, time, event = rng.normal(20, 5, 30), rng.integers(1, 9, 30).astype(float), rng.random(30) < 0.7
    slope, error = cox_slope(x, time, event)
    of = lambda b: minus_log_likelihood(b, x, time, event)
    assert slope == pytest.approx(
        minimize_scalar(of, bounds=(-2, 2), method="bounded", options={"xatol": 1e-9}).x, abs=1e-5
    )
    h = 1e-4
    assert error == pytest.approx(((of(slope + h) - 2 * of(slope) + of(slope - h)) / h**2) ** -0.5, rel=1e-4)


def test_a_maximum_is_found_exactly_where_there_is_one() -> None:
    """Of all trials of five patients: refused where the likelihood still rises far out, and only there."""
    time = np.array([1.0, 2, 2, 3, 4])
    for struck in (c for k in (1, 2, 3) for c in combinations(range(5), k)):
        event = np.isin(np.arange(5), struck)
        for x in ([0.0, 1, 0, 1, 0], [0.0, 1, 2, 3, 4], [4.0, 0, 3, 1, 2]):
            values = np.array(x)
            far = [minus_log_likelihood(b, values, time, event) for b in (-40.0, -30.0, 0.0, 30.0, 40.0)]
            rises = far[0] < far[1] + 1e-9 or far[4] < far[3] + 1e-9
            try:
                cox_slope(values, time, event)
            except ValueError as error:
                assert rises, (struck, x, error)
            else:
                assert not rises, (struck, x)


@pytest.mark.parametrize(
    ("x", "event", "said"),
    [
        ([1.0, 1], [True, True], "one value of the covariate only"),
        ([1.0, 2], [False, False], "no event"),
        ([1.0, 2], [False, True], "at risk wherever an event occurred"),
    ],
)
def test_what_has_no_answer(x: list[float], event: list[bool], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        cox_slope(np.array(x), np.array([1.0, 2]), np.array(event))
