"""What a trial tells of the DLT rates, by the design's own model where it has one.

Designs with a model answer by its posterior. The others: the rates by isotonic regression, and limits and chances from
a beta posterior of each level, made monotone likewise, as Liu and Yuan (2015) do for BOIN.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from posology.designs.isotonic import PRIOR_DLT, dlt_rates, isotonic
from posology.designs.model_based import ModelBasedDesign, logit
from posology.designs.tally import Action, Design, Tally, level_number
from posology.shared.arrays import Bools, Floats, Ints

RATES = (1e-15, 1 - 1e-15)  # between which a quantile is sought
RATE_TOLERANCE, CHANCE_TOLERANCE = 1e-7, 1e-8


@dataclass(frozen=True)
class Inference:
    """What is known of the DLT rate at each level: arrays (trials, levels).

    ``rate`` is the estimate, ``lower`` and ``upper`` the limits of its interval; ``under``, ``within`` and ``over`` the
    chances that the rate lies below, in and above the target interval. NaN never stands for "unknown": at a level not
    tried a design without a model says nothing, and ``known`` is false there, the numbers being the prior's.
    ``admissible`` tells whether the design, with its rules, may give the level next (or, once it declares an MTD, holds
    it for safe), ``recommended`` (trials,) which would be the MTD now, and ``reasons`` (a tuple, one a trial) why.
    """

    rate: Floats
    lower: Floats
    upper: Floats
    under: Floats
    within: Floats
    over: Floats
    known: Bools
    admissible: Bools
    recommended: Ints
    reasons: tuple[str, ...]

    def rows(self, trial: int = 0) -> list[dict[str, object]]:
        """Return a row for each level of a trial, levels numbered from 1."""
        per_level = [f.name for f in fields(self) if f.name not in ("recommended", "reasons")]
        return [
            {
                "level": level_number(j),
                **{name: getattr(self, name)[trial, j].item() for name in per_level},
                "recommended": int(self.recommended[trial]) == j,
            }
            for j in range(self.rate.shape[1])
        ]


def infer(
    design: Design, tally: Tally | str, *, interval: tuple[float, float] | None = None, level: float = 0.95
) -> Inference:
    """Infer the DLT rate at each level from what was seen.

    Parameters
    ----------
    design
        any design, modified or not.
    tally
        counts, or outcomes such as ``"1NNN 2NTN"``.
    interval
        the target interval; the design's own, else 0.6 to 1.4 times its target, else 1/6 to 1/3.
    level
        the chance that the interval of each rate is to cover.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> found = infer(Boin(levels=4, target=0.3), "1NNN 2NNT 2NTN")
    >>> found.rate.round(2), found.recommended
    (array([[0.02, 0.34, 0.34, 0.34]]), array([1]))
    """
    if isinstance(tally, str):
        tally = Tally.of(tally, design.levels)
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: the chance that an interval covers lies between 0 and 1")
    target = getattr(innermost(design), "target", None)
    low, high = (
        interval
        or getattr(innermost(design), "interval", None)
        or ((0.6 * target, 1.4 * target) if target is not None and 1.4 * target < 1 else (1 / 6, 1 / 3))
    )
    if not 0 < low < high < 1:
        raise ValueError(f"interval is {low} to {high}: two rising rates between 0 and 1")
    model = innermost(design)
    if isinstance(model, ModelBasedDesign):
        rate, (lower, upper) = model.mean_rates(tally), _quantiles(model, tally, level)
        above_low, over = model.probability_above(tally, low), model.probability_above(tally, high)
        known = np.ones(rate.shape, dtype=bool)
    else:
        rate, lower, upper, above_low, over = _isotonic(tally, low, high, level)
        known = tally.treated > 0
    recommended = design.select(tally)
    decision = design.decide(tally)
    reasons = tuple(decision.words(tally, row) for row in range(tally.trials))
    over = np.minimum(over, above_low)
    safe = np.arange(tally.levels) <= design.highest_safe(tally.evaluable())[:, None]
    declared = (decision.action == Action.DECLARE)[:, None]
    admissible = np.where(declared, safe, design.admissible(tally))
    return Inference(rate, lower, upper, 1 - above_low, above_low - over, over, known, admissible, recommended, reasons)


def innermost(design: Design) -> Design:
    """Return the design behind its modifiers."""
    while hasattr(design, "design"):
        design = design.design
    return design


def _quantiles(model: ModelBasedDesign, tally: Tally, level: float) -> tuple[Floats, Floats]:
    """Return the posterior quantiles of each rate, all levels at once: Pr(p > rate) by rate is solved for the tails."""
    limits = np.empty((2, tally.trials, tally.levels))
    for trial in range(tally.trials):
        weights = model.posterior(tally.rows(np.array([trial])))[0]
        order = np.argsort(model.grid.p, axis=1)
        odds = logit(np.clip(np.take_along_axis(model.grid.p, order, axis=1), *RATES))
        above = 1 - np.cumsum(weights[order], axis=1)  # on the nodes alone, a little off
        for k, tail in enumerate(((1 + level) / 2, (1 - level) / 2)):
            part = min(tail, 1 - tail) / 2
            near = [odds[np.arange(tally.levels), (above > tail + side).sum(axis=1) - 1] for side in (part, -part)]
            limits[k, trial] = _solved(partial(_excess, model, weights, tail), *near)
    return limits[0], limits[1]


def _excess(model: ModelBasedDesign, weights: Floats, tail: float, rates: Floats) -> Floats:
    return model.exceedance(weights, rates) - tail


def _rate(log_odds: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-log_odds)))


def _solved(excess: Callable[[Floats], Floats], low: Floats, high: Floats) -> Floats:
    """Return the rates at which falling functions of them, one a level, are 0.

    Between log odds ``low`` and ``high``, as far as they bracket the rate, by regula falsi (Illinois).
    """
    lowest, highest = logit(np.array(RATES))
    above, below = excess(_rate(low)), excess(_rate(high))
    low, above = np.where(above > 0, low, lowest), np.where(above > 0, above, 1.0)
    high, below = np.where(below < 0, high, highest), np.where(below < 0, below, -1.0)
    side = np.zeros(len(low))
    at = (low + high) / 2
    for _ in range(60):
        at = low + (high - low) * np.clip(above / (above - below), 0.01, 0.99)
        value = excess(_rate(at))
        up = value > 0
        # the value at a bound that stands twice is halved, so that it moves
        below = np.where(up, np.where(side > 0, below / 2, below), value)
        above = np.where(up, value, np.where(side < 0, above / 2, above))
        low, high, side = np.where(up, at, low), np.where(up, high, at), np.where(up, 1.0, -1.0)
        if ((_rate(high) - _rate(low) < RATE_TOLERANCE) | (np.abs(value) < CHANCE_TOLERANCE)).all():
            break
    return _rate(at)


def _isotonic(tally: Tally, low: float, high: float, level: float) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return rate, limits and Pr(p > low), Pr(p > high) at each level, each made monotone over the levels tried."""
    from scipy.special import betainc, betaincinv

    tried = tally.treated > 0
    a = tally.dlts + PRIOR_DLT
    b = tally.treated - tally.dlts + PRIOR_DLT
    n = a + b
    weight = np.where(tried, n * n * (n + 1) / (a * b), 0.0)
    even = np.where(tried, 1.0, 0.0)

    def monotone(values: Floats, w: Floats) -> Floats:
        return np.where(np.isfinite(found := isotonic(values, w)), found, values)

    rate = dlt_rates(tally)
    none = ~np.isfinite(rate)
    rate = np.where(none, 0.5, rate)
    tail = (1 - level) / 2
    lower, upper = (monotone(betaincinv(a, b, q), weight) for q in (tail, 1 - tail))
    chances = [monotone(1 - betainc(a, b, cut), even) for cut in (low, high)]
    return rate, lower, upper, chances[0], chances[1]
