"""Laboratory grading by the Common Terminology Criteria for Adverse Events (CTCAE) 4.03, 5.0 and 6.0.

Source: National Cancer Institute, CTCAE v4.03 (14 June 2010), v5.0 (27 November 2017) and v6.0 (2025). The thresholds
are data, in ``ctcae.csv`` beside this file: a row holds one term in one unit, a cell the test of a grade. A test
compares the value with a number, with multiples of the limits of normal (``LLN``, ``ULN``) or of the baseline
(``BASE``), or its change from baseline in percent with a number (``PCHG``); ``normal`` and ``abnormal`` say what the
baseline was, ``|`` is or, ``&`` is and.

A test is true, false or, where a limit or the baseline is missing, not known. The grade is the highest whose test is
true; it is 0 only if every test is false. What criteria say beyond the value (symptoms, anticoagulation) may be given;
where it is not, the worse grade is taken. Grade 5 and consequences such as hospitalisation are no matter of a value.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from posology.endpoints.units import canonical_unit, conversion_factor
from posology.shared.arrays import ArrayLike, Bools, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


Version = Literal["4.03", "5", "6"]
Reading = Literal["published", "admiral"]
Units = Literal["reported", "SI", "conventional"]

NONE = -9
"""No grade: the value cannot be graded, or the version has no such term."""

RELATIVE_TOLERANCE = 1e-9  # relative: 8.0 g/dL is 80 g/L however it was converted

REASONS = (
    "there is no value",
    "the term has no grades by value in this version",
    "the unit is missing",
    "the unit is not one the analyte is reported in",
    "the lower limit of normal is missing",
    "the upper limit of normal is missing",
    "the baseline is missing",
    "the value is only known to lie below or above a number",
    "the limits of normal are in conflict",
    "this version does not grade a value so low",
    "the value is negative",
    "it lies within its own limits of normal: its unit or its limits are wrong",
)
"""Why a value is not graded; a reason's place is its bit in ``Graded.reason``."""
(
    NO_VALUE,
    NO_TERM,
    NO_UNIT,
    WRONG_UNIT,
    NO_LLN,
    NO_ULN,
    NO_BASE,
    CENSORED,
    CONFLICT,
    TOO_LOW,
    NEGATIVE,
    CONTRADICTED,
) = (1 << i for i in range(len(REASONS)))


class Comparison(NamedTuple):
    """One comparison (``operator``, ``number``, ``operand``), or a condition on the patient (``operand`` alone)."""

    operator: str
    number: float
    operand: str
    over: bool = False


@dataclass(frozen=True)
class Criteria:
    """The tests of grades 1 to 4 of a term, in one unit; each test is alternatives of what must all hold."""

    term: str
    direction: Literal["low", "high"]
    analytes: tuple[str, ...]
    unit: str
    grades: tuple[tuple[tuple[Comparison, ...], ...], ...]
    not_gradable: tuple[tuple[Comparison, ...], ...]


@dataclass(frozen=True)
class Graded:
    """The grades of a column of values.

    Parameters
    ----------
    grade
        (n,) 0 to 4, ``NONE`` where the value cannot be graded.
    may_be_higher
        (n,) whether the grade may be higher, a limit or the baseline being missing.
    reason
        (n,) bits of ``REASONS``: why it is not graded, or may be higher.
    """

    grade: NDArray[np.int8]
    may_be_higher: Bools
    reason: NDArray[np.uint16]

    def why(self, i: int) -> str:
        """Say why value number ``i`` is not graded, or may have a higher grade."""
        if self.grade[i] != NONE and not self.may_be_higher[i]:
            return ""
        causes = " and ".join(text for bit, text in enumerate(REASONS) if int(self.reason[i]) >> bit & 1)
        return f"not gradable, because {causes}" if self.grade[i] == NONE else f"may be higher, because {causes}"


_TEST = re.compile(r"(<=|>=|<|>)\s*(-?[\d.]+)?\s*(over)?\s*(LLN|ULN|BASE|REF|PCHG)?")
_CONDITIONS = ("normal", "abnormal", "low", "not low", "symptomatic", "anticoagulated")


