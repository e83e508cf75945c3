"""The room as an application: which page answers at which address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from posology.web.accounts import Accounts
from posology.web.guard import Guard
from posology.web.pages import (
    decisions,
    entrance,
    entry,
    explorer,
    patients,
    people,
    protocol,
    results,
    trail,
    trial_room,
    work_list,
)
from posology.web.render import show
from posology.web.rooms import Rooms
from posology.web.settings import RoomSettings

__all__ = ["ROUTES", "create_app"]

BOTH = ["GET", "POST"]
ROUTES = [
    Route("/", entrance.home),
    Route("/health", entrance.health),
    Route("/alone/{key}", entrance.alone),
    Route("/log-in", entrance.log_in, methods=BOTH),
    Route("/log-out", entrance.log_out, methods=["POST"]),
    Route("/password/{token}", entrance.password, methods=BOTH),
    Route("/account", entrance.account, methods=BOTH),
    Route("/accounts", people.accounts, methods=BOTH),
    Route("/explorer", explorer.explorer),
    Route("/t/{trial}", work_list.work_list),
    Route("/t/{trial}/room", trial_room.trial_room),
    Route("/t/{trial}/head", trial_room.head),
    Route("/t/{trial}/decisions", decisions.decisions),
    Route("/t/{trial}/decisions/new", decisions.propose, methods=BOTH),
    Route("/t/{trial}/decisions/{number}", decisions.decision, methods=BOTH),
    Route("/t/{trial}/patients", patients.patients),
    Route("/t/{trial}/patients/{patient}", patients.patient, methods=BOTH),
    Route("/t/{trial}/enter/{kind}", entry.enter, methods=BOTH),
    Route("/t/{trial}/events/{seq:int}", entry.event, methods=BOTH),
    Route("/t/{trial}/results", results.results),
    Route("/t/{trial}/results/{table}.csv", results.results_file),
    Route("/t/{trial}/results/{table}", results.results),
    Route("/t/{trial}/protocol", protocol.protocol),
    Route("/t/{trial}/trail", trail.trail),
    Route("/t/{trial}/copy.jsonl", trail.copy),
    Route("/t/{trial}/people", people.trial_people),
]
"""The pages, each at its address."""


def create_app(settings: RoomSettings) -> Starlette:
    """Return the application of a room; the records are opened now, and closed when it ends.

    Raises
    ------
    posology.record.errors.StoreError
        if a record cannot be read.
    """
    rooms = Rooms(settings.trials, settings.clock)
    accounts = None
    if settings.alone is None:
        accounts = Accounts(settings.folder / "accounts.sqlite", settings.clock)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        rooms.close()
        if accounts is not None:
            accounts.close()

    static = Mount("/static", StaticFiles(packages=[("posology.web", "static")]))
    app = Starlette(
        routes=[*ROUTES, static],
        middleware=[Middleware(Guard, accounts=accounts, settings=settings)],
        exception_handlers={HTTPException: _problem, Exception: _fault},
        lifespan=lifespan,
    )
    app.state.rooms, app.state.accounts, app.state.settings = rooms, accounts, settings
    app.state.readouts = {}
    return app


async def _problem(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "There is no such page." if status == 404 else "This page does not answer that."
    return show(request, "message.html", status, title="Not found" if status == 404 else "Refused", text=text)


async def _fault(request: Request, error: Exception) -> Response:
    """Say that it is the room's fault, and nothing of how."""
    text = "The page could not be made; nothing was recorded that was not acknowledged. The log of the room says more."
    return show(request, "message.html", 500, title="A fault of this room", text=text)
