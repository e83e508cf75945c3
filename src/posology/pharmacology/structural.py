"""The concentration after doses, in closed form: compartment models that are sums of exponentials, with derivatives.

Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. 1982, chapters 1, 2 and appendix B. Parameters are on the log scale, so
that each is above 0; doses superpose; a dose at steady state is the sum of the geometric series of those before it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posology.pharmacology.areas import Floats
from posology.pharmacology.measurements import Measurements

Exponentials = Callable[[NDArray[Any]], tuple[NDArray[Any], NDArray[Any]]]
TINY = 1e-30  # the step of the complex-step derivative (Squire & Trapp, SIAM Rev 1998;40:110): exact, nothing cancels


@dataclass(frozen=True)
class Model:
    """A compartment model: its parameters, and C(t) = Σ aₙ exp(−λₙ t) after a unit bolus as a function of their logs."""

    name: str
    parameters: tuple[str, ...]
    exponentials: Exponentials

    def predict(self, data: Measurements, phi: Floats) -> Floats:
        """Return the concentrations (patients, samples) at log parameters ``phi`` (patients, parameters)."""
        weight, rate = self.exponentials(phi)
        unit, _ = _response(data, rate)
        return np.asarray(np.einsum("psn,pn->ps", unit, weight))

    def sensitivities(self, data: Measurements, phi: Floats) -> tuple[Floats, Floats]:
        """Return the concentrations and their derivatives by the log parameters, (patients, samples, parameters)."""
        weight, rate = self.exponentials(phi)
        k = len(self.parameters)
        moved = phi[None] + 1j * TINY * np.eye(k)[:, None, :]
        d_weight, d_rate = (np.moveaxis(part.imag, 0, 2) / TINY for part in self.exponentials(moved))
        unit, slope = _response(data, rate)
        value = np.einsum("psn,pn->ps", unit, weight)
        change = unit @ d_weight + (slope * weight[:, None, :]) @ d_rate
        return np.asarray(value), np.asarray(change)


def _response(data: Measurements, rate: Floats) -> tuple[Floats, Floats]:
    """Return Σ over doses of amount × the response of exp(−λ t), and its derivative by λ: (patients, samples, terms)."""
    lam = rate[:, None, None, :]
    since = np.where(data.counts, data.time[:, :, None] - data.dose_time[:, None, :], 0.0)[..., None]
    length = data.duration[:, None, :, None]
    amount = np.where(data.counts, data.amount[:, None, :], 0.0)[..., None]
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
        ends = since - length
        full = np.where(bolus, 1.0, -np.expm1(-lam * length) / (lam * span))
        d_full = np.where(bolus, 0.0, (length * np.exp(-lam * length) - full * span) / (lam * span))
        ratio, tail = -np.expm1(-lam * every), np.exp(-lam * (ends + every))
        before = full * tail / ratio
        d_before = d_full * tail / ratio - (ends + every) * before - before * every * np.exp(-lam * every) / ratio
        add = steady[:, None, :, None]
        unit, slope = unit + np.where(add, before, 0.0), slope + np.where(add, d_before, 0.0)
    return np.asarray((amount * unit).sum(axis=2)), np.asarray((amount * slope).sum(axis=2))


def _one(phi: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    clearance, volume = np.exp(phi[..., 0]), np.exp(phi[..., 1])
    return (1 / volume)[..., None], (clearance / volume)[..., None]


def _oral(phi: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    absorbed, clearance, volume = (np.exp(phi[..., i]) for i in range(3))
    rate = clearance / volume
    # where the two rates are the same the solution is a limit; so near it no digit that matters is lost
    absorbed = np.where(np.abs(absorbed - rate) < 1e-7 * np.abs(rate), rate * (1 + 1e-7), absorbed)
    weight = absorbed / (volume * (absorbed - rate))
    return np.stack([weight, -weight], axis=-1), np.stack([rate, absorbed], axis=-1)


def _two(phi: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    clearance, central, between, peripheral = (np.exp(phi[..., i]) for i in range(4))
    k10, k12, k21 = clearance / central, between / central, between / peripheral
    total = k10 + k12 + k21
    root = np.sqrt((k10 + k12 - k21) ** 2 + 4 * k12 * k21)
    alpha = (total + root) / 2
    beta = k10 * k21 / alpha
    weight = np.stack([(alpha - k21) / (root * central), (k21 - beta) / (root * central)], axis=-1)
    return weight, np.stack([alpha, beta], axis=-1)


ONE_COMPARTMENT = Model("one compartment, intravenous", ("CL", "V"), _one)
ORAL = Model("one compartment, first-order absorption", ("ka", "CL", "V"), _oral)
TWO_COMPARTMENTS = Model("two compartments, intravenous", ("CL", "V1", "Q", "V2"), _two)
MODELS = {"one": ONE_COMPARTMENT, "oral": ORAL, "two": TWO_COMPARTMENTS}
"""The models by the name that a command takes."""