def _parsed(cell: str) -> tuple[tuple[Comparison, ...], ...]:
    alternatives = []
    for alternative in filter(None, (part.strip() for part in cell.split("|"))):
        tests = []
        for text in (part.strip() for part in alternative.split("&")):
            if text in _CONDITIONS:
                tests.append(Comparison("", 0.0, text))
                continue
            found = _TEST.fullmatch(text)
            if found is None:
                raise ValueError(f"ctcae.csv: {text!r} is no test")
            number = float(found[2]) if found[2] else 1.0
            tests.append(Comparison(found[1], number, found[4] or "", bool(found[3])))
        alternatives.append(tuple(tests))
    return tuple(alternatives)


@cache
def graded_analytes() -> frozenset[str]:
    """Return the codes of the tests that a version of CTCAE grades.

    >>> {"ALT", "CREATCLR"} <= graded_analytes()
    True
    """
    text = files("posology.endpoints").joinpath("ctcae.csv").read_text(encoding="utf-8")
    return frozenset(code for row in csv.DictReader(text.splitlines()) for code in row["analytes"].split())


@cache
def criteria(version: Version, reading: Reading = "published") -> dict[str, tuple[Criteria, ...]]:
    """Return the criteria of a version by term (in lower case), one for each unit they are published in.

    Raises
    ------
    ValueError
        if the version is not known.

    Examples
    --------
    >>> [c.unit for c in criteria("5")["cholesterol high"]]
    ['mmol/L', 'mg/dL']
    """
    if version not in ("4.03", "5", "6"):
        raise ValueError(f"the version is {version!r}: it must be 4.03, 5 or 6")
    text = files("posology.endpoints").joinpath("ctcae.csv").read_text(encoding="utf-8")
    table: dict[str, dict[str, Criteria]] = {}
    for row in csv.DictReader(text.splitlines()):
        if version not in row["versions"].split() or row["reading"] not in ("", reading):
            continue
        low_or_high: Literal["low", "high"] = "low" if row["direction"] == "low" else "high"
        made = Criteria(
            row["term"],
            low_or_high,
            tuple(row["analytes"].split()),
            row["unit"],
            tuple(_parsed(row[f"grade_{g}"]) for g in (1, 2, 3, 4)),
            _parsed(row["not_gradable"]),
        )
        table.setdefault(row["term"].casefold(), {})[row["unit"]] = (
            made  # a row of the reading replaces the published one
        )
    return {term: tuple(by_unit.values()) for term, by_unit in table.items()}


@cache
def terms_of(analyte: str, version: Version = "5") -> tuple[str | None, str | None]:
    """Return the terms that grade an analyte's low and high values.

    >>> terms_of("K"), terms_of("PLAT", "6")
    (('Hypokalemia', 'Hyperkalemia'), ('Thrombocytopenia', None))
    """
    found: dict[str, str] = {}
    for rows in criteria(version).values():
        if analyte in rows[0].analytes:
            found[rows[0].direction] = rows[0].term
    return found.get("low"), found.get("high")


