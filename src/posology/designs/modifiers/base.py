"""What rules around a design share: the design behind them, asked unless they say otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from posology.designs.dose_finding import Remembering
from posology.designs.tally import NONE, Action, Decision, DependsOn, Design, Tally
from posology.shared.arrays import Bools, Ints


@dataclass(frozen=True)
class Modifier(Remembering):
    """What modifiers share: the design behind them, asked unless they say otherwise.

    Parameters
    ----------
    design
        the design that is modified, itself modified or not.
    """

    design: Design

    REASON: ClassVar[str] = ""

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return self.design.levels

    @property
    def start(self) -> int:
        """Index of the level to start at."""
        return int(getattr(self.design, "start", 0))

    @property
    def uses_follow_up(self) -> bool:
        """Whether patients still followed count for the share of the window."""
        return self.design.uses_follow_up

    @property
    def depends_on(self) -> DependsOn:
        """What the next dose depends on."""
        return self.design.depends_on

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return int(getattr(self.design, "most_at_level", 255))

    @property
    def cohort(self) -> int:
        """Patients a cohort, as a rule."""
        return int(getattr(self.design, "cohort", 3))

    @property
    def max_patients(self) -> int:
        """Patients in all."""
        return int(getattr(self.design, "max_patients", 6 * self.levels))

    def decide_anew(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        return self.design.decide(tally)

    def select(self, tally: Tally) -> Ints:
        """Return the MTD that the design behind would choose now."""
        return self.design.select(tally)

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor too toxic; ``NONE``: no level is safe."""
        return self.design.highest_safe(tally)

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that the next patients may be given."""
        return self.design.highest_next(tally)

    def admissible(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels that may be given to the next patients."""
        own = np.arange(self.levels) <= self.highest_next(self.known(tally))[:, None]
        return np.asarray(own & self.design.admissible(tally))

    def known(self, tally: Tally) -> Tally:
        """Return the counts that the design uses: without patients still followed, unless it uses their follow-up."""
        return tally if self.uses_follow_up else tally.evaluable()

    def _with_changes(self, decision: Decision, where: Bools, action: Any, level: Ints, more: Any) -> Decision:
        """Return the decision with some rows changed, for this modifier's reason."""
        return Decision(
            np.where(where, action, decision.action),
            np.where(where, level, decision.level),
            np.where(where, more, decision.patients_to_treat),
            np.where(where, len(decision.reasons), decision.why),
            (*decision.reasons, self.REASON),
        )

    def _with_ends(self, decision: Decision, tally: Tally, where: Bools) -> Decision:
        """Return the decision with some trials ended, their MTD chosen by the design behind."""
        mtd = np.full(tally.trials, NONE)
        rows = np.flatnonzero(where)
        if len(rows):
            mtd[rows] = self.select(tally.rows(rows))
        return self._with_changes(decision, where, np.where(mtd == NONE, Action.STOP, Action.DECLARE), mtd, 0)


def goes_on(decision: Decision, tally: Tally) -> Bools:
    """Return whether each trial has begun, and more patients are to be treated now."""
    treats = (decision.action >= Action.STAY) & (decision.action < Action.DECLARE)
    return np.asarray(treats & (tally.level != NONE))


def moved(to: Ints, here: Ints) -> Ints:
    """Return the action that goes from the level last given to another."""
    return np.select([to > here, to < here], [Action.ESCALATE, Action.DEESCALATE], Action.STAY)
