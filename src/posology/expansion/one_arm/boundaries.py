"""Boundaries on a count in one arm: what every design of one arm with one binary endpoint comes to.

At each look so many responses or fewer end the cohort for futility, so many or more end it for success. The same table
decides live, with patients still awaited, and gives exact operating characteristics: the number of ways to reach each
count without crossing is carried from look to look, free of the true rate, so one table answers every rate.

Toxicities are counted by the same table: there "success" is the boundary that ends the cohort, and is called
:attr:`Outcome.TOO_TOXIC`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Literal

import numpy as np

from posology.shared.arrays import ArrayLike, Floats, Ints

__all__ = ["Boundaries", "Characteristics", "CohortDecision", "Outcome"]


class Outcome(IntEnum):
    """What a cohort comes to."""

    WAIT = -1  # at a look, and the patients still awaited can change the answer
    CONTINUE = 0
    FUTILITY = 1
    SUCCESS = 2
    INCONCLUSIVE = 3  # all patients are in, and the count lies between the boundaries
    TOO_TOXIC = 4


@dataclass(frozen=True)
class CohortDecision:
    """What to do with a cohort, and why.

    ``look`` counts from 1 (0 before the first), ``next_look`` is the number of patients at the next one (None: none).
    """

    outcome: Outcome
    look: int
    next_look: int | None
    reason: str


@dataclass(frozen=True)
class Characteristics:
    """Exact operating characteristics at each true rate.

    Parameters
    ----------
    rate
        (rates,): true rates.
    futility, success
        (rates, looks): chance of ending there for that reason.
    patients
        (rates,): expected number of patients.
    looks
        (looks,): patients at each look.
    """

    rate: Floats
    futility: Floats
    success: Floats
    patients: Floats
    looks: Ints

    @property
    def power(self) -> Floats:
        """(rates,): chance of success; at a rate of no interest the type I error."""
        return np.asarray(self.success.sum(axis=1))

    @property
    def early_stop(self) -> Floats:
        """(rates,): chance of ending before the last look."""
        return np.asarray(self.futility[:, :-1].sum(axis=1) + self.success[:, :-1].sum(axis=1))


@dataclass(frozen=True)
class Boundaries:
    """A table of boundaries.

    Parameters
    ----------
    looks
        patients at each look, increasing; the last is the maximum.
    futility
        at each look: so many responses or fewer end it for futility; -1 where it cannot end so.
    success
        at each look: so many responses or more end it for success; one more than the patients where it cannot end so.
    counted
        what is counted: "response", or "toxicity", where crossing the upper boundary is a reason to end.

    Raises
    ------
    ValueError
        if looks do not increase, lengths differ, or the boundaries of a look overlap.

    Examples
    --------
    Simon's optimal design for 10 % against 30 %, errors 5 and 20 %: 1 of 10 or fewer, 5 of 29 or fewer are too few.

    >>> design = Boundaries((10, 29), (1, 5), (11, 6))
    >>> result = design.characteristics([0.1, 0.3])
    >>> result.power.round(4), result.patients.round(2)
    (array([0.0471, 0.8051]), array([15.01, 26.16]))
    >>> design.decide(10, 1).reason
    '1 of 10 patients responded: 1 or fewer at 10 end the cohort for futility'
    """

    looks: tuple[int, ...]
    futility: tuple[int, ...]
    success: tuple[int, ...]
    counted: Literal["response", "toxicity"] = "response"

    def __post_init__(self) -> None:
        if not self.looks or not len(self.looks) == len(self.futility) == len(self.success):
            raise ValueError("give the patients, the futility and the success boundary of each look, one look or more")
        if self.looks[0] < 1 or any(a >= b for a, b in zip(self.looks, self.looks[1:], strict=False)):
            raise ValueError(f"looks are {self.looks}: they must be 1 or more and increase")
        for n, low, high in zip(self.looks, self.futility, self.success, strict=True):
            if not -1 <= low < high <= n + 1:
                raise ValueError(
                    f"at {n} patients {low} or fewer are futile and {high} or more a success: "
                    f"boundaries lie between -1 and {n + 1} and must not overlap"
                )

    @property
    def max_patients(self) -> int:
        """The most patients."""
        return self.looks[-1]

    @cached_property
    def _log_paths(self) -> tuple[tuple[Floats, Floats], ...]:
        """For each look, (n + 1,) log numbers of ways to arrive at each count there, and the same of those that go
        on."""
        from scipy.special import gammaln, logsumexp  # here: the record reads boundaries and needs none of it

        arrived_and_going = []
        going, before = np.zeros(1), 0
        for n, low, high in zip(self.looks, self.futility, self.success, strict=True):
            added = n - before
            more = np.arange(added + 1)
            choose = gammaln(added + 1) - gammaln(more + 1) - gammaln(added - more + 1)
            steps = np.full((len(going), n + 1), -np.inf)
            for count, ways in enumerate(going):
                steps[count, count : count + added + 1] = ways + choose
            arrived = np.asarray(logsumexp(steps, axis=0))
            going = arrived.copy()
            going[: low + 1] = -np.inf
            going[high:] = -np.inf
            arrived_and_going.append((arrived, going))
            before = n
        return tuple(arrived_and_going)

    def characteristics(self, rate: ArrayLike) -> Characteristics:
        """Return exact operating characteristics at true rates, (rates,) each in [0, 1].

        Raises
        ------
        ValueError
            if a rate does not lie in [0, 1].
        """
        from scipy.special import xlog1py, xlogy

        p = np.atleast_1d(np.asarray(rate, dtype=float))
        if not ((p >= 0) & (p <= 1)).all():
            raise ValueError(f"a rate lies between 0 and 1, not {p[~((p >= 0) & (p <= 1))][0]}")
        futility = np.zeros((len(p), len(self.looks)))
        success = np.zeros_like(futility)
        patients = np.zeros(len(p))
        for k, (n, (arrived, _)) in enumerate(zip(self.looks, self._log_paths, strict=True)):
            responses = np.arange(n + 1)
            chance = np.exp(arrived + xlogy(responses, p[:, None]) + xlog1py(n - responses, -p[:, None]))
            futility[:, k] = chance[:, : self.futility[k] + 1].sum(axis=1)
            success[:, k] = chance[:, self.success[k] :].sum(axis=1)
            ended = futility[:, k] + success[:, k]
            patients += n * (ended if k + 1 < len(self.looks) else chance[:, np.isfinite(arrived)].sum(axis=1))
        return Characteristics(p, futility, success, patients, np.asarray(self.looks))

    def decide(self, patients: int, responses: int, pending: int = 0) -> CohortDecision:
        """Return what to do after so many responses in so many patients.

        Parameters
        ----------
        patients
            treated, those awaited included.
        responses
            seen so far.
        pending
            patients among them whose outcome is awaited: an answer is given only if no outcome of theirs changes it.

        Raises
        ------
        ValueError
            if the counts contradict each other, or exceed the design's maximum.

        Examples
        --------
        >>> Boundaries((10, 29), (1, 5), (11, 6)).decide(10, 1, pending=1).outcome.name
        'WAIT'
        """
        if not (pending >= 0 and 0 <= responses <= patients - pending):
            raise ValueError(f"{responses} responses and {pending} awaited of {patients} patients: that cannot be")
        if patients > self.max_patients:
            raise ValueError(
                f"{patients} patients were treated, the design has {self.max_patients}: its error rates hold no more; "
                "estimate instead"
            )
        passed = [k for k, n in enumerate(self.looks) if n <= patients]
        look = len(passed)
        upcoming = self.looks[look] if look < len(self.looks) else None
        if not passed:
            return CohortDecision(Outcome.CONTINUE, 0, upcoming, f"the first look is at {upcoming} patients")
        at = self.looks[look - 1]
        return self._at_look(look, at, upcoming, (patients, responses, pending))

    def _at_look(self, look: int, at: int, upcoming: int | None, counts: tuple[int, int, int]) -> CohortDecision:
        """Judge a look of ``at`` patients; those treated beyond it count at the next one."""
        patients, responses, pending = counts
        verb = "responded" if self.counted == "response" else "had a toxicity"
        seen = f"{responses} of {patients} patients {verb}" + (f", {pending} awaited" if pending else "")
        low, high = self.futility[look - 1], self.success[look - 1]
        beyond = patients - at  # they may be the ones that responded
        if responses - beyond >= high:
            toxic = self.counted == "toxicity"
            reason = f"{seen}: {high} or more at {at} end the cohort for {'toxicity' if toxic else 'success'}"
            return CohortDecision(Outcome.TOO_TOXIC if toxic else Outcome.SUCCESS, look, upcoming, reason)
        if responses + pending <= low:
            reason = f"{seen}: {low} or fewer at {at} end the cohort for futility"
            return CohortDecision(Outcome.FUTILITY, look, upcoming, reason)
        if (pending or beyond) and (responses - beyond <= low or responses + pending >= high):
            who = "the awaited can change" if pending else f"those treated after the first {at} can change"
            return CohortDecision(Outcome.WAIT, look, upcoming, f"{seen}: {who} the answer at {at}")
        if upcoming is None:
            return CohortDecision(Outcome.INCONCLUSIVE, look, None, f"{seen}: between the boundaries at the last look")
        reason = f"{seen}: between the boundaries at {at}; the next look is at {upcoming}"
        return CohortDecision(Outcome.CONTINUE, look, upcoming, reason)

    def rows(self) -> list[dict[str, int | None]]:
        """Return a row a look, as protocols print them: None where a boundary cannot be crossed."""
        return [
            {
                "patients": n,
                "futility at most": low if low >= 0 else None,
                "success at least": high if high <= n else None,
            }
            for n, low, high in zip(self.looks, self.futility, self.success, strict=True)
        ]
