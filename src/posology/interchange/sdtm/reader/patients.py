"""DM, DS, MH and CM: who the patients are, how they went through the trial, what they had and took besides."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from posology.interchange.sdtm.layout import LAYOUTS
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder, last_before
from posology.interchange.sdtm.reader.protocol import NO_ARM, assigned_level
from posology.interchange.sdtm.supplemental import FIELD_IN_VARIABLE, KIND, qnam, types_of
from posology.record import collected as c
from posology.record import facts as f
from posology.record.fact import KINDS

DISCONTINUATION_REASON = {
    "PROGRESSIVE DISEASE": "progression",
    "DISEASE PROGRESSION": "progression",
    "LACK OF EFFICACY": "progression",
    "ADVERSE EVENT": "adverse event",
    "WITHDRAWAL BY SUBJECT": "withdrawal",
    "WITHDRAWAL OF CONSENT": "withdrawal",
    "DEATH": "death",
}
"""Standard terms of disposition and why a patient left; every other one is "other", with the term noted."""

NO_TREATMENT = ("SCREEN FAILURE", "FAILURE TO MEET RANDOMIZATION CRITERIA")
"""Terms of those who left before any treatment."""
HISTORY_CODES = {"MHLLT": "LLT", "MHHLT": "HLT", "MHHLGT": "HLGT"}


def rows_we_wrote(
    table: DomainTable, drafts: FactBuilder, days: list[date | None], assumed: list[bool], collected: list[str | None]
) -> list[str | None]:
    """Take the rows that say which kind of our facts they carry; return that kind for each row, None for the others."""
    kinds = table.qualifier(KIND)
    table.add_not_understood(
        QUALIFIER + KIND, [k for k in kinds if k and k not in KINDS], "no kind of fact has this name"
    )
    kinds = [k if k in KINDS else None for k in kinds]
    columns: dict[str, list[Any]] = {}
    for i, kind in enumerate(kinds):
        if kind is None:
            continue
        fields = {}
        for name, type_ in types_of(KINDS[kind]).items():
            column = FIELD_IN_VARIABLE.get((kind, name), QUALIFIER + qnam(name))
            if column not in columns:
                columns[column] = table.column(column, type_) if table.has(column) else []
            if columns[column] and columns[column][i] is not None:
                fields[name] = columns[column][i]
        if collected[i] and "dated" in types_of(KINDS[kind]):
            fields["dated"] = collected[i]
        drafts.add(KINDS[kind], table, i, days[i], fields, ("occurred",) if assumed[i] else ())
    return kinds


def demographics(
    table: DomainTable, drafts: FactBuilder, tumours: Mapping[str, tuple[str, str | None]], screened: set[str]
) -> None:
    """Read DM. ``tumours`` holds each patient's tumour; ``screened`` those whose screening the record already has."""
    days, collected, assumed = table.dates("DMDTC")
    consents, _, consent_assumed = table.dates("RFICDTC")
    starts, _, _ = table.dates("RFSTDTC")
    deaths, death_texts, death_assumed = table.dates("DTHDTC", "first", drafts.last_alive(), need="month")
    died = table.flag("DTHFL")
    rows = table.mapped_fields(LAYOUTS["DM"])
    subjects = table.text("USUBJID")
    seen: set[str] = set()
    consented, dead, fatal = drafts.of(f.Consented), drafts.of(f.Died), drafts.of(f.AdverseEvent)
    for i, (patient, fields) in enumerate(zip(table.patient, rows, strict=True)):
        if patient in seen:
            table.find(i, "USUBJID", "is in DM twice", "the first row is taken")
            continue
        seen.add(patient)
        known = [d for d in (days[i], consents[i], starts[i], drafts.first_dose.get(patient), deaths[i]) if d]
        day = days[i] or (min(known) if known else None)
        table.day[i] = day
        marks = ("occurred",) if assumed[i] or not days[i] else ()
        fields["unique_subject"] = subjects[i]
        if collected[i]:
            fields["dated"] = collected[i]
        elif not days[i]:
            fields["dated"] = c.UNDATED
        if not drafts.add(c.Demographics, table, i, day, fields, marks):
            continue
        if consents[i] and patient not in consented:
            drafts.add(f.Consented, table, i, consents[i], {}, ("occurred",) if consent_assumed[i] else (), "RFICDTC")
        if patient not in screened:
            _screen(table, i, drafts, fields, day, tumours.get(patient), marks)
        if deaths[i]:
            causes = [d.fields["term"] for d in fatal.get(patient, ()) if d.fields.get("grade") == 5]
            said = {"cause": causes[0] if causes else "not stated"}
            if death_texts[i]:
                said["dated"] = death_texts[i]
            if patient not in dead:
                drafts.add(f.Died, table, i, deaths[i], said, ("occurred",) if death_assumed[i] else (), "DTHDTC")
        elif died[i] and patient not in dead:
            table.find(i, "DTHDTC", "is missing of a patient who died (DTHFL is Y)", "no death is recorded")


