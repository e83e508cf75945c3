"""Operating characteristics of designs that find the optimal dose: simulated, or exact over all joint counts."""

from __future__ import annotations

from dataclasses import dataclass
from math import factorial
from typing import Protocol

import numpy as np

from posology.designs.tally import NONE, Action
from posology.expansion.joint_outcomes import JointOutcome, JointTally
from posology.expansion.optimal_dose.boin12 import JointDecision
from posology.shared.arrays import ArrayLike, Floats, Ints

__all__ = ["OptimalDoseCharacteristics", "OptimalDoseDesign", "exact_optimal_dose", "simulate_optimal_dose"]


class OptimalDoseDesign(Protocol):
    """What a design that finds the optimal dose can do."""

    @property
    def levels(self) -> int:
        """The number of dose levels."""

    @property
    def max_patients(self) -> int:
        """The most patients."""

    @property
    def by_marginal_counts(self) -> bool:
        """Whether toxicities and responses at each level are all that it looks at."""

    def decide(self, tally: JointTally) -> JointDecision:
        """Return what to do next."""

    def select(self, tally: JointTally) -> Ints:
        """Return the optimal dose of each trial, ``NONE`` if none."""


@dataclass(frozen=True)
class OptimalDoseCharacteristics:
    """What becomes of a design in one scenario.

    Parameters
    ----------
    selected
        (levels,): chance that each level is called the optimal dose.
    none
        chance that none is.
    patients, toxicities, responses
        (levels,): expected numbers at each level.
    trials
        simulated; None where exact.
    """

    selected: Floats
    none: float
    patients: Floats
    toxicities: Floats
    responses: Floats
    trials: int | None = None

    @property
    def total_patients(self) -> float:
        """Expected number of patients in all."""
        return float(self.patients.sum())

    @property
    def standard_error(self) -> Floats:
        """(levels,): of the chances of selection; 0 where exact."""
        if self.trials is None:
            return np.zeros_like(self.selected)
        return np.sqrt(self.selected * (1 - self.selected) / self.trials)


def simulate_optimal_dose(
    design: OptimalDoseDesign, chances: ArrayLike, rng: np.random.Generator, *, trials: int = 10_000, cohort: int = 3
) -> OptimalDoseCharacteristics:
    """Simulate trials, all at once, a cohort a step.

    Parameters
    ----------
    design
        such as :class:`posology.expansion.optimal_dose.boin12.Boin12`.
    chances
        (levels, 4): true chance of each outcome, as from :func:`posology.expansion.joint_outcomes.joint_chances`.
    rng
        the source of randomness.
    trials, cohort
        trials to simulate, and patients in a cohort; the last one is cut to ``design.max_patients``.

    Raises
    ------
    ValueError
        if chances have another shape or do not sum to 1.

    Examples
    --------
    >>> from posology.expansion.joint_outcomes import joint_chances
    >>> from posology.expansion.optimal_dose.boin12 import Boin12
    >>> design = Boin12(levels=3, max_toxicity=0.35, min_response=0.25)
    >>> truth = joint_chances([0.05, 0.1, 0.5], [0.1, 0.5, 0.55])
    >>> result = simulate_optimal_dose(design, truth, np.random.default_rng(1), trials=2_000)
    >>> int(result.selected.argmax()) + 1
    2
    """
    p = _checked(design, chances)
    if trials < 1 or cohort < 1:
        raise ValueError(f"{trials} trials of cohorts of {cohort}: 1 or more each")
    tally = JointTally(np.zeros((trials, design.levels, 4), dtype=np.int64), np.full(trials, NONE))
    going = np.arange(trials)
    selected = np.full(trials, NONE)
    while going.size:
        now = JointTally(tally.counts[going], tally.level[going])
        decision = design.decide(now)
        over = np.isin(decision.action, (Action.DECLARE, Action.STOP))
        selected[going[over]] = decision.level[over]
        going, level = going[~over], decision.level[~over]
        size = np.minimum(cohort, design.max_patients - tally.counts[going].sum(axis=(1, 2)))
        tally.counts[going, level] += rng.multinomial(size, p[level])
        tally.level[going] = level
    weight = np.full(trials, 1 / trials)
    return _summed(tally, selected, weight, trials)


