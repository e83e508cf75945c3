"""Two drugs at once."""

from __future__ import annotations

from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import whole_numbers

app = typer.Typer(no_args_is_help=True)

GridHelp = "a row a level of drug A, levels of drug B with commas between, rows with semicolons"


@app.command("combination")
def combination(
    target: Annotated[float, typer.Option("--target", metavar="RATE", help="Target DLT rate, between 0 and 1.")],
    treated: Annotated[
        str, typer.Option("--treated", metavar="ROWS", help=f"Patients at each combination: {GridHelp}.")
    ],
    dlts: Annotated[str, typer.Option("--dlts", metavar="ROWS", help="Those with a DLT, written alike.")],
    last: Annotated[str, typer.Option("--last", metavar="A,B", help="The combination last given, each level from 1.")],
    as_json: JsonOption = False,
) -> None:
    """Find the next combination of two drugs by BOIN, the MTD and its contour, and the waterfall's next subtrial.

    Example: posology expansion combination --target 0.3 --treated "3,3,0;0,3,0" --dlts "0,0,0;0,1,0" --last 2,2
    """
    from posology.designs.tally import NONE, Action
    from posology.expansion.combinations.boin_comb import BoinComb
    from posology.expansion.combinations.grid import GridTally

    grid_n, grid_y = _grid(treated, "--treated"), _grid(dlts, "--dlts")
    if [len(row) for row in grid_n] != [len(row) for row in grid_y]:
        raise typer.BadParameter("has other rows or columns than --treated", param_hint="--dlts")
    at = whole_numbers(last, "--last")
    if len(at) != 2:
        raise typer.BadParameter(f"{last!r} is not two levels; write 2,1", param_hint="--last")
    tally = GridTally.one(grid_n, grid_y, (at[0], at[1]))
    design = BoinComb((len(grid_n), len(grid_n[0])), target)
    decision = design.decide(tally)
    action, level = Action(int(decision.action[0])), [int(k) for k in decision.level[0]]
    stopped = level[0] == NONE
    mtd, subtrial = design.select(tally), design.next_subtrial(tally)
    alternatives = [
        [at[0] + step[0], at[1] + step[1]]
        for step in ((1, 0), (0, 1))
        if decision.alike[0].all() and action is Action.ESCALATE
    ] or ([[at[0] - 1, at[1]], [at[0], at[1] - 1]] if decision.alike[0].all() else [])
    result = {
        "action": action.name.lower(),
        "level": None if stopped else [k + 1 for k in level],
        "alike": alternatives,
        "mtd": None if mtd is None else [k + 1 for k in mtd],
        "contour": [[a + 1, b + 1] for a, b in design.contour(tally)],
        "estimates": design.estimates(tally.treated[0], tally.dlts[0]).tolist(),
        "next_subtrial": None
        if subtrial is None
        else {
            "start": [k + 1 for k in subtrial.start],
            "combinations": [[a + 1, b + 1] for a, b in subtrial.combinations],
        },
    }
    if as_json:
        return print_json(result)
    print(
        "stop: every combination is too toxic"
        if stopped
        else f"{action.name.lower()}: A{level[0] + 1} with B{level[1] + 1}"
    )
    if alternatives:
        print("equally good: " + " and ".join(f"A{a} with B{b}" for a, b in alternatives) + "; the first is shown")
    print_table(
        "DLT rates (%), smoothed to fall with neither drug, and DLTs of patients",
        ("", *(f"B{b + 1}" for b in range(len(grid_n[0])))),
        [
            (f"A{a + 1}", *(f"{100 * p:.0f} ({y}/{n})" if n else "-" for p, y, n in zip(*row, strict=True)))
            for a, row in enumerate(zip(design.estimates(tally.treated[0], tally.dlts[0]), grid_y, grid_n, strict=True))
        ],
    )
    if mtd is not None:
        print(f"MTD if the trial ended now: A{mtd[0] + 1} with B{mtd[1] + 1}")


def _grid(text: str, name: str) -> list[list[int]]:
    """Read rows of whole numbers.

    Raises
    ------
    typer.BadParameter
        if rows have different lengths, or a cell is no whole number.
    """
    rows = [list(whole_numbers(row, name)) for row in text.split(";")]
    if len({len(row) for row in rows}) != 1:
        raise typer.BadParameter("rows have different numbers of columns", param_hint=name)
    return rows
