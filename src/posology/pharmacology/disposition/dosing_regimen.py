"""Regimens: which dose by which measure of body size, when, how fast; missed, delayed and reduced doses.

A dose level is given per unit of a body size that the caller measures: kg of total, ideal or adjusted ideal weight, m2
of surface, or 1 for a flat dose.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from posology.pharmacology.disposition.linear_compartments import Doses
from posology.shared.arrays import ArrayLike, Floats

LABEL_RATES = ((1.0, 30.0), (3.0, 30.0), (5.0, math.inf))
"""Infusion of mirvetuximab soravtansine: 1 mg/min, after 30 minutes 3, after 30 more 5 (in part from memory of the
label)."""
MINUTES_PER_DAY = 24 * 60


MAX_BODY_SIZE = 400.0
"""The largest body size that is believed, in kg; no surface area comes near it."""


@dataclass(frozen=True)
class Regimen:
    """A regimen.

    Parameters
    ----------
    level
        dose per unit of body size [mg/kg, mg/m2 or mg].
    cycles, interval
        how many cycles, and their length [d].
    days
        days of each cycle with a dose; the first is 1.
    hours
        length of every infusion; 0: a bolus. Or
    rates
        (mg/min, minutes) of each step, the last one until the dose is in.

    Raises
    ------
    ValueError
        if a number is out of its domain, or the days are not in order within the cycle.

    Examples
    --------
    >>> Regimen(6.0, cycles=2).doses([59.1]).time.round(3).tolist()  # three steps of each infusion
    [[0.0, 0.021, 0.042, 21.0, 21.021, 21.042]]
    >>> Regimen(6.0, hours=2.4).doses([59.1]).amount.round(1).tolist()
    [[354.6]]
    """

    level: float
    cycles: int = 1
    interval: float = 21.0
    days: tuple[int, ...] = (1,)
    hours: float | None = None
    rates: tuple[tuple[float, float], ...] = LABEL_RATES

    def __post_init__(self) -> None:
        for name, holds, right in (
            ("level", 0 <= self.level < math.inf, "0 or more"),
            ("cycles", self.cycles >= 1 and self.cycles == int(self.cycles), "a whole number, 1 or more"),
            ("interval", 0 < self.interval < math.inf, "above 0"),
            ("hours", self.hours is None or 0 <= self.hours < math.inf, "0 or more"),
            (
                "days",
                bool(self.days)
                and self.days[0] >= 1
                and self.days[-1] <= self.interval
                and all(a < b for a, b in zip(self.days, self.days[1:], strict=False)),
                f"rising days between 1 and {self.interval:g}",
            ),
            (
                "rates",
                bool(self.rates) and all(r > 0 and m > 0 for r, m in self.rates) and self.rates[-1][1] == math.inf,
                "(mg/min, minutes) above 0, the last step without end",
            ),
        ):
            if not holds:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be {right}")

    @property
    def schedule(self) -> Floats:
        """(D,): when each dose is planned [d]; the first day is 0."""
        each = self.interval * np.arange(self.cycles)[:, None] + np.array(self.days) - 1
        return np.asarray(each.ravel(), dtype=np.float64)

    def doses(self, size: ArrayLike, factor: ArrayLike = 1.0, delay: ArrayLike = 0.0) -> Doses:
        """Return what patients of a body ``size`` (P,) are given.

        Parameters
        ----------
        size
            kg, m2 or 1 (P,).
        factor
            on each dose (P, D) or (D,): 0 a missed dose, 5/6 one level of six down, ...
        delay
            days by which each dose is put off (P, D) or (D,); those after it are put off as well.

        Raises
        ------
        ValueError
            naming the patient, the day and what is wrong.
        """
        sizes = np.atleast_1d(np.asarray(size, dtype=np.float64))
        if not sizes.size:
            raise ValueError("there is no patient: give a body size for each")
        for i in np.flatnonzero(~((sizes > 0) & (sizes <= MAX_BODY_SIZE))):
            wrong = "is missing" if np.isnan(sizes[i]) else f"is {sizes[i]:g}"
            raise ValueError(
                f"patient {i + 1}: body size {wrong}: it must be above 0"
                + (f" and at most {MAX_BODY_SIZE:g}" if sizes[i] > MAX_BODY_SIZE else "")
            )
        planned = self.schedule
        shape = (len(sizes), len(planned))
        factors, delays = self._each("factor", factor, shape), self._each("delay", delay, shape)
        amount = self.level * sizes[:, None] * factors
        return infusion_doses(
            planned + np.cumsum(delays, axis=1), amount, self.rates if self.hours is None else self.hours
        )

    def _each(self, name: str, values: ArrayLike, shape: tuple[int, int]) -> Floats:
        array = np.asarray(values, dtype=np.float64)
        try:
            each = np.broadcast_to(array, shape)
        except ValueError:
            raise ValueError(
                f"{name} has the shape {array.shape}: it must have a number for each of {shape[0]} patients "
                f"and {shape[1]} doses"
            ) from None
        for i, d in np.argwhere(~((each >= 0) & np.isfinite(each))):
            raise ValueError(
                f"patient {i + 1}, day {self.schedule[d]:g}: {name} is {each[i, d]:g}: it must be 0 or more"
            )
        return each


def infusion_doses(time: ArrayLike, amount: ArrayLike, how: float | tuple[tuple[float, float], ...]) -> Doses:
    """Return doses (P, D) given over ``how`` many hours, or by steps of (mg/min, minutes).

    With steps, each dose becomes as many: (P, D x steps); a step that a small dose never reaches gives 0 mg.

    >>> infusion_doses([0], [355], LABEL_RATES).amount.tolist()
    [30.0, 90.0, 235.0]
    """
    start, whole = np.broadcast_arrays(np.asarray(time, dtype=np.float64), np.asarray(amount, dtype=np.float64))
    if not isinstance(how, tuple):
        return Doses(start, whole, how / 24)
    left, at = whole.copy(), start.copy()
    times, amounts, durations = [], [], []
    for rate, minutes in how:
        given = np.minimum(left, rate * minutes)
        lasts = given / rate / MINUTES_PER_DAY
        times.append(at)
        amounts.append(given)
        durations.append(lasts)
        left, at = left - given, at + lasts
    if (left > 0).any():
        raise ValueError(
            f"the rates {how} end before {whole[left > 0].flat[0]:g} mg are in: the last step must be without end"
        )
    joined = [np.stack(each, axis=-1).reshape(*start.shape[:-1], -1) for each in (times, amounts, durations)]
    return Doses(*joined)


def exposure_cv_by_body_size(
    sizes: Mapping[str, ArrayLike], weight: ArrayLike, exponent: float
) -> dict[str, tuple[float, float]]:
    """Return how body size alone spreads exposure, by the measure that doses follow.

    The area under the curve is dose / clearance, and clearance goes with weight^``exponent``.

    Parameters
    ----------
    sizes
        each measure of body size, (P,) by its name.
    weight
        total body weight [kg], (P,).
    exponent
        of clearance on weight; about 0.5 for antibodies.

    Returns
    -------
    dict
        for each measure: the coefficient of variation of the area, and its mean in the heaviest tenth of the patients
        over that in the lightest.

    Examples
    --------
    >>> kg = np.array([50.0, 60, 70, 80, 90, 100])
    >>> {name: round(cv, 3) for name, (cv, _) in exposure_cv_by_body_size({"total": kg, "flat": np.ones(6)}, kg, 0.5).items()}
    {'total': 0.116, 'flat': 0.12}
    """
    kg = np.asarray(weight, dtype=np.float64)
    if not (np.isfinite(kg) & (kg > 0)).all():
        raise ValueError(f"patient {int(np.argmin(np.isfinite(kg) & (kg > 0))) + 1}: weight must be above 0 kg")
    light, heavy = kg <= np.quantile(kg, 0.1), kg >= np.quantile(kg, 0.9)
    found = {}
    for name, size in sizes.items():
        area = np.asarray(size, dtype=np.float64) / kg**exponent
        found[name] = (float(area.std() / area.mean()), float(area[heavy].mean() / area[light].mean()))
    return found
