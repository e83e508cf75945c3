"""Commands on designs: decisions, operating characteristics, comparisons, pathways, studies, calibration, documents."""

from __future__ import annotations

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_commands import go  # noqa: F401
from tests.conftest import EXAMPLE

BOIN = ("--design", "boin", "--target", "0.3", "--levels", "5")
TRUTH = ("--truth", "0.05,0.15,0.3,0.45,0.6")


def told(go: Any, *arguments: str) -> Any:  # noqa: F811
    code, out, err = go(*arguments, "--json")
    assert code == 0, err
    return json.loads(out)


def test_exact_characteristics(go: Any) -> None:  # noqa: F811
    data = told(go, "design", "oc", *BOIN, *TRUTH)
    assert data["exact"]
    assert sum(data["selection"]) + data["no_mtd"] == pytest.approx(1)
    assert data["true_mtd"] == 3
    assert data["parameters"]["max_patients"] == 30
    for level, chances in enumerate(data["patients_distribution"]):
        mean = sum(int(n) * p for n, p in chances.items())
        assert mean == pytest.approx(data["patients"][level])
    shown = go("design", "oc", *BOIN, *TRUTH)[1]
    assert "Exact operating characteristics" in shown
    assert "correct selection (level 3): 54.6" in shown


def test_several_scenarios_and_simulation(go: Any) -> None:  # noqa: F811
    both = told(go, "design", "oc", *BOIN, *TRUTH, "--truth", "0.3,0.4,0.5,0.6,0.7")["scenarios"]
    assert [d["true_mtd"] for d in both] == [3, 1]
    simulated = told(go, "design", "oc", *BOIN, *TRUTH, "--simulate", "4000", "--seed", "3")
    assert not simulated["exact"]
    for p, error, exact in zip(simulated["selection"], simulated["selection_error"], both[0]["selection"], strict=True):
        assert abs(p - exact) < 5 * error + 1e-3


def test_designs_that_depend_on_time_are_simulated(go: Any) -> None:  # noqa: F811
    data = told(
        go,
        "design",
        "oc",
        "--design",
        "tite-boin",
        "--target",
        "0.3",
        "--levels",
        "3",
        "--truth",
        "0.1,0.3,0.5",
        "--simulate",
        "500",
    )
    assert data["trials"] == 500
    assert data["days"] > 0
    assert (
        "± standard error"
        in go(
            "design", "oc", "--design", "rolling six", "--levels", "3", "--truth", "0.1,0.3,0.5", "--simulate", "200"
        )[1]
    )


def test_grades(go: Any) -> None:  # noqa: F811
    """Titration that ends at moderate toxicity, exact: with few of them it goes on alone for longer."""
    design = ("design", "oc", "--design", "3+3", "--levels", "2", "--rule", "titration:last_titration_level=2")
    calm = told(go, *design, "--grades", "0.9,0.05,0,0.05,0", "--grades", "0.8,0.05,0,0.15,0")
    rough = told(go, *design, "--grades", "0.5,0.05,0.4,0.05,0", "--grades", "0.4,0.05,0.4,0.15,0")
    assert calm["truth"] == pytest.approx([0.05, 0.15])
    assert rough["patients"][0] > calm["patients"][0]
    score = (
        "design",
        "oc",
        "--design",
        "gboin",
        "--target",
        "0.3",
        "--levels",
        "1",
        "--max-patients",
        "9",
        "--grades",
        "0.5,0.1,0.2,0.15,0.05",
    )
    assert told(go, *score)["truth"] == pytest.approx([0.2 * 0.25 + 0.15 * 0.5 + 0.05])
    assert told(go, *score, "--simulate", "500")["trials"] == 500
    assert "either --truth" in go("design", "oc", *BOIN)[2]
    assert "sum to 1" in go(*design, "--grades", "0.9,0,0,0,0", "--grades", "1,0,0,0,0")[2]


