"""Define-XML 2.1: valid by the published schema, its references whole, and saying what the datasets hold."""

from __future__ import annotations

from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from posology.conduct.trial import Trial
from posology.interchange.adam.adae import adae
from posology.interchange.adam.adex import adex
from posology.interchange.adam.adlb import adlb
from posology.interchange.adam.source import AdamConventions
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.define import Study, define, write_define
from posology.interchange.datasets.metadata import dataset_of, standard
from posology.interchange.sdtm.writer.write import export_sdtm
from tests.interchange.adam.test_analysis import source, subjects

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
DEF = "{http://www.cdisc.org/ns/def/v2.1}"
MADE = datetime(2014, 12, 31, tzinfo=UTC)


@cache
def datasets() -> tuple[Dataset, ...]:
    frames = {
        "ADSL": subjects(),
        "ADAE": adae(source(), AdamConventions(), subjects()),
        "ADEX": adex(source(), AdamConventions(), subjects()),
        "ADLB": adlb(source(), AdamConventions(), subjects()).filter(pl.col("PARAMCD").is_in(["ALB", "ALT", "COLOR"])),
    }
    return tuple(dataset_of(standard("adam"), name, frame) for name, frame in frames.items())


@cache
def document() -> ElementTree.Element:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        made = define(datasets(), standard("adam"), Study("CDISCPILOT01", "Pilot", "CDISCPILOT01"), created=MADE)
        return ElementTree.parse(write_define(made, Path(folder) / "define.xml")).getroot()


def item(oid: str) -> ElementTree.Element:
    found = document().find(f".//{ODM}ItemDef[@OID='{oid}']")
    assert found is not None
    return found


def whole(root: ElementTree.Element) -> None:
    """Every reference has its definition, and every item is referred to."""
    defined = {e.get("OID") for e in root.iter() if e.get("OID")} | {e.get("ID") for e in root.iter(f"{DEF}leaf")}
    named = (
        "ItemOID",
        "CodeListOID",
        "MethodOID",
        "WhereClauseOID",
        "ValueListOID",
        f"{DEF}StandardOID",
        f"{DEF}ItemOID",
        f"{DEF}ArchiveLocationID",
    )
    used = {
        value
        for e in root.iter()
        for name, value in e.attrib.items()
        if name.split("}")[-1] in {n.split("}")[-1] for n in named}
    }
    assert used <= defined
    items = {e.get("OID") for e in root.iter(f"{ODM}ItemDef")}
    assert items <= used


def test_every_reference_has_its_definition() -> None:
    whole(document())


def test_every_variable_is_there_in_its_order() -> None:
    for dataset in datasets():
        group = document().find(f".//{ODM}ItemGroupDef[@OID='IG.{dataset.name}']")
        assert group is not None
        names = [str(r.get("ItemOID")).split(".")[-1] for r in group.iter(f"{ODM}ItemRef")]
        assert names == dataset.frame.columns
        keys = sorted(
            (int(str(r.get("KeySequence"))), str(r.get("ItemOID")).split(".")[-1])
            for r in group.iter(f"{ODM}ItemRef")
            if r.get("KeySequence")
        )
        expected = standard("adam").datasets[dataset.name].keys
        assert tuple(name for _, name in keys) == expected


def test_types_lengths_and_formats() -> None:
    date = item("IT.ADSL.TRTSDT")
    assert (date.get("DataType"), date.get(f"{DEF}DisplayFormat")) == ("integer", "DATE9.")
    assert item("IT.ADAE.AESTDTC").get("DataType") == "partialDate"
    assert item("IT.ADAE.AETERM").get("Length") == str(datasets()[1].frame["AETERM"].str.len_chars().max())


def test_values_by_parameter_have_conditions_and_methods() -> None:
    listed = document().find(f".//{DEF}ValueListDef[@OID='VL.ADEX.AVAL']")
    assert listed is not None
    references = {str(r.get("ItemOID")): r for r in listed.iter(f"{ODM}ItemRef")}
    assert set(references) == {f"IT.ADEX.AVAL.{c}" for c in ("AVDDSE", "DOSE", "DURD", "TDOSE", "TDURD", "TNADM")}
    assert references["IT.ADEX.AVAL.TDOSE"].get("MethodOID") == "MT.TDOSE"
    condition = document().find(f".//{DEF}WhereClauseDef[@OID='WC.ADEX.PARAMCD.TDOSE']/{ODM}RangeCheck")
    assert condition is not None
    assert (condition.get(f"{DEF}ItemOID"), condition.findtext(f"{ODM}CheckValue")) == ("IT.ADEX.PARAMCD", "TDOSE")
    assert item("IT.ADLB.AVAL.ALB").findtext(f".//{DEF}Origin//{ODM}TranslatedText") == "LB.LBSTRESN"


