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
    assert "depends on time" in go("design", "compare", "--target", "0.3", *TRUTH, "--design", "tite-boin")[2]


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
