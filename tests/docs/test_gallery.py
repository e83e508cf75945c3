"""The notebooks of the gallery run as they stand, and show what they hold."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

GALLERY = Path(__file__).parents[2] / "docs" / "gallery"
NOTEBOOKS = sorted(GALLERY.glob("*.ipynb"))


def texts(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what each cell shows as text, in however many pieces it came."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return ["".join(o.get("text") or o["data"].get("text/plain", "") for o in cell.outputs) for cell in cells]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_shows_what_it_gives(path: Path) -> None:
    held = nbformat.read(path, as_version=4)
    run = nbformat.read(path, as_version=4)
    NotebookClient(run, timeout=120, resources={"metadata": {"path": str(GALLERY)}}).execute()
    assert texts(run) == texts(held)


def test_there_are_four() -> None:
    assert len(NOTEBOOKS) == 4
