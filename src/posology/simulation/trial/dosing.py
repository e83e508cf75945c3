"""The protocol's rule for a patient's doses: what holds one, reduces it, or ends treatment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from posology.pharmacology.clinical.dose_modification import DoseRule, PatientStatus, ToxicityKind
from posology.shared.arrays import Floats

TERMS: dict[ToxicityKind, tuple[str, str]] = {
    ToxicityKind.OCULAR: ("Blurred vision", "Eye disorders"),
    ToxicityKind.NEUROPATHY: ("Peripheral sensory neuropathy", "Nervous system disorders"),
    ToxicityKind.PNEUMONITIS: ("Pneumonitis", "Respiratory, thoracic and mediastinal disorders"),
    ToxicityKind.LABORATORY: ("Hypophosphataemia", "Metabolism and nutrition disorders"),
    ToxicityKind.OTHER: ("Fatigue", "General disorders and administration site conditions"),
}
"""The term by which each toxicity is recorded, and its system organ class."""
WEEK, AE_FOLLOW_UP_DAYS = 7, 28.0


def protocol_rule(protocol: Any, level: int) -> DoseRule:
    """Return the protocol's rule for a patient at a dose level: its levels below, as often and as late as it lets doses
    be.

    The grades from which a toxicity holds, reduces and stops are :data:`IMGN853_GRADES`, for a protocol says them in
    words.
    """
    own = float(protocol.dose.levels[level - 1])
    lower = [float(dose) / own for dose in protocol.dose.levels[: level - 1]][::-1]
    reductions = protocol.modification.maximum_reductions
    return DoseRule(
        dose_levels=(1.0, *lower[:reductions]), max_delay_days=float(protocol.modification.maximum_delay_days)
    )


@dataclass(frozen=True)
class Toxicity:
    """A toxicity at its worst grade; ``resolved_day`` is the day on which it is gone."""

    onset: float
    kind: ToxicityKind
    grade: int
    resolved_day: float

    @property
    def term(self) -> str:
        """The term by which it is recorded."""
        return TERMS[self.kind][0]

    def __str__(self) -> str:
        return f"{self.term}, grade {self.grade}"


@dataclass(frozen=True)
class DoseDecision:
    """What was done about a dose: ``due`` when, put off by ``waits`` (day, days, why), given on ``day`` at ``level``
    (None: not).

    ``why`` it was reduced or not given, empty where neither.
    """

    due: int
    waits: tuple[tuple[int, int, str], ...]
    day: int
    level: int | None
    why: str


@dataclass
class ProtocolDosing:
    """A rule for one patient's doses, for :func:`posology.pharmacology.clinical.treatment.treat`; it keeps what it did.

    It knows every toxicity, decides on whole days, and looks at a patient weekly while a dose is held. ``mg`` gives the
    amount of a level on a day.
    """

    mg: Callable[[int, int], float]
    level: int
    rule: DoseRule
    toxicities: tuple[Toxicity, ...]
    steps: list[DoseDecision] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._now, self._left, self._over = self.level, self.rule.max_reductions, False
        self._answered: set[Toxicity] = set()

    def __call__(self, standing: PatientStatus) -> tuple[Floats, Floats]:
        """Return the dose over the planned one, and the delay."""
        if self._over:
            return np.zeros(1), np.zeros(1)
        due = int(standing.due[0])
        waits: list[tuple[int, int, str]] = []
        waited = 0
        while (held := self._held(due + waited)) and waited < int(self.rule.max_delay_days):
            step = min(WEEK, int(self.rule.max_delay_days) - waited)
            waits.append((due + waited, step, str(held)))
            waited += step
        level, why = self._level(due + waited, held)
        self._over = level is None
        self.steps.append(DoseDecision(due, tuple(waits), due + waited, level, why))
        factor = self.mg(level, due + waited) / self.mg(self.level, 0) if level else 0.0
        return np.array([factor]), np.array([float(waited)])

    def _held(self, day: int) -> Toxicity | None:
        """Return what holds a dose on a day."""
        there = (t for t in self.toxicities if t.onset <= day < t.resolved_day and self.rule.of(t.kind).hold <= t.grade)
        return next(there, None)

    def _level(self, day: int, held: Toxicity | None) -> tuple[int | None, str]:
        """Return the level of a dose on a day and why it is another than before; None where treatment ends."""
        if ends := next((t for t in self.toxicities if t.onset <= day and t.grade >= self.rule.of(t.kind).stop), None):
            return None, str(ends)
        if held:
            return None, f"{held}, not over {int(self.rule.max_delay_days)} days after the dose was due"
        severe = [
            t
            for t in self.toxicities
            if t.onset <= day and t.grade >= self.rule.of(t.kind).reduce and t not in self._answered
        ]
        if not severe:
            return self._now, ""
        self._answered |= set(severe)
        if not self._left:
            return None, f"{severe[-1]}, and no lower dose left"
        self._now, self._left = self._now - 1, self._left - 1
        return self._now, str(severe[-1])
