"""One arm: designs of two stages or one, monitoring, and the estimate after two stages."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import (
    AlphaOption,
    BetaOption,
    NullRateOption,
    RateOfInterestOption,
    TruthOption,
    numbers,
    percent,
    whole_numbers,
)

if TYPE_CHECKING:
    from posology.expansion.one_arm.boundaries import Boundaries


class TwoStageKind(StrEnum):
    """Whether the first stage may end for futility alone, or for success too."""

    simon = "simon"
    fleming = "fleming"


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


class SawToothName(StrEnum):
    """Which number of patients is reported."""

    first = "first"
    all_larger = "all larger"


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


class Method(StrEnum):
    """How boundaries are found."""

    posterior = "posterior"
    predictive = "predictive"
    bop2 = "bop2"


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
