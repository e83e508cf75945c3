"""The decision table of a design."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from posology.cli._design import DesignOptions
from posology.cli._options import JsonOption, options
from posology.cli._output import print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command("table")
@options
def table(
    design: DesignOptions,
    file: Annotated[
        Path | None, typer.Argument(metavar="[PROTOCOL]", help="A protocol file, for its design (else --design).")
    ] = None,
    form: Annotated[Literal["table", "csv"], typer.Option("--format", help="How the table is printed.")] = "table",
    as_json: JsonOption = False,
) -> None:
    """Print the decision table of a design: for each number of patients at a level and of DLTs, what to do.

    Example: posology design table --design boin --target 0.3 --levels 5
    """
    from posology.designs import decision_table as decisions
    from posology.designs.modifiers.titration import Titration

    built = (replace(design, protocol=file) if file else design).build()
    behind = built.design if isinstance(built, Titration) else built
    cells = decisions.decision_table(behind)
    if as_json:
        print_json([{"patients": c.patients, "dlts": c.dlts, "action": c.words, "letter": c.letter} for c in cells])
    elif form == "csv":
        print(decisions.as_csv(cells), end="")
    else:
        print_table(
            "Decision table at a level",
            ("Patients evaluable", "DLTs", "", "What to do"),
            [(c.patients, c.dlts, c.letter, c.words) for c in cells],
        )
