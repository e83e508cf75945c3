"""What every design shares: it answers a single trial from memory, waits for open windows, and keeps to safe levels.

A design says which level is the highest that is safe (:meth:`DoseFinding.highest_safe`), how high the next patients may
go (:meth:`DoseFinding.highest_next`) and what to do (:meth:`DoseFinding.rule`). All three are prefixes of the dose
levels: a level below a safe one is safe.
"""

from __future__ import annotations

from functools import cached_property
from typing import ClassVar

import numpy as np

from posology.designs.tally import NONE, Action, Decision, DependsOn, Tally
from posology.shared.arrays import Bools, Ints
from posology.shared.finite import check_finite

REMEMBERED = 4096  # decisions that a design keeps
WAITS = "patients still followed: {pending}; what they show may change the dose: wait for them"


class Remembering:
    """Keeps the decisions on single trials, by their counts: a live trial, a page and a pathway ask again and again."""

    def __post_init__(self) -> None:
        check_finite(self)

    @cached_property
    def _remembered(self) -> dict[bytes, Decision]:
        return {}

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        if tally.trials != 1 or tally.pending is not None:
            return self.decide_anew(tally)
        key = tally.key()
        decision = self._remembered.get(key)
        if decision is None:
            decision = self.decide_anew(tally)
            if len(self._remembered) >= REMEMBERED:
                self._remembered.clear()
            self._remembered[key] = decision
        return decision

    def decide_anew(self, tally: Tally) -> Decision:
        """Return what to do next, worked out from the counts."""
        raise NotImplementedError


