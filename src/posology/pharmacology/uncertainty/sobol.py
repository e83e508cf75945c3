"""Sobol indices of any model on the unit cube, and the priors that carry the cube to what is uncertain.

Sobol IM, Math Comput Simul 2001;55:271-280; Saltelli A et al., Comput Phys Commun 2010;181:259-270. The points are
those of SALib (Herman J, Usher W, J Open Source Softw 2017;2:97); for a model without chance so are the indices. The
first index is the share of the variance that a number explains alone, the total one that which goes with it in any way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from posology.pharmacology.compounds.quantity import Quantity
from posology.shared.arrays import ArrayLike, Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray


RESAMPLES = 200


@dataclass(frozen=True)
class Prior:
    """What an uncertain number may be: a quantity, its median, and how it is distributed about it.

    Parameters
    ----------
    quantity
        the number; its ``cv`` says how far it is uncertain.
    kind
        "log-normal"; "above 1": the excess over 1 is log-normal (a factor that is 1 or more); "odds": the odds of a
        share are. The last two are as wide as the cv says of the number itself, to first order.
    why
        where the spread comes from.

    Raises
    ------
    ValueError
        if the value is out of the domain of its kind.

    Examples
    --------
    >>> slope = Prior(Quantity(2.0, "1", "assumed", "a scenario", cv=0.4))
    >>> slope.at([-1.96, 0, 1.96]).round(2).tolist()
    [0.94, 2.0, 4.26]
    """

    quantity: Quantity
    kind: Literal["log-normal", "above 1", "odds"] = "log-normal"
    why: str = "stated with the number"

    def __post_init__(self) -> None:
        value = self.quantity.value
        low, high = {"log-normal": (0.0, math.inf), "above 1": (1.0, math.inf), "odds": (0.0, 1.0)}[self.kind]
        if not (low < value < high or (self.kind == "above 1" and value == 1)):
            raise ValueError(
                f"{value:g} ({self.quantity.source}) has no {self.kind} prior: it must lie within {low:g} and {high:g}"
            )

    def at(self, deviate: ArrayLike) -> Floats:
        """Return the number at standard normal deviates."""
        value, z = self.quantity.value, np.asarray(deviate, dtype=np.float64)
        step = math.sqrt(math.log1p(self.quantity.cv**2)) * z
        if self.kind == "log-normal":
            return np.asarray(value * np.exp(step))
        if self.kind == "above 1":
            return np.asarray(1 + (value - 1) * np.exp(step * (value / (value - 1) if value > 1 else 1.0)))
        odds = value / (1 - value) * np.exp(step / (1 - value))
        return np.asarray(odds / (1 + odds))

    @property
    def range(self) -> tuple[float, float]:
        """The central 95 %."""
        low, high = self.at([-1.959964, 1.959964])
        return float(low), float(high)


def sample_points(inputs: int, samples: int, seed: int) -> Floats:
    """Return the points to run a model at, as standard normal deviates: (samples x (inputs + 2), inputs).

    Raises
    ------
    ValueError
        if ``samples`` is not a power of 2, from 16 up: the sequence is balanced at those alone.
    """
    from SALib.sample import sobol as sampling
    from scipy.stats import norm

    if samples < 16 or samples & (samples - 1):
        below = 1 << max(samples.bit_length() - 1, 4)
        near = f"{below} or {2 * below}" if samples > 16 else "16 or 32"
        raise ValueError(f"samples is {samples}: it must be a power of 2, 16 or more, such as {near}")
    unit = sampling.sample(_problem(inputs), samples, calc_second_order=False, seed=seed)
    return np.asarray(norm.ppf(np.clip(unit, 1e-6, 1 - 1e-6)))


def _problem(inputs: int) -> dict[str, object]:
    return {"num_vars": inputs, "names": [f"x{j + 1}" for j in range(inputs)], "bounds": [[0.0, 1.0]] * inputs}


@dataclass(frozen=True)
class Indices:
    """First and total index of each input with the half-widths of their bootstrap intervals, (inputs,) each.

    ``noise``: the share of the variance of the results that is chance, 0 for a model without any. Where chance hides
    all else (what is left of the variance is not above 0 in 97.5 % of the bootstrap) it is 1, and the indices are NaN.
    """

    first: Floats
    first_half_width: Floats
    total: Floats
    total_half_width: Floats
    noise: float


def indices(values: ArrayLike, inputs: int, seed: int, level: float = 0.95) -> Indices:
    """Return the Sobol indices of the results at :func:`sample_points`.

    A model with chance in it gives two results of each run, with chances of their own; all runs of one base sample may
    share theirs. Where one result is multiplied by another, they are then taken from either, so that chance adds
    nothing to the indices on average, however much there is: only their intervals widen. With one result a run, or two
    that are the same, the estimators are those of Saltelli 2010, table 2 (b) and (f).

    Parameters
    ----------
    values
        (samples x (inputs + 2),), or (samples x (inputs + 2), 2).
    inputs, seed, level
        how many numbers were varied; seed of the bootstrap over base samples; of its intervals.

    Raises
    ------
    ValueError
        if a result is not finite, or all are the same, so that there is nothing to explain.

    Examples
    --------
    >>> z = sample_points(2, 256, seed=1)
    >>> found = indices(3 * z[:, 0] + z[:, 1], 2, seed=1)  # shares of the variance 0.9 and 0.1
    >>> found.first.round(1).tolist(), found.total.round(1).tolist()
    ([0.9, 0.1], [0.9, 0.1])
    """
    from scipy.stats import norm

    held = np.asarray(values, dtype=np.float64)
    result = np.stack([held, held], axis=-1) if held.ndim == 1 else held
    if not (finite := np.isfinite(result)).all():
        run = int(np.argwhere(~finite)[0][0])
        raise ValueError(f"run {run + 1}: the result is {result[run].tolist()}: it must be finite")
    if np.ptp(result) == 0:
        raise ValueError(f"the result is {result[0, 0]:g} in all {len(result)} runs: there is nothing to explain")
    blocks = (result - result.mean(axis=0)).reshape(-1, inputs + 2, 2)
    first, total, variance = (each[0] for each in _estimates(blocks, np.arange(len(blocks))[None]))
    again = _estimates(blocks, np.random.default_rng(seed).integers(0, len(blocks), (RESAMPLES, len(blocks))))
    if (again[2] > 0).mean() < 0.975:
        hidden = np.full(inputs, np.nan)
        return Indices(hidden, hidden, hidden, hidden, 1.0)
    wide = norm.ppf(0.5 + level / 2)
    first_half, total_half = (np.asarray(wide * np.nanstd(each, axis=0)) for each in again[:2])
    whole = float(blocks[:, [0, -1]].mean(axis=2).var())
    return Indices(first, first_half, total, total_half, max(0.0, 1 - float(variance) / whole))


def _estimates(blocks: Floats, chosen: NDArray[np.int64]) -> tuple[Floats, Floats, Floats]:
    """Return first and total indices, (draws, inputs), and the variance, (draws,), of the base samples ``chosen`` in
    each draw.

    Every one is a mean over base samples of a product, over a variance: those are made once.
    """
    a, mixed, b = blocks[:, :1], blocks[:, 1:-1], blocks[:, -1:]

    def swap(x: Floats) -> Floats:
        return np.asarray(x[..., ::-1])

    alone = (b * swap(mixed - a)).mean(axis=2)
    any_way = 0.5 * ((a - mixed) * swap(a - mixed)).mean(axis=2)
    ends = blocks[:, [0, -1]]
    cross = ends.prod(axis=2).mean(axis=1)
    level = ends.mean(axis=1)

    def mean(each: Floats) -> Floats:
        return np.asarray(each[chosen].mean(axis=1))

    variance = mean(cross) - mean(level).prod(axis=1)
    safe = np.where(variance > 0, variance, np.nan)[:, None]
    return mean(alone) / safe, mean(any_way) / safe, variance
