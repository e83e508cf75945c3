"""The trial ends when more patients at the MTD would hardly change it.

O'Quigley J, Reiner E. A stopping rule for the continual reassessment method. Biometrika 1998;85:741-748: the chance
that the recommendation after all patients is the present one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le

from posology.designs.modifiers.base import Modifier, goes_on
from posology.designs.tally import NONE, Decision, Tally
from posology.shared.arrays import Floats, Ints


@dataclass(frozen=True)
class StopStable(Modifier):
    """The trial ends when more patients at the MTD would hardly change it.

    Parameters
    ----------
    more
        patients who are imagined to be treated at the level that would be the MTD now.
    chance
        the trial ends when the chance that the level remains the MTD after them reaches this; 1: whatever they show.
    patients
        patients in all before it does.

    Notes
    -----
    What the patients would show is predicted from the level's own patients (beta-binomial, under Jeffreys' prior).

    Examples
    --------
    >>> from posology.designs import Crm
    >>> design = StopStable(Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4)), more=3)
    >>> design.stability(Tally.of("1NNN 2NNNNNNNTT", 3), np.array([1])).round(2)
    array([0.97])
    """

    more: Annotated[int, Ge(1)] = 6
    chance: Annotated[float, Gt(0), Le(1)] = 0.9
    patients: Annotated[int, Ge(1)] = 9

    REASON: ClassVar[str] = "more patients would hardly change that level {next} is the MTD"

    def stability(self, tally: Tally, mtd: Ints) -> Floats:
        """Return (trials,): the chance that a level is still the MTD after ``more`` patients there."""
        from scipy.stats import betabinom

        rows, at = np.arange(tally.trials), np.arange(self.levels) == mtd[:, None]
        n, y = tally.treated[rows, mtd], tally.dlts[rows, mtd]
        total = np.zeros(tally.trials)
        for dlts in range(self.more + 1):
            after = replace(
                tally,
                treated=tally.treated + self.more * at,
                dlts=tally.dlts + dlts * at,
                toxicity_score_sum=tally.toxicity_score_sum + dlts * at,
            )
            total += betabinom.pmf(dlts, self.more, 0.5 + y, 0.5 + n - y) * (self.design.select(after) == mtd)
        return total

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, or the MTD."""
        decision = self.design.decide(tally)
        rows = np.flatnonzero(goes_on(decision, tally) & (tally.treated.sum(axis=1) >= self.patients))
        ends = np.zeros(tally.trials, dtype=bool)
        if len(rows):
            some = self.known(tally).rows(rows)
            mtd = self.design.select(some)
            stays = self.stability(some, np.maximum(mtd, 0)) >= self.chance - 1e-9
            ends[rows] = stays & (mtd != NONE)
        return self._with_ends(decision, tally, ends)
