"""Two compartments with saturable loss and all their derivatives, compiled: Taylor series of order 16.

With c and d the concentrations in the two compartments and u the infusion,

    c' = u/V1 - CL/V1 c - Q/V1 (c - d) - Vmax/V1 c/(Km + c),    d' = Q/V2 (c - d).

Every coefficient of the series of c, d and their derivatives by the log parameters follows from those before it by
recurrence, for Km/(Km + c) by that of a quotient (Jorba A, Zou M. Exp Math 2005;14:99-117). A step ends where the last
two terms are 1e-12 of the first: errors are near those of rounding, smooth in the parameters, and a sample within a
step is the polynomial there. Import this module only where something is computed: it loads the compiler.
"""

from __future__ import annotations

import numpy as np
from numba import njit

ORDER = 16
LOG_TOLERANCE = np.log(1e-12)
MAX_STEPS = 100_000
"""Steps for one patient, at most."""
MAX_NEWTON_STEPS = 60
"""Newton steps to a steady state, at most."""
NEWTON_TOLERANCE = 1e-10
"""The last Newton step, beside the concentration; the error behind it is of the order of its square."""
ZERO_CONCENTRATION = 1e-200
"""A concentration that is 0."""
CL, V1, Q, V2, VMAX, KM = range(6)
STEPS, STEADY = 1, 2
"""Why a patient failed: too many steps, no steady state."""


@njit(cache=True, nogil=True, error_model="numpy")
def series(theta, u, c, d, s, p, w, g):  # type: ignore[no-untyped-def]
    """Fill the coefficients from those of order 0; return how far the series reaches.

    ``c``, ``d`` (orders,), their derivatives ``s``, ``p`` (orders, columns): six log parameters, then perhaps the two
    first concentrations. ``w``, ``g``: room for Km/(Km + c) and c/(Km + c).
    """
    out, there, back = theta[CL] / theta[V1], theta[Q] / theta[V1], theta[Q] / theta[V2]
    most, km, columns = theta[VMAX] / theta[V1], theta[KM], s.shape[1]
    v = np.empty(ORDER)
    for n in range(ORDER):
        if n == 0:
            w[0], g[0] = km / (km + c[0]), c[0] / (km + c[0])
        else:
            total = 0.0
            for j in range(1, n + 1):
                total -= c[j] * w[n - j]
            w[n] = total / (km + c[0])
            g[n] = -w[n]
        gap = c[n] - d[n]
        change = (u / theta[V1] if n == 0 else 0.0) - out * c[n] - there * gap - most * g[n]
        c[n + 1], d[n + 1] = change / (n + 1), back * gap / (n + 1)
        if columns == 0:
            continue
        by_km, by_c = 0.0, 0.0
        for j in range(n + 1):
            by_km += g[j] * w[n - j]
            by_c += w[j] * w[n - j]
        v[n] = most * by_c / km
        for k in range(columns):
            s[n + 1, k] = -(out + there) * s[n, k] + there * p[n, k]
            p[n + 1, k] = back * (s[n, k] - p[n, k])
        for j in range(n + 1):
            for k in range(columns):
                s[n + 1, k] -= v[j] * s[n - j, k]
        s[n + 1, CL] -= out * c[n]
        s[n + 1, V1] -= change
        s[n + 1, Q] -= there * gap
        s[n + 1, VMAX] -= most * g[n]
        s[n + 1, KM] += most * by_km
        p[n + 1, Q] += back * gap
        p[n + 1, V2] -= back * gap
        for k in range(columns):
            s[n + 1, k] /= n + 1
            p[n + 1, k] /= n + 1
    return _reach(c, d, s, p)


@njit(inline="always", error_model="numpy")
def _reach(c, d, s, p):  # type: ignore[no-untyped-def]
    """Return the step at which the last two terms, of c and of all series, are small beside one of the first three."""
    reach = np.inf
    for whole in range(2):
        for last in (ORDER - 1, ORDER):
            end, own = _size(c, d, s, p, last, whole), -np.inf
            for n in range(3):
                own = max(own, (_size(c, d, s, p, n, whole) + LOG_TOLERANCE - end) / (last - n))
            reach = min(reach, own if end > -np.inf else np.inf)
    return np.exp(reach)


@njit(inline="always", error_model="numpy")
def _size(c, d, s, p, n, whole):  # type: ignore[no-untyped-def]
    """Return the log of the greatest coefficient of an order, of c alone or of all."""
    size = abs(c[n])
    if whole:
        size = max(size, abs(d[n]))
        for k in range(s.shape[1]):
            size = max(size, max(abs(s[n, k]), abs(p[n, k])))
    return np.log(size)


@njit(cache=True, nogil=True, error_model="numpy")
def value(a, h):  # type: ignore[no-untyped-def]
    """Return a series at ``h``."""
    total = a[ORDER]
    for n in range(ORDER - 1, -1, -1):
        total = total * h + a[n]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def advance(c, d, s, p, h):  # type: ignore[no-untyped-def]
    """Set the coefficients of order 0 to the values at ``h``."""
    c[0], d[0] = value(c, h), value(d, h)
    for k in range(s.shape[1]):
        s[0, k], p[0, k] = value(s[:, k], h), value(p[:, k], h)
    if c[0] < ZERO_CONCENTRATION and d[0] < ZERO_CONCENTRATION:
        c[0], d[0], s[0], p[0] = 0.0, 0.0, 0.0, 0.0


