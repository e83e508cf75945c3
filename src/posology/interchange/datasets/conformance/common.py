"""Rules that hold for every dataset: what a transport file can hold, one study, known subjects, flags, codelists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from posology.interchange.datasets.conformance.rules import ConformanceRule, Folder, row_findings
from posology.interchange.datasets.dataset import Dataset
from posology.interchange.datasets.formats import check_format
from posology.interchange.datasets.metadata import standard
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl


def transport_limits(dataset: Dataset, folder: Folder) -> Iterator[Finding]:
    """Every dataset fits into a SAS transport file of version 5."""
    for finding in check_format(dataset, "xpt"):
        if finding.field != dataset.name or len(dataset.name) <= 8:  # a file's name is not what the dataset is called
            yield finding


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
    others = {"POOLID", "SPDEVID", "APID", "NHOID"} & set(dataset.frame.columns)
    if not others and dataset.name != "RELREC":  # a relation of whole datasets has no subject
        yield from row_findings(
            dataset, "USUBJID", pl.col("USUBJID").is_null(), "is missing", "every row has a subject"
        )
    subjects = folder.subjects
    if subjects is None or "USUBJID" not in subjects.columns:
        return
    if dataset.name in ("ADSL", "DM"):
        yield from row_findings(
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
            yield from row_findings(
                dataset, variable.name, ~pl.col(variable.name).is_in(["Y", "N"]), "is {!r}", "Y, N or missing"
            )
        elif folder.adam and variable.name.endswith("DTF"):
            yield from row_findings(
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
    }
    for name, codelist in closed.items():
        if name in dataset.frame.columns:
            allowed = [term.value for term in lists[codelist]]
            values = pl.col(name).cast(pl.String)
            yield from row_findings(dataset, name, ~values.is_in(allowed), "is {!r}", f"one of {', '.join(allowed)}")


def _col(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(name)


COMMON: Sequence[ConformanceRule] = (
    transport_limits,
    upper_names,
    one_study,
    known_subjects,
    one_name_each,
    flags,
    codelists,
)
