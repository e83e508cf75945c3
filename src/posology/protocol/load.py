"""Reads a protocol file and checks it: every error at once, each with its line, its field and what would be right."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from posology.protocol.amendments import amend, versions
from posology.protocol.build import design_from_spec
from posology.protocol.model import FieldError, Protocol
from posology.protocol.sense import nonsense
from posology.shared.yaml_files import FieldPath, InputFileError, field_steps, line_of, load_yaml, yaml_finding

ADAPTER = TypeAdapter(Protocol)

T = TypeVar("T")


def read_protocol(path: str | Path) -> Protocol:
    """Read a protocol file with all its amendments; the result is the version before the first amendment.

    Raises
    ------
    InputFileError
        listing every error of the file.
    """
    return parse_protocol(load_document(path))


def load_document(path: str | Path) -> dict[str, Any]:
    """Read and check a protocol file and return it as plain data, as the record keeps it.

    Raises
    ------
    InputFileError
        listing every error of the file.
    """
    name, tree = str(path), load_yaml(path, "a protocol file", "start from `posology example protocol`")
    plain = json.loads(json.dumps(tree))
    findings = [
        yaml_finding(name, line_of(tree, path), ".".join(map(str, field_steps(path))) or "file", wrong, right)
        for path, wrong, right in _check(plain)
    ]
    if findings:
        raise InputFileError(findings)
    return dict(plain)


def parse_protocol(plain: dict[str, Any]) -> Protocol:
    """Make a protocol of plain data that has been checked before, without its amendments applied."""
    return ADAPTER.validate_json(json.dumps(plain), strict=True)


def protocol_schema() -> dict[str, Any]:
    """Return the JSON Schema of a protocol file, for editors."""
    from posology.protocol.build import METHODS, RULES

    drawn = ADAPTER.json_schema()
    drawn["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    drawn["title"] = "Posology protocol"
    rule = {"type": "object", "properties": {"rule": {"enum": list(RULES)}}, "required": ["rule"]}
    rules = {"title": "Rules around the design", "type": "array", "items": rule}
    kinds = []
    for method, cls in METHODS.items():
        kind = TypeAdapter(cls).json_schema()
        fields = {k: v for k, v in kind.get("properties", {}).items() if k not in ("levels", "start")}
        required = ["method", *(f for f in kind.get("required", ()) if f in fields)]
        kinds.append(
            {
                "type": "object",
                "title": method,
                "properties": {"method": {"const": method}, **fields, "rules": rules},
                "required": required,
                "additionalProperties": False,
            }
        )
    drawn["properties"]["design"] = {"title": "Design", "oneOf": kinds}
    return drawn


def _check(plain: dict[str, Any]) -> Iterator[tuple[FieldPath, str, str]]:
    """Yield everything wrong in the base version, then in each amended one."""
    base = list(check_version(plain))
    yield from base
    if base or not plain.get("amendments"):
        return
    chain = versions(plain)
    for i, amendment in enumerate(plain["amendments"]):
        known = amend(chain[i], {**amendment, "changes": {}})
        for path, wrong, right in check_version(chain[i + 1]):
            changed = _exists(amendment["changes"], path)
            where = ("amendments", i, "changes", *path) if changed else ("amendments", i)
            field = "" if changed else f"{'.'.join(map(str, field_steps(path)))} "
            yield where, f"version {amendment['version']}: {field}{wrong}", right
        if chain[i + 1] == known:
            yield ("amendments", i, "changes"), "change nothing", "say what the amendment changes"


def check_version(plain: dict[str, Any]) -> Iterator[tuple[FieldPath, str, str]]:
    """Yield everything wrong in one version of a protocol: the field's path, what is wrong, what would be right."""
    try:
        protocol = ADAPTER.validate_json(json.dumps(plain), strict=True)
    except ValidationError as error:
        yield from (_explain(detail, plain) for detail in error.errors())
        if any(detail["loc"][:1] in (("design",), ("dose",)) for detail in error.errors()):
            return
        levels = plain.get("dose", {}).get("levels", [])
        start = plain.get("dose", {}).get("start_level", 1)
        if isinstance(plain.get("design"), dict) and levels:
            yield from _check_design(plain["design"], levels, start)
        return
    yield from _check_design(protocol.design, protocol.dose.levels, protocol.dose.start_level)
    yield from _check_cohorts(protocol)
    yield from nonsense(protocol)


def _check_design(spec: dict[str, Any], doses: Sequence[float], start: int) -> Iterator[tuple[FieldPath, str, str]]:
    try:
        design_from_spec(spec, levels=len(doses), start=start, doses=doses)
    except ValidationError as error:
        for detail in error.errors():
            path, wrong, right = _explain(detail, spec)
            yield ("design", *path), wrong, right
    except FieldError as problem:
        field = tuple(int(step) if step.isdigit() else step for step in problem.field.split("."))
        yield ("design", *field), problem.wrong, problem.right


