"""CSV tells no types: what a column is, read from whether its values are quoted, and from the values.

R, SAS and this library quote text and leave numbers and dates bare; R writes a bare NA for what is missing. In a file
that quotes only where it must, a bare column of numbers is one of numbers, except variables that hold text by the
standard whatever they look like (subject, site and identifiers, results as collected, dates in ISO 8601).
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import TYPE_CHECKING

from posology.interchange.datasets.dataset import DatasetError
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

CELL = re.compile(r'(?:"((?:[^"]|"")*)"|([^,"\r\n]*))(,|\r?\n|$)')
TEXT = re.compile(
    r"(STUDYID|.*SUBJID|SITEID|INVID|DOMAIN|QVAL|IDVARVAL|.*(ORRES|STRESC|SPID|REFID|GRPID|LNKID|LNKGRP|DTC|CD|FL))"
)
NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
DATE, MOMENT = r"^\d{4}-\d{2}-\d{2}$", r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z?$"
QUOTED = re.compile(r'("(?:[^"]|"")*")')
BARE_NA = re.compile(r"(^|[,\n])NA(?=[,\r\n]|$)")
SAMPLE = 1 << 20  # characters read to see what is quoted


def frame_of(path: Path) -> tuple[pl.DataFrame, list[Finding]]:
    """Read a CSV file (UTF-8, comma, one header line; ``.gz`` compressed) with a type for each column.

    A quote that is opened and never closed is taken to close where its line ends, with a finding.

    Raises
    ------
    DatasetError
        if the file is no such table.
    """
    import polars as pl

    findings: list[Finding] = []
    try:
        raw = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not UTF-8, from byte {error.start} on: save it as UTF-8", ()) from None
    except (OSError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read: {error}", ()) from None
    text = _without_na(text)
    try:
        frame = pl.read_csv(text.encode(), infer_schema=False, null_values=[""])
    except pl.exceptions.PolarsError as error:
        text, findings = _closed(text, path.name)
        try:
            frame = pl.read_csv(text.encode(), infer_schema=False, null_values=[""])
        except pl.exceptions.PolarsError:
            raise DatasetError(f"{path} is no table in CSV: {str(error).splitlines()[0]}", findings) from None
    quoted, any_quoted = _quoted(text[:SAMPLE], [column.null_count() < len(column) for column in frame.get_columns()])
    columns = []
    for index, column in enumerate(frame.get_columns()):
        bare = not quoted[index] and (any_quoted or not TEXT.fullmatch(column.name.upper()))
        columns.append(_typed(column) if bare else column)
    return pl.DataFrame(columns), findings


def _without_na(text: str) -> str:
    """Empty the cells that hold a bare NA, which is how R writes a missing value; "NA" in quotes is text."""
    if "NA" not in text:
        return text
    parts = QUOTED.split(text)
    parts[::2] = [BARE_NA.sub(r"\1", part) for part in parts[::2]]
    return "".join(parts)


def _closed(text: str, file: str) -> tuple[str, list[Finding]]:
    """Close the quotes left open where their lines end."""
    lines, findings = text.splitlines(), []
    for number, line in enumerate(lines, 1):
        if line.count('"') % 2:
            lines[number - 1] = line + '"'
            findings.append(
                Finding(
                    "",
                    None,
                    f"{file}, line {number}",
                    "opens a quote that is never closed",
                    "it is read as closed at the end of the line",
                )
            )
    return "\n".join(lines) + "\n", findings


def _quoted(text: str, filled: list[bool]) -> tuple[list[bool], bool]:
    """Return for each column whether its first value below the header is quoted, and whether any is at all."""
    seen, wanted = [False] * len(filled), {index for index, has in enumerate(filled) if has}
    column, line = 0, 0
    for match in CELL.finditer(text):
        if line and column in wanted and (match[1] or match[2]):
            wanted.discard(column)
            seen[column] = bool(match[1])
        column += 1
        if match[3] != ",":
            line, column = line + 1, 0
            if not wanted:
                break
    return seen, any(seen)


def _typed(column: pl.Series) -> pl.Series:
    import polars as pl

    known = column.drop_nulls()
    if not len(known):
        return column
    if known.str.contains(NUMBER).all():
        numbers = column.cast(pl.Float64)
        whole = numbers.drop_nulls()
        if ((whole == whole.floor()) & (whole.abs() <= 2**53)).all():
            return numbers.cast(pl.Int64)
        return numbers
    try:
        if known.str.contains(DATE).all():
            return column.str.to_date("%Y-%m-%d")
        if known.str.contains(MOMENT).all():
            return column.str.strip_suffix("Z").str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us")
    except pl.exceptions.PolarsError:
        return column  # a date that is none stays text, for whoever reads the dataset to find
    return column
