"""A conjugate in a tumour: uptake, binding, internalisation, release, efflux, bystanders, growth and kill.

Shah DK, Haddish-Berhane N, Betts A. J Pharmacokinet Pharmacodyn 2012;39:643-659 (disposition and kill); binding at
total quasi-steady state: Gibiansky L et al., J Pharmacokinet Pharmacodyn 2008;35:573-591. With C the conjugate and C_PL
the free payload in plasma, A conjugate free in the tumour, R receptor, B their complex, L drug internalised, K its
catabolite (all in nM of tumour around target-positive cells), P and T payload in a cell, free and bound to tubulin, E
payload between the cells, N+ and N- the cells with and without target, x = N+/(N+ + N-):

    dA/dt  = ktr (eps C - A) - kon A R + koff B                    ktr = 2 P Rcap/Rkrogh^2 + 6 D/R^2
    dR/dt  = ksyn - kdeg R - kon A R + koff B                      ksyn = kdeg R(0)
    dB/dt  = kon A R - (koff + kint) B
    dL/dt  = DAR kint B - krel L
    dK/dt  = krel L - (kclv + kcat) K                              kcat: exit of the catabolite, with its P-gp factor
    dP+/dt = kclv K + kin E - kout P+ - kon_T P+ (Tub - T+) + koff_T T+
    dP-/dt =          kin E - kout P- - kon_T P- (Tub - T-) + koff_T T-     kout: exit, with the payload's P-gp factor
    dE/dt  = x (kout P+ + h kcat K) + (1 - x) kout P- - kin E - kclr (E - eps' C_PL)    h: 1 if K is hydrophobic
    dN/dt  = (kg - kmax U^h/(EC50^h + U^h) e^(-lam t)) N           U = K + P + T in a positive, P + T in a negative cell

Three forms of it. :class:`Reduced` (the default) has A, R and B at total quasi-steady state with Atot = A + B and Rtot
= R + B dynamic, and P, T and E, which turn over within hours, at steady state. :class:`Rodas` and :class:`Dopri5` have
kon and koff. :mod:`posology.pharmacology.tumour.reference_solver` has every equation, and the plasma, for checks. Naked
antibody is not followed.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.quantity import checked_values
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.tumour.equations import surface
from posology.pharmacology.tumour.plasma_input import PlasmaInput
from posology.pharmacology.tumour.target import FOLATE_RECEPTOR_ALPHA, Target
from posology.shared.arrays import ArrayLike, Floats

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


MAX_PAYLOAD_RESIDENCE_DAYS = 3.0
"""How long free payload may stay in a tumour [d] to be held at steady state: DM4 stays 0.2 d (diameters within 0.1 %);
at 3 d they are within 3 %, the shrinkage over a cycle within 2 %."""
STATES = ("conjugate", "receptor", "internalised", "catabolite", "positive", "negative")
"""Atot, Rtot, L, K, N+, N-: what can be kept; cells as multiples of what there was at the start."""


class SolverError(ArithmeticError):
    """A solver did not converge; its message names patient, day and the parameter that is fastest."""


@dataclass(frozen=True)
class Tumour:
    """The parameters of the equations above, each a number or (patients,).

    Parameters
    ----------
    ktr, void
        transfer of conjugate from blood [/d], and eps, the part of the tumour open to it.
    receptor, kdeg
        R(0) around positive cells [nM], 0: none, and its turnover [/d].
    kon, koff, kint
        binding [/nM/d], release, internalisation [/d].
    dar
        drugs on an antibody.
    release, cleavage, kcat, hydrophobic
        krel, kclv, kcat [/d]; 1 where the catabolite can enter other cells, 0 where it is charged.
    kin, kout, kout_negative
        entry of payload to a cell [/d], exit from positive and from negative cells [/d].
    kclr, payload_void
        transfer of payload between tumour and blood [/d], eps'.
    tubulin, kon_tubulin, koff_tubulin
        tubulin [nM], binding [/nM/d], release [/d].
    growth, kmax, ec50, hill, resistance
        kg, kmax [/d], EC50 [nM], h, lam [/d]. Of cells, that is of volume; a diameter grows a third as fast.
    positive
        x at the start.

    Examples
    --------
    >>> from posology.pharmacology.compounds.library import IMGN853
    >>> drive, tumour = Tumour.of(IMGN853)
    >>> course = simulate(tumour, drive, Doses([0, 21, 42], 355, 0.1), [0, 21, 42, 63])
    >>> course.diameter.shape
    (1, 4)
    """

    ktr: ArrayLike
    void: ArrayLike
    receptor: ArrayLike
    kdeg: ArrayLike
    kon: ArrayLike
    koff: ArrayLike
    kint: ArrayLike
    dar: ArrayLike
    release: ArrayLike
    cleavage: ArrayLike
    kcat: ArrayLike
    hydrophobic: ArrayLike
    kin: ArrayLike
    kout: ArrayLike
    kout_negative: ArrayLike
    kclr: ArrayLike
    payload_void: ArrayLike
    tubulin: ArrayLike
    kon_tubulin: ArrayLike
    koff_tubulin: ArrayLike
    growth: ArrayLike
    kmax: ArrayLike
    ec50: ArrayLike
    hill: ArrayLike
    resistance: ArrayLike
    positive: ArrayLike

    @classmethod
    def of(
        cls,
        compound: Compound,
        *,
        receptor: ArrayLike = 60.0,
        positive: ArrayLike = 1.0,
        radius_cm: ArrayLike = 1.5,
        pumps: ArrayLike = 0.0,
        pumps_negative: ArrayLike = 0.0,
        growth: ArrayLike = 3 * 0.0191 / 7,
        resistance: ArrayLike = 0.0344 / 7,
        target: Target = FOLATE_RECEPTOR_ALPHA,
        factors: Mapping[str, ArrayLike] | None = None,
    ) -> tuple[PlasmaInput, Tumour]:
        """Return what a compound brings to a tumour: the plasma that drives it, and the tumour's parameters.

        Parameters
        ----------
        compound, target
            the conjugate, and the receptor that it binds.
        receptor, positive
            receptor around positive cells [nM] and share of them, from :meth:`Target.expression`.
        radius_cm
            of the tumour, for the transfer through its surface.
        pumps, pumps_negative
            how far positive and negative cells pump by P-gp: 0 not at all, 1 by the compound's factors.
        growth, resistance
            of cells [/d]; the defaults are those of the sum of diameters (times 3, by volume), computed for IMGN853.
        factors
            (patients,) by the quantity's name: what a patient has otherwise.
        """
        drive, drugs = PlasmaInput.of_compound(compound, factors)
        q: dict[str, Any] = {name: quantity.value for name, quantity in compound.quantities().items()}
        for name, factor in (factors or {}).items():
            q[name] = q[name] * np.asarray(factor, dtype=np.float64)
        pump, pump_out = (
            checked_values("pumps", pumps, "1", zero=True),
            checked_values("pumps_negative", pumps_negative, "1", zero=True),
        )
        radius = checked_values("radius_cm", radius_cm, "cm")
        return drive, cls(
            ktr=q["antibody.transfer"] + surface(q["antibody.diffusion"], radius),
            void=q["antibody.void"],
            receptor=receptor,
            kdeg=target.kdeg.value,
            kon=q["antibody.kon"],
            koff=q["antibody.koff"],
            kint=q["antibody.kint"],
            dar=drugs,
            release=q["linker.release"],
            cleavage=q["linker.cleavage"],
            kcat=q["linker.kout"] * (1 + pump * (q["linker.pgp"] - 1)),
            hydrophobic=float(compound.linker.catabolite == "hydrophobic"),
            kin=q["payload.kin"],
            kout=q["payload.kout"] * (1 + pump * (q["payload.pgp"] - 1)),
            kout_negative=q["payload.kout"] * (1 + pump_out * (q["payload.pgp"] - 1)),
            kclr=q["payload.transfer"] + surface(q["payload.diffusion"], radius),
            payload_void=q["payload.void"],
            tubulin=q["payload.tubulin"],
            kon_tubulin=q["payload.kon_tubulin"],
            koff_tubulin=q["payload.koff_tubulin"],
            growth=growth,
            kmax=q["payload.kmax"],
            ec50=q["payload.ec50"],
            hill=q["payload.hill"],
            resistance=resistance,
            positive=positive,
        )

    def arrays(self, patients: int) -> dict[str, Floats]:
        """Return each parameter as (patients,), checked.

        Raises
        ------
        ValueError
            naming patient and parameter, if one is out of its domain or has the wrong number of patients.
        """
        checked = {}
        for f in fields(self):
            unit, zero, most = DOMAIN[f.name]
            array = checked_values(f.name, getattr(self, f.name), unit, zero=zero, most=most)
            if len(array) not in (1, patients):
                raise ValueError(f"{f.name} has {len(array)} patients: it must have 1 or {patients}")
            checked[f.name] = np.broadcast_to(array, (patients,))
        return checked

    @property
    def patients(self) -> int:
        """How many patients."""
        return max(len(np.atleast_1d(np.asarray(getattr(self, f.name)))) for f in fields(self))


_RATE, _FRACTION = ("/d", False, np.inf), ("1", True, 1.0)
DOMAIN: dict[str, tuple[str, bool, float]] = {
    "ktr": _RATE,
    "void": ("1", False, 1.0),
    "receptor": ("nM", True, np.inf),
    "kdeg": _RATE,
    "kon": ("/nM/d", False, np.inf),
    "koff": ("/d", True, np.inf),
    "kint": _RATE,
    "dar": ("1", False, 16.0),
    "release": _RATE,
    "cleavage": ("/d", True, np.inf),
    "kcat": _RATE,
    "hydrophobic": _FRACTION,
    "kin": ("/d", True, np.inf),
    "kout": _RATE,
    "kout_negative": _RATE,
    "kclr": _RATE,
    "payload_void": ("1", True, 1.0),
    "tubulin": ("nM", True, np.inf),
    "kon_tubulin": ("/nM/d", False, np.inf),
    "koff_tubulin": _RATE,
    "growth": ("/d", True, np.inf),
    "kmax": ("/d", True, np.inf),
    "ec50": ("nM", False, np.inf),
    "hill": ("1", False, 20.0),
    "resistance": ("/d", True, np.inf),
    "positive": ("1", True, 1.0),
}
"""Unit of each parameter, whether 0 is allowed, and the most that is."""


@dataclass(frozen=True)
class Reduced:
    """Binding at total quasi-steady state, by Runge-Kutta of fixed step.

    ``step`` [d], at most; a patient whose fastest rate asks for less gets less (0.1 d: error of the size below 1e-4).
    """

    step: float = 0.1


@dataclass(frozen=True)
class Rodas:
    """kon and koff, by RODAS 4(3), L-stable: for stiff and for mild binding."""

    rtol: float = 5e-5
    atol: float = 5e-7


@dataclass(frozen=True)
class Dopri5:
    """kon and koff, by Dormand-Prince 5(4): for mild binding, and to check the other."""

    rtol: float = 5e-5
    atol: float = 5e-7


@dataclass(frozen=True)
class TumourCourse:
    """The states that were kept, by name: (patients, times) each, at ``times`` [d]."""

    times: Floats
    states: Mapping[str, Floats]

    def __getitem__(self, name: str) -> Floats:
        if name not in self.states:
            raise KeyError(f"{name!r} was not kept; kept were {', '.join(self.states)}")
        return self.states[name]

    @property
    def volume(self) -> Floats:
        """Cells over those at the start."""
        return np.asarray(self["positive"] + self["negative"])

    @property
    def diameter(self) -> Floats:
        """Sum of diameters over that at the start: the cube root of the volume."""
        return np.asarray(np.cbrt(self.volume))


def simulate(
    tumour: Tumour,
    drive: PlasmaInput,
    doses: Doses,
    times: ArrayLike,
    method: Reduced | Rodas | Dopri5 | None = None,
    *,
    keep: tuple[str, ...] = ("positive", "negative"),
    threads: int = 1,
    lingers: float = MAX_PAYLOAD_RESIDENCE_DAYS,
) -> TumourCourse:
    """Return the course of the tumour in each patient.

    Parameters
    ----------
    tumour, drive, doses
        the tumour's parameters, the plasma that drives it, and the doses [mg], each of one or of all patients.
    times
        (T,): when to write the states [d], from 0 up, in order.
    method
        :class:`Reduced` where not given.
    keep
        the states to keep, of :data:`STATES`; memory is patients x times x states kept.
    threads
        how many cores to use; the results are the same.
    lingers
        how long payload may stay in a tumour, or bound to tubulin [d], beyond which the steady state it is held at is
        refused.

    Raises
    ------
    ValueError
        if a parameter is out of its domain, naming patient and parameter, or the doses do not fit.
    SolverError
        if a patient's course did not converge, naming patient, day and the fastest parameter.
    """
    from posology.pharmacology.tumour import kernel_quasi_steady as kernels

    method = method or Reduced()
    if not isinstance(method, Reduced | Rodas | Dopri5):
        raise TypeError(f"method is {method!r}: it must be Reduced(), Rodas() or Dopri5()")
    if threads < 1:
        raise ValueError(f"threads is {threads}: it must be 1 or more")
    patients = max(tumour.patients, len(drive.rates), doses.time.shape[0] if doses.time.ndim > 1 else 1)
    if unknown := [name for name in keep if name not in STATES]:
        raise ValueError(f"keep names {', '.join(unknown)}: the states are {', '.join(STATES)}")
    p = tumour.arrays(patients)
    if len(drive.rates) not in (1, patients):
        raise ValueError(f"drive is of {len(drive.rates)} patients, the tumours of {patients}")
    rates, conjugate, payload = (
        np.ascontiguousarray(np.broadcast_to(a, (patients, 3))) for a in (drive.rates, drive.conjugate, drive.payload)
    )
    _payload_is_fast(p, lingers)
    theta = np.stack(
        [
            p["ktr"],
            p["void"],
            p["kdeg"] * p["receptor"],
            p["kdeg"],
            p["kint"],
            p["kon"],
            p["koff"],
            p["dar"],
            p["release"],
            p["cleavage"],
            p["kcat"],
            p["hydrophobic"],
            p["kin"],
            p["kout"],
            p["kout_negative"],
            p["kclr"],
            p["payload_void"],
            p["tubulin"],
            p["kon_tubulin"],
            p["koff_tubulin"],
            p["growth"],
            p["kmax"],
            p["ec50"],
            p["hill"],
            p["resistance"],
            p["positive"],
            1 - p["positive"],
        ],
        axis=1,
    )
    when, inputs, slot = PlasmaInput(rates, conjugate, payload, drive.molar_mass).breakpoints(doses, times)
    kept = np.array([STATES.index(name) for name in keep], dtype=np.int64)
    outputs = np.atleast_1d(np.asarray(times, dtype=np.float64))
    out = np.zeros((patients, len(outputs), len(kept)))
    failed = np.full(patients, np.nan)
    shared = (rates, conjugate, payload, theta, when, inputs, slot, kept)
    power = int(p["hill"][0]) if (p["hill"] == p["hill"][0]).all() and p["hill"][0] in (1, 2) else 0
    if isinstance(method, Reduced):
        checked_values("step", method.step, "d")
        fastest = np.max([p["ktr"] + p["kint"], p["kdeg"] + p["kint"], p["release"], p["cleavage"] + p["kcat"]], axis=0)
        step = np.minimum(method.step, 1.5 / fastest)

        def run(a: int, b: int) -> None:
            kernels.integrate(*shared, step, power, kernels.LANES, a, b, out, failed)

    else:
        from posology.pharmacology.tumour import kernel_full_binding as solvers

        checked_values("rtol", method.rtol, "1"), checked_values("atol", method.atol, "1")
        kernel = solvers.rodas if isinstance(method, Rodas) else solvers.dopri5

        def run(a: int, b: int) -> None:
            kernel(*shared, method.rtol, method.atol, power, a, b, out, failed)

    _run_parallel(run, patients, threads, kernels.LANES)
    if not np.isnan(failed).all():
        raise SolverError(_solver_error(int(np.argmin(np.isnan(failed))), failed, p, method))
    return TumourCourse(outputs, {name: out[:, :, j] for j, name in enumerate(keep)})


def _payload_is_fast(p: Mapping[str, Floats], lingers: float) -> None:
    """Refuse a payload that lingers, for which the steady state of P, T and E is no good: it stays, or stays bound,
    longer."""
    stays = (1 + p["tubulin"] * p["kon_tubulin"] / p["koff_tubulin"]) / p["kout"] * (1 + p["kin"] / p["kclr"])
    bound = np.where(p["tubulin"] > 0, 1 / p["koff_tubulin"], 0)
    for name, how, long in (("kout", "free payload stays", stays), ("koff_tubulin", "payload stays on tubulin", bound)):
        slow = (long > lingers) & (p["cleavage"] > 0)
        if slow.any():
            i = int(np.argmax(slow))
            raise ValueError(
                f"patient {i + 1}: {name} is {p[name][i]:g} /d: {how} {long[i]:.2g} d in the tumour, and the "
                "compiled forms "
                f"hold it at steady state, which is right for less than {lingers:g} d; "
                "posology.pharmacology.tumour.reference_solver follows it"
            )


def _run_parallel(run: Callable[[int, int], None], patients: int, threads: int, lanes: int) -> None:
    """Run the patients in as many parts as threads; a part is a multiple of the lanes."""
    size = -(-patients // (threads * lanes)) * lanes
    starts = range(0, patients, size)
    if len(starts) == 1:
        run(0, patients)
        return
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda a: run(a, min(a + size, patients)), starts))


def _solver_error(i: int, failed: Floats, p: Mapping[str, Floats], method: object) -> str:
    speeds = {
        "kon": p["kon"][i] * p["receptor"][i],
        "koff": p["koff"][i],
        "kint": p["kint"][i],
        "ktr": p["ktr"][i],
        "kdeg": p["kdeg"][i],
        "release": p["release"][i],
        "cleavage": p["cleavage"][i],
        "kcat": p["kcat"][i],
    }
    fastest = max(speeds, key=lambda name: speeds[name])
    return (
        f"patient {i + 1}, day {failed[i]:g}: {type(method).__name__} did not converge; the fastest parameter is "
        f"{fastest}, {p[fastest][i]:g} {DOMAIN[fastest][0]}"
        + ("; Rodas takes stiff binding" if isinstance(method, Dopri5) else "")
    )
