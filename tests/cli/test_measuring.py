"""The commands on what was measured."""

from __future__ import annotations

import csv
import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.cli.test_commands import db, go
from tests.interchange.pk_record import course, dosed, eye, made

__all__ = ["db", "go"]
DATA = Path(__file__).parent.parent / "data" / "pharmacology"
THEOPHYLLINE = str(DATA / "theophylline.csv")


def test_nca(go: Any, tmp_path: Path) -> None:
    status, out, _ = go("pk", "nca", THEOPHYLLINE, "--route", "extravascular", "--partial", "0,12", "--json")
    found = json.loads(out)
    assert status == 0 and len(found["profiles"]) == 12
    first = found["profiles"][0]
    assert first["auc_last"] == pytest.approx(147.2347485)
    assert first["points_used"] == [9.05, 12.12, 24.37] and first["vss_obs"] is None
    assert first["auc 0 to 12"] == pytest.approx(91.65, abs=0.01)
    status, out, _ = go("pk", "nca", THEOPHYLLINE, "--route", "extravascular", "--figure", "profiles.svg")
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
    status, out, _ = go("pk", "nca", "pc.csv", "--dosing", "ex.csv", "--route", "bolus", "--json")
    found = json.loads(out)
    assert status == 0 and found["proportionality"][0]["slope"] == pytest.approx(1)
    assert found["profiles"][0]["clearance_obs"] == pytest.approx(0.693147, abs=1e-6)
    status, out, _ = go("pk", "nca", "pc.csv", "--dosing", "ex.csv", "--route", "bolus", "--tau", "4")
    assert status == 0 and "proportional" in out and "AUCτ" in out


TABLE = """Subject,Time,Conc,Dose,Form
,h,ng/mL,mg,
1,0,BLQ,100,A
1,1,50,100,A
1,2,25,100,A
1,4,6.25,100,A
2,1,100,200,A
2,2,50,200,A
2,4,12.5,200,A
2,8,<2,200,A
"""
COLUMNS = [word for pair in ("Subject=ID", "Time=TIME", "Conc=DV", "Dose=DOSE") for word in ("--map", pair)]


def test_a_table_of_profiles_by_its_columns(go: Any, tmp_path: Path) -> None:
    """Named columns make doses at time 0, units and values below quantification of a table as WinNonlin keeps it."""
    (tmp_path / "table.csv").write_text(TABLE)
    both = [*COLUMNS, "--ignore", "Form"]
    status, out, _ = go("pk", "nca", "table.csv", *both, "--route", "bolus", "--with-cmax", "--json")
    found = json.loads(out)
    assert status == 0 and found["units"] == {"time": "h", "concentration": "ng/mL", "dose": "mg"}
    for profile, dose in zip(found["profiles"], (100, 200), strict=True):
        assert profile["dose"] == dose and profile["half_life"] == pytest.approx(1)
        assert profile["clearance_obs"] == pytest.approx(np.log(2), rel=1e-6)
    status, out, _ = go("pk", "fit", "table.csv", *both, "--model", "one", "--start", "CL=0.7,V=1", "--individual")
    patients = re.findall(r"│ (\d) +│ ([\d.]+) +│ ([\d.]+)", out)
    assert status == 0 and [who for who, *_ in patients] == ["1", "2"]
    for _, clearance, volume in patients:
        assert float(clearance) == pytest.approx(np.log(2), rel=0.05) and float(volume) == pytest.approx(1, rel=0.05)
    for arguments, says in (
        (COLUMNS, "FORM: a column of unknown meaning; name it"),
        ([*COLUMNS, "--ignore", "Form,Fro"], "FRO: is no column to ignore; the file holds"),
        ([*both, "--map", "Wt=WT"], "WT: is no column to name; the file holds SUBJECT"),
        ([*both, "--map", "Wt"], "write Wt=DV"),
        ([*both, "--map", "Wt=DV"], "two columns are called DV"),
    ):
        status, _, error = go("pk", "nca", "table.csv", *arguments, "--route", "bolus")
        assert status and says in error, (arguments, error)


