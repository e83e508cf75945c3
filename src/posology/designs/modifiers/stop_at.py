"""The trial ends once so many patients were treated at the level that would be given next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier, goes_on
from posology.designs.tally import Decision, Tally


@dataclass(frozen=True)
class StopAt(Modifier):
    """The trial ends once so many patients were treated at the level that would be given next.

    Parameters
    ----------
    patients
        patients at the level.
    """

    patients: Annotated[int, Ge(1)] = 12

    REASON: ClassVar[str] = "enough patients were treated at level {next}: it is the MTD"

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, or the MTD."""
        decision = self.design.decide(tally)
        there = tally.treated[np.arange(tally.trials), np.maximum(decision.level, 0)]
        return self._with_ends(decision, tally, goes_on(decision, tally) & (there >= self.patients))
