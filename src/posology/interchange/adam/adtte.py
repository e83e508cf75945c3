"""ADTTE: overall and progression-free survival, duration of response, time to response (ADaM BDS for time to event
1.0)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from posology.endpoints.response import NEVER
from posology.endpoints.survival import Histories, Times, Why
from posology.endpoints.survival_findings import survival_data_checks
from posology.endpoints.times_to_event import TIMES_TO_EVENT
from posology.interchange.adam.adrs import OverallResponses
from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource, merge_adsl, numbered

if TYPE_CHECKING:
    import polars as pl

EVENT_DESCRIPTION = {Why.PD: "Disease Progression", Why.DEATH: "Death", Why.RESPONSE: "Response"}
CENSOR_DESCRIPTION = {
    Why.ALIVE: "Last Known Alive",
    Why.NO_EVENT: "Last Evaluable Tumor Assessment",
    Why.NO_ASSESSMENT: "Start",
    Why.NO_BASELINE: "Start",
    Why.NEW_THERAPY: "Last Assessment Before New Therapy",
    Why.MISSED: "Last Assessment Before Missed Ones",
}
Dates = npt.NDArray[np.datetime64]


def adtte(source: SdtmSource, rules: AdamConventions, adsl: pl.DataFrame, seen: OverallResponses) -> pl.DataFrame:
    """Derive ADTTE: one row a parameter of each subject with a start; RSD and TTR of responders alone."""
    import polars as pl

    subjects = pl.DataFrame({"USUBJID": seen.subjects}, schema={"USUBJID": pl.String}).join(
        adsl, on="USUBJID", how="left", maintain_order="left"
    )
    of = Histories(
        _dates(subjects[rules.start]),
        seen.day[:, 1:].astype("datetime64[D]"),
        seen.with_progression(rules)[:, 1:],
        death=_dates(subjects["DTHDT"]),
        new_therapy=seen.therapy.astype("datetime64[D]"),
        last_alive=_dates(subjects["LSTALVDT"]),
        baseline=seen.baseline,
    )
    source.findings.extend(survival_data_checks(of, seen.subjects, source.cutoff))
    best = seen.best(rules, confirmed=rules.confirmed)
    at = np.take_along_axis(seen.day, np.maximum(best.response_at, 0)[:, None], axis=1)[:, 0].astype("datetime64[D]")
    response = np.where(best.response_at == NEVER, np.datetime64("NaT", "D"), at).astype("datetime64[D]")
    by, cutoff = rules.censoring, source.cutoff
    parts = []
    for kind in TIMES_TO_EVENT:
        if kind.adam:
            rows = _rows(kind.adam, kind.compute(of, response, by, cutoff), seen.subjects, rules)
            parts.append(rows.filter(pl.col("CNSR") == 0) if kind.events_only else rows)
    made = pl.concat(parts)
    made = made.join(adsl.select(KEY), on="USUBJID")
    source_row = seen.rows.filter("used").unique([*KEY, "ADT"], keep="last", maintain_order=True)
    of_assessment = source_row.select(*KEY, "ADT", pl.lit("ADRS").alias("SRCDOM"), "SRCSEQ")
    made = made.join(of_assessment, on=[*KEY, "ADT", "SRCDOM"], how="left")
    return numbered(merge_adsl(made, adsl), "PARAMCD")


def _rows(code: str, times: Times, subjects: tuple[str, ...], rules: AdamConventions) -> pl.DataFrame:
    import polars as pl

    known = times.known
    why = [Why(w) for w in times.reason[known]]
    source = {
        Why.DEATH: ("ADSL", "DTHDT"),
        Why.ALIVE: ("ADSL", "LSTALVDT"),
        Why.NO_ASSESSMENT: ("ADSL", rules.start),
        Why.NO_BASELINE: ("ADSL", rules.start),
    }
    sources = [source.get(w, ("ADRS", "ADT")) for w in why]

    def day(array: npt.NDArray[Any]) -> pl.Series:
        return pl.Series(array[known].astype("datetime64[ms]")).cast(pl.Date)

    return pl.DataFrame(
        {
            "USUBJID": [name for name, is_known in zip(subjects, known, strict=True) if is_known],
            "PARAMCD": [code] * len(why),
            "AVAL": times.days[known].astype(np.int64),
            "STARTDT": day(times.start),
            "ADT": day(times.date),
            "CNSR": np.where(times.event[known], 0, 1),
            "EVNTDESC": [EVENT_DESCRIPTION.get(w, CENSOR_DESCRIPTION.get(w, w.text)) for w in why],
            "CNSDTDSC": [None if w in EVENT_DESCRIPTION else w.text for w in why],
            "SRCDOM": [domain for domain, _ in sources],
            "SRCVAR": [variable for _, variable in sources],
        },
        schema_overrides={
            "USUBJID": pl.String,
            "PARAMCD": pl.String,
            "EVNTDESC": pl.String,
            "CNSDTDSC": pl.String,
            "SRCDOM": pl.String,
            "SRCVAR": pl.String,
        },
    )


def _dates(column: pl.Series) -> Dates:
    return column.to_numpy().astype("datetime64[D]")
