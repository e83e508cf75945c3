"""The figures of a readout, each declared once, in the order of the page: one Vega-Lite chart for page, SVG and PNG.

What a colour says, a shape or a label says too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import altair as alt

from posology.readout.figures.ca125 import ca125
from posology.readout.figures.escalation import escalation
from posology.readout.figures.kaplan_meier import kaplan_meier
from posology.readout.figures.patient_marks import Drawing
from posology.readout.figures.spider import spider
from posology.readout.figures.swimmer import swimmer
from posology.readout.figures.waterfall import waterfall
from posology.readout.results.times_to_event import ENDPOINTS
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import styled

__all__ = ["FIGURES", "Figure", "FigureKind", "figures"]


@dataclass(frozen=True)
class FigureKind:
    """A figure that a readout may have: its file's name, its title, and the function that draws it, None without
    data."""

    name: str
    title: str
    draw: Callable[[TrialResults], Drawing | None]


@dataclass(frozen=True)
class Figure:
    """A figure drawn: its file's name, its title, what it shows, and the chart as a Vega-Lite specification."""

    name: str
    title: str
    caption: str
    chart: dict[str, Any]


FIGURES = (
    FigureKind("escalation", "Dose escalation, cohort by cohort", escalation),
    FigureKind("swimmer", "Time on treatment", swimmer),
    FigureKind("waterfall", "Best change in the sum of target lesions", waterfall),
    FigureKind("spider", "Change in the sum of target lesions over time", spider),
    FigureKind("ca125", "CA-125 over time", ca125),
    *(FigureKind(f"km_{e.name}", f"{e.title} (Kaplan-Meier)", partial(kaplan_meier, name=e.name)) for e in ENDPOINTS),
)


def figures(results: TrialResults) -> list[Figure]:
    """Return every figure that the data allow, in the order of the page."""
    drawn = []
    with alt.utils.schemapi.debug_mode(False):  # else every row of data is checked against the schema of Vega-Lite
        for kind in FIGURES:
            drawing = kind.draw(results)
            if drawing is not None:
                chart = styled(drawing.chart).to_dict(validate=False)
                drawn.append(Figure(kind.name, kind.title, drawing.caption, chart))
    return drawn
