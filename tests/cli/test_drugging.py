"""`posology simulate regimens`: tables and figures of exposure; wrong files are told line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from posology.cli.app import app
from posology.shared.yaml_files import InputFileError

GOOD = """\
compound: IMGN853, geometric means
patients:
  number: 60
  seed: 853
regimens:
  - name: adjusted
    dose: 6
    unit: mg/kg
    body_size: adjusted ideal body weight
    cycles: 2
  - name: total, late
    dose: 6
    unit: mg/kg
    body_size: total body weight
    cycles: 2
    hours: 2
    changes: [{dose: 2, delay_days: 7, factor: 0.5}]
"""


@pytest.fixture
def run(tmp_path: Path):
    def _run(text: str, *options: str):
        file = tmp_path / "regimens.yaml"
        file.write_text(text)
        return CliRunner().invoke(app, ["simulate", "regimens", str(file), *options])

    return _run


def test_table_figure_and_csv(run, tmp_path: Path) -> None:
    for suffix, head in (("png", b"\x89PNG"), ("svg", b"<svg"), ("html", b"<!DOCTYPE html>")):
        figure = tmp_path / f"exposure.{suffix}"
        result = run(GOOD, "--figure", str(figure), "--csv", str(tmp_path / "exposure.csv"))
        assert result.exit_code == 0, result.output
        assert figure.read_bytes()[:20].lstrip().startswith(head)
    assert (
        "[C]" in result.output and "to be checked" in result.output and "60 virtual patients, seed 853" in result.output
    )
    assert (tmp_path / "exposure.csv").read_text().startswith("regimen,analyte,cycle,measure,mean,median,low,high")


def test_json_is_seeded_and_says_where_numbers_come_from(run) -> None:
    first, second = (json.loads(run(GOOD, "--json").stdout) for _ in range(2))
    assert first == second
    assert first["parameters"]["antibody.cl"]["evidence"] == "computed" and first["seed"] == 853
    rows = {(r["regimen"], r["analyte"], r["cycle"], r["measure"]): r for r in first["table"]}
    row = rows["adjusted", "adc", "1", "Cmax (ug/mL)"]
    assert row["low"] < row["median"] < row["high"] and 100 < row["median"] < 160
    assert 0.7 * first["mean_dose_mg"]["total, late"] < 415 and first["mean_dose_mg"]["adjusted"] == pytest.approx(
        356, rel=0.05
    )


def test_listed_patients_without_variation_are_the_closed_form(run) -> None:
    """One woman of 67 kg: the typical patient; the area over many days is dose over clearance."""
    text = """\
compound: IMGN853
patients: {vary: false, listed: [{weight_kg: 67, height_cm: 161, sex: F}]}
parameters: {linker.kdec_scale: {value: 0, unit: "1"}}
analytes: [antibody]
regimens: [{name: flat, dose: 355, unit: mg, body_size: flat, interval_days: 300}]
"""
    table = {r["measure"]: r["median"] for r in json.loads(run(text, "--json").stdout)["table"]}
    naked = 0.071 / 0.998  # of the dose, lighter than the conjugate
    expected = 355 / 0.373 * (1 - naked + naked * 144_522 / 150_000)
    assert table["AUC (d x ug/mL)"] == pytest.approx(expected, rel=1e-7)


def measures(result, regimen: str) -> dict[tuple[str, str], dict[str, float]]:
    rows = json.loads(result.stdout)["table"]
    return {(r["cycle"], r["measure"]): r for r in rows if r["regimen"] == regimen and r["analyte"] == "adc"}


@pytest.mark.parametrize("compound", ["IMGN853", "IMGN853, saturable"])
def test_a_bolus_belongs_to_its_own_cycle(run, compound: str) -> None:
    """Trough and peak of a cycle come before the bolus of the next one; an infusion of a minute says the same."""
    text = f"""\
compound: {compound}
analytes: [adc]
patients: {{listed: [{{weight_kg: 67, height_cm: 161, sex: F}}], vary: false}}
regimens:
  - {{name: bolus, dose: 355, unit: mg, body_size: flat, cycles: 2, hours: 0}}
  - {{name: minute, dose: 355, unit: mg, body_size: flat, cycles: 2, hours: 0.0166}}
  - {{name: weekly, dose: 100, unit: mg, body_size: flat, cycles: 1, days: [1, 8], hours: 0}}
