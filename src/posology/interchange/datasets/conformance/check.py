"""Whether exported datasets keep to their standard: each rule by itself, its first line the rule in words.

Structural rules of SDTMIG 3.3 and ADaMIG 1.3 that can be told from the datasets alone, and the limits of SAS transport
files. It is no replacement of the CDISC rules engine, whose rules come from the CDISC Library and not with the package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.formats import SUFFIXES, check, read
from posology.interchange.datasets.metadata import VariableSpec, standard
from posology.shared.dates import parse
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

KEY = ["STUDYID", "USUBJID"]
MOST = 20
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


Rule = Callable[[Dataset, Folder], Iterator[Finding]]


def conform(folder: Path) -> list[Finding]:
    """Return what does not keep to the standard in a folder of datasets; what cannot be read is a finding too.

    Raises
    ------
    ValueError
        if there is no dataset in the folder.
    """
    datasets: dict[str, Dataset] = {}
    findings = []
    for path in sorted(folder.iterdir() if folder.is_dir() else ()):
        if any(path.name.lower().endswith(suffix) for suffix in SUFFIXES):
            try:
                dataset = read(path)
            except ValueError as error:
                findings.append(Finding("", None, path.name, "cannot be read", str(error)))
                continue
            datasets[dataset.name] = dataset
            findings.extend(dataset.findings)
    if not datasets and not findings:
        raise ValueError(f"{folder} holds no dataset: none ends in {', '.join(SUFFIXES)}")
    return findings + conform_datasets(datasets)


def conform_datasets(datasets: Mapping[str, Dataset]) -> list[Finding]:
    """Return what does not keep to the standard in these datasets."""
    from posology.interchange.datasets.conformance.sdtm import SDTM

    folder = Folder(datasets)
    findings = []
    if folder.subjects is None:
        name = "ADSL" if folder.adam else "DM"
        findings.append(Finding("", None, name, "is not there", "every submission has it"))
    for dataset in datasets.values():
        for rule in (*ALL, *(ADAM if folder.adam else SDTM)):
            found = list(rule(dataset, folder))
            findings.extend(found[:MOST])
            if len(found) > MOST:
                findings.append(
                    Finding("", None, dataset.name, f"and {len(found) - MOST} more of the last kind", found[-1].right)
                )
    return findings


def said(dataset: Dataset) -> dict[str, VariableSpec]:
    """Return what the standard says of each variable of an analysis dataset."""
    return {v.variable: v for v in standard("adam").variables.get(dataset.name, ())}


def each_row(dataset: Dataset, field: str, wrong: pl.Expr, says: str, right: str, on: str = "") -> Iterator[Finding]:
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


# Every dataset --------------------------------------------------------------------------------------------------------


def transport_limits(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Every dataset fits into a SAS transport file of version 5."""
    yield from check(dataset, "xpt")


