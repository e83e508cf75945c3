"""Toxicity boundaries of a cohort."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import numbers, percent, whole_numbers

if TYPE_CHECKING:
    from posology.expansion.one_arm.toxicity_boundaries import Statistic

app = typer.Typer(no_args_is_help=True)


class Method(StrEnum):
    """How the boundary spends its error."""

    pocock = "pocock"
    obrien_fleming = "obrien-fleming"
    wang_tsiatis = "wang-tsiatis"
    beta_binomial = "beta-binomial"
    sprt = "sprt"
    max_sprt = "max-sprt"


@app.command("toxicity")
def toxicity(
    p0: Annotated[float, typer.Option("--p0", metavar="RATE", help="Acceptable toxicity rate, between 0 and 1.")],
    patients: Annotated[
        int | None,
        typer.Option("--patients", metavar="N", help="Watch after each of so many patients, 1 to 500 (else --looks)."),
    ] = None,
    looks: Annotated[
        str | None,
        typer.Option("--looks", metavar="N1,N2,...", help="Patients at each look, increasing (else --patients)."),
    ] = None,
    alpha: Annotated[
        float,
        typer.Option("--alpha", metavar="CHANCE", help="The most that the chance of ending may be at --p0, 0 to 1."),
    ] = 0.05,
    method: Annotated[
        Method, typer.Option("--method", help="What is compared with a constant at each look.")
    ] = Method.pocock,
    p1: Annotated[
        float | None,
        typer.Option("--p1", metavar="RATE", help="Unacceptable toxicity rate, for sprt (else none), --p0 to 1."),
    ] = None,
    shape: Annotated[
        float, typer.Option("--shape", metavar="NUMBER", help="Of wang-tsiatis: 0 is O'Brien-Fleming, 0.5 Pocock.")
    ] = 0.25,
    prior: Annotated[
        str | None,
        typer.Option(
            "--prior", metavar="A,B", help="Shapes of beta-binomial's prior, above 0 (else --p0 and its rest)."
        ),
    ] = None,
    truth: Annotated[
        str | None,
        typer.Option("--truth", metavar="P1,P2,...", help="True toxicity rates, 0 to 1 (else --p0 alone)."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Find when a cohort is too toxic to go on: so many toxicities at so many patients; exact.

    Example: posology expansion toxicity --p0 0.2 --patients 20 --alpha 0.1 --truth 0.2,0.4
    """
    from posology.expansion.one_arm.toxicity_boundaries import toxicity_boundaries

    if (patients is None) == (looks is None):
        raise typer.BadParameter("give --patients, or --looks", param_hint="--patients")
    if patients is not None and not 1 <= patients <= 500:
        raise typer.BadParameter(f"{patients} is not between 1 and 500", param_hint="--patients")
    at = range(1, patients + 1) if patients else whole_numbers(looks or "", "--looks")
    shapes = numbers(prior, "--prior") if prior else (p0, 1 - p0)
    if len(shapes) != 2:
        raise typer.BadParameter(f"{prior!r} is not two shapes; write 0.4,1.6", param_hint="--prior")
    table = toxicity_boundaries(at, p0, alpha, _statistic(method, p1, shape, (shapes[0], shapes[1])))
    result = table.characteristics(numbers(truth, "--truth") if truth else (p0,))
    rows = [
        {"patients": n, "toxicities": reached if reached <= n else None}
        for n, reached in zip(table.looks, table.success, strict=True)
    ]
    characteristics = [
        {"rate": float(rate), "ends": float(ends), "patients": float(mean)}
        for rate, ends, mean in zip(result.rate, result.power, result.patients, strict=True)
    ]
    if as_json:
        return print_json({"method": method.value, "boundary": rows, "characteristics": characteristics})
    first: dict[int, list[int]] = {}
    for n, reached in zip(table.looks, table.success, strict=True):
        if reached <= n:
            first.setdefault(reached, []).append(n)
    print_table(
        "Too toxic to go on",
        ("Toxicities, or more", "In patients"),
        [(count, _range(at)) for count, at in first.items()],
    )
    print_table(
        "Exact operating characteristics",
        ("True rate", "Ends too toxic (%)", "Patients expected"),
        [(f"{row['rate']:g}", percent(row["ends"]), f"{row['patients']:.1f}") for row in characteristics],
    )


def _statistic(method: Method, p1: float | None, shape: float, prior: tuple[float, float]) -> Statistic:
    from posology.expansion.one_arm import toxicity_boundaries as rules

    if method is Method.sprt:
        if p1 is None:
            raise typer.BadParameter("sprt needs the unacceptable rate", param_hint="--p1")
        return rules.sprt(p1)
    return {
        Method.pocock: rules.pocock,
        Method.obrien_fleming: lambda: rules.wang_tsiatis(0.0),
        Method.wang_tsiatis: lambda: rules.wang_tsiatis(shape),
        Method.beta_binomial: lambda: rules.beta_binomial(*prior),
        Method.max_sprt: rules.max_sprt,
    }[method]()


def _range(patients: list[int]) -> str:
    """Write looks: "4 to 7" where they follow one another."""
    if len(patients) > 1 and patients[-1] - patients[0] == len(patients) - 1:
        return f"{patients[0]} to {patients[-1]}"
    return ", ".join(map(str, patients))
