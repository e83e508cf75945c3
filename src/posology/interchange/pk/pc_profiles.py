"""Concentrations as profiles, each after one dose, from NONMEM event data or from SDTM's PC and EX as CSV."""

from __future__ import annotations

import csv
import gzip
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from posology.interchange.pk.event_doses import given_doses
from posology.interchange.pk.nonmem import DataError, Event, EventData, finding
from posology.shared.findings import Finding

TO_MG = {"mg": 1.0, "g": 1000.0, "ug": 0.001, "µg": 0.001, "mcg": 0.001}
SHORTLY = 20
"""A sample before a dose is one at the dose, if the time to it is not above this part of the dosing interval."""


@dataclass(frozen=True)
class Profile:
    """The samples after one dose of a patient: times since the dose; 0 for below quantification.

    ``until`` is the time to the next dose, None after the last. ``line`` is where it starts in the file, ``number``
    that of the dose. ``steady_interval`` is the dosing interval where the dose is at steady state by the data (SS, or
    one that goes on as such a dose says), else 0. ``at`` is the time of the dose from the first one, in events.
    """

    patient: str
    label: str
    time: tuple[float, ...]
    concentration: tuple[float, ...]
    dose: float | None
    duration: float
    until: float | None
    line: int
    number: int = 1
    steady_interval: float = 0.0
    at: float = 0.0


def profiles(data: EventData) -> list[Profile]:
    """Return a profile for each dose that samples follow; a sample at the time of the next dose belongs to both.

    A sample shortly before a dose, within a twentieth of the time since the last one, stands for the concentration at
    that dose. So do those before the first dose, though MDV 1 keeps them from fits. A dose at steady state, or one that
    repeats another (ADDL), makes a profile like any other. A reset (EVID 3, 4) begins anew: the dose after it is a first.

    Raises
    ------
    DataError
        if doses go into several compartments, two samples are of one time, or several analytes and none is named.
    """
    data.of(None)
    data.check_compartments()
    found = []
    for name, events in data.by_patient():
        courses = _courses(events)
        for number, course in enumerate(courses, 1):
            label = f"{name}, period {number}" if len(courses) > 1 else name
            found += _course_profiles(data.file, label, course, events[0].line)
    return found


def _courses(events: Sequence[Event]) -> list[list[Event]]:
    """Cut a patient's events at resets, after which nothing is left of earlier doses."""
    courses: list[list[Event]] = [[]]
    for e in events:
        if e.evid in (3, 4):
            courses.append([])
        courses[-1].append(e)
    return [course for course in courses if any(e.evid in (1, 4) for e in course)]


def _course_profiles(file: str, name: str, events: Sequence[Event], line: int) -> list[Profile]:
    """Return the profiles of a patient's events between resets."""
    patient = events[0].patient
    lines = given_doses(events)
    order = sorted(range(len(lines)), key=lambda n: lines[n].time)
    doses = [lines[n].row for n in order]
    samples = [
        (e.time, 0.0 if e.below else e.value, any(d.time == e.time and d.line < place for d in lines), e.line)
        for place, e in enumerate(events)
        if e.value is not None and (e.measured or (e.evid == 0 and e.missing and e.time <= doses[0][0]))
    ]
    samples.sort(key=lambda sample: (sample[0], sample[2]))
    for (t, _, after, _), (u, _, later, place) in pairwise(samples):
        if (t, after) == (u, later):
            raise DataError([finding(file, place, "TIME", patient, f"two samples at {u:g}", "one sample a time")])
    steady = _steady_intervals(doses)
    found = []
    for number, (begin, amount, length, _) in enumerate(doses, 1):
        end = doses[number][0] if number < len(doses) else None
        since = begin - (begin - doses[number - 2][0]) / SHORTLY if number > 1 else float("-inf")
        kept = _samples_of_dose([sample[:2] for sample in samples], begin, end, since, first=number == 1)
        if any(t > 0 for t in kept):
            found.append(
                Profile(
                    patient,
                    name if len(doses) == 1 else f"{name}, dose {number}",
                    tuple(kept),
                    tuple(kept.values()),
                    amount,
                    0.0 if math.isnan(length) else length,
                    None if end is None else end - begin,
                    line,
                    number,
                    steady[number - 1],
                    begin,
                )
            )
    return found


