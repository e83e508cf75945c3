"""Laboratory grading against admiral's own cases, the published thresholds, and by properties."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.ctcae import NONE, Reading, Version, combine, criteria, grade, terms_of
from posology.endpoints.units import analytes, canonical_unit, conversion_factor

DATA = Path(__file__).parents[1] / "data" / "endpoints" / "ctcae"
VERSIONS: dict[str, Version] = {"4": "4.03", "5": "5", "6": "6"}


def _column(rows: list[dict[str, Any]], name: str, missing: Any) -> list[Any]:
    return [missing if row.get(name) is None else row[name] for row in rows]


def _cases() -> list[tuple[Version, str, list[dict[str, Any]]]]:
    """The calls of admiral's tests that grade by CTCAE; the other scale in the file (DAIDS) is for trials in HIV."""
    calls = json.loads((DATA / "ctcae_lab_grading_cases.json").read_text(encoding="utf-8"))["calls"]
    cases = []
    for call in calls:
        found = re.match(r"atoxgr_criteria_ctcv(\d)", call["params"]["meta_criteria"])
        if found:
            cases.append((VERSIONS[found[1]], call["params"]["new_var"], call["rows"]))
    return cases


def _graded(version: Version, rows: list[dict[str, Any]], low_or_high: str, reading: Reading) -> list[str | None]:
    value = np.array(_column(rows, "AVAL", np.nan), dtype=float)
    change = np.array(_column(rows, "PCHG", np.nan), dtype=float)
    base = np.array(_column(rows, "BASE", np.nan), dtype=float)
    base = np.where(np.isnan(change), base, value / (1 + change / 100))
    ranges = {"NORMAL": "normal", "HIGH": "high", "H": "high", "HIGH HIGH": "high", "": ""}
    found = grade(
        _column(rows, f"ATOXDSC{low_or_high}", ""),
        value,
        _column(rows, "AVALU", ""),
        version=version,
        lower=_column(rows, "ANRLO", np.nan),
        upper=_column(rows, "ANRHI", np.nan),
        baseline=base,
        baseline_range=[ranges[word] for word in _column(rows, "BNRIND", "")],
        reading=reading,
    )
    return [None if g == NONE else str(g) for g in found.grade.tolist()]


@pytest.mark.parametrize("case", range(len(_cases())))
def test_cases_of_admiral(case: int) -> None:
    version, column, rows = _cases()[case]
    assert _graded(version, rows, column[-1], "admiral") == [row[column] for row in rows]


def test_where_admiral_departs_from_the_published_criteria() -> None:
    """A bound without ">" is part of the grade: 150 mg/dL of triglycerides, and GGT of twice an abnormal baseline."""
    departs = []
    for version, column, rows in _cases():
        for row, ours in zip(rows, _graded(version, rows, column[-1], "published"), strict=True):
            if ours != row[column]:
                departs.append((row[f"ATOXDSC{column[-1]}"], row["AVAL"], row[column], ours))
    assert set(departs) == {
        ("Hypertriglyceridemia", 150, "0", "1"),
        ("Hypertriglyceridemia", 1.71, "0", "1"),
        ("GGT increased", 80, "0", "1"),
    }


def test_combined_grades_of_admiral() -> None:
    code = lambda text: NONE if text is None else int(text)
    for call in json.loads((DATA / "ctcae_combined_grade_cases.json").read_text(encoding="utf-8"))["calls"]:
        rows = call["rows"]
        found = combine(
            [code(r["ATOXGRL"]) for r in rows],
            [code(r["ATOXGRH"]) for r in rows],
            [r["ATOXDSCL"] is not None for r in rows],
            [r["ATOXDSCH"] is not None for r in rows],
        )
        assert found.tolist() == [code(r["ATOXGR"]) for r in rows]


def _numbers(text: str) -> set[float]:
    return {float(n.replace(",", "")) for n in re.findall(r"\d[\d,]*\.?\d*", text)}


