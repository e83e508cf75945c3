"""The statistical section of a protocol: design in words, decision table, operating characteristics, references."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from posology import __version__
from posology.designs.decision_table import DECISION_LABELS, as_csv, decision_table
from posology.designs.inference import innermost
from posology.designs.modifiers.titration import Titration
from posology.designs.tally import Design
from posology.operating.exact import enumerate_trials
from posology.operating.simulate import PotentialOutcomes, Scenario, simulate
from posology.operating.study import TIME_DEPENDENT, patients_to_draw
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
from posology.shared.arrays import Floats
from posology.shared.charts import save, styled
from posology.shared.files import write_bytes, write_text
from posology.shared.tables import Table

if TYPE_CHECKING:
    import altair


@dataclass(frozen=True)
class StatisticalSection:
    """A statistical section: its title, its blocks, the decision table as CSV, and the operating characteristics."""

    title: str
    blocks: tuple[Block, ...]
    decisions: str
    characteristics: Table


def statistical_section(
    design: Design,
    scenarios: Mapping[str, Sequence[float]],
    target: float,
    *,
    trials: int = 10_000,
    seed: int = 1,
    setting: Scenario | None = None,
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
    trials, seed, setting
        for simulation: how many trials, the seed, the world (window, accrual); its ``truth`` is not used.

    Raises
    ------
    ValueError
        if a scenario has not one rate for each level.
    """
    if not scenarios:
        raise ValueError("no scenario: give true DLT rates, one or more times")
    for name, truth in scenarios.items():
        if len(truth) != design.levels:
            raise ValueError(f"scenario {name!r} has {len(truth)} rates; the design has {design.levels} levels")
    described = describe(design)
    exact = not isinstance(innermost(design), TIME_DEPENDENT)
    table = _exact(design, scenarios, target) if exact else _simulated(design, scenarios, target, trials, seed, setting)
    behind = design.design if isinstance(design, Titration) else design
    cells = decision_table(behind)
    letters = [letter for letter in DECISION_LABELS if letter in {c.letter for c in cells}]
    sizes = dict.fromkeys(c.patients for c in cells)
    of = lambda n, letter: _range([c.dlts for c in cells if (c.patients, c.letter) == (n, letter)])
    heads = tuple(DECISION_LABELS[letter].replace("{more} ", "") for letter in letters)
    decisions = TableBlock(
        "Decisions at a level: for each number of patients evaluable there, the numbers of DLTs to",
        ("Patients", *heads),
        tuple((str(n), *(of(n, letter) for letter in letters)) for n in sizes),
    )
    how = (
        "All operating characteristics are exact: every trial that the design can lead to was enumerated, and its probability computed. "
        "There is no simulation error."
        if exact
        else f"The operating characteristics come from {trials:,} simulated trials for each scenario (seed {seed}); standard errors stand beside them."
    )
    blocks: list[Block] = [
        Heading("Dose-finding design"),
        Paragraph(f"The dose is found by the {described.name} design."),
        *map(Paragraph, described.paragraphs),
        Heading("Decision table"),
        decisions,
        Heading("Operating characteristics"),
        Paragraph(
            f"{how} The correct level is the one whose true DLT rate is nearest {target:g}. Computed with Posology {__version__}."
        ),
    ]
    for name in scenarios:
        blocks.append(_scenario_block(table, name, target, exact))
    blocks += [
        _summary_block(table, exact),
        ChartBlock(
            "Chance of each level to be declared the MTD, by scenario; level 0: no level.", _selection_chart(table)
        ),
    ]
    if described.references:
        blocks += [Heading("References"), NumberedList(described.references)]
    return StatisticalSection(f"Statistical section: {described.name}", tuple(blocks), as_csv(cells), table)


