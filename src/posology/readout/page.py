"""The page of a readout: one HTML file that needs no network."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from posology import __version__
from posology.readout.cited import MARK_LETTERS, Cited, CitedTable, Sources
from posology.readout.figures import Figure
from posology.readout.page_data import EventIndex, packed_events, packed_numbers, script_json
from posology.readout.readout import Readout
from posology.readout.results.data_findings import CHECKED

__all__ = ["MAX_NARRATIVES", "MAX_ROWS", "page"]

MAX_ROWS = 1000
"""How many rows of a table the page shows; its file has all."""
MAX_NARRATIVES = 300
"""How many patients the page tells of; the data has all."""
BREAKS = (" ", "-", "–", "/")
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
"""A day, which is not broken."""


def page(readout: Readout, figures: Sequence[Figure], svgs: Mapping[str, str]) -> str:
    """Return the page. Every number leads to the events behind it."""
    environment = Environment(
        loader=PackageLoader("posology.readout"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    index = EventIndex()
    snapshot = readout.snapshot
    body = environment.get_template("readout.html.j2").render(
        readout=readout,
        snapshot=snapshot,
        results=readout.results,
        cited=lambda value: _cited(value, index),
        rows=lambda table: _rows(table, index),
        link=lambda text, *events: _link(str(text), index.refer([Sources(events)])),
        event=snapshot.events.get,
        figures=[(figure, Markup(svgs[figure.name])) for figure in figures],
        version=__version__,
        signs=MARK_LETTERS,
        checked=CHECKED,
        max_rows=MAX_ROWS,
        max_narratives=MAX_NARRATIVES,
        verdicts={verdict: sum(c.holds is verdict for c in readout.claims) for verdict in (True, False, None)},
    )
    data = {
        "groups": [packed_numbers(numbers) for numbers in index.groups],
        "kinds": packed_events(snapshot.events, index.numbers),
    }
    before, after = body.split("<!-- the events -->")
    return f"{before}{script_json(data)}{after}"


def _rows(table: CitedTable, index: EventIndex) -> Markup:
    """Write the rows of a table, as many as the page shows."""
    cells = ("".join(f"<td>{_cited(cell, index)}</td>" for cell in row) for row in table.rows[:MAX_ROWS])
    return Markup("\n".join(f"<tr>{row}</tr>" for row in cells))


def _cited(value: Cited, index: EventIndex) -> Markup:
    """Write a cited value: a link with its events, its mark as a letter beside it."""
    text = value.text
    sign = ""
    if value.mark and value.value is not None:
        sign = f'<sup class="mark {value.mark}" title="{value.mark}">{value.sign}</sup>'
    link = _link(text, index.name(value))
    if len(text) <= 12 and (
        sign or any(mark in text for mark in BREAKS)
    ):  # a date is not broken, nor a mark left alone
        return Markup(f"<span class=n>{link}{sign}</span>")
    return Markup(f"{link}{sign}")


def _link(text: str, events: str) -> Markup:
    shown = escape(
        text.replace(" %", "\u00a0%").replace("–", "–\u2060")
    )  # a number keeps its sign, a range both its ends
    if len(text) > 12:
        shown = Markup(DATE.sub(r"<span class=n>\g<0></span>", str(shown)))
    return Markup(f'<a data-e="{events}">{shown}</a>') if events else shown
