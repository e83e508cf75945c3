"""What every page of a trial begins with: the trial, the person's view of it, and the pair of times asked for."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from posology.record.errors import StoreError
from posology.shared.typed_dates import read_date
from posology.web.render import show
from posology.web.rooms import Rooms, View

__all__ = ["in_trial", "not_found", "reads"]

Page = Callable[[Request, View], Response]


def reads(view: View) -> bool:
    """Whether the person reads the trial's data."""
    return view.may_read


def not_found(request: Request, what: str = "There is no such page.") -> Response:
    """Answer that there is no such page: also to those who may not know that there is."""
    return show(request, "message.html", 404, title="Not found", text=what)


def in_trial(needs: Callable[[View], bool] = reads) -> Callable[[Page], Callable[[Request], Response]]:
    """Make a page of a trial: only for those who ``needs`` lets in; its record is read and written by one at a time."""

    def make(page: Page) -> Callable[[Request], Response]:
        @wraps(page)
        def answer(request: Request) -> Response:
            rooms: Rooms = request.app.state.rooms
            room = rooms.find(request.path_params["trial"])
            if room is None:
                return not_found(request)
            with room.lock:
                try:
                    view = View(room, request.state.person, *_times(request))
                    if not needs(view):
                        return not_found(request)
                    return page(request, view)
                except _BadTime as error:
                    return show(request, "message.html", 400, title="These times cannot be read", text=str(error))
                except StoreError as error:
                    title = "The record cannot be read or written now; nothing was recorded"
                    return show(request, "message.html", 503, title=title, text=str(error))

        return answer

    return make


class _BadTime(ValueError):
    """A time in the address that cannot be read."""


def _times(request: Request) -> tuple[date | None, int | None]:
    """Return the day occurred by and the event known by that the address asks for."""
    day, event = request.query_params.get("occurred_by", "").strip(), request.query_params.get("known_by", "").strip()
    try:
        occurred = read_date(day, request.app.state.rooms.today()) if day else None
    except ValueError as error:
        raise _BadTime(str(error)) from None
    if event and not (event.isascii() and event.isdigit() and int(event[:12]) > 0 and len(event) < 12):
        raise _BadTime(f"{event!r} is no number of an event")
    return occurred, int(event) if event else None
