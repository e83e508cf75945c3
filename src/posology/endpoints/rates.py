"""Rates with exact intervals: objective response, disease control, clinical benefit; and the order of a waterfall plot.

Intervals: Clopper CJ, Pearson ES, Biometrika 1934;26:404. RECIST 1.1 (section 4.6) wants every patient of the stated
denominator in the rate, those not evaluable included, as not responding.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from posology.endpoints.recist import Response
from posology.shared.arrays import ArrayLike, Bools, Floats, Ints

OBJECTIVE = (Response.CR, Response.PR)
CONTROLLED = (Response.CR, Response.PR, Response.SD, Response.NON_CR_NON_PD)


class Denominator(StrEnum):
    """Whom a rate is taken over."""

    TREATED = "treated"
    MEASURABLE = "treated, with measurable disease at baseline"
    ASSESSED = "treated, with measurable disease at baseline and an assessment after it"


@dataclass(frozen=True)
class Rate:
    """A rate and its exact interval: ``count`` of ``of`` patients.

    Examples
    --------
    >>> rate = exact(34, 113)
    >>> rate.text
    '34/113, 30 % (95 % CI 22-39)'
    """

    count: int
    of: int
    value: float
    lower: float
    upper: float
    level: float = 0.95
    denominator: str = ""

    @property
    def text(self) -> str:
        """The rate in words, in whole per cent."""
        low, high = (round(100 * x) for x in (self.lower, self.upper))
        return f"{self.count}/{self.of}, {100 * self.value:.0f} % ({100 * self.level:g} % CI {low}-{high})"


def clopper_pearson(count: ArrayLike, of: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return the exact limits of a proportion.

    Parameters
    ----------
    count, of
        successes and patients, of one shape.
    level
        of the interval; two-sided, half of the rest on either side.

    Raises
    ------
    ValueError
        if a count is negative, more than its patients, or of no patients, or the level does not lie between 0 and 1.

    Examples
    --------
    >>> low, high = clopper_pearson(1, 6)
    >>> round(float(low), 4), round(float(high), 4)
    (0.0042, 0.6412)
    """
    from scipy.special import betaincinv

    x, n = np.asarray(count), np.asarray(of)
    if not 0 < level < 1:
        raise ValueError(f"level is {level:g}: it must lie between 0 and 1")
    if (n < 1).any() or (x < 0).any() or (x > n).any() or (x % 1 != 0).any() or (n % 1 != 0).any():
        raise ValueError(f"{x} of {n}: there must be at least one patient, and whole counts from 0 to as many")
    tail = (1 - level) / 2
    low = np.where(x == 0, 0.0, betaincinv(np.maximum(x, 1), n - x + 1, tail))
    high = np.where(x == n, 1.0, betaincinv(x + 1, np.maximum(n - x, 1), 1 - tail))
    return low, high


def exact(count: int, of: int, level: float = 0.95, denominator: str = "") -> Rate:
    """Return a rate with its exact interval.

    Parameters
    ----------
    count, of
        how many of how many.
    level
        of the interval (Clopper and Pearson).
    denominator
        what it is a rate of, in words.

    Examples
    --------
    >>> rate = exact(3, 18)
    >>> round(rate.lower, 4), round(rate.upper, 4)
    (0.0358, 0.4142)
    """
    low, high = clopper_pearson(count, of, level)
    return Rate(int(count), int(of), count / of, float(low), float(high), level, denominator)


@dataclass(frozen=True)
class AnalysisSets:
    """Who belongs to which denominator: arrays (patients,) of whether treated, measurable at baseline, assessed
    since."""

    treated: Bools
    measurable: Bools
    assessed: Bools

    def among(self, denominator: Denominator) -> Bools:
        """Return who is in a denominator."""
        chosen = np.asarray(self.treated)
        if denominator is not Denominator.TREATED:
            chosen = chosen & self.measurable
        return chosen & self.assessed if denominator is Denominator.ASSESSED else chosen


