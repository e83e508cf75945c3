"""Rules for a patient's next dose after toxicity: hold it, reduce it, end treatment. One rule says all; the label's is
one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from posology.pharmacology.clinical.tumour_size import WEEK
from posology.shared.arrays import Bools, Floats, Ints


class ToxicityKind(StrEnum):
    """The toxicities that the model has."""

    OCULAR = "ocular"
    NEUROPATHY = "neuropathy"
    PNEUMONITIS = "pneumonitis"
    LABORATORY = "laboratory"
    OTHER = "other reaction"


@dataclass(frozen=True)
class ActionGrades:
    """From which grade a toxicity holds the next dose, makes those after it a level lower, and ends treatment; 6:
    never."""

    hold: int = 6
    reduce: int = 6
    stop: int = 6


@dataclass(frozen=True)
class PatientStatus:
    """Where the patients stand when a cycle is due: what a rule for the dose may look at; (patients,) each.

    ``cycle`` from 0; ``due`` [d]; ``factor`` of the dose before over the planned one; ``ocular`` the grade now,
    ``worst`` so far, ``recovery_day`` the day from which the latest episode is over; ``had_other_reaction`` whether
    another reaction came in the cycle before; ``worst_since_last_dose`` the worst ocular grade since the dose before
    was due, whether over or not; ``held_count`` how many episodes of grade 2 or worse there have been.
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


NextDose = Callable[[PatientStatus], tuple["Floats", "Floats"]]
"""Gives each patient's dose over the planned one, 0 to leave it out, and by how many days it is delayed; a
:class:`DoseRule` does."""

IMGN853_GRADES: Mapping[ToxicityKind, ActionGrades] = {
    ToxicityKind.OCULAR: ActionGrades(2, 3, 4),
    ToxicityKind.NEUROPATHY: ActionGrades(3, 3, 4),
    ToxicityKind.PNEUMONITIS: ActionGrades(2, 3, 3),
    ToxicityKind.LABORATORY: ActionGrades(3, 3, 4),
    ToxicityKind.OTHER: ActionGrades(2, 3, 5),
}
"""As the ELAHERE label has it, section 2 (from memory of the label, to be checked); the last two are assumed."""


@dataclass(frozen=True)
class DoseRule:
    """What a toxicity does to the doses after it.

    Called with the status of a batch of patients, it decides on what a status holds: ocular events, and whether another
    reaction came. :mod:`posology.simulation.trial.dosing` applies the same grades to every toxicity of one patient.

    Parameters
    ----------
    grades
        of each toxicity: from which grade it holds, reduces and stops; none where it is not named.
    dose_levels
        the dose over the planned one after no reduction, one, two, ...; beyond the last treatment ends.
    max_delay_days
        how long a dose may be held.
    other_delay_days
        how long another reaction delays a dose.
    reduce_at_recurrence
        whether the second event that holds a dose, and each after it, reduces too.

    Examples
    --------
    >>> as_labelled.grades[ToxicityKind.OCULAR], as_labelled.dose_levels[1].__round__(3)
    (ActionGrades(hold=2, reduce=3, stop=4), 0.833)
    """

    grades: Mapping[ToxicityKind, ActionGrades] = field(default_factory=lambda: IMGN853_GRADES)
    dose_levels: tuple[float, ...] = (1.0, 5 / 6, 4 / 6)
    max_delay_days: float = 42.0
    other_delay_days: float = WEEK
    reduce_at_recurrence: bool = False

    @property
    def max_reductions(self) -> int:
        """How often a dose may be reduced."""
        return len(self.dose_levels) - 1

    def of(self, kind: ToxicityKind) -> ActionGrades:
        """Return the grades of a toxicity."""
        return self.grades.get(kind, ActionGrades())

    def __call__(self, status: PatientStatus) -> tuple[Floats, Floats]:
        """Return each patient's dose over the planned one, and its delay [d]."""
        act, levels = self.of(ToxicityKind.OCULAR), np.array([*self.dose_levels, 0.0])
        remaining = np.clip(status.recovery_day - status.due, 0, self.max_delay_days)
        wait = np.where(status.ocular >= act.hold, remaining, 0.0)
        reduce = status.worst_since_last_dose >= act.reduce
        if self.reduce_at_recurrence:
            reduce |= (status.worst_since_last_dose >= act.hold) & (status.held_count >= 2)
        level = np.searchsorted(-levels, -status.factor - 1e-9)
        level = np.where(reduce, np.minimum(level + 1, len(levels) - 1), level)
        factor = np.where(status.worst >= act.stop, 0.0, levels[level])
        return factor, np.maximum(wait, np.where(status.had_other_reaction, self.other_delay_days, 0.0))


as_labelled = DoseRule()
"""Hold for an ocular event of grade 2 or more until it is over, six weeks at most; a level less (6, 5, 4 mg/kg) after
grade 3; stop at 4."""
at_full_dose = DoseRule({kind: replace(act, reduce=6) for kind, act in IMGN853_GRADES.items()})
"""Hold as labelled, and go on at the dose before; stop at grade 4."""
at_recurrence = DoseRule(reduce_at_recurrence=True)
"""Do as labelled, and give a level less at the second event of grade 2 too, and at each that follows."""
as_planned = DoseRule({}, max_delay_days=0.0, other_delay_days=0.0)
"""Give every dose as planned, whatever happens."""
