"""Figures of measured concentrations: profiles with their terminal slope, goodness of fit, predictive check, exposure.

Vega-Lite charts, drawn by Altair. What a colour says, a shape or a dash says too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from posology.pharmacology.estimation.diagnostics import Residuals, VisualPredictiveCheck
from posology.pharmacology.exposure_response.regression import ExposureQuantiles, ExposureResponse
from posology.pharmacology.nca.parameters import NcaResults
from posology.pharmacology.pk_models.data import PkDataset
from posology.shared.arrays import Bools, Floats
from posology.shared.charts import PALETTE, styled

INK, PALE, RED, BLUE = (PALETTE[name] for name in ("ink", "grey", "vermilion", "blue"))
LEAST = 1e-12
KEY = "line: observed; band: simulated"
USED, UNUSED = "used for λz", "not used"


PANELS = 18
"""Profiles on a page of :func:`profile_chart`."""


def profile_chart(
    found: NcaResults,
    time: Floats,
    concentration: Floats,
    labels: Sequence[str],
    *,
    units: tuple[str, str] = ("", ""),
    page: int = 0,
) -> Any:
    """Draw each profile on a logarithmic scale: filled points were used for λz, the dashed line is the slope.

    A page holds :data:`PANELS` profiles; ``page``, from 0, says which of them are drawn.

    Raises
    ------
    IndexError
        if there is no such page.
    """
    import altair as alt

    rows = []
    time = np.broadcast_to(np.atleast_2d(time), np.atleast_2d(concentration).shape)
    drawn = range(len(labels))[page * PANELS : (page + 1) * PANELS]
    if not drawn:
        raise IndexError(f"page {page} of {len(labels)} profiles, {PANELS} a page")
    for i, label in ((n, labels[n]) for n in drawn):
        for t, c, used in zip(time[i], np.atleast_2d(concentration)[i], found.slope.used[i], strict=True):
            if c > 0:
                rows.append({"profile": label, "time": float(t), "c": float(c), "what": USED if used else UNUSED})
        level = found.slope.lambda_z[i]
        if np.isfinite(level):
            for t in (found.slope.first[i], found.slope.last[i]):
                c = float(np.exp(found.slope.intercept[i] - level * t))
                rows.append({"profile": label, "time": float(t), "c": c, "what": "slope"})
    base = alt.Chart().encode(
        x=alt.X("time:Q", title=_titled("time since the dose", units[0])),
        y=alt.Y("c:Q", title=_titled("concentration", units[1]), scale=alt.Scale(type="log")),
    )
    sampled, slope = "datum.what != 'slope'", "datum.what == 'slope'"
    shapes = alt.Scale(domain=[USED, UNUSED], range=["square", "circle"])
    colours = alt.Scale(domain=[USED, UNUSED], range=[RED, BLUE])
    layers = alt.layer(
        base.mark_line(color=PALE, strokeWidth=1).transform_filter(sampled),
        base.mark_point(size=40, filled=True, opacity=1)
        .encode(
            shape=alt.Shape("what:N", title=None, scale=shapes), color=alt.Color("what:N", title=None, scale=colours)
        )
        .transform_filter(sampled),
        base.mark_line(color=RED, strokeDash=[5, 3], strokeWidth=2).transform_filter(slope),
        data=alt.Data(values=rows),
    )
    order = [labels[n] for n in drawn]
    if len(order) == 1:
        return _styled(layers.properties(width=480, height=320, title=order[0]))
    return _styled(
        layers.properties(width=210, height=150).facet(alt.Facet("profile:N", title=None, sort=order), columns=3)
    )


def goodness_chart(data: PkDataset, found: Residuals, *, units: tuple[str, str] = ("", "")) -> Any:
    """Draw observed over predicted (population, individual), and conditional weighted residuals over time and
    prediction.

    Values below quantification are triangles, drawn at their limit.
    """
    import altair as alt

    seen = data.observed
    rows = [
        {
            "observed": float(o),
            "population": float(p),
            "individual": float(i),
            "cwres": None if np.isnan(r) else float(r),
            "time": float(t),
            "what": "below quantification" if b else "measured",
        }
        for o, p, i, r, t, b in zip(
            data.value[seen],
            found.population[seen],
            found.individual[seen],
            found.conditional[seen],
            data.time[seen],
            data.below[seen],
            strict=True,
        )
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        shape=alt.Shape(
            "what:N",
            title=None,
            scale=alt.Scale(domain=["measured", "below quantification"], range=["circle", "triangle-down"]),
        ),
        color=alt.Color(
            "what:N", title=None, scale=alt.Scale(domain=["measured", "below quantification"], range=[BLUE, RED])
        ),
    )
    top = float(max(data.value[seen].max(), np.nanmax(found.population), np.nanmax(found.individual)))
    unity = (
        alt.Chart(alt.Data(values=[{"v": 0}, {"v": top}]))
        .mark_line(color=INK, strokeDash=[4, 3])
        .encode(x="v:Q", y="v:Q")
    )

    def zero(at: float) -> Any:
        rule = alt.Chart(alt.Data(values=[{"v": at}])).mark_rule(color=INK, strokeDash=[4, 3] if at == 0 else [1, 3])
        return rule.encode(y="v:Q")

    size = {"width": 270, "height": 220}

    def over(field: str, title: str) -> Any:
        return unity + base.mark_point(opacity=0.8).encode(
            x=alt.X(f"{field}:Q", title=_titled(title, units[1])),
            y=alt.Y("observed:Q", title=_titled("observed", units[1])),
        )

    def spread(field: str, title: str, unit: str) -> Any:
        return alt.layer(
            zero(-2),
            zero(0),
            zero(2),
            base.mark_point(opacity=0.8).encode(
                x=alt.X(f"{field}:Q", title=_titled(title, unit)),
                y=alt.Y("cwres:Q", title="conditional weighted residual"),
            ),
        )

    return _styled(
        (
            over("population", "population prediction").properties(**size)
            | over("individual", "individual prediction").properties(**size)
        )
        & (
            spread("time", "time", units[0]).properties(**size)
            | spread("population", "population prediction", units[1]).properties(**size)
        )
    )


def vpc_chart(found: VisualPredictiveCheck, *, units: tuple[str, str] = ("", ""), log: bool = True) -> Any:
    """Draw the predictive check: bands are the simulated percentiles' intervals, lines the observed percentiles."""
    import altair as alt

    bands, lines = [], []
    names = [f"{p:g}th percentile" for p in found.percentiles]
    for b, centre in enumerate(found.centre):
        for k, name in enumerate(names):
            low, _, high = found.simulated[b, k]
            if np.isfinite(low) and np.isfinite(high) and (low > LEAST or not log):
                bands.append({"time": float(centre), "low": float(low), "high": float(high), "which": name})
            if np.isfinite(found.observed[b, k]):
                lines.append({"time": float(centre), "value": float(found.observed[b, k]), "which": name})
    points = [
        {"time": float(t), "value": float(v)}
        for t, v in zip(found.time, found.value, strict=True)
        if v > LEAST or not log
    ]
    title = ("prediction-corrected " if found.corrected else "") + "concentration"
    scale = alt.Scale(type="log") if log else alt.Scale()
    x = alt.X("time:Q", title=_titled("time", units[0]))
    y = alt.Y("value:Q", title=_titled(title, units[1]), scale=scale)
    colours = alt.Scale(domain=names, range=[RED if p == 50 else BLUE for p in found.percentiles])
    legend = alt.Legend(symbolType="stroke", symbolSize=500, symbolStrokeWidth=2, symbolOpacity=1)
    band = (
        alt.Chart(alt.Data(values=bands))
        .mark_area(opacity=0.25)
        .encode(
            x=x,
            y=alt.Y("low:Q", scale=scale, title=_titled(title, units[1])),
            y2="high:Q",
            detail="which:N",
            color=alt.Color("which:N", scale=colours, title=KEY, legend=legend),
        )
    )
    line = (
        alt.Chart(alt.Data(values=lines))
        .mark_line()
        .encode(
            x=x,
            y=y,
            color=alt.Color("which:N", scale=colours, title=KEY, legend=legend),
            strokeDash=alt.StrokeDash(
                "which:N",
                title=KEY,
                legend=legend,
                scale=alt.Scale(
                    domain=names, range=[[1, 0] if p == 50 else [2, 2] if p < 50 else [6, 3] for p in found.percentiles]
                ),
            ),
        )
    )
    dots = alt.Chart(alt.Data(values=points)).mark_circle(size=14, color=PALE, opacity=0.7).encode(x=x, y=y)
    return _styled(alt.layer(band, dots, line).properties(width=560, height=340))