def _samples_of_dose(
    samples: Sequence[tuple[float, float]], begin: float, end: float | None, since: float, *, first: bool
) -> dict[float, float]:
    """Return the concentrations by time after a dose; of those before it the last, unless there is one at the dose."""
    kept: dict[float, float] = {}
    for t, c in samples:
        if t == end:
            kept.setdefault(t - begin, c)  # of two at the time of the next dose, that before it
        elif since <= t and (end is None or t < end):
            kept[t - begin] = c  # of two at the time of the dose, that after it
    early = [t for t in kept if t < 0]
    for t in () if first else early[: -1 if 0 not in kept else None]:
        del kept[t]
    return kept


def _steady_intervals(doses: Sequence[tuple[float, float, float, float]]) -> list[float]:
    """Return the interval of each dose at steady state, by its flag or as it goes on from one that is; 0 of the
    others."""
    found: list[float] = []
    for number, (begin, amount, length, interval) in enumerate(doses):
        if not interval and number and found[-1]:
            before, same_amount, same_length, _ = doses[number - 1]
            on_time = abs(begin - before - found[-1]) <= 0.01 * found[-1]
            same = math.isclose(amount, same_amount, rel_tol=1e-9) and math.isclose(length, same_length, rel_tol=1e-9)
            interval = found[-1] if on_time and same else 0.0
        found.append(interval)
    return found


def is_sdtm(path: str | Path) -> bool:
    """Say whether a file is an SDTM PC domain, by its columns."""
    try:
        with _opened(path) as lines:
            return {"USUBJID", "PCTESTCD"} <= set(next(csv.reader(lines), []))
    except UnicodeDecodeError:
        return False


def sdtm_profiles(
    pc: str | Path, ex: str | Path | None = None, *, analyte: str | None = None, specimen: str | None = None
) -> tuple[list[Profile], list[Finding], tuple[str, str]]:
    """Return a profile for each dose of an SDTM PC domain, what was not used, with the reason, and the units of
    concentration and dose.

    A sample is of the last dose that began by then, or where it was planned before a dose (PCTPTNUM 0 or less) of the
    next one of that day, whatever VISIT says. A patient without doses in EX has a profile a visit. Doses in g or ug are
    converted to mg.

    Times are hours since the dose: the planned ones (PCTPTNUM), or, where EX gives the dose a time of day, the actual
    ones (PCDTC − EXSTDTC of the last dose that began by then, or the first one). A missing PCSTRESN, or one of 0, whose
    PCSTRESC does not say a number is below quantification. Doses come from EX.

    Raises
    ------
    DataError
        listing what is wrong with its line, column and patient, a dose in another unit (mg/kg needs the weight) among
        it; or where there are several analytes or specimens and none is named, or units of one analyte differ.
    """
    file, rows = str(pc), _rows(pc)
    findings: list[Finding] = []
    needed = [c for c in ("USUBJID", "PCTESTCD", "PCSTRESN", "PCTPTNUM") if c not in (rows[0][1] if rows else {})]
    if needed:
        raise DataError([finding(file, 1, needed[0], "", "is missing", "a PC domain has it")])
    rows = _one(file, rows, "PCTESTCD", analyte, "analyte")
    rows = _one(
        file,
        rows,
        "PCSPEC",
        specimen or ("PLASMA" if any(r.get("PCSPEC") == "PLASMA" for _, r in rows) else None),
        "specimen",
    )
    doses, dose_unit = _doses(ex)
    unused = [
        finding(
            file,
            line,
            "PCSTAT",
            r["USUBJID"],
            f"NOT DONE{', planned at ' * bool(r['PCTPTNUM'])}{r['PCTPTNUM']}",
            r.get("PCREASND", ""),
        )
        for line, r in rows
        if r.get("PCSTAT", "").upper() == "NOT DONE"
    ]
    rows = [(line, r) for line, r in rows if r.get("PCSTAT", "").upper() != "NOT DONE"]
    unit = _one_unit(file, rows)
    groups: dict[tuple[str, str], list[tuple[int, Mapping[str, str]]]] = {}
    for line, row in rows:
        number = _dose_of(row, doses.get(row["USUBJID"], []))
        if number is None and doses.get(row["USUBJID"]):
            says = "is missing: which of several doses the sample follows is not known"
            findings.append(finding(file, line, "PCDTC", row["USUBJID"], says, "the day it was taken"))
            continue
        of = f"dose {number + 1}" if number is not None else row.get("VISIT", "")
        groups.setdefault((row["USUBJID"], of), []).append((line, row))
    several = len({visit for patient, visit in groups if not doses.get(patient)}) > 1
    found = []
    for (patient, visit), members in groups.items():
        samples: dict[float, float] = {}
        given = doses.get(patient, [])
        number = int(visit.split()[1]) - 1 if given else None
        dose = None if number is None else given[number]
        for line, row in members:
            time, value = _time(row, dose), _value(row)
            if time is None:
                findings.append(
                    finding(file, line, "PCTPTNUM", patient, f"{row['PCTPTNUM']!r} is no time", "hours since the dose")
                )
            elif isinstance(value, str):
                findings.append(
                    finding(
                        file, line, "PCSTRESN", patient, value, "a number, or nothing where it is below quantification"
                    )
                )
            elif time in samples:
                findings.append(
                    finding(file, line, "PCTPTNUM", patient, f"two samples at {time:g} h", "one sample a time")
                )
            else:
                samples[time] = value
        if sum(t > 0 for t in samples) < 2:
            unused.append(
                finding(
                    file,
                    members[0][0],
                    "PCTPTNUM",
                    patient,
                    f"{len(samples)} samples",
                    "a profile has two after the dose at least",
                )
            )
            continue
        ordered = tuple(sorted(samples))
        label = f"{patient}, {visit}" if visit and (len(given) > 1 if given else several) else patient
        amount, length = (dose[1], dose[2]) if dose else (None, 0.0)
        until = _until_next(given, number) if number is not None else None
        found.append(
            Profile(
                patient,
                label,
                ordered,
                tuple(samples[t] for t in ordered),
                amount,
                length,
                until,
                members[0][0],
                number + 1 if number is not None else 1,
            )
        )
    if findings:
        raise DataError(findings)
    return found, unused, (unit, dose_unit)


