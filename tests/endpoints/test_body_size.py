"""Body size against the worked example's patients."""

from __future__ import annotations

import numpy as np
import pytest

from posology.endpoints.body_size import adjusted_ideal_weight, dose_mg, surface_area

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
