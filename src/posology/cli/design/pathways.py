"""Dose transition pathways: what a design does for every outcome of the next cohorts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from posology.cli._design import DesignOptions, OutcomesOption, seen
from posology.cli._options import JsonOption, in_a_folder, number, options
from posology.cli._output import print_json

app = typer.Typer(no_args_is_help=True)


@app.command("pathways")
@options
def paths(
    design: DesignOptions,
    data: OutcomesOption = "",
    cohorts: Annotated[int, number("--cohorts", "Cohorts to look ahead", least=1, most=20)] = 2,
    form: Annotated[
        Literal["text", "table", "csv", "dot", "svg", "png"],
        typer.Option("--format", help="How the tree is shown; svg and png need --output."),
    ] = "text",
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="The file to write it to (else it is printed).", callback=in_a_folder
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show dose transition pathways: what a design does for every outcome of the next cohorts.

    Example: posology design pathways --design boin --target 0.3 --levels 5 --data "1NNN 2NNT" --cohorts 2
    """
    from posology.operating.pathways import pathways

    built = design.build()
    tree = pathways(built, seen(data, built.levels), cohorts)
    if as_json:
        print_json(tree.rows())
        return
    if form in ("svg", "png"):
        if out is None:
            raise ValueError(f"--format {form} needs --output FILE")
        from posology.shared.charts import save

        save(tree.plot(), out, form)
        print(f"written: {out}")
        return
    text = {
        "text": tree.text,
        "dot": tree.dot,
        "csv": lambda: tree.table().to_csv(),
        "table": lambda: str(tree.table()),
    }[form]()
    if out is None:
        print(text)
    else:
        from posology.shared.files import write_text

        write_text(out, text + "\n")
        print(f"written: {out}")
