"""The trial ends when the level that would be the MTD is so with enough posterior probability."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Lt

from posology.designs.blrm import Blrm
from posology.designs.crm import Crm
from posology.designs.inference import innermost
from posology.designs.model_based import ModelBasedDesign
from posology.designs.modifiers.base import Modifier, goes_on
from posology.designs.tally import NONE, Decision, Tally
from posology.shared.arrays import Floats


@dataclass(frozen=True)
class StopSure(Modifier):
    """The trial ends when the level that would be the MTD is so with enough posterior probability.

    Parameters
    ----------
    chance
        the trial ends when the chance that the level's DLT rate is the one nearest the target reaches this.
    patients
        patients in all before it does.

    Notes
    -----
    Around a design with a model, whose posterior says how likely each level is to be the MTD.

    Examples
    --------
    >>> from posology.designs import Crm
    >>> design = StopSure(Crm(3, 0.25, skeleton=(0.1, 0.25, 0.4)), chance=0.6)
    >>> design.chances(Tally.of("1NNN 2NNNNNTT 3TTT", 3)).round(2)
    array([[0.58, 0.36, 0.06]])
    """

    chance: Annotated[float, Gt(0), Lt(1)] = 0.8
    patients: Annotated[int, Ge(1)] = 9

    REASON: ClassVar[str] = "level {next} is probably enough the one nearest the target: it is the MTD"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(innermost(self.design), Crm | Blrm):
            raise ValueError("the chance that a level is the MTD needs a CRM or a BLRM behind the rule")

    @cached_property
    def _nearest(self) -> Floats:
        return self._model.nearest_weights()

    @property
    def _model(self) -> ModelBasedDesign:
        model = innermost(self.design)
        assert isinstance(model, ModelBasedDesign)
        return model

    def chances(self, tally: Tally) -> Floats:
        """Return (trials, levels): the posterior chance that each level's DLT rate is the one nearest the target."""
        return np.clip(self._model.expect(self.known(tally), self._nearest), 0.0, 1.0)

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, or the MTD."""
        decision = self.design.decide(tally)
        rows = np.flatnonzero(goes_on(decision, tally) & (tally.treated.sum(axis=1) >= self.patients))
        ends = np.zeros(tally.trials, dtype=bool)
        if len(rows):
            some = tally.rows(rows)
            mtd = self.design.select(some)
            sure = np.take_along_axis(self.chances(some), np.maximum(mtd, 0)[:, None], axis=1)[:, 0]
            ends[rows] = (sure >= self.chance) & (mtd != NONE)
        return self._with_ends(decision, tally, ends)
