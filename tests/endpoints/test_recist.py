"""RECIST 1.1 at each assessment: the guideline's tables and rules, each by its name, and properties."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posology.endpoints.recist import RECIST_11, Lesions, Reason, RecistRules, Response, Role, Status, assess, overall
from tests.endpoints.lesion_cases import NAN, assessed, load, made, names

SPEC = load("recist11_spec_cases.json")
CODE = {r.text.upper(): r for r in Response}
ABSENT, PRESENT, PROGRESSION = Status.ABSENT, Status.PRESENT, Status.PROGRESSION
TOO_SMALL, NOT_EVALUABLE, MERGED = Status.TOO_SMALL, Status.NOT_EVALUABLE, Status.MERGED


# Tables 1 and 2, and the target lesions' rules, restated as cases -----------------------------------------------------


@pytest.mark.parametrize("case", SPEC["timepoint_with_target"])
def test_time_point_with_target(case: dict[str, str]) -> None:
    found = overall(
        np.array([CODE[case["target"]]]), np.array([CODE[case["nontarget"]]]), np.array([case["new_lesion"] == "Y"])
    )
    assert Response(found[0]) is CODE[case["overall"]]


@pytest.mark.parametrize("case", SPEC["timepoint_nontarget_only"])
def test_time_point_without_target(case: dict[str, str]) -> None:
    found = overall(
        np.array([Response.NONE]), np.array([CODE[case["nontarget"]]]), np.array([case["new_lesion"] == "Y"])
    )
    assert Response(found[0]) is CODE[case["overall"]]


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c['id']} {c['why']}") for c in SPEC["target_numeric"]])
def test_target_response(case: dict[str, Any]) -> None:
    name = [f"{'N' if lesion['nodal'] else 'T'}{i}" for i, lesion in enumerate(case["lesions"])]
    rows = [(0, who, lesion["baseline_mm"]) for who, lesion in zip(name, case["lesions"], strict=True)]
    for k, sizes in enumerate(case["visits_mm"], 1):
        rows += [(k, who, NAN if mm is None else mm) for who, mm in zip(name, sizes, strict=True)]
    assert names(assessed(*rows).target) == case["expected"]


# Target lesions (4.3.1) -----------------------------------------------------------------------------------------------


def test_the_sum_takes_the_short_axis_of_nodes_and_the_longest_diameter_of_others() -> None:
    assert assessed((0, "T1", 40), (0, "N1", 18)).sum_mm[0, 0] == 58


def test_the_nadir_includes_the_baseline() -> None:
    found = assessed((0, "T1", 50), (1, "T1", 58), (2, "T1", 60))
    assert found.nadir_mm.tolist() == [[50, 50, 50]] and names(found.target) == ["SD", "PD"]


def test_an_incomplete_sum_is_no_nadir() -> None:
    found = assessed(
        (0, "T1", 50), (0, "T2", 50), (1, "T1", 20), (1, "T2", NOT_EVALUABLE), (2, "T1", 45), (2, "T2", 45)
    )
    assert found.nadir_mm[0, 2] == 100 and names(found.target) == ["NE", "SD"]


@pytest.mark.parametrize(("later", "expected"), [(119.9, "SD"), (120, "PD")])
def test_progression_is_20_percent_over_the_nadir(later: float, expected: str) -> None:
    assert names(assessed((0, "T1", 100), (1, "T1", later)).target) == [expected]


@pytest.mark.parametrize(("later", "expected"), [(14.9, "SD"), (15, "PD")])
def test_and_5_mm(later: float, expected: str) -> None:
    assert names(assessed((0, "T1", 10), (1, "T1", later)).target) == [expected]


@pytest.mark.parametrize(("later", "expected"), [(70.1, "SD"), (70, "PR")])
def test_partial_response_is_30_percent_below_the_baseline(later: float, expected: str) -> None:
    assert names(assessed((0, "T1", 100), (1, "T1", later)).target) == [expected]


@pytest.mark.parametrize(("node", "expected"), [(9.9, "CR"), (10, "PR")])
def test_complete_response_asks_nodes_below_10_mm(node: float, expected: str) -> None:
    found = assessed((0, "T1", 30), (0, "N1", 20), (1, "T1", ABSENT), (1, "N1", node))
    assert names(found.overall) == [expected] and found.sum_mm[0, 1] == node


def test_too_small_to_measure_counts_5_mm() -> None:
    found = assessed((0, "T1", 30), (1, "T1", TOO_SMALL))
    assert found.sum_mm[0, 1] == 5 and names(found.target) == ["PR"]
    other = assessed((0, "T1", 30), (1, "T1", TOO_SMALL), rules=RecistRules(too_small_mm=3))
    assert other.sum_mm[0, 1] == 3


def test_too_small_but_measured_counts_its_measure() -> None:
    rows = made((0, "T1", 30.0), (1, "T1", 3.0))
    status = np.array([Status.MEASURED, Status.TOO_SMALL])
    lesions = Lesions(**{**vars(rows), "status": status})
    assert assess(lesions, 1, 2).sum_mm[0, 1] == 3


@pytest.mark.parametrize("missing", [NAN, NOT_EVALUABLE, PRESENT])
def test_a_target_lesion_not_measured_makes_the_assessment_not_evaluable(missing: Any) -> None:
    found = assessed((0, "T1", 30), (0, "T2", 30), (1, "T1", 10), (1, "T2", missing))
    assert names(found.overall) == ["NE"] and np.isnan(found.sum_mm[0, 1]) and found.measured_mm[0, 1] == 10
    assert found.reason[0, 1] == Reason.TARGET_MISSING


def test_so_does_one_without_a_row() -> None:
    assert names(assessed((0, "T1", 30), (0, "T2", 30), (1, "T1", 10)).overall) == ["NE"]


def test_unless_what_was_measured_is_progression_already() -> None:
    assert names(assessed((0, "T1", 30), (0, "T2", 30), (1, "T1", 75), (1, "T2", NOT_EVALUABLE)).overall) == ["PD"]


def test_an_assessment_that_was_not_done_is_missing() -> None:
    assert names(assessed((0, "T1", 30), (2, "T1", 10)).overall) == ["ABSENT", "PR"]


def test_a_partial_response_continues_only_by_an_option() -> None:
    rows = [(0, "T1", 100), (1, "T1", 70), (2, "T1", 80)]
    assert names(assessed(*rows).target) == ["PR", "SD"]
    assert names(assessed(*rows, rules=RecistRules(pr_continues=True)).target) == ["PR", "PR"]


# Lesions that split or merge (4.3.2) ----------------------------------------------------------------------------------


def test_a_split_lesion_counts_the_sum_of_its_fragments() -> None:
    found = assessed((0, "T1", 60), (1, "T1", 20), (1, "T1", 15), fragment=[0, 1, 2])
    assert found.sum_mm[0, 1] == 35 and names(found.target) == ["PR"]


def test_a_fragment_not_measured_makes_the_lesion_not_evaluable() -> None:
    found = assessed((0, "T1", 60), (1, "T1", 20), (1, "T1", NOT_EVALUABLE), fragment=[0, 1, 2])
    assert names(found.target) == ["NE"]


def test_merged_lesions_count_the_longest_diameter_of_the_whole() -> None:
    found = assessed((0, "T1", 30), (0, "T2", 20), (1, "T1", 45), (1, "T2", MERGED))
    assert found.sum_mm[0, 1] == 45 and names(found.target) == ["SD"]


def test_merged_lesions_are_gone_when_the_whole_is() -> None:
    found = assessed((0, "T1", 30), (0, "T2", 20), (1, "T1", ABSENT), (1, "T2", MERGED))
    assert names(found.target) == ["CR"]


# Reappearance (4.3.2, table 3 note; questions and answers of the RECIST group)
# ------------------------------------------


def test_a_lesion_back_after_a_complete_response_is_progression_whatever_its_size() -> None:
    found = assessed(
        (0, "T1", 30), (0, "O1", PRESENT), (1, "T1", ABSENT), (1, "O1", ABSENT), (2, "T1", 3), (2, "O1", ABSENT)
    )
    assert names(found.overall) == ["CR", "PD"]


def test_so_is_a_non_target_lesion_back() -> None:
    found = assessed((0, "O1", PRESENT), (1, "O1", ABSENT), (2, "O1", PRESENT))
    assert names(found.overall) == ["CR", "PD"]


def test_a_non_target_node_is_back_only_if_it_says_progression() -> None:
    rows = [(0, "T1", 30), (0, "P1", 12), (1, "T1", ABSENT), (1, "P1", 8), (2, "T1", ABSENT), (2, "P1", 11)]
    assert names(assessed(*rows).overall) == ["CR", "PR"]
    assert names(assessed(*rows[:-1], (2, "P1", PROGRESSION)).overall) == ["CR", "PD"]


def test_a_target_node_is_back_from_10_mm_on() -> None:
    rows = [(0, "T1", 30), (0, "N1", 20), (1, "T1", ABSENT), (1, "N1", 9), (2, "T1", ABSENT)]
    assert names(assessed(*rows, (2, "N1", 9.9)).overall) == ["CR", "CR"]
    assert names(assessed(*rows, (2, "N1", 10)).overall) == ["CR", "PD"]


def test_a_lesion_back_while_other_disease_remained_is_not_progression_by_itself() -> None:
    found = assessed(
        (0, "T1", 30), (0, "O1", PRESENT), (1, "T1", ABSENT), (1, "O1", PRESENT), (2, "T1", 3), (2, "O1", PRESENT)
    )
    assert names(found.overall) == ["PR", "PR"]


def test_after_a_sum_of_zero_5_mm_are_progression() -> None:
    found = assessed(
        (0, "T1", 30), (0, "O1", PRESENT), (1, "T1", 0), (1, "O1", PRESENT), (2, "T1", 5), (2, "O1", PRESENT)
    )
    assert names(found.overall) == ["PR", "PD"]


# Non-target and new lesions (4.3.3 to 4.3.5) --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([(1, "T1", ABSENT), (1, "O1", ABSENT)], "CR"),
        ([(1, "T1", ABSENT), (1, "O1", PRESENT)], "PR"),
        ([(1, "T1", ABSENT)], "PR"),
        ([(1, "T1", ABSENT), (1, "O1", NOT_EVALUABLE)], "PR"),
        ([(1, "T1", TOO_SMALL), (1, "O1", PRESENT)], "PR"),
        ([(1, "T1", 29), (1, "O1", PROGRESSION)], "PD"),
        ([(1, "T1", NOT_EVALUABLE), (1, "O1", PROGRESSION)], "PD"),
        ([(1, "T1", 10), (1, "X1", PRESENT)], "PD"),
        ([(1, "T1", NOT_EVALUABLE), (1, "X1", 12)], "PD"),
        ([(1, "T1", 10), (1, "X1", NOT_EVALUABLE)], "PR"),
        ([(1, "T1", NOT_EVALUABLE), (1, "O1", PRESENT)], "NE"),
    ],
)
def test_an_assessment(rows: list[Any], expected: str) -> None:
    assert names(assessed((0, "T1", 30), (0, "O1", PRESENT), *rows).overall) == [expected]


def test_a_non_target_node_below_10_mm_is_gone() -> None:
    rows = [(0, "T1", 30), (0, "P1", 12), (1, "T1", ABSENT)]
    assert names(assessed(*rows, (1, "P1", 9)).overall) == ["CR"]
    assert names(assessed(*rows, (1, "P1", 10)).overall) == ["PR"]


def test_a_marker_not_back_to_normal_keeps_from_complete_response() -> None:
    lesions = made((0, "T1", 30), (0, "O1", PRESENT), (1, "T1", ABSENT), (1, "O1", ABSENT))
    raised = np.array([[True, True]])
    assert names(assess(lesions, 1, 2, marker_raised=raised).overall) == ["PR"]
    assert names(assess(made((0, "T1", 30), (1, "T1", 0)), 1, 2, marker_raised=raised).overall) == ["PR"]


def test_non_target_disease_alone_has_its_own_responses() -> None:
    found = assessed((0, "O1", PRESENT), (1, "O1", PRESENT), (2, "O1", NOT_EVALUABLE), (3, "O1", ABSENT))
    assert names(found.overall) == ["NON_CR_NON_PD", "NE", "CR"] and not found.has_target[0]
    assert found.reason[0, 2] == Reason.OTHER_MISSING


# Bad data: not evaluable, with a reason -------------------------------------------------------------------------------


def test_without_a_baseline_nothing_is_evaluable() -> None:
    found = assessed((1, "T1", 30), (2, "T1", 10))
    assert names(found.overall) == ["NE", "NE"] and found.reason[0, 1] == Reason.NO_BASELINE


def test_a_target_lesion_not_measured_at_baseline_makes_all_not_evaluable_but_progression() -> None:
    rows = [(0, "T1", 30), (0, "T2", NAN), (1, "T1", 10), (1, "T2", 10)]
    found = assessed(*rows, (2, "T1", 20), (2, "T2", 20))
    assert names(found.overall) == ["NE", "PD"] and found.reason[0, 1] == Reason.BASELINE_UNMEASURED
    assert names(assessed(*rows, (1, "X1", PRESENT)).overall) == ["PD"]


@pytest.mark.parametrize(
    "row",
    [(1, "T1", -3), (1, "T1", float("inf")), (1, "T3", 10), (1, "O9", PRESENT)],
    ids=["negative", "infinite", "not a target at baseline", "no lesion at baseline"],
)
def test_a_row_that_cannot_be_makes_its_assessment_not_evaluable(row: Any) -> None:
    rows = [(0, "T1", 30), (1, "T1", 10)] if row[1] != "T1" else [(0, "T1", 30)]
    found = assessed(*rows, row, (2, "T1", 10))
    expected = "PR" if row[1] == "O9" else "NE"  # PR with non-target lesions not evaluable is PR
    assert names(found.overall) == [expected, "PR"]
    assert found.reason[0, 1] == (Reason.NONE if expected == "PR" else Reason.BAD_DATA)


def test_so_does_a_lesion_told_twice() -> None:
    found = assessed((0, "T1", 30), (1, "T1", 10), (1, "T1", 12))
    assert names(found.overall) == ["NE"] and found.reason[0, 1] == Reason.BAD_DATA


def test_a_duplicate_at_baseline_makes_all_not_evaluable() -> None:
    assert names(assessed((0, "T1", 30), (0, "T1", 31), (1, "T1", 10)).overall) == ["NE"]
    found = assessed((0, "T1", 30), (0, "O1", PRESENT), (0, "O1", PRESENT), (1, "T1", ABSENT), (1, "O1", ABSENT))
    assert names(found.overall) == ["PR"]  # complete response of the targets, the others not evaluable


def test_an_assessment_before_the_baseline_is_not_evaluable_and_no_nadir() -> None:
    found = assessed((0, "T1", 50), (1, "T1", 10), (2, "T1", 50), days=[0, -7, 42])
    assert names(found.overall) == ["NE", "SD"] and found.nadir_mm[0, 2] == 50


def test_an_unknown_role_makes_the_assessment_not_evaluable() -> None:
    rows = made((0, "T1", 30.0), (1, "T1", 10.0), (1, "T2", 5.0))
    lesions = Lesions(**{**vars(rows), "role": np.array([0, 0, 7])})
    assert names(assess(lesions, 1, 2).overall) == ["NE"]


def test_a_new_lesion_of_impossible_size_is_not_read_as_progression() -> None:
    found = assessed((0, "T1", 30), (1, "T1", 10), (1, "X1", -4))
    assert names(found.overall) == ["NE"] and found.reason[0, 1] == Reason.BAD_DATA


def test_a_node_that_was_none_is_not_used() -> None:
    rows = made((0, "T1", 30.0), (1, "T1", 8.0))
    lesions = Lesions(**{**vars(rows), "nodal": np.array([False, True])})
    assert names(assess(lesions, 1, 2).overall) == ["NE"]


def test_a_patient_without_lesions_is_not_evaluable_unless_new_ones_come() -> None:
    found = assess(made((0, "X1", 10.0), (1, "X1", PRESENT)), 1, 2)
    assert names(found.overall) == ["NE"]


def test_columns_of_different_lengths_and_numbers_out_of_range_are_refused() -> None:
    zeros = np.zeros(2, int)
    with pytest.raises(ValueError, match="same length"):
        Lesions(zeros, zeros, zeros, zeros, zeros, zeros, zeros.astype(bool), np.zeros(3))
    with pytest.raises(ValueError, match="assessment 3 is beyond the 2"):
        assess(made((0, "T1", 30.0), (3, "T1", 10.0)), 1, 2)
    with pytest.raises(ValueError, match="lesion is -1"):
        Lesions(zeros, zeros, zeros - 1, zeros, zeros, zeros, zeros.astype(bool), np.zeros(2))


@pytest.mark.parametrize(
    ("options", "message"), [({"max_ne": -1}, "max_ne is -1"), ({"dated": "middle"}, "allowed are first, last")]
)
def test_rules_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RecistRules(**options)


# Days -----------------------------------------------------------------------------------------------------------------


def test_an_assessment_over_several_days_is_dated_by_its_last_or_its_first() -> None:
    rows = made((0, "T1", 30.0), (0, "T2", 30.0), (1, "T1", 20.0), (1, "T2", 20.0))
    lesions = Lesions(**{**vars(rows), "day": np.array([0, 0, 44, 42])})
    assert assess(lesions, 1, 2).day[0, 1] == 44
    assert assess(lesions, 1, 2, RecistRules(dated="first")).day[0, 1] == 42


# Properties -----------------------------------------------------------------------------------------------------------

sizes = st.one_of(st.floats(0, 80), st.just(NAN))


@st.composite
def courses(draw: st.DrawFn) -> list[Any]:
    """Draw a patient of up to four lesions and five assessments, missing rows and faults included."""
    lesions = draw(st.lists(st.sampled_from(["T1", "T2", "N1", "O1"]), min_size=1, unique=True))
    rows = [(0, name, draw(st.floats(10, 80))) for name in lesions]
    for k in range(1, draw(st.integers(2, 5))):
        for name in [*lesions, "X1"]:
            if draw(st.booleans()):
                rows.append(
                    (k, name, draw(st.one_of(sizes, st.sampled_from([ABSENT, PRESENT, TOO_SMALL, PROGRESSION]))))
                )
    return rows


@given(courses(), st.randoms(use_true_random=False))
def test_the_order_of_rows_never_matters(rows: list[Any], chance: Any) -> None:
    one = assessed(*rows)
    lesions = made(*rows)
    order = list(range(len(rows)))
    chance.shuffle(order)
    shuffled = Lesions(**{name: None if column is None else column[order] for name, column in vars(lesions).items()})
    other = assess(shuffled, 1, one.overall.shape[1])
    for name in vars(one):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-9, err_msg=name)


@given(courses(), st.floats(0.5, 2))
def test_a_longer_lesion_is_never_a_better_response(rows: list[Any], factor: float) -> None:
    """Lengthening the target lesions of the last assessment never turns its response into a better one."""
    order = {"PD": 0, "NE": 1, "SD": 2, "PR": 3, "CR": 4}
    last = max(k for k, *_ in rows)
    longer = [
        (k, name, what * (1 + factor) if k == last and name != "O1" and isinstance(what, float) else what)
        for k, name, what in rows
    ]
    one, other = names(assessed(*rows).target)[-1:], names(assessed(*longer).target)[-1:]
    for before, after in zip(one, other, strict=True):
        if before in order and after in order:
            assert order[after] <= order[before]


@given(courses())
def test_every_assessment_that_is_not_evaluable_has_a_reason(rows: list[Any]) -> None:
    found = assessed(*rows)
    assert ((found.overall == Response.NE) == (found.reason != Reason.NONE)).all()
    assert all(Reason(code).text for code in found.reason[found.overall == Response.NE])


@given(courses(), courses())
def test_a_patient_is_assessed_alone_as_in_a_batch(one: list[Any], other: list[Any]) -> None:
    first, second = made(*one), made(*other)
    columns = {}
    for name, column in vars(first).items():
        if column is not None:
            shift = 1 if name == "patient" else 0
            columns[name] = (
                np.concatenate([column, getattr(second, name) + shift])
                if shift
                else np.concatenate([column, getattr(second, name)])
            )
    wide = 1 + max(int(first.assessment.max()), int(second.assessment.max()))
    batch = assess(Lesions(**columns), 2, wide, RECIST_11)
    for i, lesions in enumerate((first, second)):
        alone = assess(lesions, 1, wide, RECIST_11)
        for name in vars(alone):
            np.testing.assert_array_equal(getattr(batch, name)[i], getattr(alone, name)[0], err_msg=name)


def test_roles_and_responses_are_counted_from_their_words() -> None:
    assert [Role.TARGET, Role.NON_TARGET, Role.NEW] == [0, 1, 2]
    assert Response.read("non-cr/non-pd") is Response.NON_CR_NON_PD and Response.read("iUPD") is Response.UPD
    with pytest.raises(ValueError, match="'good' is no response"):
        Response.read("good")


def test_normal_nodes_at_baseline_are_no_disease_that_could_respond() -> None:
    """Nodes below 10 mm all along are not in complete response; growth of them is progression all the same."""
    nodes = lambda *sizes: [(k, "N1", size) for k, size in enumerate(sizes)]
    found = assessed(*nodes(9, 8, 7))
    assert names(found.overall) == ["NE", "NE"] and Reason(found.reason[0, 1]) is Reason.NO_LESIONS
    assert names(assessed(*nodes(9, 8, 16)).overall) == ["NE", "PD"]
    assert names(assessed(*nodes(16, 8, 7)).overall) == ["CR", "CR"]
