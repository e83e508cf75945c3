"""Three compartments, and first-order absorption into any linear disposition, as sums of exponentials with exact
derivatives.

The matrix of compartments that exchange with the central one alone is similar to a symmetric S, so that its exponents λ
are real and C(t) = 1/V Σ u₁ᵢ² exp(−λᵢ t), u the eigenvectors of S. Their derivatives are those of a symmetric
eigenproblem (Magnus JR. Econometric Theory 1985;1:179-191). With a depot that empties at ka each exponential w exp(−λ
t) becomes w ka / (ka − λ) (exp(−λ t) − exp(−ka t)) (Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. 1982, appendix B).
"""

from __future__ import annotations

import numpy as np

from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS, LinearModel, Terms
from posology.shared.arrays import Floats

MIN_RATE_GAP = 1e-7  # of two rates, relatively: nearer ones are moved apart, which no digit that matters shows
ABSORPTION_GAP = 1e-5  # of ka and a rate of the disposition, likewise


def _three_compartment_terms(phi: Floats) -> Terms:
    """Return weights and rates of CL, V1, Q2, V2, Q3, V3, and their derivatives by the log parameters."""
    value = np.exp(phi)
    clearance, central = value[:, 0], value[:, 1]
    s, d_s = np.zeros((len(phi), 3, 3)), np.zeros((len(phi), 6, 3, 3))
    _add(s, d_s, clearance / central, {0: 1, 1: -1}, (0, 0))
    for n, (q, v) in enumerate(((2, 3), (4, 5)), 1):
        _add(s, d_s, value[:, q] / central, {q: 1, 1: -1}, (0, 0))
        _add(s, d_s, value[:, q] / value[:, v], {q: 1, v: -1}, (n, n))
        _add(s, d_s, -value[:, q] / np.sqrt(central * value[:, v]), {q: 1, 1: -0.5, v: -0.5}, (0, n))
    rate, u = np.linalg.eigh(s)
    coupled = np.swapaxes(u, 1, 2)[:, None] @ d_s @ u[:, None]  # (patients, parameters, i, j): uᵢ' dS uⱼ
    d_rate = np.diagonal(coupled, axis1=2, axis2=3)
    gap = rate[:, None, :] - rate[:, :, None]  # λᵢ − λⱼ at [j, i]
    apart = np.where(np.abs(gap) > MIN_RATE_GAP * rate.sum(axis=1)[:, None, None], gap, np.inf)
    first = u[:, 0]
    d_first = (first[:, None, :, None] * coupled / apart[:, None]).sum(axis=2)
    weight = first**2 / central[:, None]
    d_weight = 2 * first[:, None] * d_first / central[:, None, None]
    d_weight[:, 1] -= weight
    return weight, rate, np.swapaxes(d_weight, 1, 2), np.swapaxes(d_rate, 1, 2)


def _add(s: Floats, d_s: Floats, term: Floats, powers: dict[int, float], at: tuple[int, int]) -> None:
    """Add a term to an entry of S and to its transposed one; ``powers`` are those of the parameters in it."""
    places = {at, at[::-1]}
    for i, j in places:
        s[:, i, j] += term
        for parameter, power in powers.items():
            d_s[:, parameter, i, j] += power * term


def _absorbed_terms(terms: Terms, ka: Floats) -> Terms:
    """Return the terms of a dose into a depot that empties at ``ka`` (patients,), the first of the parameters."""
    weight, rate, d_weight, d_rate = terms
    near = np.abs(ka[:, None] - rate) < ABSORPTION_GAP * rate
    middle = np.where(near, (ka[:, None] + rate) / 2, rate)  # apart about their middle: an error of the gap's square
    ka = np.where(near.any(axis=1), (middle * near).sum(axis=1) * (1 + ABSORPTION_GAP / 2), ka)[:, None]
    rate = np.where(near, middle * (1 - ABSORPTION_GAP / 2), rate)
    gap = ka - rate
    share = weight * ka / gap
    by_disposition = (ka / gap)[..., None] * d_weight + (share / gap)[..., None] * d_rate
    by_ka = -share * rate / gap
    d_share = np.concatenate([by_ka[..., None], by_disposition], axis=2)
    weights = np.concatenate([share, -share.sum(axis=1, keepdims=True)], axis=1)
    d_weights = np.concatenate([d_share, -d_share.sum(axis=1, keepdims=True)], axis=1)
    rates = np.concatenate([rate, ka], axis=1)
    d_rates = np.zeros((*rates.shape, d_share.shape[2]))
    d_rates[:, :-1, 1:], d_rates[:, -1, 0] = d_rate, ka[:, 0]
    return weights, rates, d_weights, d_rates


def _two_oral_terms(phi: Floats) -> Terms:
    return _absorbed_terms(TWO_COMPARTMENTS.terms(phi[:, 1:]), np.exp(phi[:, 0]))


THREE_COMPARTMENTS = LinearModel(
    "three compartments, intravenous", ("CL", "V1", "Q2", "V2", "Q3", "V3"), _three_compartment_terms
)
TWO_ORAL = LinearModel("two compartments, first-order absorption", ("ka", "CL", "V1", "Q", "V2"), _two_oral_terms)
