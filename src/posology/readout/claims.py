"""Checks statements about a trial against its record: holds, does not hold, or cannot be decided from the record.

A claim names a measure and what it must be (``is``, ``at_least``, ``at_most``, ``contains``), or several such parts
under ``all``, or says why the record cannot decide it (``undecidable``).
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from posology.readout.cited import Cited, Sources, weakest
from posology.readout.measures import MEASURES, NotRecorded
from posology.readout.results.trial_results import TrialResults
from posology.shared.yaml_files import YamlError, line_of, parse_yaml

TESTS = ("is", "at_least", "at_most", "contains")


class ClaimsError(ValueError):
    """A claims file that cannot be used, with everything wrong in it."""


@dataclass(frozen=True)
class ClaimPart:
    """One measured statement: the measure, its arguments, the test and what it is compared with."""

    measure: str
    arguments: Mapping[str, Any]
    test: str
    expected: Any


@dataclass(frozen=True)
class Claim:
    """A statement, and how it is checked. ``undecidable`` says why it cannot be."""

    id: str
    text: str
    parts: tuple[ClaimPart, ...]
    undecidable: str = ""


@dataclass(frozen=True)
class CheckedClaim:
    """A claim, checked: ``holds`` is None where the record cannot decide it."""

    claim: Claim
    holds: bool | None
    found: str
    sources: tuple[Sources, ...]
    mark: str | None

    @property
    def cited(self) -> Cited:
        """The verdict in words, with the events behind it."""
        return Cited(self.verdict, self.sources, self.mark)

    @property
    def events(self) -> tuple[int, ...]:
        """The numbers of the events behind the verdict, in order."""
        return self.cited.events

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        return {True: "holds", False: "does not hold", None: "cannot be decided from the record"}[self.holds]


def check_claim(claim: Claim, of: TrialResults) -> CheckedClaim:
    """Check one claim."""
    if claim.undecidable:
        return CheckedClaim(claim, None, claim.undecidable, (), None)
    holds: bool | None = True
    found, sources, marks = [], list[Sources](), []
    for part in claim.parts:
        arguments = ", ".join(f"{name} {value}" for name, value in part.arguments.items())
        name = part.measure.replace("_", " ") + (f" ({arguments})" if arguments else "")
        try:
            value: Cited = MEASURES[part.measure](of, **part.arguments)
        except NotRecorded as unknown:
            found.append(str(unknown))
            holds = None if holds is not False else False
            continue
        sources += value.sources
        marks.append(value.mark)
        met = _meets(value.value, part.test, part.expected)
        found.append(f"{name} is {_shown(value.value)}" + ("" if met else f", not {_expected(part)}"))
        holds = False if not met else holds
    return CheckedClaim(claim, holds, "; ".join(found), tuple(sources), weakest(marks))


def _meets(value: Any, test: str, expected: Any) -> bool:
    if test == "contains":
        return str(expected).casefold() in str(value).casefold()
    if test == "is":
        if isinstance(value, list) and isinstance(expected, list):
            return len(value) == len(expected) and all(_meets(v, "is", e) for v, e in zip(value, expected, strict=True))
        if isinstance(value, int | float) and isinstance(expected, int | float) and not isinstance(value, bool):
            return abs(value - expected) < 1e-9
        return bool(value == expected)
    if value is None:
        return False
    return bool(value >= expected - 1e-9) if test == "at_least" else bool(value <= expected + 1e-9)


def _expected(part: ClaimPart) -> str:
    return ("" if part.test == "is" else part.test.replace("_", " ") + " ") + _shown(part.expected)


def _shown(value: Any) -> str:
    if value is None:
        return "not established"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return ", ".join(map(_shown, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def read_claims(path: str | Path) -> list[Claim]:
    """Read a claims file.

    Raises
    ------
    ClaimsError
        with every error of the file, each with its line.
    """
    try:
        tree = parse_yaml(Path(path).read_text(encoding="utf-8"))
    except YamlError as error:
        raise ClaimsError(f"{path}:{error.line}: YAML: {error.wrong}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ClaimsError(f"{path} cannot be read: {error}") from None
    if not isinstance(tree, list):
        raise ClaimsError(f"{path}:1: a claims file is a list of claims, each with id, text and a measure")
    errors, claims, ids = [], [], set[str]()
    for i, entry in enumerate(tree):
        line = line_of(tree, (i,))
        problems = list(_problems(entry, ids))
        errors += [f"{path}:{line}: {problem}" for problem in problems]
        if not problems:
            ids.add(entry["id"])
            parts = () if "undecidable" in entry else tuple(_part(p) for p in entry.get("all", [entry]))
            claims.append(Claim(entry["id"], entry["text"], parts, entry.get("undecidable", "")))
    if errors:
        raise ClaimsError("\n".join(errors))
    return claims


def _part(entry: Mapping[str, Any]) -> ClaimPart:
    test = next(t for t in TESTS if t in entry)
    arguments = {k: v for k, v in entry.items() if k not in ("id", "text", "measure", "note", *TESTS)}
    expected = entry[test]
    return ClaimPart(entry["measure"], arguments, test, list(expected) if isinstance(expected, list) else expected)


def _problems(entry: Any, ids: set[str]) -> Iterator[str]:
    if not isinstance(entry, Mapping):
        yield "a claim has fields: id, text and a measure"
        return
    for name in ("id", "text"):
        if not isinstance(entry.get(name), str):
            yield f"{name} is missing, or not text"
    if entry.get("id") in ids:
        yield f"the id {entry['id']} is used twice"
    if "undecidable" in entry:
        return
    parts = entry.get("all", [entry])
    if not isinstance(parts, list) or not parts:
        yield "all must list parts, each with a measure"
        return
    for part in parts:
        yield from _part_problems(part, whole="all" not in entry)


def _part_problems(part: Any, whole: bool) -> Iterator[str]:
    name = part.get("measure") if isinstance(part, Mapping) else None
    if name not in MEASURES:
        near = difflib.get_close_matches(str(name), MEASURES, n=1)
        yield f"measure is {name!r}: " + (f"did you mean {near[0]}?" if near else f"known: {', '.join(MEASURES)}")
        return
    tests = [t for t in TESTS if t in part]
    if len(tests) != 1:
        yield f"give one of {', '.join(TESTS)}, to compare {name} with"
    wanted = dict(list(inspect.signature(MEASURES[name], eval_str=True).parameters.items())[1:])
    given = {k for k in part if k not in ("measure", "note", *TESTS, *(("id", "text") if whole else ()))}
    for extra in sorted(given - set(wanted)):
        yield f"{extra} is no argument of {name}" + (f"; it takes {', '.join(wanted)}" if wanted else "")
    for argument, parameter in wanted.items():
        options = get_args(parameter.annotation)
        if argument not in part and parameter.default is inspect.Parameter.empty:
            yield f"{name} needs {argument}" + (f": {' or '.join(options)}" if options else "")
        elif options and part.get(argument) not in options:
            yield f"{argument} is {part.get(argument)!r}; it must be {' or '.join(options)}"
