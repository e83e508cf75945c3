"""What can be recorded: one frozen dataclass for each kind of fact.

A fact says what happened; the :class:`~posology.record.event.Event` around it says when, who says so, and why. The
fields' types and bounds are the schema; bounds come from ``annotated_types`` and are checked on entry
(:mod:`posology.record.entry`). Dates live in the event: ``occurred`` is the onset of an adverse event, the day of a
dose, the day of a scan; a fact's ``dated`` is that date as it was collected, where it came with a time of day or only
in part (and ``occurred`` was imputed). Each field says what it holds by ``Doc``, shown by the command's ``--help``.
What is collected beside (laboratory, vital signs, other drugs) is in :mod:`posology.record.collected`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, MinLen

from posology.record.fact import DISPOSITION, MILESTONE, Fact, NoCommand, NoSdtm, SdtmHome, carried_by_ds, fact

if TYPE_CHECKING:
    from posology.record.event import Event

Text = Annotated[str, MinLen(1)]
Level = Annotated[int, Ge(1), Le(1000)]
Cycle = Annotated[int, Ge(1), Le(500)]
DayOfCycle = Annotated[int, Ge(1), Le(366)]
SmallCount = Annotated[int, Ge(0), Le(1000)]
AssessmentNumber = Annotated[int, Ge(0), Le(500)]
Grade = Annotated[int, Ge(1), Le(5)]
Kilograms = Annotated[float, Gt(0), Le(400)]
Centimetres = Annotated[float, Ge(50), Le(250)]
Percent = Annotated[float, Ge(0), Le(100)]
Count = Annotated[int, Ge(0)]
Years = Annotated[int, Ge(0), Le(120)]
Ecog = Annotated[int, Ge(0), Le(5)]
NotNegative = Annotated[float, Ge(0)]
Millimetres = Annotated[float, Ge(0), Le(500)]
Dated = Annotated[
    str | None, Doc("The date as it was collected, where it came with a time or in part: 2013-05-10T09:00, 2013-05.")
]
Ended = Annotated[str | None, Doc("When it ended, as collected: 2013-05-10, 2013-05-10T11:30 or in part, 2013-05.")]
SponsorId = Annotated[str | None, Doc("The number that the sponsor gave it.")]
Coding = Annotated[dict[str, str] | None, Doc("The other levels of the coding dictionary, by name.")]
Qualifiers = Annotated[
    dict[str, str] | None, Doc("Supplemental qualifiers as they came, by name, where no field is theirs.")
]

SIMULATION = "simulation"
"""The subject of the background that says a record was simulated."""


@dataclass(frozen=True, kw_only=True)
class AtVisit(Fact):
    """What is collected at a visit."""

    visit: Annotated[str | None, Doc("The visit's name.")] = None
    dated: Dated = None


@dataclass(frozen=True, kw_only=True)
class AtPlannedVisit(AtVisit):
    """What is collected at a visit that the schedule numbers."""

    visit_number: Annotated[float | None, Doc("The visit's number in the schedule.")] = None
    visit_day: Annotated[float | None, Doc("The planned study day of the visit.")] = None


# The trial ------------------------------------------------------------------------------------------------------------


class TrialFact(Fact):
    """A fact about the trial as a whole."""

    about = "trial"


@fact(
    verb=NoCommand("`posology trial create` records it"),
    sdtm=NoSdtm("the protocol is a document of its own; TS holds what it says of the trial"),
)
class TrialCreated(TrialFact):
    """The trial starts, under this protocol."""

    protocol: dict[str, Any]


@fact(
    verb=NoCommand("`posology trial amend` records it, of a protocol file"),
    sdtm=NoSdtm("the protocol is a document of its own; TS holds what it says of the trial"),
)
class ProtocolAmended(TrialFact):
    """From the day it occurred on, the protocol is this version.

    ``amends`` is the hash of the event that holds the version before it, written by the system.
    """

    version: Text
    why: Text
    changes: dict[str, Any]
    amends: str | None = None


@fact(
    verb="decision",
    sdtm=NoSdtm("the committee's decisions are of the trial, not of a subject"),
    example='--on 2013-07-01 --action escalate --level 2 --slots 3 --why "No toxicity at level 1"',
)
class DecisionTaken(TrialFact):
    """The committee's decision after a cohort, with the rule's own advice beside it.

    Beside the level that is open, a level below it can be opened for backfilling, and an expansion cohort at a level.
    ``number``, ``advice``, ``departs`` and ``protocol_version`` are written by the system, never by hand.
    """

    number: Level | None = None
    action: Annotated[
        Literal[
            "escalate",
            "expand",
            "de-escalate",
            "declare MTD",
            "stop",
            "open backfill",
            "close backfill",
            "open cohort",
            "close cohort",
        ],
        Doc("What the committee decided."),
    ]
    level: Annotated[
        Level | None, Doc("The dose level that opens, or is declared the MTD, counted from the lowest.")
    ] = None
    slots: Annotated[SmallCount, Doc("How many more patients may be enrolled at it.")] = 0
    closed_from: Annotated[Level | None, Doc("Closes this dose level and all above it.")] = None
    cohort: Annotated[str | None, Doc("The expansion cohort that opens or closes at the level.")] = None
    why: Annotated[Text, Doc("The reasons, in the committee's words.")]
    advice: dict[str, Any] | None = None
    departs: bool | None = None
    protocol_version: str | None = None


APPROVALS = ("approved", "approval", "approve")
REJECTIONS = ("rejected", "rejection", "reject")
MEANINGS = ("approved", "rejected", "reviewed")
"""What a signature can mean. Only an approval gives force."""


@fact(
    verb="sign",
    sdtm=NoSdtm("the committee's decisions are of the trial, not of a subject"),
    example='--on 2013-07-01 --decision 1 --name "Dr Meyer" --role "medical monitor"',
)
class DecisionSigned(TrialFact):
    """The author signs a decision as it stands. Once all who must have approved it, it is in force.

    ``signed`` is the hash of the decision's event, written by the system: a decision that is changed or voided
    afterwards is not signed.
    """

    decision: Annotated[Level, Doc("The decision's number.")]
    name: Annotated[Text | None, Doc("Who signs: always who enters it, whose name it is if none is given.")] = None
    role: Annotated[Text, Doc("In which role.")]
    meaning: Annotated[Text, Doc("What the signature says: approved, rejected or reviewed.")] = "approved"
    signed: str | None = None

    @property
    def approves(self) -> bool:
        """Whether it gives force."""
        return self.meaning.casefold() in APPROVALS

    @property
    def rejects(self) -> bool:
        """Whether it refuses the decision."""
        return self.meaning.casefold() in REJECTIONS

    def binds(self, seq: int, decision: Event) -> bool:
        """Whether this signature, event ``seq``, is of a decision as it stands: by its hash, else by what was in effect
        then."""
        return decision.seq < seq if self.signed is None else self.signed == decision.hash


@fact(
    verb="lock",
    sdtm=NoSdtm("what a lock holds is what is exported at its cutoff, which TS names"),
    example="--cutoff 2013-05-10",
)
class CutoffLocked(TrialFact):
    """A data cutoff is locked: its readout is what the record held at this moment, of all that occurred by
    ``cutoff``."""

    cutoff: Annotated[date, Doc("The data cutoff, as 2013-05-10: what occurred by that day.")]
    name: Annotated[str, Doc("What the cutoff is for, such as 'interim analysis'.")] = ""


@fact(
    verb=NoCommand("background comes from the program that makes the record, or from a file of events"),
    sdtm=NoSdtm("it is from outside the trial"),
)
class BackgroundFact(TrialFact):
    """One fact from outside the trial, kept with its source: an item of a subject, with its properties."""

    kind = "background_noted"

    subject: Text
    item: Text
    properties: str = ""
    source: Text


# The patient: before treatment ----------------------------------------------------------------------------------------


@fact(verb="consent", sdtm=carried_by_ds("INFORMED CONSENT OBTAINED", MILESTONE), example="--on 2013-06-04")
class Consented(Fact):
    """The patient gave informed consent, at a site."""

    site: Annotated[str | None, Doc("The site's number; else that of the person who records it.")] = None


@fact(
    verb="screen",
    sdtm=carried_by_ds("SCREENED"),
    example="--on 2013-06-05 --sex F --age 61 --tumour-type ovarian --height-cm 163 --weight-kg 68 --ecog 1",
)
class Screened(Fact):
    """Who the patient is, and the tumour."""

    sex: Annotated[Literal["F", "M"], Doc("The patient's sex.")]
    age: Annotated[Years | None, Doc("Age at screening, in years.")] = None
    tumour_type: Annotated[Text, Doc("Where the tumour is from, in the protocol's words, such as ovarian.")]
    histology: Annotated[str | None, Doc("The histology, such as 'high-grade serous'.")] = None
    height_cm: Annotated[Centimetres | None, Doc("Height, in cm.")] = None
    weight_kg: Annotated[Kilograms | None, Doc("Total body weight, in kg.")] = None
    ecog: Annotated[Ecog | None, Doc("ECOG performance status.")] = None
    measurable_disease: Annotated[bool | None, Doc("Whether there is measurable disease by RECIST 1.1.")] = None


@fact(
    verb="prior-therapy",
    sdtm=carried_by_ds("PRIOR THERAPY"),
    example="--on 2013-06-05 --regimens 3 --platinum-status resistant",
)
class PriorTherapy(Fact):
    """What the patient received before."""

    regimens: Annotated[SmallCount | None, Doc("Number of prior systemic regimens.")] = None
    platinum_status: Annotated[
        Literal["refractory", "resistant", "sensitive", "not stated", "not applicable"] | None,
        Doc("How the tumour answered to platinum: resistant if it progressed within 6 months after it."),
    ] = None
    description: Annotated[str | None, Doc("What was given, in words.")] = None


@fact(
    verb="ihc",
    sdtm=carried_by_ds("TARGET SCORED"),
    example="--on 2013-06-05 --assay FRa-IHC --intensity 3 --cells-0 5 --cells-1 10 --cells-2 25 --cells-3 60",
)
class TargetScored(Fact):
    """The drug's target in the tumour, by immunohistochemistry.

    The shares of cells at 0, 1+, 2+ and 3+ are given all four, or none.
    """

    assay: Annotated[Text, Doc("The name of the assay.")]
    specimen: Annotated[str | None, Doc("What was stained, such as archival or biopsy.")] = None
    intensity: Annotated[int, Ge(0), Le(3), Doc("The highest staining intensity.")]
    percent_2plus: Annotated[Percent | None, Doc("Share of tumour cells at 2+ or more, in %.")] = None
    pattern: Annotated[Literal["homogeneous", "heterogeneous"] | None, Doc("Whether the cells stain alike.")] = None
    cells_0: Annotated[Percent | None, Doc("Share of tumour cells that do not stain, in %.")] = None
    cells_1: Annotated[Percent | None, Doc("Share of tumour cells at 1+, in %.")] = None
    cells_2: Annotated[Percent | None, Doc("Share of tumour cells at 2+, in %.")] = None
    cells_3: Annotated[Percent | None, Doc("Share of tumour cells at 3+, in %.")] = None

    def __post_init__(self) -> None:
        cells = [share for share in (self.cells_0, self.cells_1, self.cells_2, self.cells_3) if share is not None]
        if not cells:
            return
        if len(cells) < 4:
            raise ValueError("give the share of cells at each of 0, 1+, 2+ and 3+, or none of them")
        if abs(sum(cells) - 100) > 1:
            raise ValueError(f"the shares of cells are {sum(cells):g} % together: they must be 100 %")
        if self.intensity and not cells[self.intensity]:
            raise ValueError(f"intensity {self.intensity} is given, and no cells have it")
        if self.percent_2plus is not None and abs(cells[2] + cells[3] - self.percent_2plus) > 1:
            raise ValueError(
                f"cells at 2+ and 3+ are {cells[2] + cells[3]:g} %, percent_2plus is {self.percent_2plus:g} %"
            )

    @property
    def shares(self) -> tuple[float, float, float, float] | None:
        """The shares of cells at 0, 1+, 2+ and 3+ [%]; None if they were not recorded."""
        if self.cells_0 is None or self.cells_1 is None or self.cells_2 is None or self.cells_3 is None:
            return None
        return self.cells_0, self.cells_1, self.cells_2, self.cells_3


@fact(verb="criterion", sdtm=carried_by_ds("CRITERION ATTESTED"), example="--on 2013-06-05 --criterion I4 --met")
class CriterionAttested(Fact):
    """The investigator states whether a criterion of eligibility is met.

    ``attested`` is the hash of the criterion's wording, written by the system: under another wording it is open again.
    """

    criterion: Annotated[Text, Doc("The criterion's number in the protocol, such as I4.")]
    met: Annotated[bool, Doc("Whether the criterion holds.")]
    note: Annotated[str | None, Doc("A remark.")] = None
    attested: str | None = None


@fact(verb="reserve", sdtm=carried_by_ds("PLACE RESERVED"), example="--on 2013-06-06 --level 1")
class SlotReserved(Fact):
    """A slot is kept for the patient: at an open dose level, or in an expansion cohort."""

    level: Annotated[Level | None, Doc("Number of the dose level, counted from the lowest.")] = None
    cohort: Annotated[str | None, Doc("The expansion cohort, by its name in the protocol.")] = None


@fact(verb="release", sdtm=carried_by_ds("PLACE RELEASED"), example='--on 2013-06-07 --why "withdrew consent"')
class SlotReleased(Fact):
    """The slot is given back."""

    why: Annotated[Text, Doc("Why it is given back.")]


@fact(verb="enrol", sdtm=carried_by_ds("ENROLLED", MILESTONE), example="--on 2013-06-07")
class Enrolled(Fact):
    """The patient is enrolled in the slot reserved. Counted at this level for good, whatever is given later."""

    level: Annotated[
        Level | None, Doc("Number of the dose level, where it is not that of the slot, counted from the lowest.")
    ] = None
    cohort: Annotated[str | None, Doc("The expansion cohort, where it is not that of the slot.")] = None


# The patient: treatment -----------------------------------------------------------------------------------------------


@fact(verb="dose", sdtm=SdtmHome("EX"), example="--on 2013-06-10 --cycle 1 --level 1 --weight-kg 68 --actual-mg 10.2")
class Dosed(Fact):
    """A dose was given. ``planned_mg`` is computed from the level and the patient's size, never typed."""

    cycle: Annotated[Cycle, Doc("Number of the cycle.")]
    day: Annotated[DayOfCycle, Doc("Day of the cycle.")] = 1
    level: Annotated[Level, Doc("Number of the dose level given, counted from the lowest.")]
    weight_kg: Annotated[Kilograms, Doc("Total body weight on the day, in kg.")]
    planned_mg: float | None = None
    actual_mg: Annotated[NotNegative, Doc("The dose given, in mg.")]
    note: Annotated[str | None, Doc("A remark.")] = None
    dated: Annotated[
        str | None, Doc("The moment the infusion began, where concentrations are measured: 2013-05-10T09:00.")
    ] = None
    ended: Annotated[str | None, Doc("The moment the infusion ended: 2013-05-10T11:30.")] = None


