"""What is collected about a patient beside the course that the protocol steers: one frozen dataclass for each kind.

Laboratory values, vital signs, concentrations, other drugs, medical history, disposition, the reading of scans by
others than the trial's own reader; and where a record was taken over from. The words are the field's; the SDTM variable
that each field is read from and written to is in :mod:`posology.interchange.sdtm.layout`. ``qualifiers`` are
supplemental qualifiers as they came, by their names, where no field is theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_doc import Doc

from posology.record.fact import Fact, NoCommand, NoSdtm, SdtmHome, fact
from posology.record.facts import (
    AtPlannedVisit,
    Coding,
    Count,
    Dated,
    Ended,
    Millimetres,
    NotNegative,
    Qualifiers,
    SponsorId,
    Text,
    TrialFact,
)

UNDATED = "not stated"
"""The ``dated`` of a fact whose date was not collected at all; the day it occurred is then a stand-in."""

Category = Annotated[str | None, Doc("Its category.")]
Subcategory = Annotated[str | None, Doc("Its subcategory.")]
Method = Annotated[str | None, Doc("The method.")]
Laboratory = Annotated[str | None, Doc("The laboratory.")]
Reported = Annotated[str | None, Doc("The result as reported.")]
StartedRelative = Annotated[str | None, Doc("When it began beside a reference point, such as BEFORE.")]
EndedRelative = Annotated[str | None, Doc("When it ended beside a reference point, such as ONGOING.")]
StartedPeriod = Annotated[str | None, Doc("When it began beside the reference period.")]
EndedPeriod = Annotated[str | None, Doc("When it ended beside the reference period.")]
Accepted = Annotated[bool | None, Doc("Whether the adjudicator accepted this reader's record.")]


@fact(
    verb=NoCommand("`posology import` records it"),
    sdtm=NoSdtm("it says where the record comes from, not what happened to a subject"),
)
class DataImport(TrialFact):
    """The events that follow were taken over from another system, and not entered one by one under the protocol's
    rules.

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


@fact(verb="demographics", sdtm=SdtmHome("DM"), example="--on 2013-06-05 --site 0401 --country USA --race WHITE")
class Demographics(Fact):
    """Who the patient is beyond the screening: identifiers, site, arm, and the dates of participation as collected."""

    kind = "subject_described"

    subject: Annotated[str | None, Doc("The identifier within the trial.")] = None
    unique_subject: Annotated[str | None, Doc("The identifier across trials.")] = None
    site: Annotated[str | None, Doc("The site's number.")] = None
    investigator: Annotated[str | None, Doc("The investigator's name.")] = None
    country: Annotated[str | None, Doc("The country, as ISO 3166 (USA).")] = None
    sex: Annotated[str | None, Doc("The sex as collected.")] = None
    age: Annotated[NotNegative | None, Doc("The age, in the unit beside it.")] = None
    age_unit: Annotated[str | None, Doc("The unit of the age, such as YEARS.")] = None
    birth: Annotated[str | None, Doc("The date of birth, as collected: 1952-03-10, 1952.")] = None
    race: Annotated[str | None, Doc("The race as collected.")] = None
    ethnicity: Annotated[str | None, Doc("The ethnicity as collected.")] = None
    planned_arm: Annotated[str | None, Doc("The planned arm.")] = None
    planned_arm_code: Annotated[str | None, Doc("The code of the planned arm.")] = None
    actual_arm: Annotated[str | None, Doc("The actual arm.")] = None
    actual_arm_code: Annotated[str | None, Doc("The code of the actual arm.")] = None
    not_assigned: Annotated[str | None, Doc("Why there is no arm.")] = None
    consented: Annotated[str | None, Doc("When consent was given, as collected.")] = None
    reference_start: Annotated[str | None, Doc("The date that study days are counted from, as collected.")] = None
    reference_end: Annotated[str | None, Doc("The end of the reference period, as collected.")] = None
    first_exposure: Annotated[str | None, Doc("When treatment first was given, as collected.")] = None
    last_exposure: Annotated[str | None, Doc("When treatment last was given, as collected.")] = None
    participation_end: Annotated[str | None, Doc("When participation ended, as collected.")] = None
    death: Annotated[str | None, Doc("The date of death, as collected.")] = None
    qualifiers: Qualifiers = None
    dated: Dated = None


