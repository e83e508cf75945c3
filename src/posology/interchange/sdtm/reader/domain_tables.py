"""A folder of SDTM datasets, as tables whose columns are asked for by name: what nobody asks for is reported.

Datasets of one domain in several files (a split domain) are read together. Supplemental qualifiers are put beside the
rows that they qualify, by IDVAR and IDVARVAL.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from posology.interchange.datasets.folder import SourceError, dataset_files_once
from posology.interchange.datasets.formats import read_dataset
from posology.interchange.datasets.sdtm_domains import domain_of
from posology.interchange.sdtm.layout import LAYOUTS, Layout, homes
from posology.interchange.sdtm.reader.report import Report
from posology.interchange.sdtm.supplemental import RESERVED, qnam, types_of
from posology.shared.dates import Dates, ImputationRule, read_dates, read_visit_dates
from posology.shared.text import nearest

if TYPE_CHECKING:
    import polars as pl

QUALIFIER = "SUPP:"
PARTNERS = ("C", "CD", "DY", "FL", "N", "NUM", "U")
"""Endings of the variables that stand beside another, as AEPTCD beside AEPT: no misspellings of it."""
CONSTANT = {"STUDYID", "DOMAIN", "USUBJID", "SUBJID"}
FULL = r"^\d{4}-\d{2}-\d{2}(T([01]\d|2[0-3])(:[0-5]\d(:[0-5]\d(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?)?$"


class DomainTable:
    """One domain: every column that is asked for counts as understood."""

    def __init__(self, name: str, frame: pl.DataFrame, patients: list[str], report: Report, files: list[str]) -> None:
        self.name, self.frame, self.patient, self.report, self.files = name, frame, patients, report, files
        self.asked: set[str] = set()
        self.taken: set[int] = set()
        self.day: list[date | None] = [None] * len(patients)

    def __len__(self) -> int:
        return len(self.patient)

    def has(self, *variables: str) -> bool:
        """Whether the table has all these variables."""
        return all(variable in self.frame.columns for variable in variables)

    def acknowledge(self, *variables: str) -> None:
        """Count variables as understood though nothing is read from them: another place holds what they say."""
        self.asked.update(variables)

    def text(self, variable: str) -> list[str | None]:
        """Return a column as text, without blanks around; missing values, or all of a missing column, are None."""
        import polars as pl

        self.asked.add(variable)
        if variable not in self.frame.columns:
            return [None] * len(self)
        column = self.frame[variable]
        if column.dtype == pl.String:
            return column.str.strip_chars().replace("", None).to_list()
        if column.dtype.is_float():
            return [None if v is None else f"{v:.15g}" for v in column.to_list()]
        if column.dtype == pl.Datetime:
            return column.dt.to_string("%Y-%m-%dT%H:%M:%S").to_list()
        return column.cast(pl.String).to_list()

    def number(self, variable: str) -> list[float | None]:
        """Return a column as numbers; text that is none is a finding."""
        import polars as pl

        self.asked.add(variable)
        if variable not in self.frame.columns:
            return [None] * len(self)
        column = self.frame[variable]
        numbers = column.cast(pl.Float64, strict=False)
        numbers = pl.select(pl.when(numbers.is_finite()).then(numbers)).to_series()
        for i in (numbers.is_null() & column.is_not_null()).arg_true().to_list():
            if str(column[i]).strip():
                self.find(i, variable, f"is {column[i]!r}, no number", "not used")
        return numbers.to_list()

    def flag(self, variable: str) -> list[bool | None]:
        """Return a column of Y and N."""
        values = self.text(variable)
        known = {"Y": True, "YES": True, "N": False, "NO": False, None: None}
        self.add_not_understood(variable, [v for v in values if v and v.upper() not in known], "neither Y nor N")
        return [known.get(v.upper() if v else None) for v in values]

    def column(self, variable: str, kind: str) -> list[Any]:
        """Return a column of a type: text, number or flag."""
        if kind == "number":
            return self.number(variable)
        return self.flag(variable) if kind == "flag" else self.text(variable)

    def qualifier(self, name: str) -> list[str | None]:
        """Return a supplemental qualifier."""
        return self.text(QUALIFIER + name)

    def dates(
        self,
        variable: str,
        rule: ImputationRule = "first",
        not_before: Mapping[str, date] | None = None,
        *,
        not_after: Mapping[str, date] | None = None,
        known_by: Sequence[date | None] | None = None,
        need: Literal["year", "month"] = "year",
    ) -> tuple[list[date | None], list[str | None], list[bool]]:
        """Return a column of dates, the text collected where that is no plain complete date, and whether one was
        imputed.

        A date that is impossible is a finding, and None. ``not_before`` and ``not_after`` are bounds by patient for
        imputed dates, ``known_by`` and ``need`` as in :func:`posology.shared.dates.impute` and ``read_dates``.
        """
        texts = self.text(variable)
        found, collected, partial = self._complete(texts)
        imputed = [False] * len(found)
        for i in partial:
            patient, text = self.patient[i], texts[i]
            assert text is not None
            read = read_dates(
                [text],
                rule,
                field=variable,
                not_before=(not_before or {}).get(patient),
                not_after=(not_after or {}).get(patient),
                known_by=known_by[i] if known_by else None,
                need=need,
            )
            for finding in read.findings:
                self.find(i, variable, finding.wrong, finding.right)
            self._keep(read, 0, i, found, imputed)
            collected[i] = None if any("impossible" in f.wrong or "no date" in f.wrong for f in read.findings) else text
            if imputed[i]:
                bound = ", not before the first dose" if not_before is not None else ""
                self.report.rules[f"{variable}: partial date read as the {rule} day it can be{bound}"] += 1
        return found, collected, imputed

    def complete_dates(self, variable: str) -> list[date | None]:
        """Return the dates of a column that are complete, None for all others."""
        return self._complete(self.text(variable))[0]

    def visit_dates(self, variable: str) -> tuple[list[date | None], list[str | None], list[bool]]:
        """Return a column of dates of assessments as :meth:`dates` does, partial ones within their visit."""
        texts = self.text(variable)
        found, collected, partial = self._complete(texts)
        imputed = [False] * len(found)
        if not partial:
            return found, collected, imputed
        visits, numbers = self.text("VISIT"), self.number("VISITNUM")
        read = read_visit_dates(texts, "first", self.patient, visits, numbers, field=variable)
        self.report.findings += read.findings
        for i in partial:
            self._keep(read, i, i, found, imputed)
            collected[i] = texts[i]
            if imputed[i]:
                self.report.rules[f"{variable}: partial date read as the first day it can be, within its visit"] += 1
            elif found[i] is None:
                self.taken.add(i)  # named above
        return found, collected, imputed

    @staticmethod
    def _keep(read: Dates, at: int, i: int, found: list[date | None], imputed: list[bool]) -> None:
        """Put one date that was read into its place."""
        found[i], imputed[i] = read.day[at].item(), bool(read.flag[at])

    @staticmethod
    def _complete(texts: list[str | None]) -> tuple[list[date | None], list[str | None], list[int]]:
        """Return the complete dates of a column, the text where it says more than the day, and the rows of the
        others."""
        import polars as pl

        column = pl.Series(texts, dtype=pl.String)
        days = pl.select(
            pl.when(column.str.contains(FULL)).then(column.str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False))
        ).to_series()
        collected = pl.select(pl.when(column.str.len_chars() != 10).then(column)).to_series().to_list()
        return days.to_list(), collected, (days.is_null() & column.is_not_null()).arg_true().to_list()

    def mapped_fields(self, layout: Layout, without: Collection[str] = ()) -> list[dict[str, Any]]:
        """Return the fields of each row that the layout's variables hold by themselves."""
        assert layout.kind is not None
        types = types_of(layout.kind)
        wanted = [v for v in layout.variables if v.field and v.name not in without]
        for variable in wanted:
            self.asked.add(variable.name)
        held = [v for v in wanted if v.name in self.frame.columns]
        names = [v.field for v in held]
        columns = [self.column(v.name, types[v.field]) for v in held]
        for name in types:
            qualified = self.qualified(name)
            if qualified and name not in names and types[name] != "map":
                names.append(name)
                columns.append(self.column(qualified, types[name]))
        if "qualifiers" in types:
            names.append("qualifiers")
            columns.append(self._qualifiers(types))
        if not columns:
            return [{} for _ in range(len(self))]
        return [{n: v for n, v in zip(names, row, strict=True) if v is not None} for row in zip(*columns, strict=True)]

    def _qualifiers(self, types: Mapping[str, str]) -> list[dict[str, str] | None]:
        """Return the supplemental qualifiers of each row that are neither ours nor a field's."""
        ours = {QUALIFIER + name for name in (*RESERVED, *map(qnam, types))}
        names = [name for name in self.frame.columns if name.startswith(QUALIFIER) and name not in ours]
        held = [(name.removeprefix(QUALIFIER), self.text(name)) for name in names]
        return [{n: v for n, values in held if (v := values[i]) is not None} or None for i in range(len(self))]

    def qualified(self, field: str) -> str:
        """Return the name of the column that holds a field as a qualifier that we wrote, empty if there is none."""
        name = QUALIFIER + qnam(field)
        return name if name in self.frame.columns else ""

    def find(self, row: int, variable: str, wrong: str, right: str = "") -> None:
        """Add a finding about one row."""
        self.taken.add(row)
        self.report.find(
            self.patient[row], self.day[row], variable.replace(QUALIFIER, f"SUPP{self.name}."), wrong, right
        )

    def add_not_understood(self, variable: str, values: Iterable[object], why: str) -> None:
        """Report values that are not understood."""
        domain = f"SUPP{self.name}" if variable.startswith(QUALIFIER) else self.name
        self.report.add_not_understood(domain, variable.removeprefix(QUALIFIER), values, why, self.files)

    def uses(self, *rows: int) -> None:
        """Count rows as taken that make no fact of their own: they are in that of another row, or say what it means."""
        self.taken.update(rows)

    def report_untaken_rows(self) -> None:
        """Report every row of which no fact and no finding came: nothing is left out without a word."""
        left = [i for i in range(len(self)) if i not in self.taken]
        self.report.left[self.name] = len(left)
        self.report.add_not_understood(
            self.name, "", [f"{self.patient[i]} {self.sequence[i]}" for i in left], "nothing was made of these rows"
        )

    def report_unread_columns(self) -> None:
        """Report every variable that holds something and was not asked for."""
        for variable in self.frame.columns:
            if variable in self.asked or variable in CONSTANT or variable == "DOMAIN":
                continue
            if variable == f"{self.name}SEQ" or variable.removeprefix(self.name) in ("DY", "STDY", "ENDY"):
                continue  # a number within the dataset; days that follow from the dates
            held = self.frame[variable].drop_nulls()
            near = self._meant(variable)
            why = "no field of the record holds this variable" + (f"; is {near} meant?" if near else "")
            self.add_not_understood(variable, [v for v in held.to_list() if str(v).strip()], why)

    def _meant(self, variable: str) -> str:
        """Return the variable that is read here and that one may be a misspelling of; empty if there is none."""
        if variable.startswith(QUALIFIER):
            return ""
        near = nearest(variable, (name for name in self.asked if not name.startswith(QUALIFIER)), 0.85)
        short, long = sorted((variable, near), key=len)
        return "" if long.startswith(short) and long.removeprefix(short) in PARTNERS else near

    @cached_property
    def sequence(self) -> list[str]:
        """The row's own number, or its place, as the record names its source."""
        numbers = self.text(f"{self.name}SEQ")
        return [number or f"row {i}" for i, number in enumerate(numbers, 1)]


