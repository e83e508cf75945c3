"""For submission: analysis datasets out of SDTM, and whether datasets keep to the standard."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posology.cli._options import (
    ConventionsName,
    ConventionsOption,
    CutoffOption,
    FormatName,
    FormatOption,
    JsonOption,
    OutArgument,
    options,
)
from posology.cli._output import print_json
from posology.shared.text import counted

if TYPE_CHECKING:
    from posology.interchange.adam.analysis import Analysis
    from posology.interchange.adam.source import AdamConventions
    from posology.interchange.datasets.formats import Format

app = typer.Typer(no_args_is_help=True)


@dataclass(frozen=True)
class ResponseChoices:
    """What the protocol, or the conventions, say of responses, and may be said otherwise."""

    confirmation_days: Annotated[
        int | None,
        typer.Option(
            "--confirmation-days",
            min=0,
            help="Days after which a response must be seen again; 0: it need not (else the protocol's, or 28).",
        ),
    ] = None
    minimum_sd_days: Annotated[
        int | None,
        typer.Option(
            "--minimum-sd-days",
            min=0,
            help="Days from the start to an assessment that may be SD (else the protocol's, or 42).",
        ),
    ] = None
    max_ne: Annotated[
        int | None,
        typer.Option(
            "--max-ne",
            min=0,
            help="Assessments not evaluable that may lie between a response and its confirmation (else 1).",
        ),
    ] = None
    assess_every_days: Annotated[
        int | None,
        typer.Option(
            "--assess-every-days",
            min=1,
            help="Days between planned assessments, to tell those missed (else the protocol's, or 42).",
        ),
    ] = None
    reader: Annotated[
        str,
        typer.Option(
            "--reader",
            metavar="NAME",
            help="Whose assessments are used, as RSEVAL, TREVAL and TUEVAL name them.",
        ),
    ] = "INVESTIGATOR"

    def applied(self, rules: AdamConventions) -> AdamConventions:
        """Return rules with what was chosen otherwise."""
        recist = {
            name: value
            for name in ("confirmation_days", "minimum_sd_days", "max_ne")
            if (value := getattr(self, name)) is not None
        }
        every = self.assess_every_days or rules.censoring.interval_days
        return replace(
            rules,
            reader=self.reader.upper(),
            recist=replace(rules.recist, **recist),
            censoring=replace(rules.censoring, interval_days=every),
        )


@app.command("adam")
@options
def adam(
    sdtm: Annotated[Path, typer.Argument(metavar="SDTM", help="A folder of SDTM datasets.")],
    out: OutArgument,
    choices: ResponseChoices,
    cutoff: CutoffOption = None,
    formats: FormatOption = None,
    conventions: ConventionsOption = ConventionsName.recist,
    leave_out: Annotated[
        list[str] | None,
        typer.Option("--leave-out", metavar="NAME", help="A dataset not to read (else all are); may be given again."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Derive analysis datasets (ADaM) from SDTM at a data cutoff, with their Define-XML 2.1.

    Example: posology submission adam sdtm adam --cutoff 2014-12-31 --format xpt --format json
    """
    from rich.console import Console

    from posology.interchange.adam.analysis import export, read_folder
    from posology.interchange.adam.source import PRESETS

    with Console(stderr=True).status("deriving"):
        source = read_folder(sdtm, leave_out or ()).at(cutoff)
        chosen = choices.applied(PRESETS[conventions.value])
        files, made = export(source, out, chosen, formats_of(formats))
    print_datasets(files, made, out, as_json)


def formats_of(formats: list[FormatName] | None) -> tuple[Format, ...]:
    """Return the formats asked for; SAS transport, if none is."""
    return tuple(f.value for f in formats or [FormatName.xpt])


SHOWN = 20
"""Findings that are printed one by one."""


def print_datasets(files: list[Path], made: Analysis, out: Path, as_json: bool) -> None:
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
        print(f"{dataset.name}: {counted(dataset.frame.height, 'row')}, {counted(dataset.frame.width, 'variable')}")
    print(f"wrote {counted(len(files), 'file')} to {out}; {counted(len(made.findings), 'finding')}")


@app.command("conform")
def conform(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder of SDTM or ADaM datasets.")],
    as_json: JsonOption = False,
) -> None:
    """Check datasets against the structural rules of SDTM or ADaM; ends with status 1 if one is broken.

    Example: posology submission conform adam
    """
    from posology.interchange.datasets.conformance.check import conform as look

    findings = look(folder)
    if as_json:
        print_json([str(finding) for finding in findings])
    else:
        for finding in findings:
            print(finding)
        print(f"{counted(len(findings), 'finding')}")
    raise typer.Exit(1 if findings else 0)
