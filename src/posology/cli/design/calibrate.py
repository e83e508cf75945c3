"""The choice of a design's parameters: skeletons, sample size, what a prior is worth, a search."""

from __future__ import annotations

from math import isnan
from typing import Annotated, Any, Literal

import typer

from posology.cli._design import (
    DesignOptions,
    DosesOption,
    LevelsNeeded,
    LevelsOption,
    ParamOption,
    SkeletonOption,
    TargetNeeded,
    TargetOption,
)
from posology.cli._options import JsonOption, number
from posology.cli._output import bar, print_json, print_table
from posology.cli.design.compare import ScenarioOption, scenarios_of
from posology.cli.design.oc import TruthsOption
from posology.shared.text import counted
from posology.shared.written_values import assigned, numbers

app = typer.Typer(no_args_is_help=True)
SkeletonNeeded = Annotated[
    str,
    typer.Option(
        "--skeleton", metavar="P1,P2,...", help="Prior guess of each level's DLT rate, each above the one before."
    ),
]
OddsRatioOption = Annotated[
    float,
    number(
        "--odds-ratio", "Odds ratio between neighbouring levels, in the scenarios taken where none is given", above=1
    ),
]
ModelOption = Annotated[Literal["empiric", "logistic"], typer.Option("--model", help="The CRM's model.")]


@app.command("skeleton")
def skeleton_(
    target: TargetNeeded,
    levels: LevelsNeeded,
    mtd: Annotated[int, number("--mtd", "Number of the level that is the prior guess of the MTD", least=1)],
    halfwidth: Annotated[
        float, number("--halfwidth", "Half the width of the indifference interval", above=0, below=1)
    ] = 0.05,
    model: Annotated[Literal["empiric", "logistic"], typer.Option("--model", help="The CRM's model.")] = "empiric",
    intercept: Annotated[float, number("--intercept", "Intercept of the logistic model", least=-100, most=100)] = 3.0,
    as_json: JsonOption = False,
) -> None:
    """Give a CRM's skeleton by indifference intervals (Lee and Cheung 2009).

    Example: posology design calibrate skeleton --target 0.25 --levels 5 --mtd 3
    """
    from posology.operating.calibrate import skeleton

    found = skeleton(halfwidth, target, mtd, levels, model, intercept)
    print_json({"skeleton": found}) if as_json else print(", ".join(f"{p:.4f}" for p in found))


def _crm(target: float, skeleton: str, **others: Any) -> Any:
    from posology.designs import Crm

    rates = numbers(skeleton, "--skeleton")
    return Crm(len(rates), target, skeleton=tuple(rates), **others)


@app.command("sensitivity")
def sensitivity(
    target: TargetNeeded, skeleton: SkeletonNeeded, model: ModelOption = "empiric", as_json: JsonOption = False
) -> None:
    """Say on which level a CRM would settle: the intervals of the DLT rate that belong to each (Cheung and Chappell
    2002).

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
    patients: Annotated[int, number("--max-patients", "Patients in all", least=1, most=1000)],
    model: ModelOption = "empiric",
    as_json: JsonOption = False,
) -> None:
    """Give an initial sequence that keeps a two-stage CRM coherent: patients at each level in turn.

    Example: posology design calibrate initial --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55 --max-patients 20
    """
    from posology.operating.calibrate import coherent_initial_sequence

    found = coherent_initial_sequence(_crm(target, skeleton, model=model), patients)
    print_json({"initial": found}) if as_json else print(", ".join(map(str, found)))


@app.command("prior")
def prior(
    design: Annotated[
        str,
        typer.Option("--design", metavar="NAME", help="The design, one with a prior on a model: crm, blrm or ewoc."),
    ] = "crm",
    levels: LevelsOption = None,
    target: TargetOption = None,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: ParamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say how many patients a model's prior is worth at each level.

    Example: posology design calibrate prior --design crm --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55
    """
    from posology.designs.model_based import ModelBasedDesign
    from posology.operating.calibrate import prior_effective_sample_size

    built = DesignOptions(
        design=design, levels=levels, target=target, skeleton=skeleton, doses=doses, settings=settings
    ).build()
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
    correct: Annotated[float, number("--correct", "Wished chance of correct selection", above=0, below=1)],
    odds_ratio: OddsRatioOption = 2.0,
    truth: TruthsOption = None,
    scenario: ScenarioOption = None,
    design: Annotated[
        str, typer.Option("--design", metavar="NAME", help="The design; `posology design list` lists them.")
    ] = "boin",
    cohort_size: Annotated[int, number("--cohort-size", "Patients in a cohort", least=1)] = 3,
    up_to: Annotated[int, number("--up-to", "The largest sample size tried", least=1, most=1000)] = 60,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: ParamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the smallest sample size with a wished chance of correct selection, exact, averaged over scenarios.

    Where no scenario is given, each level in turn is the MTD, neighbours apart by an odds ratio.

    Example: posology design calibrate size --target 0.3 --levels 4 --correct 0.5 --odds-ratio 2
    """
    from posology.operating.calibrate import required_sample_size

    scenarios = _scenarios(truth, scenario, levels, target, odds_ratio)
    built = DesignOptions(
        design=design,
        levels=levels,
        target=target,
        cohort_size=cohort_size,
        max_patients=up_to,
        skeleton=skeleton,
        doses=doses,
        settings=settings,
    ).build()
    found, tried = required_sample_size(
        built,
        scenarios,
        target,
        correct,
        list(range(cohort_size, up_to + 1, cohort_size)),
    )
    if as_json:
        print_json({"patients": found, "tried": tried, "scenarios": scenarios.tolist()})
        return
    print_table(
        "Chance of correct selection", ("Patients", "Chance (%)"), [(n, f"{100 * p:.2f}") for n, p in tried.items()]
    )
    print(f"{counted(found, 'patient')}" if found else f"no size up to {up_to} reaches {100 * correct:g} %")


@app.command("search")
def search(
    choices: Annotated[
        list[str],
        typer.Option("--grid", metavar="NAME=V1,V2,...", help="Values of a parameter to try; may be given again."),
    ],
    target: TargetNeeded,
    levels: LevelsNeeded,
    design: Annotated[
        str, typer.Option("--design", metavar="NAME", help="The design; `posology design list` lists them.")
    ] = "boin",
    odds_ratio: OddsRatioOption = 2.0,
    truth: TruthsOption = None,
    scenario: ScenarioOption = None,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: ParamOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a design's parameters against a set of scenarios, exactly; the best first.

    Example: posology design calibrate search --design boin --target 0.3 --levels 4 --grid max_patients=24,30 --grid
    cohort=1,3
    """
    from posology.operating.calibrate import search as searched

    scenarios = _scenarios(truth, scenario, levels, target, odds_ratio)
    values = {}
    for text in choices:
        name, value = assigned(text, "--grid")
        values[name] = value if isinstance(value, list) else [value]
    with bar("combinations") as progress:
        tried = searched(
            lambda **tried: DesignOptions(
                design=design,
                levels=levels,
                target=target,
                skeleton=skeleton,
                doses=doses,
                settings=[*(settings or ()), *(f"{name}={value}" for name, value in tried.items())],
            ).build(),
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