def grade(  # noqa: PLR0913 (each an option of the method)
    term: ArrayLike,
    value: ArrayLike,
    unit: ArrayLike = "",
    *,
    version: Version = "5",
    lower: ArrayLike = np.nan,
    upper: ArrayLike = np.nan,
    baseline: ArrayLike = np.nan,
    baseline_range: ArrayLike = "",
    comparator: ArrayLike = "",
    symptomatic: ArrayLike = True,
    anticoagulated: ArrayLike = True,
    units: Units = "reported",
    reading: Reading = "published",
) -> Graded:
    """Grade laboratory values by the term of each; all arrays are broadcast to one length.

    Parameters
    ----------
    term
        the CTCAE term, in upper or lower case.
    value
        NaN where there is none.
    unit
        of the value, its limits and the baseline; needed only where the criteria compare with a number that has a unit.
    version
        of CTCAE.
    lower, upper
        the laboratory's limits of normal (LLN, ULN), NaN where missing.
    baseline
        the value before treatment, NaN where missing.
    baseline_range
        ``low``, ``normal`` or ``high`` as the laboratory has it; empty: by the baseline and the limits.
    comparator
        ``<``, ``<=``, ``>`` or ``>=`` for a value below or above what can be measured: graded if the grade is certain.
    symptomatic, anticoagulated
        whether the patient has symptoms or consequences of it; whether the patient is on anticoagulation.
    units
        ``reported``: a value is compared in the unit of its report where the criteria are published in it (mmol/L and
        mg/dL differ by rounding). ``SI``, ``conventional``: every value is converted to that one unit first.
    reading
        ``published``: a bound written without ``>`` or ``<`` is part of the grade. ``admiral``: as the R package
        admiral reads GGT, triglycerides and a baseline that is not known (it takes it for normal).

    Examples
    --------
    >>> found = grade("Neutrophil count decreased", [0.4, 1.2, 1.8, 2.5], "10^9/L", lower=[2, 2, 2, np.nan])
    >>> found.grade.tolist(), found.why(3)
    ([4, 2, 1, -9], 'not gradable, because the lower limit of normal is missing')
    """
    columns = np.broadcast_arrays(
        np.asarray(term, dtype=object),
        np.asarray(value, dtype=np.float64),
        np.asarray(unit, dtype=object),
        np.asarray(lower, dtype=np.float64),
        np.asarray(upper, dtype=np.float64),
        np.asarray(baseline, dtype=np.float64),
        np.asarray(baseline_range, dtype=object),
        np.asarray(comparator, dtype=object),
        np.asarray(symptomatic, dtype=bool),
        np.asarray(anticoagulated, dtype=bool),
    )
    terms, values, unit_column, low, high, base, ranges, signs, ill, thin = (np.atleast_1d(c) for c in columns)
    told = _category_codes(ranges, ("", "low", "normal", "high"), "baseline_range")
    sign = _category_codes(signs, ("", "<", "<=", ">", ">="), "comparator")
    known = criteria(version, reading)
    n = len(values)
    out = Graded(np.full(n, NONE, np.int8), np.zeros(n, bool), np.zeros(n, np.uint16))
    for (name, of), rows in _groups(terms, unit_column):
        published = known.get(str(name).strip().casefold()) if name else None
        if published is None:
            out.reason[rows] = NO_TERM
            continue
        chosen, times, fault = _in_unit(published, str(of or ""), units)
        if fault:
            out.reason[rows] = fault
            continue
        here = _Values(
            values[rows] * times,
            low[rows] * times,
            high[rows] * times,
            base[rows] * times,
            told[rows],
            sign[rows],
            ill[rows],
            thin[rows],
            reading,
        )
        out.grade[rows], out.may_be_higher[rows], out.reason[rows] = _grade(chosen, here)
    return out


def combine(
    low: ArrayLike, high: ArrayLike, low_graded: ArrayLike = True, high_graded: ArrayLike = True
) -> NDArray[np.int8]:
    """Combine the grades of both directions: negative for low, positive for high, 0 for neither.

    Parameters
    ----------
    low, high
        grades 0 to 4, ``NONE`` where not gradable.
    low_graded, high_graded
        whether the analyte is graded in that direction at all: where it is, 0 needs both to be 0.

    Examples
    --------
    >>> combine([3, 0, 0, NONE], [NONE, 2, NONE, NONE]).tolist()
    [-3, 2, -9, -9]
    """
    down, up = np.asarray(low, np.int8), np.asarray(high, np.int8)
    neither = ((down == 0) | ~np.asarray(low_graded, bool)) & ((up == 0) | ~np.asarray(high_graded, bool))
    some = np.asarray(low_graded, bool) | np.asarray(high_graded, bool)
    worse = np.where((up > 0) & (up >= down), up, np.where(down > 0, -down, NONE))
    return np.asarray(np.where(neither & some, 0, worse), dtype=np.int8)


# How a test is decided ------------------------------------------------------------------------------------------------


class _Values(NamedTuple):
    """The values of one term in the unit of its criteria, with what they are compared with."""

    value: Floats
    lower: Floats
    upper: Floats
    base: Floats
    told: NDArray[np.int8]  # 0 not told, 1 low, 2 normal, 3 high
    sign: NDArray[np.int8]  # 0 none, 1 <, 2 <=, 3 >, 4 >=
    symptomatic: Bools
    anticoagulated: Bools
    reading: str


