"""Dose transition pathways: what a design does for every outcome of the next cohorts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from posology.cli._options import (
    CohortOption,
    DataOption,
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
from posology.cli._output import print_json

if TYPE_CHECKING:
    pass

app = typer.Typer(no_args_is_help=True)


@app.command("pathways")
def paths(
    data: DataOption = "",
    cohorts: Annotated[int, typer.Option("--cohorts", help="Cohorts to look ahead.")] = 2,
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
    form: Annotated[
        Literal["text", "table", "csv", "dot", "svg", "png"], typer.Option("--format", help="How to show the tree.")
    ] = "text",
    truth: Annotated[
        str | None,
        typer.Option(
            "--truth", metavar="P1,P2,...", help="True DLT rate of each level: the chance of each path is shown."
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="The file to write it to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show dose transition pathways: what a design does for every outcome of the next cohorts.

    Letters: E escalate, S stay, D de-escalate; MTD and STOP end the trial. With --truth the chance of each path is shown.

    Example: posology design pathways --design boin --target 0.3 --levels 5 --data "1NNN 2NNT" --cohorts 2
    """
    from posology.cli._design import build, numbers, seen
    from posology.operating.pathways import pathways

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
    tree = pathways(built, seen(data, built.levels), cohorts)
    rates = numbers(truth, "--truth") if truth else None
    if as_json:
        print_json(tree.rows(rates))
        return
    if form in ("svg", "png"):
        if out is None:
            raise ValueError(f"--format {form} needs --out FILE")
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
