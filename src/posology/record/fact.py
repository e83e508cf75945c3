"""What every kind of fact says of itself: its name, the command that records it, and where CDISC SDTM holds it.

A kind is a frozen dataclass with the decorator :func:`fact`; with that it is known everywhere: :data:`KINDS` is the one
registry, and a test walks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, dataclass_transform

T = TypeVar("T")
KINDS: dict[str, type[Fact]] = {}
"""Every kind of fact by the name it has in the record, in files and on the command line."""


@dataclass(frozen=True)
class NoCommand:
    """Why a kind of fact has no command of its own."""

    because: str


@dataclass(frozen=True)
class SdtmHome:
    """Where CDISC SDTM holds a kind of fact.

    ``domain`` is its domain, ``label`` the domain's name where the layouts do not know it. A kind for which SDTM has no
    domain in this use is carried by a disposition event of the given ``term`` and ``category``, with its fields as
    supplemental qualifiers.
    """

    domain: str
    label: str = ""
    term: str = ""
    category: str = ""


@dataclass(frozen=True)
class NoSdtm:
    """Why SDTM does not hold a kind of fact."""

    because: str


def carried_by_ds(term: str, category: str = "OTHER EVENT") -> SdtmHome:
    """Return the home of a fact that a disposition event carries."""
    return SdtmHome("DS", term=term, category=category)


MILESTONE, DISPOSITION = "PROTOCOL MILESTONE", "DISPOSITION EVENT"


class Fact:
    """Something that happened. ``kind`` is its name; ``about`` says whether it belongs to a patient or to the trial.

    ``verb`` is the command that records it, ``example`` the options of that command's example, ``sdtm`` where SDTM
    holds it.
    """

    kind: str = ""
    about: Literal["patient", "trial"] = "patient"
    verb: str | NoCommand
    sdtm: SdtmHome | NoSdtm
    example: str = ""


@dataclass_transform(frozen_default=True, kw_only_default=True)
def fact(*, verb: str | NoCommand, sdtm: SdtmHome | NoSdtm, example: str = "") -> Callable[[type[T]], type[T]]:
    """Make a class a kind of fact: ``LesionMeasured`` becomes ``lesion_measured``, unless it names its ``kind`` itself.

    Parameters
    ----------
    verb
        the command that records it, below ``posology patient`` or ``posology trial``; or why there is none.
    sdtm
        where SDTM holds it, which the writer walks; or why it does not.
    example
        the options of the command's example, shown by ``--help``.
    """

    def make(cls: type[T]) -> type[T]:
        cls.__pydantic_config__ = {"extra": "forbid", "allow_inf_nan": False}  # type: ignore[attr-defined]
        made: Any = dataclass(frozen=True, kw_only=True)(cls)
        if "kind" not in vars(cls):
            made.kind = re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()
        made.verb, made.sdtm, made.example = verb, sdtm, example
        KINDS[made.kind] = made
        return cls

    return make
