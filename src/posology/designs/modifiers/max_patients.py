"""The trial ends once so many patients were treated in all."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from posology.designs.modifiers.base import Modifier, goes_on
from posology.designs.tally import Decision, Tally


@dataclass(frozen=True)
class MaxPatients(Modifier):
    """The trial ends once so many patients were treated in all.

    Parameters
    ----------
    patients
        patients in all.
    """

    patients: Annotated[int, Ge(1)] = 30

    REASON: ClassVar[str] = "the planned number of patients has been treated"

    @property
    def max_patients(self) -> int:
        """Patients in all."""
        return self.patients

    def decide_anew(self, tally: Tally) -> Decision:
        """Return the decision, its cohort no larger than what is left, or the MTD."""
        decision = self.design.decide(tally)
        left = np.maximum(self.patients - tally.treated.sum(axis=1), 0)
        decision = replace(decision, patients_to_treat=np.minimum(decision.patients_to_treat, left))
        return self._with_ends(decision, tally, goes_on(decision, tally) & (left == 0))
