"""MERIT: randomised doses judged by toxicity and efficacy at once.

Yang P, Li D, Lin R, Huang B, Yuan Y, Statistics in Medicine 2024;43:2972-2986. With n patients at each dose, a dose is
admissible where its toxicities, smoothed to not fall with dose, are at most m_T, and its responses, smoothed likewise,
at least m_E; with smoothing a dose borrows from its neighbours.

Operating characteristics are exact. Doses are independent, and the two endpoints of a patient may go together: by a
normal variable for each with a given correlation. The published table was simulated at correlation 0.5; without
correlation its designs exceed their level (26/7/9: exact type I error 0.095 at 0.5, 0.123 at 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from posology.expansion.joint_outcomes import joint_chances
from posology.shared.arrays import ArrayLike, Bools, Floats

__all__ = ["Merit", "MeritCharacteristics", "MeritRates", "merit_search"]


@dataclass(frozen=True)
class MeritCharacteristics:
    """Exact operating characteristics in one scenario.

    Parameters
    ----------
    selected
        (doses,): chance that each dose is found admissible.
    any_selected
        chance that one is or more: the type I error where none is acceptable.
    power_one
        chance that one is or more and none that is unacceptable; not a number where none is acceptable.
    power_two
        chance that an acceptable one is, whatever else; likewise.
    """

    selected: Floats
    any_selected: float
    power_one: float
    power_two: float


@dataclass(frozen=True)
class Merit:
    """The design: n patients a dose, at most ``max_toxicities`` and at least ``min_responses``.

    Parameters
    ----------
    patients
        at each dose, 1 or more.
    max_toxicities, min_responses
        the boundaries m_T and m_E, from 0 to ``patients``.
    smoothed
        whether counts are smoothed to not fall with dose before they are judged, as published.

    Raises
    ------
    ValueError
        if a boundary is out of its bounds.

    Examples
    --------
    The published design for two doses, exact at correlation 0.5:

    >>> design = Merit(26, 7, 9)
    >>> design.judge([5, 8], [10, 12])
    array([ True, False])
    >>> result = design.characteristics([0.2, 0.4], [0.2, 0.4], correlation=0.5)
    >>> round(result.any_selected, 4)
    0.0952
    """

    patients: int
    max_toxicities: int
    min_responses: int
    smoothed: bool = True

    def __post_init__(self) -> None:
        if self.patients < 1:
            raise ValueError(f"{self.patients} patients a dose: 1 or more")
        for name in ("max_toxicities", "min_responses"):
            if not 0 <= getattr(self, name) <= self.patients:
                raise ValueError(f"{name} is {getattr(self, name)}: it lies from 0 to {self.patients}")

    def judge(self, toxicities: ArrayLike, responses: ArrayLike) -> Bools:
        """Return whether each dose is admissible.

        Parameters
        ----------
        toxicities, responses
            (..., doses): counts, of ``patients`` a dose.

        Raises
        ------
        ValueError
            if a count is more than the patients of a dose, or negative.
        """
        t, r = np.asarray(toxicities, dtype=float), np.asarray(responses, dtype=float)
        if t.shape != r.shape or not ((t >= 0) & (t <= self.patients) & (r >= 0) & (r <= self.patients)).all():
            raise ValueError(f"counts must lie from 0 to {self.patients}, for the same doses")
        if self.smoothed:
            t, r = _not_falling(t), _not_falling(r)
        return np.asarray((t <= self.max_toxicities + 1e-9) & (r >= self.min_responses - 1e-9))

    def characteristics(
        self,
        toxicity: ArrayLike,
        response: ArrayLike,
        *,
        acceptable: Sequence[bool] | None = None,
        correlation: float = 0.0,
    ) -> MeritCharacteristics:
        """Return exact operating characteristics in one scenario.

        Parameters
        ----------
        toxicity, response
            (doses,): true rates, each from 0 to 1; two or three doses.
        acceptable
            (doses,): which doses it is right to select; None: none is.
        correlation
            of the two normal variables behind the endpoints of a patient, in (-1, 1).

        Raises
        ------
        ValueError
            if a rate or the correlation is out of its bounds, or there are more than three doses: simulate those.

        Examples
        --------
        >>> result = Merit(26, 7, 9).characteristics([0.2, 0.2], [0.4, 0.4], acceptable=[True, True])
        >>> result.selected.round(3), round(result.power_one, 3)
        (array([0.677, 0.742]), 0.823)
        """
        pt, pr = (np.atleast_1d(np.asarray(rate, dtype=float)) for rate in (toxicity, response))
        if len(pt) > 3:
            raise ValueError(f"{len(pt)} doses: exact for up to three")
        right = np.zeros(len(pt), bool) if acceptable is None else np.asarray(acceptable, dtype=bool)
        chance_of_set = self._sets(_joint_counts(self.patients, pt, pr, correlation))
        selected = np.zeros(len(pt))
        any_selected = power_one = power_two = 0.0
        for chosen, chance in chance_of_set.items():
            doses = np.array(chosen)
            selected += chance * doses
            any_selected += chance * doses.any()
            power_one += chance * (doses.any() and not (doses & ~right).any())
            power_two += chance * (doses & right).any()
        if not right.any():
            power_one = power_two = float("nan")
        return MeritCharacteristics(selected, float(any_selected), float(power_one), float(power_two))

    def _sets(self, joint: Floats) -> dict[tuple[bool, ...], float]:
        """Return the chance of each set of admissible doses, from (doses, toxicities, responses) chances.

        Whether doses pass on toxicity depends on the toxicities alone, and on response on the responses alone; so the
        toxicities are walked by what pattern they give, and for each the responses are summed by their pattern.
        """
        doses, counts = len(joint), self.patients + 1
        grid = np.stack(np.meshgrid(*[np.arange(counts)] * doses, indexing="ij"), axis=-1).reshape(-1, doses)
        smooth = _not_falling(grid.astype(float)) if self.smoothed else grid
        safe = smooth <= self.max_toxicities + 1e-9
        active = smooth >= self.min_responses - 1e-9
        patterns = list(product((False, True), repeat=doses))
        indicator = {
            pattern: [
                (passes == np.array(pattern)).all(axis=1).astype(float).reshape((counts,) * doses)
                for passes in (safe, active)
            ]
            for pattern in patterns
        }
        chance: dict[tuple[bool, ...], float] = dict.fromkeys(patterns, 0.0)
        for safe_doses in patterns:
            responses = indicator[safe_doses][0]
            for table in joint:  # each turns the first axis of toxicities into a last axis of responses
                responses = np.tensordot(responses, table, axes=(0, 0))
            for active_doses in patterns:
                both = tuple(a and b for a, b in zip(safe_doses, active_doses, strict=True))
                chance[both] += float((responses * indicator[active_doses][1]).sum())
        return chance


def _joint_counts(n: int, toxicity: Floats, response: Floats, correlation: float) -> Floats:
    """Return (doses, n + 1, n + 1): the chance of so many toxicities and so many responses at each dose."""
    return np.stack([_counts_of_cells(n, *cells) for cells in joint_chances(toxicity, response, correlation)])


def _counts_of_cells(n: int, neither: float, response: float, toxicity: float, both: float) -> Floats:
    """Return (n + 1, n + 1): counts of toxicities and responses of n patients with the chances of four cells.

    The n-fold convolution of one patient's table, as a power of its Fourier transform.
    """
    one = np.array([[neither, response], [toxicity, both]])
    size = 1 << int(np.ceil(np.log2(2 * n + 2)))
    spectrum = np.fft.rfft2(one, (size, size)) ** n
    return np.asarray(np.clip(np.fft.irfft2(spectrum, (size, size))[: n + 1, : n + 1], 0.0, None))


def _not_falling(counts: Floats) -> Floats:
    """Return counts smoothed along the last axis to not fall: the least-squares fit with equal weights (max-min form)."""
    doses = counts.shape[-1]
    total = np.concatenate([np.zeros((*counts.shape[:-1], 1)), np.cumsum(counts, axis=-1)], axis=-1)
    mean = np.full((*counts.shape[:-1], doses, doses), np.inf)
    for start in range(doses):
        for end in range(start, doses):
            mean[..., start, end] = (total[..., end + 1] - total[..., start]) / (end - start + 1)
    smooth = np.empty_like(counts, dtype=float)
    for dose in range(doses):
        smooth[..., dose] = mean[..., : dose + 1, dose:].min(axis=-1).max(axis=-1)
    return smooth


@dataclass(frozen=True)
class MeritRates:
    """Rates that a dose must beat, and rates of interest.

    Parameters
    ----------
    toxicity_null, toxicity
        too toxic, and of interest: toxicity < toxicity_null.
    response_null, response
        too few, and of interest: response_null < response.
    """

    toxicity_null: float
    toxicity: float
    response_null: float
    response: float

    def __post_init__(self) -> None:
        if not 0 < self.toxicity < self.toxicity_null < 1 or not 0 < self.response_null < self.response < 1:
            raise ValueError(
                f"toxicity {self.toxicity} must lie below {self.toxicity_null}, response {self.response} above "
                f"{self.response_null}, all between 0 and 1"
            )

    def nulls(self, doses: int) -> list[tuple[Floats, Floats]]:
        """Return every scenario in which no dose is acceptable, rates not falling with dose."""
        scenarios = []
        for toxic_from in range(doses + 1):
            for active_from in range(doses + 1):
                if active_from >= toxic_from:  # a dose that is active and not toxic would be acceptable
                    scenarios.append(self._rates(doses, toxic_from, active_from))
        return scenarios

    def alternatives(self, doses: int) -> list[tuple[Floats, Floats, Bools]]:
        """Return every scenario with an acceptable dose, and which doses are."""
        scenarios = []
        for toxic_from in range(doses + 1):
            for active_from in range(toxic_from):
                toxicity, response = self._rates(doses, toxic_from, active_from)
                right = (toxicity == self.toxicity) & (response == self.response)
                scenarios.append((toxicity, response, right))
        return scenarios

    def _rates(self, doses: int, toxic_from: int, active_from: int) -> tuple[Floats, Floats]:
        level = np.arange(doses)
        return (
            np.where(level >= toxic_from, self.toxicity_null, self.toxicity),
            np.where(level >= active_from, self.response, self.response_null),
        )


def merit_search(
    rates: MeritRates,
    *,
    doses: int = 2,
    alpha: float = 0.1,
    power: float = 0.6,
    correlation: float = 0.0,
    max_patients: int = 80,
) -> tuple[Merit, float, float]:
    """Return the smallest design with its exact worst type I error and its exact worst power.

    Parameters
    ----------
    rates
        too toxic and too rare, and of interest.
    doses
        two or three.
    alpha
        the most that the type I error may be in any scenario without an acceptable dose.
    power
        the least that the chance to select an acceptable dose (power two) may be in any scenario with one.
    correlation
        of the endpoints of a patient, as in :meth:`Merit.characteristics`.
    max_patients
        the most patients a dose to look at.

    Returns
    -------
    tuple
        the design, its greatest type I error, and its least power.

    Raises
    ------
    ValueError
        if no design will do.

    Examples
    --------
    >>> design, error, power = merit_search(MeritRates(0.5, 0.2, 0.1, 0.4), max_patients=20)
    >>> design.patients, round(error, 3), round(power, 3)
    (15, 0.087, 0.715)
    """
    if doses not in (2, 3):
        raise ValueError(f"{doses} doses: two or three")
    for n in range(4, max_patients + 1):
        toxicity = range(int(rates.toxicity * n), int(rates.toxicity_null * n) + 1)
        response = range(int(rates.response_null * n) + 1, int(rates.response * n) + 1)
        best = _best_of_size(n, rates, doses, (toxicity, response), (alpha, power, correlation))
        if best:
            return best
    raise ValueError(f"no design of up to {max_patients} patients a dose has errors {alpha:g} and power {power:g}")


def _best_of_size(
    n: int,
    rates: MeritRates,
    doses: int,
    boundaries: tuple[range, range],
    wanted: tuple[float, float, float],
) -> tuple[Merit, float, float] | None:
    """Return the design of a size with the greatest least power among those that keep alpha."""
    alpha, power, correlation = wanted
    best: tuple[Merit, float, float] | None = None
    for m_t, m_e in product(*boundaries):
        design = Merit(n, m_t, m_e)
        least = power if best is None else best[2]
        powers = []
        for toxicity, response, right in rates.alternatives(doses):
            result = design.characteristics(toxicity, response, acceptable=list(right), correlation=correlation)
            powers.append(result.power_two)
            if result.power_two < least:
                break
        if min(powers) < least:
            continue
        error = max(
            design.characteristics(toxicity, response, correlation=correlation).any_selected
            for toxicity, response in rates.nulls(doses)
        )
        if error <= alpha and (best is None or min(powers) > best[2]):
            best = (design, error, min(powers))
    return best
