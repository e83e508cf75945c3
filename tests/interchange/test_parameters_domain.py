"""SDTM PP of a non-compartmental analysis, and ADPC and ADPP: the same numbers all the way, and who and when."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

from posology.cli.app import app
from posology.interchange.adam.analysis import analyse
from posology.interchange.adam.source import AdamConventions, SdtmSource
from posology.interchange.datasets.conformance.check import conform_datasets
from posology.interchange.datasets.formats import read_dataset
from posology.interchange.pk.parameters_domain import parameter_names
from posology.pharmacology.nca.registry import PARAMETERS
from tests.interchange.pk_record import course, made


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def two(tmp_path: Path, imgn853_document: dict[str, Any]) -> str:
    return made(
        tmp_path / "t.posology",
        imgn853_document,
        {"0401-009": course(350.0, level=6), "0401-002": course(210.0, level=5)},
    )


def test_from_a_record_to_adpp(two: str, tmp_path: Path) -> None:
    shown = json.loads(run("pk", "nca", two, "--pp", tmp_path / "pp.xpt", "--json"))
    pp = read_dataset(tmp_path / "pp.xpt").frame
    clearance = pp.filter(pl.col("PPTESTCD") == "CLO")
    by_profile = {p["profile"]: p["clearance_obs"] for p in shown["profiles"]}
    for profile, value in clearance.select("PPGRPID", "PPSTRESN").rows():
        assert value == pytest.approx(by_profile[profile], rel=1e-11)
    assert clearance["PPSTRESU"].unique().to_list() == ["mg/(day*ug/mL)"]
    assert clearance["PPRFTDTC"].to_list() == ["2013-01-07T09:00"] * 2
    assert clearance["USUBJID"].to_list() == ["IMGN853-0401-0401-002", "IMGN853-0401-0401-009"]
    assert all(name == parameter_names()[code] for code, name in pp.select("PPTESTCD", "PPTEST").rows())
    run("export", "adam", two, tmp_path / "adam", "--pp", tmp_path / "pp.xpt", "--format", "json")
    adpp = read_dataset(tmp_path / "adam/adpp.json").frame
    assert adpp.height == pp.height and adpp["ADY"].unique().to_list() == [1]
    mine = adpp.filter(pl.col("PARAMCD") == "CLO")
    assert mine["AVAL"].to_list() == pytest.approx(clearance["PPSTRESN"].to_list())
    assert mine["PARAM"].unique().to_list() == ["Total CL Obs (mg/(day*ug/mL))"]
    adpc = read_dataset(tmp_path / "adam/adpc.json").frame
    first = adpc.filter(pl.col("AFRLT") > 0).sort("USUBJID", "AFRLT").row(0, named=True)
    assert (first["ARRLT"], first["DOSEA"], first["DOSEU"]) == (first["AFRLT"], 210.0, "mg")
    assert "0 findings" in run("submission", "conform", tmp_path / "adam")


def test_what_is_no_source_of_pp_is_refused(two: str, tmp_path: Path) -> None:
    run("export", "nonmem", two, tmp_path / "pk.csv")
    with pytest.raises(ValueError, match="does not say who the subjects are in SDTM"):
        run("pk", "nca", tmp_path / "pk.csv", "--analyte", "ADC", "--pp", tmp_path / "pp.xpt")
    with pytest.raises(ValueError, match="PP is written as .xpt, .json"):
        run("pk", "nca", two, "--pp", tmp_path / "pp.txt")
    assert not list(tmp_path.glob("pp.*"))
    run("pk", "nca", two, "--pp", tmp_path / "pp.csv")
    (tmp_path / "pp.csv").write_text((tmp_path / "pp.csv").read_text().replace("0401-002", "0401-777"))
    with pytest.raises(ValueError, match="holds parameters of IMGN853-0401-0401-777, who is not in the record"):
        run("export", "adam", two, tmp_path / "adam", "--pp", tmp_path / "pp.csv")
    with pytest.raises(ValueError, match=r"is no PP: it has no USUBJID"):
        run("export", "adam", two, tmp_path / "adam", "--pp", tmp_path / "pk.csv")
    assert not (tmp_path / "adam").exists()


def test_codes_are_those_of_the_terminology() -> None:
    """Those that it lacks: the intercept of the terminal slope, predicted Clast, MRT and Vss at steady state."""
    codes = {code for p in PARAMETERS for code in (p.code, p.code_extravascular)}
    assert codes - set(parameter_names()) == {"", "LAMZICPT", "CLSTP"}
    assert max(map(len, parameter_names().values())) <= 40


def pc(*rows: dict[str, Any]) -> tuple[pl.DataFrame, list[str]]:
    """ADPC of one subject, first dosed on 10 May 2013 at 10:00, then on 31 May by its day alone."""
    doses = [("2013-05-10T10:00", 5.0), ("2013-05-31", 7.0)]
    ex = [{"EXSEQ": n, "EXTRT": "X", "EXDOSE": mg, "EXDOSU": "mg", "EXSTDTC": on} for n, (on, mg) in enumerate(doses)]
    of = {"PCTESTCD": "X", "PCTEST": "X", "PCSTRESU": "ng/mL", "PCSPEC": "PLASMA"}
    domains: dict[str, list[dict[str, Any]]] = {
        "DM": [{"SUBJID": "1", "ARM": "A", "ACTARM": "A"}],
        "EX": ex,
        "PC": [{**of, "PCSEQ": n, "PCSTRESC": str(row.get("PCSTRESN")), **row} for n, row in enumerate(rows, 1)],
    }
    frames = {
        name: pl.DataFrame([{"STUDYID": "S", "USUBJID": "1", **row} for row in each], infer_schema_length=None)
        for name, each in domains.items()
    }
    found = analyse(SdtmSource(frames), AdamConventions())
    assert conform_datasets({d.name: d for d in found.datasets}) == []
    return next(d.frame for d in found.datasets if d.name == "ADPC").sort("PCSEQ"), [str(f) for f in found.findings]


def test_times_are_from_the_first_dose_and_the_one_before() -> None:
    rows, _ = pc(
        {"PCSTRESN": 1.0, "PCDTC": "2013-05-10T09:30"},
        {"PCSTRESN": 9.0, "PCDTC": "2013-05-10T12:00"},
        {"PCSTRESN": None, "PCSTRESC": "<0.1", "PCDTC": "2013-05-17"},
        {"PCSTRESN": 8.0, "PCDTC": "2013-05-31T11:00"},
    )
    assert rows.select("AFRLT", "ARRLT", "DOSEA", "ABLFL").rows() == [
        (-0.5, -0.5, 5.0, "Y"),
        (2.0, 2.0, 5.0, None),
        (None, None, 5.0, None),
        (505.0, None, 7.0, None),
    ]
    assert rows["ADTM"].to_list()[:3] == [datetime(2013, 5, 10, 9, 30), datetime(2013, 5, 10, 12), None]
    below = rows.row(2, named=True)
    assert (below["AVAL"], below["AVALC"], below["ADT"]) == (None, "<0.1", date(2013, 5, 17))


def test_below_quantification_is_no_zero() -> None:
    """A number beside "<BLQ" (laboratories write 0) is none; a sample that was not taken has no row."""
    rows, _ = pc(
        {"PCSTRESN": 0.0, "PCSTRESC": "<BLQ", "PCDTC": "2013-05-10T12:00", "PCSTAT": None},
        {"PCSTRESN": None, "PCSTRESC": None, "PCDTC": "2013-05-10T13:00", "PCSTAT": "NOT DONE"},
    )
    assert "AVAL" not in rows.columns and rows.select("AVALC", "ANL01FL").rows() == [("<BLQ", "Y")]
