"""ADEX: what was given at each administration, and over all of them (ADaMIG 1.3, section 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posology.interchange.adam.adsl import exposure, was_dosed
from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource, merge_adsl, numbered, study_day

if TYPE_CHECKING:
    import polars as pl

DAILY = {"QD": 1.0, "BID": 2.0, "TID": 3.0, "QID": 4.0, "QOD": 0.5, "Q3W": 1 / 21, "QW": 1 / 7}
"""Administrations a day."""


def adex(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADEX: dose, planned dose and duration of each row of EX, and totals of each subject.

    A frequency that is not known gives no dose over an interval, with a finding.
    """
    import polars as pl

    ex = exposure(source).with_columns(pl.col("EXSEQ").cast(pl.Int64))
    ex = ex.join(source.supplement("EX", "PLANDOSE"), on=[*KEY, "EXSEQ"], how="left")
    ex = merge_adsl(ex, adsl, "TRTEDT")
    days = (pl.col("AENDT") - pl.col("ASTDT")).dt.total_days() + 1
    frequency = pl.col("EXDOSFRQ").str.to_uppercase()
    daily = frequency.replace_strict(DAILY, default=None, return_dtype=pl.Float64)
    once = frequency.is_null() | (frequency == "ONCE")
    ex = ex.with_columns(days.alias("DURD"), pl.when(once).then(1.0).otherwise(days * daily).alias("times"))
    for row in ex.filter(~once & daily.is_null()).select("USUBJID", "ASTDT", "EXDOSFRQ").unique().rows():
        source.finding(
            row[0],
            row[1],
            "EXDOSFRQ",
            f"is {row[2]!r}",
            "no dose over the interval is given: ONCE, QD, BID, TID, QID, QOD, QW and Q3W are known",
        )
    for patient, on in ex.filter(pl.col("AENDT").is_null()).select("USUBJID", "ASTDT").rows():
        source.finding(
            patient,
            on,
            "EXENDTC",
            "is missing",
            "an interval without an end has no duration and no dose, nor has the total",
        )
    ex = ex.with_columns(
        (pl.col("EXDOSE") * pl.col("times")).alias("DOSE"),
        (pl.col("PLANDOSE").cast(pl.Float64, strict=False) * pl.col("times")).alias("PLDOSE"),
    )
    parts = []
    for code in ("DURD", "DOSE", "PLDOSE"):
        rows = ex.filter(pl.col(code).is_not_null()) if code == "PLDOSE" else ex
        parts.append(rows.with_columns(pl.lit(code).alias("PARAMCD"), pl.col(code).cast(pl.Float64).alias("AVAL")))

    def total(column: str) -> pl.Expr:
        return pl.when(pl.col(column).is_not_null().all()).then(pl.col(column).sum())

    whole = (
        ex.filter(was_dosed(ex))
        .group_by(KEY)
        .agg(
            pl.col("TRTA", "SAFFL", "TRTSDT", "TRTEDT").first(),
            total("times").alias("TNADM"),
            total("DOSE").alias("TDOSE"),
            total("PLDOSE").alias("TPDOSE"),
            pl.col("AENDT").is_not_null().all().alias("ended"),
        )
    )
    whole = whole.with_columns(
        pl.col("TRTSDT").alias("ASTDT"),
        pl.col("TRTEDT").alias("AENDT"),
        pl.when("ended")
        .then((pl.col("TRTEDT") - pl.col("TRTSDT")).dt.total_days() + 1)
        .cast(pl.Float64)
        .alias("TDURD"),
    ).with_columns(
        (pl.col("TDOSE") / pl.col("TDURD")).alias("AVDDSE"),
        pl.when(pl.col("TPDOSE") > 0).then(100 * pl.col("TDOSE") / pl.col("TPDOSE")).alias("TDOSINT"),
    )
    for code in ("TDURD", "TNADM", "TDOSE", "TPDOSE", "AVDDSE", "TDOSINT"):
        if code not in ("TPDOSE", "TDOSINT") or whole[code].is_not_null().any():
            parts.append(whole.with_columns(pl.lit(code).alias("PARAMCD"), pl.col(code).alias("AVAL")))
    made = pl.concat(parts, how="diagonal").with_columns(
        study_day("ASTDT", "TRTSDT").alias("ASTDY"), study_day("AENDT", "TRTSDT").alias("AENDY")
    )
    return numbered(made, "PARAMCD", "ASTDT", "EXSEQ")
