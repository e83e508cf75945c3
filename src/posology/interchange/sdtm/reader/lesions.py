"""TU and TR: lesions and what became of them, by the trial's own reader and by others.

The measurements of the trial's own reader are lesions measured (:class:`~posology.record.facts.LesionMeasured`); all
others are kept as readings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from posology.interchange.sdtm.merged_lesions import Part, parts_of
from posology.interchange.sdtm.reader.assessments import (
    Reader,
    Visit,
    accepted_field,
    own_readings,
    readers,
    visit_names,
)
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder
from posology.record import collected as c
from posology.record import facts as f

ROLE = {
    "TARGET": "target",
    "NON-TARGET": "non-target",
    "NEW": "new",
    "TARGET LESION": "target",
    "NON-TARGET LESION": "non-target",
    "NEW LESION": "new",
    "NEW TARGET": "new",
    "NEW NON-TARGET": "new",
}
STATUS = {
    "PRESENT": "present",
    "ABSENT": "absent",
    "UNEQUIVOCAL": "unequivocal",
    "UNEQUIVOCAL PROGRESSION": "unequivocal",
    "EQUIVOCAL": "equivocal",
    "TOO SMALL TO MEASURE": "too small to measure",
    "NOT EVALUABLE": "not evaluable",
    "NOT ASSESSABLE": "not evaluable",
}
STATUS_BY_ROLE = {
    ("non-target", "unequivocal"): "unequivocal progression",
    ("non-target", "equivocal"): "present",
    ("new", "unequivocal"): "present",
}
"""What a state that is only as sure as its reader means for a lesion of a role; every other one is not evaluable."""
TO_MM = {"MM": 1.0, "CM": 10.0}
DIAMETERS = {False: ("DIAMETER", "LDIAM"), True: ("SAXIS", "DIAMETER", "LPERP")}
"""The tests that give a lesion's diameter, the first that is there: longest diameter, short axis of a node."""


def lesions(
    identified: DomainTable | None,
    measured: DomainTable,
    drafts: FactBuilder,
    reader: Reader,
    assessments: Mapping[Visit, int],
) -> None:
    """Read TU and TR."""
    _Lesions(identified, measured, drafts, reader, assessments).read()


_LesionKey = tuple[str, str, str]
"""Patient, who read the scan, and the lesion's link."""


@dataclass
class _Reading:
    """What the rows of one lesion at one visit, by one reader, say together; ``row`` is the first of them."""

    row: int
    days: set[date | None] = field(default_factory=set)
    sizes: dict[str, float] = field(default_factory=dict)
    status: str | None = None
    state_stated: bool = False
    nodal: bool | None = None


