"""The optimal dose by toxicity and response."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import print_json, print_table
from posology.cli.expansion._shared import numbers, percent

if TYPE_CHECKING:
    from posology.expansion.optimal_dose.boin12 import Boin12
    from posology.expansion.optimal_dose.characteristics import OptimalDoseCharacteristics
    from posology.expansion.optimal_dose.uboin import UBoin

app = typer.Typer(no_args_is_help=True)


class Method(StrEnum):
    """Which design finds the dose."""

    boin12 = "boin12"
    u_boin = "u-boin"


@app.command("optimal-dose")
def optimal_dose(
    levels: Annotated[int, typer.Option("--levels", metavar="N", help="Dose levels, 2 to 50.")],
    max_toxicity: Annotated[
        float, typer.Option("--max-toxicity", metavar="RATE", help="Greatest acceptable toxicity rate, 0 to 1.")
    ],
    min_response: Annotated[
        float, typer.Option("--min-response", metavar="RATE", help="Least acceptable response rate, 0 to 1.")
    ],
    method: Annotated[Method, typer.Option("--method", help="Which design.")] = Method.boin12,
    utility: Annotated[
        str,
        typer.Option(
            "--utility",
            metavar="E,N,B,T",
            help="Worth, 0 to 100, of efficacy alone, neither, both, and toxicity alone.",
        ),
    ] = "100,40,60,0",
    max_patients: Annotated[int, typer.Option("--max-patients", metavar="N", help="In all, 1 to 500.")] = 36,
    cohort_size: Annotated[int, typer.Option("--cohort-size", metavar="N", help="Patients a cohort, 1 to 20.")] = 3,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="OUTCOMES",
            help="Seen so far, as '1NNN 2ENT': level, then a letter a patient: N neither, E efficacy, T toxicity, B both (else nobody).",
        ),
    ] = None,
    toxicity: Annotated[
        str | None,
        typer.Option("--toxicity", metavar="P1,P2,...", help="True toxicity rate of each level (else no simulation)."),
    ] = None,
    response: Annotated[
        str | None,
        typer.Option(
            "--response", metavar="P1,P2,...", help="True response rate of each level, 0 to 1 (else no simulation)."
        ),
    ] = None,
    correlation: Annotated[
        float,
        typer.Option("--correlation", metavar="NUMBER", help="Of toxicity and response of a patient, -1 to 1."),
    ] = 0.0,
    trials: Annotated[int, typer.Option("--trials", metavar="N", help="To simulate, 1 to 1,000,000.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the simulation, 0 or more.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Find the dose that is worth most, by toxicity and response: what comes next, or operating characteristics.

    Example: posology expansion optimal-dose --levels 5 --max-toxicity 0.35 --min-response 0.25 --data "1NNN 2ENT"
    """
    import numpy as np

    from posology.expansion.joint_outcomes import JointTally, joint_chances
    from posology.expansion.optimal_dose.characteristics import simulate_optimal_dose

    for name, value, most in (("--max-patients", max_patients, 500), ("--cohort-size", cohort_size, 20)):
        if not 1 <= value <= most:
            raise typer.BadParameter(f"{value} is not between 1 and {most}", param_hint=name)
    if not 1 <= trials <= 1_000_000:
        raise typer.BadParameter(f"{trials} is not between 1 and 1,000,000", param_hint="--trials")
    design = _design(method, levels, (max_toxicity, min_response), utility, max_patients)
    if (toxicity is None) != (response is None):
        raise typer.BadParameter("give the true rates of both, or of neither", param_hint="--toxicity")
    if toxicity is None or response is None:
        return _next(design, JointTally.of(data or "", levels), as_json)
    rates = numbers(toxicity, "--toxicity"), numbers(response, "--response")
    for name, values in zip(("--toxicity", "--response"), rates, strict=True):
        if len(values) != levels:
            raise typer.BadParameter(f"{len(values)} rates for {levels} levels", param_hint=name)
    result = simulate_optimal_dose(
        design, joint_chances(*rates, correlation), np.random.default_rng(seed), trials=trials, cohort=cohort_size
    )
    _show(result, rates, design, as_json)


