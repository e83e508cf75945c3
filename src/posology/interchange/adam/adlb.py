"""ADLB: laboratory values with baseline, change and range (ADaMIG 1.3, section 4): CA-125 among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posology.interchange.adam.adlb_grades import graded
from posology.interchange.adam.source import (
    KEY,
    AdamConventions,
    SdtmSource,
    before_dose,
    clock,
    described,
    merge_adsl,
    numbered,
    study_day,
    visits_analysed,
)

if TYPE_CHECKING:
    import polars as pl


def adlb(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADLB: one row a result of LB. Two units for one test are two parameters, with a finding."""
    import polars as pl

    lb = source.domain(
        "LB",
        "LBTESTCD",
        "LBTEST",
        "LBCAT",
        "LBSTRESC",
        "LBSTRESU",
        "LBDTC",
        "LBSTAT",
        "LBNRIND",
        "LBSPEC",
        "VISIT",
        number=("LBSTRESN", "LBSTNRLO", "LBSTNRHI", "LBSEQ", "VISITNUM"),
    )
    lb = lb.filter(pl.col("LBSTAT").is_null() | (pl.col("LBSTAT") != "NOT DONE"))
    lb = source.with_test_code("LB", lb)
    lb = source.dated(merge_adsl(lb, adsl, "first_clock"), "LBDTC", "ADT")
    lb = lb.with_columns(before_dose(lb, "ADT", "LBDTC", or_at=True).alias("before"), clock("LBDTC").alias("clock"))
    by = [*KEY, "PARAMCD", "LBSTRESU"]
    low, high, value = pl.col("LBSTNRLO"), pl.col("LBSTNRHI"), pl.col("AVAL")
    lb = lb.with_columns(
        pl.col("LBTESTCD").alias("PARAMCD"),
        pl.col("LBSEQ").cast(pl.Int64),
        described("LB").alias("PARAM"),
        pl.col("LBCAT").alias("PARCAT1"),
        pl.col("LBSTRESN").alias("AVAL"),
        pl.when(pl.col("LBSTRESN").is_null()).then("LBSTRESC").alias("AVALC"),
        low.alias("ANRLO"),
        high.alias("ANRHI"),
    )
    lb = lb.with_columns(
        study_day("ADT", "TRTSDT").alias("ADY"),
        pl.when(pl.col("LBNRIND").is_not_null())
        .then("LBNRIND")
        .when(value.is_null() | (low.is_null() & high.is_null()))
        .then(None)
        .when(value < low)
        .then(pl.lit("LOW"))
        .when(value > high)
        .then(pl.lit("HIGH"))
        .otherwise(pl.lit("NORMAL"))
        .alias("ANRIND"),
    )
    units = lb.filter(value.is_not_null()).group_by("PARAMCD").agg(pl.col("LBSTRESU").unique().sort())
    for code, several in units.filter(pl.col("LBSTRESU").list.len() > 1).sort("PARAMCD").rows():
        source.finding(
            "",
            None,
            f"LBSTRESU of {code}",
            f"is {' and '.join(str(u) for u in several)}",
            "a test has one standard unit; each is a parameter of its own",
        )
    base = (
        lb.filter(value.is_not_null() & pl.col("before"))
        .sort([*KEY, "ADT", "clock", "VISITNUM", "LBSEQ"])
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("LBSEQ").last().alias("base_seq"),
            value.last().alias("BASE"),
            pl.col("ANRIND").last().alias("BNRIND"),
            pl.col("ADT").last().alias("base_date"),
        )
    )
    lb = lb.join(base, on=by, how="left", nulls_equal=True)
    later = (pl.col("ADT") > pl.col("base_date")) | (pl.col("base_date").is_not_null() & ~pl.col("before"))
    first = pl.col("BASE")
    lb = lb.with_columns(
        pl.when(pl.col("LBSEQ") == pl.col("base_seq")).then(pl.lit("Y")).alias("ABLFL"),
        pl.when(later).then(value - first).alias("CHG"),
        pl.when(later & (first != 0)).then(100 * (value - first) / first).alias("PCHG"),
    )
    lb = lb.with_columns(*visits_analysed(lb))
    visit = [*KEY, "PARAMCD", "AVISIT"]
    usable = pl.col("AVISIT").is_not_null() & value.is_not_null() & ~pl.col("before").fill_null(True)
    last = lb.filter(usable).sort(["ADT", "clock", "LBSEQ"]).group_by(visit).agg(pl.col("LBSEQ").last().alias("last"))
    lb = lb.join(last, on=visit, how="left", maintain_order="left")
    lb = lb.with_columns(pl.when(usable & (pl.col("LBSEQ") == pl.col("last"))).then(pl.lit("Y")).alias("ANL01FL"))
    return numbered(graded(source, rules, lb), "PARAMCD", "ADT", "LBSEQ")