def test_comparison(go: Any) -> None:  # noqa: F811
    data = told(go, "design", "compare", "--target", "0.3", *TRUTH)["designs"]
    assert list(data) == ["3+3", "i3+3", "boin", "keyboard", "crm"]
    assert data["boin"]["correct"] == pytest.approx(told(go, "design", "oc", *BOIN, *TRUTH)["correct"])
    assert "level 3 (MTD): 0.3" in go("design", "compare", "--target", "0.3", *TRUTH)[1]


def test_any_design_is_compared_on_its_own_terms(go: Any) -> None:  # noqa: F811
    """Named scenarios, parameters of one design or all, rules around all; simulated where time matters, and said so."""
    two = ("--design", "boin", "--design", "tite-boin", "--simulate", "200")
    named = ("--scenario", "steep=0.05,0.3,0.6", "--scenario", "toxic=0.5,0.6,0.7")
    data = told(go, "design", "compare", "--target", "0.3", *named, *two[:-2], "--set", "boin.stop_at=9")
    assert data["scenarios"] == ["steep", "toxic"]
    boin, tite = (data["designs"][name]["scenarios"] for name in ("boin", "tite-boin"))
    assert boin[0]["exact"]
    assert not tite[0]["exact"]
    own = told(go, "design", "oc", *BOIN[:-1], "3", "--truth", "0.05,0.3,0.6", "--set", "stop_at=9")
    assert boin[0]["correct"] == pytest.approx(own["correct"])
    assert boin[1]["true_mtd"] is None
    assert boin[1]["correct"] == pytest.approx(boin[1]["no_mtd"])
    shown = go("design", "compare", "--target", "0.3", *named, *two, "--rule", "stop at:patients=9")[1]
    assert "200 trials" in shown
    assert "none (right)" in shown
    assert "Stops for safety" in shown
    crm = told(go, "design", "compare", "--target", "0.3", *TRUTH, "--design", "crm")["designs"]["crm"]
    assert crm["safety_stop"] == "Pr(rate at level 1 > 0.3) above 0.95, from 3 patients on"
    none = told(go, "design", "compare", "--target", "0.3", *TRUTH, "--design", "crm", "--set", "crm.stop_toxic=null")
    assert none["designs"]["crm"]["safety_stop"] == "none"
    toxic = ("--target", "0.3", "--truth", "0.7,0.8,0.9", "--design", "crm")
    stops = told(go, "design", "compare", *toxic)["designs"]["crm"]["no_mtd"]
    assert stops == pytest.approx(
        told(
            go,
            "design",
            "oc",
            *toxic[:2],
            *toxic[2:],
            "--levels",
            "3",
            *[x for s in ("stop_toxic=0.95", "stop_toxic_from=3") for x in ("--set", s)],
        )["no_mtd"]
    )
    assert stops > 0.9


def test_follow_up_is_typed_in_days_or_read_from_a_table(go: Any, tmp_path: Path) -> None:  # noqa: F811
    """Half a window is half a window, however it is written."""
    asked = ("design", "next", "--design", "tite-boin", "--target", "0.3", "--levels", "5", "--data")
    share = told(go, *asked, "1NNN 2NNN/0.5T")
    assert (share["action"], share["level"]) == ("stay", 2)
    table = tmp_path / "patients.csv"
    table.write_text("level,outcome,days\n1,N,\n1,N,\n1,N,\n2,N,\n2,N,\n2,N,14\n2,T,\n")
    assert told(go, *asked, "1NNN 2NNN/14dT", "--window", "28") == share
    assert told(go, *asked, str(table), "--window", "28") == share
    assert "needs the length of the DLT window" in go(*asked, str(table))[2]
    protocol = ("design", "next", "--protocol", str(EXAMPLE / "protocol.yaml"), "--data")
    assert go(*protocol, "1NN/14dN")[0] == 0
    table.write_text("level,outcome\n\u00b2,N\n")
    assert "line 2: level is" in go(*asked, str(table))[2]
    assert "cannot be read" in go(*asked, str(tmp_path / "none.csv"))[2]


