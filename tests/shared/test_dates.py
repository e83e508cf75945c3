"""Dates as collected: each rule of reading and imputing, by name."""

from __future__ import annotations

from calendar import monthrange
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.shared.dates import ImputationRule, PartialDate, impute, parse_date, possible, read_dates

RULES: tuple[ImputationRule, ...] = ("first", "middle", "last")


@pytest.mark.parametrize(
    ("text", "partial"),
    [
        ("2013", PartialDate(2013)),
        ("2013-05", PartialDate(2013, 5)),
        ("2013-05-10", PartialDate(2013, 5, 10)),
        ("2013-05-10T12:30", PartialDate(2013, 5, 10, "12:30")),
        ("2013-05-10T12:30:15.5+02:00", PartialDate(2013, 5, 10, "12:30:15.5+02:00")),
        ("2013-05-10T-:30", PartialDate(2013, 5, 10, "-:30")),
        ("2013---10", PartialDate(2013, None, 10)),
        ("--05-10", PartialDate(None, 5, 10)),
        ("--02-29", PartialDate(None, 2, 29)),
        ("2012-02-29", PartialDate(2012, 2, 29)),
        (" 2013-05 ", PartialDate(2013, 5)),
    ],
)
def test_dates_that_can_be_read(text: str, partial: PartialDate) -> None:
    assert parse_date(text) == partial
    assert str(partial) == text.strip()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2013-02-29", "February 2013 has 28 days"),
        ("2013-13-01", "there is no month 13"),
        ("2013-00", "there is no month 0"),
        ("2013-04-31", "April 2013 has 30 days"),
        ("2013---32", "a month has 31 days"),
        ("--02-30", "February has 29 days"),
        ("2013-05-10T25:00", "no time of day 25:00"),
        ("2013-05-10T12:61", "no time of day 12:61"),
        ("0013-05-10", "year must lie between"),
        ("-", "neither year, month nor day"),
        ("10MAY2013", "is no date"),
        ("20130510", "is no date"),
        ("05/10/2013", "is no date"),
        ("", "is no date"),
    ],
)
def test_dates_that_cannot_be(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_date(text)


@pytest.mark.parametrize(
    ("text", "rule", "made"),
    [
        ("2013-05-10", "first", ("2013-05-10", "")),
        ("2012-02", "first", ("2012-02-01", "D")),
        ("2012-02", "middle", ("2012-02-15", "D")),
        ("2012-02", "last", ("2012-02-29", "D")),
        ("2013", "first", ("2013-01-01", "M")),
        ("2013", "middle", ("2013-06-30", "M")),
        ("2013", "last", ("2013-12-31", "M")),
        ("2013---10", "first", ("2013-01-10", "M")),
        ("2013---10", "middle", ("2013-06-10", "M")),
        ("2013---10", "last", ("2013-12-10", "M")),
        ("2013---31", "middle", ("2013-05-31", "M")),
        ("--05-10", "first", ("None", "")),
    ],
)
def test_each_rule_of_imputation(text: str, rule: ImputationRule, made: tuple[str, str]) -> None:
    day, flag = impute(parse_date(text), rule)
    assert (str(day), flag) == made


@pytest.mark.parametrize(
    ("text", "rule", "after", "before", "made"),
    [
        ("2013-05", "first", date(2013, 5, 10), None, "2013-05-10"),
        ("2013-05", "last", None, date(2013, 5, 20), "2013-05-20"),
        ("2013", "first", date(2013, 5, 10), None, "2013-05-10"),
        ("2013---10", "first", date(2013, 3, 11), None, "2013-04-10"),
        ("2013---10", "last", None, date(2013, 10, 9), "2013-09-10"),
        # Known to lie before or after the bound: what is known is kept.
        ("2013-04", "first", date(2013, 5, 10), None, "2013-04-01"),
        ("2013-06", "last", None, date(2013, 5, 20), "2013-06-30"),
        ("2013-05-01", "first", date(2013, 5, 10), None, "2013-05-01"),
    ],
)
def test_bounds(text: str, rule: ImputationRule, after: date | None, before: date | None, made: str) -> None:
    assert str(impute(parse_date(text), rule, not_before=after, not_after=before).date) == made


def test_wrong_rules() -> None:
    with pytest.raises(ValueError, match="must be first, middle or last"):
        impute(parse_date("2013"), "best")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no date is on or after"):
        impute(parse_date("2013"), "first", date(2013, 5, 2), date(2013, 5, 1))
    with pytest.raises(ValueError, match="2 dates and 1 patients"):
        read_dates(["2013", "2014"], patients=["1"])
    with pytest.raises(ValueError, match="2 dates and 1 of not_before"):
        read_dates(["2013", "2014"], not_before=[None])


DAYS = st.dates(date(1900, 1, 1), date(2100, 12, 31))


@given(day=DAYS, rule=st.sampled_from(RULES), low=DAYS, high=DAYS, shape=st.sampled_from(["Y", "YM", "YD", "YMD"]))
def test_an_imputed_date_is_one_it_can_be_and_keeps_what_is_known(
    day: date, rule: ImputationRule, low: date, high: date, shape: str
) -> None:
    low, high = min(low, high), max(low, high)
    partial = PartialDate(day.year, day.month if "M" in shape else None, day.day if "D" in shape else None)
    made, flag = impute(partial, rule, low, high)
    assert made is not None
    first, last = possible(partial)
    assert made.year == day.year and (not partial.month or made.month == day.month)
    assert not partial.day or made.day == day.day
    assert flag == {"Y": "M", "YM": "D", "YD": "M", "YMD": ""}[shape]
    if shape in ("Y", "YM") and first <= high and low <= last:
        assert low <= made <= high
    assert impute(PartialDate(made.year, made.month, made.day), rule, low, high) == (made, "")


@given(day=DAYS)
def test_the_rules_are_in_order(day: date) -> None:
    for partial in (PartialDate(day.year), PartialDate(day.year, day.month), PartialDate(day.year, None, day.day)):
        first, middle, last = (impute(partial, rule).date for rule in RULES)
        assert first is not None and middle is not None and last is not None
        assert first <= middle <= last
    assert impute(PartialDate(day.year, day.month), "last").date == day.replace(day=monthrange(day.year, day.month)[1])


def test_a_column_of_dates() -> None:
    texts = ["2013-05-10", None, "", "2013-05", "2013-02-30", "--05-10", "2013"]
    who = [f"{i}" for i in range(7)]
    found = read_dates(texts, "first", field="AESTDTC", patients=who, not_before=date(2013, 5, 3))
    np.testing.assert_array_equal(
        found.day.astype(str), ["2013-05-10", "NaT", "NaT", "2013-05-03", "NaT", "NaT", "2013-05-03"]
    )
    assert list(found.flag) == ["", "", "", "D", "", "", "M"]
    assert [(f.patient, f.field) for f in found.findings] == [("4", "AESTDTC"), ("5", "AESTDTC")]


def test_without_a_rule_nothing_is_imputed() -> None:
    found = read_dates(["2013-05", "2013-05-10T08:00"], field="LBDTC")
    assert [str(day) for day in found.day] == ["NaT", "2013-05-10"]
    assert str(found.findings[0]) == "LBDTC: '2013-05' is partial; not used: no rule of imputation is stated"
