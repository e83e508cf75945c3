"""A conjugate fitted together with what it becomes: of a record, of the file exported from it, and what is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.interchange.pk.nonmem import Event, EventData, write
from posology.pharmacology.estimation.foce import simulate
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.adc import CONJUGATE_PAYLOAD
from posology.pharmacology.pk_models.data import SubjectData, pk_dataset
from tests.cli.test_commands import go

__all__ = ["go"]
THREE = ("--model", "conjugate", "--analytes", "IMGN853,DM4,SMEDM4")
START = ("--start", "CL=0.4,V1=2.5,Q=0.5,V2=1,CLp=18,kp=30,CLm=5,km=0.3", "--cv", "0.4")
TWO = ("--model", "conjugate", "--analytes", "ADC,DRUG", "--start", "CL=0.4,V1=2.5,Q=0.5,V2=1,CLp=18,kp=1.5")
KEPT = 0.01768
"""The mass of payload in that of conjugate: 3.4 drugs of 780 on 150 000."""


@pytest.fixture
def virtual(go: Any) -> str:
    """A virtual trial's record, sampled for conjugate, DM4 and S-methyl-DM4."""
    assert go("example", "ex")[0] == 0
    status, _, err = go("simulate", "trial", "ex/protocol.yaml", "v.posology", "--no-expansion", "--seed", "1")
    assert status == 0, err
    return "v.posology"


@pytest.fixture
def two(tmp_path: Path) -> str:
    """Event data of twelve patients with conjugate and payload, 10 % and 20 % of residual error."""
    times = (0.1, 0.3, 1.0, 3.0, 7.0, 14.0, 21.0)
    samples = [(t, 0.0, False) for t in times for _ in range(2)]
    people = [SubjectData(str(i), [(0.0, 350.0, 0.1, 0.0)], samples, analyte=[0, 1] * len(times)) for i in range(12)]
    data = pk_dataset(people, ("ADC", "DRUG"))
    truth = Population(
        {"CL": 0.4, "V1": 2.5, "Q": 0.5, "V2": 1.0, "CLp": 17.0, "kp": 1.4},
        ("CL", "CLp"),
        np.diag([0.3, 0.35]) ** 2,
        {"ADC": ResidualError(0.0, 0.1), "DRUG": ResidualError(0.0, 0.2)},
    )
    drawn = simulate(CONJUGATE_PAYLOAD, data, truth, np.random.default_rng(5))[0]
    events = []
    for row, person in enumerate(people):
        events.append(Event(person.name, 0.0, 1, 350.0, 3500.0, missing=True))
        for column, (t, value) in enumerate(zip(data.time[row], drawn[row], strict=True)):
            low = bool(column % 2 and value < 0.3)
            events.append(
                Event(
                    person.name,
                    float(t),
                    0,
                    value=max(float(value), 0.3) if column % 2 else float(value),
                    below=low,
                    limit=0.3 if column % 2 else None,
                    analyte=("ADC", "DRUG")[column % 2],
                )
            )
    write(EventData(tuple(events)), tmp_path / "two.csv")
    return "two.csv"


def test_each_patient_of_a_record_and_of_its_export(go: Any, virtual: str) -> None:
    """The same bits; the geometric means of the clearances are the label's (13.8 and 5.3 L/h; 18.9 mL/h) within 35
    %."""
    assert go("export", "nonmem", virtual, "pk.csv")[0] == 0
    by = []
    for source, more in ((virtual, []), ("pk.csv", ["--unit", "ug/mL,ng/mL,ng/mL"])):
        status, out, err = go("pk", "fit", source, *THREE, *START, "--individual", "--json", *more)
        assert status == 0, err
        by.append(json.loads(out)["patients"])
    assert by[0] == by[1] and len(by[0]) == 16
    typical = {name: float(np.exp(np.mean(np.log([p[name] for p in by[0]])))) for name in ("CL", "CLp", "CLm")}
    assert typical["CL"] * 1000 / 24 == pytest.approx(18.9, rel=0.35)
    assert typical["CLp"] * KEPT * 1000 / 24 == pytest.approx(13.8, rel=0.35)
    assert typical["CLm"] * KEPT * 1000 / 24 == pytest.approx(5.3, rel=0.35)


def test_exposures_are_those_of_the_conjugate(go: Any, virtual: str, tmp_path: Path) -> None:
    status, out, err = go("pk", "fit", virtual, *THREE, *START, "--individual", "--json", "--exposures", "e.csv")
    assert status == 0, err
    rows = list(csv.DictReader((tmp_path / "e.csv").read_text().splitlines()))
    assert (rows[0]["model"], rows[0]["concentration"]) == ("two", "ug/mL")
    for row, patient in zip(rows, json.loads(out)["patients"], strict=True):
        assert float(row["CL"]) == pytest.approx(patient["CL"], rel=1e-12) and "CLp" not in row
    status, out, err = go(
        "pk",
        "exposure-response",
        virtual,
        "--analyte",
        "IMGN853",
        "--outcome",
        "dlt",
        "--exposure",
        "average-until-event",
        "--exposures",
        "e.csv",
        "--json",
    )
    assert status == 0 and json.loads(out)["unit"] == "ug/mL", err


