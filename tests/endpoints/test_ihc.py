"""Target expression: each measure at its edges, the funnel, and what a criterion of a protocol can name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.conduct.eligibility import Verdict
from posology.conduct.eligibility import check as check_criteria
from posology.conduct.trial import Trial
from posology.endpoints.ihc import (
    category,
    check_scores,
    funnel,
    h_score,
    highest_intensity,
    mixed_assays,
    pattern,
    ps2_plus,
)
from posology.protocol.model import EligibilityCriterion, FieldError
from posology.record import facts as f
from posology.record.entry import EntryError, fact_from
from tests.conftest import screen


@st.composite
def shares(draw: st.DrawFn) -> list[float]:
    cuts = sorted(draw(st.integers(0, 100)) for _ in range(3))
    return [float(b - a) for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]


@pytest.mark.parametrize(
    ("cells", "score", "ps2", "name", "highest", "reported", "kind"),
    [
        ([100, 0, 0, 0], 0, 0, "negative", 0, 0, ""),
        ([0, 0, 0, 100], 300, 100, "high", 3, 3, "homogeneous"),
        ([5, 20, 0, 75], 245, 75, "high", 3, 3, "heterogeneous"),
        ([4, 20, 0, 76], 248, 76, "high", 3, 3, "homogeneous"),
        ([10, 16, 50, 24], 188, 74, "medium", 3, 2, "heterogeneous"),
        ([10, 15, 51, 24], 189, 75, "high", 3, 2, "heterogeneous"),
        ([10, 10, 56, 24], 194, 80, "high", 3, 2, "homogeneous"),
        ([30, 20, 25, 25], 145, 50, "medium", 3, 3, "heterogeneous"),
        ([30, 21, 49, 0], 119, 49, "low", 2, 2, "heterogeneous"),
        ([65, 10, 25, 0], 60, 25, "low", 2, 2, "heterogeneous"),
        ([60, 16, 24, 0], 64, 24, "negative", 2, 1, "heterogeneous"),
        ([76, 24, 0, 0], 24, 0, "negative", 1, 0, ""),
    ],
)
def test_measures(
    cells: list[float], score: float, ps2: float, name: str, highest: int, reported: int, kind: str
) -> None:
    assert h_score(cells).tolist() == [score] and ps2_plus(cells).tolist() == [ps2]
    assert category(ps2).tolist() == [name]
    assert highest_intensity(cells).tolist() == [highest]
    assert highest_intensity(cells, 25).tolist() == [reported]
    assert pattern(cells).tolist() == [kind]


@given(st.lists(shares(), min_size=1, max_size=6))
def test_scores_lie_in_their_range_and_rise_with_intensity(rows: list[list[float]]) -> None:
    table = np.array(rows)
    score = h_score(table)
    assert ((score >= 0) & (score <= 300)).all()
    stronger = table.copy()
    stronger[:, 3] += stronger[:, 2]
    stronger[:, 2] = 0
    assert (h_score(stronger) >= score).all()
    assert (ps2_plus(stronger) == ps2_plus(table)).all()
    assert (highest_intensity(stronger) >= highest_intensity(table)).all()
    assert (ps2_plus(table) <= score / 2 + 1e-9).all() and (score <= 100 + 2 * ps2_plus(table) + 1e-9).all()


def test_shares_that_cannot_be_are_findings() -> None:
    table = [[25, 25, 25, 25], [25, 25, 25, 20], [33, 33, 33, 0], [-5, 35, 35, 35], [np.nan, 50, 25, 25], [np.nan] * 4]
    good, found = check_scores(table, list("123456"), [None] * 6)
    assert good.tolist() == [True, False, True, False, False, False]
    assert [finding.patient for finding in found] == ["2", "4", "5"]
    assert "95 % together; they must be 100 %" in str(found[0])
    for row, said in (
        (table[1], "95 % together"),
        (table[3], "a share lies between 0 and 100"),
        ([1, 2, 3], "3 shares in a row"),
    ):
        with pytest.raises(ValueError, match=said):
            h_score(row)
    assert np.isnan(h_score(table[5]))[0] and category(np.nan).tolist() == [""] and pattern(table[5]).tolist() == [""]
    with pytest.raises(ValueError, match="PS2"):
        category(101)


def test_one_assay_for_one_patient() -> None:
    assert not mixed_assays(["1", "2"], ["a", "b"], [None, None])
    assert len(mixed_assays(["1", "1", "1"], ["a", "b", "a"], [None, None, None])) == 1


@given(
    st.lists(st.tuples(st.sampled_from(["ovarian", "NSCLC"]), st.booleans(), st.booleans()), min_size=1, max_size=30)
)
def test_a_funnel_only_narrows_and_adds_up(rows: list[tuple[str, bool, bool]]) -> None:
    found = funnel([r[0] for r in rows], {"scored": [r[1] for r in rows], "positive": [r[2] for r in rows]})
    for row in found:
        assert list(row.left) == sorted(row.left, reverse=True)
    total = np.sum([row.left for row in found[:-1]], axis=0)
    assert found[-1].left == tuple(total)


def test_a_stage_for_every_patient() -> None:
    with pytest.raises(ValueError, match="stage 'scored' has 1 values for 2 patients"):
        funnel(["a", "b"], {"scored": [True]})


def criterion(**test: Any) -> EligibilityCriterion:
    return EligibilityCriterion(id="X", text="x", **test)


SHARES = {"cells_0": 10.0, "cells_1": 20.0, "cells_2": 30.0, "cells_3": 40.0}


@pytest.mark.parametrize(
    ("score", "wanted", "verdict", "found"),
    [
        (SHARES, {"fact": "h_score", "at_least": 200}, "met", "H-score is 200"),
        (SHARES, {"fact": "h_score", "at_least": 201}, "not met", "H-score is 200"),
        (SHARES, {"fact": "ps2_plus", "at_least": 75}, "not met", "is 70"),
        (SHARES, {"fact": "category", "one_of": ("medium", "high")}, "met", "PS2+ category is medium"),
        (SHARES, {"fact": "pattern", "one_of": ("homogeneous",)}, "not met", "expression pattern is heterogeneous"),
        (SHARES, {"fact": "highest_intensity", "at_least": 3}, "met", "highest intensity is 3"),
        ({}, {"fact": "h_score", "at_least": 200}, "not known", "H-score is not recorded"),
        ({"percent_2plus": 75.0}, {"fact": "category", "one_of": ("high",)}, "met", "is high"),
        ({"percent_2plus": 75.0}, {"fact": "ps2_plus", "at_least": 75}, "met", "is 75"),
        ({}, {"fact": "category", "one_of": ("high",)}, "not known", "is not recorded"),
        ({}, {"fact": "highest_intensity", "at_most": 2}, "not met", "is 3"),
        ({"pattern": "homogeneous"}, {"fact": "pattern", "one_of": ("homogeneous",)}, "met", "is homogeneous"),
        (
            {"cells_0": 0.0, "cells_1": 0.0, "cells_2": 0.0, "cells_3": 100.0},
            {"fact": "ps2_plus", "at_most": 99},
            "not met",
            "100",
        ),
    ],
)
def test_a_criterion_names_each_measure(
    trial: Trial, score: dict[str, Any], wanted: dict[str, Any], verdict: str, found: str
) -> None:
    screen(trial, "001")
    trial.record(f.TargetScored(assay="x", intensity=3, **score), patient="001", by="path")
    checked = check_criteria(trial.state().patients["001"], [criterion(**wanted)])[0]
    assert checked.verdict is Verdict(verdict) and found in checked.found


def test_words_of_a_criterion() -> None:
    assert criterion(fact="ps2_plus", at_least=75.0).condition == "PS2+ (% of cells at 2+ or more) at least 75"
    with pytest.raises(FieldError, match="'strong' is no category; it is high or medium or low or negative"):
        criterion(fact="category", one_of=("strong",))
    with pytest.raises(FieldError, match="does not fit the fact pattern"):
        criterion(fact="pattern", at_least=1.0)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cells_3": 30}, "the shares of cells are 90 % together: they must be 100 %"),
        ({"cells_3": None}, "give the share of cells at each of 0, 1\\+, 2\\+ and 3\\+, or none"),
        ({"cells_0": 50, "cells_3": 0}, "intensity 3 is given, and no cells have it"),
        ({"percent_2plus": 50}, "cells at 2\\+ and 3\\+ are 70 %, percent_2plus is 50 %"),
    ],
)
def test_a_score_that_contradicts_itself_is_refused(changes: dict[str, Any], said: str) -> None:
    values = {name: value for name, value in ({**SHARES, **changes}).items() if value is not None}
    with pytest.raises(EntryError, match=f"^{said}"):
        fact_from("target_scored", {"assay": "x", "intensity": 3, **values})