def _opened(path: str | Path):  # type: ignore[no-untyped-def]
    if str(path).endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return Path(path).open(encoding="utf-8-sig", newline="")


def _rows(path: str | Path) -> list[tuple[int, Mapping[str, str]]]:
    with _opened(path) as lines:
        return [(n, {k: v or "" for k, v in row.items() if k}) for n, row in enumerate(csv.DictReader(lines), 2)]


def _one(
    file: str, rows: list[tuple[int, Mapping[str, str]]], column: str, wanted: str | None, what: str
) -> list[tuple[int, Mapping[str, str]]]:
    held = sorted({row.get(column, "") for _, row in rows})
    if wanted is None and len(held) > 1:
        raise DataError([finding(file, 1, column, "", f"holds {', '.join(held)}", f"name the {what}: --{what}")])
    if wanted is not None and wanted not in held:
        raise DataError([finding(file, 1, column, "", f"has no {wanted!r}", f"it holds {', '.join(held)}")])
    return [(n, row) for n, row in rows if wanted is None or row.get(column, "") == wanted]


def _doses(ex: str | Path | None) -> tuple[dict[str, list[tuple[str, float, float]]], str]:
    """Return each patient's doses: start as written, amount, duration in hours (0 where the end is no later time); and
    the unit of the amounts."""
    doses: dict[str, list[tuple[str, float, float]]] = {}
    if ex is None:
        return doses, ""
    findings = []
    rows = _rows(ex)
    unit = "mg" if any(row.get("EXDOSU") for _, row in rows) else ""
    for line, row in rows:
        try:
            amount = float(row["EXDOSE"])
        except (KeyError, ValueError):
            findings.append(
                finding(
                    str(ex), line, "EXDOSE", row.get("USUBJID", ""), f"{row.get('EXDOSE')!r} is no dose", "a number"
                )
            )
            continue
        to_mg = TO_MG.get(row.get("EXDOSU", "").lower()) if unit else 1.0
        if amount > 0 and to_mg is None:
            wrong = f"is {row.get('EXDOSU') or 'missing'}"
            right = "mg, g or ug; a dose by body weight needs the weight: name the folder with EX, DM and VS"
            findings.append(finding(str(ex), line, "EXDOSU", row.get("USUBJID", ""), wrong, right))
            continue
        amount *= to_mg or 1.0
        begin, end = _moment(row.get("EXSTDTC", "")), _moment(row.get("EXENDTC", ""))
        length = (
            (end - begin).total_seconds() / 3600 if begin and end and 0 < (end - begin).days * 24 + 24 <= 24 else 0.0
        )
        if amount > 0:
            doses.setdefault(row["USUBJID"], []).append((row.get("EXSTDTC", ""), amount, max(length, 0.0)))
    if findings:
        raise DataError(findings)
    return {patient: sorted(held) for patient, held in doses.items()}, unit


