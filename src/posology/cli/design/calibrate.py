"""The choice of a design's parameters: skeletons, sample size, what a prior is worth, a search."""

from __future__ import annotations

from math import isnan
from typing import Annotated, Any, Literal

import typer

from posology.cli._options import (
    DesignOption,
    DosesOption,
    JsonOption,
    LevelsNeeded,
    LevelsOption,
    SetOption,
    SkeletonOption,
    TargetNeeded,
    TargetOption,
)
from posology.cli._output import bar, print_json, print_table
from posology.cli.design.compare import ScenarioOption, scenarios_of
from posology.cli.design.oc import TruthsOption

app = typer.Typer(no_args_is_help=True)


SkeletonNeeded = Annotated[
    str, typer.Option("--skeleton", metavar="P1,P2,...", help="Prior guess of each level's DLT rate.")
]


OddsRatioOption = Annotated[
    float,
    typer.Option(
        "--odds-ratio", help="Between neighbouring levels, above 1, in the scenarios taken where none is given."
    ),
]


ModelOption = Annotated[Literal["empiric", "logistic"], typer.Option("--model", help="The CRM's model.")]


@app.command("skeleton")
def skeleton_(
    target: TargetNeeded,
    levels: LevelsNeeded,
    mtd: Annotated[int, typer.Option("--mtd", help="Number of the level that is the prior guess of the MTD.")],
    halfwidth: Annotated[
        float, typer.Option("--halfwidth", help="Half the width of the indifference interval.")
    ] = 0.05,
    model: Annotated[Literal["empiric", "logistic"], typer.Option("--model", help="The CRM's model.")] = "empiric",
    intercept: Annotated[float, typer.Option("--intercept", help="Of the logistic model.")] = 3.0,
    as_json: JsonOption = False,
) -> None:
    """Give a CRM's skeleton by indifference intervals (Lee and Cheung 2009).

    Example: posology design calibrate skeleton --target 0.25 --levels 5 --mtd 3
    """
    from posology.operating.calibrate import skeleton

    found = skeleton(halfwidth, target, mtd, levels, model, intercept)
    print_json({"skeleton": found}) if as_json else print(", ".join(f"{p:.4f}" for p in found))


def _crm(target: float, skeleton: str, **others: Any) -> Any:
    from posology.cli._design import numbers
    from posology.designs import Crm

    rates = numbers(skeleton, "--skeleton")
    return Crm(len(rates), target, skeleton=tuple(rates), **others)


@app.command("sensitivity")
def sensitivity(
    target: TargetNeeded, skeleton: SkeletonNeeded, model: ModelOption = "empiric", as_json: JsonOption = False
) -> None:
    """Say on which level a CRM would settle: the intervals of the DLT rate that belong to each (Cheung and Chappell 2002).

    Example: posology design calibrate sensitivity --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55
    """
    from posology.operating.calibrate import sensitivity as intervals

    found = intervals(_crm(target, skeleton, model=model))
    rows = [
        (k + 1, *(float(a[k]) for a in (found.low_beta, found.high_beta, found.low_rate, found.high_rate)))
        for k in range(len(found.low_beta))
    ]
    heads = ("level", "beta from", "beta to", "rate of the level below", "rate of the level above")
    if as_json:
        print_json([dict(zip(heads, row, strict=True)) for row in rows])
        return
    print_table("Where the CRM settles", heads, [(k, *(f"{v:.4f}" for v in vs)) for k, *vs in rows])


@app.command("initial")
def initial(
    target: TargetNeeded,
    skeleton: SkeletonNeeded,
    patients: Annotated[int, typer.Option("--max", help="Patients in all.")],
    model: ModelOption = "empiric",
    as_json: JsonOption = False,
) -> None:
    """Give an initial sequence that keeps a two-stage CRM coherent: patients at each level in turn.

    Example: posology design calibrate initial --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55 --max 20
    """
    from posology.operating.calibrate import coherent_initial_sequence

    found = coherent_initial_sequence(_crm(target, skeleton, model=model), patients)
    print_json({"initial": found}) if as_json else print(", ".join(map(str, found)))


