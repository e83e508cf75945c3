"""RECIST 1.1: from lesions to the response at each assessment. The front door of tumour response.

Eisenhauer EA, Therasse P, Bogaerts J, et al. New response evaluation criteria in solid tumours: revised RECIST
guideline (version 1.1). Eur J Cancer 2009;45:228-247. Section numbers below are the guideline's.

A patient is a row, an assessment a column: column 0 is the baseline. Patients with fewer assessments have empty
columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.endpoints.best_response import Best, best_response
from posology.endpoints.lesions import ImagingMethod, Lesions, Role, Status, faults
from posology.endpoints.response import (
    ADMIRALONCO,
    MM_TOLERANCE,
    NEVER,
    RECIST_11,
    Reason,
    RecistRules,
    Response,
    overall,
)
from posology.shared.arrays import Bools, Floats, Ints

__all__ = [
    "ADMIRALONCO",
    "NEVER",
    "RECIST_11",
    "Assessments",
    "Best",
    "ImagingMethod",
    "Lesions",
    "Reason",
    "RecistRules",
    "Response",
    "Role",
    "Status",
    "assess",
    "best_response",
    "overall",
]

NODE_NORMAL_MM = 10.0  # section 3.1: a node below 10 mm short axis is normal
PD_SHARE, PD_MM = 0.20, 5.0  # section 4.3.1: both over the nadir
PR_SHARE = 0.30  # section 4.3.1: below the baseline


@dataclass(frozen=True)
class Assessments:
    """The response at each assessment: arrays (patients, assessments), column 0 the baseline.

    Parameters
    ----------
    day
        the day of the assessment: of its last measurement, or its first, by the rules; ``NEVER`` where there is none.
    sum_mm
        the sum of diameters; NaN where a target lesion is missing, or there is none.
    measured_mm
        the sum of what was measured, complete or not.
    nadir_mm
        the smallest complete sum before, the baseline's included.
    target, non_target, overall
        a :class:`Response`.
    new, new_lesions, new_mm
        whether there was a new lesion, how many, and the sum of those measured.
    non_target_increased
        whether a non-target lesion had grown since the last assessment.
    reason
        a :class:`Reason` where the overall response is NE.
    """

    day: Ints
    sum_mm: Floats
    measured_mm: Floats
    nadir_mm: Floats
    target: Ints
    non_target: Ints
    overall: Ints
    new: Bools
    new_lesions: Ints
    new_mm: Floats
    non_target_increased: Bools
    reason: Ints

    @property
    def change(self) -> Floats:
        """Change of the sum from the baseline [%], NaN where unknown."""
        return _percent(self.sum_mm, self.sum_mm[:, :1])

    @property
    def change_from_nadir(self) -> Floats:
        """Change of the sum from the nadir [%], NaN where unknown."""
        return _percent(self.sum_mm, self.nadir_mm)

    @property
    def has_target(self) -> Bools:
        """(patients,): whether the patient has target lesions, and so may have a PR or SD."""
        return ~np.isin(self.target[:, 0], (Response.ABSENT, Response.NONE))


def assess(
    lesions: Lesions,
    patients: int,
    assessments: int,
    rules: RecistRules = RECIST_11,
    *,
    marker_raised: Bools | None = None,
) -> Assessments:
    """Return the response at each assessment (sections 4.3.1 to 4.4.3, table 1 and table 2).

    Parameters
    ----------
    lesions
        all measurements. Rows that cannot be as they stand (:func:`posology.endpoints.lesions.faults`) are not used,
        and what they would have told is not evaluable.
    patients, assessments
        numbers of rows and columns of the result.
    rules
        the rules to follow.
    marker_raised
        (patients, assessments): where a tumour marker that was raised before has not come down to normal, so that the
        non-target lesions are not in complete response (section 4.3.3); None where markers play no part.

    Raises
    ------
    ValueError
        for a patient or an assessment beyond the numbers given.

    Examples
    --------
    >>> of = lambda *values: np.array(values)
    >>> result = assess(
    ...     Lesions(of(0, 0), of(0, 1), of(0, 0), of(0, 42), of(0, 0), of(0, 0), of(False, False), of(50.0, 35.0)), 1, 2
    ... )
    >>> Response(result.overall[0, 1]).name, float(result.change[0, 1])
    ('PR', -30.0)
    """
    shape = (patients, assessments)
    for name, limit in (("patient", patients), ("assessment", assessments)):
        if len(lesions.patient) and getattr(lesions, name).max() >= limit:
            raise ValueError(f"{name} {getattr(lesions, name).max()} is beyond the {limit} asked for")
    cell = lesions.patient * assessments + lesions.assessment
    cells = shape[0] * shape[1]

    def count(rows: Bools) -> Ints:
        return np.bincount(cell[rows], minlength=cells).reshape(shape)

    def add(rows: Bools, values: Floats) -> Floats:
        return np.asarray(np.bincount(cell[rows], values[rows], cells).reshape(shape), dtype=np.float64)

    found = faults(lesions)
    wrong = found.any
    held = np.bincount(cell, minlength=cells).reshape(shape) > 0
    day, disordered = _days(lesions.day, cell, shape, held, rules)
    begun = held[:, :1]
    target, other = lesions.role == Role.TARGET, lesions.role == Role.NON_TARGET
    new_row = lesions.role == Role.NEW
    bad_target = disordered | (count(wrong & ~other & ~new_row) > 0)
    bad_other = count(wrong & other) > 0
    bad_other = bad_other | bad_other[:, :1]

    # Target lesions (4.3.1): the fragments of a split lesion are added, a merged one counts in the other (4.3.2)
    size: Floats = np.select(
        [
            (lesions.status == Status.ABSENT) | (lesions.status == Status.MERGED),
            (lesions.status == Status.TOO_SMALL) & np.isnan(lesions.diameter_mm),
        ],
        [0.0, rules.too_small_mm],
        lesions.diameter_mm,
    )
    known: Bools = target & ~wrong & ~np.isnan(size) & (lesions.status != Status.NOT_EVALUABLE)
    whole = lesions.part <= 1
    expected = count(target & whole)[:, :1]
    complete = (count(known & whole) == expected) & (count(target & ~known) == 0) & ~bad_target
    measured = add(known, size)
    sums = np.where(held & complete & (expected > 0), measured, np.nan)
    baseline = sums[:, :1]
    nadir = _nadir(sums)
    left = count(known & np.where(lesions.nodal, size >= NODE_NORMAL_MM, size > 0))
    # Target lesions that were normal nodes all along are no disease: nothing can respond
    no_disease = np.broadcast_to((expected > 0) & begun & complete[:, :1] & (left[:, :1] == 0), shape)
    gone = (left == 0) & complete & held & (expected > 0) & ~no_disease

    # Non-target lesions (4.3.3)
    other &= ~wrong
    wanted = count(other & whole)[:, :1]
    worse = (count(other & (lesions.status == Status.PROGRESSION)) > 0) & ~disordered
    normal = (lesions.nodal & (lesions.diameter_mm < NODE_NORMAL_MM)) | (lesions.diameter_mm == 0)
    normal |= lesions.status == Status.ABSENT
    read = lesions.status != Status.NOT_EVALUABLE
    cleared = count(other & whole & normal) >= wanted
    unread = (wanted > count(other & whole & read)) | disordered | bad_other
    normal_before = np.broadcast_to(begun & cleared[:, :1] & ~unread[:, :1], shape)
    without = np.broadcast_to(begun & (wanted == 0), shape) & ~unread

    # New lesions (4.3.5)
    doubtful = found.size | found.contradictory | found.unknown | found.new_at_baseline
    there = ~np.isin(lesions.status, [Status.ABSENT, Status.NOT_EVALUABLE]) & (lesions.diameter_mm != 0)
    seen = new_row & there & ~doubtful
    new = (count(seen) > 0) & ~disordered
    bad_new = count(new_row & doubtful) > 0  # at the baseline itself it plays no part
    bad_new[:, :1] = False
    seen &= ~found.duplicate
    new_mm = add(seen, np.nan_to_num(size))

    # Whatever reappears after all was gone is progression; a node from 10 mm on, a non-target node if it says so
    all_gone = (
        np.where(expected > 0, gone, held & begun)
        & ((without & (expected > 0)) | (cleared & ~unread & (wanted > 0)))
        & ~new
    )
    had_cr = _seen_before(all_gone) & ~disordered & (rules.disease_after_cr != "recoded")
    grown = (
        (measured - nadir >= PD_SHARE * nadir - MM_TOLERANCE) & (measured - nadir >= PD_MM - MM_TOLERANCE) & ~disordered
    )
    on_target = np.select(
        [
            ~held,
            grown | (had_cr & (left > 0)),
            bad_target | no_disease,
            np.broadcast_to(begun & (expected == 0), shape),
            ~complete | np.isnan(baseline),
            gone,
            measured <= (1 - PR_SHARE) * baseline + MM_TOLERANCE,
        ],
        [Response.ABSENT, Response.PD, Response.NE, Response.NONE, Response.NE, Response.CR, Response.PR],
        Response.SD,
    )
    if rules.pr_continues:
        had_pr = _seen_before((on_target == Response.PR) & (np.arange(assessments) > 0))
        on_target = np.where(had_pr & (on_target == Response.SD), Response.PR, on_target)
    worse |= had_cr & (count(other & ~lesions.nodal & ~normal & read) > 0)
    on_other = np.select(
        [~held, without, worse, unread, cleared & normal_before, cleared],
        [Response.ABSENT, Response.NONE, Response.PD, Response.NE, Response.NONE, Response.CR],
        Response.NON_CR_NON_PD,
    )
    if marker_raised is not None:
        clear = (on_other == Response.CR) | ((on_other == Response.NONE) & (on_target == Response.CR))
        on_other = np.where(marker_raised & clear, Response.NON_CR_NON_PD, on_other)

    total = overall(on_target, on_other, new)
    total = np.where(held & (~begun | (bad_new & (total != Response.PD))), Response.NE, total)
    bad = bad_target | bad_new | (bad_other & (on_target != Response.NE))
    reason = np.select(
        [
            total != Response.NE,
            ~begun & held,
            bad,
            np.broadcast_to((expected == 0) & (wanted == 0), shape) | no_disease,
            np.broadcast_to((expected > 0) & np.isnan(baseline), shape),
            on_target == Response.NE,
        ],
        [
            Reason.NONE,
            Reason.NO_BASELINE,
            Reason.BAD_DATA,
            Reason.NO_LESIONS,
            Reason.BASELINE_UNMEASURED,
            Reason.TARGET_MISSING,
        ],
        Reason.OTHER_MISSING,
    )
    return Assessments(
        day=day,
        sum_mm=sums,
        measured_mm=np.where(held, measured, np.nan),
        nadir_mm=nadir,
        target=on_target,
        non_target=on_other,
        overall=total,
        new=new,
        new_lesions=count(seen & whole),
        new_mm=new_mm,
        non_target_increased=count(other & (lesions.status == Status.INCREASED)) > 0,
        reason=reason,
    )


def _days(days: Ints, cell: Ints, shape: tuple[int, int], held: Bools, rules: RecistRules) -> tuple[Ints, Bools]:
    """Return the day of each assessment, and which of them lie before an earlier one."""
    first = np.full(shape[0] * shape[1], np.iinfo(np.int64).max)
    last = np.full(shape[0] * shape[1], np.iinfo(np.int64).min)
    np.minimum.at(first, cell, days)
    np.maximum.at(last, cell, days)
    before = np.maximum.accumulate(last.reshape(shape), axis=1)
    disordered = np.zeros(shape, dtype=bool)
    disordered[:, 1:] = held[:, 1:] & (last.reshape(shape)[:, 1:] < before[:, :-1])
    day = (first if rules.dated == "first" else last).reshape(shape)
    return np.where(held, day, NEVER), disordered


def _nadir(sums: Floats) -> Floats:
    """Return the smallest known sum before each assessment, the baseline's for the first."""
    filled = np.where(np.isnan(sums), np.inf, sums)
    lowest = np.minimum.accumulate(filled, axis=1)
    before = np.concatenate([lowest[:, :1], lowest[:, :-1]], axis=1)
    return np.where(np.isfinite(before), before, np.nan)


def _seen_before(what: Bools) -> Bools:
    """Return where ``what`` was true at an earlier assessment."""
    ever = np.logical_or.accumulate(what, axis=1)
    return np.concatenate([np.zeros((len(what), 1), dtype=bool), ever[:, :-1]], axis=1)


def _percent(value: Floats, base: Floats) -> Floats:
    safe = np.where(base > 0, base, np.nan)
    return np.asarray(100 * (value - safe) / safe)
