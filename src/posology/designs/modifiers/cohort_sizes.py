"""Cohorts of unequal size, whatever the level; the last size goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier
from posology.designs.tally import Action, Decision, Tally


@dataclass(frozen=True)
class CohortSizes(Modifier):
    """Cohorts of unequal size, whatever the level; the last size goes on.

    Parameters
    ----------
    sizes
        patients of the first cohort, the second, and so on.

    Notes
    -----
    The design behind decides at the end of each cohort only; it is built with cohorts of one.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> design = CohortSizes(Boin(3, 0.3, cohort=1), sizes=(1, 2, 3))
    >>> design.decide(Tally.of("1N", 3)).patients_to_treat.tolist(), design.decide(Tally.of("1N 2N", 3)).patients_to_treat.tolist()
    ([2], [1])
    """

    sizes: tuple[Annotated[int, Ge(1)], ...] = (3,)

    REASON: ClassVar[str] = "{more} more patients at level {next} complete the cohort"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"sizes is {self.sizes}: each cohort has one patient or more")
        if getattr(self.design, "cohort", 1) != 1:
            raise ValueError("the design behind unequal cohorts must have cohorts of one")

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision at the end of a cohort; within one, more patients, unless the dose is to go down."""
        decision = self.design.decide(tally)
        total = tally.treated.sum(axis=1)
        ends = np.cumsum((0, *self.sizes))
        last, beyond = self.sizes[-1], np.maximum(total - ends[-1], 0)
        k = np.minimum(np.searchsorted(ends, total, side="right"), len(ends) - 1)
        past = total >= ends[-1]
        begun = np.where(past, ends[-1] + beyond // last * last, ends[k - 1])
        due = np.where(past, ends[-1] + (beyond // last + 1) * last, ends[k])
        size = np.minimum(due - total, np.maximum(self.max_patients - total, 0))
        treats = (decision.action >= Action.STAY) & (decision.action < Action.DECLARE)
        decision = replace(decision, patients_to_treat=np.where(treats, size, decision.patients_to_treat))
        inside = (decision.action == Action.ESCALATE) & (total > begun)
        return self._with_changes(decision, inside, Action.STAY, np.maximum(tally.level, 0), size)
