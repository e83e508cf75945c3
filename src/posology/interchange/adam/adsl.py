"""ADSL: who was treated, with what, from when to when, and what became of them (ADaMIG 1.3, section 3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource, clock

if TYPE_CHECKING:
    import polars as pl

ALIVE = {
    "AE": ("AESTDTC", "AEENDTC"),
    "LB": ("LBDTC",),
    "VS": ("VSDTC",),
    "TR": ("TRDTC",),
    "RS": ("RSDTC",),
    "EX": ("EXSTDTC", "EXENDTC"),
    "PC": ("PCDTC",),
}
"""The dates on which a subject was seen alive."""


def was_dosed(ex: pl.DataFrame) -> pl.Expr:
    """Whether a treatment was given: a dose above zero, or a placebo."""
    import polars as pl

    placebo = pl.col("EXTRT").str.to_uppercase().str.contains("PLACEBO", literal=True).fill_null(False)
    return (pl.col("EXDOSE") > 0) | ((pl.col("EXDOSE") == 0) & placebo)


def exposure(source: SdtmSource) -> pl.DataFrame:
    """Return EX with its dates as ``ASTDT`` and ``AENDT``; a dose given once ends on the day it begins."""
    import polars as pl

    ex = source.domain(
        "EX", "EXTRT", "EXDOSU", "EXDOSFRQ", "EXSTDTC", "EXENDTC", "VISIT", number=("EXDOSE", "EXSEQ", "VISITNUM")
    )
    ex = source.dated(source.dated(ex, "EXSTDTC", "ASTDT"), "EXENDTC", "AENDT")
    once = pl.col("EXDOSFRQ").is_null() | (pl.col("EXDOSFRQ") == "ONCE")
    return ex.with_columns(pl.when(once & pl.col("EXENDTC").is_null()).then("ASTDT").otherwise("AENDT").alias("AENDT"))


def adsl(source: SdtmSource, rules: AdamConventions, alive: dict[str, tuple[str, ...]] | None = None) -> pl.DataFrame:
    """Derive ADSL.

    Parameters
    ----------
    source
        SDTM: DM; EX, DS, VS, AE, LB and the tumour domains where there are any.
    rules
        the protocol's.
    alive
        the dates, by domain, on which a subject was seen alive (``ALIVE``).
    """
    import polars as pl

    dm = source.domain(
        "DM",
        "SUBJID",
        "SITEID",
        "COUNTRY",
        "AGEU",
        "SEX",
        "RACE",
        "ETHNIC",
        "ARM",
        "ACTARM",
        "RFICDTC",
        "DTHDTC",
        "DTHFL",
        number=("AGE",),
    )
    dm = source.dated(dm, "RFICDTC", "RFICDT")
    last_alive = _last_alive(source, rules, alive or ALIVE)
    dm = dm.join(last_alive, on=KEY, how="left")
    dm = source.dated(dm, "DTHDTC", "DTHDT", "first", flag="DTHDTF", not_before="LSTALVDT", need="month")
    ex = exposure(source).filter(was_dosed(source.domain("EX")))
    dispositions = _disposition(source)
    treated = _treated(ex, dispositions)
    age = pl.col("AGE")
    found = dm.join(treated, on=KEY, how="left").join(dispositions, on=KEY, how="left")
    found = found.join(_baseline_size(source, treated), on=KEY, how="left")
    found = found.with_columns(
        pl.when(age.is_null())
        .then(None)
        .when(age < 18)
        .then(pl.lit("<18"))
        .when(age < 65)
        .then(pl.lit("18-64"))
        .otherwise(pl.lit(">64"))
        .alias("AGEGR1"),
        pl.when(pl.col("TRTSDT").is_not_null()).then(pl.lit("Y")).otherwise(pl.lit("N")).alias("SAFFL"),
        pl.col("ARM").alias("TRT01P"),
        pl.when(pl.col("TRTSDT").is_not_null()).then("ACTARM").alias("TRT01A"),
        ((pl.col("TRTEDT") - pl.col("TRTSDT")).dt.total_days() + 1).alias("TRTDURD"),
        pl.when(pl.col("EOSSTT").is_null() & ~pl.col("screen_failure").fill_null(False))
        .then(pl.lit("ONGOING"))
        .otherwise("EOSSTT")
        .alias("EOSSTT"),
        pl.when(pl.col("EOTSTT").is_null() & pl.col("TRTSDT").is_not_null() & pl.col("by_treatment"))
        .then(pl.lit("ONGOING"))
        .otherwise("EOTSTT")
        .alias("EOTSTT"),
        (pl.col("WEIGHTBL") / (pl.col("HEIGHTBL") / 100) ** 2).round(1).alias("BMIBL"),
        pl.lit(source.cutoff, dtype=pl.Date).alias("DCUTDT"),
    )
    return found.sort(KEY)


def _treated(ex: pl.DataFrame, dispositions: pl.DataFrame) -> pl.DataFrame:
    """Return first and last day of treatment, the time of the first dose, and whether treatment is still open.

    A last interval without an end goes to the end of treatment (DS), or where disposition is collected for the study
    alone, to the end of the study, as the sponsor of the CDISC pilot has it; else treatment is open, and its last day
    known is the day on which that interval began.
    """
    import polars as pl

    first = (
        ex.drop_nulls("ASTDT")
        .with_columns(clock("EXSTDTC").alias("clock"))
        .sort([*KEY, "ASTDT", "clock"], nulls_last=True)
        .group_by(KEY, maintain_order=True)
        .agg(pl.col("ASTDT").first().alias("TRTSDT"), pl.col("clock").first().alias("first_clock"))
    )
    end = pl.when("by_treatment").then("EOTDT").otherwise("EOSDT").alias("end")
    ends = ex.drop_nulls("ASTDT").join(dispositions.select(*KEY, end), on=KEY, how="left")
    stopped = pl.when(pl.col("end") >= pl.col("ASTDT")).then("end")
    last = ends.group_by(KEY).agg(
        pl.coalesce("AENDT", stopped, "ASTDT").max().alias("TRTEDT"),
        pl.coalesce("AENDT", stopped).is_null().sort_by("ASTDT").last().alias("treatment_open"),
    )
    return first.join(last, on=KEY)


def _disposition(source: SdtmSource) -> pl.DataFrame:
    """Return the ends of treatment and of the study, and the randomisation."""
    import polars as pl

    ds = source.dated(source.domain("DS", "DSDECOD", "DSCAT", "DSSCAT", "DSSTDTC"), "DSSTDTC", "on").sort(
        [*KEY, "on"], nulls_last=True
    )
    event = pl.col("DSCAT").fill_null("DISPOSITION EVENT") == "DISPOSITION EVENT"
    treatment = pl.col("DSSCAT").str.to_uppercase().str.contains("TREATMENT", literal=True).fill_null(False)
    failed = pl.col("DSDECOD") == "SCREEN FAILURE"
    status = (
        pl.when(pl.col("DSDECOD") == "COMPLETED")
        .then(pl.lit("COMPLETED"))
        .when(pl.col("DSDECOD").is_not_null() & ~failed)
        .then(pl.lit("DISCONTINUED"))
    )
    reason = pl.when(pl.col("DSDECOD") != "COMPLETED").then("DSDECOD")

    def ends(rows: pl.Expr, *columns: pl.Expr) -> pl.DataFrame:
        return ds.filter(rows).group_by(KEY, maintain_order=True).agg(*columns)

    last_treatment = ends(
        event & treatment,
        status.last().alias("EOTSTT"),
        reason.last().alias("DCTREAS"),
        pl.col("on").last().alias("EOTDT"),
    )
    last_study = ends(
        event & ~treatment & ~failed,
        status.last().alias("EOSSTT"),
        pl.col("on").last().alias("EOSDT"),
        reason.last().alias("DCSREAS"),
    )
    failures = ends(event & failed, pl.lit(True).first().alias("screen_failure"))
    randomised = ends(pl.col("DSDECOD") == "RANDOMIZED", pl.col("on").first().alias("RANDDT"))
    subjects = source.domain("DM").select(KEY)
    # Where disposition is collected for the study alone, nothing is known of the end of treatment.
    by_treatment = bool(last_treatment.height) or not last_study.height
    for each in (last_treatment, last_study, failures, randomised):
        subjects = subjects.join(each, on=KEY, how="left")
    return subjects.with_columns(pl.lit(by_treatment).alias("by_treatment"))


def _baseline_size(source: SdtmSource, treated: pl.DataFrame) -> pl.DataFrame:
    """Return height and weight: the last on or before the first dose; for height the first one, if there is none."""
    import polars as pl

    vs = source.domain("VS", "VSTESTCD", "VSDTC", number=("VSSTRESN",)).filter(
        pl.col("VSTESTCD").is_in(["HEIGHT", "WEIGHT"]) & pl.col("VSSTRESN").is_not_null()
    )
    vs = source.dated(vs, "VSDTC", "on").join(treated, on=KEY, how="left").sort([*KEY, "on"])
    before = vs.filter(pl.col("TRTSDT").is_null() | (pl.col("on") <= pl.col("TRTSDT")))

    def last(test: str, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(pl.col("VSTESTCD") == test).group_by(KEY).agg(pl.col("VSSTRESN").last().alias(f"{test}BL"))

    height = last("HEIGHT", before)
    any_height = vs.filter(pl.col("VSTESTCD") == "HEIGHT").group_by(KEY).agg(pl.col("VSSTRESN").first().alias("later"))
    return (
        any_height.join(height, on=KEY, how="left")
        .select(*KEY, pl.coalesce("HEIGHTBL", "later").alias("HEIGHTBL"))
        .join(last("WEIGHT", before), on=KEY, how="full", coalesce=True)
    )


def _last_alive(source: SdtmSource, rules: AdamConventions, alive: dict[str, tuple[str, ...]]) -> pl.DataFrame:
    import polars as pl

    seen = [pl.DataFrame(schema={**dict.fromkeys(KEY, pl.String), "on": pl.Date})]
    for name, columns in alive.items():
        for column in columns:
            frame = source.domain(name, column).select(*KEY, column)
            seen.append(
                frame.select(*KEY, pl.col(column).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False).alias("on"))
            )
    known = pl.concat(seen).drop_nulls("on")
    if source.cutoff:
        known = known.filter(pl.col("on") <= source.cutoff)
    return known.group_by(KEY).agg(pl.col("on").max().alias("LSTALVDT"))
