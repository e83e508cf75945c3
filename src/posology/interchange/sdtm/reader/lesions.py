"""TU, TR and RS: lesions and what became of them, by the trial's own reader and by others, and the responses stated.

One reader's measurements are the trial's own (:class:`~posology.record.facts.LesionMeasured`): the investigator's, or
those that the independent review accepted (``--reader independent``). All others are kept as readings. Assessments are
numbered in the order of their days; assessment 0 is the last one before treatment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any, Literal

from posology.endpoints.response import criteria_named
from posology.interchange.sdtm.layout import LAYOUTS, qnam
from posology.interchange.sdtm.merged_lesions import Part, parts_of
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder
from posology.record import collected as c
from posology.record import facts as f

Reader = Literal["investigator", "independent"]
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
OVERALL = {"CR": "CR", "PR": "PR", "SD": "SD", "PD": "PD", "NE": "NE", "NON-CR/NON-PD": "non-CR/non-PD"}
TO_MM = {"MM": 1.0, "CM": 10.0}
DIAMETERS = {False: ("DIAMETER", "LDIAM"), True: ("SAXIS", "DIAMETER", "LPERP")}
"""The tests that give a lesion's diameter, the first that is there: longest diameter, short axis of a node."""

Visit = tuple[str, str]
Assessments = dict[Visit, int]


def readers(table: DomainTable) -> list[str]:
    """Return who read each row: the evaluator with the reader's own identifier, the investigator where nobody is
    named."""
    columns = zip(table.text(f"{table.name}EVAL"), table.text(f"{table.name}EVALID"), strict=True)
    return [f"{who or 'INVESTIGATOR'}{f', {one}' if one else ''}" for who, one in columns]


def assessments(
    measured: DomainTable | None, stated: DomainTable | None, drafts: FactBuilder, reader: Reader
) -> Assessments:
    """Return the number of each assessment by patient and visit, whether lesions were measured there or a response
    stated."""
    patients: list[str] = []
    visits: list[str] = []
    days: list[date | None] = []
    mine: list[bool] = []
    given: list[float | None] = []
    for table in filter(None, (measured, stated)):
        on, _, _ = table.visit_dates(f"{table.name}DTC")
        own = _own(readers(table), table.flag(f"{table.name}ACPTFL"), reader)
        if table.name == "RS":
            own = [o and by_recist for o, by_recist in zip(own, _overall_by_recist(table), strict=True)]
        patients += table.patient
        visits += visit_names(table, on)
        days += on
        mine += own
        given += table.number(QUALIFIER + qnam("assessment"))
    return _assessments(patients, visits, days, mine, given, drafts)


def visit_names(table: DomainTable, days: list[date | None]) -> list[str]:
    """Return what names the visit of each row: VISIT, its number, or the day where there is neither."""
    numbers = table.number("VISITNUM")
    rows = zip(table.text("VISIT"), numbers, days, strict=True)
    return [visit or (f"visit {n:g}" if n is not None else str(day or "")) for visit, n, day in rows]


def _overall_by_recist(table: DomainTable) -> list[bool]:
    """Return which rows of RS state an overall response by RECIST 1.1."""
    results = [s or o or "" for s, o in zip(table.text("RSSTRESC"), table.text("RSORRES"), strict=True)]
    rows = zip(table.text("RSTESTCD"), table.text("RSCAT"), results, strict=True)
    return [test == "OVRLRESP" and criteria_named(category, result) == "RECIST 1.1" for test, category, result in rows]


