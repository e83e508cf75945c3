"""What a fit does not know, said in words: estimates that the data do not hold, and saturable loss that they do not
show.

An ill-conditioned fit is one whose eigenvalues of the correlation of the estimates are more than a thousandfold apart
(Montgomery DC, Peck EA, Vining GG. Introduction to Linear Regression Analysis, 5th ed. 2012, section 9.4.2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from posology.shared.arrays import Floats

if TYPE_CHECKING:
    from posology.pharmacology.estimation.estimate import Estimate

MAX_CONDITION_NUMBER = 1000.0
MAX_RSE_PERCENT = 50.0  # %
KM_FOLD = 10.0  # times Km, or its tenth
MIN_SATURABLE_SHARE = 0.05  # of the clearance


def poorly_identified(estimates: Sequence[Estimate], covariance: Floats, condition: float) -> list[str]:
    """Return notes on estimates that the data hardly determine, and on the two that they tell apart least."""
    notes = []
    if condition > MAX_CONDITION_NUMBER:
        sd = np.sqrt(np.diag(covariance))
        shared = np.tril(np.abs(covariance / np.outer(sd, sd)), -1)
        i, j = divmod(int(np.argmax(shared)), len(sd))
        notes.append(
            f"condition number {condition:.3g}, above {MAX_CONDITION_NUMBER:g}: the data hardly tell "
            f"{estimates[j].name} from "
            f"{estimates[i].name} (correlation {covariance[i, j] / sd[i] / sd[j]:.3f})"
        )
    notes += [
        f"{e.name} is poorly known: relative standard error {e.relative:.3g} %, 95 % interval {e.lower:.3g} to "
        f"{e.upper:.3g}"
        for e in estimates
        if e.relative > MAX_RSE_PERCENT
    ]
    return notes


def saturation_not_observed(typical: Mapping[str, float], concentrations: Floats) -> list[str]:
    """Return a note where concentrations do not show what saturates, given typical CL, Vmax and Km.

    Examples
    --------
    >>> saturation_not_observed({"CL": 0.36, "Vmax": 4.9, "Km": 7.4}, np.array([0.5, 150.0]))
    []
    >>> print(*saturation_not_observed({"CL": 0.36, "Vmax": 4.9, "Km": 0.01}, np.array([2.0, 150.0])))
    every concentration predicted (2 to 150) is above 10 Km (Km 0.01): loss is at its maximum, and the data do not show
    Km
    """
    clearance, most, km = (typical[name] for name in ("CL", "Vmax", "Km"))
    low, high = float(concentrations.min()), float(concentrations.max())
    told = f"every concentration predicted ({low:.3g} to {high:.3g}) is"
    if low > KM_FOLD * km:
        return [f"{told} above {KM_FOLD:g} Km (Km {km:.3g}): loss is at its maximum, and the data do not show Km"]
    if high < km / KM_FOLD:
        return [f"{told} below Km / {KM_FOLD:g} (Km {km:.3g}): the data show CL + Vmax/Km only; fit `two`"]
    share = most / (km + low) / clearance
    if share < MIN_SATURABLE_SHARE:
        return [f"saturable loss is at most {share:.1%} of the linear: the data may not need it; compare with `two`"]
    return []