def exact_optimal_dose(
    design: OptimalDoseDesign, chances: ArrayLike, *, cohort: int = 3, max_states: int = 3_000_000
) -> OptimalDoseCharacteristics:
    """Return exact operating characteristics, over every joint count that can be reached.

    Paths that lead to the same counts are taken together, by the marginal counts where the design looks at no more.

    Parameters
    ----------
    design, chances, cohort
        as in :func:`simulate_optimal_dose`.
    max_states
        the most different counts at one step.

    Raises
    ------
    ValueError
        as there, and where there are more counts than ``max_states``: simulate those.

    Examples
    --------
    >>> from posology.expansion.joint_outcomes import joint_chances
    >>> from posology.expansion.optimal_dose.boin12 import Boin12
    >>> design = Boin12(levels=2, max_toxicity=0.35, min_response=0.25, max_patients=12)
    >>> result = exact_optimal_dose(design, joint_chances([0.1, 0.3], [0.2, 0.5]))
    >>> round(float(result.selected.sum()) + result.none, 12)
    1.0
    """
    p = _checked(design, chances)
    if cohort < 1:
        raise ValueError(f"cohorts of {cohort}: 1 or more")
    tally = JointTally(np.zeros((1, design.levels, 4), dtype=np.int64), np.full(1, NONE))
    weight = np.ones(1)
    ended: list[OptimalDoseCharacteristics] = []
    while weight.size:
        decision = design.decide(tally)
        over = np.isin(decision.action, (Action.DECLARE, Action.STOP))
        ended.append(
            _summed(JointTally(tally.counts[over], tally.level[over]), decision.level[over], weight[over], None)
        )
        counts, weight, level = tally.counts[~over], weight[~over], decision.level[~over]
        if not weight.size:
            break
        size = min(cohort, design.max_patients - int(counts[0].sum()))
        outcomes = _compositions(size)
        if len(counts) * len(outcomes) > 40 * max_states:
            raise ValueError(_too_many(len(counts) * len(outcomes), max_states))
        ways = factorial(size) / np.prod([[factorial(int(k)) for k in row] for row in outcomes], axis=1)
        chance = ways * np.prod(p[:, None, :] ** outcomes, axis=2)  # (levels, outcomes)
        tally, weight = _children(counts, level, outcomes, weight[:, None] * chance[level], design.by_marginal_counts)
        if len(weight) > max_states:
            raise ValueError(_too_many(len(weight), max_states))
    return OptimalDoseCharacteristics(
        np.sum([each.selected for each in ended], axis=0),
        float(sum(each.none for each in ended)),
        np.sum([each.patients for each in ended], axis=0),
        np.sum([each.toxicities for each in ended], axis=0),
        np.sum([each.responses for each in ended], axis=0),
    )


def _too_many(states: int, most: int) -> str:
    return f"about {states:,} different counts, more than {most:,}: simulate instead, or take fewer levels or patients"


def _checked(design: OptimalDoseDesign, chances: ArrayLike) -> Floats:
    p = np.asarray(chances, dtype=float)
    if p.shape != (design.levels, 4) or not (p >= 0).all() or not np.allclose(p.sum(axis=1), 1, atol=1e-9):
        raise ValueError(f"chances have shape {p.shape}: ({design.levels}, 4), each row of chances summing to 1")
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _compositions(size: int) -> Ints:
    """Return (outcomes, 4): every way in which ``size`` patients can have the four outcomes."""
    return np.array(
        [
            (size - e - t - b, e, t, b)
            for e in range(size + 1)
            for t in range(size + 1 - e)
            for b in range(size + 1 - e - t)
        ]
    )


def _children(
    counts: Ints, level: Ints, outcomes: Ints, weight: Floats, by_marginal_counts: bool
) -> tuple[JointTally, Floats]:
    """Return the counts after a further cohort, equal ones taken together, with their chances."""
    state, way = np.nonzero(weight)
    grown, at = counts.astype(np.int16)[state], level[state]
    grown[np.arange(len(at)), at] += outcomes.astype(np.int16)[way]
    if by_marginal_counts:
        together = np.minimum(grown[..., JointOutcome.EFFICACY], grown[..., JointOutcome.TOXICITY])
        grown[..., [JointOutcome.EFFICACY, JointOutcome.TOXICITY]] -= together[..., None]
        grown[..., [JointOutcome.NEITHER, JointOutcome.BOTH]] += together[..., None]
    key = np.concatenate([grown.reshape(len(grown), -1), at[:, None].astype(np.int16)], axis=1)
    key = np.ascontiguousarray(key)
    _, first, same = np.unique(
        key.view(np.dtype((np.void, key.dtype.itemsize * key.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    return JointTally(grown[first].astype(np.int64), at[first]), np.bincount(same, weight[state, way]).astype(float)


def _summed(tally: JointTally, selected: Ints, weight: Floats, trials: int | None) -> OptimalDoseCharacteristics:
    """Sum up trials by their chances."""
    levels = tally.levels
    chance = np.bincount(selected + 1, weight, minlength=levels + 1).astype(float)
    return OptimalDoseCharacteristics(
        chance[1:],
        float(chance[0]),
        weight @ tally.treated,
        weight @ tally.toxicities,
        weight @ tally.responses,
        trials,
    )
