"""The first anticancer therapy after the trial's own: it ends what counts as response, and censors, alike
everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from posology.endpoints.prior_therapy import is_anticancer
from posology.interchange.adam.source import KEY, AdamConventions, SdtmSource

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


def new_therapy(source: SdtmSource, rules: AdamConventions, begun: pl.DataFrame) -> NDArray[np.datetime64]:
    """Return the start of the first cancer therapy of CM after the start, (subjects,), NaT for none.

    CMCAT or CMSCAT names it as one (ANTI-CANCER, ANTINEOPLASTIC). A start known in part is the first day it can be, not
    on the day of the trial's own start or before it; one known to its year alone is a finding.

    Parameters
    ----------
    source, rules
        the datasets of SDTM, and the conventions that name the start.
    begun
        the subjects of ADSL with a start, in order.
    """
    import polars as pl

    cm = source.domain("CM", "CMCAT", "CMSCAT", "CMTRT", "CMSTDTC")
    named = [is_anticancer(category, subcategory) for category, subcategory in cm.select("CMCAT", "CMSCAT").rows()]
    cm = cm.filter(pl.Series(named, dtype=pl.Boolean))
    cm = cm.join(begun.select(*KEY, pl.col(rules.start).alias("start")), on=KEY)
    cm = cm.with_columns(pl.col("start").dt.offset_by("1d").alias("after"))
    cm = source.dated(cm, "CMSTDTC", "on", "first", not_before="after", need="month")
    for who, what in cm.filter(pl.col("CMSTDTC").is_null()).select("USUBJID", "CMTRT").rows():
        source.finding(who, None, "CMSTDTC", f"is missing of {what}", "a cancer therapy without a date ends nothing")
    first = cm.filter(pl.col("on") > pl.col("start")).group_by(KEY).agg(pl.col("on").min())
    dates = begun.select(KEY).join(first, on=KEY, how="left", maintain_order="left")["on"]
    return dates.to_numpy().astype("datetime64[D]")
