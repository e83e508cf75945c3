"""The trial as planned: one frozen dataclass for each section of the protocol file.

The fields are the file's schema: their types and bounds are checked by :mod:`posology.protocol.load` when a file is
read, and each section's own ``__post_init__`` checks what a type cannot say. Bounds come from ``annotated_types``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, dataclass_transform

import msgspec
from annotated_types import Ge, Gt, Le, Lt, MaxLen, MinLen

from posology.endpoints.ctcae import Version

T = TypeVar("T")
FORBID = {"extra": "forbid", "allow_inf_nan": False}
Text = Annotated[str, MinLen(1)]
Positive = Annotated[float, Gt(0)]
Count = Annotated[int, Ge(1), Le(100_000)]
Days = Annotated[int, Ge(1), Le(1000)]
WindowDays = Annotated[int, Ge(1), Le(365)]
SomeDays = Annotated[int, Ge(0), Le(1000)]
Grade = Annotated[int, Ge(1), Le(5)]
Share = Annotated[float, Gt(0), Lt(1)]

Metric = Literal["total body weight", "ideal body weight", "adjusted ideal body weight", "body surface area", "flat"]
Mark = Literal["stated", "published", "assumed"]
EligibilityFact = Literal[
    "age",
    "sex",
    "ecog",
    "tumour_type",
    "histology",
    "prior_regimens",
    "platinum_status",
    "measurable_disease",
    "target_intensity",
    "target_percent_2plus",
    "h_score",
    "ps2_plus",
    "highest_intensity",
    "pattern",
    "category",
    "laboratory",
    "attested",
]

FACT_VALUES: dict[str, tuple[str, ...]] = {
    "pattern": ("homogeneous", "heterogeneous"),
    "category": ("high", "medium", "low", "negative"),
}
"""What a fact can be, where it is one of few words."""


FACT_LABELS: dict[str, str] = {
    "h_score": "H-score",
    "ps2_plus": "PS2+ (% of cells at 2+ or more)",
    "pattern": "expression pattern",
    "category": "PS2+ category",
}
"""How a fact is called, where its own name would not say it."""

UNITS: dict[str, tuple[str, ...]] = {
    "mg/kg": ("total body weight", "ideal body weight", "adjusted ideal body weight"),
    "mg/m2": ("body surface area",),
    "mg": ("flat",),
}


class FieldError(ValueError):
    """One thing wrong in a protocol: which field, what is wrong, what would be right."""

    def __init__(self, field: str, wrong: str, right: str = "") -> None:
        super().__init__(f"{field}: {wrong}" + (f"; {right}" if right else ""))
        self.field, self.wrong, self.right = field, wrong, right


@dataclass_transform(frozen_default=True, kw_only_default=True)
def protocol_section(cls: type[T]) -> type[T]:
    """Make a class a section of the protocol: frozen, keyword-only, with no field but its own."""
    cls.__pydantic_config__ = FORBID  # type: ignore[attr-defined]
    return dataclass(frozen=True, kw_only=True)(cls)


@protocol_section
class Trial:
    """What the trial is."""

    id: Text
    title: Text
    phase: Literal["1", "1/2"] = "1"
    sponsor: str = ""
    registry: str = ""
    version: Text
    date: date
    objectives: tuple[Text, ...] = ()
    population: str = ""
    planned_patients: Count | None = None


@protocol_section
class DrugPart:
    """One of the three parts of a conjugate."""

    name: Text
    description: str = ""


@protocol_section
class Drug:
    """The compound. An antibody-drug conjugate names all three parts; another kind of drug names none."""

    name: Text
    other_names: tuple[Text, ...] = ()
    type: Literal["antibody-drug conjugate", "antibody", "small molecule", "other"]
    target: Text
    antibody: DrugPart | None = None
    linker: DrugPart | None = None
    payload: DrugPart | None = None
    drug_to_antibody_ratio: Positive | None = None

    def __post_init__(self) -> None:
        if self.type == "antibody-drug conjugate":
            for part in ("antibody", "linker", "payload"):
                if getattr(self, part) is None:
                    raise FieldError(part, "is missing", "a conjugate names its antibody, linker and payload")


@protocol_section
class Dose:
    """The dose levels, lowest first, with their unit and the measure of body size they are multiplied by."""

    unit: Literal["mg/kg", "mg/m2", "mg"]
    body_size: Metric
    levels: Annotated[tuple[Positive, ...], MinLen(1), MaxLen(100)]
    start_level: Count = 1
    tolerance_percent: Annotated[float, Ge(0), Le(50)] = 5.0

    def __post_init__(self) -> None:
        if self.body_size not in UNITS[self.unit]:
            raise FieldError(
                "body_size",
                f"is {self.body_size!r} with unit {self.unit}",
                f"a dose in {self.unit} goes by {' or '.join(UNITS[self.unit])}",
            )
        for i, (low, high) in enumerate(zip(self.levels, self.levels[1:], strict=False)):
            if high <= low:
                raise FieldError(
                    f"levels.{i + 1}",
                    f"level {i + 2} ({high:g}) is not above level {i + 1} ({low:g})",
                    "list the levels from the lowest to the highest, each once",
                )
        if self.start_level > len(self.levels):
            raise FieldError("start_level", f"is {self.start_level}", f"there are levels 1 to {len(self.levels)}")

    def dose_label(self, level: int) -> str:
        """Write the dose of level number ``level`` with its unit."""
        return f"{self.levels[level - 1]} {self.unit}"


@protocol_section
class Schedule:
    """When the drug is given."""

    route: Text
    cycle_days: Days
    dosing_days: Annotated[tuple[Days, ...], MinLen(1)] = (1,)
    window_days: SomeDays = 0
    until: str = ""

    def __post_init__(self) -> None:
        if max(self.dosing_days) > self.cycle_days:
            raise FieldError(
                "dosing_days",
                f"day {max(self.dosing_days)} lies outside the cycle",
                f"give days from 1 to {self.cycle_days}",
            )


@protocol_section
class DltExemption:
    """An exception that depends on time or treatment: an event that resolves within so many days is no DLT."""

    text: Text
    within_days: Days
    terms: tuple[Text, ...] = ()
    maximum_grade: Grade = 3
    with_treatment: bool = False


@protocol_section
class DltCriterion:
    """One way to have a DLT: an adverse event of at least this grade, with its terms and exceptions."""

    text: Text
    minimum_grade: Grade
    terms: tuple[Text, ...] = ()
    except_terms: tuple[Text, ...] = ()
    related: bool = True
    minimum_days: SomeDays = 0
    exempt: tuple[DltExemption, ...] = ()
    system_organ_classes: tuple[Text, ...] = ()

    def __post_init__(self) -> None:
        for i, exemption in enumerate(self.exempt):
            if exemption.maximum_grade < self.minimum_grade:
                raise FieldError(
                    f"exempt.{i}.maximum_grade",
                    f"is {exemption.maximum_grade}",
                    f"the criterion begins at grade {self.minimum_grade}",
                )


@protocol_section
class Dlt:
    """The dose-limiting toxicity: which events, seen within which window, in which patients.

    With ``maximum_delay_days``, a related toxicity that holds the next cycle back for more days is one too. ``ctcae`` is
    the version by which adverse events are graded: its terms are those of the criteria.
    """

    window_days: WindowDays
    criteria: Annotated[tuple[DltCriterion, ...], MinLen(1), MaxLen(200)]
    minimum_dose_percent: Annotated[float, Ge(0), Le(100)] = 100.0
    maximum_delay_days: SomeDays | None = None
    ctcae: Version = "5"


@protocol_section
class Titration:
    """Accelerated titration in front of the design: small cohorts at the first levels."""

    through_level: Count
    cohort: Count = 1
    ends_on_grade: Annotated[int, Ge(1), Le(4)] = 2
    ends_on_count: Count = 1


@protocol_section
class Modification:
    """What happens to a patient's dose after toxicity."""

    maximum_reductions: Annotated[int, Ge(0), Le(100)] = 2
    maximum_delay_days: SomeDays = 21
    text: str = ""


