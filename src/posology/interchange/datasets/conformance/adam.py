"""Structural rules of ADaM (ADaMIG 1.3) that can be told from the datasets alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

from posology.interchange.datasets.conformance.rules import KEY, ConformanceRule, Folder, row_findings, variable_specs
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.metadata import standard
from posology.shared.findings import Finding


def required(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Variables that ADaMIG requires are there, and have a value in every row."""
    import polars as pl

    for variable in variable_specs(dataset).values():
        where = f"{dataset.name}.{variable.variable}"
        if variable.core != "Req":
            continue
        if variable.variable not in dataset.frame.columns:
            yield Finding("", None, where, "is not there", "ADaMIG 1.3 requires it")
        elif variable.variable in ("STUDYID", "USUBJID", "SUBJID", "PARAM", "PARAMCD", "AETERM", "AESEQ"):
            yield from row_findings(
                dataset, variable.variable, pl.col(variable.variable).is_null(), "is missing", "it is required"
            )


def labels_and_types(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Labels and types are those of the standard."""
    kinds = {"integer": "number", "float": "number", "string": "text", "date": "date", "datetime": "moment"}
    for variable in dataset.variables:
        known = variable_specs(dataset).get(variable.name)
        if known is None:
            continue
        where = f"{dataset.name}.{variable.name}"
        if variable.label and variable.label != known.label:
            yield Finding("", None, where, f"has the label {variable.label!r}", known.label)
        if kinds[variable.type] != kinds[known.type] and not dataset.frame[variable.name].is_null().all():
            yield Finding("", None, where, f"is {kinds[variable.type]}", f"it is {kinds[known.type]}")


def keys(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """The keys name one row."""
    spec = standard("adam").datasets.get(dataset.name)
    named = [key for key in spec.keys if key in dataset.frame.columns] if spec else []
    if not named:
        return
    twice = dataset.frame.select(named).is_duplicated()
    for row in dataset.frame.filter(twice).select(named).unique(maintain_order=True).iter_rows(named=True):
        yield Finding(
            str(row.get("USUBJID") or ""),
            None,
            dataset.name,
            "has several rows with " + ", ".join(f"{k} {v}" for k, v in row.items() if k not in KEY),
            "the keys name one row",
        )


def baseline(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A parameter of a subject has one baseline record at most, BASE is its AVAL, and CHG is AVAL - BASE."""
    import polars as pl

    columns = set(dataset.frame.columns)
    if not {"PARAMCD", "ABLFL", "BASE", "AVAL"} <= columns:
        return
    by = [*KEY, "PARAMCD"]
    first = pl.col("AVAL").filter(pl.col("ABLFL") == "Y")
    several = (pl.col("ABLFL") == "Y").sum().over(by) > 1
    yield from row_findings(
        dataset,
        "ABLFL",
        several & (pl.col("ABLFL") == "Y"),
        "is Y more than once for a parameter",
        "one baseline record",
        "ADT",
    )
    base = (pl.col("BASE") - first.first().over(by)).abs() > 1e-9
    yield from row_findings(dataset, "BASE", base, "is {}", "it is AVAL of the record with ABLFL = Y", "ADT")
    if "CHG" in columns:
        wrong = (pl.col("CHG") - (pl.col("AVAL") - pl.col("BASE"))).abs() > 1e-9
        yield from row_findings(dataset, "CHG", wrong, "is {}", "it is AVAL - BASE", "ADT")
    if "PCHG" in columns:
        wrong = (pl.col("PCHG") - 100 * (pl.col("AVAL") - pl.col("BASE")) / pl.col("BASE")).abs() > 1e-6
        yield from row_findings(dataset, "PCHG", wrong, "is {}", "it is 100 x (AVAL - BASE) / BASE", "ADT")


def study_days(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A relative day is counted from TRTSDT, which is day 1; there is no day 0."""
    import polars as pl

    for day, on in (("ADY", "ADT"), ("ASTDY", "ASTDT"), ("AENDY", "AENDT")):
        if not {day, on, "TRTSDT"} <= set(dataset.frame.columns):
            continue
        days = (pl.col(on) - pl.col("TRTSDT")).dt.total_days()
        right = pl.when(days >= 0).then(days + 1).otherwise(days)
        yield from row_findings(dataset, day, pl.col(day) != right, "is {}", f"it is counted from TRTSDT to {on}", on)


def order_of_dates(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """An end is not before its start, and nothing lies after the data cutoff."""
    import polars as pl

    for start, end in (("ASTDT", "AENDT"), ("TRTSDT", "TRTEDT"), ("STARTDT", "ADT")):
        if {start, end} <= set(dataset.frame.columns):
            yield from row_findings(
                dataset,
                end,
                pl.col(end) < pl.col(start),
                f"{{}} is before {start}",
                "an end is not before its start",
                end,
            )
    subjects = folder.subjects
    cutoff = subjects["DCUTDT"].max() if subjects is not None and "DCUTDT" in subjects.columns else None
    if isinstance(cutoff, date):
        for variable in dataset.variables:
            if variable.type == "date" and variable.name != "DCUTDT":
                yield from row_findings(
                    dataset,
                    variable.name,
                    pl.col(variable.name) > cutoff,
                    "is {}",
                    f"nothing lies after the cutoff {cutoff}",
                )


def time_to_event(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """AVAL is ADT - STARTDT + 1; a censored time says why."""
    import polars as pl

    if not {"STARTDT", "ADT", "AVAL", "CNSR"} <= set(dataset.frame.columns):
        return
    days = (pl.col("ADT") - pl.col("STARTDT")).dt.total_days() + 1
    yield from row_findings(
        dataset, "AVAL", (pl.col("AVAL") - days).abs() > 1e-9, "is {}", "it is ADT - STARTDT + 1", "ADT"
    )
    if "EVNTDESC" in dataset.frame.columns:
        yield from row_findings(
            dataset, "EVNTDESC", pl.col("EVNTDESC").is_null(), "is missing", "every time says what ended it", "ADT"
        )


ADAM: Sequence[ConformanceRule] = (
    required,
    labels_and_types,
    keys,
    baseline,
    study_days,
    order_of_dates,
    time_to_event,
)
