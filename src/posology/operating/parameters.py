"""The parameters of a design or a rule: name, type, default and meaning, from the class itself."""

from __future__ import annotations

import re
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from posology.shared.text import first_paragraph

HIDDEN = ("levels", "start", "design")  # what every design has, said by options of their own
SECTION = "Parameters\n----------\n"
WORDS = {int: "whole number", float: "number", bool: "true or false", str: "text", type(None): "none"}


@dataclass(frozen=True)
class Parameter:
    """A parameter in words; ``needed``: it has no default."""

    name: str
    type: str
    default: str | None
    needed: bool
    meaning: str


def meaning(cls: type) -> str:
    """Return the first line of what a class says of itself."""
    return first_paragraph(cls.__doc__)


def parameters_of(cls: Any) -> list[Parameter]:
    """Return the parameters of a design or a rule, in their order.

    >>> from posology.designs import Boin
    >>> found = {p.name: p for p in parameters_of(Boin)}
    >>> found["stop_at"].type, found["stop_at"].default, found["stop_at"].meaning
    ('whole number, 1 or more; or none', 'none', 'end once so many patients have been treated at a level.')
    """
    hints = get_type_hints(cls, include_extras=True)
    meanings = _meanings(cls)
    return [
        Parameter(f.name, in_words(hints[f.name]), _default(f), _needed(f), meanings.get(f.name, ""))
        for f in fields(cls)
        if f.name not in HIDDEN
    ]


def _needed(field: Any) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _default(field: Any) -> str | None:
    if _needed(field):
        return None
    return written(field.default if field.default is not MISSING else field.default_factory())


def written(value: Any) -> str:
    """Write a value as it is given on the command line: lists with commas, a prior by its parts.

    >>> from posology.designs import Normal
    >>> written(Normal((-1.0, 0.0), (2.0, 1.0))), written((3, 3)), written(True), written(None)
    ('mean=-1,0,sd=2,1,correlation=0,weight=1', '3,3', 'true', 'none')
    """
    if value is None or value == ():
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if is_dataclass(value) and not isinstance(value, type):
        return ",".join(f"{f.name}={written(getattr(value, f.name))}" for f in fields(value))
    if isinstance(value, tuple):
        return (";" if is_dataclass(value[0]) else ",").join(map(written, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def in_words(hint: Any) -> str:
    """Say what a type allows.

    >>> in_words(Annotated[float, Gt(0), Lt(1)]), in_words(tuple[float, ...] | None), in_words(Literal["a", "b"])
    ('number, above 0, below 1', 'list of numbers; or none', 'a or b')
    """
    origin, args = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return ", ".join([in_words(args[0]), *map(_bound, hint.__metadata__)]).rstrip(", ")
    if origin is Literal:
        return " or ".join(map(str, args))
    if origin is tuple:
        kinds = [a for a in args if a is not Ellipsis]
        each = in_words(kinds[0])
        noun, comma, bounds = each.partition(",")
        many = f"list of {noun}s" if Ellipsis in args else f"{len(kinds)} {noun}s"
        return f"{many}{comma}{bounds}"
    if args:
        return "; or ".join(in_words(a) for a in sorted(args, key=lambda a: a is type(None)))
    return WORDS.get(hint, getattr(hint, "__name__", str(hint)).lower())


def _bound(limit: Any) -> str:
    match limit:
        case Ge():
            return f"{limit.ge:g} or more"
        case Gt():
            return f"above {limit.gt:g}"
        case Le():
            return f"at most {limit.le:g}"
        case Lt():
            return f"below {limit.lt:g}"
        case _:
            return ""


def _meanings(cls: Any) -> dict[str, str]:
    """Return what a class, or the classes it extends, says of each parameter in its docstring."""
    found: dict[str, str] = {}
    for each in reversed(cls.__mro__):
        found |= _section(each.__doc__ or "")
    return found


def _section(doc: str) -> dict[str, str]:
    import inspect

    text = inspect.cleandoc(doc)
    if SECTION not in text:
        return {}
    body = re.split(r"\n\n(?=\w+\n-+\n)", text.split(SECTION, 1)[1])[0]
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=\S)", body):
        names, _, words = block.partition("\n")
        said = " ".join(words.split())
        if said and not said.startswith("see :class:"):  # told there
            found |= dict.fromkeys(names.replace(" ", "").split(","), _plain(said))
    return found


def _plain(words: str) -> str:
    """Return words without the marks of the documentation: names of code in quotes."""
    words = re.sub(r":\w+:`~?([^`]*\.)?([^`.]+)`", r"\2", words)
    return words.replace("``", "'").rstrip(".") + "."
