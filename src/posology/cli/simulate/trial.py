"""A whole simulated trial, conducted and written as a record."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from posology.cli._options import JsonOption, SeedOption, day, number
from posology.cli._output import print_json, print_table
from posology.shared.text import counted

if TYPE_CHECKING:
    from posology.simulation.trial import TrialSimulator

app = typer.Typer(no_args_is_help=True)
ASSUMED = (
    (
        "who comes: half with ovarian cancer, as far as the protocol takes it, else endometrial, NSCLC and renal as 2"
        " to 2 to 1"
    ),
    (
        "age 62 to 66 years on average by tumour type, SD 10; histology and platinum status; each attested criterion"
        " not met in 3 %"
    ),
    (
        "tumours other than ovarian: target expression assumed; response by receptor and survival as calibrated in"
        " ovarian cancer"
    ),
    "a toxicity is known on its first day at its worst grade; how long those last that are not ocular",
    (
        "doses are held for ocular grade 2 and pneumonitis grade 2, for others from grade 3, and seen again weekly; a"
        " level less after grade 3; stop at pneumonitis grade 3 and at grade 4"
    ),
    "limits of quantification; residual errors as of tusamitamab ravtansine (Pouzin 2022)",
    (
        "the committee follows the design's advice on the day on which it is settled; nobody withdraws; follow-up ends"
        " after 2 years"
    ),
)
"""What a simulated trial rests on, beside what the models of plasma, toxicity and response do."""


@app.command("trial")
def simulate_trial(
    file: Annotated[
        Path, typer.Argument(metavar="PROTOCOL", help="A protocol file; its drug must be one with a model of toxicity.")
    ],
    trial: Annotated[Path, typer.Argument(metavar="TRIAL", help="The new record to write.")],
    cohort: Annotated[
        str | None,
        typer.Option(
            "--cohort",
            metavar="NAME",
            help="Only this expansion cohort, at the level of --level (else the whole trial).",
        ),
    ] = None,
    level: Annotated[
        int | None, number("--level", "Number of the dose level of --cohort (else the whole trial)", least=1)
    ] = None,
    patients: Annotated[
        int,
        number("--patients", "Patients of an expansion cohort, where the protocol gives no number", least=1, most=5000),
    ] = 40,
    expansion: Annotated[
        bool, typer.Option("--expansion/--no-expansion", help="Open the expansion cohorts once the MTD is declared.")
    ] = True,
    accrual: Annotated[
        float,
        number(
            "--accrual",
            "Patients who come in 28 days: for dose finding, and for each open cohort",
            above=0,
            most=10_000,
        ),
    ] = 3.0,
    arrivals: Annotated[
        Literal["poisson", "fixed"],
        typer.Option("--arrivals", help="Patients come at random (Poisson), or evenly spaced."),
    ] = "poisson",
    cycles: Annotated[
        int | None,
        number("--cycles", "Cycles at most (else until progression, two years at most)", least=1, most=100),
    ] = None,
    until: Annotated[
        date | None,
        typer.Option(
            "--until",
            metavar="DATE",
            parser=day,
            help="The last day simulated, as 2014-12-31 (else the last follow-up).",
        ),
    ] = None,
    seed: SeedOption = 1,
    as_json: JsonOption = False,
) -> None:
    """Conduct a trial of virtual patients and write it as a record: advise, status, readout and exports work on it as
    on a real one.

    From the first consent to the last follow-up, under the record's own rules; every value is marked assumed.

    Example: posology simulate trial protocol.yaml virtual.posology --seed 1
    """
    import tempfile

    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn

    from posology.protocol.load import load_document
    from posology.shared.files import write_bytes
    from posology.simulation.trial import TrialSettings, simulate_trial

    if trial.exists():
        raise ValueError(f"{trial} exists: give the path of a new record")
    if not trial.absolute().parent.is_dir():
        raise ValueError(f"there is no folder {trial.absolute().parent}: make it first")
    if (cohort is None) != (level is None):
        raise ValueError("--cohort and --level go together: a cohort alone is simulated at a level that is given")
    world = TrialSettings(
        seed=seed,
        per_month=accrual,
        arrivals=arrivals,
        expansion=expansion,
        patients=patients,
        cycles=cycles,
        until=until,
        alone=None if cohort is None or level is None else (cohort, level),
    )
    plan = load_document(file)
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder) / "virtual.posology"
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            console=(shown := Console(stderr=True)),
            transient=True,
            disable=not shown.is_terminal,
        ) as bar:
            task = bar.add_task("")
            made = simulate_trial(
                draft,
                plan,
                world,
                lambda on, came: bar.update(task, description=f"{on}: {counted(came, 'patient')} screened"),
            )
        write_bytes(trial, draft.read_bytes())
    result = told(made) | {"trial": str(trial), "seed": seed, "assumed": list(ASSUMED)}
    if as_json:
        print_json(result)
        return
    rows = [[c["level"], c["dose"], c["treated"], c["evaluable"], c["dlt"]] for c in result["levels"]]
    if cohort is None:
        print_table(f"Dose finding: {result['outcome']}", ("Level", "Dose", "Treated", "Evaluable", "DLT"), rows)
    for name, treated in result["cohorts"].items():
        print(f"{name}: {treated} treated")
    print(
        f"{result['screened']} virtual patients screened, {result['screen_failures']} not eligible, {result['treated']}"
        f" treated, {result['start']} to {result['end']}, {result['events']} events: {trial}"
    )
    print("nobody was treated: every value is assumed (--json says what is)")


def told(made: TrialSimulator) -> dict[str, Any]:
    """Return what a simulated trial came to."""
    from posology.conduct.advice import advise
    from posology.record.collected import DispositionEvent

    state, subjects = made.state, [s for s in made.subjects if s.first]
    advice = advise(state, made.today)
    away = [e.fact for p in state.patients.values() for e in p.of(DispositionEvent)]
    dose = f", {advice.dose}" if advice.dose else ""
    return {
        "start": made.start,
        "end": made.today,
        "events": state.seq,
        "screened": len(made.subjects),
        "treated": len(subjects),
        "screen_failures": sum(
            fact.standard_term == "SCREEN FAILURE" for fact in away if isinstance(fact, DispositionEvent)
        ),
        "outcome": f"{advice.action}{f', level {advice.level}{dose}' if advice.level else ''}",
        "mtd": advice.open_level.mtd,
        "decisions": len(state.trial.decisions),
        "levels": [
            {"level": c.level, "dose": c.dose, "treated": c.treated, "evaluable": c.evaluable, "dlt": c.dlt}
            for c in advice.counts
        ],
        "cohorts": {
            name: sum(s.stream == name for s in subjects) for name in dict.fromkeys(s.stream for s in subjects) if name
        },
    }
