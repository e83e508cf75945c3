"""Kaplan-Meier and exact rates against R's survival, published results and closed forms."""

from __future__ import annotations

import csv
import gzip
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.endpoints.kaplan_meier import compare, kaplan_meier
from posology.endpoints.rates import (
    AnalysisSets,
    Denominator,
    clinical_benefit,
    clopper_pearson,
    disease_control,
    exact,
    objective_response,
)
from posology.endpoints.recist import Response

DATA = Path(__file__).parents[1] / "data/endpoints"
ORACLE = json.loads((DATA / "survival_and_binomial_oracle.json").read_text())
TTE = defaultdict(list)
for row in csv.DictReader(gzip.decompress((DATA / "adtte_onco.csv.gz").read_bytes()).decode().splitlines()):
    for arm in ("ALL", row["ARM"]):
        TTE[row["PARAMCD"], arm].append((float(row["AVAL"]), row["CNSR"] == "0"))


def table(name: str) -> dict[str, np.ndarray]:
    rows = list(csv.DictReader((DATA / f"r_survival_{name}.csv").read_text().splitlines()))
    return {k: np.array([float(r[k]) for r in rows]) for k in rows[0] if k != "celltype"}


def close(found: float | None, expected: float | None) -> bool:
    return found is None if expected is None else found == pytest.approx(expected, rel=1e-8)


@pytest.mark.parametrize(
    "case", [pytest.param(c, id=f"{c['PARAMCD']} {c['ARM']} {c['conf_type']}") for c in ORACLE["km"]]
)
def test_r_survival(case: dict[str, Any]) -> None:
    days, event = zip(*TTE[case["PARAMCD"], case["ARM"]], strict=True)
    curve = kaplan_meier(days, event, scale=case["conf_type"])
    assert (curve.patients, int(curve.events.sum())) == (case["n"], case["events"])
    median = curve.median
    assert close(median.value, case["median"]) and close(median.lower, case["lcl"]) and close(median.upper, case["ucl"])
    assert close(curve.quantile(0.25).value, case["q25"]) and close(curve.quantile(0.75).value, case["q75"])
    for found, *expected in zip(curve.at(case["times"]), case["surv"], case["lower"], case["upper"], strict=True):
        assert [close(a, b) for a, b in zip((found.value, found.lower, found.upper), expected, strict=True)] == [
            True
        ] * 3


EXTERNAL = [("ovarian", "futime", "fustat", "rx", k) for k in (0, 1)] + [
    ("veteran", "time", "status", "trt", k) for k in (0, 1)
]


@pytest.mark.parametrize(("name", "time", "status", "group", "k"), EXTERNAL)
def test_r_survival_on_its_own_data(name: str, time: str, status: str, group: str, k: int) -> None:
    data, expected = table(name), ORACLE["external"][name]["table"][k]
    mine = data[group] == k + 1
    curve = kaplan_meier(data[time][mine], data[status][mine], scale="log-log")
    assert (curve.patients, int(curve.events.sum())) == (expected["records"], expected["events"])
    median = curve.median
    assert close(median.value, expected["median"])
    assert close(median.lower, expected["0.95LCL"]) and close(median.upper, expected["0.95UCL"])
    mean, error = curve.restricted_mean(data[time].max())
    assert mean == pytest.approx(expected["rmean"], rel=1e-9)
    assert error == pytest.approx(expected["se(rmean)"], rel=1e-9)


def test_log_rank_and_hazard_ratio_on_rs_ovarian_data() -> None:
    data, expected = table("ovarian"), ORACLE["external"]["ovarian"]
    found = compare(data["futime"], data["fustat"], data["rx"] == 2)
    assert found.chi_square == pytest.approx(expected["logrank_chisq"], rel=1e-8)
    assert found.hazard_ratio.value == pytest.approx(expected["hr"], rel=1e-6)
    assert found.hazard_ratio.lower == pytest.approx(expected["hr_l"], rel=1e-6)
    assert found.hazard_ratio.upper == pytest.approx(expected["hr_u"], rel=1e-6)


