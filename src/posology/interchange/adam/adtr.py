"""ADTR: the diameters of target lesions and their sums (RECIST 1.1), and the lesions as the criteria read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from posology.endpoints.lesion_findings import check_lesions
from posology.endpoints.lesions import Lesions, Role, Status
from posology.endpoints.recist import Assessments, assess
from posology.endpoints.response import Response
from posology.interchange.adam.source import (
    KEY,
    AdamConventions,
    SdtmSource,
    dated_by_visit,
    is_by_reader,
    merge_adsl,
    numbered,
    study_day,
)
from posology.interchange.sdtm.merged_lesions import parts_of
from posology.shared.arrays import Floats, Ints

if TYPE_CHECKING:
    import polars as pl

ROLES = {"TARGET": Role.TARGET, "NON-TARGET": Role.NON_TARGET, "NEW": Role.NEW}
STATES = {
    "PRESENT": Status.PRESENT,
    "ABSENT": Status.ABSENT,
    "TOO SMALL TO MEASURE": Status.TOO_SMALL,
    "UNEQUIVOCAL": Status.PROGRESSION,
    "UNEQUIVOCAL PROGRESSION": Status.PROGRESSION,
    "EQUIVOCAL": Status.INCREASED,
}
"""Tumour states; every other one is not evaluable."""
CERTAIN = ("PRESENT", "UNEQUIVOCAL", "UNEQUIVOCAL PROGRESSION")
DIAMETERS = {False: ("DIAMETER", "LDIAM"), True: ("SAXIS", "DIAMETER", "LPERP")}
"""The tests that give a lesion's diameter, the first that is there: longest diameter, short axis of a node."""
TO_MM = {"MM": 1.0, "CM": 10.0}
CRITERION = "Sum at least 20 % and 5 mm above the nadir, or lesions again after complete response"


@dataclass(frozen=True)
class Tumours:
    """One row a lesion at an assessment, and the responses that follow: a row a subject, a column an assessment.

    ``rows`` has the subject's row (``row``) and the assessment's column (``column``, 0 the baseline).
    """

    subjects: tuple[str, ...]
    rows: pl.DataFrame
    assessments: Assessments