def test_the_summary_by_dose(go: Any, tmp_path: Path) -> None:
    """Of 8 patients at two doses, the geometric mean, its variation, median and range are those of the profiles."""
    clearance = [1.0, 2.0, 4.0, 8.0, 1.0, 1.5, 2.0, 3.0]
    lines = ["ID,TIME,AMT,DV"]
    for patient, own in enumerate(clearance, 1):
        dose = 100 if patient <= 4 else 300
        lines.append(f"{patient},0,{dose},.")
        lines += [f"{patient},{t},.,{dose / 10 * np.exp(-own / 10 * t):.17g}" for t in (1, 2, 4, 8, 12)]
    (tmp_path / "two.csv").write_text("\n".join(lines))
    command = ["pk", "nca", "two.csv", "--route", "bolus", "--with-cmax"]
    status, out, _ = go(*command, "--summary", "summary.csv", "--json")
    assert status == 0
    found = {(g["dose"], g["parameter"]): g for g in json.loads(out)["summary"]}
    for dose, values in (("100", clearance[:4]), ("300", clearance[4:])):
        group, logs = found[dose, "clearance_obs"], np.log(values)
        assert (group["n"], group["profiles"], group["occasion"]) == (4, 4, "dose 1")
        assert group["geometric_mean"] == pytest.approx(np.exp(logs.mean()), rel=1e-6)
        assert group["geometric_cv"] == pytest.approx(100 * np.sqrt(np.exp(np.var(logs, ddof=1)) - 1), rel=1e-6)
        assert (group["median"], group["lowest"], group["highest"]) == pytest.approx(
            (np.median(values), min(values), max(values)), rel=1e-6
        )
    rows = list(csv.DictReader((tmp_path / "summary.csv").read_text().splitlines()))
    own = next(row for row in rows if (row["dose"], row["parameter"]) == ("300", "clearance_obs"))
    assert float(own["geometric_mean"]) == found["300", "clearance_obs"]["geometric_mean"]
    status, out, _ = go(*command)
    assert "By dose and cycle" in out and "4 of 4" in out
    for wrong, says in (("summary.txt", "a summary ends in .csv"), ("nowhere/s.csv", "there is no folder nowhere")):
        status, _, error = go(*command, "--summary", wrong)
        assert status and says in error


def test_every_profile_is_drawn(go: Any, tmp_path: Path) -> None:
    lines = [
        f"{n},{t},{100 if t == 0 else '.'},{'.' if t == 0 else 10 / t}" for n in range(1, 41) for t in (0, 1, 2, 4)
    ]
    (tmp_path / "many.csv").write_text("\n".join(["ID,TIME,AMT,DV", *lines]))
    status, out, _ = go("pk", "nca", "many.csv", "--route", "bolus", "--figure", "p.json")
    pages = sorted(tmp_path.glob("p*.json"))
    assert status == 0 and [p.name for p in pages] == ["p-2.json", "p-3.json", "p.json"]
    drawn = {row["profile"] for p in pages for row in json.loads(p.read_text())["data"]["values"]}
    assert drawn == set(map(str, range(1, 41))) and "wrote p-3.json" in out


