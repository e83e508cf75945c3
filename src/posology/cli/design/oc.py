"""Operating characteristics of a design under true DLT rates: exact, or simulated where time matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import (
    CohortOption,
    DesignOption,
    DosesOption,
    JsonOption,
    LevelsOption,
    MaxOption,
    ProtocolOption,
    RuleOption,
    SetOption,
    SkeletonOption,
    StartOption,
    TargetOption,
)
from posology.cli._output import print_json, print_table

if TYPE_CHECKING:
    from posology.designs import Design
    from posology.operating.evaluation import Simulation

app = typer.Typer(no_args_is_help=True)


TruthsOption = Annotated[
    list[str] | None,
    typer.Option("--truth", metavar="P1,P2,...", help="True DLT rate of each level, 0 to 1; may come again."),
]
TrialsOption = Annotated[
    int | None,
    typer.Option("--simulate", metavar="TRIALS", min=10, help="Simulate so many trials instead of exact results."),
]
SeedOption = Annotated[int, typer.Option("--seed", min=0, help="Of the simulated patients.")]
WindowOption = Annotated[float, typer.Option("--window", help="Simulated: the DLT window, in days, above 0.")]
AccrualOption = Annotated[float, typer.Option("--accrual", help="Simulated: patients in 28 days, above 0.")]
ArrivalsOption = Annotated[
    Literal["poisson", "uniform", "fixed"],
    typer.Option("--arrivals", help="Simulated: at random, uniform from 0 to twice the mean, or evenly spaced."),
]
LateOption = Annotated[
    float,
    typer.Option("--late", help="Simulated: share of the DLTs in the second half of the window, between 0 and 1."),
]
DropoutOption = Annotated[
    float,
    typer.Option("--dropout", help="Simulated: share of patients who leave before the window ends, 0 to below 1."),
]
ResponseOption = Annotated[
    str | None,
    typer.Option(
        "--response", metavar="R1,R2,...", help="Simulated: true response rate of each level, for backfilling."
    ),
]
AcceptableOption = Annotated[
    str | None,
    typer.Option(
        "--acceptable",
        metavar="LOW,HIGH",
        help="Also: how often a level with a true DLT rate in this range is selected.",
    ),
]
TIMED_TRIALS = 10_000


@app.command("oc")
def oc(
    truth: TruthsOption = None,
    design: DesignOption = None,
    protocol: ProtocolOption = None,
    levels: LevelsOption = None,
    target: TargetOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    trials: TrialsOption = None,
    seed: SeedOption = 1,
    window: WindowOption = 28.0,
    accrual: AccrualOption = 3.0,
    arrivals: ArrivalsOption = "poisson",
    late: LateOption = 0.5,
    dropout: DropoutOption = 0.0,
    response: ResponseOption = None,
    grades: Annotated[
        list[str] | None,
        typer.Option(
            "--grades",
            metavar="P0,P1,...",
            help="Instead of --truth, for each level in turn the chances of grades 0, 1, ...; 3 is a DLT.",
        ),
    ] = None,
    acceptable: AcceptableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a design's operating characteristics under true DLT rates: exact, or simulated where time matters.

    A design that depends on counts is enumerated: no Monte Carlo error. Designs that depend on time (TITE-CRM, TITE-BOIN,
    rolling six, backfilling) are simulated, the error beside every figure; the heading says which.

    Example: posology design oc --design boin --target 0.3 --levels 5 --truth 0.05,0.15,0.3,0.45,0.6

    Example: posology design oc --design bf-boin --target 0.25 --levels 4 --truth 0.05,0.15,0.3,0.45 --response 0.2,0.3,0.4,0.5
    """
    from posology.cli._design import build, numbers, parameters
    from posology.operating.evaluation import evaluate

    if bool(truth) == bool(grades):
        raise ValueError("give either --truth, the DLT rate of each level, or --grades, once for each level")
    built = build(
        design,
        protocol,
        levels,
        target,
        cohort,
        most,
        start=start,
        skeleton=skeleton,
        doses=doses,
        settings=settings or (),
        rules=rules or (),
    )
    rates = [numbers(text, "--truth") for text in truth or ()]
    for each in rates:
        if len(each) != built.levels:
            raise ValueError(f"--truth has {len(each)} rates; the design has {built.levels} levels")
    simulation = simulation_of(built, trials, seed, world(window, accrual, arrivals, late, dropout, response))
    found = evaluate(
        built,
        rates,
        target if target is not None else _target(built),
        simulation=simulation,
        grades=[numbers(text, "--grades") for text in grades or ()],
        acceptable=range_of(acceptable),
    )
    if as_json:
        shared: dict[str, Any] = {"parameters": parameters(built)}
        print_json({**found[0], **shared} if len(found) == 1 else {"scenarios": found, **shared})
        return
    for k, data in enumerate(found):
        show(data, f", scenario {k + 1}" if len(found) > 1 else "")


