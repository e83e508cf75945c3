"""`pk simulate`: a fit written by `pk fit --json`, read again, and simulated from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posology.interchange.pk.fit_file import read_fit
from tests.cli.test_commands import go

__all__ = ["go"]
DATA = Path(__file__).parent.parent / "data" / "pharmacology" / "theophylline.csv"
MODEL = ("--model", "oral", "--start", "ka=1.5,CL=2.8,V=32", "--error", "combined", "--residual-sd", "0.2,0.5")


@pytest.fixture
def fitted(go: Any, tmp_path: Path) -> tuple[Path, dict[str, Any]]:
    status, out, err = go(
        "pk", "fit", str(DATA), *MODEL, "--covariate", "CL~WT/70", "--covariate", "V~WT/70^1",
        "--time-unit", "h", "--unit", "mg/L", "--json",
    )  # fmt: off
    assert status == 0, err
    path = tmp_path / "fit.json"
    path.write_text(out, encoding="utf-8")
    return path, json.loads(out)


def test_a_fit_is_read_as_it_was_found(fitted: tuple[Path, dict[str, Any]]) -> None:
    path, said = fitted
    fit = read_fit(path)
    assert (fit.name, fit.units) == ("oral", ("h", "mg/L", ""))
    np.testing.assert_allclose(fit.values, [e["value"] for e in said["estimates"]], rtol=1e-9)
    errors = np.sqrt(np.diag(fit.covariance))
    np.testing.assert_allclose(errors, [e["standard_error"] for e in said["estimates"]], rtol=1e-9)
    np.testing.assert_allclose(fit.population.omega, said["model"]["omega"], rtol=1e-9)
    first, second = fit.population.effects
    assert first.power == pytest.approx(said["model"]["effects"][0]["power"]) and second.power == 1.0


def test_a_regimen_is_simulated_from_it(go: Any, fitted: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    """At steady state the median area is dose over the clearance of the weight (the median of a lognormal)."""
    path, said = fitted
    arguments = (
        "pk",
        "simulate",
        str(path),
        "--dose",
        "320",
        "--every",
        "24",
        "--cycles",
        "20",
        "--covariate",
        "WT=60",
    )
    status, out, err = go(
        *arguments,
        "--patients",
        "2000",
        "--uncertainty",
        "--draws",
        "20",
        "--figure",
        "c.svg",
        "--csv",
        "c.csv",
        "--json",
    )
    assert status == 0, err
    told = json.loads(out)
    clearance = said["model"]["typical"]["CL"] * (60 / 70) ** said["model"]["effects"][0]["power"]
    area = next(row for row in told["exposure"] if row["dose"] == 20 and row["measure"] == "area")
    assert area["median"] == pytest.approx(320 / clearance, rel=0.03)
    assert area["5 %"] < area["median from"] < area["median"] < area["median to"] < area["95 %"]
    assert len(told["course"]) == len((tmp_path / "c.csv").read_text().splitlines()) - 1
    assert "median; band" in (tmp_path / "c.svg").read_text()
    status, out, _ = go(*arguments)
    assert status == 0 and "AUC over the interval (mg/L·h)" in out and "peak (mg/L)" in out


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda m: m.update(name="four"), "lacks 'four'"),
        (lambda m: m.pop("omega"), "lacks 'omega'"),
        (lambda m: m.update(omega=[[1.0]]), "omega does not fit the random effects"),
        (lambda m: m.update(covariance=[[1.0]]), "covariance does not fit"),
        (lambda m: m["typical"].update(CL="x"), "could not convert"),
    ],
)
def test_a_file_that_is_no_fit_is_a_message(
    fitted: tuple[Path, dict[str, Any]], change: Any, said: str, tmp_path: Path
) -> None:
    _, plain = fitted
    change(plain["model"])
    (tmp_path / "x.json").write_text(json.dumps(plain))
    with pytest.raises(ValueError, match=said):
        read_fit(tmp_path / "x.json")


def test_what_is_no_fit_at_all(go: Any, tmp_path: Path) -> None:
    for text, said in (("{", "is no JSON"), ("[]", "holds no fitted model"), ('{"model": null}', "no fitted model")):
        (tmp_path / "x.json").write_text(text)
        status, _, err = go("pk", "simulate", "x.json", "--dose", "1", "--every", "1")
        assert status == 1 and said in err