def test_a_curve_level_at_one_half_has_its_median_in_the_middle() -> None:
    """R takes the middle, not the beginning of the stretch, 10."""
    assert kaplan_meier([10, 20], [True, True]).median.value == 15
    assert kaplan_meier([10, 20, 30, 40], [True, True, False, False]).median.value == 30
    assert kaplan_meier([10, 20, 30, 40], [True, True, True, True]).median.value == 25


def test_an_event_and_a_censoring_at_one_time_are_both_at_risk() -> None:
    curve = kaplan_meier([10, 10, 20], [True, False, False])
    assert curve.at_risk.tolist() == [3, 1]
    assert curve.at(10)[0].value == pytest.approx(2 / 3)


def test_before_the_first_time_nobody_has_had_the_event() -> None:
    curve = kaplan_meier([10, 20], [True, True])
    assert (curve.at(5)[0].value, curve.at_risk_at([0, 5, 10, 11, 20, 21]).tolist()) == (1.0, [2, 2, 2, 1, 1, 0])


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_the_curve_is_the_product_over_events(patients: list[tuple[int, bool]]) -> None:
    days, event = np.array([d for d, _ in patients]), np.array([e for _, e in patients])
    curve = kaplan_meier(days, event)
    for t, s in zip(curve.time, curve.survival, strict=True):
        terms = [1 - ((days == u) & event).sum() / (days >= u).sum() for u in np.unique(days[days <= t])]
        assert s == pytest.approx(np.prod(terms), abs=1e-12)
    inside = ~np.isnan(curve.lower)
    assert (curve.lower <= curve.survival)[inside].all() and (curve.survival <= curve.upper)[inside].all()


@pytest.mark.parametrize(
    ("days", "event", "options", "said"),
    [
        ([], [], {}, "at least one"),
        ([1, 2], [True], {}, "one entry for each patient"),
        ([1, -2], [True, True], {}, "days is -2 for patient 1"),
        ([1, np.nan], [True, True], {}, "days is nan for patient 1"),
        ([1], [True], {"level": 95}, "level is 95"),
        ([1], [True], {"scale": "linear"}, "'log-log', 'log' or 'plain'"),
        ([34, 60], [2, 1], {}, "event is 2 for patient 0: it must be 1 for the event, 0 for censored"),
        ([34, 60], [1, np.nan], {}, "event is nan for patient 1"),
    ],
)
def test_bad_input_is_refused(days: Any, event: Any, options: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        kaplan_meier(days, event, **options)


def test_a_group_without_an_event_has_a_test_and_no_hazard_ratio() -> None:
    """R's survdiff: chi-square 5.348."""
    found = compare([34, 60, 75, 90, 120, 150, 200, 240], [1, 1, 0, 1, 0, 0, 0, 0], [False] * 4 + [True] * 4)
    assert found.chi_square == pytest.approx(5.348, abs=5e-4)
    assert found.p_value == pytest.approx(0.0207, abs=5e-4)
    assert found.hazard_ratio.value is None


@pytest.mark.parametrize(
    ("second", "said"),
    [([0, 0], "nobody is in the second group"), ([1, 1], "nobody is in the first group"), ([0, 2], "of each patient")],
)
def test_groups_that_are_none(second: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        compare([1, 2], [True, False], second)


def test_nobody_had_the_event_while_both_were_at_risk() -> None:
    with pytest.raises(ValueError, match="while both groups were at risk"):
        compare([1, 2, 3], [False, True, True], [False, True, True])


def test_the_plain_interval_is_greenwoods() -> None:
    """By hand: 3 of 4 left after the first, 2 of 3 after the second; variance of log S is 1/12, then 1/12 + 1/6."""
    curve = kaplan_meier([1, 2, 3, 4], [True, True, False, False], scale="plain")
    assert curve.survival.tolist()[:2] == pytest.approx([0.75, 0.5])
    assert curve.lower[0] == pytest.approx(0.75 - 1.959964 * 0.75 * (1 / 12) ** 0.5)
    assert curve.lower[1] == pytest.approx(max(0, 0.5 - 1.959964 * 0.5 * 0.25**0.5))
    assert curve.upper.tolist()[:2] == pytest.approx([1, 0.5 + 1.959964 * 0.5 * 0.25**0.5])


# Rates ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c['x']} of {c['n']}") for c in ORACLE["clopper_pearson"]])
def test_exact_interval_as_r(case: dict[str, Any]) -> None:
    rate = exact(case["x"], case["n"])
    assert (rate.value, rate.lower, rate.upper) == pytest.approx((case["p"], case["cp_l"], case["cp_u"]), rel=1e-9)


@pytest.mark.parametrize(
    ("count", "of", "text"),
    [
        (34, 113, "34/113, 30 % (95 % CI 22-39)"),  # pooled ovarian expansion of IMGN853
        (17, 36, "17/36, 47 % (95 % CI 30-65)"),  # of these, eligible for FORWARD I
        (34, 105, "34/105, 32 % (95 % CI 24-42)"),  # SORAYA
        (11, 30, "11/30, 37 % (95 % CI 20-56)"),  # with gemcitabine
    ],
)
def test_published_rates(count: int, of: int, text: str) -> None:
    assert exact(count, of).text == text


def test_published_rate_of_soraya_to_a_tenth() -> None:
    assert round(100 * exact(34, 105).value, 1) == 32.4


@given(
    st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.8, 0.9, 0.95])
)
@settings(max_examples=60, deadline=None)
def test_the_limits_are_where_the_binomial_tails_are_half_the_rest(case: tuple[int, int], level: float) -> None:
    from scipy.stats import binom

    x, n = case
    low, high = (float(v) for v in clopper_pearson(x, n, level))
    assert x == 0 or binom.sf(x - 1, n, low) == pytest.approx((1 - level) / 2, rel=1e-6)
    assert x == n or binom.cdf(x, n, high) == pytest.approx((1 - level) / 2, rel=1e-6)


