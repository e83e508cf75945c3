"""Bad input ends in a message: wrong words in every place, narrow terminals, wrong days, files that are records."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from posology.cli import _output
from posology.cli.app import EXAMPLE
from tests.cli.test_commands import go
from tests.cli.test_help import leaves
from tests.cli.test_measuring import sampled
from tests.conftest import EXAMPLE as FILES

__all__ = ["go", "sampled"]


@pytest.mark.parametrize("width", [40, 80, 100, 120])
def test_no_number_and_no_name_of_a_design_is_cut(go: Any, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    from rich.console import Console

    monkeypatch.setattr(_output, "console", lambda: Console(highlight=False, width=width))
    status, out, _ = go("design", "compare", "--target", "0.3", "--truth", "0.05,0.15,0.3,0.45,0.6")
    assert status == 0 and all(len(line.rstrip()) <= max(width, 80) for line in out.splitlines())
    for word in ("3+3", "keyboard", "20.1", "42.9", "(MTD)", "Accuracy", "Patients", "DLTs", "15.1"):
        assert word in out, word
    status, out, _ = go("design", "next", "--design", "crm", "--target", "0.25", "--levels", "5", "--data", "1NNN 2NNT")
    assert status == 0
    for word in ("Level", "Patients", "DLTs", "14.6", "10.7", "82.3", "MTD now", "yes"):
        assert word in out, word


@pytest.mark.parametrize(
    "command",
    [
        ["trial status", "--cutoff"],
        ["trial advise", "--cutoff"],
        ["pk exposure-response", "--cutoff"],
        ["readout write", "--output-dir", "new", "--cutoff"],
        ["export sdtm", "new", "--cutoff"],
        ["export adam", "new", "--cutoff"],
    ],
)
def test_a_day_before_the_trial_began(go: Any, imgn853_file: Path, tmp_path: Path, command: list[str]) -> None:
    shutil.copy(imgn853_file, tmp_path / "t.posology")
    names, *rest = command
    status, out, err = go(*names.split(), "t.posology", *rest, "1999-01-01")
    assert status == 1 and not out.strip()
    assert "had not begun by 1999-01-01" in err or "was created on 2012-06-01, after the cutoff 1999-01-01" in err
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "command",
    [
        ["sensitivity", "trial", "--figure"],
        ["sensitivity", "tumour", "--csv"],
        ["simulate", "designs", "protocol.yaml", "--figure"],
        ["simulate", "regimens", "regimens.yaml", "--concentrations"],
        ["pk", "exposure-response", "s.posology", "--figure"],
        ["pk", "fit", "concentrations.csv", "--start", "CL=1,V1=1,Q=1,V2=1", "--figure"],
    ],
)
def test_a_folder_that_is_not_there_is_said_before_the_work(go: Any, sampled: str, command: list[str]) -> None:
    assert go("example", ".")[0] == 0
    status, out, err = go(*command, "nowhere/x.svg")
    assert status == 1 and not out.strip() and "nowhere/x.svg: there is no folder nowhere" in err


def test_events_by_a_day_are_those_by_that_day(go: Any, sampled: str) -> None:
    arguments = ("pk", "exposure-response", sampled, "--outcome", "ocular", "--by-day", "40")
    told, found = go(*arguments)[1], json.loads(go(*arguments, "--json")[1])
    by_day, ever = found["by_day"]["events"], found["events"]
    assert 0 < by_day < ever
    assert f": {by_day} of {found['patients']} patients; {ever} at any time" in told
    status, out, err = go("pk", "exposure-response", sampled, "--outcome", "ocular", "--by-day", "0")
    assert status == 2 and "0 must be 1 to 36,500" in " ".join((out + err).replace("│", " ").split())


def test_a_cohort_of_an_amendment(go: Any) -> None:
    assert go("example", ".")[0] == 0
    for cohort, says in (("endometrial", "comes with an amendment only"), ("breast", "is no expansion cohort")):
        status, _, err = go("simulate", "trial", "protocol.yaml", "v.posology", "--cohort", cohort, "--level", "6")
        assert status == 1 and err.startswith(f"error: '{cohort}' {says}; the protocol begins with ovarian-resistant, ")


@pytest.mark.parametrize("command", [["export", "jsonl"], ["export", "nonmem"]])
def test_no_file_takes_the_place_of_a_record(go: Any, sampled: str, tmp_path: Path, command: list[str]) -> None:
    before = (tmp_path / sampled).read_bytes()
    status, out, err = go(*command, sampled, sampled)
    assert status == 1 and "is a trial's record: name another file" in out + err
    assert (tmp_path / sampled).read_bytes() == before
    assert {f.name for f in tmp_path.iterdir() if sampled in f.name} == {sampled}


def test_no_report_takes_the_place_of_a_record(go: Any, sampled: str, tmp_path: Path) -> None:
    before = (tmp_path / sampled).read_bytes()
    assert go("export", "sdtm", sampled, "sdtm")[0] == 0
    status, _, err = go("import", "sdtm", "sdtm", "new.posology", "--report", sampled)
    assert status == 1 and f"{sampled} is a trial's record: name another file" in err
    assert (tmp_path / sampled).read_bytes() == before and not (tmp_path / "new.posology").exists()


WRONG = {
    "nothing": "none.yaml",
    "a folder": "folder",
    "binary": "binary.bin",
    "a record": "t.posology",
    "an empty word": "",
    "not a number": "nan",
}
LEAVES = dict(leaves())


@pytest.fixture
def wrong_files(imgn853_file: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "binary.bin").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "empty.csv").touch()
    shutil.copy(imgn853_file, tmp_path / "t.posology")


@pytest.mark.parametrize(
    "path", [path for path in LEAVES if path not in (("demo",), ("simulate", "body-size"))], ids=" ".join
)
@pytest.mark.usefixtures("wrong_files")
def test_wrong_words_end_in_a_message(go: Any, monkeypatch: pytest.MonkeyPatch, path: tuple[str, ...]) -> None:
    """In the place of the first word of each command's example, and of a random option: a message, never a
    traceback. A room that opens on a sound record is not served: it would wait for its visitors."""
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    example = LEAVES[path].epilog.split(EXAMPLE.strip())[1].strip().splitlines()[0]
    words = shlex.split(example)[1 + len(path) :]
    for wrong in WRONG.values():
        for place in [k for k, word in enumerate(words[:2]) if not word.startswith("--")] or [0]:
            tried = [wrong if k == place else word for k, word in enumerate(words)] or [wrong]
            status, out, err = go(*path, *tried)
            assert status in (0, 1, 2), (tried, err)
            assert "Traceback" not in out + err and "fault of Posology" not in err and "Warning" not in err, (
                tried,
                err,
            )
            assert status == 0 or err.strip() or out.strip(), tried


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--simulate", "0"), "0 must be 10 to 10,000,000"),
        (("--target", "nan"), "nan must be above 0, below 1"),
        (("--levels", "99999999999999999999"), "design"),
        (("--accrual", "inf"), "inf must be above 0, at most 10,000"),
        (("--window", "-1"), "-1 must be above 0, at most 1,000"),
        (("--seed", "-1"), "-1 must be 0 or more"),
        (("--start-level", "0"), "0 must be 1 or more"),
        (("--dropout", "1"), "1 must be 0 or more, below 1"),
    ],
)
def test_numbers_out_of_bounds_are_told_with_the_bounds(go: Any, arguments: tuple[str, ...], says: str) -> None:
    whole = ("design", "oc", "--design", "boin", "--target", "0.3", "--levels", "3", "--truth", "0.1,0.3,0.5")
    status, out, err = go(*whole, *arguments)
    assert status in (1, 2) and says in " ".join(err.replace("│", " ").split()), err
    assert "Traceback" not in out + err


def test_a_usual_design_that_does_not_fit_is_left_out_with_its_reason(go: Any) -> None:
    status, out, err = go("design", "compare", "--target", "0.05", "--truth", "0.02,0.05,0.1", "--json")
    found = json.loads(out)
    assert status == 0 and "boin" in found["designs"] and found["left_out"], err
    status, _, err = go("design", "compare", "--target", "0.05", "--truth", "0.02,0.05,0.1", "--design", "i3+3")
    assert (status == 0) == ("i3+3" not in found["left_out"])


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("export sdtm t.posology new --cutoff 2999-01-01", "is after today"),
        ("export adam t.posology new --cutoff 2999-01-01", "is after today"),
        ("export nonmem t.posology new --cutoff 2999-01-01", "is after today"),
        ("trial create new imgn853.yaml --on 2999-01-01", "a trial is created on or after its day"),
        ("trial correct t.posology 16 planned_mg=900 --reason checked", "planned_mg is written by the system"),
        ("trial correct t.posology 16 --reason checked", "say what changes"),
        ("trial correct t.posology 16 cycle=1 --reason checked", "says that already: nothing changes"),
        ("trial correct t.posology 16 cycle=1 cycle=2 --reason checked", "cycle is given twice"),
        ("export jsonl t.posology notes.txt", "is no backup of"),
        ("trial correct t.posology 3 --reason checked --on 20130510", "write it as 2013-05-10"),
        ("patient consent t.posology 999 --on 2013-05-01 --by ''", "is blank"),
        ("patient ae t.posology 001 --on 2013-05-01 --ae 99 --term ' ' --grade 1 --related", "it is blank"),
    ],
)
def test_what_the_record_does_not_take(go: Any, imgn853_file: Path, tmp_path: Path, command: str, said: str) -> None:
    shutil.copy(imgn853_file, tmp_path / "t.posology")
    shutil.copy(FILES / "protocol.yaml", tmp_path / "imgn853.yaml")
    (tmp_path / "notes.txt").write_text("my notes")
    status, _, err = go(*shlex.split(command))
    assert status != 0 and said in " ".join(err.split())
    assert not (tmp_path / "new").exists() and (tmp_path / "notes.txt").read_text() == "my notes"


def test_a_backup_replaces_an_earlier_one_only_of_the_same_record(go: Any, imgn853_file: Path, tmp_path: Path) -> None:
    shutil.copy(imgn853_file, tmp_path / "t.posology")
    assert go("export", "jsonl", "t.posology", "b.jsonl")[0] == 0
    assert go("export", "jsonl", "t.posology", "b.jsonl")[0] == 0
    lines = (tmp_path / "b.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "short.jsonl").write_text("".join(lines[:-3]))
    assert go("import", "jsonl", "short.jsonl", "cut.posology")[0] == 0
    status, _, err = go("export", "jsonl", "cut.posology", "b.jsonl")
    assert status == 1 and "cut off" in err
    assert (tmp_path / "b.jsonl").read_text() == "".join(lines)
