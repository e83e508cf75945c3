"""Accelerated titration, in front of any design.

Simon R, Freidlin B, Rubinstein L, et al. Accelerated titration designs for phase I clinical trials in oncology. J Natl
Cancer Inst 1997;89:1138-1147. Single-patient cohorts go up level by level until the first DLT or a number of moderate
toxicities (grade 2, related); then the cohort at the level is filled and the design behind takes over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier
from posology.designs.tally import NONE, Action, Decision, DependsOn, Tally

REASONS = (
    "nobody has been treated: titration starts with {more} at level {next}",
    "titration at level {level}: {more} more at the level",
    "titration: {n} treated at level {level}, {dlt} with a DLT: escalate",
    "titration ends below level {next}: escalate, and treat full cohorts from there",
    "titration ends with {dlt} of {n} patients at level {level} with a DLT: {more} more make it a full cohort",
)
BEGIN, TITRATION_FILL, UP, LEAVE, EXPAND = range(5)


@dataclass(frozen=True)
class Titration(Modifier):
    """A design with accelerated titration in front.

    Parameters
    ----------
    design
        the design that takes over.
    last_titration_level
        number of levels, from the lowest, at which small cohorts are treated.
    cohort
        patients a level during titration.
    moderate
        moderate toxicities, over all levels, that end it. The first DLT always does.

    Examples
    --------
    >>> from posology.designs import ThreePlusThree
    >>> design = Titration(ThreePlusThree(levels=5), last_titration_level=3)
    >>> tally = Tally.of("1N 2M", levels=5)
    >>> design.decide(tally).words(tally)
    '1 of 3 patients of the cohort at level 2 are evaluable, 0 with a DLT: 2 more at the level'
    """

    last_titration_level: Annotated[int, Ge(1)] = 1
    cohort: Annotated[int, Ge(1)] = 1
    moderate: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        if not 1 <= self.last_titration_level <= self.design.levels:
            raise ValueError(
                f"titration goes through level {self.last_titration_level}: the design has levels 1 to"
                f" {self.design.levels}"
            )

    @property
    def depends_on(self) -> DependsOn:
        """What the next dose depends on: titration looks at all levels."""
        behind = self.design.depends_on
        return DependsOn.COUNTS if behind is DependsOn.LEVEL else behind

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return max(getattr(self.design, "most_at_level", 255), self.cohort)

    def decide_anew(self, tally: Tally) -> Decision:
        """Return what to do next: titrate while it lasts, else what the design behind says."""
        behind = self.design.decide(tally)
        start = self.design.decide(Tally.start(1, self.levels))
        rows, here = np.arange(tally.trials), np.maximum(tally.level, 0)
        n, dlt = tally.treated[rows, here], tally.dlts[rows, here]
        above = np.minimum(here + 1, self.levels - 1)
        dlts, moderate = tally.dlts.sum(axis=1), tally.moderate.sum(axis=1)
        quiet = (dlts == 0) & (moderate < self.moderate)
        begins, full = tally.level == NONE, int(start.patients_to_treat[0])
        fills = ~begins & (n < self.cohort)
        safe = self.design.highest_safe(self.known(tally))
        rises = (here < safe) & ~fills & ~begins & (behind.action != Action.WAIT)
        titrates = (
            quiet & (here < self.last_titration_level) & ((begins & (behind.action == Action.STAY)) | fills | rises)
        )
        leaves = rises & (above >= self.last_titration_level)
        # the cohort that ended titration is made full before the design behind is asked to leave its level
        was_quiet = (dlts == dlt) & (moderate - tally.moderate[rows, here] < self.moderate)
        expands = ~quiet & was_quiet & (dlt <= 1) & (n > 0) & (n <= min(self.cohort, full - 1))
        expands &= (here < self.last_titration_level) & (here <= safe) & (behind.action == Action.DEESCALATE)
        why = np.select([expands, begins, fills, leaves], [EXPAND, BEGIN, TITRATION_FILL, LEAVE], UP)
        action = np.where(rises & ~expands, Action.ESCALATE, Action.STAY)
        level = np.select([expands, begins, rises], [here, behind.level, above], here)
        more = np.select([expands, fills, leaves], [full - n, self.cohort - n, full], self.cohort)
        changes = titrates | expands
        return Decision(
            np.where(changes, action, behind.action),
            np.where(changes, level, behind.level),
            np.where(changes, more, behind.patients_to_treat),
            np.where(changes, why + len(behind.reasons), behind.why),
            (*behind.reasons, *REASONS),
        )
