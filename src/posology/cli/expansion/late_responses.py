"""Responses that take time to be seen."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import NullRateOption, numbers, percent, whole_numbers

app = typer.Typer(no_args_is_help=True)


@app.command("late-responses")
def late_responses(
    looks: Annotated[str, typer.Option("--looks", metavar="N1,N2,...", help="Patients at each look, increasing.")],
    p0: NullRateOption,
    cutoff: Annotated[
        float, typer.Option("--lambda", metavar="CHANCE", help="Cut-off at the last look, between 0 and 1.")
    ] = 0.9,
    gamma: Annotated[
        float, typer.Option("--gamma", metavar="NUMBER", help="Power by which the cut-off rises, 0 or more.")
    ] = 1.0,
    patients: Annotated[
        int | None, typer.Option("--patients", metavar="N", help="Treated so far (else no decision is asked for).")
    ] = None,
    responses: Annotated[int, typer.Option("--responders", metavar="N", help="Seen so far, 0 or more.")] = 0,
    followed: Annotated[
        str | None,
        typer.Option(
            "--followed",
            metavar="S1,S2,...",
            help="For each patient awaited, the share of the window that has passed, 0 to 1 (else nobody is awaited).",
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option("--truth", metavar="P1,P2,...", help="True response rates to simulate, 0 to 1 (else none)."),
    ] = None,
    accrual: Annotated[
        float, typer.Option("--accrual", metavar="NUMBER", help="Patients a month in the simulation, above 0.")
    ] = 2.0,
    window: Annotated[
        float, typer.Option("--window", metavar="MONTHS", help="In which responses are seen, above 0.")
    ] = 3.0,
    trials: Annotated[int, typer.Option("--trials", metavar="N", help="Trials to simulate, 1 to 1,000,000.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the simulation, 0 or more.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Monitor responses that come late without waiting for every patient (TOP).

    Example: posology expansion late-responses --looks 15,30,45 --p0 0.3 --patients 15 --responders 5 --followed 0.5,0.2
    """
    import numpy as np

    from posology.expansion.one_arm.top import Top

    design = Top(whole_numbers(looks, "--looks"), p0, cutoff, gamma)
    rates = numbers(truth, "--truth") if truth else ()
    if not 1 <= trials <= 1_000_000:
        raise typer.BadParameter(f"{trials} is not between 1 and 1,000,000", param_hint="--trials")
    rng = np.random.default_rng(seed)
    simulated = [
        {"rate": rate, **asdict(design.simulate(rate, rng, patients_a_month=accrual, window=window, trials=trials))}
        for rate in rates
    ]
    decision = None
    if patients is not None:
        decision = design.decide(patients, responses, numbers(followed, "--followed") if followed else ())
    table = [
        {
            "patients": n,
            "futile_at_most": low if low >= 0 else None,
            "accrual_waits_at": design.most_awaited(n) if n < design.looks[-1] else 1,
        }
        for n, low in zip(design.looks, design.complete.futility, strict=True)
    ]
    if as_json:
        return print_json(
            {
                "looks": table,
                "decision": None
                if decision is None
                else {**asdict(decision), "outcome": decision.outcome.name.lower()},
                "simulated": simulated,
            }
        )
    print_table(
        "At each look",
        ("Patients", "Futile with at most, all known", "Accrual waits with awaited"),
        [["-" if v is None else v for v in row.values()] for row in table],
    )
    if decision is not None:
        print(f"{decision.outcome.name.lower().replace('_', ' ')}: {decision.reason}")
    if simulated:
        print_table(
            f"{trials:,} simulated trials, {accrual:g} patients a month, responses within {window:g} months",
            ("True rate", "Promising (%)", "Ends early (%)", "Patients", "Months", "of them waiting"),
            [
                (
                    f"{row['rate']:g}",
                    percent(float(row["promising"])),
                    percent(float(row["early_stop"])),
                    f"{row['patients']:.1f}",
                    f"{row['months']:.1f}",
                    f"{row['waiting']:.1f}",
                )
                for row in simulated
            ],
        )
