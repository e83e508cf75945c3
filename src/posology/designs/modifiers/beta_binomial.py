"""A level, and those above, are closed when its own patients make it probably too toxic: the beta-binomial safety
rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.modifiers.closing import ClosingRule
from posology.designs.tally import Tally
from posology.shared.arrays import Bools


@dataclass(frozen=True)
class BetaBinomial(ClosingRule):
    """A level, and those above, are closed when its own patients make it probably too toxic: the beta-binomial safety
    rule.

    Parameters
    ----------
    rate
        the DLT rate that is too high.
    chance
        a level is closed when the chance that its rate lies above ``rate``, under a beta prior, exceeds this.
    patients
        patients at a level before it can be closed.
    a, b
        parameters of the beta prior.

    Examples
    --------
    >>> from posology.designs import Crm
    >>> design = BetaBinomial(Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4)), rate=0.25)
    >>> design.admissible(Tally.of("1NNN 2TTT", 3)).tolist()
    [[True, False, False]]
    """

    rate: Annotated[float, Gt(0), Lt(1)] = 0.3
    chance: Annotated[float, Gt(0), Lt(1)] = 0.95
    patients: Annotated[int, Ge(1)] = 3
    a: Annotated[float, Gt(0)] = 1.0
    b: Annotated[float, Gt(0)] = 1.0

    REASON: ClassVar[str] = (
        "the patients of a level make it probably too toxic, and it is closed: {more} more at level {next}"
    )
    REASON_NONE: ClassVar[str] = "the patients of the lowest level make it probably too toxic: no level is safe enough"

    def closed(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels whose own patients make them probably too toxic."""
        from scipy.special import betainc

        above = 1 - betainc(self.a + tally.dlts, self.b + tally.treated - tally.dlts, self.rate)
        return np.asarray((above > self.chance) & (tally.treated >= self.patients))
