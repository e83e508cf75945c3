"""What is wrong with a protocol beyond its fields: it can be read, and makes no sense.

These checks stand before a file that is read, not before a record: what was recorded once still opens.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from posology.endpoints.ctcae import Version, graded_analytes
from posology.endpoints.ctcae_terms import canonical_term, find_term, nearest_terms, organ_classes, spelling
from posology.endpoints.units import analytes, canonical_unit
from posology.protocol.model import FACT_VALUES, DltCriterion, EligibilityCriterion, Protocol
from posology.shared.yaml_files import FieldPath

WORDS: dict[str, tuple[str, ...]] = FACT_VALUES | {
    "sex": ("F", "M"),
    "platinum_status": ("refractory", "resistant", "sensitive", "not applicable"),
}
"""What a fact can be, where it is one of few words."""

TEST_CODE = re.compile(r"[A-Z_][A-Z0-9_]{0,7}")
"""How a laboratory test is named: by its CDISC code."""

FACT_BOUNDS: dict[str, tuple[float, float]] = {
    "age": (0, 120),
    "ecog": (0, 5),
    "prior_regimens": (0, 1000),
    "target_intensity": (0, 3),
    "highest_intensity": (0, 3),
    "target_percent_2plus": (0, 100),
    "ps2_plus": (0, 100),
    "h_score": (0, 300),
}
"""Between what a fact that is a number can lie."""

Nonsense = tuple[FieldPath, str, str]
"""A field, what is wrong with it, and what would be right."""


def nonsense(protocol: Protocol) -> Iterator[Nonsense]:
    """Yield what makes no sense in a protocol that is sound field by field."""
    lists: dict[FieldPath, tuple[EligibilityCriterion, ...]] = {("eligibility",): protocol.eligibility}
    lists |= {("expansion", name, "eligibility"): cohort.eligibility for name, cohort in protocol.expansion.items()}
    for path, criteria in lists.items():
        wrong = [problem for i, c in enumerate(criteria) for problem in _alone((*path, i), c)]
        yield from wrong
        replaced = {c.id for c in criteria}
        general = () if path == ("eligibility",) else tuple(c for c in protocol.eligibility if c.id not in replaced)
        impossible = None if wrong else nobody_can_meet((*general, *criteria))
        if impossible and impossible[0] >= len(general):
            yield (*path, impossible[0] - len(general)), impossible[1], "change one of the two"
    for i, criterion in enumerate(protocol.dlt.criteria):
        excepted = {canonical_term(term) for term in criterion.except_terms}
        if criterion.terms and {canonical_term(term) for term in criterion.terms} <= excepted:
            yield ("dlt", "criteria", i, "except_terms"), "excepts every term", "nothing would ever meet the criterion"
        yield from _terms(("dlt", "criteria", i), criterion, protocol.dlt.ctcae)


def _terms(path: FieldPath, criterion: DltCriterion, ctcae: Version) -> Iterator[Nonsense]:
    """Yield the terms of a DLT criterion that the version of CTCAE in force does not have, with the nearest."""
    lists: dict[FieldPath, tuple[str, ...]] = {
        (*path, "terms"): criterion.terms,
        (*path, "except_terms"): criterion.except_terms,
        **{(*path, "exempt", j, "terms"): exemption.terms for j, exemption in enumerate(criterion.exempt)},
    }
    for where, terms in lists.items():
        for j, term in enumerate(terms):
            known = find_term(term, ctcae)
            if known is None:
                near = nearest_terms(term)
                right = f"did you mean {' or '.join(near)}?" if near else "write a CTCAE term"
                yield (*where, j), f"{term!r} is no term of CTCAE", f'{right} (or "<organ class> - Other, ...")'
            elif not known.is_in(ctcae):
                wrong = f"{term!r} is a term of CTCAE {' and '.join(known.versions)}, and not of {ctcae}"
                yield (*where, j), wrong, f"the protocol grades by CTCAE {ctcae} (dlt.ctcae)"
    for j, name in enumerate(criterion.system_organ_classes):
        if spelling(name) not in organ_classes():
            near = difflib.get_close_matches(name, organ_classes().values(), n=1, cutoff=0.3)
            wrong = f"{name!r} is no system organ class of CTCAE"
            yield (*path, "system_organ_classes", j), wrong, f"did you mean {near[0]}?" if near else ""


def _alone(path: FieldPath, c: EligibilityCriterion) -> Iterator[Nonsense]:
    if c.at_least is not None and c.at_most is not None and c.at_least > c.at_most:
        yield (*path, "at_most"), f"{c.at_most:g} is below at_least, {c.at_least:g}", "nobody can be both"
    if c.fact == "laboratory":
        yield from _laboratory(path, c)
    known = WORDS.get(c.fact)
    for word in c.one_of or () if known else ():
        if word.casefold() not in {value.casefold() for value in known or ()}:
            yield (*path, "one_of"), f"{word!r} is no {c.fact.replace('_', ' ')}", f"it is {' or '.join(known or ())}"


def _laboratory(path: FieldPath, c: EligibilityCriterion) -> Iterator[Nonsense]:
    """Yield what is wrong with the test of a laboratory criterion, or with its unit."""
    known, test = analytes(), str(c.test)
    tests = known.keys() | graded_analytes()
    if test not in tests:
        near = difflib.get_close_matches(test.upper(), tests, n=1, cutoff=0.8)
        if near or not TEST_CODE.fullmatch(test):
            right = f"did you mean {near[0]}?" if near else "write its CDISC code (LBTESTCD), such as ALT"
            yield (*path, "test"), f"is {test!r}", right
    elif test in known and c.unit is not None and c.unit != "ULN" and canonical_unit(c.unit) not in known[test].units:
        yield (*path, "unit"), f"is {c.unit!r}", f"{test} is in {', '.join(sorted(known[test].units))}, or ULN"


def nobody_can_meet(criteria: tuple[EligibilityCriterion, ...]) -> tuple[int, str] | None:
    """Return the first criterion, by its index, after which nobody is left who meets all, and why; None if somebody
    is."""
    for fact in dict.fromkeys(map(_about, criteria)):
        low, high = FACT_BOUNDS.get(fact, (float("-inf"), float("inf")))
        words: set[str] | None = {word.casefold() for word in WORDS.get(fact, ())} or None
        answers = {True, False}
        for i, c in enumerate(criteria):
            if _about(c) != fact or fact == "attested":
                continue
            if c.one_of is not None:
                named = {word.casefold() for word in c.one_of}
                if c.kind == "inclusion":
                    words = named if words is None else words & named
                elif words is not None:
                    words -= named
            elif c.is_true is not None:
                answers -= {c.is_true if c.kind == "exclusion" else not c.is_true}
            else:
                low, high = _left(c, low, high)
            if low > high or words == set() or not answers:
                return i, f"{c.id}: {c.kind} by {c.condition} leaves nobody who meets the criteria before it"
    return None


def _about(c: EligibilityCriterion) -> str:
    """Return what a criterion is about: its fact, and of laboratory values the test with its unit."""
    return f"{c.fact} {c.test} {c.unit}" if c.fact == "laboratory" else c.fact


def _left(c: EligibilityCriterion, low: float, high: float) -> tuple[float, float]:
    """Return the range of a number that a criterion leaves: an exclusion takes away one end of it, or all."""
    at_least = float("-inf") if c.at_least is None else c.at_least
    at_most = float("inf") if c.at_most is None else c.at_most
    if c.kind == "inclusion":
        return max(low, at_least), min(high, at_most)
    if at_least <= low and at_most >= high:
        return 1.0, 0.0
    return low, high