def test_a_number_that_is_not_finite_is_refused_by_name(go: Any) -> None:  # noqa: F811
    three = ("--target", "0.3", "--data", "1NNN")
    for arguments, name in (
        (("--design", "blrm", "--doses", "1,inf"), "doses"),
        (("--design", "crm", "--levels", "3", "--set", "intercept=nan"), "intercept"),
        (("--design", "blrm", "--doses", "1,2", "--set", "prior=mean=nan,0,sd=2,1"), "mean"),
        (("--design", "boin", "--levels", "3", "--rule", "stop toxic:rate=nan"), "rate"),
        (("--design", "boin", "--levels", "1000"), "1 to 100"),
    ):
        code, out, err = go("design", "next", *three, *arguments)
        assert code != 0
        assert name in err
        assert not out


def test_a_design_that_does_not_fit_the_target_is_left_out_by_name(go: Any) -> None:  # noqa: F811
    truth = ("--target", "0.05", "--truth", "0.01,0.05,0.3")
    code, out, _ = go("design", "compare", *truth)
    assert code == 0
    assert "left out: keyboard: the interval from 0 to 0.1" in out
    assert "interval" in go("design", "compare", *truth, "--design", "keyboard")[2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no scenario"),
        (("--truth", "0.1,0.2", "--scenario", "a=0.1,0.2,0.3"), "the same number"),
        (("--scenario", "a=0.1", "--scenario", "a=0.2"), "given twice"),
        ((*TRUTH, "--set", "x=3"), "none of the designs has this parameter"),
        ((*TRUTH, "--set", "mtpi.cohort=3"), "mtpi is not compared"),
        ((*TRUTH, "--acceptable", "0.3,0.2"), "the lower first"),
        ((*TRUTH, "--acceptable", "0.3"), "the lowest and the highest"),
    ],
)
def test_a_comparison_that_cannot_be_made(go: Any, arguments: tuple[str, ...], said: str) -> None:  # noqa: F811
    assert said in go("design", "compare", "--target", "0.3", *arguments)[2]


def test_what_is_right_where_no_level_is_or_all_are(go: Any) -> None:  # noqa: F811
    three = ("--design", "boin", "--target", "0.3", "--levels", "3", "--truth")
    toxic = told(go, "design", "oc", *three, "1,1,1")
    assert (toxic["true_mtd"], toxic["correct"], toxic["accuracy"]) == (None, pytest.approx(1), None)
    assert "no level: all are too toxic" in go("design", "oc", *three, "1,1,1")[1]
    safe = told(go, "design", "oc", *three, "0.1,0.1,0.1")
    assert (safe["true_mtd"], safe["accuracy"]) == (3, None)
    assert told(go, "design", "oc", *three, "0,0,0")["dlts"] == [0, 0, 0]
    ranged = told(go, "design", "oc", *three, "0.1,0.25,0.5", "--acceptable", "0.05,0.3")
    assert ranged["within"] == pytest.approx(ranged["selection"][0] + ranged["selection"][1])
    assert sum(ranged["endings"].values()) == pytest.approx(1)


def test_backfilling_needs_responses_and_shows_what_it_did(go: Any) -> None:  # noqa: F811
    design = ("--design", "bf-boin", "--target", "0.3", "--levels", "3", "--truth", "0.1,0.2,0.3", "--simulate", "300")
    assert "--response" in go("design", "oc", *design)[2]
    assert told(go, "design", "oc", *design, "--set", "needs_response=false")["expected_backfilled"] > 3
    data = told(go, "design", "oc", *design, "--response", "0.3,0.4,0.5", "--arrivals", "uniform", "--accrual", "6")
    assert data["expected_backfilled"] > 3
    assert sum(data["obd_selection"]) + data["no_obd"] == pytest.approx(1)
    assert (data["patients_a_month"], data["arrivals"]) == (pytest.approx(6), "uniform")
    assert "backfilled" in go("design", "oc", *design, "--response", "0.3,0.4,0.5")[1]
    assert go("design", "oc", *design[:-2], "--simulate", "0")[0] != 0


