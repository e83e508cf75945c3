"""posology import sdtm, export sdtm: what a reader sees, and what is left when something is wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posology.cli.app import app
from posology.interchange.datasets.folder import SourceError
from posology.record.store import StoreError
from tests.interchange.sdtm.sdtm_folder import dose, pilot, study

SMALL = (
    "dm",
    "ds",
    "ex",
    "ae",
    "suppae",
    "suppdm",
    "suppds",
    "mh",
    "ts",
    "rs_onco_recist",
    "tr_onco_recist",
    "tu_onco_recist",
)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    return pilot(tmp_path / "sdtm", SMALL)


def run(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_import_look_and_export(small: Path, tmp_path: Path) -> None:
    trial = tmp_path / "pilot.posology"
    shown = run("import", "sdtm", small, trial, "--by", "data manager")
    assert "adverse event" in shown and "not understood" in shown and "protocol: derived from the data" in shown
    report = json.loads((tmp_path / "pilot.posology.import.json").read_text())
    assert report["events"]["adverse_event"] == 1191 and report["rows"]["DM"] == 306
    assert {"domain", "variable", "rows", "examples", "why", "files"} == set(report["not_understood"][0])
    assert run("trial", "verify", trial).startswith("sound")
    rows = json.loads(run("trial", "status", trial, "--json"))
    assert len(rows) == 306 and sum(row["first_dose"] is not None for row in rows) == 254
    assert {row["cohort"] for row in rows} == {"", "Pbo", "Xan_Hi", "Xan_Lo"}
    run("readout", "write", trial, "--output-dir", tmp_path / "readout", "--cutoff", "2015-06-01")
    assert (
        "254 patients were treated, none of them with a dose at a level"
        in (tmp_path / "readout/readout.html").read_text()
    )
    made = json.loads(
        run("export", "sdtm", trial, tmp_path / "out", "--format", "json", "--cutoff", "2013-12-31", "--json")
    )
    assert made["cutoff"] == "2013-12-31" and made["datasets"]["DM"] < 306 and (tmp_path / "out/dm.json").is_file()
    assert "0 findings" in run("submission", "conform", tmp_path / "out")


def test_the_reader_and_what_is_left_out(small: Path, tmp_path: Path) -> None:
    out = json.loads(
        run(
            "import",
            "sdtm",
            small,
            tmp_path / "a.posology",
            "--reader",
            "independent",
            "--leave-out",
            "mh",
            "--json",
            "--report",
            tmp_path / "report.json",
        )
    )
    assert "medical_history" not in out["events"] and out["report"] == str(tmp_path / "report.json")
    twice = [found for found in out["findings"] if "TUMSTATE" in found["wrong"] and "is there twice" in found["wrong"]]
    accepted = 37 + 41 + 16 + 10  # target and non-target lesions that the review accepted, of both radiologists
    assert out["events"]["lesion_measured"] == accepted - 13 and len(twice) == 3 * 13


def test_what_is_wrong_leaves_nothing_behind(small: Path, tmp_path: Path) -> None:
    trial = tmp_path / "pilot.posology"
    (small / "lb.json").write_text("{}")
    with pytest.raises(ValueError, match=r"lb.json"):
        run("import", "sdtm", small, trial)
    assert not trial.exists() and not list(tmp_path.glob("*.import.json"))
    (small / "lb.json").unlink()
    trial.write_text("mine")
    with pytest.raises(StoreError, match="never overwritten"):
        run("import", "sdtm", small, trial)
    assert trial.read_text() == "mine" and not list(tmp_path.glob("*.import.json"))
    with pytest.raises(SourceError, match="cannot write the report"):
        run(
            "import",
            "sdtm",
            study(tmp_path / "s", ex=[dose("1")]),
            tmp_path / "b.posology",
            "--report",
            tmp_path / "no/report.json",
        )
    assert not (tmp_path / "b.posology").exists()
    run("import", "sdtm", tmp_path / "s", tmp_path / "c.posology")
    run("export", "sdtm", tmp_path / "c.posology", tmp_path / "out")
    with pytest.raises(SourceError, match="is there already"):
        run("export", "sdtm", tmp_path / "c.posology", tmp_path / "out")


def test_an_imported_trial_goes_on_under_the_rules(tmp_path: Path) -> None:
    from posology.conduct.trial import Refused

    run("import", "sdtm", study(tmp_path / "s", ex=[dose("1")]), tmp_path / "c.posology")
    with pytest.raises(Refused, match="consent-first"):
        run(
            "patient",
            "ae",
            tmp_path / "c.posology",
            "2",
            "--ae",
            "1",
            "--term",
            "Nausea",
            "--grade",
            "1",
            "--related",
            "--on",
            "2020-02-01",
        )
    run(
        "patient",
        "ae",
        tmp_path / "c.posology",
        "1",
        "--ae",
        "1",
        "--term",
        "Nausea",
        "--grade",
        "1",
        "--related",
        "--on",
        "2020-02-01",
    )
    with pytest.raises(ValueError, match="imported without its protocol"):
        run("trial", "advise", tmp_path / "c.posology")
