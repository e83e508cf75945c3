"""The MTD is chosen by isotonic regression: the level with the rate nearest a target, of those tried."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from posology.designs.isotonic import nearest_to_target
from posology.designs.modifiers.base import Modifier
from posology.designs.tally import Action, Decision, Tally
from posology.shared.arrays import Ints


@dataclass(frozen=True)
class IsotonicMtd(Modifier):
    """The MTD is chosen by isotonic regression: the level with the rate nearest a target, of those tried.

    Parameters
    ----------
    target
        the target DLT rate.
    """

    target: Annotated[float, Gt(0), Lt(1)] = 0.3

    REASON: ClassVar[str] = "level {next} is nearest the target by isotonic regression: it is the MTD"

    def select(self, tally: Tally) -> Ints:
        """Return the safe level with the isotonic rate nearest the target."""
        tally = self.known(tally)
        safe = np.arange(self.levels) <= self.design.highest_safe(tally)[:, None]
        return nearest_to_target(tally, self.target, safe)

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, its MTD replaced."""
        decision = self.design.decide(tally)
        return self._with_ends(decision, tally, decision.action == Action.DECLARE)
