"""What people enter for each kind of fact, read from its class: the commands and the forms are made of this."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import MISSING, Field, dataclass, fields
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from annotated_doc import Doc
from annotated_types import Ge, Gt, Le, Lt

from posology.record.fact import KINDS, Fact
from posology.shared.text import bounds_in_words

__all__ = ["EntryField", "entry_fields"]


@dataclass(frozen=True)
class EntryField:
    """One field of a kind of fact, as a person fills it in.

    ``plain_type`` is bool, int, float, str or date; ``choices`` the words it takes, if only some; ``meaning`` what it
    holds; ``bounds`` within which bounds, in words; ``required`` whether it must be given; ``default`` what it is if
    left out.
    """

    name: str
    plain_type: type
    choices: tuple[str, ...]
    meaning: str
    bounds: str
    required: bool
    default: Any

    @property
    def explained(self) -> str:
        """What it holds, within which bounds, and what it is if left out."""
        text = self.meaning
        if self.choices:
            *first, last = self.choices
            text += f": {', '.join(first)} or {last}" if first else f": {last}"
        text += f"; {self.bounds}." if self.bounds else "."
        if self.required:
            return f"{text}  [required]"
        if self.default is None or self.default == "":
            return text
        default = ("yes" if self.default else "no") if isinstance(self.default, bool) else self.default
        return f"{text}  [default: {default}]"


def entry_fields(kind: type[Fact]) -> tuple[EntryField, ...]:
    """Return the fields of a kind that people enter: its own first, then what it shares with others.

    A field without a ``Doc`` is written by the system; a mapping comes with an import only.

    Examples
    --------
    >>> from posology.record.facts import DoseReduced
    >>> for field in entry_fields(DoseReduced):
    ...     print(field.name, field.plain_type.__name__, field.explained)
    to_level int Number of the dose level from now on, counted from the lowest; 1 to 1,000.  [required]
    why str Why the dose is reduced.  [required]
    """
    return _fields_of(kind.kind)


@cache
def _fields_of(name: str) -> tuple[EntryField, ...]:
    kind = KINDS[name]
    hints = get_type_hints(kind, include_extras=True)
    own = sorted(fields(kind), key=lambda field: field.name not in kind.__annotations__)  # type: ignore[arg-type]
    documented = (field for field in own if _metadata(hints[field.name], Doc))
    return tuple(_entry_field(f, hints[f.name]) for f in documented if _plain_type(hints[f.name]) is not dict)


def _entry_field(field: Field[Any], hint: Any) -> EntryField:
    (doc,) = _metadata(hint, Doc)
    choices = tuple(str(c) for part in _parts(hint) if get_origin(part) is Literal for c in get_args(part))

    def bound(kind: type, name: str) -> Any:
        return next((getattr(m, name) for m in _metadata(hint, kind)), None)

    return EntryField(
        field.name,
        _plain_type(hint),
        choices,
        doc.documentation.removesuffix("."),
        bounds_in_words(above=bound(Gt, "gt"), least=bound(Ge, "ge"), below=bound(Lt, "lt"), most=bound(Le, "le")),
        field.default is MISSING,
        None if field.default is MISSING else field.default,
    )


def _parts(hint: Any) -> Iterator[Any]:
    """Return a type and all that it is made of."""
    yield hint
    if get_origin(hint) is not Literal:
        for part in get_args(hint)[: 1 if get_origin(hint) is Annotated else None]:
            yield from _parts(part)


def _metadata(hint: Any, kind: type) -> list[Any]:
    """Return what ``Annotated`` says of a type, or of what it is made of, of one kind."""
    return [m for part in _parts(hint) for m in getattr(part, "__metadata__", ()) if isinstance(m, kind)]


def _plain_type(hint: Any) -> type:
    """Return the plain type of a field: int of ``Annotated[int, Ge(1)] | None``, str of words to choose from."""
    for part in _parts(hint):
        if get_origin(part) is dict:
            return dict
        if get_origin(part) is Literal:
            return str
        if isinstance(part, type) and part is not type(None):
            return part
    return str
