"""Linear compartments whose parameters change between periods: the amounts are carried on, exactly.

Within a period dx/dt = −M x + doses, so that x(t) = f(M) x₀ + Σ g(M) dose, where f and g are those of the exponents:
f(λ) = exp(−λ t), and g a bolus, an infusion, or a series of them up to steady state. Where a period ends the amounts
stay, and M and the volume become those of the next (NONMEM's $PK at each record). Derivatives of a function of a matrix:
Daleckii JL, Krein SG. AMS Transl 1965;47:1-30; Higham NJ. Functions of Matrices. 2008, theorem 3.11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, cast

import numpy as np

from posology.pharmacology.estimation.residual_error import Predicts
from posology.pharmacology.pk_models.data import Measurements
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS, response
from posology.shared.arrays import Bools, Floats, Ints

APART = 1e-4  # of two exponents, relatively: nearer ones are moved apart, which changes results by 1e-8


class Changes(Protocol):
    """A structural model whose parameters may change between periods."""

    def changing(self, data: Measurements, phi: Floats) -> tuple[Floats, Floats]:
        """Return concentrations (patients, samples) at log parameters (patients, periods, parameters).

        Their derivatives by these are the second result, (patients, samples, periods, parameters).
        """


def predict(model: Predicts, data: Measurements, phi: Floats) -> Floats:
    """Return the concentrations (patients, samples) at log parameters (patients, [periods,] parameters).

    Raises
    ------
    ValueError
        if they are given by period, and the parameters of this model cannot change.
    """
    return model.predict(data, phi) if phi.ndim == 2 else _changes(model).changing(data, phi)[0]


def sensitivities(model: Predicts, data: Measurements, phi: Floats) -> tuple[Floats, Floats]:
    """Return them with their derivatives, (patients, samples, [periods,] parameters); raises as :func:`predict`."""
    return model.sensitivities(data, phi) if phi.ndim == 2 else _changes(model).changing(data, phi)


def _changes(model: Predicts) -> Changes:
    if hasattr(model, "changing"):
        return cast(Changes, model)
    found = LINEAR.get(getattr(model, "name", ""))
    if found is None:
        raise ValueError(
            f"the parameters of {getattr(model, 'name', type(model).__name__)!r} cannot change within a patient: no "
            f"variability between occasions and no covariate that changes; those of {', '.join(LINEAR)} can"
        )
    return found


@dataclass(frozen=True)
class Rows:
    """Each period of each patient as a row: its doses, with infusions cut where periods end, and its points of time.

    ``data`` has patients × periods rows; its samples are those of the period, and in the last column the period's end.
    ``since`` is the time since the period began; ``carried`` marks the points at which what was there then still counts
    (it does until a dose at steady state). ``row`` and ``column`` (patients, samples) say where a sample is.
    """

    data: Measurements
    since: Floats
    carried: Bools
    row: Ints
    column: Ints


def rows(data: Measurements) -> Rows:
    """Cut the doses and samples of each patient into periods.

    Raises
    ------
    ValueError
        naming patient and time, if a period ends during an infusion at steady state.
    """
    count, periods = len(data), data.periods
    start = data.begins.copy()
    start[:, 0] = np.where(data.amount > 0, data.dose_time, np.inf).min(axis=1)
    end = np.append(data.begins[:, 1:], np.full((count, 1), np.inf), axis=1)
    pieces: list[
        list[tuple[int, float, float, float, float]]
    ] = []  # of doses: place, begin, amount, duration, interval
    points: list[list[int]] = []  # places of samples
    row, column = np.zeros(data.time.shape, int), np.zeros(data.time.shape, int)
    for p in range(count):
        steady = [(d, int(data.dose_period[p, d])) for d in np.nonzero(data.interval[p])[0]]
        for j in range(periods):
            held = []
            for d in np.nonzero(data.amount[p])[0]:
                begin, amount, length = data.dose_time[p, d], data.amount[p, d], data.duration[p, d]
                if any(d < later and period < j for later, period in steady):
                    continue  # replaced by a dose at steady state in an earlier period
                first, last = max(begin, start[p, j]), min(begin + length, end[p, j])
                if length == 0:
                    if data.dose_period[p, d] == j:
                        held.append((int(d), begin, amount, 0.0, data.interval[p, d]))
                elif last > first:
                    share = (last - first) / length
                    if data.interval[p, d] and share < 1:
                        raise ValueError(
                            f"patient {data.names[p]}, time {begin:g}: the occasion or a covariate changes during an "
                            "infusion at steady state; write the doses before it out"
                        )
                    held.append((int(d), first, amount * share, last - first, data.interval[p, d]))
            pieces.append(held)
            own = np.nonzero(data.observed[p] & (data.sample_period[p] == j))[0].tolist()
            row[p, own], column[p, own] = p * periods + j, np.arange(len(own))
            points.append(own)
    doses, columns = max(map(len, pieces)), max(map(len, points)) + 1
    given = np.zeros((4, len(pieces), doses))
    counts, time = np.zeros((len(pieces), columns, doses), bool), np.zeros((len(pieces), columns))
    begun, ends = start.ravel(), end.ravel()
    for r, (held, own) in enumerate(zip(pieces, points, strict=True)):
        p = r // periods
        given[:, r, : len(held)] = np.array([d[1:] for d in held], float).reshape(-1, 4).T
        time[r] = ends[r] if np.isfinite(ends[r]) else begun[r] if np.isfinite(begun[r]) else 0.0
        time[r, : len(own)] = data.time[p, own]
        counts[r, -1, : len(held)] = np.isfinite(ends[r])
        counts[r, : len(own), : len(held)] = data.counts[p][np.ix_(own, [d[0] for d in held])]
    steady_dose = given[3] > 0
    order = np.arange(doses)
    latest = np.where(counts & steady_dose[:, None], order, -1).max(axis=2, initial=-1)
    counts &= order >= latest[..., None]
    since = np.maximum(time - np.where(np.isfinite(begun), begun, time[:, -1])[:, None], 0.0)
    nothing = np.zeros(time.shape, bool)
    single, whole = np.zeros((len(pieces), 1)), np.zeros((len(pieces), doses), int)
    cut = Measurements(
        tuple(n for n in data.names for _ in range(periods)),
        given[0],
        given[1],
        given[2],
        given[3],
        time,
        np.zeros(time.shape),
        nothing,
        ~nothing,
        counts,
        {},
        single - np.inf,
        single.astype(int),
        whole,
        np.zeros(time.shape, int),
        ((),) * len(pieces),
        np.zeros(time.shape, int),
    )
    return Rows(cut, since, latest < 0, row, column)


@dataclass(frozen=True)
class Compartments:
    """Linear compartments as a table: M = Σᵢ exp(wᵢ·φ) Eᵢ; doses go into the first, one is observed over its volume.

    Parameters
    ----------
    exponents
        (rates, parameters): wᵢ; CL/V is (1, −1).
    patterns
        (rates, compartments, compartments): Eᵢ, −1 where a rate enters a compartment, 1 where it leaves one.
    observed, volume
        the places of the compartment that is sampled, and of its volume among the parameters.
    """

    exponents: Floats
    patterns: Floats
    observed: int
    volume: int

    def changing(self, data: Measurements, phi: Floats) -> tuple[Floats, Floats]:
        """Return concentrations and derivatives; see :class:`Changes`."""
        count, periods, k = phi.shape
        cut, flat = data.rows, phi.reshape(-1, k)
        rate = np.exp(flat @ self.exponents.T)
        exponent, into, back = _modes(np.einsum("ri,inm->rnm", rate, self.patterns))
        by = back[:, None] @ np.einsum("ri,ik,inm->rknm", rate, self.exponents, self.patterns) @ into[:, None]
        dosed, d_dosed = response(cut.data, exponent)
        kept = np.exp(-exponent[:, None, :] * cut.since[..., None]) * cut.carried[..., None]
        dosed_2, kept_2 = _divided(dosed, d_dosed, exponent), _divided(kept, -cut.since[..., None] * kept, exponent)
        dose = back[:, :, 0]

        def step(values: Floats) -> Floats:
            return values.reshape(count, periods, *values.shape[1:]).swapaxes(0, 1)

        # the amounts at the end of each period, in modes: those that it began with and those of its doses
        state, d_state = np.zeros((count, len(into[0]))), np.zeros((count, len(into[0]), periods, k))
        began, d_began = [], []
        ends = (into, back, by, dose, kept[:, -1], dosed[:, -1], kept_2[:, -1], dosed_2[:, -1])
        for j, (to, fro, own, given, keep, add, keep_2, add_2) in enumerate(zip(*map(step, ends), strict=True)):
            x = np.einsum("pab,pb->pa", fro, state)
            d_x = (fro @ d_state.reshape(count, -1, periods * k)).reshape(d_state.shape)
            began.append(x)
            d_began.append(d_x)
            state = np.einsum("pab,pb->pa", to, keep * x + add * given)
            d_state = ((to * keep[:, None]) @ d_x.reshape(count, -1, periods * k)).reshape(d_x.shape)
            by_own = (own * (keep_2 * x[:, None] + add_2 * given[:, None])[:, None]).sum(axis=3)
            d_state[:, :, j] += to @ by_own.swapaxes(1, 2)
        n = len(into[0])
        x, d_x = np.stack(began, axis=1).reshape(-1, n), np.stack(d_began, axis=1).reshape(-1, n, periods * k)
        seen = into[:, self.observed] * np.exp(-flat[:, self.volume])[:, None]
        value = np.einsum("ra,rta->rt", seen, kept * x[:, None] + dosed * dose[:, None])
        change = ((kept * seen[:, None]) @ d_x).reshape(*value.shape, periods, k)
        both = kept_2 * x[:, None, None] + dosed_2 * dose[:, None, None]
        own = both.reshape(*value.shape, -1) @ (seen[:, None, :, None] * by).reshape(len(flat), k, -1).swapaxes(1, 2)
        own[..., self.volume] -= value
        change[np.arange(len(flat)), :, np.tile(np.arange(periods), count)] += own
        there, at = data.observed, (cut.row, cut.column)
        return np.where(there, value[at], 0.0), np.where(there[..., None, None], change[at], 0.0)


def _modes(matrix: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the exponents (rows, n) of 1 × 1 or 2 × 2 matrices, and those to and from their modes: M = into Λ back."""
    n = matrix.shape[-1]
    if n == 1:
        one = np.ones_like(matrix)
        return matrix[:, 0], one, one
    (a, b), (c, d) = matrix.transpose(1, 2, 0)
    gap = np.maximum(np.sqrt((a - d) ** 2 + 4 * b * c), APART * (a + d))
    fast = (a + d + gap) / 2
    slow = (a * d - b * c) / fast
    one = np.ones_like(a)
    into = np.array([[(fast - d) / c, (slow - d) / c], [one, one]])
    back = np.array([[c, d - slow], [-c, fast - d]]) / (fast - slow)
    return np.stack([fast, slow], axis=1), into.transpose(2, 0, 1), back.transpose(2, 0, 1)


