"""SDTM as we read and write it: for each domain its variables in order, their labels, and the field that each one
holds.

CDISC SDTM 1.7 with SDTMIG 3.3; tumour domains TU, TR and RS as there. A variable that stands for one field of a fact is
read into it and written from it by this table alone; the others (marked with no field) have their code in the file of
their domain. What a fact holds and no variable takes goes to SUPP-- under the name that
:func:`~posology.interchange.sdtm.supplemental.qnam` gives.
"""

from __future__ import annotations

from dataclasses import dataclass

from posology.record import collected as c
from posology.record import facts as f
from posology.record.fact import KINDS, Fact, SdtmHome


@dataclass(frozen=True)
class Variable:
    """A variable of a domain: ``field`` is the field of the domain's fact that it holds, empty if code does it."""

    name: str
    label: str
    field: str = ""

    @property
    def numeric(self) -> bool:
        """Whether it is a number in SDTM."""
        return self.name.endswith(NUMERIC)


NUMERIC = (
    "SEQ",
    "DY",
    "STRESN",
    "VISITNUM",
    "TPTNUM",
    "STNRLO",
    "STNRHI",
    "LLOQ",
    "AGE",
    "EXDOSE",
    "CMDOSE",
    "AESPIDN",
)


@dataclass(frozen=True)
class Layout:
    """A domain: its label, the kind of fact that one of its rows is, and its variables in order."""

    label: str
    kind: type[Fact] | None
    variables: tuple[Variable, ...]

    def field(self, variable: str) -> str:
        """Return the field that a variable holds."""
        return next((v.field for v in self.variables if v.name == variable), "")


def _layout(domain: str, label: str, kind: type[Fact] | None, text: str) -> Layout:
    """Read lines ``NAME | label | field``; ``--`` stands for the domain."""
    head = "STUDYID | Study Identifier\nDOMAIN | Domain Abbreviation\nUSUBJID | Unique Subject Identifier"
    numbered = "" if domain in ("DM", "TS") else "\n--SEQ | Sequence Number"
    variables = []
    for line in (head + numbered + text).strip().splitlines():
        parts = [part.strip() for part in line.split("|")]
        variables.append(Variable(parts[0].replace("--", domain), parts[1], parts[2] if len(parts) > 2 else ""))
    if domain == "TS":
        variables = [v for v in variables if v.name != "USUBJID"]
    return Layout(label, kind, tuple(variables))


VISITS = """
VISITNUM | Visit Number | visit_number
VISIT | Visit Name | visit
VISITDY | Planned Study Day of Visit | visit_day"""
RESULT = """
--TESTCD | {0} Short Name | test
--TEST | {0} Name | name
--CAT | Category for {0} | category
--ORRES | Result or Finding in Original Units | reported
--ORRESU | Original Units | reported_unit"""
STANDARD = """
--STRESC | Character Result/Finding in Std Format | result
--STRESN | Numeric Result/Finding in Standard Units | value
--STRESU | Standard Units | unit"""
DONE = """
--STAT | Completion Status
--REASND | Reason Not Done"""
TIMEPOINT = """
--TPT | Planned Time Point Name | timepoint
--TPTNUM | Planned Time Point Number | timepoint_number
--ELTM | Planned Elapsed Time from Time Point Ref | timepoint_elapsed
--TPTREF | Time Point Reference | timepoint_reference"""
COLLECTED = """
--DTC | Date/Time of {0}
--DY | Study Day of {0}"""