@njit(cache=True, nogil=True, error_model="numpy")
def along(theta, u, length, c, d, s, p, w, g):  # type: ignore[no-untyped-def]
    """Integrate over ``length``; return the number of steps, or -1 where they are too many."""
    done = 0.0
    for n in range(MAX_STEPS):
        if done >= length:
            return n
        h = series(theta, u, c, d, s, p, w, g)
        if not h > 0:
            return -1
        advance(c, d, s, p, min(h, length - done))
        done = length if h >= length - done else done + h
    return -1


@njit(cache=True, nogil=True, error_model="numpy")
def steady(theta, amount, duration, interval, c, d, s, p):  # type: ignore[no-untyped-def]
    """Set the coefficients of order 0 to those just before a dose at steady state; return 0 or why it failed.

    The concentrations after one interval are a convex, increasing function F of those before it, with a spectral radius
    of its derivative M below 1. So Newton's steps for F(x) = x from 0 rise to the one solution and never pass it
    (Ortega JM, Rheinboldt WC, Iterative Solution of Nonlinear Equations, 1970, 13.3.4). There dx/dtheta = (1 - M)^-1
    dF/dtheta.
    """
    e, f, t, q = np.zeros(ORDER + 1), np.zeros(ORDER + 1), np.zeros((ORDER + 1, 8)), np.zeros((ORDER + 1, 8))
    w, g = np.zeros(ORDER + 1), np.zeros(ORDER + 1)
    x, y = 0.0, 0.0
    for _ in range(MAX_NEWTON_STEPS):
        e[0], f[0] = x, y
        t[0], q[0] = 0.0, 0.0
        t[0, 6], q[0, 7] = 1.0, 1.0
        if duration == 0:
            e[0] += amount / theta[V1]
            t[0, V1] = -amount / theta[V1]
        elif along(theta, amount / duration, duration, e, f, t, q, w, g) < 0:
            return STEPS
        if along(theta, 0.0, interval - duration, e, f, t, q, w, g) < 0:
            return STEPS
        a, b, r, k = 1 - t[0, 6], -t[0, 7], -q[0, 6], 1 - q[0, 7]
        whole = a * k - b * r
        dx, dy = (k * (e[0] - x) - b * (f[0] - y)) / whole, (a * (f[0] - y) - r * (e[0] - x)) / whole
        if not (abs(dx) < np.inf and abs(dy) < np.inf):
            return STEADY
        x, y = x + dx, y + dy
        if abs(dx) <= NEWTON_TOLERANCE * x and abs(dy) <= NEWTON_TOLERANCE * y:
            c[0], d[0] = x, y
            for n in range(s.shape[1]):
                s[0, n] = (k * t[0, n] - b * q[0, n]) / whole
                p[0, n] = (a * q[0, n] - r * t[0, n]) / whole
            return 0
    return STEADY


@njit(cache=True, nogil=True, error_model="numpy")
def solve(theta, time, order, amount, duration, interval, out, by, failed):  # type: ignore[no-untyped-def]  # noqa: C901 (compiled, one loop)
    """Write the concentrations ``out`` (patients, samples) and derivatives ``by`` (patients, samples, 6 or 0).

    ``time`` (patients, events): of each sample, of each dose, of each infusion's end, infinite where there is none;
    ``order`` in which they come. ``failed`` (patients, 2): the reason, and the time.
    """
    patients, samples, columns = by.shape
    doses = amount.shape[1]
    c, d, w, g = np.zeros(ORDER + 1), np.zeros(ORDER + 1), np.zeros(ORDER + 1), np.zeros(ORDER + 1)
    s, p = np.zeros((ORDER + 1, columns)), np.zeros((ORDER + 1, columns))
    runs = np.zeros(doses)
    for i in range(patients):
        c[0], d[0], s[0], p[0], runs[:] = 0.0, 0.0, 0.0, 0.0, 0.0
        now, u, h, fresh, steps = time[i, order[i, 0]], 0.0, 0.0, False, 0
        for m in range(order.shape[1]):
            event = order[i, m]
            then = time[i, event]
            if then == np.inf or failed[i, 0] > 0:
                break
            while failed[i, 0] == 0:
                if not fresh:
                    h, fresh = series(theta[i], u, c, d, s, p, w, g), True
                    steps += 1
                    if not h > 0 or steps > MAX_STEPS:
                        failed[i, 0], failed[i, 1] = STEPS, now
                if then - now <= h:
                    break
                advance(c, d, s, p, h)
                now, fresh = now + h, False
            if event < samples:
                out[i, event] = value(c, then - now)
                for k in range(columns):
                    by[i, event, k] = value(s[:, k], then - now)
                continue
            advance(c, d, s, p, then - now)
            now, fresh, n = then, False, (event - samples) % doses
            if event >= samples + doses:
                runs[n] = 0.0
            else:
                if interval[i, n] > 0:
                    runs[:] = 0.0
                    failed[i, 0] = steady(theta[i], amount[i, n], duration[i, n], interval[i, n], c, d, s, p)
                    failed[i, 1] = now
                if duration[i, n] > 0:
                    runs[n] = amount[i, n] / duration[i, n]
                else:
                    c[0] += amount[i, n] / theta[i, V1]
                    if columns:
                        s[0, V1] -= amount[i, n] / theta[i, V1]
            u = runs.sum()
