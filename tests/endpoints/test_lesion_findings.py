"""What is wrong with lesions: each finding with patient, date and field."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from posology.endpoints.lesion_findings import check_lesions
from posology.endpoints.lesions import ImagingMethod, Lesions, Status
from tests.endpoints.lesion_cases import NAN, made

DAY_ZERO = date(2024, 1, 1)
PRESENT, GONE = Status.PRESENT, Status.ABSENT


def found(*rows: Any, start: int | None = None, **columns: Any) -> list[tuple[str, str]]:
    """Return field and what is wrong, of one patient."""
    lesions = made(*rows, **columns)
    findings = check_lesions(lesions, ["001"], start=None if start is None else np.array([start]), day_zero=DAY_ZERO)
    assert all(f.patient == "001" and f.on is not None and f.right for f in findings)
    return [(f.field, f.wrong) for f in findings]


def test_good_data_have_no_findings() -> None:
    rows = [
        (0, "T1", 30),
        (0, "N1", 15),
        (0, "O1", PRESENT),
        (1, "T1", GONE),
        (1, "N1", 8),
        (1, "O1", GONE),
        (1, "X1", 12),
    ]
    assert found(*rows, start=7) == []


@pytest.mark.parametrize(("size", "ok"), [(9.9, False), (10, True)])
def test_a_target_lesion_is_at_least_10_mm(size: float, ok: bool) -> None:
    assert (found((0, "T1", size)) == []) == ok


@pytest.mark.parametrize(
    ("slice_mm", "method", "least"),
    [
        (5, ImagingMethod.CT_OR_MRI, 10),
        (8, ImagingMethod.CT_OR_MRI, 16),
        (8, ImagingMethod.CALIPER, 10),
        (NAN, ImagingMethod.CHEST_X_RAY, 20),
    ],
)
def test_measurability_by_method_and_slice(slice_mm: float, method: ImagingMethod, least: float) -> None:
    options: dict[str, Any] = {"slice_mm": [slice_mm], "method": [method]}
    assert found((0, "T1", least), **options) == []
    ((field, wrong),) = found((0, "T1", least - 0.5), **options)
    assert field == "diameter_mm" and f"{least - 0.5:g} mm" in wrong


@pytest.mark.parametrize(("size", "right"), [(14.9, "from 10 mm it is non-target"), (9, "is normal, and no lesion")])
def test_a_target_node_is_at_least_15_mm(size: float, right: str) -> None:
    assert found((0, "N1", 15)) == []
    (finding,) = check_lesions(made((0, "N1", size)), ["001"], day_zero=DAY_ZERO)
    assert right in finding.right


def test_a_non_target_node_is_at_least_10_mm() -> None:
    assert found((0, "T1", 20), (0, "P1", 10)) == []
    assert found((0, "T1", 20), (0, "P1", 9)) == [("diameter_mm", "lymph node 2 is 9 mm")]


def test_at_most_five_target_lesions() -> None:
    assert found(*((0, f"T{i}", 20) for i in range(5))) == []
    assert found(*((0, f"T{i}", 20) for i in range(6))) == [("role", "6 target lesions")]


def test_at_most_two_an_organ_and_all_nodes_are_one() -> None:
    three = [(0, f"T{i}", 20) for i in range(3)]
    assert found(*three, organ=[1, 1, 2]) == []
    assert found(*three, organ=[1, 1, 1]) == [("organ", "3 target lesions in one organ")]
    nodes = [(0, f"N{i}", 20) for i in range(3)]
    assert found(*nodes, organ=[1, 2, 3]) == [("organ", "3 target lesions among lymph nodes")]


@pytest.mark.parametrize(
    ("row", "field", "wrong"),
    [
        ((1, "T1", -3), "diameter_mm", "lesion 1 is -3 mm"),
        ((1, "T1", float("inf")), "diameter_mm", "lesion 1 is inf mm"),
        ((1, "T1", NAN), "diameter_mm", "target lesion 1 has no diameter at assessment 1"),
        ((1, "T1", Status.MERGED), "status", "lesion 1 has merged, and no other target lesion is measured"),
    ],
)
def test_sizes_that_cannot_be(row: Any, field: str, wrong: str) -> None:
    assert found((0, "T1", 30), row) == [(field, wrong)]


def test_a_lesion_told_twice_or_whole_and_in_parts() -> None:
    twice = ("lesion", "lesion 1 is there twice at assessment 1")
    assert found((0, "T1", 30), (1, "T1", 10), (1, "T1", 12)) == [twice, twice]
    assert found((0, "T1", 30), (1, "T1", 10), (1, "T1", 12), fragment=[0, 1, 2]) == []
    assert found((0, "T1", 30), (1, "T1", 10), (1, "T1", 12), fragment=[0, 0, 1]) == [twice, twice]


def test_lesions_that_were_not_there_at_the_baseline() -> None:
    assert ("lesion", "target lesion 2 was no target lesion at the baseline") in found(
        (0, "T1", 30), (1, "T1", 9), (1, "T2", 9)
    )
    assert ("lesion", "non-target lesion 2 was no non-target lesion at the baseline") in found(
        (0, "T1", 30), (1, "T1", 9), (1, "O1", PRESENT)
    )


def test_a_target_lesion_without_a_row_at_an_assessment() -> None:
    rows = [(0, "T1", 30), (0, "T2", 30), (1, "T1", 20), (2, "T1", 20), (2, "T2", 20)]
    assert found(*rows) == [("lesion", "target lesion 2 is not there at assessment 1")]


def test_a_target_lesion_not_measured_at_the_baseline() -> None:
    assert found((0, "T1", NAN)) == [("diameter_mm", "target lesion 1 was not measured at the baseline")]
    assert found((0, "T1", 0))[0] == ("diameter_mm", "target lesion 1 has no size at the baseline")


def test_a_new_lesion_at_the_baseline() -> None:
    assert found((0, "T1", 30), (0, "X1", 10)) == [("role", "lesion 2 is called new and was there at the baseline")]


def test_contradictions_unknown_codes_and_nodes_that_were_none() -> None:
    rows = vars(made((0, "T1", 30.0), (1, "T1", 10.0)))
    for column, value, wrong in (
        ("status", Status.ABSENT, "lesion 1 is absent and measures 10 mm"),
        ("status", 42, "lesion 1 has the status number 42"),
        ("role", 9, "lesion 1 has the role number 9"),
        ("nodal", True, "lesion 1 is a lymph node at one assessment and none at another"),
    ):
        changed = Lesions(**{**rows, column: np.array([rows[column][0], value])})
        assert wrong in [f.wrong for f in check_lesions(changed, ["001"], day_zero=DAY_ZERO)]


def test_assessments_out_of_order_and_before_the_first_dose() -> None:
    rows = [(0, "T1", 30), (1, "T1", 20), (2, "T1", 20)]
    assert found(*rows, days=[0, -5, 42]) == [("day", "assessment 1 is before the baseline")]
    assert found(*rows, days=[0, 84, 42]) == [("day", "assessment 2 is before an earlier assessment")]
    assert found(*rows, days=[0, 5, 42], start=7) == [("day", "assessment 1 is before the first dose")]
    assert found(*rows, days=[9, 51, 93], start=7) == [("day", "the baseline is after the first dose")]
    assert found(*rows, days=[0, 70, 112], start=29) == [("day", "the baseline is 29 days before the first dose")]
    assert found((1, "T1", 20))[0] == ("assessment", "there is no baseline assessment")


def test_findings_are_named_and_dated_and_in_order() -> None:
    one, two = made((0, "T1", 8.0)), made((0, "T1", 30.0), (1, "T1", -1.0))
    rows = Lesions(
        **{
            name: np.concatenate([column + (name == "patient"), getattr(two, name)])
            for name, column in vars(one).items()
            if column is not None and name not in ("nodal",)
        },
        nodal=np.zeros(3, bool),
    )
    findings = check_lesions(rows, ["A", "B"], names=["liver", "lung", "lung"])
    assert [(f.patient, f.on, f.wrong) for f in findings] == [
        ("A", date.fromordinal(42), "lesion lung is -1 mm"),
        ("B", None, "target lesion liver is 8 mm"),
    ]
