"""The statistical section of a protocol: design in words, decisions, operating characteristics, references."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posology import __version__
from posology.designs.decision_table import (
    DECISION_LABELS,
    Cell,
    as_csv,
    behind_titration,
    decision_table,
    has_decision_table,
)
from posology.designs.tally import DependsOn, Design
from posology.operating.evaluation import Simulation, evaluate, safety_stop
from posology.operating.pathways import decision_label, pathways
from posology.operating.true_mtd import TOO_TOXIC
from posology.reports.statistical_section.design_description import describe
from posology.reports.statistical_section.document import (
    Block,
    ChartBlock,
    Heading,
    NumberedList,
    Paragraph,
    TableBlock,
    docx,
    html,
)
from posology.shared.charts import chart_of, save, styled
from posology.shared.files import new_folder, write_bytes, write_text
from posology.shared.tables import Table

if TYPE_CHECKING:
    import altair

COHORTS_AHEAD = 2
"""Cohorts of which the section shows the decisions, where no decision table says them all."""


@dataclass(frozen=True)
class StatisticalSection:
    """A statistical section: its title, its blocks, the decisions as CSV, and the operating characteristics.

    ``decisions``: the decision table, or where there is none the decisions on the first cohorts; ``decisions_name``
    says which, as a file's name.
    """

    title: str
    blocks: tuple[Block, ...]
    decisions_name: str
    decisions: str
    characteristics: Table


def statistical_section(
    design: Design, scenarios: Mapping[str, Sequence[float]], target: float, simulation: Simulation | None = None
) -> StatisticalSection:
    """Write the statistical section for a design.

    Parameters
    ----------
    design
        any design; one that depends on time is simulated, the others are exact.
    scenarios
        the true DLT rate of each level, by the scenario's name.
    target
        the target DLT rate.
    simulation
        for a design that depends on time: how many trials, the seed, the world (window, accrual, response rates).

    Raises
    ------
    ValueError
        if a scenario has not one rate for each level; or a design lacks what it depends on: grades, response rates.
    """
    if not scenarios:
        raise ValueError("no scenario: give true DLT rates, one or more times")
    for name, truth in scenarios.items():
        if len(truth) != design.levels:
            raise ValueError(f"scenario {name!r} has {len(truth)} rates; the design has {design.levels} levels")
    timed = design.depends_on is DependsOn.TIME
    results = evaluate(
        design, list(scenarios.values()), target, simulation=(simulation or Simulation()) if timed else None
    )
    found = dict(zip(scenarios, results, strict=True))
    described = describe(design)
    table = _characteristics_table(found)
    name, csv, decisions = _decisions(design)
    blocks: list[Block] = [
        Heading("Dose-finding design"),
        Paragraph(f"The dose is found by the {described.name} design."),
        *map(Paragraph, described.paragraphs),
        Paragraph(_safety(design)),
        Heading("Decisions"),
        *decisions,
        Heading("Operating characteristics"),
        Paragraph(f"{_how(results[0])} {_right(target)} Computed with Posology {__version__}."),
        *(_scenario_block(name, data) for name, data in found.items()),
        _summary_block(found),
        ChartBlock(
            "Chance of each level to be declared the MTD, by scenario; level 0: no level.", _selection_chart(table)
        ),
    ]
    if described.references:
        blocks += [Heading("References"), NumberedList(described.references)]
    return StatisticalSection(f"Statistical section: {described.name}", tuple(blocks), name, csv, table)


def write_section(
    section: StatisticalSection, out: Path, progress: Callable[[str], None] = lambda step: None
) -> list[Path]:
    """Write a section into a new folder: HTML, Word, CSV and the figure; whole or not at all."""
    with new_folder(out) as draft:
        progress("page")
        write_text(draft / "section.html", html(section.title, section.blocks))
        progress("Word")
        write_bytes(draft / "section.docx", docx(section.title, section.blocks))
        progress("tables")
        write_text(draft / section.decisions_name, section.decisions)
        write_text(draft / "characteristics.csv", section.characteristics.to_csv())
        progress("figure")
        for form in ("svg", "png"):
            save(_selection_chart(section.characteristics), draft / f"selection.{form}", form)
    return sorted(out.iterdir())


def _decisions(design: Design) -> tuple[str, str, list[Block]]:
    """Return the decisions as a file's name, as CSV and as blocks: the table, or the first cohorts where there is
    none."""
    if has_decision_table(design):
        cells = decision_table(design)
        return "decisions.csv", as_csv(cells), [_table_block(cells)]
    tree = pathways(design, cohorts=COHORTS_AHEAD)
    depends = behind_titration(design).depends_on
    words = (
        f"The next dose depends on {depends}, so that no table of the counts at one level holds the decisions. "
        f"Those on every outcome of the first {COHORTS_AHEAD} cohorts are shown instead"
        f"{', all patients followed to the end of the window' if depends is DependsOn.TIME else ''}."
    )
    rows = tuple((str(n.depth), tree.outcomes(n) or "none yet", decision_label(n)) for n in tree.nodes)
    block = TableBlock("Decisions on the first cohorts", ("Cohorts", "Outcomes (N: no DLT, T: DLT)", "Decision"), rows)
    return "pathways.csv", tree.table().to_csv(), [Paragraph(words), block]


def _table_block(cells: Sequence[Cell]) -> TableBlock:
    """Return a decision table as committees print it: a row for each number of patients, the DLTs for each decision."""
    letters = [letter for letter in DECISION_LABELS if letter in {c.letter for c in cells}]

    def dlts(n: int, letter: str) -> str:
        return _range([c.dlts for c in cells if (c.patients, c.letter) == (n, letter)])

    return TableBlock(
        "Decisions at a level: for each number of patients evaluable there, the numbers of DLTs to",
        ("Patients", *(f"{DECISION_LABELS[letter].replace('{more} ', '')} ({letter})" for letter in letters)),
        tuple((str(n), *(dlts(n, letter) for letter in letters)) for n in dict.fromkeys(c.patients for c in cells)),
    )


def _safety(design: Design) -> str:
    stop = safety_stop(design)
    if stop == "none":
        return "The design itself has no rule that ends the trial because the lowest level is too toxic."
    return f"The trial ends without an MTD when the lowest level is too toxic: {stop}."


def _how(data: Mapping[str, Any]) -> str:
    if data["exact"]:
        return (
            "All operating characteristics are exact: every trial that the design can lead to was enumerated, and its "
            "probability computed. There is no simulation error."
        )
    response = f"; true response rates {', '.join(f'{r:g}' for r in data['response'])}" if data.get("response") else ""
    return (
        f"The operating characteristics come from {data['trials']:,} simulated trials for each scenario (seed"
        f" {data['seed']}), with a DLT window of {data['window']:g} days and {data['patients_a_month']:g} patients in"
        f" 28 days ({data['arrivals']} arrivals){response}; standard errors stand beside them."
    )


def _right(target: float) -> str:
    return (
        f"The correct level is the one whose true DLT rate is nearest {target:g}; where all rates lie above "
        f"{TOO_TOXIC * target:g}, to select none is correct."
    )


def _range(numbers: list[int]) -> str:
    """Write numbers that follow one another: 2, or 2 to 4."""
    return "" if not numbers else str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


def _characteristics_table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return a row for each scenario and level, and one for no level: level 0; standard errors 0 where exact."""
    rows: list[dict[str, Any]] = []
    for name, data in found.items():

        def error(key: str, data: Mapping[str, Any] = data) -> Any:
            return data.get(f"{key}_error", [0.0] * len(data["truth"]))

        none = {
            "selection": data["no_mtd"],
            "no_error": (data["no_mtd"] * (1 - data["no_mtd"]) / data.get("trials", 1)) ** 0.5,
        }
        for j in range(len(data["truth"]) + 1):

            def at(values: Sequence[float], j: int = j) -> float:
                return float(values[j - 1]) if j else 0.0

            row = {
                "scenario": name,
                "level": j,
                "true rate": at(data["truth"]),
                "selected": at(data["selection"]) if j else float(none["selection"]),
                "± selected": at(error("selection")) if j or data["exact"] else float(none["no_error"]),
                "patients": at(data["patients"]),
                "± patients": at(error("patients")),
                "DLTs": at(data["dlts"]),
                "± DLTs": at(error("dlts")),
                "correct": data["correct"],
                "overdosed": data["overdosed_60"],
                "all patients": data["expected_patients"],
            }
            if "backfilled" in data:
                row |= {"backfilled": at(data["backfilled"]), "responses": at(data["responses"]), "days": data["days"]}
                row["selected as OBD"] = at(data["obd_selection"]) if j else float(data["no_obd"])
            rows.append(row)
    return Table("Operating characteristics", {head: [row[head] for row in rows] for head in rows[0]})


