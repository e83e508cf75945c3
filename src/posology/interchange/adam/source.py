"""SDTM as the analysis datasets read it: its domains, with every variable asked for, and the dates in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal

from posology.endpoints.ctcae import Version
from posology.endpoints.response import ADMIRALONCO, RECIST_11
from posology.endpoints.response import RecistRules as Criteria
from posology.endpoints.survival import ADMIRAL, FDA, Censoring
from posology.shared import dates
from posology.shared.findings import Finding

if TYPE_CHECKING:
    import polars as pl

KEY = ["STUDYID", "USUBJID"]


@dataclass(frozen=True)
class AdamConventions:
    """What the derivations leave to the protocol.

    Parameters
    ----------
    recist
        how responses are derived, with the days after which one is confirmed and stable disease has lasted long enough.
    censoring
        what ends the follow-up for progression without an event.
    origin
        from when times are counted: first dose or randomisation.
    confirmed
        whether the duration of response is that of confirmed responses.
    reader
        whose assessments are used, by --EVAL; where nobody is named it is the investigator.
    marker
        LBTESTCD of CA-125.
    marker_tumours
        the primary diagnoses (MH) for which CA-125 counts; empty: it counts in everyone who has samples.
    ctcae
        the version by which laboratory values are graded.
    partial_assessment
        how a response's date known to the month is completed: to the first day it can be, so that no time to an event
        grows by a day that was made up; or the last, as admiralonco does.
    """

    recist: Criteria = RECIST_11
    censoring: Censoring = FDA
    origin: Literal["treatment", "randomisation"] = "treatment"
    confirmed: bool = True
    reader: str = "INVESTIGATOR"
    marker: str = "CA125"
    marker_tumours: tuple[str, ...] = ()
    ctcae: Version = "5"
    partial_assessment: dates.ImputationRule = "first"

    @property
    def start(self) -> str:
        """The variable of ADSL from which times are counted."""
        return "TRTSDT" if self.origin == "treatment" else "RANDDT"

    @property
    def other_start(self) -> tuple[str, ...]:
        """The start from which days are counted, where it is another than the first dose."""
        return () if self.start == "TRTSDT" else (self.start,)


PRESETS = {
    "recist": AdamConventions(),
    "admiralonco": AdamConventions(
        recist=ADMIRALONCO, censoring=ADMIRAL, origin="randomisation", confirmed=False, partial_assessment="last"
    ),
}
"""The published criteria with the FDA's censoring; and what the R package admiralonco does."""


