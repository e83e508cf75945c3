"""SUPP--: the supplemental qualifiers by which SDTM carries what no variable of a domain takes."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from posology.record.fact import Fact

Type = Literal["text", "number", "flag", "map"]

SUPP = (
    ("STUDYID", "Study Identifier"),
    ("RDOMAIN", "Related Domain Abbreviation"),
    ("USUBJID", "Unique Subject Identifier"),
    ("IDVAR", "Identifying Variable"),
    ("IDVARVAL", "Identifying Variable Value"),
    ("QNAM", "Qualifier Variable Name"),
    ("QLABEL", "Qualifier Variable Label"),
    ("QVAL", "Data Value"),
    ("QORIG", "Origin"),
    ("QEVAL", "Evaluator"),
)

QNAMS = {
    "tumour_type": "TUMTYPE",
    "histology": "HISTOL",
    "measurable_disease": "MEASDIS",
    "percent_2plus": "PCT2PLUS",
    "regimens": "REGIMENS",
    "platinum_status": "PLATSTAT",
    "description": "PRIORDSC",
    "intensity": "IHCINT",
    "pattern": "IHCPAT",
    "assay": "IHCASSAY",
    "specimen": "SPECIMEN",
    "planned_mg": "PLANDOSE",
    "weight_kg": "WEIGHT",
    "height_cm": "HEIGHT",
    "to_level": "TOLEVEL",
    "assessment": "ASSESS",
    "upper_limit": "ULN",
    "criterion": "CRITERID",
    "diameter_mm": "DIAMETER",
    "perpendicular_mm": "PERPEND",
    "system_organ_class": "SOC",
    "laboratory": "LABNAME",
}
"""The QNAM of a field whose name does not make one by itself."""


KIND = "POSKIND"
"""The qualifier by which a row says which kind of our facts it carries."""
FIELD_IN_VARIABLE = {("dosed", "actual_mg"): "EXDOSE", ("died", "cause"): "DSTERM"}
"""The fields of such a fact that are in a standard variable of the row, and not in a qualifier."""
RESERVED = {
    KIND: "Kind of event in the record",
    "DERIVED": "Row derived from another event",
    "DLT": "Dose-limiting toxicity",
    "DLTWHY": "Why a dose-limiting toxicity or not",
    "DLTDTC": "Date of the judgement",
    "DLTDEF": "What the definition said when judged",
    "NOMDOSE": "Dose level",
}
"""The QNAMs that are no field: what they say, their labels."""


def qnam(field: str) -> str:
    """Return the SUPP-- name of a field: eight letters at most.

    >>> qnam("tumour_type"), qnam("cohort"), qnam("related")
    ('TUMTYPE', 'COHORT', 'RELATED')
    """
    return QNAMS.get(field, field.replace("_", "").upper()[:8])


_TYPES: dict[str, dict[str, Type]] = {}


def types_of(kind: type[Fact]) -> dict[str, Type]:
    """Return the type of each field of a kind of fact: text, number, flag (yes or no) or map."""
    if kind.kind not in _TYPES:
        hints = get_type_hints(kind, include_extras=True)
        _TYPES[kind.kind] = {field.name: _type(hints[field.name]) for field in fields(kind)}  # type: ignore[arg-type]
    return _TYPES[kind.kind]


def _type(hint: Any) -> Type:
    origin = get_origin(hint)
    if origin in (Union, types.UnionType):
        return _type(next(option for option in get_args(hint) if option is not type(None)))
    if origin is Annotated:
        return _type(get_args(hint)[0])
    if origin is dict:
        return "map"
    if hint is bool:
        return "flag"
    return "number" if hint in (int, float) else "text"
