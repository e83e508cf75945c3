"""Tutorials and how-to pages are run as they stand, commands and Python alike."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, missing, run

PAGES = sorted((ROOT / "docs" / "tutorials").glob("*.md")) + sorted((ROOT / "docs" / "how-to").glob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_commands_do_what_the_page_shows(page: Path, tmp_path: Path) -> None:
    for command, status, output in run(page.read_text(encoding="utf-8"), tmp_path):
        assert status == (1 if command.is_refused else 0), (command.text, output)
        assert "Traceback" not in output and "Warning" not in output, (command.text, output)
        assert not missing(command, output), (command.text, missing(command, output), output)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.stem)
def test_python_gives_what_the_page_shows(page: Path) -> None:
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    failed, _ = doctest.testfile(str(page), module_relative=False, optionflags=options)
    assert failed == 0


def test_there_are_tutorials() -> None:
    assert {path.stem for path in PAGES} >= {"first_design", "first_trial", "first_pk_fit", "first_readout"}
