"""posology readout survival: the numbers of R's survival package, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from posology.cli.app import app

VETERAN = Path(__file__).parents[1] / "data/endpoints/r_survival_veteran.csv"
COLUMNS = ["--time", "time", "--event", "status", "--groups", "trt"]


def run(*words: object) -> str:
    result = CliRunner().invoke(app, ["readout", "survival", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def median(found: Any, group: int) -> tuple[float, float, float]:
    return tuple(found["groups"][group]["median"][k] for k in ("value", "lower", "upper"))  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("scale", "medians"), [("log-log", ((103, 54, 126), (52.5, 43, 90))), ("log", ((103, 59, 132), (52.5, 44, 95)))]
)
def test_medians_are_those_of_r(scale: str, medians: tuple[tuple[float, ...], ...]) -> None:
    """R: survfit(Surv(time, status) ~ trt, veteran), conf.type log-log and log; survdiff: 0.00823."""
    found = json.loads(run(VETERAN, *COLUMNS, "--scale", scale, "--json"))
    assert (median(found, 0), median(found, 1)) == medians
    assert found["comparison"]["chi_square"] == pytest.approx(0.00823, abs=5e-6)
    assert [group["events"] for group in found["groups"]] == [64, 64]


def test_adtte_is_read_by_its_parameter(tmp_path: Path) -> None:
    """CNSR above 0 is censored whatever its number; a plain interval is symmetric until it meets 0 or 1."""
    rows = ["USUBJID,PARAMCD,PARAM,AVAL,CNSR,TRTA"]
    rows += [f"{n},PFS,Progression Free Survival (days),{10 * n},{n % 3},A" for n in range(1, 10)]
    rows += ["1,OS,Overall Survival (days),99,1,A"]
    file = tmp_path / "adtte.csv"
    file.write_text("\n".join(rows) + "\n")
    found = json.loads(run(file, "--parameter", "PFS", "--scale", "plain", "--at", 35, "--json"))
    at = found["groups"][0]["at"][0]
    assert found["unit"] == "days" and found["groups"][0]["events"] == 3
    # one event, on day 30, of the seven then at risk: 6/7, with Greenwood's error 6/7 sqrt(1/42)
    assert (at["value"], at["upper"]) == (pytest.approx(6 / 7), 1.0)
    assert at["lower"] == pytest.approx(6 / 7 - 1.959964 * 6 / 7 * (1 / 42) ** 0.5, abs=1e-6)
    assert "Times (days)" in run(file, "--parameter", "pfs")
    with pytest.raises(ValueError, match="holds OS, PFS: say which of them"):
        run(file)
    with pytest.raises(ValueError, match="holds no TTR; it holds OS, PFS"):
        run(file, "--parameter", "TTR")
    with pytest.raises(ValueError, match="has no column ARM; it has USUBJID"):
        run(file, "--parameter", "PFS", "--groups", "ARM")


def test_an_event_that_is_not_0_or_1_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time,status\n5,1\n8,2\n")
    with pytest.raises(ValueError, match="event is 2"):
        run(tmp_path / "t.csv", "--time", "time", "--event", "status")
    (tmp_path / "t.csv").write_text("time,status\n5,1\n,0\n")
    with pytest.raises(ValueError, match="TIME must be a number in every row"):
        run(tmp_path / "t.csv", "--time", "time", "--event", "status")