def test_doses_by_weight_need_the_weights(go: Any, tmp_path: Path) -> None:
    lines = [f"1,X,SERUM,{5 * 2.0**-t},{5 * 2.0**-t},{t},ug/mL" for t in (1, 2, 3, 4)]
    (tmp_path / "pc.csv").write_text("\n".join(["USUBJID,PCTESTCD,PCSPEC,PCSTRESC,PCSTRESN,PCTPTNUM,PCSTRESU", *lines]))
    (tmp_path / "ex.csv").write_text("USUBJID,EXDOSE,EXDOSU,EXSTDTC,EXENDTC\n1,2,mg/kg,2020-01-02,2020-01-02\n")
    vs = "USUBJID,VSTESTCD,VSSTRESN,VSSTRESU,VSDTC\n1,WEIGHT,{},{},2020-01-01\n"
    command = ["pk", "nca", "pc.csv", "--dosing", "ex.csv", "--route", "bolus", "--unit", "ng/mL"]
    status, _, error = go(*command)
    assert status and "needs the weight; the weights of VS: --vitals VS" in error
    for weight, unit, dose in ((80, "kg", 160.0), (100, "LB", 90.718474)):
        (tmp_path / "vs.csv").write_text(vs.format(weight, unit))
        status, out, _ = go(*command, "--vitals", "vs.csv", "--json")
        (profile,) = json.loads(out)["profiles"]
        assert status == 0 and profile["dose"] == pytest.approx(dose)
        assert profile["clearance_obs"] == pytest.approx(dose / (5000 / np.log(2)), rel=1e-6)
    for weight, unit, says in (
        ("x", "kg", "'x' is no number"),
        (80, "stone", "is stone"),
        ("", "kg", "holds no WEIGHT"),
    ):
        (tmp_path / "vs.csv").write_text(vs.format(weight, unit))
        status, _, error = go(*command, "--vitals", "vs.csv")
        assert status and says in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["pk", "nca", THEOPHYLLINE], "say how the dose was given"),
        (["pk", "nca", THEOPHYLLINE, "--route", "bolus", "--figure", "x.pdf"], "a figure ends in"),
        (["pk", "nca", THEOPHYLLINE, "--route", "bolus", "--partial", "x"], "write two times"),
        (["pk", "fit", THEOPHYLLINE, "--start", "CL=1"], "needs CL, V1, Q, V2"),
        (["pk", "fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=x"], "write CL=0.4"),
        (["pk", "fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--covariate", "CL"], "write CL~WT/70"),
        (
            ["pk", "fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--covariate", "CL~AGE/50"],
            "no covariate 'AGE'",
        ),
        (["pk", "nca", "nowhere.csv", "--route", "bolus"], "nowhere.csv"),
        (
            ["pk", "nca", THEOPHYLLINE, "--route", "extravascular", "--figure", "nowhere/x.png"],
            "there is no folder nowhere",
        ),
        (
            ["pk", "nca", THEOPHYLLINE, "--route", "infusion"],
            "patient 1: how long the infusion took is not known; the column RATE",
        ),
        (["pk", "nca", "semi.csv", "--route", "bolus"], "semi.csv:1: file: its columns are parted by semicolons"),
        (
            ["pk", "nca", "twice.csv", "--route", "bolus"],
            "twice.csv:4: patient 1, TIME: two samples at 1; one sample a time",
        ),
        (
            ["pk", "nca", "many.csv", "--route", "bolus"],
            "many.csv:2: patient 1, ADDL: 1000000000 further doses; 10000 at most",
        ),
        (["pk", "nca", "wide.csv", "--route", "bolus"], "wide.csv:1: file: is no text in UTF-8"),
        (
            ["pk", "fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--iov", "CL"],
            "no column of occasions 'OCC'",
        ),
        (
            ["pk", "fit", THEOPHYLLINE, "--model", "one", "--start", "CL=1,V=1", "--iov", "CL=x"],
            "write CL,V1 or CL=0.2",
        ),
        (
            ["pk", "fit", "broken.csv", "--model", "one", "--start", "CL=1,V=1"],
            "broken.csv:2: patient 1, AMT: a dose of -5",
        ),
        (
            ["pk", "fit", "broken.csv", "--model", "saturable", "--start", "CL=1,V1=1,Q=1,V2=1,Vmax=1"],
            "V2, Vmax, Km; it has CL",
        ),
        (
            ["pk", "fit", "broken.csv", "--model", "saturable", "--start", "CL=1,V1=1,Q=1,V2=1,Vmax=0,Km=1"],
            "value is above 0",
        ),
        (
            ["pk", "fit", "late.csv", "--model", "one", "--start", "CL=1,V=1"],
            "late.csv:4: patient 1, TIME: 7 follows 21",
        ),
    ],
)
def test_what_is_wrong_is_a_message(go: Any, tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "broken.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,-5,1,.\n1,2,.,0,3\n")
    (tmp_path / "late.csv").write_text("ID,TIME,AMT,EVID,DV\n1,0,5,1,.\n1,21,5,1,.\n1,7,5,1,.\n1,22,.,0,3\n")
    (tmp_path / "semi.csv").write_text("ID;TIME;AMT;DV\n1;0;10;.\n1;1;.;5,5\n")
    (tmp_path / "twice.csv").write_text("ID,TIME,AMT,DV\n1,0,10,.\n1,1,.,5\n1,1,.,6\n1,2,.,3\n")
    (tmp_path / "many.csv").write_text("ID,TIME,AMT,DV,II,ADDL\n1,0,10,.,1,1000000000\n1,1,.,5,.,.\n")
    (tmp_path / "wide.csv").write_text("ID,TIME,AMT,DV\n1,0,10,.\n", encoding="utf-16")
    status, out, err = go(*arguments)
    assert status in (1, 2)
    assert says in " ".join((out + err).replace("│", " ").split())
    assert "Traceback" not in out + err


