"""Lesions as they were measured, and the rows among them that cannot be as they stand.

Eisenhauer EA, Therasse P, Bogaerts J, et al. Eur J Cancer 2009;45:228-247: section 3 (measurability), 4.2 (choice of
target lesions), 4.3.2 (lesions that split or merge).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from posology.shared.arrays import Bools, Floats, Ints


class Role(IntEnum):
    """What a lesion is to the criteria."""

    TARGET = 0
    NON_TARGET = 1
    NEW = 2


class Status(IntEnum):
    """How a lesion was found, where no diameter says it.

    MERGED: the lesion has grown into another target lesion, whose row holds the longest diameter of the whole.
    INCREASED: a non-target lesion has grown since the last assessment, without a word on unequivocal progression; it is
    present to RECIST, and may confirm a progression by iRECIST.
    """

    MEASURED = 0
    PRESENT = 1
    ABSENT = 2
    PROGRESSION = 3
    TOO_SMALL = 4
    NOT_EVALUABLE = 5
    MERGED = 6
    INCREASED = 7


class ImagingMethod(IntEnum):
    """How a lesion was measured."""

    CT_OR_MRI = 0
    CALIPER = 1
    CHEST_X_RAY = 2


@dataclass(frozen=True)
class Lesions:
    """Measurements, one row each, in any order.

    Parameters
    ----------
    patient, assessment, lesion
        (rows,): which patient, which assessment (0 is the baseline), which lesion of the patient; counted from 0.
    day
        (rows,): the day of the measurement, any count of days.
    role, status
        (rows,): a :class:`Role` and a :class:`Status`.
    nodal
        (rows,): whether it is a lymph node, measured on its short axis.
    diameter_mm
        (rows,): longest diameter, short axis of a node [mm]; NaN where not measured.
    fragment
        (rows,): 0 for a lesion that is whole; 1, 2, ... for the parts of one that has split, whose diameters are added.
    organ
        (rows,): number of the organ; needed only to check how many target lesions an organ has.
    method, slice_mm
        (rows,): a :class:`ImagingMethod`, and the thickness of the CT slices [mm]; needed only to check measurability.
    """

    patient: Ints
    assessment: Ints
    lesion: Ints
    day: Ints
    role: Ints
    status: Ints
    nodal: Bools
    diameter_mm: Floats
    fragment: Ints | None = None
    organ: Ints | None = None
    method: Ints | None = None
    slice_mm: Floats | None = None

    def __post_init__(self) -> None:
        sizes = {name: np.shape(array) for name, array in vars(self).items() if array is not None}
        if len(set(sizes.values())) != 1:
            raise ValueError(f"every column needs the same length: {sizes}")
        for name in ("patient", "assessment", "lesion"):
            if len(self.patient) and getattr(self, name).min() < 0:
                raise ValueError(f"{name} is {getattr(self, name).min()}: it is counted from 0")

    @property
    def part(self) -> Ints:
        """(rows,): the fragment, 0 throughout where none is given."""
        return np.zeros(len(self.patient), dtype=np.int64) if self.fragment is None else self.fragment


@dataclass(frozen=True)
class Faults:
    """Rows that cannot be as they stand, each an array (rows,) of whether it is so. Their diameters are not used.

    Parameters
    ----------
    unknown
        the role or the status is none that is known.
    size
        the diameter is negative or infinite.
    duplicate
        another row tells of the same lesion, or the same fragment, at the same assessment.
    contradictory
        the status says that the lesion is gone, the diameter that it is there.
    not_at_baseline
        a target or non-target lesion that was not one at the baseline.
    nothing_at_baseline
        a target lesion that at the baseline was absent, merged or of no size.
    new_at_baseline
        a new lesion that was there at the baseline.
    nodal_changed
        a lymph node that was none at the baseline, or the other way round: on another axis, another rule.
    """

    unknown: Bools
    size: Bools
    duplicate: Bools
    contradictory: Bools
    not_at_baseline: Bools
    nothing_at_baseline: Bools
    new_at_baseline: Bools
    nodal_changed: Bools

    @property
    def any(self) -> Bools:
        """(rows,): whether anything is wrong with the row."""
        return np.asarray(np.logical_or.reduce(list(vars(self).values())))


def faults(lesions: Lesions) -> Faults:
    """Return which rows cannot be as they stand.

    Examples
    --------
    >>> of = lambda *values: np.array(values)
    >>> rows = Lesions(of(0, 0), of(0, 1), of(0, 0), of(0, 42), of(0, 0), of(0, 0), of(False, False), of(50.0, -3.0))
    >>> faults(rows).size.tolist()
    [False, True]
    """
    size, status, role = lesions.diameter_mm, lesions.status, lesions.role
    begin = lesions.assessment == 0
    gone = status == Status.ABSENT
    target = role == Role.TARGET
    unknown = (role < 0) | (role >= len(Role)) | (status < 0) | (status >= len(Status))
    each = 1 + int(lesions.lesion.max(initial=0))
    place = lesions.patient * each + lesions.lesion
    began = np.zeros(
        (3, 1 + int(place.max(initial=0))), dtype=bool
    )  # by role and lesion: was it there at the baseline?
    for kind in (Role.TARGET, Role.NON_TARGET):
        began[kind, place[begin & (role == kind)]] = True
    was, node = np.zeros(began.shape[1], dtype=bool), np.zeros(began.shape[1], dtype=bool)
    was[place[begin]] = True
    node[place[begin]] = lesions.nodal[begin]
    known_role = np.clip(role, 0, len(Role) - 1)
    return Faults(
        unknown=unknown,
        size=(size < 0) | np.isinf(size),
        duplicate=_repeated(lesions, place),
        contradictory=(gone | (status == Status.MERGED)) & (size > 0),
        not_at_baseline=~unknown & ~began[known_role, place] & (role != Role.NEW),
        nothing_at_baseline=begin & target & (gone | (status == Status.MERGED) | (size == 0)),
        new_at_baseline=(role == Role.NEW) & was[place],
        nodal_changed=began[known_role, place] & (lesions.nodal != node[place]),
    )


def _repeated(lesions: Lesions, place: Ints) -> Bools:
    """Return which rows share patient, lesion, assessment and fragment with another."""
    part = np.maximum(lesions.part, 1)  # a whole lesion and its first fragment are the same
    key = (place * (1 + int(lesions.assessment.max(initial=0))) + lesions.assessment) * (
        1 + int(part.max(initial=0))
    ) + part
    size = 1 + int(key.max(initial=0))
    if size <= 8 * len(key) + 1000:
        return np.asarray(np.bincount(key, minlength=size)[key] > 1)
    _, inverse, count = np.unique(key, return_inverse=True, return_counts=True)
    return np.asarray(count[inverse] > 1)
