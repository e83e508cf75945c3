"""Dataset-JSON 1.1, as one object or as NDJSON, a row a line (CDISC, "Dataset-JSON v1.1", 2024)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posology.interchange.datasets.dataset import Dataset, DatasetError, Variable, type_of
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

EXACT = 2**53


def write_json(dataset: Dataset, path: Path, created: datetime, *, lines: bool) -> None:
    """Write Dataset-JSON; ``lines``: as NDJSON."""
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


def read_json(path: Path, *, lines: bool) -> Dataset:
    """Read Dataset-JSON; ``lines``: NDJSON."""
    import msgspec

    try:
        text = path.read_bytes()
        if lines:
            first, *rest = text.splitlines()
            document = {**msgspec.json.decode(first), "rows": [msgspec.json.decode(line) for line in rest if line]}
        else:
            document = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise DatasetError(f"{path} is no Dataset-JSON: {error}", ()) from None
    return _dataset(document, path)


def _dataset(document: Any, path: Path) -> Dataset:
    import polars as pl

    for wrong, right in _malformed(document):
        raise DatasetError(f"{path}:", [Finding("", None, path.stem.upper(), wrong, right)])
    name, columns, rows = document["name"], document["columns"], document["rows"]
    findings: list[Finding] = []
    variables, series_read = [], []
    for index, column in enumerate(columns):
        series = _column(name, column, [row[index] for row in rows], findings)
        series_read.append(series)
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
    return Dataset(name, document.get("label") or "", pl.DataFrame(series_read), tuple(variables), tuple(findings))


def _malformed(document: Any) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with the document as a whole, and what would be right; the first is enough to refuse it."""
    if not isinstance(document, dict):
        yield "is no object", "Dataset-JSON 1.1 is one object"
    for attribute in ("name", "columns", "rows"):
        if attribute not in document:
            yield f"has no {attribute}", "Dataset-JSON 1.1 demands it"
    version = str(document.get("datasetJSONVersion", ""))
    if not version.startswith("1.1"):
        yield f"is version {version or 'unknown'}", "version 1.1 is read"
    if not isinstance(document["name"], str) or not document["name"]:
        yield "has a name that is no text", "the dataset's name, such as DM"
    yield from _malformed_columns(document["columns"])
    yield from _malformed_rows(document)


def _malformed_columns(columns: Any) -> Iterator[tuple[str, str]]:
    named = isinstance(columns, list) and all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in columns)
    if not named:
        yield "has columns that are no list of named columns", "each column is an object with a name"
    twice = sorted(name for name, count in Counter(column["name"] for column in columns).items() if count > 1)
    if twice:
        yield f"has the column {', '.join(twice)} more than once", "each column has a name of its own"


def _malformed_rows(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    rows, columns = document["rows"], document["columns"]
    if not isinstance(rows, list):
        yield "has rows that are no list", "a list of rows, empty if there are none"
    if document.get("records") != len(rows):
        yield (
            f"says {document.get('records')} records and holds {len(rows)}",
            "a file that is whole has both equal",
        )
    for number, row in enumerate(rows, 1):
        if not isinstance(row, list) or len(row) != len(columns):
            yield f"row {number} has not {len(columns)} values", "a row has a value, or null, for each column"


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