def test_fit(go: Any, tmp_path: Path) -> None:
    begin = [
        "pk",
        "fit",
        THEOPHYLLINE,
        "--model",
        "oral",
        "--start",
        "ka=1.5,CL=2.7,V=31",
        "--error",
        "additive",
        "--residual-sd",
        "0.7",
    ]
    status, out, _ = go(*begin, "--json", "--figure", "fit.json")
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
        "pk",
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
    status, out, _ = go(*begin, "--random-effects", "CL", "--json", "--exposures", "exposed.csv", "--tau", "24")
    found = json.loads(out)
    with (tmp_path / "exposed.csv").open() as lines:
        exposed = list(csv.DictReader(lines))
    first = [patient["occasions"][0]["CL"] for patient in found["patients"]]
    assert [float(row["CL"]) for row in exposed] == pytest.approx(first, rel=1e-9)  # of cycle 1, with its own part
    by_name = {e["name"]: e for e in found["estimates"]}
    assert status == 0 and by_name["WT on CL"]["value"] == pytest.approx(
        1, abs=3 * by_name["WT on CL"]["standard_error"]
    )
    assert by_name["omega between occasions CL"]["value"] == pytest.approx(0.2, abs=0.06)
    assert [o["occasion"] for o in found["patients"][0]["occasions"]] == ["1", "2", "3"]
    assert set(found["shrinkage_between_occasions"]) == {"CL"}
    status, out, _ = go(*begin, "--random-effects", "CL", "--individual")
    assert status == 0 and "Most likely parameters" in out and "3, occasion 2" in out
    lines = (tmp_path / "data.csv").read_text().splitlines()
    blank = [re.sub(r"^3,([^,]+),\.,[^,]+,2,", r"3,\1,.,.,2,", line) for line in lines]  # no sample on that occasion
    (tmp_path / "blank.csv").write_text("\n".join(blank))
    status, out, _ = go("pk", "fit", "blank.csv", *begin[3:], "--random-effects", "CL", "--individual")
    assert status == 0 and re.search(r"3, occasion 2\s+│ –", out) and re.search(r"3, occasion 3\s+│ [\d.]+", out)


@pytest.mark.slow
def test_a_population_by_sampling_with_all_that_it_can_have(go: Any, tmp_path: Path, monkeypatch: Any) -> None:
    from posology.pharmacology.estimation import nuts as bayes

    monkeypatch.setattr(bayes, "sample_population", partial(bayes.sample_population, tune=150, chains=2))
    in_occasions(tmp_path / "data.csv", 8)
    status, out, _ = go(
        "pk",
        "fit",
        "data.csv",
        "--model",
        "one",
        "--start",
        "CL=1.2,V=9",
        "--covariate",
        "CL~WT/70",
        "--iov",
        "CL",
        "--full-omega",
        "--bayes",
        "--draws",
        "100",
        "--json",
    )
    found = json.loads(out)
    by_name = {row["quantity"]: row for row in found["posterior"]}
    between = by_name["omega between occasions CL"]
    assert status == 0 and between["lower"] < 0.2 < between["upper"]
    assert {"WT on CL", "correlation CL, V"} <= set(by_name) and "correlations LKJ (2)" in found["prior"]


