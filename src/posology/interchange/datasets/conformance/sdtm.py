"""Structural rules of SDTM (SDTMIG 3.3) that can be told from the datasets alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from posology.interchange.datasets.conformance.rules import ConformanceRule, Folder, is_date, row_findings
from posology.interchange.datasets.dataset import Dataset
from posology.shared.findings import Finding

TOPIC = {"AE": "AETERM", "CM": "CMTRT", "EX": "EXTRT", "MH": "MHTERM", "DS": "DSTERM"}
COMMON = {
    "STUDYID",
    "DOMAIN",
    "USUBJID",
    "SUBJID",
    "VISITNUM",
    "VISIT",
    "VISITDY",
    "EPOCH",
    "TAETORD",
    "SPDEVID",
    "POOLID",
}
NO_SEQUENCE = {"DM", "TS", "TA", "TE", "TI", "TV", "RELREC"}


def _is_supplement(dataset: Dataset) -> bool:
    return dataset.name.startswith("SUPP")


def required(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """The variables that name a row, and its topic, are there and have a value."""
    import polars as pl

    name = dataset.name
    if name == "RELREC":
        return
    if _is_supplement(dataset):
        wanted = ["STUDYID", "RDOMAIN", "USUBJID", "QNAM", "QLABEL", "QVAL"]
    else:
        topic = TOPIC.get(name) or (f"{name}TESTCD" if f"{name}TEST" in dataset.frame.columns else "")
        sequence = [] if name in NO_SEQUENCE else [f"{name}SEQ"]
        subject = [] if name.startswith("T") and len(name) == 2 and name in NO_SEQUENCE else ["USUBJID"]
        wanted = ["STUDYID", "DOMAIN", *subject, *sequence, *([topic] if topic else [])]
    for variable in wanted:
        if variable not in dataset.frame.columns:
            yield Finding("", None, f"{name}.{variable}", "is not there", "SDTMIG requires it")
        else:
            yield from row_findings(dataset, variable, pl.col(variable).is_null(), "is missing", "SDTMIG requires it")


def domain(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """DOMAIN is the dataset's name."""
    import polars as pl

    if "DOMAIN" in dataset.frame.columns:
        yield from row_findings(
            dataset, "DOMAIN", pl.col("DOMAIN") != dataset.name[:2], "is {}", f"it is {dataset.name[:2]}"
        )


