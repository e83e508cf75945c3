"""Isotonic estimates of the DLT rates, and the MTD chosen by them.

Pool-adjacent-violators: Barlow RE et al., Statistical Inference under Order Restrictions, 1972. MTD selection with
beta pseudo-counts as in Liu S, Yuan Y. J R Stat Soc C 2015;64:507-523 (BOIN), section 2.4.
"""

from __future__ import annotations

import numpy as np

from posology.designs.tally import NONE, Tally
from posology.shared.arrays import Bools, Floats, Ints

PRIOR_DLT = 0.05


def isotonic(estimates: Floats, weights: Floats) -> Floats:
    """Return the weighted isotonic (non-decreasing) regression of each row.

    Parameters
    ----------
    estimates, weights
        (rows, levels). A level of weight 0 is left out: it takes the value of the block it falls in, and pulls nothing.

    Returns
    -------
    (rows, levels): by the max-min formula, the largest over starts of the smallest over ends of the block means.

    Examples
    --------
    >>> isotonic(np.array([[0.1, 0.4, 0.2]]), np.ones((1, 3))).round(3)
    array([[0.1, 0.3, 0.3]])
    """
    rows, levels = estimates.shape
    mass, total = np.zeros((levels + 1, rows)), np.zeros((levels + 1, rows))
    np.cumsum(weights.T, axis=0, out=mass[1:])
    np.cumsum((weights * estimates).T, axis=0, out=total[1:])
    result = np.full((levels, rows), -np.inf)
    with np.errstate(invalid="ignore"):  # a block without weight has no mean, and counts neither here nor there
        for start in range(levels):
            smallest = np.full(rows, np.nan)
            for end in range(levels, start, -1):
                mean = (total[end] - total[start]) / (mass[end] - mass[start])
                np.fmin(smallest, mean, out=smallest)
                np.fmax(result[end - 1], smallest, out=result[end - 1])
    return result.T


def dlt_rates(tally: Tally, smoothing: float = PRIOR_DLT, among: Bools | None = None) -> Floats:
    """Return (trials, levels): isotonic estimates of the DLT rates; levels not tried take their neighbours'.

    ``smoothing`` DLTs, and as many patients without, are added to each level first. Only levels ``among`` the given
    ones bear on the estimates. Where no level counts, minus or plus infinity stands.

    Parameters
    ----------
    tally
        the counts.
    smoothing
        DLTs, and patients without one, added to each level.
    among
        (trials, levels): levels that bear on the estimates; None: all.

    Examples
    --------
    >>> dlt_rates(Tally.of("1NNN 2NNT 3NNN", 3)).round(2)
    array([[0.02, 0.04, 0.04]])
    """
    n, y = tally.treated + 2 * smoothing, tally.dlts + smoothing
    precision = n * n * (n + 1) / (y * (n - y))
    return isotonic(y / n, precision * (tally.treated > 0 if among is None else among & (tally.treated > 0)))


def nearest_to_target(
    tally: Tally, target: float, admissible: Bools, *, smoothing: float = PRIOR_DLT, below: float | None = None
) -> Ints:
    """Return the admissible, tried level whose isotonic estimate is nearest the target; ``NONE`` where there is none.

    Between equal estimates the higher level is chosen below the target, the lower one above it. The estimate must lie
    under ``below``, where that is given.

    Parameters
    ----------
    tally
        the counts.
    target
        DLT rate.
    admissible
        (trials, levels): levels that may be chosen.
    smoothing
        as in :func:`dlt_rates`.
    below
        the estimate must lie under this; None: no bound.

    Examples
    --------
    >>> nearest_to_target(Tally.of("1NNN 2NNT 3TTN", 3), 0.3, np.ones((1, 3), bool))
    array([1])
    """
    allowed = admissible & (tally.treated > 0)
    rates = dlt_rates(tally, smoothing, allowed) + 1e-10 * np.arange(tally.levels)
    if below is not None:
        allowed &= rates < below
    distance = np.where(allowed, np.abs(rates - target), np.inf)
    best = distance.argmin(axis=1)
    return np.where(np.isfinite(distance.min(axis=1)), best, NONE)
