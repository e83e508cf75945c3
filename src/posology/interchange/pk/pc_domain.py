"""SDTM's PC as a file of its own, with the doses of EX and the weights of VS: as profiles, and as events for a fit.

A file is CSV (also gzipped), SAS transport, Dataset-JSON, NDJSON or Parquet. A sample is of the last dose that began by
then, or where it was planned before a dose (PCTPTNUM 0 or less) of the next one of that day, whatever VISIT says. Times
are hours since the dose: by the clock where both are known (PCDTC, EXSTDTC), else as planned (PCTPTNUM). A whole folder
of SDTM is read as a record is made of it (:mod:`posology.interchange.pk.sources`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path

from posology.interchange.pk.body_weights import weights
from posology.interchange.pk.domain_rows import Rows, is_csv, opened, rows_of
from posology.interchange.pk.nonmem import DataError, Event, EventData, finding
from posology.interchange.pk.pc_profiles import Profile
from posology.interchange.pk.sample_times import planned_hours
from posology.interchange.pk.units import conversion, milligrams
from posology.record.collected import PkConcentration
from posology.shared.findings import Finding
from posology.shared.text import counted

BLQ = ("BLQ", "BLOQ", "BQL", "LLOQ", "<")
LONGEST = 24
"""Hours that an infusion may take; an end later than that is no end of one."""


@dataclass(frozen=True)
class ExDose:
    """A dose: when it began, as written, milligrams, how long it took [h] (0: not known), and its line."""

    started: str
    mg: float | None
    hours: float
    line: int
    weight: float | None = None


@dataclass(frozen=True)
class PcSample:
    """A sample: the hours since its dose, the concentration (below quantification the limit, NaN if not known), its
    line."""

    time: float
    value: float
    below: bool
    line: int


@dataclass(frozen=True)
class SampledDose:
    """The samples after one dose of a patient: the dose by its number, from 1; None where no dose is known."""

    patient: str
    number: int | None
    visit: str
    samples: tuple[PcSample, ...]
    line: int


@dataclass(frozen=True)
class PcDomain:
    """Concentrations of one analyte in one specimen, by the dose that they follow.

    ``unit`` is that of all concentrations, ``dose_unit`` mg, or empty where the file does not say. ``unused`` is what was
    not used, with the reason.
    """

    file: str
    sampled: tuple[SampledDose, ...]
    doses: Mapping[str, Sequence[ExDose]]
    unit: str
    dose_unit: str
    unused: tuple[Finding, ...] = ()
    notes: tuple[str, ...] = ()
    hours: float = 1.0
    """The unit of time, in hours."""

    @cached_property
    def profiles(self) -> list[Profile]:
        """The profiles: each dose with two samples after it, or of a patient without doses each visit."""
        several = len({one.visit for one in self.sampled if one.number is None}) > 1
        return [self._profile(one, several) for one in self.sampled if _is_profile(one)]

    def _profile(self, one: SampledDose, several: bool) -> Profile:
        given, number, scale = self.doses.get(one.patient, ()), one.number, self.hours
        samples = sorted(one.samples, key=lambda sample: sample.time)
        name = f"dose {number}" if number else one.visit
        label = f"{one.patient}, {name}" if name and (len(given) > 1 if given else several) else one.patient
        dose = given[number - 1] if number else None
        until = _until_next(given, number - 1) if number else None
        return Profile(
            one.patient,
            label,
            tuple(sample.time / scale for sample in samples),
            tuple(0.0 if sample.below else sample.value for sample in samples),
            dose.mg if dose else None,
            dose.hours / scale if dose else 0.0,
            None if until is None else until / scale,
            one.line,
            number or 1,
            0.0,
            (_hours_from_first(given, number - 1) or 0.0) / scale if number else 0.0,
        )

    @cached_property
    def events(self) -> EventData:
        """The doses and samples as events, times from each patient's first dose, for a fit.

        Raises
        ------
        DataError
            where a patient has no dose (name EX), a dose has no date, or a limit of quantification is not known.
        """
        findings: list[Finding] = []
        events: list[Event] = []
        for patient in dict.fromkeys(one.patient for one in self.sampled):
            given = self.doses.get(patient, ())
            if not given:
                says = "has concentrations and no dose"
                findings.append(finding(self.file, 0, "EXDOSE", patient, says, "the doses of EX: --dosing EX"))
                continue
            begun = [_hours_from_first(given, n) for n in range(len(given))]
            for dose, at in zip(given, begun, strict=True):
                if at is None:
                    findings.append(
                        finding(self.file, dose.line, "EXSTDTC", patient, "is missing", "the day of each dose")
                    )
            if None not in begun:
                events += self._of_patient(patient, given, [at for at in begun if at is not None], findings)
        if findings:
            raise DataError(findings)
        covariates = ("WT",) if any(e.covariates for e in events) else ()
        return EventData(tuple(events), covariates, self.file, self.notes)

    def _of_patient(
        self, patient: str, given: Sequence[ExDose], begun: Sequence[float], findings: list[Finding]
    ) -> list[Event]:
        """Return a patient's events in order of time, a sample at the time of a dose before it."""
        scale = self.hours
        rows: list[tuple[float, int, Event]] = []

        def covariates(dose: ExDose) -> dict[str, float | None]:
            return {} if all(d.weight is None for d in given) else {"WT": dose.weight}

        for dose, at in zip(given, begun, strict=True):
            mg = dose.mg or 0.0
            rate = mg / dose.hours * scale if dose.hours else 0.0
            event = Event(patient, at / scale, 1, mg, rate, missing=True, covariates=covariates(dose), line=dose.line)
            rows.append((at, 1, event))
        for one in self.sampled:
            if one.patient != patient:
                continue
            place = (one.number or 1) - 1
            for sample in one.samples:
                if sample.value != sample.value:
                    says, right = "is below quantification, and its limit is not known", "the limit (PCLLOQ)"
                    findings.append(finding(self.file, sample.line, "PCLLOQ", patient, says, right))
                    continue
                at = begun[place] + sample.time
                event = Event(
                    patient,
                    at / scale,
                    0,
                    missing=at <= 0,
                    value=sample.value,
                    below=sample.below,
                    limit=sample.value if sample.below else None,
                    covariates=covariates(given[place]),
                    line=sample.line,
                )
                rows.append((at, 0, event))
        return [event for *_, event in sorted(rows, key=lambda row: row[:2])]


