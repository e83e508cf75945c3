"""Any design, its exact operating characteristics at once, side by side with others: no log-in, no trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import altair as alt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from posology.designs import DESIGNS
from posology.designs.decision_table import DECISION_LABELS, decision_table, has_decision_table
from posology.operating.design_text import design_from_text, stop_to_compare
from posology.operating.evaluation import Simulation, evaluate, safety_stop
from posology.operating.parameters import meaning
from posology.shared.charts import CATEGORIES, chart_of, styled, svg
from posology.shared.written_values import numbers
from posology.web.render import picture, show

MOST_LEVELS, MOST_PATIENTS, MOST_SCENARIOS, MOST_DESIGNS = 10, 60, 6, 5
TRIALS = 2000
LEFT_OUT = ("table", "iboin", "gboin")
"""Designs that need a file, historical data or grades."""
USUAL = {
    "levels": "5",
    "target": "0.3",
    "cohort": "3",
    "max_patients": "30",
    "start": "1",
    "truth": "0.05, 0.15, 0.30, 0.45, 0.60",
    "doses": "",
    "settings": "",
}
CALLED = {
    "target": "Target DLT rate",
    "start": "Start at level",
    "cohort": "Patients in a cohort",
    "max_patients": "Patients in all",
    "skeleton": "Skeleton",
    "doses": "Doses",
    "settings": "Other parameters",
    "rules": "Rules",
}
"""What the parts of a design are called on the page."""


@dataclass(frozen=True)
class Result:
    """One design: its name, what it gives in each scenario, when it stops; or why it could not be built."""

    name: str
    scenarios: tuple[dict[str, Any], ...] = ()
    stops: str = ""
    problem: str = ""
    table: tuple[tuple[int, dict[str, str]], ...] = ()

    @property
    def method(self) -> str:
        """How the figures were found."""
        first = self.scenarios[0]
        return "exact" if first["exact"] else f"{first['trials']:,} simulated trials"


def explorer(request: Request) -> Response:
    """Show the designs that are asked for, side by side."""
    query = request.query_params
    asked = {name: query.get(name, value).strip() for name, value in USUAL.items()}
    chosen = [n for n in query.getlist("design") if n in DESIGNS and n not in LEFT_OUT] or ["boin", "3+3", "crm"]
    problem = ""
    scenarios: list[list[float]] = []
    results: tuple[Result, ...] = ()
    try:
        scenarios = _scenarios(asked)
        _check(asked, scenarios, chosen)
        results = tuple(
            _result(name, tuple(asked.items()), tuple(map(tuple, scenarios))) for name in chosen[:MOST_DESIGNS]
        )
    except ValueError as error:
        problem = str(error)
    shown = [r for r in results if not r.problem]
    return show(
        request,
        "explorer.html",
        400 if problem else 200,
        asked=asked,
        chosen=chosen,
        designs={n: meaning(c) for n, c in DESIGNS.items() if n not in LEFT_OUT},
        problem=problem,
        scenarios=scenarios,
        results=results,
        charts=[_chart(shown, k) for k in range(len(scenarios))] if shown else [],
        letters=DECISION_LABELS,
    )


def _scenarios(asked: Mapping[str, str]) -> list[list[float]]:
    """Read the true DLT rates, a line each scenario."""
    lines = [line for line in asked["truth"].splitlines() if line.strip()]
    if not 1 <= len(lines) <= MOST_SCENARIOS:
        raise ValueError(f"True DLT rates: give 1 to {MOST_SCENARIOS} lines, a scenario each; there are {len(lines)}")
    return [numbers(line, "True DLT rates") for line in lines]


def _check(asked: Mapping[str, str], scenarios: list[list[float]], chosen: list[str]) -> None:
    """Refuse what would take long, or fits nothing, by name."""
    levels = _whole(asked["levels"], "Dose levels", 1, MOST_LEVELS)
    _whole(asked["max_patients"], "Patients in all", 1, MOST_PATIENTS)
    _whole(asked["cohort"], "Patients in a cohort", 1, 12)
    _whole(asked["start"], "Start at level", 1, levels)
    if len(chosen) > MOST_DESIGNS:
        raise ValueError(f"compare up to {MOST_DESIGNS} designs at once; {len(chosen)} are chosen")
    known = {f.name for name in chosen for f in fields(DESIGNS[name])}
    for line in filter(None, map(str.strip, asked["settings"].splitlines())):
        if "=" not in line or line.partition("=")[0].strip().replace("-", "_") not in known:
            raise ValueError(f"Other parameters: {line!r} names no parameter of the designs chosen; write NAME=VALUE")
    for k, rates in enumerate(scenarios, 1):
        if len(rates) != levels:
            raise ValueError(f"True DLT rates, line {k}: there are {len(rates)} rates for {levels} dose levels")
        if not all(0 <= p <= 1 for p in rates):
            raise ValueError(f"True DLT rates, line {k}: each rate is from 0 to 1")


def _whole(text: str, what: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and least <= int(text) <= most):
        raise ValueError(f"{what} is {text!r}: it must be a whole number from {least} to {most}")
    return int(text)


@lru_cache(maxsize=256)
def _result(name: str, asked: tuple[tuple[str, str], ...], scenarios: tuple[tuple[float, ...], ...]) -> Result:
    """Return what a design gives; remembered, for a page is loaded again with one more design."""
    form = dict(asked)
    has = {f.name for f in fields(DESIGNS[name])}
    levels = int(form["levels"])
    try:
        target = float(form["target"])
    except ValueError:
        return Result(name, problem=f"Target DLT rate is {form['target']!r}: it must be a number above 0, below 1")
    try:
        design = design_from_text(
            name,
            levels,
            target=target,
            start=int(form["start"]),
            cohort=int(form["cohort"]) if "cohort" in has else None,
            max_patients=int(form["max_patients"]) if "max_patients" in has else None,
            doses=(form["doses"] or ",".join(map(str, range(1, levels + 1)))) if "doses" in has else None,
            settings=[*stop_to_compare(name), *_own_settings(form["settings"], has)],
            called=CALLED,
        )
        simulation = Simulation(TRIALS) if design.depends_on.name == "TIME" else None
        found = evaluate(design, [list(s) for s in scenarios], target, simulation=simulation)
    except ValueError as error:
        return Result(name, problem=str(error))
    table = _table(design) if has_decision_table(design) else ()
    return Result(name, tuple(found), safety_stop(design), table=table)


def _own_settings(text: str, has: set[str]) -> list[str]:
    """Return the lines NAME=VALUE that name a parameter of a design."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return [line for line in lines if line.partition("=")[0].strip().replace("-", "_") in has]