def _scenario_block(name: str, data: Mapping[str, Any]) -> TableBlock:
    """Return one scenario as it is read: a column for each level."""
    levels = range(len(data["truth"]))

    def line(words: str, key: str, form: str, scale: float = 1.0, none: str = "", total: str = "") -> tuple[str, ...]:
        error = data.get(f"{key}_error")

        def cell(j: int) -> str:
            return f"{scale * data[key][j]:{form}}" + (f" ± {scale * error[j]:{form}}" if error else "")

        return (words, *map(cell, levels), none, total)

    lines = [
        line("True DLT rate", "truth", "g"),
        line("Selected as MTD (%)", "selection", ".1f", 100, none=f"{100 * data['no_mtd']:.1f}"),
        line("Patients", "patients", ".2f", total=f"{data['expected_patients']:.2f}"),
        line("DLTs", "dlts", ".2f", total=f"{data['expected_dlts']:.2f}"),
    ]
    if "backfilled" in data:
        lines += [
            line("Patients backfilled", "backfilled", ".2f", total=f"{data['expected_backfilled']:.2f}"),
            line("Responses", "responses", ".2f", total=f"{sum(data['responses']):.2f}"),
            line("Selected as OBD (%)", "obd_selection", ".1f", 100, none=f"{100 * data['no_obd']:.1f}"),
        ]
    heads = (f"level {j + 1}{' (MTD)' if data['true_mtd'] == j + 1 else ''}" for j in levels)
    return TableBlock(
        f"Scenario {name}", ("", *heads, "none" if data["true_mtd"] else "none (right)", "all"), tuple(lines)
    )


