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
    cutoff
        the data cutoff; nothing after it is used. None: all that there is.
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
    """

    cutoff: date | None = None
    recist: Criteria = RECIST_11
    censoring: Censoring = FDA
    origin: Literal["treatment", "randomisation"] = "treatment"
    confirmed: bool = True
    reader: str = "INVESTIGATOR"
    marker: str = "CA125"
    marker_tumours: tuple[str, ...] = ()
    ctcae: Version = "5"

    @property
    def start(self) -> str:
        """The variable of ADSL from which times are counted."""
        return "TRTSDT" if self.origin == "treatment" else "RANDDT"


PRESETS = {
    "recist": AdamConventions(),
    "admiralonco": AdamConventions(recist=ADMIRALONCO, censoring=ADMIRAL, origin="randomisation", confirmed=False),
}
"""The published criteria with the FDA's censoring; and what the R package admiralonco does."""


@dataclass(frozen=True)
class SdtmSource:
    """The domains by name, with all findings made on the way."""

    domains: Mapping[str, pl.DataFrame]
    findings: list[Finding] = field(default_factory=list)

    def domain(self, name: str, *text: str, number: tuple[str, ...] = ()) -> pl.DataFrame:
        """Return a domain with these variables, missing in every row where the domain lacks them."""
        import polars as pl

        frame = self.domains.get(name)
        kinds: dict[str, Any] = {**dict.fromkeys((*KEY, *text), pl.String), **dict.fromkeys(number, pl.Float64)}
        if frame is None:
            return pl.DataFrame(schema=kinds)
        known = set(frame.columns)
        return frame.with_columns(
            (pl.col(column) if column in known else pl.lit(None)).cast(kind).alias(column)
            for column, kind in kinds.items()
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
    ) -> pl.DataFrame:
        """Add a date column read from text; a partial date is imputed by the rule, and flagged, or is no date."""
        import polars as pl

        texts = frame[column].to_list()
        bound = lambda name: frame[name].to_list() if name else None
        quiet = rule is None  # without a rule a partial date is simply no date
        given = [t if t is None or not quiet or len(t) >= 10 else None for t in texts]
        read = dates.read_dates(
            given,
            rule,
            field=column,
            patients=frame["USUBJID"].to_list(),
            not_before=bound(not_before),
            not_after=bound(not_after),
        )
        self.findings.extend(read.findings)
        made = frame.with_columns(pl.Series(to, read.day.astype("datetime64[ms]")).cast(pl.Date))
        if flag:
            made = made.with_columns(pl.Series(flag, [f or None for f in read.flag.tolist()], dtype=pl.String))
        return made


def is_by_reader(name: str, reader: str) -> pl.Expr:
    """Whether a row of a domain is the reader's; of several of one kind, that of the one whose reading is accepted."""
    import polars as pl

    who = pl.col(f"{name}EVAL").str.to_uppercase().fill_null("INVESTIGATOR") == reader
    return who & (pl.col(f"{name}EVALID").is_null() | (pl.col(f"{name}ACPTFL") == "Y")).fill_null(False)


def study_day(on: str, start: str) -> pl.Expr:
    """Return the study day of a date: day 1 is the start, the day before it is day -1."""
    import polars as pl

    days = (pl.col(on) - pl.col(start)).dt.total_days()
    return pl.when(days >= 0).then(days + 1).otherwise(days)


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
