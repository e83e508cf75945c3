"""The formulas of the tumour model, each a function: for numbers, for arrays, and compiled as they stand by the
kernels.

Symbols are those of Shah DK, Haddish-Berhane N, Betts A, J Pharmacokinet Pharmacodyn 2012;39:643-659 (disposition in
the tumour, kill) and of Gibiansky L, Gibiansky E, Kakkar T, Ma P, J Pharmacokinet Pharmacodyn 2008;35:573-591 (binding
at total quasi-steady state). Time in days, concentrations in nM of tumour volume.
"""

from __future__ import annotations

import numpy as np


def krogh(permeability, capillary, krogh_radius):  # type: ignore[no-untyped-def]
    """Return the rate of transfer through the vessels' walls [/d]: 2 P Rcap / Rkrogh^2 (Shah 2012).

    Parameters
    ----------
    permeability
        P [um/d].
    capillary, krogh_radius
        radius of a capillary, and of the tissue that it supplies [um].

    Examples
    --------
    >>> round(krogh(334, 8, 75), 2)
    0.95
    """
    return 2 * permeability * capillary / krogh_radius**2


def surface(diffusion, radius):  # type: ignore[no-untyped-def]
    """Return the rate of transfer through a tumour's surface [/d]: 6 D / R^2, D in cm2/d, R in cm (Shah 2012).

    Examples
    --------
    >>> round(surface(0.022, 1.0), 3)
    0.132
    """
    return 6 * diffusion / radius**2


def complex_qss(atot, rtot, kss):  # type: ignore[no-untyped-def]
    """Return the complex B [nM] of total conjugate and total receptor at quasi-steady state (Gibiansky 2008).

    B = 2 Atot Rtot / (S + sqrt(S^2 - 4 Atot Rtot)), S = Atot + Rtot + Kss, Kss = (koff + kint) / kon. This form of the
    quadratic's root loses no digits where one side is in excess.

    Examples
    --------
    >>> round(float(complex_qss(100.0, 40.0, 0.1)), 3)
    39.934
    """
    s = atot + rtot + kss
    return 2 * atot * rtot / (s + np.sqrt(s * s - 4 * atot * rtot))


def extracellular_payload(free, plasma, share, release, kclr):  # type: ignore[no-untyped-def]
    """Return the payload E [nM] between the cells at quasi-steady state.

    What positive cells, a share of all, let out leaves by the vessels: kclr (E - eps' C_PL) = share release.

    Parameters
    ----------
    free, plasma
        eps', the part of the tumour open to it, and C_PL, free payload in plasma [nM].
    share
        of the cells that bear the target.
    release
        payload set free in a positive cell [nM/d].
    kclr
        transfer of payload between tumour and blood [/d].
    """
    return free * plasma + share * release / kclr


def intracellular_payload(inside, tubulin, kd):  # type: ignore[no-untyped-def]
    """Return payload in a cell, free and bound to tubulin [nM]: P + Tub P / (P + Kd)."""
    return inside + tubulin * inside / (inside + kd)


def kill_rate(raised, kmax):  # type: ignore[no-untyped-def]
    """Return the kill rate [/d]: kmax U^h / (EC50^h + U^h), of (U / EC50)^h, U the drug in a cell [nM].

    Examples
    --------
    >>> kill_rate((25.0 / 25.0) ** 2, 0.1)
    0.05
    """
    return kmax * raised / (1 + raised)


def kill_slope(raised, below, kmax, ec50, hill):  # type: ignore[no-untyped-def]
    """Return the derivative of the kill rate by U [/d/nM], of (U / EC50)^h and (U / EC50)^(h - 1)."""
    return kmax * hill / ec50 * below / (1 + raised) ** 2
