"""Terms of CTCAE: found in either spelling and by common names; what is none is named with the nearest."""

from __future__ import annotations

import csv
from importlib.resources import files

import pytest

from posology.endpoints.ctcae_terms import canonical_term, find_term, nearest_terms, organ_classes
from posology.endpoints.dlt import AdverseEvent, Criterion, Definition, TriState, is_dlt


@pytest.mark.parametrize(
    ("text", "term", "organ_class"),
    [
        ("Anaemia", "Anemia", "Blood and lymphatic system disorders"),
        ("diarrhoea", "Diarrhea", "Gastrointestinal disorders"),
        ("Oedema limbs", "Edema limbs", "General disorders and administration site conditions"),
        ("Thrombocytopaenia", "Platelet count decreased", "Investigations"),
        ("Neutropenia", "Neutrophil count decreased", "Investigations"),
        ("rash maculopapular", "Rash maculo-papular", "Skin and subcutaneous tissue disorders"),
        ("Hypokalaemia", "Hypokalemia", "Metabolism and nutrition disorders"),
        (
            "Musculoskeletal and connective tissue disorder - Other, specify",
            "Musculoskeletal and connective tissue disorder - Other, specify",
            "Musculoskeletal and connective tissue disorders",
        ),
        ("TUMOUR PAIN", "Tumor pain", "Neoplasms benign, malignant and unspecified (incl cysts and polyps)"),
    ],
)
def test_spellings_and_synonyms(text: str, term: str, organ_class: str) -> None:
    found = find_term(text)
    assert found is not None
    assert (found.name, found.organ_class) == (term, organ_class)


def test_what_is_none() -> None:
    assert find_term("Keratopathy") is None
    assert find_term("Nonsense disorders - Other, x") is None
    assert nearest_terms("Neutropeni", 1) == ["Neutrophil count decreased"]
    assert canonical_term("Keratopathy") == "keratopathy"
    assert len(organ_classes()) == 26


def test_the_terms_that_laboratory_values_are_graded_by_are_terms() -> None:
    text = (files("posology.endpoints") / "ctcae.csv").read_text(encoding="utf-8")
    terms = {row["term"] for row in csv.DictReader(text.splitlines())}
    assert {term for term in terms if find_term(term) is None} == set()


def test_a_criterion_is_met_in_any_spelling() -> None:
    """A criterion that excepts anaemia excepts "Anemia"; one of an organ class takes its terms, coded or not."""
    rule = Definition(21, (Criterion("grade 3 or worse", 3, except_terms=("Anaemia", "Neutropenia")),))
    event = lambda term, **more: AdverseEvent(term, 3, True, onset_day=5, **more)
    assert is_dlt(event("anemia"), rule, 6)[0] is TriState.NO
    assert is_dlt(event("Neutrophil count decreased"), rule, 6)[0] is TriState.NO
    assert is_dlt(event("Nausea"), rule, 6)[0] is TriState.YES
    eyes = Definition(21, (Criterion("any of the eye", 3, organ_classes=("Eye disorders",)),))
    assert is_dlt(event("Keratitis"), eyes, 6)[0] is TriState.YES
    assert is_dlt(event("Nausea"), eyes, 6)[0] is TriState.NO
    assert is_dlt(event("Keratopathy", organ_class="Eye disorders"), eyes, 6)[0] is TriState.YES
    assert is_dlt(event("Keratopathy"), eyes, 6) == (
        TriState.NOT_YET,
        "the system organ class of Keratopathy is not known",
    )