@fact(
    verb="reduce",
    sdtm=carried_by_ds("DOSE REDUCED"),
    example='--on 2013-07-22 --to-level 5 --why "blurred vision, grade 3"',
)
class DoseReduced(Fact):
    """From now on the patient gets a lower level."""

    to_level: Annotated[Level, Doc("Number of the dose level from now on, counted from the lowest.")]
    why: Annotated[Text, Doc("Why the dose is reduced.")]


@fact(verb="delay", sdtm=carried_by_ds("DOSE DELAYED"), example='--on 2013-07-01 --days 7 --why "keratopathy, grade 2"')
class DoseDelayed(Fact):
    """The next dose is put off."""

    days: Annotated[int, Ge(1), Le(1000), Doc("By how many days.")]
    why: Annotated[Text, Doc("Why the dose is put off.")]


@fact(verb="ae", sdtm=SdtmHome("AE"), example='--on 2013-06-20 --ae 1 --term "Blurred vision" --grade 1 --related')
class AdverseEvent(AtVisit):
    """An adverse event from its onset, at its worst grade (CTCAE)."""

    ae: Annotated[Text, Doc("What numbers it within the patient.")]
    term: Annotated[Text, Doc("The event: its preferred term, or CTCAE term.")]
    verbatim: Annotated[str | None, Doc("The event as reported.")] = None
    system_organ_class: Annotated[str | None, Doc("Its system organ class (MedDRA).")] = None
    grade: Annotated[Grade, Doc("The worst CTCAE grade.")]
    related: Annotated[bool, Doc("Whether it is related to the drug.")]
    serious: Annotated[bool, Doc("Whether it is serious.")] = False
    treated: Annotated[bool | None, Doc("Whether supportive treatment was given for it.")] = None
    severity: Annotated[str | None, Doc("The severity as collected, where that is no grade.")] = None
    causality: Annotated[str | None, Doc("The causality as collected, where that is not yes or no.")] = None
    action: Annotated[str | None, Doc("What was done with the drug.")] = None
    outcome: Annotated[str | None, Doc("The outcome of an event without an end.")] = None
    ended: Annotated[str | None, Doc("An end that is known in part: 2013-05.")] = None
    criteria: Annotated[str | None, Doc("Why it is serious.")] = None
    coding: Coding = None
    sponsor_id: SponsorId = None
    qualifiers: Qualifiers = None


