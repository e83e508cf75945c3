"""A study: designs by scenarios, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posology.cli._options import JsonOption
from posology.cli._output import bar, print_json, print_table

app = typer.Typer(no_args_is_help=True)


@app.command("study")
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

    Example: posology design study study.yaml --out results.csv
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