@dataclass(frozen=True)
class SdtmSource:
    """The domains by name, with all findings made on the way, and the data cutoff at which they stand.

    Whoever makes it of a snapshot of a record says the cutoff of the snapshot; :meth:`at` cuts what others collected.
    Nothing that reads it applies a cutoff of its own.
    """

    domains: Mapping[str, pl.DataFrame]
    findings: list[Finding] = field(default_factory=list)
    looked_at: set[tuple[str, str]] = field(default_factory=set)
    cutoff: date | None = None

    def at(self, cutoff: date | None) -> SdtmSource:
        """Return SDTM as it stood at a cutoff: rows that begin after it are left out, dates after it are missing.

        A partial date counts as after the cutoff only if it must be. An outcome of an event that ends after it is not
        known. None: as it is.
        """
        if cutoff is None:
            return self
        cut = {name: _cut(name, frame, cutoff) for name, frame in self.domains.items()}
        return SdtmSource(cut, self.findings, self.looked_at, cutoff)

    def domain(self, name: str, *text: str, number: tuple[str, ...] = ()) -> pl.DataFrame:
        """Return a domain with these variables, missing in every row where the domain lacks them."""
        import polars as pl

        frame = self.domains.get(name)
        kinds: dict[str, Any] = {**dict.fromkeys((*KEY, *text), pl.String), **dict.fromkeys(number, pl.Float64)}
        if frame is None:
            return pl.DataFrame(schema=kinds)
        known = set(frame.columns)
        held = [c for c in kinds if c in known]
        for column in held:
            if kinds[column] == pl.Float64:
                self._name_text(name, frame, column)
        return frame.with_columns(
            (_cast(pl.col(column), frame.schema[column], kind) if column in known else pl.lit(None, kind)).alias(column)
            for column, kind in kinds.items()
        )

    def _name_text(self, name: str, frame: pl.DataFrame, column: str) -> None:
        """Find what is no number in a column of numbers, once for each domain, column and subject; it is not used."""
        import polars as pl

        if (name, column) in self.looked_at or frame.schema[column].is_numeric():
            return
        self.looked_at.add((name, column))
        wrong = frame.filter(
            pl.col(column).is_not_null()
            & pl.col(column).cast(pl.String).str.strip_chars().cast(pl.Float64, strict=False).is_null()
        )
        for who, said in wrong.select(pl.col("USUBJID") if "USUBJID" in frame.columns else pl.lit(""), column).rows():
            if str(said).strip():
                self.finding(
                    str(who or ""), None, f"{name}.{column}", f"is {said!r}, no number", "the value is not used"
                )

    def supplement(self, name: str, *qualifiers: str) -> pl.DataFrame:
        """Return the supplemental qualifiers of a domain: one row for each of its rows, by ``KEY`` and ``--SEQ``."""
        import polars as pl

        supp = self.domain(f"SUPP{name}", "IDVARVAL", "QNAM", "QVAL").filter(pl.col("QNAM").is_in(qualifiers))
        made = supp.select(*KEY, pl.col("IDVARVAL").cast(pl.Float64).cast(pl.Int64).alias(f"{name}SEQ")).unique()
        for qualifier in qualifiers:
            one = supp.filter(pl.col("QNAM") == qualifier).select(
                *KEY,
                pl.col("IDVARVAL").cast(pl.Float64).cast(pl.Int64).alias(f"{name}SEQ"),
                pl.col("QVAL").alias(qualifier),
            )
            made = made.join(one, on=[*KEY, f"{name}SEQ"], how="left")
        return made

    def with_test_code(self, name: str, frame: pl.DataFrame) -> pl.DataFrame:
        """Return the results that say of what they are (--TESTCD); a finding counts the others, subject by subject."""
        import polars as pl

        code = f"{name}TESTCD"
        unnamed = frame.filter(pl.col(code).is_null())
        for who, count in unnamed.group_by("USUBJID").len().sort("USUBJID").rows():
            wrong = f"is missing of {count} results"
            self.finding(who or "", None, code, wrong, "they are not used: nothing says of what they are")
        return frame.filter(pl.col(code).is_not_null())

    def finding(self, patient: str, on: date | None, field: str, wrong: str, right: str) -> None:
        """Note something that cannot be as it stands."""
        self.findings.append(Finding(patient, on, field, wrong, right))

    def dated(
        self,
        frame: pl.DataFrame,
        column: str,
        to: str,
        rule: dates.ImputationRule | None = None,
        flag: str = "",
        not_before: str = "",
        not_after: str = "",
        known_by: str = "",
        need: Literal["year", "month"] = "year",
    ) -> pl.DataFrame:
        """Add a date column read from text; a partial date is imputed by the rule, and flagged, or is no date."""
        import polars as pl

        texts = frame[column].to_list()

        def bound(name: str) -> list[date | None] | None:
            return frame[name].to_list() if name else None

        quiet = rule is None  # without a rule a partial date is simply no date
        given = [t if t is None or not quiet or len(t) >= 10 else None for t in texts]
        read = dates.read_dates(
            given,
            rule,
            field=column,
            patients=frame["USUBJID"].to_list(),
            not_before=bound(not_before),
            not_after=bound(not_after),
            known_by=bound(known_by),
            need=need,
        )
        self.findings.extend(read.findings)
        made = frame.with_columns(pl.Series(to, read.day.astype("datetime64[ms]")).cast(pl.Date))
        if flag:
            made = made.with_columns(pl.Series(flag, [f or None for f in read.flag.tolist()], dtype=pl.String))
        return made


def _cut(name: str, frame: pl.DataFrame, cutoff: date) -> pl.DataFrame:
    import polars as pl

    begins = ("PPRFTDTC", "PPRFDTC") if name == "PP" else (f"{name}STDTC", f"{name}DTC")
    start = next((column for column in begins if column in frame.columns), None)
    if start and name != "DM":
        frame = frame.filter(~_after(start, cutoff))
    if name == "AE" and {"AEOUT", "AEENDTC"} <= set(frame.columns):
        frame = frame.with_columns(pl.when(~_after("AEENDTC", cutoff)).then("AEOUT").alias("AEOUT"))
    if name == "DM" and {"DTHFL", "DTHDTC"} <= set(frame.columns):
        frame = frame.with_columns(pl.when(~_after("DTHDTC", cutoff)).then("DTHFL").alias("DTHFL"))
    dated = [c for c in frame.columns if c.endswith("DTC") and frame[c].dtype == pl.String]
    return frame.with_columns(pl.when(~_after(c, cutoff)).then(c).alias(c) for c in dated)


def _after(column: str, cutoff: date) -> pl.Expr:
    import polars as pl

    text = pl.col(column).cast(pl.String).str.slice(0, 10)
    return pl.any_horizontal(
        (text.str.len_chars() == size) & (text > cutoff.isoformat()[:size]) for size in (4, 7, 10)
    ).fill_null(False)


def _cast(column: pl.Expr, dtype: pl.DataType, kind: Any) -> pl.Expr:
    """Return a column as text or numbers; text that is no number is missing."""
    import polars as pl

    if kind == pl.Float64:
        return (
            column.str.strip_chars().cast(kind, strict=False) if dtype == pl.String else column.cast(kind, strict=False)
        )
    if dtype == pl.Datetime:
        return column.dt.to_string("%Y-%m-%dT%H:%M:%S")
    if dtype.is_float():
        return (
            pl.when(column == column.floor())
            .then(column.cast(pl.Int64, strict=False).cast(pl.String))
            .otherwise(column.cast(pl.String))
        )
    return column.cast(pl.String).str.strip_chars().replace("", None)