def _grade(chosen: Criteria, v: _Values) -> tuple[NDArray[np.int8], Bools, NDArray[np.uint16]]:
    n = len(v.value)
    best = np.zeros(n, np.int8)
    open_ = np.zeros(n, bool)  # some test above the best one is not known
    contradicted = np.zeros(n, bool)
    for g in (4, 3, 2, 1):
        if chosen.grades[g - 1]:
            true, false = _any_alternative(chosen.grades[g - 1], v)
            contradicted |= (best == 0) & true & _within_limits(chosen, g, v)
            best = np.where((best == 0) & true, np.int8(g), best)
            open_ |= (best == 0) & ~true & ~false
    cannot = np.isnan(v.value) | (v.value < 0)
    reason = np.where(np.isnan(v.value), NO_VALUE, np.where(v.value < 0, NEGATIVE, 0)).astype(np.uint16)
    if chosen.not_gradable:
        below = _any_alternative(chosen.not_gradable, v)[0]
        cannot |= below
        reason |= np.where(below, TOO_LOW, 0).astype(np.uint16)
    cannot |= contradicted
    reason |= np.where(contradicted, CONTRADICTED, 0).astype(np.uint16)
    unknown = open_ & ~cannot
    if unknown.any():
        operands = {t.operand for grade in chosen.grades for alternative in grade for t in alternative}
        for names, array, bit in (
            (("LLN",), v.lower, NO_LLN),
            (("ULN", "REF"), v.upper, NO_ULN),
            (("BASE", "PCHG"), v.base, NO_BASE),
        ):
            if operands & set(names):
                reason |= np.where(unknown & np.isnan(array), bit, 0).astype(np.uint16)
        reason |= np.where(unknown & (v.sign > 0), CENSORED, 0).astype(np.uint16)
    nothing = cannot | (unknown & ((best == 0) | (v.sign > 0)))
    return np.where(nothing, np.int8(NONE), best), unknown & (best > 0) & ~nothing, reason


def _within_limits(chosen: Criteria, g: int, v: _Values) -> Bools:
    """Return where a grade by numbers alone contradicts the laboratory, whose own limits the value lies within.

    14 "g/L" of hemoglobin with limits 12 to 16 is 14 g/dL: nothing within normal limits is of grade 3 or more. Grades 1
    and 2 may be, where a laboratory has wide limits (glucose of 2.9 mmol/L).
    """
    by_limits = tuple(a for a in chosen.grades[g - 1] if any(test.operand or not test.operator for test in a))
    if v.reading == "admiral" or g < 3:
        return np.zeros(len(v.value), bool)
    slack = RELATIVE_TOLERANCE * np.abs(v.value)
    inside = (v.sign == 0) & (v.value >= v.lower - slack) & (v.value <= v.upper + slack)
    return np.asarray(inside & ~_any_alternative(by_limits, v)[0])


def _any_alternative(alternatives: tuple[tuple[Comparison, ...], ...], v: _Values) -> tuple[Bools, Bools]:
    """Return where one of the alternatives is true, and where all are false."""
    true, false = np.zeros(len(v.value), bool), np.ones(len(v.value), bool)
    for tests in alternatives:
        decided = [_evaluate_test(test, v) for test in tests]
        true |= np.logical_and.reduce([t for t, _ in decided])
        false &= np.logical_or.reduce([f for _, f in decided])
    return true, false


