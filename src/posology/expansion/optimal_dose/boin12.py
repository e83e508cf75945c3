"""BOIN12: dose finding by toxicity and response at once.

Lin R, Zhou Y, Yan F, Li D, Yuan Y, JCO Precision Oncology 2020;4:1393-1402. Toxicity decides which neighbours may be
given, by BOIN's boundaries; of those, the one most likely to be worth more than a benchmark is given. The benchmark is
half-way between the utility at the limits of toxicity and response and the best possible. The utility of n patients is
a quasi-binomial count x = sum of utilities / 100, so that its posterior is beta(a + x, b + n - x).

Rules, at the level last given, with n patients and toxicity rate p:

- p >= lambda_d: down;
- lambda_e < p < lambda_d and n >= ``explore_until``: the better of this level and the one below;
- else: the best of this level and its neighbours;
- n >= ``always_explore``, p < lambda_d and the level above untried: up.

A level is admissible unless its toxicity rate exceeds ``max_toxicity`` with chance ``c_toxicity`` (then neither are the
levels above), or its response rate lies below ``min_response`` with chance ``c_response``. Between equally good levels
the higher is taken, as in MD Anderson's application.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import betainc, betaincc
from scipy.stats import rankdata

from posology.designs.boin import BOUNDARY_TOLERANCE, Boin
from posology.designs.isotonic import nearest_to_target
from posology.designs.tally import NONE, Action
from posology.expansion.joint_outcomes import JointTally
from posology.expansion.optimal_dose.utility import Utility
from posology.shared.arrays import Bools, Floats, Ints

__all__ = ["Boin12", "Evidence", "JointDecision"]


@dataclass(frozen=True)
class Evidence:
    """What is known of each level; each field (trials, levels) but ``level``.

    Parameters
    ----------
    treated
        patients.
    toxicity_rate
        estimated; 0 where nobody was treated.
    overdose, futility
        chance that the toxicity rate exceeds its limit, and that the response rate lies below its own.
    desirability
        chance that the utility exceeds the benchmark.
    level
        (trials,): index of the level last given, ``NONE`` before the first patient.
    """

    treated: Ints
    toxicity_rate: Floats
    overdose: Floats
    futility: Floats
    desirability: Floats
    level: Ints


@dataclass(frozen=True)
class JointDecision:
    """What to do next, one row a trial.

    Parameters
    ----------
    action
        (trials,): :class:`posology.designs.tally.Action`.
    level
        (trials,): index of the level to treat, or of the optimal dose where the action is DECLARE; ``NONE`` if none.
    """

    action: Ints
    level: Ints


@dataclass(frozen=True)
class Boin12:
    """The design.

    Parameters
    ----------
    levels
        number of dose levels, 2 to 50.
    max_toxicity, min_response
        greatest acceptable toxicity rate, and least acceptable response rate, in (0, 1).
    utility
        the worth of the four outcomes.
    c_toxicity, c_response
        chances from which a level is too toxic, or too rarely works, in (0, 1).
    explore_until
        patients from which, inside BOIN's interval, the level above is no longer looked at.
    always_explore
        patients at which an untried level above is tried, toxicity allowing.
    max_patients
        in all.
    enough
        patients at one level that end the trial where it would be given again; None: only ``max_patients`` does.
    start
        index of the first level, from 0.
    prior
        beta shapes of toxicity, response and utility.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    The published example, at its fourth cohort:

    >>> design = Boin12(levels=5, max_toxicity=0.35, min_response=0.25)
    >>> decision = design.decide(JointTally.of("1NNN 2ENT 3ETT 2EEN", levels=5))
    >>> decision.action[0] == Action.STAY, decision.level[0] + 1
    (np.True_, np.int64(2))
    """

    levels: int
    max_toxicity: float
    min_response: float
    utility: Utility = field(default_factory=Utility)
    c_toxicity: float = 0.95
    c_response: float = 0.9
    explore_until: int = 6
    always_explore: int = 9
    max_patients: int = 36
    enough: int | None = 12
    start: int = 0
    prior: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= 50 or not 0 <= self.start < self.levels:
            raise ValueError(f"{self.levels} levels, first index {self.start}: 2 to 50 levels, the first one of them")
        for name in ("max_toxicity", "min_response", "c_toxicity", "c_response"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it lies between 0 and 1")
        for name in ("explore_until", "always_explore", "max_patients"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: 1 or more")
        if self.enough is not None and self.enough < 1:
            raise ValueError(f"enough is {self.enough}: 1 or more, or None")
        if not min(self.prior) > 0:
            raise ValueError(f"prior shapes are {self.prior}: above 0")

    @property
    def by_marginal_counts(self) -> bool:
        """Whether toxicities and responses at each level are all that it looks at."""
        return self.utility.additive

    @property
    def boin(self) -> Boin:
        """The design whose boundaries judge toxicity."""
        return Boin(levels=self.levels, target=self.max_toxicity)

    @property
    def benchmark(self) -> float:
        """The utility that a level should exceed, as a share of 100."""
        at_limits = self.utility.mean(self.max_toxicity, self.min_response)
        return (at_limits + (100 - at_limits) / 2) / 100

    def evidence(self, tally: JointTally) -> Evidence:
        """Return what the counts say of each level."""
        n, t, r = tally.treated, tally.toxicities, tally.responses
        a, b = self.prior
        x = self.utility.total(tally) / 100
        return Evidence(
            n,
            t / np.maximum(n, 1),
            np.asarray(betaincc(a + t, b + n - t, self.max_toxicity)),
            np.asarray(betainc(a + r, b + n - r, self.min_response)),
            np.asarray(betaincc(a + x, b + n - x, self.benchmark)),
            tally.level,
        )

    def safe(self, evidence: Evidence) -> Bools:
        """Return (trials, levels): neither this level nor one below is too toxic."""
        return np.logical_and.accumulate(evidence.overdose < self.c_toxicity, axis=1)

    def admissible(self, evidence: Evidence) -> Bools:
        """Return (trials, levels): which levels may be given."""
        return self.safe(evidence) & (evidence.futility < self.c_response)

    def decide(self, tally: JointTally) -> JointDecision:
        """Return what to do next.

        Parameters
        ----------
        tally
            the outcomes so far.
        """
        evidence = self.evidence(tally)
        decision = self.next_level(evidence)
        ends = (decision.level != NONE) & (tally.treated.sum(axis=1) >= self.max_patients)
        if self.enough is not None:
            given = np.take_along_axis(tally.treated, np.maximum(decision.level, 0)[:, None], axis=1)[:, 0]
            ends |= (decision.level != NONE) & (given >= self.enough)
        if not ends.any():
            return decision
        best = self.select(tally)
        action = np.where(ends, np.where(best == NONE, Action.STOP, Action.DECLARE), decision.action)
        return JointDecision(action, np.where(ends, best, decision.level))

    def next_level(self, evidence: Evidence) -> JointDecision:
        """Return the level to give by the rules, the ends of the trial left aside."""
        rows, last = np.arange(len(evidence.level)), np.maximum(evidence.level, 0)
        admissible, safe = self.admissible(evidence), self.safe(evidence)
        n, rate = evidence.treated[rows, last], evidence.toxicity_rate[rows, last]
        down = (rate >= self.boin.lambda_d - BOUNDARY_TOLERANCE) & (n > 0)
        between = (rate > self.boin.lambda_e + BOUNDARY_TOLERANCE) & ~down

        index = np.arange(self.levels)
        offset = index - last[:, None]
        near = admissible & (np.abs(offset) <= 1)
        near &= ~((offset == 1) & (between & (n >= self.explore_until))[:, None])
        best = _last_of_the_best(np.where(near, evidence.desirability, -1.0))
        best = np.where(near.any(axis=1), best, NONE)

        below = np.where(admissible & (offset < 0), index, NONE).max(axis=1)
        lowest_again = (below == NONE) & (last == 0) & admissible[rows, last]
        best = np.where(down, np.where(lowest_again, last, below), best)

        above = np.minimum(last + 1, self.levels - 1)
        untried = (above > last) & (evidence.treated[rows, above] == 0)
        explore = ~down & (n >= self.always_explore) & untried & safe[rows, above] & admissible[rows, above]
        best = np.where(explore, above, best)

        best = np.where(evidence.level == NONE, self.start, best)
        action = np.select(
            [best == NONE, best > last, best < last], [Action.STOP, Action.ESCALATE, Action.DEESCALATE], Action.STAY
        )
        return JointDecision(np.where(evidence.level == NONE, Action.STAY, action), best)

    def select(self, tally: JointTally) -> Ints:
        """Return (trials,): index of the optimal dose, ``NONE`` if none.

        Of the tried and admissible levels not above the MTD (isotonic toxicity nearest ``max_toxicity``), the one with
        the greatest mean utility.
        """
        evidence = self.evidence(tally)
        mtd = nearest_to_target(tally.toxicity_tally, self.max_toxicity, self.safe(evidence))
        index = np.arange(self.levels)
        allowed = self.admissible(evidence) & (tally.treated > 0) & (index <= mtd[:, None])
        mean = self.mean_utility(tally)
        best = _last_of_the_best(np.where(allowed, mean, -1.0))
        return np.where(allowed.any(axis=1), best, NONE)

    def mean_utility(self, tally: JointTally) -> Floats:
        """Return (trials, levels): posterior mean utility, from 0 to 100."""
        a, b = self.prior
        return np.asarray(100 * (a + self.utility.total(tally) / 100) / (a + b + tally.treated))

    def desirability_table(self, patients: list[int]) -> list[dict[str, float | None]]:
        """Return the table that a committee uses in place of the formulas: a row for each result at a level.

        Parameters
        ----------
        patients
            numbers of patients at a level to list, as ``[0, 3, 6, 9]``.

        Returns
        -------
        list
            ``patients``, ``toxicities``, ``responses`` and the ``rank`` of the desirability among all listed (the
            greatest is best; equal ones share the mean), None where the level is not admissible.

        Raises
        ------
        ValueError
            if the utilities are not additive: then a result is more than its two counts.
        """
        if not self.utility.additive:
            raise ValueError("efficacy + toxicity and neither + both differ: the two counts do not give the utility")
        rows = [(n, t, r) for n in patients for t in range(n + 1) for r in range(n + 1)]
        n, t, r = np.array(rows).T
        a, b = self.prior
        cost, gain = self.utility.neither - self.utility.toxicity, self.utility.efficacy - self.utility.neither
        x = (n * self.utility.neither - t * cost + r * gain) / 100
        desirability = betaincc(a + x, b + n - x, self.benchmark)
        admissible = (betaincc(a + t, b + n - t, self.max_toxicity) < self.c_toxicity) & (
            betainc(a + r, b + n - r, self.min_response) < self.c_response
        )
        rank = np.full(len(rows), np.nan)
        rank[admissible] = rankdata(desirability[admissible].round(12))
        return [
            {"patients": n, "toxicities": t, "responses": r, "rank": None if np.isnan(value) else float(value)}
            for (n, t, r), value in zip(rows, rank, strict=True)
        ]


def _last_of_the_best(values: Floats) -> Ints:
    """Return (trials,): the highest index at which the greatest value stands, to 12 digits."""
    rounded = values.round(12)
    return np.asarray(values.shape[1] - 1 - rounded[:, ::-1].argmax(axis=1))
