"""A record's doses and concentrations as event data: what NONMEM, a fit or a non-compartmental analysis takes.

Time runs from each patient's first dose. A sample stands where its clock says, after the dose before it; or, where only
its day is known, so many hours after that dose as was planned. What can be placed neither way is an error, for a sample
at the end of an infusion cannot else be told from a trough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal

from posology.endpoints.body_size import adjusted_ideal_weight
from posology.endpoints.finding import Finding
from posology.interchange.nonmem import DataError, Event, EventData
from posology.protocol.model import Schedule
from posology.record.clinical import UNDATED, ConcentrationMeasured, TreatmentGiven
from posology.record.event import Event as Fact
from posology.record.facts import Dosed
from posology.record.state import Patient, State

TimeUnit = Literal["d", "h"]
HOURS: dict[TimeUnit, float] = {"d": 24.0, "h": 1.0}
BLOOD = ("PLASMA", "SERUM", "BLOOD", "WHOLE BLOOD")
LOW = re.compile(r"BLQ|BLOQ|BQL|LLOQ|<\s*([\d.]+)?", re.IGNORECASE)
ELAPSED = re.compile(r"(-?)P(?:(\d+)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?")
LATEST = 7
"""Days by which a sample may be taken after (or before) the day that was planned, its clock not being known."""

COVARIATES: dict[str, tuple[str, str]] = {
    "WT": ("body weight at the last dose", "kg"), "HT": ("height", "cm"), "AGE": ("age at screening", "years"),
    "SEXF": ("sex", "1 female, 0 male"), "AIBW": ("adjusted ideal body weight at the last dose", "kg"),
    "LEVEL": ("dose level of the last dose, from 1", ""), "OCC": ("cycle of the last dose", ""),
    "IHC": ("target expression: intensity", "0 to 3"), "PCT2": ("target expression: cells at 2+ or more", "%"),
}  # fmt: skip
"""What each covariate is, and its unit. Before the first dose, those of a dose are the first one's."""


@dataclass(frozen=True)
class Analyte:
    """What was measured, in which specimen and unit; how many samples, and how many below quantification."""

    code: str
    name: str
    specimen: str
    unit: str
    samples: int
    below: int


@dataclass(frozen=True)
class Recorded:
    """Event data of a record, with what they are in: time, AMT in mg, each analyte in its unit.

    ``interval`` is the time from the first dose to the next one by the protocol, ``route`` how doses are given by it.
    ``notes`` say what was taken as planned or is unusual; ``left`` who or what was left out, with the reason.
    """

    data: EventData
    analytes: tuple[Analyte, ...]
    time: TimeUnit
    notes: tuple[str, ...]
    left: tuple[str, ...]
    interval: float
    route: str


@dataclass(frozen=True)
class _Dose:
    on: date
    begun: datetime | None
    at: float  # hours from the first dose
    mg: float
    hours: float  # of infusion, 0 where not recorded
    covariates: Mapping[str, float | None]


def recorded(
    state: State, *, analyte: str | None = None, specimen: str | None = None, time: TimeUnit = "d",
    infusion: float | None = None, file: str = "",
) -> Recorded:  # fmt: skip
    """Return the doses and concentrations of a record.

    Parameters
    ----------
    state
        the record as known, at a cutoff if it was folded to one.
    analyte
        take this one (``test`` of ``concentration_measured``) alone; else all.
    specimen
        take this one; by default plasma, serum or blood where there is one of these.
    time
        the unit of times: days or hours.
    infusion
        how long an infusion took whose end is not recorded [h]; without it, such a dose is a bolus.
    file
        what the data are called in messages.

    Raises
    ------
    DataError
        listing every concentration or dose that cannot be used, with patient, date and field: no time, no value or
        unit, units of one analyte that differ, two samples at one time; or if there is no concentration.

    Notes
    -----
    A sample before the first dose has MDV 1: every model predicts 0 there. Below quantification, DV is the limit. A dose
    goes into CMT 1, a sample has its DVID as CMT.
    """
    made = _Made(file, time, infusion or 0.0)
    measured = {p.id: _wanted(p, analyte) for p in state.patients.values()}
    if not any(measured.values()):
        _refuse_none(state, analyte, file)
    chosen = _specimens(measured, specimen, file)
    drug = {name.upper() for name in (state.protocol().drug.name, *state.protocol().drug.other_names)}
    for patient in sorted(state.patients.values(), key=_first_dosed):
        samples = [(e, f) for e, f in measured[patient.id] if _specimen(f) == chosen.get(f.test)]
        if samples:
            made.patient(patient, made.doses(patient, drug), samples)
        elif patient.first_dose:
            made.left.append(f"{patient.id}: no concentration")
    return made.result(chosen, state.protocol().schedule)


