"""A file of regimens: who is treated, with what, by which measure of body size, when; read and checked."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge, Gt, Le, Lt, MinLen
from pydantic import AfterValidator

from posology.endpoints.body_size import Metric, dose_mg
from posology.pharmacology.compounds.adc import Compound
from posology.pharmacology.compounds.library import COMPOUNDS
from posology.pharmacology.compounds.quantity import Quantity
from posology.pharmacology.disposition.adc_states import UNITS
from posology.pharmacology.disposition.dosing_regimen import LABEL_RATES, Regimen
from posology.pharmacology.disposition.linear_compartments import Doses
from posology.pharmacology.virtual_patients.assay_error import ASSAY_ERRORS, AssayError
from posology.pharmacology.virtual_patients.demographics import TUMOUR_TYPES, VirtualPatients
from posology.protocol.model import protocol_section
from posology.shared.arrays import Floats


def _rising(days: tuple[float, ...]) -> tuple[float, ...]:
    if any(a >= b for a, b in itertools.pairwise(days)):
        raise ValueError(f"is {list(days)}: it must be days in rising order, each once")
    return days


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or len(set(names)) < len(names):
        raise ValueError(f"is {list(names)}: it must be one or more, each once")
    return names


Analyte = Literal["adc", "naked", "antibody", "payload", "metabolite", "dar"]
PartName = Literal["antibody", "linker", "payload"]
UNIT_OF: dict[Metric, str] = {
    "total body weight": "mg/kg",
    "ideal body weight": "mg/kg",
    "adjusted ideal body weight": "mg/kg",
    "body surface area": "mg/m2",
    "flat": "mg",
}


@protocol_section
class Person:
    """A patient listed by hand."""

    weight_kg: Annotated[float, Ge(10), Le(400)]
    height_cm: Annotated[float, Ge(100), Le(250)]
    sex: Literal["F", "M"]


@protocol_section
class PatientSpec:
    """Who is treated: so many virtual patients of a mix of tumour types, or patients listed by hand."""

    number: Annotated[int, Ge(1), Le(100_000)] = 1000
    seed: Annotated[int, Ge(0)] = 1
    tumour_types: dict[str, Annotated[float, Gt(0), Le(1)]] = field(default_factory=lambda: {"ovarian": 1.0})
    listed: tuple[Person, ...] = ()
    vary: bool = True

    def drawn(self) -> VirtualPatients:
        """Return the patients."""
        rng = np.random.default_rng(self.seed)
        if not self.listed:
            return VirtualPatients.draw(
                rng, self.number, [(TUMOUR_TYPES[name], s) for name, s in self.tumour_types.items()]
            )
        some = vars(VirtualPatients.draw(rng, len(self.listed)))
        own = {name: np.array([getattr(p, name) for p in self.listed]) for name in ("sex", "weight_kg", "height_cm")}
        return VirtualPatients(**{**some, **own})

    def __str__(self) -> str:
        listed = len(self.listed)
        return (
            f"{listed} listed patient{'s' * (listed != 1)}"
            if listed
            else f"{self.number:,} virtual patients, seed {self.seed}"
        )


@protocol_section
class DoseChange:
    """What happens to one dose: put off by days (those after it as well), or given at a factor; 0 is a dose missed."""

    dose: Annotated[int, Ge(1)]
    delay_days: Annotated[float, Ge(0)] = 0.0
    factor: Annotated[float, Ge(0), Le(10)] = 1.0


@protocol_section
class Value:
    """A value in place of the compound's, with its unit; and how uncertain it is, and how it differs between
    patients."""

    value: float
    unit: str
    cv: Annotated[float, Ge(0), Le(20)] | None = None
    between: Annotated[float, Ge(0), Le(5)] | None = None


@protocol_section
class Assay:
    """How an analyte is measured: additive and proportional SD and limit of quantification, in the analyte's unit."""

    additive: Annotated[float, Ge(0)] = 0.0
    proportional: Annotated[float, Ge(0), Le(3)] = 0.0
    limit: Annotated[float, Ge(0)] = 0.0


