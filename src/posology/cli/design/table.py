"""The decision table of a design."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posology.cli._options import (
    CohortOption,
    DesignOption,
    DosesOption,
    JsonOption,
    LevelsOption,
    MaxOption,
    RuleOption,
    SetOption,
    SkeletonOption,
    StartOption,
    TargetOption,
)
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True)


@app.command("table")
def table(
    protocol: Annotated[
        Path | None, typer.Argument(metavar="[PROTOCOL]", help="A protocol file; else name a design.")
    ] = None,
    design: DesignOption = None,
    levels: LevelsOption = None,
    target: TargetOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print as CSV.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the decision table of a design: for each number of patients at a level and of DLTs, what to do.

    Example: posology design table --design boin --target 0.3 --levels 5
    """
    from posology.cli._design import build
    from posology.designs import decision_table as decisions
    from posology.designs.modifiers.titration import Titration

    built = build(
        design,
        protocol,
        levels,
        target,
        cohort,
        most,
        start=start,
        skeleton=skeleton,
        doses=doses,
        settings=settings or (),
        rules=rules or (),
    )
    behind = built.design if isinstance(built, Titration) else built
    cells = decisions.decision_table(behind)
    if as_json:
        print_json([{"patients": c.patients, "dlts": c.dlts, "action": c.words, "letter": c.letter} for c in cells])
    elif as_csv:
        print(decisions.as_csv(cells), end="")
    else:
        print_table(
            "Decision table at a level",
            ("Patients evaluable", "DLTs", "", "What to do"),
            [(c.patients, c.dlts, c.letter, c.words) for c in cells],
        )
