"""Toxicity boundaries for a cohort watched patient by patient, or at looks.

So many toxicities at n patients end the cohort. Every rule orders what can be seen at a look by a statistic that grows
with the toxicities, and ends the cohort where the statistic reaches a constant; the constant is the smallest that keeps
the chance of ending at an acceptable rate ``p0`` at ``alpha`` or less. Because only finitely many results can be seen,
the boundary is found exactly: the constants at which it changes are the statistics themselves.

The rules differ in their statistic, and so in how they spend ``alpha``:

==================  ====================================================  ======================================
rule                statistic of y toxicities in n patients               source
==================  ====================================================  ======================================
Pocock              level of the one-sided binomial test of p0            Ivanova, Qaqish, Schell, Biometrics
                                                                          2005;61:540-545
power family        (level's normal quantile) (n/N)^shape                 shape 0: Pocock; 1/2: O'Brien-Fleming
Wang-Tsiatis        (y - n p0) / sqrt(n p0 q0) (n/N)^(1/2 - shape)        Biometrics 1987;43:193-199; shape 0:
                                                                          O'Brien-Fleming, 1/2: Pocock
beta-binomial       posterior chance that the rate exceeds p0             Geller et al. 2003; with a second rate:
                                                                          Chen, Chaloner, Stat Med 2006;25:2956
SPRT                log likelihood ratio of p1 to p0                      Goldman, Control Clin Trials 1987;8:327
maximised SPRT      log likelihood ratio of the best rate to p0           Kulldorff et al., Seq Anal 2011;30:58
==================  ====================================================  ======================================

Here a boundary is *reached*: so many or more end the cohort. clinfun prints the number to be *exceeded*, one less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy.special import betainc, betaincc, ndtri, xlogy

from posology.expansion.one_arm.boundaries import Boundaries
from posology.shared.arrays import Floats

__all__ = [
    "Statistic",
    "beta_binomial",
    "max_sprt",
    "pocock",
    "power_family",
    "sprt",
    "toxicity_boundaries",
    "toxicity_boundaries_with_power",
    "wang_tsiatis",
]

Statistic = Callable[[int, int, float], Floats]
"""``statistic(n, last, p0)``: (n + 1,) values for 0 to n toxicities in n of ``last`` patients, not decreasing; minus
infinity where the cohort must not end."""


def toxicity_boundaries(
    looks: Sequence[int], p0: float, alpha: float = 0.05, statistic: Statistic | None = None
) -> Boundaries:
    """Return the boundary that ends a cohort too toxic, with an exact chance of at most ``alpha`` to end at ``p0``.

    Parameters
    ----------
    looks
        patients at each look, increasing; ``range(1, 31)`` watches patient by patient.
    p0
        acceptable toxicity rate, in (0, 1).
    alpha
        the most that the chance of ending may be where the rate is ``p0``, in (0, 1).
    statistic
        the rule; by default :func:`pocock`.

    Returns
    -------
    Boundaries
        of toxicities, to be *reached*.

    Raises
    ------
    ValueError
        if a rate or the looks are out of their bounds.

    Examples
    --------
    Acceptable: 20 %; after each of 20 patients.

    >>> rule = toxicity_boundaries(range(1, 21), 0.2, 0.1)
    >>> rule.success[:10]
    (2, 3, 3, 3, 4, 4, 4, 5, 5, 5)
    >>> float(rule.characteristics(0.2).power[0].round(4))
    0.0866
    """
    _check(looks, p0, alpha)
    family = _Family.of(looks, p0, statistic or pocock())
    return family[family.first(lambda bounds: bool(bounds.characteristics(p0).power[0] <= alpha))]


def toxicity_boundaries_with_power(
    looks: Sequence[int],
    p0: float,
    p1: float,
    *,
    alpha: float = 0.1,
    power: float = 0.9,
    keep: Literal["alpha", "power"] = "alpha",
    statistic: Statistic | None = None,
) -> tuple[Boundaries, Boundaries]:
    """Return the two neighbouring boundaries between which a wish for ``alpha``, or for ``power``, is met.

    Parameters
    ----------
    looks
        patients at each look, increasing.
    p0, p1
        acceptable and unacceptable toxicity rate, 0 < p0 < p1 < 1.
    alpha, power
        chance of ending wished for at ``p0`` and at ``p1``.
    keep
        "alpha": the higher boundary is the lowest that ends with at most ``alpha`` at ``p0``; "power": the lower one
        is the highest that ends with at least ``power`` at ``p1``.
    statistic
        the rule; by default :func:`power_family` of shape 0, which is Pocock's.

    Returns
    -------
    tuple[Boundaries, Boundaries]
        the lower (ends sooner) and the higher boundary.

    Raises
    ------
    ValueError
        if a rate is out of its bounds, or if even ending at the first toxicity has less than ``power``.

    Examples
    --------
    >>> lower, higher = toxicity_boundaries_with_power([10, 20, 30], 0.2, 0.4, alpha=0.1, power=0.9)
    >>> lower.success, higher.success
    ((5, 7, 10), (5, 8, 10))
    """
    _check(looks, p0, alpha)
    if not p0 < p1 < 1 or not 0 < power < 1:
        raise ValueError(f"p0 is {p0}, p1 {p1}, power {power}: p0 < p1 < 1, and power between 0 and 1")
    family = _Family.of(looks, p0, statistic or power_family(0.0))
    rate, chance = (p0, alpha) if keep == "alpha" else (p1, power)
    if keep == "alpha":
        higher = family.first(lambda bounds: bool(bounds.characteristics(rate).power[0] <= chance))
    else:
        higher = family.first(lambda bounds: bool(bounds.characteristics(rate).power[0] < chance))
    if higher == 0:
        raise ValueError(f"no boundary ends with a chance of {chance:g} at a rate of {rate:g}: take more patients")
    return family[higher - 1], family[higher]


@dataclass(frozen=True)
class _Family:
    """Every boundary that a statistic can give, from the one that ends soonest to the one that never ends.

    ``statistics`` holds a look's values, ``constants`` the distinct values at which the boundary changes.
    """

    looks: tuple[int, ...]
    statistics: tuple[Floats, ...]
    constants: Floats

    @classmethod
    def of(cls, looks: Sequence[int], p0: float, statistic: Statistic) -> _Family:
        """Return the family of a rule."""
        values = tuple(np.maximum.accumulate(statistic(n, looks[-1], p0)) for n in looks)
        together = np.unique(np.concatenate(values))
        kept = np.isfinite(together)
        apart = np.ones(kept.sum(), bool)
        apart[1:] = np.diff(together[kept]) > 1e-12 * np.maximum(1.0, np.abs(together[kept][1:]))
        return cls(tuple(looks), values, together[kept][apart])

    def __len__(self) -> int:
        return len(self.constants) + 1

    def __getitem__(self, index: int) -> Boundaries:
        """Return the boundary that ends where the statistic reaches constant ``index``; beyond the last: never."""
        if index == len(self.constants):
            first = [n + 1 for n in self.looks]
        else:
            constant = self.constants[index]
            least = constant - 1e-12 * max(1.0, abs(constant))
            first = [int(np.searchsorted(values, least)) for values in self.statistics]
        return Boundaries(self.looks, (-1,) * len(self.looks), tuple(first), counted="toxicity")

    def first(self, fits: Callable[[Boundaries], bool]) -> int:
        """Return the first index whose boundary fits, for a condition that stays true once it is."""
        low, high = 0, len(self) - 1
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if fits(self[middle]) else (middle + 1, high)
        return low


def pocock() -> Statistic:
    """Return Pocock's rule: every look tests ``p0`` at the same exact level."""

    def statistic(n: int, last: int, p0: float) -> Floats:
        return -_tail(n, p0)

    return statistic


