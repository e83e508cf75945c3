"""ADRS beside RECIST 1.1: what was recorded by iRECIST, and by CA-125 alone or together with RECIST (GCIG).

Each set of criteria has parameters of its own, from the rows of RS that RSCAT says are of it: nothing is pooled.
iRECIST: Seymour 2017; GCIG: Rustin 2011; where admiralonco's vignettes differ, its rules are followed under its name.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np

from posology.endpoints import irecist
from posology.endpoints.best_response import clinical_benefit
from posology.endpoints.investigator_ca125 import collected_responses
from posology.endpoints.readings import arrange_readings, read_responses
from posology.endpoints.response import ADMIRALONCO, NEVER, Criteria, Response
from posology.interchange.adam.new_therapy import new_therapy
from posology.interchange.adam.responses_recorded import overall_rows, reader_name
from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource, dated_by_visit
from posology.shared.arrays import Bools, Ints

if TYPE_CHECKING:
    import polars as pl

IMMUNE_CODES = {
    "ICPD": 1.0,
    "IUPD": 2.0,
    "NON-ICR/NON-IUPD": 3.0,
    "ISD": 4.0,
    "IPR": 5.0,
    "ICR": 6.0,
    "MISSING": 7.0,
    "NE": 8.0,
}
CATEGORIES = {
    "CANORM2X": "A or C: normal at or after the start, now at least 2 x the upper limit",
    "CNOTNORM": "B: never normal, now at least 2 x the nadir",
}
"""Which of GCIG's kinds of progression the case report form ticked."""


def immune_text(code: int) -> str:
    """Return a response by iRECIST as CDISC's terms write it.

    >>> immune_text(Response.UPD), immune_text(Response.NON_CR_NON_PD)
    ('iUPD', 'NON-iCR/NON-iUPD')
    """
    return Response(code).immune_text.replace("non-", "NON-")