@protocol_section
class Committee:
    """Who decides about doses.

    ``sign`` lists the roles that must each approve a decision before it is in force (one approval is enough if it is
    empty); ``extra_slots`` is how many more patients than the design asks for a decision may give slots to.
    """

    sign: tuple[Text, ...] = ()
    extra_slots: Annotated[int, Ge(0), Le(100)] = 3

    def __post_init__(self) -> None:
        if len({role.casefold() for role in self.sign}) < len(self.sign):
            raise FieldError("sign", "names a role twice", "name each role once")


@protocol_section
class Enrolment:
    """How slots are kept: how many days a reservation lasts (for good, if none is given), and who comes first.

    With a ``queue``, a free slot goes to the eligible patient who has waited longest: since consent, or since the last
    fact that eligibility needs.
    """

    reservation_days: Days | None = None
    queue: Literal["consent", "eligibility"] | None = None


@protocol_section
class Biomarker:
    """The drug's target in the tumour: how it is scored, and what a score is called."""

    target: Text
    assay: Text
    scale: Text = "intensity 0 to 3"
    strongly_positive: Annotated[int, Ge(0), Le(3)] = 3
    required: str = ""


@protocol_section
class EligibilityCriterion:
    """One criterion of eligibility: a fact about the patient and what it must be.

    ``attested`` is for what no field holds: the investigator states that the criterion is met or not. ``laboratory``
    is the last value of a ``test`` in a ``unit`` (``ULN``: multiples of its upper limit of normal), not older than
    ``within_days``.
    """

    id: Text
    text: Text
    kind: Literal["inclusion", "exclusion"] = "inclusion"
    fact: EligibilityFact
    at_least: float | None = None
    at_most: float | None = None
    one_of: Annotated[tuple[Text, ...], MinLen(1)] | None = None
    is_true: bool | None = None
    test: Text | None = None
    unit: Text | None = None
    within_days: Days | None = None

    def __post_init__(self) -> None:
        self._check_laboratory_fields()
        tests = [t for t in ("at_least", "at_most", "one_of", "is_true") if getattr(self, t) is not None]
        wanted = self._tests_wanted()
        for test in tests:
            if test not in wanted:
                right = f"it takes {' and '.join(wanted)}" if wanted else "the investigator attests it"
                raise FieldError(test, f"does not fit the fact {self.fact}", right)
        for word in self.one_of or ():
            known = FACT_VALUES.get(self.fact, (word,))
            if word.casefold() not in {value.casefold() for value in known}:
                raise FieldError(
                    "one_of", f"{word!r} is no {self.fact}", f"it is {' or '.join(FACT_VALUES[self.fact])}"
                )
        if wanted and not tests:
            raise FieldError("fact", f"{self.fact} is not compared with anything", f"give {' or '.join(wanted)}")

    def _check_laboratory_fields(self) -> None:
        for name in ("test", "unit"):
            if (getattr(self, name) is None) is (self.fact == "laboratory"):
                right = "name the test and its unit" if self.fact == "laboratory" else "it is for the fact laboratory"
                raise FieldError(name, "is missing" if self.fact == "laboratory" else "does not fit", right)
        if self.within_days is not None and self.fact != "laboratory":
            raise FieldError("within_days", f"does not fit the fact {self.fact}", "it is for the fact laboratory")

    def _tests_wanted(self) -> tuple[str, ...]:
        """Return the tests that fit the fact."""
        if self.fact == "attested":
            return ()
        if self.fact in ("sex", "tumour_type", "histology", "platinum_status", *FACT_VALUES):
            return ("one_of",)
        return ("is_true",) if self.fact == "measurable_disease" else ("at_least", "at_most")

    @property
    def condition(self) -> str:
        """The criterion's test in words."""
        name = FACT_LABELS.get(self.fact, self.fact.replace("_", " "))
        if self.fact == "attested":
            return "attested by the investigator"
        if self.one_of is not None:
            return f"{name} is {' or '.join(self.one_of)}"
        if self.is_true is not None:
            return name if self.is_true else f"no {name}"
        if self.fact == "laboratory":
            name = str(self.test)
        bounds = [
            f"at least {self.at_least:g}" if self.at_least is not None else "",
            f"at most {self.at_most:g}" if self.at_most is not None else "",
        ]
        recent = f", within {self.within_days} days" if self.within_days else ""
        unit = f" {self.unit}" if self.unit else ""
        return f"{name} {' and '.join(b for b in bounds if b)}{unit}{recent}"


