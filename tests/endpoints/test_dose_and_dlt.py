"""Body size against the worked example's patients; the definition of a DLT at its edges."""

from __future__ import annotations

import numpy as np
import pytest

from posology.endpoints.body_size import adjusted_ideal_weight, dose_mg, surface_area
from posology.endpoints.dlt import AdverseEvent, Answer, Criterion, Definition, evaluable, is_dlt

# Sex, height [cm], weight [kg] and adjusted ideal body weight [kg] of the reconstructed patients of the worked example.
PATIENTS = [
    ("F", 163, 68, 60.0),
    ("M", 175, 80, 73.7),
    ("M", 178, 86, 77.7),
    ("F", 158, 88, 65.3),
    ("M", 181, 92, 81.7),
]


def test_adjusted_ideal_body_weight() -> None:
    sex, height, weight, expected = (np.array(column) for column in zip(*PATIENTS, strict=True))
    np.testing.assert_allclose(adjusted_ideal_weight(weight, height, sex), expected, atol=0.051)


def test_surface_area() -> None:
    """Du Bois and Mosteller by their formulas, worked by hand for 170 cm and 70 kg."""
    assert float(surface_area(70, 170)) == pytest.approx(0.007184 * 70**0.425 * 170**0.725)
    assert float(surface_area(70, 170, "Mosteller")) == pytest.approx((170 * 70 / 3600) ** 0.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((5.0, "total body weight", -1.0), "weight_kg is -1"),
        ((5.0, "total body weight", float("nan")), "weight_kg is nan"),
        ((5.0, "adjusted ideal body weight", 60.0), "needs the patient's height"),
        ((5.0, "adjusted ideal body weight", 60.0, 165.0), "needs the patient's sex"),
        ((5.0, "adjusted ideal body weight", 60.0, 165.0, "X"), "sex must be F or M"),
        ((5.0, "ideal body weight", 60.0, 20.0, "F"), "height_cm is 20"),
        ((5.0, "lean mass", 60.0, 165.0, "F"), "metric is 'lean mass'"),
        ((5.0, "ideal body weight", 60.0, 101.0, "F"), r"at a height of 101 cm would be -1\.1 kg"),
        ((5.0, "adjusted ideal body weight", 60.0, [165.0, 1.65], "F"), r"patient 2: height_cm is 1\.65"),
        ((5.0, "total body weight", [60.0, -1.0]), "patient 2: weight_kg is -1"),
        (
            (5.0, "ideal body weight", [60.0, 70.0], [160.0, 170.0], ["F", "f"]),
            "patient 2: sex must be F or M, not 'f'",
        ),
    ],
)
def test_a_dose_that_cannot_be_computed(arguments: tuple[object, ...], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        dose_mg(*arguments)  # type: ignore[arg-type]


RULE = Definition(
    21,
    (
        Criterion("g3", 3, except_terms=("Neutropenia",)),
        Criterion("g4 neutropenia, 7 days", 4, ("Neutropenia",), minimum_days=7),
    ),
)


@pytest.mark.parametrize(
    ("event", "day", "answer"),
    [
        (AdverseEvent("Keratitis", 3, True, 21), 21, Answer.YES),
        (AdverseEvent("Keratitis", 3, True, 22), 30, Answer.NO),
        (AdverseEvent("Keratitis", 2, True, 5), 30, Answer.NO),
        (AdverseEvent("Keratitis", 3, False, 5), 30, Answer.NO),
        (AdverseEvent("Keratitis", 3, True, -3), 30, Answer.NO),
        (AdverseEvent("neutropenia", 3, True, 5), 30, Answer.NO),
        (AdverseEvent("Neutropenia", 4, True, 5), 10, Answer.NOT_YET),
        (AdverseEvent("Neutropenia", 4, True, 5), 11, Answer.YES),
        (AdverseEvent("Neutropenia", 4, True, 5, 10), 30, Answer.NO),
        (AdverseEvent("Neutropenia", 4, True, 5, 11), 30, Answer.YES),
    ],
)
def test_definition(event: AdverseEvent, day: int, answer: Answer) -> None:
    assert is_dlt(event, RULE, day)[0] is answer


@pytest.mark.parametrize(
    ("day", "dlt", "doses", "left", "answer"),
    [
        (21, False, [100.0], None, Answer.NOT_YET),
        (22, False, [100.0], None, Answer.YES),
        (5, True, [100.0], None, Answer.YES),
        (22, False, [80.0], None, Answer.NO),
        (22, False, [100.0], 21, Answer.NO),
        (30, False, [100.0], 22, Answer.YES),
        (22, False, [], None, Answer.NO),
    ],
)
def test_evaluable(day: int, dlt: bool, doses: list[float], left: int | None, answer: Answer) -> None:
    assert evaluable(RULE, day, dlt, doses, left)[0] is answer
