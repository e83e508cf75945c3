"""What holding and reducing doses does: ratios and paired errors against closed forms, and what rules must do to the
same patients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from posology.endpoints.body_size import dose_mg
from posology.pharmacology.clinical.dose_modification import as_planned
from posology.pharmacology.clinical.exposure_driver import BY_TROUGH
from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR
from posology.simulation.dose_modification import MEASURES, RULES, RuleComparison, compare


def seven(people: Any) -> Any:
    return dose_mg(7.0, "total body weight", people.weight_kg, people.height_cm, people.sex)[:, None]


@pytest.fixture(scope="module")
def found() -> RuleComparison:
    return compare(np.random.default_rng(853), 2500, seven)


def of(found: RuleComparison, what: str) -> Any:
    """Return a measure under each rule, by the rule's name."""
    return dict(zip(found.rules, found.value[:, found.measures.index(what)], strict=True))


def test_values_and_errors_are_those_of_a_ratio() -> None:
    """Against the formula of the ratio written out, and against the bootstrap."""
    rng = np.random.default_rng(1)
    below = rng.gamma(2.0, 1.0, (1, 1, 400)).repeat(2, axis=0)
    above = rng.poisson(np.array([2.0, 1.5])[:, None, None] * below).astype(float)
    got = RuleComparison(("a", "b"), ("x",), above, below)
    assert got.value[:, 0] == pytest.approx(above.sum(axis=2)[:, 0] / below.sum(axis=2)[:, 0])
    pick = rng.integers(0, 400, (4000, 400))
    again = np.array([above[j, 0][pick].sum(axis=1) / below[j, 0][pick].sum(axis=1) for j in (0, 1)])
    assert got.error[:, 0] == pytest.approx(again.std(axis=1), rel=0.08)
    assert got.difference_error[1, 0] == pytest.approx((again[1] - again[0]).std(), rel=0.08)
    assert got.difference[0, 0] == 0 and got.difference_error[0, 0] == 0
    share = RuleComparison(("a",), ("x",), (above[:1] > 2).astype(float), np.ones((1, 1, 400)))
    p = (above[0] > 2).mean()
    assert share.error[0, 0] == pytest.approx(np.sqrt(p * (1 - p) / 399))


def test_as_planned_changes_nothing(found: RuleComparison) -> None:
    for what in ("a dose delayed, %", "a dose reduced, %"):
        assert of(found, what)["as planned"] == 0
    assert of(found, "relative dose intensity, %")["as planned"] == pytest.approx(100, abs=0.5)
    assert of(found, "a dose reduced, %")["held, full dose"] == 0


def test_the_stricter_the_rule_the_less_is_given(found: RuleComparison) -> None:
    for what in ("relative dose intensity, %", "response, %", "days with grade 2 or worse in a patient-year"):
        values = [of(found, what)[rule] for rule in RULES]
        assert values == sorted(values, reverse=True), what
    assert of(found, "a dose reduced, %")["less at recurrence"] > of(found, "a dose reduced, %")["as labelled"]


def test_a_level_less_spares_events_after_grade_3(found: RuleComparison) -> None:
    """Against holding at the same dose; until then nothing differs, so the same patients have had grade 3."""
    held, less = (found.rules.index(rule) for rule in ("held, full dose", "as labelled"))
    after = found.measures.index("after grade 3: events in a patient-year")
    grade_3 = found.measures.index("an event of grade 3 or worse, %")
    assert (found.numerator[held, grade_3] == found.numerator[less, grade_3]).all()
    only = RuleComparison(
        ("held", "less"), ("after",), *(part[[held, less]][:, [after]] for part in (found.numerator, found.denominator))
    )
    assert only.difference[1, 0] < -3 * only.difference_error[1, 0]


def test_pairs_are_told_apart_better_than_groups(found: RuleComparison) -> None:
    i = found.measures.index("response, %")
    unpaired = np.hypot(found.error[0, i], found.error[2, i])
    assert found.difference_error[2, i] < unpaired / 3


def test_the_same_seed_gives_the_same_patients_whatever_the_rules(found: RuleComparison) -> None:
    alone = compare(np.random.default_rng(853), 2500, seven, rules={"as planned": as_planned})
    assert np.array_equal(alone.numerator[0], found.numerator[0], equal_nan=True)


def test_scenarios_go_through() -> None:
    some: Any = {"rules": {"as planned": as_planned}, "cycles": 4}
    plain, drops, trough = (
        compare(np.random.default_rng(1), 1500, seven, **some, **how)
        for how in ({}, {"ocular": IMGN853_OCULAR.with_drops()}, {"driver": BY_TROUGH})
    )
    severe = "an event of grade 3 or worse, %"
    assert of(drops, severe)["as planned"] < 0.4 * of(plain, severe)["as planned"]
    assert of(trough, severe) == of(plain, severe)
    assert of(trough, "response, %") != of(plain, "response, %")


def test_table_and_refusals(found: RuleComparison) -> None:
    table = found.table()
    assert len(table) == len(MEASURES) and "± as labelled, difference" in table.columns
    with pytest.raises(ValueError, match="patients is 1"):
        compare(np.random.default_rng(1), 1, seven)
    with pytest.raises(ValueError, match="mg gives 2 doses for each patient"):
        compare(np.random.default_rng(1), 5, lambda people: np.outer(people.weight_kg, [6.0, 7.0]))
