"""YAML files with the line of each field, so that what is wrong can be named where it stands.

A file is read from the parser's events, not built first: what is too large, too deep, or grows too much by its aliases
is refused before it takes memory. Plain scalars are read by the core schema of YAML 1.2; a date stays text, so that a
wrong one is found by the schema, with its line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml

from posology.shared.findings import Finding

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

FieldPath = tuple[str | int, ...]
"""A field's place in a file: keys, and indices from 0 in lists."""

T = TypeVar("T")

MAX_BYTES = 10_000_000
MAX_DEPTH = 50
MAX_FROM_ALIASES = 100_000
"""How large a file may be, how deep its fields may lie, and how many values its aliases may stand for."""

Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
WORDS: dict[str, Any] = {"": None, "~": None, ".nan": float("nan")}
for _word, _value in (("null", None), ("true", True), ("false", False)):
    WORDS |= dict.fromkeys((_word, _word.capitalize(), _word.upper()), _value)
WORDS |= {f"{sign}.inf": float(f"{sign}inf") for sign in ("", "+", "-")}


def yaml_finding(file: str, line: int, field: str, wrong: str, right: str = "") -> Finding:
    """Return what is wrong with a field of a file, and what would be right."""
    return Finding("", None, field, wrong, right, file, line)


class InputFileError(ValueError):
    """A file that cannot be used, with everything that is wrong with it."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = sorted(set(findings), key=lambda f: (f.line, f.field))
        super().__init__("\n".join(map(str, self.findings)))


class YamlError(ValueError):
    """Why a text is no YAML that is read here, and at which line."""

    def __init__(self, line: int, wrong: str, right: str = "mend the file's layout first") -> None:
        super().__init__(f"line {line}: {wrong}; {right}")
        self.line, self.wrong, self.right = line, wrong, right


class YamlMapping(dict[Any, Any]):
    """The fields of a mapping, and the line of each."""

    lines: dict[Any, int]


class YamlList(list[Any]):
    """The items of a list, and the line of each."""

    lines: dict[int, int]


# Reading --------------------------------------------------------------------------------------------------------------


@dataclass
class _Open:
    """A mapping or list that is being read: its anchor, its key without a value yet, how many values it holds."""

    node: YamlMapping | YamlList
    anchor: str | None
    line: int
    key: Any = None
    has_key: bool = False
    size: int = 1
    own: set[Any] = field(default_factory=set)


@dataclass
class _Reader:
    """Builds plain values from the parser's events, within bounds."""

    stack: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)
    from_aliases: int = 0
    root: Any = None

    def read(self, text: str) -> Any:
        """Read a text."""
        documents = 0
        for event in yaml.parse(text, Loader=Loader):
            line = event.start_mark.line + 1
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise YamlError(line, "a second document begins", "write one document a file")
            elif isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
                self._begin(event, line)
            elif isinstance(event, yaml.CollectionEndEvent):
                self._end()
            elif isinstance(event, yaml.AliasEvent):
                self._alias(event.anchor, line)
        return self.root

    def _begin(self, event: Any, line: int) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            raise YamlError(line, f"has the tag {event.tag}", "tags are not read: write plain values")
        if isinstance(event, yaml.ScalarEvent):
            value = plain_scalar(event.value) if not event.style and event.tag is None else event.value
            if event.anchor:
                self.anchors[event.anchor] = (value, 1)
            self._add(value, 1, line)
            return
        if len(self.stack) >= MAX_DEPTH:
            raise YamlError(line, f"lies deeper than {MAX_DEPTH} levels", "no file of ours is that deep")
        node: YamlMapping | YamlList = YamlMapping() if isinstance(event, yaml.MappingStartEvent) else YamlList()
        node.lines = {}
        self.anchors.pop(event.anchor, None)
        self.stack.append(_Open(node, event.anchor, line))

    def _end(self) -> None:
        done = self.stack.pop()
        if done.anchor:
            self.anchors[done.anchor] = (done.node, done.size)
        self._add(done.node, done.size, done.line)

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self.anchors:
            inside = any(one.anchor == anchor for one in self.stack)
            raise YamlError(line, f"*{anchor} stands for {'what it is in itself' if inside else 'nothing'}")
        value, size = self.anchors[anchor]
        self.from_aliases += size
        if self.from_aliases > MAX_FROM_ALIASES:
            raise YamlError(line, f"aliases stand for more than {MAX_FROM_ALIASES} values", "write the values out")
        self._add(value, size, line)

    def _add(self, value: Any, size: int, line: int) -> None:
        """Put a value where it belongs."""
        if not self.stack:
            self.root = value
            return
        into = self.stack[-1]
        into.size += size
        if isinstance(into.node, YamlList):
            into.node.lines[len(into.node)] = line
            into.node.append(value)
        elif into.has_key:
            into.has_key = False
            if into.key == "<<":
                self._merge(into.node, value, line)
            else:
                into.node[into.key] = value
        else:
            if isinstance(value, dict | list):
                raise YamlError(line, "a list or mapping stands for a name", "write a name, a colon and a value")
            if value in into.own:
                raise YamlError(line, f"{value} is given twice", f"it stands in line {into.node.lines[value]} already")
            into.own.add(value)
            into.key, into.has_key = value, True
            into.node.lines[value] = line

    @staticmethod
    def _merge(into: YamlMapping, value: Any, line: int) -> None:
        """Take over the fields of another mapping that are not given (``<<: *other``)."""
        into.lines.pop("<<", None)
        for other in value if isinstance(value, list) else [value]:
            if not isinstance(other, dict):
                raise YamlError(line, "<< takes over no mapping", "write <<: *name, of a mapping with &name")
            for key, held in other.items():
                if key not in into:
                    into[key] = held
                    into.lines.setdefault(key, line)


