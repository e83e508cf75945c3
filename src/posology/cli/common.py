"""What the commands share: their arguments, and how a result is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


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


def console() -> Console:
    """Return the console that results are printed on."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 120)


def print_json(result: Any) -> None:
    """Print a result as JSON."""
    print(json.dumps(result, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    cells = [["" if cell is None else str(cell).replace("[", r"\[") for cell in row] for row in rows]
    for index, column in enumerate(columns):
        longest = max((len(row[index]) for row in cells), default=0)
        table.add_column(column, overflow="fold", no_wrap=longest <= 10)
    for row in cells:
        table.add_row(*row)
    console().print(table)