def test_a_design_that_looks_at_more_than_a_level_has_no_table(go: Any) -> None:  # noqa: F811
    crm = ("--design", "crm", "--target", "0.25", "--levels", "5")
    assert (
        "crm has no decision table: its next dose depends on the counts at all levels" in go("design", "table", *crm)[2]
    )
    tite = ("--design", "tite-boin", "--target", "0.3", "--levels", "5")
    assert "tite-boin has no decision table" in go("design", "table", *tite)[2]
    stated = told(go, "design", "table", *crm, "--max-patients", "6", "--data", "1NNN 2NNT")
    letters = {(r["patients"], r["dlts"]): r["letter"] for r in stated}
    for dlts, outcome in enumerate(("NNN", "NNT", "NTT", "TTT")):
        action = told(go, "design", "next", *crm, "--data", f"1NNN 2{outcome}")["action"]
        assert letters[3, dlts] == {"escalate": "E", "stay": "S", "deescalate": "D"}[action]


def test_pathways_show_chances_and_letters(go: Any) -> None:  # noqa: F811
    one = (*BOIN, "--data", "1NNN", "--cohorts", "1")
    assert (
        "2NNN: escalate, 3 at level 3 (51.2 %)" in go("design", "pathways", *one, "--truth", "0.1,0.2,0.3,0.4,0.5")[1]
    )
    rows = told(go, "design", "pathways", *one, "--truth", "0.1,0.2,0.3,0.4,0.5")
    assert [r["letter"] for r in rows] == ["E", "E", "S", "D", "D"]
    assert sum(r["probability"] for r in rows[1:]) == pytest.approx(1)
    assert "needs 5 rates" in go("design", "pathways", *one, "--truth", "0.1")[2]


def test_a_parameter_says_its_type_default_and_meaning(go: Any) -> None:  # noqa: F811
    parameters = {p["name"]: p for p in told(go, "design", "list", "boin")["parameters"]}
    assert parameters["max_patients"] == {
        "name": "max_patients",
        "type": "whole number, 1 or more",
        "default": "30",
        "needed": False,
        "meaning": "patients in all.",
    }
    assert parameters["target"]["needed"]
    assert "chance" in go("design", "list", "stop toxic")[1]
    assert "is no design and no rule" in go("design", "list", "boing")[2]


def test_a_prior_is_written_by_its_parts(go: Any) -> None:  # noqa: F811
    blrm = ("--design", "blrm", "--target", "0.25", "--doses", "1,2,4", "--truth", "0.1,0.2,0.3", "--max-patients", "9")
    data = told(go, "design", "oc", *blrm, "--set", "prior=mean=-1,0,sd=2,1,correlation=0.2")
    assert data["parameters"]["prior"] == [{"mean": [-1, 0], "sd": [2, 1], "correlation": 0.2, "weight": 1}]
    two = "prior=mean=-1,0,sd=2,1,weight=0.7;mean=-2,0,sd=1,1,weight=0.3"
    assert len(told(go, "design", "oc", *blrm, "--set", two)["parameters"]["prior"]) == 2
    assert "correlaton" in go("design", "oc", *blrm, "--set", "prior=mean=-1,0,sd=2,1,correlaton=0.2")[2]


def test_sample_sizes_for_scenarios_of_ones_own(go: Any) -> None:  # noqa: F811
    size = ("design", "calibrate", "size", "--target", "0.3", "--levels", "3", "--correct", "0.6")
    found = told(go, *size, "--truth", "0.1,0.3,0.5", "--scenario", "low=0.3,0.5,0.6")
    assert found["scenarios"] == [[0.1, 0.3, 0.5], [0.3, 0.5, 0.6]]
    assert found["tried"][str(found["patients"])] >= 0.6
    assert "the design has 3 levels" in go(*size, "--truth", "0.1,0.3")[2]
    assert "depends on how long" in go(*size, "--design", "tite-boin")[2]