def _one_unit(file: str, rows: list[tuple[int, Mapping[str, str]]]) -> str:
    """Return the unit of the concentrations, empty where there is none."""
    unit = next((row["PCSTRESU"] for _, row in rows if row.get("PCSTRESU")), "")
    other = [(n, r) for n, r in rows if r.get("PCSTRESU") and r["PCSTRESU"] != unit]
    if other:
        raise DataError(
            [
                finding(
                    file,
                    n,
                    "PCSTRESU",
                    r["USUBJID"],
                    f"is {r['PCSTRESU']}, before it was {unit}",
                    "one unit an analyte",
                )
                for n, r in other
            ]
        )
    return unit


def _dose_of(row: Mapping[str, str], doses: Sequence[tuple[str, float, float]]) -> int | None:
    """Return the place of the dose that a sample is of: the last begun by then, the next one of its day if planned before
    it; by the day and the planned time where no clock is known."""
    if not doses:
        return None
    taken, written = _moment(row.get("PCDTC", "")), row.get("PCDTC", "")
    planned = _hours(row)
    if not written:
        return 0 if len(doses) == 1 else None
    if planned is not None and planned <= 0:
        return next((n for n, d in enumerate(doses) if d[0][:10] >= written[:10]), len(doses) - 1)
    if taken is not None:
        begun = [n for n, d in enumerate(doses) if (d[0] if _moment(d[0]) else d[0][:10]) <= written]
    else:
        begun = [n for n, d in enumerate(doses) if d[0][:10] <= written[:10]]
        if planned is not None and len(begun) > 1 and planned >= 24 and doses[begun[-1]][0][:10] == written[:10]:
            begun.pop()  # a day or more after a dose, on the day of the next: before that
    return begun[-1] if begun else 0


def _until_next(doses: Sequence[tuple[str, float, float]], number: int) -> float | None:
    """Return the hours to the next dose, None after the last or where a clock is not known."""
    if number + 1 >= len(doses):
        return None
    begin, following = _moment(doses[number][0]), _moment(doses[number + 1][0])
    if begin is None or following is None or (begin.tzinfo is None) != (following.tzinfo is None):
        return None
    return (following - begin).total_seconds() / 3600


def _hours(row: Mapping[str, str]) -> float | None:
    try:
        return float(row["PCTPTNUM"])
    except ValueError:
        return None


def _moment(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if "T" in text else None
    except ValueError:
        return None


def _time(row: Mapping[str, str], dose: tuple[str, float, float] | None) -> float | None:
    begin, taken = _moment(dose[0]) if dose else None, _moment(row.get("PCDTC", ""))
    if begin is not None and taken is not None and (begin.tzinfo is None) == (taken.tzinfo is None):
        return (taken - begin).total_seconds() / 3600
    return _hours(row)


def _value(row: Mapping[str, str]) -> float | str:
    """Return the concentration, 0 for below quantification, or what is wrong."""
    text = row.get("PCSTRESC", "").upper()
    cell = row["PCSTRESN"]
    if not cell:
        if not text or any(mark in text for mark in ("BLQ", "BLOQ", "BQL", "LLOQ", "<")):
            return 0.0 if text else "is missing, and PCSTRESC with it"
        return f"is missing where PCSTRESC says {row['PCSTRESC']!r}"
    try:
        value = float(cell)
    except ValueError:
        return f"{cell!r} is no number"
    return value if value >= 0 else f"is {value:g}"