def prefixes(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A variable of an observation begins with its domain, if it is none of the common ones."""
    if _is_supplement(dataset) or dataset.name in NO_SEQUENCE:
        return
    for variable in dataset.variables:
        if variable.name not in COMMON and not variable.name.startswith(dataset.name[:2]):
            yield Finding(
                "",
                None,
                f"{dataset.name}.{variable.name}",
                "does not begin with the domain",
                f"{dataset.name[:2]} and six characters at most; what is not of the domain goes to SUPP{dataset.name}",
            )


def sequence(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """--SEQ names one row of a subject."""
    import polars as pl

    number = f"{dataset.name}SEQ"
    if {number, "USUBJID"} <= set(dataset.frame.columns):
        twice = pl.struct("USUBJID", number).is_duplicated()
        yield from row_findings(dataset, number, twice, "{} is there more than once", "it names one row of a subject")


def dates(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Dates are ISO 8601, and an end is not before its start."""
    import polars as pl

    for variable in dataset.variables:
        if variable.name.endswith("DTC") and variable.type == "string":
            values = dataset.frame[variable.name].drop_nulls().unique()
            wrong = [value for value in values if not is_date(value)]
            yield from row_findings(
                dataset,
                variable.name,
                pl.col(variable.name).is_in(wrong),
                "is {!r}",
                "a date of ISO 8601, such as 2013-05-10 or 2013-05",
            )
    start, end = f"{dataset.name}STDTC", f"{dataset.name}ENDTC"
    if {start, end} <= set(dataset.frame.columns):
        first, last = pl.col(start).str.slice(0, 10), pl.col(end).str.slice(0, 10)
        whole = (first.str.len_chars() == 10) & (last.str.len_chars() == 10)
        yield from row_findings(
            dataset, end, whole & (last < first), "{} is before the start", "an end is not before its start"
        )


def study_days(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A study day is counted from RFSTDTC, which is day 1; there is no day 0."""
    import polars as pl

    dm = folder.datasets.get("DM")
    if dm is None or "RFSTDTC" not in dm.frame.columns or "USUBJID" not in dataset.frame.columns:
        return
    start = dm.frame.select("USUBJID", pl.col("RFSTDTC").alias("_start")).unique("USUBJID")
    named = dataset.frame.drop("RFSTDTC", strict=False).join(start, on="USUBJID", how="left")
    read = lambda column: pl.col(column).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)
    for day, on in (
        (f"{dataset.name}DY", f"{dataset.name}DTC"),
        (f"{dataset.name}STDY", f"{dataset.name}STDTC"),
        (f"{dataset.name}ENDY", f"{dataset.name}ENDTC"),
    ):
        if {day, on} <= set(dataset.frame.columns):
            days = (read(on) - read("_start")).dt.total_days()
            right = pl.when(days >= 0).then(days + 1).otherwise(days)
            wrong = named.select((pl.col(day) != right).fill_null(False)).to_series()
            yield from row_findings(dataset, day, pl.lit(wrong), "is {}", f"it is counted from RFSTDTC to {on}")


def tests(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A test's code has eight characters at most and begins with a letter; its name has forty."""
    import polars as pl

    code, name = f"{dataset.name}TESTCD", f"{dataset.name}TEST"
    if code in dataset.frame.columns:
        right = pl.col(code).str.contains(r"^[A-Z_][A-Z0-9_]{0,7}$")
        yield from row_findings(
            dataset, code, ~right, "is {!r}", "letters, digits and _, eight at most, a letter first"
        )
    if name in dataset.frame.columns:
        yield from row_findings(
            dataset, name, pl.col(name).str.len_chars() > 40, "{!r} is too long", "forty characters at most"
        )


def supplements(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A supplemental qualifier belongs to a row that is there, is there once, and has a name and label that fit."""
    import polars as pl

    if not _is_supplement(dataset) or not {"IDVAR", "IDVARVAL", "QNAM", "QLABEL", "USUBJID"} <= set(
        dataset.frame.columns
    ):
        return
    names = [
        value
        for value in dataset.frame["QNAM"].drop_nulls().unique()
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,7}", value)
    ]
    yield from row_findings(
        dataset, "QNAM", pl.col("QNAM").is_in(names), "is {!r}", "letters, digits and _, eight at most, a letter first"
    )
    yield from row_findings(
        dataset, "QLABEL", pl.col("QLABEL").str.len_chars() > 40, "{!r} is too long", "forty characters at most"
    )
    keys = ["USUBJID", "IDVAR", "IDVARVAL", "QNAM"]
    yield from row_findings(
        dataset, "QNAM", pl.struct(keys).is_duplicated(), "{} is there more than once for a row", "once"
    )
    parent = folder.datasets.get(dataset.name.removeprefix("SUPP"))
    if parent is None:
        yield Finding("", None, dataset.name, "has no parent domain", f"{dataset.name.removeprefix('SUPP')} is there")
        return
    for variable in dataset.frame["IDVAR"].drop_nulls().unique():
        if variable not in parent.frame.columns:
            yield Finding("", None, f"{dataset.name}.IDVAR", f"is {variable}", f"a variable of {parent.name}")
            continue
        there = (
            parent.frame.select("USUBJID", pl.col(variable).cast(pl.Float64, strict=False).alias("_key"))
            .with_columns(pl.lit(True).alias("_there"))
            .unique()
        )
        mine = dataset.frame.with_columns(pl.col("IDVARVAL").cast(pl.Float64, strict=False).alias("_key"))
        joined = mine.join(there, on=["USUBJID", "_key"], how="left", maintain_order="left")
        wrong = joined.select((pl.col("IDVAR") == variable) & pl.col("_there").is_null()).to_series()
        yield from row_findings(
            dataset,
            "IDVARVAL",
            pl.lit(wrong),
            f"names no row of {parent.name}: {variable} {{}}",
            "a qualifier belongs to a row",
        )


SDTM: Sequence[ConformanceRule] = (required, domain, prefixes, sequence, dates, study_days, tests, supplements)
