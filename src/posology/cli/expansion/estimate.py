"""The response rate after two stages."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json
from posology.cli.expansion._shared import (
    NullRateOption,
    percent,
)

app = typer.Typer(no_args_is_help=True)


@app.command("estimate")
def estimate(
    responses: Annotated[
        int, typer.Option("--responders", metavar="X", help="Responses in all; of stage 1 if it ended there.")
    ],
    design: Annotated[
        str,
        typer.Option("--design", metavar="R1/N1,N", help="Stage 1 ends with R1 or fewer of N1; N patients in the end."),
    ],
    p0: NullRateOption,
    alpha: Annotated[
        float, typer.Option("--alpha", metavar="CHANCE", help="Of each one-sided limit, between 0 and 0.5.")
    ] = 0.05,
    exact: Annotated[
        bool, typer.Option("--exact", help="The upper limit that covers for certain, not the paper's.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Estimate the response rate after a two-stage trial: unbiased, with p-value and interval.

    Example: posology expansion estimate --responders 10 --design 1/12,35 --p0 0.1
    """
    from posology.expansion.one_arm.two_stage_inference import two_stage_inference

    first, _, n = design.partition(",")
    r1, _, n1 = first.partition("/")
    try:
        sizes = int(r1), int(n1), int(n)
    except ValueError:
        raise typer.BadParameter(f"{design!r} is no design; write 1/12,35", param_hint="--design") from None
    found = two_stage_inference(responses, *sizes, p0=p0, alpha=alpha, upper_limit="exact" if exact else "p-value")
    if as_json:
        return print_json(asdict(found))
    print(f"response rate {percent(found.umvue)} % (unbiased; responses by patients: {percent(found.naive)} %)")
    print(f"{100 * (1 - 2 * alpha):g} % interval {percent(found.lower)} to {percent(found.upper)} %")
    print(f"one-sided p-value against {p0:g}: {found.p_value:.4g}")
