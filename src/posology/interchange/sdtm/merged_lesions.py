"""Lesions that have merged or split, as SDTM tells of them (SDTMIG 3.4, section 6.3.13: TUTESTCD MERGE and SPLIT).

A merged lesion is named by those that went into it (``T01/T02``), a fragment by the lesion that it comes from and a
number or letter of its own (``T01.1``, ``T01a``). RECIST 1.1, section 4.3.2: the fragments of a split lesion are added,
of merged lesions the longest diameter of the whole counts.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple


class Part(NamedTuple):
    """What one row of a merged or split lesion is to the criteria: which lesion, which fragment (0: it is whole).

    ``merged``: the lesion has gone into another one, whose row holds the diameter.
    """

    lesion: str
    fragment: int = 0
    merged: bool = False


def parts_of(link: str, event: str, known: Collection[str]) -> list[Part]:
    """Return the lesions that a row of a merged or split lesion tells of; none if its name does not say which.

    Parameters
    ----------
    link
        the row's lesion (TRLNKID).
    event
        MERGE or SPLIT, as TUTESTCD has it.
    known
        the lesions that were identified before.

    Examples
    --------
    >>> parts_of("T01/T02", "MERGE", {"T01", "T02"})
    [Part(lesion='T01', fragment=0, merged=False), Part(lesion='T02', fragment=0, merged=True)]
    >>> parts_of("T01.2", "SPLIT", {"T01"}), parts_of("T9", "MERGE", {"T01"})
    ([Part(lesion='T01', fragment=2, merged=False)], [])
    """
    if event == "MERGE":
        names = [name.strip() for name in re.split(r"[/+,&;]|\band\b", link)]
        if len(names) < 2 or not set(names) <= set(known):
            return []
        return [Part(name, merged=place > 0) for place, name in enumerate(names)]
    found = re.fullmatch(r"(.+?)[ ._-]?(\d+|[A-Za-z])", link)
    whole = next(
        (name for name in sorted(known, key=len, reverse=True) if name != link and link.startswith(name)), None
    )
    if whole is None or found is None:
        return []
    own = link[len(whole) :].lstrip(" ._-")
    if own.isdigit() and int(own) > 0:
        return [Part(whole, int(own))]
    return [Part(whole, ord(own.lower()) - ord("a") + 1)] if re.fullmatch("[A-Za-z]", own) else []