@app.command("prior")
def prior(
    design: DesignOption = "crm",
    levels: LevelsOption = None,
    target: TargetOption = None,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many patients a model's prior is worth at each level.

    Example: posology design calibrate prior --design crm --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55
    """
    from posology.cli._design import build
    from posology.designs.model_based import ModelBasedDesign
    from posology.operating.calibrate import prior_effective_sample_size

    built = build(design, None, levels, target, None, None, skeleton=skeleton, doses=doses, settings=settings or ())
    if not isinstance(built, ModelBasedDesign):
        raise ValueError(f"{design} has no prior on a model: ask of crm, blrm or ewoc")
    worth = prior_effective_sample_size(built).tolist()
    if as_json:
        print_json({"patients": worth})
        return
    print_table("The prior's worth", ("Level", "Patients"), [(k + 1, f"{w:.2f}") for k, w in enumerate(worth)])


def _scenarios(
    truth: list[str] | None, scenario: list[str] | None, levels: int, target: float, odds_ratio: float
) -> Any:
    """Return (scenarios, levels): those given, or those in which each level in turn is the MTD."""
    import numpy as np

    from posology.operating.scenarios import logistic_set

    if not truth and not scenario:
        return logistic_set(levels, target, odds_ratio)
    rates = np.array(list(scenarios_of(truth, scenario).values()))
    if rates.shape[1] != levels:
        raise ValueError(f"the scenarios have {rates.shape[1]} rates; the design has {levels} levels")
    return rates


@app.command("size")
def size(
    target: TargetNeeded,
    levels: LevelsNeeded,
    correct: Annotated[float, typer.Option("--correct", help="Wished chance of correct selection.")],
    odds_ratio: OddsRatioOption = 2.0,
    truth: TruthsOption = None,
    scenario: ScenarioOption = None,
    design: Annotated[str, typer.Option("--design", metavar="NAME", help="The design.")] = "boin",
    cohort: Annotated[int, typer.Option("--cohort", help="Patients a cohort.")] = 3,
    most: Annotated[int, typer.Option("--up-to", help="The largest size tried.")] = 60,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the smallest sample size with a wished chance of correct selection, exact, averaged over scenarios.

    Where no scenario is given, each level in turn is the MTD, neighbours apart by an odds ratio.

    Example: posology design calibrate size --target 0.3 --levels 4 --correct 0.5 --odds-ratio 2
    """
    from posology.cli._design import build
    from posology.operating.calibrate import required_sample_size

    scenarios = _scenarios(truth, scenario, levels, target, odds_ratio)
    built = build(design, None, levels, target, cohort, most, skeleton=skeleton, doses=doses, settings=settings or ())
    found, tried = required_sample_size(built, scenarios, target, correct, list(range(cohort, most + 1, cohort)))
    if as_json:
        print_json({"patients": found, "tried": tried, "scenarios": scenarios.tolist()})
        return
    print_table(
        "Chance of correct selection", ("Patients", "Chance (%)"), [(n, f"{100 * p:.2f}") for n, p in tried.items()]
    )
    print(f"{found} patients" if found else f"no size up to {most} reaches {100 * correct:g} %")


@app.command("search")
def search(
    choices: Annotated[
        list[str], typer.Option("--try", metavar="NAME=V1,V2,...", help="Values of a parameter to try; may come again.")
    ],
    target: TargetNeeded,
    levels: LevelsNeeded,
    design: Annotated[str, typer.Option("--design", metavar="NAME", help="The design.")] = "boin",
    odds_ratio: OddsRatioOption = 2.0,
    truth: TruthsOption = None,
    scenario: ScenarioOption = None,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a design's parameters against a set of scenarios, exactly; the best first.

    Example: posology design calibrate search --design boin --target 0.3 --levels 4 --try max_patients=24,30 --try cohort=1,3
    """
    from posology.cli._design import assigned, build
    from posology.operating.calibrate import search as searched

    scenarios = _scenarios(truth, scenario, levels, target, odds_ratio)
    values = {}
    for text in choices:
        name, value = assigned(text, "--try")
        values[name] = value if isinstance(value, list) else [value]
    with bar("combinations") as progress:
        tried = searched(
            lambda **given: build(
                design,
                None,
                levels,
                target,
                None,
                None,
                skeleton=skeleton,
                doses=doses,
                settings=[*(settings or ()), *(f"{k}={v}" for k, v in given.items())],
            ),
            values,
            scenarios,
            target,
            progress,
        )
    if as_json:
        print_json([vars(t) | {"accuracy": None if isnan(t.accuracy) else t.accuracy} for t in tried])
        return
    heads = (*values, "Correct (%)", "Overdosed (%)", "Patients", "Accuracy")
    rows = [
        (
            *t.parameters.values(),
            f"{100 * t.correct:.2f}",
            f"{100 * t.overdosed:.2f}",
            f"{t.patients:.1f}",
            "-" if isnan(t.accuracy) else f"{t.accuracy:.3f}",
        )
        for t in tried
    ]
    print_table("Tried, the best first", heads, rows)
