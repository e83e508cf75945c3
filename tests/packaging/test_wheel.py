"""The wheel: built, looked into, and installed clean with the locked versions of what is installed by default."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_INSTALLED_MB = 450


def run(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    built = run(
        sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", out, ROOT, cwd=out
    )
    assert built.returncode == 0, built.stderr
    return next(out.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_all_that_it_needs(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        metadata = Parser().parsestr(archive.read(next(n for n in names if n.endswith("METADATA"))).decode())
    source = ROOT / "src"
    files = {
        str(f.relative_to(source))
        for f in (source / "posology").rglob("*")
        if f.is_file() and "__pycache__" not in f.parts
    }
    assert files <= names
    assert "posology/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])


@pytest.mark.slow
def test_the_wheel_installed_clean_runs_the_demonstration(wheel: Path, tmp_path: Path) -> None:
    assert run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path).returncode == 0
    python, posology = tmp_path / "venv/bin/python", tmp_path / "venv/bin/posology"
    locked = ("-m", "pip", "install", "-q", "--no-deps", "--require-hashes", "-r", ROOT / "requirements/run.txt")
    installed = run(python, *locked, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    installed = run(python, "-m", "pip", "install", "-q", "--no-deps", wheel, cwd=tmp_path)
    assert installed.returncode == 0, installed.stderr
    assert run(python, "-m", "pip", "check", cwd=tmp_path).returncode == 0
    size = sum(f.stat().st_size for f in (tmp_path / "venv").rglob("*") if f.is_file() and not f.is_symlink())
    assert size < MAX_INSTALLED_MB * 1e6
    demo = run(posology, "demo", "--output-dir", "demo", cwd=tmp_path)
    assert demo.returncode == 0, demo.stderr
    assert (tmp_path / "demo/readout-2013-05-10/readout.html").exists()
    code = (
        "from posology.designs import Boin; from posology.endpoints.recist import Response; print(Boin(levels=3,"
        " target=0.3))"
    )
    assert run(python, "-c", code, cwd=tmp_path).returncode == 0
    refused = run(python, "-c", "import polars", cwd=tmp_path)
    assert "No module named 'polars'" in refused.stderr
