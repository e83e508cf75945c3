"""Linear compartments whose parameters change between periods: the amounts are carried on, exactly.

Within a period dx/dt = −M x + doses, so that x(t) = f(M) x₀ + Σ g(M) dose, where f and g are those of the exponents:
f(λ) = exp(−λ t), and g a bolus, an infusion, or a series of them up to steady state. Where a period ends the amounts
stay, and M and the volume become those of the next (NONMEM's $PK at each record). Derivatives of a function of a
matrix: Daleckii JL, Krein SG. AMS Transl 1965;47:1-30; Higham NJ. Functions of Matrices. 2008, theorem 3.11.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from posology.pharmacology.pk_models.base import StructuralModel, TimeVaryingModel
from posology.pharmacology.pk_models.data import PkDataset
from posology.pharmacology.pk_models.linear import ONE_COMPARTMENT, ORAL, TWO_COMPARTMENTS, superposed_response
from posology.shared.arrays import Floats

MIN_RATE_GAP = 1e-4  # of two exponents, relatively: nearer ones are moved apart, which changes results by 1e-8


def predict(model: StructuralModel, data: PkDataset, phi: Floats) -> Floats:
    """Return the concentrations (patients, samples) at log parameters (patients, [periods,] parameters).

    Raises
    ------
    ValueError
        if they are given by period, and the parameters of this model cannot change.
    """
    return model.predict(data, phi) if phi.ndim == 2 else _changes(model).predict_by_period(data, phi)[0]


def sensitivities(model: StructuralModel, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
    """Return them with their derivatives, (patients, samples, [periods,] parameters); raises as :func:`predict`."""
    return model.sensitivities(data, phi) if phi.ndim == 2 else _changes(model).predict_by_period(data, phi)


def _changes(model: StructuralModel) -> TimeVaryingModel:
    if hasattr(model, "predict_by_period"):
        return cast(TimeVaryingModel, model)
    found = TIME_VARYING.get(getattr(model, "name", ""))
    if found is None:
        raise ValueError(
            f"the parameters of {getattr(model, 'name', type(model).__name__)!r} cannot change within a patient: no "
            f"variability between occasions and no covariate that changes; those of {', '.join(TIME_VARYING)} can"
        )
    return found


@dataclass(frozen=True)
class TimeVaryingLinear:
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

    def predict_by_period(self, data: PkDataset, phi: Floats) -> tuple[Floats, Floats]:
        """Return concentrations and derivatives; see :class:`TimeVaryingModel`."""
        count, periods, k = phi.shape
        cut, flat = data.by_period, phi.reshape(-1, k)
        rate = np.exp(flat @ self.exponents.T)
        exponent, into, back = _modes(np.einsum("ri,inm->rnm", rate, self.patterns))
        by = back[:, None] @ np.einsum("ri,ik,inm->rknm", rate, self.exponents, self.patterns) @ into[:, None]
        dosed, d_dosed = superposed_response(cut.data, exponent)
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
    gap = np.maximum(np.sqrt((a - d) ** 2 + 4 * b * c), MIN_RATE_GAP * (a + d))
    fast = (a + d + gap) / 2
    slow = (a * d - b * c) / fast
    one = np.ones_like(a)
    into = np.array([[(fast - d) / c, (slow - d) / c], [one, one]])
    back = np.array([[c, d - slow], [-c, fast - d]]) / (fast - slow)
    return np.stack([fast, slow], axis=1), into.transpose(2, 0, 1), back.transpose(2, 0, 1)


def _divided(value: Floats, slope: Floats, exponent: Floats) -> Floats:
    """Return the divided differences of a function by pairs of exponents: (rows, points, n, n), from (rows,
    points, n)."""
    n = exponent.shape[1]
    gap = exponent[:, :, None] - exponent[:, None, :]
    same = np.eye(n, dtype=bool)
    gap = np.where(same, 1.0, gap)[:, None]
    return np.asarray(np.where(same, slope[..., None], (value[..., :, None] - value[..., None, :]) / gap))


def _table(
    parameters: tuple[str, ...], rates: dict[str, list[list[float]]], observed: int, volume: str
) -> TimeVaryingLinear:
    """Write a model as a table: its rates, as ``"CL/V"`` or ``"ka"``, with the matrix of each."""
    exponents = np.zeros((len(rates), len(parameters)))
    for row, name in enumerate(rates):
        above, _, under = name.partition("/")
        exponents[row, parameters.index(above)] = 1
        if under:
            exponents[row, parameters.index(under)] = -1
    return TimeVaryingLinear(exponents, np.array(list(rates.values()), float), observed, parameters.index(volume))


TIME_VARYING = {
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
