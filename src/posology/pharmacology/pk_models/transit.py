"""Absorption through transit compartments, into one compartment.

Savic RM, Jonker DM, Kerbusch T, Karlsson MO. J Pharmacokinet Pharmacodyn 2007;34:711-726. A dose passes NN compartments
(any number above 0) at the rate ktr = (NN + 1) / MTT, MTT the mean transit time, and enters the central one as a gamma
distribution with m = NN + 1. Its convolution with exp(−k t) is, with x = (ktr − k) t,

    (ktr t)^m exp(−ktr t) M(1, m + 1, x) / Γ(m + 1) = (ktr / (ktr − k))^m exp(−k t) P(m, x) where x > 0,

M Kummer's function and P the regularised incomplete gamma function (Abramowitz M, Stegun IA. 1964, 6.5.12). Derivatives
by the logs of CL and V are exact, those by the logs of MTT and NN central differences.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats

STEP = 1e-5
"""Of the central differences, on the log scale."""


@dataclass(frozen=True)
class TransitModel:
    """Transit compartments into one compartment.

    Examples
    --------
    >>> from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
    >>> one = pk_dataset([SubjectData("1", [(0.0, 100.0, 0.0, 0.0)], [(1.0, 0.0, False), (48.0, 0.0, False)])])
    >>> TRANSIT.predict(one, np.log([[2.0, 4.0, 5.0, 50.0]])).round(4).tolist()
    [[0.2128, 0.0202]]
    """

    name: str = "one compartment, absorption through transit compartments"
    parameters: tuple[str, ...] = ("MTT", "NN", "CL", "V")

    def predict(self, data: PkDataset, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters ``phi`` (patients, 4).

        Raises
        ------
        ValueError
            naming the patient, where a dose is an infusion or at steady state.
        """
        return self._superposed(data, phi)[0]

    def sensitivities(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return the concentrations and their derivatives by the log parameters, (patients, samples, 4); raises
        likewise."""
        value, by_log_k = self._superposed(data, phi)
        steps = STEP * np.eye(4)[:2]
        by_input = [
            (self._superposed(data, phi + h)[0] - self._superposed(data, phi - h)[0]) / (2 * STEP) for h in steps
        ]
        return value, np.stack([*by_input, by_log_k, -by_log_k - value], axis=2)

    def _superposed(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return concentrations, and their derivative by ln k at fixed V."""
        from scipy.special import gammaln

        wrong = ((data.duration > 0) | (data.interval > 0)) & (data.amount > 0)
        if wrong.any():
            row = int(np.argmax(wrong.any(axis=1)))
            raise ValueError(
                f"patient {data.names[row]}: doses through transit compartments are swallowed, neither infused nor "
                "at steady "
                "state; write the doses out"
            )
        mtt, nn, clearance, volume = (each[:, None, None] for each in np.exp(phi).T)
        m, k = nn + 1, clearance / volume
        ktr = m / mtt
        since = np.where(data.dose_counts, data.time[:, :, None] - data.dose_time[:, None, :], 0.0)
        there = since > 0
        t = np.where(there, since, 1.0)
        x = (ktr - k) * t
        log_input = m * np.log(ktr * t) - ktr * t - gammaln(m + 1)
        whole, slope = _convolved(log_input, np.broadcast_to(m, x.shape), x)
        amount = np.where(there, data.amount[:, None, :], 0.0) / volume
        return np.asarray((amount * whole).sum(axis=2)), np.asarray((amount * slope * (-k * t)).sum(axis=2))


def _convolved(log_input: Floats, m: Floats, x: Floats) -> tuple[Floats, Floats]:
    """Return exp(log_input) M(1, m + 1, x), by P(m, x) where x is large, and its derivative by x.

    The derivative follows from x M' = m + (x − m) M.
    """
    from scipy.special import gammainc, gammaln, hyp1f1

    scale = np.exp(log_input)
    large = x > 5.0
    at = np.where(large, x, 5.0)
    log_power = log_input + at - m * np.log(at) + gammaln(m + 1)  # m ln(ktr t / x) − k t
    by_gamma = gammainc(m, at) * np.exp(np.where(large, log_power, 0.0))
    value = np.where(large, by_gamma, scale * hyp1f1(1.0, m + 1, np.where(large, 5.0, x)))
    near = np.abs(x) < 1e-3
    safe = np.where(near, 1.0, x)
    series = scale * (1 / (m + 1) + 2 * x / ((m + 1) * (m + 2)))
    return value, np.where(near, series, (m * scale + (x - m) * value) / safe)


TRANSIT = TransitModel()
