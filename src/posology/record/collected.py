"""What is collected about a patient beside the course that the protocol steers: one frozen dataclass for each kind.

Laboratory values, vital signs, concentrations, other drugs, medical history, disposition, the reading of scans by others
than the trial's own reader; and where a record was taken over from. The words are the field's; the SDTM variable that
each field is read from and written to is in :mod:`posology.interchange.sdtm.layout`. ``qualifiers`` are supplemental
qualifiers as they came, by their names, where no field is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le

from posology.record.facts import Fact, Text, TrialFact, fact

UNDATED = "not stated"
"""The ``dated`` of a fact whose date was not collected at all; the day it occurred is then a stand-in."""

Count = Annotated[int, Ge(0)]
NotNegative = Annotated[float, Ge(0)]
Diameter = Annotated[float, Ge(0), Le(500)]


@fact
class DataImport(TrialFact):
    """The events that follow were taken over from another system, and not entered one by one under the protocol's rules.

    ``files`` holds the SHA-256 of each file; ``events`` how many events of each kind were made; ``not_understood`` how
    many values were not, by domain and variable; ``findings`` how many things in the data cannot be as they stand. A
    protocol ``derived`` from the data knows no dose-finding design.
    """

    kind = "data_imported"

    source: Text
    standard: Text
    files: dict[str, str]
    events: dict[str, int]
    not_understood: dict[str, int]
    findings: Count
    protocol: Literal["given", "derived"]


# The patient ----------------------------------------------------------------------------------------------------------


@fact
class Demographics(Fact):
    """Who the patient is beyond the screening: identifiers, site, arm, and the dates of participation as collected."""

    kind = "subject_described"

    subject: str | None = None
    unique_subject: str | None = None
    site: str | None = None
    investigator: str | None = None
    country: str | None = None
    sex: str | None = None
    age: NotNegative | None = None
    age_unit: str | None = None
    birth: str | None = None
    race: str | None = None
    ethnicity: str | None = None
    planned_arm: str | None = None
    planned_arm_code: str | None = None
    actual_arm: str | None = None
    actual_arm_code: str | None = None
    not_assigned: str | None = None
    consented: str | None = None
    reference_start: str | None = None
    reference_end: str | None = None
    first_exposure: str | None = None
    last_exposure: str | None = None
    participation_end: str | None = None
    death: str | None = None
    qualifiers: dict[str, str] | None = None
    dated: str | None = None


@fact
class MedicalHistory(Fact):
    """Something of the patient's history; occurs on the day it was collected."""

    term: Text
    sponsor_id: str | None = None
    preferred_term: str | None = None
    coding: dict[str, str] | None = None
    category: str | None = None
    subcategory: str | None = None
    body_system: str | None = None
    severity: str | None = None
    prespecified: bool | None = None
    present: bool | None = None
    started: str | None = None
    ended: str | None = None
    started_relative: str | None = None
    started_relative_to: str | None = None
    ended_relative: str | None = None
    ended_relative_to: str | None = None
    ended_relative_period: str | None = None
    visit: str | None = None
    visit_number: float | None = None
    visit_day: float | None = None
    qualifiers: dict[str, str] | None = None
    dated: str | None = None


@fact
class ConcomitantTherapy(Fact):
    """Another drug or therapy, from the day it was begun. ``prior`` and ``anticancer`` where they were collected."""

    therapy: Text
    sponsor_id: str | None = None
    standard_name: str | None = None
    therapeutic_class: str | None = None
    category: str | None = None
    subcategory: str | None = None
    indication: str | None = None
    dose: NotNegative | None = None
    dose_text: str | None = None
    unit: str | None = None
    form: str | None = None
    frequency: str | None = None
    route: str | None = None
    prior: bool | None = None
    anticancer: bool | None = None
    ended: str | None = None
    started_relative: str | None = None
    ended_relative: str | None = None
    started_relative_period: str | None = None
    ended_relative_period: str | None = None
    collected: str | None = None
    visit: str | None = None
    visit_number: float | None = None
    visit_day: float | None = None
    qualifiers: dict[str, str] | None = None
    dated: str | None = None


