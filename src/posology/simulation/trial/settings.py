"""What of a simulated trial is set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal


@dataclass(frozen=True)
class TrialSettings:
    """What is simulated.

    Parameters
    ----------
    seed
        of everything.
    per_month
        patients who come in a month of 28 days: for dose finding, and for each expansion cohort that is open.
    arrivals
        "poisson": at random; "fixed": evenly spaced.
    expansion
        whether the expansion cohorts are opened after the dose finding.
    patients
        of an expansion cohort for which the protocol gives no number.
    cycles
        at most; until progression, two years at most, where None.
    until
        the last day that is simulated; to the last follow-up, where None.
    alone
        an expansion cohort and a dose level: that cohort alone, at that level, without dose finding.
    """

    seed: int = 1
    per_month: float = 3.0
    arrivals: Literal["poisson", "fixed"] = "poisson"
    expansion: bool = True
    patients: int = 40
    cycles: int | None = None
    until: date | None = None
    alone: tuple[str, int] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.per_month <= 3000:
            raise ValueError(f"patients a month are {self.per_month:g}: there must be more than none, at most 3,000")
        if self.patients < 1:
            raise ValueError(f"patients is {self.patients}: there must be one or more")
        if self.cycles is not None and self.cycles < 1:
            raise ValueError(f"cycles is {self.cycles}: there must be one or more")
