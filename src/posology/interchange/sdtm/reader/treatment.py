"""EX and AE: what was given, and what it did."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from posology.endpoints.body_size import dose_mg
from posology.interchange.sdtm.layout import LAYOUTS
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder, last_before
from posology.interchange.sdtm.reader.patients import rows_we_wrote
from posology.interchange.sdtm.reader.protocol import level_of
from posology.record import collected as c
from posology.record import facts as f

CYCLE = re.compile(r"\b(?:CYCLE|C)\s*(\d+)(?:\s*,?\s*(?:DAY|D)\s*(\d+))?", re.IGNORECASE)

RELATED = {
    "Y": True,
    "YES": True,
    "RELATED": True,
    "PROBABLE": True,
    "PROBABLY RELATED": True,
    "POSSIBLE": True,
    "POSSIBLY RELATED": True,
    "DEFINITE": True,
    "DEFINITELY RELATED": True,
    "CERTAIN": True,
    "N": False,
    "NO": False,
    "NOT RELATED": False,
    "UNRELATED": False,
    "NONE": False,
    "REMOTE": False,
    "UNLIKELY": False,
    "UNLIKELY RELATED": False,
}
GRADE = {"MILD": 1, "MODERATE": 2, "SEVERE": 3, "LIFE THREATENING": 4, "LIFE-THREATENING": 4, "FATAL": 5}
OUTCOME = {
    "RECOVERED/RESOLVED": "recovered",
    "RECOVERED/RESOLVED WITH SEQUELAE": "recovered with sequelae",
    "RECOVERING/RESOLVING": "recovering",
    "NOT RECOVERED/NOT RESOLVED": "not recovered",
    "FATAL": "fatal",
}
SERIOUS = ("AESCAN", "AESCONG", "AESDISAB", "AESDTH", "AESHOSP", "AESLIFE", "AESOD", "AESMIE")
CODES = {
    "AELLT": "LLT",
    "AELLTCD": "LLTCD",
    "AEPTCD": "PTCD",
    "AEHLT": "HLT",
    "AEHLTCD": "HLTCD",
    "AEHLGT": "HLGT",
    "AEHLGTCD": "HLGTCD",
    "AEBODSYS": "BODSYS",
    "AEBDSYCD": "BDSYCD",
    "AESOCCD": "SOCCD",
}


def first_doses(
    exposure: DomainTable | None, demographics: DomainTable, drafts: FactBuilder
) -> dict[str, tuple[float, str]]:
    """Find each patient's day 1 in EX, and what was given on it; say where DM has another day, or EX nothing."""
    given: dict[str, tuple[float, str]] = {}
    if exposure is not None:
        days, _, _ = exposure.dates("EXSTDTC")
        rows = zip(exposure.patient, days, exposure.number("EXDOSE"), exposure.text("EXDOSU"), strict=True)
        for patient, day, amount, unit in sorted((r for r in rows if r[1]), key=lambda r: (r[0], r[1])):
            assert day is not None
            if patient not in drafts.first_dose:
                drafts.first_dose[patient] = day
                if amount is not None and unit:
                    given[patient] = (amount, unit)
    said, _, _ = demographics.dates("RFXSTDTC")
    for i, (patient, day) in enumerate(zip(demographics.patient, said, strict=True)):
        demographics.day[i] = day
        known = drafts.first_dose.get(patient)
        if known and day and known != day:
            demographics.find(i, "RFXSTDTC", f"is {day}, but the first dose in EX is of {known}", "EX is followed")
    for i, (patient, planned) in enumerate(zip(demographics.patient, demographics.text("ARMCD"), strict=True)):
        if (
            patient not in drafts.first_dose
            and planned
            and "SCR" not in planned.upper()
            and planned.upper() != "NOTASSGN"
        ):
            demographics.find(
                i, "EX", "has no dose, though put in an arm", "not treated: no endpoint counts from a first dose"
            )
    return given


