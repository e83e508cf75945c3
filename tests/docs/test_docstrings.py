"""Docstrings keep what the house promises: parameters named, an example that runs, references that lead somewhere."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src" / "posology"
DOCUMENTED_ROOMS = ("designs", "endpoints", "operating")
"""Rooms of which every public function with three or more parameters names each and has an example. Each room that is
finished is added; none is taken away."""
WITHOUT_EXAMPLE = {
    "endpoints/gcig.py best_response": "ten arguments of two measurements over time: see the tests",
    "operating/count_packing.py Packing.added": "how counts lie in words is shown by Packing itself",
    "operating/count_packing.py Packing.toxic": "how counts lie in words is shown by Packing itself",
    "operating/selection_by_parts.py Side.of": "takes counts as packed",
    "operating/selection_by_parts.py Selection.of": "takes counts as packed",
    "operating/study.py run_study": "does the work of hours in a folder",
}
"""Functions without an example, and why."""
REFERENCE = re.compile(r":(?:func|class|meth|data|mod|attr):`~?(posology(?:\.\w+)+)`")


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield the public functions and methods of a module by name."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        members = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else [node]
        for member in members:
            if isinstance(member, ast.FunctionDef) and not member.name.startswith("_"):
                yield (f"{node.name}." if isinstance(node, ast.ClassDef) else "") + member.name, member


def parameters(function: ast.FunctionDef) -> list[str]:
    named = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
    return [a.arg for a in named if a.arg not in ("self", "cls")]


def does_something(function: ast.FunctionDef) -> bool:
    """Whether a function has a body: that of a protocol has none."""
    first, *rest = function.body
    said = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in rest) or not said


@pytest.mark.parametrize("room", DOCUMENTED_ROOMS)
def test_public_functions_name_their_parameters_and_show_an_example(room: str) -> None:
    lacking = []
    for path in sorted((SRC / room).rglob("*.py")):
        where = path.relative_to(SRC).as_posix()
        for name, function in functions(path):
            names, text = parameters(function), ast.get_docstring(function) or ""
            if len(names) < 3:
                continue
            section = text.partition("Parameters\n---")[2]
            missing = [n for n in names if not re.search(rf"(^|[ ,`*]){n}($|[ ,`])", section, re.MULTILINE)]
            lacking += [f"{where} {name}: does not name {', '.join(missing)}"] if missing else []
            if ">>>" not in text and does_something(function) and f"{where} {name}" not in WITHOUT_EXAMPLE:
                lacking.append(f"{where} {name}: has no example")
    assert lacking == []


def test_references_lead_somewhere() -> None:
    """A full name in a docstring is that of something there is."""
    lost = []
    for path in sorted(SRC.rglob("*.py")):
        for name in dict.fromkeys(REFERENCE.findall(path.read_text(encoding="utf-8"))):
            if not _exists(name):
                lost.append(f"{path.relative_to(SRC).as_posix()}: {name}")
    assert lost == []


def _exists(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:]:
            if not hasattr(found, part) and part not in getattr(found, "__annotations__", {}):
                return False
            found = getattr(found, part, None)
        return True
    return False