def test_fit_by_sampling(go: Any, tmp_path: Path) -> None:
    lines = [line for line in Path(THEOPHYLLINE).read_text().splitlines() if line.startswith(("ID", "1,"))]
    (tmp_path / "one.csv").write_text("\n".join(lines))
    status, out, _ = go(
        "pk",
        "fit",
        "one.csv",
        "--model",
        "oral",
        "--start",
        "ka=1.5,CL=2.7,V=31",
        "--error",
        "additive",
        "--residual-sd",
        "0.7",
        "--individual",
        "--bayes",
        "--draws",
        "200",
        "--json",
    )
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
        "pk",
        "fit",
        "phase1.csv",
        "--model",
        "saturable",
        "--start",
        "CL=5,V1=35,Q=6.4,V2=23,Vmax=70,Km=7.4",
        "--cv",
        "0.1",
    ]
    status, out, _ = go(*begin, "--random-effects", "CL,V1", "--json")
    found = {e["name"]: e for e in json.loads(out)["estimates"]}
    assert status == 0 and found["Km"]["lower"] < 7.4 < found["Km"]["upper"]
    assert found["Vmax"]["lower"] < 69.6 < found["Vmax"]["upper"]
    status, out, _ = go(*begin, "--individual", "--json")
    assert status == 0 and len(json.loads(out)["patients"]) == 7 and json.loads(out)["patients"][0]["Km"] > 0


def test_exposure(go: Any, db: str, tmp_path: Path) -> None:
    status, out, _ = go(
        "pk", "exposure-response", db, "--outcome", "ocular", "--at", "6", "--figure", "eyes.svg", "--json"
    )
    found = json.loads(out)
    assert status == 0 and (found["patients"], found["events"]) == (18, 4)
    assert found["model"]["ratio"] > 1 and 0 < found["predicted"][0]["chance"] < 1
    assert (tmp_path / "eyes.svg").exists()
    status, out, _ = go("pk", "exposure-response", db, "--outcome", "ocular", "--exposure", "mg", "--by-day", "63")
    assert status == 0 and "hazard ratio without a baseline (Cox)" in out
    patients = "\n".join(f"{row},{i}" for i, row in enumerate(["0401-001", "0401-002", "0401-003", "0401-004"], 1))
    (tmp_path / "auc.csv").write_text("patient,exposure\n" + patients)
    status, out, _ = go("pk", "exposure-response", db, "--exposures", "auc.csv", "--json")
    assert status == 0 and json.loads(out)["patients"] == 4 and len(json.loads(out)["left_out"]) == 14
    (tmp_path / "auc.csv").write_text("patient,exposure\n0401-001,x\n")
    status, out, err = go("pk", "exposure-response", db, "--exposures", "auc.csv")
    assert status == 1 and "auc.csv:2: patient 0401-001: exposure 'x' is no number" in out + err
    status, out, err = go("pk", "exposure-response", db, "--exposure", "litres")
    assert status == 2 and "'litres' is none of mg, mg/kg, auc" in " ".join((out + err).split())


