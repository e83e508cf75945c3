"""BOP2: Bayesian optimal phase II, for one endpoint or two, with futility and efficacy stopping.

Zhou H, Lee JJ, Yuan Y, Statistics in Medicine 2017;36:3302-3314; efficacy boundary: Xu X, Hashizume K, Belay SY,
BOP2-FE (2025, R package BOP2FE). At a look of n of N patients the cut-offs are

    futility   lambda (n/N)^gamma                    (ends where the chance of being better is below it)
    efficacy   1 - (1 - lambda) (n/N)^eta            (ends where it is as high)

A patient's outcome is one of a few categories with a Dirichlet prior worth one patient; an endpoint is a set of them,
so that its posterior is a beta distribution of its own count. So each boundary is a number of patients, found exactly;
and because a trial's past matters through the counts alone, operating characteristics are exact too, by carrying the
chance of every pair of counts from look to look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.special import betaincc, gammaln

from posology.expansion.one_arm.boundaries import Boundaries
from posology.shared.arrays import Bools, Floats

__all__ = ["Bop2", "Bop2Characteristics", "Endpoints", "bop2_binary", "bop2_search"]

Endpoints = Literal["nested", "co-primary", "efficacy and toxicity"]

MARGINS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "nested": ((1, 0, 0), (1, 1, 0)),
    "co-primary": ((1, 1, 0, 0), (1, 0, 1, 0)),
    "efficacy and toxicity": ((1, 1, 0, 0), (1, 0, 1, 0)),
}
"""Which categories count towards the first and the second endpoint."""


def bop2_binary(
    looks: Sequence[int],
    p0: float,
    *,
    lambda_: float,
    gamma: float,
    eta: float | None = None,
    prior: tuple[float, float] | None = None,
) -> Boundaries:
    """Return the boundaries for one binary endpoint.

    Parameters
    ----------
    looks
        patients at each look, increasing.
    p0
        response rate of no interest, in (0, 1).
    lambda_, gamma
        of the futility cut-off: in (0, 1), and 0 or more.
    eta
        of the efficacy cut-off, 0 or more; None: success at the last look alone.
    prior
        beta shapes; by default (p0, 1 - p0).

    Examples
    --------
    >>> bop2_binary([10, 15, 20, 30], 0.1, lambda_=0.9, gamma=0.7, eta=1.0).futility
    (1, 1, 2, 5)
    """
    _check_cutoffs(lambda_, gamma, eta)
    if not 0 < p0 < 1:
        raise ValueError(f"p0 is {p0}: it lies between 0 and 1")
    a, b = prior or (p0, 1 - p0)
    low, high = [], []
    for n in looks:
        x = np.arange(n + 1)
        better = betaincc(a + x, b + n - x, p0)
        futile = better < lambda_ * (n / looks[-1]) ** gamma
        low.append(int(futile.sum()) - 1)
        enough = np.zeros(n + 1, bool)
        if eta is not None:
            enough = (better >= 1 - (1 - lambda_) * (n / looks[-1]) ** eta) & ~futile
        if n == looks[-1]:
            enough = ~futile
        high.append(int(np.argmax(enough)) if enough.any() else n + 1)
    return Boundaries(tuple(looks), tuple(low), tuple(high))


def _check_cutoffs(lambda_: float, gamma: float, eta: float | None) -> None:
    if not 0 < lambda_ < 1 or gamma < 0 or (eta is not None and eta < 0):
        raise ValueError(
            f"lambda is {lambda_}, gamma {gamma}, eta {eta}: lambda lies between 0 and 1, the others are 0 or more"
        )


@dataclass(frozen=True)
class Bop2Characteristics:
    """Exact operating characteristics in each scenario: chances to be found promising, to end early, patients
    expected."""

    promising: Floats
    early_futility: Floats
    early_efficacy: Floats
    patients: Floats


@dataclass(frozen=True)
class Bop2:
    """BOP2 for two endpoints.

    Parameters
    ----------
    endpoints
        "nested": categories (first, second without first, neither), as CR, PR, neither: futile where both CR and CR+PR
        are too rare. "co-primary": (both, first only, second only, neither): futile where both endpoints are too rare.
        "efficacy and toxicity": (response and toxicity, response only, toxicity only, neither): ends where response is
        too rare or toxicity too frequent.
    looks
        patients at each look, increasing.
    null
        (categories,): chances under the null hypothesis, which also give the two rates of no interest; they sum to 1.
    lambda_, gamma, eta
        of the cut-offs; ``eta`` None: no efficacy stopping.
    prior
        Dirichlet shapes; by default ``null``, worth one patient.

    Examples
    --------
    >>> design = Bop2("co-primary", (10, 20, 30), (0.05, 0.05, 0.15, 0.75), lambda_=0.8, gamma=0.5, eta=1.0)
    >>> [boundary.futility for boundary in design.boundaries]
    [(1, 2, 4), (2, 4, 8)]
    """

    endpoints: Endpoints
    looks: tuple[int, ...]
    null: tuple[float, ...]
    lambda_: float
    gamma: float
    eta: float | None = None
    prior: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if self.endpoints not in MARGINS:
            raise ValueError(f"endpoints is {self.endpoints!r}: it must be {', '.join(MARGINS)}")
        categories = len(MARGINS[self.endpoints][0])
        shapes = self.prior or self.null
        if len(self.null) != categories or len(shapes) != categories:
            raise ValueError(f"{self.endpoints} endpoints have {categories} categories, not {len(self.null)}")
        if abs(sum(self.null) - 1) > 1e-9 or min(self.null) < 0 or min(shapes) <= 0:
            raise ValueError("the chances under the null sum to 1, and the prior's shapes are above 0")
        if not self.looks or any(a >= b for a, b in zip((0, *self.looks), self.looks, strict=False)):
            raise ValueError(f"looks are {self.looks}: they must be 1 or more and increase")
        _check_cutoffs(self.lambda_, self.gamma, self.eta)

    @property
    def rates(self) -> tuple[float, float]:
        """The two rates of no interest."""
        first, second = MARGINS[self.endpoints]
        return float(np.dot(first, self.null)), float(np.dot(second, self.null))

    @property
    def counts_toxicity(self) -> bool:
        """Whether the second endpoint is better when rarer."""
        return self.endpoints == "efficacy and toxicity"

    def _better(self, endpoint: int, n: int) -> Floats:
        """Return (n + 1,): the chance that an endpoint is better than under the null, after each count of it."""
        margin = np.asarray(MARGINS[self.endpoints][endpoint])
        shapes = np.asarray(self.prior or self.null)
        a, b = float(shapes[margin == 1].sum()), float(shapes[margin == 0].sum())
        x = np.arange(n + 1)
        higher = betaincc(a + x, b + n - x, self.rates[endpoint])
        return np.asarray(1 - higher if endpoint == 1 and self.counts_toxicity else higher)

    def _cutoffs(self, n: int) -> tuple[float, float]:
        share = n / self.looks[-1]
        efficacy = np.inf if self.eta is None else 1 - (1 - self.lambda_) * share**self.eta
        return self.lambda_ * share**self.gamma, efficacy

    @cached_property
    def boundaries(self) -> tuple[Boundaries, Boundaries]:
        """Each endpoint's own numbers.

        For toxicity "success" is the fewest toxicities that end it, "futility" the most allowed.
        """
        return tuple(
            Boundaries(
                self.looks,
                *self._limits(endpoint),
            )
            for endpoint in (0, 1)
        )  # type: ignore[return-value]

    def _limits(self, endpoint: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
        low, high = [], []
        for n in self.looks:
            better = self._better(endpoint, n)
            futility, efficacy = self._cutoffs(n)
            if endpoint == 1 and self.counts_toxicity:
                fine = better >= efficacy
                low.append(int(fine.sum()) - 1)
                high.append(int(np.argmax(better < futility)) if (better < futility).any() else n + 1)
            else:
                low.append(int((better < futility).sum()) - 1)
                high.append(int(np.argmax(better >= efficacy)) if (better >= efficacy).any() else n + 1)
        return tuple(low), tuple(high)

    def verdicts(self, n: int) -> tuple[Bools, Bools]:
        """Return two (n + 1, n + 1) tables over the counts of both endpoints at a look: ends for futility, for
        efficacy."""
        futility, efficacy = self._cutoffs(n)
        first, second = self._better(0, n)[:, None], self._better(1, n)[None, :]
        if self.counts_toxicity:
            return (first < futility) | (second < futility), (first >= efficacy) & (second >= efficacy)
        return (first < futility) & (second < futility), (first >= efficacy) | (second >= efficacy)

    def decide(self, n: int, first: int, second: int) -> Literal["continue", "futility", "efficacy", "promising"]:
        """Judge the counts of both endpoints at a look; at the last one what is not futile is promising.

        Raises
        ------
        ValueError
            if ``n`` is no look, or a count does not lie between 0 and n.
        """
        if n not in self.looks:
            raise ValueError(f"{n} patients are no look of the design: {', '.join(map(str, self.looks))}")
        if not (0 <= first <= n and 0 <= second <= n):
            raise ValueError(f"counts are {first} and {second} of {n} patients: that cannot be")
        futile, effective = (bool(table[first, second]) for table in self.verdicts(n))
        if futile:
            return "futility"
        if n == self.looks[-1]:
            return "promising"
        return "efficacy" if effective else "continue"

    def characteristics(self, scenarios: Sequence[Sequence[float]]) -> Bop2Characteristics:
        """Return exact operating characteristics.

        Parameters
        ----------
        scenarios
            (scenarios, categories): true chances of the categories; each row sums to 1.
        """
        truth = np.atleast_2d(np.asarray(scenarios, dtype=float))
        if truth.shape[1] != len(self.null) or np.abs(truth.sum(axis=1) - 1).max() > 1e-9 or truth.min() < 0:
            raise ValueError(f"a scenario has {len(self.null)} chances that sum to 1")
        parts = [self._follow(row) for row in truth]
        return Bop2Characteristics(*(np.array(column) for column in zip(*parts, strict=True)))

    def _follow(self, truth: Floats) -> tuple[float, float, float, float]:
        """Carry the chance of each pair of counts from look to look."""
        going = np.ones((1, 1))
        futility = efficacy = promising = patients = 0.0
        before = 0
        for n in self.looks:
            arrived = _convolved(going, _pair_chances(truth, MARGINS[self.endpoints], n - before))
            futile, effective = self.verdicts(n)
            last = n == self.looks[-1]
            stops = futile | (effective & ~futile)
            if last:
                promising += float(arrived[~futile].sum())
                patients += n * float(arrived.sum())
            else:
                futility += float(arrived[futile].sum())
                efficacy += float(arrived[effective & ~futile].sum())
                patients += n * float(arrived[stops].sum())
            going = np.where(stops, 0.0, arrived)
            before = n
        return promising + efficacy, futility, efficacy, patients


def _pair_chances(truth: Floats, margins: tuple[tuple[int, ...], tuple[int, ...]], n: int) -> Floats:
    """Return (n + 1, n + 1): the chance of each pair of counts of two endpoints in n patients."""
    chances = np.zeros((n + 1, n + 1))
    one = np.zeros((2, 2))
    for chance, first, second in zip(truth, *margins, strict=True):
        one[first, second] += chance
    # both, first only and second only patients: a multinomial summed over how many had both
    both, only_first, only_second, neither = one[1, 1], one[1, 0], one[0, 1], one[0, 0]
    counts = np.arange(n + 1)
    with np.errstate(divide="ignore"):
        logs = np.log([both, only_first, only_second, neither])
    for k in range(n + 1):
        i, j = counts[: n + 1 - k, None], counts[None, : n + 1 - k]
        rest = n - k - i - j
        ok = rest >= 0
        power = sum(
            np.where(m > 0, m * log if np.isfinite(log) else np.where(m > 0, -np.inf, 0.0), 0.0)
            for m, log in (
                (np.full_like(rest, k), logs[0]),
                (i + 0 * rest, logs[1]),
                (j + 0 * rest, logs[2]),
                (np.maximum(rest, 0), logs[3]),
            )
        )
        log_ways = gammaln(n + 1) - gammaln(k + 1) - gammaln(i + 1) - gammaln(j + 1) - gammaln(np.maximum(rest, 0) + 1)
        chances[k:, k:] += np.where(ok, np.exp(power + log_ways), 0.0)
    return chances


def _convolved(a: Floats, b: Floats) -> Floats:
    """Return the two-dimensional convolution: the sum of two independent pairs of counts."""
    from scipy.signal import convolve

    return np.asarray(convolve(a, b, method="direct"))


def bop2_search(
    looks: Sequence[int],
    p0: float,
    p1: float,
    *,
    alpha: float = 0.1,
    eta: float | None = None,
    lambdas: Sequence[float] = tuple(np.round(np.arange(0.5, 1.0, 0.01), 2)),
    gammas: Sequence[float] = tuple(np.round(np.arange(0.0, 1.51, 0.05), 2)),
) -> tuple[float, float, Boundaries]:
    """Return lambda and gamma of the most powerful BOP2 design whose exact type I error is within ``alpha``.

    Among equally powerful designs the one with the fewest patients expected under the null is taken.

    Parameters
    ----------
    looks
        patients at each look, increasing.
    p0, p1
        response rate of no interest, and of interest, 0 < p0 < p1 < 1.
    alpha
        the most that the type I error may be.
    eta
        of the efficacy cut-off; None: success at the last look alone.
    lambdas, gammas
        to try.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or none of them keeps the error.

    Examples
    --------
    >>> lambda_, gamma, design = bop2_search([10, 20, 30], 0.2, 0.4, alpha=0.1)
    >>> bool(design.characteristics(0.2).power[0] <= 0.1)
    True
    """
    if not 0 < p0 < p1 < 1:
        raise ValueError(f"p0 is {p0} and p1 is {p1}: it must hold that 0 < p0 < p1 < 1")
    tried: dict[tuple[tuple[int, ...], tuple[int, ...]], tuple[float, float, Boundaries]] = {}
    for lambda_ in lambdas:
        for gamma in gammas:
            design = bop2_binary(looks, p0, lambda_=lambda_, gamma=gamma, eta=eta)
            tried.setdefault((design.futility, design.success), (float(lambda_), float(gamma), design))
    best, score = None, (-np.inf, -np.inf)
    for candidate in tried.values():
        result = candidate[2].characteristics([p0, p1])
        here = (round(float(result.power[1]), 12), -float(result.patients[0]))
        if result.power[0] <= alpha and here > score:
            best, score = candidate, here
    if best is None:
        raise ValueError(f"none of the cut-offs tried keeps the type I error within {alpha:g}: try larger lambdas")
    return best