@pytest.mark.parametrize(("version", "file"), [("4.03", "v4"), ("5", "v5")])
def test_every_threshold_stands_in_the_published_text(version: Version, file: str) -> None:
    """Each number of our table is in the published text of its grade or, as an upper end, of a grade below."""
    with (DATA / f"ctcae_lab_thresholds_{file}.csv").open(encoding="utf-8") as handle:
        published = {row["TERM"].casefold(): row for row in csv.DictReader(handle)}
    ours = criteria(version)
    # Terms of version 5 that compare with a limit or the baseline alone, and that the other system's table leaves out
    limits_alone = {"Blood lactate dehydrogenase increased", "Blood bicarbonate decreased", "Eosinophilia"}
    unpublished = limits_alone if version == "5" else set()
    assert {rows[0].term for term, rows in ours.items() if term not in published} == unpublished
    ignored = {"Hypophosphatemia", "Hyperglycemia", "Hyperglycemia (Fasting)"}
    assert {row["TERM"] for term, row in published.items() if term not in ours} <= ignored
    for term, rows in ours.items():
        for chosen in rows if term in published else ():
            if "(Ionized)" in chosen.term and chosen.unit == "mg/dL":
                continue  # published in mmol/L only: 4 mg/dL for 1 mmol/L, as laboratories convert
            for g, alternatives in enumerate(chosen.grades, start=1):
                row = published[term]
                text = _numbers(" ".join(row[f"GRADE_{below}"] for below in range(1, g + 1)))
                scaled = {round(n * s, 6) for n in text for s in (1, 10, 100, 1000, 0.1, 0.01, 0.001)}
                for test in (t for tests in alternatives for t in tests if t.operator and t.number not in (0, 1)):
                    assert abs(test.number) in scaled, (term, g, test)


TERMS = [(version, rows[0]) for version in VERSIONS.values() for rows in criteria(version).values()]
POSITIVE = st.floats(0.01, 2000, allow_nan=False)
MAYBE = st.one_of(st.just(float("nan")), POSITIVE)


@given(st.sampled_from(TERMS), POSITIVE, MAYBE, MAYBE, MAYBE, st.data())
def test_units_converted_either_way_give_the_same_grade(
    which: tuple[Version, Any], value: float, lower: float, upper: float, base: float, data: st.DataObject
) -> None:
    version, chosen = which
    code = chosen.analytes[0]
    if code not in analytes() or not chosen.unit:
        return
    one, other = (data.draw(st.sampled_from(sorted(analytes()[code].units))) for _ in range(2))
    times = conversion_factor(code, one, other)
    assert times is not None
    near = data.draw(st.sampled_from([value, *(t.number for a in chosen.grades for s in a for t in s if t.number > 0)]))
    for units in ("SI", "conventional"):
        first = grade(chosen.term, near, one, version=version, lower=lower, upper=upper, baseline=base, units=units)
        again = grade(
            chosen.term,
            near * times,
            other,
            version=version,
            lower=lower * times,
            upper=upper * times,
            baseline=base * times,
            units=units,
        )
        assert first.grade.tolist() == again.grade.tolist()


@given(st.sampled_from(TERMS), st.lists(POSITIVE, min_size=2, max_size=8), MAYBE, MAYBE, MAYBE)
def test_a_worse_value_never_has_a_lower_grade(
    which: tuple[Version, Any], values: list[float], lower: float, upper: float, base: float
) -> None:
    version, chosen = which
    if "clearance" in chosen.term or base != base:
        return
    ordered = sorted(values, reverse=chosen.direction == "low")
    found = grade(chosen.term, ordered, chosen.unit, version=version, lower=lower, upper=upper, baseline=base).grade
    graded = found[found != NONE]
    assert (np.diff(graded.astype(int)) >= 0).all()


@given(st.sampled_from(TERMS), POSITIVE, POSITIVE, MAYBE, MAYBE, MAYBE, st.sampled_from(["<", "<=", ">", ">="]))
def test_a_bound_is_graded_only_if_every_value_it_allows_has_that_grade(
    which: tuple[Version, Any], bound: float, other: float, lower: float, upper: float, base: float, sign: str
) -> None:
    version, chosen = which
    more = {"version": version, "lower": lower, "upper": upper, "baseline": base}
    found = grade(chosen.term, bound, chosen.unit, comparator=sign, **more)  # type: ignore[arg-type]
    if found.grade[0] == NONE or found.may_be_higher[0] or "clearance" in chosen.term:
        return
    allowed = bound * min(other / bound, 0.999) if sign[0] == "<" else bound * max(other / bound, 1.001)
    assert grade(chosen.term, allowed, chosen.unit, **more).grade[0] == found.grade[0]  # type: ignore[arg-type]


