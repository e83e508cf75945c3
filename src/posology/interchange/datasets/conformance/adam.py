"""Structural rules of ADaM (ADaMIG 1.3) that can be told from the datasets alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from posology.interchange.datasets.conformance.rules import KEY, ConformanceRule, Folder, row_findings, variable_specs
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.metadata import standard
from posology.shared.dates import study_day
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl


OTHER_LABELS = {
    "STARTDT": ("Time to Event Origin Date for Subject",),
    "SRCDOM": ("Source Domain",),
    "DTHFL": ("Subject Died?", "Subject Death Flag"),
    "ADURN": ("AE Duration (N)",),
    "ADURU": ("AE Duration Units",),
}
"""Labels of the same variable in other versions of the standard (ADaMIG 1.0 to 1.2, ADAE 1.0, BDS for time to event
1.0)."""


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
        labels = (known.label, *OTHER_LABELS.get(variable.name, ()))
        if variable.label and variable.label not in labels and known.core in ("Req", "Cond"):
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
    by = [*KEY, "PARAMCD", *({"BASETYPE"} & columns)]
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
    """A relative day is counted from the first dose, or from randomisation, which is day 1; there is no day 0."""
    import polars as pl

    frame, subjects = dataset.frame, folder.subjects
    if subjects is not None and "USUBJID" in frame.columns:
        more = [c for c in ("RANDDT", "TRTSDT") if c in subjects.columns and c not in frame.columns]
        frame = frame.join(
            subjects.select("USUBJID", *more).unique("USUBJID"), on="USUBJID", how="left", maintain_order="left"
        )
    starts = [start for start in ("TRTSDT", "RANDDT") if start in frame.columns and frame[start].dtype == pl.Date]
    for day, on in (("ADY", "ADT"), ("ASTDY", "ASTDT"), ("AENDY", "AENDT")):
        if not {day, on} <= set(dataset.frame.columns) or not starts or frame[on].dtype != pl.Date:
            continue
        right = [study_day((pl.col(on) - pl.col(start)).dt.total_days()) == pl.col(day) for start in starts]
        known = pl.any_horizontal(pl.col(start).is_not_null() for start in starts)
        wrong = frame.select(
            known
            & ~pl.any_horizontal(r.fill_null(False) for r in right)
            & pl.col(day).is_not_null()
            & pl.col(on).is_not_null()
        ).to_series()
        yield from row_findings(
            dataset, day, pl.lit(wrong), "is {}", f"it is counted from {' or '.join(starts)} to {on}", on
        )


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
    """AVAL is ADT - STARTDT + 1 days; CNSR is 0 for an event, a positive whole number for a censored time, which says
    why."""
    import polars as pl

    if not {"STARTDT", "ADT", "AVAL", "CNSR"} <= set(dataset.frame.columns):
        return
    cnsr = pl.col("CNSR").cast(pl.Float64, strict=False)
    right = "0 for an event, 1, 2, ... for a censored time"
    yield from row_findings(
        dataset, "CNSR", (cnsr < 0) | (cnsr != cnsr.floor()) | cnsr.is_null(), "is {}", right, "ADT"
    )
    elapsed = (pl.col("ADT") - pl.col("STARTDT")).dt.total_days() + 1
    yield from row_findings(
        dataset, "AVAL", _off(dataset, elapsed), "is {}", "it is ADT - STARTDT + 1 days, in its unit", "ADT"
    )
    if "EVNTDESC" in dataset.frame.columns:
        yield from row_findings(
            dataset, "EVNTDESC", pl.col("EVNTDESC").is_null(), "is missing", "every time says what ended it", "ADT"
        )


UNIT_DAYS = {"DAY": (1.0, 1.0), "WEEK": (7.0, 7.0), "MONTH": (365.25 / 12, 365.25 / 12), "YEAR": (365.0, 365.25)}
"""How many days a unit of time has, at least and at most, as sponsors count."""


def _off(dataset: Dataset, days: pl.Expr) -> pl.Expr:
    """Return where a time is not so many days, within what rounding to two decimals and the length of a month leave
    open.

    The unit is that of AVALU, or else of PARAM in parentheses; days where nothing is said. One that is not known is not
    judged.
    """
    import polars as pl

    columns = dataset.frame.columns
    said = [pl.col("AVALU")] if "AVALU" in columns else []
    said += (
        [pl.col("PARAM").str.extract(r"\((days?|weeks?|months?|years?)\)\s*$".replace("(d", "(?i)(d", 1), 1)]
        if "PARAM" in columns
        else []
    )
    unit = pl.coalesce(*said, pl.lit("DAYS")).str.to_uppercase().str.strip_suffix("S")
    low, high = (
        unit.replace_strict({u: span[k] for u, span in UNIT_DAYS.items()}, default=None, return_dtype=pl.Float64)
        for k in (0, 1)
    )
    slack = pl.when(unit == "DAY").then(1e-9).otherwise(0.006)
    value = pl.col("AVAL")
    months = pl.when(unit == "MONTH").then(0.002 * value.abs()).otherwise(0.0)  # 30, 30.4 and 30.4375 days are in use
    return (value < days / high - slack - months) | (value > days / low + slack + months)


ADAM: Sequence[ConformanceRule] = (
    required,
    labels_and_types,
    keys,
    baseline,
    study_days,
    order_of_dates,
    time_to_event,
)
