"""Exposures from a record's samples, from a file that a fit wrote, and what is wrong with such a file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.interchange.pk.individual_exposures import average_to, from_file, from_samples, write_exposures
from posology.interchange.pk.sources import from_record, measured
from posology.pharmacology.estimation.foce import individual
from posology.pharmacology.estimation.random_effects import Population
from posology.pharmacology.estimation.residual_error import ResidualError
from posology.pharmacology.pk_models.linear import TWO_COMPARTMENTS
from tests.interchange.pk_record import (
    BETWEEN,
    CENTRAL,
    CLEARANCE,
    PERIPHERAL,
    START,
    concentration,
    course,
    dosed,
    made,
    sample,
)

TRUE = {"CL": CLEARANCE, "V1": CENTRAL, "Q": BETWEEN, "V2": PERIPHERAL}


@pytest.fixture
def trial(tmp_path: Path, imgn853_document: dict[str, Any]) -> str:
    second = START + timedelta(days=21)
    more = [dosed(280.0, on=second, cycle=2, level=5), sample(2, 150.0, dose=second)]
    return made(tmp_path / "t.posology", imgn853_document, {"A": [*course(350.0), *more], "B": course(210.0, level=5)})


def area(mg: float) -> float:
    """The area of the first 21 days in closed form is by superposition that of its two exponentials; here by sums."""
    grid = np.concatenate([np.linspace(0, 2 / 24, 2001), np.linspace(2 / 24, 21, 200_001)[1:]])
    values = np.array([concentration(t, mg, 2 / 24) for t in grid])
    return float(((values[1:] + values[:-1]) / 2 * np.diff(grid)).sum())


def test_by_samples_and_by_model(trial: str, tmp_path: Path) -> None:
    recorded = from_record(trial)
    sampled = {name: from_samples(recorded, name) for name in ("auc", "cmax", "ctrough")}  # type: ignore[arg-type]
    assert sampled["auc"].unit == "ug·d/mL" and sampled["cmax"].unit == "ug/mL"
    truth = area(350.0)
    assert sampled["auc"].of["A"] == pytest.approx(truth, rel=0.03)
    assert sampled["auc"].of["A"] / sampled["auc"].of["B"] == pytest.approx(350 / 210)
    assert sampled["cmax"].of["B"] == pytest.approx(concentration(2 / 24, 210.0, 2 / 24))
    assert sampled["ctrough"].of["A"] == pytest.approx(concentration(21, 350.0, 2 / 24), rel=0.002)
    read = measured(trial)
    data = read.events.measurements()
    population = Population(TRUE, tuple(TRUE), np.eye(4) * 0.09, ResidualError(0.0, 0.01), ())
    fitted = individual(TWO_COMPARTMENTS, data.subset([1]), population)  # B, whose samples are the model's own
    assert fitted.parameters[0] == pytest.approx(list(TRUE.values()), rel=1e-3)
    write_exposures(tmp_path / "e.csv", read, "two", TWO_COMPARTMENTS, data.subset([1]), np.log(fitted.parameters))
    by_model = from_file(tmp_path / "e.csv", "auc")
    assert by_model.of["B"] == pytest.approx(area(210.0), rel=1e-3) and by_model.unit == "ug·d/mL"
    assert from_file(tmp_path / "e.csv", "ctrough").of["B"] == pytest.approx(concentration(21, 210.0, 2 / 24), rel=1e-3)


def test_the_average_to_an_event_takes_the_doses_given(trial: str, tmp_path: Path) -> None:
    read = measured(trial)
    data = read.events.measurements()
    phi = np.tile(np.log(list(TRUE.values())), (2, 1))
    write_exposures(tmp_path / "e.csv", read, "two", TWO_COMPARTMENTS, data, phi)
    found = average_to(tmp_path / "e.csv", from_record(trial), {"A": 31, "B": 22}, None)
    both = lambda t: concentration(t, 350.0, 2 / 24) + concentration(t - 21, 280.0, 2 / 24)
    mean = lambda end: np.trapezoid([both(t) for t in np.linspace(0, end, 60_001)], np.linspace(0, end, 60_001)) / end
    assert found.of["A"] == pytest.approx(mean(30), rel=1e-4)
    assert found.of["B"] == pytest.approx(area(210.0) / 21, rel=1e-4) and found.unit == "ug/mL"
    late = average_to(tmp_path / "e.csv", from_record(trial), {"A": 4000, "B": 4000}, None)  # treatment is over by then
    assert late.of["B"] == pytest.approx(found.of["B"]) and late.of["A"] == pytest.approx(mean(42), rel=1e-4)
    assert set(average_to(tmp_path / "e.csv", from_record(trial), {"A": 1}, None).of) == {"A"}


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("patient,auc,cmax\nA,1,2\n", None, "e.csv:1: there is no column 'exposure'; it holds auc, cmax"),
        ("who,exposure\nA,1\n", None, "there is no column 'patient'"),
        ("patient,exposure\nA,x\n", None, "e.csv:2: patient A: exposure 'x' is no number"),
        ("patient,exposure\nA,1\nA,2\n", None, "e.csv:3: patient A appears twice"),
        ("patient,exposure\nA,-1\n", None, "e.csv:2: patient A: exposure -1; it is 0 or above"),
        ("patient,auc\nA,\n", "auc", "auc '' is no number"),
    ],
)
def test_a_file_that_is_wrong(tmp_path: Path, text: str, column: str | None, says: str) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(ValueError, match=says):
        from_file(tmp_path / "e.csv", column)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("patient,auc\nA,1\n", "holds no parameters"),
        ("patient,model,time\nA,four,d\n", "model 'four'; it is one of one, oral, two, three"),
        ("patient,model,time,CL,V\nA,one,h,1,1\n", "times are in h; a fit of the record has d"),
        ("patient,model,time,CL,V\nA,one,d,1,\n", "V '' is no number"),
        ("patient,model,time,CL,V\nA,one,d,1,0\n", "a parameter is 0"),
        ("patient,model,time,CL,V\nZ,one,d,1,1\n", "none of its patients"),
        ("patient,model,time,CL,V\nA,one,d,1,1\nB,two,d,1,1\n", "model 'two'; it was 'one' before"),
    ],
)
def test_parameters_that_are_wrong(trial: str, tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "e.csv").write_text(text)
    with pytest.raises(ValueError, match=says):
        average_to(tmp_path / "e.csv", from_record(trial), {"A": 31, "B": 22})


def test_a_cycle_of_unknown_length_is_refused(tmp_path: Path) -> None:
    theophylline = Path(__file__).parents[1] / "data/pharmacology/theophylline.csv"
    read = measured(theophylline)
    data = read.events.measurements().subset([0])
    with pytest.raises(ValueError, match="give it in the data's unit of time"):
        write_exposures(tmp_path / "e.csv", read, "two", TWO_COMPARTMENTS, data, np.zeros((1, 4)))
    write_exposures(tmp_path / "e.csv", read, "two", TWO_COMPARTMENTS, data, np.zeros((1, 4)), tau=24.0)
    assert from_file(tmp_path / "e.csv", "cmax").unit == ""
