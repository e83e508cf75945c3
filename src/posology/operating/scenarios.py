"""Scenarios: true DLT rates to try a design under. By hand, drawn from published families, or on a grid.

Random: Paoletti X, O'Quigley J, Maccario J. Design efficiency in dose finding studies. Comput Stat Data Anal
2004;45:197-214, as used by Liu and Yuan (2015). Clertant M, O'Quigley J. Semiparametric dose finding methods. J R Stat
Soc B 2017;79:1487-1508 (pseudo-uniform). Calibration set: Cheung YK. Sample size formulae for the Bayesian continual
reassessment method. Clin Trials 2013;10:852-861.
"""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np

from posology.shared.arrays import Floats


def logistic_set(levels: int, target: float, odds_ratio: float) -> Floats:
    """Return (levels, levels): in each scenario another level has the target rate, neighbours apart by an odds ratio.

    >>> logistic_set(3, 0.25, 2.0).round(2)
    array([[0.25, 0.4 , 0.57],
           [0.14, 0.25, 0.4 ],
           [0.08, 0.14, 0.25]])

    Parameters
    ----------
    levels
        how many, and how many scenarios.
    target
        the target DLT rate.
    odds_ratio
        of neighbouring levels, above 1.
    """
    _check(levels, target)
    if odds_ratio <= 1:
        raise ValueError(f"odds_ratio is {odds_ratio}: the odds of a DLT rise with the level, by a factor above 1")
    step = np.arange(levels)[None, :] - np.arange(levels)[:, None]
    return np.asarray(1 / (1 + (1 - target) / target * odds_ratio ** (-step.astype(np.float64))))


def grid(levels: int, rates: list[float] | Floats) -> Floats:
    """Return every non-decreasing scenario whose rates are among the given ones.

    >>> grid(2, [0.1, 0.3])
    array([[0.1, 0.1],
           [0.1, 0.3],
           [0.3, 0.3]])
    """
    values = np.unique(np.asarray(rates, dtype=np.float64))
    if levels < 1 or not len(values) or values.min() < 0 or values.max() > 1:
        raise ValueError("a grid needs one level or more, and rates between 0 and 1")
    return np.array(list(combinations_with_replacement(values.tolist(), levels)))


def paoletti(
    rng: np.random.Generator,
    scenarios: int,
    levels: int,
    target: float,
    *,
    at_mtd: float = 0.05,
    spread: float = 0.35,
    gap: float = 0.0,
) -> Floats:
    """Draw monotone scenarios around a level drawn at random, on the probit scale (Paoletti 2004; Liu and Yuan 2015).

    Parameters
    ----------
    rng
        the generator.
    scenarios, levels
        how many to draw, of how many levels.
    target
        the target DLT rate.
    at_mtd
        standard deviation of the MTD's rate about the target, probit scale.
    spread, gap
        standard deviation and mean of the square root of the step to the next level, probit scale.

    Returns
    -------
    (scenarios, levels), rising; the level drawn is the one nearest the target.

    Examples
    --------
    >>> drawn = paoletti(np.random.default_rng(1), 200, 5, 0.25)
    >>> bool((np.diff(drawn, axis=1) > 0).all()), drawn.shape
    (True, (200, 5))
    """
    from scipy.special import ndtr, ndtri

    _check(levels, target)
    at = rng.integers(0, levels, scenarios)
    z = np.empty((scenarios, levels))
    rows, centre = np.arange(scenarios), ndtri(target)
    here = centre + at_mtd * rng.standard_normal(scenarios)
    p = ndtr(here)
    mirror = ndtri(np.clip(2 * target - p, 1e-9, 1 - 1e-9))
    z[rows, at] = here
    steps = (gap + spread * rng.standard_normal((scenarios, levels))) ** 2
    for j in range(1, levels):
        up, down = rows[at + j < levels], rows[at - j >= 0]
        # the neighbours lie farther from the target than the MTD does, on their own side of it
        first_up = np.maximum(here, mirror) if j == 1 else None
        first_down = np.minimum(here, mirror) if j == 1 else None
        base = z[up, at[up] + j - 1] if first_up is None else first_up[up]
        z[up, at[up] + j] = base + steps[up, at[up] + j]
        base = z[down, at[down] - j + 1] if first_down is None else first_down[down]
        z[down, at[down] - j] = base - steps[down, at[down] - j]
    return np.asarray(ndtr(z))


def pseudo_uniform(rng: np.random.Generator, scenarios: int, levels: int, target: float) -> Floats:
    """Draw monotone scenarios, the MTD equally likely at each level (Clertant and O'Quigley 2017).

    A level is drawn to be the MTD, and an upper bound on all rates; uniform rates below the bound are sorted, and drawn
    again until that level is the nearest to the target.

    Parameters
    ----------
    rng
        the generator.
    scenarios, levels
        how many to draw, of how many levels.
    target
        the target DLT rate.

    Returns
    -------
    (scenarios, levels), rising.

    Examples
    --------
    >>> drawn = pseudo_uniform(np.random.default_rng(1), 2000, 4, 0.25)
    >>> np.bincount(np.abs(drawn - 0.25).argmin(axis=1)).min() > 400
    np.True_
    """
    _check(levels, target)
    at = rng.integers(0, levels, scenarios)
    result = np.zeros((scenarios, levels))
    open_ = np.arange(scenarios)
    for _ in range(100_000):
        bound = target + (1 - target) * rng.beta(np.maximum(levels - 1 - at[open_], 0.5), 1)
        rates = np.sort(rng.random((len(open_), levels)) * bound[:, None], axis=1)
        fits = np.abs(rates - target).argmin(axis=1) == at[open_]
        result[open_[fits]] = rates[fits]
        open_ = open_[~fits]
        if not len(open_):
            return result
    raise ValueError("no scenarios with the MTD at each level could be drawn: the target is too near 0 or 1")


def _check(levels: int, target: float) -> None:
    if levels < 1:
        raise ValueError(f"levels is {levels}: a scenario has one level or more")
    if not 0 < target < 1:
        raise ValueError(f"target is {target}: a DLT rate lies between 0 and 1")
