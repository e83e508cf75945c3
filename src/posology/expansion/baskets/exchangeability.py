"""Multi-source exchangeability: each pair of baskets shares a rate or does not, averaged over every graph of pairs.

Hobbs BP, Landin R, Statistics in Medicine 2018;37:3557-3572; Kaizer AM, Koopmeiners JS, Hobbs BP, Biostatistics
2018;19:169-184.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import betaincc, betaln, softmax

from posology.expansion.baskets.posterior import BasketPosterior, checked_counts, in_parts
from posology.shared.arrays import ArrayLike, Floats, Ints

__all__ = ["MultiSourceExchangeability"]

MAX_BASKETS = 6
"""32,768 graphs; of 7 baskets there are two million."""


@dataclass(frozen=True)
class MultiSourceExchangeability:
    """Average over every graph of pairwise exchangeability.

    Parameters
    ----------
    a, b
        shapes of the prior, above 0.
    prior_pair
        prior chance that two baskets share a rate, in (0, 1).

    Examples
    --------
    >>> MultiSourceExchangeability().posterior([[8, 6, 2]], [19, 14, 7], 0.15).above.round(4)
    array([[0.9998, 0.9997, 0.9972]])
    """

    a: float = 0.5
    b: float = 0.5
    prior_pair: float = 0.5

    def __post_init__(self) -> None:
        if self.a <= 0 or self.b <= 0 or not 0 < self.prior_pair < 1:
            raise ValueError(
                f"a is {self.a}, b {self.b}, prior_pair {self.prior_pair}: shapes above 0, a chance between 0 and 1"
            )

    def _graphs(self, baskets: int) -> tuple[Ints, Floats]:
        """Return (graphs, baskets, baskets) with 1 where two share a rate, and the log prior of each."""
        if baskets > MAX_BASKETS:
            raise ValueError(f"{baskets} baskets: every graph is listed for {MAX_BASKETS} or fewer")
        rows, columns = np.triu_indices(baskets, 1)
        bits = (np.arange(2 ** len(rows))[:, None] >> np.arange(len(rows))) & 1
        graphs = np.zeros((len(bits), baskets, baskets), dtype=np.int64)
        graphs[:, rows, columns] = graphs[:, columns, rows] = bits
        graphs[:, np.arange(baskets), np.arange(baskets)] = 1
        shared = bits.sum(axis=1)
        return graphs, shared * np.log(self.prior_pair) + (len(rows) - shared) * np.log1p(-self.prior_pair)

    def _weights(self, x: Ints, n: Ints) -> tuple[Floats, Ints, Floats, Floats]:
        """Return graphs' posterior (trials, graphs), the graphs, and the shapes of each basket under each."""
        graphs, log_prior = self._graphs(x.shape[1])
        a = self.a + np.einsum("gij,tj->tgi", graphs, x)
        b = self.b + np.einsum("gij,tj->tgi", graphs, n - x)
        alone = betaln(self.a + x, self.b + n - x) - betaln(self.a, self.b)
        log_marginal = (betaln(a, b) - betaln(self.a, self.b)).sum(axis=2)
        log_marginal += np.einsum("gij,tj->tg", 1 - graphs, alone)
        return softmax(log_marginal + log_prior, axis=1), graphs, a, b

    def pairs(self, responses: ArrayLike, patients: ArrayLike) -> Floats:
        """Return (trials, baskets, baskets): posterior chance that two share a rate."""
        weight, graphs, _, _ = self._weights(*checked_counts(responses, patients))
        return np.asarray(np.einsum("tg,gij->tij", weight, graphs))

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
        >>> posterior = MultiSourceExchangeability().posterior([1, 4], [8, 8], 0.2)
        >>> posterior.mean.round(2), posterior.above.round(2)
        (array([[0.22, 0.44]]), array([[0.5 , 0.94]]))
        """
        x, n = checked_counts(responses, patients)
        graphs = 2 ** (x.shape[1] * (x.shape[1] - 1) // 2)
        return in_parts(lambda x, n: self._averaged(x, n, rate), x, n, 4_000_000 // (graphs * x.shape[1]))

    def _averaged(self, x: Ints, n: Ints, rate: ArrayLike) -> BasketPosterior:
        weight, _, a, b = self._weights(x, n)
        weight = weight[:, :, None]
        mean = a / (a + b)
        average = (weight * mean).sum(axis=1)
        variance = (weight * mean * (a + 1) / (a + b + 1)).sum(axis=1) - average**2
        return BasketPosterior(average, np.sqrt(variance), (weight * betaincc(a, b, rate)).sum(axis=1))