def test_from_commands_to_event_data(go: Any, db: str, tmp_path: Path) -> None:
    samples = [
        ("0", "2012-06-18", "--result", "BLQ"),
        ("2", "2012-06-18", "--value", "4.1"),
        ("24", "2012-06-19", "--value", "3.0"),
        ("168", "2012-06-25", "--value", "1.2"),
        ("504", "2012-07-09", "--value", "0.3"),
    ]
    for hours, on, *value in samples:
        status, _, err = go(
            "patient",
            "concentration",
            db,
            "0401-001",
            "--test",
            "ADC",
            *value,
            "--unit",
            "ug/mL",
            "--specimen",
            "serum",
            "--quantification-limit",
            "0.1",
            "--timepoint-number",
            hours,
            "--on",
            on,
        )
        assert status == 0, err
    status, out, _ = go("export", "nonmem", db, "pk.csv", "--cutoff", "2013-05-10", "--json")
    said = json.loads(out)
    assert status == 0 and said["analytes"][0]["samples"] == 5 and said["left_out"][0] == "0401-002: no concentration"
    assert said["notes"] == [
        "2 doses without the infusion's length (`ended`): as boluses",
        "1 dose without a time of day (`dated`): whole days after the first",
    ]
    status, _, err = go("pk", "nca", db)
    assert status == 2 and "--infusion-hours" in err
    tables = {}
    for name, more in (("record", [db]), ("file", ["pk.csv", "--time-unit", "d", "--unit", "ug/mL"])):
        status, out, _ = go("pk", "nca", *more, "--route", "bolus", "--json")
        tables[name] = json.loads(out)
        assert status == 0
    assert tables["record"]["units"] == {"time": "d", "concentration": "ug/mL", "dose": "mg"}
    assert tables["record"]["profiles"] == tables["file"]["profiles"] and len(tables["file"]["profiles"]) == 1
    status, out, _ = go("export", "nonmem", db, "pk2.csv", "--hours")
    assert status == 0 and "TIME" in out and "mg/h" not in out  # no rate is known
    assert (tmp_path / "pk2.csv.json").exists()
    status, _, err = go("pk", "nca", db, "--cutoff", "2012-06-01", "--route", "bolus")
    assert status == 1 and "holds no concentration by 2012-06-01" in err
    status, _, err = go("export", "nonmem", db, "none.csv", "--analyte", "DM4")
    assert status == 1 and "it holds ADC" in err and not (tmp_path / "none.csv").exists()
    status, _, err = go("pk", "nca", "pk.csv", "--cutoff", "2013-01-01", "--route", "bolus")
    assert status == 1 and "pk.csv is no record" in err


@pytest.fixture
def sampled(tmp_path: Path, imgn853_document: dict[str, Any]) -> str:
    """Twenty-eight patients at seven levels, whose clearance differs, with ocular events at high exposure."""
    patients = {}
    for i in range(28):
        level, scale = i // 4 + 1, (0.7, 0.9, 1.1, 1.4)[i % 4]
        mg = (0.15, 0.5, 1.0, 2.0, 3.3, 5.0, 7.0)[level - 1] * 70
        events = [eye(9 if i == 27 else 30 + i)] if mg * scale > 380 or i == 17 else []
        patients[f"{i + 1:03}"] = [*course(mg, scale=scale, level=level), *events]
    patients["029"] = [dosed(490.0, level=7)]
    made(tmp_path / "s.posology", imgn853_document, patients)
    return "s.posology"


def test_exposure_by_the_record_s_own_concentrations(go: Any, sampled: str, tmp_path: Path) -> None:
    status, out, err = go(
        "pk",
        "exposure-response",
        sampled,
        "--outcome",
        "ocular",
        "--exposure",
        "auc",
        "--predict-dose",
        "6",
        "--predict-dose",
        "9",
        "--figure",
        "auc.svg",
        "--json",
    )
    found = json.loads(out)
    assert status == 0, err
    assert (found["exposure"], found["unit"], found["patients"], found["events"]) == (
        "AUC of cycle 1, ADC",
        "ug·d/mL",
        28,
        6,
    )
    assert found["left_out"] == ["029: no exposure"]
    doses = {d["dose"]: d for d in found["doses"]}
    assert doses["7.0 mg/kg"]["events"] == 3 and doses["7.0 mg/kg"]["patients"] == 4
    assert doses["5.0 mg/kg"]["chance"] < doses["6 mg/kg (predicted)"]["chance"] < doses["7.0 mg/kg"]["chance"]
    assert doses["7.0 mg/kg"]["exposure"] / doses["5.0 mg/kg"]["exposure"] == pytest.approx(1.4, rel=1e-6)
    assert "9 mg/kg is outside the doses given (0.15 to 7)" in found["notes"]
    assert any(note.startswith("1 of the events came within cycle 1 (by day 21)") for note in found["notes"])
    assert (tmp_path / "auc.svg").read_text().count("mg/kg") >= 7
    status, out, _ = go(
        "pk", "exposure-response", sampled, "--outcome", "ocular", "--exposure", "ctrough", "--by-day", "63"
    )
    assert status == 0 and "Ctrough of cycle 1, ADC (ug/mL)" in " ".join(out.split()) and "By dose" in out
    _, out, _ = go(
        "pk", "exposure-response", sampled, "--outcome", "ocular", "--exposure", "auc", "--by-day", "52", "--json"
    )
    found = json.loads(
        out
    )  # events on days 10, 48, 53 (two of them later): counted by day 52, and nobody is lost before
    assert found["by_day"] == {"day": 52, "events": sum(d["events"] for d in found["doses"]), "known": 28}
    assert 0 < found["by_day"]["events"] < found["events"] == 6
    assert sum(g["events"] for g in found["groups"]) == found["by_day"]["events"]
    status, _, err = go(
        "pk",
        "exposure-response",
        sampled,
        "--outcome",
        "ocular",
        "--exposure",
        "auc",
        "--by-day",
        "63",
        "--cutoff",
        "2013-01-20",
    )
    assert status == 1 and "had the event by day 63 or were followed to it: it takes three" in err