def _table(design: Any) -> tuple[tuple[int, dict[str, str]], ...]:
    """Return the decision table: for each number of patients, the numbers of DLTs of each decision."""
    cells = decision_table(design)
    rows: dict[int, dict[str, list[int]]] = {}
    for cell in cells:
        rows.setdefault(cell.patients, {}).setdefault(cell.letter, []).append(cell.dlts)
    return tuple(
        (n, {k: f"{v[0]}" if len(v) == 1 else f"{v[0]} to {v[-1]}" for k, v in row.items()}) for n, row in rows.items()
    )


def _chart(results: list[Result], k: int) -> Markup:
    """Draw how often each design selects each level."""
    rows = []
    for result in results:
        data = result.scenarios[k]
        rows += [
            {"design": result.name, "level": "none" if j == 0 else str(j), "percent": 100 * p}
            for j, p in enumerate([data["no_mtd"], *data["selection"]])
        ]
    levels = ["none", *(str(j + 1) for j in range(len(results[0].scenarios[k]["selection"])))]
    names = [r.name for r in results]
    chart = (
        chart_of(rows)
        .mark_bar()
        .encode(
            x=alt.X("level:N", sort=levels, title="level selected as the MTD", axis=alt.Axis(labelAngle=0)),
            xOffset=alt.XOffset("design:N", sort=names),
            y=alt.Y("percent:Q", title="% of trials", scale=alt.Scale(domain=[0, 100])),
            color=alt.Color("design:N", sort=names, scale=alt.Scale(domain=names, range=list(CATEGORIES))),
        )
        .properties(width=520, height=190)
    )
    return picture(
        svg(styled(chart)), f"How often each design selects each level, scenario {k + 1}; the table says the same"
    )