def exposure(table: DomainTable, drafts: FactBuilder) -> None:
    """Read EX: doses of the trial's drug at a level of the protocol, and everything else that was given."""
    days, collected, assumed = table.dates("EXSTDTC")
    ends, _, _ = table.dates("EXENDTC", "last")
    table.day = days
    kinds = rows_we_wrote(table, drafts, days, assumed, collected)
    rows = table.mapped_fields(LAYOUTS["EX"])
    counts: dict[str, int] = {}
    end_columns = table.text("EXENDTC")
    table.acknowledge(QUALIFIER + "NOMDOSE")  # the level in words, for a protocol derived from the data
    for i, said in sorted(enumerate(rows), key=lambda entry: (days[entry[0]] or drafts.today, entry[0])):
        if kinds[i] == f.Dosed.kind or kinds[i] == f.DoseReduced.kind:
            continue
        if ends[i] and days[i] and ends[i] < days[i]:  # type: ignore[operator]
            table.find(i, "EXENDTC", f"{ends[i]} is before the start", "the end is not used")
            ends[i] = None
        marks = ("occurred",) if assumed[i] else ()
        dosed = _dosed(said, table.patient[i], days[i], ends[i], drafts, counts)
        if dosed is not None:
            more = {"dated": collected[i]} if collected[i] else {}
            if "T" in (end_columns[i] or ""):
                more["ended"] = end_columns[i]
            drafts.add(f.Dosed, table, i, days[i], {**dosed[0], **more}, (*marks, *dosed[1]), "EXSTDTC")
            continue
        if ends[i]:
            said["ended"] = end_columns[i]
        if collected[i]:
            said["dated"] = collected[i]
        if "treatment" not in said:
            table.find(i, "EXTRT", "is missing", "the row is not taken")
            continue
        drafts.add(c.TreatmentGiven, table, i, days[i], said, marks, "EXSTDTC")
    enrolled = drafts.of(f.Enrolled)
    for i, patient in enumerate(table.patient):
        if patient in drafts.place and patient not in enrolled and days[i] == drafts.first_dose.get(patient):
            enrolled[patient] = []
            drafts.report.rules["no milestone of enrolment: enrolled on the day of the first dose"] += 1
            drafts.add(f.Enrolled, table, i, days[i], drafts.place[patient], ("occurred",))


def _dosed(
    said: dict[str, Any], patient: str, day: date | None, end: date | None, drafts: FactBuilder, counts: dict[str, int]
) -> tuple[dict[str, Any], tuple[str, ...]] | None:
    """Return a dose at a level of the protocol and what was assumed; None if the row is no such dose."""
    protocol, amount, unit = drafts.protocol, said.get("dose"), str(said.get("unit", ""))
    names = {name.upper() for name in (protocol.drug.name, *protocol.drug.other_names)}
    single = day is not None and (end is None or end <= day + timedelta(days=1))
    level = drafts.place.get(patient, {}).get("level")
    if (
        day is None
        or not single
        or amount is None
        or str(said.get("treatment", "")).upper() not in names
        or level is None
    ):
        return None
    weight = last_before(drafts.weights, patient, day)
    if weight is None:
        return None
    plan, height = protocol.dose, last_before(drafts.heights, patient, day)
    here = level_of(plan, float(amount), unit)
    if plan.body_size in ("flat", "total body weight"):

        def of(n: int) -> float:
            return round(float(dose_mg(plan.levels[n - 1], plan.body_size, weight, height)), 3)
    else:
        return None  # ideal weight and surface area are the record's to compute, once sex and height are known there
    if here is not None:
        level, milligrams = here, of(here)
    elif unit.upper() == "MG":
        milligrams = float(amount)
        near = [
            n for n in range(1, len(plan.levels) + 1) if abs(milligrams - of(n)) <= of(n) * plan.tolerance_percent / 100
        ]
        level = near[0] if near else level
    else:
        return None
    counts[patient] = number = counts.get(patient, 0) + 1
    found = CYCLE.search(str(said.get("visit", "")))
    per_cycle = len(protocol.schedule.dosing_days)
    cycle = int(found[1]) if found else (number - 1) // per_cycle + 1
    on = int(found[2]) if found and found[2] else protocol.schedule.dosing_days[(number - 1) % per_cycle]
    fields = {
        "cycle": cycle,
        "day": on,
        "level": level,
        "weight_kg": weight,
        "planned_mg": of(level),
        "actual_mg": milligrams,
    }
    return fields, () if found else ("cycle", "day")


def adverse_events(table: DomainTable, drafts: FactBuilder) -> None:
    """Read AE: each event from its onset, its end where it has one, and what was judged of it."""
    columns = _AeColumns(table, drafts)
    for i in range(len(table)):
        described = columns.described(i)
        if described is None:
            continue
        fields, assumed = described
        onset, onset_assumed = columns.onset(i, fields)
        if drafts.add(f.AdverseEvent, table, i, onset, fields, [*onset_assumed, *assumed], "AESTDTC"):
            columns.add_end(i, onset, drafts)
            columns.add_judgement(i, onset, drafts)