@pytest.mark.parametrize(("count", "of"), [(-1, 5), (6, 5), (0, 0), (1.5, 5)])
def test_impossible_counts_are_refused(count: Any, of: Any) -> None:
    with pytest.raises(ValueError, match="there must be at least one patient, and whole counts"):
        exact(count, of)


BEST = np.array(
    [
        Response.CR,
        Response.PR,
        Response.SD,
        Response.SD,
        Response.NON_CR_NON_PD,
        Response.PD,
        Response.NE,
        Response.ABSENT,
    ]
)
WHO = AnalysisSets(np.ones(8, dtype=bool), np.array([True] * 4 + [False] + [True] * 3), np.array([True] * 7 + [False]))


@pytest.mark.parametrize(
    ("denominator", "of"), [(Denominator.TREATED, 8), (Denominator.MEASURABLE, 7), (Denominator.ASSESSED, 6)]
)
def test_denominators(denominator: Denominator, of: int) -> None:
    rate = objective_response(BEST, WHO, denominator=denominator)
    assert (rate.count, rate.of, rate.denominator) == (2, of, denominator)


def test_disease_control_and_clinical_benefit() -> None:
    assert disease_control(BEST, WHO).count == 5
    assert clinical_benefit(np.isin(BEST, [Response.CR, Response.PR]), WHO).count == objective_response(BEST, WHO).count
    assert clinical_benefit(np.zeros(len(BEST), dtype=bool), WHO).count == 0


def test_an_empty_denominator_has_no_rate() -> None:
    nobody = AnalysisSets(np.zeros(8, dtype=bool), WHO.measurable, WHO.assessed)
    with pytest.raises(ValueError, match="no patient is in the denominator"):
        objective_response(BEST, nobody)


def test_times_equal_but_for_rounding_are_one_time() -> None:
    """R's survival treats 0.3 and 0.1 + 0.2 as tied."""
    curve = kaplan_meier([0.3, 0.1 + 0.2, 0.5], [1, 1, 0])
    assert curve.time.tolist() == [0.3, 0.5] and curve.events.tolist() == [2, 0]
    np.testing.assert_allclose(curve.survival, [1 / 3, 1 / 3])


def test_a_log_rank_test_where_one_group_has_no_event() -> None:
    """R survdiff: chi-square 5.348; no hazard ratio."""
    days = [34, 60, 75, 90, 120, 150, 200, 240]
    found = compare(days, [1, 1, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 1, 1])
    assert round(found.chi_square, 3) == 5.348 and found.hazard_ratio.value is None


def test_status_1_and_2_is_refused() -> None:
    with pytest.raises(ValueError, match="1 for the event, 0 for censored"):
        kaplan_meier([34, 60], [2, 1])