def _is_profile(one: SampledDose) -> bool:
    return sum(sample.time > 0 for sample in one.samples) >= 2


def is_pc(path: str | Path) -> bool:
    """Say whether a file is an SDTM PC domain: by its columns, of CSV by its first line."""
    if not is_csv(path):
        return Path(path).suffix.lower() in (".xpt", ".json", ".ndjson", ".parquet")
    try:
        with opened(path) as lines:
            return {"USUBJID", "PCTESTCD"} <= {name.strip().upper() for name in next(csv.reader(lines), [])}
    except UnicodeDecodeError:
        return False


def read_pc(
    pc: str | Path,
    ex: str | Path | None = None,
    vs: str | Path | None = None,
    *,
    analyte: str | None = None,
    specimen: str | None = None,
    unit: str = "",
    hours: float = 1.0,
) -> PcDomain:
    """Read a PC domain with the doses of EX; see the module.

    Parameters
    ----------
    pc, ex, vs
        the files: concentrations; doses; weights [kg or LB], which doses by body weight need.
    analyte, specimen
        which, where there are several; else plasma, or the only one.
    unit
        the unit that concentrations are converted into; else that of the first.
    hours
        the unit of time, in hours.

    Raises
    ------
    DataError
        listing what is wrong with its line, column and patient, a unit that cannot be converted among it; or where
        there are several analytes or specimens and none is named.
    """
    file, rows = str(pc), rows_of(pc)
    missing = [c for c in ("USUBJID", "PCTESTCD", "PCSTRESN") if c not in (rows[0][1] if rows else {})]
    if missing:
        raise DataError([finding(file, 1, missing[0], "", "is missing", "a PC domain has it")])
    rows = _one(file, rows, "PCTESTCD", analyte, "analyte")
    plasma = "PLASMA" if any(r.get("PCSPEC") == "PLASMA" for _, r in rows) else None
    rows = _one(file, rows, "PCSPEC", specimen or plasma, "specimen")
    reader = _Reader(file, weights(vs))
    doses, dose_unit = reader.doses(ex)
    unit, factors = reader.units(rows, unit)
    sampled = reader.sampled(reader.done(rows), doses, factors)
    if reader.findings:
        raise DataError(reader.findings)
    for one in sampled:
        if not _is_profile(one):
            says = f"{counted(len(one.samples), 'sample')}"
            right = "a profile has two after the dose at least"
            reader.unused.append(finding(file, one.line, "PCTPTNUM", one.patient, says, right))
    return PcDomain(file, tuple(sampled), doses, unit, dose_unit, tuple(reader.unused), tuple(reader.notes), hours)


