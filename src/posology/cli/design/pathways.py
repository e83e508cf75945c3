"""Dose transition pathways: what a design does for every outcome of the next cohorts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from posology.cli._design import DesignOptions, Outcomes
from posology.cli._options import JsonOption, in_a_folder, number, options
from posology.cli._output import print_json
from posology.shared.written_values import numbers

app = typer.Typer(no_args_is_help=True)


@app.command("pathways")
@options
def paths(
    design: DesignOptions,
    outcomes: Outcomes,
    cohorts: Annotated[int, number("--cohorts", "Cohorts to look ahead", least=1, most=20)] = 2,
    form: Annotated[
        Literal["text", "table", "csv", "dot", "svg", "png"],
        typer.Option("--format", help="How the tree is shown; svg and png need --output."),
    ] = "text",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth",
            metavar="P1,P2,...",
            help="True DLT rate of each level, 0 to 1: the chance of each path is shown (else not).",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="The file to write it to (else it is printed).", callback=in_a_folder
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show dose transition pathways: what a design does for every outcome of the next cohorts.

    Letters: E escalate, S stay, D de-escalate; MTD and STOP end the trial. With --truth the chance of each path is
    shown.

    Example: posology design pathways --design boin --target 0.3 --levels 5 --data "1NNN 2NNT" --cohorts 2
    """
    from posology.operating.pathways import pathways

    built = design.build()
    tree = pathways(built, outcomes.tally(design, built.levels), cohorts)
    rates = numbers(truth, "--truth") if truth else None
    if as_json:
        print_json(tree.rows(rates))
        return
    if form in ("svg", "png"):
        if out is None:
            raise ValueError(f"--format {form} needs --output FILE")
        from posology.shared.charts import save

        save(tree.plot(rates), out, form)
        print(f"written: {out}")
        return
    text = {
        "text": tree.text,
        "dot": tree.dot,
        "csv": lambda rates: tree.table(rates).to_csv(),
        "table": lambda rates: str(tree.table(rates)),
    }[form](rates)
    if out is None:
        print(text)
    else:
        from posology.shared.files import write_text

        write_text(out, text + "\n")
        print(f"written: {out}")
