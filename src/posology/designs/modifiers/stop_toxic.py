"""The trial ends without an MTD when the lowest level is probably too toxic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.inference import innermost
from posology.designs.model_based import ModelBasedDesign
from posology.designs.modifiers.base import Modifier
from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class StopToxic(Modifier):
    """The trial ends without an MTD when the lowest level is probably too toxic.

    Parameters
    ----------
    rate
        the DLT rate that is too high.
    chance
        the trial ends when the chance that the lowest level's rate lies above ``rate`` exceeds this.
    patients
        patients at the lowest level before it does.
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.3
    chance: Annotated[float, Gt(0), Lt(1)] = 0.95
    patients: Annotated[int, Ge(1)] = 3

    REASON: ClassVar[str] = "the lowest level is too toxic: no level is safe enough"

    def too_toxic(self, tally: Tally) -> Bools:
        """Return whether the lowest level is probably too toxic in each trial."""
        tally = self.known(tally)
        model = innermost(self.design)
        if isinstance(model, ModelBasedDesign):
            above = model.probability_above(tally, self.rate)[:, 0]
        else:
            from scipy.special import betainc

            above = 1 - betainc(1 + tally.dlts[:, 0], 1 + tally.treated[:, 0] - tally.dlts[:, 0], self.rate)
        return (above > self.chance) & (tally.treated[:, 0] >= self.patients)

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest safe level of the design; none where the lowest is too toxic."""
        return np.where(self.too_toxic(tally), NONE, self.design.highest_safe(tally))

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that may be given; none where the lowest is too toxic."""
        return np.where(self.too_toxic(tally), NONE, self.design.highest_next(tally))

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, or STOP."""
        decision = self.design.decide(tally)
        ends = self.too_toxic(tally) & (decision.action != Action.STOP)
        return self._with_changes(decision, ends, Action.STOP, np.full(tally.trials, NONE), 0)

    def select(self, tally: Tally) -> Ints:
        """Return the MTD, or none where the lowest level is too toxic."""
        return np.where(self.too_toxic(tally), NONE, self.design.select(tally))
