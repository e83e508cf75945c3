"""GCIG CA-125 against the criteria restated as cases at their edges, and by properties."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posology.endpoints.ca125 import ADMIRALONCO, NEVER, PUBLISHED, Ca125Results, Category, Reason, assess_ca125
from posology.endpoints.ca125_samples import Ca125Value, arrange_samples
from posology.endpoints.recist import Response

SPEC = json.loads((Path(__file__).parents[1] / "data/endpoints/gcig_ca125_spec_cases.json").read_text())
ULN = 35.0


def one(*samples: tuple[float, int], limit: float = ULN, **options: Any) -> Ca125Results:
    """One patient, first dose on day 0."""
    value, day = np.array([[float(v) for v, _ in samples]]), np.array([[d for _, d in samples]])
    return assess_ca125(value, day, np.array([limit]), np.array([0]), **options)


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c['id']} {c['why']}") for c in SPEC["cases"]])
def test_case(case: dict[str, Any]) -> None:
    on = date.fromisoformat
    mouse = {"P": on(case["mouse_antibody_date"])} if case["mouse_antibody_date"] else {}
    rows = [Ca125Value("P", on(s["date"]), s["value"], case["uln"]) for s in case["samples"]]
    series = arrange_samples(rows, {"P": on(case["treatment_start"])}, antibodies=mouse)
    found, expected = series.course(), case["expected"]
    when = lambda column: str(series.on(column)[0]) if column[0] >= 0 else None
    assert not series.findings
    assert series.text(found)[0]
    assert found.evaluable[0] == expected["evaluable"]
    assert when(found.response) == expected["response_date"]
    assert when(found.confirmed) == expected["confirm_date"]
    assert when(found.progression) == expected["progression_date"]
    assert Category(found.category[0]).name == (expected["progression_category"] or "NONE")
    if expected["response"] is not None:
        assert (found.response[0] >= 0) == (expected["response"] == "Y")
    if expected["normalised"] is not None:
        assert found.normalised[0] == (expected["normalised"] == "Y")


# Evaluable ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "evaluable"), [(69.99, False), (70, True), (1.99 * ULN, False), (2 * ULN, True)])
def test_the_pre_treatment_sample_is_at_least_twice_the_upper_limit(value: float, evaluable: bool) -> None:
    found = one((value, -3), (20, 21), (20, 49))
    assert found.evaluable[0] == evaluable
    assert Reason(found.reason[0]) is (Reason.EVALUABLE if evaluable else Reason.LOW_BASELINE)


@pytest.mark.parametrize(("day", "evaluable"), [(-14, True), (-15, False), (0, True), (1, False)])
def test_the_pre_treatment_sample_lies_within_two_weeks_before(day: int, evaluable: bool) -> None:
    found = one((400, day), (150, 21), (150, 49))
    assert found.evaluable[0] == evaluable
    assert evaluable or Reason(found.reason[0]) is Reason.NO_BASELINE


def test_admiralonco_does_not_ask_how_old_the_pre_treatment_sample_is() -> None:
    assert one((400, -15), (150, 21), (150, 49), rules=ADMIRALONCO).response[0] == 1


def test_the_last_sample_before_treatment_is_the_pre_treatment_sample() -> None:
    assert one((400, -10), (60, -1), (20, 21)).reason[0] == Reason.LOW_BASELINE


def test_mouse_antibodies_before_treatment_make_a_patient_not_evaluable() -> None:
    found = one((400, -3), (150, 21), (150, 49), antibodies=[-5.0])
    assert Reason(found.reason[0]) is Reason.ANTIBODIES
    assert Reason(found.progression_reason[0]) is Reason.ANTIBODIES


@pytest.mark.parametrize(("given", "response"), [(20, NEVER), (48, NEVER), (49, 1), (60, 1)])
def test_samples_after_mouse_antibodies_cannot_be_used(given: int, response: int) -> None:
    assert one((400, -3), (150, 21), (150, 49), antibodies=[given]).response[0] == response


@pytest.mark.parametrize(("surgery", "evaluable"), [(-31, False), (-32, True), (-1, False), (0, False), (np.nan, True)])
def test_surgery_in_the_28_days_before_the_pre_treatment_sample_makes_it_unusable(
    surgery: float, evaluable: bool
) -> None:
    found = one((400, -3), (150, 40), (150, 70), interference=[surgery])
    assert found.evaluable[0] == evaluable
    assert evaluable or Reason(found.reason[0]) is Reason.INTERFERENCE


@pytest.mark.parametrize(("surgery", "confirmed"), [(20, 3), (21, 3), (22, NEVER), (50, NEVER)])
def test_a_sample_within_28_days_after_surgery_does_not_confirm(surgery: int, confirmed: int) -> None:
    """Day 50 is 28 days after day 22 (unusable) and 29 after day 21 (usable); the response begins on day 15."""
    found = one((400, -3), (150, 15), (150, 30), (140, 50), interference=[[surgery, np.nan]])
    assert found.confirmed[0] == confirmed


def test_a_change_of_assay_makes_a_patient_not_evaluable() -> None:
    value, day = np.array([[400.0, 150, 150]]), np.array([[-3, 21, 49]])
    found = assess_ca125(value, day, np.array([[35.0, 35, 30]]), np.array([0]))
    assert Reason(found.reason[0]) is Reason.ASSAY_CHANGED
    assert (found.response[0], found.progression[0]) == (NEVER, NEVER)


def test_an_old_sample_of_another_assay_does_not_matter() -> None:
    value, day = np.array([[500.0, 400, 150, 150]]), np.array([[-60, -3, 21, 49]])
    assert assess_ca125(value, day, np.array([[30.0, 35, 35, 35]]), np.array([0])).response[0] == 2


def test_no_sample_is_no_result() -> None:
    found = one((np.nan, 0))
    assert Reason(found.reason[0]) is Reason.NO_SAMPLE
    assert Response(found.best[0]) is Response.NE


# Response -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "halved"), [(200.0, True), (200.2, False), (0.501 * 400, False), (400 * (1 - 0.499), False)]
)
def test_half_is_half(value: float, halved: bool) -> None:
    assert (one((400, -5), (value, 21), (190, 49)).response[0] == 1) == halved


@pytest.mark.parametrize(("days", "confirmed"), [(27, False), (28, True)])
def test_a_response_is_kept_28_days(days: int, confirmed: bool) -> None:
    found = one((400, -5), (200, 21), (190, 21 + days))
    assert (found.response[0], found.awaiting[0]) == ((1, NEVER) if confirmed else (NEVER, 1))


@pytest.mark.parametrize(("value", "kept"), [(110, True), (110.1, False)])
def test_a_sample_may_lie_ten_per_cent_above_the_one_before(value: float, kept: bool) -> None:
    for samples in ([(100, 35), (value, 49)], [(100, 28), (value, 35), (100, 49)]):
        found = one((400, -5), (120, 21), *samples)
        assert (found.response[0] == 1) == kept


def test_admiralonco_does_not_look_at_rises() -> None:
    assert one((400, -5), (120, 21), (100, 35), (150, 49), rules=ADMIRALONCO).response[0] == 1


def test_changes_within_the_normal_range_do_not_count() -> None:
    assert one((400, -5), (10, 21), (34, 49)).response[0] == 1
    assert one((400, -5), (10, 21), (35.5, 49)).response[0] == NEVER


def test_a_sample_between_above_half_breaks_a_response() -> None:
    assert one((400, -5), (195, 21), (205, 28), (190, 49)).response[0] == NEVER


def test_a_response_that_broke_may_begin_again() -> None:
    found = one((400, -5), (120, 7), (200, 14), (190, 21), (180, 42))
    assert (found.response[0], found.confirmed[0]) == (2, 4)


@pytest.mark.parametrize(("value", "best"), [(35, Response.CR), (35.1, Response.PR)])
def test_a_response_that_falls_to_normal_is_complete(value: float, best: Response) -> None:
    found = one((400, -5), (200, 21), (190, 49), (value, 70))
    assert (bool(found.normalised[0]), found.best[0]) == (best is Response.CR, best)


def test_normal_after_progression_does_not_make_a_response_complete() -> None:
    found = one((400, -5), (100, 21), (95, 49), (200, 70), (210, 80), (30, 100))
    assert (found.response[0], found.progression[0], bool(found.normalised[0])) == (1, 3, False)


def test_a_response_after_progression_does_not_count() -> None:
    found = one((400, -5), (800, 14), (900, 28), (100, 42), (90, 70))
    assert (found.response[0], found.progression[0]) == (NEVER, 1)
    assert Response(found.best[0]) is Response.PD


def test_neither_response_nor_progression_is_stable() -> None:
    assert Response(one((400, -5), (300, 21), (350, 49)).best[0]) is Response.SD


# Progression ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("value", "progressed"), [(1.99 * ULN, False), (2 * ULN, True)])
@pytest.mark.parametrize(
    ("before", "category"), [([(400, -5), (30, 21)], Category.A), ([(20, -5), (30, 21)], Category.C)]
)
def test_progression_from_normal_is_twice_the_upper_limit(
    before: list[tuple[float, int]], category: Category, value: float, progressed: bool
) -> None:
    found = one(*before, (value, 49), (90, 56))
    assert (found.progression[0] == 2) == progressed
    assert found.category[0] == (category if progressed else Category.NONE)


@pytest.mark.parametrize(("value", "progressed"), [(199, False), (200, True)])
def test_progression_from_never_normal_is_twice_the_nadir(value: float, progressed: bool) -> None:
    found = one((400, -5), (100, 21), (value, 49), (210, 56))
    assert (found.progression[0] == 2) == progressed
    assert found.category[0] == (Category.B if progressed else Category.NONE)


@pytest.mark.parametrize(("days", "progressed"), [(6, False), (7, True)])
def test_progression_is_seen_twice_a_week_apart(days: int, progressed: bool) -> None:
    found = one((400, -5), (100, 21), (200, 49), (210, 49 + days))
    assert (found.progression[0], found.progression_confirmed[0]) == ((2, 3) if progressed else (NEVER, NEVER))


def test_the_nadir_includes_the_pre_treatment_sample() -> None:
    assert one((50, -5), (100, 21), (101, 28)).progression[0] == 1


def test_without_a_sample_before_treatment_progression_is_not_judged() -> None:
    found = one((50, 5), (100, 21), (101, 28))
    assert Reason(found.progression_reason[0]) is Reason.NO_BASELINE
    assert found.progression[0] == NEVER


def test_an_old_pre_treatment_sample_still_serves_progression() -> None:
    found = one((50, -40), (100, 21), (101, 28))
    assert (bool(found.evaluable[0]), found.progression[0]) == (False, 1)


# Shape of the input ---------------------------------------------------------------------------------------------------


def test_of_two_samples_on_one_day_the_higher_counts() -> None:
    assert one((400, -5), (150, 21), (210, 21), (150, 49)).response[0] == NEVER
    assert one((400, -5), (150, 21), (160, 21), (150, 49)).response[0] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (([[-1.0]], [[0]], [35.0], [0]), "value is -1 .patient 0, sample 0.: it cannot be negative"),
        (([[np.inf]], [[0]], [35.0], [0]), "value is inf"),
        (([[1.0]], [[0]], [0.0], [0]), "upper_limit is 0 .patient 0, sample 0.: it must be above 0"),
        (([[1.0]], [[0, 1]], [35.0], [0]), "must be of one shape"),
        (([[1.0]], [[0]], [35.0], [0, 0]), "one day for each of the 1 patients"),
        (([[1.0]], [[0]], [35.0, 35.0], [0]), "one limit a patient"),
    ],
)
def test_bad_arrays_are_refused(arguments: tuple[Any, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        assess_ca125(*(np.array(a) for a in arguments))


# Properties -----------------------------------------------------------------------------------------------------------

patients = st.lists(
    st.lists(st.tuples(st.floats(1, 1000), st.integers(-30, 200)), min_size=1, max_size=8, unique_by=lambda s: s[1]),
    min_size=1,
    max_size=6,
)


def arrays(rows: list[list[tuple[float, int]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    width = max(len(r) for r in rows)
    value, day = np.full((len(rows), width), np.nan), np.zeros((len(rows), width), dtype=int)
    for i, row in enumerate(rows):
        value[i, : len(row)], day[i, : len(row)] = [v for v, _ in row], [d for _, d in row]
    return value, day, np.full(len(rows), ULN), np.zeros(len(rows), dtype=int)


def days(found: Ca125Results, day: np.ndarray) -> dict[str, list[object]]:
    at = lambda column: [int(day[i, k]) if k >= 0 else None for i, k in enumerate(column)]
    columns = ("baseline", "response", "confirmed", "awaiting", "progression", "progression_confirmed")
    return {name: at(getattr(found, name)) for name in columns} | {
        name: getattr(found, name).tolist()
        for name in ("evaluable", "reason", "progression_reason", "normalised", "category", "best")
    }


@given(patients, st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_the_order_of_samples_and_patients_never_matters(rows: list[list[tuple[float, int]]], chance: Any) -> None:
    value, day, limit, start = arrays(rows)
    order = np.array([chance.sample(range(value.shape[1]), value.shape[1]) for _ in rows])
    turned, turned_day = np.take_along_axis(value, order, axis=1), np.take_along_axis(day, order, axis=1)
    assert days(assess_ca125(value, day, limit, start), day) == days(
        assess_ca125(turned, turned_day, limit, start), turned_day
    )
    back = slice(None, None, -1)
    reverse = days(assess_ca125(value[back], day[back], limit[back], start[back]), day[back])
    assert days(assess_ca125(value, day, limit, start), day) == {name: column[::-1] for name, column in reverse.items()}


@given(patients, st.sampled_from([1e-3, 0.1, 3.0, 1000.0]))
@settings(max_examples=100, deadline=None)
def test_scaling_value_and_limit_changes_nothing(rows: list[list[tuple[float, int]]], factor: float) -> None:
    value, day, limit, start = arrays(rows)
    assert days(assess_ca125(value, day, limit, start), day) == days(
        assess_ca125(factor * value, day, factor * limit, start), day
    )


@given(patients, st.integers(-10, 150), st.floats(1, 1000))
@settings(max_examples=150, deadline=None)
def test_nothing_after_the_cutoff_changes_anything(
    rows: list[list[tuple[float, int]]], cutoff: int, other: float
) -> None:
    value, day, limit, start = arrays(rows)
    cut = days(assess_ca125(value, day, limit, start, cutoff=cutoff), day)
    changed = np.where(day > cutoff, other, value)
    late = np.full(len(rows), cutoff + 1.0)
    assert cut == days(assess_ca125(changed, day, limit, start, cutoff=cutoff, antibodies=late, interference=late), day)
    assert cut == days(assess_ca125(np.where(day > cutoff, np.nan, value), day, limit, start), day)


@given(patients)
@settings(max_examples=100, deadline=None)
def test_a_longer_confirmation_never_finds_more(rows: list[list[tuple[float, int]]]) -> None:
    value, day, limit, start = arrays(rows)
    short, long = (
        assess_ca125(value, day, limit, start, rules=replace(PUBLISHED, confirm_days=n)).response >= 0 for n in (28, 56)
    )
    assert not (long & ~short).any()


# Samples as reported --------------------------------------------------------------------------------------------------

START = date(2013, 1, 10)


def reported(
    value: float | str | None = 150,
    *,
    day: int | None = 21,
    unit: str = "U/mL",
    limit: float | None = 35,
    laboratory: str = "A",
) -> tuple[str, list[str]]:
    """The course in words, and the findings, of a response of which one sample is reported so."""
    after = lambda days: START + timedelta(days=days)
    rows = [
        Ca125Value("001", after(-5), 400, 35, laboratory="A"),
        Ca125Value("001", None if day is None else after(day), value, limit, unit, laboratory),
        Ca125Value("001", after(60), 140, 35, laboratory="A"),
    ]
    series = arrange_samples(rows, {"001": START})
    return series.text(series.course())[0], [str(f) for f in series.findings]


UNREADABLE = "not evaluable, because a sample cannot be read"
WHERE = "patient 001, 2013-01-31, "


def test_a_good_sample_has_no_finding() -> None:
    assert reported() == ("partial response", [])


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        (-3, "value: is -3; it cannot be negative"),
        (None, "value: is missing; it must be a number"),
        ("high", "value: is 'high'; it must be a number"),
        (float("nan"), "value: is nan; it must be a number"),
        (">5000", "value: is '>5000'; a value above the range of the assay must be diluted and measured"),
        ("<50", "value: is '<50'; only below the upper limit of 35 is that known well enough"),
    ],
)
def test_a_value_that_cannot_be_read(value: float | str | None, finding: str) -> None:
    assert reported(value) == (UNREADABLE, [WHERE + finding])


def test_below_a_limit_within_the_normal_range_is_normal() -> None:
    """The sample is normal and the next is not: that response breaks for certain, and one may begin at the next."""
    assert reported("<5") == (
        "response awaiting confirmation",
        [WHERE + "value: is '<5'; read as 5, within the normal range"],
    )


@pytest.mark.parametrize(("value", "unit", "limit"), [(150, "kU/L", 35), (150, "IU/mL", 35), (150000, "U/L", 35000)])
def test_units_are_converted(value: float, unit: str, limit: float) -> None:
    assert reported(value, unit=unit, limit=limit) == ("partial response", [])


@pytest.mark.parametrize(("unit", "said"), [("ng/mL", "is 'ng/mL'"), ("", "is missing")])
def test_an_unknown_unit(unit: str, said: str) -> None:
    assert reported(unit=unit) == (UNREADABLE, [WHERE + f"unit: {said}; CA-125 is in U/mL or kU/L"])


def test_a_sample_without_a_date() -> None:
    expected = "patient 001, on: is missing; a sample needs the day it was taken"
    assert reported(day=None) == (UNREADABLE, [expected])


@pytest.mark.parametrize(("limit", "said"), [(None, "is missing"), (0, "is 0"), (-35, "is -35")])
def test_an_upper_limit_that_cannot_be(limit: float | None, said: str) -> None:
    text, found = reported(limit=limit)
    assert text == UNREADABLE
    assert found[0] == WHERE + f"upper_limit: {said}; an upper limit lies above 0"


def test_two_upper_limits_for_one_laboratory() -> None:
    text, found = reported(limit=30)
    assert text == "not evaluable, because the patient's samples have two upper limits of normal, so the assay changed"
    assert found == [
        WHERE + "upper_limit: is 30, but 35 in laboratory A; a laboratory has one upper limit",
        WHERE + "upper_limit: is 30, but 35 in the patient's other samples; one assay must be used throughout",
    ]


def test_two_upper_limits_for_one_laboratory_between_patients() -> None:
    rows = [
        Ca125Value(p, START + timedelta(days=d), 400, u, laboratory="A")
        for p, u in (("1", 35), ("2", 30))
        for d in (-3, 21)
    ]
    series = arrange_samples([*rows, Ca125Value("1", START, 400, 35, laboratory="A")], {"1": START, "2": START})
    assert [(f.patient, f.field) for f in series.findings] == [("2", "upper_limit")] * 2
    assert series.text(series.course()) == ("no response", "no response")


def test_two_values_on_one_day() -> None:
    series = arrange_samples([Ca125Value("1", START, v, 35) for v in (400, 380, 400)], {"1": START})
    assert [str(f) for f in series.findings] == [
        "patient 1, 2013-01-10, value: is 380 and 400 on one day; the higher counts"
    ]


def test_a_patient_without_treatment() -> None:
    series = arrange_samples([Ca125Value("1", START, 400, 35)], {})
    assert series.text(series.course()) == ("not evaluable, because no first dose is known",)
    assert str(series.findings[0]) == "patient 1, first_dose: is missing; CA-125 is read from the first dose on"


def test_a_patient_without_samples() -> None:
    series = arrange_samples([], {"1": START})
    assert series.text(series.course()) == ("not evaluable, because no sample was taken",)


def test_a_bad_sample_after_the_cutoff_is_not_seen() -> None:
    rows = [Ca125Value("1", START, 400, 35), Ca125Value("1", START + timedelta(days=30), "??", 35)]
    series = arrange_samples(rows, {"1": START}, cutoff=START + timedelta(days=29))
    assert series.findings == ()
    assert series.text(series.course()) == ("not evaluable, because no sample was taken on treatment",)
