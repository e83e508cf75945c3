"""Whose reading of the scans is the trial's own, and the numbers of its assessments.

One reader's measurements are the trial's own: the investigator's, or those that the independent review accepted
(``--reader independent``). Assessments are numbered in the order of their days; assessment 0 is the last one before
treatment.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from typing import Literal

from posology.endpoints.response import criteria_named
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder
from posology.interchange.sdtm.supplemental import qnam

Reader = Literal["investigator", "independent"]
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
        own = own_readings(readers(table), table.flag(f"{table.name}ACPTFL"), reader)
        if table.name == "RS":
            own = [o and by_recist for o, by_recist in zip(own, overall_by_recist(table), strict=True)]
        patients += table.patient
        visits += visit_names(table, on)
        days += on
        mine += own
        given += table.number(QUALIFIER + qnam("assessment"))
    return _numbered(patients, visits, days, mine, given, drafts)


def visit_names(table: DomainTable, days: list[date | None]) -> list[str]:
    """Return what names the visit of each row: VISIT, its number, or the day where there is neither."""
    numbers = table.number("VISITNUM")
    rows = zip(table.text("VISIT"), numbers, days, strict=True)
    return [visit or (f"visit {n:g}" if n is not None else str(day or "")) for visit, n, day in rows]


def overall_by_recist(table: DomainTable) -> list[bool]:
    """Return which rows of RS state an overall response by RECIST 1.1."""
    results = [s or o or "" for s, o in zip(table.text("RSSTRESC"), table.text("RSORRES"), strict=True)]
    rows = zip(table.text("RSTESTCD"), table.text("RSCAT"), results, strict=True)
    return [test == "OVRLRESP" and criteria_named(category, result) == "RECIST 1.1" for test, category, result in rows]


def _numbered(
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


def own_readings(who: list[str], accepted: list[bool | None], reader: Reader) -> list[bool]:
    """Return which rows are the reading of the trial's own reader."""
    investigator = [name == "INVESTIGATOR" for name in who]
    if reader == "investigator" and any(investigator):
        return investigator
    independent = [not own for own in investigator]
    chosen = [
        i and (a is not False and (a or not any(x for x in accepted)))
        for i, a in zip(independent, accepted, strict=True)
    ]
    return [bool(c) for c in chosen]


def accepted_field(flag: bool | None) -> dict[str, bool]:
    """Return the field that says whether the independent review accepted a reading, if it says so."""
    return {} if flag is None else {"accepted": flag}
