"""GCIG CA-125 against the criteria restated as cases at their edges."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.endpoints.ca125 import course

SPEC = json.loads((Path(__file__).parents[1] / "data/endpoints/gcig_ca125_spec_cases.json").read_text())


@pytest.mark.parametrize("case", [pytest.param(c, id=f"{c['id']} {c['why']}") for c in SPEC["cases"]])
def test_case(case: dict[str, Any]) -> None:
    days = [date.fromisoformat(s["date"]) for s in case["samples"]]
    mouse = date.fromisoformat(case["mouse_antibody_date"]) if case["mouse_antibody_date"] else None
    values = [
        np.nan if mouse and day > mouse else float(s["value"]) for day, s in zip(days, case["samples"], strict=True)
    ]
    start = date.fromisoformat(case["treatment_start"]).toordinal()
    found = course(
        np.array([values]), np.array([[d.toordinal() for d in days]]), np.array([float(case["uln"])]), np.array([start])
    )
    expected = case["expected"]
    when = lambda column: None if column < 0 else days[column].isoformat()
    assert found.evaluable[0] == expected["evaluable"]
    assert when(found.response[0]) == expected["response_date"]
    assert when(found.confirmed[0]) == expected["confirm_date"]
    assert when(found.progression[0]) == expected["progression_date"]
    if expected["normalised"] is not None:
        assert found.normalised[0] == (expected["normalised"] == "Y")


def test_a_response_of_27_days_awaits_its_confirmation() -> None:
    found = course(np.array([[400.0, 200, 190]]), np.array([[-5, 21, 48]]), np.array([35.0]), np.array([0]))
    assert (found.response[0], found.awaiting[0]) == (-1, 1)


@pytest.mark.parametrize(("value", "halved"), [(200.0, True), (200.2, False)])
def test_half_is_half(value: float, halved: bool) -> None:
    found = course(np.array([[400.0, value, 190]]), np.array([[-5, 21, 49]]), np.array([35.0]), np.array([0]))
    assert (found.response[0] == 1) == halved
