"""CA-125 as it follows the tumour: made in some way, removed at KELIM. All forms share one solution, :func:`turnover`.

    dCA/dt = KELIM CA0 (SLD/S0)^g - CA KELIM              :func:`from_tumour_size`, the default dCA/dt = KPROD1 + KPROD2
    exp(K2 dTS/dt) - KELIM CA    :func:`wilbaux_2014`, Wilbaux 2014: made by growth, not by size dCA/dt = KPROD exp(BETA
    t) Effect - KELIM CA          :func:`you_2013`, You 2013: made ever faster, less under treatment

KELIM after Wilbaux M et al., Br J Cancer 2014;110:1517-1524 (ovarian cancer, CALYPSO); the power g stands for a burden
between area (2) and volume (3) of the tumour. g = 1 gives too few responses: see the tests. You B et al., Gynecol Oncol
2013;130:289-294 is for CA-125 alone, whose treatment effect is the caller's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.compounds.quantity import Quantity, checked_values
from posology.shared.arrays import ArrayLike, Bools, Floats


@dataclass(frozen=True)
class Ca125Parameters:
    """CA-125: elimination [/d], level at the start [U/mL], power of burden."""

    kelim: Quantity
    ca0: Quantity
    power: Quantity


def _SD(cv: float) -> float:
    return float(np.sqrt(np.log1p(cv**2)))


CA125 = Ca125Parameters(
    kelim=Quantity(0.037, "/d", "retrieved", "Wilbaux 2014, CALYPSO; CV 63.6 %", between=_SD(0.636)),
    ca0=Quantity(167.0, "U/mL", "retrieved", "Wilbaux 2014, CALYPSO; CV 112.7 %", between=_SD(1.127)),
    power=Quantity(
        3.0, "1", "computed", "3 meets the CA-125 responses of FORWARD I and MIRASOL within 6 points; 1 and 2 fail"
    ),
)


@dataclass(frozen=True)
class JointModel:
    """Tumour size and CA-125 under chemotherapy of 1 a.u. a cycle, Wilbaux 2014.

    Parameters
    ----------
    k, a50
        loss of the drug [/d], and the amount that halves growth [a.u.].
    kprol, kreduc
        growth [mm/d] and shrinkage [/d] of the sum of diameters.
    kprod1, kprod2, k2
        CA-125 made whatever the tumour does, by one that stays [U/mL/d], and how growth multiplies it [d/mm].
    """

    k: Quantity
    a50: Quantity
    kprol: Quantity
    kreduc: Quantity
    kprod1: Quantity
    kprod2: Quantity
    k2: Quantity


def _JOINT(value: float, unit: str, cv: float) -> Quantity:
    return Quantity(value, unit, "retrieved", f"Wilbaux 2014, CV {100 * cv:g} %", between=_SD(cv))


WILBAUX = JointModel(
    k=_JOINT(0.019, "/d", 0.721),
    a50=_JOINT(0.162, "1", 1.67),
    kprol=_JOINT(0.869, "mm/d", 1.536),
    kreduc=_JOINT(0.013, "/d", 1.404),
    kprod1=_JOINT(0.452, "U/mL/d", 0.87),
    kprod2=_JOINT(0.615, "U/mL/d", 2.258),
    k2=_JOINT(21.4, "d/mm", 1.086),
)


def turnover(times: ArrayLike, log_made: Floats, kelim: ArrayLike, ca0: ArrayLike) -> Floats:
    """Return CA-125 [U/mL], (patients, times), of what is made.

    Parameters
    ----------
    times
        (T,) [d], rising, the first of them the start; steps of a day or less where accuracy matters: within a step what
        is made is taken as exponential, for which the solution is exact.
    log_made
        (patients, T): logarithm of what is made at the times [U/mL/d].
    kelim, ca0
        (patients,) or numbers [/d], [U/mL].

    Examples
    --------
    >>> turnover([0.0, 1.0, 1e4], np.log([[3.7, 3.7, 3.7]]), 0.037, 167.0).round(3)
    array([[167.   , 164.566, 100.   ]])
    """
    t = np.asarray(times, dtype=np.float64)
    k, start = checked_values("kelim", kelim, "/d"), checked_values("ca0", ca0, "U/mL")
    found = np.empty_like(log_made)
    found[:, 0] = start
    for j, h in enumerate(np.diff(t)):
        rate = (log_made[:, j + 1] - log_made[:, j]) / h
        made = np.exp(log_made[:, j]) * h * np.exp(-k * h) * _mean_growth((rate + k) * h)
        found[:, j + 1] = found[:, j] * np.exp(-k * h) + made
    return found


def from_tumour_size(
    times: ArrayLike, log_change: Floats, kelim: ArrayLike, ca0: ArrayLike, power: ArrayLike = 3.0
) -> Floats:
    """Return CA-125 [U/mL], (patients, times), made in proportion to a power of tumour size.

    Parameters
    ----------
    times, kelim, ca0
        as of :func:`turnover`.
    log_change
        (patients, T): log(SLD / S0) at the times.
    power
        (patients,) or a number.

    Examples
    --------
    >>> from_tumour_size([0.0, 1.0, 2.0], np.zeros((1, 3)), 0.037, 167.0).round(6)
    array([[167., 167., 167.]])
    """
    k, start = checked_values("kelim", kelim, "/d"), checked_values("ca0", ca0, "U/mL")
    burden = checked_values("power", power, "1")[:, None] * log_change
    return turnover(times, np.log(k * start)[:, None] + burden, k, start)


def wilbaux_2014(
    times: ArrayLike,
    growth: Floats,
    kelim: ArrayLike,
    ca0: ArrayLike,
    kprod1: ArrayLike = WILBAUX.kprod1.value,
    kprod2: ArrayLike = WILBAUX.kprod2.value,
    k2: ArrayLike = WILBAUX.k2.value,
) -> Floats:
    """Return CA-125 [U/mL], (patients, times), made by growth of the tumour: Wilbaux 2014.

    Parameters
    ----------
    times, kelim, ca0
        as of :func:`turnover`.
    growth
        (patients, T): change of the sum of diameters with time [mm/d].
    kprod1, kprod2, k2
        (patients,) or numbers, as of :class:`JointModel`.

    Examples
    --------
    >>> wilbaux_2014([0.0, 1e4], np.zeros((1, 2)), 0.037, 167.0).round(1)  # (KPROD1 + KPROD2) / KELIM
    array([[167. ,  28.8]])
    """
    basal, still, push = (
        checked_values(name, value, unit)[:, None]
        for name, value, unit in (("kprod1", kprod1, "U/mL/d"), ("kprod2", kprod2, "U/mL/d"), ("k2", k2, "d/mm"))
    )
    return turnover(times, np.logaddexp(np.log(basal), np.log(still) + push * growth), kelim, ca0)


def you_2013(
    times: ArrayLike, effect: Floats, kelim: ArrayLike, ca0: ArrayLike, kprod: ArrayLike, beta: ArrayLike
) -> Floats:
    """Return CA-125 [U/mL], (patients, times), made ever faster, less under treatment: You 2013.

    Parameters
    ----------
    times, kelim, ca0
        as of :func:`turnover`.
    effect
        (patients, T): what treatment leaves of what is made, above 0, 1 for no treatment.
    kprod, beta
        (patients,) or numbers: CA-125 made at the start [U/mL/d], and by how much faster with time [/d].

    Examples
    --------
    >>> you_2013([0.0, 1.0, 2.0], np.ones((1, 3)), 0.037, 100.0, 3.7, 0.01).round(2)
    array([[100.  , 100.02, 100.07]])
    """
    left = np.asarray(effect, dtype=np.float64)
    if not (np.isfinite(left) & (left > 0)).all():
        i, j = np.argwhere(~(np.isfinite(left) & (left > 0)))[0]
        raise ValueError(f"patient {i + 1}, time {j + 1}: effect is {left[i, j]:g}: what treatment leaves is above 0")
    made = checked_values("kprod", kprod, "U/mL/d")[:, None]
    faster = checked_values("beta", beta, "/d", zero=True)[:, None] * np.asarray(times, dtype=np.float64)
    return turnover(times, np.log(made) + faster + np.log(left), kelim, ca0)


def chemotherapy(
    times: ArrayLike,
    cycles: ArrayLike,
    s0: ArrayLike,
    k: ArrayLike = WILBAUX.k.value,
    a50: ArrayLike = WILBAUX.a50.value,
    kprol: ArrayLike = WILBAUX.kprol.value,
    kreduc: ArrayLike = WILBAUX.kreduc.value,
) -> tuple[Floats, Floats]:
    """Return sum of diameters [mm] and its growth [mm/d], (patients, times) each, under chemotherapy: Wilbaux 2014.

        dA1/dt = -K A1,   dA2/dt = K A1 - K A2,   dTS/dt = KPROL A50 / (A50 + A2) - KREDUC TS

    with 1 a.u. into A1 in each cycle.

    Parameters
    ----------
    times
        (T,) [d], rising from the start, with the days of the cycles among them; within a step by Gauss-Legendre of 3
        points.
    cycles
        (C,) days on which chemotherapy is given.
    s0
        (patients,) or a number [mm].
    k, a50, kprol, kreduc
        (patients,) or numbers, as of :class:`JointModel`.

    Examples
    --------
    >>> size, growth = chemotherapy(np.arange(1001.0), [], 57.8)
    >>> float(size[0, -1].round(1)), float(growth[0, -1].round(4)), float(growth[0, 0].round(3))  # KPROL / KREDUC
    (66.8, 0.0, 0.118)
    """
    t, given = np.asarray(times, dtype=np.float64), np.asarray(cycles, dtype=np.float64).reshape(-1)
    start, loss, half, grow, shrink = (
        checked_values(name, value, unit)[:, None]
        for name, value, unit in (
            ("s0", s0, "mm"),
            ("k", k, "/d"),
            ("a50", a50, "1"),
            ("kprol", kprol, "mm/d"),
            ("kreduc", kreduc, "/d"),
        )
    )

    def grown(at: Floats) -> Floats:
        """Return KPROL A50 / (A50 + A2), (patients, times)."""
        since = np.maximum(at[:, None] - given, 0.0)  # (times, cycles)
        x = loss[..., None] * since
        return np.asarray(grow * half / (half + (x * np.exp(-x)).sum(axis=-1)))

    node, weight = np.polynomial.legendre.leggauss(3)
    size = np.empty((max(len(q) for q in (start, loss, half, grow, shrink)), len(t)))
    size[:, :1] = start
    for j, h in enumerate(np.diff(t)):
        inside = t[j] + h * (node + 1) / 2
        made = (grown(inside) * np.exp(-shrink * (t[j + 1] - inside)) * weight * h / 2).sum(axis=1)
        size[:, j + 1] = size[:, j] * np.exp(-shrink[:, 0] * h) + made
    return size, grown(t) - shrink * size


def _mean_growth(x: Floats) -> Floats:
    """Return (exp(x) - 1) / x, 1 at 0."""
    return np.where(np.abs(x) < 1e-8, 1 + x / 2, np.expm1(x) / np.where(x == 0, 1, x))


def gcig_halved(
    samples: Floats, days: ArrayLike, upper_limit: float = 35.0, last: ArrayLike = np.inf
) -> tuple[Bools, Bools]:
    """Return (patients,) each: whether CA-125 could be evaluated, and whether it was halved, confirmed and kept for 28
    days.

    GCIG, in the form that sample times allow: the first sample at least twice the upper limit [U/mL]; then one at half
    of it or less, and all that follow up to one 28 days or more later. Samples after ``last`` (patients,) [d] are not
    taken. :mod:`posology.endpoints.ca125` has the full criteria.

    Parameters
    ----------
    samples
        (patients, days): CA-125 [U/mL].
    days
        (days,) [d], rising.
    upper_limit
        of normal [U/mL].
    last
        (patients,) or one: samples after it are not taken [d].

    Examples
    --------
    >>> gcig_halved(np.array([[400.0, 190, 180, 150]]), [0, 21, 42, 63])
    (array([ True]), array([ True]))
    """
    day = np.asarray(days, dtype=np.float64)
    taken = day <= np.broadcast_to(np.asarray(last, dtype=np.float64), (len(samples),))[:, None]
    low = taken & (samples <= 0.5 * samples[:, :1])
    evaluable = samples[:, 0] >= 2 * upper_limit
    found = np.zeros(len(samples), dtype=bool)
    for i in range(1, len(day)):
        later = np.flatnonzero(day >= day[i] + 28)
        if len(later):
            found |= low[:, i : later[0] + 1].all(axis=1)
    return evaluable, evaluable & found
