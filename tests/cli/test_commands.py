"""The command line: results as JSON, errors as messages with their status, help on everything."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from posology.cli import main
from posology.cli.app import GROUPS, app
from posology.conduct.trial import Trial
from posology.record.fact import KINDS, Fact, NoCommand
from tests.conftest import EXAMPLE


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Run a command as the program does, errors turned to messages."""
    monkeypatch.setattr(sys, "argv", ["posology", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    out, err = capsys.readouterr()
    return int(end.value.code or 0), out, err


@pytest.fixture
def go(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSOLOGY_USER", "Dr A")
    return lambda *arguments: run(capsys, monkeypatch, *arguments)


@pytest.fixture
def db(imgn853_file: Path, tmp_path: Path) -> str:
    shutil.copy(imgn853_file, tmp_path / "t.posology")
    return "t.posology"


def commands() -> list[list[str]]:
    """Return every command and group by the words that call it."""

    def below(group: Any, path: list[str]) -> Any:
        for name in group.list_commands(None):
            yield [*path, name]
            command = group.get_command(None, name)
            if hasattr(command, "list_commands"):
                yield from below(command, [*path, name])

    return [[], *below(get_command(app), [])]


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help(path: list[str]) -> None:
    shown = CliRunner().invoke(app, [*path, "--help"])
    assert shown.exit_code == 0 and "Usage" in shown.output


def test_a_group_is_the_file_of_its_name() -> None:
    home = Path(main.__globals__["__file__"]).parent
    files = {file.stem.strip("_") for file in home.iterdir() if file.suffix == ".py" or (file / "__init__.py").exists()}
    assert set(GROUPS) <= files
    for path in commands():
        if len(path) == 2 and (home / path[0]).is_dir() and path[1] not in ("body-size",):
            assert (home / path[0] / f"{path[1].replace('-', '_')}.py").exists(), path


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_every_kind_of_event_has_a_command_or_says_why_not(kind: type[Fact]) -> None:
    """Each field that people enter has an option with a help text; what has none is written by the system."""
    from posology.record.entry_fields import entry_fields

    if isinstance(kind.verb, NoCommand):
        assert kind.verb.because
        return
    command = get_command(app).get_command(None, kind.about).get_command(None, kind.verb)  # type: ignore[attr-defined, arg-type]
    options = {p.name: p for p in command.params}
    names = [field.name for field in entry_fields(kind)]
    assert set(names) <= set(options) and all(options[n].help.strip() for n in options)
    for field in fields(kind):  # type: ignore[arg-type]
        assert field.name in names or field.default is None, "without a Doc the system writes it: nobody can be asked"


def test_check(go: Any) -> None:
    code, out, _ = go("protocol", "check", str(EXAMPLE / "protocol.yaml"))
    assert code == 0
    assert "sulfo-SPDB" in out
    code, out, _ = go("protocol", "check", str(EXAMPLE / "protocol.yaml"), "--json")
    assert json.loads(out)["ok"] is True
    Path("bad.yaml").write_text(
        (EXAMPLE / "protocol.yaml").read_text(encoding="utf-8").replace("mg/kg", "mg/kq"), encoding="utf-8"
    )
    code, out, _ = go("protocol", "check", "bad.yaml", "--json")
    assert code == 1
    assert json.loads(out)["errors"][0]["field"] == "dose.unit"


def test_schema(go: Any) -> None:
    assert json.loads(go("protocol", "schema")[1])["title"] == "Posology protocol"


def test_diff(go: Any) -> None:
    file = str(EXAMPLE / "protocol.yaml")
    code, out, _ = go("protocol", "diff", f"{file}@1.0", f"{file}@2.0", "--json")
    assert code == 0
    assert any("endometrial" in line for line in json.loads(out)["differences"])
    code, _, err = go("protocol", "diff", f"{file}@1.0", f"{file}@9.0")
    assert (code, "it has 1.0, 2.0" in err) == (1, True)


def test_decide(go: Any, db: str) -> None:
    code, out, _ = go("trial", "advise", db, "--cutoff", "2013-03-25", "--json")
    data = json.loads(out)
    assert (code, data["action"], data["level"], data["more"]) == (0, "expand", 7, 3)
    assert {c["level"]: c["dlt"] for c in data["counts"]}[7] == 1
    code, out, _ = go("trial", "advise", db, "--cutoff", "2013-05-10")
    assert "0401-018 is on day 5 of the window of 21 days, until 2013-05-26" in out


def test_decide_as_the_record_knew_it(go: Any, db: str) -> None:
    _, out, _ = go("trial", "advise", db, "--cutoff", "2013-05-10", "--known-by", "2013-02-12", "--json")
    assert {c["level"]: c["treated"] for c in json.loads(out)["counts"]}[7] == 0


def test_eligibility(go: Any, db: str) -> None:
    _, out, _ = go("patient", "eligibility", db, "0401-005", "--cohort", "ovarian-resistant", "--json")
    found = {c["criterion"]: c for c in json.loads(out)}
    assert found["X3"]["verdict"] == "not met"
    code, _, err = go("patient", "eligibility", db, "999")
    assert (code, "there is no patient '999'" in err) == (1, True)
    code, _, err = go("patient", "eligibility", db, "0401-005", "--cohort", "breast")
    assert (code, "there is no cohort 'breast'" in err) == (1, True)


def test_status_and_log(go: Any, db: str) -> None:
    assert len(json.loads(go("trial", "status", db, "--cutoff", "2013-05-10", "--json")[1])) == 18
    _, out, _ = go("trial", "log", db, "--patient", "0401-013", "--json")
    logged = json.loads(out)
    assert {e["patient"] for e in logged} == {"0401-013"}
    assert any(e["kind"] == "dlt_adjudicated" for e in logged)


def test_verify(go: Any, db: str, tmp_path: Path) -> None:
    code, out, _ = go("trial", "verify", db, "--json")
    head = json.loads(out)["head"]
    assert code == 0
    assert go("trial", "verify", db, "--head", head)[0] == 0
    assert go("trial", "verify", db, "--head", "469:" + "0" * 64)[0] == 1
    assert go("trial", "verify", db, "--head", "x")[0] == 1
    import sqlite3

    with sqlite3.connect(db) as base:
        base.execute("UPDATE events SET author = 'x' WHERE seq = 7")
    base.close()
    code, out, _ = go("trial", "verify", db)
    assert (code, "event 7: changed" in out) == (1, True)


def test_claims_status(go: Any, db: str) -> None:
    code, out, _ = go("readout", "claims", db, str(EXAMPLE / "claims.yaml"), "--cutoff", "2013-05-10", "--json")
    assert (code, sum(c["holds"] is True for c in json.loads(out))) == (0, 30)
    Path("c.yaml").write_text("- {id: A, text: x, measure: patients_treated, is: 19}")
    code, out, _ = go("readout", "claims", db, "c.yaml", "--cutoff", "2013-05-10")
    assert (code, "does not hold" in out) == (1, True)


def test_readout(go: Any, db: str) -> None:
    code, out, _ = go("readout", "write", db, "--cutoff", "2013-05-10", "--output-dir", "r", "--json")
    assert (code, json.loads(out)["patients_treated"]) == (0, 18)
    assert Path("r/readout.html").exists()


def test_amend_void_and_override(go: Any) -> None:
    go("trial", "create", "n.posology", str(EXAMPLE / "protocol.yaml"), "--on", "2013-04-01")
    code, out, _ = go("trial", "amend", "n.posology", str(EXAMPLE / "protocol.yaml"), "--json")
    assert (code, json.loads(out)[0]["fact"]["version"]) == (0, "2.0")
    assert "the record holds every amendment" in go("trial", "amend", "n.posology", str(EXAMPLE / "protocol.yaml"))[1]
    go("patient", "consent", "n.posology", "001", "--on", "2013-04-02")
    code, out, _ = go(
        "patient",
        "reserve",
        "n.posology",
        "001",
        "--on",
        "2013-05-02",
        "--level",
        "1",
        "--override",
        "eligible: waiver",
        "--json",
    )
    assert json.loads(out)[0]["override"]["why"] == "waiver"
    code, out, _ = go("trial", "void", "n.posology", "4", "--reason", "wrong patient")
    assert (code, "recorded event 5: voided of 001" in out) == (0, True)
    code, out, _ = go("trial", "correct", "n.posology", "3", "--on", "2013-04-03", "--reason", "source checked")
    assert (code, "2013-04-03" in out) == (0, True)
    with Trial.open("n.posology") as trial:
        assert [e.supersedes for e in trial.events()] == [None, None, None, None, 4, 3]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("trial", "advise", "none.posology"), "there is no trial at none.posology"),
        (("trial", "advise", "bad.posology"), "is not a Posology record"),
        (("trial", "create", "t.posology", str(EXAMPLE / "protocol.yaml")), "exists already"),
        (("trial", "create", "x/y.posology", str(EXAMPLE / "protocol.yaml")), "cannot write to x"),
        (("trial", "create", "y.posology", "none.yaml"), "does not exist"),
        (("patient", "ae", "t.posology", "0401-010", "--grade", "9"), "grade is '9': it must be at most 5"),
        (("patient", "ae", "t.posology", "0401-010", "--grade", "9"), "term is missing"),
        (("trial", "correct", "t.posology", "9999", "grade=2", "--reason", "x"), "there is no event 9999"),
        (("trial", "correct", "t.posology", "3", "--reason", "x"), "say what changes"),
        (("trial", "load", "t.posology", "none.csv"), "cannot be read"),
        (("import", "jsonl", "bad.posology", "z.posology"), "no event"),
        (("readout", "write", "t.posology", "--output-dir", "r", "--cutoff", "2011-01-01"), "after the cutoff"),
        (("trial", "advise", "mysql://x/y"), "postgresql:// URL"),
    ],
)
def test_errors_are_messages(go: Any, db: str, arguments: tuple[str, ...], said: str) -> None:
    Path("bad.posology").write_text("no database" * 100)
    code, _, err = go(*arguments)
    assert code == 1
    assert said in err
    assert "Traceback" not in err


