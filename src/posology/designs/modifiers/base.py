"""What rules around a design share: the design behind them, asked unless they say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from posology.designs.tally import NONE, Action, Decision, Design, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class Modifier:
    """What modifiers share: the design behind them, asked unless they say otherwise.

    Parameters
    ----------
    design
        the design that is modified, itself modified or not.
    """

    design: Design

    REASON: ClassVar[str] = ""

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return self.design.levels

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return int(getattr(self.design, "most_at_level", 255))

    @property
    def cohort(self) -> int:
        """Patients a cohort, as a rule."""
        return int(getattr(self.design, "cohort", 3))

    @property
    def max_patients(self) -> int:
        """Patients in all."""
        return int(getattr(self.design, "max_patients", 6 * self.levels))

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        return self.design.decide(tally)

    def select(self, tally: Tally) -> Ints:
        """Return the MTD that the design behind would choose now."""
        return self.design.select(tally)

    def _with_changes(self, was: Decision, where: Bools, action: Any, level: Ints, more: Any) -> Decision:
        """Return the decision with some rows changed, for this modifier's reason."""
        return Decision(
            np.where(where, action, was.action),
            np.where(where, level, was.level),
            np.where(where, more, was.patients_to_treat),
            np.where(where, len(was.reasons), was.why),
            (*was.reasons, self.REASON),
        )

    def _with_ends(self, was: Decision, tally: Tally, where: Bools) -> Decision:
        """Return the decision with some trials ended, their MTD chosen by the design behind."""
        mtd = np.full(tally.trials, NONE)
        rows = np.flatnonzero(where)
        if len(rows):
            mtd[rows] = self.select(tally.rows(rows))
        return self._with_changes(was, where, np.where(mtd == NONE, Action.STOP, Action.DECLARE), mtd, 0)


def goes_on(decision: Decision, tally: Tally) -> Bools:
    """Return whether each trial has begun, and more patients are to be treated or waited for."""
    return np.asarray((decision.action < Action.DECLARE) & (tally.level != NONE))