class _Reader:
    """Reads the rows of PC and EX, and gathers what is wrong, not used, and done to them."""

    def __init__(self, file: str, weights: Mapping[str, Sequence[tuple[str, float]]] | None) -> None:
        self.file, self.weights = file, weights
        self.findings: list[Finding] = []
        self.unused: list[Finding] = []
        self.notes: list[str] = []

    def doses(self, ex: str | Path | None) -> tuple[dict[str, list[ExDose]], str]:
        """Return each patient's doses in order of time, in mg, and the unit of the amounts."""
        if ex is None:
            return {}, ""
        rows = rows_of(ex)
        has_unit = any(row.get("EXDOSU") for _, row in rows)
        by_patient: dict[str, list[ExDose]] = {}
        for line, row in rows:
            dose = self._dose(str(ex), line, row, has_unit)
            if dose is not None:
                by_patient.setdefault(row["USUBJID"], []).append(dose)
        return {p: sorted(held, key=lambda dose: dose.started) for p, held in by_patient.items()}, "mg" * has_unit

    def _dose(self, file: str, line: int, row: Mapping[str, str], has_unit: bool) -> ExDose | None:
        """Return a dose; None of a row without one, or where something is wrong: then with a finding."""

        def wrong(column: str, what: str, right: str) -> None:
            self.findings.append(finding(file, line, column, row.get("USUBJID", ""), what, right))

        try:
            amount = float(row["EXDOSE"])
        except (KeyError, ValueError):
            wrong("EXDOSE", f"{row.get('EXDOSE')!r} is no dose", "a number")
            return None
        if not amount > 0:
            return None
        started, unit = row.get("EXSTDTC", ""), row.get("EXDOSU", "").strip()
        weight = self._weight(row["USUBJID"], started[:10])
        mass, _, per = unit.lower().partition("/")
        size = milligrams(mass) if has_unit else 1.0
        if size is None or per not in ("", "kg"):
            wrong("EXDOSU", f"is {unit or 'missing'}", "mg, g or ug, or any of them by kg of body weight")
            return None
        if per == "kg" and weight is None:
            right = "the weights of VS: --vitals VS" if self.weights is None else "a weight of this patient in VS [kg]"
            wrong("EXDOSU", f"is {unit}: a dose by body weight needs the weight", right)
            return None
        mg = amount * size * (weight if per == "kg" and weight else 1.0)
        return ExDose(started, mg, _infusion_hours(started, row.get("EXENDTC", "")), line, weight)

    def _weight(self, patient: str, day: str) -> float | None:
        """Return the last weight by the day of a dose, else the first after it; None where there is none."""
        held = (self.weights or {}).get(patient, ())
        before = [kg for on, kg in held if not day or on <= day]
        return before[-1] if before else held[0][1] if held else None

    def units(self, rows: Rows, into: str) -> tuple[str, dict[str, float]]:
        """Return the unit of all concentrations, and the factor of each that is met."""
        met = dict.fromkeys(row["PCSTRESU"] for _, row in rows if row.get("PCSTRESU"))
        unit = into or next(iter(met), "")
        if not met:
            return unit, {}
        factors: dict[str, float] = {}
        for own in met:
            factor = conversion(own, unit)
            if factor is None:
                line, row = next((n, r) for n, r in rows if r.get("PCSTRESU") == own)
                says, right = f"is {own}, which is not converted into {unit}", "units of one kind in an analyte"
                self.findings.append(finding(self.file, line, "PCSTRESU", row["USUBJID"], says, right))
            elif factor != 1 or own != unit:
                self.notes.append(f"concentrations in {own} are shown in {unit}: times {factor:g}")
            factors[own] = factor or 1.0
        return unit, factors

    def done(self, rows: Rows) -> Rows:
        """Return the rows of samples that were taken; the others are named."""
        for line, row in rows:
            if row.get("PCSTAT", "").upper() == "NOT DONE":
                at = f", planned at {row['PCTPTNUM']}" if row.get("PCTPTNUM") else ""
                self.unused.append(
                    finding(self.file, line, "PCSTAT", row["USUBJID"], f"NOT DONE{at}", row.get("PCREASND", ""))
                )
        return [(line, row) for line, row in rows if row.get("PCSTAT", "").upper() != "NOT DONE"]

    def sampled(
        self, rows: Rows, doses: Mapping[str, Sequence[ExDose]], factors: Mapping[str, float]
    ) -> list[SampledDose]:
        """Return the samples by patient and dose, in the order of the file."""
        groups: dict[tuple[str, str], SampledDose] = {}
        for line, row in rows:
            patient = row["USUBJID"]
            given = doses.get(patient, ())
            place = _dose_of(row, given)
            if place is None and given:
                says = "is missing: which of several doses the sample follows is not known"
                self.findings.append(finding(self.file, line, "PCDTC", patient, says, "the day it was taken"))
                continue
            visit = "" if place is not None else row.get("VISIT", "")
            key = patient, visit if place is None else f"dose {place + 1}"
            number = None if place is None else place + 1
            group = groups.setdefault(key, SampledDose(patient, number, visit, (), line))
            sample = self._sample(line, row, None if place is None else given[place], factors, group)
            if sample is not None:
                groups[key] = replace(group, samples=(*group.samples, sample))
        return list(groups.values())

    def _sample(
        self, line: int, row: Mapping[str, str], dose: ExDose | None, factors: Mapping[str, float], group: SampledDose
    ) -> PcSample | None:
        """Return a sample; None where something is wrong: then with a finding."""

        def wrong(column: str, what: str, right: str) -> None:
            self.findings.append(finding(self.file, line, column, row["USUBJID"], what, right))

        time, value = _time(row, dose), _value(row)
        if time is None:
            wrong("PCTPTNUM", f"{row.get('PCTPTNUM', '')!r} is no time", "hours since the dose, or PCELTM as PT2H")
        elif isinstance(value, str):
            wrong("PCSTRESN", value, "a number, or nothing where it is below quantification")
        elif any(time == sample.time for sample in group.samples):
            wrong("PCTPTNUM", f"two samples at {time:g} h", "one sample a time")
        else:
            amount, below = value
            return PcSample(time, amount * factors.get(row.get("PCSTRESU", ""), 1.0), below, line)
        return None


