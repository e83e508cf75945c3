"""A protocol broken in many ways: every error at once, with its line and what would be right; and its synopsis."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from posology.protocol.amendments import in_force, merge, versions
from posology.protocol.build import decision_rules, design_from_protocol
from posology.protocol.diff import differences
from posology.protocol.load import load_document, protocol_schema
from posology.protocol.model import protocol_from
from posology.protocol.synopsis import mark, synopsis
from posology.shared.yaml_files import InputFileError, parse_yaml
from tests.conftest import EXAMPLE

TEXT = (EXAMPLE / "protocol.yaml").read_text(encoding="utf-8")


def findings(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputFileError) as error:
        load_document(path)
    return [str(f).removeprefix(str(path)) for f in error.value.findings]


BROKEN = [
    ("  unit: mg/kg", "  unit: mg", "dose.body_size", "a dose in mg goes by flat"),
    ("  unit: mg/kg", "  unit: mg/kq", "dose.unit", "did you mean mg/kg?"),
    ("body_size: total body weight", "body_size: total weight", "dose.body_size", "did you mean total body weight?"),
    ("[0.15, 0.5, 1.0,", "[0.15, 1.0, 0.5,", "dose.levels.3", "from the lowest to the highest"),
    ("[0.15, 0.5,", "[-0.15, 0.5,", "dose.levels.1", "must be above 0"),
    ("[0.15, 0.5,", "[one, 0.5,", "dose.levels.1", "write a number"),
    ("[0.15, 0.5, 1.0, 2.0, 3.3, 5.0, 7.0]", "[]", "dose.levels", "cannot be empty"),
    ("  start_level: 1", "  start_level: 8", "dose.start_level", "levels 1 to 7"),
    ("  start_level: 1", '  start_level: "1"', "dose.start_level", "write a whole number"),
    ("  start_level: 1", "  startlevel: 1", "dose.startlevel", "did you mean start_level?"),
    ('  version: "1.0"', "  version: 1.0", "trial.version", "in quotes"),
    ("  date: 2012-05-30", "  date: 30 May 2012", "trial.date", "2013-05-10"),
    ("  date: 2012-05-30", "  date: 2012-13-30", "trial.date", "2013-05-10"),
    ("  cycle_days: 21", "  cycle_days: 0", "schedule.cycle_days", "must be at least 1"),
    ("  dosing_days: [1]", "  dosing_days: [22]", "schedule.dosing_days", "days from 1 to 21"),
    ("  window_days: 21\n", "", "dlt.window_days", "must be given"),
    ("      minimum_grade: 3", "      minimum_grade: 6", "dlt.criteria.1.minimum_grade", "must be at most 5"),
    ("  method: 3+3", "  method: 3+4", "design.method", "did you mean 3+3?"),
    ("  method: 3+3\n", "", "design.method", "name the design: 3+3"),
    ("  mtd_patients: 6", "  mtd_patients: 5", "design.mtd_patients", "allowed: 3 or 6"),
    ("  through_level: 4", "  through_level: 9", "titration.through_level", "levels 1 to 7"),
    ("fact: age, at_least: 18", "fact: aeg, at_least: 18", "eligibility.1.fact", "did you mean 'age'"),
    ("fact: age, at_least: 18", "fact: age", "eligibility.1.fact", "give at_least or at_most"),
    ("fact: age, at_least: 18", "fact: age, is_true: true", "eligibility.1.is_true", "it takes at_least and at_most"),
    ("{id: I3,", "{id: I1,", "eligibility.3.id", "number each criterion once"),
    ("  linker: {name: sulfo-SPDB", "  tinker: {name: sulfo-SPDB", "drug.tinker", "did you mean linker?"),
    ("posology: 1", "posology: 2", "posology", "must be at most 1"),
    ("    date: 2013-04-29", "    date: 2011-04-29", "amendments.1.date", "in order of date"),
    ("          title: Endometrial cancer", "          titel: Endometrial cancer", "amendments.1", "title"),
    ("trial:\n", "trial: {\n", "YAML", "layout"),
    ("trial:\n", "\ttrial:\n", "YAML", "layout"),
    ("drug:\n", "trial:\n", "YAML", "it stands in line 8 already"),
    ("[0.15, 0.5,", '["0.15", 0.5,', "dose.levels.1", "write a number"),
    ("fact: age, at_least: 18", "fact: sex, one_of: [female]", "eligibility.1.one_of", "it is F or M"),
    ("fact: age, at_least: 18", "fact: age, at_least: 70, at_most: 60", "eligibility.1.at_most", "nobody can be both"),
    ("fact: age, at_least: 18", "fact: age, at_least: 180", "eligibility.1", "leaves nobody"),
    (
        "{id: I3, text",
        "{id: I0, text: x, kind: exclusion, fact: age, at_least: 18}\n  - {id: I3, text",
        "eligibility.3",
        "leaves nobody",
    ),
    ("one_of: [ovarian]}", "one_of: [lung]}", "expansion.ovarian-resistant.eligibility.1", "leaves nobody"),
    ("dlt:\n  window_days: 21", "dlt:\n  window_days: 900", "dlt.window_days", "must be at most 365"),
    (
        "      terms: [Neutropenia]",
        "      terms: [Neutropenia]\n      except_terms: [neutropenia]",
        "dlt.criteria.2.except_terms",
        "nothing would ever meet",
    ),
    (
        "      terms: [Neutropenia]",
        "      terms: [Neutropenia]\n      except_terms: [Neutrophil count decreased]",
        "dlt.criteria.2.except_terms",
        "nothing would ever meet",
    ),
    (
        "      terms: [Neutropenia]",
        "      terms: [Neutropenea]",
        "dlt.criteria.2.terms.1",
        "did you mean Neutrophil count",
    ),
    ("      terms: [Neutropenia]", "      terms: [Cyanosis]", "dlt.criteria.2.terms.1", "CTCAE 5, and not of 4.03"),
    ('  ctcae: "4.03"', "  ctcae: 4.03", "dlt.ctcae", 'in quotes: "4.03"'),
    ('  ctcae: "4.03"', "  ctcae: 5", "dlt.ctcae", 'in quotes: "5"'),
    ('  ctcae: "4.03"', '  ctcae: "3.0"', "dlt.ctcae", "allowed: '4.03', '5' or '6'"),
    (
        "fact: age, at_least: 18",
        "fact: laboratory, test: NEUTR, unit: 10^9/L, at_least: 1",
        "eligibility.1.test",
        "did you mean NEUT?",
    ),
    (
        "fact: age, at_least: 18",
        "fact: laboratory, test: alt, unit: ULN, at_most: 2.5",
        "eligibility.1.test",
        "did you mean ALT?",
    ),
    (
        "fact: age, at_least: 18",
        "fact: laboratory, test: liver enzymes, unit: ULN, at_most: 2.5",
        "eligibility.1.test",
        "write its CDISC code",
    ),
    (
        "fact: age, at_least: 18",
        "fact: laboratory, test: NEUT, unit: mg/dL, at_least: 1",
        "eligibility.1.unit",
        "10^9/l, or ULN",
    ),
    (
        "fact: age, at_least: 18",
        "fact: laboratory, test: NEUT, at_least: 1",
        "eligibility.1.unit",
        "name the test and its unit",
    ),
    ("posology: 1\n", "posology: 1\ncommittee: {sign: [PI, pi]}\n", "committee.sign", "name each role once"),
    (
        "posology: 1\n",
        "posology: 1\nenrolment: {queue: fate}\n",
        "enrolment.queue",
        "allowed: 'consent' or 'eligibility'",
    ),
]


@pytest.mark.parametrize(("old", "new", "field", "right"), BROKEN)
def test_broken(tmp_path: Path, old: str, new: str, field: str, right: str) -> None:
    assert old in TEXT
    found = findings(tmp_path, TEXT.replace(old, new, 1))
    hit = [line for line in found if field in line and right.replace("'", "") in line.replace("'", "")]
    assert hit, found
    if field.rsplit(".", 1)[-1] + ":" in new:  # the line is that of the field itself
        where = TEXT[: TEXT.index(old)].count("\n") + 1 + new.strip("\n").count("\n")
        assert hit[0].startswith(f":{where}:"), (where, hit)


def test_every_error_at_once(tmp_path: Path) -> None:
    text = TEXT.replace("cycle_days: 21", "cycle_days: none").replace("mtd_patients: 6", "mtd_patients: 5")
    text = text.replace("fact: age, at_least: 18", "fact: age").replace("phase: ", "fase: ")
    found = findings(tmp_path, text)
    assert len(found) == 4
    assert [int(f.split(":")[1]) for f in found] == sorted(int(f.split(":")[1]) for f in found)


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"\xff\xfe\x00", b"just text"])
def test_no_protocol_at_all(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "p.yaml"
    path.write_bytes(content)
    with pytest.raises(InputFileError):
        load_document(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="does not exist"):
        load_document(tmp_path / "none.yaml")
    with pytest.raises(InputFileError, match="is a folder"):
        load_document(tmp_path)


def test_synopsis_says_it_all(imgn853_document: dict[str, Any]) -> None:
    sections = {s.title: " ".join(line.text for line in s.lines) for s in synopsis(protocol_from(imgn853_document))}
    for part in ("M9346A", "sulfo-SPDB", "DM4", "folate receptor alpha"):
        assert part in sections["Drug"]
    assert "7: 7 (mg/kg)" in sections["Dose"]
    assert "total body weight" in sections["Dose"]
    assert "days 1 to 21" in sections["Dose-limiting toxicity (DLT)"]
    assert (
        "of 3 patients evaluable, 0 DLT: escalate; 1 DLT: treat 3 more; 2 to 3 DLT: de-escalate" in sections["Design"]
    )
    assert "prior regimens at most 3" in sections["Expansion cohort ovarian-resistant"]
    assert "endometrial cancer" in sections["Amendments"]


def test_marks(imgn853_document: dict[str, Any]) -> None:
    protocol = protocol_from(imgn853_document)
    assert mark(protocol, "trial.objectives") == "stated"
    assert mark(protocol, "drug.linker") == "published"
    assert mark(protocol, "dlt.window_days") == "assumed"
    plain = protocol_from({k: v for k, v in imgn853_document.items() if k != "provenance"})
    assert mark(plain, "dlt.window_days") is None


def test_versions_and_their_difference(imgn853_document: dict[str, Any]) -> None:
    from datetime import date

    one, two = versions(imgn853_document)
    assert "endometrial" not in one["expansion"]
    assert "endometrial" in two["expansion"]
    assert in_force(imgn853_document, date(2013, 4, 28)) == one
    assert in_force(imgn853_document, date(2013, 4, 29)) == two
    said = list(differences(one, two))
    assert "trial: version: was 1.0; is 2.0" in said
    assert any(s.startswith("expansion: endometrial: added: Endometrial cancer") for s in said)


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patch_cases_of_rfc_7396(target: Any, patch: Any, result: Any) -> None:
    """From appendix A of RFC 7396."""
    assert merge(target, patch) == result


def test_the_schema_fits_the_example() -> None:
    import json

    from jsonschema import Draft202012Validator

    plain = json.loads(json.dumps(parse_yaml(TEXT)))
    Draft202012Validator.check_schema(protocol_schema())
    assert list(Draft202012Validator(protocol_schema()).iter_errors(plain)) == []
    plain["dose"]["unit"] = "mg/kq"
    plain["design"]["mtd_patients"] = 5
    assert len(list(Draft202012Validator(protocol_schema()).iter_errors(plain))) == 2


def test_a_boin_protocol(imgn853_document: dict[str, Any]) -> None:
    made = {
        **imgn853_document,
        "design": {"method": "boin", "target": 0.3, "cohort": 3, "max_patients": 30},
        "titration": None,
    }
    protocol = protocol_from(made)
    assert type(design_from_protocol(protocol)).__name__ == "Boin"
    assert (
        decision_rules(protocol)[0]
        == "of 3 patients evaluable, 0 DLT: escalate; 1 DLT: treat 3 more; 2 DLT: de-escalate; 3 DLT: de-escalate,"
        " never to return"
    )


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value of a document."""
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from places(value, (*path, key))


