"""Toxicities as hazards: ocular events behind an effect compartment, neuropathy by exposure, other DLTs by dose, pneumonitis.

Ocular events lag behind plasma. With C the conjugate in plasma and E two transits later,

    dE1/dt = ke (C - E1),   dE2/dt = ke (E1 - E2),   hazard = h0 z (E2/Eref)^g,   log z ~ N(0, w)

calibrated to the ELAHERE label (59 % any grade, median onset 5.1 weeks). The slope g cannot be told from public data: take
1, 2 and 3 as scenarios. A patient's state is carried from cycle to cycle, so that a dose can depend on what has happened.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.compound import Quantity
from posology.pharmacology.linear import Exponentials

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

LABEL = "quoted from memory of the label, to be checked"
CAREFUL = "calibrated with the model below to numbers quoted from memory of the label, to be checked"


@dataclass(frozen=True)
class Ocular:
    """Ocular events: the first of a patient, its grade, and how long it lasts.

    Parameters
    ----------
    ke, power, between, h0, reference
        ke [/d], g, w, h0 [/d], Eref [ug/mL].
    grades
        shares of the first events that reach grade 2, 3 and 4 at most; the others stay at grade 1.
    recovery
        median duration [d], exponential.
    """

    ke: Quantity
    power: Quantity
    between: Quantity
    h0: Quantity
    reference: Quantity
    grades: tuple[Quantity, Quantity, Quantity]
    recovery: Quantity

    def with_power(self, power: float) -> Ocular:
        """Return the scenario of another slope g, with h0 calibrated anew to the same risk at the reference dose.

        >>> IMGN853_OCULAR.with_power(1).h0.value
        0.006
        """
        known = {1: 0.00600, 2: 0.00574, 3: 0.00514}
        if power not in known:
            raise ValueError(f"power is {power:g}: the scenarios that were calibrated are {', '.join(map(str, known))}")
        return replace(
            self,
            power=Quantity(power, "1", "assumed", "not identifiable: a scenario"),
            h0=Quantity(known[int(power)], "/d", "computed", CAREFUL),
        )


IMGN853_OCULAR = Ocular(
    ke=Quantity(0.12, "/d", "computed", CAREFUL, cv=0.3),
    power=Quantity(2.0, "1", "assumed", "not identifiable: the label gives its direction alone", cv=0.4),
    between=Quantity(2.2, "1", "computed", CAREFUL),
    h0=Quantity(0.00574, "/d", "computed", CAREFUL, cv=0.2),
    reference=Quantity(37.3, "ug/mL", "computed", "mean of E over 24 weeks at 6 mg/kg, typical patient"),
    grades=(
        Quantity(0.4, "1", "assumed", "share of first events at grade 2; no public number"),
        Quantity(0.19, "1", "from memory", f"11 % of 59 %, {LABEL}"),
        Quantity(0.005, "1", "from memory", f"2 of 682 patients, {LABEL}"),
    ),
    recovery=Quantity(21.0, "d", "retrieved", "about 60 % resolved by the next cycle, interview with Matulonis"),
)
"""Without steroid drops; with them h0 times 0.7 to 0.9 and grade 3 times 0 to 0.3, assumed (Matulonis 2019)."""


@dataclass(frozen=True)
class Unit:
    """C, E1, E2 of a unit of each mode, (patients, T, M); exp(-ke t) and ke t, (patients, T)."""

    c: Floats
    first: Floats
    second: Floats
    fall: Floats
    passed: Floats


@dataclass(frozen=True)
class Effect:
    """Plasma and effect compartment of each patient: the state that is carried from cycle to cycle.

    ``modes`` (patients, M) amounts [mg] behind the exponentials of ``plasma``; ``first``, ``second`` (patients,) [ug/mL].
    """

    plasma: Exponentials
    ke: float
    modes: Floats
    first: Floats
    second: Floats

    @classmethod
    def start(cls, plasma: Exponentials, ke: float, patients: int) -> Effect:
        """Return the state before the first dose."""
        rates = np.broadcast_to(np.atleast_2d(plasma.rates), (patients, plasma.rates.shape[-1]))
        gains = np.broadcast_to(np.atleast_2d(plasma.coefficients), rates.shape)
        zero = np.zeros(patients)
        return cls(Exponentials(gains, rates), ke, np.zeros_like(rates), zero, zero)

    def dosed(self, mg: ArrayLike) -> Effect:
        """Return the state after a dose [mg] (patients,), as a bolus: beside weeks an infusion of hours is none."""
        return replace(self, modes=self.modes + np.broadcast_to(mg, self.first.shape)[:, None])

    def unit(self, since: Floats) -> Unit:
        """Return what each part of the state brings at times (patients, T) [d] since; the same whatever the state."""
        t, rates = since[..., None], self.plasma.rates[:, None, :]
        c = self.plasma.coefficients[:, None, :] * np.exp(-rates * t)
        x, k = (self.ke - rates) * t, self.ke * t
        return Unit(c, c * k * _one(x), c * k * k * _two(x), np.exp(-self.ke * since), self.ke * since)

    def at(self, unit: Unit) -> tuple[Floats, Floats, Floats]:
        """Return C, E1, E2 (patients, T) [ug/mL], exact, where ke is one of plasma's rates too."""
        c, first, second = (np.einsum("ptm,pm->pt", a, self.modes) for a in (unit.c, unit.first, unit.second))
        left = self.first[:, None] * unit.fall
        return c, left + first, self.second[:, None] * unit.fall + left * unit.passed + second

    def after(self, days: Floats) -> Effect:
        """Return the state ``days`` (patients,) later."""
        _, first, second = self.at(self.unit(days[:, None]))
        return replace(
            self, modes=self.modes * np.exp(-self.plasma.rates * days[:, None]), first=first[:, 0], second=second[:, 0]
        )

    def area(self, days: Floats) -> Floats:
        """Return the area under the conjugate in plasma over the next ``days`` (patients,) [ug/mL d]."""
        part = -np.expm1(-self.plasma.rates * days[:, None]) / self.plasma.rates
        return np.asarray((self.plasma.coefficients * self.modes * part).sum(axis=1))


