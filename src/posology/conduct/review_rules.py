"""The rules of conduct for queries, reviews and endorsements."""

from __future__ import annotations

from posology.conduct.review import Query, event_now, queries_of
from posology.conduct.rules import EventRequest, absolute
from posology.record.review import ABOUT_DATA


@absolute
def event_is_in_effect(request: EventRequest) -> str | None:
    """A query and a review are of an event of the patient that is in effect."""
    event = event_now(request.state, request.patient, request.fact.event)
    if event is None:
        return f"there is no event {request.fact.event} of {request.patient_id} in effect"
    if isinstance(event.fact, ABOUT_DATA):
        return f"event {event.seq} is about the data itself: {event.kind.replace('_', ' ')}"
    return None


@absolute
def query_is_open(request: EventRequest) -> str | None:
    """What is answered or closed is a query of the patient, not closed before."""
    query = _query(request)
    if query is None:
        return f"there is no query {request.fact.query} about {request.patient_id}"
    return f"query {query.number} was closed by event {query.closed.seq}" if query.closed else None


def _query(request: EventRequest) -> Query | None:
    origin = request.state.origin
    queries = queries_of(request.state, request.patient)
    return next((q for q in queries if request.fact.query in (q.number, origin.get(q.number, q.number))), None)


def queries_are_closed(request: EventRequest) -> str | None:
    """Data are endorsed once no query about them is open."""
    waiting = [q for q in queries_of(request.state, request.patient) if q.closed is None]
    return f"{len(waiting)} not closed: {'; '.join(str(q) for q in waiting[:3])}" if waiting else None
