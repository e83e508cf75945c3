"""Exact operating characteristics of a design: no simulation, no Monte Carlo error.

Most designs depend on the past through counts alone. All tallies that a trial can reach are enumerated cohort by cohort,
equal ones merged, each with the number of ways to reach it (a product of binomial coefficients, summed over paths). The
probability of an end is then ``ways x prod p^y (1-p)^(n-y)``, so that one enumeration answers every scenario.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import comb

import numpy as np

from posology.designs.tally import NONE, Action, Bools, Design, Floats, Ints, Tally

TINY = 1e-300


class TooLarge(ValueError):
    """An enumeration that would not fit, with its size."""


@dataclass(frozen=True)
class Enumeration:
    """Every end that a trial under the design can come to.

    Parameters
    ----------
    treated, toxic
        (ends, levels): patients and DLTs by level at the end.
    mtd
        (ends,): index of the level declared, ``NONE`` where none is.
    ways
        (ends,): number of sequences of outcomes that lead there.
    """

    treated: Ints
    toxic: Ints
    mtd: Ints
    ways: Floats

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return int(self.treated.shape[1])

    def under(self, truth: Sequence[Sequence[float]] | Sequence[float] | Floats) -> Characteristics:
        """Return the operating characteristics under true DLT rates: one scenario, or one a row.

        Raises
        ------
        ValueError
            if a rate lies outside [0, 1], or there is not one for each level.
        """
        rates = np.atleast_2d(np.asarray(truth, dtype=np.float64))
        if rates.shape[1] != self.levels:
            raise ValueError(f"the truth has {rates.shape[1]} rates; the design has {self.levels} levels")
        if not ((rates >= 0) & (rates <= 1)).all():
            wrong = rates[~((rates >= 0) & (rates <= 1))][0]
            raise ValueError(f"a true DLT rate is {wrong:g}: it must lie between 0 and 1")
        logs = (
            self.toxic @ np.log(np.maximum(rates, TINY)).T
            + (self.treated - self.toxic) @ np.log(np.maximum(1 - rates, TINY)).T
        )
        return Characteristics(self, rates, self.ways[:, None] * np.exp(logs))


@dataclass(frozen=True)
class Characteristics:
    """The operating characteristics of a design under one scenario or many: exact.

    Parameters
    ----------
    ends
        the enumeration they come from.
    truth
        (scenarios, levels): the true DLT rates.
    probability
        (ends, scenarios): the chance of each end.
    """

    ends: Enumeration
    truth: Floats
    probability: Floats

    @cached_property
    def selection(self) -> Floats:
        """(scenarios, levels + 1): chance that no level (first), or each level, is declared the MTD."""
        chosen = np.arange(NONE, self.ends.levels)[None, :] == self.ends.mtd[:, None]
        return np.asarray(self.probability.T @ chosen)

    @property
    def patients(self) -> Floats:
        """(scenarios, levels): expected patients."""
        return np.asarray(self.probability.T @ self.ends.treated)

    @property
    def dlts(self) -> Floats:
        """(scenarios, levels): expected DLTs."""
        return np.asarray(self.probability.T @ self.ends.toxic)

    @property
    def size(self) -> tuple[Ints, Floats]:
        """The numbers of patients a trial may treat, and (scenarios, numbers) the chance of each."""
        return self._distribution(self.ends.treated.sum(axis=1))

    def patients_at(self, level: int) -> tuple[Ints, Floats]:
        """Return the full distribution of the patients treated at a level (an index)."""
        return self._distribution(self.ends.treated[:, level])

    def dlts_at(self, level: int) -> tuple[Ints, Floats]:
        """Return the full distribution of the DLTs at a level (an index)."""
        return self._distribution(self.ends.toxic[:, level])

    def _distribution(self, counts: Ints) -> tuple[Ints, Floats]:
        numbers, which = np.unique(counts, return_inverse=True)
        return numbers, np.stack([np.bincount(which, p, len(numbers)) for p in self.probability.T])

    def true_mtd(self, target: float) -> Ints:
        """(scenarios,): the level whose true rate is nearest the target, the lower of two that are equally near."""
        return np.asarray(np.abs(self.truth - target).round(12).argmin(axis=1))

    def correct(self, target: float) -> Floats:
        """(scenarios,): chance that the level nearest the target is selected."""
        return self.selection[np.arange(len(self.truth)), self.true_mtd(target) + 1]

    def overdosed(self, target: float, share: float = 0.6) -> Floats:
        """(scenarios,): chance that more than a share of a trial's patients are treated above the level nearest the target."""
        above: Bools = np.arange(self.ends.levels)[None, :] > self.true_mtd(target)[:, None]
        over = self.ends.treated @ above.T > share * self.ends.treated.sum(axis=1, keepdims=True)
        return np.asarray((self.probability * over).sum(axis=0))

    def gradient(self) -> Floats:
        """(scenarios, levels + 1, levels): how each selection probability changes with each true rate.

        Raises
        ------
        ValueError
            if a true rate is 0 or 1, where the derivative has one side only.
        """
        if ((self.truth <= 0) | (self.truth >= 1)).any():
            raise ValueError("the gradient needs true rates between 0 and 1, not at them")
        chosen = (np.arange(NONE, self.ends.levels)[None, :] == self.ends.mtd[:, None]).astype(np.float64)
        result = np.empty((len(self.truth), self.ends.levels + 1, self.ends.levels))
        for s, rates in enumerate(self.truth):
            score = self.ends.toxic / rates - (self.ends.treated - self.ends.toxic) / (1 - rates)
            result[s] = chosen.T @ (self.probability[:, s, None] * score)
        return result


