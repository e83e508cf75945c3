"""How a result is shown: a table, JSON, what was recorded, a bar while it is computed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from posology.shared.text import printable, printable_lines

if TYPE_CHECKING:
    from rich.console import Console

    from posology.record.event import Event


NARROW, FOLDED = 10, 14
"""Columns whose cells are this long at most are never folded; how wide any other is at most before it is."""


def console() -> Console:
    """Return the console that results are printed on."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 120)


def console_err() -> Any:
    """Return the console on which progress is shown."""
    from rich.console import Console

    return Console(stderr=True)


def print_json(result: Any) -> None:
    """Print a result as JSON."""
    text = json.dumps(result, indent=2, ensure_ascii=False, default=_plain)
    if not all(line.isprintable() for line in text.split("\n")):  # what a terminal would obey, not show
        text = "".join(c if c.isprintable() or c in "\n\N{NO-BREAK SPACE}" else json.dumps(c)[1:-1] for c in text)
    print(text)


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
    cells = [["" if cell is None else printable_lines(str(cell)).replace("[", r"\[") for cell in row] for row in rows]
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


def acknowledge(events: Iterable[Event], as_json: bool, remarks: Sequence[str] = ()) -> None:
    """Tell what was recorded, and how one event was understood."""
    import msgspec

    from posology.record.event import to_dict

    shown = list(events)
    if as_json:
        print_json(
            [
                {
                    "seq": e.seq,
                    "kind": e.kind,
                    "patient": e.patient,
                    "occurred": e.occurred,
                    "hash": e.hash,
                    "override": msgspec.to_builtins(e.override),
                    "fact": msgspec.to_builtins(to_dict(e.fact)),
                    **({"remarks": list(remarks)} if remarks else {}),
                }
                for e in shown
            ]
        )
        return
    for e in shown:
        about = f" of {e.patient}" if e.patient else ""
        print(printable(f"recorded event {e.seq}: {e.kind.replace('_', ' ')}{about}, {e.occurred}"))
        if e.override:
            print(printable(f"  set aside: {e.override}"))
        for remark in remarks:
            print(printable(f"  {remark}"))


@contextmanager
def bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error, and nothing at all where that is no terminal."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(what)
        yield lambda done, of: progress.update(task, completed=done, total=of)


MISSING = "–"


def json_number(value: Any) -> float | None:
    """Return a number as JSON has it: null for what is not determined."""
    number = float(value)
    return number if abs(number) < float("inf") else None


def four_digits(value: Any) -> str:
    number = json_number(value)
    return MISSING if number is None else f"{number:.4g}"
