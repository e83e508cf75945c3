"""The page of a readout: one HTML file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from posology import __version__
from posology.readout.cited import MARK_LETTERS, Cited
from posology.readout.figures import Figure
from posology.readout.readout import Readout
from posology.readout.results.data_findings import CHECKED
from posology.record.event import Event, to_dict

__all__ = ["page"]


def page(readout: Readout, figures: Sequence[Figure], svgs: Mapping[str, str]) -> str:
    """Return the page. Every number is a button that shows the events behind it."""
    environment = Environment(
        loader=PackageLoader("posology.readout"),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["cited"] = _cited
    cells = [cell for table in readout.tables for row in table.rows for cell in row]
    sentences = [s.cited for s in readout.headline] + [s.cited for _, told in readout.narratives for s in told]
    used = {seq for cited in (*cells, *sentences) for seq in cited.events} | {
        seq for c in readout.claims for seq in c.events
    }
    used |= {e.seq for e in (*readout.snapshot.overrides, *readout.snapshot.corrections)} | {
        e.supersedes for e in readout.snapshot.corrections if e.supersedes
    }
    events = {seq: _event_words(readout.snapshot.events[seq]) for seq in sorted(used) if seq in readout.snapshot.events}
    data = json.dumps(events, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return environment.get_template("readout.html.j2").render(
        readout=readout,
        figures=[(f, Markup(svgs[f.name])) for f in figures],
        events=Markup(data),
        version=__version__,
        signs=MARK_LETTERS,
        checked=CHECKED,
        holds=sum(c.holds is True for c in readout.claims),
        fails=sum(c.holds is False for c in readout.claims),
        open_=sum(c.holds is None for c in readout.claims),
        claim=lambda c: Cited(c.verdict, c.events, c.mark),
    )


def _cited(value: Cited) -> Markup:
    """Write a cited value: a link with its events, its mark as a letter beside it."""
    sign = (
        Markup('<sup class="mark {0}" title="{0}">{1}</sup>').format(value.mark, value.sign)
        if value.mark and value.value is not None
        else ""
    )
    whole = "n" if len(value.text) <= 12 else ""
    text = value.text.replace(" %", "\u00a0%").replace("–", "–\u2060")  # a number keeps its sign, a range both its ends
    if not value.events or value.value is None:
        return Markup('<span class="{}">{}{}</span>').format(whole, text, sign)
    ids = " ".join(map(str, value.events))
    link = Markup('<span class="{}"><a class="c" role="button" href="#panel" data-e="{}">{}</a>{}</span>')
    return link.format(whole, ids, text, sign)


def _event_words(event: Event) -> dict[str, Any]:
    """Return an event as the page shows it."""
    hidden = ("protocol", "advice", "changes")
    fact = {
        k: (v.isoformat() if isinstance(v, date | datetime) else v)
        for k, v in to_dict(event.fact).items()
        if k not in hidden
    }
    shown: dict[str, Any] = {
        "occurred": event.occurred.isoformat(),
        "recorded": f"{event.recorded:%Y-%m-%d %H:%M} UTC",
        "by": event.author,
        "kind": event.kind.replace("_", " "),
        "patient": event.patient,
        "fact": fact,
        "hash": event.hash[:12],
    }
    if event.provenance:
        shown["marks"] = event.provenance
    if event.reason:
        shown["reason"] = event.reason
    if event.supersedes:
        shown["corrects"] = event.supersedes
    if event.override:
        shown["override"] = f"{event.override.by}: {event.override.why} ({'; '.join(event.override.facts)})"
    return shown
