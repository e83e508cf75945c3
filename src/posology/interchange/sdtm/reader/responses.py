"""RS: the responses stated, by the trial's own reader and by others."""

from __future__ import annotations

from collections.abc import Mapping

from posology.interchange.sdtm.layout import LAYOUTS
from posology.interchange.sdtm.reader.assessments import (
    Reader,
    Visit,
    overall_by_recist,
    own_readings,
    readers,
    visit_names,
)
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder
from posology.interchange.sdtm.supplemental import qnam
from posology.record import collected as c
from posology.record import facts as f

OVERALL = {"CR": "CR", "PR": "PR", "SD": "SD", "PD": "PD", "NE": "NE", "NON-CR/NON-PD": "non-CR/non-PD"}


def responses(table: DomainTable, drafts: FactBuilder, assessments: Mapping[Visit, int], reader: Reader) -> None:
    """Read RS: the overall response by RECIST of the trial's reader at each assessment, and all else that is stated."""
    days, collected, assumed = table.visit_dates("RSDTC")
    table.day = days
    rows = table.mapped_fields(LAYOUTS["RS"])
    who, accepted, notes = readers(table), table.flag("RSACPTFL"), table.qualifier(qnam("note"))
    own = own_readings(who, accepted, reader)
    table.text("RSSTAT"), table.text("RSREASND"), table.text("RSLNKGRP")
    unknown: list[str] = []
    visits = visit_names(table, days)
    given = table.number(QUALIFIER + qnam("assessment"))
    by_recist = overall_by_recist(table)
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
