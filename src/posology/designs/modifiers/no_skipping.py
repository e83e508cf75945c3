"""An untried level may not be skipped on the way up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from posology.designs.dose_finding import reached
from posology.designs.modifiers.base import Modifier, goes_on, moved
from posology.designs.tally import Decision, Tally
from posology.shared.arrays import Ints


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

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that may be given: of those of the design, not above the next untried one."""
        return reached(tally, self.design.highest_next(tally), self.start)

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, a level beyond the next untried one replaced by that."""
        decision = self.design.decide(tally)
        to = reached(tally, decision.level, self.start)
        skips = goes_on(decision, tally) & (decision.level > to)
        return self._with_changes(decision, skips, moved(to, tally.level), to, decision.patients_to_treat)
