"""RECIST 1.1: from lesions to the response at each assessment, and to the best overall response.

Eisenhauer EA, Therasse P, Bogaerts J, et al. New response evaluation criteria in solid tumours: revised RECIST guideline
(version 1.1). Eur J Cancer 2009;45:228-247. Section numbers below are the guideline's.

A patient is a row, an assessment a column: column 0 is the baseline. Patients with fewer assessments have empty columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NODE_NORMAL_MM = 10.0  # section 3.1: a node below 10 mm short axis is normal
TOO_SMALL_MM = 5.0  # section 4.3.1: too small to measure counts 5 mm
SMALL = 1e-9
NEVER = -1


class Response(IntEnum):
    """A response: of the target lesions, of the others, or overall. ABSENT: no assessment; NONE: no such lesions."""

    ABSENT = 0
    NONE = 1
    NE = 2
    PD = 3
    SD = 4
    NON_CR_NON_PD = 5
    PR = 6
    CR = 7

    @property
    def text(self) -> str:
        """The response as it is written."""
        return {"NON_CR_NON_PD": "non-CR/non-PD"}.get(self.name, self.name)


class Role(IntEnum):
    """What a lesion is to the criteria."""

    TARGET = 0
    NON_TARGET = 1
    NEW = 2


class Status(IntEnum):
    """How a lesion was found, where no diameter says it."""

    MEASURED = 0
    PRESENT = 1
    ABSENT = 2
    PROGRESSION = 3
    TOO_SMALL = 4
    NOT_EVALUABLE = 5


@dataclass(frozen=True)
class Lesions:
    """Measurements, one row each, in any order.

    Parameters
    ----------
    patient, assessment, lesion
        (rows,): which patient, which assessment (0 is the baseline), which lesion of the patient; counted from 0.
    day
        (rows,): the day of the assessment, any count of days.
    role, status
        (rows,): a :class:`Role` and a :class:`Status`.
    nodal
        (rows,): whether it is a lymph node, measured on its short axis.
    diameter_mm
        (rows,): longest diameter, short axis of a node [mm]; NaN where not measured.
    """

    patient: Ints
    assessment: Ints
    lesion: Ints
    day: Ints
    role: Ints
    status: Ints
    nodal: Bools
    diameter_mm: Floats

    def __post_init__(self) -> None:
        sizes = {name: np.shape(array) for name, array in vars(self).items()}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"every column needs the same length: {sizes}")
        if (self.diameter_mm < 0).any():
            row = int(np.argmax(self.diameter_mm < 0))
            raise ValueError(f"diameter_mm is {self.diameter_mm[row]:g} in row {row}: a diameter cannot be negative")


@dataclass(frozen=True)
class Assessments:
    """The response at each assessment: arrays (patients, assessments), column 0 the baseline.

    ``day`` is the last day of the assessment's measurements; ``sum_mm`` the sum of diameters, NaN where a lesion is
    missing; ``nadir_mm`` the smallest sum before, the baseline's included; ``target``, ``non_target`` and ``overall``
    hold a :class:`Response`.
    """

    day: Ints
    sum_mm: Floats
    nadir_mm: Floats
    target: Ints
    non_target: Ints
    new: Bools
    overall: Ints

    @property
    def change(self) -> Floats:
        """Change of the sum from the baseline [%], NaN where unknown."""
        return _percent(self.sum_mm, self.sum_mm[:, :1])

    @property
    def change_from_nadir(self) -> Floats:
        """Change of the sum from the nadir [%], NaN where unknown."""
        return _percent(self.sum_mm, self.nadir_mm)


def assess(lesions: Lesions, patients: int, assessments: int) -> Assessments:
    """Return the response at each assessment (sections 4.3.1 to 4.4.3, table 1 and table 2).

    Parameters
    ----------
    lesions
        all measurements.
    patients, assessments
        numbers of rows and columns of the result.

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
    cell = lesions.patient * assessments + lesions.assessment
    count = lambda rows, weights=None: np.bincount(
        cell[rows], None if weights is None else weights[rows], shape[0] * shape[1]
    ).reshape(shape)

    day = np.full(shape[0] * shape[1], NEVER)
    np.maximum.at(day, cell, lesions.day)
    day = day.reshape(shape)
    held = count(np.ones(len(cell), dtype=bool)) > 0

    # Target lesions (4.3.1)
    target = lesions.role == Role.TARGET
    size = np.select(
        [lesions.status == Status.ABSENT, (lesions.status == Status.TOO_SMALL) & np.isnan(lesions.diameter_mm)],
        [0.0, TOO_SMALL_MM], lesions.diameter_mm,
    )  # fmt: skip
    known = target & ~np.isnan(size) & (lesions.status != Status.NOT_EVALUABLE)
    expected = count(target)[:, :1]
    missing = expected - count(known)
    measured = count(known, np.nan_to_num(size))
    sums = np.where(held & (missing == 0) & (expected > 0), measured, np.nan)
    baseline = sums[:, :1]
    nadir = _nadir(sums)
    left = count(known & np.where(lesions.nodal, size >= NODE_NORMAL_MM, size > 0))
    gone = (left == 0) & (missing == 0)
    back = _seen_before(gone & held) & (count(known & ~lesions.nodal & (size > 0)) > 0)
    grown = (measured - nadir >= 0.2 * nadir - SMALL) & (measured - nadir >= 5 - SMALL)
    on_target = np.select(
        [~held, np.broadcast_to(expected == 0, shape), grown | back, missing > 0, gone, measured <= 0.7 * baseline + SMALL],
        [Response.ABSENT, Response.NONE, Response.PD, Response.NE, Response.CR, Response.PR], Response.SD,
    )  # fmt: skip

    # Non-target lesions (4.3.3)
    other = lesions.role == Role.NON_TARGET
    wanted = count(other)[:, :1]
    worse = count(other & (lesions.status == Status.PROGRESSION)) > 0
    node_normal = lesions.nodal & (lesions.diameter_mm < NODE_NORMAL_MM)
    cleared = count(other & ((lesions.status == Status.ABSENT) | node_normal))
    unread = wanted - count(other & (lesions.status != Status.NOT_EVALUABLE)) > 0
    on_other = np.select(
        [~held, np.broadcast_to(wanted == 0, shape), worse, unread, cleared >= wanted],
        [Response.ABSENT, Response.NONE, Response.PD, Response.NE, Response.CR], Response.NON_CR_NON_PD,
    )  # fmt: skip
    new = count((lesions.role == Role.NEW) & ~np.isin(lesions.status, [Status.ABSENT, Status.NOT_EVALUABLE])) > 0
    return Assessments(day, sums, nadir, on_target, on_other, new, overall(on_target, on_other, new))


