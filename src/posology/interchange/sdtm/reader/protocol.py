"""The protocol of an imported trial where none is given: what TS, DM and EX show, and no more.

SDTM does not say how a trial finds its dose. So nobody counts for the dose finding: each arm is a cohort, with the
doses seen as levels, and all that a protocol must have and the data do not say (the design, the window for DLTs) is
marked as assumed. With ``--protocol FILE`` the trial's own protocol is used instead.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from posology.interchange.sdtm.reader.domain_tables import DomainTable
from posology.protocol.model import Dose, Protocol

NOTE = (
    "Derived from SDTM: what the data state is listed as stated; all else, the dose-finding design and the window for"
    " DLTs above all, is assumed, because SDTM does not hold it. Nobody counts for the dose finding."
)
NO_ARM = ("SCREEN FAILURE", "NOT ASSIGNED", "NOT TREATED", "UNPLANNED TREATMENT", "SCRNFAIL", "NOTASSGN", "NOTTRT")
UNITS = {
    "MG": ("mg", "flat"),
    "MG/KG": ("mg/kg", "total body weight"),
    "MG/M2": ("mg/m2", "body surface area"),
    "MG/M^2": ("mg/m2", "body surface area"),
}
MOST_LEVELS = 50


def derive(study: str, tables: dict[str, DomainTable], begun: date) -> dict[str, Any]:
    """Return the document of a protocol that holds what the data show."""
    said = _summary(tables.get("TS"))
    unit, metric, levels, treatment = _doses(tables.get("EX"))
    stated = ["trial.id", "dose.levels", "dose.unit"] if levels else ["trial.id"]
    trial = {
        "id": study,
        "title": said.get("TITLE") or f"Study {study}",
        "phase": "1",
        "version": "as imported",
        "date": begun.isoformat(),
    }
    if "PHASE I/II" in said.get("TPHASE", "").upper() or "PHASE 1/PHASE 2" in said.get("TPHASE", "").upper():
        trial["phase"] = "1/2"
    for name, parameter in (("sponsor", "SPONSOR"), ("registry", "REGID"), ("population", "INDIC")):
        if parameter in said:
            trial[name] = said[parameter]
    stated += [
        f"trial.{name}"
        for name in ("title", "sponsor", "registry", "population")
        if name in trial and (name != "title" or "TITLE" in said)
    ]
    drug = said.get("TRT") or treatment or "not stated"
    stated += ["drug.name"] if drug != "not stated" else []
    return {
        "posology": 1,
        "trial": trial,
        "drug": {"name": drug, "type": "other", "target": "not stated"},
        "dose": {"unit": unit, "body_size": metric, "levels": levels or [1.0], "start_level": 1},
        "schedule": {"route": said.get("ROUTE", "not stated"), "cycle_days": 21},
        "dlt": {"window_days": 21, "criteria": [{"text": "Grade 3 or worse, related (assumed)", "minimum_grade": 3}]},
        "design": {"method": "3+3"},
        "expansion": {code: {"title": arm} for code, arm in arms(tables["DM"]).items()},
        "endpoints": {
            "primary": [said.get("OBJPRIM", "not stated")],
            "response": {"criteria": "RECIST 1.1"},
            "ca125": {"criteria": "GCIG", "tumour_types": ["ovarian"], "upper_limit_u_ml": 35.0},
        },
        "provenance": {"stated": stated, "note": NOTE},
    }


def arms(demographics: DomainTable) -> dict[str, str]:
    """Return the arms that patients were put in: code and name."""
    found: dict[str, str] = {}
    for code, name, actual_code, actual in zip(
        *(demographics.text(v) for v in ("ARMCD", "ARM", "ACTARMCD", "ACTARM")), strict=True
    ):
        for arm in ((code, name), (actual_code, actual)):
            key, title = arm[0] or arm[1], arm[1] or arm[0]
            if key and title and key.upper() not in NO_ARM and title.upper() not in NO_ARM:
                found.setdefault(key, title)
    return dict(sorted(found.items()))


def assigned_level(
    protocol: Protocol, code: str | None, name: str | None, dose: tuple[float, str] | None
) -> dict[str, Any] | None:
    """Return the level or cohort of an arm, told by its name, its code or its first dose; None if nothing tells it.

    >>> from posology.protocol.load import read_protocol
    >>> from importlib.resources import files
    >>> plan = read_protocol(str(files("posology.examples") / "imgn853" / "protocol.yaml"))
    >>> assigned_level(plan, "A", "Dose level 3", None), assigned_level(plan, "B", "IMGN853 3.3 mg/kg", None)
    ({'level': 3}, {'level': 5})
    """
    for text in (code, name):
        if text in protocol.expansion:
            return {"cohort": text}
    levels = protocol.dose.levels
    for text in filter(None, (name, code)):
        amount = re.search(r"(\d+(?:\.\d+)?)\s*(mg/kg|mg/m2|mg/m\^2|mg)\b", text, re.IGNORECASE)
        if amount and (level := level_of(protocol.dose, float(amount[1]), amount[2])):
            return {"level": level}
        number = re.fullmatch(r"(?:.*\blevel\s*|L|DL)(\d+)\b.*", text, re.IGNORECASE)
        if number and 1 <= int(number[1]) <= len(levels):
            return {"level": int(number[1])}
    if dose and (level := level_of(protocol.dose, *dose)):
        return {"level": level}
    return None


def level_of(dose: Dose, amount: float, unit: str) -> int | None:
    """Return the number of the level that is this amount in the protocol's unit."""
    if UNITS.get(unit.upper(), ("",))[0] != dose.unit:
        return None
    return next((i for i, level in enumerate(dose.levels, 1) if abs(level - amount) <= 1e-9 * level), None)


def _summary(table: DomainTable | None) -> dict[str, str]:
    if table is None:
        return {}
    said: dict[str, str] = {}
    used = ("TITLE", "SPONSOR", "REGID", "INDIC", "TPHASE", "TRT", "ROUTE", "OBJPRIM")
    parameters = list(zip(table.text("TSPARMCD"), table.text("TSVAL"), strict=True))
    for code, value in parameters:
        if code in used and value:
            said.setdefault(code, value)
    table.add_not_understood(
        "TSPARMCD", [code for code, _ in parameters if code not in used], "the protocol has no field for it"
    )
    table.asked |= {"TSPARM", "TSSEQ"}
    return said


def _doses(table: DomainTable | None) -> tuple[str, str, list[float], str | None]:
    """Return the unit, body size, doses and treatment that EX shows."""
    if table is None or not len(table):
        return "mg", "flat", [], None
    nominal, amounts, units = table.qualifier("NOMDOSE"), table.number("EXDOSE"), table.text("EXDOSU")
    treatments = [t for t in table.text("EXTRT") if t and "PLACEBO" not in t.upper()]
    seen: dict[str, set[float]] = {}
    for said, amount, unit in zip(nominal, amounts, units, strict=True):
        if said and len(parts := said.split()) == 2:
            amount, unit = float(parts[0]), parts[1]
        if amount and unit and unit.upper() in UNITS:
            seen.setdefault(unit.upper(), set()).add(amount)
    if not seen:
        return "mg", "flat", [], treatments[0] if treatments else None
    unit = max(seen, key=lambda u: len(seen[u]) if len(seen) == 1 else units.count(u))
    levels = sorted(seen[unit])
    if len(levels) > MOST_LEVELS:
        levels = [levels[0], levels[-1]]
    return *UNITS[unit], levels, treatments[0] if treatments else None
