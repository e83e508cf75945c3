"""What can be recorded: one frozen dataclass for each kind of fact.

A fact says what happened; the :class:`~posology.record.event.Event` around it says when, who says so, and why. The
fields' types and bounds are the schema; bounds come from ``annotated_types`` and are checked on entry
(:mod:`posology.record.entry`). Dates live in the event: ``occurred`` is the onset of an adverse event, the day of a
dose, the day of a scan; a fact's ``dated`` is that date as it was collected, where it came with a time of day or only in
part (and ``occurred`` was imputed). What is collected beside (laboratory, vital signs, other drugs) is in
:mod:`posology.record.collected`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

from annotated_types import Ge, Gt, Le, MinLen

T = TypeVar("T")
Text = Annotated[str, MinLen(1)]
Level = Annotated[int, Ge(1)]
Grade = Annotated[int, Ge(1), Le(5)]
Kilograms = Annotated[float, Gt(0), Le(400)]
Centimetres = Annotated[float, Ge(50), Le(250)]
Percent = Annotated[float, Ge(0), Le(100)]

SIMULATION = "simulation"
"""The subject of the background that says a record was simulated."""
KINDS: dict[str, type[Fact]] = {}
"""Every kind of fact by the name it has in the record, in files and on the command line."""


class Fact:
    """Something that happened. ``kind`` is its name; ``about`` says whether it belongs to a patient or to the trial."""

    kind: str = ""
    about: Literal["patient", "trial"] = "patient"


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fact(cls: type[T]) -> type[T]:
    """Make a class a kind of fact: ``LesionMeasured`` becomes ``lesion_measured``, unless it names its ``kind`` itself."""
    cls.__pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # type: ignore[attr-defined]
    made = dataclass(frozen=True, kw_only=True)(cls)
    if "kind" not in vars(cls):
        made.kind = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()  # type: ignore[attr-defined]
    KINDS[made.kind] = made  # type: ignore[attr-defined, assignment]
    return made


# The trial ------------------------------------------------------------------------------------------------------------


class TrialFact(Fact):
    """A fact about the trial as a whole."""

    about = "trial"


@fact
class TrialCreated(TrialFact):
    """The trial starts, under this protocol."""

    protocol: dict[str, Any]


@fact
class ProtocolAmended(TrialFact):
    """From the day it occurred on, the protocol is this version."""

    version: Text
    why: Text
    changes: dict[str, Any]


@fact
class DecisionTaken(TrialFact):
    """The committee's decision after a cohort, with the rule's own advice beside it.

    ``level`` is the level that opens (or the MTD), ``slots`` how many more patients may be enrolled at it. ``closed_from``
    closes that level and all above it. ``number``, ``advice``, ``departs`` and ``protocol_version`` are written by the
    system, never by hand.
    """

    number: Level | None = None
    action: Literal["escalate", "expand", "de-escalate", "declare MTD", "stop"]
    level: Level | None = None
    slots: Annotated[int, Ge(0)] = 0
    closed_from: Level | None = None
    why: Text
    advice: dict[str, Any] | None = None
    departs: bool | None = None
    protocol_version: str | None = None


@fact
class DecisionSigned(TrialFact):
    """A named person signs a decision; from then on it is in force."""

    decision: Level
    name: Text
    role: Text
    meaning: Text = "approved"


@fact
class CutoffLocked(TrialFact):
    """A data cutoff is locked: its readout is what the record held at this moment, of all that occurred by ``cutoff``."""

    cutoff: date
    name: str = ""


@fact
class BackgroundFact(TrialFact):
    """One fact from outside the trial, kept with its source: an item of a subject, with its properties."""

    kind = "background_noted"

    subject: Text
    item: Text
    properties: str = ""
    source: Text


# The patient: before treatment ----------------------------------------------------------------------------------------


@fact
class Consented(Fact):
    """The patient gave informed consent."""


@fact
class Screened(Fact):
    """Who the patient is, and the tumour."""

    sex: Literal["F", "M"]
    age: Annotated[int, Ge(0), Le(120)] | None = None
    tumour_type: Text
    histology: str | None = None
    height_cm: Centimetres | None = None
    weight_kg: Kilograms | None = None
    ecog: Annotated[int, Ge(0), Le(5)] | None = None
    measurable_disease: bool | None = None


@fact
class PriorTherapy(Fact):
    """What the patient received before."""

    regimens: Annotated[int, Ge(0)] | None = None
    platinum_status: Literal["refractory", "resistant", "sensitive", "not stated", "not applicable"] | None = None
    description: str | None = None


@fact
class TargetScored(Fact):
    """The drug's target in the tumour, by immunohistochemistry.

    ``cells_0`` to ``cells_3`` are the shares of cells at each intensity [%]: all four, or none.
    """

    assay: Text
    specimen: str | None = None
    intensity: Annotated[int, Ge(0), Le(3)]
    percent_2plus: Percent | None = None
    pattern: Literal["homogeneous", "heterogeneous"] | None = None
    cells_0: Percent | None = None
    cells_1: Percent | None = None
    cells_2: Percent | None = None
    cells_3: Percent | None = None

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


@fact
class CriterionAttested(Fact):
    """The investigator states whether a criterion of eligibility is met."""

    criterion: Text
    met: bool
    note: str | None = None


@fact
class SlotReserved(Fact):
    """A slot is kept for the patient: at an open dose level, or in an expansion cohort."""

    level: Level | None = None
    cohort: str | None = None


@fact
class SlotReleased(Fact):
    """The slot is given back."""

    why: Text


@fact
class Enrolled(Fact):
    """The patient is enrolled in the slot reserved. Counted at this level for good, whatever is given later."""

    level: Level | None = None
    cohort: str | None = None


# The patient: treatment -----------------------------------------------------------------------------------------------


@fact
class Dosed(Fact):
    """A dose was given. ``planned_mg`` is computed from the level and the patient's size, never typed.

    Where concentrations are measured, ``dated`` is the moment the infusion began and ``ended`` the moment it ended
    (2013-05-10T09:00).
    """

    cycle: Level
    day: Level = 1
    level: Level
    weight_kg: Kilograms
    planned_mg: float | None = None
    actual_mg: Annotated[float, Ge(0)]
    note: str | None = None
    dated: str | None = None
    ended: str | None = None


@fact
class DoseReduced(Fact):
    """From now on the patient gets a lower level."""

    to_level: Level
    why: Text


@fact
class DoseDelayed(Fact):
    """The next dose is put off."""

    days: Annotated[int, Ge(1)]
    why: Text


@fact
class AdverseEvent(Fact):
    """An adverse event from its onset, at its worst grade (CTCAE). ``ae`` numbers it within the patient.

    ``treated`` says whether supportive treatment was given for it; protocols except what resolves soon with treatment.

    ``severity`` and ``causality`` are the words collected where those are not a grade and yes or no; ``outcome`` is the
    outcome of an event without an end, ``ended`` an end that is known in part; ``criteria`` why it is serious;
    ``coding`` the other levels of its dictionary.
    """

    ae: Text
    term: Text
    verbatim: str | None = None
    system_organ_class: str | None = None
    grade: Grade
    related: bool
    serious: bool = False
    treated: bool | None = None
    severity: str | None = None
    causality: str | None = None
    action: str | None = None
    outcome: str | None = None
    ended: str | None = None
    criteria: str | None = None
    coding: dict[str, str] | None = None
    sponsor_id: str | None = None
    qualifiers: dict[str, str] | None = None
    visit: str | None = None
    dated: str | None = None


@fact
class AdverseEventResolved(Fact):
    """How the adverse event ended, on the day it did."""

    ae: Text
    outcome: Literal["recovered", "recovered with sequelae", "recovering", "not recovered", "fatal"] = "recovered"
    dated: str | None = None


@fact
class DltAdjudicated(Fact):
    """The investigator and sponsor judge an adverse event: a DLT or not. Occurs on the day of the judgement."""

    ae: Text
    dlt: bool
    why: Text


@fact
class Discontinued(Fact):
    """The patient left treatment."""

    why: Literal["progression", "adverse event", "dose-limiting toxicity", "withdrawal", "death", "other"]
    note: str | None = None
    dated: str | None = None


@fact
class Died(Fact):
    """The patient died."""

    cause: Text
    dated: str | None = None


# The patient: activity ------------------------------------------------------------------------------------------------


@fact
class LesionMeasured(Fact):
    """One lesion at one assessment. Assessment 0 is the baseline; a nodal lesion is measured on its short axis."""

    assessment: Annotated[int, Ge(0)]
    lesion: Text
    role: Literal["target", "non-target", "new"]
    organ: Text
    nodal: bool = False
    diameter_mm: Annotated[float, Ge(0), Le(500)] | None = None
    status: Literal["present", "absent", "unequivocal progression", "too small to measure", "not evaluable"] | None = (
        None
    )
    method: str | None = None
    perpendicular_mm: Annotated[float, Ge(0), Le(500)] | None = None
    reader: str | None = None
    visit: str | None = None
    dated: str | None = None


@fact
class TumourAssessed(Fact):
    """The investigator's own reading of an assessment, kept beside what follows from the lesions."""

    assessment: Annotated[int, Ge(0)]
    overall: Literal["CR", "PR", "SD", "PD", "NE", "non-CR/non-PD"]
    note: str | None = None
    reader: str | None = None
    visit: str | None = None
    dated: str | None = None


@fact
class MarkerMeasured(Fact):
    """A tumour marker in blood."""

    marker: Literal["CA-125"] = "CA-125"
    value: Annotated[float, Ge(0)]
    unit: Literal["U/mL"] = "U/mL"
    upper_limit: Annotated[float, Gt(0)]
    laboratory: str | None = None
    visit: str | None = None
    dated: str | None = None


# Both -----------------------------------------------------------------------------------------------------------------


@fact
class Voided(Fact):
    """The event it supersedes never happened."""

    note: str = field(default="entered in error")
