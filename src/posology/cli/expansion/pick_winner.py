"""Randomised doses, of which one is picked by its responses."""

from __future__ import annotations

from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import numbers, percent

app = typer.Typer(no_args_is_help=True)

ResponseOption = Annotated[
    str, typer.Option("--response", metavar="P1,P2,...", help="True response rate at each dose, lowest first, 0 to 1.")
]
PatientsOption = Annotated[int, typer.Option("--patients", metavar="N", help="Patients at each dose, 1 or more.")]


@app.command("pick-winner")
def pick_winner(
    patients: PatientsOption,
    response: ResponseOption,
    lead: Annotated[
        int, typer.Option("--lead", metavar="N", help="Responses by which the best must lead; 0 breaks ties by lot.")
    ] = 1,
    margin: Annotated[
        float | None,
        typer.Option(
            "--margin",
            metavar="RATE",
            help="Take the higher of two doses only if its rate is higher by this (ROSE), -1 to 1 (else the winner).",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Pick one of randomised doses by its responses: the chance of each, and the bias of having picked; exact.

    Example: posology expansion pick-winner --patients 30 --response 0.3,0.45 --margin 0.1
    """
    from posology.expansion.dose_comparison.pick_the_winner import pick_the_winner, rose

    rates = numbers(response, "--response")
    result = pick_the_winner(patients, rates, lead=lead) if margin is None else rose(patients, rates, margin)
    rows = [
        {"dose": k + 1, "rate": rate, "picked": float(picked), "observed": float(seen), "bias": float(bias)}
        for k, (rate, picked, seen, bias) in enumerate(
            zip(rates, result.selected, result.observed_rate, result.bias, strict=True)
        )
    ]
    if as_json:
        return print_json({"doses": rows, "inconclusive": result.inconclusive})
    print_table(
        "Chance to be picked, and its observed rate then",
        ("Dose", "True rate", "Picked (%)", "Observed then (%)", "Bias (%)"),
        [
            (
                row["dose"],
                f"{row['rate']:g}",
                percent(row["picked"]),
                percent(row["observed"]),
                f"{100 * row['bias']:+.1f}",
            )
            for row in rows
        ],
    )
    print(f"none is picked with a chance of {percent(result.inconclusive)} %")
