"""Target expression by immunohistochemistry: what shares of cells at intensities 0, 1+, 2+ and 3+ amount to.

H-score: McCarty KS et al., Arch Pathol Lab Med 1985;109:716: 1 x %1+ + 2 x %2+ + 3 x %3+, 0 to 300. PS2+ is the share
of cells at 2+ or 3+; its categories (high from 75, medium from 50, low from 25) and the older score of highest
intensity with its pattern (homogeneous above 75 %, heterogeneous from 25 %) are those of folate receptor alpha: Moore
KN et al., Cancer 2017;123:3080, and the label of mirvetuximab soravtansine.

Shares are arrays (specimens, 4) in percent, NaN where not scored. A function of shares that cannot be (negative, or not
100 together) raises; :func:`check_scores` says first which they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from posology.shared.arrays import ArrayLike, Bools, Floats
from posology.shared.findings import Finding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.str_]

ROUNDING = 1.0
"""How far four rounded shares may be from 100 together [%]."""
PATTERN_FROM, HOMOGENEOUS_ABOVE = 25.0, 75.0
CATEGORIES = ((75.0, "high"), (50.0, "medium"), (25.0, "low"), (0.0, "negative"))
"""From which PS2+ [%] each category holds."""


def check_scores(
    shares: ArrayLike, patients: Sequence[str], on: Sequence[date | None], field: str = "cells"
) -> tuple[Bools, tuple[Finding, ...]]:
    """Return which rows of shares can be used, and a finding for each that cannot.

    Parameters
    ----------
    shares
        (rows, 4): share of cells of each intensity, 0 to 3 [%].
    patients, on
        (rows,): who was scored, and when; None: not known.
    field
        how findings call the shares.

    Examples
    --------
    >>> good, found = check_scores([[10, 20, 30, 40], [10, 20, 30, 30]], ["001", "002"], [None, date(2013, 5, 10)])
    >>> good.tolist(), str(found[0])
    ([True, False], 'patient 002, 2013-05-10, cells: are 10, 20, 30, 30 %, 90 % together; they must be 100 % together')
    """
    table = _table(shares)
    if not len(table) == len(patients) == len(on):
        raise ValueError(f"there are {len(table)} rows of shares, {len(patients)} patients and {len(on)} dates")
    missing: Bools = np.asarray(np.isnan(table).any(axis=1))
    outside: Bools = np.asarray(((table < 0) | (table > 100)).any(axis=1))
    total = table.sum(axis=1)
    off: Bools = np.asarray(~missing & (np.abs(total - 100) > ROUNDING + 1e-9))
    findings = []
    for i in np.flatnonzero(missing | outside | off).tolist():
        said = ", ".join("missing" if np.isnan(share) else f"{share:g}" for share in table[i])
        if missing[i] and np.isnan(table[i]).all():
            continue  # nothing was scored
        if outside[i]:
            wrong, right = f"are {said} %", "a share lies between 0 and 100 %"
        elif missing[i]:
            wrong, right = f"are {said}", "give the share at each of 0, 1+, 2+ and 3+"
        else:
            wrong, right = f"are {said} %, {total[i]:g} % together", "they must be 100 % together"
        findings.append(Finding(patients[i], on[i], field, wrong, right))
    return ~(missing | outside | off), tuple(findings)


def h_score(shares: ArrayLike) -> Floats:
    """Return the H-score, 0 to 300.

    >>> h_score([10, 20, 30, 40]).tolist()
    [200.0]
    """
    return np.asarray(_checked(shares) @ np.array([0.0, 1.0, 2.0, 3.0]))


def ps2_plus(shares: ArrayLike) -> Floats:
    """Return the share of cells at 2+ or 3+ [%].

    >>> ps2_plus([10, 20, 30, 40]).tolist()
    [70.0]
    """
    return np.asarray(_checked(shares)[:, 2:].sum(axis=1))


def category(percent_2plus: ArrayLike) -> Words:
    """Return the category of a PS2+ [%]: high, medium, low or negative; empty where it is NaN.

    >>> category([75, 74.9, 50, 25, 24.9]).tolist()
    ['high', 'medium', 'medium', 'low', 'negative']
    """
    share = np.atleast_1d(np.asarray(percent_2plus, dtype=np.float64))
    if ((share < 0) | (share > 100)).any():
        raise ValueError(f"PS2+ is {share[(share < 0) | (share > 100)][0]:g} %: it must lie between 0 and 100")
    return np.select([share >= low - 1e-9 for low, _ in CATEGORIES], [name for _, name in CATEGORIES], default="")


def highest_intensity(shares: ArrayLike, minimum_percent: float = 0.0) -> NDArray[np.int64]:
    """Return the highest intensity that any cells have, or at least ``minimum_percent`` of cells have or exceed.

    >>> highest_intensity([[10, 20, 60, 10], [100, 0, 0, 0]]).tolist(), highest_intensity([10, 20, 60, 10], 25).tolist()
    ([3, 0], [2])
    """
    table = _checked(shares)
    or_more = table[:, ::-1].cumsum(axis=1)[:, ::-1]
    reached = (or_more > 0) & (or_more >= minimum_percent - 1e-9)
    scored = ~np.isnan(table).any(axis=1)
    return np.where(scored, np.where(reached[:, 1:], [1, 2, 3], 0).max(axis=1), -1)


def pattern(shares: ArrayLike) -> Words:
    """Return the pattern of the highest intensity that 25 % of cells have or exceed: homogeneous if over 75 % do.

    Empty where fewer cells stain at all.

    >>> pattern([[0, 10, 10, 80], [10, 20, 30, 40], [60, 20, 10, 10], [90, 10, 0, 0]]).tolist()
    ['homogeneous', 'heterogeneous', 'heterogeneous', '']
    """
    table = _checked(shares)
    at = highest_intensity(table, PATTERN_FROM)
    or_more = np.take_along_axis(table[:, ::-1].cumsum(axis=1)[:, ::-1], np.maximum(at, 0)[:, None], axis=1)[:, 0]
    kinds = np.where(or_more > HOMOGENEOUS_ABOVE + 1e-9, "homogeneous", "heterogeneous")
    return np.where(at > 0, kinds, "")


def mixed_assays(patients: Sequence[str], assays: Sequence[str], on: Sequence[date | None]) -> tuple[Finding, ...]:
    """Return a finding for each patient scored by more than one assay or version of it: such scores do not compare.

    >>> print(mixed_assays(["001", "001"], ["Carrigan 2011", "FOLR1-2.1"], [date(2013, 1, 7), date(2013, 5, 10)])[0])
    patient 001, 2013-05-10, assay: is FOLR1-2.1, before it Carrigan 2011; compare scores of one assay and version only

    Parameters
    ----------
    patients, assays, on
        (rows,): who was scored, by which assay and version, and when.
    """
    if not len(patients) == len(assays) == len(on):
        raise ValueError(f"there are {len(patients)} patients, {len(assays)} assays and {len(on)} dates")
    first: dict[str, str] = {}
    findings = []
    for i in sorted(range(len(patients)), key=lambda i: (patients[i], on[i] or date.min)):
        known = first.setdefault(patients[i], assays[i])
        if known != assays[i]:
            wrong = f"is {assays[i]}, before it {known}"
            findings.append(Finding(patients[i], on[i], "assay", wrong, "compare scores of one assay and version only"))
    return tuple(findings)


@dataclass(frozen=True)
class FunnelRow:
    """One tumour type of a prescreening funnel: patients left after each stage, and of those before it how many [%]."""

    tumour_type: str
    left: tuple[int, ...]
    percent: tuple[float | None, ...]


def funnel(tumour_type: Sequence[str], stages: Mapping[str, ArrayLike]) -> tuple[FunnelRow, ...]:
    """Return the prescreening funnel by tumour type, most frequent first, with all types together as the last row.

    Parameters
    ----------
    tumour_type
        of each patient prescreened.
    stages
        by name, in order, whether each patient passes; a patient is left only if every stage so far was passed.

    Examples
    --------
    >>> rows = funnel(["ovarian", "ovarian", "NSCLC"], {"scored": [1, 1, 1], "positive": [1, 0, 0], "enrolled": [1, 0, 0]})
    >>> [(row.tumour_type, row.left) for row in rows]
    [('ovarian', (2, 2, 1, 1)), ('NSCLC', (1, 1, 0, 0)), ('all', (3, 3, 1, 1))]
    """
    types = np.asarray(tumour_type, dtype=object)
    passed = np.ones((len(types), 1 + len(stages)), dtype=bool)
    for column, (name, values) in enumerate(stages.items(), start=1):
        stage = np.asarray(values, dtype=bool)
        if stage.shape != types.shape:
            raise ValueError(f"stage {name!r} has {stage.size} values for {len(types)} patients")
        passed[:, column] = passed[:, column - 1] & stage
    names = sorted(set(types.tolist()), key=lambda name: (-int((types == name).sum()), name))
    rows = []
    for name in [*names, "all"]:
        left = tuple(int(n) for n in passed[(types == name) if name != "all" else slice(None)].sum(axis=0))
        share = (None if not left[i - 1] else 100 * left[i] / left[i - 1] for i in range(1, len(left)))
        rows.append(FunnelRow(name, left, (None, *share)))
    return tuple(rows)


def _table(shares: ArrayLike) -> Floats:
    table = np.atleast_2d(np.asarray(shares, dtype=np.float64))
    if table.shape[1] != 4:
        raise ValueError(f"there are {table.shape[1]} shares in a row: give those at 0, 1+, 2+ and 3+")
    return table


def _checked(shares: ArrayLike) -> Floats:
    """Return the shares, those of a row not scored NaN throughout."""
    table = _table(shares)
    table = np.where(np.isnan(table).any(axis=1, keepdims=True), np.nan, table)
    _, wrong = check_scores(table, [""] * len(table), [None] * len(table))
    if wrong:
        raise ValueError(f"shares of cells {wrong[0].wrong}; {wrong[0].right}")
    return table
