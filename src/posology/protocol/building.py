"""Builds from a protocol what the science rooms work with: its design, its DLT definition, its rules of response."""

from __future__ import annotations

import difflib
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np

from posology.designs import DESIGNS, Action, Design, Tally, Titrated
from posology.endpoints.dlt import Criterion, Definition
from posology.protocol.model import Problem, Protocol

METHODS: dict[str, type] = DESIGNS


def design_of(spec: dict[str, Any], levels: int, start: int) -> Design:
    """Build the design that a protocol's ``design`` section names, its parameters checked.

    Raises
    ------
    Problem
        if no method is named, or one we do not know.
    pydantic.ValidationError
        if a parameter is wrong.
    """
    from pydantic import TypeAdapter

    method = spec.get("method")
    if not isinstance(method, str):
        raise Problem(
            "method", "is missing" if method is None else "is not a name", f"name the design: {', '.join(METHODS)}"
        )
    if method not in METHODS:
        near = difflib.get_close_matches(str(method), METHODS, n=1, cutoff=0.4)
        raise Problem(
            "method", f"is {method!r}", f"did you mean {near[0]}? " if near else f"known: {', '.join(METHODS)}"
        )
    parameters = {key: value for key, value in spec.items() if key != "method"}
    built: Design = TypeAdapter(METHODS[method]).validate_python({"levels": levels, "start": start - 1, **parameters})
    return built


def design(protocol: Protocol) -> Design:
    """Build the design of a checked protocol, with its titration in front of it."""
    parameters = {key: value for key, value in protocol.design.items() if key != "method"}
    levels, start = len(protocol.dose.levels), protocol.dose.start_level - 1
    base: Design = METHODS[protocol.design["method"]](levels=levels, start=start, **parameters)
    if protocol.titration is None:
        return base
    t = protocol.titration
    return Titrated(base, through=t.through_level, cohort=t.cohort, moderate=t.ends_on_count)


def dlt_definition(protocol: Protocol) -> Definition:
    """Build the definition of a DLT."""
    criteria = tuple(
        Criterion(c.text, c.minimum_grade, c.terms, c.except_terms, c.related, c.minimum_days)
        for c in protocol.dlt.criteria
    )
    return Definition(protocol.dlt.window_days, criteria, protocol.dlt.minimum_dose_percent)


def decision_table(protocol: Protocol) -> list[tuple[int, int, str]]:
    """Return the design's decisions at one level, for each number of patients and of DLTs: (patients, DLTs, what to do).

    The level stands in the middle of the dose range, nothing known of the others; the design behind a titration is shown.
    """
    base = design(replace(protocol, titration=None))
    levels = len(protocol.dose.levels)
    here = min(max(levels // 2, 1), levels - 1) if levels > 1 else 0
    sizes = _sizes(base)
    rows = [(n, dlt) for n in sizes for dlt in range(n + 1)]
    treated, toxic = np.zeros((len(rows), levels), dtype=np.int64), np.zeros((len(rows), levels), dtype=np.int64)
    treated[:, here], toxic[:, here] = np.transpose(rows)
    treated[:, :here] = sizes[0]
    decision = base.decide(Tally(treated, toxic, np.full(len(rows), here)))
    names = {Action.STAY: "treat {} more", Action.ESCALATE: "escalate", Action.DEESCALATE: "de-escalate",
             Action.DECLARE: "level exceeded: the level below is the MTD", Action.STOP: "stop"}  # fmt: skip
    table = []
    for i, (n, dlt) in enumerate(rows):
        action = Action(decision.action[i])
        if action is Action.DECLARE and decision.level[i] == here:
            words = "this level is the MTD"
        else:
            words = names[action].format(int(decision.more[i]))
        table.append((n, dlt, words))
    return table


def decision_rules(protocol: Protocol) -> list[str]:
    """Say the decision table in words, a line for each number of patients."""
    rules = []
    for n, rows in groupby(decision_table(protocol), key=lambda row: row[0]):
        by_action: dict[str, list[int]] = {}
        for _, dlt, words in rows:
            by_action.setdefault(words, []).append(dlt)
        parts = [f"{_range(dlts)} DLT: {words}" for words, dlts in by_action.items()]
        rules.append(f"of {n} patients evaluable, {'; '.join(parts)}")
    return rules


def _sizes(base: Design) -> list[int]:
    cohort, most = getattr(base, "cohort", 3), getattr(base, "max_patients", 6)
    return list(range(cohort, min(most, 6 * cohort) + 1, cohort))


def _range(numbers: list[int]) -> str:
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