def exposure_chart(
    relation: ExposureResponse,
    exposure: Floats,
    event: Bools,
    groups: ExposureQuantiles,
    *,
    title: str,
    label: str,
    time: float | None = None,
    levels: Sequence[tuple[str, Floats]] = (),
) -> Any:
    """Draw the chance of the event over exposure: the model with its band, groups with exact intervals, each patient.

    Below it, on the same scale, the exposures of the patients at each dose of ``levels``, with their median.
    """
    import altair as alt

    grid = np.linspace(float(exposure.min()), float(exposure.max()), 80)
    mid, low, high = relation.at(grid, time)
    curve = [
        {"x": float(x), "p": float(p), "low": float(a), "high": float(b)}
        for x, p, a, b in zip(grid, mid, low, high, strict=True)
    ]
    bars = [
        {"x": float(x), "p": float(p), "low": float(a), "high": float(b), "n": f"{k}/{n}"}
        for x, p, a, b, k, n in zip(
            groups.median, groups.share, groups.lower, groups.upper, groups.events, groups.patients, strict=True
        )
    ]
    ticks = [{"x": float(x), "p": float(y)} for x, y in zip(exposure, event, strict=True)]
    x = alt.X("x:Q", title=label, scale=alt.Scale(zero=False))
    y = alt.Y("p:Q", title=title, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    base, grouped = alt.Chart(alt.Data(values=curve)), alt.Chart(alt.Data(values=bars))
    curves = alt.layer(
        base.mark_area(opacity=0.2, color=BLUE).encode(
            x=x, y=alt.Y("low:Q", title=title, scale=alt.Scale(domain=[0, 1])), y2="high:Q"
        ),
        base.mark_line(color=BLUE).encode(x=x, y=y),
        grouped.mark_rule(color=INK).encode(x=x, y=alt.Y("low:Q", title=title), y2="high:Q"),
        grouped.mark_point(shape="square", size=60, filled=True, color=INK, opacity=1).encode(x=x, y=y),
        grouped.mark_text(dx=18, dy=-8, color=INK).encode(x=x, y=y, text="n:N"),
        alt.Chart(alt.Data(values=ticks)).mark_tick(orient="vertical", color=PALE, size=10).encode(x=x, y=y),
    ).properties(width=520, height=320)
    if not levels:
        return _styled(curves)
    each = alt.Chart(alt.Data(values=[{"x": float(v), "dose": name} for name, held in levels for v in held]))
    middle = alt.Chart(alt.Data(values=[{"x": float(np.median(held)), "dose": name} for name, held in levels]))
    rank = alt.Y("dose:N", title="dose", sort=[name for name, _ in levels][::-1])
    below = alt.layer(
        each.mark_point(size=28, color=BLUE, opacity=0.8).encode(x=x, y=rank),
        middle.mark_tick(orient="vertical", color=INK, thickness=2, size=14).encode(x=x, y=rank),
    ).properties(width=520, height=alt.Step(20))
    return _styled(alt.vconcat(curves, below).resolve_scale(x="shared"))


def _titled(text: str, unit: str) -> str:
    return f"{text} ({unit})" if unit else text


def _styled(chart: Any) -> Any:
    return styled(chart, axis={"labelFlush": False}, legend={"titleLimit": 400, "labelLimit": 400})


def course_chart(time: Floats, percentiles: Floats, *, units: tuple[str, str] = ("", "")) -> Any:
    """Draw the course of simulated concentrations on a logarithmic scale: the median in a band of two percentiles.

    Parameters
    ----------
    time
        (times,).
    percentiles
        (3, times): the lower, the median, the upper.
    units
        of time and concentration.
    """
    import altair as alt

    settled = time > 0.02 * time[-1]  # before, absorption has hardly begun
    floor = max(float(percentiles[1].max()) * 1e-4, float(percentiles[0][settled].min()) / 2, LEAST)
    rows = [
        {"time": float(t), "low": max(float(low), floor), "median": max(float(middle), floor), "high": float(high)}
        for t, (low, middle, high) in zip(time, percentiles.T, strict=True)
        if high > floor
    ]
    scale = alt.Scale(type="log")
    title = _titled("concentration", units[1])
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("time:Q", title=_titled("time from the first dose", units[0]))
    )
    band = base.mark_area(opacity=0.25, color=BLUE).encode(y=alt.Y("low:Q", scale=scale, title=title), y2="high:Q")
    line = base.mark_line(color=INK).encode(y=alt.Y("median:Q", scale=scale, title=title))
    return styled(alt.layer(band, line).properties(width=620, height=300, title="line: median; band: 5 to 95 %"))