def overall(target: Ints, non_target: Ints, new: Bools) -> Ints:
    """Return the overall response of an assessment from its parts (tables 1 and 2 of the guideline).

    Arrays of one shape, of :class:`Response`; ``NONE`` where the patient has no such lesions.
    """
    progressed = (target == Response.PD) | (non_target == Response.PD) | new
    no_other = (non_target == Response.CR) | (non_target == Response.NONE)
    cases: list[tuple[Bools, int | Ints]] = [
        (target == Response.ABSENT, Response.ABSENT),
        (progressed, Response.PD),
        ((target == Response.NONE) & (non_target == Response.NONE), Response.NE),
        (target == Response.NONE, non_target),
        ((target == Response.CR) & no_other, Response.CR),
        ((target == Response.CR) | (target == Response.PR), Response.PR),
        (target == Response.SD, Response.SD),
    ]
    return np.select(
        [when for when, _ in cases], [np.broadcast_to(what, target.shape) for _, what in cases], Response.NE
    )


@dataclass(frozen=True)
class Best:
    """The best overall response of each patient: arrays (patients,).

    Parameters
    ----------
    response
        a :class:`Response`. With confirmation required, a CR or PR only if confirmed, or awaiting it.
    confirmed, awaiting, unconfirmed
        whether a CR or PR was confirmed; is the last thing seen in a patient still followed; or was seen, and not
        confirmed.
    at, confirmed_at, progressed_at
        columns of the assessments at which the response was first seen, was confirmed, and of the progression;
        ``NEVER`` where there is none.
    last_at
        column of the last assessment that counts.
    """

    response: Ints
    confirmed: Bools
    awaiting: Bools
    unconfirmed: Bools
    at: Ints
    confirmed_at: Ints
    progressed_at: Ints
    last_at: Ints


