"""A level is given only while the chance that its DLT rate lies in a category, such as overdosing, keeps below a
cap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le, Lt

from posology.designs.inference import innermost
from posology.designs.model_based import ModelBasedDesign
from posology.designs.modifiers.closing import ClosingRule
from posology.designs.tally import Design, Tally
from posology.shared.arrays import Bools, Floats


@dataclass(frozen=True)
class MaxChance(ClosingRule):
    """A level is given only while the chance that its DLT rate lies in a category, such as overdosing, keeps below a
    cap.

    Parameters
    ----------
    above, upto
        the category: DLT rates above the one, up to the other.
    chance
        the cap: a level at which the chance exceeds it is closed, with those above.
    patients
        patients at a level before it can be closed, for a design without a model, which knows nothing of levels not
        tried.

    Notes
    -----
    By the model of the design behind; by each level's own patients under a uniform prior where it has none.

    Examples
    --------
    >>> from posology.designs import Crm
    >>> design = MaxChance(Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4)), above=0.6, chance=0.1)
    >>> design.admissible(Tally.of("1NNN 2NNT", 3)).tolist(), design.admissible(Tally.of("1NNN 2NTT", 3)).tolist()
    ([[True, True, False]], [[True, False, False]])
    """

    above: Annotated[float, Ge(0), Lt(1)] = 0.33
    upto: Annotated[float, Gt(0), Le(1)] = 1.0
    chance: Annotated[float, Gt(0), Lt(1)] = 0.25
    patients: Annotated[int, Ge(1)] = 3

    REASON: ClassVar[str] = (
        "the chance of the category exceeds its cap at a level, which is closed: {more} more at level {next}"
    )
    REASON_NONE: ClassVar[str] = (
        "the chance of the category exceeds its cap at the lowest level: no level is safe enough"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.above < self.upto:
            raise ValueError(
                f"above is {self.above:g} and upto {self.upto:g}: the category runs from the one up to the other"
            )

    def closed(self, tally: Tally) -> Bools:
        """Return (trials, levels): the levels at which the chance of the category exceeds the cap."""
        over = chance_above(self.design, tally, self.above)
        if self.upto < 1:
            over = over - chance_above(self.design, tally, self.upto)
        known = isinstance(innermost(self.design), ModelBasedDesign) | (tally.treated >= self.patients)
        return np.asarray((over > self.chance) & known & (tally.level >= 0)[:, None])


def chance_above(design: Design, tally: Tally, rate: float) -> Floats:
    """Return (trials, levels): Pr(p > rate) by the design's model, or by each level's patients under a uniform
    prior.

    Parameters
    ----------
    design
        the design whose model is asked.
    tally
        the counts.
    rate
        a DLT rate.

    Examples
    --------
    >>> from posology.designs import Boin
    >>> chance_above(Boin(2, 0.3), Tally.of("1NNT", 2), 0.3).round(3)
    array([[0.652, 0.7  ]])
    """
    model = innermost(design)
    if rate <= 0:
        return np.ones(tally.treated.shape)
    if isinstance(model, ModelBasedDesign):
        return model.probability_above(tally, rate)
    from scipy.special import betainc

    return np.asarray(1 - betainc(1 + tally.dlts, 1 + tally.treated - tally.dlts, rate))