@pytest.mark.parametrize(
    ("design", "decisions", "said"),
    [
        (("crm", "--target", "0.25"), "pathways.csv", "no table of the counts at one level"),
        (
            ("bf-boin", "--target", "0.3", "--trials", "100", "--response", "0.2,0.3,0.4"),
            "pathways.csv",
            "Selected as OBD",
        ),
        (("3+3", "--target", "0.3"), "decisions.csv", "two DLTs at level 1"),
    ],
)
def test_a_section_says_what_the_design_does(
    go: Any,  # noqa: F811
    tmp_path: Path,
    design: tuple[str, ...],
    decisions: str,
    said: str,
) -> None:
    code, _, err = go(
        "design", "section", "--design", *design, "--levels", "3", "--scenario", "a=0.1,0.25,0.4", "--output-dir", "s"
    )
    assert code == 0, err
    assert (tmp_path / "s" / decisions).exists()
    assert said in (tmp_path / "s" / "section.html").read_text()


def test_next_dose_with_what_is_known(go: Any) -> None:  # noqa: F811
    data = told(go, "design", "next", *BOIN, "--data", "1NNN 2NNT")
    assert (data["action"], data["level"], data["more"]) == ("stay", 2, 3)
    assert len(data["levels"]) == 5
    assert data["levels"][1]["rate"] == pytest.approx(1.05 / 3.1)
    crm = told(go, "design", "next", "--design", "crm", "--target", "0.25", "--levels", "5", "--data", "1NNN 2NNN 3NNN")
    assert crm["level"] == 4
    assert "What is known of each level" in go("design", "next", *BOIN, "--data", "1NTN")[1]
    assert "cannot read the cohort" in go("design", "next", *BOIN, "--data", "1NXN")[2]
    assert "levels 1 to 5" in go("design", "next", *BOIN, "--data", "7NNN")[2]


def test_decision_tables_agree_with_the_users_own(go: Any, tmp_path: Path) -> None:  # noqa: F811
    """A table printed as CSV, read back as a design of the user's own, decides the same."""
    from posology.designs import Boin, CommitteeTable
    from posology.designs.decision_table import decision_table

    text = go("design", "table", *BOIN, "--format", "csv")[1]
    own = CommitteeTable.from_csv(text, 5, 0.3, max_patients=30)
    same = lambda design: [
        c.letter for c in decision_table(design) if c.patients < 18
    ]  # at 18 the table ends the trial
    assert same(own) == same(Boin(5, 0.3))
    letters = {(r["patients"], r["dlts"]): r["letter"] for r in told(go, "design", "table", *BOIN)}
    assert (letters[3, 0], letters[3, 1], letters[3, 2], letters[3, 3]) == ("E", "S", "D", "DU")


def test_a_committees_own_table_is_run(go: Any, tmp_path: Path) -> None:  # noqa: F811
    """A CSV file as a design like any other: named on the command line, or written into a study."""
    (tmp_path / "own.csv").write_text("patients,0,1,2,3,4,5,6\n3,E,S,D,DU\n6,E,E,S,D,DU,DU,DU\n")
    own = ("--design", "table", "--target", "0.3", "--levels", "3", "--set", "file=own.csv")
    data = told(go, "design", "oc", *own, "--truth", "0.1,0.3,0.5")
    assert sum(data["selection"]) + data["no_mtd"] == pytest.approx(1)
    assert told(go, "design", "next", *own, "--data", "1NNN 2NNT")["action"] == "stay"
    (tmp_path / "own.csv").write_text("patients,0,1,2,3\n3,E,S,X,DU\n")
    assert "line 2, 2 DLTs: 'X' is not an action" in go("design", "oc", *own, "--truth", "0.1,0.3,0.5")[2]
    assert "cannot be read" in go("design", "oc", *own[:-1], "file=none.csv", "--truth", "0.1,0.3,0.5")[2]


