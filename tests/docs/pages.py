"""The documentation's pages as programs: their commands are run in order, in an empty folder, and what they show is
compared.

A page is made current by ``python -m tests.docs.pages docs/tutorials/first_design.md``: it is run, and what is shown
below each command is written anew.

In a ``console`` block a line that begins with ``$`` is a command, the lines below it are what it prints: each stands in
its output, whatever is between (a line ``...`` stands for what is left out). ``# refused`` behind a command says that
it ends with status 1.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```console\n(.*?)```", flags=re.DOTALL)


@dataclass
class Command:
    """A command of a page, and what the page shows of its output."""

    text: str
    shown: list[str]

    @property
    def is_refused(self) -> bool:
        return "# refused" in self.text


def commands(page: str) -> list[Command]:
    """Return a page's commands, in order; those that install are left out."""
    found: list[Command] = []
    for block in BLOCK.findall(page):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line.removeprefix("$ "), []))
            elif found and line.strip() not in ("", "..."):
                found[-1].shown.append(line)
    return [command for command in found if not command.text.startswith(("make ", "pip "))]


def run(page: str, folder: Path) -> Iterator[tuple[Command, int, str]]:
    """Run a page's commands in a folder; yield each with its status and what it printed."""
    (folder / "bin").mkdir()
    program = folder / "bin" / "posology"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m posology "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "110",
        "POSOLOGY_USER": "Dr Meyer",
    }
    for command in commands(page):
        if command.text.startswith("export "):
            key, _, value = command.text.removeprefix("export ").partition("=")
            environment[key] = value.strip('"')
            continue
        done = subprocess.run(
            command.text, shell=True, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        yield command, done.returncode, done.stdout + done.stderr


def missing(command: Command, output: str) -> list[str]:
    """Return the lines that the page shows and the command did not print in this order."""
    printed = iter(" ".join(line.split()) for line in output.splitlines())
    return [line for line in command.shown if not any(" ".join(line.split()) == other for other in printed)]


def refreshed(text: str, folder: Path) -> str:
    """Return a page with what its commands print now; blocks that show no output stay so."""
    outputs = {command.text: output for command, _, output in run(text, folder)}

    def block(match: re.Match[str]) -> str:
        lines = match[1].splitlines()
        if all(line.startswith("$ ") or not line.strip() for line in lines):
            return match[0]
        written: list[str] = []
        for line in lines:
            if line.startswith("$ "):
                written += [line, *(row.rstrip() for row in outputs.get(line.removeprefix("$ "), "").splitlines())]
        return "```console\n" + "\n".join(written) + "\n```"

    return BLOCK.sub(block, text)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        with tempfile.TemporaryDirectory() as empty:
            path = Path(name)
            path.write_text(refreshed(path.read_text(encoding="utf-8"), Path(empty)), encoding="utf-8")
