"""Checks what people enter: plain fields in, a fact out, or everything that is wrong with them at once."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import cache
from typing import Any, get_type_hints

from annotated_doc import Doc
from pydantic import TypeAdapter, ValidationError

from posology.record.fact import KINDS, Fact

ERROR_TEXTS = {
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be yes or no",
    "bool_type": "must be yes or no",
    "string_too_short": "cannot be empty",
    "string_type": "must be text",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "literal_error": "must be {expected}",
    "date_from_datetime_parsing": "must be a date such as 2013-05-10",
    "date_parsing": "must be a date such as 2013-05-10",
    "missing": "is missing",
}


class EntryError(ValueError):
    """What is wrong with the fields of an entry, each on its line."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@cache
def _many(kind: str) -> TypeAdapter[list[Fact]]:
    return TypeAdapter(list[KINDS[kind]])  # type: ignore[valid-type]


@cache
def _adapter(kind: str) -> TypeAdapter[Fact]:
    return TypeAdapter(KINDS[kind])


@cache
def system_fields(name: str) -> tuple[str, ...]:
    """Return the fields of a kind of fact that the system writes: of one that people enter, those without a ``Doc``.

    Examples
    --------
    >>> system_fields("dosed"), system_fields("decision_taken")
    (('planned_mg',), ('number', 'advice', 'departs', 'protocol_version'))
    """
    kind = KINDS[name]
    if not isinstance(kind.verb, str):
        return ()
    hints = get_type_hints(kind, include_extras=True)
    documented = {n for n, hint in hints.items() if any(isinstance(m, Doc) for m in getattr(hint, "__metadata__", ()))}
    return tuple(field.name for field in fields(kind) if field.name not in documented)  # type: ignore[arg-type]


def fact_from(kind: str, values: Mapping[str, Any]) -> Fact:
    """Make a fact of the fields that somebody entered; text is read as what the field takes.

    Raises
    ------
    EntryError
        naming every field that is wrong, what it holds, and what it must be.

    Examples
    --------
    >>> fact_from("dose_reduced", {"to_level": "6", "why": "DLT"})
    DoseReduced(to_level=6, why='DLT')
    """
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        raise EntryError(
            [f"{kind!r} is no kind of event" + (f": did you mean {near[0]}?" if near else f": {', '.join(KINDS)}")]
        )
    try:
        return _adapter(kind).validate_python(dict(values))
    except ValidationError as error:
        raise EntryError([_error_text(kind, dict(detail)) for detail in error.errors(include_url=False)]) from None


def facts_from(kind: str, rows: Sequence[Mapping[str, Any]]) -> list[Fact | EntryError]:
    """Make many facts at once; in the place of one whose fields are wrong stands its error.

    Examples
    --------
    >>> made = facts_from("dose_reduced", [{"to_level": 6, "why": "DLT"}, {"to_level": 0, "why": "DLT"}])
    >>> [str(fact) for fact in made]
    ["DoseReduced(to_level=6, why='DLT')", 'to_level is 0: it must be at least 1']
    """
    try:
        return list(_many(kind).validate_python(rows))
    except ValidationError as error:
        problems: dict[int, list[str]] = {}
        for detail in error.errors(include_url=False):
            row, *place = detail["loc"]
            assert isinstance(row, int)
            problems.setdefault(row, []).append(_error_text(kind, {**detail, "loc": tuple(place)}))
        sound = iter(_many(kind).validate_python([row for i, row in enumerate(rows) if i not in problems]))
        return [EntryError(problems[i]) if i in problems else next(sound) for i in range(len(rows))]


def _error_text(kind: str, detail: dict[str, Any]) -> str:
    name = ".".join(map(str, detail["loc"]))
    if detail["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        known = [f.name for f in fields(KINDS[kind])]  # type: ignore[arg-type]
        near = difflib.get_close_matches(name, known, n=1)
        return f"{name} is no field of {kind}" + (
            f": did you mean {near[0]}?" if near else f"; it has {', '.join(known)}"
        )
    if detail["type"] in ("missing", "missing_argument"):
        return f"{name} is missing"
    if detail["type"] == "value_error":  # what the fact itself says of its fields together
        return str(detail["ctx"]["error"])
    words = ERROR_TEXTS.get(detail["type"], detail["msg"]).format(**detail.get("ctx", {}))
    return f"{name} is {detail['input']!r}: it {words}"
