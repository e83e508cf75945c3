"""A record's doses and concentrations as event data: what NONMEM, a fit or a non-compartmental analysis takes.

Time runs from each patient's first dose, as :mod:`posology.interchange.pk.sample_times` finds it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal

from posology.endpoints.body_size import adjusted_ideal_weight
from posology.interchange.pk.nonmem import DataError, Event, EventData
from posology.interchange.pk.sample_times import Dose, Placing
from posology.interchange.sdtm.writer.rows import subject_id
from posology.protocol.model import Schedule
from posology.record.collected import PkConcentration
from posology.record.event import Event as Fact
from posology.record.state import Patient, State
from posology.shared.findings import Finding

TimeUnit = Literal["d", "h"]
HOURS: dict[TimeUnit, float] = {"d": 24.0, "h": 1.0}
BLOOD = ("PLASMA", "SERUM", "BLOOD", "WHOLE BLOOD")
LOW = re.compile(r"BLQ|BLOQ|BQL|LLOQ|<\s*([\d.]+)?", re.IGNORECASE)

COVARIATES: dict[str, tuple[str, str]] = {
    "WT": ("body weight at the last dose", "kg"),
    "HT": ("height", "cm"),
    "AGE": ("age at screening", "years"),
    "SEXF": ("sex", "1 female, 0 male"),
    "AIBW": ("adjusted ideal body weight at the last dose", "kg"),
    "LEVEL": ("dose level of the last dose, from 1", ""),
    "OCC": ("cycle of the last dose", ""),
    "IHC": ("target expression: intensity", "0 to 3"),
    "PCT2": ("target expression: cells at 2+ or more", "%"),
}
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
class DosedSubject:
    """Who was dosed, as SDTM names them, and when the first dose began (a moment, or the day alone)."""

    study: str
    usubjid: str
    begun: datetime | date


@dataclass(frozen=True)
class Recorded:
    """Event data of a record, with what they are in: time, AMT in mg, each analyte in its unit.

    ``interval`` is the time from the first dose to the next one by the protocol, ``route`` how doses are given by it.
    ``notes`` say what was taken as planned or is unusual; ``left`` who or what was left out, with the reason;
    ``subjects`` who the patients are in SDTM.
    """

    data: EventData
    analytes: tuple[Analyte, ...]
    time: TimeUnit
    notes: tuple[str, ...]
    left: tuple[str, ...]
    interval: float
    route: str
    subjects: Mapping[str, DosedSubject] = field(default_factory=dict)


def recorded(
    state: State,
    *,
    analyte: str | None = None,
    specimen: str | None = None,
    time: TimeUnit = "d",
    infusion: float | None = None,
    file: str = "",
) -> Recorded:
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
    A sample before the first dose has MDV 1: every model predicts 0 there. Below quantification, DV is the limit. A
    dose goes into CMT 1; a sample has as CMT the number of its analyte: first what is called as the drug is, then by
    the alphabet.
    """
    made = _Made(file, time, infusion or 0.0)
    study = str(state.trial.documents[0][1]["trial"]["id"])
    measured = {p.id: _wanted(p, analyte) for p in state.patients.values()}
    if not any(measured.values()):
        _refuse_none(state, analyte, file)
    chosen = _specimens(measured, specimen, file)
    drug = {name.upper() for name in (state.protocol().drug.name, *state.protocol().drug.other_names)}
    for patient in sorted(state.patients.values(), key=_first_dosed):
        samples = [(e, f) for e, f in measured[patient.id] if _specimen(f) == chosen.get(f.test)]
        if samples:
            doses = made.doses(patient, drug)
            made.patient(patient, doses, samples)
            if doses:
                begun = doses[0].begun or doses[0].on
                made.subjects[patient.id] = DosedSubject(study, subject_id(patient, study), begun)
        elif patient.first_dose:
            made.left.append(f"{patient.id}: no concentration")
    return made.result(chosen, state.protocol().schedule, drug)