def _check_cohorts(protocol: Protocol) -> Iterator[tuple[FieldPath, str, str]]:
    """Yield what is wrong with the designs of expansion cohorts."""
    from posology.protocol.expansion_design import cohort_boundaries

    for name, cohort in protocol.expansion.items():
        if cohort.design is None:
            continue
        try:
            most = cohort_boundaries(cohort.design).max_patients
        except ValueError as error:
            yield ("expansion", name, "design"), f"comes to nothing: {error}", "change its rates or errors"
            continue
        if cohort.patients is not None and cohort.patients < most:
            yield (
                ("expansion", name, "patients"),
                f"is {cohort.patients}, and the design needs {most}",
                f"give {most} or more, or leave it out",
            )


def _explain(detail: ErrorDetails, plain: Any) -> tuple[FieldPath, str, str]:
    """Turn one of pydantic's errors into what is wrong and what would be right."""
    path = tuple(step for step in detail["loc"] if step != "[key]")
    kind, context = detail["type"], detail.get("ctx", {})
    found = detail.get("input")
    shown = json.dumps(found, ensure_ascii=False, default=str)
    shown = shown if len(shown) < 60 else shown[:57] + "..."
    if kind == "missing" or kind == "missing_argument":
        return path, "is missing", f"it must be given{_of_kind(path)}"
    if kind in ("unexpected_keyword_argument", "extra_forbidden", "dataclass_unexpected"):
        near = difflib.get_close_matches(str(path[-1]), _fields_at(path[:-1]), n=1, cutoff=0.5)
        allowed = ", ".join(_fields_at(path[:-1]))
        return path, "is no field of a protocol", f"did you mean {near[0]}?" if near else f"known here: {allowed}"
    if kind == "literal_error":
        options = context["expected"]
        names = [o.strip(" '") for o in options.replace(" or ", ", ").split("',")]
        near = difflib.get_close_matches(str(found), names, n=1, cutoff=0.5)
        if not isinstance(found, str) and f"{found}" in names:
            return path, f"is the number {shown}", f'write it as text, in quotes: "{found}"'
        return path, f"is {shown}", f"allowed: {options}" + (f" (did you mean {near[0]}?)" if near else "")
    if kind == "value_error":
        error = context.get("error")
        if isinstance(error, FieldError):
            extra = tuple(int(s) if s.isdigit() else s for s in error.field.split("."))
            return (*path, *extra), error.wrong, error.right
        return path, f"is {shown}", str(error)
    right = {
        "string_type": 'write it as text, in quotes if it looks like a number ("1.0")',
        "float_type": "write a number",
        "float_parsing": "write a number",
        "int_type": "write a whole number",
        "int_from_float": "write a whole number",
        "bool_type": "write true or false",
        "tuple_type": "write a list: [first, second, ...]",
        "dict_type": "write fields below it, each on its line",
        "dataclass_type": "write fields below it, each on its line",
        "date_type": "write a date as 2013-05-10",
        "date_from_datetime_parsing": "write a date as 2013-05-10",
        "date_parsing": "write a date as 2013-05-10",
        "string_too_short": "it cannot be empty",
        "too_short": "it cannot be empty",
        "too_long": f"give at most {context.get('max_length')}",
        "finite_number": "write a finite number",
    }.get(kind)
    if right is None:
        right = {
            "greater_than": "must be above {gt:g}",
            "greater_than_equal": "must be at least {ge:g}",
            "less_than": "must be below {lt:g}",
            "less_than_equal": "must be at most {le:g}",
        }.get(kind, detail["msg"]).format(**context)
    if kind == "too_long":
        return path, f"has {context.get('actual_length')} entries", right
    return path, f"is {shown}" if not isinstance(found, dict | list) else "is not of the right kind", right


def _of_kind(path: FieldPath) -> str:
    hints = {"method": ": the name of a design", "unit": ": mg/kg, mg/m2 or mg", "posology": ": 1"}
    return hints.get(str(path[-1]) if path else "", "")


def _fields_at(path: FieldPath) -> list[str]:
    """Return the names of the fields that may stand at a place of the file."""
    drawn = protocol_schema()
    node: dict[str, Any] = drawn
    for step in path:
        node = _resolve(drawn, node)
        if isinstance(step, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(step) or node.get("additionalProperties") or {}
            node = node if isinstance(node, dict) else {}
    return list(_resolve(drawn, node).get("properties", {}))


def _resolve(drawn: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    for option in node.get("anyOf", ()):
        if "$ref" in option:
            node = option
    if "$ref" in node:
        return dict(drawn["$defs"][node["$ref"].rsplit("/", 1)[-1]])
    return node


def _exists(node: Any, path: FieldPath) -> bool:
    for step in path:
        try:
            node = node[step]
        except (KeyError, IndexError, TypeError):
            return False
    return True