def other_criteria(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Return the rows of ADRS by iRECIST, CA-125 and the two together, each recorded assessment and what it amounts
    to."""
    import polars as pl

    begun = adsl.filter(pl.col(rules.start).is_not_null())
    found = overall_rows(source, rules)
    parts = [_immune(source, rules, begun, found.filter(pl.col("criteria") == "iRECIST"))]
    sets: tuple[tuple[Criteria, str, str], ...] = (
        ("CA-125", "OVRCA125", "CBORCA"),
        ("RECIST 1.1 and CA-125", "OVRR11CA", "BORCA11"),
    )
    for criteria, each, best in sets:
        rows = found.filter(pl.col("criteria") == criteria)
        parts.append(_collected(source, rules, begun, rows, each, best))
    parts += _other_readers(source, rules, begun)
    made = (
        pl.concat([part for part in parts if part is not None], how="diagonal")
        if any(part is not None for part in parts)
        else pl.DataFrame(schema={**dict.fromkeys([*KEY, "PARAMCD", "AVALC"], pl.String), "ADT": pl.Date})
    )
    return made


def _readable(
    source: SdtmSource, rules: AdamConventions, begun: pl.DataFrame, rows: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[str, ...], Ints]:
    """Return rows with a date and a response on or after the start, the subjects they are of, and each one's start."""
    import polars as pl

    rows = dated_by_visit(source, rows.sort([*KEY, "RSSEQ"]), "RSDTC", rules.partial_assessment)
    for who, on in rows.filter(pl.col("ADT").is_null()).select("USUBJID", "RSDTC").rows():
        if on is None:
            source.finding(who, None, "RSDTC", "is missing", "a response without a date is not used")
    rows = rows.filter(pl.col("ADT").is_not_null())
    mine = begun.filter(pl.col("USUBJID").is_in(rows["USUBJID"].unique().to_list()))
    starts = dict(mine.select("USUBJID", rules.start).rows())
    codes, findings = read_responses(
        rows["USUBJID"].to_list(), rows["ADT"].to_list(), rows["RSSTRESC"].to_list(), starts, "RSSTRESC"
    )
    source.findings.extend(findings)
    place = {name: i for i, name in enumerate(mine["USUBJID"])}
    rows = rows.with_columns(
        pl.Series("code", codes), pl.Series("row", [place.get(name, -1) for name in rows["USUBJID"]], dtype=pl.Int64)
    ).filter((pl.col("code") != int(Response.ABSENT)) & (pl.col("row") >= 0))
    return rows, tuple(mine["USUBJID"]), mine[rules.start].to_physical().cast(pl.Int64).to_numpy()


def _rows(rows: pl.DataFrame, code: str, immune: bool, used: list[bool] | None = None) -> pl.DataFrame:
    """Return each recorded assessment as a row of ADRS."""
    import polars as pl

    write = immune_text if immune else lambda c: Response(c).text.upper()
    flags = [True] * rows.height if used is None else used
    return rows.select(
        *KEY,
        pl.lit(code).alias("PARAMCD"),
        pl.Series("AVALC", [write(c) for c in rows["code"]], dtype=pl.String),
        "ADT",
        "ADTF",
        "VISIT",
        "VISITNUM",
        pl.Series("ANL01FL", ["Y" if flag else None for flag in flags], dtype=pl.String),
        pl.lit("RS").alias("SRCDOM"),
        pl.col("RSSEQ").cast(pl.Int64).alias("SRCSEQ"),
    )


def _immune(source: SdtmSource, rules: AdamConventions, begun: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame | None:
    """Return the parameters by iRECIST: best response, response, progression confirmed and not."""
    import polars as pl

    if rows.is_empty():
        return None
    rows, subjects, start = _readable(source, rules, begun, rows)
    if not subjects:
        return None
    laid = arrange_readings(
        rows["row"].to_numpy(),
        rows["ADT"].to_physical().cast(pl.Int64).to_numpy(),
        rows["code"].to_numpy(),
        len(subjects),
    )
    overall = _until_new_therapy(source, rules, begun, subjects, laid.overall, laid.day)
    lone = (laid.overall == Response.PD) & ~np.logical_or.accumulate(laid.overall == Response.UPD, axis=1)
    for i, k in zip(*np.nonzero(lone), strict=True):
        on = date.fromordinal(int(laid.day[i, k]) + date(1970, 1, 1).toordinal())
        right = "a confirmed progression confirms one: read as iUPD"
        source.finding(subjects[i], on, "RSSTRESC", "is iCPD, and no iUPD comes before it", right)
    criteria = replace(irecist.IRECIST, minimum_sd_days=rules.recist.minimum_sd_days)
    one, progression = irecist.best(overall, laid.day, start, rules=replace(criteria, confirmation_days=0))
    confirmed = replace(criteria, confirmation_days=rules.recist.confirmation_days)
    two, _ = irecist.best(overall, laid.day, start, rules=confirmed)
    open_ = progression.last_open_at if rules.recist.name == ADMIRALONCO.name else progression.open_at
    made: list[tuple[int, str, str, int]] = []
    for code, best in (("IBOR", one), ("ICBOR", two)):
        answers = zip(best.best_if_no_more_data, best.at, strict=True)
        made += [(i, code, immune_text(r), int(k)) for i, (r, k) in enumerate(answers)]
    lone_benefit = clinical_benefit(overall, laid.day, start, replace(criteria, confirmation_days=0))
    columns = (
        ("ICB", lone_benefit),
        ("ICCB", clinical_benefit(overall, laid.day, start, confirmed)),
        ("IRSP", one.response_at),
        ("ICRSP", two.response_at),
        ("ICPD", progression.progressed_at),
        ("IUPD", open_),
    )
    for code, at in columns:
        made += [(i, code, "N" if k == NEVER else "Y", int(k)) for i, k in enumerate(at)]
    summary = _summary(begun, subjects, laid.day, made)
    both = pl.concat([_rows(rows, "IOVR", immune=True), summary], how="diagonal")
    value = (
        pl.col("AVALC")
        .str.to_uppercase()
        .replace_strict({**IMMUNE_CODES, "Y": 1.0, "N": 0.0}, default=None, return_dtype=pl.Float64)
    )
    return both.with_columns(value.alias("AVAL"), pl.lit(reader_name(rules)).alias("PARCAT2"))


def _until_new_therapy(
    source: SdtmSource, rules: AdamConventions, begun: pl.DataFrame, subjects: tuple[str, ...], overall: Ints, day: Ints
) -> Ints:
    """Return the responses without those after a new anticancer therapy, where the rules let it end them."""
    import polars as pl

    if not rules.censoring.new_therapy:
        return overall
    therapy = new_therapy(source, rules, begun.filter(pl.col("USUBJID").is_in(subjects)))
    ends = np.where(np.isnat(therapy), np.nan, therapy.astype(np.int64))
    after = day > np.where(np.isnan(ends), np.inf, ends)[:, None]
    return np.where(after, Response.ABSENT, overall)


def _summary(
    begun: pl.DataFrame, subjects: tuple[str, ...], day: Ints, made: list[tuple[int, str, str, int]]
) -> pl.DataFrame:
    """Return a row a subject and parameter, with the date of the assessment in the column given, none for ``NEVER``."""
    import polars as pl

    keys = dict(begun.select("USUBJID", "STUDYID").rows())
    return pl.DataFrame(
        [
            (keys[subjects[i]], subjects[i], code, answer, None if k == NEVER else int(day[i, k]), "Y")
            for i, code, answer, k in made
        ],
        schema={**dict.fromkeys([*KEY, "PARAMCD", "AVALC"], pl.String), "ADT": pl.Int32, "ANL01FL": pl.String},
        orient="row",
    ).with_columns(pl.col("ADT").cast(pl.Date))


def _collected(
    source: SdtmSource, rules: AdamConventions, begun: pl.DataFrame, rows: pl.DataFrame, each: str, best_code: str
) -> pl.DataFrame | None:
    """Return the parameters of responses by CA-125 as the case report form has them: best, and for CA-125
    progression."""
    import polars as pl

    if rows.is_empty():
        return None
    said = source.supplement("RS", "CA125EFL", "MOUSEANT", *CATEGORIES)
    rows = rows.with_columns(pl.col("RSSEQ").cast(pl.Int64)).join(said, on=[*KEY, "RSSEQ"], how="left")
    evaluable_rows = set(said.filter(pl.col("CA125EFL") == "Y")["USUBJID"])  # any record of the subject may say so
    rows, subjects, start = _readable(source, rules, begun, rows)
    if not subjects:
        return None
    admiral = rules.recist.name == ADMIRALONCO.name
    column = rows.select(pl.int_range(pl.len()).over("row").alias("c"))["c"].to_numpy()
    row = rows["row"].to_numpy()
    shape = (len(subjects), int(column.max()) + 1)
    response, day, mice = np.full(shape, Response.ABSENT), np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=bool)
    response[row, column] = rows["code"].to_numpy()
    day[row, column] = rows["ADT"].to_physical().cast(pl.Int64).to_numpy()
    mice[row, column] = (rows["MOUSEANT"] == "Y").fill_null(False).to_numpy()
    counts = _until_new_therapy(source, rules, begun, subjects, response, day)
    evaluable: Bools = np.array([who in evaluable_rows for who in subjects], dtype=bool)
    found = collected_responses(counts, day, start, evaluable, mice, keep_disturbed=admiral)
    made: list[tuple[int, str, str, int]] = []
    for i in range(len(subjects)):
        answer = Response(found.best[i]).text.upper()
        made.append((i, best_code, answer, int(found.best_at[i])))
    summary = _summary(begun, subjects, day, made)
    if best_code == "CBORCA":
        progressed = [(i, "PDCA125", "PD", int(k)) for i, k in enumerate(found.progression_at) if k != NEVER]
        summary = pl.concat([summary, _with_category(_summary(begun, subjects, day, progressed), rows)], how="diagonal")
    used = found.one_a_day[row, column].tolist()
    both = pl.concat([_rows(rows, each, immune=False, used=used), summary], how="diagonal")
    return both.with_columns(pl.lit(reader_name(rules)).alias("PARCAT2"))


def _with_category(progressed: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Add by which of GCIG's kinds CA-125 progressed, as the case report form ticked it."""
    import polars as pl

    kind = pl.coalesce(pl.when(pl.col(name) == "Y").then(pl.lit(text)) for name, text in CATEGORIES.items())
    kinds = rows.filter(pl.col("code") == int(Response.PD)).select(*KEY, "ADT", kind.alias("MCRIT1ML"))
    kinds = kinds.unique([*KEY, "ADT"], keep="last", maintain_order=True)
    found = progressed.join(kinds, on=[*KEY, "ADT"], how="left", maintain_order="left")
    return found.with_columns(
        pl.when(pl.col("MCRIT1ML").is_not_null()).then(pl.lit("PD Category Group")).alias("MCRIT1")
    )


def _other_readers(source: SdtmSource, rules: AdamConventions, begun: pl.DataFrame) -> list[pl.DataFrame]:
    """Return the overall responses by RECIST of every reader whose are not used, each reader a parameter of its own."""
    import polars as pl

    rows = overall_rows(source, rules, of_reader=False).filter(pl.col("criteria") == "RECIST 1.1")
    if rows.is_empty():
        return []
    who = pl.concat_str(pl.col("RSEVAL").fill_null("INVESTIGATOR"), "RSEVALID", separator=", ", ignore_nulls=True)
    rows = rows.with_columns(who.str.to_titlecase().alias("reader"))
    made = []
    for number, name in enumerate(rows["reader"].unique().sort().to_list(), 1):
        read, subjects, _ = _readable(source, rules, begun, rows.filter(pl.col("reader") == name))
        if subjects:
            none = [False] * read.height
            made.append(
                _rows(read, f"OVRR{number}", immune=False, used=none).with_columns(pl.lit(name).alias("PARCAT2"))
            )
    return made
