"""The protocol's rule for a patient's doses: what holds one, reduces it, or ends treatment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from posology.pharmacology.clinical.dose_modification import PatientStatus
from posology.shared.arrays import Floats

EYE, NERVE, LUNG, OTHER, TIRED = (
    "Blurred vision",
    "Peripheral sensory neuropathy",
    "Pneumonitis",
    "Hypophosphataemia",
    "Fatigue",
)
CLASSES = {
    EYE: "Eye disorders",
    NERVE: "Nervous system disorders",
    LUNG: "Respiratory, thoracic and mediastinal disorders",
    OTHER: "Metabolism and nutrition disorders",
    TIRED: "General disorders and administration site conditions",
}
HOLD_GRADE = {EYE: 2, NERVE: 3, LUNG: 2, OTHER: 3, TIRED: 2}
"""The grade from which a toxicity holds the next dose, until it is over."""
STOP_GRADE = {EYE: 4, NERVE: 4, LUNG: 3, OTHER: 4, TIRED: 5}
"""The grade from which it ends treatment for good."""
REDUCE_GRADE = 3
"""The grade from which a dose after it is a level lower."""
WEEK, AE_FOLLOW_UP_DAYS = 7, 28.0


@dataclass(frozen=True)
class Toxicity:
    """A toxicity at its worst grade; ``resolved_day`` is the day on which it is gone."""

    onset: float
    term: str
    grade: int
    resolved_day: float


@dataclass(frozen=True)
class DoseDecision:
    """What was done about a dose: ``due`` when, put off by ``waits`` (day, days, why), given on ``day`` at ``level`` (None: not).

    ``why`` it was reduced or not given, empty where neither.
    """

    due: int
    waits: tuple[tuple[int, int, str], ...]
    day: int
    level: int | None
    why: str


@dataclass
class ProtocolDosing:
    """The protocol's rule for a patient's doses, for :func:`posology.pharmacology.clinical.treatment.treat`; it keeps what it did.

    ``mg`` gives the amount of a level on a day.
    """

    mg: Callable[[int, int], float]
    level: int
    reductions: int
    longest: int
    interval: int
    toxicities: tuple[Toxicity, ...]
    steps: list[DoseDecision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._now, self._left, self._over = self.level, self.reductions, False
        self._answered: set[Toxicity] = set()

    def __call__(self, standing: PatientStatus) -> tuple[Floats, Floats]:
        """Return the dose over the planned one, and the delay."""
        if self._over:
            return np.zeros(1), np.zeros(1)
        due = int(standing.due[0])
        waits: list[tuple[int, int, str]] = []
        waited = 0
        while (held := self._held(due + waited)) and waited < self.longest:
            step = min(WEEK, self.longest - waited)
            waits.append((due + waited, step, f"{held.term}, grade {held.grade}"))
            waited += step
        level, why = self._level(due + waited, held)
        self._over = level is None
        self.steps.append(DoseDecision(due, tuple(waits), due + waited, level, why))
        factor = self.mg(level, due + waited) / self.mg(self.level, 0) if level else 0.0
        return np.array([factor]), np.array([float(waited)])

    def _held(self, day: int) -> Toxicity | None:
        """Return what holds a dose on a day."""
        there = (t for t in self.toxicities if t.onset <= day < t.resolved_day and HOLD_GRADE[t.term] <= t.grade)
        return next(there, None)

    def _level(self, day: int, held: Toxicity | None) -> tuple[int | None, str]:
        """Return the level of a dose on a day and why it is another than before; None where treatment ends."""
        said = lambda t: f"{t.term}, grade {t.grade}"
        if ends := next((t for t in self.toxicities if t.onset <= day and t.grade >= STOP_GRADE[t.term]), None):
            return None, said(ends)
        if held:
            return None, f"{said(held)}, not over {self.longest} days after the dose was due"
        severe = [t for t in self.toxicities if t.onset <= day and t.grade >= REDUCE_GRADE and t not in self._answered]
        if not severe:
            return self._now, ""
        self._answered |= set(severe)
        if not self._left or self._now == 1:
            return None, f"{said(severe[-1])}, and no lower dose left"
        self._now, self._left = self._now - 1, self._left - 1
        return self._now, said(severe[-1])