class _Made:
    """Event data in the making, with what is wrong, noted and left out."""

    def __init__(self, file: str, time: TimeUnit, infusion: float) -> None:
        self.file, self.time, self.infusion = file, time, infusion
        self.events: list[Event] = []
        self.findings: list[Finding] = []
        self.left: list[str] = []
        self.notes: list[str] = []
        self.counts: Counter[str] = Counter()
        self.units: dict[str, str] = {}
        self.names: dict[str, str] = {}

    def wrong(self, patient: Patient, event: Fact, field: str, wrong: str, right: str = "") -> None:
        self.findings.append(Finding(patient.id, event.occurred, field, wrong, right, self.file))

    def doses(self, patient: Patient, drug: set[str]) -> list[_Dose]:
        """Return a patient's doses of the trial's drug, each with its time, length and covariates."""
        found: list[_Dose] = []
        for event in patient.treatments:
            fact = event.fact
            if isinstance(fact, TreatmentGiven):
                if fact.treatment.upper() not in drug:
                    continue
                days = (fact.ended or "")[:10] > (event.occurred + timedelta(days=1)).isoformat()
                once = (fact.frequency or "ONCE").upper() == "ONCE" and not days
                if fact.dose is None or not once or (fact.unit or "").lower() != "mg":
                    what = f"{fact.dose} {fact.unit}, {fact.frequency or 'once'}" + (
                        f" until {fact.ended}" if days else ""
                    )
                    says = f"is {what}: what has no one amount and time is not placed"
                    self.wrong(patient, event, "dose", says, "each dose by itself, in mg")
                    continue
                mg, weight, level, cycle = fact.dose, None, None, None
            else:
                assert isinstance(fact, Dosed)
                mg, weight, level, cycle = fact.actual_mg, fact.weight_kg, fact.level, fact.cycle
            if not mg:
                continue
            if not _has_day(fact.dated):
                self.wrong(patient, event, "dated", f"is {fact.dated}: the day of the dose is not known", "its day")
                continue
            begun = self.moment(patient, event, fact.dated, event.occurred)
            end = self.moment(patient, event, fact.ended, None)
            hours = 0.0
            if begun and end:
                hours = _hours(end - begun)
                if not 0 < hours <= 48:
                    self.wrong(
                        patient,
                        event,
                        "ended",
                        f"is {fact.ended}: {hours:g} h after the start",
                        "an infusion ends within 48 h",
                    )
            if not hours:
                hours = self.infusion
                taken = f"{hours:g} h long, as given" if hours else "as boluses"
                self.counts[f"doses without the infusion's length (`ended`): {taken}"] += 1
            first = found[0] if found else None
            exact = begun and (first is None or first.begun)
            if not exact and first is not None:
                self.counts["doses without a time of day (`dated`): whole days after the first"] += 1
            at = (
                0.0
                if first is None
                else _hours(begun - first.begun)
                if begun and first.begun
                else _hours(event.occurred - first.on)
            )
            found.append(
                _Dose(event.occurred, begun, at, mg, max(hours, 0.0), _covariates(patient, weight, level, cycle))
            )
        for one, two in pairwise(found):
            if two.at <= one.at:
                says = f"two doses {two.at - one.at:g} h apart"
                self.findings.append(Finding(patient.id, two.on, "dosed", says, "each with its time of day", self.file))
        return found

    def moment(self, patient: Patient, event: Fact, text: str | None, on: date | None) -> datetime | None:
        """Return a moment if there is one with a time of day; a date that is not the event's own is a finding."""
        if not text or "T" not in text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            self.wrong(patient, event, "dated", f"{text!r} is no time", "such as 2013-05-10T11:30")
            return None
        if found.tzinfo is not None:
            self.wrong(
                patient, event, "dated", f"{text} has a time zone", "the local time of the site, as 2013-05-10T11:30"
            )
            return None
        if on is not None and found.date() != on:
            self.wrong(patient, event, "dated", f"is {text}, but the event is of {on}", "one day")
            return None
        return found

    def patient(self, patient: Patient, doses: list[_Dose], samples: list[tuple[Fact, ConcentrationMeasured]]) -> None:
        """Add a patient's events, in order of time."""
        if not doses:
            self.left.append(f"{patient.id}: {len(samples)} concentrations, and no dose")
            return
        scale = HOURS[self.time]
        rows: list[tuple[float, int, Event]] = []
        for dose in doses:
            rate = dose.mg / (dose.hours / scale) if dose.hours else 0.0
            rows.append((dose.at, 1, Event(patient.id, dose.at / scale, 1, dose.mg, rate, compartment=1, missing=True,
                                           covariates=dose.covariates)))  # fmt: skip
        taken: dict[tuple[str, float], date] = {}
        for event, fact in samples:
            if fact.not_done:
                self.counts["samples not done: left out"] += 1
                continue
            value, below, limit = self.value(patient, event, fact)
            at = self.place(patient, event, fact, doses)
            if value is None or at is None:
                continue
            self.named(patient, event, fact)
            if (fact.test, at) in taken:
                says = f"{fact.test}: a second sample at {at:g} h after the first dose"
                self.wrong(patient, event, "dated", says, "one sample an analyte and time")
                continue
            taken[fact.test, at] = event.occurred
            early = at <= 0
            if early and not below and value > 0:
                self.notes.append(
                    f"{patient.id}, {event.occurred}: {fact.test} is {value:g} {fact.unit} before the first dose"
                )
            last = [d for d in doses if d.at < at] or doses[:1]
            rows.append((at, 0, Event(patient.id, at / scale, 0, missing=early, value=value, below=below, limit=limit,
                                      covariates=last[-1].covariates, analyte=fact.test)))  # fmt: skip
        if any(e.evid == 0 for *_, e in rows):
            self.events += [e for *_, e in sorted(rows, key=lambda row: row[:2])]
        else:
            self.left.append(f"{patient.id}: no concentration that can be used")

    def value(
        self, patient: Patient, event: Fact, fact: ConcentrationMeasured
    ) -> tuple[float | None, bool, float | None]:
        """Return the concentration, whether it is below quantification, and the limit; no value where that is wrong."""
        limit, value, low = fact.quantification_limit, fact.value, LOW.search(fact.result or "")
        if low and not value:
            written = float(low[1]) if low[1] and re.fullmatch(r"\d+(\.\d*)?|\.\d+", low[1]) else None
            value = limit or written
            if not value:
                says = f"{fact.test} is below quantification ({fact.result}), and its limit is not known"
                self.wrong(patient, event, "quantification_limit", says, "the limit in the sample's unit")
            return value, True, value
        if value is None:
            says = f"{fact.test} has none" + (
                f": {fact.result or fact.reported}" if fact.result or fact.reported else ""
            )
            self.wrong(patient, event, "value", says, 'a number with its unit, or a `result` such as "<0.5"')
            return None, False, limit
        if value < 0:
            self.wrong(patient, event, "value", f"{fact.test} is {value:g}", "a concentration is 0 or above")
            return None, False, limit
        if limit and value < limit:
            return limit, True, limit
        return value, False, limit

    def named(self, patient: Patient, event: Fact, fact: ConcentrationMeasured) -> None:
        """Check a sample's unit against that of the analyte."""
        unit = self.units.setdefault(fact.test, fact.unit or "")
        self.names.setdefault(fact.test, fact.name or fact.test)
        if not fact.unit:
            self.wrong(
                patient, event, "unit", f"of {fact.test} is missing", f"elsewhere {unit}" if unit else "such as ug/mL"
            )
        elif unit and fact.unit != unit:
            self.wrong(
                patient, event, "unit", f"of {fact.test} is {fact.unit}, before it was {unit}", "one unit an analyte"
            )

    def place(self, patient: Patient, event: Fact, fact: ConcentrationMeasured, doses: list[_Dose]) -> float | None:
        """Return when a sample was taken, in hours from the first dose."""
        taken, planned = self.moment(patient, event, fact.dated, event.occurred), planned_hours(fact)
        dose = doses[0]
        if taken is not None:
            before = [d for d in doses if (d.begun or datetime.combine(d.on, datetime.min.time())) <= taken]
            dose = before[-1] if before else dose
            if dose.begun is not None:
                return dose.at + _hours(taken - dose.begun)
        if event.occurred < doses[0].on and _has_day(fact.dated) and (planned or 0) <= 0:
            return _hours(event.occurred - doses[0].on)
        if not _has_day(fact.dated):
            self.wrong(patient, event, "dated", f"{fact.test} has no day ({fact.dated})", "the day it was taken")
            return None
        if planned is None:
            lacks, right = f"{fact.test} has no time of day", "give it as 2013-05-10T11:30"
            if taken is not None:
                lacks, right = f"{fact.test}: the dose of {dose.on} has no time of day", "correct the dose (dated)"
            planned_so = f"{right}, or the sample's hours since the dose as planned (timepoint_number)"
            self.wrong(patient, event, "dated", lacks, planned_so)
            return None
        days = planned / 24
        dose = min(doses, key=lambda d: (abs((event.occurred - d.on).days - days), -d.at))
        away = (event.occurred - dose.on).days - days
        if abs(away) < 1:
            return dose.at + planned
        if planned < 24 or abs(away) > LATEST:
            says = f"{fact.test}: planned {planned:g} h after the dose, but no dose was given {planned:g} h before"
            self.wrong(patient, event, "timepoint_number", says, f"the dose nearest is of {dose.on}")
            return None
        self.counts[
            "samples taken on another day than planned, without a time of day: at the planned time of that day"
        ] += 1
        return dose.at + planned + 24 * round(away)

    def result(self, specimens: Mapping[str, str], schedule: Schedule) -> Recorded:
        """Return what was made, or say all that is wrong with it."""
        if self.findings:
            raise DataError(self.findings)
        if not self.events:
            raise DataError([Finding("", None, "concentration_measured", "there is none that can be used",
                                     "; ".join(self.left), self.file)])  # fmt: skip
        codes = sorted(self.units)
        numbers = {code: n for n, code in enumerate(codes, 1)}
        events = tuple(e if e.evid else replace(e, compartment=numbers[e.analyte]) for e in self.events)
        used = tuple(n for n in COVARIATES if any(e.covariates.get(n) is not None for e in events))
        analytes = tuple(
            Analyte(code, self.names[code], specimens[code].lower(), self.units[code],
                    sum(e.analyte == code for e in events), sum(e.analyte == code and e.below for e in events))
            for code in codes
        )  # fmt: skip
        notes = [*self.notes, *(f"{n} {what}" for what, n in self.counts.items())]
        for name in used:
            without = list(dict.fromkeys(e.patient for e in events if e.covariates.get(name) is None))
            if without:
                shown = ", ".join(without[:8]) + (", ..." if len(without) > 8 else "")
                notes.append(
                    f"{name} is not known of {len(without)} ({shown}): `.` in the file, which NONMEM takes for 0"
                )
        days = schedule.dosing_days
        interval = 24 * (days[1] - days[0] if len(days) > 1 else schedule.cycle_days) / HOURS[self.time]
        data = EventData(events, used, self.file)
        return Recorded(data, analytes, self.time, tuple(notes), tuple(self.left), interval, schedule.route)


