"""What the commands share: their arguments, and how a result is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console


NARROW, FOLDED = 10, 14
"""Columns whose cells are this long at most are never folded; how wide any other is at most before it is."""


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


def writable(*files: Path | None) -> None:
    """Refuse, before the work is done, a file whose folder is not there."""
    for file in files:
        if file is not None and not file.parent.is_dir():
            raise ValueError(f"{file}: there is no folder {file.parent}")


def print_json(result: Any) -> None:
    """Print a result as JSON."""
    print(json.dumps(result, indent=2, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value)


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; where it is wider than the terminal, the heads of narrow columns are broken between words.

    No cell is ever cut.
    """
    from rich.table import Table

    shown = console()
    cells = [["" if cell is None else str(cell).replace("[", r"\[") for cell in row] for row in rows]
    longest = [max((len(row[k]) for row in cells), default=0) for k in range(len(columns))]
    for most, pad in ((100, 1), (14, 1), (8, 1), (0, 1), (0, 0)):
        heads = [_broken(head, max(most, w)) if w <= NARROW else head for head, w in zip(columns, longest, strict=True)]
        least = [max(min(w, FOLDED), *map(len, head.split("\n"))) for head, w in zip(heads, longest, strict=True)]
        if (whole := sum(least) + len(least) * (1 + 2 * pad) + 1) <= shown.width:
            break
    else:
        shown.width = whole  # lines that the terminal breaks are ugly; a number without its last digit is wrong
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold", padding=(0, pad))
    for head, width in zip(heads, longest, strict=True):
        table.add_column(head, overflow="fold", no_wrap=width <= NARROW)
    for row in cells:
        table.add_row(*row)
    shown.print(table)


def _broken(head: str, width: int) -> str:
    """Break a column's head between words, a unit kept with the word before it, to lines of a width or a word.

    >>> _broken("Selected as MTD (%)", 8)
    'Selected\\nas MTD\\n(%)'
    """
    import textwrap

    whole = head.replace(" %", "\N{NO-BREAK SPACE}%")
    return "\n".join(textwrap.wrap(whole, max(width, 1), break_long_words=False, break_on_hyphens=False))
