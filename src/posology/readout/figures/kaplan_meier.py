"""The Kaplan-Meier figure: the curve with its interval, a tick where a patient is censored, and the numbers at risk
below."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from posology.endpoints.kaplan_meier import Curve
from posology.readout.figures.patient_marks import WIDTH, Drawing
from posology.readout.results.times_to_event import NO_LIMIT, NOT_REACHED
from posology.readout.results.trial_results import TrialResults
from posology.shared.charts import PALETTE, chart_of

LEFT = 60
"""How much of the width the labels beside the numbers at risk take [px]."""
STEPS = (1, 2, 3, 6, 12, 24, 52, 104)


def kaplan_meier(results: TrialResults, name: str) -> Drawing | None:
    """Draw a time to event in weeks; None where nobody has one."""
    endpoint = next((e for e in results.times if e.name == name), None)
    if endpoint is None or endpoint.curve is None:
        return None
    return Drawing(_drawn(endpoint.curve), _caption(endpoint.curve))


def _caption(curve: Curve) -> str:
    """Say what the curve shows, with the numbers."""
    value = NOT_REACHED if curve.median.value is None else f"{curve.median.value / 7:.1f} weeks"
    low, high = (NO_LIMIT if x is None else f"{x / 7:.1f}" for x in (curve.median.lower, curve.median.upper))
    interval = low if low == high == NO_LIMIT else f"{low} to {high}"
    return (
        f"{curve.patients} patient{'s' * (curve.patients != 1)}, {int(curve.events.sum())} with the event; median"
        f" {value}, 95 % interval {interval}. Shaded: 95 % interval, log(-log) scale. Upright ticks: censored. Dashed:"
        " the median. Below: patients at risk."
    )


def _drawn(curve: Curve) -> Any:
    last = float(curve.time.max()) / 7
    step = next((s for s in STEPS if last / s <= 12), STEPS[-1])
    ticks = [float(w) for w in range(0, int(last) + step + 1, step)]
    x = alt.X(
        "week:Q",
        title="weeks from the start",
        scale=alt.Scale(domain=[0, ticks[-1]], nice=False),
        axis=alt.Axis(values=ticks, format="d", grid=False),
    )
    y = alt.Y("survival:Q", title="share without the event", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    line = (
        chart_of(_steps(curve))
        .mark_line(interpolate="step-after", color=PALETTE["blue"], strokeWidth=2)
        .encode(x=x, y=y)
    )
    layers = [line]
    band = _band(curve)
    if band:
        shade = (
            chart_of(band)
            .mark_rect(color=PALETTE["blue"], opacity=0.13)
            .encode(x=x, x2="until:Q", y=alt.Y("lower:Q", scale=alt.Scale(domain=[0, 1])), y2="upper:Q")
        )
        layers.insert(0, shade)
    censored = [
        {"week": t / 7, "survival": s} for t, s, c in zip(curve.time, curve.survival, curve.censored, strict=True) if c
    ]
    if censored:
        layers.append(
            chart_of(censored)
            .mark_tick(orient="vertical", color=PALETTE["ink"], size=12, thickness=1.5)
            .encode(x=x, y=y)
        )
    median = curve.median.value
    if median is not None:
        half = [{"week": 0.0, "until": median / 7, "survival": 0.5}]
        layers.append(chart_of(half).mark_rule(strokeDash=[4, 4], color=PALETTE["ink"]).encode(x=x, x2="until:Q", y=y))
        down = [{"week": median / 7, "survival": 0.0, "top": 0.5}]
        layers.append(chart_of(down).mark_rule(strokeDash=[4, 4], color=PALETTE["ink"]).encode(x=x, y=y, y2="top:Q"))
    top = alt.layer(*layers).properties(width=WIDTH - LEFT, height=240)
    counts = curve.at_risk_at([7 * week for week in ticks])
    rows = [{"week": week, "n": int(n), "row": "at risk"} for week, n in zip(ticks, counts, strict=True)]
    under = (
        chart_of(rows)
        .mark_text(fontSize=11, color=PALETTE["ink"])
        .encode(
            x=alt.X("week:Q", scale=alt.Scale(domain=[0, ticks[-1]], nice=False), axis=None),
            y=alt.Y("row:N", title=None, axis=alt.Axis(domain=False, ticks=False, labelPadding=16)),
            text="n:Q",
        )
        .properties(width=WIDTH - LEFT, height=20)
    )
    return alt.vconcat(top, under, spacing=4)


def _steps(curve: Curve) -> list[dict[str, float]]:
    """Return the corners of the curve, from the start."""
    return [{"week": 0.0, "survival": 1.0}] + [
        {"week": t / 7, "survival": float(s)} for t, s in zip(curve.time.tolist(), curve.survival, strict=True)
    ]


def _band(curve: Curve) -> list[dict[str, float]]:
    """Return the interval from each time to the next; none where there is no interval."""
    until = np.append(curve.time[1:], curve.time[-1])
    return [
        {"week": t / 7, "until": u / 7, "lower": low, "upper": high}
        for t, u, low, high in zip(
            curve.time.tolist(), until.tolist(), curve.lower.tolist(), curve.upper.tolist(), strict=True
        )
        if u > t and not np.isnan(low)
    ]