def test_a_population_of_two_with_figures(go: Any, two: str, tmp_path: Path) -> None:
    arguments = (
        "pk",
        "fit",
        two,
        *TWO,
        "--random-effects",
        "CL,CLp",
        "--residual-sd",
        "0.1",
        "--residual-sd",
        "0.2",
        "--unit",
        "ug/mL,ng/mL",
    )
    status, out, err = go(*arguments, "--json", "--figure", "fit.json")
    assert status == 0, err
    found = {e["name"]: e for e in json.loads(out)["estimates"]}
    for name, value in (("CL", 0.4), ("CLp", 17.0), ("ADC proportional error", 0.1), ("DRUG proportional error", 0.2)):
        assert found[name]["lower"] < value < found[name]["upper"]
    for analyte, unit in (("ADC", "ug/mL"), ("DRUG", "ng/mL")):
        shown = (tmp_path / f"fit-{analyte}.json").read_text()
        assert (
            f"observed ({unit})" in shown
            and json.loads(shown)["title"] == analyte
            and (tmp_path / f"fit-{analyte}-vpc.json").exists()
        )
        points = max(
            json.loads(shown)["vconcat"][0]["hconcat"][0]["layer"], key=lambda layer: len(layer["data"]["values"])
        )
        assert len(points["data"]["values"]) == 12 * 7


def test_it_is_shown_with_analytes_and_units(go: Any, two: str) -> None:
    status, out, err = go("pk", "fit", two, *TWO, "--random-effects", "CL,CLp", "--unit", "ug/mL,ng/mL")
    said = " ".join(out.split())
    assert status == 0, err
    assert "12 patients, 168 concentrations" in said and "ADC 84, 0; DRUG 84, " in said
    assert "concentration ADC ug/mL, DRUG ng/mL" in said
    assert "CLp: apparent, dose of conjugate over AUC" in said


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--analytes", "ADC,DM1"], "there is no 'DM1'; it holds ADC, DRUG"),
        (["--analytes", "DRUG,ADC"], "in the order conjugate, payload, metabolite (DRUG, ADC)"),
        (["--analytes", "ADC,ADC"], "'ADC' is named twice"),
        (["--analytes", "ADC"], "name the conjugate, its payload and, if measured, the metabolite"),
        (["--analytes", "ADC,DRUG", "--analyte", "ADC"], "name the conjugate, its payload"),
        (["--analytes", "ADC,DRUG,DM4"], "needs CL, V1, Q, V2, CLp, kp, CLm, km"),
        (
            ["--analytes", "ADC,DRUG", "--residual-sd", "0.1", "--residual-sd", "0.1", "--residual-sd", "0.1"],
            "given 3 times; once, or once for each of ADC, DRUG",
        ),
        (["--analytes", "ADC,DRUG", "--residual-sd", "0.1", "--residual-sd", "x"], "write 0.2 or 0.2,0.1"),
        (["--analytes", "ADC,DRUG", "--unit", "ug/mL"], "one for each of ADC, DRUG"),
        (["--analytes", "ADC,DRUG", "--model", "two"], "the model 'two' is of one: --analyte names it"),
        (
            ["--analytes", "ADC,DRUG", "--start", "CL=0.4,V1=2.5,Q=0.5,V2=1,CLp=0.018,kp=1.5"],
            "DRUG is measured at 0.00",
        ),
    ],
)
def test_what_is_wrong(go: Any, two: str, tmp_path: Path, arguments: list[str], says: str) -> None:
    status, out, err = go("pk", "fit", two, *TWO, *arguments, "--figure", "fit.png", "--json")
    assert status in (1, 2) and says in " ".join((out + err).replace("│", " ").split())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["two.csv"] and out == ""


def test_several_analytes_without_the_model_of_a_conjugate(go: Any, two: str) -> None:
    status, out, err = go("pk", "fit", two, "--model", "two", "--start", "CL=0.4,V1=2.5,Q=0.5,V2=1")
    assert status == 1 and "holds ADC, DRUG; name the analyte: --analyte" in " ".join((out + err).split())


@pytest.mark.slow
def test_a_population_of_a_virtual_record(go: Any, virtual: str) -> None:
    """The label's clearances lie within the intervals, of 16 patients: CL, and the apparent ones of DM4 and
    S-methyl-DM4."""
    status, out, err = go("pk", "fit", virtual, *THREE, *START, "--random-effects", "CL,CLp,CLm", "--json")
    assert status == 0, err
    found = {e["name"]: e for e in json.loads(out)["estimates"]}
    for name, label in (("CL", 0.0189 * 24), ("CLp", 13.8 * 24 / 1000 / KEPT), ("CLm", 5.3 * 24 / 1000 / KEPT)):
        assert found[name]["lower"] < label < found[name]["upper"], found[name]
    assert any(note.startswith("kp is poorly known") for note in json.loads(out)["notes"])
