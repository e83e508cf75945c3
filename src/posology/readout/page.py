"""The page of a readout: one HTML file that needs no network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from posology import __version__
from posology.readout.cited import SIGNS, Cited
from posology.readout.data_findings import CHECKED
from posology.readout.figures.trial_figures import Figure

if TYPE_CHECKING:
    from posology.readout.readout import Readout


def page(readout: Readout, figures: Sequence[Figure], svgs: Mapping[str, str]) -> str:
    """Return the page. Every number is a button that shows the events behind it."""
    from posology.readout.readout import event_words

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
    used |= {e.seq for e in (*readout.overridden, *readout.corrections)} | {
        e.supersedes for e in readout.corrections if e.supersedes
    }
    events = {seq: event_words(readout.events[seq]) for seq in sorted(used) if seq in readout.events}
    data = json.dumps(events, ensure_ascii=False, separators=(",", ":")).replace("</", "<\\/")
    return environment.get_template("readout.html.j2").render(
        readout=readout,
        figures=[(f, Markup(svgs[f.name])) for f in figures],
        events=Markup(data),
        version=__version__,
        signs=SIGNS,
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
