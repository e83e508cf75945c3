"""The protocol as it is in force, each of its versions, and what an amendment changed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from posology.protocol.diff import differences
from posology.protocol.synopsis import synopsis
from posology.web.render import show
from posology.web.rooms import View
from posology.web.trial_pages import in_trial, not_found

__all__ = ["protocol"]

ABOUT_ITSELF = ("amendments", "provenance")
"""What a document says of itself, which no patient is treated by."""


@in_trial()
def protocol(request: Request, view: View) -> Response:
    """Show a version of the protocol, by default the one in force, and its differences from the one before."""
    chain, documents = view.state.trial.protocols, view.state.trial.documents
    versions = [plan.trial.version for _, plan in chain]
    asked = request.query_params.get("version") or view.plan.protocol.version
    if asked not in versions:
        return not_found(request, "The trial has no such version of its protocol.")
    k = versions.index(asked)
    before, after = (documents[k - 1][1], documents[k][1]) if k else (None, None)
    return show(
        request,
        "protocol.html",
        view=view,
        chain=chain,
        shown=chain[k][1],
        since=chain[k][0],
        sections=synopsis(chain[k][1]),
        changes=list(differences(_plain(before), _plain(after))) if before and after else [],
        earlier=versions[k - 1] if k else None,
        in_force=view.plan.protocol.version,
    )


def _plain(document: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in document.items() if name not in ABOUT_ITSELF}
