"""Who enters what about whom: identifiers, names and reasons that a reader can see and tell from one another.

These hold for every entry and are never set aside: like the bounds of a field, and unlike a rule of conduct.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from datetime import date
from functools import lru_cache

from posology.record.entry import EntryError
from posology.record.fact import Fact
from posology.record.facts import DecisionSigned
from posology.shared.dates import parse_date
from posology.shared.text import mixed_scripts, unprintable

__all__ = ["check_entry"]

LONGEST_ID, LONGEST_NAME = 64, 200


def check_entry(
    fact: Fact,
    *,
    patient: str | None,
    author: str,
    reason: str | None,
    override: str | None,
    occurred: date | None = None,
) -> None:
    """Check who and what an entry names, and that its date as collected is of the day on which it occurred.

    Raises
    ------
    EntryError
        naming each field that cannot be read as what it must be.

    Examples
    --------
    >>> from posology.record.facts import Consented
    >>> check_entry(Consented(), patient="0\\u200b01", author=" ", reason=None, override=None)
    Traceback (most recent call last):
        ...
    posology.record.entry.EntryError: patient is '0\\u200b01': it holds U+200B ZERO WIDTH SPACE; write letters, digits
    and signs of ASCII author is blank: write the name of the person
    """
    problems = [f"author {problem}" for problem in _checked_name(author)]
    if patient is not None:
        problems = [f"patient {problem}" for problem in _checked_id(patient)] + problems
    for name, text in (("reason", reason), ("override", override)):
        if text:
            problems += [f"{name} {problem}" for problem in _reason_problems(text)]
    problems += _field_problems(fact)
    if not problems and occurred is not None:
        problems += _date_problems(fact, occurred)
    if problems:
        raise EntryError(problems)


@lru_cache(maxsize=4096)
def _checked_id(identifier: str) -> tuple[str, ...]:
    return tuple(_id_problems(identifier))


@lru_cache(maxsize=1024)
def _checked_name(name: str) -> tuple[str, ...]:
    return tuple(_name_problems(name))


def _id_problems(identifier: str) -> Iterator[str]:
    if not identifier.strip():
        yield "is blank: write the patient's number"
    elif not (identifier.isascii() and identifier.isprintable()):
        strange = next(c for c in identifier if not (c.isascii() and c.isprintable()))
        what = f"U+{ord(strange):04X} {unicodedata.name(strange, '')}".strip()
        yield f"is {identifier!r}: it holds {what}; write letters, digits and signs of ASCII"
    elif identifier != " ".join(identifier.split()):
        yield f"is {identifier!r}: it begins or ends with a blank, or holds two in a row"
    elif len(identifier) > LONGEST_ID:
        yield f"is {len(identifier)} characters long: it may have {LONGEST_ID}"


def _name_problems(name: str) -> Iterator[str]:
    if not any(character.isalnum() for character in name):
        yield (
            "is blank: write the name of the person"
            if not name.strip()
            else f"is {name!r}: write the name of the person"
        )
    elif hidden := unprintable(name):
        yield f"is {name!r}: it holds {hidden}"
    elif name != " ".join(name.split()):
        yield f"is {name!r}: it begins or ends with a blank, or holds two in a row"
    elif unicodedata.normalize("NFKC", name) != unicodedata.normalize("NFC", name):
        yield (
            f"is {name!r}: it holds characters that only look like letters; write {unicodedata.normalize('NFKC', name)}"
        )
    elif word := mixed_scripts(name):
        yield f"is {name!r}: {word!r} has letters of two alphabets that look alike"
    elif len(name) > LONGEST_NAME:
        yield f"is {len(name)} characters long: it may have {LONGEST_NAME}"


def _reason_problems(reason: str) -> Iterator[str]:
    if not any(character.isalnum() for character in reason):
        yield f"is {reason!r}: say why"
    elif hidden := unprintable(reason):
        yield f"is {reason!r}: it holds {hidden}"


def _date_problems(fact: Fact, occurred: date) -> Iterator[str]:
    """Yield where a date as collected contradicts the day: the day lies in what the date leaves open, an end not
    before it."""
    for name in ("dated", "ended"):
        text = getattr(fact, name, None)
        if text is None:
            continue
        collected = parse_date(text)
        if name == "dated" and not collected.may_be(occurred):
            yield f"dated is {text!r}, and the event is of {occurred}: give the same day, or leave dated out"
        elif name == "ended" and collected.is_before(occurred):
            yield f"ended is {text!r}, before the day it began, {occurred}"


def _field_problems(fact: Fact) -> Iterator[str]:
    for name, value in vars(fact).items():
        if not isinstance(value, str):
            continue
        if not value.strip() and value:
            yield f"{name} is {value!r}: it is blank"
        elif not value.isprintable() and (hidden := unprintable(value, allowed="\n\t")):
            yield f"{name} is {value!r}: it holds {hidden}"
        elif name in ("dated", "ended"):
            try:
                parse_date(value)
            except ValueError as error:
                yield f"{name}: {error}"
    if isinstance(fact, DecisionSigned) and fact.name is not None:
        yield from (f"name {problem}" for problem in _checked_name(fact.name))