def _evaluate_test(test: Comparison, v: _Values) -> tuple[Bools, Bools]:
    """Return where a test is true and where it is false; neither where what it needs is missing."""
    if not test.operator:
        return _condition(test.operand, v)
    if test.operand == "PCHG":
        limit = v.base * (1 + test.number / 100)
    elif test.operand:
        against = {"LLN": v.lower, "ULN": v.upper, "BASE": v.base, "REF": np.fmax(v.upper, v.base)}[test.operand]
        if test.operand == "REF":
            against = np.where(np.isnan(v.upper), np.nan, against)
        limit = against + test.number if test.over else against * test.number
    else:
        limit = np.full(len(v.value), test.number)
    known = ~(np.isnan(v.value) | np.isnan(limit))
    near = RELATIVE_TOLERANCE * np.maximum(np.abs(v.value), np.abs(limit))
    below, above = v.value < limit - near, v.value > limit + near
    upward, strict = test.operator[0] == ">", len(test.operator) == 1
    holds = {(True, True): above, (True, False): ~below, (False, True): below, (False, False): ~above}[upward, strict]
    true, false = known & holds, known & ~holds
    if v.sign.any():
        # A value known to lie below x is below all that x is not above; nothing else is known of it.
        under, over = (v.sign == 1) | (v.sign == 2), v.sign >= 3
        open_end = (v.sign == 1) | (v.sign == 3)
        sure_below = known & under & np.where(open_end | (not strict if not upward else strict), ~above, below)
        sure_above = known & over & np.where(open_end | (not strict if upward else strict), ~below, above)
        true = np.where(v.sign == 0, true, sure_above if upward else sure_below)
        false = np.where(v.sign == 0, false, sure_below if upward else sure_above)
    return true, false


def _condition(name: str, v: _Values) -> tuple[Bools, Bools]:
    if name == "symptomatic":
        return v.symptomatic, ~v.symptomatic
    if name == "anticoagulated":
        return v.anticoagulated, ~v.anticoagulated
    by_limits = ~np.isnan(v.base)
    if name in ("normal", "abnormal"):
        high = np.where(v.told > 0, v.told == 3, by_limits & (v.base > v.upper * (1 + RELATIVE_TOLERANCE)))
        known = (v.told > 0) | (by_limits & ~np.isnan(v.upper)) | (v.reading == "admiral")
        return (high & known, ~high & known) if name == "abnormal" else (~high & known, high & known)
    low = np.where(v.told > 0, v.told == 1, by_limits & (v.base < v.lower * (1 - RELATIVE_TOLERANCE)))
    known = (v.told > 0) | (by_limits & ~np.isnan(v.lower)) | (v.reading == "admiral")
    return (low & known, ~low & known) if name == "low" else (~low & known, low & known)


def _in_unit(published: tuple[Criteria, ...], unit: str, units: Units) -> tuple[Criteria, float, int]:
    """Return the criteria to use for values in a unit, and what the values are multiplied by; or what is wrong."""
    first = published[0]
    if not first.unit:
        return first, 1.0, 0
    if not unit.strip():
        return first, 1.0, NO_UNIT
    order = list(published)
    if units == "conventional":
        order.sort(key=lambda c: c.unit != "mg/dL")  # SI stands first in the table
    elif units == "reported":
        order.sort(key=lambda c: not _decimal(first.analytes[0], unit, c.unit))
    times = conversion_factor(first.analytes[0], unit, order[0].unit)
    return (order[0], times, 0) if times is not None else (first, 1.0, WRONG_UNIT)


def _decimal(analyte: str, unit: str, to: str) -> bool:
    """Whether a unit differs from another by a power of ten."""
    times = conversion_factor(analyte, unit, to)
    return times is not None and (
        canonical_unit(unit) == canonical_unit(to) or abs(np.log10(times) - round(np.log10(times))) < 1e-12
    )


def _groups(
    terms: NDArray[np.object_], units: NDArray[np.object_]
) -> list[tuple[tuple[object, object], NDArray[np.intp]]]:
    """Return the rows of each pair of term and unit."""
    index: dict[tuple[object, object], int] = {}
    codes = np.fromiter(
        (index.setdefault(pair, len(index)) for pair in zip(terms.tolist(), units.tolist(), strict=True)),
        np.intp,
        len(terms),
    )
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(len(index) + 1))
    return [(pair, order[bounds[i] : bounds[i + 1]]) for pair, i in index.items()]


def _category_codes(column: NDArray[np.object_], names: tuple[str, ...], field: str) -> NDArray[np.int8]:
    """Return the number of each word in ``names``."""
    codes = np.zeros(len(column), np.int8)
    if len(column) and column.strides == (0,):  # one word for all
        column = column[:1]
    wanted = {name: i for i, name in enumerate(names)}
    for i, word in enumerate(column.tolist()):
        if word:
            if word not in wanted:
                raise ValueError(f"{field} is {word!r}: it must be {', '.join(names[1:])} or empty")
            codes[i : None if len(column) < len(codes) else i + 1] = wanted[word]
    return codes
