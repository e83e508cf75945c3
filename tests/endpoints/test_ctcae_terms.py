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


def test_the_two_versions_have_as_many_terms_as_they_were_published_with() -> None:
    """790 in version 4.03, 837 in version 5.0 (NCI), "Other, specify" counted in each of the 26 classes."""
    text = (files("posology.endpoints") / "ctcae_terms.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    of = {version: [row for row in rows if version in row["versions"].split()] for version in ("4.03", "5")}
    assert {version: len(terms) for version, terms in of.items()} == {"4.03": 790, "5": 837}
    for terms in of.values():
        assert len({row["meddra"] for row in terms}) == len({row["term"] for row in terms}) == len(terms)
        assert sum("Other, specify" in row["term"] for row in terms) == 26
    names = [(row["meddra"], row["term"].casefold().replace("-", " ")) for row in rows if "Other" not in row["term"]]
    first = sorted({(code, name) for code, name in names if "10000000" < code < "10048000"})
    assert [name for _, name in first] == sorted(
        name for _, name in first
    )  # the first codes were given by the alphabet


@pytest.mark.parametrize(
    ("term", "class_4", "class_5"),
    [
        ("Conjunctivitis", "Eye disorders", "Infections and infestations"),
        (
            "Infusion related reaction",
            "General disorders and administration site conditions",
            "Injury, poisoning and procedural complications",
        ),
        ("Irritability", "General disorders and administration site conditions", "Psychiatric disorders"),
        ("Periorbital edema", "Skin and subcutaneous tissue disorders", "Eye disorders"),
        ("Conjunctivitis infective", "Infections and infestations", "Infections and infestations"),
        (
            "Abdominal soft tissue necrosis",
            "Musculoskeletal and connective tissue disorders",
            "Musculoskeletal and connective tissue disorders",
        ),
    ],
)
def test_the_organ_class_is_that_of_the_version(term: str, class_4: str, class_5: str) -> None:
    for version, organ_class in (("4.03", class_4), ("5", class_5)):
        known = find_term(term, version)  # type: ignore[arg-type]
        assert known is not None
        assert known.organ_class == organ_class


def test_a_code_finds_its_term_and_a_term_tells_its_versions() -> None:
    by_code, gone, new = find_term("10048492"), find_term("Acute coronary syndrome"), find_term("Cyanosis", "4.03")
    assert by_code is not None and by_code.name == "Corneal ulcer"
    assert gone is not None and (gone.is_in("4.03"), gone.is_in("5")) == (True, False)
    assert new is not None and (new.is_in("4.03"), new.is_in("5"), new.is_in("6")) == (False, True, True)


def test_a_criterion_reads_the_class_of_its_version_and_the_code_of_an_event() -> None:
    eyes = (Criterion("any of the eye", 3, organ_classes=("Eye disorders",)),)
    event = AdverseEvent("Conjunctivitis", 3, True, onset_day=5)
    assert is_dlt(event, Definition(21, eyes, ctcae="4.03"), 6)[0] is TriState.YES
    assert is_dlt(event, Definition(21, eyes), 6)[0] is TriState.NO
    named = Definition(21, (Criterion("keratitis", 3, terms=("Keratitis",)),))
    assert is_dlt(AdverseEvent("Keratopathy NOS", 3, True, 5), named, 6)[0] is TriState.NO
    assert is_dlt(AdverseEvent("Keratopathy NOS", 3, True, 5, code="10023332"), named, 6)[0] is TriState.YES
