"""The reduced clinical tier of response: sum of diameters, new lesions, RECIST at visits, death.

    SLD(t) = S0 exp(kg t - kd/lam (1 - exp(-lam t)))            growth, shrinkage, and resistance that wears it off

after Claret L et al., J Clin Oncol 2009;27:4103-4108. With doses that change, kd is that of the cycle: it is
proportional to the exposure of the cycle and to f = R / (R + R50), R the receptor. Death: Zecchin C et al., Br J Clin
Pharmacol 2016;82:717-727. This tier is what public data identify; its numbers carry how well. :mod:`posology.endpoints`
has the full criteria, for assessments of real or simulated lesions; here a visit has target lesions' sum and new
lesions alone.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from posology.pharmacology.compounds.quantity import Quantity, checked_values
from posology.shared.arrays import ArrayLike, Floats
from posology.shared.dates import MONTH_DAYS

WEEK, MONTH = 7.0, MONTH_DAYS
NEVER = np.inf


@dataclass(frozen=True)
class TumourGrowthInhibition:
    """What governs response at the reference dose, in patients whose tumours bear much target.

    Parameters
    ----------
    kg, kd, lam
        growth, shrinkage at the reference exposure, and its wearing off [/wk], of the sum of diameters.
    s0
        sum of diameters at the start [mm].
    new_lesion
        rate of a first new lesion [/mo].
    r50
        receptor at which shrinkage is half of what it can be [nM].
    high
        receptor of patients with much target, at which kd is the one above [nM].
    """

    kg: Quantity
    kd: Quantity
    lam: Quantity
    s0: Quantity
    new_lesion: Quantity
    r50: Quantity
    high: Quantity


CALIBRATED = "calibrated to ORR, PFS and DOR of MIRASOL at 6 mg/kg; one set of many: kg and kd are correlated"
IMGN853_TUMOUR = TumourGrowthInhibition(
    kg=Quantity(0.0191, "/wk", "computed", CALIBRATED, between=1.03),
    kd=Quantity(0.0831, "/wk", "computed", CALIBRATED, between=0.88),
    lam=Quantity(0.0344, "/wk", "computed", CALIBRATED, between=0.93),
    s0=Quantity(57.8, "mm", "retrieved", "Wilbaux 2014, CALYPSO; spread calibrated", between=0.47),
    new_lesion=Quantity(0.104, "/mo", "computed", CALIBRATED),
    r50=Quantity(60.0, "nM", "assumed", "medium expression gains little, FORWARD I; no number is public", cv=1),
    high=Quantity(60.0, "nM", "assumed", "mean of cells that score 2 and 3; no number is public", cv=1),
)


@dataclass(frozen=True)
class TumourDynamics:
    """Each patient's own: kg, kd, lam [/d], s0 [mm], and when the first new lesion comes [d]; (patients,) each."""

    kg: Floats
    kd: Floats
    lam: Floats
    s0: Floats
    new_lesion: Floats

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        patients: int,
        response: TumourGrowthInhibition = IMGN853_TUMOUR,
        *,
        s0: ArrayLike | None = None,
        receptor: ArrayLike | None = None,
        explained: float = 0.0,
    ) -> TumourDynamics:
        """Draw patients; with ``s0`` [mm] and ``receptor`` [nM] where they are known.

        ``explained``: the SD of the logarithm of exposure, where exposures differ between patients; kd's own spread was
        calibrated without them and is narrowed by as much.

        Examples
        --------
        >>> drawn = TumourDynamics.draw(np.random.default_rng(1), 1000)
        >>> float(np.median(drawn.kd * 7).round(3))
        0.082
        """

        def vary(q: Quantity) -> Floats:
            return np.asarray(q.value * np.exp(q.between * rng.standard_normal(patients)))

        if not 0 <= explained <= response.kd.between:
            raise ValueError(
                f"explained is {explained:g}: kd's logarithm has an SD of {response.kd.between:g} to explain"
            )
        own = replace(response.kd, between=float(np.sqrt(response.kd.between**2 - explained**2)))
        kg, kd, lam, size = (vary(q) for q in (response.kg, own, response.lam, response.s0))
        new = rng.exponential(MONTH / response.new_lesion.value, patients)
        if s0 is not None:
            size = np.broadcast_to(checked_values("s0", s0, "mm"), (patients,))
        if receptor is not None:

            def f(r: Floats | float) -> Floats | float:
                return r / (r + response.r50.value)

            kd = kd * f(checked_values("receptor", receptor, "nM", zero=True)) / f(response.high.value)
        return cls(kg / WEEK, kd / WEEK, lam / WEEK, np.asarray(size), new)

    def size(self, times: ArrayLike, start: ArrayLike = 0.0, exposure: ArrayLike = 1.0) -> Floats:
        """Return the sum of diameters [mm], (patients, times).

        Parameters
        ----------
        times
            (T,) or (patients, T) [d].
        start
            (C,) or (patients, C): when each cycle starts [d]; the last one goes on.
        exposure
            (C,) or (patients, C): exposure of each cycle over that at the reference dose.

        Examples
        --------
        >>> one = TumourDynamics(*(np.array([x]) for x in (0.0027, 0.0119, 0.0049, 57.8, 300.0)))
        >>> one.size([0, 42, 84]).round(1)
        array([[57.8, 41.2, 32. ]])
        """
        return np.asarray(self.s0[:, None] * np.exp(self.log_change(times, start, exposure)))

    def log_change(self, times: ArrayLike, start: ArrayLike = 0.0, exposure: ArrayLike = 1.0) -> Floats:
        """Return log(SLD / S0), (patients, times); arguments as of :meth:`size`."""
        t = np.atleast_2d(np.asarray(times, dtype=np.float64))
        starts, given = np.broadcast_arrays(
            np.atleast_2d(np.asarray(start, dtype=np.float64)), np.atleast_2d(np.asarray(exposure, dtype=np.float64))
        )
        kg, kd, lam = self.kg[:, None], self.kd[:, None], self.lam[:, None]
        cycle = np.zeros(
            np.broadcast_shapes(t.shape, (len(self.kg), 1)), dtype=np.int64
        )  # in which cycle each time lies
        for c in range(1, starts.shape[1]):
            cycle += starts[:, c, None] <= t
        spent = np.exp(-lam * starts)  # what is left of the effect when each cycle starts
        whole = np.cumsum(given[:, :-1] * (spent[:, :-1] - spent[:, 1:]), axis=1)
        whole = np.concatenate([np.zeros((len(spent), 1)), whole], axis=1)

        def rows(array: Floats) -> Floats:
            return np.asarray(np.take_along_axis(np.broadcast_to(array, (len(self.kg), array.shape[1])), cycle, axis=1))

        worn = (rows(whole) + rows(given) * (rows(spent) - np.exp(-lam * np.maximum(t, rows(starts))))) / lam
        return np.asarray(kg * t - kd * worn)


