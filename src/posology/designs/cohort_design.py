"""The course that a trial takes under most designs, whatever chooses the dose: cohorts, a maximum, reasons to end.

A design that inherits :class:`CohortDesign` says which level it would give next (:meth:`CohortDesign.propose`), which
levels are safe (:meth:`CohortDesign.highest_safe`) and which it would choose as MTD (:meth:`CohortDesign.mtd`); the
course fills cohorts, ends the trial and words the reasons.

A cohort is a unit of enrolment. The rule is asked on the counts as they are, whatever their number: if it says down,
that is the answer at once; it says up only once the planned cohort is complete, and until then the remainder is
treated.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.dose_finding import DoseFinding, first_of
from posology.designs.tally import NONE, Action, Decision, Tally
from posology.shared.arrays import Bools, Ints

START, FILL, UP, STAY, DOWN, ALREADY_LOWEST, TOXIC, MAX_REACHED, MAX_REACHED_NO_MTD, STOP_AT_REACHED, WAIT = range(11)
ACTIONS = np.array(
    [
        Action.STAY,
        Action.STAY,
        Action.ESCALATE,
        Action.STAY,
        Action.DEESCALATE,
        Action.STAY,
        Action.STOP,
        Action.DECLARE,
        Action.STOP,
        Action.DECLARE,
        Action.WAIT,
    ]
)  # by the reason
WAITS = "too many patients at level {level} are still followed: nobody is treated until more is known"
BELOW_LOWEST = -2  # proposed: the dose would go down from the lowest level


@dataclass(frozen=True)
class CohortDesign(DoseFinding):
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
    open_cohort
        what an incomplete cohort waits for: nothing ("rule": the dose goes down as soon as the rule says so), or, as
        some committees agree, until no outcome of the cohort's remaining patients could change that ("unanimous"). A
        level that is too toxic to be given again is left at once under both.
    """

    levels: Annotated[int, Ge(1)]
    target: Annotated[float, Gt(0), Lt(1)]
    start: Annotated[int, Ge(0)] = 0
    cohort: Annotated[int, Ge(1)] = 3
    max_patients: Annotated[int, Ge(1)] = 30
    stop_at: Annotated[int, Ge(1)] | None = None
    stop_when: Literal["stays", "reached", "next"] = "stays"
    open_cohort: Literal["rule", "unanimous"] = "rule"

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
        if self.open_cohort not in ("rule", "unanimous"):
            raise ValueError(f"open_cohort is {self.open_cohort!r}: it must be 'rule' or 'unanimous'")

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return self.max_patients

    def propose(self, tally: Tally) -> Ints:
        """Return the level that the rule would give next on the counts as they are, whether or not it is safe.

        ``NONE`` where no level is safe, ``BELOW_LOWEST`` where the dose would go down from the lowest level.
        """
        raise NotImplementedError

    def mtd(self, tally: Tally) -> Ints:
        """Return the level that would be the MTD if each trial ended now; ``NONE`` where no level is safe."""
        raise NotImplementedError

    def must_wait(self, tally: Tally) -> Bools:
        """Return whether so many patients are still followed that nobody may be treated yet."""
        return np.zeros(tally.trials, dtype=bool)

    def propose_within(self, tally: Tally) -> tuple[Ints, Ints]:
        """Return the level proposed and the highest that may be given."""
        return self.propose(tally), self.highest_next(tally)

    def bars_the_way_up(self, tally: Tally) -> Bools:
        """Return whether the rule on the counts as they are does not go up from the level last given."""
        proposed = np.where(tally.level == NONE, 0, self.propose(tally))
        return np.asarray(proposed <= tally.level)

    def next_level(self, tally: Tally) -> Ints:
        """Return the level proposed, held to those that may be given; ``NONE`` where none may."""
        proposed, highest = self.propose_within(tally)
        lowest = np.where(proposed == BELOW_LOWEST, 0, proposed)
        return np.where(tally.level == NONE, highest, np.minimum(lowest, highest))

    def rule(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        begins = tally.level == NONE
        left = np.maximum(self.max_patients - tally.treated.sum(axis=1), 0)
        proposed, highest = self.propose_within(tally)
        none = ((proposed == NONE) & ~begins) | (highest == NONE)
        to = np.where(none, here, np.minimum(np.maximum(proposed, 0), highest))
        to = np.where(begins, np.maximum(highest, 0), to)
        fills = self._fills(tally, to, highest) & ~begins
        ends = (left == 0) & ~begins
        enough = self._enough(tally, to, fills) & ~begins
        mtd = np.full(tally.trials, NONE)
        asks = np.flatnonzero((ends | enough) & ~none)
        if len(asks):
            mtd[asks] = self.mtd(tally if len(asks) == tally.trials else tally.rows(asks))
        why = first_of(
            (none, TOXIC),
            (begins, START),
            (ends & (mtd == NONE), MAX_REACHED_NO_MTD),
            (ends, MAX_REACHED),
            (enough & (mtd != NONE), STOP_AT_REACHED),
            (fills, FILL),
            (self.must_wait(tally) & (here <= highest), WAIT),
            (to > here, UP),
            (to < here, DOWN),
            (proposed == BELOW_LOWEST, ALREADY_LOWEST),
            otherwise=STAY,
        )
        action = ACTIONS[why]
        level = np.where((why == FILL) | (why == WAIT), here, to)
        level = np.where(action == Action.DECLARE, mtd, np.where(action == Action.STOP, NONE, level))
        there = tally.treated[rows, np.maximum(level, 0)]
        treats = (action >= Action.STAY) & (action < Action.DECLARE)
        more = np.where(treats, np.minimum(self.cohort - there % self.cohort, left), 0)
        return Decision(action, level, more, why, self.REASONS)

    def _enough(self, tally: Tally, to: Ints, fills: Bools) -> Bools:
        """Return whether the level has had as many patients as end the trial."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        if self.stop_at is None:
            return np.zeros(tally.trials, dtype=bool)
        counted = tally.treated[rows, to if self.stop_when == "next" else here]
        enough = (counted >= self.stop_at) & ((to == here) | (self.stop_when != "stays"))
        return np.asarray(enough & (~fills | (to <= here) | (self.stop_when == "reached")))

    def _fills(self, tally: Tally, to: Ints, highest: Ints) -> Bools:
        """Return whether the cohort is treated to its end before the dose moves as it would."""
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n = tally.treated[rows, here]
        fills = np.asarray((n % self.cohort != 0) | (n == 0))
        if not fills.any():
            return fills
        waits = (to >= here) | (self.open_cohort == "unanimous")
        fills &= waits & (here <= highest)
        some = np.flatnonzero(fills & (n > self.cohort))
        if len(some):
            fills[some] = self._cohort_was_begun(tally.rows(some))
        lowers = np.flatnonzero(fills & (to < here))
        if len(lowers):
            fills[lowers] = ~self._goes_down_anyway(tally.rows(lowers))
        return fills

    def _cohort_was_begun(self, tally: Tally) -> Bools:
        """Return whether, of more patients than whole cohorts make, those beyond may be a cohort begun.

        They are, unless they came with the cohort before: it is known to be so large, or the rule would not have stayed
        at the level on any outcome of the whole cohorts, and no higher level was ever given to come back from.
        """
        rows, here = np.arange(tally.trials), tally.level
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        beyond = n % self.cohort
        begun = (tally.treated * (np.arange(self.levels) > here[:, None])).any(axis=1)
        for dlts_beyond in range(self.cohort):
            before, possible = y - dlts_beyond, dlts_beyond <= beyond
            possible &= (before >= 0) & (before <= n - beyond)
            counts = _with_counts(tally, n - beyond, np.clip(before, 0, n - beyond))
            begun |= possible & (self.next_level(counts) == here)
        if tally.last_cohort is not None:
            begun &= tally.last_cohort < self.cohort
        return np.asarray(begun)

    def _goes_down_anyway(self, tally: Tally) -> Bools:
        """Return whether the dose goes down whatever the cohort's remaining patients show."""
        rows, here = np.arange(tally.trials), tally.level
        n, y = tally.treated[rows, here], tally.dlts[rows, here]
        remaining = (-n) % self.cohort
        down = np.ones(tally.trials, dtype=bool)
        for dlts in range(self.cohort):
            counts = _with_counts(tally, n + remaining, y + np.minimum(dlts, remaining))
            down &= self.next_level(counts) < here
        return down


def _with_counts(tally: Tally, treated: Ints, dlts: Ints) -> Tally:
    """Return the tally with other counts at the level last given, and nobody waited for."""
    at = np.arange(tally.levels) == tally.level[:, None]
    n, y = np.where(at, treated[:, None], tally.treated), np.where(at, dlts[:, None], tally.dlts)
    moderate = np.minimum(tally.moderate, n - y)
    scores = np.clip(tally.toxicity_score_sum + y - tally.dlts, 0, n)
    return replace(tally, treated=n, dlts=y, moderate=moderate, toxicity_score_sum=scores, pending=None)