def clock(column: str) -> pl.Expr:
    """Return the time of day of a date as collected, missing where there is none."""
    import polars as pl

    return pl.col(column).str.extract(r"^\d{4}-\d{2}-\d{2}T(.+)$", 1)


def before_dose(frame: pl.DataFrame, on: str, collected: str, *, or_at: bool) -> pl.Series:
    """Return whether something was before the first dose: by its day, on the day of that dose by the time of day.

    Parameters
    ----------
    frame
        with ``TRTSDT`` and ``first_clock`` of the subject.
    on, collected
        the columns of its date, and of the text it was collected as.
    or_at
        what holds on the day of the first dose where the times do not tell (a baseline may be of it), or are the same.
    """
    import polars as pl

    rows = frame.select(on, "TRTSDT", clock(collected).alias("clock"), "first_clock").rows()
    said: list[bool | None] = []
    for day, first, at, dosed in rows:
        if day is None or first is None:
            said.append(None)
        elif day != first:
            said.append(day < first)
        else:
            told = dates.earlier(dosed or "", at or "") if or_at else dates.earlier(at or "", dosed or "")
            said.append(told is not True if or_at else told is True)
    return pl.Series(said, dtype=pl.Boolean)


def dated_by_visit(source: SdtmSource, frame: pl.DataFrame, column: str, rule: dates.ImputationRule) -> pl.DataFrame:
    """Add ``ADT`` and ``ADTF``: dates of assessments, by :func:`posology.shared.dates.read_visit_dates`."""
    import polars as pl

    visits, who = frame["VISIT"].to_list(), frame["USUBJID"].to_list()
    numbers = frame["VISITNUM"].to_list()
    read = dates.read_visit_dates(frame[column].to_list(), rule, who, visits, numbers, field=column)
    source.findings.extend(read.findings)
    return frame.with_columns(
        pl.Series("ADT", read.day.astype("datetime64[ms]")).cast(pl.Date),
        pl.Series("ADTF", [f or None for f in read.flag.tolist()], dtype=pl.String),
    )


def is_by_reader(name: str, reader: str) -> pl.Expr:
    """Whether a row of a domain is the reader's; of several of one kind, that of the one whose reading is accepted."""
    import polars as pl

    who = pl.col(f"{name}EVAL").str.to_uppercase().fill_null("INVESTIGATOR") == reader
    return who & (pl.col(f"{name}EVALID").is_null() | (pl.col(f"{name}ACPTFL") == "Y")).fill_null(False)


def study_day(on: str, start: str) -> pl.Expr:
    """Return the study day of a date in one column, counted from that in another."""
    import polars as pl

    return dates.study_day((pl.col(on) - pl.col(start)).dt.total_days())


def described(domain: str) -> pl.Expr:
    """Return PARAM of a result: its test with the unit in parentheses; the code where the test has no name."""
    import polars as pl

    name, unit = pl.coalesce(f"{domain}TEST", f"{domain}TESTCD"), pl.col(f"{domain}STRESU")
    return pl.when(unit.is_null()).then(name).otherwise(pl.format("{} ({})", name, unit))


def visits_analysed(frame: pl.DataFrame) -> list[pl.Expr]:
    """Return AVISIT and AVISITN: the visit as collected, and its number where that visit alone has it."""
    import polars as pl

    if "VISIT" not in frame.columns:
        return []
    pairs = frame.select("VISIT", "VISITNUM").drop_nulls().unique()
    one = (
        pairs.filter(~pairs["VISIT"].is_duplicated() & ~pairs["VISITNUM"].is_duplicated())["VISIT"].to_list()
        if pairs.height
        else []
    )
    return [pl.col("VISIT").alias("AVISIT"), pl.when(pl.col("VISIT").is_in(one)).then("VISITNUM").alias("AVISITN")]


def numbered(frame: pl.DataFrame, *order: str) -> pl.DataFrame:
    """Number the rows of each subject, in this order."""
    import polars as pl

    ordered = frame.sort([*KEY, *order], nulls_last=True, maintain_order=True)
    return ordered.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(KEY).alias("ASEQ"))


def merge_adsl(frame: pl.DataFrame, adsl: pl.DataFrame, *more: str) -> pl.DataFrame:
    """Add what every analysis dataset takes from ADSL; subjects that ADSL lacks stay, without it."""
    import polars as pl

    wanted = [*KEY, "TRT01A", "SAFFL", "TRTSDT", *more]
    return frame.join(adsl.select(w for w in wanted if w in adsl.columns), on=KEY, how="left").with_columns(
        pl.col("TRT01A").alias("TRTA")
    )
