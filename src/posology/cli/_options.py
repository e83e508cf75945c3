"""The arguments and options that commands share: one option, one meaning, with its unit, bounds and default."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import date, datetime
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from posology.shared.text import bounds_in_words

FIGURES = (".png", ".svg", ".html", ".json")
"""The forms in which a figure is drawn, by the end of the file's name; .json is Vega-Lite."""


def day(text: str) -> date:
    """Read a date as people write it in this trial: 2013-05-10."""
    from posology.shared.text import whole_day

    try:
        return whole_day(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date; write it as 2013-05-10") from None


def moment(text: str) -> datetime:
    """Read a moment with its zone: 2012-06-01T08:00:00Z."""
    from posology.shared.text import moment_with_zone

    try:
        return moment_with_zone(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def number(flag: str, help_: str, *, metavar: str = "NUMBER", **bounds: float) -> Any:
    """Make an option that takes a number, or several, within bounds that its help tells and its value keeps.

    Parameters
    ----------
    flag
        the option, such as ``--target``.
    help_
        what it holds, with its unit, and what it is if left out.
    metavar
        what stands for the number in the help.
    bounds
        those of :func:`~posology.shared.text.bounds_in_words`.
    """
    words = bounds_in_words(**bounds)

    def check(value: Any) -> Any:
        for each in value if isinstance(value, list | tuple) else [] if value is None else [value]:
            low, high = (
                bounds.get("least", bounds.get("above", -math.inf)),
                bounds.get("most", bounds.get("below", math.inf)),
            )
            inside = (each >= low if "least" in bounds else each > low) and (
                each <= high if "most" in bounds else each < high
            )
            if not inside:
                raise typer.BadParameter(
                    f"{each if isinstance(each, int) else format(each, 'g')} must be {words or 'a finite number'}"
                )
        return value

    return typer.Option(
        flag, metavar=metavar, help=f"{help_.removesuffix('.')}; {words}." if words else help_, callback=check
    )


def in_a_folder(file: Path | None) -> Path | None:
    """Refuse, before the work is done, a file whose folder is not there."""
    if file is not None and not file.parent.is_dir():
        raise ValueError(f"{file}: there is no folder {file.parent}")
    return file


def figure_file(file: Path | None) -> Path | None:
    """Refuse, before the work is done, a figure of a form that is not drawn, or whose folder is not there."""
    if file is not None and file.suffix not in FIGURES:
        raise typer.BadParameter(f"{file}: a figure ends in {', '.join(FIGURES[:-1])} or {FIGURES[-1]}")
    return in_a_folder(file)


def csv_option(what: str) -> Any:
    """Make the option that writes something to a CSV file."""
    return typer.Option("--csv", metavar="FILE", help=f"Write {what} to this CSV file.", callback=in_a_folder)


def options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take dataclasses of options: each field becomes an option, and comes back within its dataclass.

    Examples
    --------
    >>> @dataclass
    ... class Where:
    ...     cutoff: Annotated[str, typer.Option("--cutoff")] = "today"
    >>> @options
    ... def show(trial: str, where: Where) -> str:
    ...     return f"{trial} at {where.cutoff}"
    >>> list(inspect.signature(show).parameters), show(trial="T", cutoff="2013-05-10")
    (['trial', 'cutoff'], 'T at 2013-05-10')
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: hint for name, hint in hints.items() if isinstance(hint, type) and is_dataclass(hint)}
    parameters = []
    for parameter in inspect.signature(command).parameters.values():
        if parameter.name not in groups:
            parameters.append(parameter.replace(annotation=hints[parameter.name], kind=inspect.Parameter.KEYWORD_ONLY))
            continue
        group = groups[parameter.name]
        own = get_type_hints(group, include_extras=True)
        for field in fields(group):
            default = inspect.Parameter.empty if field.default is MISSING else field.default
            parameters.append(
                inspect.Parameter(
                    field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=own[field.name]
                )
            )

    @wraps(command)
    def run(**values: Any) -> Any:
        made = {
            name: group(**{f.name: values.pop(f.name) for f in fields(group) if f.name in values})
            for name, group in groups.items()
        }
        return command(**values, **made)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    return run


def given_name(text: str) -> str:
    """Read the name of who enters something: one that is given is not left blank."""
    if not text.strip():
        raise typer.BadParameter("it is blank; write the name of the person, or leave the option out")
    return text


TrialArgument = Annotated[str, typer.Argument(metavar="TRIAL", help="The trial: a file, or a postgresql:// URL.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
ByOption = Annotated[
    str | None,
    typer.Option(
        "--by",
        metavar="NAME",
        parser=given_name,
        help="Who enters this (else POSOLOGY_USER, or your name at the machine).",
    ),
]
RecordedOption = Annotated[
    datetime | None,
    typer.Option(
        "--recorded",
        metavar="MOMENT",
        parser=moment,
        help="When a record kept elsewhere was begun, as 2012-06-01T08:00:00Z (else now); stays marked as stated.",
    ),
]
OnOption = Annotated[
    date | None,
    typer.Option("--on", metavar="DATE", parser=day, help="The day it occurred, as 2013-05-10 (else today)."),
]
CutoffOption = Annotated[
    date | None,
    typer.Option(
        "--cutoff", metavar="DATE", parser=day, help="The data cutoff: what occurred by that day (else all there is)."
    ),
]
TodayCutoffOption = Annotated[
    date | None,
    typer.Option(
        "--cutoff", metavar="DATE", parser=day, help="The data cutoff: what occurred by that day (else today)."
    ),
]
LockedCutoffOption = Annotated[
    date | None,
    typer.Option(
        "--cutoff",
        metavar="DATE",
        parser=day,
        help="The data cutoff: what occurred by that day (else the last one locked, or today).",
    ),
]
KnownByOption = Annotated[
    date | None,
    typer.Option(
        "--known-by", metavar="DATE", parser=day, help="As the record knew it at the end of that day (else now)."
    ),
]
FigureOption = Annotated[
    Path | None,
    typer.Option(
        "--figure", metavar="FILE", help="Draw it to this .png, .svg, .html or .json (Vega-Lite).", callback=figure_file
    ),
]
SeedOption = Annotated[int, number("--seed", "Seed of everything that is drawn at random", least=0)]


@dataclass(frozen=True)
class Moment:
    """What of a record is read: by when it occurred, and by when it was known."""

    cutoff: TodayCutoffOption = None
    known_by: KnownByOption = None

    @property
    def known(self) -> datetime | None:
        """The end of the day by which the record knew it."""
        from posology.conduct.trial import end_of_day

        return end_of_day(self.known_by) if self.known_by else None


class FormatName(StrEnum):
    """The formats in which a dataset is written."""

    xpt = "xpt"
    json = "json"
    ndjson = "ndjson"
    parquet = "parquet"
    csv = "csv"


class ConventionsName(StrEnum):
    """Whose conventions the responses and times to event follow."""

    recist = "recist"
    admiralonco = "admiralonco"


FormatOption = Annotated[
    list[FormatName] | None,
    typer.Option("--format", help="The format of the datasets (else xpt, SAS transport 5); may be given again."),
]
ConventionsOption = Annotated[
    ConventionsName,
    typer.Option(
        "--conventions", help="Responses and times by RECIST 1.1, from the first dose, or as admiralonco has them."
    ),
]
OutArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The new folder to write to.")]
AnalyteOption = Annotated[
    str | None,
    typer.Option(
        "--analyte",
        metavar="NAME",
        help="The analyte, where there are several (the test, PCTESTCD or DVID); else the only one.",
    ),
]
SpecimenOption = Annotated[
    str | None,
    typer.Option(
        "--specimen", metavar="NAME", help="The specimen, where there are several (PCSPEC); else the only one."
    ),
]
InfusionOption = Annotated[
    float | None,
    number(
        "--infusion-hours",
        "How long an infusion took whose end the record does not hold, in hours (else such a dose is a bolus)",
        metavar="HOURS",
        least=0,
    ),
]


@dataclass(frozen=True)
class Concentrations:
    """Which concentrations are read: the analyte and specimen, and of a record by when."""

    analyte: AnalyteOption = None
    specimen: SpecimenOption = None
    cutoff: CutoffOption = None
    known_by: KnownByOption = None
    infusion: InfusionOption = None
    time_unit: Annotated[
        str, typer.Option("--time-unit", metavar="UNIT", help="Unit of time: for labels; of a record d or h (else d).")
    ] = ""
    unit: Annotated[
        str,
        typer.Option(
            "--unit",
            metavar="UNIT",
            help="Unit of concentrations: for labels; that into which a PC file is converted (else the data's own).",
        ),
    ] = ""
    dosing: Annotated[
        Path | None,
        typer.Option("--dosing", metavar="FILE", help="SDTM EX, a file: the doses of a PC file (else it has none)."),
    ] = None
    vitals: Annotated[
        Path | None,
        typer.Option(
            "--vitals", metavar="FILE", help="SDTM VS, a file: the weights of doses in mg/kg (else these are refused)."
        ),
    ] = None
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=NAME",
            help=(
                "What a column of a CSV file is: Subject=ID, Time=TIME, Conc=DV, Dose=DOSE (given at time 0), Tinf=TINF"
                " and others of event data (else as it is called); may be given again."
            ),
        ),
    ] = None
    ignored: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="COLUMN,...",
            help="Columns of event data that mean nothing here (else one that is not known is refused).",
        ),
    ] = None

    @property
    def named_columns(self) -> dict[str, str]:
        """What columns are called, by their name in the file."""
        pairs = [text.partition("=") for text in self.columns or ()]
        for column, _, name in pairs:
            if not column.strip() or not re.fullmatch(r"\s*[A-Za-z]\w*\s*", name):
                raise typer.BadParameter(f"{column!r}: write {column.strip() or 'Conc'}=DV", param_hint="--map")
        names = [name.strip().upper() for *_, name in pairs]
        if twice := [name for name in names if names.count(name) > 1]:
            raise typer.BadParameter(f"two columns are called {twice[0]}", param_hint="--map")
        return {column: name for column, _, name in pairs}

    @property
    def ignored_columns(self) -> list[str]:
        """The columns to ignore."""
        return [name for text in self.ignored or () for name in text.split(",") if name.strip()]
