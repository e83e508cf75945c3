"""A level is called the MTD only when so many patients were treated there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier, moved
from posology.designs.tally import Action, Decision, Tally


@dataclass(frozen=True)
class MinPatients(Modifier):
    """A level is called the MTD only when so many patients were treated there.

    Parameters
    ----------
    patients
        patients at the MTD.
    """

    patients: Annotated[int, Ge(1)] = 6

    REASON: ClassVar[str] = "level {next} would be the MTD; it needs {more} more patients first"

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return max(super().most_at_level, self.patients)

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, an MTD with too few patients replaced by more patients there, if it may be given now."""
        decision = self.design.decide(tally)
        rows, level = np.arange(tally.trials), np.maximum(decision.level, 0)
        lacking = self.patients - tally.treated[rows, level]
        where = (decision.action == Action.DECLARE) & (lacking > 0)
        if where.any():
            where &= self.admissible(tally)[rows, level]
        return self._with_changes(decision, where, moved(decision.level, tally.level), decision.level, lacking)