def _design(
    method: Method, levels: int, limits: tuple[float, float], utility: str, max_patients: int
) -> Boin12 | UBoin:
    from posology.expansion.optimal_dose.boin12 import Boin12
    from posology.expansion.optimal_dose.uboin import UBoin
    from posology.expansion.optimal_dose.utility import Utility

    worth = numbers(utility, "--utility")
    if len(worth) != 4:
        raise typer.BadParameter(f"{utility!r} is not four numbers; write 100,40,60,0", param_hint="--utility")
    kind = Boin12 if method is Method.boin12 else UBoin
    return kind(levels, *limits, utility=Utility(*worth), max_patients=max_patients)


def _next(design: Boin12 | UBoin, tally: object, as_json: bool) -> None:
    """Show what comes next, and what is known of each level."""
    from posology.designs.tally import NONE, Action
    from posology.expansion.joint_outcomes import JointTally
    from posology.expansion.optimal_dose.boin12 import Boin12

    assert isinstance(tally, JointTally)
    decision = design.decide(tally)
    action, level = Action(int(decision.action[0])), int(decision.level[0])
    if isinstance(design, Boin12):
        evidence = design.evidence(tally)
        admissible, mean = design.admissible(evidence)[0], design.mean_utility(tally)[0]
        overdose, futility = evidence.overdose[0], evidence.futility[0]
    else:
        posterior = design.posterior(tally)
        admissible, mean = ~design.eliminated(tally)[0], posterior.mean[0]
        overdose, futility = posterior.overdose[0], posterior.futility[0]
    rows = [
        {
            "level": k + 1,
            "patients": int(tally.treated[0, k]),
            "toxicities": int(tally.toxicities[0, k]),
            "responses": int(tally.responses[0, k]),
            "mean_utility": float(mean[k]),
            "too_toxic": float(overdose[k]),
            "too_rarely_works": float(futility[k]),
            "may_be_given": bool(admissible[k]),
        }
        for k in range(design.levels)
    ]
    if as_json:
        return print_json(
            {"action": action.name.lower(), "level": None if level == NONE else level + 1, "levels": rows}
        )
    words = {
        Action.DECLARE: f"the trial is over: level {level + 1} is the optimal dose",
        Action.STOP: "stop: no level is acceptable",
    }.get(action, f"{action.name.lower()}: treat the next cohort at level {level + 1}")
    print(words)
    print_table(
        "What is known of each level",
        (
            "Level",
            "Patients",
            "Toxicities",
            "Responses",
            "Mean utility",
            "Too toxic (%)",
            "Works too rarely (%)",
            "May be given",
        ),
        [
            (
                row["level"],
                row["patients"],
                row["toxicities"],
                row["responses"],
                f"{row['mean_utility']:.1f}",
                percent(float(row["too_toxic"])),
                percent(float(row["too_rarely_works"])),
                "yes" if row["may_be_given"] else "no",
            )
            for row in rows
        ],
    )


def _show(
    result: OptimalDoseCharacteristics,
    rates: tuple[tuple[float, ...], tuple[float, ...]],
    design: Boin12 | UBoin,
    as_json: bool,
) -> None:
    """Show operating characteristics."""
    rows = [
        {
            "level": k + 1,
            "toxicity": toxicity,
            "response": response,
            "utility": design.utility.mean(toxicity, response),
            "selected": float(result.selected[k]),
            "patients": float(result.patients[k]),
        }
        for k, (toxicity, response) in enumerate(zip(*rates, strict=True))
    ]
    if as_json:
        return print_json(
            {"levels": rows, "none": result.none, "patients": result.total_patients, "trials": result.trials}
        )
    print_table(
        f"{result.trials:,} simulated trials",
        ("Level", "Toxicity", "Response", "Utility", "Selected (%)", "Patients"),
        [
            (
                row["level"],
                f"{row['toxicity']:g}",
                f"{row['response']:g}",
                f"{row['utility']:.1f}",
                percent(row["selected"]),
                f"{row['patients']:.1f}",
            )
            for row in rows
        ],
    )
    print(f"no level with a chance of {percent(result.none)} %; {result.total_patients:.1f} patients expected in all")