def test_a_wrong_date_is_a_usage_error(go: Any, db: str) -> None:
    code, _, err = go("trial", "advise", db, "--cutoff", "10 May")
    assert (code, "write it as 2013-05-10" in " ".join(err.replace("│", " ").split())) == (2, True)


def test_import_refuses_an_edited_file(go: Any, db: str) -> None:
    go("export", "jsonl", db, "b.jsonl")
    text = Path("b.jsonl").read_text(encoding="utf-8").replace('"grade":3', '"grade":2')
    Path("b.jsonl").write_text(text, encoding="utf-8")
    code, _, err = go("import", "jsonl", "b.jsonl", "new.posology")
    assert (code, "is not as it was written" in err, "changed" in err) == (1, True, True)
    assert not Path("new.posology").exists()


@pytest.mark.parametrize(
    ("modules", "heavy"),
    [
        ("posology.cli.app", ("numpy", "pydantic", "altair", "scipy", "polars", "jinja2")),
        (
            "posology.conduct.trial, posology.conduct.remarks, posology.conduct.advice, posology.conduct.cohort_advice",
            ("altair", "scipy", "polars", "numba", "lxml"),
        ),
    ],
)
def test_starting_imports_nothing_heavy(modules: str, heavy: tuple[str, ...]) -> None:
    """Help must come at once: no array, database, chart or validation library may be loaded for it. To enter an event
    and to ask the design must take under a second: no statistics library may be loaded."""
    code = f"import sys; import {modules}; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": "src"},
        cwd=EXAMPLE.parents[3],
    )
    assert done.stdout.strip() == "[]"