@protocol_section
class RegimenSpec:
    """A regimen as written: the dose with its unit and the body size it goes by, when, and of which compound.

    ``first_doses`` are in place of the dose for as many doses (a loading dose, a step up); ``body_size_cap`` is the
    most that the body size counts [kg or m2]; ``compound``, ``swap`` and ``parameters`` are in place of the file's
    compound.
    """

    name: Annotated[str, MinLen(1)]
    dose: Annotated[float, Gt(0)]
    unit: Literal["mg/kg", "mg/m2", "mg"]
    body_size: Metric
    body_size_cap: Annotated[float, Gt(0)] | None = None
    cycles: Annotated[int, Ge(1), Le(200)] = 1
    interval_days: Annotated[float, Gt(0), Le(365)] = 21.0
    days: Annotated[tuple[int, ...], MinLen(1)] = (1,)
    hours: Annotated[float, Ge(0), Le(24)] | None = None
    first_doses: tuple[Annotated[float, Ge(0)], ...] = ()
    changes: tuple[DoseChange, ...] = ()
    compound: str | None = None
    swap: dict[PartName, str] = field(default_factory=dict)
    parameters: dict[str, Value] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if UNIT_OF[self.body_size] != self.unit:
            raise ValueError(f"unit {self.unit} does not match {self.body_size}: it must be {UNIT_OF[self.body_size]}")
        if self.body_size_cap is not None and self.body_size == "flat":
            raise ValueError("body_size_cap: a flat dose goes by no body size; leave it out")
        doses = [change.dose for change in self.changes]
        if doses != sorted(set(doses)):
            raise ValueError(f"changes name the doses {doses}: each once, in order")
        if doses and doses[-1] > self.count:
            raise ValueError(f"changes name dose {doses[-1]}: there are {self.count}")
        if len(self.first_doses) > self.count:
            raise ValueError(f"first_doses has {len(self.first_doses)} doses: there are {self.count}")
        self.regimen  # noqa: B018 (raises if the days are out of order)

    @property
    def count(self) -> int:
        """How many doses."""
        return self.cycles * len(self.days)

    @property
    def regimen(self) -> Regimen:
        """The regimen."""
        return Regimen(self.dose, self.cycles, self.interval_days, self.days, self.hours, LABEL_RATES)

    @property
    def starts(self) -> Floats:
        """(D,): when each dose is given [d], after delays."""
        return np.asarray(self.regimen.schedule + np.cumsum(self._each()[1]))

    def doses(self, patients: VirtualPatients) -> Doses:
        """Return what the patients are given."""
        factor, delay = self._each()
        size = dose_mg(self.dose, self.body_size, patients.weight_kg, patients.height_cm, patients.sex) / self.dose
        return self.regimen.doses(np.minimum(size, self.body_size_cap or np.inf), factor, delay)

    def _each(self) -> tuple[Floats, Floats]:
        """Return the factor on each dose and its delay."""
        factor, delay = np.ones(self.count), np.zeros(self.count)
        factor[: len(self.first_doses)] = np.array(self.first_doses) / self.dose
        for change in self.changes:
            factor[change.dose - 1] *= change.factor
            delay[change.dose - 1] = change.delay_days
        return factor, delay


@protocol_section
class RegimenFile:
    """A file of regimens.

    ``samples`` are days after the first dose of each cycle at which concentrations are asked for.
    """

    compound: str
    regimens: Annotated[tuple[RegimenSpec, ...], MinLen(1)]
    patients: PatientSpec = PatientSpec()
    parameters: dict[str, Value] = field(default_factory=dict)
    analytes: Annotated[tuple[Analyte, ...], AfterValidator(_once)] = ("adc", "payload", "metabolite")
    interval: Annotated[float, Gt(0), Lt(1)] = 0.9
    samples: Annotated[tuple[Annotated[float, Ge(0), Le(365)], ...], AfterValidator(_rising)] = ()
    assay: dict[Analyte, Assay] = field(default_factory=dict)

    def drug(self, planned: RegimenSpec) -> Compound:
        """Return the compound of a regimen, with what the file and the regimen change.

        Raises
        ------
        ValueError
            naming what is wrong with it.
        """
        drug = _compound(planned.compound or self.compound)
        if planned.compound is None:
            drug = _altered(drug, self.parameters)
        if planned.swap:
            parts = {part: getattr(_compound(name), part) for part, name in planned.swap.items()}
            drug = drug.swap(**parts)
        return _altered(drug, planned.parameters)

    @property
    def names(self) -> str:
        """The compounds of all regimens."""
        return " and ".join(dict.fromkeys(self.drug(planned).name for planned in self.regimens))

    def measured(self, analyte: str) -> tuple[AssayError, float]:
        """Return the residual error of an analyte and its limit of quantification.

        Raises
        ------
        ValueError
            if none is known.
        """
        given = self.assay.get(analyte)  # type: ignore[call-overload]
        if given is not None:

            def of(value: float, unit: str) -> Quantity:
                return Quantity(value, unit, "assumed", "given in the file")

            return AssayError(of(given.additive, UNITS[analyte]), of(given.proportional, "1")), given.limit
        if analyte not in ASSAY_ERRORS:
            raise ValueError(
                f"no error of measurement is known for {analyte}: give it under assay, or leave {analyte} out"
            )
        return ASSAY_ERRORS[analyte], 0.0


