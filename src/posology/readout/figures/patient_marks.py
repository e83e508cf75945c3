"""What several figures share: the size, the colour of a dose, names at the ends of lines, the limits of RECIST."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from posology.readout.results.patient_courses import PatientCourse, doses_assigned
from posology.shared.charts import PALETTE, chart_of

__all__ = ["MANY", "WIDTH", "Drawing", "Rows", "by_dose", "names", "recist_limits"]

WIDTH = 620
"""How wide a figure is [px]."""
MANY = 60
"""Patients above which their names are no longer written beside their marks."""
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Drawing:
    """What a figure shows: an altair chart, and the words below it."""

    chart: Any
    caption: str


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