@fact(
    verb="medical-history", sdtm=SdtmHome("MH"), example="--on 2013-06-05 --term Hypertension --started 2009 --present"
)
class MedicalHistory(AtPlannedVisit):
    """Something of the patient's history; occurs on the day it was collected."""

    term: Annotated[Text, Doc("The condition as reported.")]
    sponsor_id: SponsorId = None
    preferred_term: Annotated[str | None, Doc("Its preferred term (MedDRA).")] = None
    coding: Coding = None
    category: Category = None
    subcategory: Subcategory = None
    body_system: Annotated[str | None, Doc("The body system or organ class.")] = None
    severity: Annotated[str | None, Doc("The severity.")] = None
    prespecified: Annotated[bool | None, Doc("Whether it was asked about by name.")] = None
    present: Annotated[bool | None, Doc("Whether the patient has or had it.")] = None
    started: Annotated[str | None, Doc("When it began, as collected: 2009, 2009-05.")] = None
    ended: Ended = None
    started_relative: StartedRelative = None
    started_relative_to: Annotated[str | None, Doc("The reference point of when it began.")] = None
    ended_relative: EndedRelative = None
    ended_relative_to: Annotated[str | None, Doc("The reference point of when it ended.")] = None
    ended_relative_period: EndedPeriod = None
    qualifiers: Qualifiers = None


@fact(
    verb="conmed",
    sdtm=SdtmHome("CM"),
    example="--on 2013-06-10 --therapy dexamethasone --dose 8 --unit mg --frequency BID --route ORAL",
)
class ConcomitantTherapy(AtPlannedVisit):
    """Another drug or therapy, from the day it was begun."""

    therapy: Annotated[Text, Doc("The drug or therapy as reported.")]
    sponsor_id: SponsorId = None
    standard_name: Annotated[str | None, Doc("Its standard name (WHODrug).")] = None
    therapeutic_class: Annotated[str | None, Doc("Its class (ATC).")] = None
    category: Category = None
    subcategory: Subcategory = None
    indication: Annotated[str | None, Doc("What it was given for.")] = None
    dose: Annotated[NotNegative | None, Doc("The dose, in the unit beside it.")] = None
    dose_text: Annotated[str | None, Doc("The dose, where it is no number.")] = None
    unit: Annotated[str | None, Doc("The unit of the dose.")] = None
    form: Annotated[str | None, Doc("The dose form, such as TABLET.")] = None
    frequency: Annotated[str | None, Doc("How often, such as BID.")] = None
    route: Annotated[str | None, Doc("The route of administration.")] = None
    prior: Annotated[bool | None, Doc("Whether it was given before the trial.")] = None
    anticancer: Annotated[bool | None, Doc("Whether it is an anticancer therapy.")] = None
    ended: Ended = None
    started_relative: StartedRelative = None
    ended_relative: EndedRelative = None
    started_relative_period: StartedPeriod = None
    ended_relative_period: EndedPeriod = None
    collected: Annotated[str | None, Doc("When it was collected.")] = None
    qualifiers: Qualifiers = None


@fact(
    verb="treatment",
    sdtm=SdtmHome("EX"),
    example='--on 2013-06-10 --treatment placebo --dose 0 --unit mg --frequency "EVERY 3 WEEKS"',
)
class TreatmentGiven(AtPlannedVisit):
    """A treatment of the trial as it was given, from this day on: any drug, unit or frequency.

    For a dose of the trial's own drug at one of its levels there is `posology patient dose`.
    """

    treatment: Annotated[Text, Doc("The name of the treatment.")]
    dose: Annotated[NotNegative | None, Doc("The dose, in the unit beside it.")] = None
    dose_text: Annotated[str | None, Doc("The dose, where it is no number.")] = None
    unit: Annotated[str | None, Doc("The unit of the dose.")] = None
    form: Annotated[str | None, Doc("The dose form.")] = None
    frequency: Annotated[str | None, Doc("How often, such as BID.")] = None
    route: Annotated[str | None, Doc("The route of administration.")] = None
    category: Category = None
    ended: Ended = None
    qualifiers: Qualifiers = None


@fact(
    verb="disposition",
    sdtm=SdtmHome("DS"),
    example='--on 2013-09-10 --term "Progressive disease" --category "DISPOSITION EVENT"',
)
class DispositionEvent(AtPlannedVisit):
    """A milestone or event of the patient's way through the trial."""

    kind = "disposition_noted"

    term: Annotated[Text, Doc("The event as reported.")]
    sponsor_id: SponsorId = None
    standard_term: Annotated[str | None, Doc("Its standard term, such as COMPLETED.")] = None
    category: Category = None
    subcategory: Subcategory = None
    epoch: Annotated[str | None, Doc("The epoch of the trial, such as TREATMENT.")] = None
    collected: Annotated[str | None, Doc("When it was collected.")] = None
    qualifiers: Qualifiers = None


# What is measured -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Observation(AtPlannedVisit):
    """One test: the result as ``reported``, and in standard units as text (``result``: "<5") and number (``value``)."""

    test: Annotated[Text, Doc("The short name of the test, such as ALT.")]
    name: Annotated[str | None, Doc("The name of the test.")] = None
    category: Category = None
    reported: Reported = None
    reported_unit: Annotated[str | None, Doc("The unit as reported.")] = None
    result: Annotated[str | None, Doc("The result in the standard unit, as text, such as <5.")] = None
    value: Annotated[float | None, Doc("The result in the standard unit, as a number.")] = None
    unit: Annotated[str | None, Doc("The standard unit.")] = None
    not_done: Annotated[str | None, Doc("Why it was not done.")] = None
    baseline: Annotated[bool | None, Doc("Whether it is the baseline.")] = None
    timepoint: Annotated[str | None, Doc("The planned time point, such as '2 h after dose'.")] = None
    timepoint_number: Annotated[float | None, Doc("The planned time point: hours since the dose began.")] = None
    timepoint_elapsed: Annotated[str | None, Doc("The planned time from the reference, as ISO 8601 (PT2H).")] = None
    timepoint_reference: Annotated[str | None, Doc("What the time point is counted from, such as DOSE 1.")] = None
    qualifiers: Qualifiers = None


