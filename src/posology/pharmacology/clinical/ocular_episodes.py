"""Ocular events that come back: the episodes of each patient, in order.

A patient is at risk until an episode begins and again once it is over; the hazard
(:mod:`~posology.pharmacology.clinical.ocular_toxicity`) goes on where it was, with the same frailty z. What is not
known of later episodes is taken from the first: hazard, grade and duration do not depend on what came before (assumed).
Who has had one is still more likely to have another, because of z.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.pharmacology.clinical.ocular_toxicity import IMGN853_OCULAR, OcularToxicity, draw_grades
from posology.pharmacology.clinical.survival import time_at_cumulative_hazard
from posology.pharmacology.clinical.tumour_size import NEVER
from posology.shared.arrays import Floats, Ints

MAX_EPISODES = 40
"""Episodes of a patient at most: no more come after. The most that one of 12,000 patients has in 24 cycles is 36."""


@dataclass(frozen=True)
class OcularPotentialOutcomes:
    """What is in store for each patient's eyes: (patients, episodes) each.

    ``hazard`` that cumulates from the start, or from the last recovery, until an episode begins, in units of z = 1;
    ``grade``, 1 to 4; ``duration`` [d].
    """

    hazard: Floats
    grade: Ints
    duration: Floats

    @classmethod
    def draw(
        cls, rng: np.random.Generator, patients: int, ocular: OcularToxicity = IMGN853_OCULAR, most: int = MAX_EPISODES
    ) -> OcularPotentialOutcomes:
        """Draw patients. What is drawn of the first episode does not depend on how many there may be.

        Examples
        --------
        >>> one, many = (OcularPotentialOutcomes.draw(np.random.default_rng(1), 100, most=most) for most in (1, 9))
        >>> bool((one.hazard == many.hazard[:, :1]).all()), many.hazard.shape
        (True, (100, 9))
        """
        later = rng.spawn(1)[0]
        more, half = (patients, most - 1), ocular.recovery.value / np.log(2)
        hazard = rng.exponential(size=patients)
        robust = np.exp(-ocular.between.value * rng.standard_normal(patients))[:, None]  # 1 / z
        grade, lasting = draw_grades(rng, patients, ocular)[:, None], rng.exponential(half, patients)
        again = np.where(later.random(more) < ocular.grade_correlation.value, grade, draw_grades(later, more, ocular))
        return cls(
            np.column_stack([hazard, later.exponential(size=more)]) * robust,
            np.column_stack([grade, again]),
            np.column_stack([lasting, later.exponential(half, more)]),
        )


@dataclass(frozen=True)
class Episodes:
    """The episodes that came: (patients, episodes) each, in order.

    ``onset``, ``recovery`` days from the first dose, :data:`NEVER` beyond the last; ``grade`` 0 there.
    """

    onset: Floats
    recovery: Floats
    grade: Ints

    def first(self, grade: int = 1) -> Floats:
        """Return the day of the first episode of a grade or worse, (patients,); :data:`NEVER` where none came."""
        return np.asarray(np.where(self.grade >= grade, self.onset, NEVER).min(axis=1))

    def count(self, grade: int = 1) -> Ints:
        """Return how many came of a grade or worse, (patients,)."""
        return np.asarray((self.grade >= grade).sum(axis=1))

    @property
    def worst(self) -> Ints:
        """The worst grade of each patient, (patients,); 0 where none came."""
        return np.asarray(self.grade.max(axis=1))


class OcularCourse:
    """The eyes as time passes.

    ``episodes`` so far; ``worst`` grade so far; ``over`` the day from which the latest is over;
    ``worst_since_last_dose`` the worst grade there has been since :meth:`asked`; ``held_count`` how many so far of
    grade 2 or worse: (patients,) each.
    """

    def __init__(self, eyes: OcularPotentialOutcomes) -> None:
        patients = len(eyes.hazard)
        self.eyes = eyes
        self.onset = np.full(eyes.hazard.shape, NEVER)
        self.count, self.worst, self.worst_since_last_dose, self.held_count = (
            np.zeros(patients, dtype=np.int64) for _ in range(4)
        )
        self.over = np.full(patients, NEVER)
        self.total = np.zeros(patients)  # hazard cumulated, at risk or not
        self.next = eyes.hazard[:, 0].copy()  # the total at which the next episode begins; inf while one lasts

    def advance(self, hazard: Floats, since: Floats, day: Floats) -> None:
        """Let time pass from ``day`` (patients,): the hazard at times ``since`` (patients, T) is linear between
        them."""
        pieces = (hazard[:, 1:] + hazard[:, :-1]) / 2 * np.diff(since, axis=1)
        before = self.total
        total = before[:, None] + np.cumsum(pieces, axis=1)
        end, self.total = day + since[:, -1], total[:, -1]

        def recovering(rows: Ints) -> Ints:
            return np.asarray(rows[(self.over[rows] < end[rows]) & (self.next[rows] == NEVER)])

        rows = np.arange(len(day))
        while len(rows):
            well = recovering(rows)
            at = np.column_stack([before[well], total[well]])
            reached = time_at_cumulative_hazard(since[well, 1:], at, self.over[well] - day[well])
            self.next[well] = reached + self._of(self.eyes.hazard, well)
            rows = rows[self.next[rows] <= total[rows, -1]]
            within = total[rows] - before[rows, None]
            begins = np.minimum(
                day[rows] + time_at_cumulative_hazard(within, since[rows], self.next[rows] - before[rows]), end[rows]
            )
            self._begin(rows, begins)
            rows = recovering(rows)

    def _of(self, values: Floats, rows: Ints) -> Floats:
        """Return what is in store for the next episode; inf where there may be no more."""
        most = values.shape[1]
        return np.where(self.count[rows] < most, values[rows, np.minimum(self.count[rows], most - 1)], NEVER)

    def _begin(self, rows: Ints, day: Floats) -> None:
        k = self.count[rows]
        grade = self.eyes.grade[rows, k]
        self.onset[rows, k] = day
        self.over[rows], self.next[rows] = day + self.eyes.duration[rows, k], NEVER
        self.worst[rows], self.worst_since_last_dose[rows] = (
            np.maximum(s[rows], grade) for s in (self.worst, self.worst_since_last_dose)
        )
        self.held_count[rows] += grade >= 2
        self.count[rows] += 1

    def now(self, day: Floats) -> Ints:
        """Return the grade of the episode that goes on, (patients,); 0 where none does."""
        latest = np.maximum(self.count - 1, 0)[:, None]
        grade = np.take_along_axis(self.eyes.grade, latest, axis=1)[:, 0]
        return np.where((self.count > 0) & (self.over > day), grade, 0)

    def reset_since_last_dose(self, day: Floats) -> None:
        """Begin ``worst_since_last_dose`` anew: with the episode that goes on."""
        self.worst_since_last_dose = self.now(day)

    def episodes(self, until: Floats) -> Episodes:
        """Return the episodes that began by a day (patients,)."""
        came = self.onset <= until[:, None]
        return Episodes(
            np.where(came, self.onset, NEVER),
            np.where(came, self.onset + self.eyes.duration, NEVER),
            np.where(came, self.eyes.grade, 0),
        )
