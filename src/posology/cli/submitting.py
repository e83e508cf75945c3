"""Commands for submission: analysis datasets out of SDTM, and whether datasets keep to the standard."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from posology.cli.common import JsonOption, day, print_json


class FormatName(StrEnum):
    """The formats in which a dataset is written."""

    xpt = "xpt"
    json = "json"
    ndjson = "ndjson"
    parquet = "parquet"
    csv = "csv"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("adam", rich_help_panel="Report")(adam)
    app.command("conform", rich_help_panel="Report")(conform)


def adam(
    sdtm: Annotated[Path, typer.Argument(metavar="SDTM", help="A folder of SDTM datasets.")],
    out: Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")],
    cutoff: Annotated[
        date | None, typer.Option("--cutoff", metavar="DATE", parser=day, help="The data cutoff (else all there is).")
    ] = None,
    formats: Annotated[
        list[FormatName] | None, typer.Option("--format", help="The format of the datasets; may be given again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Derive ADSL, ADAE, ADEX and ADLB from SDTM at a data cutoff, with their Define-XML 2.1.

    Example: posology adam sdtm adam --cutoff 2014-12-31 --format xpt --format json
    """
    from rich.console import Console

    from posology.interchange.adam.analysis import export
    from posology.interchange.adam.source import Rules

    with Console(stderr=True).status("deriving"):
        files, made = export(sdtm, out, Rules(cutoff=cutoff), tuple(f.value for f in formats or [FormatName.xpt]))
    if as_json:
        print_json({"datasets": {d.name: d.frame.height for d in made.datasets}, "files": files,
                    "findings": [str(f) for f in made.findings]})  # fmt: skip
        return
    for finding in made.findings:
        print(finding)
    for dataset in made.datasets:
        print(f"{dataset.name}: {dataset.frame.height} rows, {dataset.frame.width} variables")
    print(f"wrote {len(files)} files to {out}; {len(made.findings)} findings")


def conform(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of SDTM or ADaM datasets.")],
    as_json: JsonOption = False,
) -> None:
    """Check datasets against the structural rules of SDTM or ADaM; ends with status 1 if one is broken.

    Example: posology conform adam
    """
    from posology.interchange.conformance import conform as look

    findings = look(folder)
    if as_json:
        print_json([str(finding) for finding in findings])
    else:
        for finding in findings:
            print(finding)
        print(f"{len(findings)} findings")
    raise typer.Exit(1 if findings else 0)