def _screen(
    table: DomainTable,
    i: int,
    drafts: FactBuilder,
    fields: dict[str, Any],
    day: date | None,
    tumour: tuple[str, str | None] | None,
    marks: tuple[str, ...],
) -> None:
    patient, sex = table.patient[i], fields.get("sex")
    if sex not in ("F", "M"):
        table.find(i, "SEX", f"is {sex!r}" if sex else "is missing", "F or M; no screening is recorded")
        return
    start = drafts.first_dose.get(patient) or day
    assert start is not None
    said: dict[str, Any] = {"sex": sex, "tumour_type": tumour[0] if tumour else "not stated"}
    if tumour and tumour[1]:
        said["histology"] = tumour[1]
    if fields.get("age") is not None and fields.get("age_unit", "YEARS") == "YEARS":
        said["age"] = int(fields["age"])
    for name, values in (("weight_kg", drafts.weights), ("height_cm", drafts.heights)):
        value = last_before(values, patient, start)
        if value is not None:
            said[name] = value
    drafts.add(f.Screened, table, i, day, said, marks + (() if tumour else ("tumour_type",)))


def disposition(table: DomainTable, drafts: FactBuilder) -> None:
    """Read DS: milestones, and how patients left."""
    days, collected, assumed = table.dates("DSSTDTC")
    later, later_texts, later_assumed = table.dates("DSDTC")
    dated = [
        (d, t, a) if d else (x, y, z)
        for d, t, a, x, y, z in zip(days, collected, assumed, later, later_texts, later_assumed, strict=True)
    ]
    days, collected, assumed = [d for d, _, _ in dated], [t for _, t, _ in dated], [a for _, _, a in dated]
    table.day = days
    kinds = rows_we_wrote(table, drafts, days, assumed, collected)
    rows = table.mapped_fields(LAYOUTS["DS"])
    left, enrolled, consented = set(drafts.of(f.Discontinued)), set(drafts.of(f.Enrolled)), set(drafts.of(f.Consented))
    order = sorted(range(len(table)), key=lambda i: (days[i] or drafts.today, i))
    for i in order:
        if kinds[i]:
            continue
        patient, said, marks = table.patient[i], rows[i], ("occurred",) if assumed[i] else ()
        term = str(said.get("standard_term") or said.get("term") or "").upper()
        more = {"dated": collected[i]} if collected[i] else {}
        if not drafts.add(c.DispositionEvent, table, i, days[i], {**said, **more}, marks, "DSSTDTC"):
            continue
        if term == "INFORMED CONSENT OBTAINED" and patient not in consented:
            consented.add(patient)
            drafts.add(f.Consented, table, i, days[i], {}, marks)
        elif term in ("ENROLLED", "RANDOMIZED", "RANDOMISED") and patient not in enrolled and patient in drafts.place:
            enrolled.add(patient)
            drafts.add(f.Enrolled, table, i, days[i], drafts.place[patient], marks)
        elif term not in NO_TREATMENT and (
            str(said.get("category") or "DISPOSITION EVENT").upper() == "DISPOSITION EVENT"
        ):
            if "category" not in said:
                drafts.report.rules["no DSCAT: read as a disposition event"] += 1
            treatment = str(said.get("subcategory", "STUDY TREATMENT")).upper() == "STUDY TREATMENT"
            if treatment and patient not in left and patient in drafts.first_dose:
                left.add(patient)
                why = DISCONTINUATION_REASON.get(term, "other")
                note = {"note": term.capitalize()} if why == "other" or term == "LACK OF EFFICACY" else {}
                drafts.add(f.Discontinued, table, i, days[i], {"why": why, **note, **more}, marks)


