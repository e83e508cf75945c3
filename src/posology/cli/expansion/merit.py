"""Randomised doses, judged by toxicity and response at once."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json
from posology.cli.expansion._shared import percent

app = typer.Typer(no_args_is_help=True)


@app.command("merit")
def merit(
    toxicity_null: Annotated[
        float, typer.Option("--toxicity-null", metavar="RATE", help="Toxicity rate that is too high, 0 to 1.")
    ],
    toxicity: Annotated[
        float, typer.Option("--toxicity-alt", metavar="RATE", help="Toxicity rate of interest, below --toxicity-null.")
    ],
    response_null: Annotated[
        float, typer.Option("--response-null", metavar="RATE", help="Response rate that is too low, 0 to 1.")
    ],
    response: Annotated[
        float, typer.Option("--response-alt", metavar="RATE", help="Response rate of interest, above --response-null.")
    ],
    levels: Annotated[int, typer.Option("--levels", metavar="N", help="Randomised doses: 2 or 3.")] = 2,
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="CHANCE", help="The most that the type I error may be, 0 to 1.")
    ] = 0.1,
    power: Annotated[
        float, typer.Option("--power", metavar="CHANCE", help="Chance to select an acceptable dose, at least, 0 to 1.")
    ] = 0.6,
    correlation: Annotated[
        float,
        typer.Option("--correlation", metavar="NUMBER", help="Of toxicity and response of a patient, -1 to 1."),
    ] = 0.0,
    max_patients: Annotated[
        int, typer.Option("--max-patients", metavar="N", help="The most patients a dose to look at, 4 to 200.")
    ] = 80,
    as_json: JsonOption = False,
) -> None:
    """Find how many patients to randomise to each dose, judged by toxicity and response (MERIT); exact.

    Example: posology expansion merit --toxicity-null 0.4 --toxicity-alt 0.2 --response-null 0.2 --response-alt 0.4
    """
    from posology.expansion.dose_comparison.merit import MeritRates, merit_search

    if not 4 <= max_patients <= 200:
        raise typer.BadParameter(f"{max_patients} is not between 4 and 200", param_hint="--max-patients")
    design, error, least = merit_search(
        MeritRates(toxicity_null, toxicity, response_null, response),
        doses=levels,
        alpha=alpha,
        power=power,
        correlation=correlation,
        max_patients=max_patients,
    )
    if as_json:
        return print_json({"design": asdict(design), "type_1_error": error, "power": least, "correlation": correlation})
    print(
        f"{design.patients} patients a dose; acceptable with at most {design.max_toxicities} toxicities and at least"
        f" {design.min_responses} responses, both smoothed to not fall with dose"
    )
    print(f"exact type I error {percent(error)} % and power {percent(least)} %, at a correlation of {correlation:g}")
