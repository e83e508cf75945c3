"""Read and write a dataset: SAS transport v5, Dataset-JSON 1.1 (also as NDJSON), Parquet and CSV.

What a format cannot hold is refused with all findings, never cut. A file is written beside its place, then moved there.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from posology.interchange.datasets.dataset import Dataset, DatasetError, Variable, problems
from posology.interchange.datasets.dataset_json import read_json, write_json
from posology.interchange.datasets.transport import read_transport, unfit_for_transport, write_transport
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
    reader: dict[Format, Callable[[Path], Dataset]] = {
        "xpt": read_transport,
        "json": lambda file: read_json(file, lines=False),
        "ndjson": lambda file: read_json(file, lines=True),
        "parquet": _read_parquet,
        "csv": _read_csv,
    }
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
        "xpt": write_transport,
        "parquet": _write_parquet,
        "csv": _write_csv,
        "json": lambda d, p: write_json(d, p, made, lines=False),
        "ndjson": lambda d, p: write_json(d, p, made, lines=True),
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
    return problems(dataset) + (unfit_for_transport(dataset) if format == "xpt" else [])


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
