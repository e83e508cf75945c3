"""Operating characteristics of a design under true DLT rates: exact, or simulated where time matters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._design import DesignOptions, parameters
from posology.cli._options import JsonOption, SeedOption, number, options
from posology.cli._output import print_json, print_table
from posology.shared.written_values import numbers

if TYPE_CHECKING:
    from posology.designs import Design
    from posology.operating.evaluation import Simulation

app = typer.Typer(no_args_is_help=True)
TruthsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--truth",
        metavar="P1,P2,...",
        help=(
            "True DLT rate of each level, 0 to 1 (else the other option that gives it); may be given again, a scenario"
            " each."
        ),
    ),
]
AcceptableOption = Annotated[
    str | None,
    typer.Option(
        "--acceptable",
        metavar="LOW,HIGH",
        help="Say as well how often a level with a true DLT rate in this range is selected (else not).",
    ),
]
TIMED_TRIALS = 10_000
"""Simulated trials of a design that depends on time, where none are asked for."""


@dataclass(frozen=True)
class World:
    """The world that trials are simulated in, where they are."""

    seed: SeedOption = 1
    window: Annotated[float, number("--window", "Simulated: the DLT window, in days", above=0, most=1000)] = 28.0
    accrual: Annotated[float, number("--accrual", "Simulated: patients who come in 28 days", above=0, most=10_000)] = (
        3.0
    )
    arrivals: Annotated[
        Literal["poisson", "uniform", "fixed"],
        typer.Option(
            "--arrivals",
            help="Simulated: patients come at random (Poisson), uniformly from 0 to twice the mean, or evenly spaced.",
        ),
    ] = "poisson"
    late: Annotated[
        float,
        number(
            "--late-dlt-share",
            "Simulated: share of the DLTs that come in the second half of the window",
            least=0,
            most=1,
        ),
    ] = 0.5
    dropout: Annotated[
        float, number("--dropout", "Simulated: share of patients who leave before the window ends", least=0, below=1)
    ] = 0.0
    response: Annotated[
        str | None,
        typer.Option(
            "--response",
            metavar="R1,R2,...",
            help="Simulated: true response rate of each level, 0 to 1, for backfilling (else none).",
        ),
    ] = None

    def simulation(self, design: Design, trials: int | None) -> Simulation | None:
        """Return how to simulate: where trials are asked for, or where the design depends on time; else None."""
        from posology.designs.tally import DependsOn
        from posology.operating.evaluation import Simulation

        if trials is None and design.depends_on is not DependsOn.TIME:
            return None
        options = {
            "window": self.window,
            "accrual": self.accrual / 28,
            "arrivals": self.arrivals,
            "late": self.late,
            "dropout": self.dropout,
            "response": tuple(numbers(self.response, "--response")) if self.response else (),
        }
        return Simulation(TIMED_TRIALS if trials is None else trials, self.seed, options)


TrialsOption = Annotated[
    int | None,
    number(
        "--simulate",
        "Simulate so many trials (else exact results; of a design that depends on time, 10,000 trials)",
        metavar="TRIALS",
        least=10,
        most=10_000_000,
    ),
]


@app.command("oc")
@options
def oc(
    design: DesignOptions,
    world: World,
    trials: TrialsOption = None,
    truth: TruthsOption = None,
    grades: Annotated[
        list[str] | None,
        typer.Option(
            "--grades",
            metavar="P0,P1,...",
            help="Chances of grades 0, 1, ... at a level, 3 and above a DLT: once for each level (else --truth).",
        ),
    ] = None,
    acceptable: AcceptableOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give a design's operating characteristics under true DLT rates: exact, or simulated where time matters.

    A design that depends on counts is enumerated: no Monte Carlo error. Designs that depend on time (TITE-CRM,
    TITE-BOIN, rolling six, backfilling) are simulated, the error beside every figure; the heading says which.

    Example: posology design oc --design boin --target 0.3 --levels 5 --truth 0.05,0.15,0.3,0.45,0.6

    Example: posology design oc --design bf-boin --target 0.25 --levels 4 --truth 0.05,0.15,0.3,0.45 --response
    0.2,0.3,0.4,0.5
    """
    from posology.operating.evaluation import evaluate, safety_stop

    if bool(truth) == bool(grades):
        raise ValueError("give either --truth, the DLT rate of each level, or --grades, once for each level")
    built = design.build()
    rates = [numbers(text, "--truth") for text in truth or ()]
    for each in rates:
        if len(each) != built.levels:
            raise ValueError(f"--truth has {len(each)} rates; the design has {built.levels} levels")
    found = evaluate(
        built,
        rates,
        design.target if design.target is not None else target_of(built),
        simulation=world.simulation(built, trials),
        grades=[numbers(text, "--grades") for text in grades or ()],
        acceptable=range_of(acceptable),
    )
    if as_json:
        shared: dict[str, Any] = {"parameters": parameters(built), "safety_stop": safety_stop(built)}
        print_json({**found[0], **shared} if len(found) == 1 else {"scenarios": found, **shared})
        return
    for k, data in enumerate(found):
        show(data, f", scenario {k + 1}" if len(found) > 1 else "")
    print(f"stops for safety: {_safety(built)}")


def _safety(design: Design) -> str:
    """Say when a design ends for safety; where it never does, how it would."""
    from posology.designs.inference import innermost
    from posology.designs.model_based import ModelBasedDesign
    from posology.operating.evaluation import safety_stop

    rule = safety_stop(design)
    if rule == "none" and isinstance(innermost(design), ModelBasedDesign):
        return "never; with --set stop_toxic=0.95 --set stop_toxic_from=3 it does, as `design compare` has it"
    return "never" if rule == "none" else rule


def range_of(text: str | None) -> tuple[float, float] | None:
    """Read the range of acceptable true DLT rates."""
    if text is None:
        return None
    rates = numbers(text, "--acceptable")
    if len(rates) != 2:
        raise ValueError(f"--acceptable is {text!r}: write the lowest and the highest rate, as 0.2,0.35")
    return rates[0], rates[1]


def target_of(design: Design) -> float | None:
    """Return a design's target DLT rate, None if it has none."""
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
        value = scale * data[name][k]
        return f"{'<0.01' if 0 < value < 0.005 else format(value, form)}{error}"

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