def _one(x: Floats) -> Floats:
    """Return (1 - exp(-x)) / x, by its series near 0."""
    near = np.abs(x) < 1e-4
    safe = np.where(near, 1.0, x)
    return np.where(near, 1 - x * (0.5 - x / 6), -np.expm1(-safe) / safe)


def _two(x: Floats) -> Floats:
    """Return (1 - exp(-x) (1 + x)) / x^2, by its series near 0."""
    near = np.abs(x) < 1e-3
    safe = np.where(near, 1.0, x)
    left = np.expm1(-safe)
    return np.where(near, 0.5 - x * (1 / 3 - x * (1 / 8 - x / 30)), -(left + safe * (left + 1)) / (safe * safe))


def ocular_hazard(level: Floats, ocular: Ocular = IMGN853_OCULAR) -> Floats:
    """Return the hazard [/d] of a patient with z = 1, of E2 [ug/mL]: h0 (E2/Eref)^g."""
    return np.asarray(ocular.h0.value * (level / ocular.reference.value) ** ocular.power.value)


def ocular_risk(total: ArrayLike, between: float) -> Floats:
    """Return the share of patients with an event, of the cumulated hazard at z = 1: over the log-normal z, by quadrature.

    Examples
    --------
    >>> ocular_risk([0.0, 0.5], 2.2).round(3)
    array([0.   , 0.473])
    """
    node, weight = np.polynomial.hermite_e.hermegauss(80)
    h = np.asarray(total, dtype=np.float64)
    return np.asarray(1 - (weight / weight.sum() * np.exp(-h[..., None] * np.exp(between * node))).sum(axis=-1))


def draw_grades(rng: np.random.Generator, patients: int, ocular: Ocular = IMGN853_OCULAR) -> Ints:
    """Return the worst grade (patients,), 1 to 4, that a patient's first ocular event has, should it come."""
    edges = np.cumsum([1 - sum(q.value for q in ocular.grades), *(q.value for q in ocular.grades)])
    return np.asarray(1 + np.minimum(np.searchsorted(edges, rng.random(patients), side="right"), 3))


@dataclass(frozen=True)
class Others:
    """Toxicities beside the ocular ones.

    Parameters
    ----------
    neuropathy, neuropathy_grade_3
        hazard of peripheral neuropathy at the reference exposure [/d], proportional to the conjugate's area; share of grade 3.
    dlt, slope
        other DLTs (hypophosphataemia and the like) in a first cycle at the reference dose, and the slope of the logit with the
        logarithm of the dose.
    pneumonitis, pneumonitis_grade_3
        chance in 24 weeks of treatment, whatever the exposure, and of those the share of grade 3.
    delay
        chance that another adverse reaction delays a dose, in 24 weeks of treatment.
    """

    neuropathy: Quantity
    neuropathy_grade_3: Quantity
    dlt: Quantity
    slope: Quantity
    pneumonitis: Quantity
    pneumonitis_grade_3: Quantity
    delay: Quantity


IMGN853_OTHERS = Others(
    neuropathy=Quantity(0.00238, "/d", "computed", "33 % in SORAYA within 24 weeks"),
    neuropathy_grade_3=Quantity(0.06, "1", "computed", "2 % of 33 %, SORAYA"),
    dlt=Quantity(
        0.05, "1", "computed", "phase 1: 1 of 11 at 5 mg/kg, none of those at 6 mg/kg of adjusted ideal weight", cv=0.7
    ),
    slope=Quantity(2.0, "1", "assumed", "no public number", cv=0.5),
    pneumonitis=Quantity(0.10, "1", "from memory", LABEL),
    pneumonitis_grade_3=Quantity(0.10, "1", "from memory", LABEL),
    delay=Quantity(
        0.25, "1", "computed", "FORWARD I: 34.3 % delayed or reduced, 19.8 % for the eye, with the time on treatment"
    ),
)


def other_dlt(dose: ArrayLike, reference: float, others: Others = IMGN853_OTHERS) -> Floats:
    """Return the chance of another DLT in the first cycle, of a dose over a reference in the same unit.

    Examples
    --------
    >>> other_dlt([3.0, 6.0, 7.0], 6.0).round(3)
    array([0.013, 0.05 , 0.067])
    """
    level = np.maximum(np.asarray(dose, dtype=np.float64) / reference, 1e-12)
    logit = np.log(others.dlt.value / (1 - others.dlt.value)) + others.slope.value * np.log(level)
    return np.asarray(1 / (1 + np.exp(-logit)))
