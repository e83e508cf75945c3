"""What rules share that close a level, and those above it, while they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from posology.designs.modifiers.base import Modifier
from posology.designs.tally import Decision, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class ClosingRule(Modifier):
    """A rule that closes levels: the design behind decides among those below the first closed one."""

    REASON: ClassVar[str] = "a level is closed by the rule: {more} more at level {next}"
    REASON_NONE: ClassVar[str] = "the lowest level is closed by the rule: no level is safe enough"

    def closed(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels that the rule closes on the patients known; those above them are closed
        too."""
        raise NotImplementedError

    def open_tally(self, tally: Tally) -> Tally:
        """Return the tally with the ceiling below the first closed level."""
        closed = self.closed(self.known(tally))
        below = np.where(closed.any(axis=1), closed.argmax(axis=1), self.levels) - 1
        return replace(tally, ceiling=np.minimum(tally.ceiling, below))

    def decide_anew(self, tally: Tally) -> Decision:
        """Return what the design decides among the levels that are open."""
        decision, without = self.design.decide(self.open_tally(tally)), self.design.decide(tally)
        differs = (decision.action != without.action) | (decision.level != without.level)
        why = np.where(decision.level < 0, len(decision.reasons) + 1, len(decision.reasons))
        return replace(
            decision,
            why=np.where(differs, why, decision.why),
            reasons=(*decision.reasons, self.REASON, self.REASON_NONE),
        )

    def select(self, tally: Tally) -> Ints:
        """Return the MTD, of the levels that are open."""
        return self.design.select(self.open_tally(tally))

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest safe level of those that are open."""
        return self.design.highest_safe(self.open_tally(tally))

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest open level that may be given to the next patients."""
        return self.design.highest_next(self.open_tally(tally))

    def admissible(self, tally: Tally) -> Bools:
        """Return (trials, levels): the open levels that may be given to the next patients."""
        return self.design.admissible(self.open_tally(tally))