def test_operating_characteristics(go: Any) -> None:
    arguments = (
        "design",
        "oc",
        "--design",
        "boin",
        "--target",
        "0.3",
        "--levels",
        "5",
        "--cohort-size",
        "3",
        "--max-patients",
        "30",
    )
    code, out, _ = go(*arguments, "--truth", "0.05,0.15,0.3,0.45,0.6", "--json")
    data = json.loads(out)
    assert (code, data["exact"]) == (0, True)
    assert sum(data["selection"]) + data["no_mtd"] == pytest.approx(1)
    assert data["correct"] == pytest.approx(0.55, abs=0.02)  # 54.96 % of 10,000 trials simulated by BOIN's authors
    assert "Exact operating characteristics" in go(*arguments, "--truth", "0.05,0.15,0.3,0.45,0.6")[1]
    code, out, _ = go(
        "design", "oc", "--protocol", str(EXAMPLE / "protocol.yaml"), "--truth", "0,0,0,0,0,0,0.2", "--json"
    )
    assert code == 0
    for wrong, said in (
        ("0.1,0.2", "has 2 rates"),
        ("a,b", "write numbers with commas"),
        ("0.1,0.2,0.3,0.4,1.5", "is 1.5"),
    ):
        code, _, err = go(*arguments, "--truth", wrong)
        assert (code, said in err) == (1, True), err
    assert "did you mean boin?" in go("design", "oc", "--design", "boing", "--levels", "3", "--truth", "0,0,0")[2]
    assert "target" in go("design", "oc", "--design", "boin", "--levels", "3", "--truth", "0,0,0")[2]
    assert "below 1" in go("design", "oc", "--design", "boin", "--target", "3", "--levels", "3", "--truth", "0,0,0")[2]
    assert "give --design" in go("design", "oc", "--truth", "0,0,0")[2]


def test_decision_table(go: Any) -> None:
    rows = json.loads(go("design", "table", str(EXAMPLE / "protocol.yaml"), "--json")[1])
    assert {"patients": 3, "dlts": 1, "action": "treat 3 more", "letter": "S"} in rows
    assert "E: escalate" in go("design", "table", str(EXAMPLE / "protocol.yaml"))[1]


def test_oc_says_whether_a_design_stops_for_safety(go: Any) -> None:
    toxic = ("--levels", "3", "--target", "0.25", "--truth", "0.5,0.6,0.7")
    _, out, _ = go("design", "oc", "--design", "crm", *toxic)
    assert "stops for safety: never; with --set stop_toxic=0.95" in out
    _, out, _ = go("design", "oc", "--design", "crm", *toxic, "--set", "stop_toxic=0.95", "--set", "stop_toxic_from=3")
    assert "stops for safety: Pr(rate at level 1 > 0.25) above 0.95, from 3" in out
    _, out, _ = go("design", "oc", "--design", "boin", *toxic, "--json")
    assert json.loads(out)["safety_stop"].startswith("Pr(rate at level 1 > 0.25)")


def test_a_small_chance_is_not_shown_as_none(go: Any) -> None:
    _, out, _ = go("design", "oc", "--design", "boin", "--target", "0.3", "--levels", "5", "--truth", ".5,.6,.7,.8,.9")
    assert "<0.01" in out
