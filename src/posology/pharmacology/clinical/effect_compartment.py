"""Plasma and the effect compartment behind it, of each patient: the state that is carried from cycle to cycle.

    dE1/dt = ke (C - E1),   dE2/dt = ke (E1 - E2)

with C the conjugate in plasma: E2 lags behind it by two transits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.disposition.linear_compartments import Exponentials
from posology.shared.arrays import ArrayLike, Floats


@dataclass(frozen=True)
class UnitResponse:
    """C, E1, E2 of a unit of each mode, (patients, T, M); exp(-ke t) and ke t, (patients, T)."""

    c: Floats
    first: Floats
    second: Floats
    fall: Floats
    passed: Floats


@dataclass(frozen=True)
class EffectCompartment:
    """Plasma and effect compartment of each patient: the state that is carried from cycle to cycle.

    ``modes`` (patients, M) amounts [mg] behind the exponentials of ``plasma``; ``first``, ``second`` (patients,)
    [ug/mL].
    """

    plasma: Exponentials
    ke: float
    modes: Floats
    first: Floats
    second: Floats

    @classmethod
    def start(cls, plasma: Exponentials, ke: float, patients: int) -> EffectCompartment:
        """Return the state before the first dose."""
        rates = np.broadcast_to(np.atleast_2d(plasma.rates), (patients, plasma.rates.shape[-1]))
        gains = np.broadcast_to(np.atleast_2d(plasma.coefficients), rates.shape)
        zero = np.zeros(patients)
        return cls(Exponentials(gains, rates), ke, np.zeros_like(rates), zero, zero)

    def dosed(self, mg: ArrayLike) -> EffectCompartment:
        """Return the state after a dose [mg] (patients,), as a bolus: beside weeks an infusion of hours is none."""
        return replace(self, modes=self.modes + np.broadcast_to(mg, self.first.shape)[:, None])

    def unit(self, since: Floats) -> UnitResponse:
        """Return what each part of the state brings at times (patients, T) [d] since; the same whatever the state."""
        t, rates = since[..., None], self.plasma.rates[:, None, :]
        c = self.plasma.coefficients[:, None, :] * np.exp(-rates * t)
        x, k = (self.ke - rates) * t, self.ke * t
        return UnitResponse(
            c, c * k * _mean_exponential(x), c * k * k * _mean_gamma(x), np.exp(-self.ke * since), self.ke * since
        )

    def at(self, unit: UnitResponse) -> tuple[Floats, Floats, Floats]:
        """Return C, E1, E2 (patients, T) [ug/mL], exact, where ke is one of plasma's rates too."""
        c, first, second = (np.einsum("ptm,pm->pt", a, self.modes) for a in (unit.c, unit.first, unit.second))
        left = self.first[:, None] * unit.fall
        return c, left + first, self.second[:, None] * unit.fall + left * unit.passed + second

    def after(self, days: Floats) -> EffectCompartment:
        """Return the state ``days`` (patients,) later."""
        _, first, second = self.at(self.unit(days[:, None]))
        return replace(
            self, modes=self.modes * np.exp(-self.plasma.rates * days[:, None]), first=first[:, 0], second=second[:, 0]
        )

    def trough(self, days: Floats) -> Floats:
        """Return the conjugate in plasma after ``days`` (patients,) [ug/mL]."""
        return np.asarray(
            (self.plasma.coefficients * self.modes * np.exp(-self.plasma.rates * days[:, None])).sum(axis=1)
        )

    def area(self, days: Floats) -> Floats:
        """Return the area under the conjugate in plasma over the next ``days`` (patients,) [ug/mL d]."""
        part = -np.expm1(-self.plasma.rates * days[:, None]) / self.plasma.rates
        return np.asarray((self.plasma.coefficients * self.modes * part).sum(axis=1))


def _mean_exponential(x: Floats) -> Floats:
    """Return (1 - exp(-x)) / x, by its series near 0."""
    near = np.abs(x) < 1e-4
    safe = np.where(near, 1.0, x)
    return np.where(near, 1 - x * (0.5 - x / 6), -np.expm1(-safe) / safe)


def _mean_gamma(x: Floats) -> Floats:
    """Return (1 - exp(-x) (1 + x)) / x^2, by its series near 0."""
    near = np.abs(x) < 1e-3
    safe = np.where(near, 1.0, x)
    left = np.expm1(-safe)
    return np.where(near, 0.5 - x * (1 / 3 - x * (1 / 8 - x / 30)), -(left + safe * (left + 1)) / (safe * safe))
