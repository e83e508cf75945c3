"""Toxicity probability intervals: TPI, mTPI, mTPI-2 and Keyboard.

TPI: Ji Y, Li Y, Bekele BN. Dose-finding in phase I clinical trials based on toxicity probability intervals. Clin Trials
2007;4:235-244. mTPI: Ji Y, Liu P, Li Y, Bekele BN. A modified toxicity probability interval method for dose-finding
trials. Clin Trials 2010;7:653-663. mTPI-2: Guo W, Wang S-J, Yang S, Lynn H, Ji Y. A Bayesian interval dose-finding
design addressing Ockham's razor: mTPI-2. Contemp Clin Trials 2017;58:23-33. Keyboard: Yan F, Mandrekar SJ, Yuan Y.
Keyboard: a novel Bayesian toxicity probability interval design for phase I clinical trials. Clin Cancer Res
2017;23:3994-4003.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Gt, Lt

from posology.designs.interval import IntervalDesign
from posology.shared.arrays import Floats, Ints

Margin = Annotated[float, Gt(0), Lt(1)]
BOUNDARY_TOLERANCE = 1e-12


@dataclass(frozen=True)
class _Equivalence(IntervalDesign):
    """Designs with an equivalence interval around the target.

    Parameters
    ----------
    below, above
        the interval runs from the target less ``below`` to the target plus ``above``.
    """

    below: Margin = 0.05
    above: Margin = 0.05

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.target - self.below < self.target + self.above < 1:
            raise ValueError(
                f"the interval from {self.target - self.below:g} to {self.target + self.above:g} must lie between 0"
                " and 1"
            )


@dataclass(frozen=True)
class Mtpi(_Equivalence):
    """The mTPI design: the interval with the highest unit probability mass decides.

    Parameters
    ----------
    below, above
        the equivalence interval, around the target.

    Examples
    --------
    >>> design = Mtpi(levels=5, target=0.3)
    >>> [int(a[6]) for a in design.boundaries]  # of six patients: escalate to, de-escalate from, eliminate from
    [1, 4, 4]
    """

    eliminate_from: int = 1

    def transitions(self, n: Ints, y: Ints) -> Ints:
        """Return the move of the interval of highest unit probability mass."""
        edges = np.array([0, self.target - self.below, self.target + self.above, 1])
        return _highest(n, y, edges, np.array([1, 0, -1]))


@dataclass(frozen=True)
class Mtpi2(_Equivalence):
    """The mTPI-2 design: intervals as wide as the equivalence interval, the incomplete ones at the ends included.

    Parameters
    ----------
    below, above
        the equivalence interval, around the target.

    Examples
    --------
    >>> design = Mtpi2(levels=5, target=0.3)
    >>> [int(a[6]) for a in design.boundaries]
    [1, 3, 4]
    """

    eliminate_from: int = 1

    ends: ClassVar[bool] = True

    def transitions(self, n: Ints, y: Ints) -> Ints:
        """Return the move of the key of highest posterior probability, a part key by its density."""
        low, high = self.target - self.below, self.target + self.above
        width = high - low
        keys_below = int(np.floor(low / width + 1e-9))
        keys_above = int(np.floor((1 - high) / width + 1e-9))
        edges = low + width * np.arange(-keys_below, keys_above + 2)
        signs = [1] * keys_below + [0] + [-1] * keys_above
        if self.ends:
            if edges[0] > 1e-9:
                edges, signs = np.concatenate([[0.0], edges]), [1, *signs]
            if edges[-1] < 1 - 1e-9:
                edges, signs = np.concatenate([edges, [1.0]]), [*signs, -1]
        return _highest(n, y, np.clip(edges, 0, 1), np.array(signs))


@dataclass(frozen=True)
class Keyboard(Mtpi2):
    """The Keyboard design: the strongest key decides, the target key staying.

    Parameters
    ----------
    below, above
        the target key, around the target.
    part_keys
        whether the incomplete keys at the ends, weighed by their width, count as keys too; the paper leaves them out.

    Examples
    --------
    >>> design = Keyboard(levels=5, target=0.3)
    >>> [int(a[6]) for a in design.boundaries]
    [1, 3, 4]
    """

    eliminate_from: int = 3
    part_keys: bool = False

    @property
    def ends(self) -> bool:  # type: ignore[override]
        """Whether the incomplete keys count."""
        return self.part_keys


@dataclass(frozen=True)
class Tpi(IntervalDesign):
    """The TPI design: intervals around the target in standard deviations of the posterior.

    Parameters
    ----------
    k1, k2
        the interval runs from the target less ``k2`` to the target plus ``k1`` posterior standard deviations.

    Examples
    --------
    >>> design = Tpi(levels=5, target=0.25)
    >>> [int(a[6]) for a in design.boundaries]
    [0, 3, 4]
    """

    eliminate_from: int = 2
    k1: Annotated[float, Gt(0)] = 1.0
    k2: Annotated[float, Gt(0)] = 1.5

    PRIOR: ClassVar[tuple[float, float]] = (0.005, 0.005)

    def transitions(self, n: Ints, y: Ints) -> Ints:
        """Return the move of the interval of highest posterior probability."""
        from scipy.special import betainc

        a, b = self.PRIOR[0] + y, self.PRIOR[1] + n - y
        sd = np.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)))
        low = betainc(a, b, np.clip(self.target - self.k2 * sd, 0, 1))
        high = betainc(a, b, np.clip(self.target + self.k1 * sd, 0, 1))
        return np.asarray(1 - np.argmax(np.stack([low, high - low, 1 - high]), axis=0))


@dataclass(frozen=True)
class I3plus3(_Equivalence):
    """The i3+3 design.

    Liu M, Wang S-J, Ji Y. The i3+3 design for phase I clinical trials. J Biopharm Stat 2020;30:294-304. Up where y/n
    lies below the interval, stay where it lies in it; above, stay if one DLT less would lie below, else down.

    Parameters
    ----------
    below, above
        the equivalence interval, around the target.

    Examples
    --------
    >>> design = I3plus3(levels=5, target=0.3)
    >>> [int(a[3]) for a in design.boundaries]
    [0, 2, 3]
    """

    def transitions(self, n: Ints, y: Ints) -> Ints:
        """Return the move by the observed rate."""
        low, high = (self.target - self.below) * n, (self.target + self.above) * n
        inside = (y >= low - BOUNDARY_TOLERANCE) & (y <= high + BOUNDARY_TOLERANCE)
        return np.select([y < low - BOUNDARY_TOLERANCE, inside, y - 1 < low - BOUNDARY_TOLERANCE], [1, 0, 0], -1)


def _highest(n: Ints, y: Ints, edges: Floats, signs: Ints) -> Ints:
    """Return the sign of the interval with the highest posterior mass by its width, under a uniform prior.

    Of equally strong intervals the most toxic counts.
    """
    from scipy.special import betainc

    mass = np.stack([betainc(1 + y, 1 + n - y, edge) for edge in edges])
    unit = np.diff(mass, axis=0) / np.diff(edges)[(slice(None), *[None] * n.ndim)]
    strongest = unit >= unit.max(axis=0) * (1 - 1e-9)
    return np.asarray(np.asarray(signs)[len(signs) - 1 - np.argmax(strongest[::-1], axis=0)])