LAYOUTS: dict[str, Layout] = {
    "DM": _layout(
        "DM",
        "Demographics",
        c.Demographics,
        """
SUBJID | Subject Identifier for the Study | subject
RFSTDTC | Subject Reference Start Date/Time | reference_start
RFENDTC | Subject Reference End Date/Time | reference_end
RFXSTDTC | Date/Time of First Study Treatment | first_exposure
RFXENDTC | Date/Time of Last Study Treatment | last_exposure
RFICDTC | Date/Time of Informed Consent | consented
RFPENDTC | Date/Time of End of Participation | participation_end
DTHDTC | Date/Time of Death | death
DTHFL | Subject Death Flag
SITEID | Study Site Identifier | site
INVNAM | Investigator Name | investigator
BRTHDTC | Date/Time of Birth | birth
AGE | Age | age
AGEU | Age Units | age_unit
SEX | Sex | sex
RACE | Race | race
ETHNIC | Ethnicity | ethnicity
ARMCD | Planned Arm Code | planned_arm_code
ARM | Description of Planned Arm | planned_arm
ACTARMCD | Actual Arm Code | actual_arm_code
ACTARM | Description of Actual Arm | actual_arm
ARMNRS | Reason Arm and/or Actual Arm is Null | not_assigned
COUNTRY | Country | country
DMDTC | Date/Time of Collection
DMDY | Study Day of Collection""",
    ),
    "EX": _layout(
        "EX",
        "Exposure",
        c.TreatmentGiven,
        """
EXTRT | Name of Treatment | treatment
EXCAT | Category of Treatment | category
EXDOSE | Dose | dose
EXDOSTXT | Dose Description | dose_text
EXDOSU | Dose Units | unit
EXDOSFRM | Dose Form | form
EXDOSFRQ | Dosing Frequency per Interval | frequency
EXROUTE | Route of Administration | route"""
        + VISITS
        + """
EXSTDTC | Start Date/Time of Treatment
EXENDTC | End Date/Time of Treatment
EXSTDY | Study Day of Start of Treatment
EXENDY | Study Day of End of Treatment""",
    ),
    "AE": _layout(
        "AE",
        "Adverse Events",
        f.AdverseEvent,
        """
AESPID | Sponsor-Defined Identifier | ae
AETERM | Reported Term for the Adverse Event | verbatim
AELLT | Lowest Level Term
AELLTCD | Lowest Level Term Code
AEDECOD | Dictionary-Derived Term | term
AEPTCD | Preferred Term Code
AEHLT | High Level Term
AEHLTCD | High Level Term Code
AEHLGT | High Level Group Term
AEHLGTCD | High Level Group Term Code
AEBODSYS | Body System or Organ Class
AEBDSYCD | Body System or Organ Class Code
AESOC | Primary System Organ Class
AESOCCD | Primary System Organ Class Code
AESEV | Severity/Intensity | severity
AESER | Serious Event | serious
AEACN | Action Taken with Study Treatment | action
AEREL | Causality | causality
AEOUT | Outcome of Adverse Event
AESCAN | Involves Cancer
AESCONG | Congenital Anomaly or Birth Defect
AESDISAB | Persist or Signif Disability/Incapacity
AESDTH | Results in Death
AESHOSP | Requires or Prolongs Hospitalization
AESLIFE | Is Life Threatening
AESOD | Occurred with Overdose
AESMIE | Other Medically Important Serious Event
AETOXGR | Standard Toxicity Grade | grade
VISIT | Visit Name | visit
AEDTC | Date/Time of Collection
AESTDTC | Start Date/Time of Adverse Event
AEENDTC | End Date/Time of Adverse Event
AESTDY | Study Day of Start of Adverse Event
AEENDY | Study Day of End of Adverse Event""",
    ),
    "CM": _layout(
        "CM",
        "Concomitant Medications",
        c.ConcomitantTherapy,
        """
CMSPID | Sponsor-Defined Identifier | sponsor_id
CMTRT | Reported Name of Drug, Med, or Therapy | therapy
CMDECOD | Standardized Medication Name | standard_name
CMCAT | Category for Medication | category
CMSCAT | Subcategory for Medication | subcategory
CMINDC | Indication | indication
CMCLAS | Medication Class | therapeutic_class
CMDOSE | Dose per Administration | dose
CMDOSTXT | Dose Description | dose_text
CMDOSU | Dose Units | unit
CMDOSFRM | Dose Form | form
CMDOSFRQ | Dosing Frequency per Interval | frequency
CMROUTE | Route of Administration | route"""
        + VISITS
        + """
CMDTC | Date/Time of Collection | collected
CMSTDTC | Start Date/Time of Medication
CMENDTC | End Date/Time of Medication | ended
CMSTDY | Study Day of Start of Medication
CMENDY | Study Day of End of Medication
CMSTRTPT | Start Relative to Reference Time Point | started_relative
CMENRTPT | End Relative to Reference Time Point | ended_relative
CMSTRF | Start Relative to Reference Period | started_relative_period
CMENRF | End Relative to Reference Period | ended_relative_period""",
    ),
    "MH": _layout(
        "MH",
        "Medical History",
        c.MedicalHistory,
        """
MHSPID | Sponsor-Defined Identifier | sponsor_id
MHTERM | Reported Term for the Medical History | term
MHLLT | Lowest Level Term
MHDECOD | Dictionary-Derived Term | preferred_term
MHHLT | High Level Term
MHHLGT | High Level Group Term
MHCAT | Category for Medical History | category
MHSCAT | Subcategory for Medical History | subcategory
MHPRESP | Medical History Event Pre-Specified | prespecified
MHOCCUR | Medical History Occurrence | present
MHBODSYS | Body System or Organ Class | body_system
MHSEV | Severity/Intensity | severity"""
        + VISITS
        + """
MHDTC | Date/Time of History Collection
MHSTDTC | Start Date/Time of Medical History Event | started
MHENDTC | End Date/Time of Medical History Event | ended
MHDY | Study Day of History Collection
MHSTRTPT | Start Relative to Reference Time Point | started_relative
MHSTTPT | Start Reference Time Point | started_relative_to
MHENRTPT | End Relative to Reference Time Point | ended_relative
MHENTPT | End Reference Time Point | ended_relative_to
MHENRF | End Relative to Reference Period | ended_relative_period""",
    ),
    "DS": _layout(
        "DS",
        "Disposition",
        c.DispositionEvent,
        """
DSSPID | Sponsor-Defined Identifier | sponsor_id
DSTERM | Reported Term for the Disposition Event | term
DSDECOD | Standardized Disposition Term | standard_term
DSCAT | Category for Disposition Event | category
DSSCAT | Subcategory for Disposition Event | subcategory
EPOCH | Epoch | epoch
VISITNUM | Visit Number | visit_number
VISIT | Visit Name | visit
DSDTC | Date/Time of Collection | collected
DSSTDTC | Start Date/Time of Disposition Event
DSSTDY | Study Day of Start of Disposition Event""",
    ),
    "LB": _layout(
        "LB",
        "Laboratory Test Results",
        c.LaboratoryMeasured,
        RESULT.format("Lab Test or Examination")
        + """
LBORNRLO | Reference Range Lower Limit in Orig Unit | reported_lower_limit
LBORNRHI | Reference Range Upper Limit in Orig Unit | reported_upper_limit"""
        + STANDARD
        + """
LBSTNRLO | Reference Range Lower Limit-Std Units | lower_limit
LBSTNRHI | Reference Range Upper Limit-Std Units | upper_limit
LBNRIND | Reference Range Indicator | indicator"""
        + DONE
        + """
LBNAM | Laboratory Name | laboratory
LBSPEC | Specimen Type | specimen
LBMETHOD | Method of Test or Examination | method
LBBLFL | Baseline Flag | baseline
LBFAST | Fasting Status | fasting"""
        + VISITS
        + COLLECTED.format("Specimen Collection")
        + TIMEPOINT,
    ),
    "VS": _layout(
        "VS",
        "Vital Signs",
        c.VitalSignMeasured,
        RESULT.format("Vital Signs Test")
        + STANDARD
        + DONE
        + """
VSPOS | Vital Signs Position of Subject | position
VSLOC | Location of Vital Signs Measurement | location
VSBLFL | Baseline Flag | baseline"""
        + VISITS
        + COLLECTED.format("Measurements")
        + TIMEPOINT,
    ),
    "PC": _layout(
        "PC",
        "Pharmacokinetics Concentrations",
        c.PkConcentration,
        RESULT.format("Pharmacokinetic Test")
        + STANDARD
        + DONE
        + """
PCNAM | Vendor Name | laboratory
PCSPEC | Specimen Material Type | specimen
PCMETHOD | Method of Test or Examination | method
PCLLOQ | Lower Limit of Quantitation | quantification_limit
PCBLFL | Baseline Flag | baseline"""
        + VISITS
        + COLLECTED.format("Specimen Collection")
        + TIMEPOINT,
    ),
    "TU": _layout(
        "TU",
        "Tumor/Lesion Identification",
        None,
        """
TULNKID | Link ID
TUTESTCD | Tumor/Lesion ID Short Name
TUTEST | Tumor/Lesion ID Test Name
TUORRES | Tumor/Lesion ID Result
TUSTRESC | Tumor/Lesion ID Result Std. Format
TULOC | Location of the Tumor/Lesion
TUMETHOD | Method of Identification
TUEVAL | Evaluator
TUEVALID | Evaluator Identifier
TUACPTFL | Accepted Record Flag
VISITNUM | Visit Number
VISIT | Visit Name
TUDTC | Date/Time of Tumor/Lesion Identification
TUDY | Study Day of Tumor/Lesion Identification""",
    ),
    "TR": _layout(
        "TR",
        "Tumor/Lesion Results",
        None,
        """
TRGRPID | Group ID
TRLNKGRP | Link Group ID
TRLNKID | Link ID
TRTESTCD | Tumor/Lesion Assessment Short Name
TRTEST | Tumor/Lesion Assessment Test Name
TRORRES | Result or Finding in Original Units
TRORRESU | Original Units
TRSTRESC | Character Result/Finding in Std Format
TRSTRESN | Numeric Result/Finding in Standard Units
TRSTRESU | Standard Units"""
        + DONE
        + """
TRMETHOD | Method Used to Identify the Tumor/Lesion
TREVAL | Evaluator
TREVALID | Evaluator Identifier
TRACPTFL | Accepted Record Flag
VISITNUM | Visit Number
VISIT | Visit Name
TRDTC | Date/Time of Tumor/Lesion Measurement
TRDY | Study Day of Tumor/Lesion Measurement""",
    ),
    "RS": _layout(
        "RS",
        "Disease Response and Clin Classification",
        c.IndependentResponse,
        """
RSLNKGRP | Link Group ID
RSTESTCD | Assessment Short Name | test
RSTEST | Assessment Name | name
RSCAT | Category for Assessment | criteria
RSORRES | Result or Finding in Original Units | reported
RSSTRESC | Character Result/Finding in Std Format | result"""
        + DONE
        + """
RSEVAL | Evaluator
RSEVALID | Evaluator Identifier
RSACPTFL | Accepted Record Flag | accepted
VISITNUM | Visit Number | visit_number
VISIT | Visit Name | visit
RSDTC | Date/Time of Assessment
RSDY | Study Day of Assessment""",
    ),
    "TS": _layout(
        "TS",
        "Trial Summary",
        None,
        """
TSSEQ | Sequence Number
TSPARMCD | Trial Summary Parameter Short Name
TSPARM | Trial Summary Parameter
TSVAL | Parameter Value""",
    ),
}
"""The domains in the order in which they are written."""