class _Lesions:
    """The rows of TR, each lesion's readings gathered, and what TU says of the lesions."""

    def __init__(
        self,
        identified: DomainTable | None,
        table: DomainTable,
        drafts: FactBuilder,
        reader: Reader,
        assessments: Mapping[Visit, int],
    ) -> None:
        self.identified, self.table, self.drafts, self.assessments = identified, table, drafts, assessments
        self.days, self.collected, self.assumed = table.visit_dates("TRDTC")
        table.day = self.days
        self.known, self.merged = _identified(identified)
        self.who, self.accepted = readers(table), table.flag("TRACPTFL")
        self.visits, self.visit_numbers = visit_names(table, self.days), table.number("VISITNUM")
        self.own = own_readings(self.who, self.accepted, reader)
        self.certain = _certain_new(table, self.who, self.visits)
        self.groups, self.links, self.methods = table.text("TRGRPID"), table.text("TRLNKID"), table.text("TRMETHOD")
        self.organs, self.places = table.qualifier("ORGAN"), table.qualifier("TRLOC")
        self.nodes = table.flag(QUALIFIER + "NODAL")
        table.acknowledge("TRLNKGRP", "TRTEST")
        self.located: dict[_LesionKey, str | None] = {}
        self.moved: set[_LesionKey] = set()
        self.taken: set[tuple[str, str, str]] = set()  # patient, lesion and visit of the trial's own readings

    def read(self) -> None:
        """Add a fact for each lesion at each visit."""
        for (patient, read_by, visit, link), reading in self._readings().items():
            self._add((patient, read_by, link), visit, reading)

    def _readings(self) -> dict[tuple[str, str, str, str], _Reading]:
        """Return what is said of each lesion, by patient, reader, visit and link."""
        table = self.table
        codes = table.text("TRTESTCD")
        sums = [i for i, code in enumerate(codes) if code and code.startswith("SUM")]
        table.uses(*sums)
        table.add_not_understood("TRTESTCD", [str(codes[i]) for i in sums], "sums of diameters follow from the lesions")
        readings: dict[tuple[str, str, str, str], _Reading] = {}
        for i, (test, value, status, link) in enumerate(zip(*_tests(table), self.links, strict=True)):
            if test is None:
                continue
            table.uses(i)
            if link is None:
                table.find(i, "TRLNKID", "is missing", "the row is not taken: nothing says which lesion it is")
                continue
            key = (table.patient[i], self.who[i], self.visits[i], link)
            self._gather(readings.setdefault(key, _Reading(i)), i, link, (test, value, status))
        return readings

    def _gather(self, reading: _Reading, i: int, link: str, said: tuple[str, float | None, str | None]) -> None:
        """Add a row to what is said of its lesion at its visit; of two that say the same thing the first is taken."""
        test, value, status = said
        reading.days.add(self.days[i])
        twice = f"of lesion {link} is there twice at {self.visits[i]}"
        if value is not None:
            if test in reading.sizes:
                self.table.find(i, "TRTESTCD", f"{test} {twice}", "the first is taken")
            reading.sizes.setdefault(test, value)
        if test != "TUMSTATE":
            reading.status = reading.status or status
        elif reading.state_stated:
            self.table.find(i, "TRTESTCD", f"TUMSTATE {twice}", "the first is taken")
        else:
            reading.state_stated, reading.status = True, status

    def _role_and_organ(self, key: _LesionKey, i: int) -> tuple[str | None, str | None]:
        """Return a lesion's role, and its organ: as identified, or as the row says; a lesion keeps its place."""
        patient, read_by, link = key
        role, organ, rows = (
            self.known.get((patient, link, read_by)) or self.known.get((patient, link, "")) or (None, None, [])
        )
        if self.identified is not None:
            self.identified.uses(*rows)
        role = ROLE.get((self.groups[i] or "").upper(), role)
        organ = self.located.setdefault(key, organ or self.places[i])
        if self.places[i] and organ != self.places[i] and key not in self.moved:
            self.moved.add(key)
            wrong = f"of lesion {link} is {self.places[i]}"
            self.table.find(i, "SUPPTR.TRLOC", wrong, f"it was identified as {organ}: a lesion keeps its place")
        return role, self.organs[i] or organ

    def _add(self, key: _LesionKey, visit: str, reading: _Reading) -> None:
        """Add the fact of one lesion at one visit: the trial's own measurement, or another reader's."""
        i, read_by = reading.row, key[1]
        role, organ = self._role_and_organ(key, i)
        reading.nodal = self.nodes[i]
        day = self.days[i]
        if reading.status == "equivocal" and role == "new" and day and day < self.certain.get(key, day):
            reading.status = "present"
            later = "a new lesion that was equivocal and is certain later: read as there from its first date"
            self.table.report.rules[later] += 1
        fields = _lesion(self.table, i, key[2], (role, organ), reading, self.methods[i])
        fields |= {"visit": self.visits[i]} if self.visits[i] else {}
        fields |= {"dated": self.collected[i]} if self.collected[i] else {}
        assumed = ("occurred",) if self.assumed[i] else ()
        if self.own[i] and self._add_own(key, visit, i, role, fields, assumed):
            return
        if self.visit_numbers[i] is not None:
            fields["visit_number"] = self.visit_numbers[i]
        if role:
            fields["role"] = role
        fields |= {"reader": read_by, **accepted_field(self.accepted[i])}
        self.drafts.add(c.IndependentLesion, self.table, i, day, fields, assumed)

    def _add_own(
        self, key: _LesionKey, visit: str, i: int, role: str | None, fields: dict[str, Any], assumed: tuple[str, ...]
    ) -> bool:
        """Add a measurement of the trial's own reader; False where it can only be kept as a reading."""
        patient, read_by, link = key
        number = self.assessments.get((patient, visit))
        if role is None:
            self.table.find(i, "TRGRPID", f"lesion {link} is neither target, non-target nor new", "kept as a reading")
            return False
        if number is None:
            return False
        if (patient, link, visit) in self.taken:
            wrong, taken_as = f"lesion {link} is measured twice at {visit}", "the second reading is kept as a reading"
            self.table.find(i, "TRLNKID", wrong, taken_as)
            return False
        if role == "new" and number == 0:
            wrong, taken_as = f"lesion {link} is new at the baseline", "not taken as a lesion of the trial's reader"
            self.table.find(i, "TRLNKID", wrong, taken_as)
            return False
        self.taken.add((patient, link, visit))
        organ = fields.get("organ")
        fields = {**fields, "assessment": number, "organ": organ or "not stated", "role": role}
        if read_by != "INVESTIGATOR":
            fields["reader"] = read_by
        parts = self.merged.get(key, [Part(link)])
        for part in parts:
            own = {**fields, "lesion": part.lesion}
            own |= {"fragment": part.fragment} if part.fragment else {}
            if part.merged:
                own |= {"status": "merged", "diameter_mm": None, "merged_into": parts[0].lesion}
            guesses = assumed if organ else (*assumed, "organ")
            self.drafts.add(f.LesionMeasured, self.table, i, self.days[i], own, guesses)
        return True


