"""The integrals of hierarchical models of logit rates: what each count tells of the mean and the spread between
baskets.

A basket with logit rate theta ~ N(mu, tau^2) and x responses of n patients has, given mu and tau, the marginal
likelihood

    L(mu, tau) = integral over theta of  p^x (1 - p)^(n - x) N(theta; mu, tau^2),   p = 1 / (1 + exp(-theta))

and likewise the integrals of p, of p^2 and of theta above a threshold. They are wanted on a grid of (mu, tau) fine
enough for any posterior. Where tau is small the normal density is narrow, so the nodes of theta go with mu; where it is
large one set of nodes serves all mu. Every set is broken at the thresholds and finer towards them, so that no panel
straddles one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from posology.shared.arrays import Floats, Ints

__all__ = ["Grid", "Integrals", "between_baskets", "gamma_precision", "half_normal", "integrals"]

NARROW = 0.5
"""Below this tau the nodes of theta go with mu: a likelihood of up to about 100 patients is smooth on that scale."""

REACH = 8.0
"""How many standard deviations a normal density is followed."""

CERTAIN = 7.0
"""Beyond logits of this size rates are so near 0 or 1 that likelihoods change slowly."""

OFFSETS = np.array([0.0, 0.02, 0.06, 0.16, 0.4])
"""How panels widen from a threshold."""


@dataclass(frozen=True)
class Grid:
    """Nodes of (mu, tau), with the prior's mass at each: arrays (nodes,) that sum to 1 nearly."""

    mu: Floats
    tau: Floats
    mass: Floats


@dataclass(frozen=True)
class Integrals:
    """For each distinct (responses, patients), a row, at each node of a grid, a column.

    Parameters
    ----------
    likelihood, first, second
        (rows, nodes): the integral of the likelihood, times p, times p^2.
    above
        (rows, thresholds, nodes): the integral of the likelihood over theta above each threshold.
    """

    likelihood: Floats
    first: Floats
    second: Floats
    above: Floats


def half_normal(scale: float, least: float = 0.001) -> tuple[Floats, Floats]:
    """Return nodes of tau and the mass of a half-normal prior at each, truncated at ``least``."""
    if not scale > 0:
        raise ValueError(f"the scale of the half-normal prior is {scale}: it lies above 0")
    nodes, weights = _panels([least, 0.4 * scale + least, 1.8 * scale, 6 * scale], 6)
    mass = weights * np.exp(-0.5 * (nodes / scale) ** 2)
    return nodes, mass / mass.sum()


def gamma_precision(shape: float, rate: float) -> tuple[Floats, Floats]:
    """Return nodes of tau and the mass at each, for a gamma prior of the precision 1 / tau^2."""
    if not (shape > 0 and rate > 0):
        raise ValueError(f"shape is {shape} and rate {rate}: both lie above 0")
    from scipy.stats import gamma

    log_low, log_high = (np.log(gamma.ppf(q, shape, scale=1 / rate)) for q in (1e-10, 1 - 1e-12))
    nodes, weights = _panels(np.linspace(log_low, log_high, 8), 6)
    mass = weights * np.exp(shape * nodes - rate * np.exp(nodes))
    return np.exp(-nodes / 2), mass / mass.sum()


