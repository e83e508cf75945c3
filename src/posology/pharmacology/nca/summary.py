"""What a group of profiles has in common: number, geometric mean and its variation, median, range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True)
class ParameterSummary:
    """Values of one parameter in a group: how many there are, and what they have in common; NaN where that is undefined.

    ``geometric_cv`` is 100 √(exp(s²) − 1) in percent, s the standard deviation of the logarithms; it and ``sd`` take two
    values. The geometric ones are of values above 0 alone, and undefined where one is not.
    """

    n: int
    mean: float
    sd: float
    geometric_mean: float
    geometric_cv: float
    median: float
    lowest: float
    highest: float


def summarise(values: ArrayLike) -> ParameterSummary:
    """Summarise the values that are known (NaN: not known).

    Examples
    --------
    >>> found = summarise([1.0, 2.0, 4.0, float("nan")])
    >>> found.n, round(found.geometric_mean, 6), round(found.geometric_cv, 4), found.median
    (3, 2.0, 78.537, 2.0)
    """
    known = np.asarray(values, float)
    known = known[np.isfinite(known)]
    undefined = float("nan")
    if not known.size:
        return ParameterSummary(0, *[undefined] * 7)
    logs = np.log(known) if (known > 0).all() else np.full(known.size, np.nan)
    several = known.size > 1
    return ParameterSummary(
        int(known.size),
        float(known.mean()),
        float(known.std(ddof=1)) if several else undefined,
        float(np.exp(logs.mean())),
        float(100 * np.sqrt(np.expm1(logs.var(ddof=1)))) if several else undefined,
        float(np.median(known)),
        float(known.min()),
        float(known.max()),
    )