def test_pathways_in_every_form(go: Any, tmp_path: Path) -> None:  # noqa: F811
    data = told(go, "design", "pathways", *BOIN, "--data", "1NNN", "--cohorts", "1")
    assert [r["outcome"] for r in data] == ["", "2NNN", "2NNT", "2NTT", "2TTT"]
    assert "2NNT: stay" in go("design", "pathways", *BOIN, "--data", "1NNN", "--cohorts", "1")[1]
    assert go("design", "pathways", *BOIN, "--cohorts", "1", "--format", "dot")[1].startswith("digraph")
    assert (
        len(list(csv.reader(go("design", "pathways", *BOIN, "--cohorts", "1", "--format", "csv")[1].splitlines()))) >= 6
    )
    for form, start in (("svg", b"<svg"), ("png", b"\x89PNG")):
        assert go("design", "pathways", *BOIN, "--cohorts", "1", "--format", form, "--output", f"tree.{form}")[0] == 0
        assert (tmp_path / f"tree.{form}").read_bytes().startswith(start)
    assert "needs --out" in go("design", "pathways", *BOIN, "--format", "png")[2]


def test_the_examples_study(go: Any, tmp_path: Path) -> None:  # noqa: F811
    text = (EXAMPLE / "study.yaml").read_text().replace("trials: 2000", "trials: 200").replace("count: 20", "count: 2")
    (tmp_path / "study.yaml").write_text(text)
    data = told(go, "design", "study", "study.yaml", "--workers", "1", "--output", "r.csv")
    assert {r["design"] for r in data["rows"]} == {"3+3", "3+3 after titration", "boin", "BLRM", "tite-boin"}
    assert len(list(csv.DictReader((tmp_path / "r.csv").read_text().splitlines()))) == len(data["rows"])
    assert "means over the scenarios" in go("design", "study", "study.yaml")[1]
    assert (
        "did you mean boin?" in go("design", "study", "none.yaml")[2]
        or "does not exist" in go("design", "study", "none.yaml")[2]
    )


def test_calibration(go: Any) -> None:  # noqa: F811
    assert told(go, "design", "calibrate", "skeleton", "--target", "0.25", "--levels", "5", "--mtd", "3")["skeleton"][
        2
    ] == pytest.approx(0.25)
    size = told(go, "design", "calibrate", "size", "--target", "0.3", "--levels", "3", "--correct", "0.5")
    assert size["tried"][str(size["patients"])] >= 0.5
    best = told(go, "design", "calibrate", "search", "--target", "0.3", "--levels", "3", "--grid", "max_patients=9,15")
    assert best[0]["parameters"] == {"max_patients": 15}
    skeleton = ("--target", "0.25", "--skeleton", "0.05,0.12,0.25,0.4,0.55")
    assert len(told(go, "design", "calibrate", "sensitivity", *skeleton)) == 5
    assert sum(told(go, "design", "calibrate", "initial", *skeleton, "--max-patients", "20")["initial"]) == 20
    assert len(told(go, "design", "calibrate", "prior", *skeleton)["patients"]) == 5
    assert "ask of crm" in go("design", "calibrate", "prior", *BOIN)[2]


def test_a_statistical_section(go: Any, tmp_path: Path) -> None:  # noqa: F811
    told_files = told(
        go, "design", "section", *BOIN, "--scenario", "steep=0.05,0.15,0.3,0.45,0.6", "--output-dir", "s"
    )["files"]
    assert {Path(f).name for f in told_files} == {
        "section.html",
        "section.docx",
        "decisions.csv",
        "characteristics.csv",
        "selection.svg",
        "selection.png",
    }
    page = (tmp_path / "s" / "section.html").read_text()
    for said in (
        "at most 0.236",
        "Liu S, Yuan Y.",
        "<td>54.6</td>",
        "every trial that the design can lead to was enumerated",
    ):
        assert said in page
    assert "54.6" in zipfile.ZipFile(tmp_path / "s" / "section.docx").read("word/document.xml").decode()
    assert (tmp_path / "s" / "decisions.csv").read_text().splitlines()[3] == "3,E,S,D,DU"
    assert (
        "not empty"
        in go("design", "section", *BOIN, "--scenario", "steep=0.05,0.15,0.3,0.45,0.6", "--output-dir", "s")[2]
    )
    assert "has 2 rates" in go("design", "section", *BOIN, "--scenario", "x=0.1,0.2", "--output-dir", "t")[2]
    assert not (tmp_path / "t").exists()


