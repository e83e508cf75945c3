"""Death as a Weibull hazard that goes with tumour size, its change, new lesions and performance status.

Zecchin C et al., Br J Clin Pharmacol 2016;82:717-727.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.clinical.tumour_size import NEVER, WEEK, TumourDynamics
from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import ArrayLike, Floats


@dataclass(frozen=True)
class SurvivalModel:
    """Death as a Weibull hazard: lam alpha (lam t)^(alpha - 1) exp(by size, change of it, new lesion, ECOG)."""

    lam: Quantity
    alpha: Quantity
    size: Quantity
    change: Quantity
    new_lesion: Quantity
    ecog: Quantity


ZECCHIN = "Zecchin 2016, Br J Clin Pharmacol 82:717; DDMODEL00000218"
OVARIAN_SURVIVAL = SurvivalModel(
    lam=Quantity(0.001183, "/d", "retrieved", ZECCHIN),
    alpha=Quantity(2.004, "1", "retrieved", ZECCHIN),
    size=Quantity(0.2084, "1", "retrieved", f"{ZECCHIN}, sum of diameters at the start over 70 mm"),
    change=Quantity(0.9036, "1", "retrieved", f"{ZECCHIN}, change from the start, that of week 12 from then on"),
    new_lesion=Quantity(1.230, "1", "retrieved", f"{ZECCHIN}, from the day of it"),
    ecog=Quantity(0.5162, "1", "retrieved", f"{ZECCHIN}, ECOG 1 or more"),
)
WEEK_12 = 84.0


def death_day(
    dynamics: TumourDynamics,
    ecog: ArrayLike,
    threshold: Floats,
    start: ArrayLike = 0.0,
    exposure: ArrayLike = 1.0,
    survival: SurvivalModel = OVARIAN_SURVIVAL,
    horizon: float = 3650.0,
) -> Floats:
    """Return the day of death (patients,), :data:`NEVER` where it lies beyond the horizon [d].

    By inversion: the Weibull part of the cumulated hazard is exact within a week, the rest is that of the week's
    middle.

    Parameters
    ----------
    dynamics, start, exposure
        as for :meth:`TumourDynamics.size`.
    ecog
        (patients,): performance status.
    threshold
        (patients,): standard exponential draws, the cumulated hazard at which each dies.
    survival
        the hazard's model.
    horizon
        the last day that is looked at [d].
    """
    weeks = np.arange(0, horizon + WEEK, WEEK)
    middle = (weeks[:-1] + weeks[1:]) / 2
    early = middle[middle < WEEK_12]
    change = np.expm1(np.minimum(dynamics.log_change(np.append(early, WEEK_12), start, exposure), 3.0))
    change = change[:, np.minimum(np.arange(len(middle)), len(early))]
    base = np.diff((survival.lam.value * weeks) ** survival.alpha.value)
    push = survival.size.value * dynamics.s0 / 70 + survival.ecog.value * (np.asarray(ecog) >= 1)
    grown = np.where(middle >= dynamics.new_lesion[:, None], survival.new_lesion.value, 0.0)
    total = np.cumsum(base * np.exp(push[:, None] + survival.change.value * change + grown), axis=1)
    return time_at_cumulative_hazard(total, weeks, threshold)


def time_at_cumulative_hazard(total: Floats, edges: Floats, threshold: Floats) -> Floats:
    """Return when the cumulated hazard reaches each threshold: (patients,), :data:`NEVER` where it does not.

    ``total`` (patients, pieces), at the end of each piece; ``edges`` (pieces + 1,) or (patients, pieces + 1). Linear
    within one.

    Parameters
    ----------
    total
        (patients, pieces): the cumulated hazard at the end of each piece.
    edges
        (pieces + 1,) or (patients, pieces + 1): when pieces begin and end.
    threshold
        (patients,): what is to be reached.

    Examples
    --------
    >>> time_at_cumulative_hazard(np.array([[1.0, 3.0]]), np.array([0.0, 10.0, 20.0]), np.array([2.0]))
    array([15.])
    """
    k = (total < threshold[:, None]).sum(axis=1)
    reached = k < total.shape[1]
    at = np.minimum(k, total.shape[1] - 1)[:, None]
    upper = np.take_along_axis(total, at, axis=1)[:, 0]
    lower = np.where(at[:, 0] > 0, np.take_along_axis(total, np.maximum(at - 1, 0), axis=1)[:, 0], 0.0)
    edges = np.broadcast_to(edges, (len(total), total.shape[1] + 1))
    begin, end = (np.take_along_axis(edges, at + j, axis=1)[:, 0] for j in (0, 1))
    share = np.divide(threshold - lower, upper - lower, out=np.zeros_like(upper), where=upper > lower)
    return np.where(reached, begin + share * (end - begin), NEVER)