@fact(verb="lab", sdtm=SdtmHome("LB"), example="--on 2013-06-05 --test ALT --value 31 --unit U/L --upper-limit 40")
class LaboratoryMeasured(Observation):
    """A laboratory value with its unit and limits of normal."""

    specimen: Annotated[str | None, Doc("The specimen, such as SERUM.")] = None
    method: Method = None
    fasting: Annotated[bool | None, Doc("Whether the patient was fasting.")] = None
    lower_limit: Annotated[float | None, Doc("The lower limit of normal, in the standard unit.")] = None
    upper_limit: Annotated[float | None, Doc("The upper limit of normal, in the standard unit.")] = None
    reported_lower_limit: Annotated[str | None, Doc("The lower limit of normal as reported.")] = None
    reported_upper_limit: Annotated[str | None, Doc("The upper limit of normal as reported.")] = None
    indicator: Annotated[str | None, Doc("Beside the limits: LOW, NORMAL or HIGH.")] = None
    laboratory: Laboratory = None


@fact(verb="vital", sdtm=SdtmHome("VS"), example="--on 2013-06-05 --test WEIGHT --value 68 --unit kg")
class VitalSignMeasured(Observation):
    """A vital sign, height or weight."""

    position: Annotated[str | None, Doc("The patient's position, such as SITTING.")] = None
    location: Annotated[str | None, Doc("Where on the body.")] = None


@fact(
    verb="concentration",
    sdtm=SdtmHome("PC"),
    example="--on 2013-06-10 --test IMGN853 --value 131 --unit ug/mL --specimen serum --dated 2013-06-10T11:30",
)
class PkConcentration(Observation):
    """A concentration of the drug, or of what becomes of it, in a specimen.

    When it was taken: --dated with a time of day, or as planned --timepoint-number. Below quantification, --result says
    so ("<0.5") and there is no --value.
    """

    kind = "concentration_measured"

    specimen: Annotated[str | None, Doc("The specimen, such as serum.")] = None
    laboratory: Laboratory = None
    method: Method = None
    quantification_limit: Annotated[
        NotNegative | None, Doc("The lower limit of quantification, in the standard unit.")
    ] = None


# What others read -----------------------------------------------------------------------------------------------------


@fact(
    verb="other-lesion",
    sdtm=SdtmHome("TR"),
    example="--on 2013-07-22 --lesion T1 --reader 'central reader 1' --role target --diameter-mm 22",
)
class IndependentLesion(AtPlannedVisit):
    """A lesion as a reader sees it whose reading is not the trial's own."""

    kind = "lesion_read"

    lesion: Annotated[Text, Doc("What numbers the lesion within the patient, such as T1.")]
    reader: Annotated[Text, Doc("Who read the scan.")]
    accepted: Accepted = None
    role: Annotated[Literal["target", "non-target", "new"] | None, Doc("What the lesion is by RECIST 1.1.")] = None
    organ: Annotated[str | None, Doc("Where it is.")] = None
    nodal: Annotated[bool | None, Doc("Whether it is a lymph node.")] = None
    diameter_mm: Annotated[Millimetres | None, Doc("Longest diameter, or short axis of a node, in mm.")] = None
    perpendicular_mm: Annotated[Millimetres | None, Doc("The diameter across the longest, in mm.")] = None
    status: Annotated[str | None, Doc("What is seen of a lesion that is not measured.")] = None
    method: Annotated[str | None, Doc("The method of imaging, such as CT.")] = None


@fact(
    verb="other-response",
    sdtm=SdtmHome("RS"),
    example="--on 2013-07-22 --test OVRLRESP --result PR --reader 'central reader 1'",
)
class IndependentResponse(AtPlannedVisit):
    """One statement about response: another reader's, by other criteria, or about a part (target lesions, new
    lesions)."""

    kind = "response_read"

    test: Annotated[Text, Doc("The short name of what is stated, such as OVRLRESP.")]
    name: Annotated[str | None, Doc("The name of what is stated.")] = None
    result: Annotated[Text, Doc("The response, in standard terms, such as PR.")]
    reported: Reported = None
    criteria: Annotated[str | None, Doc("The criteria, such as RECIST 1.1.")] = None
    reader: Annotated[str | None, Doc("Who read the scan.")] = None
    accepted: Accepted = None
    qualifiers: Qualifiers = None
