"""The trial ends when the DLT rate at the MTD is known precisely enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.inference import infer, innermost
from posology.designs.modifiers.base import Modifier, goes_on
from posology.designs.tally import NONE, Decision, Tally


@dataclass(frozen=True)
class StopPrecise(Modifier):
    """The trial ends when the DLT rate at the MTD is known precisely enough.

    Parameters
    ----------
    width
        the widest interval of the rate that is precise enough.
    level
        the chance that the interval covers.
    patients
        patients in all before it does.
    """

    width: Annotated[float, Gt(0), Lt(1)] = 0.3
    level: Annotated[float, Gt(0), Lt(1)] = 0.9
    patients: Annotated[int, Ge(1)] = 9

    REASON: ClassVar[str] = "the DLT rate at level {next} is known precisely enough: it is the MTD"

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, or the MTD."""
        decision = self.design.decide(tally)
        rows = np.flatnonzero(goes_on(decision, tally) & (tally.treated.sum(axis=1) >= self.patients))
        ends = np.zeros(tally.trials, dtype=bool)
        if len(rows):
            some = tally.rows(rows)
            mtd = self.design.select(some)
            found = infer(innermost(self.design), some, level=self.level)
            at = np.maximum(mtd, 0)[:, None]
            width = np.take_along_axis(found.upper - found.lower, at, axis=1)[:, 0]
            ends[rows] = (width <= self.width) & (mtd != NONE)
        return self._with_ends(decision, tally, ends)