def _panels(edges: Sequence[float] | Floats, nodes: int) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss-Legendre quadrature panel by panel."""
    x, w = np.polynomial.legendre.leggauss(nodes)
    e = np.asarray(edges, dtype=float)
    half = np.diff(e)[:, None] / 2
    return (e[:-1, None] + half + half * x).ravel(), (half * w).ravel()


def _edges(low: float, high: float, thresholds: Floats, width: float, wide: float) -> Floats:
    """Return the edges of panels from low to high, finer towards each threshold, wide where every rate is 0 or 1."""
    middle = np.arange(max(low, -CERTAIN), min(high, CERTAIN) + width, width)
    steps = np.minimum(2.0 ** np.arange(-1, 40), wide)  # ever wider, as the likelihood falls off or levels out
    outside = CERTAIN + np.cumsum(steps[: int(np.searchsorted(np.cumsum(steps), max(-low, high) - CERTAIN)) + 1])
    outside = np.concatenate([-outside, outside])
    near = (thresholds[:, None] + np.concatenate([OFFSETS, -OFFSETS])[None, :]).ravel()
    edges = np.unique(np.concatenate([[low, high], middle, outside, near]).round(12))
    return np.asarray(edges[(edges >= low) & (edges <= high)])


def between_baskets(mean: float, sd: float, spread: tuple[Floats, Floats], thresholds: Floats, patients: int) -> Grid:
    """Return the grid of mu ~ N(mean, sd^2) and tau.

    Parameters
    ----------
    mean, sd
        of mu; ``sd`` above 0.
    spread
        nodes of tau and their mass, as :func:`half_normal` gives them; or one node of mass 1.
    thresholds
        (thresholds,): logits that posteriors are asked about.
    patients
        in all: the more, the finer the grid.
    """
    if not sd > 0:
        raise ValueError(f"the prior of the mean has the standard deviation {sd}: it lies above 0")
    width = float(np.clip(9 / np.sqrt(max(patients, 1)), 0.1, 0.75))
    mu, weights = _panels(_edges(mean - 7 * sd, mean + 7 * sd, thresholds, width, min(2.0, sd)), 6)
    mass = weights * _normal_density((mu - mean) / sd) / sd
    tau, tau_mass = spread
    return Grid(np.repeat(mu, len(tau)), np.tile(tau, len(mu)), np.outer(mass, tau_mass).ravel())


def integrals(responses: Ints, patients: Ints, grid: Grid, thresholds: Floats) -> Integrals:
    """Integrate over theta at each node of a grid.

    Parameters
    ----------
    responses, patients
        (rows,): counts of distinct baskets.
    grid
        nodes of (mu, tau).
    thresholds
        (thresholds,): logits.
    """
    shape = (len(responses), len(grid.mu))
    parts = Integrals(
        np.empty(shape), np.empty(shape), np.empty(shape), np.empty((shape[0], len(thresholds), shape[1]))
    )
    narrow = grid.tau < NARROW
    for which, method in ((narrow, _moving_nodes), (~narrow, _fixed_nodes)):
        if which.any():
            method(responses, patients, grid, thresholds, which, parts)
    return parts


def _normal_density(z: Floats) -> Floats:
    density = np.square(z)
    density *= -0.5
    np.exp(density, out=density)
    density /= np.sqrt(2 * np.pi)
    return density


def _log_likelihood(x: Ints, n: Ints, theta: Floats) -> Floats:
    """Return the log likelihood of a basket, less its greatest value, so that nothing underflows."""
    p = np.clip(x / n, 1e-300, 1 - 1e-16)
    greatest = np.where((x > 0) & (x < n), x * np.log(p) + (n - x) * np.log1p(-p), 0.0)
    return np.asarray(x * theta - n * np.logaddexp(0.0, theta) - greatest)


def _moving_nodes(x: Ints, n: Ints, grid: Grid, thresholds: Floats, which: np.ndarray, parts: Integrals) -> None:
    """Fill in the nodes where tau is small: theta = mu + tau z, with z normal."""
    mu, tau = grid.mu[which, None], grid.tau[which, None]
    z, weight = np.polynomial.hermite_e.hermegauss(16)
    weight = weight / np.sqrt(2 * np.pi)
    theta = mu + tau * z
    p, columns = expit(theta), np.flatnonzero(which)
    for row in range(len(x)):
        density = np.exp(_log_likelihood(x[row], n[row], theta)) * weight
        parts.likelihood[row, columns] = density.sum(axis=1)
        parts.first[row, columns] = (density * p).sum(axis=1)
        parts.second[row, columns] = (density * p**2).sum(axis=1)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    for k, threshold in enumerate(thresholds):
        begin = np.clip((threshold - mu) / tau, -REACH, REACH)
        all_below, all_above = begin[:, 0] >= REACH, begin[:, 0] <= -REACH
        half = (REACH - begin) / 2
        at = begin + half * (nodes + 1)
        mass = half * weights * _normal_density(at)
        for row in range(len(x)):
            above = (np.exp(_log_likelihood(x[row], n[row], mu + tau * at)) * mass).sum(axis=1)
            above = np.where(all_above, parts.likelihood[row, columns], np.where(all_below, 0.0, above))
            parts.above[row, k, columns] = above


def _fixed_nodes(x: Ints, n: Ints, grid: Grid, thresholds: Floats, which: np.ndarray, parts: Integrals) -> None:
    """Fill in the nodes where tau is large: one set of theta for every mu."""
    mu, tau, columns = grid.mu[which], grid.tau[which], np.flatnonzero(which)
    low, high = float((mu - REACH * tau).min()), float((mu + REACH * tau).max())
    width = float(np.clip(6 / np.sqrt(max(int(n.max()), 1)), 0.2, 1.0))
    theta, weights = _panels(_edges(low, high, thresholds, width, 2 * float(tau.min())), 6)
    density = np.exp(_log_likelihood(x[:, None], n[:, None], theta)) * weights
    p = expit(theta)
    above = theta > thresholds[:, None]  # (thresholds, theta)
    rows = np.concatenate([density, density * p, density * p**2, *(density * above[k] for k in range(len(thresholds)))])
    for begin in range(0, len(mu), 4000):
        part = slice(begin, begin + 4000)
        kernel = _normal_density((theta[:, None] - mu[part]) / tau[part]) / tau[part]
        result = (rows @ kernel).reshape(3 + len(thresholds), len(x), -1)
        parts.likelihood[:, columns[part]] = result[0]
        parts.first[:, columns[part]] = result[1]
        parts.second[:, columns[part]] = result[2]
        parts.above[:, :, columns[part]] = result[3:].transpose(1, 0, 2)