def test_every_design_is_described_in_words(go: Any) -> None:  # noqa: F811
    from posology.designs import DESIGNS
    from posology.protocol.build import design_from_spec
    from posology.reports.statistical_section.design_description import describe

    need = {
        "iboin": {"prior": [0.1, 0.3, 0.5]},
        "crm": {"skeleton": [0.1, 0.3, 0.5]},
        "tite-crm": {"skeleton": [0.1, 0.3, 0.5]},
        "blrm": {"doses": [1, 2, 4]},
        "ewoc": {"doses": [1, 2, 4]},
        "table": {"rows": [[3, ["E", "S", "D", "DU"]]], "max_patients": 3},
    }
    for name in DESIGNS:
        found = describe(design_from_spec({"method": name, **need.get(name, {})}, 3, 1, defaults={"target": 0.3}))
        assert found.paragraphs, name
        assert found.references or name == "table", name
        assert "{" not in " ".join(found.paragraphs)
    assert told(go, "design", "list")["designs"].keys() == DESIGNS.keys()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("design", "oc", "--design", "boing", "--levels", "3", "--truth", "0,0,0"), "did you mean boin?"),
        (("design", "oc", *BOIN, "--truth", "0.1,0.2"), "--truth has 2 rates; the design has 5 levels"),
        (("design", "oc", *BOIN, "--truth", "0.1,x"), "write numbers with commas"),
        (("design", "oc", *BOIN, "--truth", "0.1,0.2,0.3,0.4,1.5"), "between 0 and 1"),
        (("design", "oc", *BOIN, *TRUTH, "--set", "cohrt=3"), "did you mean cohort?"),
        (("design", "oc", *BOIN, *TRUTH, "--set", "cohort"), "write NAME=VALUE"),
        (("design", "oc", *BOIN, *TRUTH, "--rule", "stop att:patients=9"), "did you mean stop at?"),
        (("design", "oc", *BOIN, *TRUTH, "--rule", "stop at:patents=9"), "did you mean patients?"),
        (("design", "oc", *BOIN, *TRUTH, "--cohort-size", "0"), "0 must be 1 or more"),
        (
            ("design", "oc", "--design", "boin", "--target", "1.3", "--levels", "3", "--truth", "0,0,0"),
            "1.3 must be above 0, below 1",
        ),
        (
            ("design", "oc", "--design", "crm", "--target", "0.3", "--skeleton", "0.3,0.2,0.5", "--truth", "0,0,0"),
            "each above the one before",
        ),
        (
            (
                "design",
                "oc",
                "--design",
                "boin",
                "--target",
                "0.3",
                "--levels",
                "8",
                "--cohort-size",
                "1",
                "--max-patients",
                "60",
                "--truth",
                "0,0,0,0,0,0,0,0",
            ),
            "--simulate 10000",
        ),
        (("design", "calibrate", "skeleton", "--target", "0.25", "--levels", "5", "--mtd", "9"), "levels 1 to 5"),
        (
            (
                "design",
                "calibrate",
                "skeleton",
                "--target",
                "0.25",
                "--levels",
                "5",
                "--mtd",
                "3",
                "--halfwidth",
                "0.3",
            ),
            "below 0.25",
        ),
    ],
)
def test_what_is_wrong_is_told(go: Any, arguments: tuple[str, ...], said: str) -> None:  # noqa: F811
    code, out, err = go(*arguments)
    assert code in (1, 2)
    assert said in err, err
    assert "Traceback" not in err + out
