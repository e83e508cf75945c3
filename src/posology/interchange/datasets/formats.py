"""Read and write a dataset: SAS transport v5, Dataset-JSON 1.1 (also as NDJSON), Parquet and CSV.

SAS transport: TS-140, "The Record Layout of a Data Set in SAS Transport (XPORT) Format"; limits of version 5: names of
8 characters, labels of 40, text of 200 bytes. Dataset-JSON: CDISC, "Dataset-JSON v1.1" (2024). What a format cannot
hold is refused with all findings, never cut. A file is written beside its place, then moved there.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from posology.interchange.datasets.dataset import Dataset, DatasetError, Variable, problems, type_of
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

Format = Literal["xpt", "json", "ndjson", "parquet", "csv"]
SUFFIXES: dict[str, Format] = {
    ".xpt": "xpt",
    ".json": "json",
    ".ndjson": "ndjson",
    ".parquet": "parquet",
    ".csv": "csv",
    ".csv.gz": "csv",
}
SAS_EPOCH = date(1960, 1, 1)
SAS_DATES = ("DATE", "YYMMDD", "MMDDYY", "DDMMYY", "E8601DA", "B8601DA", "IS8601DA")
SAS_MOMENTS = ("DATETIME", "E8601DT", "B8601DT", "IS8601DT")
IBM_SMALLEST, IBM_LARGEST = 1e-78, 1e74  # what transport files, with IBM's floating point, hold for certain
EXACT = 2**53


def read_dataset(path: str | Path) -> Dataset:
    """Read a dataset; its format is told by the file's ending.

    Transport files and CSV have one kind of number: a column of whole numbers is read as integers there. In CSV, a
    quoted column is text; an unquoted one is numbers or dates if all its values are.

    Raises
    ------
    DatasetError
        if the file cannot be read as what its ending says.
    """
    path = Path(path)
    reader = {"xpt": _read_xpt, "json": _read_json, "ndjson": _read_json, "parquet": _read_parquet, "csv": _read_csv}
    kind = format_of(path)
    if not path.is_file():
        raise DatasetError(f"{path} is not there", ())
    return reader[kind](path)


def write_dataset(
    dataset: Dataset, path: str | Path, format: Format | None = None, *, created: datetime | None = None
) -> Path:
    """Write a dataset to a file, whole or not at all, and return its path.

    Parameters
    ----------
    dataset
        what to write.
    path
        the file; its ending tells the format unless ``format`` does.
    format
        xpt, json (Dataset-JSON), ndjson (the same, a row a line), parquet or csv.
    created
        the moment written into Dataset-JSON; now, if none is given.

    Raises
    ------
    DatasetError
        if the format cannot hold the dataset, with all reasons.
    """
    path = Path(path)
    kind = format or format_of(path)
    found = check_format(dataset, kind)
    if found:
        raise DatasetError(f"{dataset.name} cannot be written as {kind}:", found)
    made = created or datetime.now(UTC)
    writer: dict[Format, Callable[[Dataset, Path], None]] = {
        "xpt": _write_xpt,
        "parquet": _write_parquet,
        "csv": _write_csv,
        "json": lambda d, p: _write_json(d, p, made, lines=False),
        "ndjson": lambda d, p: _write_json(d, p, made, lines=True),
    }
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as beside:
        draft = Path(beside) / "draft"
        writer[kind](dataset, draft)
        draft.replace(path)
    return path


def format_of(path: Path) -> Format:
    """Return the format that a file's ending tells.

    >>> format_of(Path("adsl.csv.gz"))
    'csv'
    """
    for suffix, kind in SUFFIXES.items():
        if path.name.lower().endswith(suffix):
            return kind
    raise DatasetError(f"{path} has no ending of a dataset: {', '.join(SUFFIXES)}", ())


def check_format(dataset: Dataset, format: Format) -> list[Finding]:
    """Return what a format cannot hold of a dataset.

    Examples
    --------
    >>> import polars as pl
    >>> long = Dataset.of("DM", pl.DataFrame({"SUBJECTID": ["1"]}))
    >>> print(check_format(long, "xpt")[0])
    DM.SUBJECTID: has 9 characters; a name in a transport file has at most 8
    """
    found = problems(dataset)
    if format != "xpt":
        return found
    import polars as pl

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


# SAS transport version 5 ----------------------------------------------------------------------------------------------


def _read_xpt(path: Path) -> Dataset:
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


def _write_xpt(dataset: Dataset, path: Path) -> None:
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


# Dataset-JSON 1.1 -----------------------------------------------------------------------------------------------------


def _write_json(dataset: Dataset, path: Path, created: datetime, *, lines: bool) -> None:
    import msgspec
    import polars as pl

    from posology import __version__

    study = dataset.frame["STUDYID"].drop_nulls().to_list() if "STUDYID" in dataset.frame.columns else []
    columns = []
    for variable in dataset.variables:
        said: dict[str, Any] = {
            "itemOID": f"IT.{dataset.name}.{variable.name}",
            "name": variable.name,
            "label": variable.label or variable.name,
            "dataType": variable.type,
        }
        if variable.type in ("date", "datetime"):
            said["targetDataType"] = "integer"
        elif variable.length:
            said["length"] = variable.length
        if variable.format:
            said["displayFormat"] = variable.format
        if variable.key:
            said["keySequence"] = variable.key
        columns.append(said)
    head: dict[str, Any] = {
        "datasetJSONCreationDateTime": created.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "datasetJSONVersion": "1.1.0",
        "sourceSystem": {"name": "Posology", "version": __version__},
        **({"studyOID": study[0]} if study else {}),
        "itemGroupOID": f"IG.{dataset.name}",
        "records": dataset.frame.height,
        "name": dataset.name,
        "label": dataset.label or dataset.name,
        "columns": columns,
    }
    plain = dataset.frame.with_columns(
        (
            pl.col(v.name).dt.to_string("iso:strict") if v.type == "datetime" else pl.col(v.name).dt.to_string()
        ).str.replace(r"\.\d+$", "")
        for v in dataset.variables
        if v.type in ("date", "datetime")
    )
    rows = plain.rows()
    with path.open("wb") as file:
        if lines:
            file.write(msgspec.json.encode(head) + b"\n")
            file.writelines(msgspec.json.encode(row) + b"\n" for row in rows)
        else:
            file.write(msgspec.json.encode({**head, "rows": rows}))


def _read_json(path: Path) -> Dataset:
    import msgspec

    try:
        text = path.read_bytes()
        if format_of(path) == "ndjson":
            first, *rest = text.splitlines()
            document = {**msgspec.json.decode(first), "rows": [msgspec.json.decode(line) for line in rest if line]}
        else:
            document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise DatasetError(f"{path} is no Dataset-JSON: {error}", ()) from None
    return _dataset(document, path)


def _dataset(document: Any, path: Path) -> Dataset:  # noqa: C901 (to be split)
    import polars as pl

    where = path.stem.upper()

    def refuse(wrong: str, right: str) -> DatasetError:
        return DatasetError(f"{path}:", [Finding("", None, where, wrong, right)])

    if not isinstance(document, dict):
        raise refuse("is no object", "Dataset-JSON 1.1 is one object")
    for attribute in ("name", "columns", "rows"):
        if attribute not in document:
            raise refuse(f"has no {attribute}", "Dataset-JSON 1.1 demands it")
    version = str(document.get("datasetJSONVersion", ""))
    if not version.startswith("1.1"):
        raise refuse(f"is version {version or 'unknown'}", "version 1.1 is read")
    name, columns, rows = document["name"], document["columns"], document["rows"]
    if not isinstance(name, str) or not name:
        raise refuse("has a name that is no text", "the dataset's name, such as DM")
    if not isinstance(columns, list) or not all(
        isinstance(c, dict) and isinstance(c.get("name"), str) for c in columns
    ):
        raise refuse("has columns that are no list of named columns", "each column is an object with a name")
    twice = sorted(n for n, count in Counter(c["name"] for c in columns).items() if count > 1)
    if twice:
        raise refuse(f"has the column {', '.join(twice)} more than once", "each column has a name of its own")
    if not isinstance(rows, list):
        raise refuse("has rows that are no list", "a list of rows, empty if there are none")
    findings: list[Finding] = []
    if document.get("records") != len(rows):
        raise refuse(
            f"says {document.get('records')} records and holds {len(rows)}", "a file that is whole has both equal"
        )
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(columns):
            raise refuse(f"row {number} has not {len(columns)} values", "a row has a value, or null, for each column")
    variables, made = [], []
    for index, column in enumerate(columns):
        series = _column(name, column, [row[index] for row in rows], findings)
        made.append(series)
        length = column.get("length") or (8 if series.dtype != pl.String else None)
        variables.append(
            Variable(
                column["name"],
                column.get("label") or "",
                type_of(name, series),
                length,
                column.get("displayFormat") or "",
                column.get("keySequence"),
            )
        )
    return Dataset(name, document.get("label") or "", pl.DataFrame(made), tuple(variables), tuple(findings))


def _column(dataset: str, column: dict[str, Any], values: list[Any], findings: list[Finding]) -> pl.Series:
    """Return a column by its type; a value that is none of the type is a finding, and missing."""
    import polars as pl

    name, kind, target = column["name"], column.get("dataType"), column.get("targetDataType")
    field = f"{dataset}.{name}"

    def find(wrong: str, right: str) -> None:
        findings.append(Finding("", None, field, wrong, right))

    if kind in ("integer", "float", "double", "decimal"):
        numbers = [_number(value) for value in values]
        _bad(values, numbers, "no number", find)
        whole = all(n is None or (n == int(n) and abs(n) <= EXACT) for n in numbers)
        if kind == "integer" and not whole:
            find("is integer, and holds numbers that are not whole", "it is read as numbers with decimals")
        as_integer = kind == "integer" and whole
        return pl.Series(
            name,
            [None if n is None else int(n) for n in numbers] if as_integer else numbers,
            dtype=pl.Int64 if as_integer else pl.Float64,
        )
    if kind in ("date", "datetime") and target == "integer":
        moments = [_moment(value) for value in values]
        _bad(values, moments, f"no {kind} of ISO 8601", find)
        if kind == "date":
            return pl.Series(name, [None if m is None else m.date() for m in moments], dtype=pl.Date)
        return pl.Series(name, moments, dtype=pl.Datetime("us"))
    if kind == "boolean":
        find("is boolean", "it is read as text, true or false")
    elif kind not in ("string", "date", "datetime", "time", "URI"):
        find(f"is of type {kind!r}", "it is read as text")
    return pl.Series(name, [_text(value) for value in values], dtype=pl.String).replace("", None)


def _bad(values: list[Any], read: Sequence[object], says: str, find: Callable[[str, str], None]) -> None:
    """Find the values that could not be read."""
    wrong = [i for i, (v, r) in enumerate(zip(values, read, strict=True), 1) if r is None and v not in (None, "")]
    if wrong:
        more = f" and in {len(wrong) - 1} more" * (len(wrong) > 1)
        find(f"is {values[wrong[0] - 1]!r} in row {wrong[0]}{more}: {says}", "the value is read as missing")


def _number(value: Any) -> float | None:
    """Return a number, of text too; None for what is none, or is infinite."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = value if isinstance(value, int) else float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < float("inf") else None


