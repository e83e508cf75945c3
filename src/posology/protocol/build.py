"""Builds from a protocol what the science rooms work with: its design, its DLT definition, its rules of response."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import field, fields, make_dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, get_type_hints

from posology.designs import DESIGNS, FORMER_NAMES, MODIFIERS, Design, Titration
from posology.designs.committee_table import rows_from_csv
from posology.designs.decision_table import decision_table, has_decision_table
from posology.designs.tally import Tally
from posology.endpoints.dlt import Criterion, Definition, Exemption
from posology.protocol.model import FieldError, Protocol

METHODS: dict[str, type] = DESIGNS
RULES: dict[str, type] = MODIFIERS
"""Every rule that goes around a design, by the name a file gives it."""


def design_from_spec(
    spec: dict[str, Any], levels: int, start: int, doses: Sequence[float] = (), defaults: dict[str, Any] | None = None
) -> Design:
    """Build the design that a ``design`` section names, its parameters checked.

    Parameters
    ----------
    spec
        ``method``, the method's parameters, and ``rules``: a list of rules around it, each ``{rule: name, ...}``.
    levels, start
        number of dose levels; number, from 1, of the first one given.
    doses
        the dose at each level, for a method that needs them and is not given any.
    defaults
        parameters for any method that has them, where ``spec`` does not say.

    Raises
    ------
    FieldError
        if no method is named, or one we do not know, or a rule is wrong.
    pydantic.ValidationError
        if a parameter is wrong.
    """
    from pydantic import TypeAdapter

    cls = _class_named(METHODS, spec.get("method"), "method", "the design")
    spec = _with_table(spec)
    given = {FORMER_NAMES.get(key, key): value for key, value in spec.items() if key not in ("method", "rules")}
    known = {f.name for f in fields(cls)}
    _refuse_unknown(given, sorted(known - {"levels", "start"}), spec["method"])
    fill = {key: value for key, value in (defaults or {}).items() if key in known}
    if "doses" in known and doses:
        fill["doses"] = list(doses)
    built: Design = TypeAdapter(cls).validate_python({"levels": levels, "start": start - 1, **fill, **given})
    rules = spec.get("rules", [])
    if not isinstance(rules, list):
        raise FieldError("rules", "is not a list", "write a list of rules, each {rule: name, ...}")
    for i, rule in enumerate(rules):
        built = _with_rule(built, rule, i)
    return built


def _with_table(spec: dict[str, Any]) -> dict[str, Any]:
    """Return the section of a committee's own table with its ``csv``, or the CSV ``file`` it names, read into rows."""
    source = next((key for key in ("csv", "file") if key in spec), None)
    if spec.get("method") != "table" or source is None:
        return spec
    try:
        text = str(spec["csv"]) if source == "csv" else Path(str(spec["file"])).read_text(encoding="utf-8")
        return {k: v for k, v in spec.items() if k != source} | {"rows": rows_from_csv(text)}
    except (OSError, UnicodeDecodeError) as error:
        raise FieldError(
            source, f"cannot be read: {error}", "give a CSV file: patients,0,1,2,... and a row a number of patients"
        ) from None
    except ValueError as error:
        raise FieldError(source, f"is no decision table: {error}", "see `posology design table --format csv`") from None


def _class_named(kinds: dict[str, type], name: Any, field: str, what: str) -> type:
    if not isinstance(name, str):
        raise FieldError(field, "is missing" if name is None else "is not a name", f"name {what}: {', '.join(kinds)}")
    if name not in kinds:
        near = difflib.get_close_matches(name.lower(), kinds, n=1, cutoff=0.4)
        raise FieldError(field, f"is {name!r}", f"did you mean {near[0]}? " if near else f"known: {', '.join(kinds)}")
    return kinds[name]


def _refuse_unknown(given: dict[str, Any], known: Sequence[str], what: str, before: str = "") -> None:
    """Refuse parameters of other names, with the nearest of those known."""
    for key in given:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            right = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            raise FieldError(f"{before}{key}", f"is no parameter of {what!r}", right)