class _AeColumns:
    """The columns of AE, and what each row says of its event."""

    def __init__(self, table: DomainTable, drafts: FactBuilder) -> None:
        self.table, self.drafts = table, drafts
        self.ends, self.end_texts, self.end_assumed = table.dates("AEENDTC", "last", not_after=drafts.deaths)
        self.begun_by = [
            min(filter(None, (end, drafts.deaths.get(patient))), default=None)
            for end, patient in zip(self.ends, table.patient, strict=True)
        ]
        self.days, self.collected, self.assumed = table.dates(
            "AESTDTC", "first", drafts.first_dose, known_by=self.begun_by
        )
        table.day = self.days
        self.rows = table.mapped_fields(LAYOUTS["AE"], without=("AESER", "AETOXGR", "AESOC"))
        self.grades, self.serious = _grades(table, self.rows), table.flag("AESER")
        self.relations, self.outcomes = table.text("AEREL"), table.text("AEOUT")
        self.classes = [soc or body for soc, body in zip(table.text("AESOC"), table.text("AEBODSYS"), strict=True)]
        self.criteria = list(zip(*(table.flag(name) for name in SERIOUS), strict=True))
        self.codes = {short: table.text(name) for name, short in CODES.items()}
        self.numbers = _numbers(table, self.rows)
        table.acknowledge("AEDTC")
        self.judged = list(
            zip(table.flag("SUPP:DLT"), table.text("SUPP:DLTWHY"), table.dates("SUPP:DLTDTC")[0], strict=True)
        )
        self.by_definition = table.qualifier("DLTDEF")
        unknown = [r for r in self.relations if r and r.upper() not in RELATED]
        table.add_not_understood("AEREL", unknown, "neither related nor not: read as related")
        unknown = [o for o in self.outcomes if o and o.upper() not in OUTCOME]
        table.add_not_understood("AEOUT", unknown, "kept as it is collected")

    def described(self, i: int) -> tuple[dict[str, Any], list[str]] | None:
        """Return the fields of a row's event and which of them were assumed; None, with a finding, if it is not
        taken."""
        fields = self.rows[i]
        if fields.get("ae", self.numbers[i]) != self.numbers[i]:
            fields["sponsor_id"] = fields["ae"]
        fields["ae"] = self.numbers[i]
        fields.setdefault("term", fields.get("verbatim"))
        if fields.get("verbatim") == fields["term"]:
            fields.pop("verbatim", None)
        if not fields["term"]:
            self.table.find(i, "AEDECOD", "is missing, and AETERM too", "the event is not taken")
            return None
        grade, grade_assumed = self.grades[i]
        if grade is None:
            return None
        assumed = self._add_relation(i, fields) + ["grade"] * grade_assumed
        fields |= {"grade": grade, "serious": bool(self.serious[i])}
        self._add_coding(i, fields)
        criteria = [name for name, yes in zip(SERIOUS, self.criteria[i], strict=True) if yes]
        if criteria:
            fields["criteria"] = ", ".join(criteria)
        if self.outcomes[i] and (self._end(i) is None or self._outcome(i) not in OUTCOME):
            fields["outcome"] = self.outcomes[i]
        return fields, assumed

    def _add_relation(self, i: int, fields: dict[str, Any]) -> list[str]:
        relation = self.relations[i] or ""
        related = RELATED.get(relation.upper())
        if related is None:
            self.drafts.report.rules["AEREL missing or not known: read as related"] += 1
        fields["related"] = True if related is None else related
        if relation and relation.upper() not in ("Y", "N"):
            fields["causality"] = relation
        else:
            fields.pop("causality", None)
        return ["related"] if related is None else []

    def _add_coding(self, i: int, fields: dict[str, Any]) -> None:
        if self.classes[i]:
            fields["system_organ_class"] = self.classes[i]
        coded = {short: values[i] for short, values in self.codes.items() if values[i]}
        if coded.get("BODSYS") == fields.get("system_organ_class"):
            coded.pop("BODSYS", None)
        if coded:
            fields["coding"] = coded

    def onset(self, i: int, fields: dict[str, Any]) -> tuple[date | None, list[str]]:
        """Return the day of onset, and that it was assumed; an unknown one is placed on the first dose, or before."""
        if self.collected[i]:
            fields["dated"] = self.collected[i]
        day, first_dose = self.days[i], self.drafts.first_dose.get(self.table.patient[i])
        if day is not None or first_dose is None:
            return day, ["occurred"] if self.assumed[i] else []
        fields["dated"] = c.UNDATED
        by = self.begun_by[i]
        if by is not None and by < first_dose:
            day, where = by, f"placed on the day it ended, {by}: before the first dose"
        else:
            day, where = first_dose, f"placed on the day of the first dose, {first_dose}"
        self.table.find(i, "AESTDTC", "the onset is not known", where)
        return day, ["occurred"]

    def _outcome(self, i: int) -> str:
        return (self.outcomes[i] or "").upper()

    def _end(self, i: int) -> date | None:
        """Return the end; None, too, where it is before the onset."""
        end, day = self.ends[i], self.days[i]
        return None if end and day and end < day else end

    def add_end(self, i: int, onset: date | None, drafts: FactBuilder) -> None:
        """Add the event's end, if it has one that is not before its onset."""
        end, outcome = self.ends[i], self._outcome(i)
        if end and onset and end < onset:
            self.table.find(i, "AEENDTC", f"{end} is before the onset", "the end is not used")
            end = None
        if not end:
            return
        fields: dict[str, Any] = {"ae": self.numbers[i], "outcome": OUTCOME.get(outcome, "recovered")}
        if self.end_texts[i]:
            fields["dated"] = self.end_texts[i]
        assumed = (["occurred"] if self.end_assumed[i] else []) + ([] if outcome in OUTCOME else ["outcome"])
        drafts.add(f.AdverseEventResolved, self.table, i, end, fields, assumed, "AEENDTC")

    def add_judgement(self, i: int, onset: date | None, drafts: FactBuilder) -> None:
        """Add what was judged: whether the event was a DLT."""
        dlt, reason, on = self.judged[i]
        if dlt is None:
            return
        basis = {"definition_says": self.by_definition[i]} if self.by_definition[i] else None
        fields = {"ae": self.numbers[i], "dlt": dlt, "why": reason or "not stated", "judged": basis}
        drafts.add(f.DltAdjudicated, self.table, i, on or onset, fields, () if on else ("occurred",))