def assign_levels(table: DomainTable, drafts: FactBuilder, first: Mapping[str, tuple[float, str]]) -> None:
    """Find each patient's level or cohort from DM's arm, or from the first dose (``first``: amount and unit)."""
    columns = (table.text(name) for name in ("ARMCD", "ARM", "ACTARMCD", "ACTARM"))
    for i, (patient, code, arm, actual_code, actual_arm) in enumerate(zip(table.patient, *columns, strict=True)):
        assigned = (code or actual_code, arm or actual_arm)
        if not (arm or code) or (arm or "").upper() in NO_ARM or (code or "").upper() in NO_ARM:
            continue
        found = assigned_level(drafts.protocol, *assigned, first.get(patient))
        if found:
            drafts.place[patient] = found
        else:
            table.find(
                i,
                "ARM",
                f"{assigned[1] or assigned[0]!r} is neither a level nor a cohort of the protocol",
                "no enrolment is recorded",
            )


def history(table: DomainTable, drafts: FactBuilder) -> dict[str, tuple[str, str | None]]:
    """Read MH, and return each patient's primary diagnosis with its histology."""
    days, collected, assumed = table.dates("MHDTC")
    starts, _, start_assumed = table.dates("MHSTDTC")
    rows = table.mapped_fields(LAYOUTS["MH"])
    _not_done(table)
    coded = {short: table.text(name) for name, short in HISTORY_CODES.items()}
    histology = table.qualifier(qnam("histology"))
    derived = table.qualifier("DERIVED")
    tumours: dict[str, tuple[str, str | None]] = {}
    for i, (patient, said) in enumerate(zip(table.patient, rows, strict=True)):
        day = table.day[i] = days[i] or starts[i]
        if str(said.get("category", "")).upper() == "PRIMARY DIAGNOSIS" and "term" in said:
            tumours.setdefault(patient, (said["term"], histology[i]))
        if derived[i]:
            table.uses(i)  # written of the screening, which comes back by itself
            continue
        codes = {short: values[i] for short, values in coded.items() if values[i]}
        if codes:
            said["coding"] = codes
        if collected[i]:
            said["dated"] = collected[i]
        guessed = assumed[i] if days[i] else start_assumed[i]
        fallback = drafts.first_dose.get(patient)
        if day is None and fallback:
            drafts.report.rules["MH without a date: placed on the day of the first dose"] += 1
            day, guessed, said["dated"] = fallback, True, c.UNDATED
        drafts.add(c.MedicalHistory, table, i, day, said, ("occurred",) if guessed else ())
    return tumours


def other_therapy(table: DomainTable, drafts: FactBuilder) -> None:
    """Read CM: other drugs, from their start, or from the day they were collected."""
    starts, texts, assumed = table.dates("CMSTDTC")
    days, _, _ = table.dates("CMDTC")
    rows = table.mapped_fields(LAYOUTS["CM"])
    _not_done(table)
    for i, said in enumerate(rows):
        patient = table.patient[i]
        day = table.day[i] = starts[i] or days[i]
        if texts[i]:
            said["dated"] = texts[i]
        marks = ("occurred",) if assumed[i] else ()
        if starts[i] is None and day is not None:
            drafts.report.rules["CM without a start: placed on the day it was collected"] += 1
            marks = ("occurred",)
            said["dated"] = c.UNDATED
        first = drafts.first_dose.get(patient)
        if day is None and first:
            drafts.report.rules["CM without a date: placed on the day of the first dose"] += 1
            day, marks, said["dated"] = first, ("occurred",), c.UNDATED
        drafts.add(c.ConcomitantTherapy, table, i, day, said, marks)


def _not_done(table: DomainTable) -> None:
    name = f"{table.name}STAT"
    status = table.text(name)
    table.add_not_understood(name, [s for s in status if s and s.upper() != "NOT DONE"], "only NOT DONE is known")
