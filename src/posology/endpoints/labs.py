"""Laboratory results as they arrive: what is wrong with each is a finding, what is right is graded in both directions.

The corrected calcium is that of Payne RB et al., Br Med J 1973;4:643: total calcium + 0.02 mmol/L for each g/L of
albumin below 40.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from posology.endpoints import ctcae
from posology.endpoints.ctcae import NONE, Graded, Version
from posology.endpoints.units import analytes, canonical_unit, conversion_factor
from posology.shared.arrays import ArrayLike, Floats
from posology.shared.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray


_RESULT = re.compile(r"(<=|>=|<|>|≤|≥)?\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)")


@dataclass(frozen=True, kw_only=True)
class Results:
    """A column of laboratory results, a row each; all columns of one length.

    Parameters
    ----------
    patient, on
        whose result, and of which day.
    analyte
        its code as in CDISC LBTESTCD (``HGB``, ``NEUT``, ``ALT``); ``GLUCF`` is fasting glucose.
    result
        as reported: ``1.8``, ``<0.1``.
    unit, lower, upper
        the unit of result and limits; the laboratory's limits of normal, NaN where missing.
    baseline
        the value before treatment in the same unit, NaN where missing.
    laboratory, sex
        for the check that a laboratory has one pair of limits; empty where not known.
    """

    patient: Sequence[str]
    on: Sequence[date | None]
    analyte: Sequence[str]
    result: Sequence[str]
    unit: Sequence[str]
    lower: ArrayLike
    upper: ArrayLike
    baseline: ArrayLike | None = None
    laboratory: Sequence[str] | None = None
    sex: Sequence[str] | None = None

    def __post_init__(self) -> None:
        n = len(self.patient)
        for name in ("on", "analyte", "result", "unit", "lower", "upper", "baseline", "laboratory", "sex"):
            column = getattr(self, name)
            if column is not None and len(np.atleast_1d(np.asarray(column, dtype=object))) != n:
                raise ValueError(f"there are {n} patients and {len(column)} of {name}: each row needs both")


@dataclass(frozen=True)
class TwoSidedGrades:
    """Grades of a column of results in both directions; ``combined`` is negative for low, positive for high values."""

    low: Graded
    high: Graded
    combined: NDArray[np.int8]
    findings: tuple[Finding, ...]


def read_result(text: str) -> tuple[float, str]:
    """Return the number and the comparator of a result as reported.

    Raises
    ------
    ValueError
        if it is no number.

    Examples
    --------
    >>> read_result("<0.1"), read_result("1.8")
    ((0.1, '<'), (1.8, ''))
    """
    found = _RESULT.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no number: write 1.8, or <0.1 where it is below what can be measured")
    sign = {"≤": "<=", "≥": ">="}.get(found[1], found[1] or "")
    return float(found[2]), sign


def corrected_calcium(calcium: ArrayLike, albumin_g_l: ArrayLike, unit: str = "mmol/L") -> Floats:
    """Return the calcium corrected for albumin, in the unit it came in (mmol/L or mg/dL); CTCAE grades the corrected
    one.

    >>> corrected_calcium([2.0, 2.4], [30, 40]).round(2).tolist()
    [2.2, 2.4]

    Parameters
    ----------
    calcium
        total calcium, in ``unit``.
    albumin_g_l
        albumin [g/L], of the same shape.
    unit
        "mmol/L" or "mg/dL".
    """
    per_mmol = conversion_factor("CA", "mmol/L", unit)
    if per_mmol is None:
        raise ValueError(f"the unit is {unit!r}: it must be mmol/L or mg/dL")
    value, albumin = np.asarray(calcium, np.float64), np.asarray(albumin_g_l, np.float64)
    if (albumin[~np.isnan(albumin)] < 5).any():
        raise ValueError(f"an albumin of {np.nanmin(albumin):g} g/L is given: write it in g/L, not in g/dL")
    return np.asarray(value + 0.02 * (40 - albumin) * per_mmol)


def conflicting_limits(results: Results) -> NDArray[np.bool_]:
    """Return which results have limits in conflict: the laboratory has two pairs for the analyte, unit and sex that
    day.

    A lower limit above the upper one is in conflict with itself.
    """
    lower, upper = np.asarray(results.lower, np.float64), np.asarray(results.upper, np.float64)
    wrong: NDArray[np.bool_] = np.asarray(lower > upper, dtype=bool)
    if results.laboratory is None:
        return wrong
    sexes = results.sex or [""] * len(results.patient)
    seen: dict[tuple[object, ...], set[tuple[float, float]]] = {}
    keys = list(
        zip(results.laboratory, results.analyte, map(canonical_unit, results.unit), sexes, results.on, strict=True)
    )
    pairs = list(zip(np.nan_to_num(lower, nan=-1.0).tolist(), np.nan_to_num(upper, nan=-1.0).tolist(), strict=True))
    for key, pair in zip(keys, pairs, strict=True):
        if key[0] and pair != (-1.0, -1.0):
            seen.setdefault(key, set()).add(pair)
    return np.asarray(wrong | np.array([len(seen.get(key, ())) > 1 for key in keys], dtype=bool))


def grade(results: Results, version: Version = "5") -> TwoSidedGrades:
    """Grade results in both directions, and find what is wrong with each.

    A result that cannot be read, has a negative value, no unit where one is needed, a unit the analyte is not reported
    in, limits in conflict, or a limit or baseline missing that its grade depends on, is a finding and not graded. A
    result given as ``<`` or ``>`` is a finding, and graded only if its grade is certain.

    Examples
    --------
    >>> found = grade(Results(patient=["001", "002"], on=[date(2013, 5, 10)] * 2, analyte=["NEUT", "NEUT"],
    ...     result=["<0.1", "1.8"], unit=["10^9/L", ""], lower=[2.0, 2.0], upper=[7.0, 7.0]))
    >>> found.combined.tolist()
    [-4, -9]
    >>> print(found.findings[1])
    patient 002, 2013-05-10, NEUT: '1.8' has no unit; not gradable, because the unit is missing
    """
    n = len(results.patient)
    value, signs = np.full(n, np.nan), np.full(n, "", dtype=object)
    wrong: dict[int, list[str]] = {}
    for i, text in enumerate(results.result):
        if text is None or not text.strip():
            wrong.setdefault(i, []).append("has no result")
            continue
        try:
            value[i], signs[i] = read_result(text)
        except ValueError as error:
            wrong.setdefault(i, []).append(str(error))
            continue
        if value[i] < 0:
            wrong.setdefault(i, []).append(f"is {text}: it cannot be negative")
        if signs[i]:
            wrong.setdefault(i, []).append(f"is {text}: only a bound of the value is known")
    conflict = conflicting_limits(results)
    baseline = np.nan if results.baseline is None else results.baseline
    terms = [ctcae.terms_of(code, version) for code in results.analyte]
    graded = []
    for side in (0, 1):
        found = ctcae.grade(
            [pair[side] or "" for pair in terms],
            value,
            np.asarray(results.unit, dtype=object),
            version=version,
            lower=results.lower,
            upper=results.upper,
            baseline=baseline,
            comparator=signs,
        )
        marked = np.where(conflict, ctcae.CONFLICT, found.reason).astype(np.uint16)
        kept = np.where(conflict, np.int8(NONE), found.grade)
        graded.append(Graded(kept, found.may_be_higher & ~conflict, marked))
    low, high = graded
    has = np.array([(pair[0] is not None, pair[1] is not None) for pair in terms], dtype=bool).reshape(n, 2)
    combined = ctcae.combine(low.grade, high.grade, has[:, 0], has[:, 1])
    unsure = [has[:, side] & ((graded[side].grade == NONE) | graded[side].may_be_higher) for side in (0, 1)]
    for i in np.flatnonzero(unsure[0] | unsure[1] | conflict).tolist():
        _explain(
            results, int(i), wrong, int(low.reason[i] * has[i, 0]) | int(high.reason[i] * has[i, 1]), bool(conflict[i])
        )
    findings = [
        Finding(results.patient[i], results.on[i], results.analyte[i], "; ".join(wrong[i]), _outcome(low, high, has, i))
        for i in sorted(wrong)
    ]
    return TwoSidedGrades(low, high, combined, tuple(findings))


def _explain(results: Results, i: int, wrong: dict[int, list[str]], reason: int, conflict: bool) -> None:
    said = wrong.setdefault(i, [])
    text, unit, code = results.result[i], results.unit[i], results.analyte[i]
    if conflict:
        said.append(
            f"limits {np.asarray(results.lower)[i]:g} to {np.asarray(results.upper)[i]:g} {unit} are in conflict"
        )
    if reason & ctcae.NO_UNIT:
        said.append(f"{text!r} has no unit")
    if reason & ctcae.WRONG_UNIT:
        right = ", ".join(sorted(analytes()[code].units)) if code in analytes() else "none known"
        said.append(f"the unit {unit!r} is not one it is reported in ({right})")
    for bit, what in ((ctcae.NO_LLN, "lower limit"), (ctcae.NO_ULN, "upper limit"), (ctcae.NO_BASE, "baseline")):
        if reason & bit:
            said.append(f"{text!r} has no {what}")
    if reason & ctcae.CONTRADICTED:
        limits = f"{np.asarray(results.lower)[i]:g} to {np.asarray(results.upper)[i]:g}"
        said.append(f"{text} {unit} lies within its own limits {limits}, and would be graded all the same")
    if reason & ctcae.TOO_LOW:
        said.append(f"{text!r} is below what this version grades")


def _outcome(low: Graded, high: Graded, has: NDArray[np.bool_], i: int) -> str:
    """Say what became of a result with something wrong."""
    sides = [side for side, graded in ((low, has[i, 0]), (high, has[i, 1])) if graded]
    if not sides:
        return "not gradable, because the version grades no value of this analyte"
    best = max(int(side.grade[i]) for side in sides)
    open_sides = [side.why(i) for side in sides if side.grade[i] == NONE]
    if best > 0 or not open_sides:
        return ", ".join([f"graded {best}", *(side.why(i) for side in sides if side.may_be_higher[i])])
    return open_sides[0]
