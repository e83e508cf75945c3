"""What several figures share: the size, who is drawn where there are too many, the colour of a dose, names, limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from posology.conduct.patient_courses import PatientCourse, doses_assigned
from posology.shared.charts import PALETTE, chart_of

__all__ = ["MANY", "MAX_PATIENTS", "WIDTH", "Drawing", "Rows", "by_dose", "names", "recist_limits", "spread_evenly"]

WIDTH = 620
"""How wide a figure is [px]."""
MANY = 60
"""Patients above which their names are no longer written beside their marks."""
MAX_PATIENTS = 120
"""Patients of whom a figure with a line or a lane for each draws some only."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Drawing:
    """What a figure shows: an altair chart, and the words below it."""

    chart: Any
    caption: str


def spread_evenly(
    ranked: Sequence[PatientCourse], by: str, table: str, most: int = MAX_PATIENTS
) -> tuple[list[PatientCourse], str]:
    """Return the patients whom a figure draws, and the words that say whom it leaves out.

    Parameters
    ----------
    ranked
        the patients, in the order of a number.
    by
        what that number is, in words.
    table
        the name of the table that has all of them.
    most
        how many are drawn at most: evenly spread over the order, the first and the last among them.

    Examples
    --------
    >>> spread_evenly([], "best change", "responses")
    ([], '')
    """
    if len(ranked) <= most:
        return list(ranked), ""
    places = [round(k * (len(ranked) - 1) / (most - 1)) for k in range(most)]
    said = (
        f" Drawn: {most} of {len(ranked):,} patients, evenly spread over the order of {by}, the lowest and the highest"
        f" among them; all are in tables/{table}.csv."
    )
    return [ranked[place] for place in places], said


def names(rows: Rows, value: str) -> Any:
    """Write each patient's name at the end of the line; not where there are too many to read."""
    last = {row["patient"]: row for row in rows}
    shown = list(last.values()) if len(last) <= MANY else []
    text = chart_of(shown).mark_text(align="left", dx=5, fontSize=9, color=PALETTE["ink"])
    return text.encode(x="week:Q", y=f"{value}:Q", text="patient:N")


def recist_limits() -> Any:
    """Draw the changes at which RECIST 1.1 speaks of progression and of a partial response."""
    rules = chart_of([{"limit": 20}, {"limit": -30}]).mark_rule(strokeDash=[4, 4], color=PALETTE["ink"])
    return rules.encode(y="limit:Q")


def by_dose(courses: Sequence[PatientCourse]) -> Any:
    """Shade by dose, lowest first, expansion cohorts last; the dose is also written beside each patient."""
    return alt.Color(
        "dose:O",
        title="assigned" if any(c.level is None for c in courses) else "dose assigned",
        sort=doses_assigned(courses),
        scale=alt.Scale(scheme="viridis", reverse=True),
        legend=alt.Legend(columns=7),
    )
