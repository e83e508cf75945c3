"""Which selection is right, given the true DLT rates: one rule for exact results, simulations, studies and reports."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posology.designs.tally import NONE
from posology.shared.arrays import Bools, Floats, Ints

TOO_TOXIC = 1.4
"""A DLT rate of more than this many times the target is too toxic: the rate that BOIN deems so (Liu and Yuan 2015)."""
SAME = 12  # decimals to which two distances are equal


def nearest_level(truth: Sequence[float] | Floats, target: float) -> Ints:
    """Return (scenarios,): index of the level whose true rate is nearest the target.

    Of levels equally near, one below the target goes before one above; of equal rates up to the target the highest
    level is meant, for it is the highest dose that is tolerated, and above it the lowest.

    >>> nearest_level([[0.2, 0.4, 0.5], [0.1, 0.1, 0.1], [0.35, 0.35, 0.4]], 0.3).tolist()
    [0, 2, 0]
    """
    rates = np.atleast_2d(np.asarray(truth, dtype=np.float64))
    distance = np.abs(rates - target).round(SAME)
    nearest = distance == distance.min(axis=1, keepdims=True)
    below = nearest & (rates <= target + 10.0**-SAME)
    highest_below = rates.shape[1] - 1 - below[:, ::-1].argmax(axis=1)
    return np.asarray(np.where(below.any(axis=1), highest_below, nearest.argmax(axis=1)))


def true_mtd(truth: Sequence[float] | Floats, target: float) -> Ints:
    """Return (scenarios,): index of the level that is right to select; ``NONE`` where it is right to select none.

    Parameters
    ----------
    truth
        (scenarios, levels) or (levels,): true DLT rates.
    target
        the target DLT rate.

    Notes
    -----
    It is the level nearest the target (:func:`nearest_level`), unless every level is too toxic, its rate more than
    ``TOO_TOXIC`` times the target: then to stop without an MTD is right.

    >>> true_mtd([[0.1, 0.3, 0.5], [0.5, 0.6, 0.7], [1.0, 1.0, 1.0]], 0.3).tolist()
    [1, -1, -1]
    """
    rates = np.atleast_2d(np.asarray(truth, dtype=np.float64))
    toxic = (rates > TOO_TOXIC * target + 10.0**-SAME).all(axis=1)
    return np.where(toxic, NONE, nearest_level(rates, target))


def accuracy_index(truth: Floats, selection: Floats, target: float) -> Floats:
    """Return (scenarios,): the accuracy index of a selection, 1 for the best and about 0 for blind choice.

    Parameters
    ----------
    truth
        (scenarios, levels): true DLT rates.
    selection
        (scenarios, levels + 1): chance that no level (first), or each level, is selected.
    target
        the target DLT rate.

    Notes
    -----
    One less levels x sum(distance x chance) / sum(distance), the distance of a level's true rate from the target
    squared (Cheung 2011, section 6.2.2). A trial without an MTD counts as far off as the farthest level. NaN where all
    levels are equally far from the target, or all are too toxic: then no choice of a level is better than another.

    Examples
    --------
    >>> truth = np.array([[0.1, 0.3, 0.5]])
    >>> best, blind = np.array([[0, 0, 1, 0]]), np.array([[0, 1 / 3, 1 / 3, 1 / 3]])
    >>> [round(float(accuracy_index(truth, chance, 0.3)[0]), 6) for chance in (best, blind)]
    [1.0, 0.0]
    """
    distance = (truth - target) ** 2
    missed = (distance * selection[:, 1:]).sum(axis=1) + selection[:, 0] * distance.max(axis=1)
    alike = np.ptp(distance.round(SAME), axis=1) == 0
    undefined = alike | (true_mtd(truth, target) == NONE)
    total = np.where(undefined, 1.0, distance.sum(axis=1))
    return np.where(undefined, np.nan, 1 - truth.shape[1] * missed / total)


def acceptable(truth: Floats, low: float, high: float) -> Bools:
    """Return (scenarios, levels + 1): whether no level (first), or each level, is right to select within a range of
    rates.

    To select no level is right where no level's true rate lies within the range.

    Parameters
    ----------
    truth
        (scenarios, levels): true DLT rates.
    low, high
        the range of acceptable rates.

    Raises
    ------
    ValueError
        if the range is none.

    >>> acceptable(np.array([[0.1, 0.28, 0.5], [0.5, 0.6, 0.7]]), 0.2, 0.35).astype(int).tolist()
    [[0, 0, 1, 0], [1, 0, 0, 0]]
    """
    if not 0 <= low < high <= 1:
        raise ValueError(f"the range of rates {low:g} to {high:g}: give two rates between 0 and 1, the lower first")
    within = (truth >= low - 10.0**-SAME) & (truth <= high + 10.0**-SAME)
    return np.concatenate([~within.any(axis=1, keepdims=True), within], axis=1)
