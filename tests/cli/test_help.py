"""Help on everything: in plain words, with units and defaults, examples that parse, and nothing heavy loaded for it."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from posology.cli.app import EXAMPLE, GROUPS, app
from posology.cli.reference import pages

ROOT = Path(__file__).parents[2]
PROGRAM: Any = get_command(app)


def leaves(group: Any = PROGRAM, path: tuple[str, ...] = ()) -> Any:
    """Return every command with the words that call it."""
    for name in group.list_commands(None):
        command = group.get_command(None, name)
        if hasattr(command, "list_commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


LEAVES = dict(leaves())
every_command = pytest.mark.parametrize("path", LEAVES, ids=" ".join)


@every_command
def test_each_option_says_what_it_is_and_what_it_is_if_left_out(path: tuple[str, ...]) -> None:
    event = path[0] in ("patient", "trial")
    for parameter in LEAVES[path].params:
        text = parameter.help or ""
        assert len(text.split()) >= 2 and text[0].isupper() and text.partition("  [")[0].endswith("."), text
        assert not re.search(r":\w+:`|``", text), "Sphinx markup"
        if parameter.param_type_name != "option" or parameter.required or parameter.is_flag or event:
            continue
        silent = parameter.default is None or parameter.default in ("", ())
        assert not silent or re.search(r"\(else|else the|this (CSV|\.png)", text), (parameter.name, text)


@every_command
def test_each_command_is_explained_with_an_example_that_parses(path: tuple[str, ...]) -> None:
    command = LEAVES[path]
    assert command.help and not re.search(r":\w+:`|``|Example", command.help)
    assert command.epilog, "no example"
    for line in command.epilog.split(EXAMPLE.strip())[1].strip().splitlines():
        words = shlex.split(line)
        assert tuple(words[: len(path) + 1]) == ("posology", *path)
        command.make_context(path[-1], words[len(path) + 1 :])  # fails where an option is unknown or a value is none


def test_a_word_means_one_thing() -> None:
    """An option of a name takes the same kind of value wherever it is."""
    kinds: dict[str, set[str]] = {}
    for path, command in LEAVES.items():
        if path[0] in ("patient", "trial") and path[1] != "eligibility":
            continue  # the fields of events have the names that the record has
        for parameter in command.params:
            if parameter.param_type_name == "option":
                kinds.setdefault(parameter.opts[0], set()).add("flag" if parameter.is_flag else parameter.type.name)
    several = {flag: found for flag, found in kinds.items() if len(found) > 1}
    assert set(several) <= {"--format", "--target", "--model", "--exposures", "--cv", "--reader"}, several


def test_the_reference_is_what_the_help_says() -> None:
    folder = ROOT / "docs/reference/commands"
    written = {file.name: file.read_text(encoding="utf-8") for file in folder.glob("*.md")}
    assert written == pages(), "run `make reference`"


@pytest.mark.parametrize("words", [[], *([name] for name in GROUPS)], ids=" ".join)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    """Help comes at once: no array, database, chart or validation library is loaded for it."""
    heavy = ("numpy", "pydantic", "altair", "scipy", "polars", "jinja2", "rich", "numba", "msgspec", "lxml", "sqlite3")
    code = (
        f"import sys\nfrom posology.cli import main\nsys.argv = ['posology', *{words!r}, '--help']\n"
        f"try:\n    main()\nexcept SystemExit:\n    pass\nprint([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT / "src")}
    )
    assert done.stdout.splitlines()[-1] == "[]"


def shown_commands() -> list[tuple[str, str]]:
    """Return every command shown in a block of the README and of the documentation, with the page."""
    found = []
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = page.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"```(?:console|bash|sh)?\n(.*?)```", text, flags=re.DOTALL)
        lines = [line.strip().removeprefix("$ ") for block in blocks for line in block.splitlines()]
        found += [
            (page.name, part.strip())
            for line in lines
            for part in line.split(" && ")
            if part.strip().startswith("posology ")
        ]
    return found


def test_each_command_that_the_documentation_shows_parses() -> None:
    shown = shown_commands()
    assert len(shown) > 120
    for page, line in shown:
        words = shlex.split(line, comments=True)[1:]
        path = next((tuple(words[:n]) for n in (3, 2, 1) if tuple(words[:n]) in LEAVES), None)
        assert path is not None or words[0].startswith("--"), (page, line)
        if path is not None and "..." not in words and "--help" not in words:
            LEAVES[path].make_context(path[-1], words[len(path) :])
