"""`posology sensitivity`: tables, JSON, CSV and figures; what is wrong is told in words."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posology.cli.app import app


def run(*words: str):
    return CliRunner().invoke(app, ["sensitivity", *words])


FEW = ("--samples", "16", "--patients", "40", "--cycles", "2")


def test_tumour(tmp_path: Path) -> None:
    figure, table = tmp_path / "tumour.svg", tmp_path / "tumour.csv"
    result = run("tumour", "--samples", "64", "--figure", str(figure), "--csv", str(table))
    assert result.exit_code == 0, result.output
    for told in ("What is varied", "25 nM [A]", "4.89 to 128", "± half of the 95 % bootstrap interval", "assumed"):
        assert told in result.output
    drawn = figure.read_text()
    assert "payload.ec50 [A]" in drawn and "first (alone)" in drawn and "share of the variance" in drawn
    rows = list(csv.DictReader(table.read_text().splitlines()))
    assert rows[0]["number"] == "payload.ec50" and rows[0]["evidence"] == "assumed"
    assert float(rows[0]["total low"]) < float(rows[0]["total"]) < float(rows[0]["total high"])


def test_tumour_of_another_compound_and_other_spreads() -> None:
    found = json.loads(
        run(
            "tumour", "--compound", "T-DM1", "--dose-mg", "250", "--samples", "32", "--cv", "payload.ec50=0", "--json"
        ).stdout
    )
    assert found["compound"] == "T-DM1" and found["seed"] == 1 and found["level"] == 0.95
    assert "payload.ec50" not in {row["number"] for row in found["indices"]}
    assert {row["number"] for row in found["indices"]} == {row["number"] for row in found["priors"]}


def test_trial(tmp_path: Path) -> None:
    figure = tmp_path / "trial.png"
    result = run("trial", *FEW, "--figure", str(figure))
    assert result.exit_code == 0, result.output
    for told in (
        "DLT rate",
        "ocular grade 3+",
        "response rate",
        "PFS median",
        "noise share",
        "ocular.power",
        "stated with the",
        "95 % interval of ORR",
    ):
        assert told in result.output
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_trial_as_json_is_seeded() -> None:
    once, again = (json.loads(run("trial", *FEW, "--cv", "response.kd=0.5", "--json").stdout) for _ in range(2))
    assert once == again
    prior = {row["number"]: row for row in once["priors"]}
    assert prior["response.kd"]["spread from"] == "given by the user" and prior["response.kd"]["CV (%)"] == 50
    assert {row["outcome"] for row in once["outcomes"]} == {
        "DLT rate",
        "ocular grade 3+",
        "response rate",
        "PFS median",
    }
    assert once["dose"] == 6 and once["unit"] == "mg/kg" and once["patients"] == 40


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("tumour", "--samples", "100"), "samples is 100: it must be a power of 2, 16 or more, such as 64 or 128"),
        (("tumour", "--compound", "IMGN"), "--compound is 'IMGN'; known: IMGN853"),
        (("tumour", "--dose-mg", "0"), "0 must be above 0"),
        (("tumour", "--positive", "1.2"), "1.2 must be above 0, at most 1"),
        (("tumour", "--cv", "payload.ec50"), "write it as ocular.power=0.4"),
        (("tumour", "--cv", "payload.ec05=1"), "did you mean payload.ec50"),
        (("tumour", "--cv", "antibody.vmax=1"), "antibody.vmax: 0 (linear"),
        (("tumour", "--cv", "payload.ec50=-1"), "lies between 0 and 20"),
        (("trial", *FEW, "--body-size", "height"), "--body-size is 'height'; known: total body weight"),
        (("trial", *FEW, "--dose", "-6"), "-6 must be above 0"),
        (("trial", *FEW, "--window", "0"), "0 must be 1 to 365"),
        (("trial", *FEW, "--figure", "x.jpg"), "ends in .png, .svg, .html or .json"),
        (("trial", "--samples", "17"), "samples is 17"),
        (("trial", "--patients", "7"), "patients is 7: it must be even, 20 or more"),
    ],
)
def test_what_is_wrong_is_told(words: tuple[str, ...], told: str) -> None:
    result = run(*words)
    said = " ".join(result.output.split()) if result.exit_code == 2 else str(result.exception)
    assert result.exit_code in (1, 2) and told in said, said
