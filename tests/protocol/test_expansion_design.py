"""The boundaries of an expansion cohort's design: what the papers give, and what a file is refused for."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from posology.protocol.expansion_design import cohort_boundaries
from posology.protocol.load import check_version
from posology.protocol.model import ExpansionDesign, protocol_from
from posology.protocol.synopsis import synopsis


def test_simon_as_published() -> None:
    optimal = cohort_boundaries(ExpansionDesign(method="simon optimal", p0=0.1, p1=0.3))
    minimax = cohort_boundaries(ExpansionDesign(method="simon minimax", p0=0.1, p1=0.3))
    assert (optimal.looks, optimal.futility) == ((10, 29), (1, 5))  # Simon 1989, table 1
    assert (minimax.looks, minimax.futility) == ((15, 25), (1, 5))


def test_other_methods() -> None:
    single = cohort_boundaries(ExpansionDesign(method="single stage", p0=0.05, p1=0.2))
    assert (single.looks, single.futility) == ((27,), (3,))  # A'Hern 2001
    looks = (10, 20, 30)
    bop2 = cohort_boundaries(ExpansionDesign(method="bop2", p0=0.1, looks=looks, futility=0.9, gamma=0.7))
    assert bop2.looks == looks and bop2.futility[-1] == 5
    for method in ("posterior", "predictive"):
        design = ExpansionDesign(method=method, p0=0.2, looks=looks)  # type: ignore[arg-type]
        assert cohort_boundaries(design).looks == looks


def document(base: dict[str, Any], **design: Any) -> dict[str, Any]:
    changed = copy.deepcopy(base)
    changed.pop("amendments", None)
    changed["expansion"]["ovarian-relapsed"]["design"] = design
    return changed


@pytest.mark.parametrize(
    ("design", "field", "words"),
    [
        ({"method": "simon optimal", "p0": 0.3, "p1": 0.1}, "p1", "above 0.3"),
        ({"method": "simon optimal", "p0": 0.3}, "p1", "above 0.3"),
        ({"method": "posterior", "p0": 0.3}, "looks", "increasing"),
        ({"method": "posterior", "p0": 0.3, "looks": [10, 10]}, "looks", "increasing"),
        ({"method": "simon optimal", "p0": 0.1, "p1": 0.3, "looks": [10]}, "looks", "found from p0"),
        ({"method": "simon optimal", "p0": 0.3, "p1": 0.31}, "design", "no two-stage design"),
        ({"method": "Simon", "p0": 0.3, "p1": 0.31}, "method", "simon"),
        ({"method": "simon optimal", "p0": 1.3, "p1": 0.3}, "p0", "1"),
    ],
)
def test_a_file_is_refused_by_field(
    imgn853_document: dict[str, Any], design: dict[str, Any], field: str, words: str
) -> None:
    wrong = list(check_version(document(imgn853_document, **design)))
    assert wrong and wrong[0][0][-1] == field
    assert words in f"{wrong[0][1]} {wrong[0][2]}"


def test_a_cohort_smaller_than_its_design(imgn853_document: dict[str, Any]) -> None:
    plain = document(imgn853_document, method="simon optimal", p0=0.1, p1=0.3)
    assert not list(check_version(plain))
    plain["expansion"]["ovarian-relapsed"]["patients"] = 20
    ((path, wrong, _),) = check_version(plain)
    assert path == ("expansion", "ovarian-relapsed", "patients") and "needs 29" in wrong


def test_the_synopsis_shows_the_boundaries(imgn853_document: dict[str, Any]) -> None:
    protocol = protocol_from(document(imgn853_document, method="simon optimal", p0=0.1, p1=0.3))
    section = next(s for s in synopsis(protocol) if "ovarian-relapsed" in s.title)
    lines = {line.label: line.text for line in section.lines}
    assert lines["Design"] == "simon optimal: confirmed response, 10 % against 30 %"
    assert lines["Look at 10"] == "futile with 1 or fewer"