def _one(file: str, rows: Rows, column: str, wanted: str | None, what: str) -> Rows:
    held = sorted({row.get(column, "") for _, row in rows})
    if wanted is None and len(held) > 1:
        raise DataError([finding(file, 1, column, "", f"holds {', '.join(held)}", f"name the {what}: --{what}")])
    if wanted is not None and wanted not in held:
        raise DataError([finding(file, 1, column, "", f"has no {wanted!r}", f"it holds {', '.join(held)}")])
    return [(n, row) for n, row in rows if wanted is None or row.get(column, "") == wanted]


def _infusion_hours(started: str, ended: str) -> float:
    """Return how long an infusion took; 0 where that is not known."""
    between = _between(started, ended)
    return between if between is not None and 0 < between <= LONGEST else 0.0


def _dose_of(row: Mapping[str, str], doses: Sequence[ExDose]) -> int | None:
    """Return the place of the dose that a sample is of: the last begun by then, the next one of its day if planned before
    it; by the day and the planned time where no clock is known."""
    if not doses:
        return None
    taken, written = _moment(row.get("PCDTC", "")), row.get("PCDTC", "")
    planned = _planned(row)
    if not written:
        return 0 if len(doses) == 1 else None
    if planned is not None and planned <= 0:
        return next((n for n, d in enumerate(doses) if d.started[:10] >= written[:10]), len(doses) - 1)
    if taken is not None:
        begun = [n for n, d in enumerate(doses) if (d.started if _moment(d.started) else d.started[:10]) <= written]
    else:
        begun = [n for n, d in enumerate(doses) if d.started[:10] <= written[:10]]
        if planned is not None and len(begun) > 1 and planned >= 24 and doses[begun[-1]].started[:10] == written[:10]:
            begun.pop()  # a day or more after a dose, on the day of the next: before that
    return begun[-1] if begun else 0


