"""Isotonic estimates of the DLT rates, and the MTD chosen by them.

Pool-adjacent-violators: Barlow RE et al., Statistical Inference under Order Restrictions, 1972. MTD selection with
beta pseudo-counts as in Liu S, Yuan Y. J R Stat Soc C 2015;64:507-523 (BOIN), section 2.4.
"""

from __future__ import annotations

import numpy as np

from posology.designs.tally import NONE, Bools, Floats, Ints, Tally

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
    levels = estimates.shape[1]
    zero = np.zeros((len(estimates), 1))
    mass = np.concatenate([zero, np.cumsum(weights, axis=1)], axis=1)
    total = np.concatenate([zero, np.cumsum(weights * estimates, axis=1)], axis=1)
    result = np.full(estimates.shape, -np.inf)
    for start in range(levels):
        heavy = mass[:, start + 1 :] - mass[:, start : start + 1]
        means = (total[:, start + 1 :] - total[:, start : start + 1]) / np.where(heavy > 0, heavy, 1.0)
        means = np.where(heavy > 0, means, np.inf)
        smallest = np.minimum.accumulate(means[:, ::-1], axis=1)[:, ::-1]
        result[:, start:] = np.maximum(result[:, start:], np.where(np.isfinite(smallest), smallest, -np.inf))
    return result


def dlt_rates(tally: Tally, smoothing: float = PRIOR_DLT, among: Bools | None = None) -> Floats:
    """Return (trials, levels): isotonic estimates of the DLT rates; levels not tried take their neighbours'.

    ``smoothing`` DLTs, and as many patients without, are added to each level first. Only levels ``among`` the given ones
    bear on the estimates. Where no level counts, minus or plus infinity stands.
    """
    n = tally.treated + 2 * smoothing
    p = (tally.toxic + smoothing) / n
    variance = (tally.toxic + smoothing) * (n - tally.toxic - smoothing) / (n**2 * (n + 1))
    weights = np.where(tally.treated > 0 if among is None else among & (tally.treated > 0), 1 / variance, 0.0)
    return isotonic(p, weights)


def nearest_to_target(
    tally: Tally, target: float, admissible: Bools, *, smoothing: float = PRIOR_DLT, below: float | None = None
) -> Ints:
    """Return the admissible, tried level whose isotonic estimate is nearest the target; ``NONE`` where there is none.

    Between equal estimates the higher level is chosen below the target, the lower one above it. The estimate must lie
    under ``below``, where that is given.
    """
    allowed = admissible & (tally.treated > 0)
    rates = dlt_rates(tally, smoothing, allowed) + 1e-10 * np.arange(tally.levels)
    if below is not None:
        allowed &= rates < below
    distance = np.where(allowed, np.abs(rates - target), np.inf)
    best = distance.argmin(axis=1)
    return np.where(np.isfinite(distance.min(axis=1)), best, NONE)
