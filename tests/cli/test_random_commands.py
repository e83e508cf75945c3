"""Random commands with sound and hostile words: each ends in a result or a message, never in a traceback."""

from __future__ import annotations

import shutil
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from typer.main import get_command

import posology
from posology.cli.app import app
from posology.conduct.rulebook import rule_names
from posology.conduct.trial import Trial
from tests.conftest import EXAMPLE

GROUPS = ("trial", "patient", "protocol", "readout", "export", "import")
LEFT_OUT = {"readout write", "export adam", "export sdtm", "trial load", "protocol schema"}
"""Commands that take long, or print more than can be looked at, and have tests of their own."""
HOSTILE = (
    "",
    " ",
    "0",
    "-1",
    "1e400",
    "nan",
    "inf",
    "99999999999999999999",
    "1.5",
    "²",
    "٣",
    "=1+1",
    "'; --",
    "\x1b[2J",
    "\u200b",
    "<!--<script>",
    "2013-02-30",
    "2013-05",
    "9999-12-31",
    "0001-01-01",
    "true",
    "None",
    "null",
    "[]",
    "{}",
    "a=b",
    "x" * 5000,
    "é",
    "李",
    "..",
    "/",
    "-",
    "--",
    "1,2",
    "%s",
    "{0}",
    "\\",
    "../../x",
)
DAYS = ("2012-06-18", "2013-05-10", "2013-06-04", "2030-01-01", "2013-12-01")
WORDS = {
    "on": DAYS,
    "cutoff": DAYS,
    "known": (*DAYS, "40", "0"),
    "patient": ("0401-001", "0401-010", "002", "OO2", "0401-099"),
    "event": ("1", "2", "16", "40", "100", "700"),
    "changes": ("grade=2", "level=1", "why=x", "nothing=1", "grade", "cycle=9"),
    "level": ("1", "7", "8"),
    "to_level": ("1", "6"),
    "grade": ("1", "3", "5"),
    "ae": ("1", "2"),
    "cycle": ("1", "2", "9"),
    "term": ("Nausea", "Keratitis"),
    "action": ("escalate", "expand", "stop"),
    "decision": ("1", "2", "30"),
    "override": ("because", f"{', '.join(rule_names())}: agreed", "slot-is-free: agreed"),
    "by": ("Dr A", "Dr B"),
    "reason": ("source checked",),
    "weight_kg": ("60", "300"),
    "actual_mg": ("9", "300"),
    "slots": ("1", "50"),
}
HOME = str(Path(posology.__file__).parent)


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command with the words that call it."""
    names = command.list_commands(None) if hasattr(command, "list_commands") else ()
    for name in names:
        yield from leaves(command.get_command(None, name), (*path, name))
    if not names:
        yield path, command


LEAVES = {
    path: command
    for path, command in leaves(get_command(app))
    if path and path[0] in GROUPS and " ".join(path) not in LEFT_OUT
}


def arguments(random: Random, path: tuple[str, ...]) -> list[str]:
    """Return a random call of a command: most words sound, some hostile, some left out."""
    call: list[str] = list(path)
    for parameter in LEAVES[path].params:
        required = parameter.required or "[required]" in (getattr(parameter, "help", "") or "")
        if parameter.name == "help" or (random.random() > (0.95 if required else 0.3)):
            continue
        flag = [] if parameter.param_type_name == "argument" else [random.choice(parameter.opts)]
        if getattr(parameter, "is_flag", False):
            call += [random.choice([*parameter.opts, *parameter.secondary_opts])]
        else:
            call += [*flag, _word(random, str(parameter.name))]
    return call


def _word(random: Random, name: str) -> str:
    if name == "trial":
        return random.choices(("t.posology", "none.posology", "p.yaml", "."), (30, 1, 1, 1))[0]
    if random.random() < 0.15:
        return random.choice(HOSTILE)
    if name in ("protocol", "old", "new", "file", "versions"):
        return random.choice(("p.yaml", "p.yaml@1.0", "p.yaml@2.0", "new.txt", "t.posology", "b.jsonl"))
    return random.choice(WORDS.get(name, ("1", "2", "x", "F", "2013-06-04", "ovarian", *HOSTILE)))


def fault(call: list[str]) -> str | None:
    """Run a command; return what was raised if it is no message for the user: nothing that our code raised as such."""
    try:
        get_command(app).main(call, prog_name="posology", standalone_mode=True)
    except SystemExit:
        return None
    except Exception as error:
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        told = isinstance(error, ValueError) and raised_in.startswith(HOME)
        if isinstance(error, OSError) or told or type(error).__module__.startswith("posology."):
            return None
        return "".join(traceback.format_exception(error)[-3:])
    return None


def run_commands(seed: int, number: int, record: Path) -> Counter[str]:
    """Run random commands on a record; each ends well or in a message, and the record stays sound."""
    random = Random(seed)
    shutil.copy(record, "t.posology")
    shutil.copy(EXAMPLE / "protocol.yaml", "p.yaml")
    counts: Counter[str] = Counter()
    for _ in range(number):
        call = arguments(random, random.choice(sorted(LEAVES)))
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            wrong = fault(call)
        assert wrong is None, f"{call}\n{wrong}"
        counts[call[0]] += 1
    with Trial.open("t.posology") as trial:
        assert trial.store.check([]).seq == len(trial.events())
    return counts


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POSOLOGY_USER", "Dr A")
    monkeypatch.setattr(sys, "argv", ["posology"])


@pytest.mark.usefixtures("here")
def test_random_commands(imgn853_file: Path) -> None:
    assert len(run_commands(1, 300, imgn853_file)) == len(GROUPS)


@pytest.mark.slow
@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("seed", range(20))
def test_many_random_commands(seed: int, imgn853_file: Path) -> None:
    run_commands(seed, 500, imgn853_file)
