"""The statistical section of a protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import (
    CohortOption,
    DesignOption,
    DosesOption,
    JsonOption,
    LevelsOption,
    MaxOption,
    ProtocolOption,
    RuleOption,
    SetOption,
    SkeletonOption,
    StartOption,
    TargetNeeded,
)
from posology.cli._output import print_json
from posology.cli.design.compare import scenarios_of
from posology.cli.design.oc import (
    TIMED_TRIALS,
    AccrualOption,
    ArrivalsOption,
    DropoutOption,
    LateOption,
    ResponseOption,
    SeedOption,
    WindowOption,
    simulation_of,
    world,
)

app = typer.Typer(no_args_is_help=True)


@app.command("section")
def section(
    scenario: Annotated[
        list[str], typer.Option("--scenario", metavar="NAME=P1,P2,...", help="True DLT rates; may come again.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder for HTML, Word, CSV and figure.")],
    target: TargetNeeded,
    design: DesignOption = None,
    protocol: ProtocolOption = None,
    levels: LevelsOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    trials: Annotated[
        int, typer.Option("--trials", min=10, help="Simulated trials, for designs that depend on time.")
    ] = TIMED_TRIALS,
    seed: SeedOption = 1,
    window: WindowOption = 28.0,
    accrual: AccrualOption = 3.0,
    arrivals: ArrivalsOption = "poisson",
    late: LateOption = 0.5,
    dropout: DropoutOption = 0.0,
    response: ResponseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the statistical section of a protocol: design in words, decision table, operating characteristics, references.

    Example: posology design section --design boin --target 0.3 --levels 4 --scenario steep=0.05,0.1,0.3,0.6 --out section
    """
    from posology.cli._design import build
    from posology.reports.statistical_section.section import statistical_section, write_section

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
    simulation = simulation_of(built, None, seed, world(window, accrual, arrivals, late, dropout, response))
    if simulation is not None:
        simulation = replace(simulation, trials=trials)
    found = statistical_section(built, scenarios_of(None, scenario), target, simulation)
    files = write_section(found, out)
    if as_json:
        print_json({"title": found.title, "files": [str(f) for f in files], "rows": found.characteristics.rows()})
        return
    print("\n".join([found.title, *(f"written: {f}" for f in files)]))
