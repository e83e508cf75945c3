"""ADAE: adverse events with their dates, grades and whether they emerged under treatment (OCCDS 1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource, before_dose, merge_adsl, study_day

if TYPE_CHECKING:
    import polars as pl

EMERGENT_DAYS = 30
NOT_RELATED = ("NONE", "NOT RELATED", "UNLIKELY RELATED", "N")


def adae(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADAE: one row an adverse event of AE.

    A partial start is completed to the first day it can be, not before the first dose where it can be later (so that an
    event is emergent in doubt), never after its own end; a partial end to the last day, not after death, end of study
    or cutoff. On the day of the first dose the times of day count where both are known. An event of before that has
    become worse since (AEITOXGR, its first grade, is below AETOXGR) is emergent.
    """
    import polars as pl

    ae = source.domain(
        "AE",
        "AESPID",
        "AETERM",
        "AEDECOD",
        "AEBODSYS",
        "AESTDTC",
        "AEENDTC",
        "AESER",
        "AESEV",
        "AETOXGR",
        "AEREL",
        "AEACN",
        "AEOUT",
        "AEITOXGR",
    ).with_columns(pl.col("AESEQ").cast(pl.Int64))
    ae = merge_adsl(ae, adsl, "TRTEDT", "DTHDT", "EOSDT", "DCUTDT", "first_clock", "treatment_open")
    ae = ae.with_columns(pl.min_horizontal("DTHDT", "EOSDT", "DCUTDT").alias("latest"))
    ae = source.dated(ae, "AEENDTC", "AENDT", "last", flag="AENDTF", not_after="latest")
    ae = ae.with_columns(pl.min_horizontal("AENDT", "DTHDT").alias("begun_by"))
    ae = source.dated(ae, "AESTDTC", "ASTDT", "first", flag="ASTDTF", not_before="TRTSDT", known_by="begun_by")
    ae = ae.join(source.supplement("AE", "DLT"), on=[*KEY, "AESEQ"], how="left").rename({"DLT": "DLTFL"})
    duration = (pl.col("AENDT") - pl.col("ASTDT")).dt.total_days() + 1
    begins, ends = pl.col("ASTDT"), pl.col("AENDT")
    last = pl.when("treatment_open").then("EOSDT").otherwise("TRTEDT")
    unknown = begins.is_null() & (ends.is_null() | (ends >= pl.col("TRTSDT")))
    ae = ae.with_columns(before_dose(ae, "ASTDT", "AESTDTC", or_at=False).alias("before"))
    within = ~pl.col("before") & (last.is_null() | ((begins - last).dt.total_days() <= EMERGENT_DAYS))
    initial = pl.col("AEITOXGR").cast(pl.Int64, strict=False)
    worse = (
        pl.col("before")
        & (ends.is_null() | (ends >= pl.col("TRTSDT")))
        & (pl.col("AETOXGR").cast(pl.Int64, strict=False) > initial)
    )
    severity = pl.col("AESEV").replace_strict(
        {"MILD": 1, "MODERATE": 2, "SEVERE": 3}, default=None, return_dtype=pl.Int64
    )
    causality = pl.col("AEREL").str.to_uppercase()
    ae = ae.with_columns(
        study_day("ASTDT", "TRTSDT").alias("ASTDY"),
        study_day("AENDT", "TRTSDT").alias("AENDY"),
        duration.alias("ADURN"),
        pl.when(duration.is_not_null()).then(pl.lit("DAYS")).alias("ADURU"),
        pl.when(pl.col("TRTSDT").is_not_null() & (within | unknown | worse.fill_null(False)))
        .then(pl.lit("Y"))
        .alias("TRTEMFL"),
        pl.col("AESEV").alias("ASEV"),
        severity.alias("ASEVN"),
        pl.col("AETOXGR").alias("ATOXGR"),
        pl.col("AETOXGR").cast(pl.Int64, strict=False).alias("ATOXGRN"),
        pl.col("AEREL").alias("AREL"),
        pl.when(causality.is_in(NOT_RELATED)).then(pl.lit("NOT RELATED")).otherwise(pl.lit("RELATED")).alias("RELGR1"),
    )
    worst = pl.coalesce("ATOXGRN", "ASEVN").fill_null(0)
    ordered = ae.with_columns((-worst).alias("mildness")).sort([*KEY, "mildness", "ASTDT", "AESEQ"], nulls_last=True)
    first = ordered.filter(pl.col("TRTEMFL") == "Y").group_by(KEY, maintain_order=True).agg(pl.col("AESEQ").first())
    flagged = first.with_columns(pl.lit("Y").alias("AOCCIFL"))
    return ae.join(flagged, on=[*KEY, "AESEQ"], how="left").sort([*KEY, "AESEQ"])
