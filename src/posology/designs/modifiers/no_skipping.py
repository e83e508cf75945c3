"""An untried level may not be skipped on the way up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from posology.designs.modifiers.base import Modifier, goes_on
from posology.designs.tally import NONE, Action, Decision, Tally


@dataclass(frozen=True)
class NoSkipping(Modifier):
    """An untried level may not be skipped on the way up.

    >>> from posology.designs import Crm
    >>> free = Crm(4, 0.25, skeleton=(0.05, 0.1, 0.2, 0.3), no_skipping=False, coherent=False)
    >>> tally = Tally.of("1NNN", 4)
    >>> free.decide(tally).level.tolist(), NoSkipping(free).decide(tally).level.tolist()
    ([3], [1])
    """

    REASON: ClassVar[str] = "level {next} is the next one not yet tried, and none is skipped: {more} there"

    def decide(self, tally: Tally) -> Decision:
        """Return the decision, a level beyond the next untried one replaced by that."""
        was = self.design.decide(tally)
        tried = np.where(tally.treated > 0, np.arange(self.levels), NONE).max(axis=1)
        skips = goes_on(was, tally) & (was.level > tried + 1)
        to = np.minimum(tried + 1, self.levels - 1)
        return self._with_changes(
            was, skips, np.where(to > tally.level, Action.ESCALATE, Action.STAY), to, was.patients_to_treat
        )