def planned_hours(fact: ConcentrationMeasured) -> float | None:
    """Return the hours since the dose at which a sample was planned: by ISO 8601 (PT2H), else as a number.

    >>> planned_hours(ConcentrationMeasured(test="ADC", timepoint_elapsed="P1DT30M"))
    24.5
    """
    found = ELAPSED.fullmatch(fact.timepoint_elapsed or "")
    if found and any(found.groups()[1:]):
        sign, days, hours, minutes, seconds = found.groups()
        size = float(days or 0) * 24 + float(hours or 0) + float(minutes or 0) / 60 + float(seconds or 0) / 3600
        return -size if sign else size
    return fact.timepoint_number


def _has_day(dated: str | None) -> bool:
    """Say whether the day an event occurred was collected, and not imputed from a date known in part, or not at all."""
    return dated is None or (dated != UNDATED and len(dated) >= len("2013-05-10"))


def _hours(span: timedelta) -> float:
    return span.total_seconds() / 3600


def _wanted(patient: Patient, analyte: str | None) -> list[tuple[Fact, ConcentrationMeasured]]:
    return [(e, e.fact) for e in patient.of(ConcentrationMeasured)
            if isinstance(e.fact, ConcentrationMeasured) and analyte in (None, e.fact.test)]  # fmt: skip


