"""The rows of an SDTM domain kept as a file of its own: CSV (also gzipped), SAS transport, Dataset-JSON, NDJSON or Parquet."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from posology.interchange.datasets.formats import read_dataset

Rows = list[tuple[int, Mapping[str, str]]]
"""Rows as text by the name of the column, each with its line."""


def is_csv(path: str | Path) -> bool:
    """Whether a dataset is CSV: it has no other ending that is known."""
    return Path(path).suffix.lower() not in (".xpt", ".json", ".ndjson", ".parquet")


def opened(path: str | Path) -> TextIO:
    """Open a CSV file to read, one compressed by gzip too."""
    if str(path).endswith(".gz"):
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", newline="")
    return Path(path).open(encoding="utf-8-sig", newline="")


def rows_of(path: str | Path) -> Rows:
    """Return the rows of a dataset as text, with their lines; a missing value is empty, R's NA among them."""
    if not is_csv(path):
        frame = read_dataset(path).frame
        names = [name.upper() for name in frame.columns]
        return [(n, dict(zip(names, map(_text, row), strict=True))) for n, row in enumerate(frame.iter_rows(), 1)]
    with opened(path) as lines:
        return [
            (n, {k.strip().upper(): "" if v in (None, "NA") else v.strip() for k, v in row.items() if k})
            for n, row in enumerate(csv.DictReader(lines), 2)
        ]


def _text(value: object) -> str:
    return "" if value is None else f"{value:.15g}" if isinstance(value, float) else str(value)
