"""What a fit needs of the linear compartments: concentrations and their exact derivatives by the log parameters.

Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. 1982, chapters 1, 2 and appendix B. Parameters are on the log scale, so
that each is above 0; doses superpose; a dose at steady state is the sum of the geometric series of those before it, and
resets what came earlier, as NONMEM's SS 1. The model with saturable loss is in
:mod:`posology.pharmacology.pk_models.michaelis_menten`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.disposition.linear_compartments import one_compartment, two_compartment
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Floats

Terms = tuple[Floats, Floats, Floats, Floats]
"""Of C(t) = Σ aₙ exp(−λₙ t): a and λ (patients, terms), and their derivatives by the log parameters, one axis more."""


@dataclass(frozen=True)
class LinearModel:
    """A compartment model: its parameters, and C(t) = Σ aₙ exp(−λₙ t) after a unit bolus as a function of their
    logs."""

    name: str
    parameters: tuple[str, ...]
    terms: Callable[[Floats], Terms]

    def predict(self, data: PkDataset, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters ``phi`` (patients, parameters)."""
        weight, rate, _, _ = self.terms(phi)
        unit, _ = superposed_response(data, rate)
        return np.asarray(np.einsum("psn,pn->ps", unit, weight))

    def sensitivities(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return the concentrations and their derivatives by the log parameters, (patients, samples, parameters)."""
        weight, rate, d_weight, d_rate = self.terms(phi)
        unit, slope = superposed_response(data, rate)
        value = np.einsum("psn,pn->ps", unit, weight)
        change = unit @ d_weight + (slope * weight[:, None, :]) @ d_rate
        return np.asarray(value), np.asarray(change)


def superposed_response(data: PkDataset, rate: Floats) -> tuple[Floats, Floats]:
    """Return Σ over doses of amount × the response of exp(−λ t), and its derivative by λ: (patients, samples, terms).

    ``rate`` is (patients, terms), or (patients, samples, terms) where samples differ in it.
    """
    lam = rate[:, None, None, :] if rate.ndim == 2 else rate[:, :, None, :]
    since = np.where(data.dose_counts, data.time[:, :, None] - data.dose_time[:, None, :], 0.0)[..., None]
    length = data.duration[:, None, :, None]
    amount = np.where(data.dose_counts, data.amount[:, None, :], 0.0)[..., None]
    after = np.maximum(since - length, 0.0)
    running = np.minimum(since, length)
    falls = np.exp(-lam * after)
    bolus = length == 0
    span = np.where(bolus, 1.0, length)
    grown = -np.expm1(-lam * running)
    unit = np.where(bolus, falls, falls * grown / (lam * span))
    slope = np.where(bolus, -after * falls, falls * (running * (1 - grown) - grown / lam) / (lam * span) - after * unit)
    steady = data.interval > 0
    if steady.any():
        every = np.where(steady, data.interval, 1.0)[:, None, :, None]
        # of infusions longer than the interval the last ``runs_on`` before this one go on; all before these have ended
        runs_on = np.where(bolus, 0.0, np.maximum(np.ceil((length - since) / every) - 1, 0.0))
        ends = since - length + runs_on * every
        full = np.where(bolus, 1.0, -np.expm1(-lam * length) / (lam * span))
        d_full = np.where(bolus, 0.0, (length * np.exp(-lam * length) - full * span) / (lam * span))
        ratio, tail = -np.expm1(-lam * every), np.exp(-lam * (ends + every))
        before = full * tail / ratio
        d_before = d_full * tail / ratio - (ends + every) * before - before * every * np.exp(-lam * every) / ratio
        if (runs_on > 0).any():
            on, d_on = _infusions_running(lam, since, every, runs_on)
            before = before + on / (lam * span)
            d_before = d_before + (d_on - on / lam) / (lam * span)
        add = steady[:, None, :, None]
        unit, slope = unit + np.where(add, before, 0.0), slope + np.where(add, d_before, 0.0)
    return np.asarray((amount * unit).sum(axis=2)), np.asarray((amount * slope).sum(axis=2))


def _infusions_running(lam: Floats, since: Floats, every: Floats, count: Floats) -> tuple[Floats, Floats]:
    """Return Σ 1 − exp(−λ (t + n τ)) over n = 1 to ``count``, and its derivative by λ: infusions not ended at t."""
    total = np.zeros(np.broadcast_shapes(lam.shape, since.shape))
    slope = np.zeros_like(total)
    for n in range(1, int(count.max()) + 1):
        age = since + n * every
        total = total - np.where(n <= count, np.expm1(-lam * age), 0.0)
        slope = slope + np.where(n <= count, age * np.exp(-lam * age), 0.0)
    return total, slope


def _one_compartment_terms(phi: Floats) -> Terms:
    clearance, volume = np.exp(phi).T
    form = one_compartment(clearance, volume)
    d_weight = form.coefficients[..., None] * np.array([0.0, -1.0])
    d_rate = form.rates[..., None] * np.array([1.0, -1.0])
    return form.coefficients, form.rates, d_weight, d_rate


def _oral_terms(phi: Floats) -> Terms:
    absorbed, clearance, volume = np.exp(phi).T
    rate = clearance / volume
    # where the two rates are the same the solution is a limit; so near it no digit that matters is lost
    absorbed = np.where(np.abs(absorbed - rate) < 1e-7 * rate, rate * (1 + 1e-7), absorbed)
    weight = absorbed / (volume * (absorbed - rate))
    part = weight * rate / (absorbed - rate)
    by = np.stack([-part, part, -part - weight], axis=-1)
    d_rate = np.stack([rate[:, None] * np.array([0.0, 1, -1]), absorbed[:, None] * np.array([1.0, 0, 0])], axis=1)
    weights, rates = np.stack([weight, -weight], axis=-1), np.stack([rate, absorbed], axis=-1)
    return weights, rates, np.stack([by, -by], axis=1), d_rate


def _two_compartment_terms(phi: Floats) -> Terms:
    clearance, central, between, peripheral = np.exp(phi).T
    form = two_compartment(clearance, central, between, peripheral)
    alpha, beta = form.rates.T
    out, there, back = ((a / b)[:, None] for a, b in ((clearance, central), (between, central), (between, peripheral)))
    d_out, d_there, d_back = (out * [1.0, -1, 0, 0], there * [0.0, -1, 1, 0], back * [0.0, 0, 1, -1])
    gap = (alpha - beta)[:, None]
    d_sum, d_product = d_out + d_there + d_back, d_out * back + out * d_back
    d_alpha, d_beta = (alpha[:, None] * d_sum - d_product) / gap, (d_product - beta[:, None] * d_sum) / gap
    share = (alpha[:, None] - back) / gap
    d_share = (d_alpha - d_back) / gap - share * (d_alpha - d_beta) / gap
    volume = np.array([0.0, 1, 0, 0])
    d_weight = np.stack([d_share - share * volume, -d_share - (1 - share) * volume], axis=1) / central[:, None, None]
    return form.coefficients, form.rates, d_weight, np.stack([d_alpha, d_beta], axis=1)


ONE_COMPARTMENT = LinearModel("one compartment, intravenous", ("CL", "V"), _one_compartment_terms)
ORAL = LinearModel("one compartment, first-order absorption", ("ka", "CL", "V"), _oral_terms)
TWO_COMPARTMENTS = LinearModel("two compartments, intravenous", ("CL", "V1", "Q", "V2"), _two_compartment_terms)