def write_section(
    found: StatisticalSection, out: Path, progress: Callable[[str], None] = lambda step: None
) -> list[Path]:
    """Write a section into a new folder: HTML, Word, CSV and the figure; whole or not at all."""
    if out.exists() and any(out.iterdir() if out.is_dir() else [out]):
        raise ValueError(f"{out} exists and is not empty: give a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        progress("page")
        write_text(draft / "section.html", html(found.title, found.blocks))
        progress("Word")
        write_bytes(draft / "section.docx", docx(found.title, found.blocks))
        progress("tables")
        write_text(draft / "decisions.csv", found.decisions)
        write_text(draft / "characteristics.csv", found.characteristics.to_csv())
        progress("figure")
        save(_selection_chart(found.characteristics), draft / "selection.svg", "svg")
        save(_selection_chart(found.characteristics), draft / "selection.png", "png")
        draft.chmod(0o755)
        if out.exists():
            out.rmdir()
        draft.rename(out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return sorted(out.iterdir())


def _range(numbers: list[int]) -> str:
    """Write numbers that follow one another: 2, or 2 to 4."""
    return "" if not numbers else str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"


HEADS = (
    "scenario",
    "level",
    "true rate",
    "selected",
    "± selected",
    "patients",
    "± patients",
    "DLTs",
    "± DLTs",
    "correct",
    "overdosed",
    "all patients",
)


def _characteristics_table(
    scenarios: Mapping[str, Sequence[float]],
    of: Callable[[int], tuple[Floats, Floats, Floats, Floats, Floats, Floats, float, float]],
) -> Table:
    rows: list[tuple[object, ...]] = []
    for s, (name, truth) in enumerate(scenarios.items()):
        selected, e1, patients, e2, dlts, e3, correct, over = of(s)
        for j in range(len(truth) + 1):
            level = (
                (0.0, 0.0, 0.0, 0.0, 0.0)
                if j == 0
                else (truth[j - 1], patients[j - 1], e2[j - 1], dlts[j - 1], e3[j - 1])
            )
            rate, n, en, y, ey = map(float, level)
            rows.append(
                (name, j, rate, float(selected[j]), float(e1[j]), n, en, y, ey, correct, over, float(patients.sum()))
            )
    return Table("Operating characteristics", dict(zip(HEADS, map(list, zip(*rows, strict=True)), strict=True)))


def _exact(design: Design, scenarios: Mapping[str, Sequence[float]], target: float) -> Table:
    found = enumerate_trials(design).characteristics([list(t) for t in scenarios.values()])
    correct, over = found.correct(target), found.overdosed(target)
    nothing = np.zeros(design.levels + 1)
    return _characteristics_table(
        scenarios,
        lambda s: (
            found.selection[s],
            nothing,
            found.patients[s],
            nothing,
            found.dlts[s],
            nothing,
            float(correct[s]),
            float(over[s]),
        ),
    )


def _simulated(
    design: Design,
    scenarios: Mapping[str, Sequence[float]],
    target: float,
    trials: int,
    seed: int,
    setting: Scenario | None,
) -> Table:
    world = {k: v for k, v in vars(setting or Scenario((0.5,))).items() if k not in ("truth", "response")}
    runs = []
    for truth in scenarios.values():
        patients = PotentialOutcomes.draw(
            np.random.default_rng(seed), trials, patients_to_draw(design, float(world["dropout"]))
        )
        runs.append(simulate(design, Scenario(tuple(truth), **world), patients))

    def row(s: int) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats, float, float]:
        run = runs[s]
        return (
            run.selection,
            run.selection_error,
            run.patients,
            run.patients_error,
            run.dlts,
            run.dlts_error,
            run.correct(target)[0],
            run.overdosed(target)[0],
        )

    return _characteristics_table(scenarios, row)


def _scenario_block(table: Table, name: str, target: float, exact: bool) -> TableBlock:
    """Return one scenario as it is read: a column for each level."""
    rows = [row for row in table.rows() if row["scenario"] == name]
    none, levels = rows[0], rows[1:]
    with_error = lambda row, what, form, scale: (
        f"{scale * row[what]:{form}}" + ("" if exact else f" ± {scale * row['± ' + what]:{form}}")
    )
    at = min(range(len(levels)), key=lambda j: round(abs(levels[j]["true rate"] - target), 12))
    heads = ("", *(f"level {r['level']}{' (MTD)' if j == at else ''}" for j, r in enumerate(levels)), "none", "all")
    lines = (
        ("True DLT rate", *(f"{r['true rate']:g}" for r in levels), "", ""),
        (
            "Selected as MTD (%)",
            *(with_error(r, "selected", ".1f", 100) for r in levels),
            with_error(none, "selected", ".1f", 100),
            "",
        ),
        (
            "Patients",
            *(with_error(r, "patients", ".2f", 1) for r in levels),
            "",
            f"{sum(r['patients'] for r in levels):.2f}",
        ),
        ("DLTs", *(with_error(r, "DLTs", ".2f", 1) for r in levels), "", f"{sum(r['DLTs'] for r in levels):.2f}"),
    )
    return TableBlock(f"Scenario {name}", heads, lines)


def _summary_block(table: Table, exact: bool) -> TableBlock:
    first = {row["scenario"]: row for row in reversed(table.rows())}
    rows = tuple(
        (name, f"{100 * r['correct']:.1f}", f"{100 * r['overdosed']:.1f}", f"{r['all patients']:.1f}")
        for name, r in reversed(first.items())
    )
    heads = ("Scenario", "Correct level selected (%)", "Over 60 % of patients above the MTD (%)", "Patients expected")
    return TableBlock("All scenarios" + ("" if exact else " (simulated)"), heads, rows)


def _selection_chart(table: Table) -> altair.TopLevelMixin:
    import altair as alt

    rows = [{k: row[k] for k in ("scenario", "level", "selected", "true rate")} for row in table.rows()]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("level:O", title="level (0: none)", axis=alt.Axis(labelAngle=0))
    )
    bars = base.mark_bar().encode(
        y=alt.Y("selected:Q", title="chance", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%"))
    )
    label = base.mark_text(dy=-6, fontSize=9).encode(y="selected:Q", text=alt.Text("selected:Q", format=".0%"))
    order = list(dict.fromkeys(str(r["scenario"]) for r in rows))
    each = (bars + label).properties(width=220, height=150)
    drawn: altair.TopLevelMixin = styled(each.facet(alt.Facet("scenario:N", sort=order, title=None), columns=3))
    return drawn