def _specimen(fact: ConcentrationMeasured) -> str:
    return (fact.specimen or "not stated").upper()


def _first_dosed(patient: Patient) -> tuple[date, str]:
    return patient.first_dose.occurred if patient.first_dose else date.max, patient.id


def _specimens(
    measured: Mapping[str, list[tuple[Fact, ConcentrationMeasured]]], wanted: str | None, file: str
) -> dict[str, str]:
    """Return the specimen that is taken of each analyte; an analyte without the one wanted has none."""
    held: dict[str, set[str]] = {}
    for samples in measured.values():
        for _, fact in samples:
            held.setdefault(fact.test, set()).add(_specimen(fact))
    if wanted is not None:
        found = {test: wanted.upper() for test, names in held.items() if wanted.upper() in names}
        if not found:
            names = ", ".join(sorted({name for names in held.values() for name in names}))
            raise DataError(
                [Finding("", None, "specimen", f"there is no {wanted!r}", f"the record holds {names}", file)]
            )
        return found
    blood = {test: [name for name in sorted(names) if name in BLOOD] or sorted(names) for test, names in held.items()}
    several = [Finding("", None, "specimen", f"{test} was measured in {', '.join(names)}", "name it: --specimen", file)
               for test, names in blood.items() if len(names) > 1]  # fmt: skip
    if several:
        raise DataError(several)
    return {test: names[0] for test, names in blood.items()}