@dataclass(frozen=True)
class RecistOutcome:
    """What the visits show, (patients,) each; days are :data:`NEVER` where it did not come to pass.

    ``response`` the first visit of a partial response that the next visit confirms; ``progression`` the visit that
    shows it; ``best`` the greatest change of the sum of diameters from the start, as a share of it.
    """

    response: Floats
    progression: Floats
    best: Floats


def assess_recist(size: Floats, visits: ArrayLike, new_lesion: Floats, last: ArrayLike = NEVER) -> RecistOutcome:
    """Judge the sums of diameters [mm], (patients, visits), the first of them the baseline, by RECIST 1.1.

    Partial response: 30 % below the baseline, at this visit and the next, before progression. Progression: 20 % and 5
    mm above the smallest sum so far, or a new lesion. Visits after ``last`` (patients,) [d] do not take place.

    Parameters
    ----------
    size
        (patients, visits): sums of diameters [mm], the first the baseline.
    visits
        (visits,): their days.
    new_lesion
        (patients,): the day of a first new lesion.
    last
        (patients,) or one: the last day on which visits take place.

    Examples
    --------
    >>> found = assess_recist(np.array([[50.0, 34, 30, 40]]), [0, 42, 84, 126], np.array([np.inf]))
    >>> float(found.response[0]), float(found.progression[0]), float(found.best[0])
    (42.0, 126.0, -0.4)
    """
    day = np.asarray(visits, dtype=np.float64)
    held = day <= np.broadcast_to(np.asarray(last, dtype=np.float64), (len(size),))[:, None]
    smallest = np.minimum.accumulate(size, axis=1)
    nadir = np.concatenate([size[:, :1], smallest[:, :-1]], axis=1)
    worse = ((size >= 1.2 * nadir) & (size - nadir >= 5)) | (day >= new_lesion[:, None])
    worse[:, 0] = False
    worse &= held
    progression = np.where(worse.any(axis=1), day[worse.argmax(axis=1)], NEVER)
    open_ = held & (day < progression[:, None])
    small = open_ & (size <= 0.7 * size[:, :1])
    confirmed = small & np.column_stack([small[:, 1:], np.zeros(len(size), dtype=bool)])
    response = np.where(confirmed.any(axis=1), day[confirmed.argmax(axis=1)], NEVER)
    change = np.where(open_ | (day == progression[:, None]), size / size[:, :1] - 1, np.inf)
    change[:, 0] = np.inf
    best = np.where(np.isfinite(change).any(axis=1), change.min(axis=1), np.nan)
    return RecistOutcome(response, progression, best)
