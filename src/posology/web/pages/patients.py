"""The patients: who is where, and one patient's whole course on one axis."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from posology.conduct.dlt_status import dlt_statuses
from posology.conduct.eligibility import check, criteria
from posology.conduct.overview import overview
from posology.conduct.pending_events import PendingEvents
from posology.conduct.people_rules import site_of
from posology.conduct.remarks import remarks
from posology.conduct.review import data_of, endorsements, queries_of, reviews_of, to_review
from posology.record.fact import KINDS
from posology.record.facts import Consented
from posology.record.review import EventReviewed, QueryAnswered, QueryClosed
from posology.record.state import Patient
from posology.web.forms import posted_once
from posology.web.render import show
from posology.web.rooms import View
from posology.web.timeline import timeline
from posology.web.trial_pages import in_trial, not_found


@in_trial()
def patients(request: Request, view: View) -> Response:
    """List the patients that the person sees."""
    rows = [(row, site_of(view.state, row.patient)) for row in overview(view.state, view.day) if view.sees(row.patient)]
    return show(request, "patients.html", view=view, rows=rows, may_consent=view.may_record(Consented))


def _review_all(view: View, patient: Patient, seen: str) -> int:
    """Mark what the person has seen of a patient as reviewed, all of it or nothing; return how many events."""
    limit = int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 12 else 0
    events = [e for e in to_review(patient, view.person.account) if e.seq <= limit]

    def add(pending: PendingEvents) -> None:
        moment = max(view.room.trial.moment(), pending.last)
        for event in events:
            pending.add(
                EventReviewed(event=event.seq),
                patient=patient.id,
                occurred=moment.date(),
                recorded=moment,
                by=view.person.account,
            )

    view.room.trial.write(add)
    return len(events)


@in_trial()
def patient(request: Request, view: View) -> Response:
    """Show one patient: the timeline, what was recorded, what can be entered."""
    known = view.state.patients.get(request.path_params["patient"])
    if known is None or not view.sees(known.id):
        return not_found(request, "There is no such patient, or none that you may see.")
    status = next((s for s in dlt_statuses(view.state, view.plan, view.day) if s.patient == known.id), None)
    row = next(r for r in overview(view.state, view.day) if r.patient == known.id)
    protocol = view.plan.protocol
    reviews = view.may_record(EventReviewed)
    if request.method == "POST" and reviews:

        def act() -> str:
            _review_all(view, known, request.state.form.get("seen", ""))
            return f"/t/{view.room.name}/patients/{quote(known.id, safe='')}"

        return posted_once(request, request.app.state.accounts, act)
    marks = reviews_of(known)
    just = view.state.find(int(seq)) if (seq := request.query_params.get("recorded", "")).isdecimal() else None
    return show(
        request,
        "patient.html",
        view=view,
        patient=known,
        row=row,
        site=site_of(view.state, known.id),
        remarks=remarks(view.state, just) if just is not None and just.patient == known.id else [],
        standing=status,
        drawing=timeline(known, view.plan, view.day),
        criteria=check(known, criteria(protocol, known.cohort), on=view.day, versions=view.state.trial.protocols),
        kinds=[k for k in KINDS.values() if k.about == "patient" and isinstance(k.verb, str) and view.may_record(k)],
        author=view.author,
        data=data_of(known),
        marks=marks,
        unseen={e.seq for e in to_review(known, view.person.account)} if reviews else set(),
        reviews=reviews,
        queries=queries_of(view.state, known),
        endorsements=endorsements(known),
        may_answer=view.may_record(QueryAnswered),
        may_close=view.may_record(QueryClosed),
        head=view.events[-1].seq,
    )