@given(st.lists(st.tuples(st.sampled_from(TERMS), POSITIVE, MAYBE, MAYBE), min_size=1, max_size=12), st.randoms())
def test_order_of_rows_never_matters(rows: list[tuple[tuple[Version, Any], float, float, float]], chance: Any) -> None:
    def grades(some: list[Any]) -> list[int]:
        return grade(
            [r[0][1].term for r in some],
            [r[1] for r in some],
            [r[0][1].unit for r in some],
            lower=[r[2] for r in some],
            upper=[r[3] for r in some],
        ).grade.tolist()

    order = list(range(len(rows)))
    chance.shuffle(order)
    assert grades([rows[i] for i in order]) == [grades(rows)[i] for i in order]


def test_symptoms_and_anticoagulation() -> None:
    """What is not told is taken for the worse; what is told decides."""
    lipase = {"lower": 10, "upper": 100}
    assert grade("Lipase increased", [250, 250, 600], symptomatic=[True, False, False], **lipase).grade.tolist() == [
        3,
        2,
        3,
    ]
    assert grade("Hypokalemia", 3.2, "mmol/L", lower=3.5, symptomatic=[True, False]).grade.tolist() == [2, 1]
    assert grade(
        "Hyponatremia", [127, 127, 124], "mmol/L", lower=135, symptomatic=[True, False, False]
    ).grade.tolist() == [3, 2, 3]
    assert grade("INR increased", 1.15, baseline=1.0, anticoagulated=[True, False]).grade.tolist() == [1, 0]


def test_baseline_by_limits_or_as_told() -> None:
    """CTCAE 5 grades transaminases by multiples of an abnormal baseline, of the upper limit otherwise."""
    assert grade("Alanine aminotransferase increased", 200, upper=40, baseline=[40, 80]).grade.tolist() == [2, 1]
    told = grade("Alanine aminotransferase increased", 200, upper=40, baseline=80, baseline_range="normal")
    assert told.grade.tolist() == [2]
    unknown = grade("Alanine aminotransferase increased", [200, 30], upper=40)
    assert unknown.grade.tolist() == [NONE, 0]
    assert unknown.why(0) == "not gradable, because the baseline is missing"


def test_a_grade_that_may_be_higher_says_so() -> None:
    found = grade("Fibrinogen decreased", 1.0, "g/L", version="4.03", lower=2.1)
    assert found.grade.tolist() == [3] and found.may_be_higher.tolist() == [True]
    assert found.why(0) == "may be higher, because the baseline is missing"


def test_terms_in_both_directions() -> None:
    assert terms_of("HGB") == ("Anemia", "Hemoglobin increased")
    assert terms_of("GLUCF", "4.03") == ("Hypoglycemia", "Hyperglycemia (Fasting)")
    assert terms_of("GLUC") == ("Hypoglycemia", None)
    assert terms_of("nothing") == (None, None)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"version": "3"}, "the version is '3'"),
        ({"comparator": "~"}, "comparator is '~'"),
        ({"baseline_range": "odd"}, "baseline_range is 'odd'"),
    ],
)
def test_arguments_that_cannot_be(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        grade("Anemia", 80, "g/L", **arguments)


def test_spellings_of_units() -> None:
    for text in ("10^9/L", "10*9/L", "x10E9/L", "10e9/l", "X 10^9/L", "GIGA/L"):
        assert canonical_unit(text) == "10^9/l"
    assert conversion_factor("NEUT", "G/L", "10^9/L") == 1 and conversion_factor("HGB", "G/L", "g/L") == 1
    assert conversion_factor("NEUT", "/mm3", "10^9/L") == 1e-3
    assert conversion_factor("CA", "mEq/L", "mmol/L") == 0.5
    assert conversion_factor("GLUC", "mg/dL", "mmol/L") == pytest.approx(1 / 18.0156)
    assert conversion_factor("NEUT", "g/dL", "10^9/L") is None and conversion_factor("unknown", "g/L", "g/L") is None


@pytest.mark.parametrize("version", ["5", "6"])
def test_eosinophilia_lies_above_the_limit_and_the_baseline(version: Version) -> None:
    found = grade("Eosinophilia", [0.9, 0.9, 0.4, 0.9], version=version, upper=0.45, baseline=[0.2, 0.9, 0.2, np.nan])
    assert found.grade.tolist() == [1, 0, 0, NONE]
