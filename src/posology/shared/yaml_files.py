"""YAML files with the line of each field, so that what is wrong can be named where it stands."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ruamel.yaml import YAML
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError

from posology.shared.findings import Finding

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FieldPath = tuple[str | int, ...]
"""A field's place in a file: keys, and indices from 0 in lists."""

T = TypeVar("T")


def yaml_finding(file: str, line: int, field: str, wrong: str, right: str = "") -> Finding:
    """Return what is wrong with a field of a file, and what would be right."""
    return Finding("", None, field, wrong, right, file, line)


class InputFileError(ValueError):
    """A file that cannot be used, with everything that is wrong with it."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(set(findings), key=lambda f: (f.line, f.field))
        super().__init__("\n".join(map(str, self.findings)))


def load_yaml(path: str | Path, what: str, otherwise: str) -> Any:
    """Read a YAML file, keeping the line of each field.

    Raises
    ------
    InputFileError
        if it cannot be read, or holds no fields; ``what`` it should be, and what to do ``otherwise``.
    """
    name = str(path)
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputFileError([yaml_finding(name, 0, "file", "does not exist", f"give the path of {what}")]) from None
    except IsADirectoryError:
        raise InputFileError([yaml_finding(name, 0, "file", "is a folder", f"give the path of {what}")]) from None
    except UnicodeDecodeError as error:
        raise InputFileError([yaml_finding(name, 0, "file", f"is not UTF-8 text ({error.reason})")]) from None
    try:
        tree = _yaml().load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        wrong = " ".join((error.problem or "cannot be read").split()[:30])
        raise InputFileError([yaml_finding(name, line, "YAML", wrong, "mend the file's layout first")]) from None
    except Exception as error:
        raise InputFileError([yaml_finding(name, 0, "YAML", f"cannot be read: {error}")]) from None
    if not isinstance(tree, Mapping):
        raise InputFileError([yaml_finding(name, 1, "file", "holds no fields", otherwise)])
    return tree


def field_steps(path: FieldPath) -> Iterator[str]:
    """Number list entries from 1, as people do."""
    return (str(step + 1) if isinstance(step, int) else step for step in path)


def line_of(tree: Any, path: FieldPath) -> int:
    """Return the line of the deepest part of ``path`` that stands in the file."""
    line, node = 1, tree
    for step in path:
        try:
            position = node.lc.item(step) if isinstance(step, int) else node.lc.key(step)
            line, node = position[0] + 1, node[step]
        except (AttributeError, KeyError, IndexError, TypeError):
            break
    return int(line)


def load_typed(path: str | Path, kind: type[T], what: str, otherwise: str) -> tuple[T, Callable[..., Finding]]:
    """Read a YAML file as a dataclass, every error with its line; and return how to refuse a field of it later.

    Raises
    ------
    InputFileError
        listing what is wrong, with its line.
    """
    from pydantic import TypeAdapter, ValidationError

    tree = load_yaml(path, what, otherwise)
    plain, name = json.loads(json.dumps(tree)), str(path)

    def refuse(where: tuple[str | int, ...], wrong: str, right: str = "") -> Finding:
        people = ".".join(field_steps(where))
        return yaml_finding(name, line_of(tree, where), people or "file", wrong, right)

    try:
        held: T = TypeAdapter(kind).validate_python(plain, extra="forbid")
    except ValidationError as error:
        raise InputFileError(
            refuse(*_told(e, otherwise)) for e in error.errors() if not (e["type"] == "too_short" and e["input"])
        ) from None
    return held, refuse


def _told(detail: ErrorDetails, otherwise: str) -> tuple[FieldPath, str]:
    """Return where an error of pydantic is, and what it says to a reader."""
    if detail["type"] == "unexpected_keyword_argument":
        return detail["loc"], f"is no field here; {otherwise}"
    if detail["type"] == "missing":
        return detail["loc"], "is missing; it must be given"
    said = detail["msg"].removeprefix("Value error, ")
    if said.startswith("Input should "):
        found = "" if isinstance(detail["input"], list | dict) else f"is {detail['input']!r}: "
        said = f"{found}it must {said.removeprefix('Input should ')}"
    return detail["loc"], said


class _Constructor(RoundTripConstructor):
    """Leaves dates as text, so that a wrong one is found by the schema, with its line."""


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", lambda self, node: node.value)


def _yaml() -> YAML:
    yaml = YAML(typ="rt")
    yaml.Constructor = _Constructor
    return yaml
