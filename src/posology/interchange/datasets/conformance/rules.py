"""What a rule of conformance is: a function of a dataset, within its folder, to findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.metadata import VariableSpec, standard
from posology.shared.dates import parse_date
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

KEY = ["STUDYID", "USUBJID"]
MAX_LISTED = 20
"""Findings of one rule in one dataset that are listed one by one; the rest are counted."""


@dataclass(frozen=True)
class Folder:
    """The datasets of a folder by name, and whether they are analysis datasets."""

    datasets: Mapping[str, Dataset]

    @property
    def adam(self) -> bool:
        """Whether these are analysis datasets."""
        return any(name.startswith("AD") for name in self.datasets)

    @property
    def subjects(self) -> pl.DataFrame | None:
        """ADSL or DM."""
        found = self.datasets.get("ADSL") or self.datasets.get("DM")
        return None if found is None else found.frame


ConformanceRule = Callable[[Dataset, Folder], Iterator[Finding]]


def variable_specs(dataset: Dataset) -> dict[str, VariableSpec]:
    """Return what the standard says of each variable of an analysis dataset."""
    return {v.variable: v for v in standard("adam").variables.get(dataset.name, ())}


def row_findings(
    dataset: Dataset, field: str, wrong: pl.Expr, says: str, right: str, on: str = ""
) -> Iterator[Finding]:
    """Return a finding for each row in which something is wrong; ``says`` may name the row's value by ``{}``."""
    frame = dataset.frame.filter(wrong.fill_null(False))
    who = frame["USUBJID"].to_list() if "USUBJID" in frame.columns else [""] * frame.height
    when = frame[on].to_list() if on in frame.columns else [None] * frame.height
    values = frame[field].to_list() if field in frame.columns else [None] * frame.height
    for patient, day, value in zip(who, when, values, strict=True):
        yield Finding(
            str(patient or ""),
            day if isinstance(day, date) else None,
            f"{dataset.name}.{field}",
            says.format(value),
            right,
        )


def is_date(text: str) -> bool:
    """Whether a text is a date of ISO 8601, complete or partial."""
    try:
        parse_date(text)
    except ValueError:
        return False
    return True