class DoseFinding(Remembering):
    """A design: how it decides on a batch, with what all designs share around it."""

    DEPENDS_ON: ClassVar[DependsOn] = DependsOn.COUNTS
    USES_FOLLOW_UP: ClassVar[bool] = False
    levels: int
    start: int

    @property
    def uses_follow_up(self) -> bool:
        """Whether patients still followed count for the share of the window; others wait for them."""
        return self.USES_FOLLOW_UP

    @property
    def depends_on(self) -> DependsOn:
        """What the next dose depends on."""
        return self.DEPENDS_ON

    def rule(self, tally: Tally) -> Decision:
        """Return what to do next, by the design's own rule on the counts as they are."""
        raise NotImplementedError

    def mtd(self, tally: Tally) -> Ints:
        """Return the level that would be the MTD on the counts as they are; ``NONE``: no level is safe."""
        raise NotImplementedError

    def select(self, tally: Tally) -> Ints:
        """Return the level that would be the MTD if each trial ended now, on the patients known; ``NONE``: none is
        safe."""
        return self.mtd(self.known(tally))

    def highest_safe(self, tally: Tally) -> Ints:
        """Return the highest level neither closed nor too toxic by the design's own rule; ``NONE``: no level is
        safe."""
        raise NotImplementedError

    def safe(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels neither closed nor too toxic."""
        return np.asarray(np.arange(self.levels) <= self.highest_safe(tally)[:, None])

    def highest_next(self, tally: Tally) -> Ints:
        """Return the highest level that the next patients may be given; ``NONE``: no level is safe.

        Of the safe levels, those not above the next untried one; before the first patient, those up to the start.
        """
        return reached(tally, self.highest_safe(tally), self.start)

    def admissible(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels that may be given to the next patients.

        Those up to :meth:`highest_next`, but none above the level last given whose counts bar the way up.
        """
        self.check(tally)
        tally = self.known(tally)
        highest = np.where(
            self.bars_the_way_up(tally), np.minimum(self.highest_next(tally), tally.level), self.highest_next(tally)
        )
        return np.asarray(np.arange(self.levels) <= highest[:, None])

    def bars_the_way_up(self, tally: Tally) -> Bools:
        """Return whether the counts at the level last given say that no higher one may be given."""
        raise NotImplementedError

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the rule's decision; patients still followed at the level are waited for, unless it is to go down.

        A design that uses follow-up takes it into account instead.
        """
        self.check(tally)
        decision = self.rule(self.known(tally))
        if tally.pending is None or self.uses_follow_up:
            return decision
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        followed = tally.pending.count(self.levels)
        lowers = (decision.action == Action.DEESCALATE) | (decision.action == Action.STOP)
        stays = decision.action == Action.STAY
        more = np.where(stays, decision.patients_to_treat - followed[rows, here], 0)
        declares = (decision.action == Action.DECLARE) & (followed.sum(axis=1) > 0)
        waits = ~lowers & (declares | (followed[rows, here] > 0)) & (more <= 0)
        return Decision(
            np.where(waits, Action.WAIT, decision.action),
            np.where(waits, here, decision.level),
            np.where(waits, 0, np.where(stays, more, decision.patients_to_treat)),
            np.where(waits, len(decision.reasons), decision.why),
            (*decision.reasons, WAITS),
        )

    def check(self, tally: Tally) -> None:
        """Refuse a tally of another number of levels."""
        if tally.levels != self.levels:
            raise ValueError(f"the tally has {tally.levels} levels, the design {self.levels}")

    def known(self, tally: Tally) -> Tally:
        """Return the counts that the design uses: without patients still followed, unless it uses their follow-up."""
        return tally if self.uses_follow_up else tally.evaluable()


def reached(tally: Tally, highest: Ints, start: int) -> Ints:
    """Return the highest level that may be given without skipping one not yet tried.

    Before the first patient that is the start, whatever a model's prior says of it.

    Parameters
    ----------
    tally
        the counts.
    highest
        (trials,): index of the highest level that may be given otherwise.
    start
        index of the first level.

    Examples
    --------
    >>> reached(Tally.of("1NNN", 4), np.array([3]), 0)
    array([1])
    """
    tried = np.where(tally.treated > 0, np.arange(tally.levels), NONE).max(axis=1)
    next_up = np.maximum(np.maximum(tried, tally.level) + 1, start)
    begins = tally.level == NONE
    return np.where(begins, np.minimum(start, tally.ceiling), np.minimum(highest, next_up))


def below_first(exceeded: Bools) -> Ints:
    """Return (trials,): the level below the first exceeded one; the top level where none is, ``NONE`` below the
    lowest."""
    first = np.where(exceeded.any(axis=1), exceeded.argmax(axis=1), exceeded.shape[1])
    return np.asarray(first - 1)


def highest_tried(tally: Tally, highest: Ints) -> Ints:
    """Return (trials,): the highest level tried, up to ``highest``; ``NONE`` where there is none."""
    index = np.arange(tally.levels)
    fits = (tally.treated > 0) & (index <= highest[:, None])
    return np.asarray(np.where(fits, index, NONE).max(axis=1))


def chosen(why: Ints, outcome: dict[int, tuple[Action, Ints, Ints | int]], reasons: tuple[str, ...]) -> Decision:
    """Return the decision that each row's reason makes, of the action, level and patients for every reason.

    Parameters
    ----------
    why
        (rows,): number of each row's reason.
    outcome
        for each reason, action, level and patients to treat.
    reasons
        in words.

    Examples
    --------
    >>> reasons = ("no DLT: escalate", "a DLT: stay")
    >>> outcome = {0: (Action.ESCALATE, np.array([1, 1]), 3), 1: (Action.STAY, np.array([0, 0]), 3)}
    >>> found = chosen(np.array([1, 0]), outcome, reasons)
    >>> found.action.tolist(), found.level.tolist()
    ([0, 1], [0, 1])
    """

    def pick(k: int) -> Ints:
        return np.choose(why, [np.broadcast_to(np.asarray(outcome[r][k]), why.shape) for r in range(len(reasons))])

    return Decision(pick(0), pick(1), pick(2), why, reasons)


def first_of(*cases: tuple[Bools, int], otherwise: int) -> Ints:
    """Return for each row the number of the first case that holds."""
    number = np.full(len(cases[0][0]), otherwise)
    for holds, value in reversed(cases):
        number[holds] = value
    return number
