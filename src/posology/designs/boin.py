"""BOIN, the Bayesian optimal interval design.

Liu S, Yuan Y. Bayesian optimal interval designs for phase I clinical trials. J R Stat Soc C 2015;64:507-523. The dose
goes up when the observed DLT rate at the level is at most lambda_e, down when it is at least lambda_d, and stays between.
A level is eliminated, with all above it, when Pr(p > target | data) exceeds a cutoff.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log
from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.isotonic import nearest_to_target
from posology.designs.tally import NONE, Action, Bools, Decision, Floats, Ints, Tally

REASONS = (
    "nobody has been treated: start with {more} at level {next}",
    "{n} patients at level {level} are evaluable: {more} more complete the cohort",
    "{dlt} of {n} patients at level {level} had a DLT, at or below the boundary for escalation: {more} at level {next}",
    "{dlt} of {n} patients at level {level} had a DLT, between the boundaries, or no higher level may be given: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT, at or above the boundary for de-escalation: {more} at level {next}",
    "{dlt} of {n} patients at level {level} had a DLT, above the boundary, and no lower level is left: {more} more at the level",
    "{dlt} of {n} patients at level {level} had a DLT: the lowest level is too toxic, no level is safe enough",
    "the planned number of patients has been treated: level {next} is nearest the target",
    "the planned number of patients has been treated: no level is safe enough",
    "{n} patients were treated at level {level}, enough to end: level {next} is nearest the target",
)
START, FILL, UP, STAY, DOWN, LOWEST, TOXIC, DONE, DONE_NONE, ENOUGH = range(len(REASONS))


@dataclass(frozen=True)
class Boin:
    """The BOIN design.

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
    p_saf, p_tox
        highest DLT rate that is deemed too low, lowest that is deemed too high; 0.6 and 1.4 times the target.
    elimination
        a level is eliminated when Pr(p > target) exceeds this, with three or more patients.
    stop_at
        end once so many patients have been treated at a level and the dose would stay there.
    extra_safe
        also stop when Pr(p > target) at the lowest level exceeds ``elimination`` less this offset; 0 is off.

    Examples
    --------
    >>> design = Boin(levels=5, target=0.3)
    >>> round(design.lambda_e, 3), round(design.lambda_d, 3)
    (0.236, 0.359)
    """

    levels: Annotated[int, Ge(1)]
    target: Annotated[float, Gt(0), Lt(1)]
    start: Annotated[int, Ge(0)] = 0
    cohort: Annotated[int, Ge(1)] = 3
    max_patients: Annotated[int, Ge(1)] = 30
    p_saf: Annotated[float, Gt(0), Lt(1)] | None = None
    p_tox: Annotated[float, Gt(0), Lt(1)] | None = None
    elimination: Annotated[float, Gt(0), Lt(1)] = 0.95
    stop_at: Annotated[int, Ge(1)] | None = None
    extra_safe: Annotated[float, Ge(0), Lt(0.5)] = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise ValueError(f"target is {self.target}: a DLT rate lies between 0 and 1")
        if not 0 <= self.start < self.levels:
            raise ValueError(f"start is level {self.start + 1}: the design has levels 1 to {self.levels}")
        if not 0 < self.phi_1 < self.target < self.phi_2 < 1:
            raise ValueError(
                f"p_saf {self.phi_1:g}, target {self.target:g} and p_tox {self.phi_2:g} must rise, below 1"
            )

    @property
    def phi_1(self) -> float:
        """The highest DLT rate that is deemed too low."""
        return 0.6 * self.target if self.p_saf is None else self.p_saf

    @property
    def phi_2(self) -> float:
        """The lowest DLT rate that is deemed too high."""
        return 1.4 * self.target if self.p_tox is None else self.p_tox

    @property
    def lambda_e(self) -> float:
        """The boundary for escalation, equation (2) of the paper."""
        phi, phi_1 = self.target, self.phi_1
        return log((1 - phi_1) / (1 - phi)) / log(phi * (1 - phi_1) / (phi_1 * (1 - phi)))

    @property
    def lambda_d(self) -> float:
        """The boundary for de-escalation, equation (3) of the paper."""
        phi, phi_2 = self.target, self.phi_2
        return log((1 - phi) / (1 - phi_2)) / log(phi_2 * (1 - phi) / (phi * (1 - phi_2)))

    @cached_property
    def boundaries(self) -> tuple[Ints, Ints, Ints]:
        """For n = 0, 1, ..., the most DLTs to escalate, the fewest to de-escalate, the fewest to eliminate.

        Where no number of DLTs eliminates, n + 1 stands.
        """
        n = np.arange(2 * self.max_patients + 1)
        escalate = np.floor(self.lambda_e * n + 1e-9).astype(np.int64)
        deescalate = np.maximum(np.ceil(self.lambda_d * n - 1e-9).astype(np.int64), 1)
        eliminate = self._fewest(n, self.elimination)
        return escalate, np.minimum(deescalate, eliminate), eliminate

    def _fewest(self, n: Ints, cutoff: float) -> Ints:
        tail = _beta_tail(n, self.target)
        over = tail > cutoff
        return np.where((n >= 3) & over.any(axis=1), over.argmax(axis=1), n + 1)

    def eliminated(self, tally: Tally) -> Bools:
        """Return (trials, levels): levels too toxic, or above one that is."""
        *_, fewest = self.boundaries
        over = tally.toxic >= fewest[np.minimum(tally.treated, len(fewest) - 1)]
        if self.extra_safe:
            lowest = self._fewest(np.arange(len(fewest)), self.elimination - self.extra_safe)
            over[:, 0] |= tally.toxic[:, 0] >= lowest[np.minimum(tally.treated[:, 0], len(lowest) - 1)]
        return np.logical_or.accumulate(over, axis=1)

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next; see :meth:`posology.designs.Design.decide`."""
        if tally.levels != self.levels:
            raise ValueError(f"the tally has {tally.levels} levels, the design {self.levels}")
        rows = np.arange(tally.trials)
        here = np.maximum(tally.level, 0)
        n, dlt = tally.treated[rows, here], tally.toxic[rows, here]
        total = tally.treated.sum(axis=1)
        escalate, deescalate, _ = self.boundaries
        capped = np.minimum(n, len(escalate) - 1)
        out = self.eliminated(tally)
        above, below = np.minimum(here + 1, self.levels - 1), np.maximum(here - 1, 0)
        left = np.maximum(self.max_patients - total, 0)
        more = np.minimum(self.cohort, left)
        filled = n % self.cohort == 0
        must_fall = out[rows, here] | (here > tally.ceiling)
        wants_up = (dlt <= escalate[capped]) & ~must_fall
        can_rise = (here < np.minimum(tally.ceiling, self.levels - 1)) & ~out[rows, above]
        wants_down = (dlt >= deescalate[capped]) | must_fall
        stays = ~(wants_up & can_rise) & ~(wants_down & (here > 0))
        ends = left == 0
        enough = (n >= self.stop_at) & stays if self.stop_at is not None else np.zeros(tally.trials, dtype=bool)
        mtd = self.select(tally)
        none = np.zeros_like(here)
        cases = [
            (START, tally.level == NONE, Action.STAY, np.full_like(here, self.start), more),
            (TOXIC, out[:, 0], Action.STOP, np.full_like(here, NONE), none),
            (DONE_NONE, ends & (mtd == NONE), Action.STOP, mtd, none),
            (DONE, ends, Action.DECLARE, mtd, none),
            (FILL, ~filled & ~must_fall, Action.STAY, here, np.minimum(self.cohort - n % self.cohort, left)),
            (ENOUGH, enough & (mtd != NONE), Action.DECLARE, mtd, none),
            (UP, wants_up & can_rise, Action.ESCALATE, above, more),
            (DOWN, wants_down & (here > 0), Action.DEESCALATE, below, more),
            (LOWEST, wants_down, Action.STAY, here, more),
        ]
        applies = [case[1] for case in cases]
        pick = lambda values, default: np.select(applies, values, default)
        return Decision(
            action=pick([np.full_like(here, case[2]) for case in cases], int(Action.STAY)),
            level=pick([case[3] for case in cases], here), more=pick([case[4] for case in cases], more),
            why=pick([np.full_like(here, case[0]) for case in cases], STAY), reasons=REASONS,
        )  # fmt: skip

    def select(self, tally: Tally) -> Ints:
        """Return the level whose isotonic DLT rate is nearest the target, of those tried and not eliminated."""
        allowed = ~self.eliminated(tally) & (np.arange(self.levels) <= tally.ceiling[:, None])
        return nearest_to_target(tally, self.target, allowed)


def _beta_tail(n: Ints, target: float) -> Floats:
    """Return (n, dlt): Pr(p > target) after dlt of n, under a uniform prior.

    Beta(1 + y, 1 + n - y) and the binomial are one: it is the chance of at most y successes in n + 1 trials.
    """
    top = int(n.max())
    y = np.arange(top + 1)
    result = np.zeros((len(n), top + 1))
    masses = np.array([1.0])
    for row, size in enumerate(n):
        masses = np.convolve(masses, [1 - target, target]) if row else np.array([1 - target, target])
        result[row, : size + 1] = np.cumsum(masses)[: size + 1]
    return np.where(y <= n[:, None], result, 0.0)
