"""The commands on what was measured."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.test_commands import db, go

__all__ = ["db", "go"]
DATA = Path(__file__).parent.parent / "data" / "pharmacology"
THEOPHYLLINE = str(DATA / "theophylline.csv")


def test_nca(go: Any, tmp_path: Path) -> None:
    status, out, _ = go("nca", THEOPHYLLINE, "--route", "extravascular", "--partial", "0,12", "--json")
    found = json.loads(out)
    assert status == 0 and len(found["profiles"]) == 12
    first = found["profiles"][0]
    assert first["auc_last"] == pytest.approx(147.2347485)
    assert first["points_used"] == [9.05, 12.12, 24.37] and first["vss_obs"] is None
    assert first["auc 0 to 12"] == pytest.approx(91.65, abs=0.01)
    status, out, _ = go("nca", THEOPHYLLINE, "--route", "extravascular", "--plot", "profiles.svg")
    assert status == 0 and "1: 31.5 % of AUCinf is extrapolated" in out
    assert (tmp_path / "profiles.svg").read_text().startswith("<svg")


def test_nca_of_sdtm_with_doses_that_differ(go: Any, tmp_path: Path) -> None:
    pc = ["USUBJID,PCTESTCD,PCSPEC,PCSTRESC,PCSTRESN,PCTPTNUM"]
    ex = ["USUBJID,EXDOSE,EXSTDTC,EXENDTC"]
    for i, dose in enumerate((10, 20, 40, 80)):
        pc += [f"P{i},X,SERUM,{dose * 2.0**-t},{dose * 2.0**-t},{t}" for t in (1, 2, 3, 4)]
        ex.append(f"P{i},{dose},2020-01-01,2020-01-01")
    (tmp_path / "pc.csv").write_text("\n".join(pc))
    (tmp_path / "ex.csv").write_text("\n".join(ex))
    status, out, _ = go("nca", "pc.csv", "--ex", "ex.csv", "--route", "bolus", "--json")
    found = json.loads(out)
    assert status == 0 and found["proportionality"]["slope"] == pytest.approx(1)
    assert found["profiles"][0]["clearance_obs"] == pytest.approx(0.693147, abs=1e-6)
    status, out, _ = go("nca", "pc.csv", "--ex", "ex.csv", "--route", "bolus", "--tau", "4")
    assert status == 0 and "proportional" in out and "AUCτ" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nca", THEOPHYLLINE], "say how the dose was given"),
        (["nca", THEOPHYLLINE, "--route", "bolus", "--plot", "x.pdf"], "a figure ends in"),
        (["nca", THEOPHYLLINE, "--route", "bolus", "--partial", "x"], "write two times"),
        (["fit", THEOPHYLLINE, "--start", "CL=1"], "needs CL, V1, Q, V2"),
        (["fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=x"], "write CL=0.4"),
        (["fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--covariate", "CL"], "write CL~WT/70"),
        (
            ["fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--covariate", "CL~AGE/50"],
            "no covariate 'AGE'",
        ),
        (["fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--iov", "CL"], "no column of occasions 'OCC'"),
        (["fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--iov", "CL=x"], "write CL,V1 or CL=0.2"),
        (["fit", "broken.csv", "--model", "one", "--start", "CL=1,V=1"], "broken.csv:2: AMT: patient 1: a dose of -5"),
    ],
)
def test_what_is_wrong_is_a_message(go: Any, tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "broken.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,-5,1,.\n1,2,.,0,3\n")
    status, out, err = go(*arguments)
    assert status in (1, 2)
    assert says in " ".join((out + err).replace("│", " ").split())
    assert "Traceback" not in out + err


def test_fit(go: Any, tmp_path: Path) -> None:
    begin = [
        "fit",
        THEOPHYLLINE,
        "--model",
        "oral",
        "--start",
        "ka=1.5,CL=2.7,V=31",
        "--error",
        "additive",
        "--sd",
        "0.7",
    ]
    status, out, _ = go(*begin, "--json", "--plot", "fit.json")
    found = json.loads(out)
    assert status == 0 and found["objective"] == pytest.approx(116.803, abs=2e-3)
    assert found["estimates"][1]["name"] == "CL" and len(found["patients"]) == 12
    assert (tmp_path / "fit.json").exists() and (tmp_path / "fit-vpc.json").exists()
    status, out, _ = go(*begin, "--individual", "--json")
    assert status == 0 and json.loads(out)["patients"][0]["CL"] == pytest.approx(1.7, abs=0.3)
    status, out, _ = go(*begin, "--covariate", "CL~WT/70^0.75")
    assert status == 0 and "12 patients, 132" in " ".join(out.split())


def in_occasions(path: Path, patients: int = 16) -> None:
    """Weights fall, clearance with them, and it differs between occasions by 20 %."""
    rng = np.random.default_rng(4)
    lines = ["ID,TIME,AMT,DV,OCC,WT"]
    for i in range(patients):
        amount, now, weight, own = 0.0, 0.0, rng.uniform(50, 100), 0.1 * np.exp(0.3 * rng.standard_normal())
        for occasion in (1, 2, 3):
            rate = own * weight / 70 * np.exp(0.2 * rng.standard_normal())
            for time, given in (
                (24.0 * (occasion - 1), 100),
                *((24.0 * (occasion - 1) + t, 0) for t in (1.0, 4.0, 10.0)),
            ):
                amount, now = amount * np.exp(-rate * (time - now)) + given, time
                value = "." if given else f"{amount / 10 * np.exp(0.05 * rng.standard_normal()):.4f}"
                lines.append(f"{i},{time:g},{given or '.'},{value},{occasion},{weight:.1f}")
            weight *= 0.85
    path.write_text("\n".join(lines))


def test_fit_with_occasions_and_a_covariate_that_changes(go: Any, tmp_path: Path) -> None:
    in_occasions(tmp_path / "data.csv")
    begin = [
        "fit",
        "data.csv",
        "--model",
        "one",
        "--start",
        "CL=1.2,V=9",
        "--covariate",
        "CL~WT/70",
        "--iov",
        "CL=0.15",
    ]
    status, out, _ = go(*begin, "--random", "CL", "--json")
    found = json.loads(out)
    by_name = {e["name"]: e for e in found["estimates"]}
    assert status == 0 and by_name["WT on CL"]["value"] == pytest.approx(
        1, abs=3 * by_name["WT on CL"]["standard_error"]
    )
    assert by_name["omega between occasions CL"]["value"] == pytest.approx(0.2, abs=0.06)
    assert [o["occasion"] for o in found["patients"][0]["occasions"]] == ["1", "2", "3"]
    assert set(found["shrinkage_between_occasions"]) == {"CL"}
    status, out, _ = go(*begin, "--random", "CL", "--individual")
    assert status == 0 and "Most likely parameters" in out and "3, occasion 2" in out
    lines = (tmp_path / "data.csv").read_text().splitlines()
    blank = [re.sub(r"^3,([^,]+),\.,[^,]+,2,", r"3,\1,.,.,2,", line) for line in lines]  # no sample on that occasion
    (tmp_path / "blank.csv").write_text("\n".join(blank))
    status, out, _ = go("fit", "blank.csv", *begin[2:], "--random", "CL", "--individual")
    assert status == 0 and re.search(r"3, occasion 2\s+│ –", out) and re.search(r"3, occasion 3\s+│ [\d.]+", out)


@pytest.mark.slow
def test_a_population_by_sampling_with_all_that_it_can_have(go: Any, tmp_path: Path, monkeypatch: Any) -> None:
    from posology.pharmacology import bayes

    monkeypatch.setattr(bayes, "sample_population", partial(bayes.sample_population, tune=150, chains=2))
    in_occasions(tmp_path / "data.csv", 8)
    status, out, _ = go("fit", "data.csv", "--model", "one", "--start", "CL=1.2,V=9", "--covariate", "CL~WT/70", "--iov", "CL",
                        "--full", "--bayes", "--draws", "100", "--json")  # fmt: skip
    found = json.loads(out)
    by_name = {row["quantity"]: row for row in found["posterior"]}
    between = by_name["omega between occasions CL"]
    assert status == 0 and between["lower"] < 0.2 < between["upper"]
    assert {"WT on CL", "correlation CL, V"} <= set(by_name) and "correlations LKJ (2)" in found["prior"]


def test_fit_by_sampling(go: Any, tmp_path: Path) -> None:
    lines = [line for line in Path(THEOPHYLLINE).read_text().splitlines() if line.startswith(("ID", "1,"))]
    (tmp_path / "one.csv").write_text("\n".join(lines))
    status, out, _ = go("fit", "one.csv", "--model", "oral", "--start", "ka=1.5,CL=2.7,V=31", "--error", "additive", "--sd", "0.7",
                        "--individual", "--bayes", "--draws", "200", "--json")  # fmt: skip
    found = {row["quantity"]: row for row in json.loads(out)["posterior"]}
    assert status == 0 and found["CL"]["lower"] < 1.7 < found["CL"]["upper"]


def test_exposure(go: Any, db: str, tmp_path: Path) -> None:
    status, out, _ = go("exposure", db, "--outcome", "ocular", "--at", "6", "--plot", "eyes.svg", "--json")
    found = json.loads(out)
    assert status == 0 and (found["patients"], found["events"]) == (18, 4)
    assert found["model"]["ratio"] > 1 and 0 < found["predicted"][0]["chance"] < 1
    assert (tmp_path / "eyes.svg").exists()
    status, out, _ = go("exposure", db, "--outcome", "ocular", "--exposure", "mg", "--by-day", "63")
    assert status == 0 and "hazard ratio without a baseline (Cox)" in out
    patients = "\n".join(f"{row},{i}" for i, row in enumerate(["0401-001", "0401-002", "0401-003", "0401-004"], 1))
    (tmp_path / "auc.csv").write_text("patient,exposure\n" + patients)
    status, out, _ = go("exposure", db, "--exposure", "auc.csv", "--json")
    assert status == 0 and json.loads(out)["patients"] == 4 and len(json.loads(out)["left_out"]) == 14
    (tmp_path / "auc.csv").write_text("patient,exposure\n0401-001,x\n")
    status, out, err = go("exposure", db, "--exposure", "auc.csv")
    assert status == 1 and "auc.csv:2: patient 0401-001: exposure 'x' is no number" in out + err
    status, out, err = go("exposure", db, "--exposure", "litres")
    assert status == 2 and "neither mg, mg/kg nor a file" in " ".join((out + err).split())
