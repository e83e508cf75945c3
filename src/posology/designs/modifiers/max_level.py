"""No level above a given one is given."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier
from posology.designs.tally import Decision, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class MaxLevel(Modifier):
    """No level above a given one is given.

    Parameters
    ----------
    highest
        number of the highest level that may be given, from 1.
    """

    highest: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.highest <= self.design.levels:
            raise ValueError(f"highest is level {self.highest}: the design has levels 1 to {self.design.levels}")

    def _without_closed(self, tally: Tally) -> Tally:
        return replace(tally, ceiling=np.minimum(tally.ceiling, self.highest - 1))

    def decide_anew(self, tally: Tally) -> Decision:
        """Return what the design decides when the levels above are closed."""
        return self.design.decide(self._without_closed(tally))

    def select(self, tally: Tally) -> Ints:
        """Return the MTD, of the levels that may be given."""
        return self.design.select(self._without_closed(tally))

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest safe level of those that may be given."""
        return self.design.highest_safe(self._without_closed(tally))

    def admissible(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels that may be given to the next patients."""
        return self.design.admissible(self._without_closed(tally))

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that may be given to the next patients."""
        return self.design.highest_next(self._without_closed(tally))
