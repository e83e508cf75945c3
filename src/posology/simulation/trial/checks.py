"""What cannot be simulated is refused before anything is."""

from __future__ import annotations

from typing import Any

from posology.pharmacology.clinical.treatment import VISIT
from posology.protocol.amendments import versions
from posology.protocol.model import protocol_from
from posology.simulation.trial.accrual import tumour_mix
from posology.simulation.trial.settings import TrialSettings


def check_simulable(document: dict[str, Any], world: TrialSettings) -> None:
    """Refuse what cannot be simulated, whichever version of the protocol asks for it."""
    for version in versions(document):
        protocol = protocol_from(version)
        if protocol.drug.name != "IMGN853":
            raise ValueError(
                f"the drug is {protocol.drug.name}: virtual patients carry IMGN853, the one that is calibrated"
            )
        if list(protocol.schedule.dosing_days) != [1]:
            raise ValueError(
                f"schedule.dosing_days is {list(protocol.schedule.dosing_days)}: virtual patients are treated on "
                "day 1 of a cycle"
            )
        if protocol.endpoints.response.assess_every_days != VISIT:
            raise ValueError(
                f"endpoints.response.assess_every_days is {protocol.endpoints.response.assess_every_days}: "
                f"virtual patients are scanned every {VISIT:g} days"
            )
        if world.alone is None:
            for cohort in (None, *(protocol.expansion if world.expansion else ())):
                tumour_mix(protocol, cohort)
    if world.alone is not None:
        cohort, level = world.alone
        protocol = protocol_from(versions(document)[0])
        if cohort not in protocol.expansion:
            later = any(cohort in protocol_from(version).expansion for version in versions(document))
            why = "comes with an amendment only" if later else "is no expansion cohort"
            raise ValueError(f"{cohort!r} {why}; the protocol begins with {', '.join(protocol.expansion) or 'none'}")
        if not 1 <= level <= len(protocol.dose.levels):
            raise ValueError(f"level {level}: the protocol has levels 1 to {len(protocol.dose.levels)}")
        tumour_mix(protocol, cohort)
