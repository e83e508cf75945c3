"""The terms of CTCAE 4.03 and 5.0: a term in British or American spelling, or by a common name, and its organ class.

Source: Common Terminology Criteria for Adverse Events v4.03 (14 June 2010) and v5.0 (27 November 2017), US Department
of Health and Human Services, National Cancer Institute. The lists are beside this file: ``ctcae_terms.txt``, and
``ctcae_synonyms.txt`` for names in common use. MedDRA codes are not among them.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

OTHER = re.compile(r"(?P<organ_class>.+?) - other, (specify|.+)", re.IGNORECASE)


@dataclass(frozen=True)
class CtcaeTerm:
    """A term of CTCAE with its system organ class."""

    name: str
    organ_class: str


def spelling(text: str) -> str:
    """Return a term without what differs between spellings: case, hyphens, British ae, oe and our.

    >>> spelling("Anaemia") == spelling("anemia"), spelling("Tumour pain") == spelling("tumor-pain")
    (True, True)
    """
    plain = re.sub(r"[\s\-–/,.()]+", " ", text.casefold()).strip()
    for british, american in (("ae", "e"), ("oe", "e"), ("our", "or")):
        plain = plain.replace(british, american)
    return plain


def _lines(name: str) -> list[str]:
    text = (files("posology.endpoints") / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def organ_classes() -> dict[str, str]:
    """Return the system organ classes, each by its spelling."""
    names = [line.partition(":")[0] for line in _lines("ctcae_terms.txt")]
    return {spelling(name): name for name in names}


@cache
def _terms() -> dict[str, CtcaeTerm]:
    """Return the terms by their spelling, synonyms included; of a term in two classes, the first."""
    terms: dict[str, CtcaeTerm] = {}
    for line in _lines("ctcae_terms.txt"):
        organ_class, _, names = line.partition(":")
        for name in filter(None, (n.strip() for n in names.split(";"))):
            terms.setdefault(spelling(name), CtcaeTerm(name, organ_class))
    for line in _lines("ctcae_synonyms.txt"):
        name, _, term = line.partition(" = ")
        terms.setdefault(spelling(name), terms[spelling(term)])
    return terms


def find_term(text: str) -> CtcaeTerm | None:
    """Return the CTCAE term that a text means; None if it is none.

    >>> find_term("Anaemia").name, find_term("neutropenia").name
    ('Anemia', 'Neutrophil count decreased')
    >>> find_term("Eye disorders - Other, corneal microcysts").organ_class
    'Eye disorders'
    >>> find_term("Keratopathy") is None
    True
    """
    known = _terms().get(spelling(text))
    if known is not None:
        return known
    other = OTHER.fullmatch(text.strip())
    named = spelling(other["organ_class"]) if other else ""
    organ_class = organ_classes().get(named) or organ_classes().get(f"{named}s")  # CTCAE has it in the singular once
    return CtcaeTerm(text.strip(), organ_class) if organ_class else None


def canonical_term(text: str) -> str:
    """Return the CTCAE term that a text means, or the text itself; two that mean the same are equal by
    :func:`spelling`."""
    known = find_term(text)
    return spelling(known.name if known else text)


def nearest_terms(text: str, n: int = 3) -> list[str]:
    """Return the terms most like a text that is none.

    >>> nearest_terms("Neutropaenic fevr", 1)
    ['Febrile neutropenia']
    """
    near = difflib.get_close_matches(spelling(text), _terms(), n=n, cutoff=0.5)
    return list(dict.fromkeys(_terms()[spell].name for spell in near))
