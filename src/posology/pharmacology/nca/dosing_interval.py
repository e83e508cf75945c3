"""Within a dosing interval τ: average, lowest and trough concentrations, fluctuation, accumulation.

Gabrielsson J, Weiner D. Pharmacokinetic and Pharmacodynamic Data Analysis, 5th ed. 2016, section 2.8; moments at steady
state: Smith IL, Schentag JJ. J Pharmacokinet Biopharm 1984;12:199-213.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.nca.auc import TrapezoidMethod, concentration_at, partial_auc, partial_aumc
from posology.shared.arrays import Bools, Floats


@dataclass(frozen=True)
class DosingInterval:
    """Arrays (profiles,), NaN where τ is not known.

    ``swing`` is (Cmax − Cmin) / Cmin and ``fluctuation`` (Cmax − Cmin) / Cavg, both in %; ``accumulation`` is that
    predicted by λz, 1 / (1 − exp(−λz τ)).
    """

    tau: Floats
    auc_tau: Floats
    aumc_tau: Floats
    average: Floats
    lowest: Floats
    trough: Floats
    fluctuation: Floats
    swing: Floats
    peak_trough: Floats
    accumulation: Floats


def within_interval(
    time: Floats, concentration: Floats, sampled: Bools, lambda_z: Floats, tau: Floats, method: TrapezoidMethod
) -> DosingInterval:
    """Return what holds from the dose to τ.

    Parameters
    ----------
    time, concentration
        (profiles, samples), the concentration at the dose first.
    sampled
        (profiles, samples): which were measured; peak and lowest are samples.
    lambda_z, tau
        (profiles,): the terminal slope, and the dosing interval (NaN: not known).
    method
        of the trapezoids.

    Examples
    --------
    >>> t = np.array([[0.0, 1, 2, 4]])
    >>> c = 10 * np.exp(-0.5 * t)
    >>> found = within_interval(t, c, t >= 0, np.array([0.5]), np.array([4.0]), "linear-up log-down")
    >>> round(float(found.auc_tau[0]), 4), round(float(found.accumulation[0]), 4)  # 20 (1 − e^−2), 1 / (1 − e^−2)
    (17.2933, 1.1565)
    """
    known = ~np.isnan(tau)
    end = np.where(known, tau, 1.0)

    def only(values: Floats) -> Floats:
        return np.asarray(np.where(known, values, np.nan))

    inside = (time <= end[:, None]) & sampled
    area = only(partial_auc(time, concentration, 0.0, end, lambda_z, method))
    moment = only(partial_aumc(time, concentration, end, lambda_z, method))
    trough = only(concentration_at(time, concentration, end, lambda_z, method))
    high = only(np.where(inside, concentration, -np.inf).max(axis=1))
    lowest = np.where(inside, concentration, np.inf).min(axis=1)
    low = only(np.minimum(lowest, np.where(np.isnan(trough), np.inf, trough)))
    high, low = (np.where(np.isinf(values), np.nan, values) for values in (high, low))  # no sample in the interval
    average = area / end
    return DosingInterval(
        tau=tau,
        auc_tau=area,
        aumc_tau=moment,
        average=average,
        lowest=low,
        trough=trough,
        fluctuation=100 * (high - low) / average,
        swing=np.where(low > 0, 100 * (high - low) / np.where(low > 0, low, 1.0), np.nan),
        peak_trough=np.where(trough > 0, high / np.where(trough > 0, trough, 1.0), np.nan),
        accumulation=only(1 / (1 - np.exp(-lambda_z * end))),
    )