def lesions(  # noqa: C901 (to be split)
    identified: DomainTable | None,
    measured: DomainTable,
    drafts: FactBuilder,
    reader: Reader,
    assessments: Mapping[Visit, int],
) -> None:
    """Read TU and TR."""
    table = measured
    days, collected, assumed = table.visit_dates("TRDTC")
    table.day = days
    known, merged = _identified(identified)
    who, accepted = readers(table), table.flag("TRACPTFL")
    visits = visit_names(table, days)
    numbers = table.number("VISITNUM")
    own = _own(who, accepted, reader)
    certain = _certain_new(table, who, visits)
    groups, links, methods = table.text("TRGRPID"), table.text("TRLNKID"), table.text("TRMETHOD")
    written, places = table.qualifier("ORGAN"), table.qualifier("TRLOC")
    nodes = table.flag(QUALIFIER + "NODAL")
    table.text("TRLNKGRP"), table.text("TRTEST")
    table.uses(*(i for i, t in enumerate(table.text("TRTESTCD")) if t and t.startswith("SUM")))
    sums = [t for t in table.text("TRTESTCD") if t and t.startswith("SUM")]
    table.add_not_understood("TRTESTCD", sums, "sums of diameters follow from the lesions")
    found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
    tests = _tests(table)
    for i, (test, value, status, link) in enumerate(zip(*tests, links, strict=True)):
        if test is None:
            continue
        table.uses(i)
        if link is None:
            table.find(i, "TRLNKID", "is missing", "the row is not taken: nothing says which lesion it is")
            continue
        key = (table.patient[i], who[i], visits[i], link)
        entry = found.setdefault(key, {"row": i, "days": set(), "sizes": {}, "status": None, "stated": False})
        entry["days"].add(days[i])
        if value is not None:
            if test in entry["sizes"]:
                table.find(
                    i, "TRTESTCD", f"{test} of lesion {link} is there twice at {visits[i]}", "the first is taken"
                )
            entry["sizes"].setdefault(test, value)
        if test == "TUMSTATE" and entry["stated"]:
            table.find(i, "TRTESTCD", f"TUMSTATE of lesion {link} is there twice at {visits[i]}", "the first is taken")
            continue
        entry["stated"] |= test == "TUMSTATE"
        entry["status"] = status if test == "TUMSTATE" else entry["status"] or status
    seen: dict[tuple[str, str, str], str] = {}
    located: dict[tuple[str, str, str], str | None] = {}
    moved: set[tuple[str, str, str]] = set()
    for (patient, read_by, visit, link), entry in found.items():
        i = entry["row"]
        role, organ, rows = known.get((patient, link, read_by)) or known.get((patient, link, "")) or (None, None, [])
        if identified is not None:
            identified.uses(*rows)
        role = ROLE.get((groups[i] or "").upper(), role)
        organ = located.setdefault((patient, read_by, link), organ or places[i])
        if places[i] and organ != places[i] and (patient, read_by, link) not in moved:
            moved.add((patient, read_by, link))
            table.find(
                i,
                "SUPPTR.TRLOC",
                f"of lesion {link} is {places[i]}",
                f"it was identified as {organ}: a lesion keeps its place",
            )
        organ = written[i] or organ
        entry["nodal"] = nodes[i]
        if (
            entry["status"] == "equivocal"
            and role == "new"
            and days[i]
            and days[i] < certain.get((patient, read_by, link), days[i])
        ):
            entry["status"] = "present"
            table.report.rules[
                "a new lesion that was equivocal and is certain later: read as there from its first date"
            ] += 1
        said = _lesion(table, i, link, role, organ, entry, methods[i])
        if said is None:
            continue
        if visits[i]:
            said["visit"] = visits[i]
        if collected[i]:
            said["dated"] = collected[i]
        marks = ("occurred",) if assumed[i] else ()
        number = assessments.get((patient, visit))
        if own[i] and number is not None and role is not None:
            if (patient, link, visit) in seen:
                table.find(
                    i,
                    "TRLNKID",
                    f"lesion {link} is measured twice at {visit}",
                    "the second reading is kept as a reading",
                )
            elif role == "new" and number == 0:
                table.find(
                    i, "TRLNKID", f"lesion {link} is new at the baseline", "not taken as a lesion of the trial's reader"
                )
            else:
                seen[patient, link, visit] = read_by
                more = {"assessment": number, "organ": said.get("organ") or "not stated", "role": role}
                if read_by != "INVESTIGATOR":
                    more["reader"] = read_by
                whole = merged.get((patient, read_by, link), [Part(link)])
                for part in whole:
                    fields = {**said, **more, "lesion": part.lesion}
                    fields |= {"fragment": part.fragment} if part.fragment else {}
                    if part.merged:
                        fields |= {"status": "merged", "diameter_mm": None, "merged_into": whole[0].lesion}
                    drafts.add(
                        f.LesionMeasured, table, i, days[i], fields, marks if said.get("organ") else (*marks, "organ")
                    )
                continue
        elif own[i] and role is None:
            table.find(i, "TRGRPID", f"lesion {link} is neither target, non-target nor new", "kept as a reading")
        if numbers[i] is not None:
            said["visit_number"] = numbers[i]
        if role:
            said["role"] = role
        drafts.add(c.IndependentLesion, table, i, days[i], {**said, "reader": read_by, **_accepted(accepted[i])}, marks)


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


def _own(who: list[str], accepted: list[bool | None], reader: Reader) -> list[bool]:
    investigator = [name == "INVESTIGATOR" for name in who]
    if reader == "investigator" and any(investigator):
        return investigator
    independent = [not own for own in investigator]
    chosen = [
        i and (a is not False and (a or not any(x for x in accepted)))
        for i, a in zip(independent, accepted, strict=True)
    ]
    return [bool(c) for c in chosen]