@fact(verb="ae-resolved", sdtm=SdtmHome("AE"), example="--on 2013-07-02 --ae 1 --outcome recovered")
class AdverseEventResolved(Fact):
    """How the adverse event ended, on the day it did."""

    ae: Annotated[Text, Doc("The number of the adverse event.")]
    outcome: Annotated[
        Literal["recovered", "recovered with sequelae", "recovering", "not recovered", "fatal"], Doc("How it ended.")
    ] = "recovered"
    dated: Dated = None


@fact(verb="adjudicate", sdtm=SdtmHome("AE"), example='--on 2013-06-28 --ae 1 --no-dlt --why "resolved within 7 days"')
class DltAdjudicated(Fact):
    """The investigator and sponsor judge an adverse event: a DLT or not. Occurs on the day of the judgement.

    ``judged`` is what it was judged on, written by the system: the hashes of the adverse event, of its end and of the
    definition, the study day of its onset, and what the definition said. When one of them changes, it is open again.
    """

    ae: Annotated[Text, Doc("The number of the adverse event.")]
    dlt: Annotated[bool, Doc("Whether it is a dose-limiting toxicity.")]
    why: Annotated[Text, Doc("The reasons.")]
    judged: dict[str, str] | None = None


@fact(verb="discontinue", sdtm=carried_by_ds("", DISPOSITION), example="--on 2013-09-10 --why progression")
class Discontinued(Fact):
    """The patient left treatment."""

    why: Annotated[
        Literal["progression", "adverse event", "dose-limiting toxicity", "withdrawal", "death", "other"],
        Doc("Why treatment ended."),
    ]
    note: Annotated[str | None, Doc("A remark.")] = None
    dated: Dated = None