def objective_response(
    best: Ints, patients: AnalysisSets, *, denominator: Denominator = Denominator.TREATED, level: float = 0.95
) -> Rate:
    """Return the objective response rate: CR or PR, of the denominator.

    Parameters
    ----------
    best
        (patients,): best overall :class:`~posology.endpoints.recist.Response`. Where confirmation is required, a CR or
        PR must be given only if confirmed.
    patients, denominator
        who they are, and whom the rate is taken over.
    level
        of the interval.

    Examples
    --------
    >>> everyone = np.ones(4, dtype=bool)
    >>> found = objective_response(
    ...     np.array([Response.PR, Response.SD, Response.PD, Response.NE]), AnalysisSets(everyone, everyone, everyone)
    ... )
    >>> found.text, str(found.denominator)
    ('1/4, 25 % (95 % CI 1-81)', 'treated')
    """
    return _rate(np.isin(best, OBJECTIVE), patients, denominator, level)


def disease_control(
    best: Ints, patients: AnalysisSets, *, denominator: Denominator = Denominator.TREATED, level: float = 0.95
) -> Rate:
    """Return the disease control rate: CR, PR, SD or non-CR/non-PD as best response, of the denominator.

    Parameters
    ----------
    best
        (patients,): best responses.
    patients
        who is treated, evaluable, measurable.
    denominator
        of whom the rate is.
    level
        of the interval.

    Examples
    --------
    >>> everyone = np.ones(4, dtype=bool)
    >>> best = np.array([Response.PR, Response.SD, Response.PD, Response.NE])
    >>> disease_control(best, AnalysisSets(everyone, everyone, everyone)).text
    '2/4, 50 % (95 % CI 7-93)'
    """
    return _rate(np.isin(best, CONTROLLED), patients, denominator, level)


def clinical_benefit(
    benefited: ArrayLike, patients: AnalysisSets, *, denominator: Denominator = Denominator.TREATED, level: float = 0.95
) -> Rate:
    """Return the clinical benefit rate, of the denominator.

    Parameters
    ----------
    benefited
        (patients,): whether each had a clinical benefit, which is defined once:
        :func:`posology.endpoints.best_response.clinical_benefit` gives the assessment at which it was reached.
    patients, denominator, level
        as for :func:`objective_response`.

    Examples
    --------
    >>> from posology.endpoints.best_response import clinical_benefit as benefit_at
    >>> seen, day = np.array([[1, 4, 4, 3], [1, 4, 3, 0]]), np.array([[0, 56, 168, 224], [0, 56, 112, 0]])
    >>> everyone = np.ones(2, dtype=bool)
    >>> reached = benefit_at(seen, day, np.zeros(2, dtype=int), minimum_days=168) >= 0
    >>> clinical_benefit(reached, AnalysisSets(everyone, everyone, everyone)).text
    '1/2, 50 % (95 % CI 1-99)'
    """
    return _rate(np.asarray(benefited, dtype=bool), patients, denominator, level)


def waterfall(best_change: Floats) -> Ints:
    """Return the patients of a waterfall plot in its order: largest increase first, those without a change left out.

    Parameters
    ----------
    best_change
        (patients,): the lowest change of the sum of diameters from baseline [%]; NaN where there is none.

    Examples
    --------
    >>> waterfall(np.array([-30.0, 12.0, np.nan, -100.0])).tolist()
    [1, 0, 3]
    """
    order = np.argsort(-np.asarray(best_change), kind="stable")
    return order[~np.isnan(np.asarray(best_change)[order])]


def _rate(counts: Bools, patients: AnalysisSets, denominator: Denominator, level: float) -> Rate:
    among = patients.among(denominator)
    if not among.any():
        raise ValueError(f"no patient is in the denominator: {denominator}")
    return exact(int((counts & among).sum()), int(among.sum()), level, denominator)