HOSTILE = (None, [], {}, "x", "", -1, 0, 1e308, 10**30, True, [1], {"a": 1}, ...)
"""What a value of a protocol may be replaced by; left out, for ``...``."""
BASE = json.loads(json.dumps(parse_yaml(TEXT)))


def check_changed(path: Path, changes: Sequence[tuple[tuple[Any, ...], Any]]) -> None:
    """Replace values of the example: an error has its line and says what is wrong, what passes has a synopsis."""
    changed = copy.deepcopy(BASE)
    for place, value in changes:
        parent = changed
        for step in place[:-1]:
            parent = parent[step]
        if value is ...:
            del parent[place[-1]]
        else:
            parent[place[-1]] = value
    path.write_text(json.dumps(changed), encoding="utf-8")
    try:
        checked = load_document(path)
    except InputFileError as error:
        assert all(finding.line >= 1 and finding.wrong for finding in error.findings), changes
    else:
        assert synopsis(protocol_from(checked)), changes


def test_random_protocols(tmp_path: Path) -> None:
    random, everywhere = Random(1), list(places(BASE))
    for _ in range(100):
        check_changed(tmp_path / "p.yaml", [(random.choice(everywhere), random.choice(HOSTILE))])


@pytest.mark.slow
@pytest.mark.parametrize("value", HOSTILE)
def test_whatever_stands_in_a_field_is_accepted_or_explained(tmp_path: Path, value: Any) -> None:
    """Each value of the example in turn is replaced, or left out."""
    for place in places(BASE):
        check_changed(tmp_path / "p.yaml", [(place, value)])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_protocols_with_two_values_replaced(tmp_path: Path, seed: int) -> None:
    random, everywhere = Random(seed), list(places(BASE))
    for _ in range(50):
        first, second = random.choice(everywhere), random.choice(everywhere)
        within = first[: len(second)] == second or second[: len(first)] == first
        if not within:
            check_changed(tmp_path / "p.yaml", [(place, random.choice(HOSTILE[:-1])) for place in (first, second)])


def test_a_huge_protocol_is_refused_at_once(tmp_path: Path) -> None:
    """5 MB of criteria are read with the line of each, and named as too many."""
    rows = "".join(f'  - {{id: Z{i}, text: "criterion number {i}", fact: attested}}\n' for i in range(80_000))
    text = TEXT.replace("eligibility:\n  - {id: I1", f"eligibility:\n{rows}  - {{id: I1", 1)
    assert len(text) > 4_900_000
    assert findings(tmp_path, text) == [":83: eligibility: has 80007 entries; give at most 500"]
