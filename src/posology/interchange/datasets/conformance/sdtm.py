"""Structural rules of SDTM (SDTMIG 3.3 and 3.4) that can be told from the datasets alone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from posology.interchange.datasets.conformance.rules import ConformanceRule, Folder, is_date, row_findings
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.sdtm_domains import GENERAL, DomainSpec, domain_of, domains
from posology.shared.dates import study_day
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl


def _is_supplement(dataset: Dataset) -> bool:
    return dataset.name.startswith("SUPP")


def _of(dataset: Dataset) -> str:
    """Return the domain that a dataset is of: a split one (LBCH) says it in DOMAIN."""
    named = domain_of(dataset.name, dataset.frame)
    return named if dataset.name.startswith(named) else dataset.name


def _spec(dataset: Dataset) -> DomainSpec | None:
    """Return what the standard says of the dataset's domain; None for a domain of the sponsor's own."""
    return domains().get(_of(dataset))


def required(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """The variables that name a row, and its topic, are there and have a value."""
    import polars as pl

    name, spec = _of(dataset), _spec(dataset)
    if _is_supplement(dataset):
        wanted = ["STUDYID", "RDOMAIN", "USUBJID", "QNAM", "QLABEL", "QVAL"]
    elif spec is None:
        topic = next((f"{name}{t}" for t in ("TESTCD", "TERM", "TRT") if f"{name}{t}" in dataset.frame.columns), "")
        wanted = ["STUDYID", "DOMAIN", "USUBJID", f"{name}SEQ", *filter(None, [topic])]
    elif spec.class_ == "RELATIONSHIP":
        wanted = ["STUDYID", *filter(None, [spec.subject])]
    else:
        wanted = ["STUDYID", "DOMAIN", spec.subject, f"{name}SEQ" if spec.sequence else "", spec.topic]
    others = {"POOLID", "SPDEVID", "APID", "NHOID"} & set(dataset.frame.columns)
    for variable in filter(None, wanted):
        if variable == "USUBJID" and others:
            continue  # the rows are of a pool, a device or an associated person
        if variable not in dataset.frame.columns:
            yield Finding("", None, f"{dataset.name}.{variable}", "is not there", "SDTMIG requires it")
        else:
            yield from row_findings(dataset, variable, pl.col(variable).is_null(), "is missing", "SDTMIG requires it")


def domain(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """DOMAIN is the dataset's name."""
    import polars as pl

    right = _of(dataset) if _spec(dataset) else dataset.name[:2]
    if "DOMAIN" in dataset.frame.columns and not dataset.name.startswith("AP"):
        yield from row_findings(dataset, "DOMAIN", pl.col("DOMAIN") != right, "is {}", f"it is {right}")


def prefixes(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A variable of an observation begins with its domain, if it is none of those that any may have."""
    spec = _spec(dataset)
    if _is_supplement(dataset) or (spec and "*" in spec.own):
        return
    name = _of(dataset)
    for variable in dataset.variables:
        if variable.name in GENERAL or (spec and variable.name in spec.own) or variable.name.startswith(name):
            continue
        yield Finding(
            "",
            None,
            f"{dataset.name}.{variable.name}",
            "does not begin with the domain",
            f"{name} and six characters at most; what is not of the domain goes to SUPP{name}",
        )


def sequence(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """--SEQ names one row of a subject."""
    import polars as pl

    number = f"{_of(dataset)}SEQ"
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
    start, end = f"{_of(dataset)}STDTC", f"{_of(dataset)}ENDTC"
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

    def read(column: str) -> pl.Expr:
        return pl.col(column).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)

    for day, on in (
        (f"{_of(dataset)}DY", f"{_of(dataset)}DTC"),
        (f"{_of(dataset)}STDY", f"{_of(dataset)}STDTC"),
        (f"{_of(dataset)}ENDY", f"{_of(dataset)}ENDTC"),
    ):
        if {day, on} <= set(dataset.frame.columns):
            right = study_day((read(on) - read("_start")).dt.total_days())
            wrong = named.select((pl.col(day) != right).fill_null(False)).to_series()
            yield from row_findings(dataset, day, pl.lit(wrong), "is {}", f"it is counted from RFSTDTC to {on}")


def tests(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A test's code has eight characters at most and begins with a letter; its name has forty."""
    import polars as pl

    code, name = f"{_of(dataset)}TESTCD", f"{_of(dataset)}TEST"
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
    name = dataset.name.removeprefix("SUPP")
    parents = [d for d in folder.datasets.values() if d.name == name or (len(name) == 2 and _of(d) == name)]
    if not parents:
        yield Finding(
            "",
            None,
            dataset.name,
            "has no parent domain",
            f"its rows qualify those of {name}, which is not in the folder",
        )
        return
    for variable in dataset.frame["IDVAR"].drop_nulls().unique().sort():
        holders = [d for d in parents if variable in d.frame.columns]
        if not holders:
            yield Finding("", None, f"{dataset.name}.IDVAR", f"is {variable}", f"a variable of {name}")
            continue
        there = pl.concat([d.frame.select("USUBJID", _key(variable)) for d in holders]).unique()
        mine = dataset.frame.with_columns(_key("IDVARVAL"))
        joined = mine.join(
            there.with_columns(there=pl.lit(True)), on=["USUBJID", "_key"], how="left", maintain_order="left"
        )
        wrong = joined.select((pl.col("IDVAR") == variable) & pl.col("there").is_null()).to_series()
        right = "a qualifier belongs to a row"
        yield from row_findings(dataset, "IDVARVAL", pl.lit(wrong), f"names no row of {name}: {variable} {{}}", right)


def _key(variable: str) -> pl.Expr:
    """Return what identifies a row as text: 1, 1.0 and "1" are the same number; A-1 is text."""
    import polars as pl

    text = pl.col(variable).cast(pl.String).str.strip_chars()
    number = text.cast(pl.Float64, strict=False)
    return pl.coalesce(number.cast(pl.String), text).alias("_key")


SDTM: Sequence[ConformanceRule] = (required, domain, prefixes, sequence, dates, study_days, tests, supplements)
