"""Toxicity and response of the same patient: counts, and true chances with an association.

The association of a scenario is the correlation of two normal variables, one behind each endpoint (a Gaussian copula):
the rates stay what they are, and 0 is independence.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from scipy.special import ndtr, ndtri

from posology.designs.tally import NONE, Tally, level_number
from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

__all__ = ["JointOutcome", "JointTally", "joint_chances"]


class JointOutcome(IntEnum):
    """What became of a patient; the letter people write is the first of the name."""

    NEITHER = 0
    EFFICACY = 1  # response without toxicity
    TOXICITY = 2  # toxicity without response
    BOTH = 3


LETTERS = "NETB"


@dataclass(frozen=True)
class JointTally:
    """Counts of patients by outcome, one row a trial.

    Parameters
    ----------
    counts
        (trials, levels, 4): patients at each level by :class:`JointOutcome`.
    level
        (trials,): index of the level last given, ``NONE`` before the first patient.

    Raises
    ------
    ValueError
        if shapes disagree or a count is negative.
    """

    counts: Ints
    level: Ints

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", np.asarray(self.counts, dtype=np.int64))
        object.__setattr__(self, "level", np.asarray(self.level, dtype=np.int64))
        if self.counts.ndim != 3 or self.counts.shape[2] != 4 or self.level.shape != self.counts.shape[:1]:
            raise ValueError(f"counts have shape {self.counts.shape}: (trials, levels, 4), and one level a trial")
        if (self.counts < 0).any():
            raise ValueError("a count is negative")

    @classmethod
    def of(cls, text: str, levels: int) -> JointTally:
        """Read cohorts as people write them: N neither, E efficacy alone, T toxicity alone, B both.

        Parameters
        ----------
        text
            as in ``"1NNN 2ENT"``: the level, then a letter a patient.
        levels
            number of dose levels.

        Raises
        ------
        ValueError
            naming the cohort that cannot be read, or whose level does not exist.

        Examples
        --------
        >>> JointTally.of("1NNN 2ENT", levels=3).counts[0].tolist()
        [[3, 0, 0, 0], [1, 1, 1, 0], [0, 0, 0, 0]]
        """
        counts = np.zeros((1, levels, 4), dtype=np.int64)
        level = NONE
        for cohort in text.split():
            match = re.fullmatch(r"([0-9]{1,9})([NETB]+)", cohort.upper())
            if not match:
                raise ValueError(
                    f"cannot read the cohort {cohort!r}: write the level, then one letter a patient: N (neither), "
                    "E (efficacy), T (toxicity) or B (both), as in 2ENT"
                )
            level = int(match[1]) - 1
            if not 0 <= level < levels:
                raise ValueError(f"cohort {cohort!r}: there is no level {match[1]}; levels are 1 to {levels}")
            for letter in match[2]:
                counts[0, level, LETTERS.index(letter)] += 1
        return cls(counts, np.array([level]))

    @property
    def levels(self) -> int:
        """The number of levels."""
        return int(self.counts.shape[1])

    @property
    def treated(self) -> Ints:
        """(trials, levels): patients."""
        return np.asarray(self.counts.sum(axis=2))

    @property
    def toxicities(self) -> Ints:
        """(trials, levels): patients with a toxicity."""
        return np.asarray(self.counts[..., JointOutcome.TOXICITY] + self.counts[..., JointOutcome.BOTH])

    @property
    def responses(self) -> Ints:
        """(trials, levels): patients with a response."""
        return np.asarray(self.counts[..., JointOutcome.EFFICACY] + self.counts[..., JointOutcome.BOTH])

    @property
    def toxicity_tally(self) -> Tally:
        """What a design that looks at toxicity alone sees."""
        return Tally(self.treated, self.toxicities, self.level)

    def after(self, level: Ints, outcomes: Ints, which: Bools) -> JointTally:
        """Return the tally after a further cohort.

        Parameters
        ----------
        level
            (trials,): where it was treated.
        outcomes
            (trials, 4): how many patients had each outcome.
        which
            (trials,): the trials that treated one; the others stay as they are.

        Examples
        --------
        >>> tally = JointTally.of("1NNN", levels=2)
        >>> tally.after(np.array([1]), np.array([[2, 1, 0, 0]]), np.array([True])).text()
        '1NNN 2NNE'
        """
        rows = np.flatnonzero(which)
        counts, last = self.counts.copy(), self.level.copy()
        counts[rows, level[rows]] += outcomes[rows]
        last[rows] = level[rows]
        return JointTally(counts, last)

    def text(self, trial: int = 0) -> str:
        """Write the counts of a trial, a level a word: ``"1NNN 2ENT"``; the order within a level is not kept."""
        words = []
        for level in np.flatnonzero(self.treated[trial]):
            letters = "".join(LETTERS[k] * int(self.counts[trial, level, k]) for k in range(4))
            words.append(f"{level_number(int(level))}{letters}")
        return " ".join(words)


def joint_chances(toxicity: ArrayLike, response: ArrayLike, correlation: float = 0.0) -> Floats:
    """Return (levels, 4): the chance of each :class:`JointOutcome` at true rates.

    Parameters
    ----------
    toxicity, response
        (levels,): true rates, each from 0 to 1.
    correlation
        of the two normal variables behind the endpoints, in (-1, 1): above 0 those who respond have more toxicity.

    Raises
    ------
    ValueError
        if a rate or the correlation is out of its bounds, or lengths differ.

    Examples
    --------
    >>> joint_chances([0.2], [0.4]).round(2)
    array([[0.48, 0.32, 0.12, 0.08]])
    >>> joint_chances([0.2], [0.4], 0.5).round(3)
    array([[0.538, 0.262, 0.062, 0.138]])
    """
    pt, pr = (np.atleast_1d(np.asarray(rate, dtype=float)) for rate in (toxicity, response))
    if pt.shape != pr.shape or not ((pt >= 0) & (pt <= 1) & (pr >= 0) & (pr <= 1)).all():
        raise ValueError("give a rate of toxicity and of response for each dose, from 0 to 1")
    if not -1 < correlation < 1:
        raise ValueError(f"the correlation is {correlation}: it lies between -1 and 1")
    both = np.array([_both(float(t), float(r), correlation) for t, r in zip(pt, pr, strict=True)])
    return np.asarray(np.clip(np.stack([1 - pt - pr + both, pr - both, pt - both, both], axis=1), 0.0, 1.0))


def _both(toxicity: float, response: float, correlation: float) -> float:
    """Return the chance of both: each normal variable below its quantile.

    Plackett's identity: the derivative by the correlation is the bivariate normal density, integrated by Gauss-Legendre
    in the angle, where it is smooth.
    """
    independent = toxicity * response
    if correlation == 0 or min(toxicity, response) == 0 or max(toxicity, response) == 1:
        return independent
    a, b = ndtri(toxicity), ndtri(response)
    nodes, weights = np.polynomial.legendre.leggauss(60)
    top = np.arcsin(correlation)
    angle = top * (nodes + 1) / 2
    density = np.exp(-(a * a + b * b - 2 * a * b * np.sin(angle)) / (2 * np.cos(angle) ** 2)) / (2 * np.pi)
    return float(ndtr(a) * ndtr(b) + (weights * density).sum() * top / 2)