def _compound(name: str) -> Compound:
    if name not in COMPOUNDS:
        raise ValueError(f"is {name!r}; known: {'; '.join(COMPOUNDS)}")
    return COMPOUNDS[name]


def _altered(drug: Compound, parameters: dict[str, Value]) -> Compound:
    for name, changed in parameters.items():
        drug = drug.altered(name, changed.value, changed.unit, cv=changed.cv, between=changed.between)
    return drug


def read(path: str | Path) -> RegimenFile:
    """Read a file of regimens and check it.

    Raises
    ------
    posology.protocol.load.InputFileError
        listing what is wrong, with its line.
    """
    from posology.shared.yaml_files import InputFileError, load_typed

    file, refuse = load_typed(path, RegimenFile, "a file of regimens", "see `posology simulate regimens --help`")
    findings = [*_compound_findings(file, refuse), *_patient_findings(file, refuse)]
    if len({r.name for r in file.regimens}) < len(file.regimens):
        findings.append(refuse(("regimens",), "two regimens have one name", "give each its own"))
    if findings:
        raise InputFileError(findings)
    return file


def _compound_findings(file: RegimenFile, refuse: Callable[..., Any]) -> list[Any]:
    """Return what is wrong with the compounds of a file, their parts and their parameters."""
    findings: list[Any] = []

    def is_known(where: tuple[str | int, ...], name: str) -> bool:
        if name not in COMPOUNDS:
            findings.append(refuse(where, f"is {name!r}", f"known: {'; '.join(COMPOUNDS)}"))
        return name in COMPOUNDS

    def check(where: tuple[str | int, ...], change: Callable[[], object]) -> None:
        try:
            change()
        except ValueError as wrong:
            findings.append(refuse(where, str(wrong)))

    def check_parameters(where: tuple[str | int, ...], drug: Compound, parameters: dict[str, Value]) -> None:
        for name, value in parameters.items():
            check((*where, "parameters", name), partial(_altered, drug, {name: value}))

    if is_known(("compound",), file.compound):
        check_parameters((), COMPOUNDS[file.compound], file.parameters)
    for i, planned in enumerate(file.regimens):
        where = ("regimens", i)
        right = planned.compound is None or is_known((*where, "compound"), planned.compound)
        for part, name in planned.swap.items():
            right &= is_known((*where, "swap", part), name)
        if right and file.compound in COMPOUNDS:
            check_parameters(where, COMPOUNDS[planned.compound or file.compound], planned.parameters)
        if not findings:
            check(where, partial(file.drug, planned))
    return findings


def _patient_findings(file: RegimenFile, refuse: Callable[..., Any]) -> list[Any]:
    """Return what is wrong with the tumour types of the patients."""
    shares = file.patients.tumour_types
    findings = [
        refuse(("patients", "tumour_types", kind), "is no tumour type", f"known: {', '.join(TUMOUR_TYPES)}")
        for kind in sorted(set(shares) - set(TUMOUR_TYPES))
    ]
    if abs(sum(shares.values()) - 1) > 1e-6:
        findings.append(refuse(("patients", "tumour_types"), "the shares do not sum to 1"))
    return findings
