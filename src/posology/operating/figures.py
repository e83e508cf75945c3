"""Charts of designs: their pathways."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from posology.shared.charts import PALETTE, styled

if TYPE_CHECKING:
    import altair


def pathways_chart(nodes: Sequence[dict[str, Any]]) -> altair.TopLevelMixin:
    """Return a tree of decisions as a chart: cohorts from left to right, each point with the outcome and the decision.

    Parameters
    ----------
    nodes
        a mapping for each node: its place ``x``, ``y``, that of the node it comes from ``x2``, ``y2``, and the words
        ``outcome``, ``says`` and ``decision``.
    """
    deepest, leaves = max(n["x"] for n in nodes), max(n["y"] for n in nodes) + 1
    base = alt.Chart(alt.Data(values=list(nodes))).encode(
        x=alt.X("x:Q", axis=alt.Axis(title="cohorts from now", tickMinStep=1, grid=False)).scale(
            domainMax=deepest + 0.9
        ),
        y=alt.Y("y:Q", axis=None).scale(reverse=True),
    )
    lines = base.mark_rule(color=PALETTE["grey"]).encode(x2="x2:Q", y2="y2:Q")
    points = base.mark_point(filled=True, size=70, opacity=1).encode(
        color=alt.Color("decision:N", title="decision"), shape=alt.Shape("decision:N", title="decision")
    )
    words = base.mark_text(align="left", dx=7, dy=-1, fontSize=10).encode(text="label:N")
    words = words.transform_calculate(label="datum.outcome + ': ' + datum.says")
    height = max(120, 17 * leaves)
    drawn = alt.layer(lines, points, words).properties(
        title="Dose transition pathways", width=300 * (deepest + 1), height=height
    )
    chart: altair.TopLevelMixin = styled(drawn, legend={"orient": "right"})
    return chart
