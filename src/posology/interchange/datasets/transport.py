"""SAS transport files of version 5, read and written, and what they cannot hold.

TS-140, "The Record Layout of a Data Set in SAS Transport (XPORT) Format": names of 8 characters, labels of 40, text of
200 bytes, IBM's floating point.
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from posology.interchange.datasets.dataset import Dataset, DatasetError, Variable, type_of
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

SAS_EPOCH = date(1960, 1, 1)
SAS_DATES = ("DATE", "YYMMDD", "MMDDYY", "DDMMYY", "E8601DA", "B8601DA", "IS8601DA")
SAS_MOMENTS = ("DATETIME", "E8601DT", "B8601DT", "IS8601DT")
IBM_SMALLEST, IBM_LARGEST = 1e-78, 1e74  # what IBM's floating point holds for certain
EXACT = 2**53


def unfit_for_transport(dataset: Dataset) -> list[Finding]:
    """Return what a transport file of version 5 cannot hold of a dataset."""
    import polars as pl

    found: list[Finding] = []

    def say(where: str, wrong: str, right: str) -> None:
        found.append(Finding("", None, where, wrong, right))

    if len(dataset.name) > 8:
        say(dataset.name, f"has {len(dataset.name)} characters", "a name in a transport file has at most 8")
    for where, label in [
        (dataset.name, dataset.label),
        *((f"{dataset.name}.{v.name}", v.label) for v in dataset.variables),
    ]:
        if len(label.encode()) > 40:
            say(where, f"has a label of {len(label.encode())} bytes", "a label in a transport file has at most 40")
    for variable in dataset.variables:
        where = f"{dataset.name}.{variable.name}"
        if len(variable.name) > 8:
            say(where, f"has {len(variable.name)} characters", "a name in a transport file has at most 8")
        found += _unfit_values(where, dataset.frame[variable.name])
    texts = [v.name for v in dataset.variables if dataset.frame[v.name].dtype == pl.String]
    if dataset.frame.height and len(texts) == len(dataset.variables):
        empty = dataset.frame.select(pl.all_horizontal(pl.all().is_null())).to_series()
        if empty.any():
            say(
                dataset.name,
                f"holds nothing in row {int(empty.arg_true()[0]) + 1}",
                "a transport file would lose the row",
            )
    return found


def _unfit_values(where: str, column: pl.Series) -> list[Finding]:
    """Return what a transport file cannot hold of a column's values."""
    import polars as pl

    found: list[Finding] = []

    def say(where: str, wrong: str, right: str) -> None:
        found.append(Finding("", None, where, wrong, right))

    if column.dtype == pl.String:
        for wrong, right, rows in (
            ("has more than 200 bytes", "text in a transport file has at most 200", column.str.len_bytes() > 200),
            ("ends in a blank", "a transport file keeps no blank at the end", column.str.ends_with(" ")),
            ("holds a zero byte", "text in a transport file has none", column.str.contains("\0", literal=True)),
        ):
            if rows.any():
                row = int(rows.fill_null(False).arg_true()[0]) + 1
                say(where, f"{wrong} in row {row}", right)
    elif column.dtype.is_numeric():
        size = column.cast(pl.Float64).abs()
        lost = (size > IBM_LARGEST) | ((size > 0) & (size < IBM_SMALLEST))
        if column.dtype.is_integer():
            lost = column.cast(pl.Int128).abs() > EXACT
        if lost.any():
            row = int(lost.fill_null(False).arg_true()[0]) + 1
            say(where, f"is {column[row - 1]} in row {row}", "a transport file cannot hold it exactly")
    elif column.dtype == pl.Datetime:
        fine = column.dt.epoch("us") % 1_000_000 != 0
        if fine.any():
            say(
                where,
                f"has parts of a second in row {int(fine.fill_null(False).arg_true()[0]) + 1}",
                "whole seconds are kept",
            )
    return found