def _certain_new(table: DomainTable, who: list[str], visits: list[str]) -> dict[tuple[str, str, str], date]:
    """Return the last day on which each lesion was certainly there: measured, present or unequivocal."""
    found: dict[tuple[str, str, str], date] = {}
    rows = zip(
        table.patient,
        who,
        table.text("TRLNKID"),
        table.day,
        table.text("TRSTRESC"),
        table.number("TRSTRESN"),
        strict=True,
    )
    for patient, name, link, day, result, size in rows:
        if link and day and (size is not None or STATUS.get((result or "").upper()) in ("present", "unequivocal")):
            found[patient, name, link] = max(day, found.get((patient, name, link), day))
    return found


Identified = dict[tuple[str, str, str], tuple[str | None, str | None, list[int]]]


def _identified(table: DomainTable | None) -> tuple[Identified, dict[tuple[str, str, str], list[Part]]]:
    """Return role, place and rows of each lesion by patient, link and reader (and by no reader), and what merged or
    split."""
    if table is None:
        return {}, {}
    table.day = table.complete_dates("TUDTC")
    who, links, events = readers(table), table.text("TULNKID"), table.text("TUTESTCD")
    results = [s or o for s, o in zip(table.text("TUSTRESC"), table.text("TUORRES"), strict=True)]
    places = table.text("TULOC")
    table.acknowledge("TUTEST", "TUMETHOD", "TUACPTFL", "VISIT", "VISITNUM")
    table.add_not_understood(
        "TUSTRESC", [r for r in results if r and r.upper() not in ROLE], "neither target, non-target nor new"
    )
    found: Identified = {}
    whole: dict[tuple[str, str], set[str]] = {}
    for patient, link, name, event in zip(table.patient, links, who, events, strict=True):
        if link and event not in ("MERGE", "SPLIT"):
            whole.setdefault((patient, name), set()).add(link)
    merged: dict[tuple[str, str, str], list[Part]] = {}
    for i, (patient, link, name, result, place) in enumerate(
        zip(table.patient, links, who, results, places, strict=True)
    ):
        if link is None:
            table.find(i, "TULNKID", "is missing", "the row is not taken")
            continue
        event = events[i] or ""
        if event in ("MERGE", "SPLIT"):
            parts = parts_of(link, event, whole.get((patient, name), set()))
            if parts:
                merged[patient, name, link] = parts
            else:
                right = "name the lesions: T01/T02 for a merged one, T01.1 for a fragment"
                table.find(i, "TULNKID", f"{link} ({event}) does not say of which lesions it is", right)
        said = (ROLE.get((result or "").upper()), place)
        for key in ((patient, link, name), (patient, link, "")):
            before = found.get(key)
            if before and key[2] and before[:2] != said:
                shown = " and ".join(f"{role} lesion in {where or 'no place'}" for role, where in (before[:2], said))
                table.find(i, "TULNKID", f"lesion {link} is identified twice, as {shown}", "the first is taken")
            found.setdefault(key, (*said, []))[2].append(i)
    return found, merged


