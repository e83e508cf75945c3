"""The course that a trial takes under most designs, whatever chooses the dose: cohorts, a maximum, reasons to end.

A design that inherits :class:`CohortDesign` says which level it would give next (:meth:`CohortDesign.propose`) and which it would
choose as MTD (:meth:`CohortDesign.select`); the course fills cohorts, ends the trial and words the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints

START, FILL, UP, STAY, DOWN, ALREADY_LOWEST, TOXIC, MAX_REACHED, MAX_REACHED_NO_MTD, STOP_AT_REACHED, WAIT = range(11)
WAITS = "too many patients at level {level} are still followed: nobody is treated until more is known"


@dataclass(frozen=True)
class CohortDesign:
    """What designs in cohorts share.

    Parameters
    ----------
    levels
        number of dose levels.
    target
        target DLT rate, in (0, 1).
    start
        index of the level to start at.
    cohort
        patients a cohort.
    max_patients
        patients in all.
    stop_at
        end once so many patients have been treated at a level.
    stop_when
        whether ``stop_at`` ends the trial only where the dose would stay ("stays"), as soon as it is reached
        ("reached"), or where the level that would be given next has had so many ("next").
    """

    levels: Annotated[int, Ge(1)]
    target: Annotated[float, Gt(0), Lt(1)]
    start: Annotated[int, Ge(0)] = 0
    cohort: Annotated[int, Ge(1)] = 3
    max_patients: Annotated[int, Ge(1)] = 30
    stop_at: Annotated[int, Ge(1)] | None = None
    stop_when: Literal["stays", "reached", "next"] = "stays"

    REASONS: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        if self.levels < 1:
            raise ValueError(f"levels is {self.levels}: a design has one dose level or more")
        if not 0 < self.target < 1:
            raise ValueError(f"target is {self.target}: a DLT rate lies between 0 and 1")
        if not 0 <= self.start < self.levels:
            raise ValueError(f"start is level {self.start + 1}: the design has levels 1 to {self.levels}")
        for name in ("cohort", "max_patients"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}: it must be 1 or more")
        if self.stop_at is not None and self.stop_at < 1:
            raise ValueError(f"stop_at is {self.stop_at}: it must be 1 or more, or left out")
        if self.stop_when not in ("stays", "reached", "next"):
            raise ValueError(f"stop_when is {self.stop_when!r}: it must be 'stays', 'reached' or 'next'")

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return self.max_patients

    def propose(self, tally: Tally) -> tuple[Ints, Bools]:
        """Say where each trial would go next, were its cohort complete.

        Returns
        -------
        The level, ``NONE`` where no level is safe; and whether the level last given may be given no more, even to
        complete its cohort.
        """
        raise NotImplementedError

    def select(self, tally: Tally) -> Ints:
        """Return the level that would be the MTD if each trial ended now; ``NONE`` where no level is safe."""
        raise NotImplementedError

    def must_wait(self, tally: Tally) -> Bools:
        """Return whether so many patients are still followed that nobody may be treated yet."""
        return np.zeros(tally.trials, dtype=bool)

    def check(self, tally: Tally) -> None:
        """Refuse a tally of another number of levels."""
        if tally.levels != self.levels:
            raise ValueError(f"the tally has {tally.levels} levels, the design {self.levels}")

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        self.check(tally)
        rows = np.arange(tally.trials)
        here = np.maximum(tally.level, 0)
        n = tally.treated[rows, here]
        left = np.maximum(self.max_patients - tally.treated.sum(axis=1), 0)
        begins = tally.level == NONE
        proposed, leave = self.propose(tally)
        toxic = (proposed == NONE) & ~begins
        to = np.where(toxic, here, np.minimum(proposed, tally.ceiling))
        fills = (n % self.cohort != 0) & ~leave & ~begins
        ends = (left == 0) & ~begins
        enough = np.zeros(tally.trials, dtype=bool)
        if self.stop_at is not None:
            counted = tally.treated[rows, to] if self.stop_when == "next" else n
            enough = (counted >= self.stop_at) & ~begins & ((to == here) | (self.stop_when != "stays"))
        mtd = np.full(tally.trials, NONE)
        asks = np.flatnonzero((ends | (enough & ~fills)) & ~toxic)
        if len(asks):
            mtd[asks] = self.select(tally if len(asks) == tally.trials else tally.rows(asks))
        enough &= mtd != NONE
        why = np.select(
            [
                begins,
                toxic,
                ends & (mtd == NONE),
                ends,
                fills,
                enough,
                self.must_wait(tally),
                to > here,
                to < here,
                leave,
            ],
            [START, TOXIC, MAX_REACHED_NO_MTD, MAX_REACHED, FILL, STOP_AT_REACHED, WAIT, UP, DOWN, ALREADY_LOWEST],
            STAY,
        )
        declared, over = (why == MAX_REACHED) | (why == STOP_AT_REACHED), (why == TOXIC) | (why == MAX_REACHED_NO_MTD)
        level = np.where(declared, mtd, np.where(over, NONE, np.where((why == FILL) | (why == WAIT), here, to)))
        level = np.where(begins, self.start, level)
        action = np.select(
            [declared, over, why == UP, why == DOWN, why == WAIT],
            [Action.DECLARE, Action.STOP, Action.ESCALATE, Action.DEESCALATE, Action.WAIT],
            Action.STAY,
        )
        there = tally.treated[rows, np.maximum(level, 0)]
        more = np.where(
            (action >= Action.DECLARE) | (action == Action.WAIT), 0, np.minimum(self.cohort - there % self.cohort, left)
        )
        return Decision(action, level, more, why, self.REASONS)
