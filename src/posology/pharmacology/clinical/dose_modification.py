"""Rules for a patient's next dose: hold it, reduce it, stop."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.clinical.tumour_size import WEEK
from posology.shared.arrays import Bools, Floats, Ints


@dataclass(frozen=True)
class PatientStatus:
    """Where the patients stand when a cycle is due: what a rule for the dose may look at; (patients,) each.

    ``cycle`` from 0; ``due`` [d]; ``factor`` of the dose before over the planned one; ``ocular`` the grade now, ``worst`` so
    far, ``recovery_day`` the day from which the latest episode is over; ``had_other_reaction`` whether another reaction came in the cycle
    before; ``worst_since_last_dose`` the worst ocular grade since the dose before was due, be it over or not; ``held_count`` how many episodes of
    grade 2 or worse there have been.
    """

    cycle: int
    due: Floats
    factor: Floats
    ocular: Ints
    worst: Ints
    recovery_day: Floats
    had_other_reaction: Bools
    worst_since_last_dose: Ints
    held_count: Ints


DoseRule = Callable[[PatientStatus], tuple["Floats", "Floats"]]
"""Gives each patient's dose over the planned one, 0 to leave it out, and by how many days it is delayed."""
LABEL_DOSE_LEVELS = np.array([1.0, 5 / 6, 4 / 6, 0.0])
"""6, 5, 4 mg/kg, then stop."""
MAX_DELAY_DAYS = 42.0


def as_labelled(standing: PatientStatus) -> tuple[Floats, Floats]:
    """Hold for an ocular event of grade 2 or more until it is over, six weeks at most; a level less after grade 3; stop at 4.

    Another reaction delays a dose by a week.
    """
    return _held(standing, standing.worst_since_last_dose == 3)


def at_full_dose(standing: PatientStatus) -> tuple[Floats, Floats]:
    """Hold as labelled, and go on at the dose before; stop at grade 4."""
    return _held(standing, np.zeros_like(standing.had_other_reaction))


def at_recurrence(standing: PatientStatus) -> tuple[Floats, Floats]:
    """Do as labelled, and give a level less at the second event of grade 2 too, and at each that follows."""
    return _held(
        standing,
        (standing.worst_since_last_dose == 3) | ((standing.worst_since_last_dose == 2) & (standing.held_count >= 2)),
    )


def _held(standing: PatientStatus, less: Bools) -> tuple[Floats, Floats]:
    """Hold for grade 2 or more, stop at grade 4; give a level less where it says so."""
    wait = np.where(standing.ocular >= 2, np.clip(standing.recovery_day - standing.due, 0, MAX_DELAY_DAYS), 0.0)
    level = np.searchsorted(-LABEL_DOSE_LEVELS, -standing.factor - 1e-9)
    level = np.where(less, np.minimum(level + 1, len(LABEL_DOSE_LEVELS) - 1), level)
    factor = np.where(standing.worst >= 4, 0.0, LABEL_DOSE_LEVELS[level])
    return factor, np.maximum(wait, np.where(standing.had_other_reaction, WEEK, 0.0))


def as_planned(standing: PatientStatus) -> tuple[Floats, Floats]:
    """Give every dose as planned, whatever happens."""
    return np.ones_like(standing.due), np.zeros_like(standing.due)
