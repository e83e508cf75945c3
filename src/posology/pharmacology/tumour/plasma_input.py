"""What plasma brings to a tumour: conjugate and free payload as sums of exponentials, and a dosing history as
breakpoints.

The form that the compiled kernels take. Each mode a of the plasma follows da/dt = -lambda a + r(t), r the infusion
[nmol/d]; the conjugate is C = sum g a and free payload C_PL = sum g' a [nM]. Exact for two compartments, whatever the
schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.quantity import checked_values
from posology.pharmacology.disposition.linear_compartments import Doses, Exponentials, checked_times, two_compartment
from posology.shared.arrays import ArrayLike, Floats, Ints

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class PlasmaInput:
    """Conjugate and free payload in plasma after a unit of dose: (patients, 3) each.

    Parameters
    ----------
    rates
        of the exponentials [/d]: alpha, beta, free payload's own.
    conjugate, payload
        what each brings to the conjugate and to free payload [nM per nmol of antibody].
    molar_mass
        of the conjugate [g/mol], to turn a dose in mg into nmol.
    """

    rates: Floats
    conjugate: Floats
    payload: Floats
    molar_mass: float

    @classmethod
    def of(
        cls,
        cl: ArrayLike,
        v1: ArrayLike,
        q: ArrayLike,
        v2: ArrayLike,
        formation: ArrayLike,
        payload_cl: ArrayLike,
        payload_v: ArrayLike,
        molar_mass: float = 150_000.0,
    ) -> PlasmaInput:
        """Return the drive of two compartments.

        Parameters
        ----------
        cl, v1, q, v2
            of the conjugate [L/d, L, L/d, L]; each a number or (patients,).
        formation
            payload shed to plasma for each conjugate in the central compartment [/d].
        payload_cl, payload_v
            of free payload [L/d, L].
        molar_mass
            of the conjugate [g/mol].

        Raises
        ------
        ValueError
            if a parameter is out of its domain, or the payload's rate equals one of the conjugate's.

        Examples
        --------
        >>> drive = PlasmaInput.of(0.443, 1.86, 0.61, 1.03, 0.1, 81.4, 1.0)
        >>> (np.log(2) / drive.rates[0]).round(2)  # half-lives [d]
        array([0.68, 5.01, 0.01])
        >>> conjugate, payload = drive.concentrations([0.1, 21.0], Doses([0.0], 355, 0.1))
        >>> conjugate.round(1)  # nM
        array([[1237.4,   36.2]])
        """
        for name, value, unit in (("cl", cl, "L/d"), ("v1", v1, "L"), ("q", q, "L/d"), ("v2", v2, "L")):
            checked_values(name, value, unit, zero=name == "q")
        two = two_compartment(cl, v1, q, v2)
        shed, clearance, volume = (
            checked_values(name, value, unit, zero=name == "formation")
            for name, value, unit in (
                ("formation", formation, "/d"),
                ("payload_cl", payload_cl, "L/d"),
                ("payload_v", payload_v, "L"),
            )
        )
        v1, own, shed, volume = np.broadcast_arrays(np.atleast_1d(v1), clearance / volume, shed, volume)
        idle = np.where(two.coefficients == 0, two.rates[..., :1], two.rates)  # q 0: the second exponential has no part
        rates = np.broadcast_to(np.atleast_2d(idle), (len(own), 2))
        gains = np.broadcast_to(np.atleast_2d(two.coefficients), (len(own), 2))
        gap = own[:, None] - rates
        near = (np.abs(gap) < 1e-6 * own[:, None]).any(axis=1)
        if near.any():
            i = int(np.argmax(near))
            raise ValueError(
                f"patient {i + 1}: payload_cl/payload_v is {own[i]:g} /d, a rate of the conjugate's: it must differ "
                "by a millionth"
            )
        brought = (shed * v1 / volume)[:, None] * gains / gap
        return cls(
            np.concatenate([rates, own[:, None]], axis=1),
            np.concatenate([gains, np.zeros((len(own), 1))], axis=1),
            np.concatenate([brought, -brought.sum(axis=1, keepdims=True)], axis=1),
            molar_mass,
        )

    @classmethod
    def of_compound(
        cls, compound: Compound, factors: Mapping[str, ArrayLike] | None = None
    ) -> tuple[PlasmaInput, Floats]:
        """Return the drive of a compound, and the mean drugs on an antibody that reaches a tumour: (patients,).

        The chain of :class:`posology.pharmacology.disposition.adc_plasma.Plasma` is drawn together to two compartments
        that have the same areas under the curve: of antibody with at least one drug, of the drug on it, and of free
        payload. Saturable loss has no such form and is refused.

        Parameters
        ----------
        compound, factors
            as for :meth:`posology.pharmacology.disposition.adc_plasma.Plasma.of`.

        Examples
        --------
        >>> from posology.pharmacology.compounds.library import IMGN853
        >>> drive, drugs = PlasmaInput.of_compound(IMGN853)
        >>> float(drugs.round(2)[0])
        2.71
        """
        from posology.pharmacology.disposition.adc_plasma import Plasma

        plasma = Plasma.of(compound, factors)
        if (plasma["antibody.vmax"] > 0).any():
            raise ValueError(
                f"patient {int(np.argmax(plasma['antibody.vmax'] > 0)) + 1}: antibody.vmax is above 0; the tumour "
                "model takes linear loss"
            )
        shares, kdec = plasma.series("linker.fractions", 0), plasma.kdec
        shares = shares / shares.sum(axis=1, keepdims=True)
        vc, cl = plasma["antibody.vc"], plasma["antibody.cl"]
        area = np.zeros_like(shares)  # under each number of drugs, for a unit of dose
        flow = np.zeros_like(vc)
        for n in range(shares.shape[1] - 1, 0, -1):
            area[:, n] = (shares[:, n] + flow) / (cl + kdec[:, n] * vc)
            flow = kdec[:, n] * vc * area[:, n]
        drugs, whole = np.arange(shares.shape[1]), area.sum(axis=1)
        freed = kdec + plasma["linker.catabolised"][:, None] * drugs * (cl / vc)[:, None]
        drive = cls.of(
            (1 - shares[:, 0]) / whole,
            vc,
            plasma["antibody.q"],
            plasma["antibody.vp"],
            (freed * area).sum(axis=1) / whole,
            plasma["payload.cl"],
            plasma["payload.v"],
            float(plasma["antibody.molar_mass"][0]),
        )
        bearing = (1 - shares[:, :1]) * np.ones(3)
        return (
            cls(drive.rates, drive.conjugate * bearing, drive.payload * bearing, drive.molar_mass),
            (area * drugs).sum(axis=1) / whole,
        )

    def concentrations(self, times: ArrayLike, doses: Doses) -> tuple[Floats, Floats]:
        """Return conjugate and free payload in plasma [nM], (patients, times) each."""
        unit = 1e6 / self.molar_mass
        conjugate, payload = (Exponentials(g, self.rates).at(times, doses) for g in (self.conjugate, self.payload))
        return unit * conjugate, unit * payload

    def breakpoints(self, doses: Doses, times: ArrayLike) -> tuple[Floats, Floats, Ints]:
        """Return (patients, breakpoints) each: when, the infusion up to then [nmol/d], and the output that it is or -1.

        Raises
        ------
        ValueError
            naming patient and dose: if a dose starts before day 0 or is a bolus, or the shapes do not fit; if the times
            are not in order.
        """
        patients = len(self.rates)
        if patients > 1 and all(a.ndim == 1 or len(a) == 1 for a in (doses.time, doses.amount, doses.duration)):
            one = PlasmaInput(self.rates[:1], self.conjugate[:1], self.payload[:1], self.molar_mass).breakpoints(
                doses, times
            )
            return (
                np.repeat(one[0], patients, axis=0),
                np.repeat(one[1], patients, axis=0),
                np.repeat(one[2], patients, axis=0),
            )
        outputs = checked_times(times)
        if outputs.ndim != 1 or not len(outputs) or (np.diff(outputs) < 0).any() or outputs[0] < 0:
            raise ValueError("output times must be at least one, from day 0 on, in order")
        if doses.time.ndim > 1 and doses.time.shape[0] not in (1, patients):
            raise ValueError(f"doses are of {doses.time.shape[0]} patients: there are {patients}")
        start, amount, duration = (
            np.broadcast_to(a, (patients, a.shape[-1])) for a in (doses.time, doses.amount, doses.duration)
        )
        for wrong, what in (
            (start < 0, "starts before day 0"),
            ((duration <= 0) & (amount > 0), "has no duration; 1/1440 d is a minute"),
        ):
            if wrong.any():
                i, d = np.argwhere(wrong)[0]
                raise ValueError(f"patient {i + 1}, dose {d + 1}, day {start[i, d]:g}: it {what}")
        rate = np.divide(amount * 1e6 / self.molar_mass, duration, out=np.zeros_like(start), where=amount > 0)
        when = np.concatenate([start, start + duration, np.broadcast_to(outputs, (patients, len(outputs)))], axis=1)
        change = np.concatenate([rate, -rate, np.zeros((patients, len(outputs)))], axis=1)
        slot = np.concatenate([np.full(2 * start.shape[1], -1), np.arange(len(outputs))])
        order = np.argsort(when, axis=1, kind="stable")
        when, change = np.take_along_axis(when, order, 1), np.take_along_axis(change, order, 1)
        running = np.cumsum(change, axis=1) - change
        running[running < 1e-12 * rate.max(axis=1, keepdims=True, initial=0.0)] = (
            0.0  # what is left of sums that cancel
        )
        return np.minimum(when, outputs[-1]), running, slot[order]
