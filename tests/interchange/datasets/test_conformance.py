"""Each rule of conformance holds on data that keep to it, and tells of data that do not."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from posology.interchange.datasets.conformance.check import conform, conform_datasets
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.formats import read_dataset, write_dataset
from tests.interchange.adam.test_analysis import DATA
from tests.interchange.datasets.test_define import datasets

DAY = date(2013, 5, 10)


def said(*datasets: Dataset) -> list[str]:
    return [str(finding) for finding in conform_datasets({d.name: d for d in datasets})]


def adsl(**columns: object) -> Dataset:
    base = {
        "STUDYID": "S",
        "USUBJID": "1",
        "SUBJID": "1",
        "SITEID": "1",
        "AGE": 60,
        "AGEU": "YEARS",
        "SEX": "F",
        "RACE": "WHITE",
        "ARM": "A",
        "TRT01P": "A",
        "TRTSDT": DAY,
        "TRTEDT": DAY,
    }
    return Dataset.of("ADSL", pl.DataFrame({k: [v] for k, v in (base | columns).items()}))


def bds(**columns: list[object]) -> Dataset:
    base: dict[str, list[object]] = {
        "STUDYID": ["S", "S"],
        "USUBJID": ["1", "1"],
        "PARAM": ["Albumin", "Albumin"],
        "PARAMCD": ["ALB", "ALB"],
        "AVAL": [40.0, 30.0],
        "ADT": [date(2013, 5, 9), date(2013, 5, 31)],
        "TRTSDT": [DAY, DAY],
        "ADY": [-1, 22],
        "LBSEQ": [1, 2],
        "ABLFL": ["Y", None],
        "BASE": [40.0, 40.0],
        "CHG": [None, -10.0],
        "PCHG": [None, -25.0],
    }
    return Dataset.of("ADLB", pl.DataFrame(base | columns))


def test_what_we_make_of_the_pilot_conforms() -> None:
    assert said(*datasets()) == []


def test_the_pilot_itself() -> None:
    names = ("ae", "dm", "ds", "ex", "vs", "suppae")
    found = said(*(read_dataset(DATA / f"sdtm/{name}.csv.gz") for name in names))
    assert found == ["patient 01-716-1063, AE.AESTDY: is 366; it is counted from RFSTDTC to AESTDTC"]


BROKEN = [
    ([adsl(SEX="X")], "ADSL.SEX: is 'X'; one of F, M"),
    ([adsl(USUBJID=None)], "ADSL.USUBJID: is missing"),
    ([adsl(TRTEDT=date(2013, 5, 9))], "ADSL.TRTEDT: 2013-05-09 is before TRTSDT"),
    ([adsl(SAFFL="X")], "ADSL.SAFFL: is 'X'; Y, N or missing"),
    (
        [adsl(DTHDT=date(2013, 7, 1), DCUTDT=date(2013, 6, 1))],
        "ADSL.DTHDT: is 2013-07-01; nothing lies after the cutoff 2013-06-01",
    ),
    (
        [adsl(), adsl(RACE=None).__class__.of("ADSL", adsl().frame.drop("RACE"))],
        "ADSL.RACE: is not there; ADaMIG 1.3 requires it",
    ),
    ([adsl(), bds(USUBJID=["1", "2"])], "patient 2, ADLB.USUBJID: is not in ADSL"),
    ([adsl(), bds(ADY=[0, 22])], "ADLB.ADY: is 0; it is counted from TRTSDT to ADT"),
    ([adsl(), bds(ABLFL=["Y", "Y"])], "ADLB.ABLFL: is Y more than once for a parameter"),
    ([adsl(), bds(BASE=[41.0, 40.0])], "ADLB.BASE: is 41.0; it is AVAL of the record with ABLFL = Y"),
    ([adsl(), bds(CHG=[None, 10.0])], "ADLB.CHG: is 10.0; it is AVAL - BASE"),
    ([adsl(), bds(PCHG=[None, 25.0])], "ADLB.PCHG: is 25.0"),
    ([adsl(), bds(PARAM=["Albumin", "Albumin (g/L)"])], "ADLB.PARAMCD: 'ALB' has more than one PARAM"),
    ([adsl(), bds(ADT=[date(2013, 5, 9)] * 2, ADY=[-1, -1], LBSEQ=[1, 1])], "ADLB: has several rows with PARAMCD ALB"),
    (
        [adsl(), Dataset.of("ADLB", bds().frame, labels={"AVAL": "Value"})],
        "ADLB.AVAL: has the label 'Value'; Analysis Value",
    ),
    ([bds()], "ADSL: is not there; every submission has it"),
]


def sdtm(name: str, **columns: list[object]) -> Dataset:
    rows = len(next(iter(columns.values())))
    base: dict[str, list[object]] = {"STUDYID": ["S"] * rows, "DOMAIN": [name] * rows, "USUBJID": ["1"] * rows}
    return Dataset.of(name, pl.DataFrame(base | columns))


DM = sdtm("DM", RFSTDTC=["2013-05-10"])
AE = sdtm("AE", AESEQ=[1, 2], AETERM=["a", "b"])
BROKEN += [
    ([DM, sdtm("AE", AESEQ=[1, 1], AETERM=["a", "b"])], "AE.AESEQ: 1 is there more than once"),
    ([DM, sdtm("AE", AESEQ=[1], AETERM=[None])], "AE.AETERM: is missing; SDTMIG requires it"),
    ([DM, sdtm("AE", AESEQ=[1])], "AE.AETERM: is not there"),
    ([DM, sdtm("AE", AESEQ=[1], AETERM=["a"], DOMAIN=["CM"])], "AE.DOMAIN: is CM; it is AE"),
    ([DM, sdtm("AE", AESEQ=[1], AETERM=["a"], GRADE=[1])], "AE.GRADE: does not begin with the domain"),
    ([DM, sdtm("AE", AESEQ=[1], AETERM=["a"], AESTDTC=["2013-02-30"])], "AE.AESTDTC: is '2013-02-30'"),
    (
        [DM, sdtm("AE", AESEQ=[1], AETERM=["a"], AESTDTC=["2013-06-02"], AEENDTC=["2013-06-01"])],
        "AE.AEENDTC: 2013-06-01 is before the start",
    ),
    ([DM, sdtm("AE", AESEQ=[1], AETERM=["a"], AESTDTC=["2013-05-10"], AESTDY=[0])], "AE.AESTDY: is 0"),
    ([DM, sdtm("LB", LBSEQ=[1], LBTESTCD=["9LIVES"], LBTEST=["x"])], "LB.LBTESTCD: is '9LIVES'"),
    ([DM, sdtm("LB", LBSEQ=[1], LBTESTCD=["A"], LBTEST=["x" * 41])], "is too long; forty characters"),
    (
        [
            DM,
            AE,
            Dataset.of(
                "SUPPAE",
                pl.DataFrame(
                    {
                        "STUDYID": ["S"],
                        "RDOMAIN": ["AE"],
                        "USUBJID": ["1"],
                        "IDVAR": ["AESEQ"],
                        "IDVARVAL": ["3"],
                        "QNAM": ["DLT"],
                        "QLABEL": ["DLT"],
                        "QVAL": ["Y"],
                    }
                ),
            ),
        ],
        "SUPPAE.IDVARVAL: names no row of AE: AESEQ 3",
    ),
    (
        [
            DM,
            Dataset.of(
                "SUPPAE",
                pl.DataFrame(
                    {
                        "STUDYID": ["S"],
                        "RDOMAIN": ["AE"],
                        "USUBJID": ["1"],
                        "IDVAR": ["AESEQ"],
                        "IDVARVAL": ["3"],
                        "QNAM": ["DLT"],
                        "QLABEL": ["DLT"],
                        "QVAL": ["Y"],
                    }
                ),
            ),
        ],
        "SUPPAE: has no parent domain",
    ),
]


@pytest.mark.parametrize(("broken", "says"), BROKEN)
def test_a_broken_rule_is_told(broken: list[Dataset], says: str) -> None:
    assert any(says in finding for finding in said(*broken)), said(*broken)


def test_many_findings_of_a_kind_are_counted() -> None:
    many = sdtm("AE", AESEQ=list(range(50)), AETERM=[None] * 50)
    found = said(DM, many)
    assert len(found) == 21
    assert "and 30 more of the last kind" in found[-1]


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no dataset"):
        conform(tmp_path)
    write_dataset(adsl(), tmp_path / "adsl.xpt")
    (tmp_path / "adae.xpt").write_bytes(b"hello")
    found = [str(finding) for finding in conform(tmp_path)]
    assert len(found) == 1
    assert found[0].startswith("adae.xpt: cannot be read")