def _with_rule(design: Design, rule: Any, i: int) -> Design:
    """Put a rule around a design."""
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(rule, dict):
        raise FieldError(f"rules.{i}", "is not a rule", "write {rule: name, ...}")
    name = rule.get("rule")
    name = FORMER_NAMES.get(str(name), name)
    cls = _class_named(RULES, name, f"rules.{i}.rule", "the rule")
    hints = get_type_hints(cls, include_extras=True)
    own = [(f.name, hints[f.name], f) for f in fields(cls) if f.name != "design"]
    alone = make_dataclass(cls.__name__, [(n, t, field(default=f.default)) for n, t, f in own])
    given = {FORMER_NAMES.get(str(key), str(key)): value for key, value in rule.items() if key != "rule"}
    _refuse_unknown(given, [n for n, *_ in own], rule["rule"], f"rules.{i}.")
    try:
        values = vars(TypeAdapter(alone).validate_python(given))
        ruled: Design = cls(design, **values)
    except ValidationError as error:
        detail = error.errors()[0]
        where = ".".join(str(step) for step in detail["loc"])
        raise FieldError(f"rules.{i}.{where}", f"is {detail.get('input')!r}", detail["msg"]) from None
    except ValueError as error:
        raise FieldError(f"rules.{i}", "cannot be", str(error)) from None
    return ruled


def design_from_protocol(protocol: Protocol) -> Design:
    """Build the design of a checked protocol, with its titration in front of it."""
    spec = protocol.design
    levels, start = len(protocol.dose.levels), protocol.dose.start_level - 1
    cls = METHODS[spec["method"]]
    if spec.get("rules") or "prior" in spec or spec["method"] == "table":
        base = design_from_spec(spec, levels, start + 1, _amounts(protocol))
    else:
        parameters = {
            FORMER_NAMES.get(key, key): _as_tuples(value)
            for key, value in spec.items()
            if key not in ("method", "rules")
        }
        if "doses" not in parameters and any(f.name == "doses" for f in fields(cls)):
            parameters["doses"] = tuple(_amounts(protocol))
        base = cls(levels=levels, start=start, **parameters)
    if protocol.titration is None:
        return base
    t = protocol.titration
    return Titration(base, last_titration_level=t.through_level, cohort=t.cohort, moderate=t.ends_on_count)


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def _amounts(protocol: Protocol) -> list[float]:
    """Return the dose at each level, in the protocol's unit."""
    return [float(dose) for dose in protocol.dose.levels]


def dlt_definition(protocol: Protocol) -> Definition:
    """Build the definition of a DLT."""
    criteria = tuple(
        Criterion(
            c.text,
            c.minimum_grade,
            c.terms,
            c.except_terms,
            c.related,
            c.minimum_days,
            tuple(Exemption(e.text, e.within_days, e.terms, e.maximum_grade, e.with_treatment) for e in c.exempt),
            c.system_organ_classes,
        )
        for c in protocol.dlt.criteria
    )
    dlt = protocol.dlt
    planned = sum(day <= dlt.window_days for day in protocol.schedule.dosing_days)
    return Definition(dlt.window_days, criteria, dlt.minimum_dose_percent, planned, dlt.maximum_delay_days, dlt.ctcae)


def decision_rules(protocol: Protocol) -> list[str]:
    """Say the decision table of the protocol's design, that behind a titration, in words: a line for each number of
    patients."""
    design = design_from_protocol(replace(protocol, titration=None))
    if not has_decision_table(design):
        return [f"the next dose depends on {design.depends_on}: there is no table of decisions by level"]
    rules = []
    cohort = int(design.decide(Tally.start(1, design.levels)).patients_to_treat[0])
    cells = [cell for cell in decision_table(design) if cell.patients % cohort == 0]
    for n, rows in groupby(cells, key=lambda cell: cell.patients):
        by_action: dict[str, list[int]] = {}
        for cell in rows:
            by_action.setdefault(cell.words, []).append(cell.dlts)
        parts = [f"{_range(dlts)} DLT: {words}" for words, dlts in by_action.items()]
        rules.append(f"of {n} patients evaluable, {'; '.join(parts)}")
    return rules


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
