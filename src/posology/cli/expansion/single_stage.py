"""Designs of one stage."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json
from posology.cli.expansion._shared import (
    AlphaOption,
    BetaOption,
    NullRateOption,
    RateOfInterestOption,
    percent,
)

app = typer.Typer(no_args_is_help=True)


class SawToothName(StrEnum):
    """Which number of patients is reported."""

    first = "first"
    all_larger = "all larger"


@app.command("single-stage")
def single_stage(
    p0: NullRateOption,
    p1: RateOfInterestOption,
    alpha: AlphaOption = 0.05,
    beta: BetaOption = 0.2,
    saw_tooth: Annotated[
        SawToothName,
        typer.Option(
            "--saw-tooth",
            help="Which number: first, the smallest that meets the errors, or all larger, from which on every one does.",
        ),
    ] = SawToothName.first,
    max_patients: Annotated[
        int, typer.Option("--max-patients", metavar="N", help="The most patients to look at.")
    ] = 300,
    as_json: JsonOption = False,
) -> None:
    """Find the design of one stage by exact binomial errors (A'Hern).

    Example: posology expansion single-stage --p0 0.05 --p1 0.2
    """
    from posology.expansion.one_arm.single_stage import a_hern

    design = a_hern(
        p0, p1, alpha=alpha, beta=beta, saw_tooth=saw_tooth.value, max_patients=max_patients, tolerance=1e-9
    )
    if as_json:
        return print_json({"p0": p0, "p1": p1, "saw_tooth": saw_tooth.value, **asdict(design)})
    print(f"{design.n} patients; worth further study with more than {design.r} responses")
    print(f"exact type I error {percent(design.type_1_error)} %, power {percent(design.power)} %")