def tumours(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> Tumours | None:
    """Read TU and TR of the subjects with a start, or return None if there are none.

    The baseline is the last visit that began on or before the start; earlier ones are not used.
    """
    import polars as pl

    measured = _measured(source, rules)
    subjects = tuple(adsl.filter(pl.col(rules.start).is_not_null())["USUBJID"])
    found = measured.join(
        pl.DataFrame(
            {"USUBJID": subjects, "row": range(len(subjects))}, schema={"USUBJID": pl.String, "row": pl.Int64}
        ),
        on="USUBJID",
    )
    for who in measured.join(found, on=KEY, how="anti")["USUBJID"].unique().sort():
        source.finding(who, None, "TR", "a tumour was measured in who has no start of treatment", "it is left out")
    if found.is_empty():
        return None
    found = _numbered_visits(found, adsl, rules).filter(pl.col("column") >= 0)
    row, column = found["row"].to_numpy(), found["column"].to_numpy()
    lesion = found.select(pl.col("TRLNKID").rank("dense").over("row").cast(pl.Int64) - 1)["TRLNKID"].to_numpy()
    day = found["ADT"].to_physical().cast(pl.Int64).to_numpy()
    lesions = Lesions(
        row,
        column,
        lesion,
        day,
        found["role"].to_numpy(),
        found["status"].to_numpy(),
        found["nodal"].to_numpy(),
        found["size"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        fragment=found["fragment"].to_numpy(),
    )
    start = adsl.filter(pl.col(rules.start).is_not_null())[rules.start].to_physical().cast(pl.Int64).to_numpy()
    source.findings.extend(
        check_lesions(lesions, subjects, start=start, day_zero=date(1970, 1, 1), names=found["TRLNKID"].to_list())
    )
    return Tumours(subjects, found, assess(lesions, len(subjects), int(column.max()) + 1, rules.recist))


def _measured(source: SdtmSource, rules: AdamConventions) -> pl.DataFrame:
    """Return one row a lesion at a visit: role, status, whether it is a node, diameter [mm], date."""
    import polars as pl

    tr = source.domain(
        "TR",
        "TRGRPID",
        "TRLNKID",
        "TRTESTCD",
        "TRSTRESC",
        "TRSTRESU",
        "TREVAL",
        "TREVALID",
        "TRACPTFL",
        "TRLOC",
        "VISIT",
        "TRDTC",
        number=("TRSTRESN", "TRSEQ", "VISITNUM"),
    )
    tr = tr.filter(is_by_reader("TR", rules.reader) & ~pl.col("TRTESTCD").str.starts_with("SUM").fill_null(False))
    tr = dated_by_visit(source, tr, "TRDTC", "first")
    for who, on, link, adt in tr.select("USUBJID", "TRDTC", "TRLNKID", "ADT").rows():
        if link is None or on is None:
            source.finding(
                who, adt, "TRLNKID" if link is None else "TRDTC", "is missing", "the measurement is not used"
            )
    tr = tr.filter(pl.col("TRLNKID").is_not_null() & pl.col("ADT").is_not_null())
    unit = pl.col("TRSTRESU").str.to_uppercase().replace_strict(TO_MM, default=None, return_dtype=pl.Float64)
    bad = tr.filter(pl.col("TRSTRESN").is_not_null() & unit.is_null())
    for who, on, said in bad.select("USUBJID", "ADT", "TRSTRESU").rows():
        source.finding(
            who, on, "TRSTRESU", f"is {said!r}" if said else "is missing", "a diameter is in mm or cm: it is not used"
        )
    tr = tr.with_columns(
        (pl.col("TRSTRESN") * unit).round(6).alias("mm"),
        pl.coalesce("VISIT", pl.col("ADT").cast(pl.String)).alias("visit"),
    )
    tu = source.domain("TU", "TULNKID", "TUTESTCD", "TUSTRESC", "TUORRES", "TULOC", "TUEVAL", "TUEVALID", "TUACPTFL")
    tu = tu.filter(is_by_reader("TU", rules.reader)).with_columns(pl.coalesce("TUSTRESC", "TUORRES").alias("TUSTRESC"))
    tu = tu.select(*KEY, pl.col("TULNKID").alias("TRLNKID"), "TUTESTCD", "TUSTRESC", "TULOC").unique(
        [*KEY, "TRLNKID"], keep="first", maintain_order=True
    )
    by = [*KEY, "visit", "TRLNKID"]

    def one(values: pl.Expr) -> pl.Expr:
        return pl.when(values.n_unique() == 1).then(values.first())

    def value(test: str, column: str) -> pl.Expr:
        return pl.col(column).filter((pl.col("TRTESTCD") == test) & pl.col("mm").is_not_null())

    tests = ("LDIAM", "DIAMETER", "SAXIS", "LPERP")
    several = (
        tr.filter(pl.col("TRTESTCD").is_in(tests) & pl.col("mm").is_not_null())
        .group_by([*by, "TRTESTCD"])
        .agg(pl.col("mm").n_unique(), pl.col("ADT").min())
        .filter(pl.col("mm") > 1)
        .sort(by)
    )
    for who, on, visit, link in several.select("USUBJID", "ADT", "visit", "TRLNKID").rows():
        source.finding(who, on, "TRSTRESN", f"lesion {link} has two diameters at {visit}", "it is not evaluable there")
    made = (
        tr.sort([*by, "TRSEQ"])
        .group_by(by, maintain_order=True)
        .agg(
            pl.col("ADT", "ADTF", "VISITNUM", "VISIT").first(),
            pl.col("TRGRPID", "TRLOC").drop_nulls().first(),
            *(one(value(test, "mm")).alias(test) for test in tests),
            *(value(test, "TRSEQ").first().alias(f"{test}.SEQ") for test in tests),
            pl.col("TRSTRESC").filter(pl.col("mm").is_null()).drop_nulls().first().str.to_uppercase().alias("state"),
        )
        .join(tu, on=[*KEY, "TRLNKID"], how="left")
    )
    place = pl.coalesce("TRLOC", "TULOC").str.to_uppercase().str.contains("LYMPH NODE", literal=True).fill_null(False)
    nodal = (place | (pl.col("SAXIS").is_not_null()).any().over([*KEY, "TRLNKID"])).alias("nodal")
    made = made.with_columns(nodal, pl.coalesce("TRGRPID", "TUSTRESC").str.to_uppercase().alias("group"))

    def pick(end: str) -> pl.Expr:
        return (
            pl.when("nodal")
            .then(pl.coalesce(*(t + end for t in DIAMETERS[True])))
            .otherwise(pl.coalesce(*(t + end for t in DIAMETERS[False])))
        )

    def code(column: str, codes: Mapping[str, IntEnum]) -> pl.Expr:
        return pl.col(column).replace_strict({k: int(v) for k, v in codes.items()}, default=None, return_dtype=pl.Int64)

    made = _whole(source, tu, made).with_columns(
        pick("").alias("size"), pick(".SEQ").cast(pl.Int64).alias("TRSEQ"), code("group", ROLES).alias("role")
    )
    for who, on, link in made.filter(pl.col("role").is_null()).select("USUBJID", "ADT", "TRLNKID").rows():
        source.finding(who, on, "TRGRPID", f"lesion {link} is neither target, non-target nor new", "it is not used")
    seen, new = code("state", STATES).fill_null(int(Status.NOT_EVALUABLE)), pl.col("role") == int(Role.NEW)
    seen = (
        pl.when(new & (seen == int(Status.PROGRESSION)))
        .then(int(Status.PRESENT))
        .when(new & (seen == int(Status.INCREASED)) & (pl.col("ADT") < pl.col("certain")).fill_null(False))
        .then(int(Status.PRESENT))
        .when(new & (seen == int(Status.INCREASED)))
        .then(int(Status.NOT_EVALUABLE))
        .otherwise(seen)
    )
    status = (
        pl.when("merged")
        .then(int(Status.MERGED))
        .when(pl.col("size").is_not_null() & (pl.col("state") != "TOO SMALL TO MEASURE").fill_null(True))
        .then(int(Status.MEASURED))
        .otherwise(seen)
    )
    # A new lesion that was equivocal and is certain later was there from its first date on (RECIST 1.1, section 4.3.5)
    certain = pl.col("ADT").filter(pl.col("state").is_in(CERTAIN) | pl.col("size").is_not_null()).max()
    made = made.filter(pl.col("role").is_not_null()).with_columns(certain.over([*KEY, "TRLNKID"]).alias("certain"))
    return made.with_columns(status.cast(pl.Int64).alias("status"))


def _whole(source: SdtmSource, tu: pl.DataFrame, made: pl.DataFrame) -> pl.DataFrame:
    """Put the rows of merged and split lesions under the lesions that they were at the baseline."""
    import polars as pl

    events = tu.filter(pl.col("TUTESTCD").is_in(["MERGE", "SPLIT"])).select(*KEY, "TRLNKID", "TUTESTCD")
    known: dict[str, set[str]] = {}
    for who, link in (
        tu.filter(~pl.col("TUTESTCD").is_in(["MERGE", "SPLIT"]).fill_null(False)).select("USUBJID", "TRLNKID").rows()
    ):
        known.setdefault(who, set()).add(link)
    parts = []
    for study, who, link, event in events.rows():
        told = parts_of(link or "", event, known.get(who, set()))
        if not told:
            right = "name the lesions: T01/T02 for a merged one, T01.1 for a fragment"
            source.finding(who, None, "TULNKID", f"{link!r} ({event}) does not say of which lesions it is", right)
        parts += [(study, who, link, *part) for part in told]
    table = pl.DataFrame(
        parts,
        schema={**dict.fromkeys([*KEY, "TRLNKID", "whole"], pl.String), "fragment": pl.Int64, "merged": pl.Boolean},
        orient="row",
    )
    roles = tu.select(*KEY, pl.col("TRLNKID").alias("whole"), pl.col("TUSTRESC").str.to_uppercase().alias("first"))
    made = made.join(table, on=[*KEY, "TRLNKID"], how="left", maintain_order="left")
    made = made.join(roles, on=[*KEY, "whole"], how="left", maintain_order="left")
    gone = pl.col("merged").fill_null(False)
    return made.with_columns(
        pl.coalesce("whole", "TRLNKID").alias("TRLNKID"),
        pl.coalesce("first", "group").alias("group"),
        pl.col("fragment").fill_null(0),
        gone.alias("merged"),
        *(pl.when(~gone).then(test).alias(test) for test in ("LDIAM", "DIAMETER", "SAXIS", "LPERP")),
    )


def _numbered_visits(found: pl.DataFrame, adsl: pl.DataFrame, rules: AdamConventions) -> pl.DataFrame:
    import polars as pl

    visits = found.group_by([*KEY, "visit"]).agg(
        pl.col("ADT").min().alias("on"), pl.col("VISITNUM").min().alias("place")
    )
    visits = visits.join(adsl.select(*KEY, pl.col(rules.start).alias("start")), on=KEY).sort(
        [*KEY, "on", "place"], nulls_last=True
    )
    before = (pl.col("on") <= pl.col("start")).sum().over(KEY).cast(pl.Int64)
    place = pl.int_range(1, pl.len() + 1, dtype=pl.Int64).over(KEY)
    return found.join(visits.select(*KEY, "visit", (place - before).alias("column")), on=[*KEY, "visit"])


def _flagged(made: pl.DataFrame) -> pl.DataFrame:
    """Add to the sums: the lowest change after the start (ANL02FL), the complete ones before progression (ANL03FL), and
    those that are complete or show progression (ANL04FL)."""
    import polars as pl

    later = pl.col("later").fill_null(False)
    complete, progressed = (pl.col(flag) == "Y" for flag in ("ANL01FL", "CRIT1FL"))
    progressed = progressed.fill_null(False)
    change = pl.when(later & complete & pl.col("PCHG").is_not_null()).then("PCHG")
    lowest = change == change.min().over(KEY)
    first_lowest = lowest & (pl.col("ADT") == pl.col("ADT").filter(lowest).min().over(KEY))
    ended = pl.col("ADT").filter(progressed).min().over(KEY)
    is_sum = pl.col("PARAMCD") == "SDIAM"
    flags = {
        "ANL02FL": first_lowest.fill_null(False),
        "ANL03FL": complete.fill_null(False) & (ended.is_null() | (pl.col("ADT") < ended)),
        "ANL04FL": complete.fill_null(False) | progressed,
    }
    return made.with_columns(pl.when(is_sum & flag).then(pl.lit("Y")).alias(name) for name, flag in flags.items())


def adtr(found: Tumours, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADTR: a row a target lesion at an assessment (LDIAMn), and a row a sum of diameters (SDIAM)."""
    import polars as pl

    target = found.rows.filter(pl.col("role") == int(Role.TARGET))
    size = (
        pl.when(pl.col("status") == int(Status.ABSENT))
        .then(0.0)
        .when((pl.col("status") == int(Status.TOO_SMALL)) & pl.col("size").is_null())
        .then(rules.recist.too_small_mm)
        .otherwise("size")
    )
    number = pl.col("TRLNKID").rank("dense").over(KEY).cast(pl.Int64)
    lesions = target.with_columns(
        pl.format("LDIAM{}", number).alias("PARAMCD"), size.alias("AVAL"), pl.lit("Y").alias("ANL01FL")
    )
    visits = target.group_by([*KEY, "row", "column"], maintain_order=True).agg(
        pl.col("VISIT", "VISITNUM").first(), pl.col("ADTF").drop_nulls().first()
    )
    a, row, column = found.assessments, visits["row"].to_numpy(), visits["column"].to_numpy()

    def at(array: Floats | Ints) -> pl.Series:
        return pl.Series(array[row, column]).fill_nan(None)

    base = pl.Series(a.sum_mm[row, 0]).fill_nan(None)
    later = column > 0
    sums = visits.with_columns(
        pl.lit("SDIAM").alias("PARAMCD"),
        at(a.sum_mm).alias("AVAL"),
        base.alias("BASE"),
        at(a.nadir_mm).alias("NADIR"),
        at(a.day).cast(pl.Int32).cast(pl.Date).alias("ADT"),
        pl.Series("later", later),
        pl.Series("CRIT1FL", np.where(a.target[row, column] == Response.PD, "Y", "N")),
    )
    known, value, nadir = pl.col("AVAL").is_not_null(), pl.col("AVAL"), pl.col("NADIR")
    sums = sums.with_columns(
        pl.when(known).then(pl.lit("Y")).alias("ANL01FL"),
        pl.when(known & ~pl.col("later")).then(pl.lit("Y")).alias("ABLFL"),
        pl.when("later").then(value - pl.col("BASE")).alias("CHG"),
        pl.when(pl.col("later") & (pl.col("BASE") > 0))
        .then(100 * (value - pl.col("BASE")) / pl.col("BASE"))
        .alias("PCHG"),
        pl.when("later").then(value - nadir).alias("CHGNAD"),
        pl.when(pl.col("later") & (nadir > 0)).then(100 * (value - nadir) / nadir).alias("PCHGNAD"),
        pl.when("later").then(nadir).alias("NADIR"),
        pl.when("later").then(pl.lit(CRITERION)).alias("CRIT1"),
        pl.when(pl.col("later") & (known | (pl.col("CRIT1FL") == "Y"))).then("CRIT1FL").alias("CRIT1FL"),
    )
    made = pl.concat([lesions.filter(pl.col("AVAL").is_not_null()), sums], how="diagonal")
    reader = {"INVESTIGATOR": "Investigator"}.get(rules.reader, rules.reader.title())
    made = merge_adsl(made, adsl, *rules.other_start)
    first = pl.col("column") == 0
    made = made.with_columns(
        study_day("ADT", rules.start).alias("ADY"),
        pl.lit(reader).alias("PARCAT2"),
        pl.when(first).then(pl.lit("BASELINE")).otherwise("VISIT").alias("AVISIT"),
        pl.when(first).then(0.0).otherwise("VISITNUM").alias("AVISITN"),
    )
    made = _flagged(made)
    return numbered(made, "PARAMCD", "ADT", "TRSEQ")
