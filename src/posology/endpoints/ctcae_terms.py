"""The terms of CTCAE 4.03 and 5.0: a term in British or American spelling, by a common name or by its MedDRA code, and
its organ class in a version.

Source: Common Terminology Criteria for Adverse Events v4.03 (14 June 2010, 790 terms) and v5.0 (27 November 2017, 837
terms), US Department of Health and Human Services, National Cancer Institute, with the MedDRA code that each prints
beside a term. The lists are beside this file: ``ctcae_terms.csv``, and ``ctcae_synonyms.txt`` for names in common use.
Of version 6 only the laboratory terms are there, without codes; all other terms are taken to be in it.
"""

from __future__ import annotations

import csv
import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from posology.endpoints.ctcae import Version

OTHER = re.compile(r"(?P<organ_class>.+?) - other, (specify|.+)", re.IGNORECASE)
CODE = re.compile(r"\d{8}")


@dataclass(frozen=True)
class CtcaeTerm:
    """A term of CTCAE.

    Parameters
    ----------
    name
        the term as CTCAE writes it.
    organ_class
        its system organ class.
    code
        its MedDRA code (of a lowest level term), empty where none is known.
    versions
        the versions of CTCAE that have it, in that class.
    """

    name: str
    organ_class: str
    code: str = ""
    versions: tuple[str, ...] = ("4.03", "5", "6")

    def is_in(self, version: Version) -> bool:
        """Whether a version of CTCAE has the term.

        >>> find_term("Spleen disorder").is_in("4.03"), find_term("Spleen disorder").is_in("5")
        (True, False)
        """
        return version in self.versions or version == "6"


def spelling(text: str) -> str:
    """Return a term without what differs between spellings: case, hyphens, British ae, oe and our.

    >>> spelling("Anaemia") == spelling("anemia"), spelling("Tumour pain") == spelling("tumor-pain")
    (True, True)
    """
    plain = re.sub(r"[\s\-–/,.()]+", " ", text.casefold()).strip()
    for british, american in (("ae", "e"), ("oe", "e"), ("our", "or")):
        plain = plain.replace(british, american)
    return plain


def _file(name: str) -> list[str]:
    text = (files("posology.endpoints") / name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@cache
def _rows() -> tuple[CtcaeTerm, ...]:
    return tuple(
        CtcaeTerm(row["term"], row["organ_class"], row["meddra"], tuple(row["versions"].split()))
        for row in csv.DictReader(_file("ctcae_terms.csv"))
    )


@cache
def organ_classes() -> dict[str, str]:
    """Return the system organ classes, each by its spelling."""
    return {spelling(term.organ_class): term.organ_class for term in _rows()}


@cache
def _terms(version: Version) -> dict[str, CtcaeTerm]:
    """Return the terms by their spelling, their codes and their synonyms; of a term that changed its class, the row of
    this version, or of version 5."""
    rows = sorted(_rows(), key=lambda term: (version not in term.versions, "5" not in term.versions))
    terms: dict[str, CtcaeTerm] = {}
    for term in rows:
        terms.setdefault(spelling(term.name), term)
        if term.code:
            terms.setdefault(term.code, term)
    for line in _file("ctcae_synonyms.txt"):
        name, _, meant = line.partition(" = ")
        terms.setdefault(spelling(name), terms[spelling(meant)])
    return terms


def find_term(text: str, version: Version = "5") -> CtcaeTerm | None:
    """Return the CTCAE term that a text or a MedDRA code means; None if it is none.

    Parameters
    ----------
    text
        the term in either spelling, a name in common use, "<organ class> - Other, ...", or a code of eight digits.
    version
        the version of CTCAE whose organ class is wanted. A term that only another version has is found too:
        :meth:`CtcaeTerm.is_in` tells.

    Examples
    --------
    >>> find_term("Anaemia").name, find_term("neutropenia").name, find_term("10029366").name
    ('Anemia', 'Neutrophil count decreased', 'Neutrophil count decreased')
    >>> find_term("Eye disorders - Other, corneal microcysts").organ_class
    'Eye disorders'
    >>> find_term("Conjunctivitis", "4.03").organ_class, find_term("Conjunctivitis", "5").organ_class
    ('Eye disorders', 'Infections and infestations')
    >>> find_term("Keratopathy") is None
    True
    """
    known = _terms(version).get(spelling(text))
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
    terms = _terms("5")
    near = difflib.get_close_matches(spelling(text), (name for name in terms if not CODE.fullmatch(name)), n, 0.5)
    return list(dict.fromkeys(terms[name].name for name in near))
