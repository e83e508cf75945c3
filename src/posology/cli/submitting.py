"""Commands for submission: analysis datasets out of SDTM, and whether datasets keep to the standard."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posology.cli.common import JsonOption, TrialArgument, day, print_json

if TYPE_CHECKING:
    from posology.interchange.adam.analysis import Analysis
    from posology.interchange.datasets.formats import Format


class FormatName(StrEnum):
    """The formats in which a dataset is written."""

    xpt = "xpt"
    json = "json"
    ndjson = "ndjson"
    parquet = "parquet"
    csv = "csv"


class RulesName(StrEnum):
    """Whose rules the responses and times to event follow."""

    recist = "recist"
    admiralonco = "admiralonco"


OutArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")]
CutoffOption = Annotated[
    date | None, typer.Option("--cutoff", metavar="DATE", parser=day, help="The data cutoff (else all there is).")
]
FormatOption = Annotated[
    list[FormatName] | None, typer.Option("--format", help="The format of the datasets; may be given again.")
]
RulesOption = Annotated[
    RulesName,
    typer.Option("--rules", help="Responses and times by RECIST 1.1, from first dose, or as admiralonco has them."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("adam", rich_help_panel="Report")(adam)
    app.command("conform", rich_help_panel="Report")(conform)


def adam(
    sdtm: Annotated[Path, typer.Argument(metavar="SDTM", help="A folder of SDTM datasets.")],
    out: OutArgument,
    cutoff: CutoffOption = None,
    formats: FormatOption = None,
    rules: RulesOption = RulesName.recist,
    leave_out: Annotated[
        list[str] | None, typer.Option("--leave-out", metavar="NAME", help="A dataset not to read; may be given again.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Derive analysis datasets (ADaM) from SDTM at a data cutoff, with their Define-XML 2.1.

    Example: posology adam sdtm adam --cutoff 2014-12-31 --format xpt --format json
    """
    from rich.console import Console

    from posology.interchange.adam.analysis import Analysis, export, read_folder
    from posology.interchange.adam.source import PRESETS

    with Console(stderr=True).status("deriving"):
        domains, findings = read_folder(sdtm, leave_out or ())
        files, made = export(domains, out, replace(PRESETS[rules.value], cutoff=cutoff), names(formats))
    told(files, Analysis(made.datasets, (*findings, *made.findings)), out, as_json)


def export_adam(
    trial: TrialArgument,
    out: OutArgument,
    cutoff: CutoffOption = None,
    formats: FormatOption = None,
    rules: RulesOption = RulesName.recist,
    as_json: JsonOption = False,
) -> None:
    """Write analysis datasets (ADaM) of the record at a data cutoff, with their Define-XML 2.1.

    Example: posology export adam mytrial.posology adam --cutoff 2013-05-10
    """
    from rich.console import Console

    from posology.conduct.trial import Trial
    from posology.interchange.adam.analysis import export
    from posology.interchange.adam.record import rules_of, study_of
    from posology.interchange.sdtm.writer.write import datasets

    with Trial.open(trial) as opened, Console(stderr=True).status("reading the record") as status:
        state = opened.state(occurred_by=cutoff)
        protocol = state.protocol()
        domains = {d.name: d.frame for d in datasets(state, cutoff)}
        status.update("deriving")
        files, made = export(domains, out, rules_of(protocol, rules.value, cutoff), names(formats), study_of(protocol))
    told(files, made, out, as_json)


def names(formats: list[FormatName] | None) -> tuple[Format, ...]:
    """Return the formats asked for; SAS transport, if none is."""
    return tuple(f.value for f in formats or [FormatName.xpt])


SHOWN = 20
"""Findings that are printed one by one."""


def told(files: list[Path], made: Analysis, out: Path, as_json: bool) -> None:
    """Tell what was written and found."""
    if as_json:
        print_json(
            {
                "datasets": {d.name: d.frame.height for d in made.datasets},
                "files": files,
                "findings": [str(f) for f in made.findings],
            }
        )
        return
    for finding in made.findings[:SHOWN]:
        print(finding)
    if len(made.findings) > SHOWN:
        print(f"... and {len(made.findings) - SHOWN} more; --json lists all")
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
    from posology.interchange.datasets.conformance.check import conform as look

    findings = look(folder)
    if as_json:
        print_json([str(finding) for finding in findings])
    else:
        for finding in findings:
            print(finding)
        print(f"{len(findings)} findings")
    raise typer.Exit(1 if findings else 0)
