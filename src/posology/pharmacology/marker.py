"""CA-125 as it follows the tumour: made with tumour burden, removed at KELIM.

    dCA/dt = KELIM (CA0 (SLD/S0)^g - CA),       CA(0) = CA0

KELIM after Wilbaux M et al., 2014 (ovarian cancer, CALYPSO, 535 patients); the power g stands for a burden
between area (2) and volume (3) of the tumour. g = 1 gives too few responses: see the tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.compound import Quantity
from posology.pharmacology.drive import within

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Marker:
    """CA-125: elimination [/d], level at the start [U/mL], power of burden."""

    kelim: Quantity
    ca0: Quantity
    power: Quantity


_SD = lambda cv: float(np.sqrt(np.log1p(cv**2)))
CA125 = Marker(
    kelim=Quantity(0.037, "/d", "retrieved", "Wilbaux 2014, CALYPSO; CV 63.6 %", between=_SD(0.636)),
    ca0=Quantity(167.0, "U/mL", "retrieved", "Wilbaux 2014, CALYPSO; CV 112.7 %", between=_SD(1.127)),
    power=Quantity(3.0, "1", "computed", "2 to 3 reproduce the CA-125 responses of FORWARD I and MIRASOL; 1 fails"),
)


def levels(times: ArrayLike, log_change: Floats, kelim: ArrayLike, ca0: ArrayLike, power: ArrayLike = 3.0) -> Floats:
    """Return CA-125 [U/mL], (patients, times).

    Parameters
    ----------
    times
        (T,) [d], rising, the first of them the start; steps of a day or less where accuracy matters: within a step the burden
        is taken as exponential, for which the solution is exact.
    log_change
        (patients, T): log(SLD / S0) at the times.
    kelim, ca0, power
        (patients,) or numbers.

    Examples
    --------
    >>> levels([0.0, 1.0, 2.0], np.zeros((1, 3)), 0.037, 167.0).round(6)
    array([[167., 167., 167.]])
    """
    t = np.asarray(times, dtype=np.float64)
    k, start = within("kelim", kelim, "/d"), within("ca0", ca0, "U/mL")
    burden = within("power", power, "1")[:, None] * log_change
    found = np.empty_like(burden)
    found[:, 0] = start
    for j, h in enumerate(np.diff(t)):
        rate = (burden[:, j + 1] - burden[:, j]) / h
        made = start * np.exp(burden[:, j]) * k * h * np.exp(-k * h) * _mean_growth((rate + k) * h)
        found[:, j + 1] = found[:, j] * np.exp(-k * h) + made
    return found


def _mean_growth(x: Floats) -> Floats:
    """Return (exp(x) - 1) / x, 1 at 0."""
    return np.where(np.abs(x) < 1e-8, 1 + x / 2, np.expm1(x) / np.where(x == 0, 1, x))


def halved(
    samples: Floats, days: ArrayLike, upper_limit: float = 35.0, last: ArrayLike = np.inf
) -> tuple[Bools, Bools]:
    """Return (patients,) each: whether CA-125 could be evaluated, and whether it was halved, confirmed and kept for 28 days.

    GCIG, in the form that sample times allow: the first sample at least twice the upper limit [U/mL]; then one at half of it or
    less, and all that follow up to one 28 days or more later. Samples after ``last`` (patients,) [d] are not taken.
    :mod:`posology.endpoints.ca125` has the full criteria.

    Examples
    --------
    >>> halved(np.array([[400.0, 190, 180, 150]]), [0, 21, 42, 63])
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
