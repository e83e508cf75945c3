"""How much each outcome of a patient is worth, from 0 to 100."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from posology.expansion.joint_outcomes import JointOutcome, JointTally
from posology.shared.arrays import Floats

__all__ = ["Utility"]


@dataclass(frozen=True)
class Utility:
    """The worth of each outcome, elicited from clinicians.

    Parameters
    ----------
    efficacy, neither, both, toxicity
        of a response without toxicity, of neither, of both, and of toxicity without response: from 0 to 100, the first
        the greatest and the last the least.

    Raises
    ------
    ValueError
        if a worth is out of its bounds or its order.

    Examples
    --------
    >>> utility = Utility(neither=40, both=60)
    >>> utility.additive, utility.mean(toxicity=0.35, response=0.25)
    (True, 41.0)
    """

    efficacy: float = 100.0
    neither: float = 40.0
    both: float = 60.0
    toxicity: float = 0.0

    def __post_init__(self) -> None:
        best, worst = self.efficacy, self.toxicity
        if not (
            0 <= worst < best <= 100 and worst <= min(self.neither, self.both) <= max(self.neither, self.both) <= best
        ):
            raise ValueError(
                f"utilities are {self.efficacy:g} (efficacy), {self.neither:g} (neither), {self.both:g} (both), "
                f"{self.toxicity:g} (toxicity): from 0 to 100, efficacy the greatest and toxicity the least"
            )

    @property
    def of_outcomes(self) -> Floats:
        """(4,): by :class:`JointOutcome`."""
        worth = np.empty(4)
        worth[[JointOutcome.NEITHER, JointOutcome.EFFICACY, JointOutcome.TOXICITY, JointOutcome.BOTH]] = (
            self.neither,
            self.efficacy,
            self.toxicity,
            self.both,
        )
        return worth

    @property
    def additive(self) -> bool:
        """Whether toxicity costs the same with and without a response, so that marginal counts are enough."""
        return abs(self.efficacy + self.toxicity - self.neither - self.both) < 1e-9

    def mean(self, toxicity: float, response: float) -> float:
        """Return the mean utility at rates, toxicity and response independent."""
        return float(
            self.efficacy * response * (1 - toxicity)
            + self.neither * (1 - response) * (1 - toxicity)
            + self.both * response * toxicity
            + self.toxicity * (1 - response) * toxicity
        )

    def total(self, tally: JointTally) -> Floats:
        """Return (trials, levels): the utilities of all patients together."""
        return np.asarray(tally.counts @ self.of_outcomes)
