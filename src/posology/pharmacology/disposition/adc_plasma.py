"""A conjugate in plasma: the drug-to-antibody-ratio chain, free payload and its methylated metabolite.

Pouzin C et al., J Pharmacokinet Pharmacodyn 2022;49:381. With C_n and
P_n the amounts of antibody with n drugs in the central and peripheral compartment, D the payload, M its metabolite:

    dC_n/dt = - (CL_n/Vc + kdec_n + Q/Vc) C_n + Q/Vp P_n + kdec_{n+1} C_{n+1}          (CL_0 = CL_NAB, kdec_0 = 0)
    dP_n/dt = Q/Vc C_n - Q/Vp P_n
    dD/dt   = sum_n kdec_n C_n + F sum_n n CL/Vc C_n - (CL_D + Q_D)/V_D D + Q_D/V_D2 D2
    dM/dt   = FR CL_D/V_D D - CL_M/V_M M

F (drug of catabolised conjugate that returns to plasma) and the payload's peripheral compartment D2 are those of Shah
DK et al., J Pharmacokinet Pharmacodyn 2012;39:643; Pouzin has neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from posology.pharmacology.compounds.adc import DRUGS, Compound
from posology.pharmacology.disposition.adc_saturable_loss import SaturableLoss, amounts
from posology.pharmacology.disposition.adc_states import CENTRAL, PAYLOAD, UNITS
from posology.pharmacology.disposition.linear_compartments import (
    Doses,
    LinearSystem,
    checked_times,
    patient_shape,
    two_compartment,
)
from posology.shared.arrays import ArrayLike, Floats


@dataclass(frozen=True)
class Plasma:
    """The plasma model of a compound, in patients: each value of shape (P,) by the quantity's name.

    Parameters
    ----------
    compound
        the compound.
    values
        every quantity that enters the model, by its name in :meth:`Compound.quantities`: (P,) of each.

    Examples
    --------
    >>> from posology.pharmacology.compounds.library import IMGN853
    >>> typical = Plasma.of(IMGN853)
    >>> course = typical.course([0.1, 21.0], Doses(0, 355, 0.1))
    >>> course.adc.round(1).tolist(), course.dar.round(2).tolist()  # ug/mL
    ([[140.7, 6.9]], [[3.28, 1.41]])
    """

    compound: Compound
    values: Mapping[str, Floats]

    @classmethod
    def of(cls, compound: Compound, factors: Mapping[str, ArrayLike] | None = None) -> Plasma:
        """Return the model of patients whose quantities are the compound's times ``factors``, (P,) by name.

        Raises
        ------
        ValueError
            naming patient and quantity, if a factor is not above 0, or names no quantity.
        """
        held, given = compound.quantities(), dict(factors or {})
        if unknown := sorted(set(given) - set(held)):
            raise ValueError(f"{', '.join(unknown)}: no quantity of {compound.name}; it has {', '.join(held)}")
        by = {name: np.atleast_1d(np.asarray(factor, dtype=np.float64)) for name, factor in given.items()}
        for name, factor in by.items():
            wrong = ~(np.isfinite(factor) & (factor > 0))
            if wrong.any():
                at = int(np.argmax(wrong))
                raise ValueError(f"patient {at + 1}: the factor on {name} is {factor[at]:g}: it must be above 0")
        patients = np.broadcast_shapes(
            (1,), patient_shape(**{f"factors on {name}": f[:, None] for name, f in by.items()})
        )
        return cls(compound, {name: np.broadcast_to(q.value * by.get(name, 1.0), patients) for name, q in held.items()})

    @property
    def patients(self) -> int:
        """How many patients."""
        return len(self["antibody.vc"])

    def __getitem__(self, name: str) -> Floats:
        return self.values[name]

    def series(self, name: str, first: int) -> Floats:
        """Return (P, n): a series such as ``linker.kdec``, numbered from ``first``."""
        return np.stack([self[f"{name}{n}"] for n in range(first, DRUGS + 1)], axis=1)

    @cached_property
    def kdec(self) -> Floats:
        """(P, 9): rate at which an antibody with 0, 1, ... 8 drugs loses one [/d]."""
        rates = self.series("linker.kdec", 1) * self["linker.kdec_scale"][:, None]
        return np.concatenate([np.zeros((self.patients, 1)), rates], axis=1)

    @cached_property
    def inlet(self) -> Floats:
        """(P, S): amount [umol] that a milligram of the dose brings to each state."""
        shares = self.series("linker.fractions", 0)
        entering = np.zeros((self.patients, PAYLOAD + 2 + self.has_peripheral_payload))
        entering[:, CENTRAL] = (
            shares / shares.sum(axis=1, keepdims=True) * (1000 / self["antibody.molar_mass"])[:, None]
        )
        return entering

    @property
    def has_peripheral_payload(self) -> int:
        """1 where the payload has a peripheral compartment."""
        has = self["payload.q"] > 0
        if has.any() and not has.all():
            raise ValueError(
                f"patient {int(np.argmin(has)) + 1}: payload.q is 0, in others not: it must be 0 in all or none"
            )
        return int(has.any())

    @cached_property
    def system(self) -> LinearSystem:
        """The equations, in micromoles: (P, S, S); saturable loss apart."""
        get = self.values
        n = np.arange(DRUGS + 1)
        matrix = np.zeros((self.patients, *(PAYLOAD + 2 + self.has_peripheral_payload,) * 2))
        clearance = (
            np.where(n == 0, get["antibody.cl_nab"][:, None], get["antibody.cl"][:, None]) / get["antibody.vc"][:, None]
        )
        out, back = get["antibody.q"] / get["antibody.vc"], get["antibody.q"] / get["antibody.vp"]
        matrix[:, CENTRAL, CENTRAL] = -(clearance + self.kdec + out[:, None])
        matrix[:, CENTRAL, CENTRAL + 1] = back[:, None]
        matrix[:, CENTRAL + 1, CENTRAL] = out[:, None]
        matrix[:, CENTRAL + 1, CENTRAL + 1] = -np.where(back > 0, back, 1)[:, None]  # empty where nothing is exchanged
        matrix[:, CENTRAL[:-1], CENTRAL[1:]] = self.kdec[:, 1:]
        matrix[:, PAYLOAD, CENTRAL] = self.kdec + get["linker.catabolised"][:, None] * n * clearance
        leaves = get["payload.cl"] / get["payload.v"]
        matrix[:, PAYLOAD, PAYLOAD] = -leaves
        if self.has_peripheral_payload:
            out, back = get["payload.q"] / get["payload.v"], get["payload.q"] / get["payload.vp"]
            matrix[:, PAYLOAD, PAYLOAD] -= out
            matrix[:, PAYLOAD, PAYLOAD + 1] = back
            matrix[:, PAYLOAD + 1, PAYLOAD] = out
            matrix[:, PAYLOAD + 1, PAYLOAD + 1] = -back
        matrix[:, -1, PAYLOAD] = get["payload.fr"] * leaves
        matrix[:, -1, -1] = -get["payload.metabolite_cl"] / get["payload.metabolite_v"]
        return LinearSystem(matrix, self.inlet)

    def course(self, times: ArrayLike, doses: Doses, *, tolerance: float = 1e-6) -> PlasmaConcentrations:
        """Return the course at times (T,) or (P, T) [d].

        Exact where loss is linear; where vmax is above 0, stepwise (see
        :mod:`posology.pharmacology.disposition.adc_saturable_loss`) to a ``tolerance`` relative to each state's
        greatest.
        """
        when = checked_times(times)
        if (self["antibody.vmax"] > 0).any():
            loss = SaturableLoss.of(self.values)
            return PlasmaConcentrations(self, when, amounts(self.system, loss, when, doses, tolerance))
        return PlasmaConcentrations(self, when, self.system.amounts(when, doses))

    def course_by_occasion(
        self, times: ArrayLike, doses: Doses, since: ArrayLike, clearance: ArrayLike
    ) -> PlasmaConcentrations:
        """Return the course of patients whose antibody clearance differs from occasion to occasion; linear loss alone.

        Parameters
        ----------
        times
            (T,) or (P, T) [d].
        doses
            what was given.
        since
            (O,) or (P, O): when each occasion begins [d].
        clearance
            (P, O): factor on the antibody's clearances, with drug and without.
        """
        self._linear("occasions")
        factors = np.atleast_2d(np.asarray(clearance, dtype=np.float64))
        for i, o in np.argwhere(~(np.isfinite(factors) & (factors > 0))):
            raise ValueError(
                f"patient {i + 1}, occasion {o + 1}: the factor on clearance is {factors[i, o]:g}: it must be above 0"
            )
        names = ("antibody.cl", "antibody.cl_nab")
        each = [
            replace(self, values={**self.values, **{name: self[name] * factor for name in names}})
            for factor in factors.T
        ]
        matrix = np.stack([plasma.system.matrix for plasma in each], axis=1)
        when = checked_times(times)
        return PlasmaConcentrations(self, when, LinearSystem(matrix, self.inlet).amounts(when, doses, since))

    def areas(self, times: ArrayLike, doses: Doses) -> PlasmaConcentrations:
        """Return the areas under the course from the start to each time: in d x the unit of each analyte; linear loss
        alone."""
        self._linear("areas")
        return PlasmaConcentrations(self, checked_times(times), self.system.areas(times, doses))

    def steady_state(
        self, times: ArrayLike, amount: ArrayLike, interval: float, duration: ArrayLike = 0.0
    ) -> PlasmaConcentrations:
        """Return the course after a dose [mg], when such doses came every ``interval`` days for ever; linear loss
        alone."""
        self._linear("a steady state")
        long = np.broadcast_to(np.asarray(duration, dtype=np.float64), (self.patients,))
        each = np.broadcast_to(np.asarray(amount, dtype=np.float64), (self.patients,))
        held = self.system.steady_state(times, each, interval, long)
        return PlasmaConcentrations(self, checked_times(times), held)

    def half_life(self, analyte: str = "adc") -> Floats:
        """Return (P,) the terminal half-life [d]: of the slowest exponential that reaches the analyte; linear loss
        alone.

        It may lie far beyond what is measured: the slope over an interval is another thing.
        """
        self._linear("a half-life")
        highest = max(n for n in range(DRUGS + 1) if (self[f"linker.fractions{n}"] > 0).any())
        loaded = range(0 if analyte == "naked" else 1, highest + 1)
        slowest = [self._slowest(n) for n in loaded]
        if analyte in ("payload", "metabolite"):
            two = two_compartment(self["payload.cl"], self["payload.v"], self["payload.q"], self["payload.vp"])
            slowest.append(two.slowest)
        if analyte == "metabolite":
            slowest.append(self["payload.metabolite_cl"] / self["payload.metabolite_v"])
        if analyte not in ("adc", "naked", "payload", "metabolite"):
            raise ValueError(f"{analyte!r} has no half-life here: ask for adc, naked, payload or metabolite")
        return np.asarray(np.log(2) / np.min(slowest, axis=0))

    def _slowest(self, n: int) -> Floats:
        """Return the slower exponential of antibody with n drugs."""
        clearance = self["antibody.cl" if n else "antibody.cl_nab"] + self.kdec[:, n] * self["antibody.vc"]
        return two_compartment(clearance, self["antibody.vc"], self["antibody.q"], self["antibody.vp"]).slowest

    def _linear(self, what: str) -> None:
        if (self["antibody.vmax"] > 0).any():
            raise ValueError(
                f"{what}: patient {int(np.argmax(self['antibody.vmax'] > 0)) + 1} has saturable loss "
                "(antibody.vmax above 0); ask for a course instead"
            )

    def areas_by_occasion(self, edges: ArrayLike, doses: Doses, clearance: ArrayLike) -> PlasmaConcentrations:
        """Return the areas under the course of each occasion, (P, O) of each analyte; linear loss alone.

        From dx/dt = M x + b u follows for each occasion: area = M^-1 (change of x - b x what was given).

        Parameters
        ----------
        edges
            (O + 1,): when each occasion begins, and when the last one ends [d].
        doses, clearance
            as of :meth:`course_by_occasion`.
        """
        when, factors = np.asarray(edges, dtype=np.float64), np.atleast_2d(np.asarray(clearance, dtype=np.float64))
        held = self.course_by_occasion(when, doses, when[:-1], factors).amounts
        given = np.broadcast_to(np.diff(doses.given(when), axis=-1), (len(held), len(when) - 1))
        change = np.diff(held, axis=1) - given[..., None] * self.inlet[:, None]
        area = np.empty_like(change)
        for o in range(area.shape[1]):
            cleared = {name: self[name] * factors[:, o] for name in ("antibody.cl", "antibody.cl_nab")}
            matrix = replace(self, values={**self.values, **cleared}).system.matrix
            area[:, o] = np.linalg.solve(matrix, change[:, o, :, None])[..., 0]
        return PlasmaConcentrations(self, when[:-1], area)


@dataclass(frozen=True)
class PlasmaConcentrations:
    """What the model holds: ``amounts`` (P, T, S) [umol] at ``times`` (T,) or (P, T) [d], and the analytes from them,
    (P, T)."""

    plasma: Plasma
    times: Floats
    amounts: Floats

    def _central(self) -> Floats:
        return np.asarray(self.amounts[..., CENTRAL] / self.plasma["antibody.vc"][:, None, None])

    @property
    def adc(self) -> Floats:
        """Antibody with at least one drug [ug/mL]."""
        return np.asarray(self._central()[..., 1:].sum(axis=-1) * self.plasma["antibody.molar_mass"][:, None] / 1000)

    @property
    def naked(self) -> Floats:
        """Antibody without drug [ug/mL]."""
        return np.asarray(self._central()[..., 0] * self.plasma["antibody.naked_mass"][:, None] / 1000)

    @property
    def antibody(self) -> Floats:
        """All antibody [ug/mL]."""
        return self.adc + self.naked

    @property
    def dar(self) -> Floats:
        """Mean drugs on an antibody, naked ones counted; 0 where there is none."""
        held = self._central()
        total: Floats = held.sum(axis=-1)
        drugs: Floats = held @ np.arange(DRUGS + 1)
        return np.divide(drugs, total, out=np.zeros_like(total), where=total > 0)

    @property
    def payload(self) -> Floats:
        """Free payload [ng/mL]."""
        return self._small(PAYLOAD, "payload.v", "payload.molar_mass")

    @property
    def metabolite(self) -> Floats:
        """Methylated metabolite [ng/mL]."""
        return self._small(-1, "payload.metabolite_v", "payload.metabolite_mass")

    def _small(self, state: int, volume: str, mass: str) -> Floats:
        plasma = self.plasma
        return np.asarray(self.amounts[..., state] / plasma[volume][:, None] * plasma[mass][:, None])

    def of(self, analyte: str) -> Floats:
        """Return an analyte by name: adc, naked, antibody, dar, payload or metabolite."""
        if analyte not in UNITS:
            raise ValueError(f"analyte is {analyte!r}: it must be one of {', '.join(UNITS)}")
        return np.asarray(getattr(self, analyte))
