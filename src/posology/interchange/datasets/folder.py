"""The datasets of a folder: which files hold them, and each of them once."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from posology.interchange.datasets.formats import SUFFIXES


class SourceError(ValueError):
    """Data that cannot be read at all, and why."""


def dataset_files(folder: Path) -> list[tuple[str, Path]]:
    """Return the name of each dataset of a folder in lower case, and its file, in order.

    Raises
    ------
    SourceError
        if the folder is none, or holds no dataset.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is no folder: name the folder that holds the datasets")
    found = []
    for path in sorted(folder.iterdir()):
        suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if path.name.lower().endswith(s)), None)
        if suffix and path.is_file() and not path.name.startswith("."):
            found.append((path.name[: -len(suffix)].lower(), path))
    if not found:
        raise SourceError(f"{folder} holds no dataset: files ending in {', '.join(SUFFIXES)} are read")
    return found


def dataset_files_once(folder: Path, leave_out: Collection[str] = ()) -> dict[str, Path]:
    """Return the file of each dataset by name, but for those to leave out, in lower case.

    Raises
    ------
    SourceError
        as :func:`dataset_files`; if two files hold one dataset, or one to leave out is not there.
    """
    found: dict[str, Path] = {}
    for name, path in dataset_files(folder):
        if name in found:
            raise SourceError(f"{found[name].name} and {path.name} hold the same dataset: keep one of them in {folder}")
        found[name] = path
    unknown = sorted({name.lower() for name in leave_out} - set(found))
    if unknown:
        raise SourceError(f"{folder} holds no dataset {', '.join(unknown)} to leave out")
    return {name: path for name, path in found.items() if name not in {left.lower() for left in leave_out}}