def world(
    window: float, accrual: float, arrivals: str, late: float, dropout: float, response: str | None
) -> dict[str, Any]:
    """Return the options of the world that trials are simulated in."""
    from posology.cli._design import numbers

    return {
        "window": window,
        "accrual": accrual / 28,
        "arrivals": arrivals,
        "late": late,
        "dropout": dropout,
        "response": tuple(numbers(response, "--response")) if response else (),
    }


def simulation_of(design: Design, trials: int | None, seed: int, options: dict[str, Any]) -> Simulation | None:
    """Return how to simulate: where asked for, or where the design depends on time; else None."""
    from posology.designs.tally import DependsOn
    from posology.operating.evaluation import Simulation

    if trials is None and design.depends_on is not DependsOn.TIME:
        return None
    return Simulation(TIMED_TRIALS if trials is None else trials, seed, options)


def range_of(text: str | None) -> tuple[float, float] | None:
    """Read the range of acceptable true DLT rates."""
    from posology.cli._design import numbers

    if text is None:
        return None
    rates = numbers(text, "--acceptable")
    if len(rates) != 2:
        raise ValueError(f"--acceptable is {text!r}: write the lowest and the highest rate, as 0.2,0.35")
    return rates[0], rates[1]


def _target(design: Design) -> float | None:
    from posology.designs.inference import innermost

    return getattr(innermost(design), "target", None)


def heading(data: dict[str, Any]) -> str:
    """Say how results were found: exact, or simulated, and in which world."""
    if data["exact"]:
        return "Exact operating characteristics"
    return (
        f"{data['trials']:,} simulated trials (seed {data['seed']}), ± standard error; window {data['window']:g} days, "
        f"{data['patients_a_month']:g} patients in 28 days ({data['arrivals']})"
    )


def show(data: dict[str, Any], which: str) -> None:
    """Print one scenario's results."""
    exact = data["exact"]

    def figure(name: str, k: int, form: str, scale: float = 1.0) -> str:
        error = "" if exact else f" ± {scale * data[name + '_error'][k]:{form}}"
        return f"{scale * data[name][k]:{form}}{error}"

    heads = [
        "Level",
        "True mean score" if "dlt_rates" in data else "True DLT rate",
        "Selected as MTD (%)",
        "Patients",
        "DLTs",
    ]
    rows: list[list[object]] = [
        [
            k + 1,
            f"{rate:g}",
            figure("selection", k, ".2f", 100.0),
            figure("patients", k, ".2f"),
            figure("dlts", k, ".2f"),
        ]
        for k, rate in enumerate(data["truth"])
    ]
    if "backfilled" in data:
        heads += ["of them backfilled", "Responses", "Selected as OBD (%)"]
        for k, row in enumerate(rows):
            row += [
                f"{data['backfilled'][k]:.2f}",
                f"{data['responses'][k]:.2f}",
                f"{100 * data['obd_selection'][k]:.2f}",
            ]
    print_table(heading(data) + which, heads, rows)
    tail = [
        f"no MTD: {100 * data['no_mtd']:.2f} %",
        f"{data['expected_patients']:.2f} patients and {data['expected_dlts']:.2f} DLTs expected",
    ]
    if "stopped_early" in data:
        tail.append(f"fewer patients than planned: {100 * data['stopped_early']:.2f} %")
    if not exact:
        tail.append(f"{data['days']:.0f} ± {data['days_error']:.1f} days")
    print("; ".join(tail))
    if "endings" in data:
        print("trials end because " + "; ".join(f"{why}: {100 * p:.2f} %" for why, p in data["endings"].items()))
    if "correct" in data:
        print("; ".join(_correctness(data)))
    if "within" in data:
        low, high = data["acceptable"]
        print(f"a level with a true DLT rate from {low:g} to {high:g} is selected: {_percent(data, 'within')}")


def _percent(data: dict[str, Any], name: str) -> str:
    error = f" ± {100 * data[name + '_error']:.2f}" if name + "_error" in data else ""
    return f"{100 * data[name]:.2f}{error} %"


def _correctness(data: dict[str, Any]) -> list[str]:
    right = f"level {data['true_mtd']}" if data["true_mtd"] else "no level: all are too toxic"
    said = [f"correct selection ({right}): {_percent(data, 'correct')}"]
    if "overdosed_60" in data and data["true_mtd"]:
        said.append(f"over 60 % of patients above it: {_percent(data, 'overdosed_60')}")
    if data.get("accuracy") is not None:
        said.append(f"accuracy index {data['accuracy']:.3f}")
    return said
