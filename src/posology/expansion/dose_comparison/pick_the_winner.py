"""Randomised selection: take the dose with the most responses.

Simon R, Wittes RE, Ellenberg SS, Cancer Treatment Reports 1985;69:1375-1381. With a margin in favour of the lower dose:
ROSE, Wang S, Yuan Y, Liu S, arXiv 2505.03898 (2025): the higher dose is taken only if its response rate is higher by at
least a margin, so that of two doses that are alike the lower one is taken.

Chances are exact sums over the binomial counts, and so is the bias of having chosen: the winner's observed rate is too
high on average, for it was picked for being high.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import binom

from posology.shared.arrays import ArrayLike, Floats

__all__ = ["RoseDesign", "Selection", "pick_the_winner", "rose", "rose_search"]


@dataclass(frozen=True)
class Selection:
    """What a selection comes to, exactly.

    Parameters
    ----------
    selected
        (doses,): chance that each dose is selected.
    inconclusive
        chance that none is: a tie, or a lead that is too small.
    observed_rate
        (doses,): expected observed response rate where the dose is selected; not a number where it never is.
    bias
        (doses,): ``observed_rate`` less the true rate.
    """

    selected: Floats
    inconclusive: float
    observed_rate: Floats
    bias: Floats


def pick_the_winner(patients: int, rates: ArrayLike, *, lead: int = 1) -> Selection:
    """Return the chances that each dose wins by a lead of so many responses, exactly.

    Parameters
    ----------
    patients
        at each dose, 1 or more.
    rates
        (doses,): true response rates, each from 0 to 1; two doses or more.
    lead
        responses by which the best must lead the second best, 0 or more. With 0 a tie is broken by lot.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    >>> result = pick_the_winner(20, [0.2, 0.35])
    >>> result.selected.round(4), round(result.inconclusive, 4)
    (array([0.1039, 0.8164]), 0.0797)
    """
    p = np.atleast_1d(np.asarray(rates, dtype=float))
    _check(patients, p)
    if lead < 0:
        raise ValueError(f"the lead is {lead}: it is 0 or more")
    counts = np.arange(patients + 1)
    mass = binom.pmf(counts, patients, p[:, None])  # (doses, counts)
    if lead == 0:
        won = np.array([_wins_with_lots(mass, k) for k in range(len(p))])
    else:
        below = binom.cdf(counts - lead, patients, p[:, None])
        won = np.array([mass[k] * np.prod(np.delete(below, k, axis=0), axis=0) for k in range(len(p))])
    return _selection(won, counts / patients, p)


def _wins_with_lots(mass: Floats, dose: int) -> Floats:
    """Return (counts,): the chance that a dose wins with each count, ties shared evenly.

    With m others below and t at the same count the share is 1 / (1 + t): the mean over the others' ties is carried as
    the chance of each number of ties.
    """
    below = np.concatenate([np.zeros((len(mass), 1)), np.cumsum(mass, axis=1)[:, :-1]], axis=1)
    ties = [np.ones(mass.shape[1])]
    for other in range(len(mass)):
        if other == dose:
            continue
        more = [np.zeros(mass.shape[1]) for _ in range(len(ties) + 1)]
        for t, chance in enumerate(ties):
            more[t] = more[t] + chance * below[other]
            more[t + 1] = more[t + 1] + chance * mass[other]
        ties = more
    share = sum(chance / (1 + t) for t, chance in enumerate(ties))
    return np.asarray(mass[dose] * share)


def _selection(won: Floats, observed: Floats, rates: Floats) -> Selection:
    """Sum up (doses, counts) chances to be selected with each count."""
    selected = won.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(selected > 0, (won * observed).sum(axis=1) / selected, np.nan)
    return Selection(selected, max(0.0, float(1 - selected.sum())), mean, mean - rates)


def rose(patients: int, rates: ArrayLike, margin: float) -> Selection:
    """Return the exact chances that ROSE takes the lower or the higher of two doses.

    Parameters
    ----------
    patients
        at each dose, 1 or more.
    rates
        (2,): true response rates of the lower and the higher dose, each from 0 to 1.
    margin
        the higher dose is taken where its observed rate exceeds the lower one's by this or more; in (-1, 1).

    Raises
    ------
    ValueError
        if a parameter is out of its bounds.

    Examples
    --------
    >>> rose(30, [0.3, 0.3], 0.1).selected.round(3), rose(30, [0.2, 0.4], 0.1).selected.round(3)
    (array([0.76, 0.24]), array([0.156, 0.844]))
    """
    p = np.atleast_1d(np.asarray(rates, dtype=float))
    _check(patients, p)
    if len(p) != 2:
        raise ValueError(f"{len(p)} rates: give the lower and the higher dose's")
    if not -1 < margin < 1:
        raise ValueError(f"the margin is {margin}: it lies between -1 and 1")
    counts = np.arange(patients + 1)
    both = binom.pmf(counts, patients, p[0])[:, None] * binom.pmf(counts, patients, p[1])
    lead = counts[None, :] - counts[:, None]
    higher = lead >= margin * patients - 1e-9
    won = np.stack([(both * ~higher).sum(axis=1), (both * higher).sum(axis=0)])
    return _selection(won, counts / patients, p)


@dataclass(frozen=True)
class RoseDesign:
    """A ROSE design with its exact chances of a correct selection.

    Parameters
    ----------
    patients
        at each dose.
    lead
        responses by which the higher dose must lead.
    correct_lower
        chance that the lower dose is taken where both have the lower rate.
    correct_higher
        chance that the higher dose is taken where it is better.
    """

    patients: int
    lead: int
    correct_lower: float
    correct_higher: float

    @property
    def margin(self) -> float:
        """The lead as a difference of rates."""
        return self.lead / self.patients


def rose_search(
    rate: float, better: float, *, correct_lower: float = 0.6, correct_higher: float = 0.6, max_patients: int = 200
) -> RoseDesign:
    """Return the smallest ROSE design whose chances of a correct selection are high enough, exactly.

    Parameters
    ----------
    rate
        response rate of the lower dose, in (0, 1).
    better
        response rate of the higher dose where it is better, above ``rate``.
    correct_lower
        the least that the chance to take the lower dose may be where both have ``rate``.
    correct_higher
        the least that the chance to take the higher dose may be where it has ``better``.
    max_patients
        the most patients a dose to look at.

    Raises
    ------
    ValueError
        if a parameter is out of its bounds, or no design will do.

    Examples
    --------
    >>> rose_search(0.3, 0.45, correct_lower=0.7, correct_higher=0.7)
    RoseDesign(patients=30, lead=3, correct_lower=0.7596..., correct_higher=0.7067...)
    """
    if not 0 < rate < better < 1 or not (0 < correct_lower < 1 and 0 < correct_higher < 1):
        raise ValueError(
            f"rates {rate} and {better}, chances {correct_lower} and {correct_higher}: "
            "0 < rate < better < 1, and chances between 0 and 1"
        )
    for n in range(1, max_patients + 1):
        alike, apart = _lead_tail(n, rate, rate), _lead_tail(n, rate, better)
        fits = (1 - alike >= correct_lower) & (apart >= correct_higher)
        if fits.any():
            k = int(np.argmax(fits))
            return RoseDesign(n, k - n, float(1 - alike[k]), float(apart[k]))
    raise ValueError(
        f"no design of up to {max_patients} patients a dose is right with {correct_lower:g} and {correct_higher:g}"
    )


def _lead_tail(n: int, lower: float, higher: float) -> Floats:
    """Return (2n + 1,): chance that the higher dose leads by -n, ..., n responses or more."""
    counts = np.arange(n + 1)
    lead = np.convolve(binom.pmf(counts, n, higher), binom.pmf(counts, n, lower)[::-1])
    return np.asarray(np.cumsum(lead[::-1])[::-1])


def _check(patients: int, rates: Floats) -> None:
    if patients < 1:
        raise ValueError(f"{patients} patients a dose: 1 or more")
    if len(rates) < 2 or not ((rates >= 0) & (rates <= 1)).all():
        raise ValueError(f"rates are {rates}: two or more, each from 0 to 1")