"""
    result = run(text, "--json")
    bolus, minute, weekly = (measures(result, name) for name in ("bolus", "minute", "weekly"))
    for key, row in bolus.items():
        assert row["median"] == pytest.approx(minute[key]["median"], rel=2e-3), key
    # another solver's: peak, area over 21 days, trough; and what two weekly doses come to
    wanted = (143.36717, 801.196, 6.85022) if compound == "IMGN853" else (132.32122, 685.03, 6.55248)
    found = [bolus["1", name]["median"] for name in ("Cmax (ug/mL)", "AUC (d x ug/mL)", "Ctrough (ug/mL)")]
    assert found == pytest.approx(wanted, rel=3e-4)
    if compound == "IMGN853":
        assert bolus["2", "Cmax (ug/mL)"]["median"] == pytest.approx(150.21739, rel=1e-6)
        assert weekly["1", "Cmax (ug/mL)"]["median"] == pytest.approx(52.548055, rel=1e-6)


def test_intervals_of_few_patients_are_interpolated(run) -> None:
    """Two patients: the median lies between them, and the interval is not one of the two."""
    text = """\
compound: IMGN853
analytes: [adc]
patients: {listed: [{weight_kg: 60, height_cm: 161, sex: F}, {weight_kg: 110, height_cm: 170, sex: M}], vary: false}
regimens: [{name: one, dose: 6, unit: mg/kg, body_size: adjusted ideal body weight, hours: 2.4}]
"""
    for row in measures(run(text, "--json"), "one").values():
        assert row["median"] == pytest.approx(row["mean"], rel=1e-9)
        half = (row["high"] - row["low"]) / 0.9 / 2
        assert half >= 0 and row["low"] + 0.45 * 2 * half == pytest.approx(row["median"], rel=1e-9)


def test_saturable_compound(run) -> None:
    text = GOOD.replace("geometric means", "saturable").replace("60", "3").replace("dose: 6\n", "dose: 0.5\n")
    result = run(text, "--json")
    assert result.exit_code == 0 and json.loads(result.stdout)["parameters"]["antibody.vmax"]["value"] > 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("IMGN853, geometric means", "IMGN", "yaml:1: compound: is 'IMGN'; known: IMGN853"),
        (
            "unit: mg/kg\n    body_size: adj",
            "unit: mg\n    body_size: adj",
            "yaml:6: regimens.1: unit mg does not match adjusted ideal",
        ),
        ("number: 60", "number: 0", "yaml:3: patients.number: is 0: it must be greater than or equal to 1"),
        ("number: 60", "listed: [{weight_kg: -60, height_cm: 161, sex: F}]", "yaml:3: patients.listed.1.weight_kg"),
        ("number: 60", "listed: [{height_cm: 161, sex: F}]", "yaml:3: patients.listed.1.weight_kg: is missing"),
        ("number: 60", "listed: [{weight_kg: 60, height_cm: 16.1, sex: F}]", "patients.listed.1.height_cm"),
        ("number: 60", "tumour_types: {ovarian: 0.5}", "the shares do not sum to 1"),
        ("number: 60", "tumour_types: {liver: 1}", "patients.tumour_types.liver: is no tumour type"),
        ("dose: 2, delay", "dose: 3, delay", "changes name dose 3: there are 2"),
        ("hours: 2", "days: [8, 1]", "rising days"),
        ("delay_days: 7", "delay_days: -7", "delay_days: is -7: it must be greater than or equal to 0"),
        ("cycles: 2", "cycels: 2", "yaml:10: regimens.1.cycels: is no field here"),
        ("patients:", "compond: x\npatients:", "yaml:2: compond: is no field here"),
        ("name: total, late", "name: adjusted", "two regimens have one name"),
        (
            "patients:",
            "parameters: {antibody.cl: {value: 18.9, unit: mL/h}}\npatients:",
            "yaml:2: parameters.antibody.cl: antibody.cl is in L/d",
        ),
        (
            "cycles: 2",
            "cycle: 2",
            "yaml:10: regimens.1.cycle: is no field here; see `posology simulate regimens --help`",
        ),
        ("dose: 6", "dose: .inf", "yaml:7: regimens.1.dose"),
        ("cycles: 2", "compound: T-DM2", "yaml:10: regimens.1.compound: is 'T-DM2'; known: IMGN853"),
        ("cycles: 2", "swap: {linker: SPDB}", "yaml:10: regimens.1.swap.linker: is 'SPDB'; known: IMGN853"),
        ("cycles: 2", "swap: {toxin: T-DM1}", "yaml:10: regimens.1.swap.toxin"),
        (
            "cycles: 2",
            "parameters: {payload.c: {value: 1, unit: L/d}}",
            "yaml:10: regimens.1.parameters.payload.c: payload.c is no quantity",
        ),
        ("cycles: 2", "first_doses: [1, 2]", "first_doses has 2 doses: there are 1"),
        ("hours: 2", "body_size_cap: -2", "yaml:16: regimens.2.body_size_cap"),
        ("patients:", "samples: [7, 1]\npatients:", "samples: is [7.0, 1.0]: it must be days in rising order"),
        ("patients:", "assay: {adc: {proportional: -1}}\npatients:", "yaml:2: assay.adc.proportional"),
        ("patients:", "analytes: [adc, ada]\npatients:", "yaml:2: analytes.2"),
        ("patients:", "parameters: {antibody.cl: {value: -1, unit: L/d}}\npatients:", "must be above 0"),
    ],
)
def test_wrong_files(run, old: str, new: str, told: str) -> None:
    assert GOOD.count(old) >= 1
    result = run(GOOD.replace(old, new, 1))
    assert result.exit_code == 1 and isinstance(result.exception, InputFileError)
    assert told in str(result.exception), str(result.exception)
    assert "after validation" not in str(result.exception)


def test_intervals_are_named_wherever_they_stand(run, tmp_path: Path) -> None:
    figure = tmp_path / "exposure.svg"
    text = GOOD + "samples: [1, 7]\nassay: {adc: {additive: 1, proportional: 0.1, limit: 0.5}}\n"
    told = run(
        text,
        "--interval",
        "observations",
        "--uncertainty",
        "--figure",
        str(figure),
        "--concentrations",
        str(tmp_path / "samples.csv"),
    )
    assert told.exit_code == 0, told.output
    words = " ".join(told.output.split())
    for part in (
        (
            "90 % prediction interval of measured values: between patients, between their cycles, and by the error of"
            " measurement"
        ),
        "90 % interval of the median, by the uncertainty of the typical parameters alone",
        "uncertain: antibody.cl_nab",
        "error of adc: SD 1 ug/mL [A] and 10 % [A], limit 0.5 ug/mL; given in the file",
        "Ratios to adjusted",
    ):
        assert part in words
    drawn = figure.read_text()
    assert "by the error of measurement" in drawn and "by the uncertainty of the typical parameters alone" in drawn
    assert (
        (tmp_path / "samples.csv")
        .read_text()
        .startswith("regimen,analyte,unit,cycle,day of cycle,day,median,low,high,below")
    )
    found = json.loads(run(text, "--interval", "occasions", "--reference", "total, late", "--json").stdout)
    assert found["interval"] == {
        "level": 0.9,
        "kind": "occasions",
        "holds": "between patients and between their cycles",
    }
    assert found["uncertainty"] is None and found["ratios"]["over"] == "total, late"
    assert {row["regimen"] for row in found["ratios"]["rows"]} == {"adjusted"}
    assert found["compounds"]["adjusted"] == "IMGN853, geometric means" and "median low" not in found["table"][0]
    assert "--reference is 'flat'; the regimens of" in str(run(text, "--reference", "flat").exception)


def test_body_size() -> None:
    rows = json.loads(CliRunner().invoke(app, ["simulate", "body-size", "--json"]).stdout)["table"]
    cv = {(r["e"], r["body size"]): r["AUC CV (%)"] for r in rows}
    assert cv[0.5, "adjusted ideal body weight"] == pytest.approx(5.8, abs=0.2)
    assert cv[0.5, "total body weight"] == pytest.approx(11.2, abs=0.2)
    wrong = CliRunner().invoke(app, ["simulate", "body-size", "--figure", "x.png"])
    assert wrong.exit_code == 2 and "No such option: --figure" in wrong.output


def test_a_figure_has_a_known_form(run) -> None:
    assert "ends in .png, .svg, .html or .json" in " ".join(run(GOOD, "--figure", "x.jpg").output.split())


def test_help_imports_no_solver() -> None:
    code = (
        "import sys\nfrom posology.cli import main\nsys.argv = ['posology', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print([m for m in ('numba', 'scipy', 'numpy', 'altair', 'pydantic') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines()[-1] == "[]"
