"""What the protocol of a record says to the analysis datasets."""

from __future__ import annotations

from dataclasses import replace

from posology.interchange.adam.source import PRESETS, AdamConventions
from posology.interchange.datasets.define import Study
from posology.protocol.model import Protocol


def rules_of(protocol: Protocol, preset: str = "recist") -> AdamConventions:
    """Return a preset's rules with the protocol's days, schedule of assessments, tumours for CA-125 and CTCAE.

    Times are counted from the first dose: a record knows of no randomisation.
    """
    said, marker = protocol.endpoints.response, protocol.endpoints.ca125
    chosen = PRESETS[preset]
    return replace(
        chosen,
        origin="treatment",
        recist=replace(chosen.recist, confirmation_days=said.confirmation_days, minimum_sd_days=said.minimum_sd_days),
        censoring=replace(chosen.censoring, interval_days=said.assess_every_days),
        marker_tumours=marker.tumour_types if marker else (),
        ctcae=protocol.dlt.ctcae,
    )


def study_of(protocol: Protocol) -> Study:
    """Return the trial as Define-XML names it."""
    return Study(protocol.trial.id, protocol.trial.title, protocol.trial.id)
