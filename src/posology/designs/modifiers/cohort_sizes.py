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
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"sizes is {self.sizes}: each cohort has one patient or more")
        if getattr(self.design, "cohort", 1) != 1:
            raise ValueError("the design behind unequal cohorts must have cohorts of one")

    def decide(self, tally: Tally) -> Decision:
        """Return the decision at the end of a cohort, more patients within one."""
        was = self.design.decide(tally)
        total = tally.treated.sum(axis=1)
        ends = np.cumsum(self.sizes)
        beyond = np.maximum(total - ends[-1], 0)
        k = np.searchsorted(ends, total, side="right")
        last = self.sizes[-1]
        upcoming = np.where(
            total >= ends[-1], ends[-1] + (beyond // last + 1) * last, ends[np.minimum(k, len(ends) - 1)]
        )
        begun = np.where(
            total >= ends[-1],
            ends[-1] + beyond // last * last,
            np.concatenate([[0], ends])[np.minimum(k, len(ends) - 1)],
        )
        left = np.maximum(self.max_patients - total, 0)
        size = np.minimum(upcoming - total, left)
        going = was.action < Action.DECLARE
        inside = going & (total > begun)
        was = replace(was, patients_to_treat=np.where(going, size, was.patients_to_treat))
        return self._with_changes(was, inside, Action.STAY, np.maximum(tally.level, 0), size)
