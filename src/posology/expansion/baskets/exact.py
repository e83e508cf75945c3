"""Exact operating characteristics of designs that borrow: every outcome analysed once, then any scenario by a sum.

No sampling and no simulation: there are (n + 1)^k outcomes of k baskets of n patients, each analysed in one batch; the
chance of an outcome is a product of binomial chances. Where all baskets are alike, only one order of each outcome is
analysed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.stats import binom

from posology.expansion.baskets.posterior import BasketModel
from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

__all__ = ["BasketCharacteristics", "BasketDesign", "BasketOutcomes"]

MAX_OUTCOMES = 3_000_000
"""As many as fit into memory and a minute: five baskets of 18 patients, or four of 40."""

CHUNK = 200_000
"""Outcomes analysed in one batch."""


@dataclass(frozen=True)
class BasketCharacteristics:
    """Exact operating characteristics in one scenario.

    Parameters
    ----------
    go
        (baskets,): chance to find each basket worth further study.
    any_false, any_true
        chance of any such finding among baskets whose rate is not above the null, and above it; NaN where there are
        none.
    correct
        expected number of baskets judged right.
    mean, mse
        (baskets,): expected posterior mean, and its mean squared error.
    """

    go: Floats
    any_false: float
    any_true: float
    correct: float
    mean: Floats
    mse: Floats


@dataclass(frozen=True)
class BasketDesign:
    """Baskets of given sizes, a model, and when a basket is worth further study.

    Parameters
    ----------
    patients
        of each basket.
    model
        how they borrow.
    rate
        of no interest: one, or one a basket.
    chance
        it is worth further study where its rate lies above ``rate`` with this chance: one, or one a basket.
    inclusive
        whether a chance equal to ``chance`` is enough.
    least_mean
        and its posterior mean exceeds this; None: not asked for.
    """

    patients: tuple[int, ...]
    model: BasketModel
    rate: float | tuple[float, ...]
    chance: float | tuple[float, ...]
    inclusive: bool = True
    least_mean: float | None = None

    @property
    def outcomes(self) -> int:
        """How many outcomes there are."""
        return int(np.prod([n + 1.0 for n in self.patients]))

    def judge(self, responses: ArrayLike) -> tuple[Bools, Floats]:
        """Return (trials, baskets): whether each basket is worth further study, and its posterior mean."""
        posterior = self.model.posterior(responses, np.asarray(self.patients)[None, :], np.asarray(self.rate))
        chance = np.asarray(self.chance)
        go = posterior.above >= chance - 1e-12 if self.inclusive else posterior.above > chance
        if self.least_mean is not None:
            go &= posterior.mean > self.least_mean
        return np.asarray(go), posterior.mean

    @property
    def is_symmetric(self) -> bool:
        """Whether baskets may change places."""
        alike = len(set(self.patients)) == 1
        return alike and all(
            np.size(value) == 1 or len(set(np.ravel(value))) == 1 for value in (self.rate, self.chance)
        )

    def enumerate(self) -> BasketOutcomes:
        """Analyse every outcome.

        Raises
        ------
        ValueError
            if there are more outcomes than can be held: simulate then.
        """
        if self.outcomes > MAX_OUTCOMES:
            raise ValueError(
                f"baskets of {', '.join(map(str, self.patients))} patients have {self.outcomes:,} outcomes, more than "
                f"{MAX_OUTCOMES:,}: simulate instead"
            )
        shape = tuple(n + 1 for n in self.patients)
        every = np.stack(np.unravel_index(np.arange(self.outcomes), shape), axis=1)
        if not self.is_symmetric:
            go, mean = self._in_chunks(every)
            return BasketOutcomes(self, every, go, mean)
        ordered = np.array(list(combinations_with_replacement(range(shape[0]), len(shape))))
        go, mean = self._in_chunks(ordered)
        order = np.argsort(every, axis=1, kind="stable")
        sorted_counts = np.take_along_axis(every, order, axis=1)
        powers = shape[0] ** np.arange(len(shape))[::-1]
        where = np.searchsorted(ordered @ powers, sorted_counts @ powers)
        all_go, all_mean = np.empty(every.shape, bool), np.empty(every.shape)
        np.put_along_axis(all_go, order, go[where], axis=1)
        np.put_along_axis(all_mean, order, mean[where], axis=1)
        return BasketOutcomes(self, every, all_go, all_mean)

    def _in_chunks(self, outcomes: Ints) -> tuple[Bools, Floats]:
        parts = [self.judge(outcomes[k : k + CHUNK]) for k in range(0, len(outcomes), CHUNK)]
        return np.concatenate([go for go, _ in parts]), np.concatenate([mean for _, mean in parts])


@dataclass(frozen=True)
class BasketOutcomes:
    """Every outcome of a design (outcomes, baskets), judged: free of the true rates."""

    design: BasketDesign
    responses: Ints
    go: Bools
    mean: Floats

    def chances(self, truth: Sequence[float]) -> Floats:
        """Return (outcomes,): the chance of each outcome at the baskets' true rates."""
        p = np.asarray(truth, dtype=float)
        if p.shape != (len(self.design.patients),) or not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"give {len(self.design.patients)} true rates between 0 and 1")
        result = np.ones(1)
        for n, rate in zip(self.design.patients, p, strict=True):
            result = np.multiply.outer(result, binom.pmf(np.arange(n + 1), n, rate)).ravel()
        return result

    def characteristics(self, truth: Sequence[float]) -> BasketCharacteristics:
        """Return the operating characteristics at the baskets' true rates, one for each.

        Raises
        ------
        ValueError
            if there is not one rate between 0 and 1 for each basket.
        """
        chance = self.chances(truth)
        p = np.asarray(truth, dtype=float)
        active = p > np.asarray(self.design.rate)
        false, true = self.go[:, ~active], self.go[:, active]
        return BasketCharacteristics(
            go=chance @ self.go,
            any_false=float(chance @ false.any(axis=1)) if (~active).any() else float("nan"),
            any_true=float(chance @ true.any(axis=1)) if active.any() else float("nan"),
            correct=float(chance @ (self.go == active).sum(axis=1)),
            mean=chance @ self.mean,
            mse=chance @ (self.mean - p) ** 2,
        )