def test_the_record_and_nca_agree_on_exposure(go: Any, sampled: str, tmp_path: Path) -> None:
    _, out, _ = go("pk", "nca", sampled, "--partial", "0,21", "--json")
    profiles = json.loads(out)["profiles"]
    lines = [f"{p['patient']},{p['auc 0 to 21']!r},{p['c_max']!r}" for p in profiles]
    (tmp_path / "nca.csv").write_text("\n".join(["patient,auc,cmax", *lines]))
    for measure in ("auc", "cmax"):
        by = {}
        for name, more in (("record", []), ("file", ["--exposures", "nca.csv"])):
            status, out, _ = go(
                "pk", "exposure-response", sampled, "--outcome", "ocular", "--exposure", measure, *more, "--json"
            )
            by[name] = json.loads(out)["model"]
            assert status == 0
        assert by["record"]["slope"] == pytest.approx(by["file"]["slope"], rel=1e-9)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--time-unit", "weeks"], "the unit of time is d, not weeks; d and h can be had"),
        (["--unit", "ng/mL"], "the unit of concentration is ug/mL, not ng/mL"),
    ],
)
def test_a_record_s_units_are_its_own(go: Any, sampled: str, more: list[str], says: str) -> None:
    status, _, err = go("pk", "nca", sampled, *more)
    assert status == 1 and says in err
    status, out, _ = go("pk", "nca", sampled, "--time-unit", "h", "--unit", "ug/mL", "--json")
    found = json.loads(out)
    assert status == 0 and found["units"] == {"time": "h", "concentration": "ug/mL", "dose": "mg"}
    assert found["profiles"][0]["t_last"] == 168.0  # the next one is below quantification


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--exposure", "average-until-event"], "an average to the event is by a model"),
        (["--exposure", "auc", "--analyte", "DM4"], "holds no 'DM4'"),
        (["--exposure", "auc", "--cutoff", "2013-01-06"], "holds no concentration by 2013-01-06"),
        (["--exposure", "mg", "--exposures", "x.csv"], "a file holds no dose"),
        (
            ["--exposure", "auc", "--exposures", "x.csv"],
            "x.csv:1: there is no column 'auc'; it holds patient, exposure",
        ),
    ],
)
def test_exposures_that_cannot_be(go: Any, sampled: str, tmp_path: Path, more: list[str], says: str) -> None:
    (tmp_path / "x.csv").write_text("patient,exposure\n001,1\n")
    status, out, err = go("pk", "exposure-response", sampled, "--outcome", "ocular", *more)
    assert status in (1, 2) and says in " ".join((out + err).replace("│", " ").split())


def test_the_average_to_an_event(go: Any, sampled: str, tmp_path: Path) -> None:
    rows = [f"{i + 1:03},d,ug/mL,two,0.4,2.5,0.6,1.5" for i in range(28)]
    (tmp_path / "fit.csv").write_text("\n".join(["patient,time,concentration,model,CL,V1,Q,V2", *rows]))
    status, out, err = go(
        "pk",
        "exposure-response",
        sampled,
        "--outcome",
        "ocular",
        "--exposure",
        "average-until-event",
        "--exposures",
        "fit.csv",
        "--json",
    )
    found = json.loads(out)
    assert status == 0, err
    assert found["unit"] == "ug/mL" and any(
        note.startswith("an average to the event is not settled") for note in found["notes"]
    )
