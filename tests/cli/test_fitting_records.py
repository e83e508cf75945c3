"""A fit of a trial's record: as of the file exported from it, and the exposures it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import go
from tests.cli.test_measuring import THEOPHYLLINE, sampled

__all__ = ["go", "sampled"]
FIT = ("--start", "CL=0.4,V1=2.5,Q=0.6,V2=1.5", "--cv", "0.3", "--residual-sd", "0.1")


def test_each_patient_of_the_record_and_of_the_file(go: Any, sampled: str, tmp_path: Path) -> None:
    assert go("export", "nonmem", sampled, "pk.csv")[0] == 0
    by = {}
    for name, source in (("record", sampled), ("file", "pk.csv")):
        more = ["--exposures", f"{name}.csv"] + (["--tau", "21"] if name == "file" else [])
        status, out, err = go("pk", "fit", source, *FIT, "--individual", *more, "--json")
        assert status == 0, err
        by[name] = json.loads(out)["patients"]
    assert by["record"] == by["file"] and by["record"][0]["patient"] == "001" and len(by["record"]) == 28
    one, other = ((tmp_path / f"{name}.csv").read_text().splitlines() for name in ("record", "file"))
    assert one[1].split(",")[:4] == other[1].split(",")[:4] and one[1].split(",")[4:7] == ["d", "ug/mL", "two"]
    for measure in ("auc", "ctrough", "average-until-event"):
        status, out, err = go(
            "pk",
            "exposure-response",
            sampled,
            "--outcome",
            "ocular",
            "--exposure",
            measure,
            "--exposures",
            "record.csv",
            "--json",
        )
        assert status == 0, err
        assert json.loads(out)["patients"] == 28
    _, out, _ = go("pk", "exposure-response", sampled, "--outcome", "ocular", "--exposure", "auc", "--json")
    _, model, _ = go(
        "pk",
        "exposure-response",
        sampled,
        "--outcome",
        "ocular",
        "--exposure",
        "auc",
        "--exposures",
        "record.csv",
        "--json",
    )
    by_samples, by_model = (json.loads(text)["doses"][-1]["exposure"] for text in (out, model))
    assert by_model == pytest.approx(by_samples, rel=0.03)


@pytest.mark.slow
def test_a_population_of_the_record(go: Any, sampled: str) -> None:
    status, out, err = go(
        "pk",
        "fit",
        sampled,
        *FIT,
        "--random-effects",
        "CL,V1",
        "--cutoff",
        "2013-06-30",
        "--exposures",
        "e.csv",
        "--json",
    )
    assert status == 0, err
    found = {e["name"]: e["value"] for e in json.loads(out)["estimates"]}
    assert found["CL"] == pytest.approx(0.4, rel=0.15) and len(json.loads(out)["patients"]) == 28
    assert len(Path("e.csv").read_text().splitlines()) == 29


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["s.posology", "--analyte", "DM4"], "holds no 'DM4'; it holds ADC"),
        ([THEOPHYLLINE, "--exposures", "e.csv"], "say how long cycle 1 is"),
        ([THEOPHYLLINE, "--cutoff", "2013-01-01"], "is no record: a cutoff is given for a trial's record"),
    ],
)
def test_what_is_wrong(go: Any, sampled: str, tmp_path: Path, arguments: list[str], says: str) -> None:
    status, out, err = go("pk", "fit", *arguments, *FIT)
    assert status in (1, 2) and says in " ".join((out + err).replace("│", " ").split())
    assert not (tmp_path / "e.csv").exists()
