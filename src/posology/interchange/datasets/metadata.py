"""What a standard says of its datasets: one declarative table that drives columns, labels, types, Define-XML and
checks.

A standard is a folder of CSV files under ``standards/``: ``datasets`` (label, class, structure, keys), ``variables``
(in order; ``*`` for those that every dataset begins with), ``parameters`` (value level: what AVAL or AVALC is for a
parameter), ``codelists`` (with NCI codes) and ``methods`` (in words). CDISC ADaM Implementation Guide 1.3, with OCCDS
1.1 for adverse events and "ADaM Basic Data Structure for Time-to-Event Analyses" 1.0.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar, cast

from posology.interchange.datasets.dataset import Dataset, Type, Variable

if TYPE_CHECKING:
    import polars as pl

T = TypeVar("T")


@dataclass(frozen=True)
class DatasetSpec:
    """A dataset of a standard; ``keys`` are the variables that name a row."""

    dataset: str
    label: str
    class_: str
    structure: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class VariableSpec:
    """A variable; ``core`` is Req, Cond or Perm; ``source`` where it is taken from; ``method`` how it is derived."""

    dataset: str
    variable: str
    label: str
    type: str
    length: str
    format: str
    core: str
    codelist: str
    origin: str
    source: str
    method: str


@dataclass(frozen=True)
class ParameterSpec:
    """A parameter (value level): ``variable`` is AVAL or AVALC, ``type`` and ``codelist`` are its values'."""

    dataset: str
    paramcd: str
    param: str
    parcat1: str
    parcat2: str
    parcat3: str
    variable: str
    type: str
    codelist: str
    method: str


@dataclass(frozen=True)
class Term:
    """A value of a codelist with its decode; ``code`` and ``value_code`` are NCI's, empty where there is none."""

    codelist: str
    name: str
    code: str
    type: str
    value: str
    decode: str
    value_code: str


@dataclass(frozen=True)
class DerivationMethod:
    """How something is derived, in words."""

    method: str
    name: str
    type: str
    text: str


@dataclass(frozen=True)
class Standard:
    """A standard: its datasets, and for each its variables; parameters, codelists and methods by name."""

    name: str
    version: str
    datasets: Mapping[str, DatasetSpec]
    variables: Mapping[str, Sequence[VariableSpec]]
    parameters: Sequence[ParameterSpec]
    codelists: Mapping[str, Sequence[Term]]
    methods: Mapping[str, DerivationMethod]

    def parameter(self, dataset: str, paramcd: str) -> ParameterSpec | None:
        """Return a parameter; numbered ones (``LDIAM1``) are found by their name without the number."""
        for name in (paramcd, paramcd.rstrip("0123456789")):
            for spec in self.parameters:
                if spec.dataset == dataset and spec.paramcd == name:
                    return spec
        return None


VERSIONS = {"adam": ("ADaMIG", "1.3")}


@cache
def standard(folder: str) -> Standard:
    """Read a standard by the name of its folder.

    Examples
    --------
    >>> adam = standard("adam")
    >>> adam.datasets["ADSL"].keys
    ('STUDYID', 'USUBJID')
    >>> [v.label for v in adam.variables["ADTTE"] if v.variable == "CNSR"]
    ['Censor']
    """
    place = files("posology.interchange") / "standards" / folder

    def rows(name: str) -> list[dict[str, str]]:
        return list(csv.DictReader((place / f"{name}.csv").read_text(encoding="utf-8").splitlines()))

    def each(kind: type[T], name: str) -> list[T]:
        known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
        return [kind(**{k: v for k, v in row.items() if k in known}) for row in rows(name)]

    datasets = {
        row["dataset"]: DatasetSpec(
            row["dataset"], row["label"], row["class"], row["structure"], tuple(row["keys"].split())
        )
        for row in rows("datasets")
    }
    listed = each(VariableSpec, "variables")
    common = [v for v in listed if v.dataset == "*"]
    variables = {name: [*common, *(v for v in listed if v.dataset == name)] for name in datasets}
    codelists: dict[str, list[Term]] = {}
    for term in each(Term, "codelists"):
        codelists.setdefault(term.codelist, []).append(term)
    name, version = VERSIONS[folder]
    return Standard(
        name,
        version,
        datasets,
        variables,
        each(ParameterSpec, "parameters"),
        codelists,
        {m.method: m for m in each(DerivationMethod, "methods")},
    )


def with_parameters(spec: Standard, name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Add PARAM and the categories of each row's PARAMCD, where the frame does not hold them already."""
    import polars as pl

    if "PARAMCD" not in frame.columns:
        return frame
    wanted = ["PARAM", "PARCAT1", "PARCAT2", "PARCAT3"]
    found = {code: spec.parameter(name, code) for code in frame["PARAMCD"].unique()}
    table = pl.DataFrame(
        {
            "PARAMCD": list(found),
            **{w: [getattr(p, w.lower()) or None if p else None for p in found.values()] for w in wanted},
        },
        schema=dict.fromkeys(["PARAMCD", *wanted], pl.String),
    ).with_columns(
        pl.col("PARAM").str.replace("#", pl.col("PARAMCD").str.extract(r"(\d+)$").fill_null("#"), literal=True)
    )
    joined = frame.join(table, on="PARAMCD", how="left", suffix="_said")
    return joined.with_columns(pl.coalesce(w, f"{w}_said").alias(w) for w in wanted if w in frame.columns)


def dataset_of(spec: Standard, name: str, frame: pl.DataFrame) -> Dataset:
    """Make a dataset of a frame: the standard's variables in its order, types and labels, rows sorted by the keys.

    A permissible or conditional variable that the frame lacks, or that is missing in every row, is left out; a required
    one is kept.

    Raises
    ------
    ValueError
        if a required variable is not in the frame, or a column cannot be of its type.
    """
    import polars as pl

    kinds: dict[str, Any] = {
        "string": pl.String,
        "integer": pl.Int64,
        "float": pl.Float64,
        "date": pl.Date,
        "datetime": pl.Datetime("us"),
    }
    columns, variables = [], []
    keys = spec.datasets[name].keys
    frame = with_parameters(spec, name, frame)
    for variable in spec.variables[name]:
        column = variable.variable
        if column not in frame.columns:
            if variable.core == "Req":
                raise ValueError(f"{name} has no {column} ({variable.label}): {spec.name} demands it")
            continue
        if variable.core != "Req" and column not in keys and frame[column].is_null().all() and frame.height:
            continue
        try:
            values = frame[column].cast(kinds[variable.type])
        except pl.exceptions.PolarsError as error:
            raise ValueError(f"{name}.{column} is not {variable.type}: {str(error).splitlines()[0]}") from None
        if variable.type == "string":
            values = values.replace("", None)
        columns.append(values)
        longest = values.str.len_bytes().max() if variable.type == "string" else 8
        length = int(variable.length) if variable.length else cast("int", longest) or 1
        key = keys.index(column) + 1 if column in keys else None
        variables.append(Variable(column, variable.label, cast("Type", variable.type), length, variable.format, key))
    made = pl.DataFrame(columns).sort(
        [key for key in keys if key in frame.columns], nulls_last=True, maintain_order=True
    )
    return Dataset(name, spec.datasets[name].label, made, tuple(variables))
