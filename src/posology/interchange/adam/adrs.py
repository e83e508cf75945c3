"""ADRS: the response at each assessment, and what it amounts to in each subject (RECIST 1.1, GCIG CA-125)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from posology.endpoints import ca125
from posology.endpoints.best_response import (
    Best,
    alternative_benefit,
    best_response,
    clinical_benefit,
    until_new_therapy,
    with_progression_read,
)
from posology.endpoints.ca125_samples import Ca125Value, arrange_samples
from posology.endpoints.readings import arrange_readings as laid_out
from posology.endpoints.readings import read_responses
from posology.endpoints.response import ADMIRALONCO, NEVER, STABLE, Response
from posology.interchange.adam.adrs_other_criteria import other_criteria
from posology.interchange.adam.adtr import Tumours
from posology.interchange.adam.new_therapy import new_therapy
from posology.interchange.adam.responses_recorded import overall_rows, reader_name
from posology.interchange.adam.source import (
    KEY,
    AdamConventions,
    SdtmSource,
    dated_by_visit,
    is_by_reader,
    merge_adsl,
    numbered,
    study_day,
    visits_analysed,
)
from posology.shared.arrays import Bools, Floats, Ints

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

CODES = {
    "CR": 1.0,
    "PR": 2.0,
    "SD": 3.0,
    "NON-CR/NON-PD": 4.0,
    "PD": 5.0,
    "NE": 6.0,
    "MISSING": 7.0,
    "Y": 1.0,
    "N": 0.0,
}


@dataclass(frozen=True)
class OverallResponses:
    """The overall responses: ``overall`` and ``day`` (subjects, assessments), column 0 the baseline, days since 1970.

    ``start`` (subjects,) is the day from which times are counted; ``therapy`` that of a new anticancer therapy (NaT for
    none), after which no response counts; ``baseline`` whether there was a baseline, None where the data cannot say;
    ``rows`` the assessments as rows, ``used`` the one of its day that counts; ``by`` whose they are.
    """

    subjects: tuple[str, ...]
    start: Ints
    therapy: NDArray[np.datetime64]
    overall: Ints
    day: Ints
    baseline: Bools | None
    rows: pl.DataFrame
    by: str

    def best(self, rules: AdamConventions, *, confirmed: bool) -> Best:
        """Return the best overall response of each subject, with confirmation or without."""
        criteria = rules.recist if confirmed else replace(rules.recist, confirmation_days=0)
        return best_response(self.overall, self.day, self.start, rules=criteria)

    def with_progression(self, rules: AdamConventions) -> Ints:
        """Return the responses with PD where the rules read one, so that all datasets tell one story."""
        return with_progression_read(self.overall, self.day, self.start, rules.recist)

    @property
    def last_day(self) -> Floats:
        """The last day on which a response counts: that of a new therapy; NaN for no end."""
        return np.where(np.isnat(self.therapy), np.nan, self.therapy.astype(np.int64))

    def until_new_therapy(self) -> OverallResponses:
        """Return these without what came after a new therapy."""
        import polars as pl

        ends = dict(zip(self.subjects, self.therapy.tolist(), strict=True))
        late = pl.Series(
            [bool(ends.get(who) and on > ends[who]) for who, on in self.rows.select("USUBJID", "ADT").rows()],
            dtype=pl.Boolean,
        )
        rows = self.rows.with_columns(pl.col("used") & ~late)
        return replace(self, overall=until_new_therapy(self.overall, self.day, self.last_day), rows=rows)


def overall_responses(
    source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame, measured: Tumours | None
) -> OverallResponses | None:
    """Return the overall responses by RECIST 1.1: the reader's own, or where RS has none those that follow from the
    lesions."""
    import polars as pl

    rs = overall_rows(source, rules).filter(pl.col("criteria") == "RECIST 1.1")
    begun = adsl.filter(pl.col(rules.start).is_not_null())
    subjects, starts = tuple(begun["USUBJID"]), begun[rules.start].to_list()
    start = begun[rules.start].to_physical().cast(pl.Int64).to_numpy()
    therapy = new_therapy(source, rules, begun)
    if rs.height:
        found = _read(source, rules, rs, adsl, subjects, starts, start, therapy, reader_name(rules))
        return found.until_new_therapy() if rules.censoring.new_therapy else found
    if measured is None:
        return None
    a = measured.assessments
    visits = measured.rows.group_by([*KEY, "row", "column"], maintain_order=True).agg(
        pl.col("VISIT", "VISITNUM", "ADTF").first()
    )
    visits = visits.filter(pl.col("column") > 0).sort([*KEY, "column"])
    row, column = visits["row"].to_numpy(), visits["column"].to_numpy()
    rows = visits.with_columns(
        pl.Series("ADT", a.day[row, column], dtype=pl.Int64).cast(pl.Int32).cast(pl.Date),
        pl.lit("TR").alias("SRCDOM"),
        pl.Series("AVALC", [Response(r).text.upper() for r in a.overall[row, column]], dtype=pl.String),
        pl.lit(True).alias("used"),
        pl.lit(None, dtype=pl.Int64).alias("SRCSEQ"),
    )
    found = OverallResponses(
        subjects, start, therapy, a.overall, a.day, a.day[:, 0] != NEVER, rows, "Derived from lesions"
    )
    return found.until_new_therapy() if rules.censoring.new_therapy else found


def _read(
    source: SdtmSource,
    rules: AdamConventions,
    rs: pl.DataFrame,
    adsl: pl.DataFrame,
    subjects: tuple[str, ...],
    starts: list[date],
    start: Ints,
    therapy: NDArray[np.datetime64],
    by: str,
) -> OverallResponses:
    import polars as pl

    rs = rs.join(adsl.select(*KEY, "DCUTDT"), on=KEY, how="left").sort([*KEY, "RSSEQ"])
    rs = dated_by_visit(source, rs, "RSDTC", rules.partial_assessment)
    rs = rs.with_columns(pl.min_horizontal("ADT", "DCUTDT").alias("ADT"))
    for who, seq in rs.filter(pl.col("RSDTC").is_null()).select("USUBJID", "RSSEQ").rows():
        source.finding(who, None, "RSDTC", f"is missing (RSSEQ {seq:g})", "a response without a date is not used")
    rs = rs.filter(pl.col("ADT").is_not_null())
    codes, found = read_responses(
        rs["USUBJID"].to_list(),
        rs["ADT"].to_list(),
        rs["RSSTRESC"].to_list(),
        dict(zip(subjects, starts, strict=True)),
        "RSSTRESC",
    )
    source.findings.extend(found)
    place = {name: i for i, name in enumerate(subjects)}
    rs = rs.with_columns(pl.Series("code", codes), pl.Series("row", [place.get(name, -1) for name in rs["USUBJID"]]))
    rs = rs.filter((pl.col("code") != int(Response.ABSENT)) & (pl.col("row") >= 0))
    day = rs["ADT"].to_physical().cast(pl.Int64).to_numpy()
    counted = rs["code"].to_numpy()
    if not rules.recist.missed_is_ne:  # these rules have no number for ND and NED: they are no assessment
        counted = np.where(np.isin(counted, (Response.ND, Response.NED)), Response.ABSENT, counted)
    laid = laid_out(rs["row"].to_numpy(), day, counted, len(subjects), not_before=start)
    kept = {
        (i, d): c
        for i, k in zip(*np.nonzero(laid.overall[:, 1:]), strict=True)
        for d, c in [(int(laid.day[i, k + 1]), int(laid.overall[i, k + 1]))]
    }
    last: dict[tuple[int, int], int] = {}
    for place_, (i, d, c) in enumerate(zip(rs["row"].to_list(), day.tolist(), rs["code"].to_list(), strict=True)):
        if kept.get((i, d)) == c:
            last[i, d] = place_
    used = np.zeros(rs.height, dtype=bool)
    used[list(last.values())] = True
    rows = rs.with_columns(
        pl.Series("AVALC", [Response(c).text.upper() for c in rs["code"]], dtype=pl.String),
        pl.lit("RS").alias("SRCDOM"),
        pl.col("RSSEQ").cast(pl.Int64).alias("SRCSEQ"),
        pl.Series("used", used),
    )
    return OverallResponses(subjects, start, therapy, laid.overall, laid.day, None, rows, by)


def adrs(
    source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame, found: OverallResponses, measured: Tumours | None
) -> pl.DataFrame:
    """Derive ADRS: each assessment (OVR), and for each subject with a start one row a parameter."""
    import polars as pl

    one, two = found.best(rules, confirmed=False), found.best(rules, confirmed=True)
    admiral = rules.recist.name == ADMIRALONCO.name

    def benefit(days: int) -> Ints:
        return clinical_benefit(found.overall, found.day, found.start, replace(rules.recist, confirmation_days=days))

    made: list[tuple[int, str, str, int | None]] = []

    def yes(code: str, at: Ints) -> None:
        """A row Y with the day of the assessment in its column, or N, a subject."""
        made.extend(
            (i, code, "N" if k == NEVER else "Y", None if k == NEVER else int(found.day[i, k]))
            for i, k in enumerate(at)
        )

    def objective(best: Best) -> Ints:
        return np.where(np.isin(best.best_if_no_more_data, (Response.CR, Response.PR)), best.at, NEVER)

    yes("PD", one.progressed_at)
    yes("RSP", one.response_at)
    yes("CRSP", two.response_at)
    yes("BCP", objective(one))
    yes("CBCP", objective(two))
    yes("CB", benefit(0))
    yes("CCB", benefit(rules.recist.confirmation_days))
    yes("ACCB", alternative_benefit(found.overall, found.day, found.start, rules.recist))
    made += _with_no_disease(found, one, rules)
    for code, best in (("BOR", one), ("CBOR", two)):
        for i, (response, k) in enumerate(zip(best.best_if_no_more_data, best.at, strict=True)):
            made.append((i, code, Response(response).text.upper(), None if k == NEVER else int(found.day[i, k])))
    for i, k in enumerate(two.evaluable_at):
        if k > 0:
            made.append((i, "LSTA", Response(found.overall[i, k]).text.upper(), int(found.day[i, k])))
    targets = _targets(source, rules)
    deaths = dict(adsl.select("USUBJID", pl.col("DTHDT").to_physical().cast(pl.Int64)).rows())
    died = set(adsl.filter((pl.col("DTHFL") == "Y") | pl.col("DTHDT").is_not_null())["USUBJID"])
    for i, name in enumerate(found.subjects):
        if source.domain("TU").height or measured:
            made.append((i, "MDIS", "Y" if name in targets else "N", None))
        made.append((i, "DEATH", "Y" if name in died else "N", deaths.get(name)))
    summary = pl.DataFrame(
        made, schema={"row": pl.Int64, "PARAMCD": pl.String, "AVALC": pl.String, "day": pl.Int64}, orient="row"
    )
    ends = [None if k == NEVER else int(found.day[i, k]) for i, k in enumerate(one.progressed_at)]
    progressed = pl.DataFrame(
        {"USUBJID": found.subjects, "progressed": ends}, schema={"USUBJID": pl.String, "progressed": pl.Int32}
    ).with_columns(pl.col("progressed").cast(pl.Date))
    names = pl.DataFrame(
        {"row": range(len(found.subjects)), "USUBJID": found.subjects}, schema={"row": pl.Int64, "USUBJID": pl.String}
    )
    summary = (
        summary.join(names, on="row")
        .with_columns(
            pl.col("day").cast(pl.Int32).cast(pl.Date).alias("ADT"),
            pl.lit("Y").alias("ANL01FL"),
            pl.lit("Y").alias("ANL02FL"),
            pl.when(pl.col("PARAMCD") != "DEATH").then(pl.lit(found.by)).alias("PARCAT2"),
        )
        .join(adsl.select(KEY), on="USUBJID")
    )
    origin = found.rows.filter("used").unique([*KEY, "ADT"], keep="last", maintain_order=True)
    wanted = ["ADTF", "VISIT", "VISITNUM", "SRCDOM", "SRCSEQ"]
    own = ~pl.col("PARAMCD").is_in(["DEATH", "MDIS"])
    summary = pl.concat(
        [
            summary.filter(own).join(origin.select(*KEY, "ADT", *wanted), on=[*KEY, "ADT"], how="left"),
            summary.filter(~own),
        ],
        how="diagonal",
    )
    overall = found.rows.join(progressed, on="USUBJID", how="left", maintain_order="left").with_columns(
        pl.lit("OVR").alias("PARAMCD"),
        pl.when("used").then(pl.lit("Y")).alias("ANL01FL"),
        pl.when(pl.col("progressed").is_null() | (pl.col("ADT") <= pl.col("progressed")))
        .then(pl.lit("Y"))
        .alias("ANL02FL"),
        pl.lit(found.by).alias("PARCAT2"),
    )
    marker = _marker(source, rules, adsl, ca125.ADMIRALONCO if admiral else ca125.PUBLISHED)
    return _finished(rules, adsl, overall, summary, marker, other_criteria(source, rules, adsl))


def _with_no_disease(
    found: OverallResponses, one: Best, rules: AdamConventions
) -> list[tuple[int, str, str, int | None]]:
    """Return A1BOR: BOR, but NED where an assessment late enough says so, and BOR is PD, NE or missing.

    NED is what is recorded of patients without disease at the baseline (after surgery); admiralonco ranks it after
    NON-CR/NON-PD.
    """
    import polars as pl

    place = {who: i for i, who in enumerate(found.subjects)}
    clear: dict[int, int] = {}
    rows = found.rows.filter(pl.col("AVALC") == "NED").sort("ADT")
    for who, day in rows.select("USUBJID", pl.col("ADT").to_physical().cast(pl.Int64)).rows():
        i = place[who]
        at = one.progressed_at[i]
        if day - found.start[i] >= rules.recist.minimum_sd_days and (at == NEVER or day <= found.day[i, at]):
            clear.setdefault(i, day)
    made: list[tuple[int, str, str, int | None]] = []
    for i, (response, k) in enumerate(zip(one.best_if_no_more_data, one.at, strict=True)):
        if i in clear and response not in STABLE:
            made.append((i, "A1BOR", "NED", clear[i]))
        else:
            made.append((i, "A1BOR", Response(response).text.upper(), None if k == NEVER else int(found.day[i, k])))
    return made


def adrs_without_recist(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame) -> pl.DataFrame:
    """Derive ADRS where nothing was judged by RECIST 1.1: what other criteria that are known here say, if anything."""
    return _finished(rules, adsl, other_criteria(source, rules, adsl))


def _finished(rules: AdamConventions, adsl: pl.DataFrame, *parts: pl.DataFrame) -> pl.DataFrame:
    """Return the rows together, with what ADSL gives, the number of a response, the visit and the day."""
    import polars as pl

    rows = pl.concat(parts, how="diagonal_relaxed").drop("DCUTDT", strict=False)
    rows = merge_adsl(rows, adsl, *rules.other_start)
    number = pl.col("AVALC").replace_strict(CODES, default=None, return_dtype=pl.Float64)
    rows = rows.with_columns(
        pl.coalesce(*(["AVAL"] if "AVAL" in rows.columns else []), number).alias("AVAL"),
        study_day("ADT", rules.start).alias("ADY"),
        *visits_analysed(rows),
    )
    return numbered(rows, "PARAMCD", "ADT", *(["SRCSEQ"] if "SRCSEQ" in rows.columns else []))


def _targets(source: SdtmSource, rules: AdamConventions) -> set[str]:
    """Return the subjects in whom the reader chose a target lesion."""
    import polars as pl

    tu = source.domain("TU", "TUSTRESC", "TUEVAL", "TUEVALID", "TUACPTFL")
    return set(
        tu.filter(is_by_reader("TU", rules.reader) & (pl.col("TUSTRESC").str.to_uppercase() == "TARGET"))["USUBJID"]
    )


def _marker(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame, criteria: ca125.GcigRules) -> pl.DataFrame:
    """Return response and progression by CA-125 of the subjects in whom they can be judged; a finding tells why not."""
    import polars as pl

    lb = source.domain("LB", "LBTESTCD", "LBSTRESC", "LBSTRESU", "LBDTC", "LBNAM", number=("LBSTNRHI",)).filter(
        pl.col("LBTESTCD") == rules.marker
    )
    if rules.marker_tumours:
        mh = source.domain("MH", "MHTERM", "MHCAT").filter(pl.col("MHCAT").str.to_uppercase() == "PRIMARY DIAGNOSIS")
        lb = lb.join(mh.filter(pl.col("MHTERM").is_in(rules.marker_tumours)).select(KEY).unique(), on=KEY, how="semi")
    lb = source.dated(lb, "LBDTC", "on")
    starts = {who: day for who, day in adsl.select("USUBJID", "TRTSDT").rows() if day and who in set(lb["USUBJID"])}
    samples = [
        Ca125Value(who, on, value, limit, unit or "", name or "")
        for who, on, value, limit, unit, name in lb.select(
            "USUBJID", "on", "LBSTRESC", "LBSTNRHI", "LBSTRESU", "LBNAM"
        ).rows()
        if who in starts
    ]
    series = arrange_samples(samples, starts, cutoff=source.cutoff)
    source.findings.extend(series.findings)
    course = series.course(cutoff=source.cutoff, rules=criteria)
    columns: dict[str, list[Any]] = {"USUBJID": [], "PARAMCD": [], "AVALC": [], "ADT": []}
    judged: tuple[tuple[str, Ints, Ints], ...] = (
        ("CARSP", course.response, course.reason),
        ("CAPD", course.progression, course.progression_reason),
    )
    for code, at, why in judged:
        days: Callable[[int], date | None] = series.on(at).__getitem__
        for i, who in enumerate(series.patients):
            if why[i]:
                source.finding(
                    who, None, code, f"not evaluable, because {ca125.Reason(why[i]).text}", "no row is given"
                )
                continue
            for name, value in zip(columns, (who, code, "N" if days(i) is None else "Y", days(i)), strict=True):
                columns[name].append(value)
    made = pl.DataFrame(
        columns, schema={"USUBJID": pl.String, "PARAMCD": pl.String, "AVALC": pl.String, "ADT": pl.Date}
    )
    return made.with_columns(
        pl.lit("LB").alias("SRCDOM"), pl.lit("Y").alias("ANL01FL"), pl.lit("Laboratory").alias("PARCAT2")
    ).join(adsl.select(KEY), on="USUBJID")
