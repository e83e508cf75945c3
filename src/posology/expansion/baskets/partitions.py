"""Baskets in blocks that share one rate, averaged over every way to form blocks, or by the most likely one.

Bayesian model averaging: Psioda MA et al., Biostatistics 2021;22:19-34. Local exchangeability: Liu Y, Kane M, Esserman
D et al., Statistics in Medicine 2022;41:4367-4384: baskets borrow within the most likely partition, by how likely two
are together, if the evidence for pooling at all is large enough. Exact: beta-binomial marginal likelihoods of the
blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincc, betaln, softmax

from posology.expansion.baskets.posterior import BasketPosterior, checked_counts, in_parts
from posology.shared.arrays import ArrayLike, Floats, Ints

__all__ = ["BayesianModelAveraging", "LocalExchangeability", "partitions"]

MAX_BASKETS = 10
"""115,975 partitions; of 11 baskets there are 678,570."""


def partitions(baskets: int) -> Ints:
    """Return (partitions, baskets): every way to form blocks; blocks are numbered from 0 in the order of their first
    basket.

    Raises
    ------
    ValueError
        if there are more than ten baskets: more than 115,975 partitions.

    Examples
    --------
    >>> partitions(3).tolist()
    [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1], [0, 1, 2]]
    """
    if not 1 <= baskets <= MAX_BASKETS:
        raise ValueError(f"{baskets} baskets: partitions are listed for 1 to {MAX_BASKETS}")
    return np.array(list(_grown((0,), baskets)), dtype=np.int64)


def _grown(blocks: tuple[int, ...], baskets: int) -> Iterator[tuple[int, ...]]:
    if len(blocks) == baskets:
        yield blocks
        return
    for block in range(max(blocks) + 2):
        yield from _grown((*blocks, block), baskets)


def _blocks(x: Ints, n: Ints, ways: Ints, a: float, b: float) -> tuple[Floats, Floats, Floats]:
    """Return log marginal likelihoods (trials, ways), and each basket's block's shapes (trials, ways, baskets)."""
    together = ways[:, :, None] == ways[:, None, :]  # (ways, baskets, baskets)
    responses = np.einsum("wij,tj->twi", together, x)
    failures = np.einsum("wij,tj->twi", together, n - x)
    shape_a, shape_b = a + responses, b + failures
    size = together.sum(axis=2)
    log_marginal = ((betaln(shape_a, shape_b) - betaln(a, b)) / size).sum(axis=2)
    return log_marginal, shape_a, shape_b


@dataclass(frozen=True)
class BayesianModelAveraging:
    """Average over every partition.

    Parameters
    ----------
    a, b
        shapes of a block's prior, above 0.
    sparsity
        a partition into P blocks has prior weight exp(P x sparsity): 0 all alike, above 0 favours differences.

    Examples
    --------
    >>> BayesianModelAveraging(0.5, 0.5).posterior([[3, 6, 9]], 24, 0.2).mean.round(4)
    array([[0.1935, 0.2584, 0.3165]])
    """

    a: float = 0.5
    b: float = 0.5
    sparsity: float = 0.0

    def posterior(self, responses: ArrayLike, patients: ArrayLike, rate: ArrayLike) -> BasketPosterior:
        """Return the posterior; see :class:`posology.expansion.baskets.posterior.BasketModel`.

        Parameters
        ----------
        responses, patients
            (trials, baskets) or (baskets,): counts.
        rate
            that the chance to exceed is asked of: one, or one a basket.

        Examples
        --------
        >>> posterior = BayesianModelAveraging().posterior([1, 4], [8, 8], 0.2)
        >>> posterior.mean.round(2), posterior.above.round(2)
        (array([[0.23, 0.43]]), array([[0.55, 0.93]]))
        """
        x, n = checked_counts(responses, patients)
        ways = partitions(x.shape[1])
        return in_parts(lambda x, n: self._averaged(x, n, ways, rate), x, n, 4_000_000 // ways.size)

    def _averaged(self, x: Ints, n: Ints, ways: Ints, rate: ArrayLike) -> BasketPosterior:
        log_marginal, a, b = _blocks(x, n, ways, self.a, self.b)
        weight = softmax(log_marginal + self.sparsity * (ways.max(axis=1) + 1), axis=1)[:, :, None]
        mean, above = a / (a + b), betaincc(a, b, rate)
        second = mean * (a + 1) / (a + b + 1)
        average = (weight * mean).sum(axis=1)
        variance = (weight * second).sum(axis=1) - average**2
        return BasketPosterior(average, np.sqrt(variance), (weight * above).sum(axis=1))


@dataclass(frozen=True)
class LocalExchangeability:
    """Borrow within the most likely partition.

    Parameters
    ----------
    a, b
        shapes of each basket's prior, above 0.
    needed_evidence
        the Bayes factor for any pooling against none that it takes to borrow at all; 3.2 is "substantial" in Jeffreys'
        words.
    """

    a: float = 1.0
    b: float = 1.0
    needed_evidence: float = 3.2

    def shapes(self, responses: ArrayLike, patients: ArrayLike) -> tuple[Floats, Floats]:
        """Return the posterior's beta shapes (trials, baskets)."""
        x, n = checked_counts(responses, patients)
        baskets = x.shape[1]
        if baskets == 1:
            return self.a + x.astype(float), self.b + (n - x).astype(float)
        ways = partitions(baskets)
        log_marginal, _, _ = _blocks(x, n, ways, self.a, self.b)
        prior = np.where(ways.max(axis=1) + 1 == baskets, 0.5, 0.5 / (len(ways) - 1))
        weight = softmax(log_marginal + np.log(prior), axis=1)
        together = ways[:, :, None] == ways[:, None, :]
        similarity = np.einsum("tw,wij->tij", weight, together)
        apart = int(np.flatnonzero(ways.max(axis=1) + 1 == baskets)[0])
        evidence = (1 - weight[:, apart]) / weight[:, apart]
        best = together[weight.argmax(axis=1)]
        taken = np.where((evidence > self.needed_evidence)[:, None, None], similarity * best, np.eye(baskets))
        return self.a + np.einsum("tij,tj->ti", taken, x), self.b + np.einsum("tij,tj->ti", taken, n - x)

    def posterior(self, responses: ArrayLike, patients: ArrayLike, rate: ArrayLike) -> BasketPosterior:
        """Return the posterior; see :class:`posology.expansion.baskets.posterior.BasketModel`.

        Parameters
        ----------
        responses, patients
            (trials, baskets) or (baskets,): counts.
        rate
            that the chance to exceed is asked of: one, or one a basket.

        Examples
        --------
        >>> posterior = LocalExchangeability().posterior([1, 4], [8, 8], 0.2)
        >>> posterior.mean.round(2), posterior.above.round(2)
        (array([[0.2, 0.5]]), array([[0.44, 0.98]]))
        """
        x, n = checked_counts(responses, patients)
        size = len(partitions(x.shape[1])) * x.shape[1] ** 2
        return in_parts(lambda x, n: self._borrowed(x, n, rate), x, n, 8_000_000 // size)

    def _borrowed(self, x: Ints, n: Ints, rate: ArrayLike) -> BasketPosterior:
        a, b = self.shapes(x, n)
        mean = a / (a + b)
        return BasketPosterior(mean, np.sqrt(mean * (1 - mean) / (a + b + 1)), np.asarray(betaincc(a, b, rate)))
