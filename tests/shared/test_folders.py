"""A folder takes the place of another whole, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from posology.shared import files
from posology.shared.files import new_folder


@pytest.mark.parametrize("at_once", [True, False])
def test_a_folder_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: bool) -> None:
    if not at_once:
        monkeypatch.setattr(files, "_exchange", lambda draft, path: False)
    for text in ("old", "new"):
        with new_folder(tmp_path / "out", replace=True) as draft:
            (draft / f"{text}.txt").write_text(text)
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["new.txt"]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_an_error_leaves_the_old_one(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as draft:
        (draft / "a.txt").write_text("old")
    with pytest.raises(IsADirectoryError), new_folder(tmp_path / "out", replace=True) as draft:
        draft.write_text("a folder is no file")
    assert (tmp_path / "out/a.txt").read_text() == "old"
    with pytest.raises(FileExistsError, match="is not empty"), new_folder(tmp_path / "out"):
        pass
