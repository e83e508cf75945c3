"""The whole record, event by event: searched, verified, and copied whole."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from posology.record.event import Event, to_dict
from posology.record.fact import KINDS
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial

MOST = 500
"""Events shown at once; the copy has all."""


@in_trial()
def trail(request: Request, view: View) -> Response:
    """Show the events that fit what is asked for, newest first."""
    query = request.query_params
    asked = {name: query.get(name, "").strip() for name in ("text", "kind", "author", "patient")}
    changes = query.get("changes") == "yes"
    found = [e for e in reversed(view.events) if _fits(e, asked) and (not changes or e.supersedes or e.override)]
    sound = view.room.trial.store.check() if query.get("verify") == "yes" else None
    return show(
        request,
        "trail.html",
        view=view,
        asked=asked,
        changes=changes,
        found=found[:MOST],
        number=len(found),
        kinds=[k for k in KINDS if any(e.kind == k for e in view.events)],
        authors=sorted({e.author for e in view.events}),
        author=view.author,
        sound=sound,
    )


def _fits(event: Event, asked: dict[str, str]) -> bool:
    """Whether an event fits what is asked for."""
    if asked["kind"] and event.kind != asked["kind"]:
        return False
    if asked["author"] and event.author != asked["author"]:
        return False
    if asked["patient"] and event.patient != asked["patient"]:
        return False
    if not asked["text"]:
        return True
    whole = " ".join(
        [str(event.seq), event.kind, event.patient or "", event.author, event.reason or "", str(to_dict(event.fact))]
    )
    return asked["text"].casefold() in whole.casefold()


@in_trial(lambda view: view.may_read and view.site is None)
def copy(request: Request, view: View) -> Response:
    """Hand over the whole record, which `posology import jsonl` reads and whose chain anybody verifies."""
    head = view.events[-1]
    name = f"{view.room.name}-{head.seq}.jsonl"
    return Response(
        b"".join(row.json_line() + b"\n" for row in view.room.trial.store.rows()),
        media_type="application/x-ndjson",
        headers={"content-disposition": f'attachment; filename="{name}"'},
    )