def _accepted(flag: bool | None) -> dict[str, bool]:
    return {} if flag is None else {"accepted": flag}


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
    role: str | None,
    organ: str | None,
    entry: dict[str, Any],
    method: str | None,
) -> dict[str, Any] | None:
    """Return the fields of a lesion at an assessment; None, with a finding, if they say nothing."""
    nodal = entry["nodal"]
    if nodal is None:
        nodal = "LYMPH NODE" in (organ or "").upper()
    sizes, status = entry["sizes"], entry["status"]
    test = next((t for t in DIAMETERS[nodal] if t in sizes), None)
    said: dict[str, Any] = {"lesion": link, "nodal": nodal}
    if organ:
        said["organ"] = organ
    if method:
        said["method"] = method
    if test:
        said["diameter_mm"] = sizes[test]
        if not nodal and "LPERP" in sizes:
            said["perpendicular_mm"] = sizes["LPERP"]
        if status == "too small to measure":
            said["status"] = status
        return said
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
    said["status"] = status
    return said


def _assessments(
    patients: list[str],
    visits: list[str],
    days: list[date | None],
    own: list[bool],
    given: list[float | None],
    drafts: FactBuilder,
) -> Assessments:
    """Number the assessments of the trial's reader: 0 is the last on or before day 1, the others follow in order."""
    first: dict[str, dict[str, date]] = defaultdict(dict)
    numbers: Assessments = {}
    for patient, visit, day, mine, number in zip(patients, visits, days, own, given, strict=True):
        if not mine or day is None:
            continue
        if number is not None:
            numbers[patient, visit] = int(number)
        first[patient][visit] = min(day, first[patient].get(visit, day))
    for patient, held in first.items():
        if any((patient, visit) in numbers for visit in held):
            continue
        start = drafts.first_dose.get(patient)
        ordered = sorted(held.items(), key=lambda entry: entry[1])
        before = [visit for visit, day in ordered if start is None or day <= start]
        later = [visit for visit, day in ordered if visit not in before]
        if not before:
            drafts.report.find(
                patient,
                ordered[0][1],
                "TRDTC",
                "there is no assessment before treatment",
                "no baseline: response is not evaluable",
            )
        for visit in before[:-1]:
            drafts.report.find(
                patient, held[visit], "TRDTC", f"{visit} is an assessment before the baseline", "kept as a reading"
            )
        for number, visit in enumerate([*before[-1:], *later], 0 if before else 1):
            numbers[patient, visit] = number
    return numbers


def responses(table: DomainTable, drafts: FactBuilder, assessments: Mapping[Visit, int], reader: Reader) -> None:
    """Read RS: the overall response by RECIST of the trial's reader at each assessment, and all else that is stated."""
    days, collected, assumed = table.visit_dates("RSDTC")
    table.day = days
    rows = table.mapped_fields(LAYOUTS["RS"])
    who, accepted, notes = readers(table), table.flag("RSACPTFL"), table.qualifier(qnam("note"))
    own = _own(who, accepted, reader)
    table.text("RSSTAT"), table.text("RSREASND"), table.text("RSLNKGRP")
    unknown: list[str] = []
    visits = visit_names(table, days)
    given = table.number(QUALIFIER + qnam("assessment"))
    by_recist = _overall_by_recist(table)
    seen: set[tuple[str, int]] = set()
    for i, said in enumerate(rows):
        patient = table.patient[i]
        if "result" not in said and "reported" in said:
            said["result"] = said["reported"]
        if "result" not in said:
            table.find(i, "RSSTRESC", "is missing", "the row is not taken")
            continue
        marks = ("occurred",) if assumed[i] else ()
        if collected[i]:
            said["dated"] = collected[i]
        recist = by_recist[i]
        number = given[i] if given[i] is not None else assessments.get((patient, visits[i]))
        overall = OVERALL.get(str(said["result"]).upper())
        if own[i] and said.get("test") == "OVRLRESP" and recist and number and overall:
            if (patient, int(number)) in seen:
                table.find(
                    i,
                    "RSTESTCD",
                    f"the response at {visits[i]} is stated twice",
                    "the first is taken, this one kept as a reading",
                )
            else:
                seen.add((patient, int(number)))
                fields = {"assessment": int(number), "overall": overall}
                fields |= {name: said[name] for name in ("visit", "dated") if name in said}
                if notes[i]:
                    fields["note"] = notes[i]
                if who[i] != "INVESTIGATOR":
                    fields["reader"] = who[i]
                drafts.add(f.TumourAssessed, table, i, days[i], fields, marks)
                continue
        if recist and overall is None:
            unknown.append(said["result"])
        elif own[i] and recist and number == 0:
            table.find(
                i,
                "RSTESTCD",
                f"a response at {visits[i]}, before treatment",
                "kept as a reading: it is of the baseline",
            )
        if who[i] != "INVESTIGATOR":
            said["reader"] = who[i]
        drafts.add(c.IndependentResponse, table, i, days[i], said, marks)
    table.add_not_understood("RSSTRESC", unknown, "no response by RECIST 1.1: kept as a reading")
