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

from posology.designs.tally import NONE, Action, Decision, Design, Tally
from posology.shared.arrays import Ints

REASONS = (
    "nobody has been treated: titration starts with {more} at level {next}",
    "titration at level {level}: {more} more at the level",
    "titration: {n} treated at level {level}, {dlt} with a DLT: escalate",
    "titration ends below level {next}: escalate, and treat full cohorts from there",
)
BEGIN, FILL, UP, LEAVE = range(4)


@dataclass(frozen=True)
class Titration:
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

    design: Design
    last_titration_level: Annotated[int, Ge(1)]
    cohort: Annotated[int, Ge(1)] = 1
    moderate: Annotated[int, Ge(1)] = 1

    def __post_init__(self) -> None:
        if not 1 <= self.last_titration_level <= self.design.levels:
            raise ValueError(
                f"titration goes through level {self.last_titration_level}: the design has levels 1 to {self.design.levels}"
            )

    @property
    def levels(self) -> int:
        """Number of dose levels."""
        return self.design.levels

    @property
    def most_at_level(self) -> int:
        """The most patients that may come to be treated at a level."""
        return max(getattr(self.design, "most_at_level", 255), self.cohort)

    def decide(self, tally: Tally) -> Decision:
        """Return what to do next: titrate while it lasts, else what the design behind says."""
        behind = self.design.decide(tally)
        start = self.design.decide(Tally.start(1, self.levels))
        rows = np.arange(tally.trials)
        here = np.maximum(tally.level, 0)
        n = tally.treated[rows, here]
        above = np.minimum(here + 1, self.levels - 1)
        quiet = (tally.dlts.sum(axis=1) == 0) & (tally.moderate.sum(axis=1) < self.moderate)
        begins = tally.level == NONE
        fills = ~begins & (n < self.cohort)
        rises = (here < np.minimum(tally.ceiling, self.levels - 1)) & ~fills & ~begins
        titrates = quiet & (here < self.last_titration_level) & (begins | fills | rises)
        leaves = rises & (above >= self.last_titration_level)
        why = np.select([begins, fills, leaves], [BEGIN, FILL, LEAVE], UP)
        action = np.where(rises, Action.ESCALATE, Action.STAY)
        level = np.select([begins, rises], [start.level[0], above], here)
        more = np.select([fills, leaves], [self.cohort - n, start.patients_to_treat[0]], self.cohort)
        return Decision(
            np.where(titrates, action, behind.action),
            np.where(titrates, level, behind.level),
            np.where(titrates, more, behind.patients_to_treat),
            np.where(titrates, why + len(behind.reasons), behind.why),
            (*behind.reasons, *REASONS),
        )

    def select(self, tally: Tally) -> Ints:
        """Return the MTD that the design behind would choose now."""
        return self.design.select(tally)