@fact(verb="death", sdtm=carried_by_ds("DEATH", DISPOSITION), example='--on 2013-12-01 --cause "disease progression"')
class Died(Fact):
    """The patient died."""

    cause: Annotated[Text, Doc("The cause of death.")]
    dated: Dated = None


# The patient: activity ------------------------------------------------------------------------------------------------


@fact(
    verb="lesion",
    sdtm=SdtmHome("TR"),
    example="--on 2013-06-05 --assessment 0 --lesion T1 --role target --organ liver --diameter-mm 24",
)
class LesionMeasured(AtVisit):
    """One lesion at one assessment; a nodal lesion is measured on its short axis."""

    assessment: Annotated[AssessmentNumber, Doc("Number of the assessment; 0 is the baseline.")]
    lesion: Annotated[Text, Doc("What numbers the lesion within the patient, such as T1.")]
    role: Annotated[Literal["target", "non-target", "new"], Doc("What the lesion is by RECIST 1.1.")]
    organ: Annotated[Text, Doc("Where it is.")]
    nodal: Annotated[bool, Doc("Whether it is a lymph node.")] = False
    diameter_mm: Annotated[Millimetres | None, Doc("Longest diameter, or short axis of a node, in mm.")] = None
    status: Annotated[
        Literal["present", "absent", "unequivocal progression", "too small to measure", "not evaluable", "merged"]
        | None,
        Doc("What is seen of a lesion that is not measured; merged: it has grown into another."),
    ] = None
    merged_into: Annotated[
        str | None, Doc("The lesion that it has merged into, whose diameter is that of the whole.")
    ] = None
    fragment: Annotated[Level | None, Doc("The number of the fragment, of a lesion that has split.")] = None
    method: Annotated[str | None, Doc("The method of imaging, such as CT.")] = None
    perpendicular_mm: Annotated[Millimetres | None, Doc("The diameter across the longest, in mm.")] = None
    reader: Annotated[str | None, Doc("Who read the scan.")] = None


