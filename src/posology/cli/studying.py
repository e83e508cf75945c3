"""Commands of the study: designs by scenarios from a file, calibration, and the statistical section."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from posology.cli.common import JsonOption, print_json, print_table
from posology.cli.designing import (
    CohortOption,
    DesignOption,
    DosesOption,
    LevelsOption,
    MaxOption,
    ProtocolOption,
    RuleOption,
    SetOption,
    SkeletonOption,
    StartOption,
    TargetOption,
)

TargetNeeded = Annotated[float, typer.Option("--target", help="Target DLT rate.")]
LevelsNeeded = Annotated[int, typer.Option("--levels", help="Number of dose levels.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    commands: dict[str, Callable[..., None]] = {"study": study, "section": section}
    for name, command in commands.items():
        app.command(name, rich_help_panel="Plan")(command)
    calibrate = typer.Typer(
        help="Choose a design's parameters: skeletons, sample size, what a prior is worth, a search.",
        no_args_is_help=True,
    )
    tools: dict[str, Callable[..., None]] = {
        "skeleton": skeleton_,
        "sensitivity": sensitivity,
        "initial": initial,
        "size": size,
        "prior": prior,
        "search": search,
    }
    for name, tool in tools.items():
        calibrate.command(name)(tool)
    app.add_typer(calibrate, name="calibrate", rich_help_panel="Plan")


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error, and nothing at all where that is no terminal."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what)
        yield lambda done, of: progress.update(task, completed=done, total=of)


def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study file (YAML); `posology example` writes one.")],
    out: Annotated[Path | None, typer.Option("--out", help="The results as CSV.")] = None,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Folder of finished tasks, to resume from (else beside the file).")
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", help="Processes (else one a core).")] = None,
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers do the tasks.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a study: designs by scenarios, exact where that can be, simulated where time matters.

    It resumes where it was interrupted. The results are the same to the last bit whatever the number of workers.

    Example: posology study study.yaml --out results.csv
    """
    from posology.operating.study import read_study, run_study, summary
    from posology.shared.files import write_text

    if workers is not None and workers < 1:
        raise ValueError(f"--workers is {workers}: it must be 1 or more")
    wanted = read_study(file)
    folder = keep or file.with_suffix(".tasks")
    with bar(wanted.study) as progress:
        table = run_study(wanted, folder, workers=workers, scheduler=scheduler, progress=progress)
    short = summary(table)
    if out is not None:
        write_text(out, table.to_csv())
    if as_json:
        print_json({"study": wanted.study, "seed": wanted.seed, "rows": table.rows(), "summary": short.rows()})
        return
    show = lambda value: f"{value:.3f}" if isinstance(value, float) else value
    heads = (
        "design",
        "scenario",
        "of",
        "method",
        "correct",
        "± correct",
        "overdosed",
        "no MTD",
        "patients",
        "DLTs",
        "days",
    )
    print_table(
        f"{wanted.study} (means over the scenarios of a family)",
        heads,
        [[show(row[h]) for h in heads] for row in short.rows()],
    )
    if out is not None:
        print(f"written: {out}")


def section(
    scenario: Annotated[
        list[str], typer.Option("--scenario", metavar="NAME=P1,P2,...", help="True DLT rates; may come again.")
    ],
    out: Annotated[Path, typer.Option("--out", help="A new folder for HTML, Word, CSV and figure.")],
    target: TargetNeeded,
    design: DesignOption = None,
    protocol: ProtocolOption = None,
    levels: LevelsOption = None,
    cohort: CohortOption = None,
    most: MaxOption = None,
    start: StartOption = 1,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    rules: RuleOption = None,
    trials: Annotated[
        int, typer.Option("--trials", help="Simulated trials, for designs that depend on time.")
    ] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of the simulation.")] = 1,
    as_json: JsonOption = False,
) -> None:
    """Write the statistical section of a protocol: design in words, decision table, operating characteristics, references.

    Example: posology section --design boin --target 0.3 --levels 4 --scenario steep=0.05,0.1,0.3,0.6 --out section
    """
    from posology.cli.designing import build, numbers
    from posology.reports.statistical_section.section import statistical_section, write_section

    named: dict[str, list[float]] = {}
    for text in scenario:
        name, equals, rates = text.partition("=")
        if not equals:
            raise ValueError(f"--scenario {text!r}: write NAME=P1,P2,..., as steep=0.05,0.1,0.3,0.6")
        if name in named:
            raise ValueError(f"--scenario {name!r} is given twice: each scenario needs a name of its own")
        named[name] = numbers(rates, "--scenario")
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
    found = statistical_section(built, named, target, trials=trials, seed=seed)
    files = write_section(found, out)
    if as_json:
        print_json({"title": found.title, "files": [str(f) for f in files], "rows": found.characteristics.rows()})
        return
    print("\n".join([found.title, *(f"written: {f}" for f in files)]))


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

    Example: posology calibrate skeleton --target 0.25 --levels 5 --mtd 3
    """
    from posology.operating.calibrate import skeleton

    found = skeleton(halfwidth, target, mtd, levels, model, intercept)
    print_json({"skeleton": found}) if as_json else print(", ".join(f"{p:.4f}" for p in found))


def _crm(target: float, skeleton: str, **others: Any) -> Any:
    from posology.cli.designing import numbers
    from posology.designs import Crm

    rates = numbers(skeleton, "--skeleton")
    return Crm(len(rates), target, skeleton=tuple(rates), **others)


SkeletonNeeded = Annotated[
    str, typer.Option("--skeleton", metavar="P1,P2,...", help="Prior guess of each level's DLT rate.")
]
ModelOption = Annotated[Literal["empiric", "logistic"], typer.Option("--model", help="The CRM's model.")]


def sensitivity(
    target: TargetNeeded, skeleton: SkeletonNeeded, model: ModelOption = "empiric", as_json: JsonOption = False
) -> None:
    """Say on which level a CRM would settle: the intervals of the DLT rate that belong to each (Cheung and Chappell 2002).

    Example: posology calibrate sensitivity --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55
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