@fact
class TreatmentGiven(Fact):
    """A treatment of the trial as it was given, from this day (to the day it ``ended``): any drug, unit or frequency.

    For a dose of the trial's own drug at one of its levels there is :class:`~posology.record.facts.Dosed`.
    """

    treatment: Text
    dose: NotNegative | None = None
    dose_text: str | None = None
    unit: str | None = None
    form: str | None = None
    frequency: str | None = None
    route: str | None = None
    category: str | None = None
    ended: str | None = None
    visit: str | None = None
    visit_number: float | None = None
    visit_day: float | None = None
    qualifiers: dict[str, str] | None = None
    dated: str | None = None


@fact
class DispositionEvent(Fact):
    """A milestone or event of the patient's way through the trial."""

    kind = "disposition_noted"

    term: Text
    sponsor_id: str | None = None
    standard_term: str | None = None
    category: str | None = None
    subcategory: str | None = None
    epoch: str | None = None
    collected: str | None = None
    visit: str | None = None
    visit_number: float | None = None
    qualifiers: dict[str, str] | None = None
    dated: str | None = None


# What is measured -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Observation(Fact):
    """One test: the result as ``reported``, and in standard units as text (``result``: "<5") and number (``value``)."""

    test: Text
    name: str | None = None
    category: str | None = None
    reported: str | None = None
    reported_unit: str | None = None
    result: str | None = None
    value: float | None = None
    unit: str | None = None
    not_done: str | None = None
    baseline: bool | None = None
    timepoint: str | None = None
    timepoint_number: float | None = None
    timepoint_elapsed: str | None = None
    timepoint_reference: str | None = None
    visit: str | None = None
    visit_number: float | None = None
    visit_day: float | None = None
    qualifiers: dict[str, str] | None = None
    dated: str | None = None


@fact
class LaboratoryMeasured(Observation):
    """A laboratory value with its unit and limits of normal."""

    specimen: str | None = None
    method: str | None = None
    fasting: bool | None = None
    lower_limit: float | None = None
    upper_limit: float | None = None
    reported_lower_limit: str | None = None
    reported_upper_limit: str | None = None
    indicator: str | None = None
    laboratory: str | None = None


@fact
class VitalSignMeasured(Observation):
    """A vital sign, height or weight."""

    position: str | None = None
    location: str | None = None


@fact
class PkConcentration(Observation):
    """A concentration of the drug, or of what becomes of it (``test``), in a specimen.

    When it was taken is told by ``dated`` with a time of day (2013-05-10T11:30), or as planned by ``timepoint_number``,
    the hours since the dose began. Below quantification, ``result`` says so ("<0.5") and there is no ``value``.
    """

    kind = "concentration_measured"

    specimen: str | None = None
    laboratory: str | None = None
    method: str | None = None
    quantification_limit: NotNegative | None = None


# What others read -----------------------------------------------------------------------------------------------------


@fact
class IndependentLesion(Fact):
    """A lesion as a reader sees it whose reading is not the trial's own (:class:`~posology.record.facts.LesionMeasured`)."""

    kind = "lesion_read"

    lesion: Text
    reader: Text
    accepted: bool | None = None
    role: Literal["target", "non-target", "new"] | None = None
    organ: str | None = None
    nodal: bool | None = None
    diameter_mm: Diameter | None = None
    perpendicular_mm: Diameter | None = None
    status: str | None = None
    method: str | None = None
    visit: str | None = None
    visit_number: float | None = None
    dated: str | None = None


@fact
class IndependentResponse(Fact):
    """One statement about response: another reader's, by other criteria, or about a part (target lesions, new lesions)."""

    kind = "response_read"

    test: Text
    name: str | None = None
    result: Text
    reported: str | None = None
    criteria: str | None = None
    reader: str | None = None
    accepted: bool | None = None
    qualifiers: dict[str, str] | None = None
    visit: str | None = None
    visit_number: float | None = None
    dated: str | None = None
