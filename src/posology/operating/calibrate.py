"""Choosing a design's parameters: skeletons, sensitivity of the model, initial sequences, sample size, a search.

Lee SM, Cheung YK. Model calibration in the continual reassessment method. Clin Trials 2009;6:227-238 (indifference
intervals). Cheung YK. Coherence principles in dose-finding studies. Biometrika 2005;92:863-873. Cheung YK. Dose finding
by the continual reassessment method. 2011.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Literal

import numpy as np

from posology.designs.crm import Crm
from posology.designs.model_based import ModelBasedDesign
from posology.designs.tally import Design, Tally
from posology.operating.exact import enumerate_trials
from posology.shared.arrays import Floats


def skeleton(
    halfwidth: float,
    target: float,
    mtd: int,
    levels: int,
    model: Literal["empiric", "logistic"] = "empiric",
    intercept: float = 3.0,
) -> tuple[float, ...]:
    """Return the skeleton whose model tells neighbouring levels apart at target - halfwidth and target + halfwidth.

    Parameters
    ----------
    halfwidth
        half the width of the indifference interval about the target.
    target
        the target DLT rate.
    mtd
        number, from 1, of the level that is the prior guess of the MTD.
    levels
        number of dose levels.
    model, intercept
        as in :class:`posology.designs.Crm`.

    Notes
    -----
    With f the link (log, or logit less the intercept), f(skeleton) is a geometric sequence about the MTD, of ratio
    f(target - halfwidth) / f(target + halfwidth) (Lee and Cheung 2009, equation 5).

    Examples
    --------
    >>> [round(p, 3) for p in skeleton(0.05, 0.25, 3, 5)]
    [0.084, 0.157, 0.25, 0.355, 0.46]
    """
    if not 0 < target < 1:
        raise ValueError(f"target is {target}: a DLT rate lies between 0 and 1")
    if not 0 < halfwidth < min(target, 1 - target):
        raise ValueError(f"halfwidth is {halfwidth}: it must lie above 0 and below {min(target, 1 - target):g}")
    if not 1 <= mtd <= levels:
        raise ValueError(f"mtd is level {mtd}: the design has levels 1 to {levels}")
    f = np.log if model == "empiric" else lambda p: np.log(p / (1 - p)) - intercept
    if model == "logistic" and f(target + halfwidth) >= 0:
        raise ValueError(f"the intercept {intercept:g} is too small for a target of {target:g}")
    scaled = f(target) * (f(target + halfwidth) / f(target - halfwidth)) ** (np.arange(levels) - (mtd - 1))
    rates = np.exp(scaled) if model == "empiric" else 1 / (1 + np.exp(-intercept - scaled))
    return tuple(float(p) for p in rates)


def skeleton_with_means(design: Crm) -> tuple[float, ...]:
    """Return the skeleton under which the prior means of the DLT rates, not their values at beta = 0, are the design's
    guess.

    >>> design = Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4))
    >>> found = replace(design, skeleton=skeleton_with_means(design))
    >>> found.mean_rates(Tally.start(1, 3)).round(6)
    array([[0.1 , 0.25, 0.4 ]])
    """
    from scipy.optimize import brentq

    def rate(logit: float) -> float:
        return float(1 / (1 + np.exp(-logit)))

    def gap(logit: float, wanted: float) -> float:
        one = replace(design, levels=1, start=0, skeleton=(rate(logit),), initial=design.initial[:1])
        return float(one.mean_rates(Tally.start(1, 1))[0, 0]) - wanted

    highest = 35.0 if design.model == "empiric" else min(35.0, design.intercept - 1e-9)
    return tuple(rate(brentq(gap, -600, highest, args=(p,), xtol=1e-12)) for p in design.skeleton)


@dataclass(frozen=True)
class Sensitivity:
    """Where a CRM would settle: arrays (levels,).

    ``low_beta`` and ``high_beta`` bound the betas under which each level is the one nearest the target. ``low_rate`` is
    the rate of the level below at the one, ``high_rate`` that of the level above at the other: if a level has the
    target rate, the CRM settles on it when its neighbours' rates lie outside. At the ends, which have one neighbour, 0
    and 1.
    """

    low_beta: Floats
    high_beta: Floats
    low_rate: Floats
    high_rate: Floats


def sensitivity(design: Crm, reach: float = 5.0) -> Sensitivity:
    """Return the intervals of beta, and of the DLT rate, that belong to each level (Cheung and Chappell 2002).

    Parameters
    ----------
    design
        a CRM.
    reach
        the range of beta considered, to either side of 0.

    Examples
    --------
    >>> found = sensitivity(Crm(3, 0.25, skeleton=skeleton(0.05, 0.25, 2, 3)))
    >>> found.low_rate[1:].round(3), found.high_rate[:2].round(3)
    (array([0.2, 0.2]), array([0.3, 0.3]))
    """
    from scipy.optimize import brentq

    edges = [-reach]
    for k in range(design.levels - 1):

        def gap(b: float, k: int = k) -> float:
            return float(design.rates(np.array(b))[[k, k + 1]].sum() - 2 * design.target)

        edges.append(brentq(gap, -reach, reach, xtol=1e-13) if gap(-reach) * gap(reach) < 0 else reach)
    low, high = np.array(edges), np.array([*edges[1:], reach])
    at = np.arange(design.levels - 1)
    below = np.concatenate([[0.0], design.rates(low[1:])[at, at]])
    above = np.concatenate([design.rates(high[:-1])[at, at + 1], [1.0]])
    return Sensitivity(low, high, below, above)


def coherent_initial_sequence(design: Crm, patients: int) -> tuple[int, ...]:
    """Return an initial sequence that keeps a two-stage CRM coherent, as slow as may be: patients at each level in
    turn.

    A two-stage design is coherent if, after the first DLT, the model never gives a level above the one at which it
    came. The largest number of patients that may be treated at every level alike is raised by one, from the higher
    levels down, while the design stays coherent; the rest are treated at the highest level.

    Raises
    ------
    ValueError
        if not even one patient a level is coherent.

    Examples
    --------
    >>> coherent_initial_sequence(Crm(5, 0.25, skeleton=skeleton(0.05, 0.25, 3, 5)), 20)
    (2, 2, 2, 3, 11)
    """
    lower = design.levels - 1

    def whole(counts: Sequence[int]) -> tuple[int, ...]:
        left, result = patients, []
        for n in counts:
            result.append(min(n, left))
            left -= result[-1]
        return tuple(n for n in (*result, left) if n)

    size = 0
    while (size + 1) * lower < patients + lower and coherent(design, whole([size + 1] * lower)):
        size += 1
    if size == 0:
        raise ValueError("no initial sequence keeps this design coherent: widen the skeleton's steps")
    counts = [size] * lower
    for level in reversed(range(lower)):
        more = [n + (k == level) for k, n in enumerate(counts)]
        if not coherent(design, whole(more)):
            break
        counts = more
    return whole(counts)


def coherent(design: Crm, initial: Sequence[int]) -> bool:
    """Return whether a two-stage CRM with this initial sequence, patients at each level in turn, is coherent.

    >>> coherent(Crm(5, 0.25, skeleton=(0.05, 0.12, 0.25, 0.40, 0.55)), (3, 3, 3, 3, 12))
    True
    """
    sequence = [0] * design.levels
    for level, count in enumerate(initial):
        for _ in range(count):
            if _next(design, sequence, level) > level:
                return False
            sequence[level] += 1
    return True


def _next(design: Crm, treated: Sequence[int], level: int) -> int:
    """Return the level the model gives after no DLT in those treated and one in the next patient, at a level."""
    one = np.eye(design.levels, dtype=np.int64)[level]
    tally = Tally((np.array(treated) + one)[None], one[None], np.array([level]))
    return int(np.abs(design.estimates(tally)[0] - design.target).argmin())


def prior_effective_sample_size(design: ModelBasedDesign) -> Floats:
    """Return (levels,): the number of patients that the prior is worth at each level.

    The beta distribution with the mean and variance of the prior of the DLT rate is that of so many patients; a uniform
    prior is worth two.

    >>> prior_effective_sample_size(Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4))).round(1)
    array([1.9, 1.8, 1.9])
    """
    p = design.grid.p.T
    moments = design.expect(Tally.start(1, design.levels), np.concatenate([p, p * p], axis=1))[0]
    mean, square = moments[: design.levels], moments[design.levels :]
    return np.asarray(mean * (1 - mean) / (square - mean**2) - 1)


def required_sample_size(
    design: Design, scenarios: Floats, target: float, correct: float, sizes: Sequence[int]
) -> tuple[int | None, dict[int, float]]:
    """Return the smallest sample size with the wished chance of correct selection, averaged over scenarios; exact.

    Parameters
    ----------
    design
        a design with ``max_patients``.
    scenarios
        (scenarios, levels): such as :func:`posology.operating.scenarios.logistic_set`.
    target
        the target DLT rate: the correct level is the one nearest it.
    correct
        the wished chance.
    sizes
        the sample sizes to consider, rising.

    Returns
    -------
    The smallest size, None where none suffices; and the chance for each size looked at.

    Raises
    ------
    ValueError
        if the chance is none, or the design depends on time, so that there is no exact chance.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> from posology.operating.scenarios import logistic_set
    >>> truth = logistic_set(3, 0.25, 3.0)
    >>> size, chances = required_sample_size(Boin(3, 0.25), truth, 0.25, 0.55, [6, 12, 18, 24])
    >>> size, round(chances[size], 3)
    (12, 0.621)
    """
    if not 0 < correct < 1:
        raise ValueError(f"correct is {correct}: a probability lies between 0 and 1")
    found: dict[int, float] = {}
    for size in sizes:
        sized: Any = replace(design, max_patients=size)  # type: ignore[type-var]
        found[size] = float(enumerate_trials(sized).characteristics(scenarios).correct(target).mean())
        if found[size] >= correct:
            return size, found
    return None, found


def _mean(values: Floats) -> float:
    """Return the mean of those that are defined; NaN where none is."""
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else float("nan")


@dataclass(frozen=True)
class SearchResult:
    """One choice of parameters in a search, and how it fared: means over the scenarios."""

    parameters: dict[str, Any]
    correct: float
    overdosed: float
    patients: float
    accuracy: float


def search(
    build: Callable[..., Design],
    choices: Mapping[str, Sequence[Any]],
    scenarios: Floats,
    target: float,
    progress: Callable[[int, int], None] | None = None,
) -> list[SearchResult]:
    """Try every combination of parameters against a set of scenarios, exactly; the best first.

    Parameters
    ----------
    build
        builds a design from keywords.
    choices
        the values to try of each parameter.
    scenarios
        (scenarios, levels).
    target
        the target DLT rate.
    progress
        called with how many combinations are done, and how many there are.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> from posology.operating.scenarios import logistic_set
    >>> tried = search(Boin, {"levels": [3], "target": [0.3], "max_patients": [9, 15]}, logistic_set(3, 0.3, 2.0), 0.3)
    >>> tried[0].parameters["max_patients"]
    15
    """
    combinations = [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]
    tried: list[SearchResult] = []
    for done, parameters in enumerate(combinations, start=1):
        found = enumerate_trials(build(**parameters)).characteristics(scenarios)
        tried.append(
            SearchResult(
                parameters,
                float(found.correct(target).mean()),
                float(found.overdosed(target).mean()),
                float(found.patients.sum(axis=1).mean()),
                _mean(found.accuracy(target)),
            )
        )
        if progress:
            progress(done, len(combinations))
    return sorted(tried, key=lambda t: (-t.correct, t.overdosed))