def tables(folder: Path, report: Report, leave_out: Collection[str] = ()) -> tuple[dict[str, DomainTable], str]:
    """Read every dataset of a folder, and return the domains that we know, and the study's identifier.

    Raises
    ------
    SourceError
        if there is none, two files hold the same dataset, or the data are of two studies.
    posology.interchange.datasets.dataset.DatasetError
        if a file cannot be read.
    """
    import polars as pl

    frames: dict[str, list[tuple[str, pl.DataFrame]]] = {}
    studies: set[str] = set()
    for stem, path in dataset_files_once(folder).items():
        if stem in {name.lower() for name in leave_out}:
            report.add_not_understood(stem.upper(), "", [path.name], "left out as asked", [path.name])
    for stem, path in dataset_files_once(folder, leave_out).items():
        dataset = read_dataset(path)
        report.files[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
        report.findings += dataset.findings
        frame = dataset.frame
        frame.columns = [name.upper() for name in frame.columns]
        if "STUDYID" in frame.columns:
            studies.update(frame["STUDYID"].drop_nulls().cast(pl.String).unique().to_list())
        frames.setdefault(domain_of(stem, frame), []).append((path.name, frame))
    if not frames:
        raise SourceError(f"{folder} holds no dataset that is not left out")
    if len(studies) != 1:
        found = ", ".join(sorted(studies)) or "none"
        raise SourceError(f"the datasets must be of one study; their STUDYID says {found}")
    if "DM" not in frames:
        raise SourceError(f"{folder} holds no DM: without demographics nobody is known to be a patient")
    study = studies.pop()
    known = _subjects(frames["DM"], study)
    made = {}
    known_domains = {*LAYOUTS, *homes()}
    for name, parts in frames.items():
        report.rows[name] = sum(frame.height for _, frame in parts)
        if name in known_domains:
            table = _table(name, parts, frames.get(f"SUPP{name}", []), study, report)
            made[name] = table if name == "TS" else _of_patients(table, known, report)
        elif name[:4] != "SUPP" or name[4:] not in known_domains or name[4:] not in frames:
            rows = sum(frame.height for _, frame in parts)
            why = "its domain is not there" if name[:4] == "SUPP" else "no part of the record holds this domain"
            report.add_not_understood(
                name, "", [",".join(parts[0][1].columns[:6])] * rows, why, [file for file, _ in parts]
            )
    return made, study


def patient_id(usubjid: str, study: str) -> str:
    """Return the patient's identifier: USUBJID, without the study's in front.

    >>> patient_id("IMGN853-0401-001", "IMGN853"), patient_id("01-701-1015", "CDISCPILOT01")
    ('0401-001', '01-701-1015')
    """
    return usubjid.strip().removeprefix(f"{study}-")


def _subjects(parts: list[tuple[str, pl.DataFrame]], study: str) -> set[str]:
    known: set[str] = set()
    for file, frame in parts:
        if "USUBJID" not in frame.columns:
            raise SourceError(f"{file} has no USUBJID")
        known.update(patient_id(str(subject), study) for subject in frame["USUBJID"].drop_nulls().to_list())
    return known


def _table(
    name: str,
    parts: list[tuple[str, pl.DataFrame]],
    supplements: list[tuple[str, pl.DataFrame]],
    study: str,
    report: Report,
) -> DomainTable:
    """Put the files of a domain together, each with its own qualifiers, repeated rows out."""
    import polars as pl

    stems = {_stem(file) for file, _ in parts}
    left = [(file, frame) for file, frame in supplements]
    qualified = []
    for file, frame in parts:
        own = [f for n, f in left if _stem(n) == f"supp{_stem(file)}" or _stem(n)[4:] not in stems]
        qualified.append(_with_qualifiers(name, file, frame, own, study, report))
    whole = pl.concat(qualified, how="diagonal_relaxed")
    key = f"{name}SEQ"
    if key in whole.columns and "USUBJID" in whole.columns:
        same = whole.is_duplicated()
        twice = whole.with_columns(same.alias(":same")).filter(pl.struct("USUBJID", key).is_duplicated())
        for (subject, equal), rows in twice.group_by("USUBJID", ":same", maintain_order=True):
            numbers = rows[key].unique(maintain_order=True).cast(pl.String).to_list()
            more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
            right = "read once" if equal else "all of them are read"
            who = patient_id(str(subject), study)
            report.find(who, None, key, f"{', '.join(numbers[:5])}{more} used for more than one row", right)
        whole = whole.unique(maintain_order=True)
    subjects = whole["USUBJID"].cast(pl.String).to_list() if "USUBJID" in whole.columns else [""] * whole.height
    patients = [patient_id(s or "", study) for s in subjects]
    return DomainTable(name, whole, patients, report, [file for file, _ in parts])


def _stem(file: str) -> str:
    return file.lower().split(".")[0]


def _with_qualifiers(
    name: str, file: str, frame: pl.DataFrame, supplements: list[pl.DataFrame], study: str, report: Report
) -> pl.DataFrame:
    import polars as pl

    for supplement in supplements:
        if not {"USUBJID", "QNAM", "QVAL"} <= set(supplement.columns):
            raise SourceError(f"SUPP{name} beside {file} lacks USUBJID, QNAM or QVAL")
        parts = ("USUBJID", "IDVAR", "IDVARVAL", "QNAM", "QLABEL", "QVAL")
        held = supplement.select(
            pl.col(c).cast(pl.String) if c in supplement.columns else pl.lit(None, pl.String).alias(c) for c in parts
        )
        supplement = held.with_columns(pl.col(c).str.strip_chars().replace("", None) for c in parts if c != "QVAL")
        frame, supplement = _joined(frame, supplement)
        supplement = supplement.with_columns(pl.col("QVAL").str.strip_chars().replace("", None))
        for (by, qualifier), rows in supplement.group_by("IDVAR", "QNAM", maintain_order=True):
            column, keys = f"{QUALIFIER}{qualifier}", ["USUBJID"]
            said = rows.select("USUBJID", pl.col("IDVARVAL").alias(":key"), pl.col("QVAL").alias(column))
            if by is not None:
                if by not in frame.columns:
                    report.add_not_understood(
                        f"SUPP{name}", str(qualifier), said[column].to_list(), f"{name} has no {by}", [file]
                    )
                    continue
                numeric = frame[by].dtype.is_numeric()
                said = said.with_columns(pl.col(":key").cast(pl.Float64, strict=False)) if numeric else said
                frame = frame.with_columns(
                    (pl.col(by).cast(pl.Float64) if numeric else pl.col(by).cast(pl.String)).alias(":key")
                )
                keys = ["USUBJID", ":key"]
            else:
                said = said.drop(":key")
            twice = said.filter(pl.struct(keys).is_duplicated())
            for subject in dict.fromkeys(twice["USUBJID"].to_list()):
                report.find(
                    patient_id(subject, study),
                    None,
                    f"SUPP{name}.{qualifier}",
                    "says two things of one row",
                    "the first is read",
                )
            said = said.unique(keys, keep="first", maintain_order=True)
            orphans = said.join(frame, on=keys, how="anti")
            report.add_not_understood(
                f"SUPP{name}",
                str(qualifier),
                orphans[column].to_list(),
                f"no row of {name} has its {by or 'USUBJID'}",
                [file],
            )
            if column in frame.columns:
                said = said.rename({column: ":more"})
                frame = frame.join(said, on=keys, how="left", maintain_order="left")
                frame = frame.with_columns(pl.coalesce(column, ":more").alias(column)).drop(":more")
            else:
                frame = frame.join(said, on=keys, how="left", maintain_order="left")
            frame = frame.drop(":key", strict=False)
    return frame


def _joined(frame: pl.DataFrame, supplement: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Put text of more than 200 bytes together again: its parts are qualifiers labelled ``NAME (part 2)``."""
    import polars as pl

    label = pl.col("QLABEL").str.extract_groups(r"^(\w+) \(part (\d+)\)$")
    said = supplement.with_columns(label.struct["1"].alias(":base"), label.struct["2"].cast(pl.Int64).alias(":part"))
    bases = [*frame.columns, *supplement["QNAM"].drop_nulls().unique().to_list()]
    is_part = pl.col(":base").is_in(bases).fill_null(False)
    parts = said.filter(is_part)
    if not parts.height:
        return frame, supplement
    keys = ["USUBJID", "IDVAR", "IDVARVAL"]
    tails = (
        parts.sort(":part")
        .group_by(*keys, ":base", maintain_order=True)
        .agg(pl.col("QVAL").str.join("").alias(":tail"))
    )
    rest = said.filter(~is_part).drop(":base", ":part")
    rest = rest.join(
        tails, left_on=[*keys, "QNAM"], right_on=[*keys, ":base"], how="left", nulls_equal=True, maintain_order="left"
    )
    rest = rest.with_columns(pl.col("QVAL") + pl.col(":tail").fill_null("")).drop(":tail")
    for (base, by), rows in tails.filter(pl.col(":base").is_in(frame.columns)).group_by(
        ":base", "IDVAR", maintain_order=True
    ):
        key = pl.lit("") if by is None else pl.col(str(by)).cast(pl.Float64, strict=False)
        value = pl.lit("") if by is None else pl.col("IDVARVAL").cast(pl.Float64, strict=False)
        tail = rows.select("USUBJID", value.alias(":key"), ":tail")
        frame = frame.with_columns(key.alias(":key")).join(
            tail, on=["USUBJID", ":key"], how="left", maintain_order="left"
        )
        frame = frame.with_columns(pl.col(str(base)) + pl.col(":tail").fill_null("")).drop(":key", ":tail")
    return frame, rest


def _of_patients(table: DomainTable, known: set[str], report: Report) -> DomainTable:
    """Leave out the rows of subjects that DM does not hold, each with a finding."""
    strangers: dict[str, int] = {}
    for patient in table.patient:
        if patient not in known:
            strangers[patient] = strangers.get(patient, 0) + 1
    if not strangers:
        return table
    for patient, count in strangers.items():
        rows = f"{count} row{'s' * (count != 1)} of {table.name} not taken"
        report.find(patient, None, f"{table.name}.USUBJID", "is not in DM" if patient else "is missing", rows)
    keep = [patient in known for patient in table.patient]
    import polars as pl

    frame = table.frame.filter(pl.Series(keep))
    return DomainTable(table.name, frame, [p for p in table.patient if p in known], report, table.files)
