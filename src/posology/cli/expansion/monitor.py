"""Boundaries at each look."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import (
    NullRateOption,
    TruthOption,
    numbers,
    percent,
    whole_numbers,
)

if TYPE_CHECKING:
    from posology.expansion.one_arm.boundaries import Boundaries

app = typer.Typer(no_args_is_help=True)


class Method(StrEnum):
    """How boundaries are found."""

    posterior = "posterior"
    predictive = "predictive"
    bop2 = "bop2"


@app.command("monitor")
def monitor(
    looks: Annotated[str, typer.Option("--looks", metavar="N1,N2,...", help="Patients at each look, increasing.")],
    p0: NullRateOption,
    method: Annotated[
        Method,
        typer.Option("--method", help="What the boundaries rest on: posterior, predictive (Lee and Liu) or bop2."),
    ] = Method.posterior,
    prior: Annotated[
        str | None,
        typer.Option(
            "--prior",
            metavar="A,B",
            help="Shapes of the beta prior, above 0 (else p0 and 1 - p0: one patient's worth).",
        ),
    ] = None,
    futility: Annotated[
        float,
        typer.Option(
            "--futility",
            metavar="CHANCE",
            help="Ends for futility below this chance of a rate above --p0; bop2: lambda.",
        ),
    ] = 0.05,
    success: Annotated[
        float,
        typer.Option(
            "--success", metavar="CHANCE", help="Worth study above this chance of a rate above --p0 (not of bop2)."
        ),
    ] = 0.95,
    gamma: Annotated[
        float, typer.Option("--gamma", help="The power of the share of patients, of bop2, 0 or more.")
    ] = 1.0,
    truth: TruthOption = None,
    as_json: JsonOption = False,
) -> None:
    """Monitor a cohort: the boundaries at each look, and what they do at true response rates; exact.

    Example: posology expansion monitor --looks 10,20,30 --p0 0.2 --truth 0.2,0.4
    """
    from posology.expansion.beta_mixture import BetaMixture
    from posology.expansion.one_arm.bop2 import bop2_binary
    from posology.expansion.one_arm.posterior import posterior_boundaries, predictive_boundaries

    at = whole_numbers(looks, "--looks")
    if not 0 < p0 < 1:
        raise typer.BadParameter(f"{p0:g} does not lie between 0 and 1", param_hint="--p0")
    for name, value in (("--futility", futility), ("--success", success)):
        if not 0 <= value <= 1:
            raise typer.BadParameter(f"{value:g} does not lie between 0 and 1", param_hint=name)
    shapes = numbers(prior, "--prior") if prior else (p0, 1 - p0)
    if len(shapes) != 2:
        raise typer.BadParameter(f"{prior!r} is not two shapes; write 0.2,0.8", param_hint="--prior")
    if method is Method.bop2:
        table = bop2_binary(at, p0, lambda_=futility, gamma=gamma, prior=(shapes[0], shapes[1]))
    elif method is Method.predictive:
        table = predictive_boundaries(at, BetaMixture.of(*shapes), rate=p0, chance=success, futility=futility)
    else:
        table = posterior_boundaries(at, BetaMixture.of(*shapes), futility=(p0, 1 - futility), success=(p0, success))
    _show_boundaries(table, numbers(truth, "--truth") if truth else (), as_json)


def _show_boundaries(table: Boundaries, truth: tuple[float, ...], as_json: bool) -> None:
    result: dict[str, Any] = {"boundaries": table.rows()}
    if truth:
        found = table.characteristics(truth)
        result["characteristics"] = [
            {
                "rate": p,
                "success": float(found.power[k]),
                "early_stop": float(found.early_stop[k]),
                "patients": float(found.patients[k]),
            }
            for k, p in enumerate(truth)
        ]
    if as_json:
        return print_json(result)
    columns = ("Patients", "Futile with at most", "Worth study with at least")
    print_table(
        "Responses at each look", columns, [["-" if v is None else v for v in row.values()] for row in table.rows()]
    )
    if truth:
        print_table(
            "Exact operating characteristics",
            ("True rate", "Worth study (%)", "Ends early (%)", "Patients expected"),
            [
                (f"{row['rate']:g}", percent(row["success"]), percent(row["early_stop"]), f"{row['patients']:.1f}")
                for row in result["characteristics"]
            ],
        )
