"""gBOIN: BOIN for graded toxicity, each patient scored from 0 to 1.

Mu R, Yuan Y, Xu J, Mandrekar SJ, Yin J. gBOIN: a unified model-assisted phase I trial design accounting for toxicity
grades, and binary or continuous end points. J R Stat Soc C 2019;68:289-308. The mean score at a level takes the place
of the DLT rate: a quasi-binary score has BOIN's boundaries, a continuous one, of constant variance, the midpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Le

from posology.designs.boin import BOUNDARY_TOLERANCE, Boin
from posology.designs.interval import stepped
from posology.designs.isotonic import isotonic
from posology.designs.tally import NONE, DependsOn, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class GBoin(Boin):
    """The gBOIN design.

    Parameters
    ----------
    score
        "quasi-binary": a score between 0 and 1 counts as so much of a DLT; "continuous": a measurement, its mean
        compared.
    scores
        the score of each grade of toxicity, from grade 0 up, for simulation and enumeration; none above 1.

    Notes
    -----
    ``target`` is the target mean score. The tally's ``burden`` holds the sums of scores. Levels are eliminated with
    Beta(1 + sum, 1 + n - sum), the quasi-binary posterior, for either kind of score.

    Examples
    --------
    >>> design = GBoin(levels=5, target=0.3)
    >>> tally = Tally([[3, 3, 0, 0, 0]], [[0, 0, 0, 0, 0]], [1], toxicity_score_sum=[[0.2, 1.3, 0, 0, 0]])
    >>> int(design.decide(tally).level[0])  # 1.3 of 3 is too much: back to level 1
    0
    """

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.SCORES

    score: Literal["quasi-binary", "continuous"] = "quasi-binary"
    scores: tuple[Annotated[float, Ge(0), Le(1)], ...] = (0.0, 0.0, 0.25, 0.5, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.scores or any(not 0 <= s <= 1 for s in self.scores) or any(np.diff(self.scores) < 0):
            raise ValueError(f"scores is {self.scores}: from 0 to 1, rising with the grade")

    @property
    def lambda_e(self) -> float:
        """The boundary for escalation."""
        return (self.phi_1 + self.target) / 2 if self.score == "continuous" else super().lambda_e

    @property
    def lambda_d(self) -> float:
        """The boundary for de-escalation."""
        return (self.phi_2 + self.target) / 2 if self.score == "continuous" else super().lambda_d

    def eliminated(self, tally: Tally) -> Bools:
        """Return (trials, levels): levels too toxic, or above one that is."""
        from scipy.special import betainc

        n, y = tally.treated, tally.toxicity_score_sum
        tail = 1 - betainc(1 + y, 1 + n - y, self.target)
        cutoff = np.full(self.levels, self.elimination)
        cutoff[0] -= self.extra_safe
        return np.logical_or.accumulate((tail > cutoff) & (n >= self.eliminate_from), axis=1)

    def propose(self, tally: Tally) -> Ints:
        """Return where to go next by the mean score at the level."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, y = tally.treated[rows, here], tally.toxicity_score_sum[rows, here]
        up, down = y <= self.lambda_e * n + BOUNDARY_TOLERANCE, y >= self.lambda_d * n - BOUNDARY_TOLERANCE
        return stepped(here, np.select([down & (n > 0), up], [-1, 1], 0), self.levels)

    def mtd(self, tally: Tally) -> Ints:
        """Return the level whose isotonic mean score is nearest the target, of those tried and not eliminated."""
        allowed = self.safe(tally) & (tally.treated > 0)
        n, y = tally.treated + 2 * self.smoothing, tally.toxicity_score_sum + self.smoothing
        mean = isotonic(np.asarray(y / n), np.asarray(n * allowed, dtype=np.float64)) + 1e-10 * np.arange(self.levels)
        distance = np.where(allowed, np.abs(mean - self.target), np.inf)
        return np.where(allowed.any(axis=1), distance.argmin(axis=1), NONE)
