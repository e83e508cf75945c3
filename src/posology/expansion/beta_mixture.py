"""A prior or posterior of a rate as a mixture of beta distributions, and what it predicts.

One component is the usual conjugate prior. Several stand for a meta-analytic-predictive prior of a historical control
(Schmidli H et al., Biometrics 2014;70:1023-1032), which :meth:`BetaMixture.robust` makes robust. Posterior and
predictive distributions are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from scipy.optimize import brentq
from scipy.special import betainc, betaincc, betaln, gammaln

from posology.shared.arrays import ArrayLike, Floats

__all__ = ["BetaMixture"]


@dataclass(frozen=True)
class BetaMixture:
    """A mixture of beta distributions.

    Parameters
    ----------
    weights
        (components,): above 0; they are made to sum to 1.
    a, b
        (components,): shapes, above 0.

    Raises
    ------
    ValueError
        if the lengths differ, or a weight or shape is not above 0.

    Examples
    --------
    >>> BetaMixture.of(0.6, 0.4).after(16, 23).above(0.6).round(4)
    np.float64(0.836)
    """

    weights: tuple[float, ...]
    a: tuple[float, ...]
    b: tuple[float, ...]

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.a) == len(self.b) or not self.weights:
            raise ValueError("a mixture needs a weight and two shapes for each component, and one component or more")
        for name in ("weights", "a", "b"):
            values = np.asarray(getattr(self, name), dtype=float)
            if not (np.isfinite(values) & (values > 0)).all():
                raise ValueError(f"{name} is {getattr(self, name)}: each must be a finite number above 0")
        total = sum(self.weights)
        object.__setattr__(self, "weights", tuple(weight / total for weight in self.weights))

    @classmethod
    def of(cls, a: float, b: float) -> Self:
        """Return one beta distribution."""
        return cls((1.0,), (a,), (b,))

    @classmethod
    def of_components(cls, components: Sequence[Sequence[float]]) -> Self:
        """Return the mixture of (weight, a, b) triples."""
        weights, a, b = zip(*components, strict=True)
        return cls(tuple(weights), tuple(a), tuple(b))

    def robust(self, weight: float, mean: float = 0.5) -> BetaMixture:
        """Return the mixture with a vague component of one patient's worth: it wins where the data contradict the rest.

        Parameters
        ----------
        weight
            of the vague component, in (0, 1).
        mean
            of the vague component, in (0, 1); 0.5 gives the uniform distribution of two patients' worth.
        """
        if not 0 < weight < 1 or not 0 < mean < 1:
            raise ValueError(f"weight is {weight} and mean {mean}: both lie between 0 and 1")
        kept = tuple(w * (1 - weight) for w in self.weights)
        return BetaMixture((*kept, weight), (*self.a, 2 * mean), (*self.b, 2 * (1 - mean)))

    @property
    def mean(self) -> float:
        """The mean."""
        return float(sum(w * a / (a + b) for w, a, b in zip(self.weights, self.a, self.b, strict=True)))

    @property
    def sample_size(self) -> float:
        """How many patients it is worth, by the moments: those of the beta distribution of this mean and variance."""
        second = sum(
            w * a * (a + 1) / ((a + b) * (a + b + 1)) for w, a, b in zip(self.weights, self.a, self.b, strict=True)
        )
        return float(self.mean * (1 - self.mean) / (second - self.mean**2) - 1)

    def after(self, responses: float, patients: float) -> BetaMixture:
        """Return the posterior after so many responses in so many patients (fractions of a patient may count).

        Raises
        ------
        ValueError
            unless responses lie between 0 and the patients.
        """
        if not 0 <= responses <= patients:
            raise ValueError(f"{responses} of {patients} patients responded: responses lie between 0 and the patients")
        log_weights = np.log(self.weights) + self._log_marginal(responses, patients)
        weights = np.exp(log_weights - log_weights.max())
        failures = patients - responses
        return BetaMixture(
            tuple((weights / weights.sum()).tolist()),
            tuple(a + responses for a in self.a),
            tuple(b + failures for b in self.b),
        )

    def _log_marginal(self, responses: float, patients: float) -> Floats:
        a, b = np.asarray(self.a), np.asarray(self.b)
        return np.asarray(betaln(a + responses, b + patients - responses) - betaln(a, b))

    def above(self, rate: ArrayLike) -> Floats:
        """Return the chance that the rate lies above each of ``rate``; any shape."""
        return self._mixed(betaincc, rate)

    def below(self, rate: ArrayLike) -> Floats:
        """Return the chance that the rate lies below each of ``rate``; any shape."""
        return self._mixed(betainc, rate)

    def _mixed(self, tail: np.ufunc, rate: ArrayLike) -> Floats:
        at = np.asarray(rate, dtype=float)[..., None]
        return np.asarray((np.asarray(self.weights) * tail(self.a, self.b, at)).sum(axis=-1))

    def quantile(self, chance: float) -> float:
        """Return the rate below which it lies with a chance in (0, 1)."""
        if not 0 < chance < 1:
            raise ValueError(f"the chance is {chance}: it lies between 0 and 1")
        return float(brentq(lambda rate: float(self.below(rate)) - chance, 0.0, 1.0, xtol=1e-13))

    def posteriors_above(self, patients: int, rate: float) -> Floats:
        """Return (patients + 1,): the posterior chance that the rate lies above ``rate``, after each number of
        responses."""
        responses = np.arange(patients + 1)[:, None]
        a, b = np.asarray(self.a), np.asarray(self.b)
        failures = patients - responses
        log_weights = np.log(self.weights) + betaln(a + responses, b + failures) - betaln(a, b)
        weights = np.exp(log_weights - log_weights.max(axis=1, keepdims=True))
        tails = betaincc(a + responses, b + failures, rate)
        return np.asarray((weights * tails).sum(axis=1) / weights.sum(axis=1))

    def predictive(self, patients: int) -> Floats:
        """Return (patients + 1,): the chance of each number of responses in so many patients to come."""
        k = np.arange(patients + 1)[:, None]
        choose = gammaln(patients + 1) - gammaln(k + 1) - gammaln(patients - k + 1)
        a, b = np.asarray(self.a), np.asarray(self.b)
        return np.asarray(
            (np.asarray(self.weights) * np.exp(choose + betaln(a + k, b + patients - k) - betaln(a, b))).sum(axis=1)
        )
