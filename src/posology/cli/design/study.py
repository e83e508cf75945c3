"""A study: designs by scenarios, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posology.cli._options import JsonOption, in_a_folder, number
from posology.cli._output import bar, print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command("study")
def study(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A study file (YAML); `posology example` writes one.")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="The file for the results as CSV (else none).", callback=in_a_folder
        ),
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(
            "--cache-dir", metavar="DIR", help="The folder of finished tasks, to resume from (else beside the file)."
        ),
    ] = None,
    workers: Annotated[int | None, number("--workers", "Processes (else one a core)", least=1, most=1024)] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(
            "--scheduler", metavar="ADDRESS", help="A Dask scheduler whose workers do the tasks (else --workers)."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run a study: designs by scenarios, exact where that can be, simulated where time matters.

    It resumes where it was interrupted. The results are the same to the last bit whatever the number of workers.

    Example: posology design study study.yaml --output results.csv
    """
    from posology.operating.study import read_study, run_study, summary
    from posology.shared.files import write_text

    wanted = read_study(file)
    folder = cache or file.with_suffix(".tasks")
    with bar(wanted.study) as progress:
        table = run_study(wanted, folder, workers=workers, scheduler=scheduler, progress=progress)
    short = summary(table)
    if out is not None:
        write_text(out, table.to_csv())
    if as_json:
        print_json({"study": wanted.study, "seed": wanted.seed, "rows": table.rows(), "summary": short.rows()})
        return

    def show(value: Any) -> Any:
        return f"{value:.3f}" if isinstance(value, float) else value

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