def best_response(
    overall: Ints, day: Ints, start: Ints, followed: Bools, *, confirmation_days: int = 28, minimum_sd_days: int = 42
) -> Best:  # fmt: skip
    """Return the best overall response (section 4.4, table 3).

    Parameters
    ----------
    overall, day
        (patients, assessments): the response at each assessment, column 0 the baseline, and its day. Leave out
        (``ABSENT``) what came after a new therapy, or after the data cutoff.
    start
        (patients,): day of the first dose.
    followed
        (patients,): whether the patient is still assessed, so that a response may yet be confirmed.
    confirmation_days
        days after which a CR or PR must be seen again; 0: none is asked for.
    minimum_sd_days
        days from the first dose that stable disease must have lasted.

    Notes
    -----
    Disease seen after a CR is progression (note to table 3). Between a response and its confirmation, only what is not
    evaluable may lie, or for a PR another PR. The minimum for SD counts to the last assessment before progression.

    Examples
    --------
    >>> seen = np.array([[1, 6, 6, 3]])
    >>> best = best_response(seen, np.array([[0, 43, 85, 127]]), np.array([1]), np.array([True]))
    >>> Response(best.response[0]).name, bool(best.confirmed[0]), int(best.at[0])
    ('PR', True, 1)
    """
    seen = np.array(overall)
    seen[:, 0] = Response.ABSENT
    columns = seen.shape[1]
    had_cr = _seen_before(seen == Response.CR)
    seen = np.where(had_cr & np.isin(seen, [Response.PR, Response.SD]), Response.PD, seen)
    pd = seen == Response.PD
    progressed_at = np.where(pd.any(axis=1), pd.argmax(axis=1), NEVER)
    after = np.where(progressed_at == NEVER, columns, progressed_at)[:, None] < np.arange(columns)
    seen = np.where(after, Response.ABSENT, seen)

    index = np.arange(columns)
    present = seen != Response.ABSENT
    last_at = np.where(present, index, NEVER).max(axis=1, initial=NEVER)
    first = {
        r: np.where((seen == r).any(axis=1), (seen == r).argmax(axis=1), NEVER) for r in (Response.CR, Response.PR)
    }
    at, confirmed_at = _confirmed(seen, day, confirmation_days)

    stable = np.isin(seen, [Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD])
    lasted = np.where(stable, day - start[:, None] + 1, 0).max(axis=1, initial=0)
    long_enough = lasted >= minimum_sd_days
    only_other = (seen == Response.NON_CR_NON_PD).any(axis=1)

    confirmed = at != NEVER
    kind = np.where(confirmed, np.take_along_axis(seen, np.maximum(at, 0)[:, None], axis=1)[:, 0], Response.NE)
    upper = np.where(first[Response.CR] != NEVER, first[Response.CR], first[Response.PR])
    evaluable = np.where(present & (seen != Response.NE), index, NEVER).max(axis=1, initial=NEVER)
    last_kind = np.take_along_axis(seen, np.maximum(evaluable, 0)[:, None], axis=1)[:, 0]
    wants = np.isin(last_kind, [Response.CR, Response.PR]) & (evaluable != NEVER)
    awaiting = wants & followed & (progressed_at == NEVER) & ~(confirmed & (kind >= last_kind))
    responded = np.where(awaiting & ~confirmed, last_kind, kind)
    stable_kind = np.where(only_other, Response.NON_CR_NON_PD, Response.SD)
    response = np.select(
        [confirmed | awaiting, long_enough, progressed_at != NEVER],
        [responded, stable_kind, Response.PD], Response.NE,
    )  # fmt: skip
    first_stable = np.where(stable.any(axis=1), stable.argmax(axis=1), NEVER)
    where = np.select(
        [confirmed, awaiting, response == Response.PD, np.isin(response, [Response.SD, Response.NON_CR_NON_PD])],
        [at, np.where(last_kind == Response.CR, first[Response.CR], first[Response.PR]), progressed_at, first_stable], NEVER,
    )  # fmt: skip
    unconfirmed = (upper != NEVER) & ~confirmed & ~awaiting
    return Best(response, confirmed, awaiting & ~confirmed, unconfirmed, where, confirmed_at, progressed_at, last_at)


def _confirmed(seen: Ints, day: Ints, days: int) -> tuple[Ints, Ints]:
    """Return the columns at which the best confirmed response is first seen, and is confirmed."""
    patients, columns = seen.shape
    at, by = np.full(patients, NEVER), np.full(patients, NEVER)
    for response, again, between in (
        (Response.CR, (Response.CR,), (Response.CR, Response.NE, Response.ABSENT)),
        (Response.PR, (Response.PR, Response.CR), (Response.PR, Response.CR, Response.NE, Response.ABSENT)),
    ):
        for i in range(1, columns):
            open_ = (seen[:, i] == response) & (at == NEVER)
            if days == 0:
                at, by = np.where(open_, i, at), np.where(open_, i, by)
                continue
            for j in range(i + 1, columns):
                hit = open_ & np.isin(seen[:, j], again) & (day[:, j] - day[:, i] >= days)
                at, by = np.where(hit, i, at), np.where(hit, j, by)
                open_ &= ~hit & np.isin(seen[:, j], between)
    return at, by


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