def _until_next(doses: Sequence[ExDose], place: int) -> float | None:
    """Return the hours to the next dose, None after the last or where a clock is not known."""
    return _between(doses[place].started, doses[place + 1].started) if place + 1 < len(doses) else None


def _hours_from_first(doses: Sequence[ExDose], place: int) -> float | None:
    """Return the hours from the first dose: by the clock, else in whole days; None where a day is not known."""
    if place == 0:
        return 0.0
    first, own = doses[0].started, doses[place].started
    by_clock = _between(first, own)
    if by_clock is not None:
        return by_clock
    try:
        return (datetime.fromisoformat(own[:10]) - datetime.fromisoformat(first[:10])).days * 24.0
    except ValueError:
        return None


def _between(one: str, other: str) -> float | None:
    """Return the hours from one moment to another; None where the clock of one is not known."""
    begin, end = _moment(one), _moment(other)
    if begin is None or end is None or (begin.tzinfo is None) != (end.tzinfo is None):
        return None
    return (end - begin).total_seconds() / 3600


def _planned(row: Mapping[str, str]) -> float | None:
    try:
        number = float(row.get("PCTPTNUM", ""))
    except ValueError:
        number = None
    return planned_hours(PkConcentration(test="", timepoint_elapsed=row.get("PCELTM") or None, timepoint_number=number))


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if "T" in text else None
    except ValueError:
        return None


def _time(row: Mapping[str, str], dose: ExDose | None) -> float | None:
    by_clock = _between(dose.started, row.get("PCDTC", "")) if dose else None
    return _planned(row) if by_clock is None else by_clock


def _value(row: Mapping[str, str]) -> tuple[float, bool] | str:
    """Return the concentration, or the limit and that it is below it (NaN: not known); or what is wrong."""
    text = row.get("PCSTRESC", "").upper()
    cell, limit = row["PCSTRESN"], _limit(row.get("PCLLOQ", ""), text)
    marked = any(mark in text for mark in BLQ)
    if not cell:
        if not text or marked:
            return (limit, True) if text else "is missing, and PCSTRESC with it"
        return f"is missing where PCSTRESC says {row['PCSTRESC']!r}"
    try:
        value = float(cell)
    except ValueError:
        return f"{cell!r} is no number"
    if not 0 <= value < float("inf"):
        return f"is {value:g}"
    return (limit, True) if marked or value < limit or value == 0 else (value, False)


def _limit(stated: str, text: str) -> float:
    """Return the limit of quantification, in PCLLOQ or as written with the result (<0.5); NaN where neither says it."""
    for cell in _numbers(stated, (re.search(r"<\s*([\d.]+)", text) or ("", ""))[1]):
        if cell > 0:
            return cell
    return float("nan")


def _numbers(*texts: str) -> Iterable[float]:
    for text in texts:
        try:
            yield float(text)
        except ValueError:
            continue