def read_transport(path: Path) -> Dataset:
    """Read a transport file; see :func:`posology.interchange.datasets.formats.read_dataset`."""
    import polars as pl
    import pyreadstat

    findings = []
    for encoding in ("UTF-8", "WINDOWS-1252"):
        try:
            frame, meta = pyreadstat.read_xport(
                str(path), encoding=encoding, disable_datetime_conversion=True, output_format="polars"
            )
            break
        except UnicodeDecodeError:
            findings = [
                Finding("", None, path.stem.upper(), "holds text that is not UTF-8", "it is read as Windows-1252")
            ]
        except pyreadstat.ReadstatError as error:
            raise DatasetError(f"{path} is no SAS transport file of version 5: {error}", ()) from None
    else:
        raise DatasetError(f"{path} holds text that is neither UTF-8 nor Windows-1252", ())
    name = meta.table_name or path.stem.upper()
    columns, variables = [], []
    labels = meta.column_labels or [None] * frame.width
    for column, label in zip(frame.get_columns(), labels, strict=True):
        shown = meta.original_variable_types.get(column.name) or ""
        text = meta.readstat_variable_types[column.name] == "string"
        series = column.cast(pl.String).replace("", None) if text else _from_sas(column.cast(pl.Float64), shown)
        if not text and _stem(shown) in SAS_DATES + SAS_MOMENTS and not series.dtype.is_temporal():
            findings.append(
                Finding(
                    "",
                    None,
                    f"{name}.{column.name}",
                    f"has format {shown}, but values that are no dates",
                    "it is read as numbers",
                )
            )
        columns.append(series)
        width = meta.variable_storage_width[column.name]
        variables.append(Variable(column.name, label or "", type_of(name, series), width, f"{shown}." if shown else ""))
    return Dataset(name, meta.file_label or "", pl.DataFrame(columns), tuple(variables), tuple(findings))


def write_transport(dataset: Dataset, path: Path) -> None:
    """Write a transport file."""
    import polars as pl
    import pyreadstat

    shown = {}
    columns = []
    for variable in dataset.variables:
        column = dataset.frame[variable.name]
        if column.dtype == pl.Date:
            column = (column - SAS_EPOCH).dt.total_days().cast(pl.Float64)
        elif column.dtype == pl.Datetime:
            column = (column - datetime(1960, 1, 1)).dt.total_seconds().cast(pl.Float64)
        elif column.dtype.is_numeric():
            column = column.cast(pl.Float64)
        columns.append(column)
        if variable.format:
            shown[variable.name] = variable.format if "." in variable.format else f"{variable.format}."
    pyreadstat.write_xport(
        pl.DataFrame(columns),
        str(path),
        file_label=dataset.label,
        table_name=dataset.name,
        file_format_version=5,
        column_labels=[v.label for v in dataset.variables],
        variable_format=shown,
    )


def _from_sas(column: pl.Series, shown: str) -> pl.Series:
    """Read SAS numbers as dates where the format says so and the values allow it, else as numbers."""
    import polars as pl

    whole = bool((column == column.floor()).all())
    if whole and _stem(shown) in SAS_DATES and (column.is_between(-138061, 2936547) | column.is_null()).all():
        return (column.cast(pl.Int32) - (date(1970, 1, 1) - SAS_EPOCH).days).cast(pl.Date)
    if whole and _stem(shown) in SAS_MOMENTS:
        seconds = column.cast(pl.Int64) - (date(1970, 1, 1) - SAS_EPOCH).days * 86400
        return (seconds * 1_000_000).cast(pl.Datetime("us"))
    return _narrowed(column)


def _stem(shown: str) -> str:
    return shown.upper().rstrip("0123456789.")


def _narrowed(column: pl.Series) -> pl.Series:
    """Return whole numbers as integers."""
    import polars as pl

    known = column.drop_nulls()
    if len(known) and ((known == known.floor()) & (known.abs() <= EXACT)).all():
        return column.cast(pl.Int64)
    return column
