"""Designs of two stages."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import (
    AlphaOption,
    BetaOption,
    NullRateOption,
    RateOfInterestOption,
    percent,
)

app = typer.Typer(no_args_is_help=True)


class TwoStageKind(StrEnum):
    """Whether the first stage may end for futility alone, or for success too."""

    simon = "simon"
    fleming = "fleming"


@app.command("two-stage")
def two_stage(
    p0: NullRateOption,
    p1: RateOfInterestOption,
    alpha: AlphaOption = 0.05,
    beta: BetaOption = 0.2,
    kind: Annotated[
        TwoStageKind,
        typer.Option("--kind", help="Whose design: simon ends stage 1 for futility, fleming for success too."),
    ] = TwoStageKind.simon,
    max_patients: Annotated[
        int, typer.Option("--max-patients", metavar="N", help="The most patients to look at, 2 to 1000 (fleming: 200).")
    ] = 120,
    as_json: JsonOption = False,
) -> None:
    """Find two-stage designs: minimax, optimal and the admissible ones between; exact.

    Example: posology expansion two-stage --p0 0.1 --p1 0.3
    """
    columns = (
        "Design",
        "Stage 1 ends with",
        "Worth study with",
        "Patients expected",
        "Ends early (%)",
        "Type I error (%)",
        "Power (%)",
        "Best for q",
    )
    if kind is TwoStageKind.fleming:
        from posology.expansion.one_arm.fleming import fleming

        found = dict(
            zip(
                ("optimal", "minimax"),
                fleming(p0, p1, alpha=alpha, beta=beta, max_patients=min(max_patients, 200)),
                strict=True,
            )
        )
        if as_json:
            return print_json({"p0": p0, "p1": p1, "designs": {name: asdict(d) for name, d in found.items()}})
        rows = [
            (
                name,
                f"{d.r1} or fewer, {d.a} or more of {d.n1}",
                f"more than {d.r2} of {d.n}",
                f"{d.expected_patients:.1f}",
                percent(d.early_stop),
                percent(d.type_1_error),
                percent(d.power),
                "",
            )
            for name, d in found.items()
        ]
        return _designs(f"Fleming's two stages, {p0:g} against {p1:g}", columns[:-1], [row[:-1] for row in rows], p0)
    from posology.expansion.one_arm.simon import admissible, simon_designs

    designs = simon_designs(p0, p1, alpha=alpha, beta=beta, max_patients=max_patients)
    chosen = admissible(designs)
    names = ["minimax", *["admissible"] * (len(chosen) - 2), "optimal"] if len(chosen) > 1 else ["minimax and optimal"]
    if as_json:
        return print_json(
            {
                "p0": p0,
                "p1": p1,
                "designs": [
                    {"name": name, **asdict(d), "q_low": low, "q_high": high}
                    for name, (d, low, high) in zip(names, chosen, strict=True)
                ],
            }
        )
    _designs(
        f"Simon's two stages, {p0:g} against {p1:g}",
        columns,
        [
            (
                name,
                f"{d.r1} or fewer of {d.n1}",
                f"more than {d.r} of {d.n}",
                f"{d.expected_patients:.1f}",
                percent(d.early_stop),
                percent(d.type_1_error),
                percent(d.power),
                f"{low:.3f} to {high:.3f}",
            )
            for name, (d, low, high) in zip(names, chosen, strict=True)
        ],
        p0,
    )
    print("q weighs the most patients against those expected: minimax is 1, optimal 0")


def _designs(title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]], p0: float) -> None:
    print_table(title, columns, rows)
    print(f"patients expected and early end at a response rate of {p0:g}; all numbers exact")
