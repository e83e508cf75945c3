"""The CTCAE grades of ADLB: of each result as a low and as a high value, where they are certain.

Results of urine are not graded, and a pH only if it is of blood. A result known to lie below or above a number is
graded if its grade is certain. Calcium is corrected by the albumin of the same day, and not graded without. Where a
grade depends on symptoms or anticoagulation, which LB does not tell, it is not certain.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posology.endpoints.ctcae import CONTRADICTED, NONE, WRONG_UNIT, Graded, grade, terms_of
from posology.endpoints.units import analytes, conversion_factor
from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource
from posology.shared.arrays import Bools, Floats

if TYPE_CHECKING:
    import polars as pl

CDISC_UNITS = {"GI/L": "10^9/L", "10^6/uL": "10^12/L", "TI/L": "10^12/L"}
"""CDISC's terms for units of cell counts, as the criteria write them."""
RANGE = {"LOW": "low", "LOW LOW": "low", "NORMAL": "normal", "HIGH": "high", "HIGH HIGH": "high"}
"""CDISC's words for where a baseline lies in the limits of its own laboratory."""
BOUND = r"^\s*(<=|>=|<|>)\s*(\d+\.?\d*|\.\d+)\s*$"
"""A result that is only known to lie below or above a number, as ``<0.1``."""


def graded(source: SdtmSource, rules: AdamConventions, lb: pl.DataFrame) -> pl.DataFrame:
    """Add ATOXGRL, ATOXGRH and their terms to the rows of ADLB; findings count what is not graded."""
    import polars as pl

    rows = _gradable(lb, rules)
    value = _with_calcium_corrected(rows)
    columns: dict[str, pl.Series] = {}
    certain, contradicted, unknown_unit = (np.full(rows.height, of) for of in (True, False, False))
    for side, name in enumerate("LH"):
        term = [terms_of(code, rules.ctcae)[side] or "" for code in rows["PARAMCD"]]
        has = np.array([bool(t) for t in term], dtype=bool)
        one, other = (_grades(rows, term, value, rules, ill=ill) for ill in (False, True))
        sure = (one.grade == other.grade) & (one.grade != NONE) & ~one.may_be_higher & ~other.may_be_higher
        certain &= sure | ~has
        contradicted |= has & ((other.reason & CONTRADICTED) > 0)
        unknown_unit |= has & ((other.reason & WRONG_UNIT) > 0)
        grades = [str(g) if known else None for g, known in zip(other.grade, sure & has, strict=True)]
        columns[f"ATOXGR{name}"] = pl.Series(grades, dtype=pl.String)
        columns[f"ATOXDSC{name}"] = pl.Series([t or None for t in term], dtype=pl.String)
    made = rows.select("index").with_columns(**columns)
    right_unit = pl.Series(~contradicted)  # a unit that is wrong for one direction is wrong for the other
    made = made.with_columns(pl.when(right_unit).then(name).alias(name) for name in ("ATOXGRL", "ATOXGRH"))
    _find_ungraded(source, rows, ~certain, contradicted, unknown_unit)
    return lb.with_row_index().join(made, on="index", how="left", maintain_order="left").drop("index")


