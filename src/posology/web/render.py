"""Pages from templates: one environment, everything escaped, and the words that all pages share."""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse

from posology import __version__
from posology.record.event import to_dict
from posology.shared.text import counted
from posology.shared.typed_dates import in_words
from posology.web.rooms import View, moment_in_words

__all__ = ["picture", "show"]


def _words(value: Any) -> str:
    """Write a value of a fact as people read it."""
    if value is True:
        return "yes"
    if value is False:
        return "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict | list | tuple):
        return f"{len(value)} entries"
    return str(value)


def _sentence(text: str) -> str:
    """Begin with a capital, and leave the rest as it is: DLT stays DLT."""
    return text[:1].upper() + text[1:]


_ENVIRONMENT = Environment(
    loader=PackageLoader("posology.web"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters |= {"words": _words, "sentence": _sentence, "day": in_words, "moment": moment_in_words}
_ENVIRONMENT.globals |= {"fields": to_dict, "counted": counted, "version": __version__}


def show(request: Request, template: str, status: int = 200, view: View | None = None, **values: Any) -> HTMLResponse:
    """Return a page.

    Parameters
    ----------
    request, template, status
        what is answered, by which template, with which status.
    view
        the trial as the person sees it, on a page of a trial.
    values
        what the template names.
    """
    text = _ENVIRONMENT.get_template(template).render(
        request=request,
        person=request.state.person,
        view=view,
        form_id=secrets.token_urlsafe(16),
        **values,
    )
    return HTMLResponse(text, status)


def picture(svg: str, words: str) -> Markup:
    """Return a chart as an image that needs no script, with words for those who do not see it."""
    data = b64encode(svg.encode()).decode()
    return Markup('<img class="chart" alt="{}" src="data:image/svg+xml;base64,{}">').format(words, data)
