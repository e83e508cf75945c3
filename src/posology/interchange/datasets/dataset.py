"""A dataset as it is submitted: its name and label, its rows, and what is said of each variable.

The types are those of Dataset-JSON 1.1 and Define-XML 2.1 that a dataset of a trial needs. Missing is null, for text
too: an empty text is a missing one, as in a SAS file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

Type = Literal["string", "integer", "float", "date", "datetime"]
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class DatasetError(ValueError):
    """A dataset that cannot be read or written as it stands; ``findings`` lists why."""

    def __init__(self, where: str, findings: Sequence[Finding]) -> None:
        super().__init__("\n".join([where, *(f"  {finding}" for finding in findings)]))
        self.findings = tuple(findings)


@dataclass(frozen=True)
class Variable:
    """What is said of a variable.

    Parameters
    ----------
    name, label
        as submitted.
    type
        string, integer, float, or a date or moment kept as a number (ADaM); dates as text (SDTM) are strings.
    length
        the longest text [bytes], or 8 for a number; None where nothing is said.
    format
        the SAS format in which it is shown, such as ``DATE9.``; empty for none.
    key
        its place among the variables that name a row, from 1; None if it is none of them.
    """

    name: str
    label: str = ""
    type: Type = "string"
    length: int | None = None
    format: str = ""
    key: int | None = None


@dataclass(frozen=True)
class Dataset:
    """A dataset: rows in ``frame``, one variable a column, in the same order as ``variables``.

    ``findings`` says what was not as it should be in the file that it was read from.

    Examples
    --------
    >>> import polars as pl
    >>> dataset = Dataset.of("dm", pl.DataFrame({"USUBJID": ["001"], "AGE": [61]}), labels={"AGE": "Age"})
    >>> dataset.name, dataset.variables[1]
    ('DM', Variable(name='AGE', label='Age', type='integer', length=8, format='', key=None))
    """

    name: str
    label: str
    frame: pl.DataFrame
    variables: tuple[Variable, ...]
    findings: tuple[Finding, ...] = ()

    def __post_init__(self) -> None:
        named, held = [v.name for v in self.variables], self.frame.columns
        if named != held:
            raise ValueError(f"{self.name}: the variables {named} are not the columns {held}")

    @classmethod
    def of(
        cls,
        name: str,
        frame: pl.DataFrame,
        label: str = "",
        labels: Mapping[str, str] | None = None,
        formats: Mapping[str, str] | None = None,
        findings: Sequence[Finding] = (),
    ) -> Dataset:
        """Return a dataset of a frame: types and lengths are the frame's, empty text becomes missing.

        Raises
        ------
        ValueError
            if a column is of a type that no dataset has.
        """
        import polars as pl

        frame = frame.with_columns(
            pl.col(column).cast(pl.String).replace("", None)
            for column, dtype in frame.schema.items()
            if dtype in (pl.String, pl.Null)
        )
        said, shown = labels or {}, formats or {}
        variables = []
        for column in frame.columns:
            kind = type_of(name, frame[column])
            length = (frame[column].str.len_bytes().max() or 1) if kind == "string" else 8
            assert isinstance(length, int)
            plain = {"date": "DATE9.", "datetime": "DATETIME20."}.get(kind, "")
            variables.append(Variable(column, said.get(column, ""), kind, length, shown.get(column) or plain))
        return cls(name.upper(), label, frame, tuple(variables), tuple(findings))

    def variable(self, name: str) -> Variable:
        """Return what is said of a variable.

        Raises
        ------
        KeyError
            if there is none of this name.
        """
        for variable in self.variables:
            if variable.name == name:
                return variable
        raise KeyError(f"{self.name} has no variable {name}")


def type_of(dataset: str, column: pl.Series) -> Type:
    """Return the type of a column."""
    import polars as pl

    dtype = column.dtype
    if dtype in (pl.String, pl.Null):
        return "string"
    if dtype.is_integer():
        return "integer"
    if dtype.is_float():
        return "float"
    if dtype == pl.Date:
        return "date"
    if dtype == pl.Datetime:
        return "datetime"
    raise ValueError(f"{dataset}.{column.name} is {dtype}: a dataset holds text, numbers, dates and moments")


def problems(dataset: Dataset) -> list[Finding]:
    """Return what no format can hold: names that are none, names twice, numbers that are none."""
    import polars as pl

    found = []
    seen: set[str] = set()
    for variable in dataset.variables:
        where = f"{dataset.name}.{variable.name}"
        if not NAME.fullmatch(variable.name):
            found.append(
                Finding("", None, where, "is no name", "a name is letters, digits and _, and begins with a letter")
            )
        if variable.name.upper() in seen:
            found.append(Finding("", None, where, "is there twice", "each variable has a name of its own"))
        seen.add(variable.name.upper())
        column = dataset.frame[variable.name]
        if column.dtype.is_float() and not column.is_finite().fill_null(True).all():
            row = int((~column.is_finite().fill_null(True)).arg_true()[0]) + 1
            found.append(
                Finding("", None, where, f"is {column[row - 1]} in row {row}", "a value that is not known is missing")
            )
        if column.dtype == pl.String and (column == "").any():
            found.append(Finding("", None, where, "holds empty text", "missing text is null"))
    if not NAME.fullmatch(dataset.name):
        found.append(Finding("", None, dataset.name, "is no name for a dataset", "letters, digits and _"))
    return found
