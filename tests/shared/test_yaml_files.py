"""YAML is read with its lines, by the core schema of 1.2, and within bounds: what would burst is refused unbuilt."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from posology.shared.yaml_files import MAX_BYTES, InputFileError, YamlError, line_of, load_yaml, parse_yaml

TEXT = """\
a: 1
b: # a remark
  - x: yes
    y: 2013-05-10
  - [1, 2.5, .inf]
"c d": |
  two
  lines
e: &base {f: 1, g: 2}
h:
  <<: *base
  g: 3
"""


def test_values_and_lines() -> None:
    tree = parse_yaml(TEXT)
    assert tree == {
        "a": 1,
        "b": [{"x": "yes", "y": "2013-05-10"}, [1, 2.5, float("inf")]],
        "c d": "two\nlines\n",
        "e": {"f": 1, "g": 2},
        "h": {"f": 1, "g": 3},
    }
    lines = {("a",): 1, ("b", 0, "x"): 3, ("b", 0, "y"): 4, ("b", 1, 2): 5, ("h", "g"): 12, ("b", 7): 2}
    assert {path: line_of(tree, path) for path in lines} == lines


def bomb(levels: int) -> str:
    names = "abcdefghijkl"[: levels + 1]
    rows = [f"{new}: &{new} [{', '.join(['*' + old] * 10)}]" for old, new in pairwise(names)]
    return "\n".join(["a: &a [1, 2, 3]", *rows])


REFUSED = {
    "a bomb of aliases": (bomb(9), 5, "aliases stand for more than 100000 values"),
    "a list that holds itself": ("a: &a [1, *a]", 1, "*a stands for what it is in itself"),
    "an alias of nothing": ("a: *b", 1, "*b stands for nothing"),
    "lists without an end": ("a: " + "[" * 60 + "]" * 60, 1, "lies deeper than 50 levels"),
    "a deep well": ("a: " + "[" * 100_000, 1, "nesting depth"),
    "a tag": ("a: 1\nb: !!python/name:os.system x", 2, "has the tag"),
    "a set": ("a: !!set {b, c}", 1, "has the tag"),
    "a list as a name": ("[a, b]: 1", 1, "stands for a name"),
    "a field twice": ("a: 1\nb: 2\na: 3", 3, "a is given twice"),
    "two documents": ("a: 1\n---\nb: 1", 2, "second document"),
    "no layout": ("a: [1", 1, "expected"),
    "an unprintable character": ("a: \x07", 1, "character"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    text, line, wrong = REFUSED[name]
    with pytest.raises(YamlError) as error:
        parse_yaml(text)
    assert wrong in error.value.wrong
    assert abs(error.value.line - line) <= 1


def test_a_file_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "p.yaml"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InputFileError, match="is 10 MB; a protocol has at most 10 MB"):
        load_yaml(path, "a protocol", "")
