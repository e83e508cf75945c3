"""ADPP: the parameters of a non-compartmental analysis, from SDTM PP (ADaM for NCA 1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posology.interchange.adam.source import (
    AdamConventions,
    SdtmSource,
    described,
    merge_adsl,
    numbered,
    study_day,
    visits_analysed,
)

if TYPE_CHECKING:
    import polars as pl


def adpp(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADPP: one row a parameter of a profile in PP, on the day of the dose it follows."""
    import polars as pl

    pp = source.domain(
        "PP",
        *("PPTESTCD", "PPTEST", "PPCAT", "PPSTRESC", "PPSTRESU", "PPSTAT", "PPREASND", "PPSPEC", "PPGRPID"),
        *("PPRFTDTC", "PPRFDTC", "VISIT"),
        number=("PPSTRESN", "PPSEQ", "VISITNUM"),
    )
    pp = source.with_test_code("PP", pp)
    reference = pl.coalesce("PPRFTDTC", "PPRFDTC").alias("reference")  # PPRFDTC in SDTMIG before 3.3
    pp = source.dated(pp.with_columns(reference), "reference", "ADT")
    pp = merge_adsl(pp, adsl)
    pp = pp.with_columns(
        pl.col("PPTESTCD").alias("PARAMCD"),
        described("PP").alias("PARAM"),
        pl.col("PPCAT").alias("PARCAT1"),
        pl.col("PPSTRESN").alias("AVAL"),
        pl.when(pl.col("PPSTRESN").is_null()).then("PPSTRESC").alias("AVALC"),
        pl.col("PPSTRESU").alias("AVALU"),
        pl.col("PPSEQ").cast(pl.Int64),
        pl.when(pl.col("PPSTRESN").is_not_null()).then(pl.lit("Y")).alias("ANL01FL"),
        study_day("ADT", "TRTSDT").alias("ADY"),
        *visits_analysed(pp),
    )
    units = pp.filter(pl.col("AVAL").is_not_null()).group_by("PARAMCD").agg(pl.col("AVALU").unique().sort())
    for code, several in units.filter(pl.col("AVALU").list.len() > 1).sort("PARAMCD").rows():
        wrong = f"is {' and '.join(str(unit) for unit in several)}"
        source.finding("", None, f"PPSTRESU of {code}", wrong, "a parameter has one standard unit")
    return numbered(pp, "PARAMCD", "ADT", "PPSEQ")
