"""The arguments and options that commands share: one option, one meaning."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


def day(text: str) -> date:
    """Read a date as people write it in this trial: 2013-05-10."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2013-05-10") from None


TrialArgument = Annotated[str, typer.Argument(metavar="TRIAL", help="The trial: a file, or a postgresql:// URL.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ByOption = Annotated[
    str | None, typer.Option("--by", metavar="NAME", help="Who enters this (else POSOLOGY_USER, or you).")
]
OnOption = Annotated[
    date | None, typer.Option("--on", metavar="DATE", parser=day, help="The day it occurred (else today).")
]
AsOfOption = Annotated[
    date | None, typer.Option("--as-of", metavar="DATE", parser=day, help="Of what occurred by that day (else today).")
]
KnownByOption = Annotated[
    date | None,
    typer.Option(
        "--known-by", metavar="DATE", parser=day, help="As the record knew it at the end of that day (else now)."
    ),
]
LockedCutoffOption = Annotated[
    date | None,
    typer.Option("--cutoff", metavar="DATE", parser=day, help="The data cutoff (else the last one locked, or today)."),
]
PlotOption = Annotated[
    Path | None, typer.Option("--plot", metavar="FILE", help="Draw it to this file: .png, .svg or .json (Vega-Lite).")
]
AnalyteOption = Annotated[
    str | None, typer.Option("--analyte", help="Which, where there are several (the test, PCTESTCD, DVID).")
]
SpecimenOption = Annotated[str | None, typer.Option("--specimen", help="Which, where there are several (PCSPEC).")]
CutoffOption = Annotated[
    date | None,
    typer.Option("--cutoff", metavar="DATE", parser=day, help="The data cutoff (else all that is recorded)."),
]
InfusionOption = Annotated[
    float | None,
    typer.Option(
        "--infusion-hours",
        metavar="H",
        min=0,
        help="Of a record: how long an infusion took whose end it does not hold.",
    ),
]
TimeUnit = Annotated[str, typer.Option("--time-unit", metavar="UNIT", help="Of TIME, for the labels.")]
Unit = Annotated[str, typer.Option("--unit", metavar="UNIT", help="Of concentrations, for the labels.")]
KINDS = (".png", ".svg", ".json")
DesignOption = Annotated[
    str | None, typer.Option("--design", metavar="NAME", help="The design; `posology design list` lists them.")
]
ProtocolOption = Annotated[Path | None, typer.Option("--protocol", help="A protocol file, for its design, instead.")]
LevelsOption = Annotated[int | None, typer.Option("--levels", help="Number of dose levels.")]
TargetOption = Annotated[float | None, typer.Option("--target", help="Target DLT rate.")]
CohortOption = Annotated[int | None, typer.Option("--cohort", help="Patients a cohort.")]
MaxOption = Annotated[int | None, typer.Option("--max", help="Patients in all.")]
StartOption = Annotated[int, typer.Option("--start", help="Number of the first level given.")]
SkeletonOption = Annotated[
    str | None, typer.Option("--skeleton", metavar="P1,P2,...", help="Prior guess of each level's DLT rate (CRM).")
]
DosesOption = Annotated[str | None, typer.Option("--doses", metavar="D1,D2,...", help="The dose at each level.")]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any other parameter of the design; may come again."),
]
RuleOption = Annotated[
    list[str] | None,
    typer.Option("--rule", metavar="NAME[:K=V,...]", help="A rule around the design, as 'stop at:patients=9'."),
]
DataOption = Annotated[
    str, typer.Option("--data", metavar="OUTCOMES", help="What was seen, as '1NNN 2NTN': level, then each patient.")
]
TargetNeeded = Annotated[float, typer.Option("--target", help="Target DLT rate.")]
LevelsNeeded = Annotated[int, typer.Option("--levels", help="Number of dose levels.")]


class FormatName(StrEnum):
    """The formats in which a dataset is written."""

    xpt = "xpt"
    json = "json"
    ndjson = "ndjson"
    parquet = "parquet"
    csv = "csv"


FormatOption = Annotated[
    list[FormatName] | None, typer.Option("--format", help="The format of the datasets; may be given again.")
]


class RulesName(StrEnum):
    """Whose rules the responses and times to event follow."""

    recist = "recist"
    admiralonco = "admiralonco"


RulesOption = Annotated[
    RulesName,
    typer.Option("--rules", help="Responses and times by RECIST 1.1, from first dose, or as admiralonco has them."),
]
OutArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The folder to write to.")]


def check_folders(*files: Path | None) -> None:
    """Refuse, before the work is done, a file whose folder is not there."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"{file}: there is no folder {file.parent}")


def check_figure(plot: Path | None) -> None:
    """Refuse, before the work is done, a figure of a format that is not drawn."""
    check_folders(plot)
    if plot is not None and plot.suffix not in KINDS:
        raise typer.BadParameter(f"{plot}: a figure ends in {', '.join(KINDS)}", param_hint="--plot")


def in_words(
    above: float | None = None, least: float | None = None, below: float | None = None, most: float | None = None
) -> str:
    """Say within which bounds a number lies.

    >>> in_words(above=0, most=400)
    'above 0, at most 400'
    >>> in_words(least=1)
    '1 or more'
    """
    if least is not None and most is not None:
        return f"{least:g} to {most:g}"
    said = [f"{least:g} or more"] if least is not None else [f"above {above:g}"] if above is not None else []
    said += [f"at most {most:g}"] if most is not None else [f"below {below:g}"] if below is not None else []
    return ", ".join(said)