def homes() -> list[str]:
    """Return the domains that the kinds of fact name as their home, TU with TR, in the order in which they are
    written."""
    named = {kind.sdtm.domain for kind in KINDS.values() if isinstance(kind.sdtm, SdtmHome)}
    named |= {"TU"} if "TR" in named else set()
    known = [domain for domain in LAYOUTS if domain in named]
    return known + sorted(named - set(known))


def layout_of(domain: str) -> Layout:
    """Return the layout of a domain; of one that has none of its own, that of measurements.

    Raises
    ------
    ValueError
        if no one kind of measurement names the domain as its home, so that nothing says how its rows are written.
    """
    if domain in LAYOUTS:
        return LAYOUTS[domain]
    kinds = [k for k in KINDS.values() if isinstance(k.sdtm, SdtmHome) and k.sdtm.domain == domain]
    if len(kinds) != 1 or not issubclass(kinds[0], c.Observation):
        named = ", ".join(kind.__name__ for kind in kinds) or "no kind of fact"
        raise ValueError(f"{domain} has no layout, and {named} is no one kind of measurement: add it to LAYOUTS")
    home = kinds[0].sdtm
    assert isinstance(home, SdtmHome)
    name = home.label or domain
    text = RESULT.format(name) + STANDARD + DONE + VISITS + TIMEPOINT + COLLECTED.format(name)
    return _layout(domain, name, kinds[0], text)
