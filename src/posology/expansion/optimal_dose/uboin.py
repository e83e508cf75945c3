"""U-BOIN: BOIN until enough is known of a level, then the dose with the greatest utility.

Zhou Y, Lee JJ, Yuan Y, Statistics in Medicine 2019;38:S5299-S5316. Stage I looks at toxicity alone: BOIN, with a target
a little below the limit. Once ``stage_one`` patients were treated at a level, stage II begins: if the highest level
tried is safe enough to go up, the next one is tried; otherwise the level of the greatest posterior mean utility is
given, of the tried ones whose toxicity and response are acceptable. The four outcomes have a Dirichlet prior, so that
utility, toxicity and response have one posterior.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import betainc, betaincc

from posology.designs.boin import BOUNDARY_TOLERANCE, Boin
from posology.designs.tally import NONE, Action
from posology.expansion.joint_outcomes import JointOutcome, JointTally
from posology.expansion.optimal_dose.boin12 import JointDecision
from posology.expansion.optimal_dose.utility import Utility
from posology.shared.arrays import Bools, Floats, Ints

__all__ = ["UBoin", "UtilityPosterior"]


@dataclass(frozen=True)
class UtilityPosterior:
    """What is known of each level; each field (trials, levels).

    Parameters
    ----------
    mean, variance
        of the utility.
    overdose, futility
        chance that the toxicity rate exceeds its limit, and that the response rate lies below its own.
    """

    mean: Floats
    variance: Floats
    overdose: Floats
    futility: Floats


@dataclass(frozen=True)
class UBoin:
    """The design.

    Parameters
    ----------
    levels
        number of dose levels, 2 to 50.
    max_toxicity, min_response
        greatest acceptable toxicity rate, and least acceptable response rate, in (0, 1).
    utility
        the worth of the four outcomes.
    below_limit
        by how much stage I's target lies below ``max_toxicity``.
    c_toxicity, c_response
        chances above which a level is too toxic, or too rarely works, in (0, 1).
    stage_one, stage_two
        patients at one level that end stage I, and the trial.
    max_patients
        in all.
    start
        index of the first level, from 0.
    prior
        Dirichlet parameters of neither, efficacy, toxicity, both: above 0.
    elimination
        chance above which stage I eliminates a level and those above, under a beta(1, 1) prior.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    >>> design = UBoin(levels=3, max_toxicity=0.35, min_response=0.25)
    >>> design.decide(JointTally.of("1NNN 2NNE 3ETE", levels=3)).level[0] + 1
    np.int64(3)
    """

    levels: int
    max_toxicity: float
    min_response: float
    utility: Utility = field(default_factory=lambda: Utility(neither=30.0, both=50.0))
    below_limit: float = 0.05
    c_toxicity: float = 0.9
    c_response: float = 0.9
    stage_one: int = 12
    stage_two: int = 24
    max_patients: int = 54
    start: int = 0
    prior: tuple[float, float, float, float] = (0.25, 0.25, 0.25, 0.25)
    elimination: float = 0.95

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= 50 or not 0 <= self.start < self.levels:
            raise ValueError(f"{self.levels} levels, first index {self.start}: 2 to 50 levels, the first one of them")
        for name in ("max_toxicity", "min_response", "c_toxicity", "c_response", "elimination"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it lies between 0 and 1")
        if not 0 <= self.below_limit < self.max_toxicity:
            raise ValueError(f"below_limit is {self.below_limit}: from 0 to below {self.max_toxicity}")
        if not 1 <= self.stage_one <= self.stage_two or self.max_patients < 1:
            raise ValueError(f"stages end at {self.stage_one} and {self.stage_two} patients: 1 or more, and increasing")
        if len(self.prior) != 4 or not min(self.prior) > 0:
            raise ValueError(f"prior is {self.prior}: four numbers above 0")

    @property
    def by_marginal_counts(self) -> bool:
        """Whether toxicities and responses at each level are all that it looks at."""
        return self.utility.additive

    @property
    def boin(self) -> Boin:
        """Stage I's design."""
        return Boin(levels=self.levels, target=self.max_toxicity - self.below_limit)

    def posterior(self, tally: JointTally) -> UtilityPosterior:
        """Return what the counts say of each level, under the Dirichlet prior."""
        shapes = tally.counts + np.array(self.prior)
        total = shapes.sum(axis=2)
        share = shapes / total[..., None]
        worth = self.utility.of_outcomes
        mean = share @ worth
        variance = (share * (worth - mean[..., None]) ** 2).sum(axis=2) / (total + 1)
        toxic = shapes[..., JointOutcome.TOXICITY] + shapes[..., JointOutcome.BOTH]
        works = shapes[..., JointOutcome.EFFICACY] + shapes[..., JointOutcome.BOTH]
        return UtilityPosterior(
            mean,
            variance,
            np.asarray(betaincc(toxic, total - toxic, self.max_toxicity)),
            np.asarray(betainc(works, total - works, self.min_response)),
        )

    def eliminated(self, tally: JointTally) -> Bools:
        """Return (trials, levels): stage I's elimination, from three patients at a level on, and of all above it."""
        n, t = tally.treated, tally.toxicities
        toxic = (n >= 3) & (betaincc(1 + t, 1 + n - t, self.max_toxicity) > self.elimination)
        return np.logical_or.accumulate(toxic, axis=1)

    def admissible(self, tally: JointTally) -> Bools:
        """Return (trials, levels): the tried levels that stage II may give."""
        posterior = self.posterior(tally)
        acceptable = (posterior.overdose <= self.c_toxicity) & (posterior.futility <= self.c_response)
        return acceptable & ~self.eliminated(tally) & (tally.treated > 0)

    def decide(self, tally: JointTally) -> JointDecision:
        """Return what to do next.

        Parameters
        ----------
        tally
            the outcomes of both stages.
        """
        n = tally.treated
        first = self._stage_one(tally)
        second = self._stage_two(tally)
        level = np.where((n >= self.stage_one).any(axis=1), second, first)
        level = np.where(tally.level == NONE, self.start, level)
        over = (n.sum(axis=1) >= self.max_patients) | (n >= self.stage_two).any(axis=1)
        over &= level != NONE
        level = np.where(over, self.select(tally), level)
        last = np.where(tally.level == NONE, self.start, tally.level)
        action = np.select(
            [level == NONE, over, level > last, level < last],
            [Action.STOP, Action.DECLARE, Action.ESCALATE, Action.DEESCALATE],
            Action.STAY,
        )
        return JointDecision(action, level)

    def _stage_one(self, tally: JointTally) -> Ints:
        """Return (trials,): BOIN's next level."""
        rows, last = np.arange(len(tally.level)), np.maximum(tally.level, 0)
        n, t = tally.treated[rows, last], tally.toxicities[rows, last]
        move = np.where(n > 0, self.boin.transitions(n, t), 0)
        may = ~self.eliminated(tally)
        wanted = np.clip(last + move, 0, self.levels - 1)
        highest = np.where(may, np.arange(self.levels), NONE).max(axis=1)  # levels from the lowest on: no gaps
        return np.asarray(np.minimum(wanted, highest))

    def _stage_two(self, tally: JointTally) -> Ints:
        """Return (trials,): one level above the highest tried, if that is safe; else the best admissible one."""
        rows, index = np.arange(len(tally.level)), np.arange(self.levels)
        highest = np.where(tally.treated > 0, index, 0).max(axis=1)
        above = np.minimum(highest + 1, self.levels - 1)
        n, t = tally.treated[rows, highest], tally.toxicities[rows, highest]
        low = t <= self.boin.lambda_e * n + BOUNDARY_TOLERANCE
        explore = (above > highest) & low & ~self.eliminated(tally)[rows, above]
        return np.where(explore, above, self.select(tally))

    def select(self, tally: JointTally) -> Ints:
        """Return (trials,): index of the admissible level of the greatest mean utility, the lowest of equal ones."""
        allowed = self.admissible(tally)
        best = np.where(allowed, self.posterior(tally).mean.round(12), -1.0).argmax(axis=1)
        return np.where(allowed.any(axis=1), best, NONE)