def _refuse_none(state: State, analyte: str | None, file: str) -> None:
    tests = sorted({f.test for p in state.patients.values() for _, f in _wanted(p, None)})
    by = f" by {state.occurred_by}" if state.occurred_by else ""
    if analyte is not None and tests:
        raise ValueError(f"{file or 'the record'} holds no {analyte!r}{by}; it holds {', '.join(tests)}")
    raise ValueError(f"{file or 'the record'} holds no concentration{by}: `posology concentration` records them")


def _covariates(
    patient: Patient, weight: float | None, level: int | None, cycle: int | None
) -> dict[str, float | None]:
    who, target = patient.screening, patient.target
    found: dict[str, float | None] = dict.fromkeys(COVARIATES)
    found |= {"WT": weight or (who.weight_kg if who else None), "LEVEL": level, "OCC": cycle}
    if who is not None:
        found |= {"HT": who.height_cm, "AGE": who.age, "SEXF": float(who.sex == "F")}
        kg, cm = found["WT"], who.height_cm
        if kg is not None and cm is not None and 10 <= kg <= 400 and 100 <= cm <= 250:
            found["AIBW"] = float(adjusted_ideal_weight(kg, cm, who.sex).round(2))
    if target is not None:
        found |= {"IHC": target.intensity, "PCT2": target.percent_2plus}
    return found
