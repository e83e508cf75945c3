"""Charts of designs: their pathways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from posology.shared.charts import PALETTE, chart_of, styled

if TYPE_CHECKING:
    import altair

DECISIONS = {
    "E: escalate": (PALETTE["blue"], "triangle-up"),
    "S: stay": (PALETTE["grey"], "circle"),
    "D: de-escalate": (PALETTE["orange"], "triangle-down"),
    "wait": (PALETTE["pale"], "diamond"),
    "MTD: stop, the MTD is found": (PALETTE["green"], "square"),
    "STOP: stop, no level is safe": (PALETTE["vermilion"], "cross"),
}
"""The decisions with their colour, in its usual meaning, and their shape; the letters stand in the chart too."""


BRANCHES = 0.3
"""The part of the way from one cohort to the next that the branches take; words stand on the rest."""
LETTER_WIDTH = 6.2  # pixels


def pathways_chart(nodes: Sequence[dict[str, Any]]) -> altair.TopLevelMixin:
    """Return a tree of decisions as a chart: cohorts from left to right, each point with the outcome and the decision.

    Parameters
    ----------
    nodes
        a mapping for each node: its place ``x``, ``y``, that of the node it comes from ``x2``, ``y2``, the ``label``
        beside it, and its ``decision``, one of ``DECISIONS``.
    """
    deepest, leaves = max(n["x"] for n in nodes), max(n["y"] for n in nodes) + 1
    longest = round(
        (7 + LETTER_WIDTH * max(len(n["label"]) for n in nodes)) / (1 - BRANCHES)
    )  # so that no line crosses words
    base = chart_of(nodes).encode(
        x=alt.X("x:Q", axis=alt.Axis(title="cohorts from now", tickMinStep=1, grid=False)).scale(
            domainMax=deepest + 0.9
        ),
        y=alt.Y("y:Q", axis=None).scale(reverse=True),
    )
    lines = base.mark_rule(color=PALETTE["grey"]).encode(x2="x2:Q", y2="y2:Q")
    shown = [name for name in DECISIONS if name in {n["decision"] for n in nodes}]
    colours, shapes = zip(*(DECISIONS[name] for name in shown), strict=True)
    points = base.mark_point(filled=True, size=80, opacity=1).encode(
        color=alt.Color("decision:N", title="decision", scale=alt.Scale(domain=shown, range=list(colours))),
        shape=alt.Shape("decision:N", title="decision", scale=alt.Scale(domain=shown, range=list(shapes))),
    )
    words = base.mark_text(align="left", dx=7, dy=-1, fontSize=10).encode(text="label:N")
    chart: altair.TopLevelMixin = styled(
        alt.layer(lines, points, words).properties(
            title="Dose transition pathways", width=(deepest + 1) * max(300, longest), height=max(120, 17 * leaves)
        )
    )
    return chart