def power_family(shape: float) -> Statistic:
    """Return the rule whose level's normal quantile falls as (n/N)^shape: 0 is Pocock's, 1/2 O'Brien-Fleming's.

    As clinfun: so many or more end the cohort where the chance of *that many or more* is at most the level of the look.
    """
    if not 0 <= shape <= 0.5:
        raise ValueError(f"the shape is {shape}: it lies from 0 to 0.5")

    def statistic(n: int, last: int, p0: float) -> Floats:
        return np.asarray(-ndtri(_tail(n, p0)) * (n / last) ** shape)

    return statistic


def wang_tsiatis(shape: float) -> Statistic:
    """Return the rule on the standardised excess of toxicities: shape 0 is O'Brien-Fleming's, 1/2 Pocock's."""
    if not 0 <= shape <= 0.5:
        raise ValueError(f"the shape is {shape}: it lies from 0 to 0.5")

    def statistic(n: int, last: int, p0: float) -> Floats:
        excess = (np.arange(n + 1) - n * p0) / np.sqrt(n * p0 * (1 - p0))
        return np.asarray(excess * (n / last) ** (0.5 - shape))

    return statistic


def beta_binomial(a: float, b: float, *, above: float | None = None, chance: float = 0.5) -> Statistic:
    """Return the rule on the posterior chance that the rate exceeds ``p0``.

    Parameters
    ----------
    a, b
        shapes of the beta prior, above 0.
    above, chance
        Chen and Chaloner's second condition: it ends only where the rate also exceeds ``above`` with more than
        ``chance``. None: no second condition.

    Examples
    --------
    >>> toxicity_boundaries([5, 10], 0.2, 0.1, beta_binomial(0.4, 1.6)).success
    (3, 5)
    """
    if min(a, b) <= 0 or (above is not None and not (0 < above < 1 and 0 <= chance < 1)):
        raise ValueError(
            f"shapes {a} and {b} must lie above 0, the second rate {above} and its chance {chance} in 0 to 1"
        )

    def statistic(n: int, last: int, p0: float) -> Floats:
        y = np.arange(n + 1)
        value = np.asarray(betaincc(a + y, b + n - y, p0))
        if above is not None:
            value = np.where(betaincc(a + y, b + n - y, above) > chance, value, -np.inf)
        return value

    return statistic


