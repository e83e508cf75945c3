"""Cox's regression on one covariate: the partial likelihood with Efron's approximation for ties.

Cox DR, J R Stat Soc B 1972;34:187; Efron B, J Am Stat Assoc 1977;72:557. As ``coxph`` of R's survival with one
covariate.
"""

from __future__ import annotations

import numpy as np

from posology.shared.arrays import Bools, Floats, Ints

__all__ = ["cox_slope"]

MAX_ITERATIONS = 50
TOLERANCE = 1e-10
"""How far the slope of the centred, scaled covariate may still move."""


def cox_slope(covariate: Floats, time: Floats, event: Bools) -> tuple[float, float]:
    """Return the log hazard ratio for one unit of a covariate, and its standard error.

    Parameters
    ----------
    covariate
        (patients,): in any unit.
    time
        (patients,): of follow-up, in any unit.
    event
        (patients,): whether the time ends with the event.

    Raises
    ------
    ValueError
        if the partial likelihood has no maximum: no event, a covariate that is the same wherever one occurred, or
        events that always strike the highest (or always the lowest) covariate at risk.

    Examples
    --------
    >>> slope, error = cox_slope(np.array([1.0, 0, 1, 0]), np.array([1.0, 2, 3, 4]), np.array([1, 1, 1, 0], bool))
    >>> round(slope, 4), round(error, 4)
    (0.9406, 1.2403)
    """
    spread = float(np.std(covariate))
    if not event.any() or spread == 0:
        raise ValueError("the hazard ratio is not known: no event, or one value of the covariate only")
    order = np.argsort(-time, kind="stable")  # from the longest follow-up: those at risk are the ones so far
    x, t, d = ((covariate - covariate.mean()) / spread)[order], time[order], event[order]
    struck = np.flatnonzero(d)
    last = np.searchsorted(-t, -t[struck], side="right") - 1  # the last at risk at each event's time
    highest, lowest = np.maximum.accumulate(x)[last], np.minimum.accumulate(x)[last]
    if (highest == lowest).all():
        raise ValueError("the hazard ratio is not known: one value of the covariate at risk wherever an event occurred")
    if (x[struck] == highest).all() or (x[struck] == lowest).all():
        raise ValueError("the hazard ratio is not finite: each event struck one end of the covariate at risk")
    _, group, tied = np.unique(t[struck], return_inverse=True, return_counts=True)
    rank = np.arange(len(group)) - np.searchsorted(-t[struck], -t[struck], side="left")
    share = rank / tied[group]  # Efron: the k-th of d tied events leaves k/d of the tied ones' weight out
    slope = 0.0
    for _ in range(MAX_ITERATIONS):
        score, information = _derivatives(slope, x, struck, last, group, share)
        step = score / information
        slope += float(np.clip(step, -1, 1))
        if abs(step) < TOLERANCE:
            _, information = _derivatives(slope, x, struck, last, group, share)
            return slope / spread, float(information**-0.5) / spread
    raise ValueError("the hazard ratio is not finite: its estimate did not settle")


def _derivatives(slope: float, x: Floats, event: Ints, last: Ints, group: Ints, share: Floats) -> tuple[float, float]:
    """Return the score and the information of the partial likelihood at a slope."""
    exponent = slope * x
    weight = np.exp(exponent - exponent.max())
    sums = []
    for power in (0, 1, 2):
        at_risk = np.cumsum(weight * x**power)[last]
        tied = np.bincount(group, weight[event] * x[event] ** power)[group]
        sums.append(at_risk - share * tied)
    mean = sums[1] / sums[0]
    return float((x[event] - mean).sum()), float((sums[2] / sums[0] - mean**2).sum())
