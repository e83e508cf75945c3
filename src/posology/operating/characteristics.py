"""The operating characteristics of a design under true DLT rates, summed over its ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from posology.designs.tally import NONE
from posology.operating.ends import Ends
from posology.operating.true_mtd import acceptable, accuracy_index, true_mtd
from posology.shared.arrays import Bools, Floats, Ints
from posology.shared.tables import Table

if TYPE_CHECKING:
    import altair

IMPOSSIBLE = -1e5  # log of no chance: its exponential is exactly 0, its product with no events too
ENDINGS = ("no level is safe enough", "an MTD is declared by a rule", "the planned number of patients is reached")
MAX_PROBABILITIES = 1 << 23  # probabilities that are kept, and not worked out again for each result
ENDS_AT_ONCE = 1 << 13  # so that the work on them stays in the processor's cache


@dataclass(frozen=True)
class Characteristics:
    """The operating characteristics of a design under one scenario or many: exact.

    Parameters
    ----------
    ends
        the enumeration they come from.
    truth
        (scenarios, levels): the true DLT rates.
    """

    ends: Ends
    truth: Floats

    @classmethod
    def of(cls, ends: Ends, truth: Sequence[Sequence[float]] | Sequence[float] | Floats) -> Characteristics:
        """Return the operating characteristics under true DLT rates: one scenario, or one a row.

        Raises
        ------
        ValueError
            if a rate lies outside [0, 1], or there is not one for each level.
        """
        rates = np.atleast_2d(np.asarray(truth, dtype=np.float64))
        if rates.shape[1] != ends.levels:
            raise ValueError(f"the truth has {rates.shape[1]} rates; the design has {ends.levels} levels")
        if not ((rates >= 0) & (rates <= 1)).all():
            wrong = rates[~((rates >= 0) & (rates <= 1))][0]
            raise ValueError(f"a true DLT rate is {wrong:g}: it must lie between 0 and 1")
        return cls(ends, rates)

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return self.ends.levels

    @cached_property
    def _small(self) -> list[tuple[Ints, Ints, Ints, Floats]] | None:
        return list(self._weighed()) if len(self.ends.n_paths) * len(self.truth) <= MAX_PROBABILITIES else None

    def _weighed(self) -> Iterator[tuple[Ints, Ints, Ints, Floats]]:
        """Yield treated, toxic, mtd and the probabilities (ends, scenarios), part by part."""
        chances = np.concatenate([self.truth.T, 1 - self.truth.T])
        both = np.log(chances, out=np.full(chances.shape, IMPOSSIBLE), where=chances > 0)
        for treated, toxic, mtd, n_paths in self.ends.parts(
            max(min(MAX_PROBABILITIES // (8 * len(self.truth)), ENDS_AT_ONCE), 1024)
        ):
            logs = np.concatenate([toxic, treated - toxic], axis=1).astype(np.float64) @ both
            probability = np.exp(logs, out=logs)
            probability *= n_paths[:, None]
            yield treated, toxic, mtd, probability

    def _sum(self, of: Callable[[Ints, Ints, Ints], Floats | Ints | Bools]) -> Floats:
        """Return (scenarios, k): expectation of k functions of an end."""
        total: Floats | float = 0.0
        for treated, toxic, mtd, probability in self._small or self._weighed():
            total = total + probability.T @ np.asarray(of(treated, toxic, mtd), dtype=np.float64)
        return np.asarray(total)

    @cached_property
    def _means(self) -> Floats:
        """(scenarios, 3 levels + 1): selection, patients and DLTs, in one pass."""
        chosen = np.arange(NONE, self.levels)
        return self._sum(lambda treated, toxic, mtd: np.concatenate([chosen == mtd[:, None], treated, toxic], axis=1))

    @property
    def selection(self) -> Floats:
        """(scenarios, levels + 1): chance that no level (first), or each level, is declared the MTD."""
        return self._means[:, : self.levels + 1]

    @property
    def patients(self) -> Floats:
        """(scenarios, levels): expected patients."""
        return self._means[:, self.levels + 1 : 2 * self.levels + 1]

    @property
    def dlts(self) -> Floats:
        """(scenarios, levels): expected DLTs."""
        return self._means[:, 2 * self.levels + 1 :]

    def table(self) -> Table:
        """Return a row for each scenario and level, and one for no level: level 0."""
        rows = [
            (
                s + 1,
                j + 1 if j >= 0 else 0,
                float(rates[j]) if j >= 0 else 0.0,
                float(self.selection[s, j + 1]),
                float(self.patients[s, j]) if j >= 0 else 0.0,
                float(self.dlts[s, j]) if j >= 0 else 0.0,
            )
            for s, rates in enumerate(self.truth)
            for j in range(NONE, self.levels)
        ]
        names = ("scenario", "level", "true rate", "selected", "patients", "DLTs")
        return Table(
            "Exact operating characteristics", dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        )

    def plot(self) -> altair.Chart:
        """Return bars of the chance that each level is declared the MTD, by scenario; level 0: no level."""
        return self.table().plot("level", "selected", "scenario" if len(self.truth) > 1 else None)

    def __str__(self) -> str:
        return str(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()

    @property
    def size(self) -> tuple[Ints, Floats]:
        """The numbers of patients a trial may treat, and (scenarios, numbers) the chance of each."""
        return self._distribution(lambda treated, toxic: treated.sum(axis=1))

    @property
    def toxicities(self) -> tuple[Ints, Floats]:
        """The numbers of DLTs a trial may see, and (scenarios, numbers) the chance of each."""
        return self._distribution(lambda treated, toxic: toxic.sum(axis=1))

    def patients_at(self, level: int) -> tuple[Ints, Floats]:
        """Return the full distribution of the patients treated at a level (an index)."""
        return self._distribution(lambda treated, toxic: treated[:, level])

    def dlts_at(self, level: int) -> tuple[Ints, Floats]:
        """Return the full distribution of the DLTs at a level (an index)."""
        return self._distribution(lambda treated, toxic: toxic[:, level])

    def _distribution(self, of: Callable[[Ints, Ints], Ints]) -> tuple[Ints, Floats]:
        chances = np.zeros((len(self.truth), 1))
        for treated, toxic, _, probability in self._small or self._weighed():
            counts = of(treated, toxic)
            if len(self.truth) < 8:
                found = np.stack([np.bincount(counts, p) for p in probability.T])
            else:
                found = probability.T @ (counts[:, None] == np.arange(counts.max() + 1)).astype(np.float64)
            room = max(found.shape[1], chances.shape[1])
            chances = np.pad(chances, ((0, 0), (0, room - chances.shape[1])))
            chances[:, : found.shape[1]] += found
        numbers = np.flatnonzero(chances.any(axis=0))
        return numbers, chances[:, numbers]

    def true_mtd(self, target: float) -> Ints:
        """(scenarios,): the level that is right to select; see :func:`posology.operating.true_mtd.true_mtd`."""
        return true_mtd(self.truth, target)

    def correct(self, target: float) -> Floats:
        """(scenarios,): chance that the right level is selected, or none where that is right."""
        return np.asarray(self.selection[np.arange(len(self.truth)), self.true_mtd(target) + 1])

    def within(self, low: float, high: float) -> Floats:
        """(scenarios,): chance that a level is selected whose true rate lies in a range; none, where no level's
        does."""
        return np.asarray((self.selection * acceptable(self.truth, low, high)).sum(axis=1))

    def accuracy(self, target: float) -> Floats:
        """(scenarios,): the accuracy index of the selection; see :func:`posology.operating.true_mtd.accuracy_index`."""
        return accuracy_index(self.truth, self.selection, target)

    def overdosed(self, target: float, share: float = 0.6) -> Floats:
        """(scenarios,): chance that more than a share of a trial's patients are treated above the right level."""
        above = np.tri(self.levels, self.levels + 1, 0)  # column k + 1: the levels above level k; column 0: all levels
        over = self._sum(lambda treated, toxic, mtd: treated @ above > share * treated.sum(axis=1, keepdims=True))
        return np.asarray(over[np.arange(len(self.truth)), self.true_mtd(target) + 1])

    def endings(self, planned: int | None) -> dict[str, Floats]:
        """Return (scenarios,) for each reason why a trial ends: the chance of it.

        ``planned``: the number of patients after which the design ends, None where it has no such number.
        """
        most = np.inf if planned is None else planned
        chance = self._sum(
            lambda treated, toxic, mtd: np.stack(
                [
                    mtd == NONE,
                    (mtd != NONE) & (treated.sum(axis=1) < most),
                    (mtd != NONE) & (treated.sum(axis=1) >= most),
                ],
                axis=1,
            )
        )
        return dict(zip(ENDINGS[: 2 if planned is None else 3], chance.T, strict=False))

    def stopped_early(self, planned: int) -> Floats:
        """(scenarios,): chance that fewer than the planned number of patients are treated."""
        numbers, chance = self.size
        return np.asarray(chance[:, numbers < planned].sum(axis=1))

    def gradient(self) -> Floats:
        """(scenarios, levels + 1, levels): how each selection probability changes with each true rate.

        Raises
        ------
        ValueError
            if a true rate is 0 or 1, where the derivative has one side only.
        """
        if ((self.truth <= 0) | (self.truth >= 1)).any():
            raise ValueError("the gradient needs true rates between 0 and 1, not at them")
        result = np.zeros((len(self.truth), self.levels + 1, self.levels))
        for treated, toxic, mtd, probability in self._small or self._weighed():
            chosen = (np.arange(NONE, self.levels) == mtd[:, None]).astype(np.float64)
            for s, rates in enumerate(self.truth):
                score = toxic / rates - (treated - toxic) / (1 - rates)
                result[s] += chosen.T @ (probability[:, s, None] * score)
        return result