def sprt(p1: float) -> Statistic:
    """Return the truncated sequential probability ratio test of ``p1`` against ``p0``."""

    def statistic(n: int, last: int, p0: float) -> Floats:
        if not p0 < p1 < 1:
            raise ValueError(f"p0 is {p0} and p1 {p1}: p0 < p1 < 1")
        y = np.arange(n + 1)
        return np.asarray(y * np.log(p1 / p0) + (n - y) * np.log((1 - p1) / (1 - p0)))

    return statistic


def max_sprt() -> Statistic:
    """Return the maximised sequential probability ratio test: the observed rate against ``p0``."""

    def statistic(n: int, last: int, p0: float) -> Floats:
        y = np.arange(n + 1)
        ratio = xlogy(y, y / (n * p0)) + xlogy(n - y, (n - y) / (n * (1 - p0)))
        return np.where(y > n * p0, ratio, -np.inf)

    return statistic


def _tail(n: int, p0: float) -> Floats:
    """Return (n + 1,): the chance of 0 to n toxicities or more in n patients."""
    y = np.arange(n + 1)
    return np.concatenate([[1.0], betainc(y[1:], n - y[1:] + 1, p0)])


def _check(looks: Sequence[int], p0: float, alpha: float) -> None:
    if not looks or looks[0] < 1 or any(a >= b for a, b in pairwise(looks)):
        raise ValueError(f"looks are {list(looks)}: they must be 1 or more and increase")
    if not (0 < p0 < 1 and 0 < alpha < 1):
        raise ValueError(f"p0 is {p0} and alpha {alpha}: both lie between 0 and 1")