def enumerate_trials(design: Design, most: int = 20_000_000) -> Enumeration:
    """Enumerate every trial that a design can lead to.

    Parameters
    ----------
    design
        any design whose decisions depend on the tally alone, and that ends.
    most
        tallies that may stand at once; about 24 bytes a level each.

    Raises
    ------
    TooLarge
        if there would be more: simulate instead.

    Examples
    --------
    >>> from posology.designs import ThreePlusThree
    >>> found = enumerate_trials(ThreePlusThree(levels=3)).under([0.1, 0.2, 0.4])
    >>> found.selection.round(3)
    array([[0.101, 0.291, 0.41 , 0.199]])
    """
    tally, ways = Tally.start(1, design.levels), np.ones(1)
    ends: list[tuple[Ints, Ints, Ints, Floats]] = []
    while len(ways):
        decision = design.decide(tally)
        over = (decision.action == Action.DECLARE) | (decision.action == Action.STOP)
        ends.append((tally.treated[over], tally.toxic[over], decision.level[over], ways[over]))
        grown = list(_cohorts(tally, ways, decision.level, decision.more, ~over))
        if not grown:
            break
        size = sum(len(part[3]) for part in grown)
        if size > most:
            raise TooLarge(
                f"this design reaches {size:,} tallies after {int(tally.treated.sum(axis=1).max())} patients, more than {most:,} "
                f"({size * design.levels * 24 / 1e9:.1f} GB): simulate it instead, or use larger cohorts"
            )
        treated, toxic, level, ways = (np.concatenate(columns) for columns in zip(*grown, strict=True))
        tally, ways = _merged(treated, toxic, level, ways)
    treated, toxic, mtd, total = (np.concatenate(columns) for columns in zip(*ends, strict=True))
    return Enumeration(treated, toxic, mtd, total)


def _cohorts(
    tally: Tally, ways: Floats, level: Ints, more: Ints, live: Bools
) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
    """Yield the tallies after the next cohort, for each size of cohort and each number of DLTs in it."""
    for size in np.unique(more[live]):
        rows = np.flatnonzero(live & (more == size))
        index = np.arange(len(rows))
        treated = tally.treated[rows]
        treated[index, level[rows]] += size
        for dlts in range(int(size) + 1):
            toxic = tally.toxic[rows]
            toxic[index, level[rows]] += dlts
            yield treated, toxic, level[rows], ways[rows] * comb(int(size), dlts)


def _merged(treated: Ints, toxic: Ints, level: Ints, ways: Floats) -> tuple[Tally, Floats]:
    """Merge equal tallies, their ways added. Counts are packed, without loss, into as few 64-bit words as they need."""
    counts = np.concatenate([level[:, None], treated, toxic], axis=1)
    words: list[Ints] = []
    room = 1
    for column in counts.T:
        base = int(column.max()) + 1
        if not words or room * base > 2**62:
            words.append(np.zeros(len(ways), dtype=np.int64))
            room = 1
        words[-1] = words[-1] * base + column
        room *= base
    order = np.argsort(words[0], kind="stable") if len(words) == 1 else np.lexsort(words)
    fresh = np.zeros(len(ways), dtype=bool)
    fresh[0] = True
    for word in words:
        sorted_ = word[order]
        fresh[1:] |= sorted_[1:] != sorted_[:-1]
    first = order[fresh]
    total = np.add.reduceat(ways[order], np.flatnonzero(fresh))
    return Tally(treated[first], toxic[first], level[first]), total
