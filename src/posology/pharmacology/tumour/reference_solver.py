"""Every equation of the tumour model, and the plasma that drives it, one patient at a time by SciPy: slow, to check by.

Nothing is at quasi-steady state: kon and koff, payload in positive and negative cells, free and on tubulin, payload
between the cells, two compartments of conjugate and free payload in plasma. The equations are those at the head of
:mod:`posology.pharmacology.tumour.model`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.tumour.equations import kill_rate
from posology.pharmacology.tumour.model import SolverError, Tumour
from posology.pharmacology.tumour.plasma_input import PlasmaInput
from posology.shared.arrays import ArrayLike, Floats

if TYPE_CHECKING:
    from collections.abc import Mapping


NAMES = ("a0", "a1", "a2", "A", "R", "B", "L", "K", "P+", "T+", "P-", "T-", "E", "N+", "N-", "shed", "lost")
"""The states: three modes of plasma, the tumour, and two sums: drug internalised, and payload lost from the tumour."""


def equations(
    t: float, y: Floats, p: Mapping[str, float], drive: tuple[Floats, Floats, Floats], infusion: float
) -> Floats:
    """Return the derivatives of :data:`NAMES` in one patient [nM/d; cells /d], ``infusion`` in nmol/d.

    ``shed`` and ``lost`` follow the drug, for its balance where N+ and N- stay as they are: x (L + K + P+ + T+) + (1 -
    x) (P- + T-) + E = x shed - lost.
    """
    rates, conjugate, payload = drive
    modes, (a, r, b, held, k, p_in, t_in, p_out, t_out, e, n, m) = y[:3], y[3:15]
    c, c_pl = conjugate @ modes, payload @ modes
    x = n / (n + m)
    taken = p["kint"] * b
    binding = p["kon"] * a * r - p["koff"] * b
    on = p["kon_tubulin"] * p_in * (p["tubulin"] - t_in) - p["koff_tubulin"] * t_in
    on_out = p["kon_tubulin"] * p_out * (p["tubulin"] - t_out) - p["koff_tubulin"] * t_out
    left = p["kclr"] * (e - p["payload_void"] * c_pl)
    fade = np.exp(-p["resistance"] * t)
    within, within_out = max(k + p_in + t_in, 0.0), max(p_out + t_out, 0.0)  # SciPy tries steps below 0
    loss = kill_rate((within / p["ec50"]) ** p["hill"], p["kmax"]) * fade
    loss_out = kill_rate((within_out / p["ec50"]) ** p["hill"], p["kmax"]) * fade
    return np.array(
        [
            *(infusion - rates * modes),
            p["ktr"] * (p["void"] * c - a) - binding,
            p["kdeg"] * (p["receptor"] - r) - binding,
            binding - taken,
            p["dar"] * taken - p["release"] * held,
            p["release"] * held - (p["cleavage"] + p["kcat"]) * k,
            p["cleavage"] * k + p["kin"] * e - p["kout"] * p_in - on,
            on,
            p["kin"] * e - p["kout_negative"] * p_out - on_out,
            on_out,
            x * (p["kout"] * p_in + p["hydrophobic"] * p["kcat"] * k)
            + (1 - x) * p["kout_negative"] * p_out
            - p["kin"] * e
            - left,
            (p["growth"] - loss) * n,
            (p["growth"] - loss_out) * m,
            p["dar"] * taken,
            left + x * (1 - p["hydrophobic"]) * p["kcat"] * k,
        ]
    )


def solve(
    tumour: Tumour,
    drive: PlasmaInput,
    doses: Doses,
    times: ArrayLike,
    patient: int = 0,
    *,
    rtol: float = 1e-9,
    atol: float = 1e-10,
    method: str = "LSODA",
) -> Floats:
    """Return (times, states of :data:`NAMES`) of one patient.

    Parameters
    ----------
    tumour, drive, doses, times
        as for :func:`posology.pharmacology.tumour.model.simulate`.
    patient
        which one, from 0.
    rtol, atol
        the solver's relative and absolute tolerance.
    method
        of :func:`scipy.integrate.solve_ivp`: "LSODA", or "Radau" for another opinion.

    Raises
    ------
    SolverError
        naming patient and day, if SciPy gives up.
    """
    from scipy.integrate import solve_ivp

    patients = max(tumour.patients, len(drive.rates), patient + 1)
    p = {name: float(array[patient]) for name, array in tumour.arrays(patients).items()}
    rates, conjugate, payload = (
        np.broadcast_to(a, (patients, 3)) for a in (drive.rates, drive.conjugate, drive.payload)
    )
    one = rates[patient], conjugate[patient], payload[patient]
    each = PlasmaInput(rates, conjugate, payload, drive.molar_mass)
    when, inputs, slot = (a[patient] for a in each.breakpoints(doses, times))
    y, now = np.zeros(len(NAMES)), 0.0
    y[NAMES.index("R")], y[NAMES.index("N+")], y[NAMES.index("N-")] = p["receptor"], p["positive"], 1 - p["positive"]
    found = np.zeros((int(slot.max()) + 1, len(NAMES)))
    for end, infusion, place in zip(when, inputs, slot, strict=True):
        if end > now:
            done = solve_ivp(
                equations, (now, end), y, method=method, rtol=rtol, atol=atol, args=(p, one, float(infusion))
            )
            if not done.success:
                raise SolverError(
                    f"patient {patient + 1}, day {done.t[-1]:g}: {method} did not converge: {done.message}"
                )
            y, now = done.y[:, -1], end
        if place >= 0:
            found[place] = y
    return found
