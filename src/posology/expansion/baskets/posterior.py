"""What every model of several baskets sees and answers: counts in, a posterior of each basket's response rate out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

__all__ = ["BasketModel", "BasketPosterior", "checked_counts", "in_parts"]


@dataclass(frozen=True)
class BasketPosterior:
    """The posterior of each basket's response rate: arrays (trials, baskets).

    ``above`` is the chance that the rate lies above the one asked about.
    """

    mean: Floats
    sd: Floats
    above: Floats

    @classmethod
    def empty(cls, shape: tuple[int, ...]) -> BasketPosterior:
        """Return a posterior to be filled in by :meth:`fill`, (trials, baskets)."""
        return cls(*(np.empty(shape) for _ in range(3)))

    def fill(self, rows: Ints | Bools, part: BasketPosterior) -> None:
        """Put the posterior of some trials in their rows."""
        self.mean[rows], self.sd[rows], self.above[rows] = part.mean, part.sd, part.above


class BasketModel(Protocol):
    """How the baskets' rates are related before anything is seen."""

    def posterior(self, responses: ArrayLike, patients: ArrayLike, rate: ArrayLike) -> BasketPosterior:
        """Return the posterior of each trial (trials, baskets); ``rate`` is one, or one a basket.

        Parameters
        ----------
        responses, patients
            (trials, baskets) or (baskets,): counts.
        rate
            that the chance to exceed is asked of: one, or one a basket.
        """
        ...


def checked_counts(responses: ArrayLike, patients: ArrayLike) -> tuple[Ints, Ints]:
    """Return responses and patients as (trials, baskets).

    Raises
    ------
    ValueError
        naming the basket, if a count is not whole, or responses do not lie between 0 and the patients.
    """
    x, n = np.broadcast_arrays(np.atleast_2d(np.asarray(responses)), np.atleast_2d(np.asarray(patients)))
    if not (np.equal(x, np.floor(x)) & np.equal(n, np.floor(n))).all():
        raise ValueError("responses and patients are counted: whole numbers")
    wrong = np.argwhere((x < 0) | (x > n))
    if len(wrong):
        trial, basket = wrong[0]
        raise ValueError(f"basket {basket + 1} has {x[trial, basket]} responses in {n[trial, basket]} patients")
    return x.astype(np.int64), n.astype(np.int64)


def in_parts(
    analyse: Callable[[Ints, Ints], BasketPosterior], responses: Ints, patients: Ints, trials: int
) -> BasketPosterior:
    """Analyse so many trials at a time, where a model needs much memory for each."""
    parts = [
        analyse(responses[k : k + trials], patients[k : k + trials]) for k in range(0, len(responses), max(trials, 1))
    ]
    return BasketPosterior(
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.sd for part in parts]),
        np.concatenate([part.above for part in parts]),
    )
