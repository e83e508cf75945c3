"""Which uncertain numbers matter: tables of Sobol indices and of the priors behind them, and a figure of bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posology.pharmacology.compounds.quantity import MARKS
from posology.pharmacology.tumour.sensitivity import SobolIndex
from posology.pharmacology.uncertainty.sobol import Prior
from posology.shared.charts import PALETTE, styled
from posology.shared.tables import Table, significant
from posology.simulation.global_sensitivity import OutcomeSensitivity

INK, BLUE, PALE = (PALETTE[name] for name in ("ink", "blue", "sky"))
ALONE, IN_ALL = "first (alone)", "total (with others)"
SHOWN, LEAST = 12, 0.005
HOW = {
    "log-normal": "log-normal",
    "above 1": "excess over 1 log-normal",
    "odds": "odds log-normal",
}


def priors_table(priors: Mapping[str, Prior]) -> Table:
    """Return a row for each number that is varied: its median and 95 % range, how it is distributed, and what from."""
    rows = []
    for name, prior in priors.items():
        q, (low, high) = prior.quantity, prior.range
        rows.append(
            {
                "number": name,
                "median": q.value,
                "unit": q.unit,
                "evidence": q.evidence,
                "low": low,
                "high": high,
                "CV (%)": 100 * q.cv,
                "distribution": HOW[prior.kind],
                "value from": q.source,
                "spread from": prior.why,
            }
        )
    return Table(
        "What is varied: median and 95 % range of each prior", {name: [row[name] for row in rows] for name in rows[0]}
    )


def indices_table(title: str, found: Mapping[str, Sequence[SobolIndex]]) -> Table:
    """Return a row for each outcome and number: first and total index with their intervals, the evidence beside."""
    rows: list[dict[str, Any]] = []
    for outcome, influences in found.items():
        for row in influences:
            rows.append(
                {
                    "outcome": outcome,
                    "number": row.name,
                    "evidence": row.quantity.evidence,
                    "first": row.first,
                    "first low": row.first - row.first_half_width,
                    "first high": row.first + row.first_half_width,
                    "total": row.total,
                    "total low": row.total - row.total_half_width,
                    "total high": row.total + row.total_half_width,
                }
            )
    names = ("outcome", "number", "evidence", "first", "first low", "first high", "total", "total low", "total high")
    return Table(title, {name: [row[name] for row in rows] for name in names})


def outcomes_table(found: Sequence[OutcomeSensitivity]) -> Table:
    """Return a row for each outcome of a trial: what the priors make of it, and how much of its variance is chance."""
    unit = {each.outcome: "mo" if "PFS" in each.outcome else "%" for each in found}

    def scaled(each: OutcomeSensitivity, x: float) -> float:
        return float(x if unit[each.outcome] == "mo" else 100 * x)

    return Table(
        "What the priors make of each outcome: at their medians, and 95 % range",
        {
            "outcome": [each.outcome for each in found],
            "unit": list(unit.values()),
            "at the medians": [scaled(f, f.at_medians) for f in found],
            "low": [scaled(f, f.low) for f in found],
            "high": [scaled(f, f.high) for f in found],
            "noise share": [f.noise for f in found],
            "beyond follow-up": [f.share_beyond_follow_up for f in found],
        },
    )


def listed(rows: Sequence[SobolIndex]) -> tuple[list[SobolIndex], str]:
    """Return the numbers that matter at all, and a sentence on the others."""
    some = [row for row in rows if max(row.first, row.total) >= LEAST][:SHOWN] or list(rows[:1])
    others = [row.name for row in rows if row not in some]
    return some, f"less than {LEAST:g}, or not among the first {SHOWN}: {', '.join(others)}" if others else ""


def shown(row: SobolIndex) -> list[str]:
    """Return a row for people: name, value and its evidence, and both indices with their intervals."""

    def half(value: float, width: float) -> str:
        return f"{value:.2f} ± {width:.2f}"

    return [row.name, str(row.quantity), half(row.first, row.first_half_width), half(row.total, row.total_half_width)]


def shown_priors(priors: Mapping[str, Prior]) -> list[list[str]]:
    """Return a row for people of each prior: name, median and evidence, 95 % range, how and by what it is spread."""
    rows = []
    for name, prior in priors.items():
        low, high = prior.range
        how = f"{HOW[prior.kind]}, CV {100 * prior.quantity.cv:.3g} %"
        rows.append([name, str(prior.quantity), f"{significant(low)} to {significant(high)}", how, prior.why])
    return rows


def figure(title: str, subtitle: str, found: Mapping[str, Sequence[SobolIndex]]) -> Any:
    """Draw both indices of each number as bars with their intervals, an outcome a panel, at most twelve numbers each.

    The first index is a hollow bar, the total one a filled bar; the evidence stands beside each name.
    """
    import altair as alt

    panels, kinds = [], [ALONE, IN_ALL]
    numbers = {outcome: listed(rows)[0] for outcome, rows in found.items() if rows}
    low = min((x - h for rows in numbers.values() for r in rows for x, h in _both(r)), default=0.0)
    high = max((x + h for rows in numbers.values() for r in rows for x, h in _both(r)), default=1.0)
    domain = [max(min(low, 0.0), -0.3), min(max(high, 1.0), 1.6)]
    for outcome, rows in numbers.items():
        values, names = [], []
        for row in rows:
            names.append(f"{row.name} [{MARKS[row.quantity.evidence]}]")
            values += [
                {"number": names[-1], "index": kind, "value": x, "low": x - h, "high": x + h, "zero": 0.0}
                for kind, (x, h) in zip(kinds, _both(row), strict=True)
            ]
        y = alt.Y("number:N", sort=names, title=None, axis=alt.Axis(labelLimit=260, labelFontSize=12))
        offset = alt.YOffset("index:N", sort=kinds[::-1])
        x = alt.X(
            "value:Q",
            title="share of the variance",
            scale=alt.Scale(domain=domain, clamp=True, nice=False),
            axis=alt.Axis(grid=True, tickCount=6),
        )
        fill = alt.Fill(
            "index:N",
            title=None,
            scale=alt.Scale(domain=kinds, range=["#ffffff", PALE]),
            sort=kinds,
            legend=alt.Legend(orient="bottom", labelFontSize=12, symbolStrokeColor=BLUE, symbolType="square"),
        )
        base = alt.Chart(alt.Data(values=values)).encode(y=y, yOffset=offset)
        bars = base.mark_bar(stroke=BLUE, strokeWidth=1).encode(x=x, x2="zero:Q", fill=fill)
        rule = base.mark_rule(color=INK, strokeWidth=1.2).encode(x="low:Q", x2="high:Q")
        panels.append(alt.layer(bars, rule).properties(title=outcome, width=300, height=alt.Step(11)))
    heading = alt.TitleParams(title, subtitle=subtitle, anchor="start", fontSize=15, subtitleFontSize=12)
    return styled(alt.concat(*panels, columns=2, spacing=28).properties(title=heading))


def _both(row: SobolIndex) -> tuple[tuple[float, float], tuple[float, float]]:
    return (row.first, row.first_half_width), (row.total, row.total_half_width)
