"""What is installed by default is enough for designs, record and readout; the rest is asked for by its extra's name."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from posology import cli
from posology.shared.extras import EXTRAS, missing_extra

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
BY_DEFAULT = (
    "shared",
    "designs",
    "expansion",
    "endpoints",
    "protocol",
    "operating",
    "record",
    "conduct",
    "readout",
    "reports",
)
ON_DEMAND = {
    ("operating/study.py", "distributed"),  # a study on a cluster
    ("record/postgresql.py", "psycopg"),  # a record in PostgreSQL
    ("shared/tables.py", "polars"),  # a result as a frame, where the reader has polars
}


def imported(file: Path) -> set[str]:
    """Return the top-level packages that a file imports anywhere but for types."""
    found: set[str] = set()
    tree = ast.parse(file.read_text(encoding="utf-8"))
    skipped = {
        id(n)
        for i in ast.walk(tree)
        if isinstance(i, ast.If) and "TYPE_CHECKING" in ast.unparse(i.test)
        for n in ast.walk(i)
    }
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("room", BY_DEFAULT)
def test_a_room_that_is_installed_by_default_needs_no_extra(room: str) -> None:
    extras = {module for modules in EXTRAS.values() for module in modules}
    source = ROOT / "src/posology"
    used = {
        (str(file.relative_to(source)), module)
        for file in (source / room).rglob("*.py")
        for module in imported(file) & extras
    }
    assert used <= ON_DEMAND


def test_each_extra_is_declared_and_each_declared_one_is_known() -> None:
    declared = PROJECT["optional-dependencies"]
    assert set(EXTRAS) | {"all", "build", "dev"} == set(declared)
    plain = lambda name: re.split(r"[\[<>=]", name)[0].lower()
    distribution = {"argon2": "argon2-cffi", "psycopg": "psycopg", "SALib": "salib", "dask": "distributed"}
    for extra, modules in EXTRAS.items():
        named = {plain(requirement) for requirement in declared[extra]}
        assert {distribution.get(module, module).lower() for module in modules} <= named


def test_a_command_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "posology.cli.app", type(sys)("app"))

    def app() -> None:
        raise ModuleNotFoundError("No module named 'polars'", name="polars")

    monkeypatch.setattr(sys.modules["posology.cli.app"], "app", app, raising=False)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    assert (
        capsys.readouterr().err
        == 'error: this needs polars, which is not installed: pip install "posology[interchange]"\n'
    )


def test_a_module_of_ours_that_is_missing_is_no_extra() -> None:
    assert missing_extra(ModuleNotFoundError("No module named 'posology.nowhere'", name="posology.nowhere")) is None
    assert missing_extra(ModuleNotFoundError("lost")) is None