@fact(verb="assessment", sdtm=SdtmHome("RS"), example="--on 2013-07-22 --assessment 1 --overall SD")
class TumourAssessed(AtVisit):
    """The investigator's own reading of an assessment, kept beside what follows from the lesions."""

    assessment: Annotated[AssessmentNumber, Doc("Number of the assessment; 0 is the baseline.")]
    overall: Annotated[Literal["CR", "PR", "SD", "PD", "NE", "non-CR/non-PD"], Doc("The overall response, RECIST 1.1.")]
    note: Annotated[str | None, Doc("A remark.")] = None
    reader: Annotated[str | None, Doc("Who read the scan.")] = None


@fact(verb="marker", sdtm=SdtmHome("LB"), example="--on 2013-06-05 --value 412 --upper-limit 35")
class MarkerMeasured(AtVisit):
    """A tumour marker in blood."""

    marker: Annotated[Literal["CA-125"], Doc("The marker.")] = "CA-125"
    value: Annotated[NotNegative, Doc("Its concentration, in U/mL.")]
    unit: Annotated[Literal["U/mL"], Doc("The unit.")] = "U/mL"
    upper_limit: Annotated[float, Gt(0), Doc("The laboratory's upper limit of normal, in U/mL.")]
    laboratory: Annotated[str | None, Doc("The laboratory.")] = None


# Both -----------------------------------------------------------------------------------------------------------------


@fact(verb=NoCommand("`posology trial void` records it"), sdtm=NoSdtm("what never happened is not exported"))
class Voided(Fact):
    """The event it supersedes never happened."""

    note: str = "entered in error"
