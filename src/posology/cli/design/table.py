"""The decision table of a design."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posology.cli._design import DesignOptions, OutcomesOption, seen
from posology.cli._options import JsonOption, options
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    from posology.designs.decision_table import Cell

app = typer.Typer(no_args_is_help=True)


@app.command("table")
@options
def table(
    design: DesignOptions,
    file: Annotated[
        Path | None, typer.Argument(metavar="[PROTOCOL]", help="A protocol file, for its design (else --design).")
    ] = None,
    data: OutcomesOption = "",
    form: Annotated[Literal["table", "csv"], typer.Option("--format", help="How the table is printed.")] = "table",
    as_json: JsonOption = False,
) -> None:
    """Print the decision table of a design: for each number of patients at a level, what to do at each number of DLTs.

    E escalate, S stay, D de-escalate, DU de-escalate and never return. Of a design whose next dose depends on more than
    the counts at the level there is a table only for the level last given in a trial that --data states; see also
    `posology design pathways`.

    Example: posology design table --design boin --target 0.3 --levels 5

    Example: posology design table --design crm --target 0.25 --levels 5 --data "1NNN 2NNT"
    """
    from posology.designs.decision_table import as_csv as in_csv
    from posology.designs.decision_table import decision_table, has_decision_table

    built = (replace(design, protocol=file) if file else design).build()
    stated = bool(data.strip())
    if not stated and not has_decision_table(built):
        name = design.design or "the protocol's design"
        raise ValueError(
            f"{name} has no decision table: its next dose depends on {built.depends_on}. Show `posology design"
            " pathways`, or state a trial, for the table of the level last given in it: --data '1NNN 2NNT'"
        )
    cells = decision_table(built, given=seen(data, built.levels) if stated else None)
    if as_json:
        print_json([{"patients": c.patients, "dlts": c.dlts, "action": c.words, "letter": c.letter} for c in cells])
    elif form == "csv":
        print(in_csv(cells), end="")
    else:
        title = (
            f"Decision table after {data.strip()}, for the level last given" if stated else "Decision table at a level"
        )
        _show(title, cells)


def _show(title: str, cells: list[Cell]) -> None:
    """Print a row for each number of patients: the numbers of DLTs for each decision."""
    from posology.designs.decision_table import DECISION_LABELS

    letters = [letter for letter in DECISION_LABELS if letter in {c.letter for c in cells}]
    heads = ["Patients", *(f"{letter}: {DECISION_LABELS[letter].replace('{more} ', '')}" for letter in letters)]
    rows = []
    for n in dict.fromkeys(c.patients for c in cells):
        dlts = {letter: [c.dlts for c in cells if (c.patients, c.letter) == (n, letter)] for letter in letters}
        rows.append([n, *(_span(dlts[letter]) for letter in letters)])
    print_table(f"{title}: numbers of DLTs", heads, rows)


def _span(numbers: list[int]) -> str:
    return "" if not numbers else str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
