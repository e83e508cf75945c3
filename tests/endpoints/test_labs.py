"""Laboratory results as they arrive: each thing that can be wrong with one is a finding."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest

from posology.endpoints.ctcae import NONE
from posology.endpoints.labs import Results, conflicting_limits, corrected_calcium, grade, read_result

DAY = date(2013, 5, 10)


def one(**changes: Any) -> Results:
    row = {
        "patient": "001",
        "on": DAY,
        "analyte": "NEUT",
        "result": "1.2",
        "unit": "10^9/L",
        "lower": 2.0,
        "upper": 7.0,
    }
    return Results(**{name: [value] for name, value in (row | changes).items()})


@pytest.mark.parametrize(
    ("changes", "combined", "said"),
    [
        ({}, -2, ""),
        ({"result": ""}, NONE, "has no result; not gradable, because there is no value"),
        ({"result": "negative"}, NONE, "'negative' is no number"),
        ({"result": "-1"}, NONE, "is -1: it cannot be negative; not gradable, because the value is negative"),
        ({"result": "<0.5"}, -4, "is <0.5: only a bound of the value is known; graded 4"),
        ({"result": "<1.0"}, -3, None),
        ({"unit": ""}, NONE, "'1.2' has no unit; not gradable, because the unit is missing"),
        ({"unit": "g/dL"}, NONE, "the unit 'g/dL' is not one it is reported in"),
        ({"lower": np.nan}, -2, ""),
        ({"lower": np.nan, "result": "1.8"}, NONE, "'1.8' has no lower limit; not gradable, because the lower limit"),
        ({"lower": 8.0}, NONE, "limits 8 to 7 10^9/L are in conflict; not gradable, because the limits of normal"),
        ({"analyte": "ALT", "result": "90", "unit": "U/L"}, NONE, "'90' has no baseline"),
        ({"analyte": "ALT", "result": "90", "unit": "", "baseline": 6.0}, 3, ""),
        (
            {"analyte": "K", "result": "4.0", "unit": "mmol/L", "lower": np.nan, "upper": 5.0},
            NONE,
            "'4.0' has no lower limit",
        ),
        (
            {"analyte": "FIBRINO", "result": "1.0", "unit": "g/L", "lower": 2.1},
            -3,
            "'1.0' has no baseline; graded 3, may be higher",
        ),
        ({"analyte": "XYZ"}, NONE, ""),
    ],
)
def test_what_can_be_wrong_with_a_result(changes: dict[str, Any], combined: int, said: str | None) -> None:
    found = grade(one(**changes), "4.03" if changes.get("analyte") == "FIBRINO" else "5")
    if said is None:
        assert found.combined[0] == NONE and "only a bound" in str(found.findings[0])
        return
    assert found.combined.tolist() == [combined]
    assert bool(found.findings) is bool(said)
    if said:
        assert str(found.findings[0]).startswith(f"patient 001, 2013-05-10, {changes.get('analyte', 'NEUT')}: ")
        assert said in str(found.findings[0])


def test_two_upper_limits_of_one_laboratory() -> None:
    rows = Results(
        patient=["1", "2", "3", "4"],
        on=[DAY] * 4,
        analyte=["ALT"] * 4,
        result=["100"] * 4,
        unit=["U/L"] * 4,
        lower=[0, 0, 0, 0],
        upper=[40, 45, 40, 40],
        baseline=[20] * 4,
        laboratory=["A", "A", "B", ""],
    )
    assert conflicting_limits(rows).tolist() == [True, True, False, False]
    found = grade(rows)
    assert found.combined.tolist() == [NONE, NONE, 1, 1]
    assert [f.patient for f in found.findings] == ["1", "2"]


def test_limits_may_differ_by_sex_and_change_in_time() -> None:
    rows = Results(
        patient=["1", "2", "1"],
        on=[DAY, DAY, date(2013, 6, 1)],
        analyte=["HGB"] * 3,
        result=["110"] * 3,
        unit=["g/L"] * 3,
        lower=[120, 135, 118],
        upper=[160, 175, 160],
        laboratory=["A"] * 3,
        sex=["F", "M", "F"],
    )
    assert not conflicting_limits(rows).any()
    assert grade(rows).combined.tolist() == [-1, -1, -1]


def test_corrected_calcium() -> None:
    assert corrected_calcium(8.0, 30, "mg/dL") == pytest.approx(8.0 + 0.02 * 10 * 4.0078)
    with pytest.raises(ValueError, match="not in g/dL"):
        corrected_calcium(2.0, 3.0)
    with pytest.raises(ValueError, match="must be mmol/L or mg/dL"):
        corrected_calcium(2.0, 30, "ug/L")


def test_columns_of_one_length() -> None:
    with pytest.raises(ValueError, match="1 patients and 2 of unit"):
        Results(patient=["1"], on=[DAY], analyte=["K"], result=["4"], unit=["a", "b"], lower=[3], upper=[5])
    assert read_result("≤ 1e-1") == (0.1, "<=")