class _Made(Placing):
    """Event data in the making, with what is wrong, noted and left out."""

    def __init__(self, file: str, time: TimeUnit, infusion: float) -> None:
        super().__init__(file, infusion)
        self.time = time
        self.events: list[Event] = []
        self.left: list[str] = []
        self.notes: list[str] = []
        self.units: dict[str, str] = {}
        self.names: dict[str, str] = {}
        self.subjects: dict[str, DosedSubject] = {}

    def patient(self, patient: Patient, doses: list[Dose], samples: list[tuple[Fact, PkConcentration]]) -> None:
        """Add a patient's events, in order of time."""
        if not doses:
            self.left.append(f"{patient.id}: {len(samples)} concentrations, and no dose")
            return
        scale = HOURS[self.time]
        rows: list[tuple[float, int, Event]] = []
        for dose in doses:
            rate = dose.mg / (dose.hours / scale) if dose.hours else 0.0
            rows.append(
                (
                    dose.at,
                    1,
                    Event(
                        patient.id,
                        dose.at / scale,
                        1,
                        dose.mg,
                        rate,
                        compartment=1,
                        missing=True,
                        covariates=_covariates(patient, dose),
                    ),
                )
            )
        taken: dict[tuple[str, float], date] = {}
        for event, fact in samples:
            if fact.not_done:
                self.counts["samples not done: left out"] += 1
                continue
            value, below, limit = self.value(patient, event, fact)
            at = self.place(patient, event, fact, doses)
            if value is None or at is None:
                continue
            self.named(patient, event, fact, below)
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
            rows.append(
                (
                    at,
                    0,
                    Event(
                        patient.id,
                        at / scale,
                        0,
                        missing=early,
                        value=value,
                        below=below,
                        limit=limit,
                        covariates=_covariates(patient, last[-1]),
                        analyte=fact.test,
                    ),
                )
            )
        if any(e.evid == 0 for *_, e in rows):
            self.events += [e for *_, e in sorted(rows, key=lambda row: row[:2])]
        else:
            self.left.append(f"{patient.id}: no concentration that can be used")

    def value(self, patient: Patient, event: Fact, fact: PkConcentration) -> tuple[float | None, bool, float | None]:
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
            said = fact.result or fact.reported
            says = f"{fact.test} has none" + (f": {said}" if said else "")
            self.wrong(patient, event, "value", says, 'a number with its unit, or a `result` such as "<0.5"')
            return None, False, limit
        if value < 0:
            self.wrong(patient, event, "value", f"{fact.test} is {value:g}", "a concentration is 0 or above")
            return None, False, limit
        if limit and value < limit:
            return limit, True, limit
        return value, False, limit

    def named(self, patient: Patient, event: Fact, fact: PkConcentration, below: bool) -> None:
        """Check a sample's unit against that of the analyte; below quantification it may be missing, as its limit has
        it."""
        self.names.setdefault(fact.test, fact.name or fact.test)
        known = self.units.get(fact.test)
        if fact.unit:
            self.units.setdefault(fact.test, fact.unit)
            if known and fact.unit != known:
                says = f"of {fact.test} is {fact.unit}, before it was {known}"
                self.wrong(patient, event, "unit", says, "one unit an analyte")
        elif not below:
            right = f"elsewhere {known}" if known else "such as ug/mL"
            self.wrong(patient, event, "unit", f"of {fact.test} is missing", right)

    def result(self, specimens: Mapping[str, str], schedule: Schedule, drug: set[str]) -> Recorded:
        """Return what was made, or say all that is wrong with it."""
        if self.findings:
            raise DataError(self.findings)
        if not self.events:
            raise DataError(
                [
                    Finding(
                        "",
                        None,
                        "concentration_measured",
                        "there is none that can be used",
                        "; ".join(self.left),
                        self.file,
                    )
                ]
            )

        def other(code: str) -> bool:
            return drug.isdisjoint((code.upper(), self.names[code].upper(), self.names[code].upper().partition(" ")[0]))

        codes = sorted(self.names, key=lambda code: (other(code), code))  # what is dosed comes first
        numbers = {code: n for n, code in enumerate(codes, 1)}
        events = tuple(e if e.evid else replace(e, compartment=numbers[e.analyte]) for e in self.events)
        used = tuple(n for n in COVARIATES if any(e.covariates.get(n) is not None for e in events))
        analytes = tuple(
            Analyte(
                code,
                self.names[code],
                specimens[code].lower(),
                self.units.get(code, ""),
                sum(e.analyte == code for e in events),
                sum(e.analyte == code and e.below for e in events),
            )
            for code in codes
        )
        notes = [
            *self.notes,
            *(f"{n} {what if n > 1 else what.replace('s ', ' ', 1)}" for what, n in self.counts.items()),
        ]
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
        return Recorded(
            data, analytes, self.time, tuple(notes), tuple(self.left), interval, schedule.route, self.subjects
        )


def _wanted(patient: Patient, analyte: str | None) -> list[tuple[Fact, PkConcentration]]:
    return [
        (e, e.fact)
        for e in patient.of(PkConcentration)
        if isinstance(e.fact, PkConcentration) and analyte in (None, e.fact.test)
    ]


def _specimen(fact: PkConcentration) -> str:
    return (fact.specimen or "not stated").upper()


def _first_dosed(patient: Patient) -> tuple[date, str]:
    return patient.first_dose.occurred if patient.first_dose else date.max, patient.id


def _specimens(
    measured: Mapping[str, list[tuple[Fact, PkConcentration]]], wanted: str | None, file: str
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
    several = [
        Finding("", None, "specimen", f"{test} was measured in {', '.join(names)}", "name it: --specimen", file)
        for test, names in blood.items()
        if len(names) > 1
    ]
    if several:
        raise DataError(several)
    return {test: names[0] for test, names in blood.items()}


def _refuse_none(state: State, analyte: str | None, file: str) -> None:
    tests = sorted({f.test for p in state.patients.values() for _, f in _wanted(p, None)})
    by = f" by {state.occurred_by}" if state.occurred_by else ""
    if analyte is not None and tests:
        raise ValueError(f"{file or 'the record'} holds no {analyte!r}{by}; it holds {', '.join(tests)}")
    raise ValueError(
        f"{file or 'the record'} holds no concentration{by}: `posology patient concentration` records them"
    )


def _covariates(patient: Patient, dose: Dose) -> dict[str, float | None]:
    who, target = patient.screening, patient.target
    found: dict[str, float | None] = dict.fromkeys(COVARIATES)
    found |= {"WT": dose.weight or (who.weight_kg if who else None), "LEVEL": dose.level, "OCC": dose.cycle}
    if who is not None:
        found |= {"HT": who.height_cm, "AGE": who.age, "SEXF": float(who.sex == "F")}
        kg, cm = found["WT"], who.height_cm
        if kg is not None and cm is not None and 10 <= kg <= 400 and 100 <= cm <= 250:
            found["AIBW"] = float(adjusted_ideal_weight(kg, cm, who.sex).round(2))
    if target is not None:
        found |= {"IHC": target.intensity, "PCT2": target.percent_2plus}
    return found
