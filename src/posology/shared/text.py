"""Text that people enter and read: what cannot be seen in it, and how it is shown so that nothing is hidden."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from difflib import get_close_matches

__all__ = [
    "bounds_in_words",
    "counted",
    "first_paragraph",
    "lookalike_key",
    "mixed_scripts",
    "moment_with_zone",
    "nearest",
    "printable",
    "printable_lines",
    "unprintable",
    "whole_day",
]

_LOOKALIKES = str.maketrans({"o": "0", "i": "1", "l": "1", "|": "1", "_": "-", " ": "-", ".": "-", "/": "-"})


def unprintable(text: str, allowed: str = "") -> str | None:
    """Return the first character that is not seen when printed, named; None if there is none.

    Blanks of any width are seen; control and format characters, and those of no meaning, are not.

    Examples
    --------
    >>> unprintable("001\\x1b[2J"), unprintable("0\\u200b01"), unprintable("Dr Müller")
    ('U+001B', 'U+200B ZERO WIDTH SPACE', None)
    """
    if text.isprintable():
        return None
    for character in text:
        if not character.isprintable() and unicodedata.category(character) != "Zs" and character not in allowed:
            return f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip()
    return None


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless it is one.

    Examples
    --------
    >>> counted(1, "row"), counted(0, "slot"), counted(20000, "event")
    ('1 row', '0 slots', '20,000 events')
    """
    return f"{number:,} {noun}{'s' * (number != 1)}"


def printable(text: str) -> str:
    """Return text as it may be printed: what cannot be seen is written as its number.

    Examples
    --------
    >>> print(printable("a\\tb\\x1b[31mc\\u202e"))
    a\\x09b\\x1b[31mc\\u202e
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


def printable_lines(text: str) -> str:
    """Return text of several lines as it may be printed; see :func:`printable`."""
    return text if text.isprintable() else "\n".join(printable(line) for line in text.split("\n"))


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def mixed_scripts(text: str) -> str | None:
    """Return the first word whose letters are of two alphabets that look alike (Latin, Greek, Cyrillic), else None.

    Examples
    --------
    >>> mixed_scripts("Dr M\\u0435yer"), mixed_scripts("Dr Meyer"), mixed_scripts("Иванов (Ivanov)")
    ('Mеyer', None, None)
    """
    if text.isascii():
        return None
    for word in text.split():
        scripts = {unicodedata.name(c, "").split(" ")[0] for c in word if c.isalpha()}
        if len(scripts & {"LATIN", "GREEK", "CYRILLIC"}) > 1:
            return word
    return None


def lookalike_key(identifier: str) -> str:
    """Return what two identifiers have in common that a reader takes for one another.

    Examples
    --------
    >>> lookalike_key("P-O1") == lookalike_key("p 01"), lookalike_key("001") == lookalike_key("010")
    (True, False)
    >>> lookalike_key("0401-1") == lookalike_key("0401-001")
    True
    """
    return re.sub(r"(?<!\d)0+(?=\d)", "", identifier.casefold().translate(_LOOKALIKES))


def first_paragraph(docstring: str | None) -> str:
    """Return the first paragraph of a docstring on one line; empty where there is none.

    Examples
    --------
    >>> first_paragraph("Ends at a level\\n    when it is full.\\n\\n    More.")
    'Ends at a level when it is full.'
    """
    return " ".join((docstring or "").strip().split("\n\n")[0].split())


def moment_with_zone(text: str) -> datetime:
    """Read a moment, 2013-05-10T16:30:00Z; without a zone it is of the zone of this machine.

    Raises
    ------
    ValueError
        if it is no moment: a day alone is none.

    Examples
    --------
    >>> moment_with_zone("2013-05-10T16:30:00Z").isoformat()
    '2013-05-10T16:30:00+00:00'
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or len(text) < len("2013-05-10T16:30"):
        raise ValueError(f"{text!r}: write the moment as 2013-05-10T16:30:00Z")
    return moment if moment.tzinfo else moment.astimezone()


def whole_day(text: str) -> date:
    """Read a day in the one form in which days are entered, 2013-05-10: not 20130510, nor a day of a numbered week.

    Raises
    ------
    ValueError
        if it is no such day.

    Examples
    --------
    >>> whole_day("2013-05-10")
    datetime.date(2013, 5, 10)
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError(f"{text!r} is not written as {day}")
    return day


def bounds_in_words(
    above: float | None = None, least: float | None = None, below: float | None = None, most: float | None = None
) -> str:
    """Say within which bounds a number lies.

    Parameters
    ----------
    above, below
        the bounds that it does not reach.
    least, most
        the bounds that it may reach.

    Examples
    --------
    >>> bounds_in_words(above=0, most=400)
    'above 0, at most 400'
    >>> bounds_in_words(least=1)
    '1 or more'
    """

    def shown(bound: float) -> str:
        return f"{bound:,.0f}" if float(bound).is_integer() else f"{bound:g}"

    if least is not None and most is not None:
        return f"{shown(least)} to {shown(most)}"
    said = [f"{shown(least)} or more"] if least is not None else [f"above {shown(above)}"] if above is not None else []
    said += [f"at most {shown(most)}"] if most is not None else [f"below {shown(below)}"] if below is not None else []
    return ", ".join(said)


def nearest(name: str, known: Iterable[str], cutoff: float = 0.75) -> str:
    """Return the known name that one written otherwise is nearest to; empty if none is near.

    >>> nearest("ocurred", ["patient", "occurred"]), nearest("weight", ["patient", "occurred"])
    ('occurred', '')
    """
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=cutoff)), "")
