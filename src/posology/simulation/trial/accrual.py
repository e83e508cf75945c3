"""Who comes to a simulated trial, and when: a stream of patients for dose finding, and one for each open cohort."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from posology.conduct.eligibility import criteria
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.virtual_patients.demographics import TUMOUR_TYPES, TumourType
from posology.protocol.model import EligibilityCriterion, Protocol
from posology.simulation.trial.patients import TrialPatients

MONTH_DAYS = 28
SHARES = {
    name: Quantity(share, "1", "assumed", "no public number")
    for name, share in (("ovarian", 0.5), ("endometrial", 0.2), ("NSCLC", 0.2), ("renal", 0.1))
}
"""Of the tumour types among those who come for dose finding, as far as the protocol takes them; assumed."""
MAX_REFERRAL_TRIES = 5000
REFERRED: dict[str, Callable[[TrialPatients], Any]] = {
    "tumour_type": lambda person: person.known.tumour_type,
    "histology": lambda person: person.histology,
    "platinum_status": lambda person: person.platinum,
}
"""What a site knows of a patient before it refers one."""


@dataclass
class Accrual:
    """Who comes for dose finding, or for a cohort: when the next one does, and how many were screened so far."""

    people: Iterator[TrialPatients]
    gap: Callable[[], float]
    next: float
    screened: int = 0
    treated: int = 0


def tumour_mix(protocol: Protocol, cohort: str | None = None) -> list[tuple[TumourType, float]]:
    """Return the tumour types of those who come, with their shares: those of the model that the protocol takes.

    Raises
    ------
    ValueError
        if there is none.
    """
    asked = [c for c in criteria(protocol, cohort) if c.fact == "tumour_type"]
    names = [name for name in SHARES if all(_takes(c, name) for c in asked)]
    if not names:
        raise ValueError(
            f"{cohort or 'dose finding'} takes {' and '.join(c.condition for c in asked)}: there are virtual patients "
            f"with {', '.join(SHARES)} cancer"
        )
    total = sum(SHARES[name].value for name in names)
    return [(TUMOUR_TYPES[name], SHARES[name].value / total) for name in names]


def _takes(criterion: EligibilityCriterion, value: str) -> bool:
    named = value.casefold() in {word.casefold() for word in criterion.one_of or ()}
    return named if criterion.kind == "inclusion" else not named