def _divided(value: Floats, slope: Floats, exponent: Floats) -> Floats:
    """Return the divided differences of a function by pairs of exponents: (rows, points, n, n), from (rows, points, n)."""
    n = exponent.shape[1]
    gap = exponent[:, :, None] - exponent[:, None, :]
    same = np.eye(n, dtype=bool)
    gap = np.where(same, 1.0, gap)[:, None]
    return np.asarray(np.where(same, slope[..., None], (value[..., :, None] - value[..., None, :]) / gap))


def _table(
    parameters: tuple[str, ...], rates: dict[str, list[list[float]]], observed: int, volume: str
) -> Compartments:
    """Write a model as a table: its rates, as ``"CL/V"`` or ``"ka"``, with the matrix of each."""
    exponents = np.zeros((len(rates), len(parameters)))
    for row, name in enumerate(rates):
        above, _, under = name.partition("/")
        exponents[row, parameters.index(above)] = 1
        if under:
            exponents[row, parameters.index(under)] = -1
    return Compartments(exponents, np.array(list(rates.values()), float), observed, parameters.index(volume))


LINEAR = {
    ONE_COMPARTMENT.name: _table(ONE_COMPARTMENT.parameters, {"CL/V": [[1]]}, 0, "V"),
    ORAL.name: _table(ORAL.parameters, {"ka": [[1, 0], [-1, 0]], "CL/V": [[0, 0], [0, 1]]}, 1, "V"),
    TWO_COMPARTMENTS.name: _table(
        TWO_COMPARTMENTS.parameters,
        {"CL/V1": [[1, 0], [0, 0]], "Q/V1": [[1, 0], [-1, 0]], "Q/V2": [[0, -1], [0, 1]]},
        0,
        "V1",
    ),
}
"""The models whose parameters may change, by name."""
