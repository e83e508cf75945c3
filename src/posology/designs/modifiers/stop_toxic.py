"""The trial ends without an MTD when a level, the lowest if no other is named, is probably too toxic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.modifiers.base import Modifier
from posology.designs.modifiers.max_chance import chance_above
from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class StopToxic(Modifier):
    """The trial ends without an MTD when a level, the lowest if no other is named, is probably too toxic.

    Parameters
    ----------
    rate
        the DLT rate that is too high.
    chance
        the trial ends when the chance that the level's rate lies above ``rate`` exceeds this.
    patients
        patients at the level before it does.
    level
        number of the level, from 1.
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.3
    chance: Annotated[float, Gt(0), Lt(1)] = 0.95
    patients: Annotated[int, Ge(1)] = 3
    level: Annotated[int, Ge(1)] = 1

    REASON: ClassVar[str] = "the level named by the rule is too toxic: the trial ends without an MTD"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.level <= self.levels:
            raise ValueError(f"level is {self.level}: the design has levels 1 to {self.levels}")

    def too_toxic(self, tally: Tally) -> Bools:
        """Return whether the level is probably too toxic in each trial."""
        tally, at = self.known(tally), self.level - 1
        above = chance_above(self.design, tally, self.rate)[:, at]
        return np.asarray((above > self.chance) & (tally.treated[:, at] >= self.patients))

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest safe level of the design; none where that named is too toxic."""
        return np.where(self.too_toxic(tally), NONE, self.design.highest_safe(tally))

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that may be given; none where that named is too toxic."""
        return np.where(self.too_toxic(tally), NONE, self.design.highest_next(tally))

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, or STOP."""
        decision = self.design.decide(tally)
        ends = self.too_toxic(tally) & (decision.action != Action.STOP)
        return self._with_changes(decision, ends, Action.STOP, np.full(tally.trials, NONE), 0)

    def select(self, tally: Tally) -> Ints:
        """Return the MTD, or none where the level named is too toxic."""
        return np.where(self.too_toxic(tally), NONE, self.design.select(tally))