def _grades(table: DomainTable, rows: list[dict[str, Any]]) -> list[tuple[int | None, bool]]:
    """Return each event's grade and whether it was assumed from the severity; None, with a finding, if neither is
    known."""
    toxicity, fatal = table.text("AETOXGR"), table.flag("AESDTH")
    found: list[tuple[int | None, bool]] = []
    for i, (said, grade) in enumerate(zip(rows, toxicity, strict=True)):
        digits = re.fullmatch(r"(?:GRADE\s*)?([1-5])(?:\.0*)?", grade or "", re.IGNORECASE)
        severity = GRADE.get(str(said.get("severity", "")).upper())
        if digits:
            found.append((int(digits[1]), False))
            continue
        if grade:
            table.find(
                i, "AETOXGR", f"is {grade!r}", "a grade is 1 to 5" + ("; the severity is used" if severity else "")
            )
        if fatal[i]:
            severity = 5
        if severity:
            table.report.rules["no grade: mild, moderate, severe read as grades 1, 2, 3; a death as 5 (CTCAE)"] += 1
        elif not grade:
            table.find(i, "AETOXGR", "is missing, and AESEV too", "the event is not taken: its grade is not known")
        else:
            table.find(i, "AESEV", "does not tell the grade either", "the event is not taken")
        found.append((severity, True))
    return found


def _numbers(table: DomainTable, rows: list[dict[str, Any]]) -> list[str]:
    """Return what numbers each event within its patient: the sponsor's identifier if it is one, else the sequence."""
    keys = [(patient, said.get("ae")) for patient, said in zip(table.patient, rows, strict=True)]
    if len(set(keys)) == len(keys) and all(key for _, key in keys):
        return [str(key) for _, key in keys]
    if any(key for _, key in keys):
        table.report.rules["AESPID numbers no event by itself: AESEQ does"] += len(keys)
    seen: dict[tuple[str, str], int] = {}
    numbers = []
    for patient, number in zip(table.patient, table.sequence, strict=True):
        count = seen[patient, number] = seen.get((patient, number), 0) + 1
        numbers.append(number if count == 1 else f"{number}.{count}")
    return numbers
