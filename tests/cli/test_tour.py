"""Every command shown in the README is run, in its order, in an empty folder."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def commands(text: str) -> list[str]:
    """Return the commands of the tour: the console blocks, but for the two that install."""
    blocks = re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL)
    found = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [command for command in found if not command.startswith("make ")]


def test_the_tour(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "posology"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m posology "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environment = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "src"),
        "COLUMNS": "120",
    }
    shown = commands((ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(shown) > 25
    for command in shown:
        name, _, rest = command.partition(" ")
        if name == "export":
            key, _, value = rest.partition("=")
            environment[key] = value.strip('"')
            continue
        assert name == "posology"
        done = subprocess.run(command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
        expected = 1 if "# refused" in command else 0
        assert done.returncode == expected, (command, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        if expected:
            assert "I7 Archival tumour tissue available: not known" in done.stderr
    assert (tmp_path / "readout/readout.html").exists()
    backup, restored = (tmp_path / n for n in ("backup.jsonl", "restored.posology"))
    assert backup.exists()
    assert restored.exists()