def test_codelists_have_codes_and_decodes() -> None:
    sex = document().find(f".//{ODM}CodeList[@OID='CL.SEX']")
    assert sex is not None
    female = next(i for i in sex.iter(f"{ODM}CodeListItem") if i.get("CodedValue") == "F")
    assert [a.get("Name") for a in female.iter(f"{ODM}Alias")] == ["C16576"]
    assert female.findtext(f".//{ODM}TranslatedText") == "Female"


def test_a_value_that_the_codelist_lacks_is_marked_as_extending_it() -> None:
    frame = subjects().with_columns(pl.lit("MARTIAN").alias("RACE"))
    made = define([dataset_of(standard("adam"), "ADSL", frame)], standard("adam"), Study("S", "S", "S"), created=MADE)
    race = next(c for c in made.Study.MetaDataVersion.CodeList if c.OID == "CL.RACE")
    assert [i.CodedValue for i in race.CodeListItem if getattr(i, "ExtendedValue", None) == "Yes"] == ["MARTIAN"]


def test_the_same_datasets_give_the_same_file(tmp_path: Path) -> None:
    for name in ("one.xml", "two.xml"):
        write_define(define(datasets(), standard("adam"), Study("S", "S", "S"), created=MADE), tmp_path / name)
    assert (tmp_path / "one.xml").read_bytes() == (tmp_path / "two.xml").read_bytes()


def test_what_does_not_conform_is_not_written(tmp_path: Path) -> None:
    made = define(datasets()[:1], standard("adam"), Study("S", "S", "S"), created=MADE)
    made.Study.MetaDataVersion.ItemGroupDef.append(made.Study.MetaDataVersion.ItemGroupDef[0])
    with pytest.raises(ValueError, match=r"would not conform to Define-XML 2\.1"):
        write_define(made, tmp_path / "define.xml")
    assert not list(tmp_path.iterdir())


def test_the_table_of_the_standard_is_whole() -> None:
    adam = standard("adam")
    variables = [v for listed in adam.variables.values() for v in listed]
    methods = {v.method for v in variables} | {p.method for p in adam.parameters}
    assert methods - {""} == set(adam.methods)
    lists = {v.codelist for v in variables} | {p.codelist for p in adam.parameters}
    assert lists - {""} <= set(adam.codelists) | {"PARAMEX", "PARAMRS", "PARAMTTE"}
    assert all(len(v.variable) <= 8 and len(v.label) <= 40 for v in variables)
    assert all(v.method for v in variables if v.origin == "Derived")
    for name, spec in adam.datasets.items():
        assert set(spec.keys) <= {v.variable for v in adam.variables[name]}


def test_sdtm_of_a_record_has_its_define_xml(imgn853: Trial, tmp_path: Path) -> None:
    cutoff = date(2013, 5, 10)
    made = export_sdtm(imgn853.state(occurred_by=cutoff), tmp_path / "sdtm", created=MADE)
    root = ElementTree.parse(tmp_path / "sdtm/define.xml").getroot()
    whole(root)
    groups = {g.get("Name"): g for g in root.iter(f"{ODM}ItemGroupDef")}
    assert list(groups) == [d.name for d in made]
    classes = {name: g.find(f"{DEF}Class").get("Name") for name, g in groups.items()}  # type: ignore[union-attr]
    assert {
        "DM": "SPECIAL PURPOSE",
        "EX": "INTERVENTIONS",
        "AE": "EVENTS",
        "TR": "FINDINGS",
        "SUPPTR": "RELATIONSHIP",
        "TS": "TRIAL DESIGN",
    }.items() <= classes.items()
    assert groups["SUPPTR"].get("Domain") == "TR"
    for dataset in made:
        references = list(groups[dataset.name].iter(f"{ODM}ItemRef"))
        assert [str(r.get("ItemOID")).rpartition(".")[2] for r in references] == dataset.frame.columns
        keys = [
            str(r.get("ItemOID")).rpartition(".")[2]
            for r in sorted(references, key=lambda r: int(r.get("KeySequence") or 99))
            if r.get("KeySequence")
        ]
        assert not dataset.frame.select(keys).is_duplicated().any(), dataset.name
    for derived in root.iter(f"{ODM}ItemDef"):
        origin = derived.find(f"{DEF}Origin")
        assert origin is not None
        used = [r for r in root.iter(f"{ODM}ItemRef") if r.get("ItemOID") == derived.get("OID")]
        assert (origin.get("Type") == "Derived") == all(r.get("MethodOID") for r in used)
