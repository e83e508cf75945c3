"""The commands on what was measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

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
        (
            ["fit", "broken.csv", "--model", "saturable", "--start", "CL=1,V1=1,Q=1,V2=1,Vmax=1"],
            "V2, Vmax, Km; it has CL",
        ),
        (
            ["fit", "broken.csv", "--model", "saturable", "--start", "CL=1,V1=1,Q=1,V2=1,Vmax=0,Km=1"],
            "value is above 0",
        ),
        (["fit", "late.csv", "--model", "one", "--start", "CL=1,V=1"], "late.csv:4: TIME: patient 1: 7 follows 21"),
        (["fit", "broken.csv", "--model", "one", "--start", "CL=1,V=1"], "broken.csv:2: AMT: patient 1: a dose of -5"),
    ],
)
def test_what_is_wrong_is_a_message(go: Any, tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "broken.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,-5,1,.\n1,2,.,0,3\n")
    (tmp_path / "late.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,5,1,.\n1,21,5,1,.\n1,7,5,1,.\n1,22,.,0,3\n")
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


def test_fit_by_sampling(go: Any, tmp_path: Path) -> None:
    lines = [line for line in Path(THEOPHYLLINE).read_text().splitlines() if line.startswith(("ID", "1,"))]
    (tmp_path / "one.csv").write_text("\n".join(lines))
    status, out, _ = go("fit", "one.csv", "--model", "oral", "--start", "ka=1.5,CL=2.7,V=31", "--error", "additive", "--sd", "0.7",
                        "--individual", "--bayes", "--draws", "200", "--json")  # fmt: skip
    found = {row["quantity"]: row for row in json.loads(out)["posterior"]}
    assert status == 0 and found["CL"]["lower"] < 1.7 < found["CL"]["upper"]


def test_fit_of_saturable_loss(go: Any, tmp_path: Path) -> None:
    """The phase 1 profiles as event data, dose groups as patients: the population fit, and each group given it."""
    rows = [line.split(",") for line in (DATA / "moore2017_digitised.csv").read_text().split("\n")[1:] if line]
    lines = ["ID,TIME,EVID,AMT,RATE,DV"]
    for dose in dict.fromkeys(float(row[2]) for row in rows):
        lines.append(f"{dose:g},0,1,{1000 * dose},{10000 * dose},.")
        own = sorted((float(time), value) for time, value, level in rows if float(level) == dose)
        lines += [f"{dose:g},{time},0,.,.,{value}" for time, value in own]
    (tmp_path / "phase1.csv").write_text("\n".join(lines))
    begin = [
        "fit",
        "phase1.csv",
        "--model",
        "saturable",
        "--start",
        "CL=5,V1=35,Q=6.4,V2=23,Vmax=70,Km=7.4",
        "--cv",
        "0.1",
    ]
    status, out, _ = go(*begin, "--random", "CL,V1", "--json")
    found = {e["name"]: e for e in json.loads(out)["estimates"]}
    assert status == 0 and found["Km"]["lower"] < 7.4 < found["Km"]["upper"]
    assert found["Vmax"]["lower"] < 69.6 < found["Vmax"]["upper"]
    status, out, _ = go(*begin, "--individual", "--json")
    assert status == 0 and len(json.loads(out)["patients"]) == 7 and json.loads(out)["patients"][0]["Km"] > 0


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