def _moment(value: Any) -> datetime | None:
    """Return a date or moment of ISO 8601: with or without seconds, their fractions or a zone, whose clock is kept."""
    try:
        return datetime.fromisoformat(value).replace(tzinfo=None) if isinstance(value, str) else None
    except ValueError:
        return None


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)


# Parquet --------------------------------------------------------------------------------------------------------------


def _write_parquet(dataset: Dataset, path: Path) -> None:
    import msgspec

    said = {"name": dataset.name, "label": dataset.label, "variables": [asdict(v) for v in dataset.variables]}
    dataset.frame.write_parquet(path, metadata={"posology": msgspec.json.encode(said).decode()})


def _read_parquet(path: Path) -> Dataset:
    import msgspec
    import polars as pl

    try:
        frame = pl.read_parquet(path)
        said = pl.read_parquet_metadata(path).get("posology")
    except (pl.exceptions.PolarsError, OSError) as error:
        raise DatasetError(f"{path} is no Parquet file: {str(error).splitlines()[0]}", ()) from None
    made = Dataset.of(path.stem.upper(), frame)
    if said is None:
        return made
    known = msgspec.json.decode(said)
    variables = {v["name"]: Variable(**v) for v in known["variables"]}
    return Dataset(known["name"], known["label"], made.frame, tuple(variables.get(v.name, v) for v in made.variables))


# CSV ------------------------------------------------------------------------------------------------------------------


def _write_csv(dataset: Dataset, path: Path) -> None:
    import polars as pl

    def quoted(name: str) -> pl.Expr:
        return pl.lit('"') + pl.col(name).str.replace_all('"', '""', literal=True) + pl.lit('"')

    plain = dataset.frame.select(
        (
            quoted(v.name).alias(v.name)
            if v.type == "string"
            else pl.col(v.name).dt.to_string("%Y-%m-%dT%H:%M:%S")
            if v.type == "datetime"
            else pl.col(v.name).cast(pl.String)
        )
        for v in dataset.variables
    )
    plain.write_csv(path, quote_style="never")


def _read_csv(path: Path) -> Dataset:
    from posology.interchange.datasets.csv_types import frame_of

    name = path.name.upper().split(".")[0]
    frame, findings = frame_of(path)
    return Dataset.of(name, frame, findings=findings)
