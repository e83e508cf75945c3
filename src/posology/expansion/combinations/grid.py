"""Counts on a grid of combinations, and estimates that do not fall with either drug."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincc

from posology.designs.isotonic import isotonic
from posology.shared.arrays import Bools, Floats, Ints

__all__ = ["GridTally", "bivariate_isotonic", "too_toxic_on_grid"]


@dataclass(frozen=True)
class GridTally:
    """Patients and DLTs at each combination, one grid a trial.

    Parameters
    ----------
    treated, dlts
        (trials, A, B): patients at each level of drug A (rows) and drug B (columns), and those with a DLT.
    level
        (trials, 2): indices of the combination last given.

    Raises
    ------
    ValueError
        if shapes disagree or a count cannot be.
    """

    treated: Ints
    dlts: Ints
    level: Ints

    def __post_init__(self) -> None:
        for name in ("treated", "dlts", "level"):
            object.__setattr__(self, name, np.asarray(getattr(self, name), dtype=np.int64))
        if (
            self.treated.ndim != 3
            or self.dlts.shape != self.treated.shape
            or self.level.shape != (len(self.treated), 2)
        ):
            raise ValueError(
                f"shapes are {self.treated.shape}, {self.dlts.shape} and {self.level.shape}: (trials, A, B) twice, "
                "and (trials, 2)"
            )
        if not ((self.dlts >= 0) & (self.dlts <= self.treated)).all():
            raise ValueError("DLTs lie from 0 to the number of patients at each combination")
        if not ((self.level >= 0) & (self.level < self.treated.shape[1:])).all():
            raise ValueError(f"the combination last given is not on a grid of {self.treated.shape[1:]}")

    @classmethod
    def one(cls, treated: list[list[int]], dlts: list[list[int]], level: tuple[int, int]) -> GridTally:
        """Return one trial's; ``level`` counts from 1, as people write it.

        Parameters
        ----------
        treated, dlts
            a row a level of drug A, a column a level of drug B.
        level
            the combination last given, its levels counted from 1.

        Examples
        --------
        >>> GridTally.one([[3, 3], [0, 0]], [[0, 1], [0, 0]], (1, 2)).level.tolist()
        [[0, 1]]
        """
        return cls(np.array([treated]), np.array([dlts]), np.array([level]) - 1)


def too_toxic_on_grid(tally: GridTally, target: float, chance: float, from_patients: int = 3) -> Bools:
    """Return (trials, A, B): combinations that are too toxic, and all with no less of either drug.

    Parameters
    ----------
    tally
        counts.
    target, chance
        too toxic where the DLT rate exceeds ``target`` with more than ``chance``, under a beta(1, 1) prior.
    from_patients
        judged from so many patients on.

    Examples
    --------
    >>> tally = GridTally.one([[3, 0], [3, 0]], [[0, 0], [3, 0]], (2, 1))
    >>> too_toxic_on_grid(tally, target=0.3, chance=0.95)[0]
    array([[False, False],
           [ True,  True]])
    """
    n, y = tally.treated, tally.dlts
    toxic = (n >= from_patients) & (betaincc(1 + y, 1 + n - y, target) > chance)
    return np.logical_or.accumulate(np.logical_or.accumulate(toxic, axis=1), axis=2)


def bivariate_isotonic(estimates: Floats, weights: Floats, *, tolerance: float = 1e-9, most: int = 5_000) -> Floats:
    """Return the weighted least-squares fit that falls with neither drug.

    Dykstra RL, Robertson T, Annals of Statistics 1982;10:708-716: rows and columns are smoothed in turn, each time with
    what the other smoothing took away given back first.

    Parameters
    ----------
    estimates, weights
        (A, B); weights above 0.
    tolerance, most
        ends where a round changes nothing by more than ``tolerance``, or after so many rounds.

    Raises
    ------
    ValueError
        if a weight is not above 0, or the fit does not settle.

    Examples
    --------
    >>> bivariate_isotonic(np.array([[0.1, 0.4], [0.3, 0.2]]), np.ones((2, 2))).round(2)
    array([[0.1, 0.3], [0.3, 0.3]])
    """
    if not (weights > 0).all():
        raise ValueError("weights lie above 0")
    fit = np.asarray(estimates, dtype=float)
    by_row, by_column = np.zeros_like(fit), np.zeros_like(fit)
    for _ in range(most):
        before = fit
        given_back = fit - by_row
        rows = isotonic(given_back, weights)
        by_row = rows - given_back
        given_back = rows - by_column
        fit = isotonic(given_back.T, weights.T).T
        by_column = fit - given_back
        if np.abs(fit - before).max() < tolerance and np.abs(fit - rows).max() < 1e3 * tolerance:
            return fit
    raise ValueError(f"the isotonic fit did not settle in {most} rounds")
