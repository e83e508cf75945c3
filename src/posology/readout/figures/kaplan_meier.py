"""The Kaplan-Meier figure: the curve with its interval, a tick where a patient is censored, and the numbers at risk below."""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np

from posology.endpoints.kaplan_meier import Curve
from posology.readout.tables.times_to_event import Endpoint

INK, BLUE = "#1f2933", "#2563a6"
WIDTH, LEFT = 620, 60
STEPS = (1, 2, 3, 6, 12, 24, 52, 104)


def kaplan_meier_figure(endpoint: Endpoint) -> Any:
    """Draw a time to event in weeks; None where nobody has one."""
    curve = endpoint.curve
    if curve is None:
        return None
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
    line = _chart(_steps(curve)).mark_line(interpolate="step-after", color=BLUE, strokeWidth=2).encode(x=x, y=y)
    layers = [line]
    band = _band(curve)
    if band:
        shade = (
            _chart(band)
            .mark_rect(color=BLUE, opacity=0.13)
            .encode(x=x, x2="until:Q", y=alt.Y("lower:Q", scale=alt.Scale(domain=[0, 1])), y2="upper:Q")
        )
        layers.insert(0, shade)
    censored = [
        {"week": t / 7, "survival": s} for t, s, c in zip(curve.time, curve.survival, curve.censored, strict=True) if c
    ]
    if censored:
        layers.append(_chart(censored).mark_tick(orient="vertical", color=INK, size=12, thickness=1.5).encode(x=x, y=y))
    median = curve.median.value
    if median is not None:
        half = [{"week": 0.0, "until": median / 7, "survival": 0.5}]
        layers.append(_chart(half).mark_rule(strokeDash=[4, 4], color=INK).encode(x=x, x2="until:Q", y=y))
        down = [{"week": median / 7, "survival": 0.0, "top": 0.5}]
        layers.append(_chart(down).mark_rule(strokeDash=[4, 4], color=INK).encode(x=x, y=y, y2="top:Q"))
    top = alt.layer(*layers).properties(width=WIDTH - LEFT, height=240)
    counts = curve.at_risk_at([7 * week for week in ticks])
    rows = [{"week": week, "n": int(n), "row": "at risk"} for week, n in zip(ticks, counts, strict=True)]
    under = (
        _chart(rows)
        .mark_text(fontSize=11, color=INK)
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


def _chart(rows: list[dict[str, Any]]) -> Any:
    return alt.Chart(alt.Data(values=rows))