@protocol_section
class ExpansionDesign:
    """How an expansion cohort is judged by its responses; see ``posology expansion`` for what each method is.

    ``simon optimal``, ``simon minimax`` and ``single stage`` are found from ``p0``, ``p1``, ``alpha`` and ``beta``;
    ``posterior``, ``predictive`` and ``bop2`` from ``looks``, ``futility`` (for bop2: lambda), ``success`` and
    ``gamma``. A patient responds by RECIST as ``endpoint`` says; who has not by ``respond_within_days`` after the first
    dose no longer will (no limit, if none is given).
    """

    method: Literal["simon optimal", "simon minimax", "single stage", "posterior", "predictive", "bop2"]
    p0: Share
    p1: Share | None = None
    alpha: Share = 0.05
    beta: Share = 0.2
    looks: Annotated[tuple[Count, ...], MaxLen(200)] = ()
    futility: Share = 0.05
    success: Share = 0.95
    gamma: Annotated[float, Ge(0), Le(20)] = 1.0
    endpoint: Literal["confirmed response", "response"] = "confirmed response"
    respond_within_days: Days | None = None

    def __post_init__(self) -> None:
        if self.method in ("posterior", "predictive", "bop2"):
            if not self.looks or any(a >= b for a, b in pairwise(self.looks)):
                raise FieldError("looks", f"are {list(self.looks)}", "list the patients at each look, increasing")
        elif self.looks:
            raise FieldError("looks", f"do not fit {self.method}", "its looks are found from p0 and p1")
        elif self.p1 is None or self.p1 <= self.p0:
            raise FieldError("p1", f"is {self.p1}", f"give the response rate of interest, above {self.p0:g}")


