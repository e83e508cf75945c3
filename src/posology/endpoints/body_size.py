"""Measures of body size, and the dose they give.

Ideal and adjusted ideal body weight as in the label of mirvetuximab soravtansine (ELAHERE, section 2): ideal weight is
0.9 x height [cm] - 92 kg for women, 0.9 x height - 88 kg for men; adjusted is ideal + 0.4 x (total - ideal). Body
surface area: Du Bois D, Du Bois EF, Arch Intern Med 1916;17:863; Mosteller RD, N Engl J Med 1987;317:1098; Haycock GB
et al., J Pediatr 1978;93:62; Gehan EA, George SL, Cancer Chemother Rep 1970;54:225. Lean body weight: Janmahasatian S
et al., Clin Pharmacokinet 2005;44:1051; Boer P, Am J Physiol 1984;247:F632.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from posology.shared.arrays import ArrayLike, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


Metric = Literal["total body weight", "ideal body weight", "adjusted ideal body weight", "body surface area", "flat"]


LIGHTEST, HEAVIEST = 10.0, 400.0
"""Body weights that are believed [kg]."""


def ideal_weight(height_cm: ArrayLike, sex: ArrayLike) -> Floats:
    """Return the ideal body weight [kg] from height [cm] and sex ("F" or "M").

    >>> float(ideal_weight(163, "F").round(1))
    54.7
    """
    height = _within("height_cm", height_cm, 100, 250)
    ideal = np.asarray(0.9 * height - np.where(_women(sex), 92.0, 88.0))
    if (ideal < LIGHTEST).any():
        at = tuple(np.argwhere(ideal < LIGHTEST)[0])
        raise ValueError(
            f"{_whose(at)}the ideal body weight at a height of {np.broadcast_to(height, ideal.shape)[at]:g} cm would be"
            f" {ideal[at]:.1f} kg: the formula is for adults, {LIGHTEST:g} kg or more"
        )
    return ideal


def adjusted_ideal_weight(weight_kg: ArrayLike, height_cm: ArrayLike, sex: ArrayLike) -> Floats:
    """Return the adjusted ideal body weight [kg].

    >>> float(adjusted_ideal_weight(68, 163, "F").round(1))
    60.0

    Parameters
    ----------
    weight_kg, height_cm
        body weight [kg] and height [cm], of one shape.
    sex
        "F" or "M", of that shape or one.
    """
    ideal = ideal_weight(height_cm, sex)
    return ideal + 0.4 * (_within("weight_kg", weight_kg, LIGHTEST, HEAVIEST) - ideal)


def surface_area(
    weight_kg: ArrayLike,
    height_cm: ArrayLike,
    formula: Literal["Du Bois", "Mosteller", "Haycock", "Gehan"] = "Du Bois",
    cap_m2: float | None = None,
) -> Floats:
    """Return the body surface area [m2], not above ``cap_m2`` if that is given.

    >>> float(surface_area(70, 170).round(2)), float(surface_area(70, 170, "Mosteller").round(2))
    (1.81, 1.82)
    >>> float(surface_area(120, 190, cap_m2=2.2))
    2.2

    Parameters
    ----------
    weight_kg, height_cm
        body weight [kg] and height [cm], of one shape.
    formula
        whose.
    cap_m2
        the most that is returned [m2]; None: no cap.
    """
    weight, height = _within("weight_kg", weight_kg, LIGHTEST, HEAVIEST), _within("height_cm", height_cm, 50, 250)
    if formula == "Mosteller":
        area = np.sqrt(weight * height / 3600)
    elif formula == "Du Bois":
        area = 0.007184 * weight**0.425 * height**0.725
    elif formula == "Haycock":
        area = 0.024265 * weight**0.5378 * height**0.3964
    elif formula == "Gehan":
        area = 0.0235 * weight**0.51456 * height**0.42246
    else:
        raise ValueError(f"formula is {formula!r}: it must be 'Du Bois', 'Mosteller', 'Haycock' or 'Gehan'")
    if cap_m2 is None:
        return np.asarray(area)
    return np.asarray(np.minimum(area, _within("cap_m2", cap_m2, 1, 4)))


def body_mass_index(weight_kg: ArrayLike, height_cm: ArrayLike) -> Floats:
    """Return the body mass index [kg/m2].

    >>> float(body_mass_index(70, 170).round(1))
    24.2
    """
    return np.asarray(
        _within("weight_kg", weight_kg, LIGHTEST, HEAVIEST) / (_within("height_cm", height_cm, 50, 250) / 100) ** 2
    )


def lean_weight(
    weight_kg: ArrayLike,
    height_cm: ArrayLike,
    sex: ArrayLike,
    formula: Literal["Janmahasatian", "Boer"] = "Janmahasatian",
) -> Floats:
    """Return the lean body weight [kg] of an adult.

    >>> float(lean_weight(70, 170, "M").round(1)), float(lean_weight(70, 170, "M", "Boer").round(1))
    (54.5, 54.7)

    Parameters
    ----------
    weight_kg, height_cm
        body weight [kg] and height [cm], of one shape.
    sex
        "F" or "M", of that shape or one.
    formula
        whose.
    """
    weight, height = _within("weight_kg", weight_kg, LIGHTEST, HEAVIEST), _within("height_cm", height_cm, 100, 250)
    woman = _women(sex)
    if formula == "Janmahasatian":
        index = body_mass_index(weight, height)
        return np.asarray(9270 * weight / np.where(woman, 8780 + 244 * index, 6680 + 216 * index))
    if formula == "Boer":
        return np.asarray(
            np.where(woman, 0.252 * weight + 0.473 * height - 48.3, 0.407 * weight + 0.267 * height - 19.2)
        )
    raise ValueError(f"formula is {formula!r}: it must be 'Janmahasatian' or 'Boer'")


def _women(sex: ArrayLike) -> NDArray[np.bool_]:
    """Return who is a woman; sex is F or M."""
    sexes = np.asarray(sex, dtype=object)
    wrong = ~np.isin(sexes.astype(str), ["F", "M"])
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        raise ValueError(f"{_whose(at)}sex must be F or M, not {sexes[at]!r}")
    return np.asarray(sexes == "F", dtype=bool)


def dose_mg(
    dose: ArrayLike,
    metric: Metric,
    weight_kg: ArrayLike,
    height_cm: ArrayLike | None = None,
    sex: ArrayLike | None = None,
) -> Floats:
    """Return the dose [mg] that a dose level gives a patient.

    Parameters
    ----------
    dose
        the level, in mg/kg, mg/m2 or mg as the metric demands.
    metric
        the measure of body size; surface area is that of Du Bois.
    weight_kg, height_cm, sex
        the patient; height and sex only where the metric needs them.

    Raises
    ------
    ValueError
        if the metric is unknown, or needs what is missing; naming the patient of several, if a number is out of its
        domain.

    Examples
    --------
    >>> float(dose_mg(6.0, "adjusted ideal body weight", 68, 163, "F").round(1))
    360.1
    """
    level = _within("dose", dose, 0, 1e6)
    weight = _within("weight_kg", weight_kg, LIGHTEST, HEAVIEST)
    if metric == "flat":
        return level * np.ones_like(weight)
    if metric == "total body weight":
        return level * weight
    if height_cm is None:
        raise ValueError(f"{metric} needs the patient's height")
    if metric == "body surface area":
        return level * surface_area(weight, height_cm)
    if sex is None:
        raise ValueError(f"{metric} needs the patient's sex")
    if metric == "ideal body weight":
        return level * ideal_weight(height_cm, sex)
    if metric == "adjusted ideal body weight":
        return level * adjusted_ideal_weight(weight, height_cm, sex)
    raise ValueError(f"metric is {metric!r}: it must be one of the measures of body size")


def _within(name: str, values: ArrayLike, low: float, high: float) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    wrong = ~((array >= low) & (array <= high))
    if wrong.any():
        at = tuple(np.argwhere(wrong)[0])
        raise ValueError(f"{_whose(at)}{name} is {array[at]:g}: it must lie between {low:g} and {high:g}")
    return array


def _whose(at: tuple[int, ...]) -> str:
    """Return which patient of several is meant."""
    return f"patient {at[0] + 1}: " if at else ""