def initial(
    target: TargetNeeded,
    skeleton: SkeletonNeeded,
    patients: Annotated[int, typer.Option("--max", help="Patients in all.")],
    model: ModelOption = "empiric",
    as_json: JsonOption = False,
) -> None:
    """Give an initial sequence that keeps a two-stage CRM coherent: patients at each level in turn.

    Example: posology calibrate initial --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55 --max 20
    """
    from posology.operating.calibrate import coherent_initial_sequence

    found = coherent_initial_sequence(_crm(target, skeleton, model=model), patients)
    print_json({"initial": found}) if as_json else print(", ".join(map(str, found)))


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

    Example: posology calibrate prior --design crm --target 0.25 --skeleton 0.05,0.12,0.25,0.4,0.55
    """
    from posology.cli.designing import build
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


def size(
    target: TargetNeeded,
    levels: LevelsNeeded,
    correct: Annotated[float, typer.Option("--correct", help="Wished chance of correct selection.")],
    odds_ratio: Annotated[
        float, typer.Option("--odds-ratio", help="Between neighbouring levels, in the scenarios.")
    ] = 2.0,
    design: Annotated[str, typer.Option("--design", metavar="NAME", help="The design.")] = "boin",
    cohort: Annotated[int, typer.Option("--cohort", help="Patients a cohort.")] = 3,
    most: Annotated[int, typer.Option("--up-to", help="The largest size tried.")] = 60,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give the smallest sample size with a wished chance of correct selection, exact, averaged over the level that is the MTD.

    Example: posology calibrate size --target 0.3 --levels 4 --correct 0.5 --odds-ratio 2
    """
    from posology.cli.designing import build
    from posology.operating.calibrate import required_sample_size
    from posology.operating.scenarios import logistic_set

    built = build(design, None, levels, target, cohort, most, skeleton=skeleton, doses=doses, settings=settings or ())
    found, tried = required_sample_size(
        built, logistic_set(levels, target, odds_ratio), target, correct, list(range(cohort, most + 1, cohort))
    )
    if as_json:
        print_json({"patients": found, "tried": tried})
        return
    print_table(
        "Chance of correct selection", ("Patients", "Chance (%)"), [(n, f"{100 * p:.2f}") for n, p in tried.items()]
    )
    print(f"{found} patients" if found else f"no size up to {most} reaches {100 * correct:g} %")


def search(
    choices: Annotated[
        list[str], typer.Option("--try", metavar="NAME=V1,V2,...", help="Values of a parameter to try; may come again.")
    ],
    target: TargetNeeded,
    levels: LevelsNeeded,
    design: Annotated[str, typer.Option("--design", metavar="NAME", help="The design.")] = "boin",
    odds_ratio: Annotated[
        float, typer.Option("--odds-ratio", help="Between neighbouring levels, in the scenarios.")
    ] = 2.0,
    skeleton: SkeletonOption = None,
    doses: DosesOption = None,
    settings: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Search a design's parameters against a set of scenarios, exactly; the best first.

    Example: posology calibrate search --design boin --target 0.3 --levels 4 --try max_patients=24,30 --try cohort=1,3
    """
    from posology.cli.designing import assigned, build
    from posology.operating.calibrate import search as searched
    from posology.operating.scenarios import logistic_set

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
            logistic_set(levels, target, odds_ratio),
            target,
            progress,
        )
    if as_json:
        print_json([vars(t) for t in tried])
        return
    heads = (*values, "Correct (%)", "Overdosed (%)", "Patients", "Accuracy")
    rows = [
        (
            *t.parameters.values(),
            f"{100 * t.correct:.2f}",
            f"{100 * t.overdosed:.2f}",
            f"{t.patients:.1f}",
            f"{t.accuracy:.3f}",
        )
        for t in tried
    ]
    print_table("Tried, the best first", heads, rows)