@protocol_section
class Expansion:
    """A cohort that opens once the MTD is known, with its own eligibility, and a design that judges it if one is named."""

    title: Text
    patients: Count | None = None
    eligibility: tuple[EligibilityCriterion, ...] = ()
    design: ExpansionDesign | None = None


@protocol_section
class ResponseRules:
    """How tumour response is read."""

    criteria: Literal["RECIST 1.1"] = "RECIST 1.1"
    assess_every_days: Days = 42
    confirmation_days: SomeDays = 28
    minimum_sd_days: SomeDays = 42


@protocol_section
class Ca125:
    """How the tumour marker CA-125 is read."""

    criteria: Literal["GCIG"] = "GCIG"
    tumour_types: tuple[Text, ...] = ("ovarian",)
    upper_limit_u_ml: Positive = 35.0


@protocol_section
class Endpoints:
    """What is read from each patient's course."""

    primary: Annotated[tuple[Text, ...], MinLen(1)]
    secondary: tuple[Text, ...] = ()
    response: ResponseRules = field(default_factory=ResponseRules)
    ca125: Ca125 | None = None


@protocol_section
class Provenance:
    """For a reconstructed trial: which fields of the protocol are stated or published; every other is assumed."""

    stated: tuple[Text, ...] = ()
    published: tuple[Text, ...] = ()
    note: str = ""


@protocol_section
class Amendment:
    """A dated change: from ``date`` on the protocol is this version, with ``changes`` merged into it (RFC 7396)."""

    version: Text
    date: date
    reason: Text
    changes: dict[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Protocol:
    """A whole protocol, as it stands in one version. Two are compared by their documents, not by ``==``."""

    __pydantic_config__ = FORBID

    posology: Annotated[int, Ge(1), Le(1)]
    trial: Trial
    drug: Drug
    dose: Dose
    schedule: Schedule
    dlt: Dlt
    design: dict[str, Any]
    titration: Titration | None = None
    modification: Modification = field(default_factory=Modification)
    committee: Committee = field(default_factory=Committee)
    enrolment: Enrolment = field(default_factory=Enrolment)
    biomarker: Biomarker | None = None
    eligibility: Annotated[tuple[EligibilityCriterion, ...], MaxLen(500)] = ()
    expansion: dict[str, Expansion] = field(default_factory=dict)
    endpoints: Endpoints
    amendments: tuple[Amendment, ...] = ()
    provenance: Provenance | None = None

    def __post_init__(self) -> None:
        if self.titration and self.titration.through_level > len(self.dose.levels):
            raise FieldError(
                "titration.through_level",
                f"is {self.titration.through_level}",
                f"there are levels 1 to {len(self.dose.levels)}",
            )
        if self.dlt.window_days < max(self.schedule.dosing_days):
            raise FieldError(
                "dlt.window_days",
                f"ends on day {self.dlt.window_days}, before the dose of day {max(self.schedule.dosing_days)}",
                "make the window hold all doses of cycle 1",
            )
        lists: dict[str, tuple[EligibilityCriterion, ...]] = {"eligibility": self.eligibility}
        lists |= {f"expansion.{name}.eligibility": cohort.eligibility for name, cohort in self.expansion.items()}
        for where, criteria in lists.items():
            seen: set[str] = set()
            for i, criterion in enumerate(criteria):
                if criterion.id in seen:
                    raise FieldError(f"{where}.{i}.id", f"{criterion.id!r} is used twice", "number each criterion once")
                seen.add(criterion.id)
        last = self.trial.date
        for i, amendment in enumerate(self.amendments):
            if amendment.date < last:
                raise FieldError(
                    f"amendments.{i}.date",
                    f"{amendment.date} is before {last}",
                    "list amendments in order of date, none before the protocol's own",
                )
            last = amendment.date

    @property
    def version(self) -> str:
        """The version in force."""
        return self.trial.version


def protocol_from(document: dict[str, Any]) -> Protocol:
    """Make a protocol of a document that was checked when it was read, such as the record keeps."""
    return msgspec.convert(document, Protocol)