def plain_scalar(text: str) -> Any:
    """Read a plain scalar by the core schema of YAML 1.2.

    >>> [plain_scalar(text) for text in ("7", "0.15", "1e3", "true", "", "2013-05-10", "no")]
    [7, 0.15, 1000.0, True, None, '2013-05-10', 'no']
    """
    if text in WORDS:
        return WORDS[text]
    if len(text) < 400:  # longer numbers are none that anybody means
        if INT.fullmatch(text):
            return int(text, 0) if text[:2] in ("0o", "0x") else int(text)
        if FLOAT.fullmatch(text):
            return float(text)
    return text


def parse_yaml(text: str) -> Any:
    """Read YAML text; mappings and lists keep the line of each field.

    Raises
    ------
    YamlError
        if it is no YAML, or too deep, or its aliases stand for too much.

    Examples
    --------
    >>> tree = parse_yaml("dose: {levels: [1, 2]}")
    >>> tree, line_of(tree, ("dose", "levels"))
    ({'dose': {'levels': [1, 2]}}, 1)
    """
    try:
        return _Reader().read(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1 if isinstance(error.position, int) else 0
        raise YamlError(line, f"holds a character that YAML does not allow ({error.character!r})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise YamlError(line, " ".join((error.problem or "cannot be read").split()[:30])) from None


def load_yaml(path: str | Path, what: str, otherwise: str) -> Any:
    """Read a YAML file, keeping the line of each field.

    Raises
    ------
    InputFileError
        if it cannot be read, or holds no fields; ``what`` it should be, and what to do ``otherwise``.
    """
    name = str(path)

    def refuse(wrong: str, right: str = "") -> InputFileError:
        return InputFileError([yaml_finding(name, 0, "file", wrong, right)])

    try:
        size = Path(path).stat().st_size
        if size > MAX_BYTES:
            raise refuse(f"is {size / 1e6:.0f} MB", f"{what} has at most {MAX_BYTES / 1e6:.0f} MB")
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise refuse("does not exist", f"give the path of {what}") from None
    except IsADirectoryError:
        raise refuse("is a folder", f"give the path of {what}") from None
    except UnicodeDecodeError as error:
        raise refuse(f"is not UTF-8 text ({error.reason})") from None
    except OSError as error:
        raise refuse(f"cannot be read: {error.strerror}") from None
    try:
        tree = parse_yaml(text)
    except YamlError as error:
        raise InputFileError([yaml_finding(name, error.line, "YAML", error.wrong, error.right)]) from None
    if not isinstance(tree, Mapping):
        raise InputFileError([yaml_finding(name, 1, "file", "holds no fields", otherwise)])
    return tree


# Saying where ---------------------------------------------------------------------------------------------------------


def field_steps(path: FieldPath) -> Iterator[str]:
    """Number list entries from 1, as people do."""
    return (str(step + 1) if isinstance(step, int) else step for step in path)


def line_of(tree: Any, path: FieldPath) -> int:
    """Return the line of the deepest part of ``path`` that stands in the file."""
    line, node = 1, tree
    for step in path:
        try:
            line, node = node.lines[step], node[step]
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