def _summary_block(found: Mapping[str, Mapping[str, Any]]) -> TableBlock:
    first = next(iter(found.values()))
    heads = ["Scenario", "Correct selection (%)", "Over 60 % of patients above the MTD (%)", "Patients expected"]
    heads += [why[0].upper() + why[1:] + " (%)" for why in first["endings"]]
    rows = [
        [
            name,
            f"{100 * data['correct']:.1f}",
            f"{100 * data['overdosed_60']:.1f}",
            f"{data['expected_patients']:.1f}",
            *(f"{100 * share:.1f}" for share in data["endings"].values()),
        ]
        for name, data in found.items()
    ]
    if not first["exact"]:
        heads.append("Duration (days)")
        for row, data in zip(rows, found.values(), strict=True):
            row.append(f"{data['days']:.0f} ± {data['days_error']:.1f}")
    return TableBlock(
        "All scenarios" + ("" if first["exact"] else " (simulated)"), tuple(heads), tuple(map(tuple, rows))
    )


def _selection_chart(table: Table) -> altair.TopLevelMixin:
    import altair as alt

    rows = [{k: row[k] for k in ("scenario", "level", "selected", "true rate")} for row in table.rows()]
    base = chart_of(rows).encode(x=alt.X("level:O", title="level (0: none)", axis=alt.Axis(labelAngle=0)))
    bars = base.mark_bar().encode(
        y=alt.Y("selected:Q", title="chance", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    )
    label = base.mark_text(dy=-6, fontSize=9).encode(y="selected:Q", text=alt.Text("selected:Q", format=".0%"))
    order = list(dict.fromkeys(str(r["scenario"]) for r in rows))
    chart = (bars + label).properties(width=220, height=150)
    faceted: altair.TopLevelMixin = styled(chart.facet(alt.Facet("scenario:N", sort=order, title=None), columns=3))
    return faceted
