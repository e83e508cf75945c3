"""The statistical section of a protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from posology.cli._design import DesignOptions
from posology.cli._options import JsonOption, number, options
from posology.cli._output import print_json
from posology.cli.design.compare import scenarios_of
from posology.cli.design.oc import TIMED_TRIALS, World, target_of

app = typer.Typer(no_args_is_help=True)


@app.command("section")
@options
def section(
    scenario: Annotated[
        list[str],
        typer.Option(
            "--scenario",
            metavar="NAME=P1,P2,...",
            help="A scenario: its name, and the true DLT rate of each level, 0 to 1; may be given again.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--output-dir", metavar="DIR", help="The new folder for HTML, Word, CSV and figure.")
    ],
    design: DesignOptions,
    world: World,
    trials: Annotated[
        int, number("--trials", "Simulated trials, for a design that depends on time", least=10, most=10_000_000)
    ] = TIMED_TRIALS,
    as_json: JsonOption = False,
) -> None:
    """Write the statistical section of a protocol: design in words, decision table, operating characteristics,
    references.

    Example: posology design section --design boin --target 0.3 --levels 4 --scenario steep=0.05,0.1,0.3,0.6
    --output-dir section
    """
    from posology.reports.statistical_section.section import statistical_section, write_section

    built = design.build()
    target = design.target if design.target is not None else target_of(built)
    if target is None:
        raise ValueError(
            "give --target: the design has no target DLT rate of its own, and the section compares with it"
        )
    simulation = world.simulation(built, None)
    if simulation is not None:
        simulation = replace(simulation, trials=trials)
    found = statistical_section(built, scenarios_of(None, scenario), target, simulation)
    files = write_section(found, out)
    if as_json:
        print_json({"title": found.title, "files": [str(f) for f in files], "rows": found.characteristics.rows()})
        return
    print("\n".join([found.title, *(f"written: {f}" for f in files)]))
