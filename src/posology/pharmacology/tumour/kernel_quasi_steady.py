"""The production path, compiled: exact plasma, binding at total quasi-steady state, Runge-Kutta of fixed step.

Eight patients go side by side in the lanes of one vector. Between two breakpoints (start or end of an infusion, an
output) each lane takes the same number of steps, of its own length; plasma goes along as its exponentials, multiplied
each half step, so that no exponential is taken within an interval. The formulas are those of
:mod:`posology.pharmacology.tumour.equations`, compiled as they stand. Import this module only where something is
simulated: it loads the compiler. The compiled code is cached by the time of this file: touch it after a change in
:mod:`posology.pharmacology.tumour.equations` alone.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from posology.pharmacology.tumour import equations

LANES = 8
HUGE = 1e300
FAST = {"contract", "reassoc", "arcp", "nsz", "afn"}  # not nnan, ninf: a number that is none must be seen

bound = njit(inline="always", fastmath=FAST)(equations.complex_qss)
outside = njit(inline="always", fastmath=FAST)(equations.extracellular_payload)
retained = njit(inline="always", fastmath=FAST)(equations.intracellular_payload)
kill = njit(inline="always", fastmath=FAST)(equations.kill_rate)

# Columns of a patient's parameters.
(
    KTR,
    VOID,
    KSYN,
    KDEG,
    KINT,
    KON,
    KOFF,
    DAR,
    RELEASE,
    CLEAVAGE,
    KCAT,
    RETURNS,
    KIN,
    KOUT,
    KOUT_NEG,
    KCLR,
    VOID_P,
    TUB,
    KON_T,
    KOFF_T,
    KG,
    KMAX,
    EC50,
    HILL,
    LAM,
    POSITIVE,
    NEGATIVE,
) = range(27)
# Rows of the scratch of a kernel, behind the parameters.
(ATOT, RTOT, STORE, CATABOLITE, CELLS, CELLS_NEG, MODE, HALF, ADD, GAIN_C, GAIN_D, STEP, RESIST, FADE) = (
    27,
    28,
    29,
    30,
    31,
    32,
    33,
    36,
    39,
    42,
    45,
    48,
    49,
    50,
)


@njit(inline="always", fastmath=FAST, error_model="numpy")
def to_power(x, hill, power):  # type: ignore[no-untyped-def]
    """Return x^h; ``power`` is h where it is 1 or 2 in all patients, which takes no power, and 0 where not."""
    if power == 1:
        return x
    if power == 2:
        return x * x
    return x**hill


@njit(inline="always", fastmath=FAST, error_model="numpy")
def payload(k, p, n, d, v, w):  # type: ignore[no-untyped-def]
    """Return the drug in positive and in negative cells [nM], from the catabolite, at quasi-steady state."""
    freed = (v[CLEAVAGE * LANES + w] + v[RETURNS * LANES + w] * v[KCAT * LANES + w]) * k
    e = outside(v[VOID_P * LANES + w], d, p / (p + n), freed, v[KCLR * LANES + w])
    kd = v[KOFF_T * LANES + w] / v[KON_T * LANES + w]
    own = retained((v[CLEAVAGE * LANES + w] * k + v[KIN * LANES + w] * e) / v[KOUT * LANES + w], v[TUB * LANES + w], kd)
    return k + own, retained(v[KIN * LANES + w] * e / v[KOUT_NEG * LANES + w], v[TUB * LANES + w], kd)


@njit(inline="always", fastmath=FAST, error_model="numpy")
def slopes(x, y, b, i, k, p, n, c, d, z, v, w, power):  # type: ignore[no-untyped-def]  # noqa: PLR0913 (compiled: numbers in and out)
    """Return the derivatives of Atot, Rtot, internalised drug, catabolite, positive and negative cells, given B."""
    taken = v[KINT * LANES + w] * b
    u, beside = payload(k, p, n, d, v, w)
    loss_p = kill(to_power(u / v[EC50 * LANES + w], v[HILL * LANES + w], power), v[KMAX * LANES + w])
    loss_n = kill(to_power(beside / v[EC50 * LANES + w], v[HILL * LANES + w], power), v[KMAX * LANES + w])
    return (
        v[KTR * LANES + w] * (v[VOID * LANES + w] * c - (x - b)) - taken,
        v[KSYN * LANES + w] - v[KDEG * LANES + w] * (y - b) - taken,
        v[DAR * LANES + w] * taken - v[RELEASE * LANES + w] * i,
        v[RELEASE * LANES + w] * i - (v[CLEAVAGE * LANES + w] + v[KCAT * LANES + w]) * k,
        (v[KG * LANES + w] - z * loss_p) * p,
        (v[KG * LANES + w] - z * loss_n) * n,
    )


@njit(inline="always", fastmath=FAST, error_model="numpy")
def steady(x, y, i, k, p, n, c, d, z, v, w, power):  # type: ignore[no-untyped-def]  # noqa: PLR0913 (compiled: numbers in and out)
    """Return the derivatives with binding at quasi-steady state."""
    b = bound(x, y, (v[KOFF * LANES + w] + v[KINT * LANES + w]) / v[KON * LANES + w])
    return slopes(x, y, b, i, k, p, n, c, d, z, v, w, power)


@njit(inline="always", fastmath=FAST, error_model="numpy")
def advance(v, w, power):  # type: ignore[no-untyped-def]
    """Take one step of the classical Runge-Kutta method in lane ``w``."""
    a0, a1, a2 = v[MODE * LANES + w], v[(MODE + 1) * LANES + w], v[(MODE + 2) * LANES + w]
    c0 = v[GAIN_C * LANES + w] * a0 + v[(GAIN_C + 1) * LANES + w] * a1
    d0 = v[GAIN_D * LANES + w] * a0 + v[(GAIN_D + 1) * LANES + w] * a1 + v[(GAIN_D + 2) * LANES + w] * a2
    a0, a1, a2 = (
        a0 * v[HALF * LANES + w] + v[ADD * LANES + w],
        a1 * v[(HALF + 1) * LANES + w] + v[(ADD + 1) * LANES + w],
        a2 * v[(HALF + 2) * LANES + w] + v[(ADD + 2) * LANES + w],
    )
    c1 = v[GAIN_C * LANES + w] * a0 + v[(GAIN_C + 1) * LANES + w] * a1
    d1 = v[GAIN_D * LANES + w] * a0 + v[(GAIN_D + 1) * LANES + w] * a1 + v[(GAIN_D + 2) * LANES + w] * a2
    a0, a1, a2 = (
        a0 * v[HALF * LANES + w] + v[ADD * LANES + w],
        a1 * v[(HALF + 1) * LANES + w] + v[(ADD + 1) * LANES + w],
        a2 * v[(HALF + 2) * LANES + w] + v[(ADD + 2) * LANES + w],
    )
    c2 = v[GAIN_C * LANES + w] * a0 + v[(GAIN_C + 1) * LANES + w] * a1
    d2 = v[GAIN_D * LANES + w] * a0 + v[(GAIN_D + 1) * LANES + w] * a1 + v[(GAIN_D + 2) * LANES + w] * a2
    v[MODE * LANES + w], v[(MODE + 1) * LANES + w], v[(MODE + 2) * LANES + w] = a0, a1, a2
    z0, z1, z2 = (
        v[RESIST * LANES + w],
        v[RESIST * LANES + w] * v[FADE * LANES + w],
        v[RESIST * LANES + w] * v[FADE * LANES + w] * v[FADE * LANES + w],
    )
    v[RESIST * LANES + w] = z2
    x, r, i, k, p, n = (
        v[ATOT * LANES + w],
        v[RTOT * LANES + w],
        v[STORE * LANES + w],
        v[CATABOLITE * LANES + w],
        v[CELLS * LANES + w],
        v[CELLS_NEG * LANES + w],
    )
    g, f = v[STEP * LANES + w] / 2, v[STEP * LANES + w]
    x1, r1, i1, k1, p1, n1 = steady(x, r, i, k, p, n, c0, d0, z0, v, w, power)
    x2, r2, i2, k2, p2, n2 = steady(
        x + g * x1, r + g * r1, i + g * i1, k + g * k1, p + g * p1, n + g * n1, c1, d1, z1, v, w, power
    )
    x3, r3, i3, k3, p3, n3 = steady(
        x + g * x2, r + g * r2, i + g * i2, k + g * k2, p + g * p2, n + g * n2, c1, d1, z1, v, w, power
    )
    x4, r4, i4, k4, p4, n4 = steady(
        x + f * x3, r + f * r3, i + f * i3, k + f * k3, p + f * p3, n + f * n3, c2, d2, z2, v, w, power
    )
    s = f / 6
    v[ATOT * LANES + w] = x + s * (x1 + 2 * (x2 + x3) + x4)
    v[RTOT * LANES + w] = r + s * (r1 + 2 * (r2 + r3) + r4)
    v[STORE * LANES + w] = i + s * (i1 + 2 * (i2 + i3) + i4)
    v[CATABOLITE * LANES + w] = k + s * (k1 + 2 * (k2 + k3) + k4)
    v[CELLS * LANES + w] = p + s * (p1 + 2 * (p2 + p3) + p4)
    v[CELLS_NEG * LANES + w] = n + s * (n1 + 2 * (n2 + n3) + n4)


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def integrate(decay, gain_c, gain_d, theta, times, inputs, slot, keep, step, power, lanes, first, last, out, failed):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0913 (compiled, one loop)
    """Integrate patients ``first`` to ``last`` to each of their breakpoints, and write what is kept.

    ``decay`` (patients, 3) the rates of the plasma's exponentials, ``gain_c``, ``gain_d`` what each adds to the
    conjugate and to free payload in plasma, ``theta`` (patients, columns above), ``times``, ``inputs``, ``slot``
    (patients, breakpoints): when, how fast the infusion runs up to then [nmol/d], and the output that it is or -1.
    ``keep``: the states to write to ``out`` (patients, outputs, kept); ``failed`` (patients,): when a patient's state
    became no number.
    """
    width = theta.shape[1]
    v, now = np.zeros(51 * LANES), np.zeros(LANES)
    for start in range(first, last, LANES):
        for w in range(LANES):
            i = min(start + w, last - 1)
            for j in range(width):
                v[j * LANES + w] = theta[i, j]
            for j in range(3):
                v[(GAIN_C + j) * LANES + w], v[(GAIN_D + j) * LANES + w] = gain_c[i, j], gain_d[i, j]
                v[(MODE + j) * LANES + w] = 0.0
            v[ATOT * LANES + w], v[RTOT * LANES + w], v[STORE * LANES + w], v[CATABOLITE * LANES + w] = (
                0.0,
                v[KSYN * LANES + w] / v[KDEG * LANES + w],
                0.0,
                0.0,
            )
            v[CELLS * LANES + w], v[CELLS_NEG * LANES + w], v[RESIST * LANES + w], now[w] = (
                v[POSITIVE * LANES + w],
                v[NEGATIVE * LANES + w],
                1.0,
                0.0,
            )
        for m in range(times.shape[1]):
            count = 0
            for w in range(LANES):
                i = min(start + w, last - 1)
                count = max(count, int(np.ceil((times[i, m] - now[w]) / step[i] - 1e-9)))
            if count > 0:
                for w in range(LANES):
                    i = min(start + w, last - 1)
                    v[STEP * LANES + w] = (times[i, m] - now[w]) / count
                    v[FADE * LANES + w] = np.exp(-v[LAM * LANES + w] * v[STEP * LANES + w] / 2)
                    now[w] = times[i, m]
                    for j in range(3):
                        v[(HALF + j) * LANES + w] = np.exp(-decay[i, j] * v[STEP * LANES + w] / 2)
                        v[(ADD + j) * LANES + w] = inputs[i, m] * (1 - v[(HALF + j) * LANES + w]) / decay[i, j]
            for _ in range(count):
                if power == 1:
                    for w in range(lanes):
                        advance(v, w, 1)
                elif power == 2:
                    for w in range(lanes):
                        advance(v, w, 2)
                else:
                    for w in range(lanes):
                        advance(v, w, 0)
            for w in range(min(LANES, last - start)):
                i = start + w
                total = (
                    v[ATOT * LANES + w]
                    + v[RTOT * LANES + w]
                    + v[STORE * LANES + w]
                    + v[CATABOLITE * LANES + w]
                    + v[CELLS * LANES + w]
                    + v[CELLS_NEG * LANES + w]
                )
                if not abs(total) < HUGE and np.isnan(failed[i]):
                    failed[i] = times[i, m]
                if slot[i, m] >= 0:
                    for q in range(keep.shape[0]):
                        out[i, slot[i, m], q] = v[(ATOT + keep[q]) * LANES + w]
