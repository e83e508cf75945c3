"""LB, VS and PC: laboratory values, vital signs and concentrations, as reported and in standard units."""

from __future__ import annotations

from typing import Any

from posology.interchange.sdtm.layout import layout_of
from posology.interchange.sdtm.reader.domain_tables import QUALIFIER, DomainTable
from posology.interchange.sdtm.reader.fact_builder import FactBuilder
from posology.record import facts as f

CA125 = ("CA125", "CA125AG")
CA125_UNITS = ("U/ML", "KU/L", "IU/ML")  # one and the same


def observations(table: DomainTable, drafts: FactBuilder) -> None:
    """Read a domain of measurements: one fact a row."""
    days, collected, assumed = table.dates(f"{table.name}DTC")
    table.day = days
    layout = layout_of(table.name)
    assert layout.kind is not None
    rows = table.mapped_fields(layout)
    status, reasons = table.text(f"{table.name}STAT"), table.text(f"{table.name}REASND")
    derived = table.text(f"{QUALIFIER}DERIVED") if table.has(f"{QUALIFIER}DERIVED") else [None] * len(table)
    table.add_not_understood(
        f"{table.name}STAT", [s for s in status if s and s.upper() != "NOT DONE"], "only NOT DONE is known"
    )
    marked = _markers(table, drafts, rows, collected, assumed) if table.name == "LB" else set()
    measured_in = {said["test"]: said["unit"] for said in rows if {"test", "unit"} <= said.keys()}
    kept, name = set(), f"{table.name}STRESN"
    for i, said in enumerate(rows):
        if i in marked or derived[i]:
            table.uses(i)  # taken as a marker, or written of another event that comes back by itself
            continue
        if status[i] or reasons[i]:
            said["not_done"] = reasons[i] or "not stated"
        if collected[i]:
            said["dated"] = collected[i]
        if "value" in said and "unit" not in said and said.get("test") in measured_in:
            of = f"{said['test']} {said['value']:g}"
            table.find(
                i, f"{table.name}STRESU", f"is missing of {of}", f"elsewhere it is in {measured_in[said['test']]}"
            )
        if said.get("value", 0) < 0 and table.name != "LB":
            table.find(i, name, f"is {said['value']:g}", "a negative value is not possible; the row is not taken")
            continue
        low, high = said.get("lower_limit"), said.get("upper_limit")
        if low is not None and high is not None and low > high:
            table.find(i, "LBSTNRLO", f"{low:g} is above the upper limit {high:g}", "the limits are not used")
            said.pop("lower_limit"), said.pop("upper_limit")
        kept.add(i)
        drafts.add(layout.kind, table, i, days[i], said, ("occurred",) if assumed[i] else ())
    if table.name == "LB":
        _limits(table, rows, kept)


def sizes(table: DomainTable, drafts: FactBuilder) -> None:
    """Find weights [kg] and heights [cm] in VS."""
    days, _, _ = table.dates("VSDTC")
    tests, values, units = table.text("VSTESTCD"), table.number("VSSTRESN"), table.text("VSSTRESU")
    found = sorted(
        (d, p, t, v, u)
        for d, p, t, v, u in zip(days, table.patient, tests, values, units, strict=True)
        if d and v and u and t in ("WEIGHT", "HEIGHT")
    )
    table.add_not_understood(
        "VSSTRESU",
        [u for _, _, t, _, u in found if (t, u.upper()) not in (("WEIGHT", "KG"), ("HEIGHT", "CM"))],
        "a weight is in kg and a height in cm: not used for doses",
    )
    for day, patient, test, value, unit in found:
        if (test, unit.upper()) == ("WEIGHT", "KG") and value <= 400:
            drafts.weights.setdefault(patient, []).append((day, value))
        if (test, unit.upper()) == ("HEIGHT", "CM") and 50 <= value <= 250:
            drafts.heights.setdefault(patient, []).append((day, value))


def _markers(
    table: DomainTable,
    drafts: FactBuilder,
    rows: list[dict[str, Any]],
    collected: list[str | None],
    assumed: list[bool],
) -> set[int]:
    """Take CA-125 where value, unit and upper limit are known, once a day; return the rows taken."""
    taken: set[int] = set()
    seen: set[tuple[str, Any]] = set()
    for i, said in enumerate(rows):
        if said.get("test") not in CA125:
            continue
        patient, day = table.patient[i], table.day[i]
        value, unit, limit = said.get("value"), said.get("unit"), said.get("upper_limit")
        if value is None:
            table.find(
                i,
                "LBSTRESN",
                f"of CA-125 is missing ({said.get('result') or 'no result'})",
                "kept as text: no CA-125 response counts it",
            )
        elif str(unit).upper() not in CA125_UNITS:
            table.find(
                i,
                "LBSTRESU",
                f"of CA-125 is {unit!r}",
                f"it must be one of {', '.join(CA125_UNITS)}; not used for the response",
            )
        elif limit is None:
            table.find(i, "LBSTNRHI", "of CA-125 is missing", "without an upper limit it is not used for the response")
        elif value < 0:
            table.find(i, "LBSTRESN", f"of CA-125 is {value:g}", "it cannot be negative; not used for the response")
        elif (patient, day) in seen:
            table.find(i, "LBDTC", "has two values of CA-125 on one day", "the first is used for the response")
        else:
            fields = {"value": value, "upper_limit": limit}
            if said.get("laboratory"):
                fields["laboratory"] = said["laboratory"]
            if said.get("visit"):
                fields["visit"] = said["visit"]
            if collected[i]:
                fields["dated"] = collected[i]
            if drafts.add(f.MarkerMeasured, table, i, day, fields, ("occurred",) if assumed[i] else ()):
                seen.add((patient, day))
                taken.add(i)
    return taken


def _limits(table: DomainTable, rows: list[dict[str, Any]], kept: set[int]) -> None:
    """Say where one laboratory has two upper limits for one test and unit in one patient, sex and age being the
    same."""
    found: dict[tuple[str, str, str, str], set[float]] = {}
    for i in kept:
        said = rows[i]
        if "upper_limit" in said and "test" in said:
            key = (table.patient[i], said["test"], said.get("unit", ""), said.get("laboratory", ""))
            found.setdefault(key, set()).add(said["upper_limit"])
    for (patient, test, unit, laboratory), limits in found.items():
        if len(limits) > 1 and laboratory:
            shown = " and ".join(f"{limit:g}" for limit in sorted(limits))
            table.report.find(
                patient,
                None,
                "LBSTNRHI",
                f"{test} has upper limits {shown} {unit} at {laboratory}",
                "each value keeps its own",
            )
