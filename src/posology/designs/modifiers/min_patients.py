"""A level is called the MTD only when so many patients were treated there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier
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

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, an MTD with too few patients replaced by more patients there."""
        was = self.design.decide(tally)
        lacking = self.patients - tally.treated[np.arange(tally.trials), np.maximum(was.level, 0)]
        where = (was.action == Action.DECLARE) & (lacking > 0)
        action = np.select(
            [was.level > tally.level, was.level < tally.level], [Action.ESCALATE, Action.DEESCALATE], Action.STAY
        )
        return self._with_changes(was, where, action, was.level, lacking)
