"""Prior regimens by each rule of counting, the platinum-free interval at its edges, and body size."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.body_size import body_mass_index, lean_weight, surface_area
from posology.endpoints.prior_therapy import (
    CountingRule,
    Regimen,
    Setting,
    check_regimens,
    count,
    months_after,
    platinum,
)
from posology.shared.dates import PartialDate, parse_date

LAST = date(2013, 5, 10)
SETTINGS: tuple[Setting, ...] = ("neoadjuvant", "adjuvant", "advanced", "maintenance")
GIVEN = [
    Regimen("a", "neoadjuvant"),
    Regimen("b", "adjuvant"),
    Regimen("c", "maintenance"),
    Regimen("d", "advanced"),
    Regimen("e", "advanced"),
]


@pytest.mark.parametrize(
    ("rule", "number"),
    [
        (CountingRule(), 3),
        (CountingRule(together=False), 4),
        (CountingRule(maintenance=True), 4),
        (CountingRule(adjuvant=False), 3),
        (CountingRule(neoadjuvant=False), 3),
        (CountingRule(neoadjuvant=False, adjuvant=False), 2),
        (CountingRule(maintenance=True, together=False), 5),
    ],
)
def test_each_rule_of_counting(rule: CountingRule, number: int) -> None:
    found = count(GIVEN, rule)
    assert found.regimens == number and len(found.why) == len(GIVEN)


@given(st.lists(st.sampled_from(SETTINGS), max_size=8), st.randoms(), st.builds(CountingRule, *[st.booleans()] * 4))
def test_counting_does_not_depend_on_order_and_never_exceeds_what_was_given(
    settings: list[Setting], chance: Any, rule: CountingRule
) -> None:
    regimens = [Regimen(f"r{i}", setting) for i, setting in enumerate(settings)]
    found = count(regimens, rule)
    chance.shuffle(regimens)
    assert count(regimens, rule) == found
    assert settings.count("advanced") <= found.regimens <= len(settings)


def on(end: str, progression: str | None = None, **more: Any) -> list[Regimen]:
    return [
        Regimen(
            "carboplatin",
            "advanced",
            None,
            parse_date(end),
            True,
            parse_date(progression) if progression else None,
            **more,
        )
    ]


@pytest.mark.parametrize(
    ("end", "progression", "status"),
    [
        ("2012-01-10", "2012-01-03", "refractory"),  # on treatment
        ("2012-01-10", "2012-02-09", "refractory"),
        ("2012-01-10", "2012-02-10", "resistant"),
        ("2012-01-10", "2012-07-09", "resistant"),
        ("2012-01-10", "2012-07-10", "partially sensitive"),
        ("2012-01-10", "2013-01-10", "partially sensitive"),
        ("2012-01-10", "2013-01-11", "sensitive"),
        ("2012-08-31", "2013-02-27", "resistant"),
        ("2012-08-31", "2013-02-28", "partially sensitive"),
        # partial dates that leave no doubt
        ("2012-01", "2012-05", "resistant"),
        ("2011", "2013-02", "sensitive"),
        # and some that do
        ("2012-01", "2012-07", "not evaluable"),
        ("2012", "2012", "not evaluable"),
    ],
)
def test_platinum_status(end: str, progression: str, status: str) -> None:
    found = platinum(on(end, progression), LAST)
    assert found.status == status and found.flag == ""
    assert (found.interval_days is None) is not (parse_date(end).complete and parse_date(progression).complete)


def test_partial_dates_are_imputed_by_the_rule_and_flagged() -> None:
    first = platinum(on("2012-01", "2012-07-09"), LAST, "first")
    assert (first.status, first.interval_days, first.flag) == ("partially sensitive", 190, "D")
    last = platinum(on("2012-01", "2012-07-09"), LAST, "last")
    assert (last.status, last.interval_days, last.flag) == ("resistant", 160, "D")
    assert platinum(on("2012", "2012-07-09"), LAST, "middle").flag == "M"
    assert "no rule of imputation is stated" in platinum(on("2012-01", "2012-07-09"), LAST).why


def test_without_progression() -> None:
    assert platinum(on("2012-05-09"), LAST).status == "sensitive"
    assert platinum(on("2012-05-10"), LAST).status == "not known yet"
    assert platinum(on("2014-05-10"), LAST).status == "not evaluable"
    later = platinum(on("2013-01-10", "2013-05-11"), LAST)  # nothing after the day of the question leaks in
    assert later.status == "not known yet" and later.why.startswith("no progression by 2013-05-10")
    assert platinum([], LAST).status == "not applicable"
    assert platinum([Regimen("carboplatin", "advanced", platinum=True)], LAST).status == "not evaluable"
    unknown = Regimen("carboplatin", "advanced", None, parse_date("2012-01-10"), True, PartialDate(None, 5, 10))
    assert platinum([unknown], LAST).status == "not evaluable"


def test_the_last_platinum_counts() -> None:
    earlier, later = on("2010-01-10", "2010-03-01"), on("2012-01-10", "2012-09-01")
    assert platinum(earlier + later, LAST) == platinum(later + earlier, LAST) == platinum(later, LAST)


ORDER = ["refractory", "resistant", "partially sensitive", "sensitive"]


@given(st.dates(date(2000, 1, 1), date(2010, 1, 1)), st.integers(-30, 800), st.integers(0, 60))
def test_a_longer_interval_is_never_less_sensitive(end: date, days: int, more: int) -> None:
    at = lambda n: platinum(on(str(end), str(end + timedelta(days=n))), LAST).status
    assert ORDER.index(at(days)) <= ORDER.index(at(days + more))


@given(st.dates(date(2000, 1, 1), date(2010, 1, 1)), st.integers(-30, 800))
def test_a_status_given_for_a_partial_date_holds_for_the_true_one(end: date, days: int) -> None:
    true = platinum(on(str(end), str(end + timedelta(days=days))), LAST).status
    partial = platinum(on(f"{end:%Y-%m}", str(end + timedelta(days=days))), LAST).status
    assert partial in (true, "not evaluable")


def test_findings_of_a_history() -> None:
    wrong = [
        Regimen("a", "advanced", parse_date("2012-05"), parse_date("2012-04")),
        Regimen("b", "advanced", parse_date("2012-05"), parse_date("2012")),
        Regimen("c", "advanced", parse_date("2013-05-10"), parse_date("2013-06")),
        Regimen("d", "advanced", PartialDate(None, 5, 10)),
        Regimen("e", "advanced", parse_date("2012-05"), parse_date("2012-08"), progression=parse_date("2012-03-01")),
    ]
    found = check_regimens("001", wrong, LAST)
    assert [(f.field, f.wrong.split()[0].strip(":")) for f in found] == [
        ("end", "a"),
        ("start", "c"),
        ("end", "c"),
        ("start", "d"),
        ("progression", "e"),
    ]
    assert all(f.patient == "001" for f in found)


def test_months_after() -> None:
    assert months_after(date(2012, 1, 31), 1) == date(2012, 2, 29)
    assert months_after(date(2012, 12, 15), 12) == date(2013, 12, 15)


def test_body_size() -> None:
    """Each formula worked by hand for 170 cm and 70 kg."""
    assert float(body_mass_index(70, 170)) == pytest.approx(70 / 1.7**2)
    assert float(lean_weight(70, 170, "F")) == pytest.approx(9270 * 70 / (8780 + 244 * 70 / 1.7**2))
    assert float(lean_weight(70, 170, "F", "Boer")) == pytest.approx(0.252 * 70 + 0.473 * 170 - 48.3)
    assert float(surface_area(70, 170, "Haycock")) == pytest.approx(0.024265 * 170**0.3964 * 70**0.5378)
    assert float(surface_area(70, 170, "Gehan")) == pytest.approx(0.0235 * 170**0.42246 * 70**0.51456)
    for formula in ("Du Bois", "Mosteller", "Haycock", "Gehan"):  # they agree within 3 % for an adult of usual size
        assert float(surface_area(70, 170, formula)) == pytest.approx(1.83, rel=0.03)  # type: ignore[arg-type]
    np.testing.assert_allclose(surface_area([60, 150], [160, 190], cap_m2=2.0)[1], 2.0)
    for call, said in (
        (lambda: surface_area(70, 170, "Livingston"), "must be 'Du Bois'"),  # type: ignore[arg-type]
        (lambda: lean_weight(70, 170, "M", "Hume"), "must be 'Janmahasatian'"),  # type: ignore[arg-type]
        (lambda: lean_weight(70, 170, "X"), "sex must be F or M"),
        (lambda: surface_area(70, 170, cap_m2=0.1), "cap_m2 is 0.1"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
