"""The dose never goes up from a level whose observed DLT rate has reached a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from posology.designs.modifiers.base import Modifier
from posology.designs.tally import Action, Decision, Tally


@dataclass(frozen=True)
class Coherent(Modifier):
    """The dose never goes up from a level whose observed DLT rate has reached a bound.

    Parameters
    ----------
    rate
        the bound, commonly the target.
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.3

    REASON: ClassVar[str] = (
        "{dlt} of {n} patients at level {level} had a DLT, too many to go up: {more} more at the level"
    )

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, an escalation from a level too toxic replaced by a stay."""
        was = self.design.decide(tally)
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        hot = tally.dlts[rows, here] >= self.rate * tally.treated[rows, here] - 1e-9
        rises = (was.action == Action.ESCALATE) & hot & (tally.treated[rows, here] > 0)
        return self._with_changes(was, rises, Action.STAY, here, was.patients_to_treat)
