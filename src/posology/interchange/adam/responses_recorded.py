"""RS: the overall responses that were recorded, each by the criteria that RSCAT names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posology.endpoints.response import criteria_named
from posology.interchange.adam.source import AdamConventions, SdtmSource, is_by_reader

if TYPE_CHECKING:
    import polars as pl

COLUMNS = ("RSTESTCD", "RSCAT", "RSSTRESC", "RSORRES", "RSEVAL", "RSEVALID", "RSACPTFL", "RSDTC", "VISIT")


def reader_name(rules: AdamConventions) -> str:
    """Return whose assessments are used, as PARCAT2 has it."""
    return {"INVESTIGATOR": "Investigator"}.get(rules.reader, rules.reader.title())


def overall_rows(source: SdtmSource, rules: AdamConventions, *, of_reader: bool = True) -> pl.DataFrame:
    """Return the rows of RS with an overall response, and by which ``criteria`` each was judged.

    Rows of criteria that are not known here are left out, with a finding for each. ``of_reader``: those of the reader
    in use; else those of all others.
    """
    import polars as pl

    rs = source.domain("RS", *COLUMNS, number=("RSSEQ", "VISITNUM"))
    mine = is_by_reader("RS", rules.reader)
    rs = rs.filter((pl.col("RSTESTCD") == "OVRLRESP") & (mine if of_reader else ~mine))
    rs = rs.with_columns(pl.coalesce("RSSTRESC", "RSORRES").alias("RSSTRESC")).filter(pl.col("RSSTRESC").is_not_null())
    named = [criteria_named(category, result) for category, result in rs.select("RSCAT", "RSSTRESC").rows()]
    rs = rs.with_columns(pl.Series("criteria", named, dtype=pl.String))
    if of_reader and ("RS", "RSCAT") not in source.looked_at:
        source.looked_at.add(("RS", "RSCAT"))
        for category, count in rs.filter(pl.col("criteria").is_null()).group_by("RSCAT").len().sort("RSCAT").rows():
            source.finding(
                "",
                None,
                "RSCAT",
                f"is {category} of {count} responses",
                "no parameter is derived from them: RECIST 1.1, iRECIST and CA-125 (GCIG) are known",
            )
    return rs.filter(pl.col("criteria").is_not_null())