def upper_names(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Names of variables are in capitals."""
    for variable in dataset.variables:
        if variable.name != variable.name.upper():
            yield Finding("", None, f"{dataset.name}.{variable.name}", "is not in capitals", variable.name.upper())


def one_study(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """STUDYID is there and the same throughout."""
    if "STUDYID" not in dataset.frame.columns:
        yield Finding("", None, f"{dataset.name}.STUDYID", "is not there", "every dataset has it")
    elif dataset.frame["STUDYID"].n_unique() > 1 or dataset.frame["STUDYID"].is_null().any():
        yield Finding("", None, f"{dataset.name}.STUDYID", "is missing, or not the same in all rows", "one study")


def known_subjects(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Every subject is one of ADSL or DM, and is there once in it."""
    import polars as pl

    if "USUBJID" not in dataset.frame.columns:
        return
    yield from each_row(dataset, "USUBJID", pl.col("USUBJID").is_null(), "is missing", "every row has a subject")
    subjects = folder.subjects
    if subjects is None or "USUBJID" not in subjects.columns:
        return
    if dataset.name in ("ADSL", "DM"):
        yield from each_row(
            dataset, "USUBJID", pl.col("USUBJID").is_duplicated(), "is there more than once", "one row a subject"
        )
        return
    unknown = set(dataset.frame["USUBJID"].drop_nulls()) - set(subjects["USUBJID"].drop_nulls())
    for subject in sorted(map(str, unknown)):
        yield Finding(
            subject,
            None,
            f"{dataset.name}.USUBJID",
            "is not in " + ("ADSL" if folder.adam else "DM"),
            "every subject is there",
        )


def one_name_each(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A parameter or test has one code, and a code one name."""
    pairs = [("PARAMCD", "PARAM"), (f"{dataset.name}TESTCD", f"{dataset.name}TEST")]
    for code, name in pairs:
        if code not in dataset.frame.columns or name not in dataset.frame.columns:
            continue
        both = dataset.frame.select(code, name).unique()
        for one, other in ((code, name), (name, code)):
            several = both.drop_nulls(one).group_by(one, maintain_order=True).len().filter(_col("len") > 1)
            for value in sorted(several[one]):
                yield Finding("", None, f"{dataset.name}.{one}", f"{value!r} has more than one {other}", "one to one")


def flags(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A flag is Y, N or missing; an imputation flag is D, M, Y or missing."""
    import polars as pl

    for variable in dataset.variables:
        if variable.type != "string":
            continue
        if variable.name.endswith("FL"):
            yield from each_row(
                dataset, variable.name, ~pl.col(variable.name).is_in(["Y", "N"]), "is {!r}", "Y, N or missing"
            )
        elif folder.adam and variable.name.endswith("DTF"):
            yield from each_row(
                dataset, variable.name, ~pl.col(variable.name).is_in(["D", "M", "Y"]), "is {!r}", "D, M, Y or missing"
            )


def codelists(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A value of a codelist that cannot be extended is one of its values."""
    import polars as pl

    lists = standard("adam").codelists
    closed = {
        "SEX": "SEX",
        "AGEU": "AGEU",
        "ETHNIC": "ETHNIC",
        "AESER": "NY",
        "AEOUT": "OUT",
        "AESEV": "AESEV",
        "CNSR": "CNSR",
    }
    for name, codelist in closed.items():
        if name in dataset.frame.columns:
            allowed = [term.value for term in lists[codelist]]
            values = pl.col(name).cast(pl.String)
            yield from each_row(dataset, name, ~values.is_in(allowed), "is {!r}", f"one of {', '.join(allowed)}")


def _col(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name)


ALL: Sequence[Rule] = (transport_limits, upper_names, one_study, known_subjects, one_name_each, flags, codelists)


# Analysis datasets ----------------------------------------------------------------------------------------------------


def required(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Variables that ADaMIG requires are there, and have a value in every row."""
    import polars as pl

    for variable in said(dataset).values():
        where = f"{dataset.name}.{variable.variable}"
        if variable.core != "Req":
            continue
        if variable.variable not in dataset.frame.columns:
            yield Finding("", None, where, "is not there", "ADaMIG 1.3 requires it")
        elif variable.variable in ("STUDYID", "USUBJID", "SUBJID", "PARAM", "PARAMCD", "AETERM", "AESEQ"):
            yield from each_row(
                dataset, variable.variable, pl.col(variable.variable).is_null(), "is missing", "it is required"
            )


def labels_and_types(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Labels and types are those of the standard."""
    kinds = {"integer": "number", "float": "number", "string": "text", "date": "date", "datetime": "moment"}
    for variable in dataset.variables:
        known = said(dataset).get(variable.name)
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
    yield from each_row(
        dataset,
        "ABLFL",
        several & (pl.col("ABLFL") == "Y"),
        "is Y more than once for a parameter",
        "one baseline record",
        "ADT",
    )
    base = (pl.col("BASE") - first.first().over(by)).abs() > 1e-9
    yield from each_row(dataset, "BASE", base, "is {}", "it is AVAL of the record with ABLFL = Y", "ADT")
    if "CHG" in columns:
        wrong = (pl.col("CHG") - (pl.col("AVAL") - pl.col("BASE"))).abs() > 1e-9
        yield from each_row(dataset, "CHG", wrong, "is {}", "it is AVAL - BASE", "ADT")
    if "PCHG" in columns:
        wrong = (pl.col("PCHG") - 100 * (pl.col("AVAL") - pl.col("BASE")) / pl.col("BASE")).abs() > 1e-6
        yield from each_row(dataset, "PCHG", wrong, "is {}", "it is 100 x (AVAL - BASE) / BASE", "ADT")


def study_days(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """A relative day is counted from TRTSDT, which is day 1; there is no day 0."""
    import polars as pl

    for day, on in (("ADY", "ADT"), ("ASTDY", "ASTDT"), ("AENDY", "AENDT")):
        if not {day, on, "TRTSDT"} <= set(dataset.frame.columns):
            continue
        days = (pl.col(on) - pl.col("TRTSDT")).dt.total_days()
        right = pl.when(days >= 0).then(days + 1).otherwise(days)
        yield from each_row(dataset, day, pl.col(day) != right, "is {}", f"it is counted from TRTSDT to {on}", on)


def order_of_dates(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """An end is not before its start, and nothing lies after the data cutoff."""
    import polars as pl

    for start, end in (("ASTDT", "AENDT"), ("TRTSDT", "TRTEDT"), ("STARTDT", "ADT")):
        if {start, end} <= set(dataset.frame.columns):
            yield from each_row(
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
                yield from each_row(
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
    yield from each_row(
        dataset, "AVAL", (pl.col("AVAL") - days).abs() > 1e-9, "is {}", "it is ADT - STARTDT + 1", "ADT"
    )
    if "EVNTDESC" in dataset.frame.columns:
        yield from each_row(
            dataset, "EVNTDESC", pl.col("EVNTDESC").is_null(), "is missing", "every time says what ended it", "ADT"
        )


ADAM: Sequence[Rule] = (required, labels_and_types, keys, baseline, study_days, order_of_dates, time_to_event)


def is_date(text: str) -> bool:
    """Whether a text is a date of ISO 8601, complete or partial."""
    try:
        parse(text)
    except ValueError:
        return False
    return True