def _tests(table: DomainTable) -> tuple[list[str | None], list[float | None], list[str | None]]:
    """Return each row's test, its diameter [mm] and its status; the test is None where the row is not taken."""
    names, values, units = table.text("TRTESTCD"), table.number("TRSTRESN"), table.text("TRSTRESU")
    results, reported_units = table.text("TRSTRESC"), table.text("TRORRESU")
    table.acknowledge("TRORRES")
    not_done, reasons = table.text("TRSTAT"), table.text("TRREASND")
    for i, name in enumerate(names):
        if name is None:
            table.find(i, "TRTESTCD", "is missing", "the row is not taken: nothing says what was measured")
    sized = {test for tests in DIAMETERS.values() for test in tests}
    table.add_not_understood(
        "TRTESTCD",
        [t for t in names if t and t not in sized and t != "TUMSTATE" and not t.startswith("SUM")],
        "no field holds this test",
    )
    states = [r for t, r in zip(names, results, strict=True) if t == "TUMSTATE" and r and r.upper() not in STATUS]
    table.add_not_understood("TRSTRESC", states, "no such state of a lesion: read as not evaluable")
    tests: list[str | None] = []
    sizes: list[float | None] = []
    status: list[str | None] = []
    for i, (test, value) in enumerate(zip(names, values, strict=True)):
        state = None
        if test in sized:
            unit = units[i] or reported_units[i]
            if value is not None and (unit or "").upper() not in TO_MM:
                table.find(
                    i,
                    "TRSTRESU",
                    f"is {unit!r}" if unit else "is missing",
                    "a diameter is in mm or cm; the row is not taken",
                )
                test = None
            elif value is not None and value < 0:
                table.find(i, "TRSTRESN", f"is {value:g}", "a diameter cannot be negative; the row is not taken")
                test = None
            elif value is not None:
                value = round(value * TO_MM[(unit or "").upper()], 6)
            elif (results[i] or "").upper() in STATUS:
                state = STATUS[(results[i] or "").upper()]
            elif not_done[i] or reasons[i]:
                state = "not evaluable"
        elif test == "TUMSTATE":
            value = None
            state = STATUS.get((results[i] or "").upper(), "not evaluable")
        else:
            test = None
        tests.append(test)
        sizes.append(value)
        status.append(state)
    return tests, sizes, status


def _lesion(
    table: DomainTable,
    i: int,
    link: str,
    role_and_organ: tuple[str | None, str | None],
    reading: _Reading,
    method: str | None,
) -> dict[str, Any]:
    """Return the fields of a lesion at an assessment; what says nothing is not evaluable, with a finding."""
    role, organ = role_and_organ
    nodal = reading.nodal
    if nodal is None:
        nodal = "LYMPH NODE" in (organ or "").upper()
    sizes, status = reading.sizes, reading.status
    test = next((t for t in DIAMETERS[nodal] if t in sizes), None)
    fields: dict[str, Any] = {"lesion": link, "nodal": nodal}
    if organ:
        fields["organ"] = organ
    if method:
        fields["method"] = method
    if test:
        fields["diameter_mm"] = sizes[test]
        if not nodal and "LPERP" in sizes:
            fields["perpendicular_mm"] = sizes["LPERP"]
        if status == "too small to measure":
            fields["status"] = status
        return fields
    if nodal and "LDIAM" in sizes:
        table.find(
            i,
            "TRTESTCD",
            f"node {link} has a longest diameter, no short axis",
            "a node counts by its short axis; not evaluable",
        )
        status = "not evaluable"
    if role == "target" and status == "present":
        table.find(i, "TRSTRESN", f"target lesion {link} is present without a diameter", "not evaluable")
        status = "not evaluable"
    if status is None:
        table.find(i, "TRSTRESN", f"lesion {link} has neither a size nor a state", "not evaluable")
        status = "not evaluable"
    if status in ("unequivocal", "equivocal"):
        meant = STATUS_BY_ROLE.get((role or "", status), "not evaluable")
        table.report.rules[f"TUMSTATE {status.upper()} of a {role} lesion read as {meant}"] += 1
        status = meant
    fields["status"] = status
    return fields
