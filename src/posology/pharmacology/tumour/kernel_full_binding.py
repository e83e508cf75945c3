"""The full system of binding, kon and koff, compiled: Dormand-Prince 5(4) where it is mild, RODAS 4(3) where it is
stiff.

Beside the states of the production path the complex B is a state of its own: with Atot and Rtot in place of A and R the
fast reaction stands in one equation, and the linear system of a Rosenbrock stage is solved by substitution. Plasma is
exact, as in :mod:`posology.pharmacology.tumour.kernel_quasi_steady`. Dormand JR, Prince PJ, J Comput Appl Math
1980;6:19-26. Hairer E, Wanner G, Solving Ordinary Differential Equations II, 2nd ed., Springer 1996, section IV.7 and
table 6.1 ff. (RODAS).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from posology.pharmacology.tumour import equations
from posology.pharmacology.tumour.kernel_quasi_steady import (
    CLEAVAGE,
    DAR,
    EC50,
    HILL,
    HUGE,
    KCAT,
    KCLR,
    KDEG,
    KG,
    KIN,
    KINT,
    KMAX,
    KOFF,
    KOFF_T,
    KON,
    KON_T,
    KOUT,
    KOUT_NEG,
    KSYN,
    KTR,
    LAM,
    LANES,
    NEGATIVE,
    POSITIVE,
    RELEASE,
    RETURNS,
    TUB,
    VOID,
    VOID_P,
    kill,
    outside,
    payload,
    slopes,
    to_power,
)

kill_slope = njit(inline="always")(equations.kill_slope)

STATES = 7  # Atot, Rtot, internalised drug, catabolite, positive cells, negative cells, B
MOST_STEPS = 1_000_000
LEAST = 1e-9  # of U / EC50, where the slope of the kill is taken: at 0 it has none if the Hill exponent is below 1
FIRST_STEP = 0.01  # days, after an infusion starts or ends
FAST = {"contract", "reassoc", "arcp", "nsz", "afn"}

# Dormand-Prince 5(4): nodes, stages, error.
DP_C = np.array([0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1, 1])
DP_A = np.array(
    [
        [0, 0, 0, 0, 0, 0],
        [1 / 5, 0, 0, 0, 0, 0],
        [3 / 40, 9 / 40, 0, 0, 0, 0],
        [44 / 45, -56 / 15, 32 / 9, 0, 0, 0],
        [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729, 0, 0],
        [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656, 0],
        [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
    ]
)
DP_E = np.array([71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40])

# RODAS 4(3): stages, right-hand sides, in the transformed form that needs no product with the Jacobian.
GAMMA = 0.25
RO_A = np.array(
    [
        [0, 0, 0, 0, 0],
        [1.544, 0, 0, 0, 0],
        [0.9466785280815826, 0.2557011698983284, 0, 0, 0],
        [3.314825187068521, 2.896124015972201, 0.9986419139977817, 0, 0],
        [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 0],
        [1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950, 1],
    ]
)
RO_C = np.array(
    [
        [0, 0, 0, 0, 0],
        [-5.6688, 0, 0, 0, 0],
        [-2.430093356833875, -0.2063599157091915, 0, 0, 0],
        [-0.1073529058151375, -9.594562251023355, -20.47028614809616, 0, 0],
        [7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160, 0],
        [8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054],
    ]
)


@njit(inline="always", fastmath=FAST, error_model="numpy")
def derivatives(y, c, d, z, v, power, dy):  # type: ignore[no-untyped-def]
    """Write the derivatives of the seven states to ``dy``."""
    dy[0], dy[1], dy[2], dy[3], dy[4], dy[5] = slopes(y[0], y[1], y[6], y[2], y[3], y[4], y[5], c, d, z, v, 0, power)
    dy[6] = v[KON * LANES] * (y[0] - y[6]) * (y[1] - y[6]) - (v[KOFF * LANES] + v[KINT * LANES]) * y[6]


@njit(inline="always", fastmath=FAST, error_model="numpy")
def initial_state(theta, i, v, y):  # type: ignore[no-untyped-def]
    """Set the parameters and the first state of patient ``i``."""
    for j in range(theta.shape[1]):
        v[j * LANES] = theta[i, j]
    y[:] = 0.0
    y[1] = v[KSYN * LANES] / v[KDEG * LANES]
    y[4], y[5] = v[POSITIVE * LANES], v[NEGATIVE * LANES]


@njit(inline="always", fastmath=FAST, error_model="numpy")
def scaled_error(y, new, error, rtol, atol):  # type: ignore[no-untyped-def]
    """Return the error of a step over what is allowed, root mean square; infinite where the step went astray."""
    total = 0.0
    for j in range(STATES):
        scale = atol + rtol * max(abs(y[j]), abs(new[j]))
        total += (error[j] / scale) ** 2
    return np.sqrt(total / STATES) if total < HUGE else np.inf


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def dopri5(decay, gain_c, gain_d, theta, times, inputs, slot, keep, rtol, atol, power, first, last, out, failed):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0913 (compiled, one loop)
    """Integrate by Dormand-Prince 5(4); arguments as of
    :func:`posology.pharmacology.tumour.kernel_quasi_steady.integrate`."""
    v, y, new, error = np.zeros(theta.shape[1] * LANES), np.zeros(STATES), np.zeros(STATES), np.zeros(STATES)
    k, a = np.zeros((7, STATES)), np.zeros(3)
    for i in range(first, last):
        initial_state(theta, i, v, y)
        a[:] = 0.0
        now, z, h, steps = 0.0, 1.0, FIRST_STEP, 0
        for m in range(times.shape[1]):
            rate = inputs[i, m]
            if times[i, m] > now and slot[i, max(m - 1, 0)] < 0:
                h = min(h, FIRST_STEP)
            while now < times[i, m]:
                steps += 1
                left = times[i, m] - now
                hit = h * 1.0000001 >= left
                dt = left if hit else h
                for s in range(0 if steps == 1 else 1, 7):  # the first stage is the last of the step before
                    for j in range(STATES):
                        total = 0.0
                        for q in range(s):
                            total += DP_A[s, q] * k[q, j]
                        new[j] = y[j] + dt * total
                    c, d = 0.0, 0.0
                    for j in range(3):
                        fall = np.exp(-decay[i, j] * DP_C[s] * dt)
                        at = a[j] * fall + rate * (1 - fall) / decay[i, j]
                        c += gain_c[i, j] * at
                        d += gain_d[i, j] * at
                    derivatives(new, c, d, z * np.exp(-v[LAM * LANES] * DP_C[s] * dt), v, power, k[s])
                for j in range(STATES):
                    error[j] = 0.0
                    for q in range(7):
                        error[j] += dt * DP_E[q] * k[q, j]
                off = scaled_error(y, new, error, rtol, atol)
                if off <= 1.0:
                    now = times[i, m] if hit else now + dt
                    z *= np.exp(-v[LAM * LANES] * dt)
                    for j in range(3):
                        fall = np.exp(-decay[i, j] * dt)
                        a[j] = a[j] * fall + rate * (1 - fall) / decay[i, j]
                    y[:] = new
                    k[0] = k[6]
                    if not hit or off > 0.01:
                        h = dt * min(5.0, 0.9 * max(off, 1e-8) ** -0.2)
                else:
                    h = dt * max(0.2, 0.9 * off**-0.2) if off < np.inf else dt * 0.1
                if steps > MOST_STEPS or h < 1e-12:
                    failed[i] = now
                    break
            if not np.isnan(failed[i]):
                break
            if slot[i, m] >= 0:
                for q in range(keep.shape[0]):
                    out[i, slot[i, m], q] = y[keep[q]]


@njit(inline="always", fastmath=FAST, error_model="numpy")
def jacobian_cells(y, d, z, v, power, jac):  # type: ignore[no-untyped-def]
    """Write to ``jac`` the derivatives of dN+/dt and dN-/dt with respect to N+, N-, catabolite, C_PL, resistance."""
    k, p, n = y[3], y[4], y[5]
    kin, kout, beside = v[KIN * LANES], v[KOUT * LANES], v[KOUT_NEG * LANES]
    tub, kd = v[TUB * LANES], v[KOFF_T * LANES] / v[KON_T * LANES]
    per_k = (v[CLEAVAGE * LANES] + v[RETURNS * LANES] * v[KCAT * LANES]) / v[KCLR * LANES]
    share = p / (p + n)
    e = outside(v[VOID_P * LANES], d, share, per_k * k * v[KCLR * LANES], v[KCLR * LANES])
    e_k, e_p, e_n = share * per_k, per_k * k * n / (p + n) ** 2, -per_k * k * p / (p + n) ** 2
    inside, out = (v[CLEAVAGE * LANES] * k + kin * e) / kout, kin * e / beside
    held, held_out = 1 + tub * kd / (inside + kd) ** 2, 1 + tub * kd / (out + kd) ** 2
    u, w = payload(k, p, n, d, v, 0)
    kmax, ec50, hill = v[KMAX * LANES], v[EC50 * LANES], v[HILL * LANES]
    up, up_n = to_power(u / ec50, hill, power), to_power(w / ec50, hill, power)
    loss, loss_n = kill(up, kmax), kill(up_n, kmax)
    below = 1.0 if power == 1 else u / ec50 if power == 2 else max(u / ec50, LEAST) ** (hill - 1)
    below_n = 1.0 if power == 1 else w / ec50 if power == 2 else max(w / ec50, LEAST) ** (hill - 1)
    steeper, steeper_n = kill_slope(up, below, kmax, ec50, hill), kill_slope(up_n, below_n, kmax, ec50, hill)
    by_e, by_e_n = -z * steeper * held * kin / kout * p, -z * steeper_n * held_out * kin / beside * n
    jac[0, 0], jac[0, 1] = v[KG * LANES] - z * loss + by_e * e_p, by_e * e_n
    jac[0, 2] = -z * steeper * (1 + held * (v[CLEAVAGE * LANES] + kin * e_k) / kout) * p
    jac[0, 3], jac[0, 4] = by_e * v[VOID_P * LANES], -loss * p
    jac[1, 0], jac[1, 1] = by_e_n * e_p, v[KG * LANES] - z * loss_n + by_e_n * e_n
    jac[1, 2], jac[1, 3], jac[1, 4] = by_e_n * e_k, by_e_n * v[VOID_P * LANES], -loss_n * n


@njit(cache=True, nogil=True, fastmath=FAST, error_model="numpy")
def rodas(decay, gain_c, gain_d, theta, times, inputs, slot, keep, rtol, atol, power, first, last, out, failed):  # type: ignore[no-untyped-def]  # noqa: C901, PLR0913 (compiled, one loop)
    """Integrate by RODAS 4(3), L-stable; arguments as of
    :func:`posology.pharmacology.tumour.kernel_quasi_steady.integrate`."""
    v, y, new, f = np.zeros(theta.shape[1] * LANES), np.zeros(STATES), np.zeros(STATES), np.zeros(STATES)
    k, ka, jac = np.zeros((6, STATES)), np.zeros((6, 4)), np.zeros((2, 5))
    a, at, fall = np.zeros(4), np.zeros(4), np.zeros(4)  # the exponentials of plasma, and resistance
    for i in range(first, last):
        initial_state(theta, i, v, y)
        a[:3], a[3] = 0.0, 1.0
        fall[:3], fall[3] = decay[i], v[LAM * LANES]
        ktr, kdeg, kint, kon = v[KTR * LANES], v[KDEG * LANES], v[KINT * LANES], v[KON * LANES]
        now, h, steps = 0.0, FIRST_STEP, 0
        for m in range(times.shape[1]):
            rate = inputs[i, m]
            if times[i, m] > now and slot[i, max(m - 1, 0)] < 0:
                h = min(h, FIRST_STEP)
            while now < times[i, m]:
                steps += 1
                left = times[i, m] - now
                hit = h * 1.0000001 >= left
                dt = left if hit else h
                w = 1 / (GAMMA * dt)
                d = 0.0
                for j in range(3):
                    d += gain_d[i, j] * a[j]
                jacobian_cells(y, d, a[3], v, power, jac)
                kon_r, kon_a = kon * (y[1] - y[6]), kon * (y[0] - y[6])
                wx, wy, wl = 1 / (w + ktr), 1 / (w + kdeg), 1 / (w + v[RELEASE * LANES])
                wk = 1 / (w + v[CLEAVAGE * LANES] + v[KCAT * LANES])
                wb = w + kon_r + kon_a + v[KOFF * LANES] + kint
                wb = 1 / (wb - kon_r * (ktr - kint) * wx - kon_a * (kdeg - kint) * wy)
                pp, nn = w - jac[0, 0], w - jac[1, 1]
                whole = 1 / (pp * nn - jac[0, 1] * jac[1, 0])
                for s in range(6):
                    for j in range(STATES):
                        total = y[j]
                        for q in range(s):
                            total += RO_A[s, q] * k[q, j]
                        new[j] = total
                    c, d, dc, dd = 0.0, 0.0, 0.0, 0.0
                    for j in range(4):
                        total, pull = a[j], 0.0
                        for q in range(s):
                            total += RO_A[s, q] * ka[q, j]
                            pull += RO_C[s, q] * ka[q, j]
                        ka[s, j] = ((rate if j < 3 else 0.0) - fall[j] * total + pull / dt) / (w + fall[j])
                        at[j] = total
                        if j < 3:
                            c += gain_c[i, j] * total
                            d += gain_d[i, j] * total
                            dc += gain_c[i, j] * ka[s, j]
                            dd += gain_d[i, j] * ka[s, j]
                    derivatives(new, c, d, at[3], v, power, f)
                    for j in range(STATES):
                        pull = 0.0
                        for q in range(s):
                            pull += RO_C[s, q] * k[q, j]
                        f[j] += pull / dt
                    f[0] += ktr * v[VOID * LANES] * dc
                    b = (f[6] + kon_r * wx * f[0] + kon_a * wy * f[1]) * wb
                    k[s, 6] = b
                    k[s, 0], k[s, 1] = (f[0] + (ktr - kint) * b) * wx, (f[1] + (kdeg - kint) * b) * wy
                    k[s, 2] = (f[2] + v[DAR * LANES] * kint * b) * wl
                    k[s, 3] = (f[3] + v[RELEASE * LANES] * k[s, 2]) * wk
                    fp = f[4] + jac[0, 2] * k[s, 3] + jac[0, 3] * dd + jac[0, 4] * ka[s, 3]
                    fn = f[5] + jac[1, 2] * k[s, 3] + jac[1, 3] * dd + jac[1, 4] * ka[s, 3]
                    k[s, 4], k[s, 5] = (nn * fp + jac[0, 1] * fn) * whole, (pp * fn + jac[1, 0] * fp) * whole
                for j in range(STATES):
                    new[j] += k[5, j]
                off = scaled_error(y, new, k[5], rtol, atol)
                if off <= 1.0:
                    now = times[i, m] if hit else now + dt
                    for j in range(4):
                        kept = np.exp(-fall[j] * dt)
                        a[j] = a[j] * kept + (rate * (1 - kept) / fall[j] if j < 3 else 0.0)
                    y[:] = new
                    if not hit or off > 0.01:
                        h = dt * min(6.0, 0.9 * max(off, 1e-8) ** -0.25)
                else:
                    h = dt * max(0.2, 0.9 * off**-0.25) if off < np.inf else dt * 0.1
                if steps > MOST_STEPS or h < 1e-12:
                    failed[i] = now
                    break
            if not np.isnan(failed[i]):
                break
            if slot[i, m] >= 0:
                for q in range(keep.shape[0]):
                    out[i, slot[i, m], q] = y[keep[q]]
