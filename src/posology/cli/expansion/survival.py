"""A survival endpoint in one arm."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json

app = typer.Typer(no_args_is_help=True)


@app.command("survival")
def survival(
    median: Annotated[
        float, typer.Option("--median", metavar="MONTHS", help="Median survival of no interest, above 0.")
    ],
    shape: Annotated[
        float, typer.Option("--shape", metavar="NUMBER", help="Of the Weibull curve, above 0; 1 is exponential.")
    ] = 1.0,
    hazard_ratio: Annotated[
        float | None,
        typer.Option("--hazard-ratio", metavar="RATIO", help="Of interest, 0 to 1 (else no design is found)."),
    ] = None,
    accrual: Annotated[
        float, typer.Option("--accrual", metavar="MONTHS", help="In which patients come, above 0.")
    ] = 12,
    follow_up: Annotated[
        float, typer.Option("--follow-up", metavar="MONTHS", help="After the last patient, 0 or more.")
    ] = 12,
    alpha: Annotated[float, typer.Option("--alpha", metavar="CHANCE", help="One-sided level, between 0 and 1.")] = 0.05,
    power: Annotated[float, typer.Option("--power", metavar="CHANCE", help="Asked for, between 0 and 1.")] = 0.8,
    data: Annotated[
        str | None,
        typer.Option("--data", metavar="FILE", help="CSV with the columns months and died, 0 or 1 (else no test)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Compare survival in one arm with a known curve: how many patients, and the one-sample log-rank test.

    Example: posology expansion survival --median 6 --hazard-ratio 0.667
    """
    from posology.expansion.one_arm.one_sample_log_rank import (
        KnownSurvival,
        OneSampleLogRank,
        one_sample_log_rank,
    )

    if hazard_ratio is None and data is None:
        raise typer.BadParameter("give it for a design, or --data for a test", param_hint="--hazard-ratio")
    known = KnownSurvival.through(median, 0.5, shape)
    result: dict[str, object] = {}
    if hazard_ratio is not None:
        design = OneSampleLogRank(known, hazard_ratio, accrual, follow_up, alpha, power)
        result["design"] = {
            "patients": design.patients,
            "expected_deaths": design.expected_deaths,
            "power": design.power_of(design.patients),
        }
        if not as_json:
            print(
                f"{design.patients} patients, {design.expected_deaths:.1f} deaths expected at the hazard ratio of interest"
            )
            print(f"power {100 * design.power_of(design.patients):.1f} % at a one-sided level of {100 * alpha:g} %")
    if data is not None:
        months, died = _read(Path(data))
        test = one_sample_log_rank(months, died, known)
        result["test"] = asdict(test)
        if not as_json:
            low, high = test.interval
            print(f"{test.observed} deaths, {test.expected:.1f} expected by a median of {median:g} months")
            print(f"ratio {test.ratio:.2f} (95 % {low:.2f} to {high:.2f}), one-sided p {test.p_value:.4f}")
    if as_json:
        print_json(result)


def _read(path: Path) -> tuple[list[float], list[float]]:
    """Read months and deaths from a CSV file.

    Raises
    ------
    typer.BadParameter
        naming the line and the column that cannot be read.
    """
    import csv

    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise typer.BadParameter(f"{path} cannot be read: {error}", param_hint="--data") from None
    months: list[float] = []
    died: list[float] = []
    for line, row in enumerate(rows, 2):
        for column, values in (("months", months), ("died", died)):
            try:
                values.append(float(row.get(column) or ""))
            except ValueError:
                cell = row.get(column)
                wrong = f"{path}, line {line}: {column} is {cell!r}" if cell else f"{path}, line {line}: no {column}"
                raise typer.BadParameter(f"{wrong}; write a number", param_hint="--data") from None
    return months, died