def _gradable(lb: pl.DataFrame, rules: AdamConventions) -> pl.DataFrame:
    """Return the results that CTCAE has a term for, numbered as in ``lb``, with the albumin of the day."""
    import polars as pl

    known = [c for c in lb["PARAMCD"].unique().sort() if c and any(terms_of(c, rules.ctcae))]
    specimen = (pl.col("LBSPEC").fill_null("") + " " + pl.col("LBCAT").fill_null("")).str.to_uppercase()
    of_urine = specimen.str.contains("URIN", literal=True)
    of_blood = pl.col("LBSPEC").str.to_uppercase().str.contains("BLOOD|ARTERIAL").fill_null(False)
    albumin = (
        lb.filter((pl.col("PARAMCD") == "ALB") & (pl.col("LBSTRESU") == "g/L"))
        .group_by([*KEY, "ADT"])
        .agg(pl.col("AVAL").first().alias("albumin"))
    )
    return (
        lb.with_row_index()
        .with_columns(pl.coalesce("AVAL", pl.col("AVALC").str.extract(BOUND, 2).cast(pl.Float64)).alias("value"))
        .filter(
            ~of_urine
            & (of_blood | (pl.col("PARAMCD") != "PH"))
            & pl.col("PARAMCD").is_in(known)
            & pl.col("value").is_not_null()
        )
        .select(
            "index",
            *KEY,
            "PARAMCD",
            "ADT",
            "value",
            pl.when(pl.col("AVAL").is_null()).then(pl.col("AVALC").str.extract(BOUND, 1)).fill_null("").alias("sign"),
            *("BASE", "BNRIND", "ANRLO", "ANRHI"),
            pl.col("LBSTRESU").replace(CDISC_UNITS).alias("unit"),
        )
        .join(albumin, on=[*KEY, "ADT"], how="left", maintain_order="left")
    )


def _with_calcium_corrected(rows: pl.DataFrame) -> Floats:
    """Return the values, calcium as it would be at 40 g/L of albumin; NaN without the albumin of the day."""
    value = rows["value"].to_numpy().copy()
    calcium = (rows["PARAMCD"] == "CA").to_numpy()
    factors = {unit: conversion_factor("CA", "mmol/L", unit or "") for unit in rows["unit"].unique()}
    per_mmol = np.array([factors[unit] or np.nan for unit in rows["unit"]], dtype=np.float64)
    albumin = _numbers(rows, "albumin")
    value[calcium] += (0.02 * (40 - albumin) * per_mmol)[calcium]
    return value


def _grades(rows: pl.DataFrame, term: list[str], value: Floats, rules: AdamConventions, *, ill: bool) -> Graded:
    """Return the grades of values by a term each, of patients with symptoms and anticoagulated, or without."""
    return grade(
        term,
        value,
        rows["unit"].fill_null("").to_list(),
        version=rules.ctcae,
        lower=_numbers(rows, "ANRLO"),
        upper=_numbers(rows, "ANRHI"),
        baseline=_numbers(rows, "BASE"),
        baseline_range=[RANGE.get((told or "").upper(), "") for told in rows["BNRIND"]],
        comparator=rows["sign"].to_list(),
        symptomatic=ill,
        anticoagulated=ill,
    )


def _numbers(rows: pl.DataFrame, column: str) -> Floats:
    import polars as pl

    return rows[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _find_ungraded(
    source: SdtmSource, rows: pl.DataFrame, unsure: Bools, contradicted: Bools, unknown_unit: Bools
) -> None:
    """Count the results without a certain grade, by test and the reason."""
    import polars as pl

    def counted(which: Bools, *by: str) -> list[tuple[str, ...]]:
        return rows.filter(pl.Series(which)).group_by(by).len().sort(by).rows()

    for code, unit, count in counted(contradicted, "PARAMCD", "unit"):
        wrong = f"is {unit!r} of {count} results that lie within their own limits, and would be graded by it"
        source.finding("", None, f"LBSTRESU of {code}", wrong, "unit or limits are wrong: no grade is given")
    for code, unit, count in counted(unknown_unit, "PARAMCD", "unit"):
        units = ", ".join(sorted(analytes()[code].units)) if code in analytes() else "none"
        wrong = f"is {unit!r} of {count} results"
        source.finding("", None, f"LBSTRESU of {code}", wrong, f"no grade is given: known are {units}")
    for code, count in counted(unsure & ~contradicted & ~unknown_unit, "PARAMCD"):
        right = "a unit, limit, baseline, albumin of the day or symptom that the grade depends on is not known"
        source.finding("", None, f"ATOXGR of {code}", f"cannot be told for {count} results", right)
