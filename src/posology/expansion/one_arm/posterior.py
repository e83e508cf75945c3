"""Monitoring by posterior and predictive probability, and the dual criterion at the end.

Posterior: Thall PF, Simon R, Biometrics 1994;50:337-349. Predictive: Lee JJ, Liu DD, Clinical Trials 2008;5:93-106.
Dual criterion: Fisch R et al., Therapeutic Innovation & Regulatory Science 2015;49:155-162; Roychoudhury S, Scheuer N,
Neuenschwander B, Clinical Trials 2018;15:452-461.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import betaincc, betaincinv, betaln, expit, log_expit, logit

from posology.expansion.beta_mixture import BetaMixture
from posology.expansion.one_arm.boundaries import Boundaries
from posology.shared.arrays import Bools, Floats, Ints

__all__ = [
    "DualCriterion",
    "LeeLiu",
    "lee_liu_search",
    "posterior_boundaries",
    "predictive_boundaries",
    "predictive_probability",
    "thall_simon_boundaries",
    "thall_simon_probability",
]


def posterior_boundaries(
    looks: Sequence[int],
    prior: BetaMixture,
    *,
    futility: tuple[float, float] | None = None,
    success: tuple[float, float] | None = None,
) -> Boundaries:
    """Return boundaries by the posterior at each look.

    Parameters
    ----------
    looks
        patients at each look, increasing.
    prior
        of the response rate.
    futility
        (rate, chance): ends for futility where the rate lies below this rate with this chance or more. None: never.
    success
        (rate, chance): ends for success where the rate lies above this rate with this chance or more. None: never.

    Examples
    --------
    >>> posterior_boundaries([10, 20], BetaMixture.of(1, 1), futility=(0.15, 0.7), success=(0.2, 0.6)).rows()[0]
    {'patients': 10, 'futility at most': 0, 'success at least': 2}
    """
    low, high = [], []
    for n in looks:
        is_futile = (
            np.zeros(n + 1, bool) if futility is None else 1 - prior.posteriors_above(n, futility[0]) >= futility[1]
        )
        is_success = np.zeros(n + 1, bool) if success is None else prior.posteriors_above(n, success[0]) >= success[1]
        low.append(_last(is_futile & ~is_success))
        high.append(_first(is_success))
    return Boundaries(tuple(looks), tuple(low), tuple(high))


def _last(which: Bools) -> int:
    """Return the last count that is true; -1 where none is."""
    return int(np.flatnonzero(which)[-1]) if which.any() else -1


def _first(which: Bools) -> int:
    """Return the first count that is true; one more than the patients where none is."""
    return int(np.argmax(which)) if which.any() else len(which)


def predictive_probability(
    responses: int, patients: int, max_patients: int, prior: BetaMixture, *, rate: float, chance: float
) -> float:
    """Return the chance that the final posterior will put the rate above ``rate`` with more than ``chance``.

    Parameters
    ----------
    responses, patients
        seen so far.
    max_patients
        in the end.
    prior
        of the response rate.
    rate, chance
        of the final judgement.

    Examples
    --------
    The worked example of Lee and Liu:

    >>> round(predictive_probability(16, 23, 40, BetaMixture.of(0.6, 0.4), rate=0.6, chance=0.9), 4)
    0.5656
    """
    if not 0 <= responses <= patients <= max_patients:
        raise ValueError(f"{responses} responses of {patients} patients, {max_patients} in the end: that cannot be")
    wins = prior.posteriors_above(max_patients, rate) > chance
    to_come = prior.after(responses, patients).predictive(max_patients - patients)
    return float(to_come[wins[responses : responses + len(to_come)]].sum())


def _predictive(n: int, max_patients: int, prior: BetaMixture, rate: float, chance: float) -> Floats:
    """Return (n + 1,): the predictive probability after each number of responses in n patients."""
    return np.array([predictive_probability(x, n, max_patients, prior, rate=rate, chance=chance) for x in range(n + 1)])


def predictive_boundaries(
    looks: Sequence[int],
    prior: BetaMixture,
    *,
    rate: float,
    chance: float,
    futility: float = 0.0,
    success: float = 1.0,
    inclusive: bool = False,
) -> Boundaries:
    """Return boundaries by the predictive probability at each look; the last look judges by the posterior.

    Parameters
    ----------
    looks
        patients at each look, increasing.
    prior
        of the response rate.
    rate, chance
        in the end it is a success where the rate lies above ``rate`` with more than ``chance``.
    futility, success
        ends where the predictive probability is below ``futility`` or above ``success``: with 1 never for success.
    inclusive
        whether a probability equal to a bound ends it, as Genentech's phase1b has it; the paper's is not.

    Examples
    --------
    >>> predictive_boundaries([10, 20], BetaMixture.of(0.2, 0.8), rate=0.2, chance=0.9, futility=0.05).rows()[0]
    {'patients': 10, 'futility at most': 1, 'success at least': 8}
    """
    low, high = [], []
    last = looks[-1]
    wins = prior.posteriors_above(last, rate) > chance
    for n in looks:
        probability = _predictive(n, last, prior, rate, chance)
        if n == last:
            is_success, is_futile = wins, ~wins
        elif inclusive:
            is_success, is_futile = probability >= success, probability <= futility
        else:
            is_success, is_futile = probability > success, probability < futility
        low.append(_last(is_futile))
        high.append(_first(is_success))
    return Boundaries(tuple(looks), tuple(low), tuple(high))


@dataclass(frozen=True)
class LeeLiu:
    """A design by predictive probability, with its final chance ``theta_t`` and its exact error and power."""

    boundaries: Boundaries
    theta_l: float
    theta_t: float
    type_1_error: float
    power: float
    expected_patients: float


def lee_liu_search(
    p0: float,
    p1: float,
    *,
    prior: BetaMixture | None = None,
    first_look: int = 10,
    min_patients: int = 20,
    max_patients: int = 50,
    alpha: float = 0.1,
    beta: float = 0.1,
    theta_l: Sequence[float] = (0.001, 0.01, 0.05, 0.1, 0.2),
) -> LeeLiu:
    """Return the smallest design by predictive probability that meets the errors, monitored patient by patient.

    The final judgement is a number of responses, so the final chance is searched over the numbers that it can be, and
    not over a grid. Among the designs of the smallest size the one with the fewest patients expected at ``p0`` is
    taken.

    Parameters
    ----------
    p0, p1
        response rate of no interest, and of interest, 0 < p0 < p1 < 1.
    prior
        of the response rate; by default beta(p0, 1 - p0), worth one patient.
    first_look
        patients at the first look; then after each patient.
    min_patients, max_patients
        the sizes to look at.
    alpha, beta
        the most that type I and type II error may be.
    theta_l
        the futility bounds to try.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or no design will do.

    Examples
    --------
    >>> design = lee_liu_search(0.2, 0.4, min_patients=25, max_patients=40)
    >>> design.boundaries.max_patients, round(design.type_1_error, 3), round(design.power, 3)
    (36, 0.088, 0.906)
    """
    if not 0 < p0 < p1 < 1 or not (0 < alpha < 1 and 0 < beta < 1):
        raise ValueError(
            f"p0 is {p0}, p1 {p1}, alpha {alpha}, beta {beta}: 0 < p0 < p1 < 1, and errors between 0 and 1"
        )
    prior = prior or BetaMixture.of(p0, 1 - p0)
    bounds = np.asarray(theta_l, dtype=float)
    for size in range(max(min_patients, first_look), max_patients + 1):
        futile = _futile_at(prior, first_look, size, bounds)
        power, patients = _one_by_one(futile, first_look, size, np.array([p0, p1]))
        fits = (power[..., 0] <= alpha) & (power[..., 1] >= 1 - beta)
        if fits.any():
            win, k = np.unravel_index(int(np.where(fits, patients[..., 0], np.inf).argmin()), fits.shape)
            return _lee_liu(prior, p0, p1, first_look, size, int(win) + 1, float(bounds[k]), futile[:, win, k])
    raise ValueError(
        f"no design of {min_patients} to {max_patients} patients tells {p0:g} from {p1:g} with errors {alpha:g} and"
        f" {beta:g}"
    )


def _futile_at(prior: BetaMixture, first: int, size: int, bounds: Floats) -> Ints:
    """Return (looks, wins, bounds): the most responses at which it is futile, where 1 to ``size`` responses win in the
    end.

    The predictive probability is carried back from the last patient, by what the next patient is expected to show.
    """
    counts = np.arange(size + 1)
    wins = np.arange(1, size + 1)[:, None]
    probability = (counts[None, :] >= wins).astype(float)
    futile = np.empty((size - first + 1, size, len(bounds)), dtype=np.int64)
    futile[-1] = wins - 1
    for n in range(size - 1, first - 1, -1):
        next_responds = np.array([prior.after(x, n).mean for x in range(n + 1)])
        probability = next_responds * probability[:, 1 : n + 2] + (1 - next_responds) * probability[:, : n + 1]
        futile[n - first] = (probability[:, :, None] < bounds).sum(axis=1) - 1
    return futile


def _one_by_one(futile: Ints, first: int, size: int, rates: Floats) -> tuple[Floats, Floats]:
    """Return (wins, bounds, rates): chance to win, and expected patients, watched patient by patient."""
    _, wins, bounds = futile.shape
    going = np.zeros((wins, bounds, len(rates), size + 1))
    going[..., 0] = 1.0
    patients = np.zeros((wins, bounds, len(rates)))
    counts = np.arange(size + 1)
    p = rates[:, None]
    for n in range(1, size + 1):
        patients += going.sum(axis=-1)
        stay = going * (1 - p)
        stay[..., 1:] += going[..., :-1] * p
        going = stay
        if n >= first:
            going *= counts > futile[n - first][:, :, None, None]
    return going.sum(axis=-1), patients


def _lee_liu(
    prior: BetaMixture, p0: float, p1: float, first: int, size: int, win: int, theta_l: float, futile: Ints
) -> LeeLiu:
    """Return a design found, with its exact characteristics."""
    looks = tuple(range(first, size + 1))
    boundaries = Boundaries(looks, tuple(int(x) for x in futile), (*(n + 1 for n in looks[:-1]), win))
    result = boundaries.characteristics([p0, p1])
    chances = prior.posteriors_above(size, p0)
    theta_t = float((chances[win - 1] + chances[win]) / 2)
    return LeeLiu(
        boundaries, theta_l, theta_t, float(result.power[0]), float(result.power[1]), float(result.patients[0])
    )


def thall_simon_probability(
    responses: int, patients: int, prior: tuple[float, float], standard: tuple[float, float], delta: float = 0.0
) -> float:
    """Return the chance that the response rate exceeds that of the standard by more than ``delta``.

    Parameters
    ----------
    responses, patients
        seen with the drug.
    prior, standard
        beta shapes of the drug's prior, and of what is known of the standard.
    delta
        the improvement asked for, in [0, 1).

    Examples
    --------
    >>> round(thall_simon_probability(5, 10, (0.6, 1.4), (15, 35)), 4)
    0.8576
    """
    if not 0 <= responses <= patients:
        raise ValueError(f"{responses} responses of {patients} patients: that cannot be")
    return float(_improvements(np.array([responses]), patients, prior, standard, delta)[0])


def _improvements(
    responses: Ints, patients: int, prior: tuple[float, float], standard: tuple[float, float], delta: float
) -> Floats:
    """Return the chance of an improvement after each number of responses.

    Gauss-Legendre quadrature over the logit of the standard's rate, where the density has no corners; at 12 panels of
    20 nodes it agrees with adaptive quadrature to 1e-10.
    """
    if min(*prior, *standard) <= 0 or not 0 <= delta < 1:
        raise ValueError(
            f"shapes are {prior} and {standard}, delta {delta}: shapes lie above 0, delta from 0 to below 1"
        )
    low, high = betaincinv(*standard, [1e-15, 1 - 1e-15])
    top = min(float(high), 1 - delta) if delta else float(high)
    if top <= low:
        return np.zeros(len(responses))
    edges = np.linspace(logit(max(float(low), 1e-300)), logit(top) if top < 1 else 40.0, 13)
    nodes, weights = np.polynomial.legendre.leggauss(20)
    half = np.diff(edges)[:, None] / 2
    at = (edges[:-1, None] + half + half * nodes).ravel()
    rate = expit(at)
    a, b = standard
    log_density = a * log_expit(at) + b * log_expit(-at) - betaln(a, b)
    mass = (half * weights).ravel() * np.exp(log_density)
    x = responses[:, None]
    better = betaincc(prior[0] + x, prior[1] + patients - x, np.minimum(rate + delta, 1.0))
    return np.asarray(better @ mass)


def thall_simon_boundaries(
    looks: Sequence[int],
    prior: tuple[float, float],
    standard: tuple[float, float],
    *,
    futility: float | None = None,
    success: float | None = None,
    delta: float = 0.0,
) -> Boundaries:
    """Return boundaries against an uncertain standard.

    Parameters
    ----------
    looks
        patients at each look, increasing.
    prior, standard
        beta shapes of the drug's prior, and of what is known of the standard.
    futility
        ends for futility where the chance of an improvement of more than ``delta`` is this or less. None: never.
    success
        ends for success where the chance of any improvement is this or more. None: never.
    delta
        the improvement asked for by the futility rule.

    Examples
    --------
    >>> thall_simon_boundaries([10, 20], (0.6, 1.4), (15, 35), futility=0.05, success=0.95).success
    (7, 11)
    """
    low, high = [], []
    for n in looks:
        counts = np.arange(n + 1)
        never = np.zeros(n + 1, bool)
        futile = never if futility is None else _improvements(counts, n, prior, standard, delta) <= futility
        enough = never if success is None else _improvements(counts, n, prior, standard, 0.0) >= success
        low.append(_last(futile & ~enough))
        high.append(_first(enough))
    return Boundaries(tuple(looks), tuple(low), tuple(high))


@dataclass(frozen=True)
class DualCriterion:
    """Go where all of several statements about the rate are likely enough; no-go where none is; else consider.

    Parameters
    ----------
    prior
        of the response rate.
    rates, chances
        (criteria,): go where, for each, the rate lies above ``rates`` with more than ``chances``: as (0.2, 0.4) with
        (0.95, 0.5), significance against 20 % and an estimate above 40 %.

    Examples
    --------
    >>> rule = DualCriterion(BetaMixture.of(1, 1), (0.2, 0.4), (0.95, 0.5))
    >>> rule.judge(8, 20), rule.judge(7, 20), rule.judge(2, 20)
    ('go', 'consider', 'no-go')
    """

    prior: BetaMixture
    rates: tuple[float, ...]
    chances: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.rates) != len(self.chances) or not self.rates:
            raise ValueError("give a rate and a chance for each criterion, and one criterion or more")
        for name in ("rates", "chances"):
            if not all(0 < value < 1 for value in getattr(self, name)):
                raise ValueError(f"{name} are {getattr(self, name)}: each lies between 0 and 1")

    def _met(self, patients: int) -> Bools:
        """Return (criteria, patients + 1): whether each criterion is met after each number of responses."""
        return np.stack(
            [self.prior.posteriors_above(patients, q) > c for q, c in zip(self.rates, self.chances, strict=True)]
        )

    def judge(self, responses: int, patients: int) -> Literal["go", "consider", "no-go"]:
        """Judge the final count."""
        if not 0 <= responses <= patients:
            raise ValueError(f"{responses} responses of {patients} patients: that cannot be")
        met = self._met(patients)[:, responses]
        return "go" if met.all() else "consider" if met.any() else "no-go"

    def boundaries(self, patients: int) -> Boundaries:
        """Return the rule as a table: no-go at most, go at least."""
        met = self._met(patients)
        return Boundaries((patients,), (_last(np.asarray(~met.any(axis=0))),), (_first(np.asarray(met.all(axis=0))),))
