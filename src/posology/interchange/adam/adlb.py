"""ADLB: laboratory values with baseline, change and range (ADaMIG 1.3, section 4): CA-125 among them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posology.endpoints.ctcae import NONE, grade, terms_of
from posology.endpoints.units import conversion_factor
from posology.interchange.adam.source import (
    KEY,
    AdamConventions,
    SdtmSource,
    before_dose,
    clock,
    merge_adsl,
    numbered,
    study_day,
    visits_analysed,
)

if TYPE_CHECKING:
    import polars as pl

CDISC_UNITS = {"GI/L": "10^9/L", "10^6/uL": "10^12/L", "TI/L": "10^12/L"}
"""CDISC's terms for units of cell counts, as the criteria write them."""


RANGE = {"LOW": "low", "LOW LOW": "low", "NORMAL": "normal", "HIGH": "high", "HIGH HIGH": "high"}
"""CDISC's words for where a baseline lies in the limits of its own laboratory."""


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
    unnamed = lb.filter(pl.col("LBTESTCD").is_null())
    for who, count in unnamed.group_by("USUBJID").len().sort("USUBJID").rows():
        source.finding(
            who or "",
            None,
            "LBTESTCD",
            f"is missing of {count} results",
            "they are not used: nothing says of what they are",
        )
    lb = lb.filter(pl.col("LBTESTCD").is_not_null())
    lb = source.dated(merge_adsl(lb, adsl, "first_clock"), "LBDTC", "ADT")
    lb = lb.with_columns(before_dose(lb, "ADT", "LBDTC", or_at=True).alias("before"), clock("LBDTC").alias("clock"))
    by = [*KEY, "PARAMCD", "LBSTRESU"]
    low, high, value = pl.col("LBSTNRLO"), pl.col("LBSTNRHI"), pl.col("AVAL")
    lb = lb.with_columns(
        pl.col("LBTESTCD").alias("PARAMCD"),
        pl.col("LBSEQ").cast(pl.Int64),
        pl.when(pl.col("LBSTRESU").is_null())
        .then("LBTEST")
        .otherwise(pl.format("{} ({})", "LBTEST", "LBSTRESU"))
        .alias("PARAM"),
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
    return numbered(_graded(source, rules, lb), "PARAMCD", "ADT", "LBSEQ")


def _graded(source: SdtmSource, rules: AdamConventions, lb: pl.DataFrame) -> pl.DataFrame:
    """Add the CTCAE grade of each result as a low and as a high value, where it is certain; findings count the others.

    Results of urine are not graded, and a pH only if it is of blood.
    Calcium is corrected by the albumin of the same day, and not graded without. Where a grade hangs on symptoms or
    anticoagulation, which LB does not tell, it is not certain.
    """
    import polars as pl

    known = [c for c in lb["PARAMCD"].unique().sort() if c and any(terms_of(c, rules.ctcae))]
    rows = lb.select(
        *KEY, "PARAMCD", "ADT", "AVAL", "BASE", "BNRIND", "ANRLO", "ANRHI", unit=pl.col("LBSTRESU").replace(CDISC_UNITS)
    ).with_row_index()
    specimen = pl.coalesce("LBSPEC", pl.lit("")) + " " + pl.coalesce("LBCAT", pl.lit(""))
    urine = lb.select(specimen.str.to_uppercase().str.contains("URIN", literal=True).alias("urine"))["urine"]
    of_blood = lb.select(
        pl.col("LBSPEC").str.to_uppercase().str.contains("BLOOD|ARTERIAL").fill_null(False).alias("blood")
    )["blood"]
    usable = ~urine & (of_blood | (lb["PARAMCD"] != "PH"))
    rows = rows.filter(usable & pl.col("PARAMCD").is_in(known) & pl.col("AVAL").is_not_null())
    albumin = (
        lb.filter((pl.col("PARAMCD") == "ALB") & (pl.col("LBSTRESU") == "g/L"))
        .group_by([*KEY, "ADT"])
        .agg(pl.col("AVAL").first().alias("albumin"))
    )
    rows = rows.join(albumin, on=[*KEY, "ADT"], how="left", maintain_order="left")
    value = rows["AVAL"].to_numpy().copy()
    calcium = (rows["PARAMCD"] == "CA").to_numpy()
    per_mmol = [
        conversion_factor("CA", "mmol/L", unit or "") if is_ca else None
        for unit, is_ca in zip(rows["unit"], calcium, strict=True)
    ]
    correction = np.array([np.nan if f is None else f for f in per_mmol], dtype=np.float64)
    value[calcium] += (
        0.02 * (40 - rows["albumin"].cast(pl.Float64).fill_null(np.nan).to_numpy()[calcium]) * correction[calcium]
    )
    numbers = {c: rows[c].cast(pl.Float64).fill_null(np.nan).to_numpy() for c in ("ANRLO", "ANRHI", "BASE")}
    baseline_range = [RANGE.get((said or "").upper(), "") for said in rows["BNRIND"]]
    columns, unsure = {}, np.zeros(rows.height, dtype=bool)
    terms = {code: terms_of(code, rules.ctcae) for code in known}
    for side, name in enumerate("LH"):
        term = [terms[code][side] or "" for code in rows["PARAMCD"]]
        without, with_ = (
            grade(
                term,
                value,
                rows["unit"].fill_null("").to_list(),
                version=rules.ctcae,
                lower=numbers["ANRLO"],
                upper=numbers["ANRHI"],
                baseline=numbers["BASE"],
                baseline_range=baseline_range,
                symptomatic=ill,
                anticoagulated=ill,
            )
            for ill in (False, True)
        )
        certain = (
            (without.grade == with_.grade) & (without.grade != NONE) & ~without.may_be_higher & ~with_.may_be_higher
        )
        has = np.array([bool(t) for t in term], dtype=bool)
        unsure |= has & ~certain
        grades = [str(g) if sure else None for g, sure in zip(with_.grade, certain & has, strict=True)]
        columns[f"ATOXGR{name}"] = pl.Series(grades, dtype=pl.String)
        columns[f"ATOXDSC{name}"] = pl.Series([t or None for t in term], dtype=pl.String)
    made = rows.select("index").with_columns(**columns)
    for code, count in rows.filter(pl.Series(unsure)).group_by("PARAMCD").len().sort("PARAMCD").rows():
        right = "a unit, limit, baseline, albumin of the day or symptom that the grade hangs on is not known"
        source.finding("", None, f"ATOXGR of {code}", f"cannot be told for {count} results", right)
    return lb.with_row_index().join(made, on="index", how="left", maintain_order="left").drop("index")
