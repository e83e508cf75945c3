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
    out: Annotated[Path | None, typer.Option("--out", help="The file to write it to.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show dose transition pathways: what a design does for every outcome of the next cohorts.

    Example: posology design pathways --design boin --target 0.3 --levels 5 --data "1NNN 2NNT" --cohorts 2
    """
    from posology.cli._design import build, seen
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
    if as_json:
        print_json(tree.rows())
        return
    if form in ("svg", "png"):
        if out is None:
            raise ValueError(f"--format {form} needs --out FILE")
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
