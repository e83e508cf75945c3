"""TOP: monitoring a response that takes time to be seen, without waiting for every patient.

Lin R, Coleman RL, Yuan Y, Journal of the National Cancer Institute 2020;112:38-45. A patient still awaited has not
responded for a part of the time in which responses are seen, and counts as that part of a patient without response. So
n patients with some awaited are worth an effective number of patients, and BOP2's cut-off judges them:

    futile  where  Pr(p > p0 | beta(a + x, b + m - x)) < lambda (n/N)^gamma,   m = n - awaited + sum of their parts.

With too many awaited (n of n^2/N or more) accrual waits. With none awaited this is BOP2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq
from scipy.special import betaincc

from posology.expansion.one_arm.bop2 import bop2_binary
from posology.expansion.one_arm.boundaries import Boundaries, CohortDecision, Outcome
from posology.shared.arrays import ArrayLike, Bools, Floats

__all__ = ["Top", "TopCharacteristics"]


@dataclass(frozen=True)
class TopCharacteristics:
    """Simulated operating characteristics at one true rate.

    Parameters
    ----------
    promising, early_stop
        chance to be found promising, and to end for futility before the last look.
    patients, months
        expected number of patients, and of months to the final answer.
    waiting
        expected months in which accrual waited.
    trials
        simulated.
    """

    promising: float
    early_stop: float
    patients: float
    months: float
    waiting: float
    trials: int

    @property
    def standard_error(self) -> float:
        """Of the chance to be found promising."""
        return float(np.sqrt(self.promising * (1 - self.promising) / self.trials))


@dataclass(frozen=True)
class Top:
    """TOP for one binary endpoint.

    Parameters
    ----------
    looks
        patients at each look, increasing; the last is the maximum N.
    p0
        response rate of no interest, in (0, 1).
    lambda_, gamma
        of the futility cut-off lambda (n/N)^gamma: in (0, 1), and 0 or more.
    prior
        beta shapes, above 0; by default (p0, 1 - p0), one patient's worth.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    Five responses, four of 15 patients awaited who were followed for half of the time:

    >>> design = Top((15, 30, 45), 0.45, lambda_=0.94, gamma=0.5)
    >>> decision = design.decide(15, 5, [0.5, 0.5, 0.5, 0.5])
    >>> decision.outcome.name, decision.reason
    ('FUTILITY', '5 responses in 13 effective patients (4 of 15 awaited): chance of a rate above 45 % is 31.1 %, below 54.3 %')
    """

    looks: tuple[int, ...]
    p0: float
    lambda_: float
    gamma: float
    prior: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        bop2_binary(self.looks, self.p0, lambda_=self.lambda_, gamma=self.gamma, prior=self.prior)

    @property
    def shapes(self) -> tuple[float, float]:
        """Of the prior."""
        return self.prior or (self.p0, 1 - self.p0)

    @property
    def complete(self) -> Boundaries:
        """The boundaries once nobody is awaited: BOP2's."""
        return bop2_binary(self.looks, self.p0, lambda_=self.lambda_, gamma=self.gamma, prior=self.prior)

    def cutoff(self, patients: ArrayLike) -> Floats:
        """Return the chance below which so many patients, awaited ones included, are futile."""
        return np.asarray(self.lambda_ * (np.asarray(patients) / self.looks[-1]) ** self.gamma)

    def chance(self, responses: ArrayLike, effective: ArrayLike) -> Floats:
        """Return the chance that the rate exceeds ``p0``, after responses in an effective number of patients."""
        a, b = self.shapes
        x = np.asarray(responses)
        return np.asarray(betaincc(a + x, b + np.asarray(effective) - x, self.p0))

    def most_awaited(self, patients: int) -> int:
        """Return the number of awaited patients at which accrual waits: n^2/N, rounded up."""
        return -(-patients * patients // self.looks[-1])

    def futile_from(self, look: int, responses: int) -> float:
        """Return the effective number of patients from which ``responses`` are too few at a look of ``look`` patients.

        Not a number where even all of them, followed in full, are not.
        """
        cutoff = float(self.cutoff(look))
        if self.chance(responses, look) >= cutoff:
            return float("nan")
        if self.chance(responses, responses) < cutoff:
            return float(responses)
        return float(brentq(lambda m: float(self.chance(responses, m)) - cutoff, responses, look, xtol=1e-12))

    def decide(self, patients: int, responses: int, followed: Sequence[float] = ()) -> CohortDecision:
        """Return what to do at a look.

        Parameters
        ----------
        patients
            treated, those awaited included: a look, or more.
        responses
            seen so far.
        followed
            for each patient awaited, the part of the time in which responses are seen that has passed, in [0, 1).

        Raises
        ------
        ValueError
            if the counts contradict each other, or exceed the maximum.

        Examples
        --------
        >>> Top((10, 20), 0.2, 0.9, 1.0).decide(10, 3).outcome.name
        'CONTINUE'
        """
        awaited = len(followed)
        if not 0 <= responses <= patients - awaited:
            raise ValueError(f"{responses} responses and {awaited} awaited of {patients} patients: that cannot be")
        if any(not 0 <= part < 1 for part in followed):
            raise ValueError(f"followed for {list(followed)}: each is a part of the time, from 0 to below 1")
        if patients > self.looks[-1]:
            raise ValueError(f"{patients} patients were treated, the design has {self.looks[-1]}")
        passed = [n for n in self.looks if n <= patients]
        upcoming = self.looks[len(passed)] if len(passed) < len(self.looks) else None
        if not passed:
            return CohortDecision(Outcome.CONTINUE, 0, upcoming, f"the first look is at {upcoming} patients")
        if awaited and (upcoming is None or awaited >= self.most_awaited(patients)):
            waits = (
                "the last look is judged when nobody is awaited"
                if upcoming is None
                else (f"{self.most_awaited(patients)} or more of {patients} awaited: accrual waits")
            )
            return CohortDecision(Outcome.WAIT, len(passed), upcoming, f"{awaited} of {patients} awaited: {waits}")
        effective = patients - awaited + sum(followed)
        chance, cutoff = float(self.chance(responses, effective)), float(self.cutoff(patients))
        futile = chance < cutoff
        judged = (
            f"{responses} responses in {effective:g} effective patients ({awaited} of {patients} awaited): "
            f"chance of a rate above {100 * self.p0:g} % is {100 * chance:.1f} %, "
            f"{'below' if futile else 'not below'} {100 * cutoff:.1f} %"
        )
        if futile:
            return CohortDecision(Outcome.FUTILITY, len(passed), upcoming, judged)
        outcome = Outcome.SUCCESS if upcoming is None else Outcome.CONTINUE
        return CohortDecision(outcome, len(passed), upcoming, judged)

    def simulate(
        self,
        rate: float,
        rng: np.random.Generator,
        *,
        patients_a_month: float,
        window: float,
        trials: int = 10_000,
    ) -> TopCharacteristics:
        """Simulate trials with patients arriving at random and responses at any time of the window alike.

        A look is taken when the next patient arrives, and the last one when nobody is awaited.

        Parameters
        ----------
        rate
            true response rate by the end of the window, in [0, 1].
        rng
            the source of randomness.
        patients_a_month
            mean accrual, above 0.
        window
            months in which a response is seen, above 0.
        trials
            to simulate.

        Returns
        -------
        TopCharacteristics
            at that rate.

        Raises
        ------
        ValueError
            if a parameter is out of its bounds.

        Examples
        --------
        >>> design = Top((10, 20), 0.2, 0.9, 1.0)
        >>> result = design.simulate(0.5, np.random.default_rng(1), patients_a_month=2, window=3, trials=1_000)
        >>> result.promising > 0.9
        True
        """
        if not 0 <= rate <= 1 or not patients_a_month > 0 or not window > 0 or trials < 1:
            raise ValueError(
                f"rate {rate}, {patients_a_month} patients a month, window {window}, {trials} trials: "
                "a rate lies from 0 to 1, the others are above 0"
            )
        most = self.looks[-1]
        enrolled = np.cumsum(rng.exponential(1 / patients_a_month, (trials, most)), axis=1)
        responds = rng.random((trials, most)) < rate
        seen = np.where(responds, rng.random((trials, most)), 1.0) * window  # months after enrolment until known
        going = np.ones(trials, bool)
        patients = np.full(trials, most)
        months = np.zeros(trials)
        waiting = np.zeros(trials)
        for n in self.looks:
            known = np.sort(enrolled[:, :n] + seen[:, :n], axis=1)
            allowed = 0 if n == most else max(self.most_awaited(n) - 1, 0)
            due = enrolled[:, min(n, most - 1)]
            at = np.maximum(due, known[:, n - 1 - allowed])
            if n < most:  # accrual waits until few enough are awaited
                wait = at - due
                enrolled[:, n:] += wait[:, None]
                waiting += np.where(going, wait, 0.0)
            futile = going & self._futile(n, at, (enrolled[:, :n], seen[:, :n], responds[:, :n]), window)
            patients[futile] = n
            months[going] = at[going]
            going &= ~futile
        early = patients < most
        return TopCharacteristics(
            float(going.mean()),
            float(early.mean()),
            float(patients.mean()),
            float(months.mean()),
            float(waiting.mean()),
            trials,
        )

    def _futile(self, n: int, at: Floats, course: tuple[Floats, Floats, Bools], window: float) -> Bools:
        """Return (trials,): whether a look of n patients at time ``at`` is futile."""
        enrolled, seen, responds = course
        since = at[:, None] - enrolled
        known = since >= seen - 1e-12
        effective = np.where(known, 1.0, np.clip(since / window, 0.0, 1.0)).sum(axis=1)
        responses = (responds & known).sum(axis=1)
        return np.asarray(self.chance(responses, effective) < self.cutoff(n))
