"""ADPC: concentrations with the dose before each and the times from it and from the first dose (ADaM for NCA 1.0)."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from typing import TYPE_CHECKING, Any

from posology.interchange.adam.adsl import exposure, was_dosed
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

BELOW = r"^\s*(<|BLQ|BLOQ|BQL|LLOQ)"
"""A result below the limit of quantification, as laboratories write it."""
HOUR = 3600.0
Given = tuple[datetime, bool, float | None, str | None]
"""A dose: when, whether its time of day is known and it was given once, its amount and unit."""


def adpc(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADPC: one row a result of PC.

    A result below quantification has no number. Times are of samples and doses whose time of day was collected; the
    reference dose is the last that began by the sample, or the first for what was drawn before it.
    """
    import polars as pl

    pc = source.domain(
        "PC",
        *("PCTESTCD", "PCTEST", "PCSPEC", "PCSTRESC", "PCSTRESU", "PCSTAT", "PCDTC", "PCTPT", "PCTPTREF", "VISIT"),
        number=("PCSTRESN", "PCLLOQ", "PCSEQ", "VISITNUM", "PCTPTNUM"),
    ).filter(pl.col("PCSTAT").is_null() | (pl.col("PCSTAT") != "NOT DONE"))
    pc = source.with_test_code("PC", pc)
    pc = source.dated(merge_adsl(pc, adsl, "first_clock"), "PCDTC", "ADT")
    below = pl.col("PCSTRESC").str.to_uppercase().str.contains(BELOW).fill_null(False)
    pc = pc.with_columns(
        pl.col("PCTESTCD").alias("PARAMCD"),
        described("PC").alias("PARAM"),
        pl.col("PCSPEC").alias("PARCAT1"),
        pl.when(~below).then("PCSTRESN").alias("AVAL"),
        pl.when(below | pl.col("PCSTRESN").is_null()).then("PCSTRESC").alias("AVALC"),
        pl.col("PCSTRESU").alias("AVALU"),
        pl.col("PCLLOQ").alias("ALLOQ"),
        pl.col("PCTPT").alias("ATPT"),
        pl.col("PCTPTNUM").alias("ATPTN"),
        pl.col("PCTPTREF").alias("ATPTREF"),
        pl.col("PCSEQ").cast(pl.Int64),
        clock("PCDTC").alias("clock"),
        before_dose(pc, "ADT", "PCDTC", or_at=False).alias("earlier"),
        below.alias("below"),
    )
    pc = pc.with_columns(*_times(pc, _doses(source)))
    untold = (pl.col("ADT") == pl.col("TRTSDT")) & (pl.col("clock").is_null() | pl.col("first_clock").is_null())
    planned = (pl.col("ATPTN") <= 0) | pl.col("ATPT").str.to_uppercase().str.starts_with("PRE").fill_null(False)
    pc = pc.with_columns((pl.col("earlier").fill_null(False) | (untold & planned)).alias("before"))
    by = [*KEY, "PARAMCD", "PARCAT1"]
    usable = pl.col("AVAL").is_not_null() | pl.col("below")
    first = (
        pc.filter(usable & pl.col("before"))
        .sort([*KEY, "ADT", "clock", "PCSEQ"])
        .group_by(by, maintain_order=True)
        .agg(pl.col("PCSEQ").last().alias("base_seq"))
    )
    pc = pc.join(first, on=by, how="left", nulls_equal=True, maintain_order="left")
    several = pl.col("PARCAT1").n_unique().over("PARAMCD") > 1
    pc = pc.with_columns(
        pl.when(pl.col("PCSEQ") == pl.col("base_seq")).then(pl.lit("Y")).alias("ABLFL"),
        pl.when(usable).then(pl.lit("Y")).alias("ANL01FL"),
        pl.when(several).then("PARCAT1").alias("BASETYPE"),
        study_day("ADT", "TRTSDT").alias("ADY"),
        *visits_analysed(pc),
    )
    return numbered(pc, "PARAMCD", "ADT", "PCSEQ")


def _doses(source: SdtmSource) -> dict[str, list[Given]]:
    """Return the doses of each subject in order of time."""
    import polars as pl

    ex = exposure(source).filter(was_dosed(source.domain("EX"))).drop_nulls("ASTDT")
    once = pl.col("EXDOSFRQ").is_null() | (pl.col("EXDOSFRQ").str.to_uppercase() == "ONCE")
    found: dict[str, list[Given]] = {}
    for who, text, one, amount, unit in ex.select("USUBJID", "EXSTDTC", once, "EXDOSE", "EXDOSU").rows():
        at, timed = _moment(text)
        if at:
            found.setdefault(who, []).append((at, timed and one, amount, unit))
    return {who: sorted(doses, key=lambda dose: dose[0]) for who, doses in found.items()}


def _times(pc: pl.DataFrame, doses: dict[str, list[Given]]) -> list[pl.Series]:
    """Return the moment of each sample, its reference dose, and the hours from that and from the first dose."""
    import polars as pl

    rows: list[tuple[datetime | None, float | None, str | None, float | None, float | None]] = []
    for who, text in pc.select("USUBJID", "PCDTC").rows():
        at, timed = _moment(text)
        given = doses.get(who, [])
        if at is None or not given:
            rows.append((at if timed else None, None, None, None, None))
            continue
        latest = datetime.combine(at.date(), datetime.max.time()) if not timed else at
        moment, exact, amount, unit = given[max(0, bisect_right([dose[0] for dose in given], latest) - 1)]
        rows.append(
            (
                at if timed else None,
                amount,
                unit,
                (at - given[0][0]).total_seconds() / HOUR if timed and _is_timed(given[0]) else None,
                (at - moment).total_seconds() / HOUR if timed and exact else None,
            )
        )
    schema: dict[str, Any] = {
        "ADTM": pl.Datetime("us"),
        "DOSEA": pl.Float64,
        "DOSEU": pl.String,
        "AFRLT": pl.Float64,
        "ARRLT": pl.Float64,
    }
    made = pl.DataFrame(rows, schema=schema, orient="row").with_columns(
        pl.when(pl.col("AFRLT").is_not_null()).then(pl.lit("h")).alias("FRLTU"),
        pl.when(pl.col("ARRLT").is_not_null()).then(pl.lit("h")).alias("RRLTU"),
    )
    return made.get_columns()


def _is_timed(dose: Given) -> bool:
    return dose[1] or (dose[0].hour, dose[0].minute, dose[0].second) != (0, 0, 0)


def _moment(text: str | None) -> tuple[datetime | None, bool]:
    """Return a moment as collected, and whether its time of day was; none for a date that is not whole."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None, False
    return found.replace(tzinfo=None), "T" in (text or "")
