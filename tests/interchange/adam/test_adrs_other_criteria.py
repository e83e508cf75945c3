"""iRECIST and CA-125 as they were recorded, against what admiralonco's vignettes made of the same SDTM."""

from __future__ import annotations

from functools import cache
from typing import Any

import polars as pl
import pytest

from posology.interchange.adam.analysis import analyse
from posology.interchange.adam.source import PRESETS, SdtmSource
from posology.interchange.datasets.formats import read_dataset
from tests.interchange.adam.test_analysis import DATA, source

NEVER_ASSESSED = "01-701-1023"
"""The other system gives a subject without any record a row; we give none where nothing was recorded by these
criteria."""
CASES = {
    "irecist": ("endpoints/rs_onco_irecist.csv.gz", "", "endpoints/irecist_adrs.csv"),
    "gcig": ("sdtm/rs_onco_ca125.csv.gz", "sdtm/supprs_onco_ca125.csv.gz", "endpoints/adrs_gcig_adrs.csv"),
}


@cache
def both(case: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return ADRS by the other system's rules, and theirs."""
    rs, supplement, expected = (DATA.parent / name if name else None for name in CASES[case])
    assert rs is not None and expected is not None
    domains = {**source().domains, "RS": read_dataset(rs).frame}
    if supplement:
        domains["SUPPRS"] = read_dataset(supplement).frame
    made = analyse(SdtmSource(domains), PRESETS["admiralonco"])
    return next(d.frame for d in made.datasets if d.name == "ADRS"), read_dataset(expected).frame


def answers(frame: pl.DataFrame, code: str) -> dict[str, Any]:
    rows = frame.filter((pl.col("PARAMCD") == code) & (pl.col("USUBJID") != NEVER_ASSESSED))
    return {who: (said, on) for who, said, on in rows.select("USUBJID", "AVALC", "ADT").rows() if said != "" and said}


@pytest.mark.parametrize(
    ("case", "code"),
    [
        (case, code)
        for case, codes in {
            "irecist": ("IBOR", "ICBOR", "ICB", "ICCB", "IRSP", "ICRSP", "ICPD", "IUPD"),
            "gcig": ("CBORCA", "BORCA11", "PDCA125"),
        }.items()
        for code in codes
    ],
)
def test_as_the_other_system(case: str, code: str) -> None:
    ours, theirs = both(case)
    assert answers(ours, code) == answers(theirs, code) and len(answers(ours, code)) >= 3


def test_recist_of_the_same_subjects_comes_from_recist_rows_alone() -> None:
    ours, theirs = both("gcig")
    each = ours.filter(pl.col("PARAMCD") == "OVR").select("USUBJID", "ADT", "AVALC").sort(pl.all()).rows()
    assert each == theirs.filter(pl.col("PARAMCD") == "OVRR11").select("USUBJID", "ADT", "AVALC").sort(pl.all()).rows()
    kinds = ours.filter(pl.col("PARAMCD") == "PDCA125")["MCRIT1ML"].drop_nulls()
    assert len(kinds) == 3 and set(kinds.str.slice(0, 1)) <= {"A", "B"}


def test_a_confirmed_progression_without_one_to_confirm_is_a_finding() -> None:
    rs = read_dataset(DATA.parent / "endpoints/rs_onco_irecist.csv.gz").frame
    one = rs.filter(pl.col("RSTESTCD") == "OVRLRESP").head(1).with_columns(pl.lit("iCPD").alias("RSSTRESC"))
    made = analyse(SdtmSource({**source().domains, "RS": one}), PRESETS["recist"])
    assert [f.right for f in made.findings if "no iUPD comes before" in f.wrong] == [
        "a confirmed progression confirms one: read as iUPD"
    ]
    responses = next(d.frame for d in made.datasets if d.name == "ADRS")
    assert responses.filter(pl.col("PARAMCD") == "ICPD")["AVALC"].to_list() == ["N"]
