"""The dose never goes up from a level whose observed DLT rate has reached a bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from posology.designs.modifiers.base import Modifier
from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints


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

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that may be given: not above the level last given, where that is too toxic."""
        highest = self.design.highest_next(tally)
        return np.where(self._too_toxic_to_rise(tally), np.minimum(highest, tally.level), highest)

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, an escalation from a level too toxic replaced by a stay."""
        decision = self.design.decide(tally)
        rises = (decision.action == Action.ESCALATE) & self._too_toxic_to_rise(self.known(tally))
        return self._with_changes(decision, rises, Action.STAY, np.maximum(tally.level, 0), decision.patients_to_treat)

    def _too_toxic_to_rise(self, tally: Tally) -> Bools:
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        return np.asarray((y >= self.rate * n - 1e-9) & (n > 0) & (tally.level != NONE))
