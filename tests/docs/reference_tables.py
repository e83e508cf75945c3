"""The reference of protocol fields and event kinds, written from the classes that check them: ``python -m
tests.docs.reference_tables``."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from annotated_doc import Doc

from posology.protocol import model
from posology.protocol.model import Protocol
from posology.record.fact import KINDS, NoCommand, NoSdtm

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
WRITTEN = "<!-- written by `make reference` from the classes that check it -->"


def pages() -> dict[str, str]:
    """Return the pages by file name."""
    return {"protocol_fields.md": protocol_fields(), "event_kinds.md": event_kinds()}


def protocol_fields() -> str:
    """Return a section for each part of a protocol file, in the order in which they are met."""
    parts = [
        "# Fields of a protocol file",
        WRITTEN,
        "`posology protocol schema` prints the same as a JSON Schema for editors.",
    ]
    for path, cls in _sections("", Protocol, set()):
        parts += [f"## {path or 'The file'}", _first_paragraph(cls.__doc__), _fields(cls)]
    return "\n\n".join(parts) + "\n"


def _sections(path: str, cls: type, seen: set[type]) -> Iterator[tuple[str, type]]:
    if cls in seen:
        return
    seen.add(cls)
    yield path, cls
    hints = get_type_hints(cls, include_extras=True, localns=vars(model))
    for field in dataclasses.fields(cls):
        for part in _parts(hints[field.name]):
            if dataclasses.is_dataclass(part) and isinstance(part, type):
                yield from _sections(f"{path}.{field.name}".strip("."), part, seen)


def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    for argument in get_args(hint):
        yield from _parts(argument)


def _first_paragraph(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split()).replace("``", "`")


def _fields(cls: type) -> str:
    hints = get_type_hints(cls, include_extras=True, localns=vars(model))
    rows = ["| field | holds | default |", "|---|---|---|"]
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        default = "required" if required else _shown(field.default)
        rows.append(f"| `{field.name}` | {_holds(hints[field.name])} | {default} |")
    return "\n".join(rows)


def _shown(default: Any) -> str:
    if default is dataclasses.MISSING or default in (None, (), ""):
        return ""
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _holds(hint: Any) -> str:
    """Say in words what a field may hold."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if hasattr(hint, "__metadata__"):
        said = [_holds(arguments[0]), *_bounds(hint.__metadata__)]
        said += [part.documentation for part in hint.__metadata__ if isinstance(part, Doc)]
        return ", ".join(filter(None, said))
    if arguments and type(None) in arguments:
        return " or ".join(_holds(part) for part in arguments if part is not type(None))
    if origin in (tuple, list):
        return f"a list: {_holds(arguments[0])}"
    if origin is dict:
        return f"by name: {_holds(arguments[1])}"
    if arguments:
        return " or ".join(_holds(part) for part in arguments)
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", Any: "anything"}
    if hint in names:
        return names[hint]
    return (
        "a date"
        if getattr(hint, "__name__", "") == "date"
        else "fields of its own"
        if dataclasses.is_dataclass(hint)
        else str(getattr(hint, "__name__", hint))
    )


def _bounds(metadata: tuple[Any, ...]) -> Iterator[str]:
    words = {"Ge": "at least {ge:g}", "Gt": "above {gt:g}", "Le": "at most {le:g}", "Lt": "below {lt:g}"}
    for part in metadata:
        template = words.get(type(part).__name__)
        if template:
            yield template.format(
                **{name: getattr(part, name) for name in ("ge", "gt", "le", "lt") if hasattr(part, name)}
            )


def event_kinds() -> str:
    """Return a row for each kind of event, and its fields."""
    parts = [
        "# Kinds of events",
        WRITTEN,
        "What a record can hold. `posology trial load` takes any of them, by `kind`, with these fields as columns.",
    ]
    for kind, cls in sorted(KINDS.items()):
        verb = (
            f"no command: {cls.verb.because}"
            if isinstance(cls.verb, NoCommand)
            else f"`posology {'patient' if cls.about == 'patient' else 'trial'} {cls.verb}`"
        )
        home = f"not in SDTM: {cls.sdtm.because}" if isinstance(cls.sdtm, NoSdtm) else f"SDTM {cls.sdtm.domain}"
        parts += [f"## {kind}", _first_paragraph(cls.__doc__), f"{verb}; {home}."]
        if dataclasses.fields(cls):  # type: ignore[arg-type]
            parts.append(_kind_fields(cls))
    return "\n\n".join(parts) + "\n"


def _kind_fields(cls: type) -> str:
    hints = get_type_hints(cls, include_extras=True)
    rows = ["| field | holds | default |", "|---|---|---|"]
    for field in dataclasses.fields(cls):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        rows.append(
            f"| `{field.name}` | {_holds(hints[field.name])} | {'required' if required else _shown(field.default)} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    for name, text in pages().items():
        (REFERENCE / name).write_text(text, encoding="utf-8")
    sys.exit(0)
