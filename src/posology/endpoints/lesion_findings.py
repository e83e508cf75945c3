"""What is wrong with measured lesions, as findings that a data manager can act on.

Eisenhauer EA, Therasse P, Bogaerts J, et al. Eur J Cancer 2009;45:228-247: section 3.1 (measurability), 4.1 (baseline
within four weeks), 4.2 (at most five target lesions, two an organ, all lymph nodes being one).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np

from posology.endpoints.lesions import ImagingMethod, Lesions, Role, Status, faults
from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.findings import Finding

MOST_TARGETS, MOST_AN_ORGAN = 5, 2
MIN_TARGET_MM = 10.0  # CT, MRI or caliper
X_RAY_MM = 20.0
NODE_TARGET_MM, NODE_MM = 15.0, 10.0
MAX_SLICE_MM = 5.0  # above it, a lesion must be twice the slice
BASELINE_DAYS = 28
NODES = -1  # the number of the organ that all lymph nodes are

AddFinding = Callable[[Bools | Ints, str, str, str], None]
DayOf = Callable[[int], date | None]


def check_lesions(
    lesions: Lesions,
    patients: Sequence[str],
    *,
    start: Ints | None = None,
    day_zero: date | None = None,
    names: Sequence[str] | None = None,
) -> list[Finding]:
    """Return what is wrong with measurements, in order of patient, date and field.

    Parameters
    ----------
    lesions
        all measurements.
    patients
        identifiers, by the numbers in ``lesions.patient``.
    start
        (patients,): day of the first dose; None: the time of the baseline is not checked.
    day_zero
        the date that day 0 is; None: days are those of ``date.toordinal``.
    names
        (rows,): the lesions' names; None: their numbers, from 1.

    Examples
    --------
    >>> of = lambda *values: np.array(values)
    >>> rows = Lesions(of(0, 0), of(0, 1), of(0, 0), of(0, 42), of(0, 0), of(0, 0), of(False, False), of(8.0, -3.0))
    >>> for finding in check_lesions(rows, ["001"], day_zero=date(2024, 1, 1)):
    ...     print(finding)
    patient 001, 2024-01-01, diameter_mm: target lesion 1 is 8 mm; a target lesion is at least 10 mm, so measurable
    patient 001, 2024-02-12, diameter_mm: lesion 1 is -3 mm; a diameter is a number from 0 on: it is not used
    """
    found: list[Finding] = []

    def on(day: int) -> date | None:
        if day_zero is not None:
            return day_zero + timedelta(days=day)
        return date.fromordinal(day) if day > 0 else None

    def lesion(row: int) -> str:
        return names[row] if names is not None else str(lesions.lesion[row] + 1)

    def say(rows: Bools | Ints, field: str, wrong: str, right: str) -> None:
        for row in np.flatnonzero(rows) if np.asarray(rows).dtype == bool else rows:
            words = {
                "lesion": lesion(row),
                "mm": f"{lesions.diameter_mm[row]:g}",
                "k": lesions.assessment[row],
                "role": _name(Role, lesions.role[row]),
                "status": _name(Status, lesions.status[row]),
            }
            found.append(
                Finding(patients[lesions.patient[row]], on(int(lesions.day[row])), field, wrong.format(**words), right)
            )

    wrong = faults(lesions)
    unknown_role = (lesions.role < 0) | (lesions.role >= len(Role))
    say(
        wrong.unknown & unknown_role,
        "role",
        "lesion {lesion} has the role {role}",
        "a lesion is target, non-target or new",
    )
    say(wrong.unknown & ~unknown_role, "status", "lesion {lesion} has the status {status}", "no such status is known")
    say(wrong.size, "diameter_mm", "lesion {lesion} is {mm} mm", "a diameter is a number from 0 on: it is not used")
    say(
        wrong.duplicate,
        "lesion",
        "lesion {lesion} is there twice at assessment {k}",
        "one row a lesion and assessment, or numbered fragments: neither is used",
    )
    say(
        wrong.contradictory,
        "status",
        "lesion {lesion} is {status} and measures {mm} mm",
        "it is gone, or it has a size",
    )
    say(
        wrong.not_at_baseline & ~wrong.unknown,
        "lesion",
        "{role} lesion {lesion} was no {role} lesion at the baseline",
        "a lesion keeps its role; one that was not there before is new",
    )
    say(
        wrong.nothing_at_baseline,
        "diameter_mm",
        "target lesion {lesion} has no size at the baseline",
        "a target lesion is measured at the baseline",
    )
    say(
        wrong.new_at_baseline,
        "role",
        "lesion {lesion} is called new and was there at the baseline",
        "lesions at the baseline are target or non-target",
    )
    say(
        wrong.nodal_changed,
        "nodal",
        "lesion {lesion} is a lymph node at one assessment and none at another",
        "a node is measured on its short axis, any other lesion on its longest diameter, throughout",
    )

    fine = ~wrong.any
    target = fine & (lesions.role == Role.TARGET)
    unmeasured = np.isnan(lesions.diameter_mm) & ~np.isin(
        lesions.status, (Status.ABSENT, Status.TOO_SMALL, Status.MERGED)
    )
    begin = lesions.assessment == 0
    say(
        target & begin & (unmeasured | (lesions.status == Status.NOT_EVALUABLE)),
        "diameter_mm",
        "target lesion {lesion} was not measured at the baseline",
        "without it no sum, and no response, can be known",
    )
    say(
        target & ~begin & unmeasured & (lesions.status != Status.NOT_EVALUABLE),
        "diameter_mm",
        "target lesion {lesion} has no diameter at assessment {k}",
        "a diameter, or absent, too small to measure, or not evaluable",
    )
    _measurable(lesions, target & begin & ~unmeasured, say)
    say(
        fine & begin & (lesions.role == Role.NON_TARGET) & lesions.nodal & (lesions.diameter_mm < NODE_MM),
        "diameter_mm",
        "lymph node {lesion} is {mm} mm",
        "a node below 10 mm is normal, and no lesion",
    )
    merged = target & (lesions.status == Status.MERGED)
    whole = np.unique(_cell(lesions)[target & (lesions.diameter_mm > 0)]) if merged.any() else _cell(lesions)[:0]
    say(
        np.flatnonzero(merged)[~np.isin(_cell(lesions)[merged], whole)],
        "status",
        "lesion {lesion} has merged, and no other target lesion is measured",
        "the longest diameter of the whole stands with one of the merged lesions",
    )
    _missing(lesions, target, say)
    _limits(lesions, target & begin, patients, found, on)
    _order(lesions, patients, start, found, on)
    return sorted(found, key=lambda f: (f.patient, f.on or date.min, f.field, f.wrong))


def _measurable(lesions: Lesions, rows: Bools, say: AddFinding) -> None:
    """Say which target lesions were too small at the baseline (3.1)."""
    least = least_mm(lesions)
    small = rows & (lesions.diameter_mm < least)
    node = small & lesions.nodal
    say(
        node & (lesions.diameter_mm >= NODE_MM),
        "diameter_mm",
        "target lymph node {lesion} is {mm} mm on its short axis",
        "a target node is at least 15 mm; from 10 mm it is non-target",
    )
    say(
        node & (lesions.diameter_mm < NODE_MM),
        "diameter_mm",
        "target lymph node {lesion} is {mm} mm on its short axis",
        "a node below 10 mm is normal, and no lesion",
    )
    for limit in np.unique(least[small & ~lesions.nodal]):
        say(
            small & ~lesions.nodal & (least == limit),
            "diameter_mm",
            "target lesion {lesion} is {mm} mm",
            f"a target lesion is at least {limit:g} mm, so measurable",
        )


def least_mm(lesions: Lesions) -> Floats:
    """Return what each lesion must measure to be a target [mm] (section 3.1): (rows,).

    10 mm, or twice the slice where slices are thicker than 5 mm; 20 mm by chest X-ray; a lymph node 15 mm.
    """
    least = np.full(len(lesions.patient), MIN_TARGET_MM)
    if lesions.slice_mm is not None:
        thick = np.nan_to_num(lesions.slice_mm) > MAX_SLICE_MM
        least = np.where(thick, 2 * lesions.slice_mm, least)
    if lesions.method is not None:
        least = np.where(lesions.method == ImagingMethod.CALIPER, MIN_TARGET_MM, least)
        least = np.where(lesions.method == ImagingMethod.CHEST_X_RAY, X_RAY_MM, least)
    return np.where(lesions.nodal, NODE_TARGET_MM, least)


def _missing(lesions: Lesions, target: Bools, say: AddFinding) -> None:
    """Say which target lesions have no row at an assessment at which others have one; told at a row of that
    assessment."""
    if not len(lesions.patient):
        return
    cell, many = _cell(lesions), 1 + int(lesions.assessment.max())
    cells = many * (1 + int(lesions.patient.max()))
    got = np.bincount(cell[target & (lesions.part <= 1)], minlength=cells).reshape(-1, many)
    short = (np.bincount(cell, minlength=cells).reshape(-1, many) > 0) & (got < got[:, :1])
    rows = np.flatnonzero(
        short.ravel()[cell] | (np.isin(lesions.patient, np.nonzero(short)[0]) & (lesions.assessment == 0) & target)
    )
    told: dict[tuple[int, int], dict[int, int]] = {}  # of each assessment, a row of each lesion
    for row in rows.tolist():
        told.setdefault((int(lesions.patient[row]), int(lesions.assessment[row])), {})[int(lesions.lesion[row])] = row
    for i, k in _pairs(short):
        for lesion in sorted(set(told[i, 0]) - set(told[i, k])):
            say(
                np.array([min(told[i, k].values())]),
                "lesion",
                f"target lesion {lesion + 1} is not there at assessment {k}",
                "a diameter, or absent, too small to measure, or not evaluable",
            )


def _limits(lesions: Lesions, rows: Bools, patients: Sequence[str], found: list[Finding], on: DayOf) -> None:
    """Say who has more than five target lesions, or more than two in an organ (4.2)."""
    rows = rows & (lesions.part <= 1)
    day = np.zeros(len(patients), dtype=np.int64)
    day[lesions.patient[rows]] = lesions.day[rows]
    counts = np.bincount(lesions.patient[rows], minlength=len(patients))
    for i in _each(counts > MOST_TARGETS):
        found.append(
            Finding(
                patients[i],
                on(int(day[i])),
                "role",
                f"{counts[i]} target lesions",
                f"at most {MOST_TARGETS} are chosen at the baseline, the others are non-target",
            )
        )
    if lesions.organ is None:
        return
    place = np.stack([lesions.patient[rows], np.where(lesions.nodal[rows], NODES, lesions.organ[rows])], axis=1)
    places, many = np.unique(place, axis=0, return_counts=True)
    for (i, organ), n in zip(places.tolist(), many.tolist(), strict=True):
        if n > MOST_AN_ORGAN:
            which = "among lymph nodes" if organ == NODES else "in one organ"
            found.append(
                Finding(
                    patients[i],
                    on(int(day[i])),
                    "organ",
                    f"{n} target lesions {which}",
                    f"at most {MOST_AN_ORGAN} an organ; all lymph nodes are one",
                )
            )


def _order(lesions: Lesions, patients: Sequence[str], start: Ints | None, found: list[Finding], on: DayOf) -> None:
    """Say where assessments are not in order of time, and where the baseline is missing, too early, or after the
    start."""
    if not len(lesions.patient):
        return
    many = 1 + int(lesions.assessment.max())
    cells = len(patients) * many
    last = np.full(cells, np.iinfo(np.int64).min)
    np.maximum.at(last, _cell(lesions), lesions.day)
    days = last.reshape(len(patients), many)
    held = days > np.iinfo(np.int64).min
    before = np.maximum.accumulate(days, axis=1)[:, :-1]
    for i, k in _pairs(held[:, 1:] & (days[:, 1:] < before)):
        of = "the baseline" if days[i, k + 1] < days[i, 0] else "an earlier assessment"
        found.append(
            Finding(
                patients[i],
                on(int(days[i, k + 1])),
                "day",
                f"assessment {k + 1} is before {of}",
                "assessments are numbered in order of time: it is not evaluable",
            )
        )
    for i in _each(held.any(axis=1) & ~held[:, 0]):
        found.append(
            Finding(
                patients[i],
                on(int(days[i][held[i]].min())),
                "assessment",
                "there is no baseline assessment",
                "without a baseline no response can be known",
            )
        )
    if start is None:
        return
    for i in _each(held[:, 0] & (days[:, 0] > start)):
        found.append(
            Finding(
                patients[i],
                on(int(days[i, 0])),
                "day",
                "the baseline is after the first dose",
                f"it is done before, at most {BASELINE_DAYS} days",
            )
        )
    for i in _each(held[:, 0] & (start - days[:, 0] > BASELINE_DAYS)):
        found.append(
            Finding(
                patients[i],
                on(int(days[i, 0])),
                "day",
                f"the baseline is {start[i] - days[i, 0]} days before the first dose",
                f"at most {BASELINE_DAYS} days",
            )
        )
    for i, k in _pairs(held[:, 1:] & (days[:, 1:] < start[:, None])):
        found.append(
            Finding(
                patients[i],
                on(int(days[i, k + 1])),
                "day",
                f"assessment {k + 1} is before the first dose",
                "only the baseline is done before treatment",
            )
        )


def _each(what: Bools) -> list[int]:
    return [int(i) for i in np.flatnonzero(what)]


def _pairs(what: Bools) -> list[tuple[int, int]]:
    return [(int(i), int(k)) for i, k in zip(*np.nonzero(what), strict=True)]


def _cell(lesions: Lesions) -> Ints:
    return lesions.patient * (1 + int(lesions.assessment.max(initial=0))) + lesions.assessment


def _name(kind: type[Role] | type[Status], code: int) -> str:
    known = [int(member) for member in kind]
    return (
        kind(code).name.lower().replace("_", "-" if kind is Role else " ") if int(code) in known else f"number {code}"
    )
